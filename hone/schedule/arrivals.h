#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "hone/study/trial.h"

namespace hone::schedule {

/// Which trials are under way, which are completed at the horizon or beyond (one that breaks a limit there
/// has not arrived), and how many were lost on the way to which fidelity. It is what a scheduler's last
/// resort asks for. O(log f) a change, with f fidelities. Not thread safe.
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
    if (const auto known = lost_.find(trial.id); known != lost_.end()) {
      --lost_at_[known->second];
      lost_.erase(known);
    }
    const bool lost = trial.state == TrialState::failed || trial.state == TrialState::infeasible ||
                      trial.state == TrialState::pruned || trial.state == TrialState::stale;
    if (!lost) return;
    lost_[trial.id] = trial.target;
    ++lost_at_[trial.target];
  }

  bool any() const { return !arrived_.empty(); }
  /// No trial waits or runs.
  bool idle() const { return under_way_.empty(); }

  /// Whether as many trials were lost on the way from one rung to the next, whoever sent them, as the
  /// scheduler sends there as a rule (`usual`) and kLastResorts more. Then none passes it as a last resort:
  /// where no trial at all can arrive, not all that rest are spent to learn it. O(fidelities).
  bool given_up(std::int64_t from, std::int64_t to, std::int64_t usual) const {
    std::int64_t lost = 0;
    for (auto at = lost_at_.upper_bound(from); at != lost_at_.end() && at->first <= to; ++at)
      lost += at->second;
    return lost >= usual + kLastResorts;
  }

 private:
  static void put(std::unordered_set<std::int64_t>& trials, std::int64_t trial, bool in) {
    if (in)
      trials.insert(trial);
    else
      trials.erase(trial);
  }

  static constexpr std::int64_t kLastResorts = 16;

  std::int64_t horizon_;
  std::unordered_set<std::int64_t> under_way_, arrived_;
  std::unordered_map<std::int64_t, std::int64_t> lost_;  // the target, by trial
  std::map<std::int64_t, std::int64_t> lost_at_;         // how many, by target
};

}  // namespace hone::schedule
