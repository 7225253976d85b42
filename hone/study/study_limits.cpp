// What limits, and the trials whose results others take, decide of a trial's state.
#include <algorithm>

#include "hone/study/predicted.h"
#include "hone/study/study.h"
#include "hone/study/trial_changes.h"

namespace hone::study {

namespace {

/// Whether a trial was turned away by what was predicted of it, and still is by this limit.
bool foreseen(const Trial& trial, const Measures& measures, const Limit& limit) {
  if (trial.cause != "limit" || measures.find(limit.name)) return false;
  const auto predicted = trial.costs.find(predicted_name(limit.name));
  return predicted && !limit.violation({{limit.name, *predicted}}).empty();
}

}  // namespace

/// The first limit that a trial breaks with what was measured of it, or null. Below the horizon its costs
/// alone count: quality may still come.
const Limit* Study::broken(const Trial& trial, const Measures& measures, const Judgement& by) const {
  const auto in = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const bool final = final_result(trial, by.horizon) != nullptr;
  // At a horizon its quality may have been why, and that may still come where the horizon is farther now.
  const bool refused =
      trial.cause == "limit" && (trial.last() == nullptr || trial.last()->fidelity < first_rules_.horizon);
  for (const Limit& limit : by.limits) {
    const bool cost = header_.costs.empty()
                          ? refused || in(header_.unshared, limit.name) || trial.costs.find(limit.name)
                          : in(header_.costs, limit.name);
    if ((final || cost) && !limit.violation(measures).empty()) return &limit;
    if (foreseen(trial, measures, limit)) return &limit;
  }
  return nullptr;
}

namespace {

/// All that was measured of a trial.
Measures measured(const Trial& trial) {
  Measures measures = trial.costs;
  if (const Result* last = trial.last()) measures.merge(last->measures);
  return measures;
}

}  // namespace

/// The state of a trial that ended in `state`, where limits decide it, by these ones; and of one that takes
/// the results of `twin`, where that one's end is its own.
TrialState Study::judged(const Trial& trial, TrialState state, const Trial* twin, const Judgement& by) const {
  const bool refused = state == TrialState::infeasible && trial.cause == "limit";
  if (twin == nullptr && !refused && state != TrialState::completed) return state;
  if (state == TrialState::deleted) return state;
  if (twin != nullptr && (twin->state == TrialState::failed || twin->state == TrialState::pruned))
    return twin->state;
  if (broken(trial, measured(trial), by) != nullptr) return TrialState::infeasible;
  if (!refused || twin != nullptr || final_result(trial, by.horizon) != nullptr) return TrialState::completed;
  return trial.results.empty() || trial.last()->fidelity < trial.target ? TrialState::waiting
                                                                        : TrialState::paused;
}

/// Gives a trial the reason and the cause of a state that judged said.
void Study::explain(Trial& trial, TrialState state, const Trial* twin, const Judgement& by) const {
  const Measures measures = measured(trial);
  const Limit* limit = state == TrialState::infeasible ? broken(trial, measures, by) : nullptr;
  if (limit != nullptr && !measures.find(limit->name)) return;  // foreseen: that stands there already
  trial.reason.clear();
  trial.cause.clear();
  if (limit != nullptr) {
    trial.cause = "limit";
    trial.reason = limit->violation(measures);
  } else if (twin != nullptr && state == twin->state) {
    trial.cause = twin->cause;
    trial.reason = twin->reason;
  }
}

Trial Study::as_same(std::int64_t id, std::int64_t twin) const {
  Trial trial = at(id);
  const Trial& known = at(twin);
  trial.same_as = twin;
  for (const Result& result : known.results) put_result(trial, mirrored(result, known, trial));
  trial.state = judged(trial, TrialState::completed, &known, rules());
  explain(trial, trial.state, &known, rules());
  return trial;
}

/// Gives a trial that nobody runs another state. Where it had counted as lost, its results count again.
void Study::restate(Trial& trial, TrialState state, const Trial* twin) {
  const auto lost = [](TrialState one) { return one == TrialState::failed || one == TrialState::infeasible; };
  const bool back = lost(trial.state) && !lost(state);
  const bool was_eligible = leave(trial);
  explain(trial, state, twin, rules());
  enter(trial, state, was_eligible);
  tell(Change::Kind::state, trial);
  if (back) tell_results(trial);
}

/// The trials that take this one's results end as it does and as the limits say.
void Study::follow(const Trial& twin) {
  for (const std::int64_t id : std::vector<std::int64_t>(followers(twin.id))) {
    Trial& follower = at(id);
    const TrialState state = judged(follower, follower.state, &twin, rules());
    if (busy(follower) || state == follower.state) continue;
    restate(follower, state, &twin);
    follow(follower);
  }
}

}  // namespace hone::study
