#pragma once

// For the units of this room that work on MLIR's own structures.
#include <mlir/Dialect/Func/IR/FuncOps.h>

namespace hone::label {

// Steps to perfect nests, each of which keeps the results bit for bit. Buffers of different arguments are
// taken not to overlap.

/// Parallel loops become loops one in another.
void parallel_to_loops(mlir::func::FuncOp function);

/// Sums that loops carry in registers go through the memory they end in; where they do not end in memory as
/// they are, and the loops around have constant bounds, through a buffer with an element an iteration of
/// these.
void sums_to_memory(mlir::func::FuncOp function);

/// Loads and arithmetic between loops, as loop invariant code motion leaves them, go back into the loops that
/// use them, as far as nothing is stored to what is loaded until these have ended.
void sink_into_loops(mlir::func::FuncOp function);

}  // namespace hone::label
