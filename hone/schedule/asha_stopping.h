#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "hone/schedule/resting.h"
#include "hone/schedule/rung.h"
#include "hone/schedule/scheduler.h"

namespace hone::schedule {

/// The stopping form of asynchronous successive halving (as in Syne Tune, and as in Ray Tune): every trial is
/// started towards the last rung, and one that reports at a rung is stopped where it is not among the best
/// ceil(n / eta) of the n that did so far, itself counted (those equal to the last of them are). Nothing is
/// paused; a stopped trial does not come back. What an earlier scheduler left at rest goes on first. It needs
/// tasks that report on their way: a report counts for all rungs between the one before and itself.
///
/// Failed and infeasible trials and those that reported NaN count in n and rank last; a reused result
/// (same_as) speaks for its original, as in asha. Several objectives: by non-dominated rank, then crowding
/// distance. O(log n) a report with one objective.
class StoppingAsha : public Scheduler {
 public:
  StoppingAsha(const Problem& problem, std::vector<std::int64_t> steps, std::int64_t eta)
      : objectives_(problem.objectives),
        steps_(std::move(steps)),
        rungs_(steps_.size() - 1, Rung(eta)),
        resting_(steps_.back()) {}

  void update(const study::Change& change) override;
  std::optional<Job> next(bool may_create) override;
  std::int64_t alike() const override { return std::numeric_limits<std::int64_t>::max(); }
  Verdict judge(const study::Trial& trial, std::int64_t fidelity) override;
  study::TrialState reached(const study::Trial&, std::int64_t) const override {
    return study::TrialState::completed;
  }
  std::int64_t horizon() const override { return steps_.back(); }
  std::vector<std::int64_t> rungs() const override { return {horizon()}; }
  std::vector<std::int64_t> watched() const override { return {steps_.begin(), steps_.end() - 1}; }

 private:
  std::vector<study::Objective> objectives_;
  std::vector<std::int64_t> steps_;
  std::vector<Rung> rungs_;  // all but the last
  Resting resting_;
};

}  // namespace hone::schedule
