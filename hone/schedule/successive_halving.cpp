#include "hone/schedule/hyperband_plan.h"

// Successive halving (Jamieson & Talwalkar, AISTATS 2016, figure 3): n configs get an equal share of a
// budget, the worse half is dropped, and the others share the same budget again, until one is left. Each
// round's fidelity is eta times the last, as an equal budget for every round asks for. The paper speaks of a
// budget B; here it is given by the rungs and the number of configs, B = n * smallest * rounds, and a rung is
// the whole fidelity of a trial rather than what is added to it (as in Hyperband). When one bracket has given
// all its places away the next begins with new configs.

HONE_REGISTER(scheduler, successive_halving) {
  using namespace hone;
  MethodInfo method = schedule::bracket_method(
      "successive_halving", "Runs n trials, and the best 1/eta of them on, until one is left; then again.",
      "Non-stochastic Best Arm Identification and Hyperparameter Optimization", 2);
  method.options.push_back(
      {.name = "n",
       .type = OptionSpec::Type::integer,
       .fallback = nullptr,
       .summary = "trials that a bracket begins with; default: as many as leave one at the last rung",
       .low = 1,
       .high = 1e9,
       .optional = true});
  registry.add(
      "scheduler", std::move(method),
      schedule::MakeScheduler([](const schedule::Problem& problem, const Options& options) {
        schedule::Brackets::Plan plan;
        plan.rungs = schedule::rungs_from_top(options, "successive_halving");
        plan.eta = options.integer("eta");
        const auto s = static_cast<std::int64_t>(plan.rungs.size()) - 1;
        // Hyperband's widest bracket has just as many as leave one at the end.
        auto stages = options.has("n") ? schedule::halved(plan.rungs, plan.eta, s, options.integer("n"))
                                       : schedule::hyperband_bracket(plan.rungs, plan.eta, s);
        plan.shape = [stages = std::move(stages)](std::int64_t) { return schedule::Brackets::Shape{stages}; };
        return std::make_unique<schedule::Brackets>(problem, std::move(plan));
      }));
}
