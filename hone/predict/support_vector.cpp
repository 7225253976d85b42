#include "hone/predict/support_vector.h"

#include <algorithm>
#include <cmath>

#include "hone/base/numbers.h"

namespace hone::predict {
namespace {

constexpr double kTolerance = 1e-3;

double kernel(const std::vector<double>& a, const std::vector<double>& b, double gamma) {
  double sum = 0.0;
  if (gamma == 0.0) {
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
  }
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::exp(-gamma * sum);
}

/// The dual: minimise 1/2 (u - v)' K (u - v) - z'(u - v) over 0 <= u, v <= C with sum u = sum v = C nu n / 2.
/// A step moves weight within u or within v, which keeps both sums.
class Dual {
 public:
  Dual(const std::vector<std::vector<double>>& rows, const std::vector<double>& targets,
       const SupportVectorSettings& settings)
      : n_(rows.size()), c_(settings.c), k_(n_ * n_), weight_(2 * n_), slope_(2 * n_) {
    for (std::size_t i = 0; i < n_; ++i)
      for (std::size_t j = 0; j <= i; ++j)
        k_[i * n_ + j] = k_[j * n_ + i] = kernel(rows[i], rows[j], settings.gamma);
    double left = c_ * settings.nu * static_cast<double>(n_) / 2.0;
    for (std::size_t i = 0; i < n_; ++i) {
      weight_[i] = weight_[n_ + i] = std::min(left, c_);
      left -= weight_[i];
      slope_[i] = -targets[i];  // u = v: the quadratic part is zero
      slope_[n_ + i] = targets[i];
    }
  }

  void solve() {
    const std::size_t most = std::max<std::size_t>(10000, 100 * n_);
    for (std::size_t step = 0; step < most && improve(); ++step) {
    }
  }

  double weight(std::size_t i) const { return weight_[i] - weight_[n_ + i]; }

  /// The offset: between the slopes that both sides settle at.
  double offset() const { return -(level(0) - level(n_)) / 2.0; }

 private:
  struct Pair {
    std::size_t up = 0, down = 0;
    double gain = 0.0;
  };

  /// In one half, what may grow with the steepest descent and what may shrink with the steepest ascent.
  Pair worst(std::size_t half) const {
    Pair pair;
    double lowest = kInfinity, highest = -kInfinity;
    for (std::size_t i = half; i < half + n_; ++i) {
      if (weight_[i] < c_ && slope_[i] < lowest) {
        lowest = slope_[i];
        pair.up = i;
      }
      if (weight_[i] > 0.0 && slope_[i] > highest) {
        highest = slope_[i];
        pair.down = i;
      }
    }
    pair.gain = highest - lowest;
    return pair;
  }

  bool improve() {
    const Pair u = worst(0), v = worst(n_);
    const Pair pair = u.gain >= v.gain ? u : v;
    if (!(pair.gain > kTolerance) || !std::isfinite(pair.gain)) return false;
    const std::size_t half = pair.up < n_ ? 0 : n_;
    const std::size_t i = pair.up - half, j = pair.down - half;
    const double curvature = std::max(1e-12, k_[i * n_ + i] + k_[j * n_ + j] - 2.0 * k_[i * n_ + j]);
    const double move = std::min({pair.gain / curvature, c_ - weight_[pair.up], weight_[pair.down]});
    weight_[pair.up] = std::min(c_, weight_[pair.up] + move);
    weight_[pair.down] = std::max(0.0, weight_[pair.down] - move);
    const double sign = half == 0 ? 1.0 : -1.0;
    for (std::size_t row = 0; row < n_; ++row) {
      const double change = sign * move * (k_[i * n_ + row] - k_[j * n_ + row]);
      slope_[row] += change;
      slope_[n_ + row] -= change;
    }
    return true;
  }

  /// The slope of the free weights of a half; without any, the middle of what is possible.
  double level(std::size_t half) const {
    double sum = 0.0, above = kInfinity, below = -kInfinity;
    std::size_t free = 0;
    for (std::size_t i = half; i < half + n_; ++i) {
      if (weight_[i] >= c_) {
        below = std::max(below, slope_[i]);
      } else if (weight_[i] <= 0.0) {
        above = std::min(above, slope_[i]);
      } else {
        sum += slope_[i];
        ++free;
      }
    }
    if (free > 0) return sum / static_cast<double>(free);
    if (std::isinf(above)) return below;
    return std::isinf(below) ? above : (above + below) / 2.0;
  }

  std::size_t n_;
  double c_;
  std::vector<double> k_;
  std::vector<double> weight_, slope_;  // u, then v
};

}  // namespace

SupportVectorRegression::SupportVectorRegression(const std::vector<std::vector<double>>& rows,
                                                 const std::vector<double>& targets,
                                                 const SupportVectorSettings& settings)
    : settings_(settings) {
  const auto [low, high] = std::minmax_element(targets.begin(), targets.end());
  if (*low == *high) {
    offset_ = *low;
    return;
  }
  Dual dual(rows, targets, settings);
  dual.solve();
  offset_ = dual.offset();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (dual.weight(i) == 0.0) continue;
    vectors_.push_back(rows[i]);
    weights_.push_back(dual.weight(i));
  }
}

double SupportVectorRegression::predict(const std::vector<double>& row) const {
  double sum = offset_;
  for (std::size_t i = 0; i < vectors_.size(); ++i)
    sum += weights_[i] * kernel(vectors_[i], row, settings_.gamma);
  return sum;
}

}  // namespace hone::predict
