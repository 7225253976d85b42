#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "hone/schedule/scheduler.h"

namespace hone::schedule {

/// Trials that rest below the horizon though this scheduler rests none there: an earlier one of the study
/// did. Not thread safe.
class Resting {
 public:
  explicit Resting(std::int64_t horizon) : horizon_(horizon) {}

  void update(const study::Change& change) {
    const study::Trial& trial = *change.trial;
    const std::int64_t at = trial.last() == nullptr ? 0 : trial.last()->fidelity;
    if (trial.state == study::TrialState::paused && trial.same_as < 0 && at < horizon_)
      at_[trial.id] = at;
    else
      at_.erase(trial.id);
  }

  /// The oldest goes on to the horizon, of those for which `affordable(units)` holds. O(1) where it holds for
  /// the oldest.
  template <typename Affordable>
  std::optional<Scheduler::Job> next(const Affordable& affordable) const {
    for (const auto& [trial, at] : at_)
      if (affordable(horizon_ - at)) return Scheduler::Job{trial, horizon_};
    return std::nullopt;
  }

 private:
  std::int64_t horizon_;
  std::map<std::int64_t, std::int64_t> at_;  // the fidelity, by trial
};

}  // namespace hone::schedule
