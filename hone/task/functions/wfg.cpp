// WFG1 to WFG9 with two objectives, two position parameters and the others of distance: Huband, Hingston,
// Barone and While, "A Review of Multiobjective Test Problems and a Scalable Test Problem Toolkit", IEEE
// Transactions on Evolutionary Computation, 2006. Parameter i is from 0 to 2 i.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/task/functions/function.h"

namespace hone::task {
namespace {

using X = std::span<const double>;
using Row = std::vector<double>;
constexpr std::size_t kPosition = 2;

double unit(double x) { return std::clamp(x, 0.0, 1.0); }

// Transformations of one number (table XI of the paper).
double b_poly(double y, double alpha) { return unit(std::pow(y, alpha)); }
double b_flat(double y, double a, double b, double c) {
  const double below = std::min(0.0, std::floor(y - b)) * a * (b - y) / b;
  const double above = std::min(0.0, std::floor(c - y)) * (1.0 - a) * (y - c) / (1.0 - c);
  return unit(a + below - above);
}
double b_param(double y, double u, double a, double b, double c) {
  const double v = a - (1.0 - 2.0 * u) * std::abs(std::floor(0.5 - u) + a);
  return unit(std::pow(y, b + (c - b) * v));
}
double s_linear(double y, double a) {
  const double off = std::abs(y - a) / std::abs(std::floor(a - y) + a);
  // WFG1 raises this to the power 0.02: a rounding error of 1e-16 would be half of the way.
  return off < 1e-10 ? 0.0 : unit(off);
}
double s_decept(double y, double a, double b, double c) {
  const double left = std::floor(y - a + b) * (1.0 - c + (a - b) / b) / (a - b);
  const double right = std::floor(a + b - y) * (1.0 - c + (1.0 - a - b) / b) / (1.0 - a - b);
  return unit(1.0 + (std::abs(y - a) - b) * (left + right + 1.0 / b));
}
double s_multi(double y, double a, double b, double c) {
  const double ratio = std::abs(y - c) / (2.0 * (std::floor(c - y) + c));
  return unit((1.0 + std::cos((4.0 * a + 2.0) * kPi * (0.5 - ratio)) + 4.0 * b * ratio * ratio) / (b + 2.0));
}

// Reductions of several.
double r_sum(X y, X w) {
  double sum = 0.0, weight = 0.0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    sum += w[i] * y[i];
    weight += w[i];
  }
  return unit(sum / weight);
}
double r_sum(X y) { return r_sum(y, Row(y.size(), 1.0)); }
double r_nonsep(X y, std::size_t a) {
  double sum = 0.0;
  for (std::size_t j = 0; j < y.size(); ++j) {
    sum += y[j];
    for (std::size_t k = 0; k + 2 <= a; ++k) sum += std::abs(y[j] - y[(j + k + 1) % y.size()]);
  }
  const auto size = static_cast<double>(a);
  const double half = std::ceil(size / 2.0);
  return unit(sum / (static_cast<double>(y.size()) / size * half * (1.0 + 2.0 * size - 2.0 * half)));
}

/// From parameters in 0..1 to (position, distance), each in 0..1.
std::pair<double, double> transformed(int number, Row y) {
  const std::size_t n = y.size();
  const auto each = [&](std::size_t first, std::size_t last, auto change) {
    for (std::size_t i = first; i < last; ++i) y[i] = change(y[i]);
  };
  // Parameters that depend on the mean of those after them, or before them, as they were.
  const auto after = [&](const Row& old, std::size_t i) { return r_sum(X(old).subspan(i + 1)); };
  const auto before = [&](const Row& old, std::size_t i) { return r_sum(X(old).first(i)); };
  const auto depend = [](double x, double u) { return b_param(x, u, 0.98 / 49.98, 0.02, 50.0); };
  const Row old = y;
  if (number == 7)
    for (std::size_t i = 0; i < kPosition; ++i) y[i] = depend(old[i], after(old, i));
  if (number == 8)
    for (std::size_t i = kPosition; i < n; ++i) y[i] = depend(old[i], before(old, i));
  if (number == 9)
    for (std::size_t i = 0; i + 1 < n; ++i) y[i] = depend(old[i], after(old, i));
  switch (number) {
    case 4:
      each(0, n, [](double x) { return s_multi(x, 30.0, 10.0, 0.35); });
      break;
    case 5:
      each(0, n, [](double x) { return s_decept(x, 0.35, 0.001, 0.05); });
      break;
    case 9:
      each(0, kPosition, [](double x) { return s_decept(x, 0.35, 0.001, 0.05); });
      each(kPosition, n, [](double x) { return s_multi(x, 30.0, 95.0, 0.35); });
      break;
    default:
      each(kPosition, n, [](double x) { return s_linear(x, 0.35); });
  }
  if (number == 1) {
    each(kPosition, n, [](double x) { return b_flat(x, 0.8, 0.75, 0.85); });
    each(0, n, [](double x) { return b_poly(x, 0.02); });
    Row weights(n);
    for (std::size_t i = 0; i < n; ++i) weights[i] = 2.0 * (static_cast<double>(i) + 1.0);
    return {r_sum(X(y).first(kPosition), X(weights).first(kPosition)),
            r_sum(X(y).subspan(kPosition), X(weights).subspan(kPosition))};
  }
  if (number == 2 || number == 3) {
    Row pairs;
    for (std::size_t i = kPosition; i + 1 < n; i += 2) pairs.push_back(r_nonsep(X(y).subspan(i, 2), 2));
    return {r_sum(X(y).first(kPosition)), r_sum(pairs)};
  }
  if (number == 6 || number == 9)
    return {r_nonsep(X(y).first(kPosition), kPosition), r_nonsep(X(y).subspan(kPosition), n - kPosition)};
  return {r_sum(X(y).first(kPosition)), r_sum(X(y).subspan(kPosition))};
}

/// The objectives of a place (0..1 along the front) and a distance from it.
Row wfg_objectives(int number, double place, double distance) {
  const double x = number == 3 ? place : std::max(distance, 1.0) * (place - 0.5) + 0.5;
  const double quarter = 0.5 * kPi * x;
  double h1 = 0.0, h2 = 0.0;
  if (number == 1 || number == 2) {
    h1 = 1.0 - std::cos(quarter);
    h2 = number == 1 ? 1.0 - x - std::cos(10.0 * kPi * x + 0.5 * kPi) / (10.0 * kPi)
                     : 1.0 - x * std::pow(std::cos(5.0 * kPi * x), 2.0);
  } else if (number == 3) {
    h1 = x;
    h2 = 1.0 - x;
  } else {
    h1 = std::sin(quarter);
    h2 = std::cos(quarter);
  }
  return {distance + 2.0 * h1, distance + 4.0 * h2};
}

}  // namespace

