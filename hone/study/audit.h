#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "hone/study/journal.h"

namespace hone::study {

/// Goes through a journal's events in order and tells which of them a study can apply, and what else must be
/// done so that it can: the common ground of checking and mending. Keeps a few bytes a trial.
/// For the files of this room only.
class Audit {
 public:
  /// What is wrong with the event; kinds as Defect::kind.
  struct Fault {
    std::int64_t sequence = 0;
    std::string kind;
    std::string what;
  };
  /// What is told while events are taken; what is empty is not told.
  struct Listener {
    std::function<void(const Event&)> keep;
    std::function<void(const Event&, const Fault&)> set_aside;
    /// No events of these numbers: `before_s` is the time of the one before.
    std::function<void(std::int64_t first, std::int64_t last, double before_s)> missing;
    /// The proposal of a trial is lost; the place (of a missing or set aside event) may stand for it.
    std::function<void(std::int64_t trial, std::int64_t sequence)> lost_trial;
  };
  explicit Audit(Listener listener) : listener_(std::move(listener)) {}

  /// By ascending sequence, none more than kWidestGap after the one before. `expect_trial`: the column beside
  /// the payload says whose event it is.
  void take(const Event& event, bool expect_trial = true);
  void finish();

  struct TrialLife {
    TrialState state = TrialState::waiting;
    std::int32_t attempt = 0;
    bool lost = false;  ///< its proposal is
  };
  const std::vector<TrialLife>& trials() const { return trials_; }
  const std::map<std::string, std::int64_t>& unknown() const { return unknown_; }
  bool has_header() const { return has_header_; }
  std::int64_t events() const { return events_; }
  std::int64_t last() const { return last_; }
  double last_time_s() const { return last_time_s_; }
  std::int64_t late() const { return late_; }
  std::int64_t sessions() const { return sessions_; }
  const std::string& last_end() const { return last_end_; }
  std::int64_t wrong_columns() const { return wrong_columns_; }
  std::int64_t marked() const { return marked_; }  ///< events that stand for damaged ones

 private:
  std::string contradiction(const Event& event, std::string& kind) const;
  bool fits(std::int64_t trial) const;
  void fill_up_to(std::int64_t trial);
  void apply();

  Listener listener_;
  std::vector<Record> records_;
  std::vector<TrialLife> trials_;
  std::vector<std::int64_t> places_;  // free for lost proposals: after the last proposal
  std::int64_t mentioned_ = -1;       // largest trial of an event whose proposal was not there
  std::map<std::string, std::int64_t> unknown_;
  bool has_header_ = false;
  std::int64_t events_ = 0, last_ = 0, late_ = 0, sessions_ = 0, wrong_columns_ = 0, marked_ = 0;
  double last_time_s_ = 0.0;
  std::string last_end_;
};

/// The kind of an event that stands for one that was damaged; readers skip it as one that they do not know.
inline constexpr const char* kDamaged = "damaged";

}  // namespace hone::study
