#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hone/cost/mlir/nest.h"
#include "hone/cost/mlir/target.h"

namespace hone::cost::mlir {

/// A cache by the sets that a line may lie in, which repeat after so many bytes of addresses.
struct CacheSets {
  std::int64_t period;
  double ways;  ///< places of a set

  /// Different sets along a stride of a line or more: those of powers of two leave most empty.
  double along(double stride_bytes) const {
    const auto step = static_cast<std::int64_t>(std::min(stride_bytes, 1e15));
    return static_cast<double>(period / std::max<std::int64_t>(64, std::gcd(step, period)));
  }
};
/// The first and the second cache of a machine.
std::array<CacheSets, 2> cache_sets(const CodeTarget& target);

/// Which bytes a nest touches, and how often they must come from further away. Footprints count distinct
/// cache lines of 64 bytes from the affine indices: spans along a buffer's dimensions, the union of accesses
/// that differ by constants (a stencil, an unrolled body), never more than the buffer holds.
class Reuse {
 public:
  static constexpr double kLine = 64.0;

  /// Of lines of so many bytes: pages, too, whose translations are kept in caches of their own.
  explicit Reuse(const Nest& nest, double line = kLine, const CodeTarget& target = {});

  /// Bytes touched in one run of a loop, its outer variables at rest; of the whole function: loop -1.
  double working_set(int loop) const { return working_sets_[static_cast<std::size_t>(loop + 1)]; }
  /// Bytes that go into a fully associative cache of this size: what a run of the outermost loop touches of
  /// which one iteration fits is fetched once a run, for what the next iteration touches again is still there
  /// (the layer condition of Stengel, Treibig, Hager and Wellein, "Quantifying Performance Bottlenecks of
  /// Stencil Computations Using the Execution-Cache-Memory Model", 2015). What is written counts twice.
  double traffic(double cache_bytes) const;
  /// A loop around another one of which so many iterations run at once, the inner one written out.
  struct AtOnce {
    int loop = -1;
    double iterations = 1.0;
  };
  /// The same, by the innermost loop around the accesses: number 0 outside all loops, then loop by loop.
  /// `at_once`: for each loop of the nest, or none.
  std::vector<double> traffic_by_loop(double cache_bytes, std::span<const AtOnce> at_once = {}) const;
  /// Lines that come from beyond, likewise; of pages those alone whose places the indices tell.
  std::vector<double> fetched_by_loop(double cache_bytes) const;
  /// Of an access: elements from one iteration of its innermost loop to the next, over all dimensions; NaN
  /// where it is not known.
  double stride(const Nest::Access& access) const;

  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

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
    /// The first of these of which an iteration crowds the first cache, and the second.
    std::size_t crowded_near = kNowhere, crowded_far = kNowhere;
  };
  /// Of one run of a loop, or of one iteration.
  double lines(const Group& group, int loop, bool iteration = false) const;
  /// Whether a group's places are only known when it runs, and lines that come from beyond a cache if so.
  bool anywhere(const Group& group) const;
  double at_random(const Group& group, double cache_bytes) const;
  double fetched(const Group& group, double cache_bytes, std::span<const AtOnce> at_once) const;
  double stride(const Nest::Access& access, int along) const;
  /// Of what groups touch in a loop, each buffer at most once.
  void add_lines(std::vector<double>& sets, std::unordered_map<std::uint64_t, double>& touched, int loop,
                 const Group& group, double count) const;
  double iteration_set(int loop) const { return iteration_sets_[static_cast<std::size_t>(loop + 1)]; }
  std::size_t contiguous(const Nest::Buffer& buffer) const;
  /// Where the lines of a group that one iteration of a loop touches come to lie in more places of the first
  /// and second cache than those have.
  void crowd(Group& group) const;

  const Nest& nest_;
  std::array<CacheSets, 2> sets_;
  double line_;
  std::vector<Group> groups_;
  std::vector<double> working_sets_, iteration_sets_;  ///< bytes
};

}  // namespace hone::cost::mlir
