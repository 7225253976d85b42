#include "hone/predict/score.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "hone/base/numbers.h"

namespace hone::predict {

double median(std::vector<double> values) {
  if (values.empty()) return kNaN;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return values.size() % 2 == 1 ? *middle : 0.5 * (*std::max_element(values.begin(), middle) + *middle);
}

double upper_median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double quantile(std::vector<double> sample, double at) {
  if (sample.empty()) return kNaN;
  std::sort(sample.begin(), sample.end());
  const double place = std::clamp(at, 0.0, 1.0) * static_cast<double>(sample.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sample.size() - 1);
  return sample[below] + (sample[above] - sample[below]) * (place - static_cast<double>(below));
}

std::vector<double> ranks_of(const std::vector<double>& values) {
  std::vector<double> keys = values;
  for (double& key : keys)
    if (!std::isfinite(key)) key = kInfinity;
  std::vector<std::size_t> order(keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
  std::vector<double> ranks(keys.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t end = i + 1;
    while (end < order.size() && keys[order[end]] == keys[order[i]]) ++end;
    // Ranks i + 1 to end, shared.
    const double mean = static_cast<double>(i + 1 + end) / 2.0;
    for (; i < end; ++i) ranks[order[i]] = mean;
  }
  return ranks;
}

double rank_correlation(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() < 2 || a.size() != b.size()) return kNaN;
  const auto x = ranks_of(a), y = ranks_of(b);
  const double middle = 0.5 * static_cast<double>(a.size() + 1);
  double xy = 0.0, xx = 0.0, yy = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    xy += (x[i] - middle) * (y[i] - middle);
    xx += (x[i] - middle) * (x[i] - middle);
    yy += (y[i] - middle) * (y[i] - middle);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : kNaN;
}

Accuracy accuracy(const std::vector<double>& predicted, const std::vector<double>& measured) {
  Accuracy result;
  result.samples = static_cast<std::int64_t>(measured.size());
  result.spearman = rank_correlation(predicted, measured);
  const double count = static_cast<double>(measured.size());
  const double mean = std::accumulate(measured.begin(), measured.end(), 0.0) / count;
  double relative = 0.0, compared = 0.0, residual = 0.0, total = 0.0;
  for (std::size_t i = 0; i < measured.size(); ++i) {
    const double off = predicted[i] - measured[i];
    residual += off * off;
    total += (measured[i] - mean) * (measured[i] - mean);
    if (measured[i] == 0.0) continue;
    relative += std::abs(off / measured[i]);
    compared += 1.0;
  }
  result.mape = compared > 0.0 ? relative / compared : kNaN;
  // What the mean's own rounding leaves of equal values is no variance.
  result.r2 = total > 1e-20 * count * mean * mean ? 1.0 - residual / total : kNaN;
  return result;
}

double median_error(const std::vector<double>& predicted, const std::vector<double>& measured) {
  std::vector<double> errors;
  for (std::size_t i = 0; i < measured.size(); ++i)
    if (measured[i] != 0.0) errors.push_back(std::abs(predicted[i] / measured[i] - 1.0));
  return median(std::move(errors));
}

}  // namespace hone::predict
