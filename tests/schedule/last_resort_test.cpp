// Where a budget ends, some trial comes to the largest fidelity, whatever fails there.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hone/base/rng.h"
#include "hone/schedule/rung.h"
#include "simulation.h"

namespace hone::schedule {
namespace {

using study::Trial;
using study::TrialState;

std::unique_ptr<Scheduler> scheduler_of(const std::string& name, const Json& steps) {
  return make_scheduler(name, problem_of(1), Json{{"steps", steps}});
}

double value_of(std::int64_t trial, std::uint64_t seed = 7) {
  return Rng(seed, "value", static_cast<std::uint64_t>(trial)).uniform();
}

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
std::int64_t completed_of_forty(const std::string& name, TrialState otherwise, std::uint64_t seed) {
  Simulation simulation(scheduler_of(name, Json{1, 27}));
  int jobs = 0;
  while (const auto job = simulation.scheduler->next(simulation.trials.size() < 40)) {
    if (++jobs > 1000) return -1;
    Trial& trial = simulation.start(*job);
    const double value = value_of(trial.id, seed);
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
      for (std::uint64_t seed = 0; seed < 20; ++seed)
        EXPECT_GE(completed_of_forty(name, otherwise, seed), 1)
            << name << ' ' << study::state_name(otherwise) << ", seed " << seed;
}

TEST(LastResort, OfAshaGoesOnWhateverTheQuotaUntilOneKeepsTheLimits) {
  for (const char* name : {"asha", "mobster"})
    for (const TrialState otherwise : {TrialState::failed, TrialState::infeasible})
      for (std::uint64_t seed = 0; seed < 20; ++seed)
        EXPECT_GE(completed_of_forty(name, otherwise, seed), 1)
            << name << ' ' << study::state_name(otherwise) << ", seed " << seed;
}

TEST(LastResort, OfAshaIsTheBestOfTheHighestRungAndOneAtATime) {
  for (const std::size_t objectives : {1u, 2u}) {
    Simulation simulation(make_scheduler("asha", problem_of(objectives),
                                         Json{{"steps", {1, 3, 9}}, {"eager", false}, {"measured", false}}),
                          objectives);
    const auto values = [&](double value) { return std::vector<double>(objectives, value); };
    // Two trials are too few for the quota, so neither goes on as in the paper.
    for (const double value : {0.6, 0.4}) simulation.finish(simulation.start({-1, 1}), values(value));
    EXPECT_EQ(simulation.scheduler->next(true), (Scheduler::Job{-1, 1})) << "new ones may come";
    const auto first = simulation.scheduler->next(false);
    ASSERT_EQ(first, (Scheduler::Job{1, 3}));
    Trial& best = simulation.start(*first);
    EXPECT_FALSE(simulation.scheduler->next(false)) << "one runs";
    simulation.finish(best, values(0.9));
    ASSERT_EQ(simulation.scheduler->next(false), (Scheduler::Job{1, 9})) << "it is the highest";
    simulation.set_state(simulation.start({1, 9}), TrialState::failed);
    ASSERT_EQ(simulation.scheduler->next(false), (Scheduler::Job{0, 3}));
    simulation.finish(simulation.start({0, 3}), values(0.5));
    simulation.scheduler->allow(5);
    EXPECT_FALSE(simulation.scheduler->next(false)) << "not affordable";
    simulation.scheduler->allow(6);
    ASSERT_EQ(simulation.scheduler->next(false), (Scheduler::Job{0, 9}));
    simulation.finish(simulation.start({0, 9}), values(0.5));
    EXPECT_FALSE(simulation.scheduler->next(false));
    EXPECT_EQ(simulation.trials[0].state, TrialState::completed);
  }
}

/// Where no trial gets to `wall` or beyond: how many were lost there by the end, and what all of them took.
struct Lost {
  std::int64_t trials = 0, units = 0;
};

Lost lost_before(const std::string& name, std::size_t trials, std::int64_t wall, TrialState otherwise,
                 std::size_t objectives = 1, Json options = Json::object()) {
  options["steps"] = Json{1, 81};
  options["eta"] = 3;
  const auto make = [&] { return make_scheduler(name, problem_of(objectives), options); };
  Simulation simulation(make(), objectives);
  Lost lost;
  while (const auto job = simulation.scheduler->next(simulation.trials.size() < trials)) {
    Trial& trial = simulation.start(*job);
    const std::vector<double> values(objectives, value_of(trial.id));
    if (job->fidelity < wall) {
      simulation.finish(trial, values);
      continue;
    }
    if (otherwise == TrialState::infeasible) simulation.report(trial, job->fidelity, values);
    simulation.set_state(trial, otherwise);
    ++lost.trials;
    if (lost.trials % 5 != 0) continue;
    const auto next = simulation.scheduler->next(simulation.trials.size() < trials);
    simulation.go_on_with(make());
    EXPECT_EQ(simulation.scheduler->next(simulation.trials.size() < trials), next) << name;
  }
  lost.units = simulation.units;
  EXPECT_FALSE(simulation.scheduler->next(false)) << name;
  simulation.go_on_with(make());  // a study that has ended is opened again
  EXPECT_FALSE(simulation.scheduler->next(false)) << name;
  return lost;
}

TEST(LastResort, OfAshaIsGivenUpWhereNoTrialArrives) {
  for (const char* name : {"asha", "mobster"})
    for (const TrialState otherwise : {TrialState::failed, TrialState::infeasible})
      for (const std::size_t objectives : {1u, 2u})
        for (const std::int64_t wall : {27, 81}) {
          // Sixteen more than the quota, which is one of 27 or 81.
          const Json paper{{"eager", false}, {"measured", false}, {"distinct", false}};
          const Lost lost = lost_before(name, 200, wall, otherwise, objectives, paper);
          EXPECT_EQ(lost.trials, 16 + 200 / wall) << name << " at " << wall;
          EXPECT_LE(lost.units, 5 * 200 + 16 * 81) << name << " at " << wall;
          // What goes on beyond the paper is lost in place of those, or is more than they are.
          const Lost beyond = lost_before(name, 200, wall, otherwise, objectives);
          EXPECT_LE(beyond.trials, 40) << name << " at " << wall;
          EXPECT_LE(beyond.units, 3 * 5 * 200 + 16 * 81) << name << " at " << wall;
        }
}

TEST(LastResort, OfBracketsIsGivenUpWhereNoTrialArrives) {
  for (const char* name :
       {"successive_halving", "hyperband", "bohb", "dehb", "iterative_deepening_hyperband"})
    for (const TrialState otherwise : {TrialState::failed, TrialState::infeasible})
      for (const std::int64_t wall : {27, 81}) {
        // In the 143 trials of hyperband's round all five brackets are begun: they have 10 places at 81, and
        // 3 + 3 + 5 + 8 = 19 at 27. Five begin at 81, behind the wall at 27.
        const Lost lost = lost_before(name, 143, wall, otherwise);
        EXPECT_LE(lost.trials, 16 + (wall == 81 ? 10 : 19 + 5)) << name << " at " << wall;
        EXPECT_LE(lost.units, 26 * 81 + 5 * 5 * 81) << name << " at " << wall;
      }
}

TEST(LastResort, OfManyTrialsCostsNoMoreThanOfFew) {
  Simulation simulation(make_scheduler("asha", problem_of(1), Json{{"steps", {1, 81}}, {"eta", 3}}));
  const auto run = [&](bool may_create) {
    const auto job = simulation.scheduler->next(may_create);
    if (!job) return false;
    Trial& trial = simulation.start(*job);
    if (job->fidelity == 81)
      simulation.set_state(trial, TrialState::failed);
    else
      simulation.finish(trial, {value_of(trial.id)});
    return true;
  };
  while (simulation.trials.size() < 20000) ASSERT_TRUE(run(true));
  const std::int64_t before = simulation.units;
  while (run(false)) ASSERT_LE(simulation.units - before, 20 * 81 + 20 * 27) << "it does not end";
}

TEST(LastResort, OfAshaIsAskedWhereANewTrialIsNotAffordable) {
  Simulation simulation(scheduler_of("asha", Json{10, 12}));
  simulation.scheduler->allow(15);
  // The better one goes on, as the best of its rung, and fails; the other is not among the best third.
  for (const double value : {0.4, 0.6}) simulation.finish(simulation.start({-1, 10}), {value});
  simulation.set_state(simulation.start({0, 12}), TrialState::failed);
  simulation.scheduler->allow(1);
  EXPECT_FALSE(simulation.scheduler->next(true));
  simulation.scheduler->allow(5);
  EXPECT_EQ(simulation.scheduler->next(true), (Scheduler::Job{1, 12}));
  simulation.scheduler->allow(10);
  EXPECT_EQ(simulation.scheduler->next(true), (Scheduler::Job{-1, 10}));
}

TEST(LastResort, BestOfAllIsTheBestReadyOneWhateverChangedBefore) {
  Rung rung(3);
  Rng rng(5, "changes");
  std::vector<double> values(30, -1.0);  // -1: not there
  std::vector<bool> ready(30, false);
  for (int change = 0; change < 3000; ++change) {
    const auto trial = static_cast<std::size_t>(rng.below(30));
    const auto id = static_cast<std::int64_t>(trial);
    switch (rng.below(4)) {
      case 0:
        values[trial] = static_cast<double>(rng.below(12));
        rung.report(id, {values[trial]});
        break;
      case 1:
        rung.remove(id);
        values[trial] = -1.0;
        ready[trial] = false;
        break;
      default:
        if (values[trial] < 0.0) break;
        ready[trial] = rng.below(2) == 0;
        rung.set_ready(id, ready[trial]);
    }
    std::optional<std::int64_t> best;
    for (std::size_t i = 0; i < values.size(); ++i)
      if (ready[i] && (!best || values[i] < values[static_cast<std::size_t>(*best)]))
        best = static_cast<std::int64_t>(i);
    ASSERT_EQ(rung.best_of_all(), best) << "change " << change;
  }
}

/// Runs with so many workers until the units are used up or nothing may run; how many are left.
std::int64_t left_of(Simulation& simulation, std::int64_t units, std::size_t workers) {
  Rng rng(3, "order", workers);
  std::vector<Trial*> running;
  std::int64_t left = units;
  for (;;) {
    while (running.size() < workers) {
      simulation.scheduler->allow(left);
      const auto job = simulation.scheduler->next(true);
      if (!job) break;
      const std::int64_t before = simulation.units;
      running.push_back(&simulation.start(*job));
      left -= simulation.units - before;
    }
    if (running.empty()) return left;
    const auto which = static_cast<std::ptrdiff_t>(rng.below(running.size()));
    Trial& trial = *running[static_cast<std::size_t>(which)];
    running.erase(running.begin() + which);
    simulation.finish(trial, {value_of(trial.id)});
  }
}

TEST(LastResort, OfABudgetOfStepsEnoughIsKeptForOneTrial) {
  for (const char* name :
       {"successive_halving", "hyperband", "bohb", "dehb", "iterative_deepening_hyperband"})
    for (const std::int64_t largest : {27, 81})
      for (const std::int64_t units : {27, 60, 81, 82, 100, 200, 300, 1000})
        for (const std::size_t workers : {1u, 4u}) {
          if (units < largest) continue;
          Simulation simulation(scheduler_of(name, Json{1, largest}));
          const std::int64_t left = left_of(simulation, units, workers);
          EXPECT_EQ(left, 0) << name << ", to " << largest << ", units " << units << ": a job costs 1";
          const bool any =
              std::any_of(simulation.trials.begin(), simulation.trials.end(),
                          [](const Trial& trial) { return trial.state == TrialState::completed; });
          EXPECT_TRUE(any) << name << ", to " << largest << ", units " << units << ", workers " << workers;
        }
}

TEST(LastResort, WhereTheBudgetIsTooSmallForOneTrialItIsSpentAllTheSame) {
  Simulation simulation(scheduler_of("hyperband", Json{1, 81}));
  EXPECT_EQ(left_of(simulation, 50, 1), 0);
}

}  // namespace
}  // namespace hone::schedule
