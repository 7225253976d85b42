#include "hone/run/ranks.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/predict/score.h"

namespace hone::run {
namespace {

double normal_density(double z) { return std::exp(-0.5 * z * z) / std::sqrt(2.0 * kPi); }
double normal_below(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

/// Probability that k standard normal variables lie within a range of q: by Simpson's rule over the largest
/// of them, k * phi(z) * (Phi(z) - Phi(z - q))^(k - 1).
double range_probability(double q, double k) {
  constexpr int kSteps = 2000;
  constexpr double kLow = -9.0, kHigh = 9.0, kWidth = (kHigh - kLow) / kSteps;
  double sum = 0.0;
  for (int i = 0; i <= kSteps; ++i) {
    const double z = kLow + kWidth * i;
    const double inside = std::max(0.0, normal_below(z) - normal_below(z - q));
    const double weight = i == 0 || i == kSteps ? 1.0 : i % 2 == 1 ? 4.0 : 2.0;
    sum += weight * k * normal_density(z) * std::pow(inside, k - 1.0);
  }
  return sum * kWidth / 3.0;
}

/// The upper regularised incomplete gamma function, by its series below a + 1 and its continued fraction
/// (Lentz) above.
double gamma_tail(double a, double x) {
  if (x <= 0.0) return 1.0;
  const double front = std::exp(a * std::log(x) - x - std::lgamma(a));
  constexpr int kMost = 10000;
  constexpr double kEnough = 1e-14, kTiny = 1e-300;
  if (x < a + 1.0) {
    double term = 1.0 / a, sum = term;
    for (int n = 1; n < kMost && term > sum * kEnough; ++n) sum += term *= x / (a + n);
    return 1.0 - front * sum;
  }
  double b = x + 1.0 - a, c = 1.0 / kTiny, d = 1.0 / b, h = d;
  for (int n = 1; n < kMost; ++n) {
    const double an = -n * (n - a);
    b += 2.0;
    d = an * d + b;
    if (std::abs(d) < kTiny) d = kTiny;
    c = b + an / c;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1.0 / d;
    h *= d * c;
    if (std::abs(d * c - 1.0) < kEnough) break;
  }
  return front * h;
}

}  // namespace

double nemenyi_quantile(std::size_t k, double alpha) {
  if (k < 2 || k > 1000) throw Error("Nemenyi's test compares 2 to 1000 contenders");
  double low = 0.0, high = 20.0;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2.0;
    (range_probability(middle, static_cast<double>(k)) < 1.0 - alpha ? low : high) = middle;
  }
  return low / std::numbers::sqrt2;
}

double chi_square_tail(double x, double degrees) { return gamma_tail(degrees / 2.0, x / 2.0); }

RankTest rank_test(const std::vector<std::vector<double>>& values) {
  if (values.empty() || values.front().size() < 2)
    throw Error("ranks need at least one problem and two contenders");
  const std::size_t k = values.front().size();
  const auto n = static_cast<double>(values.size());
  RankTest test;
  test.mean_ranks.assign(k, 0.0);
  double tied = 0.0;  // t^3 - t over all groups of t equal values
  for (const auto& row : values) {
    if (row.size() != k) throw Error("every problem needs a value of every contender");
    const auto ranks = predict::ranks_of(row);
    for (std::size_t i = 0; i < k; ++i) {
      test.mean_ranks[i] += ranks[i] / n;
      const auto t = static_cast<double>(std::count(ranks.begin(), ranks.end(), ranks[i]));
      tied += t * t - 1.0;  // of each of the group's t members
    }
  }
  const auto size = static_cast<double>(k);
  double squares = 0.0;
  for (const double rank : test.mean_ranks) squares += rank * rank;
  // Ties leave ranks less room to differ: Friedman's statistic is over what is left of it.
  const double room = 1.0 - tied / (n * size * (size * size - 1.0));
  if (room > 0.0)
    test.chi_square = std::max(
        0.0, 12.0 * n / (size * (size + 1.0)) * (squares - size * (size + 1.0) * (size + 1.0) / 4.0) / room);
  test.p = chi_square_tail(test.chi_square, size - 1.0);
  test.critical_difference = nemenyi_quantile(k) * std::sqrt(size * (size + 1.0) / (6.0 * n));

  std::vector<std::size_t> order(k);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return test.mean_ranks[a] < test.mean_ranks[b]; });
  std::size_t covered = 0;  // a group that ends no later than an earlier one is part of it
  for (std::size_t i = 0; i < k; ++i) {
    std::size_t end = i + 1;
    while (end < k && test.mean_ranks[order[end]] - test.mean_ranks[order[i]] <= test.critical_difference)
      ++end;
    if (end - i < 2 || end <= covered) continue;
    covered = end;
    test.alike.emplace_back(order.begin() + static_cast<std::ptrdiff_t>(i),
                            order.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return test;
}

}  // namespace hone::run
