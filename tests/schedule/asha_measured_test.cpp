#include <functional>
#include <map>

#include <gtest/gtest.h>

#include "hone/base/rng.h"
#include "simulation.h"

namespace hone::schedule {
namespace {

using study::Trial;
using study::TrialState;
using Rungs = std::vector<std::int64_t>;
using Value = std::function<double(std::int64_t trial, std::int64_t fidelity)>;

std::unique_ptr<Scheduler> asha(const Rungs& steps, const Json& more = Json::object()) {
  Json options{{"steps", steps}};
  options.update(more);
  return make_scheduler("asha", problem_of(1), options);
}

/// Noise that belongs to a trial and a fidelity.
double noise(std::int64_t trial, std::int64_t fidelity) {
  Rng rng(11, "asha noise", static_cast<std::uint64_t>(trial), static_cast<std::uint32_t>(fidelity));
  return rng.normal();
}
/// What a trial is worth, of which the first rung sees nothing.
double blind(std::int64_t trial, std::int64_t fidelity) {
  return fidelity == 1 ? noise(trial, 1) : noise(trial, 0);
}
double clear(std::int64_t trial, std::int64_t) { return noise(trial, 0); }

/// Runs jobs one after the other, with reports at the watched fidelities where `reports`. How many trials
/// began at which fidelity, of those from `since` on.
std::map<std::int64_t, int> begun(Simulation& simulation, int trials, const Value& value, bool reports = true,
                                  std::int64_t since = 0) {
  std::map<std::int64_t, int> counts;
  while (static_cast<int>(simulation.trials.size()) < trials) {
    const auto job = simulation.scheduler->next(true);
    if (!job) break;
    Trial& trial = simulation.start(*job);
    if (job->trial < 0 && trial.id >= since) ++counts[job->fidelity];
    const std::int64_t from = trial.last() == nullptr ? 0 : trial.last()->fidelity;
    for (const std::int64_t fidelity : simulation.scheduler->watched())
      if (reports && fidelity > from && fidelity < trial.target)
        simulation.report(trial, fidelity, {value(trial.id, fidelity)});
    simulation.finish(trial, {value(trial.id, trial.target)});
  }
  return counts;
}

TEST(AshaEager, TheBestOfARungGoesOnAtOnce) {
  Simulation simulation(asha({1, 3, 9, 27}, {{"measured", false}}));
  std::vector<std::pair<std::int64_t, std::int64_t>> jobs;
  for (int i = 0; i < 9; ++i) {
    const auto job = simulation.scheduler->next(true);
    ASSERT_TRUE(job.has_value());
    jobs.emplace_back(job->trial, job->fidelity);
    Trial& trial = simulation.start(*job);
    // Trial 2 is the only one that is better than the first.
    simulation.finish(trial, {trial.id == 2 ? 0.1 : 0.5 + static_cast<double>(trial.id)});
  }
  const std::vector<std::pair<std::int64_t, std::int64_t>> expected{{-1, 1}, {0, 3}, {0, 9}, {0, 27}, {-1, 1},
                                                                    {-1, 1}, {2, 3}, {2, 9}, {2, 27}};
  EXPECT_EQ(jobs, expected);
}

TEST(AshaEager, IsRarelyWrongWhenTheyComeInAnyOrder) {
  // The logarithm of their number are ever the best when they arrive: beside those of the quota few go on.
  Simulation eager(asha({1, 9}, {{"eta", 9}, {"measured", false}}));
  Simulation plain(asha({1, 9}, {{"eta", 9}, {"measured", false}, {"eager", false}}));
  begun(eager, 300, clear);
  begun(plain, 300, clear);
  EXPECT_LE(eager.units, plain.units + 6 * 8);
}

TEST(AshaMeasured, TrialsBeginAboveARungThatSeesNothing) {
  Simulation simulation(asha({1, 3, 9, 27}));
  const auto counts = begun(simulation, 400, blind, true, 100);
  EXPECT_GE(counts.at(3), 270);
  EXPECT_FALSE(counts.contains(9)) << "to measure the second would cost too much";
}

TEST(AshaMeasured, TrialsBeginAtTheLowestRungThatSeesEnough) {
  Simulation simulation(asha({1, 3, 9, 27}));
  const auto counts = begun(simulation, 400, clear, true, 100);
  EXPECT_GE(counts.at(1), 280);
}

TEST(AshaMeasured, OffTheyAlwaysBeginAtTheLowest) {
  Simulation simulation(asha({1, 3, 9, 27}, {{"measured", false}}));
  EXPECT_EQ(begun(simulation, 200, blind), (std::map<std::int64_t, int>{{1, 200}}));
  EXPECT_TRUE(simulation.scheduler->watched().empty());
}

TEST(AshaMeasured, WhereNothingIsReportedOnTheWayAllRungsAreTrusted) {
  Simulation simulation(asha({1, 3, 9, 27}));
  const auto counts = begun(simulation, 300, blind, false, 12);
  EXPECT_GE(counts.at(1), 190);
}

TEST(AshaMeasured, ItsFirstTrialsBeginLowWhereTheSecondRungIsDear) {
  Simulation simulation(asha({10, 30}));
  EXPECT_EQ(simulation.scheduler->next(true)->fidelity, 10);
  Simulation cheap(asha({1, 3, 9, 27}));
  EXPECT_EQ(cheap.scheduler->next(true)->fidelity, 3);
}

TEST(AshaMeasured, WhatRestsBelowGoesOnOnceNothingNewMayCome) {
  Simulation simulation(asha({1, 3, 9, 27}));
  for (int i = 0; i < 3; ++i) simulation.finish(simulation.start({-1, 1}), {static_cast<double>(i)});
  const auto job = simulation.scheduler->next(true);
  ASSERT_TRUE(job.has_value());
  EXPECT_EQ(job->trial, -1) << "the first ones begin at 3";
  ASSERT_TRUE(simulation.scheduler->next(false).has_value());
  EXPECT_EQ(simulation.scheduler->next(false)->trial, 0);
}

TEST(AshaMeasured, NewTrialsAreAlikeForAsLongAsItSays) {
  Simulation simulation(asha({1, 3, 9, 27}));
  Rng rng(5, "alike");
  for (int round = 0; round < 60; ++round) {
    const auto job = simulation.scheduler->next(true);
    ASSERT_TRUE(job.has_value());
    const std::int64_t alike = job->trial < 0 ? std::min<std::int64_t>(simulation.scheduler->alike(), 7) : 1;
    ASSERT_GE(alike, 1);
    std::vector<std::int64_t> started;
    for (std::int64_t i = 0; i < alike; ++i) {
      if (i > 0) {
        ASSERT_EQ(simulation.scheduler->next(true), job) << round << ' ' << i;
      }
      started.push_back(simulation.start(*job).id);
    }
    for (const std::int64_t id : started) {
      Trial& trial = simulation.trials[static_cast<std::size_t>(id)];
      simulation.finish(trial, {clear(id, trial.target)});
    }
  }
}

TEST(AshaMeasured, GivesACheaperJobWhereTheBudgetIsShort) {
  Simulation simulation(asha({1, 3, 9, 27}));
  simulation.scheduler->allow(2);
  ASSERT_TRUE(simulation.scheduler->next(true).has_value());
  EXPECT_EQ(simulation.scheduler->next(true)->fidelity, 1);
  simulation.scheduler->allow(0);
  EXPECT_FALSE(simulation.scheduler->next(true).has_value());
}

TEST(AshaMeasured, IsAFunctionOfWhatItWasTold) {
  Simulation simulation(asha({1, 3, 9, 27}));
  begun(simulation, 120, blind);
  const auto expected = simulation.scheduler->next(true);
  simulation.go_on_with(asha({1, 3, 9, 27}));
  EXPECT_EQ(simulation.scheduler->next(true), expected);
}

}  // namespace
}  // namespace hone::schedule
