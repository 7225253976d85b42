#include "hone/schedule/asha_stopping.h"

#include "hone/study/front.h"

namespace hone::schedule {

using study::TrialState;

void StoppingAsha::update(const study::Change& change) {
  resting_.update(change);
  const study::Trial& trial = *change.trial;
  if (trial.state == TrialState::deleted || trial.same_as >= 0)
    for (Rung& rung : rungs_)
      if (rung.has(trial.id)) rung.remove(trial.id);
  if (trial.state == TrialState::deleted) return;
  if (change.kind == study::Change::Kind::result) {
    const auto values = study::oriented(objectives_, change.result->measures);
    if (trial.same_as < 0 && !trust_.empty()) measure(trial.id, change.result->fidelity, values.front());
    for (std::size_t i = 0; i < rungs_.size(); ++i) {
      if (trial.same_as < 0) {
        // The first result at the rung or beyond stands for it.
        if (change.result->fidelity >= steps_[i] && !rungs_[i].has(trial.id))
          rungs_[i].report(trial.id, values);
      } else if (change.result->fidelity == steps_[i] && rungs_[i].has(trial.same_as) &&
                 study::dominates(values, rungs_[i].values(trial.same_as))) {
        rungs_[i].report(trial.same_as, values);
      }
    }
  }
  if (trial.state == TrialState::failed || trial.state == TrialState::infeasible)
    for (Rung& rung : rungs_) rung.disqualify(trial.id);
  if (trial.done())
    for (RungTrust& trust : trust_) trust.forget(trial.id);
}

/// Tells the rungs that a report passes what it says of them; the rungs do not know of it yet.
void StoppingAsha::measure(std::int64_t trial, std::int64_t fidelity, double value) {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (fidelity != steps_[i]) continue;
    if (i > 0) trust_[i - 1].goes_on(trial, value);
    if (i < trust_.size() && !rungs_[i].has(trial)) trust_[i].arrives(trial, value);
  }
}

std::optional<Scheduler::Job> StoppingAsha::next(bool may_create) {
  const auto job = resting_.next([this](std::int64_t units) { return affordable(units); });
  if (job || !may_create || !affordable(horizon())) return job;
  return Job{-1, horizon()};
}

Scheduler::Verdict StoppingAsha::judge(const study::Trial& trial, std::int64_t fidelity) {
  for (std::size_t i = rungs_.size(); i-- > 0;) {
    if (fidelity < steps_[i] || !rungs_[i].has(trial.id)) continue;
    // Judged once a rung: where this report was the first there.
    for (const study::Result& result : trial.results)
      if (result.fidelity >= steps_[i] && result.fidelity < fidelity) return Verdict::go_on;
    if (!trust_.empty() && trust_[i].is_probe(trial.id)) return Verdict::go_on;
    return rungs_[i].within(trial.id) ? Verdict::go_on : Verdict::stop;
  }
  return Verdict::go_on;
}

}  // namespace hone::schedule
