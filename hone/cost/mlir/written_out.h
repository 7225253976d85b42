#pragma once

#include <optional>
#include <vector>

#include "hone/cost/mlir/lowered.h"
#include "hone/cost/mlir/text.h"

namespace hone::cost::mlir {

/// Loops, by operation, that a compiler writes out early, where bounds of others inside depend on them.
struct BoundingLoops {
  std::vector<int> bounds;   ///< each copy of what is inside goes round as often as it alone does
  std::vector<int> between;  ///< written out before that is known of what is inside
};
/// None is looked for where no bound depends on a loop.
BoundingLoops bounding_loops(const Nest& nest, const CodeTarget& target);

/// A module with loops of one function written out in its text.
struct WrittenOut {
  Module module;
  std::vector<int> early;  ///< of its loops, by operation: copies of those between

  /// The nest of the function that stood at a place among the operations, which it keeps.
  Nest nest(int function) const;
};
/// An iteration after the other, its variable a constant, of the loops whose bounds are constants there. None
/// where that is none of them, or longer than costs are worth.
std::optional<WrittenOut> written_out(const Module& module, const BoundingLoops& loops);

}  // namespace hone::cost::mlir
