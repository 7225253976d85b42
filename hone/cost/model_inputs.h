#pragma once

#include <vector>

#include "hone/cost/mlir/features.h"

namespace hone::cost {

/// What models of a whole function are given: logarithms of the features, ratios of those that belong
/// together, the simple machine's estimates summed over its loops, and the row (loop_feature_names()) of the
/// loop that takes most.
std::vector<double> model_inputs(const mlir::Features& features);

}  // namespace hone::cost
