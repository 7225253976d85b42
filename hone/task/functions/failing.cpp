// Functions of the suite "classic" of which some evaluations fail, as trainings do that crash, run out of
// memory or diverge: one in seven by chance, whatever the config ("_lost"), or all that lie beyond an edge at
// which the optimum lies ("_edge").
#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "hone/base/mix.h"
#include "hone/task/functions/function.h"

namespace hone::task {
namespace {

/// Whether the evaluation fails. Of each parameter where it stands in its range, 0 to 1.
using Fails = bool (*)(std::span<const double> shares);

bool lost(std::span<const double> shares) {
  std::uint64_t hash = 7;
  for (const double share : shares) hash = mixed(hash, share);
  return hash % 7 == 0;
}

FunctionInfo failing(const FunctionInfo& whole, const std::string& how, std::int64_t dimension,
                     const std::string& summary, Fails fails) {
  const auto make = [make = whole.make, dimension, fails](std::int64_t, std::uint64_t instance) {
    Function function = make(dimension, instance);
    function.evaluate = [evaluate = function.evaluate, parameters = function.space.parameters(), fails](
                            std::span<const double> x, double z) {
      std::vector<double> shares;
      for (std::size_t i = 0; i < x.size(); ++i)
        shares.push_back((x[i] - parameters[i].low) / (parameters[i].high - parameters[i].low));
      return fails(shares) ? std::vector<double>{kNaN} : evaluate(x, z);
    };
    return function;
  };
  return {whole.name + "_" + how, "failing", summary, whole.source, dimension, 1, make};
}

}  // namespace

void add_failing_functions(std::vector<FunctionInfo>& list) {
  const auto add = [&](const std::string& name, std::int64_t dimension, Fails beyond) {
    const auto whole =
        std::find_if(list.begin(), list.end(), [&](const FunctionInfo& info) { return info.name == name; });
    const FunctionInfo by_chance =
        failing(*whole, "lost", dimension, whole->summary + "; one evaluation in seven fails", lost);
    const FunctionInfo at_edge = failing(*whole, "edge", dimension,
                                         whole->summary + "; fails beyond an edge near the optimum", beyond);
    list.push_back(by_chance);
    list.push_back(at_edge);
  };
  // The optima stand at .5428, .1517 (and two more places, of which one fails); .2017, .1500, .4769, .2753,
  // .3117, .6573; 1/3 in all; .4 in all.
  add("branin", 2, [](std::span<const double> x) { return x[0] < 0.53; });
  add("hartmann6", 6, [](std::span<const double> x) { return x[0] < 0.19 || x[4] > 0.33; });
  add("ackley", 5, [](std::span<const double> x) { return x[0] + x[1] < 0.65; });
  add("levy", 5, [](std::span<const double> x) { return x[0] < 0.39 || x[1] > 0.42; });
}

}  // namespace hone::task
