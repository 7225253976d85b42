#pragma once

#include "hone/cost/mlir/text.h"

namespace hone::cost::mlir {

/// Operations as they stand in the text of a function, each once however often it runs.
struct StaticCounts {
  double operations = 0.0, loops = 0.0;
  double adds = 0.0, multiplies = 0.0;  ///< fused ones are multiplications
  double expensive = 0.0;               ///< divisions, roots, transcendental functions
  double loads = 0.0, stores = 0.0, integers = 0.0, calls = 0.0;
  double vectors = 0.0;   ///< whose first result is a vector
  double branches = 0.0;  ///< with regions, and no loops
};

/// Of one operation of Module::functions().
StaticCounts static_counts(const Module& module, int function);

}  // namespace hone::cost::mlir
