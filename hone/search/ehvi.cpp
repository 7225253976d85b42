#include "hone/search/gp_search.h"

// The expected improvement of the hypervolume, as the boxes of Daulton et al. (2020) give it: analytically
// for one config, its gradient with it. The front is that of the model's means, so that one lucky result does
// not make it; the noisy form's integral over what the front may be (Daulton et al., 2021) is not taken.
// Configs that run are believed at their means, one after the other, in place of a joint expectation. All
// else is gp's (GpSearcher): with one objective, whose hypervolume is the distance to the best, it is gp.

HONE_REGISTER(searcher, ehvi) {
  using namespace hone;
  MethodInfo method = search::gp_method(
      "ehvi", "Bayesian optimisation of several objectives: expected hypervolume improvement.",
      "Differentiable Expected Hypervolume Improvement for Parallel Multi-Objective Bayesian Optimization",
      "the highest with enough results");
  method.traits += "; with one objective it is gp";
  registry.add("searcher", std::move(method),
               search::MakeSearcher([](const search::Problem& problem, const Options& given) {
                 return search::make_gp_searcher(problem, given, "highest");
               }));
}
