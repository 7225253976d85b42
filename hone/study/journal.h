#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "hone/study/store.h"
#include "hone/study/trial.h"

namespace hone::study {

// What the journal's events say, typed. One struct a kind; docs/formats.md has them in prose.

/// "study", the first event: what the study is. `text` is the study file as it was.
struct StudyRecord {
  std::string name;
  std::string file;
  std::string text;
  std::uint64_t seed = 0;
  std::vector<Objective> objectives;
  std::int64_t horizon = 1;  ///< the fidelity at which the front is
  std::string data = {};     ///< identity of the task's data; "" where it has none
  /// Measures that belong to how a candidate is built rather than to what it computes (memory, seconds): one
  /// that is the same function under another structure does not take them over.
  std::vector<std::string> unshared = {};
  bool operator==(const StudyRecord&) const = default;
};

/// "session": somebody began to work on the study. Time since then counts against its budget up to the last
/// event before the next session.
struct SessionRecord {
  std::int64_t workers = 0;
  std::string budget;  ///< in words
};

/// "ended": the session's end, with why in words.
struct EndedRecord {
  std::string why;
};

/// "trial": a config was proposed.
struct TrialRecord {
  std::int64_t trial = 0;
  space::Config config;
  std::string origin;
  std::uint64_t seed = 0;
  std::int64_t repeats = 0;  ///< proposals before it that repeated a known config, and were not run
};

/// "start": an attempt took the trial.
struct StartRecord {
  std::int64_t trial = 0;
  std::int64_t attempt = 0;  ///< 1, 2, ...: the lease's token
  std::string worker;
  std::int64_t to = 0;  ///< fidelity to reach
};

/// "keys": the candidate's keys and its costs before training.
struct KeysRecord {
  std::int64_t trial = 0;
  Keys keys;
  Measures costs;
};

/// "result": measures at a fidelity.
struct ResultRecord {
  std::int64_t trial = 0;
  std::int64_t attempt = 0;
  Result result;
};

/// "end": an attempt ended; the trial's state is now `state` (waiting: given back). With same_as, the trial
/// takes every result of that one, present and future, with its own costs.
struct EndRecord {
  std::int64_t trial = 0;
  std::int64_t attempt = 0;
  TrialState state = TrialState::completed;
  std::string reason;
  double spent_s = 0.0;
  std::int64_t same_as = -1;
  Curve curve;
  bool lost = false;       ///< the worker died or vanished
  bool untrained = false;  ///< infeasible before any training
  std::string cause = {};  ///< of failed: see Trial::cause
};

/// "late": what an attempt brought after its lease was lost. Kept as data, never applied.
struct LateRecord {
  std::int64_t trial = 0;
  std::int64_t attempt = 0;
  Json outcome;
};

/// An event of a kind or version that this program does not know. Kept, skipped.
struct UnknownRecord {};

using Record = std::variant<StudyRecord, SessionRecord, EndedRecord, TrialRecord, StartRecord, KeysRecord,
                            ResultRecord, EndRecord, LateRecord, UnknownRecord>;

Event encode(const Record& record);
/// Throws Error where the payload of a known kind is malformed.
Record decode(const Event& event);

}  // namespace hone::study
