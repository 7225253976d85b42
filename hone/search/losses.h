#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "hone/predict/running_median.h"
#include "hone/search/searcher.h"

namespace hone::search {

/// What a trial gave, oriented (less is better), by ascending fidelity.
using Losses = std::vector<std::pair<std::int64_t, std::vector<double>>>;

/// Losses are kept within this, so that their differences are finite.
inline constexpr double kLargestLoss = 1e150;

/// A trial's finite results; none where it failed, is infeasible, was pruned or deleted, or breaks_limits.
Losses losses_of(const Problem& problem, const study::Trial& trial);

/// One number of several objectives: the augmented weighted Chebyshev norm of ParEGO (Knowles, "ParEGO: A
/// Hybrid Algorithm With On-Line Landscape Approximation for Expensive Multiobjective Optimization Problems",
/// 2006, equation 2; rho = 0.05), each objective as a share of the range seen so far, of which what is
/// further from the median than ten times the best is no part: one value that diverged would make all others
/// alike. Of one objective: its value. Not thread safe.
class Scalar {
 public:
  explicit Scalar(std::size_t objectives) : low_(objectives), high_(objectives), medians_(objectives) {}

  /// Widens the ranges by finite values.
  void see(const std::vector<double>& values);
  double at(const std::vector<double>& values, const std::vector<double>& weights) const;
  /// Whether `a` is better than `b` at the highest fidelity that both have. Nothing is better than anything
  /// where one is empty, except something than nothing.
  bool better(const Losses& a, const Losses& b, const std::vector<double>& weights) const;
  /// Weights of sum 1, uniform on the simplex; of one objective {1}.
  static std::vector<double> draw_weights(std::size_t objectives, Rng& rng);
  static std::vector<double> equal_weights(std::size_t objectives) {
    return std::vector<double>(objectives, 1.0 / static_cast<double>(objectives));
  }

 private:
  bool any_ = false;
  std::vector<double> low_, high_;
  std::vector<predict::RunningMedian> medians_;  ///< of several objectives
};

}  // namespace hone::search
