#include "hone/study/study.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::study {

void Study::create(Store& store, const StudyRecord& header) {
  const auto lease = store.acquire("create", "create", 30.0);
  if (!lease) throw environment_error("another process is creating this study", "try again in a moment");
  if (store.head() == 0) {
    Store::Commit commit;
    commit.events = {encode(header)};
    commit.need = {*lease};
    commit.release = {*lease};
    store.commit(commit);
  } else {
    store.release(*lease);
  }
}

Study::Study(std::shared_ptr<Store> store) : store_(std::move(store)) {
  bool first = true;
  store_->read(0, [&](const Event& event) {
    if (!first) return;
    first = false;
    const Record record = decode(event);
    const auto* header = std::get_if<StudyRecord>(&record);
    if (header == nullptr)
      throw Error("the journal does not begin with a study", Place{store_->url(), 0, ""},
                  "this is not a store of hone, or a newer program wrote it");
    header_ = *header;
    has_header_ = true;
  });
  if (!has_header_)
    throw Error("there is no study in this store", Place{store_->url(), 0, ""}, "run hone search");
  const std::size_t n = header_.objectives.size();
  worst_.assign(n, -std::numeric_limits<double>::infinity());
  best_.assign(n, std::numeric_limits<double>::infinity());
}

void Study::listen(Listener listener) {
  if (applied_ > 1) throw internal_error("a listener was added to a study that had already begun");
  listeners_.push_back(std::move(listener));
}

bool Study::sync() {
  const std::int64_t before = applied_;
  store_->read(applied_, [&](const Event& event) {
    if (event.sequence != applied_ + 1)
      throw Error(fmt::format("event {} is missing from the journal", applied_ + 1),
                  Place{store_->url(), 0, ""}, "the store is damaged; restore it from a copy");
    apply(decode(event), event.time_s);
    applied_ = event.sequence;
  });
  return applied_ != before;
}

bool Study::commit(const std::vector<Record>& records, Store::Commit leases) {
  leases.events.reserve(records.size());
  for (const Record& record : records) leases.events.push_back(encode(record));
  const Store::Receipt receipt = store_->commit(leases);
  if (!receipt.done) return false;
  if (records.empty()) return true;
  if (receipt.first == applied_ + 1) {
    // Nobody wrote in between: what was just encoded need not be read back.
    for (const Record& record : records) {
      apply(record, receipt.time_s);
      ++applied_;
    }
  } else {
    sync();
  }
  return true;
}

const Trial& Study::trial(std::int64_t id) const {
  if (id < 0 || id >= size())
    throw Error(
        fmt::format("there is no trial {}", id), {},
        trials_.empty() ? "the study has no trials yet" : fmt::format("trials go from 0 to {}", size() - 1));
  return trials_[static_cast<std::size_t>(id)];
}

Trial& Study::at(std::int64_t id) {
  if (id < 0 || id >= size())
    throw Error(fmt::format("the journal speaks of trial {} before it was proposed", id),
                Place{store_->url(), 0, ""}, "the store is damaged; restore it from a copy");
  return trials_[static_cast<std::size_t>(id)];
}

const Trial* Study::find(Key config_key) const {
  const auto found = by_key_.find(config_key);
  return found == by_key_.end() ? nullptr : &trials_[static_cast<std::size_t>(found->second)];
}

const std::vector<std::int64_t>& Study::followers(std::int64_t id) const {
  static const std::vector<std::int64_t> none;
  const auto found = followers_.find(id);
  return found == followers_.end() ? none : found->second;
}

std::vector<double> Study::reference() const {
  std::vector<double> point;
  for (std::size_t i = 0; i < worst_.size(); ++i) {
    if (!(worst_[i] >= best_[i])) return {};
    const double range = worst_[i] - best_[i];
    point.push_back(worst_[i] + (range > 0.0 ? 0.1 * range : std::max(0.1 * std::abs(worst_[i]), 1e-12)));
  }
  return point;
}

double Study::elapsed_s(double now) const {
  return closed_s_ + (open_ ? std::max(0.0, now - session_s_) : 0.0);
}

void Study::tell(Change::Kind kind, const Trial& trial, const Result* result) {
  const Change change{kind, &trial, result};
  for (const Listener& listener : listeners_) listener(change);
}

void Study::set_state(Trial& trial, TrialState state) {
  --counts_[static_cast<std::size_t>(trial.state)];
  ++counts_[static_cast<std::size_t>(state)];
  if (trial.state == TrialState::waiting) std::erase(waiting_, trial.id);
  trial.state = state;
  if (state == TrialState::waiting) waiting_.push_back(trial.id);
}

