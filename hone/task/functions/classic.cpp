// Classic functions of one objective over real numbers, with known optima. Ackley, Levy, Rastrigin and
// Griewank on the domains of Eriksson et al., "Scalable Global Optimization via Local Bayesian Optimization",
// 2019: on the symmetric ones the optimum is the very middle of the space, where some searchers begin.
#include <array>
#include <cmath>
#include <numbers>

#include "hone/task/functions/function.h"

namespace hone::task {
namespace {

using X = std::span<const double>;

double branin(double a, double b) {
  return square(b - 5.1 / (4 * kPi * kPi) * a * a + 5.0 / kPi * a - 6.0) +
         10.0 * (1.0 - 1.0 / (8.0 * kPi)) * std::cos(a) + 10.0;
}

double ackley(X x) {
  double squares = 0.0, cosines = 0.0;
  for (const double v : x) {
    squares += v * v;
    cosines += std::cos(2 * kPi * v);
  }
  const auto n = static_cast<double>(x.size());
  return -20.0 * std::exp(-0.2 * std::sqrt(squares / n)) - std::exp(cosines / n) + 20.0 + std::numbers::e;
}

double levy(X x) {
  const auto w = [&](std::size_t i) { return 1.0 + (x[i] - 1.0) / 4.0; };
  const std::size_t last = x.size() - 1;
  double sum = square(std::sin(kPi * w(0)));
  for (std::size_t i = 0; i < last; ++i)
    sum += square(w(i) - 1.0) * (1.0 + 10.0 * square(std::sin(kPi * w(i) + 1.0)));
  return sum + square(w(last) - 1.0) * (1.0 + square(std::sin(2 * kPi * w(last))));
}

double rosenbrock(X x) {
  double sum = 0.0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i)
    sum += 100.0 * square(x[i + 1] - x[i] * x[i]) + square(x[i] - 1.0);
  return sum;
}

double rastrigin(X x) {
  double sum = 10.0 * static_cast<double>(x.size());
  for (const double v : x) sum += v * v - 10.0 * std::cos(2 * kPi * v);
  return sum;
}

double griewank(X x) {
  double sum = 0.0, product = 1.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += x[i] * x[i] / 4000.0;
    product *= std::cos(x[i] / std::sqrt(static_cast<double>(i) + 1.0));
  }
  return sum - product + 1.0;
}

double styblinski_tang(X x) {
  double sum = 0.0;
  for (const double v : x) sum += v * v * v * v - 16.0 * v * v + 5.0 * v;
  return sum / 2.0;
}

double schwefel(X x) {
  double sum = 418.9828872724339 * static_cast<double>(x.size());
  for (const double v : x) sum -= v * std::sin(std::sqrt(std::abs(v)));
  return sum;
}

double michalewicz(X x) {
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i)
    sum -= std::sin(x[i]) * std::pow(std::sin((static_cast<double>(i) + 1.0) * x[i] * x[i] / kPi), 20.0);
  return sum;
}

double six_hump_camel(double x, double y) {
  return (4.0 - 2.1 * x * x + x * x * x * x / 3.0) * x * x + x * y + (-4.0 + 4.0 * y * y) * y * y;
}

double goldstein_price(double x, double y) {
  return (1.0 + square(x + y + 1.0) * (19 - 14 * x + 3 * x * x - 14 * y + 6 * x * y + 3 * y * y)) *
         (30.0 + square(2 * x - 3 * y) * (18 - 32 * x + 12 * x * x + 48 * y - 36 * x * y + 27 * y * y));
}

double shekel(X x) {
  constexpr std::array<double, 10> beta{0.1, 0.2, 0.2, 0.4, 0.4, 0.6, 0.3, 0.7, 0.5, 0.5};
  constexpr double centre[10][4] = {{4, 4, 4, 4}, {1, 1, 1, 1}, {8, 8, 8, 8}, {6, 6, 6, 6}, {3, 7, 3, 7},
                                    {2, 9, 2, 9}, {5, 5, 3, 3}, {8, 1, 8, 1}, {6, 2, 6, 2}, {7, 3.6, 7, 3.6}};
  double sum = 0.0;
  for (std::size_t i = 0; i < beta.size(); ++i) {
    double distance = beta[i];
    for (std::size_t j = 0; j < 4; ++j) distance += square(x[j] - centre[i][j]);
    sum -= 1.0 / distance;
  }
  return sum;
}

FunctionInfo fixed(const std::string& name, const std::string& summary, const std::string& source,
                   const std::vector<std::pair<double, double>>& ranges, double optimum,
                   std::function<double(X)> value) {
  const auto make = [=](std::int64_t, std::uint64_t) {
    Function function;
    function.space = box(ranges);
    function.optimum = optimum;
    function.evaluate = [value](X x, double) { return std::vector<double>{value(x)}; };
    return function;
  };
  return {name, "classic", summary, source, static_cast<std::int64_t>(ranges.size()), 1, make};
}

