#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "hone/schedule/resting.h"
#include "hone/schedule/rung.h"
#include "hone/schedule/rung_trust.h"
#include "hone/schedule/scheduler.h"

namespace hone::schedule {

/// The stopping form of asynchronous successive halving (as in Syne Tune, and as in Ray Tune): every trial is
/// started towards the last rung, and one that reports at a rung is stopped where it is not among the best
/// ceil(n / eta) of the n that did so far, itself counted (those equal to the last of them are). Nothing is
/// paused; a stopped trial does not come back. What an earlier scheduler left at rest goes on first. It needs
/// tasks that report on their way: a report counts for all rungs between the one before and itself.
///
/// `measured`: a rung judges only while its order tells something of the next one's (RungTrust): curves of
/// which the first steps say little would otherwise lose the best trials there. To know that, some trials are
/// let go on unjudged, one in four at first. With several objectives all rungs judge.
///
/// Failed and infeasible trials and those that reported NaN count in n and rank last; a reused result
/// (same_as) speaks for its original, as in asha. Several objectives: by non-dominated rank, then crowding
/// distance. O(log n) a report with one objective.
class StoppingAsha : public Scheduler {
 public:
  StoppingAsha(const Problem& problem, std::vector<std::int64_t> steps, std::int64_t eta, bool measured)
      : objectives_(problem.objectives),
        steps_(std::move(steps)),
        rungs_(steps_.size() - 1, Rung(eta)),
        resting_(steps_.back()) {
    for (std::size_t i = 0; measured && objectives_.size() == 1 && i + 1 < steps_.size(); ++i)
      trust_.emplace_back(steps_[i], steps_[i + 1], eta);
  }

  void update(const study::Change& change) override;
  std::optional<Job> next(bool may_create) override;
  Verdict judge(const study::Trial& trial, std::int64_t fidelity) override;
  /// Below the horizon an earlier scheduler sent it: it goes on as those do that rest there.
  study::TrialState reached(const study::Trial&, std::int64_t fidelity) const override {
    return fidelity >= horizon() ? study::TrialState::completed : study::TrialState::paused;
  }
  std::int64_t horizon() const override { return steps_.back(); }
  std::vector<std::int64_t> rungs() const override { return {horizon()}; }
  std::vector<std::int64_t> watched() const override { return {steps_.begin(), steps_.end() - 1}; }

 private:
  void measure(std::int64_t trial, std::int64_t fidelity, double value);

  std::vector<study::Objective> objectives_;
  std::vector<std::int64_t> steps_;
  std::vector<Rung> rungs_;       // all but the last
  std::vector<RungTrust> trust_;  // likewise, or empty
  Resting resting_;
};

}  // namespace hone::schedule