void Study::add_result(Trial& trial, const Result& result) {
  const auto place =
      std::upper_bound(trial.results.begin(), trial.results.end(), result.fidelity,
                       [](std::int64_t fidelity, const Result& known) { return fidelity < known.fidelity; });
  const auto added = trial.results.insert(place, result);
  if (trial.same_as >= 0)
    saved_.fidelity += result.fidelity - (added == trial.results.begin() ? 0 : (added - 1)->fidelity);
  if (result.fidelity >= header_.horizon) {
    std::vector<double> values = oriented(header_.objectives, result.measures);
    if (std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); })) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        worst_[i] = std::max(worst_[i], values[i]);
        best_[i] = std::min(best_[i], values[i]);
      }
      front_.insert(trial.id, std::move(values));
    }
  }
  tell(Change::Kind::result, trial, &*added);
}

void Study::mirror(const Result& result, const Trial& twin, Trial& follower) {
  if (follower.at(result.fidelity) != nullptr) return;
  const bool same_structure =
      !twin.keys.structural.none() && twin.keys.structural == follower.keys.structural;
  Result mirrored{result.fidelity, {}};
  for (const auto& [name, value] : result.measures.entries()) {
    const auto& unshared = header_.unshared;
    if (same_structure || std::find(unshared.begin(), unshared.end(), name) == unshared.end())
      mirrored.measures.set(name, value);
  }
  mirrored.measures.merge(follower.costs);
  add_result(follower, mirrored);
}

void Study::apply(const Record& record, double time_s) {
  if (first_time_s_ == 0.0) first_time_s_ = time_s;
  if (const auto* r = std::get_if<SessionRecord>(&record)) {
    (void)r;
    // A session that was killed never said that it ended: it lasted until its last event.
    if (open_) closed_s_ += std::max(0.0, last_time_s_ - session_s_);
    open_ = true;
    session_s_ = time_s;
    ++sessions_;
    last_end_.clear();
  } else if (const auto* r = std::get_if<EndedRecord>(&record)) {
    if (open_) closed_s_ += std::max(0.0, time_s - session_s_);
    open_ = false;
    last_end_ = r->why;
  } else if (const auto* r = std::get_if<TrialRecord>(&record)) {
    if (r->trial != size())
      throw Error(fmt::format("the journal proposes trial {} where {} is due", r->trial, size()),
                  Place{store_->url(), 0, ""}, "the store is damaged; restore it from a copy");
    Trial& trial = trials_.emplace_back();
    trial.id = r->trial;
    trial.config = r->config;
    trial.key = r->config.key();
    trial.origin = r->origin;
    trial.seed = r->seed;
    trial.created_s = time_s;
    by_key_.emplace(trial.key, trial.id);
    ++counts_[static_cast<std::size_t>(TrialState::waiting)];
    waiting_.push_back(trial.id);
    saved_.repeated_config += r->repeats;
    tell(Change::Kind::created, trial);
  } else if (const auto* r = std::get_if<StartRecord>(&record)) {
    Trial& trial = at(r->trial);
    trial.attempts = r->attempt;
    trial.worker = r->worker;
    trial.target = r->to;
    set_state(trial, TrialState::running);
    tell(Change::Kind::started, trial);
  } else if (const auto* r = std::get_if<KeysRecord>(&record)) {
    Trial& trial = at(r->trial);
    if (!r->keys.structural.none()) trial.keys.structural = r->keys.structural;
    if (!r->keys.functional.none()) trial.keys.functional = r->keys.functional;
    trial.costs.merge(r->costs);
    tell(Change::Kind::keys, trial);
  } else if (const auto* r = std::get_if<ResultRecord>(&record)) {
    Trial& trial = at(r->trial);
    if (trial.at(r->result.fidelity) != nullptr) return;  // a result stands once it is there
    add_result(trial, r->result);
    for (const std::int64_t id : followers(trial.id)) mirror(r->result, trial, at(id));
  } else if (const auto* r = std::get_if<EndRecord>(&record)) {
    Trial& trial = at(r->trial);
    trial.reason = r->reason;
    trial.cause = r->cause;
    trial.spent_s += r->spent_s;
    trial.lost += r->lost ? 1 : 0;
    trial.finished_s = time_s;
    trial.curve.insert(trial.curve.end(), r->curve.begin(), r->curve.end());
    if (r->same_as >= 0) {
      const Trial& twin = at(r->same_as);
      trial.same_as = r->same_as;
      followers_[r->same_as].push_back(trial.id);
      const bool structure = !trial.keys.structural.none() && trial.keys.structural == twin.keys.structural;
      ++(structure ? saved_.same_structure : saved_.same_function);
    }
    if (r->untrained) ++saved_.over_limit;
    set_state(trial, r->state);
    tell(Change::Kind::state, trial);
    if (r->same_as >= 0)
      for (const Result& result : at(r->same_as).results) mirror(result, at(r->same_as), trial);
  }
  last_time_s_ = time_s;
}

}  // namespace hone::study
