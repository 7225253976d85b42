#include "hone/schedule/twins.h"

#include <functional>
#include <limits>
#include <set>

#include <gtest/gtest.h>

#include "hone/base/rng.h"
#include "simulation.h"

namespace hone::schedule {
namespace {

using study::Trial;
using study::TrialState;

TEST(RungTwins, AreTrustedOnceTheyStayTwins) {
  Twins twins;
  EXPECT_EQ(twins.here(0, 1.0), -1);
  EXPECT_EQ(twins.here(1, 2.0), -1);
  for (const std::int64_t trial : {2, 3, 4}) EXPECT_EQ(twins.here(trial, 1.0), 0);
  EXPECT_EQ(twins.here(0, 1.0), -1) << "nobody is their own twin";
  EXPECT_EQ(twins.here(5, std::numeric_limits<double>::quiet_NaN()), -1);
  twins.above(2, 0.5);
  twins.above(0, 0.5);  // in either order
  twins.above(3, 0.5);
  twins.above(3, 0.5);  // told again
  EXPECT_FALSE(twins.alike());
  twins.above(4, 0.5);
  EXPECT_TRUE(twins.alike());
  twins.here(6, 1.0);
  twins.above(6, 0.4);
  EXPECT_FALSE(twins.alike());
  twins.forget(0);
  EXPECT_EQ(twins.here(7, 1.0), -1);
  EXPECT_EQ(twins.here(8, 1.0), 7);
}

std::unique_ptr<Scheduler> asha(bool distinct = true) {
  return make_scheduler(
      "asha", problem_of(1),
      Json{{"steps", {1, 3, 9}}, {"measured", false}, {"eager", false}, {"distinct", distinct}});
}

/// What a trial computes: every other one the same function, the best but for one.
std::int64_t function_of(std::int64_t trial) { return trial % 2 == 0 ? 0 : trial; }
double same_function(std::int64_t trial, std::int64_t fidelity) {
  const std::int64_t function = function_of(trial);
  if (function == 0) return 0.1 + 1.0 / static_cast<double>(fidelity);
  return 0.1 + 1.0 / static_cast<double>(fidelity) + Rng(function, "value").uniform();
}
/// Few answers right or wrong: the first rung sees the same of many that are not the same.
double coarse(std::int64_t trial, std::int64_t fidelity) {
  const double value = Rng(trial, "value").uniform();
  return fidelity == 1 ? std::floor(value * 6) : value;
}

/// Trials with results at the largest fidelity.
std::set<std::int64_t> finished(Simulation& simulation, int steps,
                                const std::function<double(std::int64_t, std::int64_t)>& value) {
  for (int i = 0; i < steps; ++i)
    simulation.step(true,
                    [&](const Trial& trial) { return std::vector<double>{value(trial.id, trial.target)}; });
  std::set<std::int64_t> ids;
  for (const Trial& trial : simulation.trials)
    if (trial.state == TrialState::completed) ids.insert(trial.id);
  return ids;
}

TEST(AshaDistinct, DoesNotPromoteTheSameFunctionOverAgain) {
  const auto functions = [](bool distinct) {
    Simulation simulation(asha(distinct));
    std::set<std::int64_t> computed;
    for (const std::int64_t trial : finished(simulation, 300, same_function))
      computed.insert(function_of(trial));
    return computed.size();
  };
  EXPECT_LE(functions(false), 2u);
  EXPECT_GE(functions(true), 10u);
}

TEST(AshaDistinct, ValuesThatHappenToBeTheSameAreNoTwins) {
  Simulation with(asha(true)), without(asha(false));
  EXPECT_EQ(finished(with, 300, coarse), finished(without, 300, coarse));
}

TEST(AshaDistinct, TwinsStandInForOneThatFails) {
  Simulation simulation(asha());
  finished(simulation, 200, same_function);
  // Two of a new best function rest; the first is promoted and fails.
  std::vector<Trial*> twins;
  while (twins.size() < 2) {
    const auto job = simulation.scheduler->next(true);
    ASSERT_TRUE(job.has_value());
    Trial& trial = simulation.start(*job);
    if (job->trial < 0) {
      twins.push_back(&trial);
      simulation.finish(trial, {-5.0});
    } else {
      simulation.finish(trial, {trial.id == twins[0]->id ? -9.0 : same_function(trial.id, trial.target)});
    }
  }
  EXPECT_EQ(twins[1]->target, 1);
  // The first went on before the second came; nothing is left of it.
  simulation.set_state(*twins[0], TrialState::failed);
  const auto job = simulation.scheduler->next(true);
  ASSERT_TRUE(job.has_value());
  EXPECT_EQ(job->trial, twins[1]->id);
}

TEST(AshaDistinct, IsAFunctionOfWhatItWasTold) {
  Simulation simulation(asha());
  finished(simulation, 150, same_function);
  for (int i = 0; i < 20; ++i) {
    const auto expected = simulation.scheduler->next(true);
    simulation.go_on_with(asha());
    ASSERT_EQ(simulation.scheduler->next(true), expected);
    finished(simulation, 1, same_function);
  }
}

}  // namespace
}  // namespace hone::schedule
