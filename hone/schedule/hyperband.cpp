#include "hone/schedule/hyperband_plan.h"

// Hyperband (Li et al., JMLR 2018, algorithm 1): brackets of successive halving from many trials at a small
// fidelity to a few at the largest, s = s_max ... 0, which hedges between the two; when the last has begun,
// it starts again. With [1, 81] and eta 3 the brackets begin with 81, 34, 15, 8 and 5 trials, as in the
// paper's table. The paper runs one bracket after the other; here the next begins where the present ones only
// wait (see Brackets). Several objectives: by non-dominated rank, then crowding distance.

HONE_REGISTER(scheduler, hyperband) {
  using namespace hone;
  registry.add("scheduler",
               schedule::bracket_method(
                   "hyperband", "Brackets of successive halving that begin at every rung in turn.",
                   "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization"),
               schedule::MakeScheduler([](const schedule::Problem& problem, const Options& options) {
                 return std::make_unique<schedule::Brackets>(
                     problem, schedule::hyperband_plan(schedule::rungs_from_top(options, "hyperband"),
                                                       options.integer("eta")));
               }));
}
