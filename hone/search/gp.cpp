#include "hone/search/gp_search.h"

HONE_REGISTER(searcher, gp) {
  using namespace hone;
  auto options = search::gp_options();
  options.push_back({.name = "fidelity",
                     .type = OptionSpec::Type::text,
                     .fallback = "highest",
                     .summary = "highest: a model of the highest fidelity with enough results; joint: one "
                                "over configs and fidelities",
                     .allowed = {"highest", "joint"}});
  registry.add(
      "searcher",
      MethodInfo{.name = "gp",
                 .summary = "Bayesian optimisation: a Gaussian process, log expected improvement.",
                 .paper = "Unexpected Improvements to Expected Improvement for Bayesian Optimization",
                 .options = std::move(options),
                 .traits = "exact up to max_observations results",
                 .abilities = {.objectives = "several",
                               .constraints = "modelled",
                               .conditions = "yes, correlations kept",
                               .batch = "running trials believed",
                               .fidelity = "the highest with enough results, or all together",
                               .ask = "O(min(n, max_observations)^2)",
                               .trials = "10 to 10,000"},
                 .guides_itself = true},
      search::MakeSearcher([](const search::Problem& problem, const Options& given) {
        return search::make_gp_searcher(problem, given, given.text("fidelity"));
      }));
}
