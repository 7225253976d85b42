// Functions with limits, and their best known values within them. Each limit is a measure (c1, c2, ...) that
// must not be above 0.
#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "hone/task/functions/function.h"

namespace hone::task {
namespace {

using X = std::span<const double>;
using Row = std::vector<double>;
const char* const kGardner = "Gardner et al., Bayesian Optimization with Inequality Constraints, 2014";
const char* const kCec =
    "Liang et al., Problem Definitions and Evaluation Criteria for the CEC 2006 Special Session on "
    "Constrained Real-Parameter Optimization";
const char* const kCoello =
    "Coello, Use of a Self-adaptive Penalty Approach for Engineering Optimization Problems, 2000";

const char* const kKumar =
    "Kumar et al., A Test-suite of Non-Convex Constrained Optimization Problems from the Real-World and Some "
    "Baseline Results, 2020";

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

/// Height, length, thickness and breadth of the weld, in inches.
Row welded_beam(X x) {
  constexpr double load = 6000.0, length = 14.0, young = 30e6, shear = 12e6;
  const double h = x[0], l = x[1], t = x[2], b = x[3];
  const double root2 = std::numbers::sqrt2;
  const double direct = load / (root2 * h * l);
  const double radius = std::sqrt(l * l / 4.0 + square((h + t) / 2.0));
  const double polar = 2.0 * root2 * h * l * (l * l / 12.0 + square((h + t) / 2.0));
  const double bent = load * (length + l / 2.0) * radius / polar;
  const double stress = std::sqrt(direct * direct + direct * bent * l / radius + bent * bent);
  const double bending = 6.0 * load * length / (b * t * t);
  const double deflection = 4.0 * load * std::pow(length, 3) / (young * std::pow(t, 3) * b);
  const double buckling = 4.013 * young * std::sqrt(t * t * std::pow(b, 6) / 36.0) / (length * length) *
                          (1.0 - t / (2.0 * length) * std::sqrt(young / (4.0 * shear)));
  return {1.10471 * h * h * l + 0.04811 * t * b * (length + l),
          stress - 13600.0,
          bending - 30000.0,
          h - b,
          0.10471 * h * h + 0.04811 * t * b * (length + l) - 5.0,
          0.125 - h,
          deflection - 0.25,
          load - buckling};
}

/// Shell and head in sixteenths of an inch; radius and length.
Row pressure_vessel(X x) {
  const double shell = 0.0625 * x[0], head = 0.0625 * x[1], r = x[2], l = x[3];
  return {
      0.6224 * shell * r * l + 1.7781 * head * r * r + 3.1661 * shell * shell * l + 19.84 * shell * shell * r,
      0.0193 * r - shell, 0.00954 * r - head, 1296000.0 - kPi * r * r * l - 4.0 / 3.0 * kPi * r * r * r};
}

/// Wire, coil diameter, coils.
Row spring(X x) {
  const double d = x[0], w = x[1], n = x[2];
  return {
      (n + 2.0) * w * d * d, 1.0 - w * w * w * n / (71785.0 * std::pow(d, 4)),
      (4 * w * w - w * d) / (12566.0 * (w * std::pow(d, 3) - std::pow(d, 4))) + 1.0 / (5108.0 * d * d) - 1.0,
      1.0 - 140.45 * d / (w * w * n), (w + d) / 1.5 - 1.0};
}

Row speed_reducer(X x) {
  const double b = x[0], m = x[1], z = x[2], l1 = x[3], l2 = x[4], d1 = x[5], d2 = x[6];
  return {0.7854 * b * m * m * (3.3333 * z * z + 14.9334 * z - 43.0934) - 1.508 * b * (d1 * d1 + d2 * d2) +
              7.477 * (d1 * d1 * d1 + d2 * d2 * d2) + 0.7854 * (l1 * d1 * d1 + l2 * d2 * d2),
          27.0 / (b * m * m * z) - 1.0,
          397.5 / (b * m * m * z * z) - 1.0,
          1.93 * std::pow(l1, 3) / (m * z * std::pow(d1, 4)) - 1.0,
          1.93 * std::pow(l2, 3) / (m * z * std::pow(d2, 4)) - 1.0,
          std::sqrt(square(745.0 * l1 / (m * z)) + 16.91e6) / (110.0 * std::pow(d1, 3)) - 1.0,
          std::sqrt(square(745.0 * l2 / (m * z)) + 157.5e6) / (85.0 * std::pow(d2, 3)) - 1.0,
          m * z / 40.0 - 1.0,
          5.0 * m / b - 1.0,
          b / (12.0 * m) - 1.0,
          (1.5 * d1 + 1.9) / l1 - 1.0,
          (1.1 * d2 + 1.9) / l2 - 1.0};
}

std::vector<study::Limit> below_zero(std::size_t n) {
  std::vector<study::Limit> limits;
  for (std::size_t i = 1; i <= n; ++i) limits.push_back({fmt::format("c{}", i), 0.0, {}});
  return limits;
}

}  // namespace

void add_constrained_functions(std::vector<FunctionInfo>& list) {
  const auto add = [&](const std::string& name, const std::string& summary, const std::string& source,
                       const space::Space& space, std::size_t n_limits, double optimum, Row (*values)(X)) {
    const auto make = [=](std::int64_t, std::uint64_t) {
      Function function;
      function.space = space;
      function.limits = below_zero(n_limits);
      function.optimum = optimum;
      function.evaluate = [values](X x, double) { return values(x); };
      return function;
    };
    list.push_back({name, "constrained", summary, source, static_cast<std::int64_t>(space.size()), 1, make});
  };
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
  add("welded_beam", "the cheapest weld that carries the load", kCoello,
      box({{0.1, 2}, {0.1, 10}, {0.1, 10}, {0.1, 2}}), 7, 1.724852308597366, welded_beam);
  add("pressure_vessel", "plates come in sixteenths of an inch", kCoello,
      space::Space::Builder()
          .integer("x1", 1, 99)
          .integer("x2", 1, 99)
          .real("x3", 10.0, 200.0)
          .real("x4", 10.0, 200.0)
          .build(),
      3, 6059.714335048436, pressure_vessel);
  add("spring", "the lightest spring", kCoello, box({{0.05, 2}, {0.25, 1.3}, {2, 15}}), 4, 0.0126652327883194,
      spring);
  add("speed_reducer", "the lightest gear box; teeth are whole", kKumar,
      space::Space::Builder()
          .real("x1", 2.6, 3.6)
          .real("x2", 0.7, 0.8)
          .integer("x3", 17, 28)
          .real("x4", 7.3, 8.3)
          .real("x5", 7.3, 8.3)
          .real("x6", 2.9, 3.9)
          .real("x7", 5.0, 5.5)
          .build(),
      11, 2994.424465756737, speed_reducer);
}

}  // namespace hone::task
