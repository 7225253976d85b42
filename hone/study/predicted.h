#pragma once

#include <string>

namespace hone::study {

/// The name under which a prediction of a measure stands among what is known of a trial before it runs.
inline std::string predicted_name(const std::string& measure) { return measure + "_predicted"; }

}  // namespace hone::study
