// Functions of spaces with conditions: parameters that are there only under others' values, and their known
// optima. Values of parameters that are not active are NaN and must not be looked at.
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "hone/task/functions/function.h"

namespace hone::task {
namespace {

using X = std::span<const double>;
using Row = std::vector<double>;
using Builder = space::Space::Builder;
const char* const kPelamatti =
    "Pelamatti et al., Bayesian Optimization of Variable-size Design Space Problems, 2020";
const char* const kZaefferer =
    "Zaefferer and Horn, A First Analysis of Kernels for Kriging-based Optimization in Hierarchical Search "
    "Spaces, 2018";

/// Section 4.1: a binary tree of three decisions; leaves have a real parameter each, and the two branches one
/// that their leaves share.
Row jenatton(X x) {
  if (x[0] == 0.0) return {(x[1] == 0.0 ? square(x[3]) + 0.1 : square(x[4]) + 0.2) + x[7]};
  return {(x[2] == 0.0 ? square(x[5]) + 0.3 : square(x[6]) + 0.4) + x[8]};
}
space::Space jenatton_space() {
  Builder builder;
  builder.choice("x1", {std::int64_t{0}, std::int64_t{1}});
  builder.choice("x2", {std::int64_t{0}, std::int64_t{1}}, {.when = "x1 == 0"});
  builder.choice("x3", {std::int64_t{0}, std::int64_t{1}}, {.when = "x1 == 1"});
  for (int leaf = 0; leaf < 4; ++leaf)
    builder.real(fmt::format("x{}", 4 + leaf), -1.0, 1.0,
                 {.when = fmt::format("x{} == {}", leaf < 2 ? 2 : 3, leaf % 2)});
  builder.real("r8", 0.0, 1.0, {.when = "x1 == 0"});
  builder.real("r9", 0.0, 1.0, {.when = "x1 == 1"});
  return builder.build();
}

/// Appendix B. x1 to x5; z1 to z4, of three values each; w1 says which of x3, x4 are real (else z1 and z2
/// choose among three values), w2 whether x5 counts.
Row variable_goldstein(X x) {
  constexpr std::array<double, 3> given{20.0, 50.0, 80.0}, c1{3.0, 2.0, 1.0}, c2{0.5, -1.0, -2.0};
  const auto w = static_cast<int>(x[9]);
  const auto z = [&](int i) { return static_cast<std::size_t>(x[static_cast<std::size_t>(4 + i)]); };
  const double a = x[0], b = x[1], c = w % 2 == 1 ? x[2] : given[z(1)], d = w >= 2 ? x[3] : given[z(2)];
  double value = 53.3108 + 0.184901 * a - 5.02914e-6 * a * a * a + 7.72522e-8 * std::pow(a, x[7]) -
                 0.0870775 * b - 0.106959 * c + 7.98772e-6 * std::pow(c, x[8]) + 0.00242482 * d +
                 1.32851e-6 * d * d * d - 0.00146393 * a * b - 0.00301588 * a * c - 0.00272291 * a * d +
                 0.0017004 * b * c + 0.0038428 * b * d - 0.000198969 * c * d + 1.86025e-5 * a * b * c -
                 1.88719e-6 * a * b * d + 2.50923e-5 * a * c * d - 5.62199e-5 * b * c * d;
  if (x[10] == 1.0) value += 5.0 * std::cos(2.0 * kPi * x[4] / 100.0) - 2.0;
  const double first = w == 0 || w == 2 ? c1[z(1)] : w == 1 ? 0.5 : c1[z(3)];
  const double second = w < 2 ? c2[z(2)] : w == 2 ? 0.7 : c2[z(4)];
  return {value, square(20.0 + first * second) - square(a - 50.0) - square(b - 50.0)};
}
space::Space variable_goldstein_space() {
  Builder builder;
  const std::array<const char*, 5> reals{"", "", "w1 in [1, 3]", "w1 in [2, 3]", "w2 == 1"};
  for (std::size_t i = 0; i < reals.size(); ++i)
    builder.real(fmt::format("x{}", i + 1), 0.0, 100.0, {.when = reals[i]});
  const std::array<const char*, 4> integers{"w1 in [0, 2]", "w1 in [0, 1]", "", ""};
  for (std::size_t i = 0; i < integers.size(); ++i)
    builder.integer(fmt::format("z{}", i + 1), 0, 2, {.when = integers[i]});
  builder.choice("w1", {std::int64_t{0}, std::int64_t{1}, std::int64_t{2}, std::int64_t{3}});
  builder.choice("w2", {std::int64_t{0}, std::int64_t{1}});
  return builder.build();
}

/// Appendix C. w1 and w2 say which pairs of x1 to x8 count, w2 whether z3 does. The second limit is taken of
/// the pairs that count; SBArchOpt's code takes it of x1 to x4, x7 and x8 where w1 = 0 and w2 = 1. It does
/// not bind at the optimum.
Row variable_rosenbrock(X x) {
  const bool longer = x[11] == 1.0, second = x[12] == 1.0;
  std::vector<double> counted{x[0], x[1]};
  for (const std::size_t i : {2U, 3U}) counted.push_back(x[second ? i + 2 : i]);
  if (longer) counted.insert(counted.end(), {x[6], x[7]});
  const double a1 = longer ? 10.0 : 7.0, a2 = second ? 6.0 : 9.0;
  const bool flat = x[9] == 1.0;
  double value = 100.0 * x[8] - (second ? 35.0 * x[10] : 0.0), first_limit = 0.0, second_limit = 0.0;
  for (std::size_t i = 0; i + 1 < counted.size(); ++i) {
    const double here = counted[i], next = counted[i + 1];
    value += (flat ? 0.7 : 1.0) * a1 * a2 * square(next - here) +
             (a1 + (flat ? -a2 : a2)) / 10.0 * square(1.0 - here);
    first_limit += -std::pow(here - 1.0, 3) + next - 2.6;
    second_limit += -here - next + 0.4;
  }
  return {value, first_limit, longer ? 0.0 : second_limit};
}
space::Space variable_rosenbrock_space() {
  Builder builder;
  const std::array<const char*, 4> pairs{"", "w2 == 0", "w2 == 1", "w1 == 1"};
  for (std::size_t i = 0; i < 8; ++i)
    builder.real(fmt::format("x{}", i + 1), i % 2 == 0 ? -1.0 : 0.0, i % 2 == 0 ? 0.5 : 1.5,
                 {.when = pairs[i / 2]});
  builder.integer("z1", 0, 1).integer("z2", 0, 1).integer("z3", 0, 2, {.when = "w2 == 1"});
  builder.choice("w1", {std::int64_t{0}, std::int64_t{1}}).choice("w2", {std::int64_t{0}, std::int64_t{1}});
  return builder.build();
}

/// Section 5: x2 counts where x1 is above `from`.
Function zaefferer(double raised, double from, double best) {
  Function function;
  function.space =
      Builder().real("x1", 0.0, 1.0).real("x2", 0.0, 1.0, {.when = fmt::format("x1 > {}", from)}).build();
  function.evaluate = [=](X x, double) {
    return Row{square(x[0] - best) + (x[0] > from ? square(x[1] - 0.5) + raised : 0.0)};
  };
  // At `best`, or on the edge of what needs no x2.
  const double there = best > from ? raised : 0.0;
  function.optimum = std::min(there, square(std::min(best, from) - best));
  return function;
}

/// Choosing a learner and its settings: each has its own best value, and with settings far from theirs all
/// come to 0.5. What learner is best is not the one that bad settings make look best.
Row learners(X x) {
  const auto learner = static_cast<int>(x[0]);
  const bool scaled = x[1] == 1.0;
  const auto off = [](double at, double best, double width) { return square((at - best) / width); };
  double value = 0.0, far = 0.0;
  switch (learner) {
    case 0:  // neighbours
      value = 0.20 + (scaled ? 0.0 : 0.05);
      far = off(std::log(x[2]), std::log(9.0), 1.5);
      break;
    case 1:  // support vectors: cost and width of the kernel depend on each other
      value = 0.08 + (scaled ? 0.0 : 0.1);
      far = off(std::log10(x[3]) + std::log10(x[4]), -0.5, 0.7) + off(std::log10(x[4]), -2.0, 1.5);
      break;
    case 2:  // a forest: good with any settings
      value = 0.10;
      far = off(x[5], 14.0, 16.0) + off(x[6], 0.4, 0.8);
      break;
    case 3:  // boosted trees: more of them with a smaller rate
      value = 0.06;
      far = off(std::log10(x[7]) + std::log10(x[8]), 1.2, 0.4) + off(x[9], 5.0, 4.0) + off(x[10], 0.8, 0.5);
      break;
    default: {  // a network: rate and the width of each of its layers
      value = 0.04 + (scaled ? 0.0 : 0.15) + 0.01 * std::abs(x[12] - 3.0);
      far = off(std::log10(x[11]), -2.6, 0.5);
      const auto layers = static_cast<std::size_t>(x[12]);
      for (std::size_t i = 0; i < layers; ++i)
        far += off(std::log2(x[13 + i]), 7.0 - static_cast<double>(i), 2.0) / static_cast<double>(layers);
      if (layers >= 2) far += off(x[17], 0.2, 0.4);
      break;
    }
  }
  return {value + (0.5 - value) * -std::expm1(-far)};
}
space::Space learners_space() {
  Builder builder;
  builder.choice("learner", {std::string("neighbours"), std::string("svm"), std::string("forest"),
                             std::string("boosting"), std::string("network")});
  builder.flag("scaled");
  builder.integer("neighbours", 1, 100, {.log = true, .when = "learner == 'neighbours'"});
  builder.real("cost", 1e-3, 1e3, {.log = true, .when = "learner == 'svm'"});
  builder.real("width", 1e-5, 10.0, {.log = true, .when = "learner == 'svm'"});
  builder.integer("depth", 1, 20, {.when = "learner == 'forest'"});
  builder.real("features", 0.1, 1.0, {.when = "learner == 'forest'"});
  builder.real("shrinkage", 1e-3, 1.0, {.log = true, .when = "learner == 'boosting'"});
  builder.integer("rounds", 10, 1000, {.log = true, .when = "learner == 'boosting'"});
  builder.integer("leaves", 1, 10, {.when = "learner == 'boosting'"});
  builder.real("rows", 0.3, 1.0, {.when = "learner == 'boosting'"});
  builder.real("rate", 1e-5, 1.0, {.log = true, .when = "learner == 'network'"});
  builder.integer("layers", 1, 4, {.when = "learner == 'network'"});
  for (int i = 1; i <= 4; ++i)
    builder.integer(fmt::format("units{}", i), 8, 512, {.log = true, .when = fmt::format("layers >= {}", i)});
  builder.real("dropout", 0.0, 0.8, {.when = "layers >= 2"});
  return builder.build();
}

/// A stack of one to eight layers, each with a width and an activation of its own.
constexpr std::size_t kLayers = 8;
Row layers(X x) {
  const auto depth = static_cast<std::size_t>(x[0]);
  double widths = 0.0, activations = 0.0;
  for (std::size_t i = 0; i < depth; ++i) {
    const auto place = static_cast<double>(i);
    widths += square((std::log2(x[1 + i]) - (8.0 - 0.5 * place)) / 4.0);
    activations += x[1 + kLayers + i] == static_cast<double>(i % 3) ? 0.0 : 0.1;
  }
  return {0.1 + 0.02 * square(x[0] - 5.0) + (widths + activations) / x[0]};
}
space::Space layers_space() {
  Builder builder;
  builder.integer("depth", 1, kLayers);
  for (std::size_t i = 1; i <= kLayers; ++i)
    builder.integer(fmt::format("width{}", i), 8, 1024,
                    {.log = true, .when = i > 1 ? fmt::format("depth >= {}", i) : ""});
  for (std::size_t i = 1; i <= kLayers; ++i)
    builder.choice(fmt::format("activation{}", i),
                   {std::string("relu"), std::string("tanh"), std::string("gelu")},
                   {.when = i > 1 ? fmt::format("depth >= {}", i) : ""});
  return builder.build();
}

}  // namespace

void add_conditional_functions(std::vector<FunctionInfo>& list) {
  const auto add = std::bind_front(add_function, std::ref(list), "conditional");
  add("jenatton", "a binary tree of decisions",
      "Jenatton et al., Bayesian Optimization with Tree-structured Dependencies, 2017",
      function_on(jenatton_space(), 0, 0.1, jenatton));
  add("variable_goldstein", "eight functions of different sizes, a limit", kPelamatti,
      function_on(variable_goldstein_space(), 1, 8.941930064972, variable_goldstein));
  add("variable_rosenbrock", "four functions of different sizes, two limits", kPelamatti,
      function_on(variable_rosenbrock_space(), 2, -69.925042444822, variable_rosenbrock));
  add("zaefferer_a", "best where the second parameter does not count", kZaefferer, zaefferer(0.0, 0.6, 0.1));
  add("zaefferer_d", "best where the second parameter counts", kZaefferer, zaefferer(0.1, 0.4, 0.9));
  add("zaefferer_e", "best at the edge of where it counts", kZaefferer, zaefferer(0.1, 0.4, 0.7));
  add("learners", "which learner, and its own settings", "hone",
      function_on(learners_space(), 0, 0.04, learners));
  add("layers", "how many layers, and each one's width and activation", "hone",
      function_on(layers_space(), 0, 0.1, layers));
}

}  // namespace hone::task
