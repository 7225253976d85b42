#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "hone/base/key.h"
#include "hone/space/config.h"
#include "hone/study/objective.h"

namespace hone::study {

enum class TrialState {
  waiting,     ///< proposed, or given back by an interrupted attempt; will be run
  running,     ///< a worker holds its lease
  paused,      ///< has a result at some fidelity; the scheduler may promote it
  completed,   ///< has its result at the last fidelity that it will get
  pruned,      ///< stopped by the scheduler
  infeasible,  ///< outside the limits
  failed,      ///< crashed, diverged, NaN, over its time or memory; see reason and cause
  stale,       ///< its workers vanished again and again, and nobody knows why; `hone trial retry` runs it
  deleted,     ///< taken out by the user; stays in the journal only
};
inline constexpr std::size_t kTrialStates = 9;
const char* state_name(TrialState state);
TrialState state_from_name(const std::string& name);  ///< throws Error

/// What a trial gave at a fidelity.
struct Result {
  std::int64_t fidelity = 0;
  Measures measures;  ///< metrics and costs
};

/// The candidate's keys; none() until known.
struct Keys {
  Key structural;
  Key functional;
  /// The functional keys that it could have been known by as well: what rounding decides.
  std::vector<Key> near = {};
};

/// One point of a learning curve: (fidelity, value).
using Curve = std::vector<std::pair<double, double>>;

/// A config being evaluated, and all that came of it. A plain value, kept by Study.
struct Trial {
  std::int64_t id = 0;  ///< 0, 1, 2, ... in the order proposed
  space::Config config;
  Key key;             ///< the config key
  std::string origin;  ///< which searcher proposed it
  std::uint64_t seed = 0;
  TrialState state = TrialState::waiting;
  std::string reason;  ///< of failed, infeasible, pruned, stale: a sentence for people
  /// Of failed: its kind, to count by: "exit", "signal", "time", "memory", "nan", "diverged", "missing" (a
  /// measure), "crash" (of the worker), "error". "" where there is none.
  std::string cause;
  std::int64_t from = 0;        ///< the fidelity of its last result when its last attempt began; 0: none
  std::int64_t target = 0;      ///< the fidelity that it was last asked to reach
  std::vector<Result> results;  ///< by ascending fidelity, one each
  Measures costs;               ///< measured before training, by structural key
  Keys keys;
  std::int64_t of = -1;        ///< a replicate: the first trial of the same config; -1: it is the first
  std::int64_t replicate = 0;  ///< 0: the first; 1, 2, ...: with other seeds
  std::int64_t behind = -1;  ///< waiting: for this trial's end, since it computes the same function; -1: free
  std::int64_t same_as = -1;  ///< the trial whose result was reused; -1: evaluated itself
  std::int64_t joins = -1;    ///< evaluated as a further evaluation of this trial's function; -1: not so
  std::int64_t attempts = 0;  ///< leases taken so far
  std::int64_t lost = 0;      ///< attempts that their worker died of
  std::int64_t vanished = 0;  ///< attempts whose worker was gone, nobody knows why
  std::string worker;         ///< of the last attempt
  Curve curve;                ///< training loss, where the task reports one
  double created_s = 0.0;     ///< store's clock
  double finished_s = 0.0;
  double spent_s = 0.0;  ///< seconds under lease, over all attempts
  double probe_s = 0.0;  ///< of those: computing its functional key
  double costs_s = 0.0;  ///< of those: measuring its costs before training

  bool done() const {
    return state != TrialState::waiting && state != TrialState::running && state != TrialState::paused;
  }
  /// Seconds that evaluating it took, beside what telling its keys and costs did.
  double evaluation_s() const { return std::max(0.0, spent_s - probe_s - costs_s); }
  /// The result at `fidelity`, or null.
  const Result* at(std::int64_t fidelity) const;
  const Result* last() const { return results.empty() ? nullptr : &results.back(); }
};

/// One step of a study, as its incremental views (searchers, schedulers, front, identity) are told it. The
/// journal's order; each exactly once.
struct Change {
  enum class Kind {
    created,  ///< a trial was proposed; it counts as running until it is done or paused
    started,  ///< an attempt took it (trial->target says to which fidelity)
    result,   ///< *result is new: a result at a fidelity
    state,    ///< its state changed (paused, completed, pruned, infeasible, failed, waiting again)
    keys,     ///< its keys or costs became known
    deleted,  ///< it was taken out: what was told of it no longer counts
  };
  Kind kind;
  const Trial* trial = nullptr;    ///< as it is after the change; valid during the call
  const Result* result = nullptr;  ///< of Kind::result
};

}  // namespace hone::study
