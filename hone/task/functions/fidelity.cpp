// Functions with cheap approximations: fidelity 1 to 100, where 100 is the function itself and what an
// evaluation costs falls with it. Costs are those of Kandasamy et al., "Multi-fidelity Bayesian Optimisation
// with Continuous Approximations", 2017, with one fidelity.
#include <cmath>

#include "hone/task/functions/function.h"

namespace hone::task {
namespace {

using X = std::span<const double>;
constexpr std::int64_t kHorizon = 100;

/// Currin et al., 1988; the approximation of Xiong, Qian and Wu, 2013 averages four points around x.
double currin(double a, double b) {
  const double factor = b > 0.0 ? 1.0 - std::exp(-1.0 / (2.0 * b)) : 1.0;
  return factor * (2300.0 * a * a * a + 1900.0 * a * a + 2092.0 * a + 60.0) /
         (100.0 * a * a * a + 500.0 * a * a + 4.0 * a + 20.0);
}

double currin_at(X x, double z) {
  const double below = std::max(0.0, x[1] - 0.05);
  const double low = 0.25 * (currin(x[0] + 0.05, x[1] + 0.05) + currin(x[0] + 0.05, below) +
                             currin(x[0] - 0.05, x[1] + 0.05) + currin(x[0] - 0.05, below));
  return z * currin(x[0], x[1]) + (1.0 - z) * low;
}

/// Flow of water through a borehole (Morris, Mitchell and Ylvisaker, 1993) with Xiong's approximation.
double borehole_at(X x, double z) {
  const double log = std::log(x[1] / x[0]);
  const double head = x[3] - x[5];
  const double leak = 2.0 * x[6] * x[2] / (log * x[0] * x[0] * x[7]);
  const double high = 2.0 * kPi * x[2] * head / (log * (1.0 + leak + x[2] / x[4]));
  const double low = 5.0 * x[2] * head / (log * (1.5 + leak + x[2] / x[4]));
  return z * high + (1.0 - z) * low;
}

double branin_at(X x, double z) {
  const double a = x[0], b = x[1];
  const double slope = 5.1 / (4 * kPi * kPi) - 0.1 * (1.0 - z);
  const double inner = b - slope * a * a + 5.0 / kPi * a - 6.0;
  return inner * inner + 10.0 * (1.0 - 1.0 / (8.0 * kPi)) * std::cos(a) + 10.0;
}

}  // namespace

void add_fidelity_functions(std::vector<FunctionInfo>& list) {
  const std::string augmented =
      "Wu et al., Practical Multi-fidelity Bayesian Optimization for Hyperparameter Tuning, 2019";
  const std::string xiong =
      "Xiong, Qian and Wu, Sequential Design and Analysis of High-Accuracy and Low-Accuracy "
      "Computer Codes, 2013";
  const auto add = [&](const std::string& name, const std::string& summary, const std::string& source,
                       const space::Space& space, bool minimize, double optimum,
                       std::function<double(X, double)> value, std::function<double(double)> cost) {
    const auto make = [=](std::int64_t, std::uint64_t) {
      Function function;
      function.space = space;
      function.objectives = {{"value", minimize}};
      function.horizon = kHorizon;
      function.optimum = optimum;
      function.evaluate = [value](X x, double z) { return std::vector<double>{value(x, z)}; };
      function.cost = cost;
      return function;
    };
    list.push_back({name, "fidelity", summary, source, static_cast<std::int64_t>(space.size()), 1, make});
  };
  const auto cubic = [](double z) { return 0.05 + 0.95 * z * z * z; };
  add("branin_fidelity", "a low fidelity moves the valley", augmented, box({{-5, 10}, {0, 15}}), true,
      0.39788735772973816, branin_at, cubic);
  add(
      "hartmann3_fidelity", "a low fidelity lowers the peaks", augmented, cube(3, 0, 1), true,
      -3.86278214782076, [](X x, double z) { return hartmann(x, 3, 0.1 * (1.0 - z)); }, cubic);
  add(
      "hartmann6_fidelity", "a low fidelity lowers the peaks", augmented, cube(6, 0, 1), true,
      -3.32236801141551, [](X x, double z) { return hartmann(x, 6, 0.1 * (1.0 - z)); }, cubic);
  add("currin", "a low fidelity is smoother", xiong, cube(2, 0, 1), false, 13.798722044728434, currin_at,
      [](double z) { return 0.1 + z * z; });
  add("borehole", "a low fidelity is slightly wrong everywhere", xiong,
      box({{0.05, 0.15},
           {100, 50000},
           {63070, 115600},
           {990, 1110},
           {63.1, 116},
           {700, 820},
           {1120, 1680},
           {9855, 12045}}),
      false, 309.5755876604079, borehole_at, [](double z) { return 0.1 + std::pow(z, 1.5); });
}

}  // namespace hone::task
