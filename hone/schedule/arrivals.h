#pragma once

#include <cstdint>
#include <unordered_set>

#include "hone/study/trial.h"

namespace hone::schedule {

/// Which trials are under way, and which are completed at the horizon or beyond: one that breaks a limit
/// there has not arrived. It is what a scheduler's last resort asks for. O(1) a change. Not thread safe.
class Arrivals {
 public:
  explicit Arrivals(std::int64_t horizon) : horizon_(horizon) {}

  /// After every change of the trial.
  void update(const study::Trial& trial) {
    using study::TrialState;
    put(under_way_, trial.id, trial.state == TrialState::waiting || trial.state == TrialState::running);
    put(arrived_, trial.id,
        trial.state == TrialState::completed && trial.last() != nullptr &&
            trial.last()->fidelity >= horizon_);
  }

  bool any() const { return !arrived_.empty(); }
  /// No trial waits or runs.
  bool idle() const { return under_way_.empty(); }

 private:
  static void put(std::unordered_set<std::int64_t>& trials, std::int64_t trial, bool in) {
    if (in)
      trials.insert(trial);
    else
      trials.erase(trial);
  }

  std::int64_t horizon_;
  std::unordered_set<std::int64_t> under_way_, arrived_;
};

}  // namespace hone::schedule
