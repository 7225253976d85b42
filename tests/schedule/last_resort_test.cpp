// Where a budget ends, some trial comes to the largest fidelity, whatever fails there.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hone/base/rng.h"
#include "simulation.h"

namespace hone::schedule {
namespace {

using study::Trial;
using study::TrialState;

std::unique_ptr<Scheduler> scheduler_of(const std::string& name, const Json& steps) {
  return make_scheduler(name, problem_of(1), Json{{"steps", steps}});
}

double value_of(std::int64_t trial) { return Rng(7, "value", static_cast<std::uint64_t>(trial)).uniform(); }

TEST(LastResort, DehbEndsWhereAllFailAtTheLargestFidelityInALaterRound) {
  Simulation simulation(scheduler_of("dehb", Json{1, 9}));
  // The first round has seventeen trials; from then on nothing is promoted but in the end.
  int jobs = 0;
  while (const auto job = simulation.scheduler->next(simulation.trials.size() < 40)) {
    ASSERT_LT(++jobs, 200) << "it does not end";
    if (job->trial >= 0) {
      const Trial& trial = simulation.trials[static_cast<std::size_t>(job->trial)];
      ASSERT_GT(job->fidelity, trial.last()->fidelity) << "trial " << trial.id;
    }
    Trial& trial = simulation.start(*job);
    if (job->fidelity == 9)
      simulation.set_state(trial, TrialState::failed);
    else
      simulation.finish(trial, {value_of(trial.id)});
  }
  EXPECT_EQ(simulation.trials.size(), 40u);
}

/// Forty trials, of which those whose value is below 0.3 end otherwise at the largest fidelity; how many are
/// completed there.
std::int64_t completed_of_forty(const std::string& name, TrialState otherwise) {
  Simulation simulation(scheduler_of(name, Json{1, 27}));
  int jobs = 0;
  while (const auto job = simulation.scheduler->next(simulation.trials.size() < 40)) {
    if (++jobs > 1000) return -1;
    Trial& trial = simulation.start(*job);
    const double value = value_of(trial.id);
    if (job->fidelity < 27 || value >= 0.3) {
      simulation.finish(trial, {value});
    } else {
      if (otherwise == TrialState::infeasible) simulation.report(trial, 27, {value});
      simulation.set_state(trial, otherwise);
    }
  }
  return std::count_if(simulation.trials.begin(), simulation.trials.end(),
                       [](const Trial& trial) { return trial.state == TrialState::completed; });
}

TEST(LastResort, OfABracketGoesOnUntilOneKeepsTheLimitsAtTheLargestFidelity) {
  for (const char* name :
       {"successive_halving", "hyperband", "bohb", "dehb", "iterative_deepening_hyperband"})
    for (const TrialState otherwise : {TrialState::failed, TrialState::infeasible})
      EXPECT_GE(completed_of_forty(name, otherwise), 1) << name << ' ' << study::state_name(otherwise);
}

}  // namespace
}  // namespace hone::schedule
