#pragma once

// For the units of this room that work on MLIR's own structures.
#include <cstdint>

#include <mlir/IR/Value.h>

namespace hone::label {

/// How large a function's argument of type index may be where all that it does is to end loops, whose
/// variables (by themselves, or with a constant added) only say places in buffers of fixed shape: the
/// smallest of their dimensions. 0: it does something else too, or there is no such dimension.
std::int64_t extent_of(mlir::Value argument);

}  // namespace hone::label
