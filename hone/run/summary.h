#pragma once

#include <string>
#include <vector>

#include "hone/run/study_file.h"
#include "hone/study/study.h"

namespace hone::run {

/// What `hone status` says, as one JSON document: counts by state, front size, hypervolume, saved
/// evaluations with reasons, elapsed time, budget.
Json status_json(const study::Study& study, const StudyFile& file);
/// The same for people, some lines.
std::string status_text(const study::Study& study, const StudyFile& file);

/// The front: a list of {trial, config, measures, fidelity}, best first by the first objective.
Json front_json(const study::Study& study);
/// A table for people: objectives, other measures, and the parameters in which the members differ.
std::string front_text(const study::Study& study, const StudyFile& file);

/// The document of the report page (see report.h).
Json report_json(const study::Study& study, const StudyFile& file, const std::string& sample = {});

/// Hypervolume of the front up to the study's reference point; 0 where there is none.
double front_hypervolume(const study::Study& study);

/// Rows of equal length as aligned columns; numbers to the right.
std::string table_text(const std::vector<std::vector<std::string>>& rows);

/// "60 trials or 3:00, 2 workers"
std::string budget_text(const Budget& budget);

}  // namespace hone::run
