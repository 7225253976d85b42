#include "hone/schedule/twins.h"

#include <algorithm>
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

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Twins of three values, each of which is the same at the next rung: trials 2 v and 2 v + 1 of value v.
Twins trusted() {
  Twins twins;
  for (const std::int64_t v : {0, 1, 2})
    for (const std::int64_t trial : {2 * v, 2 * v + 1}) {
      EXPECT_FALSE(twins.here(trial, static_cast<double>(v), false));
      twins.above(trial, 0.5, true);
    }
  EXPECT_TRUE(twins.alike());
  return twins;
}

TEST(RungTwins, AreTrustedOnceThoseOfThreeValuesStayTwins) {
  Twins twins;
  for (std::int64_t trial = 0; trial < 20; ++trial) {
    EXPECT_FALSE(twins.here(trial, 1.0, false));
    twins.above(trial, 0.5, true);
    twins.above(trial, 0.7, true);  // told again
  }
  EXPECT_FALSE(twins.alike()) << "one value is one piece of evidence";
  EXPECT_TRUE(twins.alike(true)) << "as they were at the rung below";
  for (std::int64_t trial = 20; trial < 40; ++trial) {
    twins.here(trial, static_cast<double>(trial / 2), false);
    twins.above(trial, 0.5, false);
  }
  EXPECT_FALSE(twins.alike()) << "bad ones say nothing";
  for (std::int64_t trial = 40; trial < 44; ++trial) {
    EXPECT_FALSE(twins.alike());
    twins.here(trial, static_cast<double>(trial / 2), false);
    twins.above(trial, 0.5, true);
  }
  EXPECT_TRUE(twins.alike());
}

TEST(RungTwins, OneThatDiffersTakesTheTrustAwayAndWhoWaitsCounts) {
  Twins twins = trusted();
  EXPECT_TRUE(twins.here(10, 0.0, false));
  EXPECT_TRUE(twins.here(11, 0.0, false));
  EXPECT_FALSE(twins.here(12, 0.0, true)) << "was sent on";
  EXPECT_FALSE(twins.here(13, kNaN, false));
  EXPECT_FALSE(twins.here(14, 7.0, false));
  twins.set_ready(11, true);
  EXPECT_FALSE(twins.release().has_value());
  twins.above(12, 0.4, false);
  EXPECT_FALSE(twins.alike());
  const auto first = twins.release(), second = twins.release();
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_EQ(first->trial, 10);
  EXPECT_FALSE(first->ready);
  EXPECT_EQ(second->trial, 11);
  EXPECT_TRUE(second->ready);
  EXPECT_EQ(second->value, 0.0);
  EXPECT_FALSE(twins.release().has_value());
}

TEST(RungTwins, SomeAreLetThroughAllTheSame) {
  Twins twins = trusted();
  int through = 0;
  for (std::int64_t trial = 100; trial < 180; ++trial) through += twins.here(trial, 1.0, false) ? 0 : 1;
  EXPECT_EQ(through, 10);
}

TEST(RungTwins, OneTakesThePlaceOfAStandInThatLeaves) {
  Twins twins = trusted();
  for (const std::int64_t trial : {10, 11, 12}) EXPECT_TRUE(twins.here(trial, 0.0, false));
  EXPECT_FALSE(twins.leave(1).has_value()) << "stands for nobody";
  EXPECT_FALSE(twins.leave(11).has_value()) << "waits itself";
  EXPECT_FALSE(twins.leave(99).has_value());
  const auto next = twins.leave(0);
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->trial, 10);
  EXPECT_FALSE(twins.waits(10));
  EXPECT_FALSE(twins.waits(11));
  EXPECT_TRUE(twins.waits(12));
  EXPECT_EQ(twins.leave(10)->trial, 12);
  EXPECT_FALSE(twins.leave(12).has_value());
  EXPECT_FALSE(twins.here(13, 0.0, false)) << "nobody stands there";
  EXPECT_TRUE(twins.here(14, 0.0, false));
  // Told another value: of another class from then on.
  EXPECT_EQ(twins.leave(13)->trial, 14);
  EXPECT_FALSE(twins.here(13, 0.25, false));
  EXPECT_TRUE(twins.here(15, 0.25, false));
}