/// `optimum` by dimension.
FunctionInfo any(const std::string& name, const std::string& summary, const std::string& source, double low,
                 double high, std::function<double(std::int64_t)> optimum, std::function<double(X)> value,
                 std::int64_t least = 1) {
  const auto make = [=](std::int64_t dimension, std::uint64_t) {
    Function function;
    function.space = cube(dimension, low, high);
    function.optimum = optimum(dimension);
    function.evaluate = [value](X x, double) { return std::vector<double>{value(x)}; };
    return function;
  };
  return {name, "classic", summary, source, 0, least, make};
}

}  // namespace

double hartmann(X x, std::size_t dimension, double off_alpha) {
  constexpr std::array<double, 4> alpha{1.0, 1.2, 3.0, 3.2};
  constexpr double scale6[4][6] = {{10, 3, 17, 3.5, 1.7, 8},
                                   {0.05, 10, 17, 0.1, 8, 14},
                                   {3, 3.5, 1.7, 10, 17, 8},
                                   {17, 8, 0.05, 10, 0.1, 14}};
  constexpr double centre6[4][6] = {{0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886},
                                    {0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991},
                                    {0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650},
                                    {0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381}};
  constexpr double scale3[4][3] = {{3, 10, 30}, {0.1, 10, 35}, {3, 10, 30}, {0.1, 10, 35}};
  constexpr double centre3[4][3] = {
      {0.3689, 0.1170, 0.2673}, {0.4699, 0.4387, 0.7470}, {0.1091, 0.8732, 0.5547}, {0.0381, 0.5743, 0.8828}};
  double value = 0.0;
  for (std::size_t i = 0; i < alpha.size(); ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < dimension; ++j)
      sum += dimension == 3 ? scale3[i][j] * square(x[j] - centre3[i][j])
                            : scale6[i][j] * square(x[j] - centre6[i][j]);
    value -= (alpha[i] - off_alpha) * std::exp(-sum);
  }
  return value;
}

void add_classic_functions(std::vector<FunctionInfo>& list) {
  const std::string szego = "Dixon and Szegö, Towards Global Optimization 2, 1978";
  const auto zero = [](std::int64_t) { return 0.0; };
  // In the unit cube, as study files have always had it.
  list.push_back(fixed("branin", "three equal optima", szego, {{0, 1}, {0, 1}}, 0.39788735772973816,
                       [](X x) { return branin(15.0 * x[0] - 5.0, 15.0 * x[1]); }));
  list.push_back(fixed("hartmann3", "four local optima", szego, {{0, 1}, {0, 1}, {0, 1}}, -3.86278214782076,
                       [](X x) { return hartmann(x, 3); }));
  list.push_back(fixed("hartmann6", "six local optima", szego,
                       std::vector<std::pair<double, double>>(6, {0, 1}), -3.32236801141551,
                       [](X x) { return hartmann(x, 6); }));
  list.push_back(fixed("six_hump_camel", "two equal optima among six", szego, {{-3, 3}, {-2, 2}},
                       -1.0316284534898774, [](X x) { return six_hump_camel(x[0], x[1]); }));
  list.push_back(fixed("goldstein_price", "values over six orders of magnitude", szego, {{-2, 2}, {-2, 2}},
                       3.0, [](X x) { return goldstein_price(x[0], x[1]); }));
  list.push_back(fixed("shekel10", "ten narrow wells", szego,
                       std::vector<std::pair<double, double>>(4, {0, 10}), -10.536409816692043, shekel));
  list.push_back(any("ackley", "a narrow well in a plain of ripples",
                     "Ackley, A Connectionist Machine for Genetic Hillclimbing, 1987", -5, 10, zero, ackley));
  list.push_back(any("levy", "ripples along every axis", "Laguna and Martí, 2005", -5, 10, zero, levy));
  list.push_back(any("rosenbrock", "a curved valley",
                     "Rosenbrock, An Automatic Method for Finding the Greatest or Least Value of a Function, "
                     "1960",
                     -5, 10, zero, rosenbrock, 2));
  list.push_back(any("rastrigin", "a regular grid of local optima",
                     "Mühlenbein, Schomisch and Born, The parallel genetic algorithm as function optimizer, "
                     "1991",
                     -3, 4, zero, rastrigin));
  list.push_back(any("griewank", "many local optima on a bowl",
                     "Griewank, Generalized descent for global "
                     "optimization, 1981",
                     -300, 600, zero, griewank));
  list.push_back(any(
      "styblinski_tang", "two wells an axis",
      "Styblinski and Tang, Experiments in Nonconvex Optimization, 1990", -5, 5,
      [](std::int64_t n) { return -39.16616570377142 * static_cast<double>(n); }, styblinski_tang));
  list.push_back(any("schwefel", "the best well is far from the second best",
                     "Schwefel, Numerical Optimization of Computer Models, 1981", -500, 500, zero, schwefel));
  list.push_back(fixed("michalewicz10", "steep ridges that do not tell the way",
                       "Michalewicz, Genetic Algorithms + Data Structures = Evolution Programs, 1992",
                       std::vector<std::pair<double, double>>(10, {0.0, kPi}), -9.66015171564137,
                       michalewicz));
}

}  // namespace hone::task
