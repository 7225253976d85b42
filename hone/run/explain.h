#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "hone/run/study_file.h"

namespace hone::run {

/// What was given on the command line beside the study file.
struct ExplainRequest {
  std::string store_url;                   ///< empty: the study's default
  std::int64_t workers = 0;                ///< 0: as the study file says
  std::optional<std::int64_t> trials;      ///< instead of the file's budget
  std::optional<double> time_s;            ///< for this session, instead of what the file's budget leaves
  std::optional<std::int64_t> steps = {};  ///< instead of the file's budget
};

/// What a search of this file would run with: every setting that holds, with where its value comes from
/// ("line 12", "default", "--workers", "searched": in the space), the space as it was read, the methods with
/// all their options and papers, the store and what is in it, and what the next search does there. Nothing is
/// run or written; the task's data is looked at.
///
///   file, folder, hone
///   sections   [{name, about, paper, settings: [{key, value, from, about}], notes: [text]}]: study, task,
///              space, limits, search, search.searcher, search.scheduler, budget; value null: not set
///   space      {parameters: [{name, is, when, cardinality, remark, line}], constraints, cardinality (without
///              constraints), count (with them), key}; null: not known
///   rungs, horizon, store, resume
Json explain_json(const StudyFile& file, const ExplainRequest& request);

/// The same as a study file with every default spelled out and commented: run instead of the original it
/// gives the same study.
std::string explain_text(const StudyFile& file, const ExplainRequest& request);

}  // namespace hone::run
