#pragma once

#include <string>
#include <vector>

namespace hone::predict {

/// A monotone map of observed values to targets of about mean 0 and variance 1, less staying less, robust
/// against huge values. Infinite and NaN values must be kept out.
class OutputTransform {
 public:
  enum class Kind {
    standard,  ///< centre and scale
    power,     ///< Yeo and Johnson's power, its exponent by maximum likelihood, then centre and scale (HEBO)
    log,       ///< a logarithm of the distance to the best, then centre and scale (Vizier's log warping)
    rank,      ///< the normal quantile of the rank (the Gaussian copula of Salinas et al., 2020)
    upper,     ///< standard below the median; above it, ranks squeezed as a normal's (Vizier's half ranks)
    /// For what must not be above 0, where 0 has to stay apart from both sides however large values are:
    /// linear up to three times the median size of the first sixteen (later ones gather near 0), logarithms
    /// of both tails beyond, then centre and scale. Eriksson and Poloczek (*Scalable Constrained Bayesian
    /// Optimization*, 2021) take the logarithm from 0 on ("bilog"), with which proposals on the edge of a
    /// linear limit fell beyond it. Not of names(): no map of objectives.
    limit,
  };
  static Kind kind_from_name(const std::string& name);  ///< throws Error
  static const std::vector<std::string>& names();

  explicit OutputTransform(Kind kind = Kind::standard) : kind_(kind) {}

  /// Learns the map. Before anything else, but for limits, values above the median by more than ten times its
  /// distance to the best (or twice that to the lower quartile, where it is more) are drawn in to that.
  void fit(const std::vector<double>& values);
  double operator()(double value) const;

 private:
  void fit_limit(const std::vector<double>& values);
  void fit_scale(const std::vector<double>& small);
  double raw(double small) const;

  Kind kind_;
  double shrink_ = 1.0;                 // so that differences of values stay finite
  double middle_ = 0.0, spread_ = 1.0;  // of the values, before raw()
  double cap_ = 0.0;                    // largest standardised value
  double power_ = 1.0;
  double best_ = 0.0;
  double centre_ = 0.0, scale_ = 1.0;   // of the raw values
  std::vector<double> knots_, levels_;  // rank and upper: piecewise linear between
};

/// The standard normal's quantile, to about 1e-9 (Acklam's approximation with a step of Halley's method).
double normal_quantile(double probability);

}  // namespace hone::predict
