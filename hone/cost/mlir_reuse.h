#pragma once

#include <vector>

#include "hone/cost/mlir_nest.h"

namespace hone::cost::mlir {

/// Which bytes a nest touches, and how often they must come from further away. Footprints count distinct
/// cache lines of 64 bytes from the affine indices: spans along a buffer's dimensions, the union of accesses
/// that differ by constants (a stencil, an unrolled body), never more than the buffer holds.
class Reuse {
 public:
  static constexpr double kLine = 64.0;

  explicit Reuse(const Nest& nest);

  /// Bytes touched in one run of a loop, its outer variables at rest; of the whole function: loop -1.
  double working_set(int loop) const { return working_sets_[static_cast<std::size_t>(loop + 1)]; }
  /// Bytes that go into a fully associative cache of this size: what one run of the outermost loop touches
  /// whose working set fits is fetched once a run. What is written counts twice.
  double traffic(double cache_bytes) const;
  /// The same, by the innermost loop around the accesses: number 0 outside all loops, then loop by loop.
  std::vector<double> traffic_by_loop(double cache_bytes) const;
  /// Of an access: elements from one iteration of its innermost loop to the next, over all dimensions; NaN
  /// where it is not known.
  double stride(const Nest::Access& access) const;

 private:
  /// Accesses of one innermost loop to one buffer, alike but for constants.
  struct Group {
    int buffer = -1, loop = -1;
    bool stored = false;
    double count = 0.0;     ///< accesses made
    double elements = 1.0;  ///< at once
    const Nest::Access* access = nullptr;
    std::vector<double> least, most;  ///< constants by dimension
    int members = 0;
    std::vector<std::pair<int, double>> lines;  ///< by loop around, from the innermost outwards, -1 last
  };
  double lines(const Group& group, int loop) const;
  std::size_t contiguous(const Nest::Buffer& buffer) const;

  const Nest& nest_;
  std::vector<Group> groups_;
  std::vector<double> working_sets_;
};

}  // namespace hone::cost::mlir
