#pragma once

#include <cstddef>
#include <vector>

#include "hone/cost/mlir/lowered.h"
#include "hone/cost/mlir/nest.h"

namespace hone::cost::mlir {

/// Instructions of a copy or clearing that is short: no call is made of it, it is written out, on vectors
/// where they are longer than a register of whole numbers.
struct ShortCopy {
  double loads = 0.0, stores = 0.0;
  double vectors = 0.0;  ///< of both together, those on vectors
};
/// Of one entry to a loop that only copies or clears (Lowered::Body::idiom); `items` is what it holds.
/// Nothing where it is long, or its length is not known.
ShortCopy short_copy(const Nest& nest, const Lowered& lowered, int loop,
                     const std::vector<std::size_t>& items);

}  // namespace hone::cost::mlir
