// Functions of mixed parameters with known optima: integers beside reals, and choices that decide which
// function it is.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/task/functions/bbob.h"
#include "hone/task/functions/function.h"

namespace hone::task {
namespace {

using X = std::span<const double>;

// Ru, Alvi, Nguyen, Osborne and Roberts, "Bayesian Optimisation over Multiple Continuous and Categorical
// Inputs", 2020: Func-2C and Func-3C. Each of three functions, scaled to like sizes, over [-2, 2].
double part(int which, X x) {
  const double a = 2.0 * x[0], b = 2.0 * x[1];
  if (which == 0) return (100.0 * std::pow(b - a * a, 2) + std::pow(a - 1.0, 2)) / 300.0;
  if (which == 1)
    return ((4.0 - 2.1 * a * a + std::pow(a, 4) / 3.0) * a * a + a * b + (-4.0 + 4.0 * b * b) * b * b) / 10.0;
  const double p = 2.0 * a, q = 2.0 * b;
  return (std::pow(1.5 - p + p * q, 2) + std::pow(2.25 - p + p * q * q, 2) +
          std::pow(2.625 - p + p * q * q * q, 2)) /
         50.0;
}

constexpr double kCamel = -1.0316284534898774 / 10.0;

Function choices(bool third) {
  const std::vector<Value> names{std::string("rosenbrock"), std::string("camel"), std::string("beale")};
  std::vector<Value> second = names, last;
  for (int i = 3; i < 5; ++i) second.emplace_back(fmt::format("beale{}", i));
  for (const char* name : {"camel5", "rosenbrock2", "beale2", "beale3"}) last.emplace_back(std::string(name));
  space::Space::Builder builder;
  builder.choice("h1", names).choice("h2", second);
  if (third) builder.choice("h3", last);
  builder.real("x1", -1.0, 1.0).real("x2", -1.0, 1.0);
  Function function;
  function.space = builder.build();
  function.optimum = (third ? 7.0 : 2.0) * kCamel;
  function.evaluate = [third](X all, double) {
    const X x = all.subspan(third ? 3 : 2);
    double value = part(static_cast<int>(all[0]), x) + part(std::min(2, static_cast<int>(all[1])), x);
    if (third) {
      const int h = static_cast<int>(all[2]);
      value += h == 0 ? 5.0 * part(1, x) : h == 1 ? 2.0 * part(0, x) : h * part(2, x);
    }
    return std::vector<double>{value};
  };
  return function;
}

// Tušar, Brockhoff and Hansen, "Mixed-Integer Benchmark Problems for Single- and Bi-Objective Optimization",
// 2019: the BBOB functions with a fifth of their parameters on 2, 4, 8 and 16 values each, and a fifth real.
// The values lie evenly inside [-5, 5] and are moved so that the optimum is one of them; it stays what it is.
// Two ways in which this differs from bbob-mixint: partial derivatives are not rescaled, and parameter i of n
// belongs to the fifth 5 i / n, so that any dimension is possible.
constexpr int kValues[5] = {2, 4, 8, 16, 0};

int values_of(std::size_t i, std::size_t n) { return kValues[5 * i / n]; }

/// Of value k of l: -5 + 10 (k + 1) / (l + 1).
double grid(double k, int l) { return -5.0 + 10.0 * (k + 1.0) / (l + 1.0); }

Function discretised(int number, std::int64_t dimension, std::uint64_t instance) {
  const auto n = static_cast<std::size_t>(dimension);
  const auto made = bbob::make_instance(number, n, instance);
  space::Space::Builder builder;
  std::vector<double> moved(n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    const int l = values_of(i, n);
    const std::string name = fmt::format("x{}", i + 1);
    if (l == 0) {
      builder.real(name, -5.0, 5.0);
      continue;
    }
    builder.integer(name, 0, l - 1);
    double nearest = grid(0.0, l);
    for (int k = 1; k < l; ++k)
      if (std::abs(grid(k, l) - made.place[i]) < std::abs(nearest - made.place[i])) nearest = grid(k, l);
    moved[i] = made.place[i] - nearest;
  }
  Function function;
  function.space = builder.build();
  function.optimum = made.value;
  function.evaluate = [made, moved](X x, double) {
    std::vector<double> at(x.begin(), x.end());
    for (std::size_t i = 0; i < at.size(); ++i)
      if (const int l = values_of(i, at.size()); l > 0) at[i] = grid(at[i], l) + moved[i];
    return std::vector<double>{made.raw(at) + made.value};
  };
  return function;
}

}  // namespace

void add_mixed_functions(std::vector<FunctionInfo>& list) {
  const std::string ru =
      "Ru et al., Bayesian Optimisation over Multiple Continuous and Categorical Inputs, 2020";
  list.push_back({"func2c", "mixed", "two choices decide which two functions are added", ru, 4, 1,
                  [](std::int64_t, std::uint64_t) { return choices(false); }});
  list.push_back({"func3c", "mixed", "three choices decide which three functions are added", ru, 5, 1,
                  [](std::int64_t, std::uint64_t) { return choices(true); }});
  for (int number = 1; number <= 24; ++number)
    list.push_back({fmt::format("mixint_f{}", number), "mixed", bbob::function_name(number) + ", on grids",
                    "Tušar, Brockhoff and Hansen, Mixed-Integer Benchmark Problems for Single- and "
                    "Bi-Objective Optimization, 2019",
                    0, 5, [number](std::int64_t dimension, std::uint64_t instance) {
                      return discretised(number, dimension, instance);
                    }});
}

}  // namespace hone::task
