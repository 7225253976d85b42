#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "hone/run/power_control.h"
#include "hone/run/recurrence.h"

namespace hone::run {

/// The power limit around one run: what there was before is kept in the journal and put back once no other
/// run is under one. Without `control` no limits are set, and nothing is put back. Not thread safe.
class RecurrenceLimit {
 public:
  /// All must outlive it.
  RecurrenceLimit(const RecurringJob& job, const RecurrenceEars& ears, cost::RecurringJournal& journal,
                  PowerControl* control)
      : job_(job), ears_(ears), journal_(journal), control_(control) {}

  /// Asks the device what there is now. Before the journal is held: a command that hangs keeps nobody else
  /// from it.
  void ask();
  /// Of the journal now that it is held: false where another run began or ended since ask(), and what was
  /// asked of the device may be its limit.
  bool still_holds(const cost::RecurringHistory& history);
  /// Run `run` begins, after that history; its limit may be set. Under the same Hold.
  void begin(std::int64_t run, const cost::RecurringHistory& history);
  /// Tells of killed runs whose limit this one cannot put back, and of a limit that it found lowered.
  void warn(const cost::RecurringHistory& history) const;
  /// Puts the power limit back, unless another run is under one: the last of them does. Once; under a Hold.
  /// `tried`: whether a limit was to be set. Throws Error where it cannot be set; the journal then still says
  /// what it was.
  void put_back(bool tried);
  /// Runs whose limit is no more to be put back.
  const std::vector<std::int64_t>& restored() const { return restored_; }

 private:
  std::optional<std::int64_t> taken_from(const cost::RecurringHistory& history) const;
  bool fits(const cost::RecurringHistory& history, std::int64_t other) const;

  const RecurringJob& job_;
  const RecurrenceEars& ears_;
  cost::RecurringJournal& journal_;
  PowerControl* control_;
  std::int64_t next_run_ = 0, run_ = 0;
  Json present_;                      ///< what there was when it was asked; null: it was not
  std::optional<std::int64_t> from_;  ///< see taken_from
  Json before_;                       ///< what is to be put back; null: nothing is
  std::vector<std::int64_t> restored_;
};

}  // namespace hone::run
