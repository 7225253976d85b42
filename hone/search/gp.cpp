#include "hone/search/gp_search.h"

HONE_REGISTER(searcher, gp) {
  using namespace hone;
  MethodInfo method =
      search::gp_method("gp", "Bayesian optimisation: a Gaussian process, log expected improvement.",
                        "Unexpected Improvements to Expected Improvement for Bayesian Optimization",
                        "the highest with enough results, or all together");
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
