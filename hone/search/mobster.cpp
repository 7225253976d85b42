#include "hone/search/gp_search.h"

HONE_REGISTER(searcher, mobster) {
  using namespace hone;
  registry.add("searcher",
               search::gp_method(
                   "mobster", "Bayesian optimisation with one Gaussian process over configs and fidelities.",
                   "Model-based Asynchronous Hyperparameter and Neural Architecture Search", "all together"),
               search::MakeSearcher([](const search::Problem& problem, const Options& given) {
                 return search::make_gp_searcher(problem, given, "joint");
               }));
}
