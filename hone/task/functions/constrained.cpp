// Functions with limits, and their best known values within them. Each limit is a measure (c1, c2, ...) that
// must not be above 0.
#include <algorithm>
#include <cmath>
#include <functional>

#include "hone/task/functions/function.h"

namespace hone::task {
namespace {

using X = std::span<const double>;
using Row = std::vector<double>;
const char* const kGardner = "Gardner et al., Bayesian Optimization with Inequality Constraints, 2014";
const char* const kCec =
    "Liang et al., Problem Definitions and Evaluation Criteria for the CEC 2006 Special Session on "
    "Constrained Real-Parameter Optimization";
const char* const kTownsend = "Townsend, Constrained Optimization in Chebfun, 2014";
const char* const kMishra =
    "Mishra, Some New Test Functions for Global Optimization and Performance of Repulsive Particle Swarm "
    "Method, 2006";

Row gardner1(X x) {
  return {std::cos(2 * x[0]) * std::cos(x[1]) + std::sin(x[0]),
          std::cos(x[0]) * std::cos(x[1]) - std::sin(x[0]) * std::sin(x[1]) - 0.5};
}
Row gardner2(X x) { return {std::sin(x[0]) + x[1], std::sin(x[0]) * std::sin(x[1]) + 0.95}; }

Row g04(X x) {
  const double a = 85.334407 + 0.0056858 * x[1] * x[4] + 0.0006262 * x[0] * x[3] - 0.0022053 * x[2] * x[4];
  const double b = 80.51249 + 0.0071317 * x[1] * x[4] + 0.0029955 * x[0] * x[1] + 0.0021813 * x[2] * x[2];
  const double c = 9.300961 + 0.0047026 * x[2] * x[4] + 0.0012547 * x[0] * x[2] + 0.0019085 * x[2] * x[3];
  return {5.3578547 * x[2] * x[2] + 0.8356891 * x[0] * x[4] + 37.293239 * x[0] - 40792.141,
          a - 92.0,
          -a,
          b - 110.0,
          90.0 - b,
          c - 25.0,
          20.0 - c};
}
Row g06(X x) {
  return {std::pow(x[0] - 10.0, 3) + std::pow(x[1] - 20.0, 3),
          100.0 - square(x[0] - 5.0) - square(x[1] - 5.0), square(x[0] - 6.0) + square(x[1] - 5.0) - 82.81};
}
Row g08(X x) {
  return {
      -std::pow(std::sin(2 * kPi * x[0]), 3) * std::sin(2 * kPi * x[1]) / (std::pow(x[0], 3) * (x[0] + x[1])),
      x[0] * x[0] - x[1] + 1.0, 1.0 - x[0] + square(x[1] - 4.0)};
}
Row g09(X x) {
  return {square(x[0] - 10) + 5 * square(x[1] - 12) + std::pow(x[2], 4) + 3 * square(x[3] - 11) +
              10 * std::pow(x[4], 6) + 7 * square(x[5]) + std::pow(x[6], 4) - 4 * x[5] * x[6] - 10 * x[5] -
              8 * x[6],
          -127 + 2 * square(x[0]) + 3 * std::pow(x[1], 4) + x[2] + 4 * square(x[3]) + 5 * x[4],
          -282 + 7 * x[0] + 3 * x[1] + 10 * square(x[2]) + x[3] - x[4],
          -196 + 23 * x[0] + square(x[1]) + 6 * square(x[5]) - 8 * x[6],
          4 * square(x[0]) + square(x[1]) - 3 * x[0] * x[1] + 2 * square(x[2]) + 5 * x[5] - 11 * x[6]};
}
Row g24(X x) {
  const double a = x[0];
  return {-a - x[1], -2 * std::pow(a, 4) + 8 * std::pow(a, 3) - 8 * a * a + x[1] - 2,
          -4 * std::pow(a, 4) + 32 * std::pow(a, 3) - 88 * a * a + 96 * a + x[1] - 36};
}

Row g01(X x) {
  double value = 0.0;
  for (std::size_t i = 0; i < 4; ++i) value += 5.0 * (x[i] - square(x[i]));
  for (std::size_t i = 4; i < 13; ++i) value -= x[i];
  return {value,
          2 * x[0] + 2 * x[1] + x[9] + x[10] - 10,
          2 * x[0] + 2 * x[2] + x[9] + x[11] - 10,
          2 * x[1] + 2 * x[2] + x[10] + x[11] - 10,
          x[9] - 8 * x[0],
          x[10] - 8 * x[1],
          x[11] - 8 * x[2],
          x[9] - 2 * x[3] - x[4],
          x[10] - 2 * x[5] - x[6],
          x[11] - 2 * x[7] - x[8]};
}
Row g07(X x) {
  return {square(x[0]) + square(x[1]) + x[0] * x[1] - 14 * x[0] - 16 * x[1] + square(x[2] - 10) +
              4 * square(x[3] - 5) + square(x[4] - 3) + 2 * square(x[5] - 1) + 5 * square(x[6]) +
              7 * square(x[7] - 11) + 2 * square(x[8] - 10) + square(x[9] - 7) + 45,
          4 * x[0] + 5 * x[1] - 3 * x[6] + 9 * x[7] - 105,
          10 * x[0] - 8 * x[1] - 17 * x[6] + 2 * x[7],
          -8 * x[0] + 2 * x[1] + 5 * x[8] - 2 * x[9] - 12,
          3 * square(x[0] - 2) + 4 * square(x[1] - 3) + 2 * square(x[2]) - 7 * x[3] - 120,
          5 * square(x[0]) + 8 * x[1] + square(x[2] - 6) - 2 * x[3] - 40,
          square(x[0]) + 2 * square(x[1] - 2) - 2 * x[0] * x[1] + 14 * x[4] - 6 * x[5],
          0.5 * square(x[0] - 8) + 2 * square(x[1] - 4) + 3 * square(x[4]) - x[5] - 30,
          -3 * x[0] + 6 * x[1] + 12 * square(x[8] - 8) - 7 * x[9]};
}
Row g10(X x) {
  return {x[0] + x[1] + x[2],
          0.0025 * (x[3] + x[5]) - 1,
          0.0025 * (x[4] + x[6] - x[3]) - 1,
          0.01 * (x[7] - x[4]) - 1,
          833.33252 * x[3] + 100 * x[0] - x[0] * x[5] - 83333.333,
          1250 * x[4] + x[1] * x[3] - x[1] * x[6] - 1250 * x[3],
          1250000 + x[2] * x[4] - x[2] * x[7] - 2500 * x[4]};
}
/// Allowed is what lies in one of 729 balls.
Row g12(X x) {
  double value = -100.0, outside = -0.0625;
  for (const double each : x) {
    value += square(each - 5);
    outside += square(each - std::clamp(std::round(each), 1.0, 9.0));
  }
  return {value / 100.0, outside};
}
Row g18(X x) {
  return {-0.5 * (x[0] * x[3] - x[1] * x[2] + x[2] * x[8] - x[4] * x[8] + x[4] * x[7] - x[5] * x[6]),
          square(x[2]) + square(x[3]) - 1,
          square(x[8]) - 1,
          square(x[4]) + square(x[5]) - 1,
          square(x[0]) + square(x[1] - x[8]) - 1,
          square(x[0] - x[4]) + square(x[1] - x[5]) - 1,
          square(x[0] - x[6]) + square(x[1] - x[7]) - 1,
          square(x[2] - x[4]) + square(x[3] - x[5]) - 1,
          square(x[2] - x[6]) + square(x[3] - x[7]) - 1,
          square(x[6]) + square(x[7] - x[8]) - 1,
          x[1] * x[2] - x[0] * x[3],
          -x[2] * x[8],
          x[4] * x[8],
          x[5] * x[6] - x[4] * x[7]};
}

Row townsend(X x) {
  const double t = std::atan2(x[0], x[1]);
  const double edge =
      2 * std::cos(t) - 0.5 * std::cos(2 * t) - 0.25 * std::cos(3 * t) - 0.125 * std::cos(4 * t);
  return {-square(std::cos((x[0] - 0.1) * x[1])) - x[0] * std::sin(3 * x[0] + x[1]),
          square(x[0]) + square(x[1]) - square(edge) - square(2 * std::sin(t))};
}
Row mishra_bird(X x) {
  return {std::sin(x[1]) * std::exp(square(1 - std::cos(x[0]))) +
              std::cos(x[0]) * std::exp(square(1 - std::sin(x[1]))) + square(x[0] - x[1]),
          square(x[0] + 5) + square(x[1] + 5) - 25};
}

}  // namespace

void add_constrained_functions(std::vector<FunctionInfo>& list) {
  const auto add = std::bind_front(add_limited_function, std::ref(list));
  add("gardner1", "the unconstrained optima that are allowed are few", kGardner, box({{0, 6}, {0, 6}}), 1,
      -2.0, gardner1);
  // Where sin x1 = -1 and sin x2 = 0.95.
  add("gardner2", "a tiny feasible region", kGardner, box({{0, 6}, {0, 6}}), 1, std::asin(0.95) - 1.0,
      gardner2);
  add("g04", "six limits, two of them active", kCec, box({{78, 102}, {33, 45}, {27, 45}, {27, 45}, {27, 45}}),
      6, -30665.53867178332, g04);
  add("g06", "a sliver of 0.007 % is feasible", kCec, box({{13, 100}, {0, 100}}), 2, -6961.81387558015, g06);
  add("g08", "many local optima, 0.9 % feasible", kCec, box({{0.001, 10}, {0.001, 10}}), 2,
      -0.0958250414180359, g08);
  add("g09", "seven parameters, 0.5 % feasible", kCec,
      box(std::vector<std::pair<double, double>>(7, {-10, 10})), 4, 680.630057374402, g09);
  add("g24", "two feasible pieces", kCec, box({{0, 3}, {0, 4}}), 2, -5.50801327159536, g24);
  add("g01", "thirteen parameters, nine linear limits", kCec,
      box({{0, 1},
           {0, 1},
           {0, 1},
           {0, 1},
           {0, 1},
           {0, 1},
           {0, 1},
           {0, 1},
           {0, 1},
           {0, 100},
           {0, 100},
           {0, 100},
           {0, 1}}),
      9, -15.0, g01);
  add("g07", "ten parameters, next to nothing feasible", kCec,
      box(std::vector<std::pair<double, double>>(10, {-10, 10})), 8, 24.306209068179, g07);
  add("g10", "the least surface of heat exchangers", kCec,
      box({{100, 10000},
           {1000, 10000},
           {1000, 10000},
           {10, 1000},
           {10, 1000},
           {10, 1000},
           {10, 1000},
           {10, 1000}}),
      6, 7049.248020529, g10);
  add("g12", "hundreds of feasible balls", kCec, box({{0, 10}, {0, 10}, {0, 10}}), 1, -1.0, g12);
  add("g18", "the largest hexagon of diameter one", kCec,
      box({{-10, 10}, {-10, 10}, {-10, 10}, {-10, 10}, {-10, 10}, {-10, 10}, {-10, 10}, {-10, 10}, {0, 20}}),
      13, -0.866025403784439, g18);
  add("townsend", "waves within a heart", kTownsend, box({{-2.25, 2.25}, {-2.5, 1.75}}), 1, -2.0239883623,
      townsend);
  add("mishra_bird", "steep holes within a disc", kMishra, box({{-10, 0}, {-6.5, 0}}), 1, -106.764536749265,
      mishra_bird);
}

}  // namespace hone::task