void add_wfg_functions(std::vector<FunctionInfo>& list) {
  const auto add = [&](int number, const std::string& summary) {
    const auto make = [number](std::int64_t dimension, std::uint64_t) {
      // WFG2 and WFG3 take the distance parameters in pairs.
      if ((number == 2 || number == 3) && dimension % 2 == 1) ++dimension;
      Function function;
      std::vector<std::pair<double, double>> ranges;
      for (std::int64_t i = 1; i <= dimension; ++i) ranges.emplace_back(0.0, 2.0 * static_cast<double>(i));
      function.space = box(ranges);
      function.objectives = {{"f1", true}, {"f2", true}};
      function.evaluate = [number](X x, double) {
        Row y(x.begin(), x.end());
        for (std::size_t i = 0; i < y.size(); ++i) y[i] = unit(y[i] / (2.0 * (static_cast<double>(i) + 1.0)));
        const auto [place, distance] = transformed(number, std::move(y));
        return wfg_objectives(number, place, distance);
      };
      function.reference = {3.0, 5.0};
      function.front = [number] {
        return curve_front([number](double place) { return wfg_objectives(number, place, 0.0); });
      };
      return function;
    };
    list.push_back({fmt::format("wfg{}", number), "several", summary,
                    "Huband et al., A Review of Multiobjective Test Problems and a Scalable Test Problem "
                    "Toolkit, 2006",
                    0, 4, make});
  };
  add(1, "a biased way to a mixed front");
  add(2, "a front in pieces, parameters that act in pairs");
  add(3, "a straight front, parameters that act in pairs");
  add(4, "many local fronts");
  add(5, "a front that is easily missed");
  add(6, "parameters that all act together");
  add(7, "the place depends on the distance");
  add(8, "the distance depends on the place");
  add(9, "all of that, and easily missed");
}

}  // namespace hone::task
