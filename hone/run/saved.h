#pragma once

#include <cstdint>
#include <string>

#include "hone/identity/collisions.h"
#include "hone/run/study_file.h"
#include "hone/study/study.h"

namespace hone::run {

// What recognising candidates saved and cost, for status, report and progress.

/// After so many candidates in a row whose function was known it is said that nothing new comes.
constexpr std::int64_t kKnownInARow = 25;

/// Evaluations that were not needed: {evaluations, identity, over_limit, fidelity, unit, why: [{kind, reason,
/// count}], evaluation_s, probes, unhashable, probe_s, probe_share, known_in_a_row, advice}. evaluation_s:
/// what the trials whose results were reused took, once for each use; probe_s: what computing functional keys
/// took, and probe_share its share of evaluation_s (null where that is 0). advice: "" while new functions
/// come. unhashable: {count, trial, reason} of the trials whose probe gave no functional key, the first of
/// them; null where there are none.
Json saved_json(const study::Study& study, const StudyFile& file);
/// The same for people: lines that begin with two blanks.
std::string saved_text(const Json& saved);

/// That probes gave no functional keys, of how many trials, and why the first did not; "" where all did.
std::string unhashable_text(const Json& saved);

/// What to do about a searcher that proposes known functions only; "" where the last kKnownInARow candidates
/// were not all known.
std::string nothing_new_text(const study::Study& study, const StudyFile& file);

/// Of a study whose policy is `count`: its collisions, counted over all its trials (a light study is read
/// whole for that); null where it has another policy.
Json collisions_json(const study::Study& study, const StudyFile& file);
/// The same for people; "" of null.
std::string collisions_text(const Json& collisions);

}  // namespace hone::run
