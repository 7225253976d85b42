#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "hone/study/store.h"
#include "hone/study/trial.h"

namespace hone::study {

// What the journal's events say, typed. One struct a kind; docs/formats.md has them in prose.

/// What another study found, for this one to begin with: configs as they were there, with the values of this
/// study's objectives in their order, oriented (less is better).
struct WarmStudy {
  std::string name;
  std::vector<std::pair<space::Config, std::vector<double>>> results = {};  ///< finite, the best first
  bool operator==(const WarmStudy&) const = default;
};

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
  /// Measures that tell what a candidate costs rather than how good it is: their limits hold at every
  /// fidelity, those of others at the horizon. Empty: those measured before training, and the unshared ones.
  std::vector<std::string> costs = {};
  std::vector<Limit> limits = {};  ///< on the measures at the horizon: what breaks one is not on the front
  /// Evaluations of a config on the front, with different seeds; 1: one.
  std::int64_t replicates = 1;
  Aggregate aggregate = Aggregate::mean;  ///< what they count together
  std::vector<WarmStudy> warm = {};       ///< earlier studies that searchers learn from
  bool operator==(const StudyRecord&) const = default;
};

/// "revised": the study goes on with another study file: another budget or limits, a space extended. One that
/// a program made, without a file: with a larger horizon. Its trials stay comparable.
struct RevisedRecord {
  std::string file;
  std::string text;
  std::vector<Limit> limits;
  std::int64_t replicates = 1;
  Aggregate aggregate = Aggregate::mean;
  std::vector<std::string> changes;  ///< in words
  std::int64_t horizon = 0;          ///< the front is at this fidelity from now on; 0: where it was
};

/// "session": somebody began to work on the study. The time that sessions cover counts against its budget:
/// see Sessions.
struct SessionRecord {
  std::int64_t workers = 0;
  std::string budget;     ///< in words
  std::string boot = {};  ///< of the machine, since it was started: see boot_id
  std::string mark = {};  ///< what its workers' names end with, behind a dot; "": not known
};

/// "ended": the session's end, with why in words.
struct EndedRecord {
  std::string why;
  std::string mark = {};  ///< of the session; "": the last one that began
};

/// "trial": a config was proposed.
struct TrialRecord {
  std::int64_t trial = 0;
  space::Config config;
  std::string origin;
  std::uint64_t seed = 0;
  std::int64_t repeats = 0;    ///< proposals before it that repeated a known config, and were not run
  std::int64_t of = -1;        ///< a replicate of this trial
  std::int64_t replicate = 0;  ///< 1, 2, ...; 0: no replicate
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
  double probe_s = 0.0;         ///< seconds that computing the functional key took
  double costs_s = 0.0;         ///< seconds that measuring the costs took
  std::int64_t joins = -1;      ///< see Trial::joins
  std::string unhashable = {};  ///< why its probe gave no functional key; "" where it did or was not asked
};

/// "result": measures at a fidelity.
struct ResultRecord {
  std::int64_t trial = 0;
  std::int64_t attempt = 0;
  Result result;
};

/// "end": an attempt ended; the trial's state is now `state` (waiting: given back). With same_as, the trial
/// takes every result of that one, present and future, with its own costs, and ends as that one and the
/// limits say, whatever `state` is. Once limits were revised, those that hold now decide whether a trial is
/// completed or infeasible.
struct EndRecord {
  std::int64_t trial = 0;
  std::int64_t attempt = 0;
  TrialState state = TrialState::completed;
  std::string reason;
  double spent_s = 0.0;
  std::int64_t same_as = -1;
  Curve curve;
  bool lost = false;       ///< the worker died of it
  bool untrained = false;  ///< infeasible before any training
  std::string cause = {};  ///< of failed and infeasible: see Trial::cause
  bool vanished = false;   ///< the worker was gone, nobody knows why
  /// With state waiting: it waits until this trial, which computes the same function, has ended its run.
  std::int64_t behind = -1;
  std::optional<std::int64_t> reached = {};  ///< fidelity that a run without a result got to, where known
  Measures spent = {};  ///< of a run that left no result: what it told all the same (what it cost)
  /// What this attempt took by itself, whatever its results count in; by measure, of those where it is known.
  Measures took = {};
};

/// "retry": a trial that had ended waits again; what it reached stays.
struct RetryRecord {
  std::int64_t trial = 0;
};

/// "delete": the user took a trial out of the study.
struct DeleteRecord {
  std::int64_t trial = 0;
};

/// "late": what an attempt brought after its lease was lost. Kept as data, never applied.
struct LateRecord {
  std::int64_t trial = 0;
  std::int64_t attempt = 0;
  Json outcome;
};

/// An event of a kind or version that this program does not know. Kept, skipped.
struct UnknownRecord {};

using Record =
    std::variant<StudyRecord, RevisedRecord, SessionRecord, EndedRecord, TrialRecord, StartRecord, KeysRecord,
                 ResultRecord, EndRecord, RetryRecord, DeleteRecord, LateRecord, UnknownRecord>;

/// The events that say these records. Neighbours that belong together share one: a proposal and its first
/// attempt ("run"), a result and the end of its attempt ("done").
std::vector<Event> encode(std::span<const Record> records);
Event encode(const Record& record);
/// The records of an event, in order. Throws Error where the payload of a known kind is malformed.
void decode(const Event& event, std::vector<Record>& records);
Record decode(const Event& event);  ///< the first of them

}  // namespace hone::study
