#pragma once

#include <algorithm>

#include "hone/study/journal.h"

namespace hone::study {

// What the records say of their trial alone, but for its state. For the files of this room only.

/// Whether the result says of its fidelity what the trial's results do not say yet: what stands there stands,
/// measure by measure.
inline bool adds(const Trial& trial, const Result& result) {
  const Result* stands = trial.at(result.fidelity);
  if (stands == nullptr) return true;
  const auto& told = result.measures.entries();
  return std::any_of(told.begin(), told.end(),
                     [&](const auto& entry) { return !stands->measures.find(entry.first); });
}

inline void put_result(Trial& trial, const Result& result) {
  const auto stands = std::find_if(trial.results.begin(), trial.results.end(),
                                   [&](const Result& known) { return known.fidelity == result.fidelity; });
  if (stands != trial.results.end()) {
    for (const auto& [name, value] : result.measures.entries())
      if (!stands->measures.find(name)) stands->measures.add(name, value);
    return;
  }
  const auto place =
      std::upper_bound(trial.results.begin(), trial.results.end(), result.fidelity,
                       [](std::int64_t fidelity, const Result& known) { return fidelity < known.fidelity; });
  trial.results.insert(place, result);
}

/// What a record says of its trial alone, but for its state, its results and whose it takes.
inline void change(Trial& trial, const StartRecord& r) {
  trial.attempts = r.attempt;
  trial.worker = r.worker;
  trial.from = trial.last() == nullptr ? 0 : trial.last()->fidelity;
  trial.target = r.to;
  trial.behind = -1;
}

inline void change(Trial& trial, const KeysRecord& r) {
  if (!r.keys.structural.none()) trial.keys.structural = r.keys.structural;
  if (!r.keys.functional.none()) {
    trial.keys.functional = r.keys.functional;
    trial.keys.near = r.keys.near;
  }
  trial.costs.merge(r.costs);
  trial.probe_s += r.probe_s;
  trial.costs_s += r.costs_s;
  if (r.joins >= 0) trial.joins = r.joins;
}

inline void change(Trial& trial, const EndRecord& r, double time_s) {
  trial.reason = r.reason;
  trial.cause = r.cause;
  trial.spent_s += r.spent_s;
  trial.lost += r.lost ? 1 : 0;
  trial.vanished += r.vanished ? 1 : 0;
  trial.finished_s = time_s;
  trial.curve.insert(trial.curve.end(), r.curve.begin(), r.curve.end());
  trial.behind = r.behind;
}

inline void change(Trial& trial, const RetryRecord&) {
  trial.reason.clear();
  trial.cause.clear();
  trial.lost = trial.vanished = 0;
  trial.behind = -1;
}

/// A trial of which nothing is left but that it was deleted: its proposal is lost with a damaged part of the
/// store, the number is taken.
inline Trial lost_trial(std::int64_t id, double time_s) {
  Trial lost;
  lost.id = id;
  lost.state = TrialState::deleted;
  lost.created_s = time_s;
  return lost;
}

/// Whether a run of it is due or under way.
inline bool busy(const Trial& trial) {
  return trial.state == TrialState::running || trial.state == TrialState::waiting;
}

/// The result at the horizon, or beyond where the horizon was nearer once; null: none.
inline const Result* final_result(const Trial& trial, std::int64_t horizon) {
  const Result* last = trial.last();
  return last != nullptr && last->fidelity >= horizon ? last : nullptr;
}

}  // namespace hone::study
