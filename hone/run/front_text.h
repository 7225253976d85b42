#pragma once

#include <string>

#include "hone/run/study_file.h"
#include "hone/study/study.h"

namespace hone::run {

/// The front as shown (posterior.h): a list of {trial, config, measures, fidelity}, best first by the first
/// objective; how many evaluations that is of, of several also their deviation, and under `average` the
/// posterior means that put it there.
Json front_json(const study::Study& study, const StudyFile& file);
/// A table for people: objectives (Shown::measures), other measures, and the parameters in which the members
/// differ. Wider than `width` columns (0: any width will do) it goes on below, with the trials' numbers
/// again.
std::string front_text(const study::Study& study, const StudyFile& file, std::size_t width = 0);

}  // namespace hone::run
