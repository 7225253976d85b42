#pragma once

#include <string>
#include <vector>

#include "hone/cost/mlir/text.h"

namespace hone::cost::mlir {

/// What costs of a function rest on beside its text, in words: what the text leaves open and is counted as
/// Nest::kUnknownTrips, jumps, operations of which nothing is known. Empty where there is nothing. Of one
/// operation of Module::functions().
std::vector<std::string> assumed(const Module& module, int function);

}  // namespace hone::cost::mlir
