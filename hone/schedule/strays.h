#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "hone/schedule/rung.h"
#include "hone/schedule/scheduler.h"
#include "hone/study/objective.h"

namespace hone::schedule {

/// Trials that rest outside of a scheduler's brackets. They go on as in asha: the best 1/eta of those that
/// rest between two rungs, at least one, to the upper one; what was promoted and failed has had its place.
/// Not thread safe.
class Strays {
 public:
  Strays(std::vector<study::Objective> objectives, std::vector<std::int64_t> rungs, std::int64_t eta)
      : objectives_(std::move(objectives)), rungs_(std::move(rungs)), below_(rungs_.size(), Rung(eta, 1)) {}

  /// Every change of a trial that is in no bracket. `waits`: where it rests it is left to a bracket.
  void update(const study::Change& change, bool waits) {
    const study::Trial& trial = *change.trial;
    const bool gone = trial.state == study::TrialState::deleted || trial.same_as >= 0;
    const bool lost =
        trial.state == study::TrialState::failed || trial.state == study::TrialState::infeasible;
    for (std::size_t i = 0; i < below_.size(); ++i) {
      Rung& rung = below_[i];
      if (!rung.has(trial.id)) continue;
      rung.set_ready(trial.id, false);
      if (lost && trial.target < rungs_[i]) rung.disqualify(trial.id);
      if (gone) rung.remove(trial.id);
    }
    // One may be completed below the last rung: that was raised.
    const bool rests =
        trial.state == study::TrialState::paused || trial.state == study::TrialState::completed;
    if (gone || waits || !rests || trial.last() == nullptr) return;
    const auto upper = std::upper_bound(rungs_.begin(), rungs_.end(), trial.last()->fidelity);
    if (upper == rungs_.end()) return;
    Rung& rung = below_[static_cast<std::size_t>(upper - rungs_.begin())];
    rung.report(trial.id, study::oriented(objectives_, trial.last()->measures));
    rung.set_ready(trial.id, true);
  }

  /// A bracket takes it.
  void remove(std::int64_t trial) {
    for (Rung& rung : below_) rung.remove(trial);
  }

  /// From the highest rung down, of the ways for which `may(from, to)` holds. Wherever between the rungs
  /// `from` and `to` (0: below the first) a trial rests, it costs no more than the way from the lower one.
  template <typename May>
  std::optional<Scheduler::Job> next(const May& may) {
    for (std::size_t i = rungs_.size(); i-- > 0;) {
      if (!may(from(i), rungs_[i])) continue;
      if (const auto trial = below_[i].best()) return Scheduler::Job{*trial, rungs_[i]};
    }
    return std::nullopt;
  }

  /// The same, whatever the quota.
  template <typename May>
  std::optional<Scheduler::Job> best_of_all(const May& may) {
    for (std::size_t i = rungs_.size(); i-- > 0;) {
      if (!may(from(i), rungs_[i])) continue;
      if (const auto trial = below_[i].best_of_all()) return Scheduler::Job{*trial, rungs_[i]};
    }
    return std::nullopt;
  }

  /// The highest rung at which, or beyond which, one rests; 0: none does.
  std::int64_t furthest() {
    for (std::size_t i = rungs_.size(); i-- > 0;)
      if (below_[i].best_of_all()) return from(i);
    return 0;
  }

 private:
  std::int64_t from(std::size_t i) const { return i == 0 ? 0 : rungs_[i - 1]; }

  std::vector<study::Objective> objectives_;
  std::vector<std::int64_t> rungs_;
  std::vector<Rung> below_;  // by the rung that they would go on to
};

}  // namespace hone::schedule
