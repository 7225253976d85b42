#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "hone/schedule/rung.h"
#include "hone/schedule/scheduler.h"
#include "hone/study/objective.h"

namespace hone::schedule {

/// Trials that rest where a scheduler of brackets has no use for them, since an earlier one left them there:
/// at a fidelity that is none of the rungs, or at one that they were promoted to. They go on as in asha: the
/// best 1/eta of those that rest between two rungs, at least one, to the upper one. Not thread safe.
class Strays {
 public:
  Strays(std::vector<study::Objective> objectives, std::vector<std::int64_t> rungs, std::int64_t eta)
      : objectives_(std::move(objectives)), rungs_(std::move(rungs)), below_(rungs_.size(), Rung(eta, 1)) {}

  /// Every change of a trial that is in no bracket. `waits`: where it rests a bracket will take it.
  void update(const study::Change& change, bool waits) {
    const study::Trial& trial = *change.trial;
    const bool gone = trial.state == study::TrialState::deleted || trial.same_as >= 0;
    const bool lost =
        trial.state == study::TrialState::failed || trial.state == study::TrialState::infeasible;
    for (Rung& rung : below_) {
      if (!rung.has(trial.id)) continue;
      rung.set_ready(trial.id, false);
      if (lost) rung.disqualify(trial.id);
      if (gone) rung.remove(trial.id);
    }
    if (gone || waits || trial.state != study::TrialState::paused || trial.last() == nullptr) return;
    const auto upper = std::upper_bound(rungs_.begin(), rungs_.end(), trial.last()->fidelity);
    if (upper == rungs_.end()) return;
    Rung& rung = below_[static_cast<std::size_t>(upper - rungs_.begin())];
    rung.report(trial.id, study::oriented(objectives_, trial.last()->measures));
    rung.set_ready(trial.id, true);
  }

  /// From the highest rung down, of those for which `affordable(units)` holds.
  template <typename Affordable>
  std::optional<Scheduler::Job> next(const Affordable& affordable) {
    for (std::size_t i = rungs_.size(); i-- > 0;) {
      // Wherever between the rungs it rests, it costs no more than the way from the lower one.
      if (!affordable(rungs_[i] - (i == 0 ? 0 : rungs_[i - 1]))) continue;
      if (const auto trial = below_[i].best()) return Scheduler::Job{*trial, rungs_[i]};
    }
    return std::nullopt;
  }

 private:
  std::vector<study::Objective> objectives_;
  std::vector<std::int64_t> rungs_;
  std::vector<Rung> below_;  // by the rung that they would go on to
};

}  // namespace hone::schedule
