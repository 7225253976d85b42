#pragma once

#include <algorithm>
#include <cmath>

namespace hone::predict {

/// A curve from [0, 1] onto itself: Kumaraswamy's distribution function 1 - (1 - x^a)^b. Numbers at the very
/// ends count as 1e-9 within them, where its slopes are finite.
class Warp {
 public:
  explicit Warp(const double* logs) : a_(std::exp(logs[0])), b_(std::exp(logs[1])) {}

  double operator()(double x) const { return -std::expm1(b_ * std::log1p(-power(x))); }
  double slope(double x) const {  ///< by x
    x = within(x);
    const double p = power(x);
    return a_ * b_ * p / x * std::pow(1.0 - p, b_ - 1.0);
  }
  double by_log_a(double x) const {
    x = within(x);
    const double p = power(x);
    return a_ * b_ * std::pow(1.0 - p, b_ - 1.0) * p * std::log(x);
  }
  double by_log_b(double x) const {
    const double rest = std::log1p(-power(x));
    return -b_ * std::exp(b_ * rest) * rest;
  }

 private:
  static double within(double x) { return std::clamp(x, 1e-9, 1.0 - 1e-9); }
  double power(double x) const { return std::pow(within(x), a_); }

  double a_, b_;
};

}  // namespace hone::predict
