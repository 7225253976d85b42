#pragma once

#include "hone/cost/mlir/vectorise.h"

namespace hone::cost::mlir {

/// Fills in how many instructions of each loop's code move a value to the stack or back for want of registers
/// (Lowered::Body::spills). The written-out iterations of what the loop's body became are gone through one
/// after the other, in the order of the text, what is equal once; of the values in registers the one that is
/// needed last gives way (Belady, "A Study of Replacement Algorithms for a Virtual-Storage Computer", 1966).
/// A compiler's order differs, so this is an estimate.
void spill(const Nest& nest, const ValueUses& uses, Lowered& lowered);

}  // namespace hone::cost::mlir
