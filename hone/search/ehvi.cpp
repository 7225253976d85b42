#include "hone/search/gp_search.h"

HONE_REGISTER(searcher, ehvi) {
  using namespace hone;
  registry.add(
      "searcher",
      search::gp_method(
          "ehvi", "Bayesian optimisation of several objectives: expected hypervolume improvement.",
          "Parallel Bayesian Optimization of Multiple Noisy Objectives with Expected Hypervolume Improvement",
          "the highest with enough results"),
      search::MakeSearcher([](const search::Problem& problem, const Options& given) {
        return search::make_gp_searcher(problem, given, "highest");
      }));
}
