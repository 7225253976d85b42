// Designs of machines and structures with limits, and their best known values within them. Each limit is a
// measure (c1, c2, ...) that must not be above 0.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "hone/task/functions/function.h"

namespace hone::task {
namespace {

using X = std::span<const double>;
using Row = std::vector<double>;
const char* const kCoello =
    "Coello, Use of a Self-adaptive Penalty Approach for Engineering Optimization Problems, 2000";

const char* const kKumar =
    "Kumar et al., A Test-suite of Non-Convex Constrained Optimization Problems from the Real-World and Some "
    "Baseline Results, 2020";
const char* const kChickermane =
    "Chickermane and Gea, Structural Optimization Using a New Local Approximation Method, 1996";
const char* const kRao = "Rao, Engineering Optimization: Theory and Practice";

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

/// Sections of the outer and the middle bars.
Row three_bar_truss(X x) {
  constexpr double load = 2.0, strength = 2.0, length = 100.0;
  const double root2 = std::numbers::sqrt2, both = root2 * x[0] * x[0] + 2 * x[0] * x[1];
  // No bars carry nothing: as much too weak as the thinnest ones that are numbers.
  const double share = std::max(both, 1e-12), sum = std::max(x[0] + root2 * x[1], 1e-12);
  return {length * (2 * root2 * x[0] + x[1]), (root2 * x[0] + x[1]) / share * load - strength,
          x[1] / share * load - strength, load / sum - strength};
}

/// Heights of five hollow square blocks.
Row cantilever(X x) {
  return {0.0624 * (x[0] + x[1] + x[2] + x[3] + x[4]), 61 / std::pow(x[0], 3) + 37 / std::pow(x[1], 3) +
                                                           19 / std::pow(x[2], 3) + 7 / std::pow(x[3], 3) +
                                                           1 / std::pow(x[4], 3) - 1};
}

/// Mean diameter and thickness.
Row tubular_column(X x) {
  constexpr double load = 2500.0, strength = 500.0, young = 0.85e6, length = 250.0;
  const double d = x[0], t = x[1];
  return {9.8 * d * t + 2 * d, load / (kPi * d * t * strength) - 1,
          8 * load * length * length / (std::pow(kPi, 3) * young * d * t * (d * d + t * t)) - 1};
}

/// Inner and outer radius, thickness of the discs, force, number of surfaces that rub. Torques are in N m
/// throughout, so that the limit on the time to stop can bind; the source mixes in N mm. The optimum is the
/// same.
Row clutch_brake(X x) {
  constexpr double gap = 20.0, longest = 30.0, clearance = 0.5, density = 7.8e-6, pressure_limit = 1.0,
                   speed_limit = 10.0, friction = 0.6, safety = 1.5, static_torque = 40.0, resisting = 3.0,
                   inertia = 55.0, rpm = 250.0, slowest = 15.0;
  const double ri = x[0], ro = x[1], ring = ro * ro - ri * ri, cubes = std::pow(ro, 3) - std::pow(ri, 3);
  const double speed = kPi * (2.0 / 3.0 * cubes / ring) * rpm / 30.0 / 1000.0;
  const double pressure = x[3] / (kPi * ring);
  const double torque = 2.0 / 3.0 * friction * x[3] * x[4] * cubes / ring / 1000.0;
  const double time = inertia * kPi * rpm / 30.0 / (torque + resisting);
  return {kPi * ring * x[2] * (x[4] + 1) * density,
          ri + gap - ro,
          (x[4] + 1) * (x[2] + clearance) - longest,
          pressure - pressure_limit,
          pressure * speed - pressure_limit * speed_limit,
          speed - speed_limit,
          time - slowest,
          safety * static_torque - torque};
}

}  // namespace

void add_engineering_functions(std::vector<FunctionInfo>& list) {
  const auto add = std::bind_front(add_limited_function, std::ref(list));
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
  add("three_bar_truss", "the lightest truss", kKumar, box({{0, 1}, {0, 1}}), 3, 263.895843376468,
      three_bar_truss);
  add("cantilever", "a limit that all parameters share", kChickermane,
      box(std::vector<std::pair<double, double>>(5, {0.01, 100})), 1, 1.339956360599074, cantilever);
  add("tubular_column", "the cheapest column that bears a load", kRao, box({{2, 14}, {0.2, 0.8}}), 2,
      26.499496891515, tubular_column);
  add("clutch_brake", "the lightest brake, all of whole numbers", kKumar,
      space::Space::Builder()
          .integer("x1", 60, 80)
          .integer("x2", 90, 110)
          .integer("x3", 1, 3)
          .integer("x4", 0, 1000)
          .integer("x5", 2, 9)
          .build(),
      7, 0.2352424579008, clutch_brake);
}

}  // namespace hone::task
