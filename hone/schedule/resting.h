#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "hone/study/trial.h"

namespace hone::schedule {

/// The trials that an earlier scheduler of the study paused below the horizon, for schedulers that pause none
/// themselves: they go on, the oldest first, before new ones. O(log n) a change.
class Resting {
 public:
  /// To be told every change of a scheduler whose horizon is `horizon`.
  void update(const study::Trial& trial, std::int64_t horizon) {
    const std::int64_t reached = trial.last() == nullptr ? 0 : trial.last()->fidelity;
    if (trial.state == study::TrialState::paused && trial.same_as < 0 && reached < horizon)
      trials_.insert(trial.id);
    else
      trials_.erase(trial.id);
  }
  std::optional<std::int64_t> oldest() const {
    if (trials_.empty()) return std::nullopt;
    return *trials_.begin();
  }

 private:
  std::set<std::int64_t> trials_;
};

}  // namespace hone::schedule
