#pragma once

#include <string>

#include "hone/base/options.h"
#include "hone/space/space.h"

namespace hone::task {

/// Checks that every value which a parameter of the space can take is one that the task's setting can take.
/// Throws Error at the parameter's place.
void check_parameter(const std::string& task, const space::Parameter& parameter, const OptionSpec& spec);

}  // namespace hone::task
