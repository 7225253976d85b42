#pragma once

#include <cstddef>
#include <vector>

#include "hone/cost/mlir/lowered.h"
#include "hone/cost/mlir/nest.h"
#include "hone/cost/mlir/opcode.h"

namespace hone::cost::mlir {

/// What is left in a loop's body, an iteration.
struct LoopBody {
  double work[kWorks] = {};
  double real = 0.0, wide = 0.0;  ///< steps on reals; elements a step, summed
  double steps = 0.0, element_bytes = 0.0;
  double extrema = 0.0;  ///< that hand NaN on
  double loads = 0.0, stores = 0.0, promoted = 0.0;
  double unit = 0.0, still = 0.0, near = 0.0, far = 0.0, indirect = 0.0;  ///< by this loop's variable
  double switched = 0.0, apart = 0.0;    ///< accesses by masks; elements of vectors one by one
  double gathers = 0.0, scatters = 0.0;  ///< of vectors
  double unit_stores = 0.0, vector_elements = 0.0, side_by_side = 1.0;
  double crowded_near = 0.0, crowded_far = 0.0;  ///< lines a set of the first and second cache
  double places = 0.0;                           ///< accesses that move differently
  double reals = 0.0, integers = 0.0, loaded = 0.0, stored = 0.0;  ///< operations on elements, bytes
  std::vector<std::size_t> items;                                  ///< of Lowered::items

  /// Part of the accesses that take another line each time.
  double lines_apart() const;
};

/// By loop + 1: first what stands outside all loops.
std::vector<LoopBody> loop_bodies(const Nest& nest, const Lowered& lowered);

/// The loop around that is left; -1: none.
int left_around(const Nest& nest, const Lowered& lowered, int loop);

}  // namespace hone::cost::mlir
