#pragma once

#include "hone/run/study_file.h"
#include "hone/study/study.h"

namespace hone::run {

/// The front that a study shows. Under identity policy `average` functions have had different numbers of
/// noisy evaluations, and the best plain means are the luckiest: there it is the front of posterior means
/// (predict::posterior_means, objective by objective over the functions). Otherwise, and of a light study,
/// which has not read all trials, the study's own. Under `average`: O(trials) a call.
study::Front shown_front(const study::Study& study, const StudyFile& file);

}  // namespace hone::run
