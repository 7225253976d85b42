// DTLZ1 to DTLZ7 with two objectives: Deb, Thiele, Laumanns and Zitzler, "Scalable Test Problems for
// Evolutionary Multiobjective Optimization", 2005. x1 says where on the front, the other parameters how far
// from it.
#include <cmath>

#include <fmt/format.h>

#include "hone/task/functions/function.h"

namespace hone::task {
namespace {

using X = std::span<const double>;

/// 0 on the front (7: 1).
double dtlz_distance(int number, X rest) {
  const auto n = static_cast<double>(rest.size());
  double sum = 0.0;
  for (const double x : rest) {
    const double off = x - 0.5;
    if (number == 1 || number == 3)
      sum += off * off - std::cos(20.0 * kPi * off);
    else if (number == 6)
      sum += std::pow(x, 0.1);
    else if (number == 7)
      sum += x;
    else
      sum += off * off;
  }
  if (number == 1 || number == 3) return 100.0 * (n + sum);
  if (number == 7) return 1.0 + 9.0 * sum / n;
  return sum;
}

std::vector<double> dtlz_objectives(int number, double x, double g) {
  switch (number) {
    case 1:
      return {0.5 * x * (1.0 + g), 0.5 * (1.0 - x) * (1.0 + g)};
    case 7: {
      const double h = 2.0 - x / (1.0 + g) * (1.0 + std::sin(3.0 * kPi * x));
      return {x, (1.0 + g) * h};
    }
    default: {
      const double angle = 0.5 * kPi * (number == 4 ? std::pow(x, 100.0) : x);
      return {(1.0 + g) * std::cos(angle), (1.0 + g) * std::sin(angle)};
    }
  }
}

}  // namespace

void add_dtlz_functions(std::vector<FunctionInfo>& list) {
  const auto add = [&](int number, const std::string& summary, double reference) {
    const auto make = [number, reference](std::int64_t dimension, std::uint64_t) {
      Function function;
      function.space = cube(dimension, 0.0, 1.0);
      function.objectives = {{"f1", true}, {"f2", true}};
      function.evaluate = [number](X x, double) {
        return dtlz_objectives(number, x[0], dtlz_distance(number, x.subspan(1)));
      };
      function.reference = {reference, reference};
      function.front = [number] {
        // DTLZ4 crowds its points at one end: the front is DTLZ2's.
        return curve_front([number](double x) {
          return dtlz_objectives(number == 4 ? 2 : number, x, number == 7 ? 1.0 : 0.0);
        });
      };
      return function;
    };
    list.push_back({fmt::format("dtlz{}", number), "several", summary,
                    "Deb et al., Scalable Test Problems for Evolutionary Multiobjective Optimization, 2005",
                    0, 2, make});
  };
  // Of two objectives DTLZ5 and DTLZ6 have DTLZ2's front; DTLZ5 is DTLZ2 then.
  add(1, "a straight front behind many local ones", 400.0);
  add(2, "a round front", 2.5);
  add(3, "a round front behind many local ones", 1000.0);
  add(4, "a round front with nearly all configs at one end", 2.5);
  add(5, "a round front (a curve where there are more objectives)", 2.5);
  add(6, "a round front, far away", 11.0);
  add(7, "a front in pieces", 21.0);
}

}  // namespace hone::task
