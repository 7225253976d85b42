#include "hone/search/searcher.h"

#include <algorithm>
#include <cmath>

#include "hone/base/numbers.h"
#include "hone/search/guided.h"

namespace hone::search {

double cost_of(const Problem& problem, const study::Trial& trial) {
  constexpr double kUnknown = kNaN;
  if (problem.cost.empty()) return trial.spent_s > 0.0 ? trial.spent_s : kUnknown;
  const study::Result* last = trial.last();
  const auto value = last != nullptr ? last->measures.find(problem.cost) : trial.costs.find(problem.cost);
  return value.value_or(kUnknown);
}

std::vector<double> violations(const Problem& problem, const study::Measures& measures) {
  std::vector<double> all;
  for (const study::Limit& limit : problem.limits) all.push_back(limit.excess(measures));
  return all;
}

bool lacks_limit(const Problem& problem, const study::Measures& measures) {
  return std::any_of(problem.limits.begin(), problem.limits.end(), [&](const study::Limit& limit) {
    const auto value = measures.find(limit.name);
    return value && !std::isfinite(*value);
  });
}

std::vector<double> lasting_violations(const Problem& problem, const study::Trial& trial,
                                       const study::Result& result) {
  const auto& costs = problem.costs;
  const auto lasts = [&](const std::string& name) {
    return result.fidelity >= problem.horizon || trial.costs.find(name) ||
           std::find(costs.begin(), costs.end(), name) != costs.end();
  };
  std::vector<double> over = violations(problem, result.measures);
  for (std::size_t i = 0; i < over.size(); ++i) {
    const std::string& name = problem.limits[i].name;
    // What is NaN is over the limit, nobody knows by how much.
    if (std::isnan(over[i]) && result.measures.find(name)) over[i] = kInfinity;
    if (over[i] > 0.0 && !lasts(name)) over[i] = 0.0;
  }
  return over;
}

bool breaks_limits(const Problem& problem, const study::Trial& trial, const study::Result& result) {
  if (problem.limits.empty()) return false;
  const std::vector<double> over = lasting_violations(problem, trial, result);
  return std::any_of(over.begin(), over.end(), [](double by) { return by > 0.0; });
}

std::unique_ptr<Searcher> make_searcher(const std::string& name, const Problem& problem,
                                        const Options& options, const Place& place) {
  auto searcher = methods().maker<MakeSearcher>("searcher", name, place)(problem, options);
  if (problem.prior.empty() && problem.warm.empty()) return searcher;
  return guided(std::move(searcher), problem, methods().need("searcher", name).info.guides_itself);
}

std::unique_ptr<Searcher> make_searcher(const std::string& name, const Problem& problem, const Json& given) {
  return make_searcher(name, problem, Options(methods().need("searcher", name).info.options, given));
}

}  // namespace hone::search
