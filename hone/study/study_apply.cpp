// How the records of the journal change a study.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/study/study.h"
#include "hone/study/trial_changes.h"

namespace hone::study {

void Study::tell(Change::Kind kind, const Trial& trial, const Result* result) {
  const Change change{kind, &trial, result};
  for (const Listener& listener : listeners_) listener(change);
}

/// Before a trial's state changes: takes it out of what is counted.
void Study::leave(const Trial& trial) {
  --counts_[static_cast<std::size_t>(trial.state)];
  if (trial.state == TrialState::waiting) {
    if (trial.behind >= 0)
      std::erase(behind_[trial.behind], trial.id);
    else
      std::erase(waiting_, trial.id);
  }
  if (trial.state == TrialState::running) spending_.drop_running(trial);
  if (trial.state == TrialState::failed && --causes_[trial.cause] <= 0) causes_.erase(trial.cause);
}

void Study::enter(Trial& trial, TrialState state) {
  ++counts_[static_cast<std::size_t>(state)];
  trial.state = state;
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
}

bool Study::add_own(Trial& trial, const Result& result) {
  if (trial.at(result.fidelity) != nullptr) return false;  // a result stands once it is there
  const bool runs = trial.state == TrialState::running;
  if (runs) spending_.drop_running(trial);
  put_result(trial, result);
  if (runs) spending_.add_running(trial);
  if (trial.same_as >= 0) {
    const Result* added = trial.at(result.fidelity);
    saved_.fidelity += result.fidelity - (added == trial.results.data() ? 0 : (added - 1)->fidelity);
  }
  const bool final = result.fidelity >= header_.horizon;
  const bool repeated = trial.of >= 0 || !replicates(trial.id).empty();
  if (final && !repeated) offer(trial);
  tell(Change::Kind::result, trial, trial.at(result.fidelity));
  if (!final || !repeated) return true;
  // Together with its replicates it is another point, and what it drove out may come back.
  if (light_) throw NeedsAll{};
  rebuild_front();
  const Trial& first = trial.of >= 0 ? at(trial.of) : trial;
  const Result together{result.fidelity, outcome(first.id)};
  if (!together.measures.empty() && first.state != TrialState::deleted)
    tell(Change::Kind::result, first, &together);
  return true;
}

/// The objectives' values of a trial and its replicates; nullopt where they do not belong on the front.
std::optional<std::vector<double>> Study::front_values(std::int64_t id) const {
  const Trial& trial = at(id);
  if (trial.of >= 0 || trial.state == TrialState::deleted || trial.state == TrialState::failed)
    return std::nullopt;
  const bool alone = replicates(id).empty();
  const Result* own = alone ? final_result(trial, header_.horizon) : nullptr;
  if (alone && own == nullptr) return std::nullopt;
  const Measures together = alone ? Measures{} : outcome(id);
  const Measures& measures = alone ? own->measures : together;
  if (measures.empty()) return std::nullopt;
  for (const Limit& limit : header_.limits)
    if (!limit.violation(measures).empty()) return std::nullopt;
  std::vector<double> values = oriented(header_.objectives, measures);
  if (!std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }))
    return std::nullopt;
  return values;
}

void Study::offer(const Trial& trial) {
  auto values = front_values(trial.id);
  if (!values) return;
  for (std::size_t i = 0; i < values->size(); ++i) {
    worst_[i] = std::max(worst_[i], (*values)[i]);
    best_[i] = std::min(best_[i], (*values)[i]);
  }
  front_.insert(trial.id, std::move(*values));
}

void Study::rebuild_front() {
  front_.clear();
  std::fill(worst_.begin(), worst_.end(), -std::numeric_limits<double>::infinity());
  std::fill(best_.begin(), best_.end(), std::numeric_limits<double>::infinity());
  for (const Trial& trial : trials_) offer(trial);
}

void Study::apply_end(Trial& trial, const EndRecord& r, double time_s) {
  spending_.take(trial, r);
  leave(trial);
  change(trial, r, time_s);
  if (r.same_as >= 0) {
    const Trial& twin = at(r.same_as);
    followers_[r.same_as].push_back(trial.id);
    const bool structure = !trial.keys.structural.none() && trial.keys.structural == twin.keys.structural;
    ++(structure ? saved_.same_structure : saved_.same_function);
  }
  if (r.untrained) ++saved_.over_limit;
  enter(trial, r.state);
  tell(Change::Kind::state, trial);
  if (r.same_as < 0) return;
  const Trial twin = at(r.same_as);
  for (const Result& result : twin.results) add_result(trial, mirrored(result, twin, trial));
}

