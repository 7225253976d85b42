#pragma once

#include <cstdint>
#include <utility>

#include "hone/cost/few.h"
#include "hone/cost/mlir/nest.h"

namespace hone::cost::mlir {

/// An index as loops' variables, each times its factor, and a constant.
struct IndexSum {
  Few<std::pair<int, double>> terms;  ///< by loop ascending
  Few<int> stands;  ///< where each is known: its loop, or one inside that goes round once with it
  double constant = 0.0;
  std::uint64_t offset = 0;  ///< beside those, the same all through; 0: nothing
  std::uint64_t loaded = 0;  ///< what is known when it runs; 0: nothing
  int where = -1;            ///< loop of that

  /// The same for equal ones.
  std::uint64_t key() const;
  /// Whether it is a sum, of what does not depend on what is known when it runs.
  bool several() const;
};

/// Of an index of an access in the loop `inside`. `unlike` counts indices of which nothing says that another
/// is the same.
IndexSum index_sum(const Nest& nest, const Nest::Index& index, int inside, int& unlike);

}  // namespace hone::cost::mlir
