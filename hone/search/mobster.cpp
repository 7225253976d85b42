#include "hone/search/gp_search.h"

HONE_REGISTER(searcher, mobster) {
  using namespace hone;
  registry.add(
      "searcher",
      MethodInfo{.name = "mobster",
                 .summary = "Bayesian optimisation with one Gaussian process over configs and fidelities.",
                 .paper = "Model-based Asynchronous Hyperparameter and Neural Architecture Search",
                 .options = search::gp_options(),
                 .traits = "exact up to max_observations results",
                 .abilities = {.objectives = "several",
                               .constraints = "modelled",
                               .conditions = "yes, correlations kept",
                               .batch = "running trials believed",
                               .fidelity = "all together",
                               .ask = "O(min(n, max_observations)^2)",
                               .trials = "10 to 10,000"},
                 .guides_itself = true},
      search::MakeSearcher([](const search::Problem& problem, const Options& given) {
        return search::make_gp_searcher(problem, given, "joint");
      }));
}
