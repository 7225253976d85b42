#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hone::search {

/// Several objectives as one number, for searchers that follow one trajectory: the augmented Tchebycheff
/// function of ParEGO (Knowles, "ParEGO: A Hybrid Algorithm With On-Line Landscape Approximation for
/// Expensive Multiobjective Optimization Problems", 2006, rho = 0.05) of the values scaled to [0, 1] by the
/// range so far. Not thread safe.
class Chebyshev {
 public:
  explicit Chebyshev(std::size_t objectives) : weights_(objectives, 1.0 / static_cast<double>(objectives)) {}

  /// Draws weights uniform on the simplex, a function of seed and round.
  void draw(std::uint64_t seed, std::uint64_t round);
  /// Values that were told, oriented and finite: they widen the range.
  void widen(const std::vector<double>& values);
  /// Less is better. Comparable with others of the same weights and range only.
  double operator()(const std::vector<double>& values) const;

 private:
  std::vector<double> weights_, low_, high_;
};

}  // namespace hone::search
