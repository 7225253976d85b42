#include "hone/predict/output_transform.h"

#include <algorithm>
#include <cmath>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/predict/score.h"

namespace hone::predict {
namespace {

constexpr std::size_t kFirst = 16;  ///< values of limits whose sizes count: later ones gather near 0
constexpr double kStraight = 3.0;   ///< of limits: linear up to so many times their median size

double yeo_johnson(double y, double lambda) {
  if (y >= 0.0) return std::abs(lambda) < 1e-9 ? std::log1p(y) : std::expm1(lambda * std::log1p(y)) / lambda;
  const double other = 2.0 - lambda;
  return std::abs(other) < 1e-9 ? -std::log1p(-y) : -std::expm1(other * std::log1p(-y)) / other;
}

/// The profile log likelihood of Yeo and Johnson's exponent ("A New Family of Power Transformations to
/// Improve Normality or Symmetry", 2000).
double power_likelihood(const std::vector<double>& values, double lambda) {
  double sum = 0.0, squares = 0.0, jacobian = 0.0;
  for (const double y : values) {
    const double moved = yeo_johnson(y, lambda);
    sum += moved;
    squares += moved * moved;
    jacobian += std::copysign(std::log1p(std::abs(y)), y);
  }
  const auto n = static_cast<double>(values.size());
  const double variance = std::max(squares / n - sum * sum / (n * n), 1e-300);
  return -0.5 * n * std::log(variance) + (lambda - 1.0) * jacobian;
}

double best_power(const std::vector<double>& values) {
  // Golden-section search; the likelihood has one peak.
  double low = -3.0, high = 3.0;
  const double share = 0.5 * (std::sqrt(5.0) - 1.0);
  double a = high - share * (high - low), b = low + share * (high - low);
  double at_a = power_likelihood(values, a), at_b = power_likelihood(values, b);
  for (int step = 0; step < 16; ++step) {
    if (at_a >= at_b) {
      high = b;
      b = a;
      at_b = at_a;
      a = high - share * (high - low);
      at_a = power_likelihood(values, a);
    } else {
      low = a;
      a = b;
      at_a = at_b;
      b = low + share * (high - low);
      at_b = power_likelihood(values, b);
    }
  }
  return 0.5 * (low + high);
}

/// Linear between knots, and with the last pieces' slopes beyond them.
double interpolate(const std::vector<double>& knots, const std::vector<double>& levels, double x) {
  if (knots.size() < 2) return levels.empty() ? 0.0 : levels.front();
  auto right = static_cast<std::size_t>(std::upper_bound(knots.begin(), knots.end(), x) - knots.begin());
  right = std::clamp<std::size_t>(right, 1, knots.size() - 1);
  const double share = (x - knots[right - 1]) / (knots[right] - knots[right - 1]);
  return levels[right - 1] + share * (levels[right] - levels[right - 1]);
}

}  // namespace

double normal_quantile(double probability) {
  const double p = std::clamp(probability, 1e-300, 1.0 - 1e-16);
  // A start from the tail's expansion or the centre's, then Newton's method on the logarithm of the smaller
  // tail, which is concave: it cannot leave its basin.
  const bool upper = p > 0.5;
  const double tail = upper ? 1.0 - p : p;
  const double t = std::sqrt(-2.0 * std::log(tail));
  double z = -(t - (2.515517 + 0.802853 * t + 0.010328 * t * t) /
                       (1.0 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t));
  for (int step = 0; step < 3; ++step) {
    const double cdf = 0.5 * std::erfc(-z / std::sqrt(2.0));
    const double density = std::exp(-0.5 * z * z) / std::sqrt(2.0 * kPi);
    z -= (std::log(cdf) - std::log(tail)) * cdf / density;
  }
  return upper ? -z : z;
}

OutputTransform::Kind OutputTransform::kind_from_name(const std::string& name) {
  const auto& all = names();
  const auto found = std::find(all.begin(), all.end(), name);
  if (found == all.end()) throw internal_error("no output transform '" + name + "'");
  return static_cast<Kind>(found - all.begin());
}

const std::vector<std::string>& OutputTransform::names() {
  static const std::vector<std::string> all = {"standard", "power", "log", "rank", "upper"};
  return all;
}

void OutputTransform::fit(const std::vector<double>& values) {
  knots_.clear();
  levels_.clear();
  centre_ = 0.0;
  scale_ = 1.0;
  power_ = 1.0;
  shrink_ = 1.0;
  middle_ = values.empty() ? 0.0 : values.front();
  spread_ = 1.0;
  cap_ = kInfinity;
  if (values.size() < 2) return;
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const std::size_t n = sorted.size();
  if (std::max(std::abs(sorted.front()), std::abs(sorted.back())) > 1e150) {
    shrink_ = 1e-200;
    for (double& value : sorted) value *= shrink_;
  }
  if (kind_ == Kind::limit) {
    fit_limit(values);
    return;
  }
  middle_ = sorted[n / 2];
  spread_ = 2.0 * std::max(2.0 * (middle_ - sorted[n / 4]), middle_ - sorted[0]);
  if (!(spread_ > 0.0)) spread_ = sorted[n - 1] - sorted[0];
  if (!(spread_ > 1e-300)) spread_ = 1.0;
  cap_ = 5.0;

  std::vector<double> small(n);
  for (std::size_t i = 0; i < n; ++i) small[i] = std::min((sorted[i] - middle_) / spread_, cap_);
  best_ = small.front();
  if (kind_ == Kind::power) {
    // The exponent is of standardised values, as in HEBO.
    double sum = 0.0, squares = 0.0;
    for (const double v : small) sum += v;
    for (const double v : small)
      squares += (v - sum / static_cast<double>(n)) * (v - sum / static_cast<double>(n));
    const double deviation = std::sqrt(squares / static_cast<double>(n));
    if (deviation > 0.0) {
      middle_ += spread_ * sum / static_cast<double>(n);
      cap_ = (cap_ - sum / static_cast<double>(n)) / deviation;
      spread_ *= deviation;
      for (std::size_t i = 0; i < n; ++i) small[i] = std::min((sorted[i] - middle_) / spread_, cap_);
      power_ = best_power(small);
    }
  }
  if (kind_ == Kind::rank || kind_ == Kind::upper) {
    for (std::size_t first = 0; first < n;) {
      std::size_t last = first;
      while (last + 1 < n && small[last + 1] == small[first]) ++last;
      const double rank = 0.5 * static_cast<double>(first + last) + 0.5;
      const double level = normal_quantile(rank / static_cast<double>(n));
      if (kind_ == Kind::rank || small[first] > 0.0) {
        knots_.push_back(small[first]);
        // Below the median distances stay; their scale joins that of the ranks above.
        levels_.push_back(level);
      }
      first = last + 1;
    }
    if (kind_ == Kind::upper) {
      double squares = 0.0, count = 0.0;
      for (const double v : small)
        if (v <= 0.0) squares += v * v, count += 1.0;
      power_ = squares > 0.0 ? 1.0 / std::sqrt(squares / count) : 1.0;
      knots_.insert(knots_.begin(), 0.0);
      levels_.insert(levels_.begin(), 0.0);
    }
  }
  fit_scale(small);
}

void OutputTransform::fit_limit(const std::vector<double>& values) {
  std::vector<double> sizes;
  for (const double value : values)
    if (value != 0.0 && sizes.size() < kFirst) sizes.push_back(std::abs(value * shrink_));
  middle_ = 0.0;
  if (sizes.empty()) return;
  spread_ = std::max(upper_median(std::move(sizes)), 1e-300);
  std::vector<double> small;
  for (const double value : values) small.push_back(value * shrink_ / spread_);
  fit_scale(small);
}

void OutputTransform::fit_scale(const std::vector<double>& small) {
  double sum = 0.0, squares = 0.0;
  std::vector<double> moved(small.size());
  for (std::size_t i = 0; i < small.size(); ++i) sum += moved[i] = raw(small[i]);
  centre_ = sum / static_cast<double>(small.size());
  for (const double v : moved) squares += (v - centre_) * (v - centre_);
  scale_ = std::sqrt(squares / static_cast<double>(small.size()));
  if (!(scale_ > 0.0)) scale_ = 1.0;
}

double OutputTransform::raw(double small) const {
  switch (kind_) {
    case Kind::standard:
      return small;
    case Kind::power:
      return yeo_johnson(small, power_);
    case Kind::log:
      return std::copysign(std::log1p(9.0 * std::abs(small - best_)), small - best_);
    case Kind::rank:
      return interpolate(knots_, levels_, small);
    case Kind::upper:
      return small <= 0.0 ? power_ * small : interpolate(knots_, levels_, small);
    case Kind::limit: {
      const double size = std::min(std::abs(small), 1e300);
      return size <= kStraight ? small : std::copysign(kStraight + std::log1p(size - kStraight), small);
    }
  }
  return small;
}

double OutputTransform::operator()(double value) const {
  // What is better than all that was learnt from may be far off: bounded, so that powers of it are finite.
  const double small = kind_ == Kind::limit ? value * shrink_ / spread_
                                            : std::clamp((value * shrink_ - middle_) / spread_, -1e6, cap_);
  return (raw(small) - centre_) / scale_;
}

}  // namespace hone::predict
