#include "hone/search/gp_search.h"

HONE_REGISTER(searcher, ehvi) {
  using namespace hone;
  registry.add(
      "searcher",
      MethodInfo{.name = "ehvi",
                 .summary = "Bayesian optimisation of several objectives: expected hypervolume improvement.",
                 .paper =
                     "Parallel Bayesian Optimization of Multiple Noisy Objectives with Expected Hypervolume "
                     "Improvement",
                 .options = search::gp_options(),
                 .traits = "exact up to max_observations results",
                 .abilities = {.objectives = "several",
                               .constraints = "modelled",
                               .conditions = "yes, correlations kept",
                               .batch = "running trials believed",
                               .fidelity = "the highest with enough results",
                               .ask = "O(min(n, max_observations)^2)",
                               .trials = "10 to 10,000"},
                 .guides_itself = true},
      search::MakeSearcher([](const search::Problem& problem, const Options& given) {
        return search::make_gp_searcher(problem, given, "highest");
      }));
}
