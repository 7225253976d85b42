// ZDT1 to ZDT4 and ZDT6: Zitzler, Deb and Thiele, "Comparison of Multiobjective Evolutionary Algorithms:
// Empirical Results", Evolutionary Computation, 2000. Two objectives; the front is where g is 1 (ZDT6: f1
// from 0.2808).
#include <cmath>

#include <fmt/format.h>

#include "hone/task/functions/function.h"

namespace hone::task {
namespace {

using X = std::span<const double>;

double first(int number, double x) {
  if (number != 6) return x;
  return 1.0 - std::exp(-4.0 * x) * std::pow(std::sin(6.0 * kPi * x), 6.0);
}

double zdt_distance(int number, X x) {
  const auto n = static_cast<double>(x.size() - 1);
  double sum = 0.0;
  for (std::size_t i = 1; i < x.size(); ++i)
    sum += number == 4 ? x[i] * x[i] - 10.0 * std::cos(4.0 * kPi * x[i]) : x[i];
  if (number == 4) return 1.0 + 10.0 * n + sum;
  if (number == 6) return 1.0 + 9.0 * std::pow(sum / n, 0.25);
  return 1.0 + 9.0 * sum / n;
}

double shape(int number, double f1, double g) {
  const double share = f1 / g;
  if (number == 2 || number == 6) return g * (1.0 - share * share);
  if (number == 3) return g * (1.0 - std::sqrt(share) - share * std::sin(10.0 * kPi * f1));
  return g * (1.0 - std::sqrt(share));
}

}  // namespace

void add_zdt_functions(std::vector<FunctionInfo>& list) {
  const auto add = [&](int number, const std::string& summary) {
    const auto make = [number](std::int64_t dimension, std::uint64_t) {
      Function function;
      std::vector<std::pair<double, double>> ranges(static_cast<std::size_t>(dimension), {0.0, 1.0});
      if (number == 4)
        for (std::size_t i = 1; i < ranges.size(); ++i) ranges[i] = {-5.0, 5.0};
      function.space = box(ranges);
      function.objectives = {{"f1", true}, {"f2", true}};
      function.evaluate = [number](X x, double) {
        const double f1 = first(number, x[0]);
        return std::vector<double>{f1, shape(number, f1, zdt_distance(number, x))};
      };
      function.reference = {11.0, 11.0};
      function.front = [number] {
        return curve_front([number](double x) {
          const double f1 = first(number, x);
          return std::vector<double>{f1, shape(number, f1, 1.0)};
        });
      };
      return function;
    };
    list.push_back(
        {fmt::format("zdt{}", number), "several", summary,
         "Zitzler, Deb and Thiele, Comparison of Multiobjective Evolutionary Algorithms: Empirical "
         "Results, 2000",
         0, 2, make});
  };
  add(1, "a convex front");
  add(2, "a concave front");
  add(3, "a front in five pieces");
  add(4, "many local fronts");
  add(6, "a front that is hard to cover evenly");
}

}  // namespace hone::task
