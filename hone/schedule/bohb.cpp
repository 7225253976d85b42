#include "hone/schedule/hyperband_plan.h"

// BOHB (Falkner et al., ICML 2018): Hyperband's brackets, whose configs are proposed by a model of the
// results so far instead of at random. The brackets are Hyperband's; the model is the searcher bohb, which
// this scheduler brings along where the study names no other.

HONE_REGISTER(scheduler, bohb) {
  using namespace hone;
  MethodInfo method = schedule::bracket_method(
      "bohb", "Hyperband's brackets with a kernel density model that proposes what they begin with.",
      "BOHB: Robust and Efficient Hyperparameter Optimization at Scale");
  method.searcher = "bohb";
  registry.add("scheduler", std::move(method),
               schedule::MakeScheduler([](const schedule::Problem& problem, const Options& options) {
                 return std::make_unique<schedule::Brackets>(
                     problem, schedule::hyperband_plan(schedule::rungs_from_top(options, "bohb"),
                                                       options.integer("eta")));
               }));
}
