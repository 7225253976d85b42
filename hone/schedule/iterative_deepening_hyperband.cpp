#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/schedule/hyperband_plan.h"

// Iterative Deepening Hyperband (Brandt et al., 2023): Hyperband whose largest fidelity may be raised later.
// Every bracket gets one more rung and more places in its first stage, as Hyperband with the larger maximum
// has; its trials so far keep their places and results, new ones fill the others, and a new bracket is added
// that runs all its trials to the new maximum. The option `variant` says who goes on where some have already:
// efficient (E-IDHB), preserving (P-IDHB, the best of all that have a result at the stage) or discarding
// (D-IDHB, the best of those that belong there; what was promoted and is no longer among them is dropped).
//
// The rungs go up from the smallest, so that they stay the same when the largest is raised; it must be the
// smallest times a power of eta. Where the study went through several rounds of brackets, trials of later
// rounds fill the raised brackets of the first, too: none is evaluated twice.
//
// What a trial gives at a rung must not depend on how far others may go. Where a task lays out its
// learning-rate schedule for the horizon, give `longest`, the fidelity up to which the largest may ever be
// raised: tasks are told that as their horizon, from the beginning. The front is at the present largest.

namespace hone::schedule {
namespace {

Brackets::Plan raised_plan(const Options& options) {
  const auto steps = options.integers("steps");
  const std::int64_t eta = options.integer("eta");
  const Place place = options.place("steps");
  if (steps.size() != 2 || steps[1] <= steps[0])
    throw Error("iterative_deepening_hyperband takes two fidelities in steps, [smallest, largest]", place);
  std::vector<std::int64_t> rungs{steps[0]};
  while (rungs.back() <= steps[1] / eta) rungs.push_back(rungs.back() * eta);
  if (rungs.back() != steps[1])
    throw Error(fmt::format("the largest fidelity must be {} times a power of {}, and {} is not", steps[0],
                            eta, steps[1]),
                place,
                fmt::format("take {}{}", rungs.size() > 1 ? fmt::format("{} or ", rungs.back()) : "",
                            rungs.back() * eta));
  auto plan = hyperband_plan(std::move(rungs), eta);
  const std::string variant = options.text("variant");
  plan.selection = variant == "discarding"   ? Brackets::Selection::discarding
                   : variant == "preserving" ? Brackets::Selection::preserving
                                             : Brackets::Selection::efficient;
  plan.raisable = true;
  if (options.has("longest")) {
    plan.schedule_horizon = options.integer("longest");
    if (plan.schedule_horizon < steps[1])
      throw Error(fmt::format("longest is {}, but steps go to {}", plan.schedule_horizon, steps[1]),
                  options.place("longest"));
  }
  return plan;
}

}  // namespace
}  // namespace hone::schedule

HONE_REGISTER(scheduler, iterative_deepening_hyperband) {
  using namespace hone;
  MethodInfo method = schedule::bracket_method(
      "iterative_deepening_hyperband",
      "Hyperband whose largest fidelity may be raised later; what was evaluated is used.",
      "Iterative Deepening Hyperband");
  auto& specs = method.options;
  specs.front().summary =
      "smallest and largest fidelity; the largest may be raised later to a power of eta times it";
  specs.push_back({.name = "variant",
                   .type = OptionSpec::Type::text,
                   .fallback = "efficient",
                   .summary = "who goes on in a bracket that has become larger",
                   .allowed = {"efficient", "preserving", "discarding"}});
  specs.push_back({.name = "longest",
                   .type = OptionSpec::Type::integer,
                   .fallback = nullptr,
                   .summary =
                       "the fidelity up to which the largest may ever be raised: the horizon that tasks are "
                       "told; default: the largest",
                   .low = 1,
                   .optional = true});
  method.traits = "the largest fidelity may be raised while a study goes on";
  method.abilities.fidelity = "rungs a factor eta apart; the largest may be raised";
  registry.add("scheduler", std::move(method),
               schedule::MakeScheduler([](const schedule::Problem& problem, const Options& options) {
                 return std::make_unique<schedule::Brackets>(problem, schedule::raised_plan(options));
               }));
}
