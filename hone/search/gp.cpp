#include "hone/search/gp_search.h"

// Bayesian optimisation by log expected improvement (Ament et al., "Unexpected Improvements to Expected
// Improvement for Bayesian Optimization", 2023), see GpSearcher. With several objectives its improvement is
// that of the hypervolume (Daulton et al., "Differentiable Expected Hypervolume Improvement for Parallel
// Multi-Objective Bayesian Optimization", 2020): it then is ehvi, and ehvi with one objective is gp, config
// by config. The two names are two papers.

HONE_REGISTER(searcher, gp) {
  using namespace hone;
  MethodInfo method =
      search::gp_method("gp", "Bayesian optimisation: a Gaussian process, log expected improvement.",
                        "Unexpected Improvements to Expected Improvement for Bayesian Optimization",
                        "the highest with enough results, or all together");
  method.traits += "; with several objectives it is ehvi";
  method.options.push_back({.name = "fidelity",
                            .type = OptionSpec::Type::text,
                            .fallback = "highest",
                            .summary = "highest: a model of the highest fidelity with enough results; joint: "
                                       "one over configs and fidelities",
                            .allowed = {"highest", "joint"}});
  registry.add("searcher", std::move(method),
               search::MakeSearcher([](const search::Problem& problem, const Options& given) {
                 return search::make_gp_searcher(problem, given, given.text("fidelity"));
               }));
}
