#pragma once

#include <vector>

namespace hone::search {

/// log(phi(z) + z Phi(z)), the logarithm of expected improvement at deviation 1, for any z without loss
/// (Ament et al., "Unexpected Improvements to Expected Improvement for Bayesian Optimization", 2023, section
/// 4.1: there with erfcx, here with Mills' ratio, which is the same up to a constant). `slope`: its
/// derivative.
double log_improvement(double z, double* slope = nullptr);
/// Phi(z).
double normal_cdf(double z);
/// log Phi(z), for any z without loss, and its derivative.
double log_normal_cdf(double z, double* slope = nullptr);

/// A logarithmic score and its derivatives by the means and deviations of the predictions that it is of.
struct Score {
  double value = 0.0;
  std::vector<double> by_mean, by_deviation;  ///< one a prediction; empty where they were not asked for
};

/// A part of objective space, from lower (may be -infinity) to upper. Less is better.
struct Box {
  std::vector<double> lower, upper;
};

/// What no point of `front` dominates and the reference point bounds, cut into boxes that do not overlap: the
/// local upper bounds of Klamroth et al. with the boxes of Lacour et al. ("A Box Decomposition Algorithm to
/// Compute the Hypervolume Indicator", 2017). With one objective: one box, up to the best value.
/// Points that are not below the reference in every objective are left out.
std::vector<Box> improvement_boxes(const std::vector<std::vector<double>>& front,
                                   const std::vector<double>& reference);

/// The logarithm of the expected hypervolume improvement over independent normal predictions, exact for any
/// number of objectives: the sum over boxes of the product over objectives of EI(upper) - EI(lower) (Emmerich
/// et al., "Hypervolume-based Expected Improvement: Monotonicity Properties and Exact Computation", 2011;
/// Daulton et al., "Differentiable Expected Hypervolume Improvement for Parallel Multi-Objective Bayesian
/// Optimization", 2020), summed as logarithms. With one objective it is log EI. Deviations must be positive.
Score log_hypervolume_improvement(const std::vector<Box>& boxes, const std::vector<double>& means,
                                  const std::vector<double>& deviations, bool derivatives);

}  // namespace hone::search
