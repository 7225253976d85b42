// How the records of the journal change a study.
#include <algorithm>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/study/study.h"
#include "hone/study/trial_changes.h"

namespace hone::study {

void Study::tell(Change::Kind kind, const Trial& trial, const Result* result) {
  const Change change{kind, &trial, result};
  for (const Listener& listener : listeners_) listener(change);
}

/// Before a trial's state, reason or cause changes: takes it out of what is counted. Returns whether it was
/// eligible, which enter must be told.
bool Study::leave(const Trial& trial) {
  --counts_[static_cast<std::size_t>(trial.state)];
  if (trial.state == TrialState::waiting) {
    if (trial.behind >= 0)
      std::erase(behind_[trial.behind], trial.id);
    else if (const auto found = std::find(waiting_.begin(), waiting_.end(), trial.id);
             found != waiting_.end())
      waiting_.erase(found);
  }
  if (trial.state == TrialState::running) spending_.drop_running(trial);
  if (trial.state == TrialState::failed && --causes_[trial.cause] <= 0) causes_.erase(trial.cause);
  return eligible(trial);
}

void Study::enter(Trial& trial, TrialState state, bool was_eligible) {
  ++counts_[static_cast<std::size_t>(state)];
  const TrialState old = trial.state;
  trial.state = state;
  // Those that joined it do without the evaluations of one that is out.
  const auto out = [](TrialState one) { return one == TrialState::failed || one == TrialState::deleted; };
  if (out(state) != out(old) || eligible(trial) != was_eligible) {
    trial.state = old;
    Points before = points_around(trial);  // itself first; its cause may be the new one
    before.front().second = was_eligible ? point_if_eligible(trial.id) : std::nullopt;
    trial.state = state;
    move_points(before);
  }
  if (state == TrialState::running) spending_.add_running(trial);
  if (state != TrialState::waiting) trial.behind = -1;
  if (state == TrialState::failed) ++causes_[trial.cause];
  if (state == TrialState::waiting) {
    if (trial.behind >= 0 && busy(at(trial.behind))) {
      behind_[trial.behind].push_back(trial.id);
    } else {
      trial.behind = -1;
      waiting_.push_back(trial.id);
    }
  }
  if (busy(trial)) return;
  const auto queue = behind_.find(trial.id);
  if (queue == behind_.end()) return;
  for (const std::int64_t id : queue->second) {
    at(id).behind = -1;
    waiting_.push_back(id);
  }
  behind_.erase(trial.id);
}

Trial Study::made(const TrialRecord& r, double time_s) const {
  Trial trial;
  trial.id = r.trial;
  trial.config = r.config;
  if (adopt_)
    if (auto config = adopt_(r.config)) trial.config = std::move(*config);
  trial.key = trial.config.key();
  trial.origin = r.origin;
  trial.seed = r.seed;
  trial.created_s = time_s;
  trial.of = r.of;
  trial.replicate = r.replicate;
  return trial;
}

void Study::apply_trial(const TrialRecord& r, double time_s) {
  if (r.trial != size())
    throw Error(fmt::format("the journal proposes trial {} where {} is due", r.trial, size()),
                Place{store_->url(), 0, ""}, "the store is damaged: hone store check says how far");
  Trial fresh = made(r, time_s);
  ++size_;
  if (light_)
    some_[r.trial] = std::move(fresh);
  else
    trials_.push_back(std::move(fresh));
  Trial& trial = at(r.trial);
  if (r.of >= 0)
    replicates_[r.of].push_back(r.trial);
  else if (!light_)
    by_key_.emplace(trial.key, trial.id);
  ++counts_[static_cast<std::size_t>(TrialState::waiting)];
  waiting_.push_back(trial.id);
  saved_.repeated_config += r.repeats;
  tell(Change::Kind::created, trial);
}

Result Study::mirrored(const Result& result, const Trial& twin, const Trial& follower) const {
  const bool same_structure =
      !twin.keys.structural.none() && twin.keys.structural == follower.keys.structural;
  Result mirrored{result.fidelity, {}};
  for (const auto& [name, value] : result.measures.entries()) {
    const auto& unshared = header_.unshared;
    if (same_structure || std::find(unshared.begin(), unshared.end(), name) == unshared.end())
      mirrored.measures.set(name, value);
  }
  mirrored.measures.merge(follower.costs);
  return mirrored;
}

/// Also to the trials that take this one's results.
void Study::add_result(Trial& trial, const Result& result) {
  if (!add_own(trial, result) || followers(trial.id).empty()) return;
  std::vector<std::pair<std::int64_t, Result>> due;
  const auto spread = [&](const Trial& from) {
    for (const std::int64_t id : followers(from.id))
      due.emplace_back(id, mirrored(*from.at(result.fidelity), from, at(id)));
  };
  spread(trial);
  for (std::size_t i = 0; i < due.size(); ++i) {
    Trial& follower = at(due[i].first);
    const Result own = due[i].second;
    if (add_own(follower, own)) spread(follower);
  }
  // Each of them once, however many take its results.
  std::vector<std::int64_t> twins;
  for (const auto& [id, taken] : due) twins.push_back(at(id).same_as);
  std::sort(twins.begin(), twins.end());
  twins.erase(std::unique(twins.begin(), twins.end()), twins.end());
  for (const std::int64_t twin : twins) follow(at(twin));
}

bool Study::add_own(Trial& trial, const Result& result) {
  if (!adds(trial, result)) return false;
  const bool fresh = trial.at(result.fidelity) == nullptr;
  const bool final = result.fidelity >= header_.horizon;
  // With its first result it has the outcome of its function.
  const Points before = final || trial.results.empty() ? points_around(trial) : Points{};
  const bool runs = trial.state == TrialState::running;
  if (runs) spending_.drop_running(trial);
  put_result(trial, result);
  if (runs) spending_.add_running(trial);
  move_points(before);
  if (trial.state == TrialState::deleted) return true;
  const Result* added = trial.at(result.fidelity);
  if (trial.same_as >= 0 && fresh)
    saved_.fidelity += result.fidelity - (added == trial.results.data() ? 0 : (added - 1)->fidelity);
  if (trial.same_as < 0 && trial.of < 0) known_in_a_row_ = 0;
  tell(Change::Kind::result, trial, added);
  if (final) {
    for (const auto& [id, point] : before)
      if (repeated(id)) tell_outcome(at(id), header_.horizon);
  } else if (!listeners_.empty() && repeated(trial.id)) {
    const std::int64_t fidelity = result.fidelity;
    for (const std::int64_t id : around({trial.id}))
      if (at(id).at(fidelity) != nullptr) tell_outcome(at(id), fidelity);
  }
  return true;
}

/// Tells what its evaluations count together.
void Study::tell_outcome(const Trial& trial, std::int64_t fidelity) {
  if (listeners_.empty() || trial.of >= 0 || trial.state == TrialState::deleted) return;
  const Result together{fidelity, outcome(trial.id, fidelity)};
  if (!together.measures.empty()) tell(Change::Kind::result, trial, &together);
}

/// Tells all its results again.
void Study::tell_results(const Trial& trial) {
  if (listeners_.empty()) return;
  for (const Result& result : trial.results) tell(Change::Kind::result, trial, &result);
  if (repeated(trial.id)) tell_outcome(trial, header_.horizon);
}

/// It takes no other trial's results any more.
void Study::unfollow(Trial& trial) {
  if (trial.same_as < 0) return;
  const Points before = points_around(trial);
  std::erase(followers_[trial.same_as], trial.id);
  saved_.evaluation_s = std::max(0.0, saved_.evaluation_s - at(trial.same_as).evaluation_s());
  trial.same_as = -1;
  move_points(before);
}

void Study::apply_keys(Trial& trial, const KeysRecord& r) {
  const bool joins = r.joins >= 0 && r.joins != trial.joins;
  const Points before = joins ? points_of(around({trial.id, r.joins})) : points_of(around({trial.id}));
  if (joins) {
    if (trial.joins >= 0) std::erase(joined_[trial.joins], trial.id);
    joined_[r.joins].push_back(trial.id);
  }
  change(trial, r);
  if (!r.keys.functional.none()) ++saved_.probes;
  if (!r.unhashable.empty() && trial.attempts <= 1 && unhashable_.count++ == 0)
    unhashable_ = {1, trial.id, r.unhashable};
  saved_.probe_s += r.probe_s;
  move_points(before);
  tell(Change::Kind::keys, trial);
  if (!joins) return;
  for (const auto& [id, point_before] : before)
    if (point(id) != point_before) tell_outcome(at(id), header_.horizon);
}

void Study::apply_end(Trial& trial, const EndRecord& r, double time_s) {
  spending_.take(trial, r);
  const double evaluation_s = trial.evaluation_s();
  if (r.same_as >= 0) {
    unfollow(trial);
    const Points before = points_around(trial);
    followers_[r.same_as].push_back(trial.id);
    trial.same_as = r.same_as;
    move_points(before);
    const Trial twin = at(r.same_as);
    const bool structure = !trial.keys.structural.none() && trial.keys.structural == twin.keys.structural;
    ++(structure ? saved_.same_structure : saved_.same_function);
    ++known_in_a_row_;
    saved_.evaluation_s += twin.evaluation_s();
    for (const Result& result : twin.results) add_result(trial, mirrored(result, twin, trial));
  }
  const bool was_eligible = leave(trial);
  change(trial, r, time_s);
  TrialState state = r.state;
  if (r.same_as >= 0 || !judgements_.empty()) {
    const Trial* twin = trial.same_as >= 0 ? &at(trial.same_as) : nullptr;
    state = judged(trial, r.state, twin, rules());
    if (state != r.state) explain(trial, state, twin, rules());
  }
  if (r.untrained && state == TrialState::infeasible) ++saved_.over_limit;
  if (r.same_as < 0 && trial.of < 0 && state != TrialState::waiting) known_in_a_row_ = 0;
  if (const auto n = followers(trial.id).size(); n > 0 && r.same_as < 0)
    saved_.evaluation_s += static_cast<double>(n) * (trial.evaluation_s() - evaluation_s);
  enter(trial, state, was_eligible);
  tell(Change::Kind::state, trial);
  follow(trial);
}

void Study::apply_revision(const RevisedRecord& r) {
  if (light_) throw NeedsAll{};
  header_.file = r.file;
  header_.text = r.text;
  const bool judge_again = header_.limits != r.limits || header_.aggregate != r.aggregate;
  header_.limits = r.limits;
  header_.replicates = r.replicates;
  header_.aggregate = r.aggregate;
  const bool farther = r.horizon > 0 && r.horizon != header_.horizon;
  if (farther) header_.horizon = r.horizon;
  ++revision_;
  if (!judge_again && !farther) return;
  judgements_.push_back({applied_ + 1, header_.limits, header_.horizon});
  points_.reset(header_.objectives.size(), light_);
  for (const Trial& trial : trials_) points_.move(trial.id, std::nullopt, point(trial.id));
  for (Trial& trial : trials_) {
    const Trial* twin = trial.same_as >= 0 ? &at(trial.same_as) : nullptr;
    const TrialState state = judged(trial, trial.state, twin, judgements_.back());
    if (state != trial.state) restate(trial, state, twin);
  }
}

void Study::apply_delete(Trial& trial) {
  if (trial.state == TrialState::deleted) return;
  const Points before = points_around(trial);
  const bool was_eligible = leave(trial);
  trial.behind = -1;
  enter(trial, TrialState::deleted, was_eligible);
  if (const auto found = by_key_.find(trial.key); found != by_key_.end() && found->second == trial.id)
    by_key_.erase(found);
  tell(Change::Kind::deleted, trial);
  for (const auto& [id, point_before] : before)
    if (id != trial.id && point(id) != point_before) tell_outcome(at(id), header_.horizon);
  follow(trial);
}

void Study::apply(const Record& record, double time_s) {
  if (first_time_s_ == 0.0) first_time_s_ = time_s;
  if (const auto* r = std::get_if<StudyRecord>(&record)) {
    header_ = *r;
    first_rules_ = rules();
    points_.reset(header_.objectives.size(), light_);
  } else if (const auto* r = std::get_if<RevisedRecord>(&record)) {
    known_in_a_row_ = 0;
    apply_revision(*r);
  } else if (const auto* r = std::get_if<SessionRecord>(&record)) {
    known_in_a_row_ = 0;
    sessions_.begin(r->mark, r->boot, time_s, last_time_s_);
  } else if (const auto* r = std::get_if<EndedRecord>(&record)) {
    sessions_.end(r->mark, r->why, time_s);
  } else if (const auto* r = std::get_if<TrialRecord>(&record)) {
    apply_trial(*r, time_s);
  } else if (const auto* r = std::get_if<StartRecord>(&record)) {
    Trial& trial = at(r->trial);
    unfollow(trial);
    const bool was_eligible = leave(trial);
    change(trial, *r);
    enter(trial, TrialState::running, was_eligible);
    sessions_.sign_of_life(r->worker, time_s);
    tell(Change::Kind::started, trial);
    follow(trial);
  } else if (const auto* r = std::get_if<KeysRecord>(&record)) {
    apply_keys(at(r->trial), *r);
  } else if (const auto* r = std::get_if<ResultRecord>(&record)) {
    Trial& trial = at(r->trial);
    spending_.take(trial, r->result);
    const bool says_more = adds(trial, r->result);
    add_result(trial, r->result);
    if (says_more && report_listener_) report_listener_(trial, r->result.fidelity);
  } else if (const auto* r = std::get_if<EndRecord>(&record)) {
    apply_end(at(r->trial), *r, time_s);
  } else if (const auto* r = std::get_if<RetryRecord>(&record)) {
    Trial& trial = at(r->trial);
    const bool lost = trial.state == TrialState::failed || trial.state == TrialState::infeasible;
    unfollow(trial);
    const bool was_eligible = leave(trial);
    change(trial, *r);
    enter(trial, TrialState::waiting, was_eligible);
    tell(Change::Kind::state, trial);
    if (lost) tell_results(trial);
    follow(trial);
  } else if (const auto* r = std::get_if<DeleteRecord>(&record)) {
    if (r->trial == size_) {
      Trial lost = lost_trial(r->trial, time_s);
      ++size_;
      ++counts_[static_cast<std::size_t>(TrialState::deleted)];
      if (light_)
        some_[r->trial] = std::move(lost);
      else
        trials_.push_back(std::move(lost));
    } else {
      apply_delete(at(r->trial));
    }
  } else if (std::holds_alternative<LateRecord>(record)) {
    ++late_;
  } else if (std::holds_alternative<UnknownRecord>(record)) {
    ++unknown_;
  }
  last_time_s_ = time_s;
}

}  // namespace hone::study
