#include "hone/schedule/hyperband_plan.h"

// DEHB (Awad et al., IJCAI 2021): Hyperband's brackets over one population a rung. In the first round of
// brackets (s = s_max ... 0) the best of a stage go on to the next, as in Hyperband, and found the
// populations. From the second round on nothing is promoted: every evaluation is a new trial at the stage's
// fidelity, which the searcher dehb makes by differential evolution from that rung's population and the best
// of the rung below; so a stage begins when the one below it has ended. What the searcher aims at is told by
// the fidelity of each new trial. It comes along with this scheduler where the study names no other.
//
// Promoted trials are trained on from their checkpoints rather than anew, as everywhere in hone.

HONE_REGISTER(scheduler, dehb) {
  using namespace hone;
  MethodInfo method = schedule::bracket_method(
      "dehb", "Hyperband's brackets, in which every rung's population evolves.",
      "DEHB: Evolutionary Hyperband for Scalable, Robust and Efficient Hyperparameter Optimization");
  method.abilities.fidelity = "rungs a factor eta apart; new trials at each";
  method.abilities.trials = "a round of brackets and more";
  method.searcher = "dehb";
  registry.add("scheduler", std::move(method),
               schedule::MakeScheduler([](const schedule::Problem& problem, const Options& options) {
                 auto plan = schedule::hyperband_plan(schedule::rungs_from_top(options, "dehb"),
                                                      options.integer("eta"));
                 plan.shape = [shape = plan.shape,
                               round = static_cast<std::int64_t>(plan.rungs.size())](std::int64_t index) {
                   auto bracket = shape(index);
                   bracket.evolving = index >= round;
                   return bracket;
                 };
                 return std::make_unique<schedule::Brackets>(problem, std::move(plan));
               }));
}
