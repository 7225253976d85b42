#include "hone/search/acquisition.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "hone/base/numbers.h"

namespace hone::search {
namespace {

const double kLogRoot2Pi = 0.5 * std::log(2.0 * kPi);

double density(double z) { return std::exp(-0.5 * z * z - kLogRoot2Pi); }

/// Mills' ratio Phi(-x) / phi(x) for x >= 1, and 1 - x times it.
struct Mills {
  double ratio, rest;
};

Mills mills(double x) {
  if (x < 12.0) {
    const double ratio = normal_cdf(-x) / density(x);
    return {ratio, 1.0 - x * ratio};
  }
  // The asymptotic series; its terms fall until the x^2-th.
  const double inverse = 1.0 / (x * x);
  double term = 1.0, rest = 0.0;
  for (int k = 1; k <= 12; ++k) {
    term *= -static_cast<double>(2 * k - 1) * inverse;
    rest -= term;
  }
  return {(1.0 - rest) / x, rest};
}

/// log(exp(a) - exp(b)), a >= b, and the weights of da and db.
double log_difference(double a, double b, double& by_a, double& by_b) {
  if (b == -kInfinity) {
    by_a = 1.0;
    by_b = 0.0;
    return a;
  }
  const double gap = std::max(-std::expm1(b - a), 1e-15);
  by_a = 1.0 / gap;
  by_b = 1.0 - by_a;
  return a + std::log(gap);
}

/// log EI below `bound`, with derivatives by mean and deviation.
struct LogEi {
  LogEi(double bound, double mean, double deviation) {
    if (bound == -kInfinity) {
      value = -kInfinity;
      return;
    }
    double slope = 0.0;
    const double z = (bound - mean) / deviation;
    value = std::log(deviation) + log_improvement(z, &slope);
    by_mean = -slope / deviation;
    by_deviation = (1.0 - z * slope) / deviation;
  }
  double value, by_mean = 0.0, by_deviation = 0.0;
};

}  // namespace

double log_improvement(double z, double* slope) {
  if (z > -1.0) {
    const double below = normal_cdf(z), h = density(z) + z * below;
    if (slope != nullptr) *slope = below / h;
    return std::log(h);
  }
  const Mills it = mills(-z);
  if (slope != nullptr) *slope = it.ratio / it.rest;
  return -0.5 * z * z - kLogRoot2Pi + std::log(it.rest);
}

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

double log_normal_cdf(double z, double* slope) {
  if (z > -1.0) {
    const double below = normal_cdf(z);
    if (slope != nullptr) *slope = density(z) / below;
    return std::log(below);
  }
  const double ratio = mills(-z).ratio;
  if (slope != nullptr) *slope = 1.0 / ratio;
  return -0.5 * z * z - kLogRoot2Pi + std::log(ratio);
}

std::vector<Box> improvement_boxes(const std::vector<std::vector<double>>& front,
                                   const std::vector<double>& reference) {
  const std::size_t m = reference.size();
  if (m == 1) {
    double best = reference[0];
    for (const auto& point : front) best = std::min(best, point[0]);
    return {{{-kInfinity}, {best}}};
  }
  // A local upper bound and, by objective, the point that defines its value there.
  struct Bound {
    std::vector<double> upper;
    std::vector<std::vector<double>> defining;
  };
  Bound whole{reference, std::vector<std::vector<double>>(m, std::vector<double>(m, -kInfinity))};
  for (std::size_t j = 0; j < m; ++j) whole.defining[j][j] = reference[j];
  std::vector<Bound> bounds{std::move(whole)};
  for (const auto& point : front) {
    std::vector<Bound> next;
    for (Bound& bound : bounds) {
      bool inside = true;
      for (std::size_t j = 0; j < m; ++j) inside = inside && point[j] < bound.upper[j];
      if (!inside) {
        next.push_back(std::move(bound));
        continue;
      }
      for (std::size_t j = 0; j < m; ++j) {
        double least = -kInfinity;
        for (std::size_t k = 0; k < m; ++k)
          if (k != j) least = std::max(least, bound.defining[k][j]);
        if (point[j] < least) continue;
        Bound part = bound;
        part.upper[j] = point[j];
        part.defining[j] = point;
        next.push_back(std::move(part));
      }
    }
    bounds = std::move(next);
  }
  std::vector<Box> boxes;
  for (Bound& bound : bounds) {
    Box box{std::vector<double>(m, -kInfinity), std::move(bound.upper)};
    bool is_empty = false;
    for (std::size_t j = 0; j < m; ++j) {
      for (std::size_t k = j + 1; k < m; ++k) box.lower[j] = std::max(box.lower[j], bound.defining[k][j]);
      is_empty = is_empty || box.lower[j] >= box.upper[j];
    }
    if (!is_empty) boxes.push_back(std::move(box));
  }
  return boxes;
}

Score log_hypervolume_improvement(const std::vector<Box>& boxes, const std::vector<double>& means,
                                  const std::vector<double>& deviations, bool derivatives) {
  const std::size_t m = means.size();
  Score result;
  result.value = -kInfinity;
  std::vector<double> values(boxes.size());
  std::vector<double> by_mean(derivatives ? boxes.size() * m : 0), by_deviation(by_mean.size());
  for (std::size_t b = 0; b < boxes.size(); ++b) {
    for (std::size_t j = 0; j < m; ++j) {
      const LogEi upper(boxes[b].upper[j], means[j], deviations[j]);
      const LogEi lower(boxes[b].lower[j], means[j], deviations[j]);
      double of_upper = 0.0, of_lower = 0.0;
      values[b] += log_difference(upper.value, lower.value, of_upper, of_lower);
      if (!derivatives) continue;
      by_mean[b * m + j] = of_upper * upper.by_mean + of_lower * lower.by_mean;
      by_deviation[b * m + j] = of_upper * upper.by_deviation + of_lower * lower.by_deviation;
    }
    result.value = std::max(result.value, values[b]);
  }
  if (boxes.size() == 1) {
    result.by_mean = std::move(by_mean);
    result.by_deviation = std::move(by_deviation);
    return result;
  }
  double sum = 0.0;
  for (const double value : values) sum += std::exp(value - result.value);
  const double total = result.value + std::log(sum);
  if (derivatives) {
    result.by_mean.assign(m, 0.0);
    result.by_deviation.assign(m, 0.0);
    for (std::size_t b = 0; b < boxes.size(); ++b) {
      const double share = std::exp(values[b] - total);
      for (std::size_t j = 0; j < m; ++j) {
        result.by_mean[j] += share * by_mean[b * m + j];
        result.by_deviation[j] += share * by_deviation[b * m + j];
      }
    }
  }
  result.value = total;
  return result;
}

}  // namespace hone::search
