#pragma once

#include <string>

#include "hone/study/study.h"

namespace hone::run {

/// A warning, for people, where a study measured at least 16 trials that tell of its limits and none of them
/// keeps all of these, while most of its trials were turned away by forecast: the limits may be out of reach,
/// or the forecast knows only a region where they are. "" elsewhere. Looks at the
/// front and at the first kLookedBack trials, until one keeps the limits. Of a light study too.
std::string unkept_limits(const study::Study& study);

}  // namespace hone::run
