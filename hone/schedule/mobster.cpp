#include "hone/schedule/hyperband_plan.h"

// MOBSTER (Klein et al., 2020): asynchronous successive halving whose configs a Gaussian process over configs
// and fidelities proposes. The rungs and promotions are asha's, with what that has beyond its paper unless
// the options say otherwise (eager, measured and distinct: false are the paper's); the model is the searcher
// mobster, which this scheduler brings along where the study names no other.

HONE_REGISTER(scheduler, mobster) {
  using namespace hone;
  auto options = schedule::rung_options(3);
  for (OptionSpec& more : schedule::beyond_options()) options.push_back(std::move(more));
  registry.add(
      "scheduler",
      MethodInfo{
          .name = "mobster",
          .summary = "Asynchronous successive halving with a Gaussian process over configs and fidelities.",
          .paper = "Model-based Asynchronous Hyperparameter and Neural Architecture Search",
          .options = options,
          .abilities = {.objectives = "several",
                        .constraints = "avoided",
                        .batch = "asynchronous",
                        .fidelity = "rungs a factor eta apart",
                        .ask = "O(log n); several objectives: O(n / eta)",
                        .trials = "any number"},
          .searcher = "mobster"},
      schedule::MakeScheduler([](const schedule::Problem& problem, const Options& options) {
        return schedule::make_scheduler("asha", problem, options.json());
      }));
}