/// The state of a trial that limits alone decide, by those of a revision.
TrialState Study::judged(const Trial& trial, const Judgement& by) const {
  const bool refused = trial.state == TrialState::infeasible && trial.cause == "limit";
  if (!refused && trial.state != TrialState::completed) return trial.state;
  Measures measures = trial.costs;
  if (const Result* last = trial.last()) measures.merge(last->measures);
  for (const Limit& limit : by.limits)
    if (!limit.violation(measures).empty()) return TrialState::infeasible;
  if (!refused) return trial.state;
  if (final_result(trial, by.horizon) != nullptr) return TrialState::completed;
  return trial.results.empty() || trial.last()->fidelity < trial.target ? TrialState::waiting
                                                                        : TrialState::paused;
}

/// Gives a trial the state that judged said, and the reason for it.
void Study::settle(Trial& trial, TrialState state, const std::vector<Limit>& limits) const {
  trial.state = state;
  trial.reason.clear();
  trial.cause.clear();
  if (state != TrialState::infeasible) return;
  trial.cause = "limit";
  Measures measures = trial.costs;
  if (const Result* last = trial.last()) measures.merge(last->measures);
  for (const Limit& limit : limits)
    if (auto why = limit.violation(measures); !why.empty()) trial.reason = std::move(why);
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
  if (farther && !judge_again) rebuild_front();
  if (!judge_again) return;
  judgements_.push_back({applied_ + 1, header_.limits, header_.horizon});
  for (Trial& trial : trials_) {
    const TrialState state = judged(trial, judgements_.back());
    if (state == trial.state) continue;
    leave(trial);
    settle(trial, state, header_.limits);
    enter(trial, state);
    tell(Change::Kind::state, trial);
  }
  rebuild_front();
}

void Study::apply_delete(Trial& trial) {
  if (light_) throw NeedsAll{};
  if (trial.state == TrialState::deleted) return;
  leave(trial);
  trial.behind = -1;
  enter(trial, TrialState::deleted);
  const auto found = by_key_.find(trial.key);
  if (found != by_key_.end() && found->second == trial.id) by_key_.erase(found);
  rebuild_front();
  tell(Change::Kind::deleted, trial);
}

void Study::apply(const Record& record, double time_s) {
  if (first_time_s_ == 0.0) first_time_s_ = time_s;
  if (const auto* r = std::get_if<StudyRecord>(&record)) {
    header_ = *r;
    worst_.assign(header_.objectives.size(), -std::numeric_limits<double>::infinity());
    best_.assign(header_.objectives.size(), std::numeric_limits<double>::infinity());
  } else if (const auto* r = std::get_if<RevisedRecord>(&record)) {
    apply_revision(*r);
  } else if (const auto* r = std::get_if<SessionRecord>(&record)) {
    // A session that was killed never said that it ended: it lasted until its last event.
    if (open_) closed_s_ += std::max(0.0, last_time_s_ - session_s_);
    open_ = true;
    session_s_ = time_s;
    boot_ = r->boot;
    ++sessions_;
    last_end_.clear();
  } else if (const auto* r = std::get_if<EndedRecord>(&record)) {
    if (open_) closed_s_ += std::max(0.0, time_s - session_s_);
    open_ = false;
    last_end_ = r->why;
  } else if (const auto* r = std::get_if<TrialRecord>(&record)) {
    apply_trial(*r, time_s);
  } else if (const auto* r = std::get_if<StartRecord>(&record)) {
    Trial& trial = at(r->trial);
    leave(trial);
    change(trial, *r);
    enter(trial, TrialState::running);
    tell(Change::Kind::started, trial);
  } else if (const auto* r = std::get_if<KeysRecord>(&record)) {
    Trial& trial = at(r->trial);
    change(trial, *r);
    tell(Change::Kind::keys, trial);
  } else if (const auto* r = std::get_if<ResultRecord>(&record)) {
    Trial& trial = at(r->trial);
    spending_.take(trial, r->result);
    add_result(trial, r->result);
  } else if (const auto* r = std::get_if<EndRecord>(&record)) {
    apply_end(at(r->trial), *r, time_s);
  } else if (const auto* r = std::get_if<RetryRecord>(&record)) {
    Trial& trial = at(r->trial);
    leave(trial);
    change(trial, *r);
    enter(trial, TrialState::waiting);
    tell(Change::Kind::state, trial);
  } else if (const auto* r = std::get_if<DeleteRecord>(&record)) {
    if (r->trial == size_) {  // its proposal is lost with a damaged part of the store: the number is taken
      Trial lost;
      lost.id = r->trial;
      lost.state = TrialState::deleted;
      lost.created_s = time_s;
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
