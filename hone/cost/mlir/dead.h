#pragma once

#include <vector>

#include "hone/cost/mlir/text.h"

namespace hone::cost::mlir {

/// By operation of the module: whether any compiler takes it out of a function, because its result is a
/// constant (whole numbers times zero) or nothing needs it: results that are not used, stores into buffers
/// of the function's own that nothing reads, stores of what was loaded from the same place. Operations
/// outside the function are not looked at.
std::vector<bool> dead_operations(const Module& module, int function);

}  // namespace hone::cost::mlir