std::unique_ptr<Scheduler> asha(bool distinct = true) {
  return make_scheduler(
      "asha", problem_of(1),
      Json{{"steps", {1, 3, 9}}, {"measured", false}, {"eager", false}, {"distinct", distinct}});
}

/// What a trial computes: every other one is one of five functions, which are better than all others.
std::int64_t function_of(std::int64_t trial) { return trial % 2 == 0 ? trial / 2 % 5 : trial + 5; }
double same_function(std::int64_t trial, std::int64_t fidelity) {
  const std::int64_t function = function_of(trial);
  const double value =
      function < 5 ? 0.01 * static_cast<double>(function) : 0.1 + Rng(function, "value").uniform();
  return value + 1.0 / static_cast<double>(fidelity);
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
    for (const std::int64_t trial : finished(simulation, 600, same_function))
      computed.insert(function_of(trial));
    return computed.size();
  };
  EXPECT_LE(functions(false), 5u);
  EXPECT_GE(functions(true), 10u);
}

TEST(AshaDistinct, ValuesThatHappenToBeTheSameAreNoTwins) {
  Simulation with(asha(true)), without(asha(false));
  EXPECT_EQ(finished(with, 300, coarse), finished(without, 300, coarse));
}

TEST(AshaDistinct, AConstantPredictionIsNoReasonToTrustTwins) {
  // Half of the trials predict a constant, the same at all rungs; good ones have few values at the first.
  const auto value = [](std::int64_t trial, std::int64_t fidelity) {
    return trial % 2 == 0 ? 5.0 : coarse(trial, fidelity) / 6.0;
  };
  Simulation with(asha(true)), without(asha(false));
  EXPECT_EQ(finished(with, 300, value), finished(without, 300, value));
}

TEST(AshaDistinct, OneTwinTakesThePlaceOfOneThatIsLost) {
  for (const TrialState end :
       {TrialState::failed, TrialState::infeasible, TrialState::pruned, TrialState::deleted}) {
    Simulation simulation(asha());
    finished(simulation, 200, same_function);
    // Five of a new best function rest; the first is promoted and lost.
    std::vector<std::int64_t> twins;
    while (twins.size() < 5) {
      const auto job = simulation.scheduler->next(true);
      ASSERT_TRUE(job.has_value());
      Trial& trial = simulation.start(*job);
      if (job->trial < 0) twins.push_back(trial.id);
      const bool is_new = std::find(twins.begin(), twins.end(), trial.id) != twins.end();
      simulation.finish(trial, {is_new ? -5.0 : same_function(trial.id, trial.target)});
    }
    std::vector<std::int64_t> waiting;
    for (const std::int64_t id : twins)
      if (simulation.trials[static_cast<std::size_t>(id)].target == 1) waiting.push_back(id);
    ASSERT_GE(waiting.size(), 3u) << "the first went on, and perhaps one that is let through";
    ASSERT_NE(waiting[0], twins[0]);
    simulation.set_state(simulation.trials[static_cast<std::size_t>(twins[0])], end);
    std::vector<std::int64_t> went_on;
    for (int i = 0; i < 8; ++i) {
      const auto job = simulation.step(true, [](const Trial&) { return std::vector<double>{9.0}; });
      ASSERT_TRUE(job.has_value());
      if (job->fidelity == 3 && std::find(waiting.begin(), waiting.end(), job->trial) != waiting.end())
        went_on.push_back(job->trial);
    }
    EXPECT_EQ(went_on, std::vector<std::int64_t>{waiting[0]}) << "one is enough";
  }
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
