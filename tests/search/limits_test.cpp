#include <gtest/gtest.h>

#include "hone/search/individuals.h"
#include "hone/search/losses.h"
#include "simulated_study.h"

namespace hone::search {
namespace {

/// One parameter; less of it is better, and dearer.
Problem limited() {
  Problem problem = problem_of(space::Space::Builder().real("x", 0.0, 1.0).build());
  problem.limits = {{"price", 0.5, {}}};
  problem.horizon = 9;
  return problem;
}

TEST(BreaksLimits, CostsAtEveryFidelityOthersAtTheHorizon) {
  Problem problem = limited();
  problem.limits.push_back({"error", 0.1, {}});
  problem.costs = {"price"};
  const study::Trial trial;
  EXPECT_FALSE(breaks_limits(problem, trial, {1, {{"price", 0.5}, {"error", 0.9}}}));
  EXPECT_TRUE(breaks_limits(problem, trial, {9, {{"price", 0.5}, {"error", 0.9}}}));
  EXPECT_TRUE(breaks_limits(problem, trial, {1, {{"price", 0.6}, {"error", 0.0}}}));
  EXPECT_FALSE(breaks_limits(problem, trial, {9, {{"error", 0.0}}})) << "what is not measured";

  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(breaks_limits(problem, trial, {9, {{"price", nan}, {"error", 0.0}}})) << "what says nothing";

  problem.costs.clear();
  EXPECT_FALSE(breaks_limits(problem, trial, {1, {{"price", 0.6}}}));
  study::Trial priced;
  priced.costs = {{"price", 0.6}};
  EXPECT_TRUE(breaks_limits(problem, priced, {1, {{"price", 0.6}}})) << "known before training";
}

TEST(BreaksLimits, LossesAreNoneOfATrialThatIsOut) {
  Problem problem = limited();
  study::Trial trial;
  trial.results = {{1, {{"a", 0.1}, {"price", 0.6}}}, {3, {{"a", 0.05}, {"price", 0.6}}}};
  EXPECT_EQ(losses_of(problem, trial).size(), 2u) << "it may still come";
  trial.results.push_back({9, {{"a", 0.01}, {"price", 0.6}}});
  EXPECT_TRUE(losses_of(problem, trial).empty());
  trial.results.pop_back();
  problem.costs = {"price"};
  EXPECT_TRUE(losses_of(problem, trial).empty());
}

TEST(Scalar, OneValueThatDivergedLeavesTheOthersApart) {
  Scalar scalar(2);
  Rng rng(3, "values");
  for (int i = 0; i < 50; ++i) scalar.see({rng.uniform(), rng.uniform()});
  const auto apart = [&] { return scalar.at({0.9, 0.0}, {0.5, 0.5}) - scalar.at({0.1, 0.0}, {0.5, 0.5}); };
  const double before = apart();
  scalar.see({1e6, 0.5});
  EXPECT_GT(before, 0.1);
  EXPECT_GT(apart(), 0.1 * before);
}

class LowFidelityLimits : public testing::TestWithParam<const char*> {};

/// The share of proposals within the limit or close to it after 60 results at the first rung.
double share_within(const std::string& searcher, const Problem& problem) {
  SimulatedStudy study(searcher, problem);
  for (int i = 0; i < 60; ++i) {
    Rng rng(5, "test", static_cast<std::uint64_t>(i));
    study::Trial& trial = study.create(problem.space.sample(rng));
    const double x = problem.space.encode(trial.config)[0];
    trial.results.push_back({1, {{"a", x}, {"price", 1.0 - x}}});
    study.report(trial);
    study.set_state(trial, study::TrialState::paused);
  }
  int within = 0;
  for (int i = 0; i < 40; ++i) {
    const auto config = study.searcher->ask(100 + i, 0);
    within += problem.space.encode(*config)[0] >= 0.35 ? 1 : 0;
  }
  return within / 40.0;
}

TEST_P(LowFidelityLimits, ACostThatBreaksOneIsNeverGood) {
  Problem problem = limited();
  problem.costs = {"price"};
  EXPECT_GT(share_within(GetParam(), problem), 0.6);
}

TEST_P(LowFidelityLimits, QualityMayStillCome) { EXPECT_LT(share_within(GetParam(), limited()), 0.4); }

INSTANTIATE_TEST_SUITE_P(Searchers, LowFidelityLimits, testing::Values("tpe", "bohb", "smac"),
                         [](const auto& info) { return std::string(info.param); });

TEST(BreaksLimits, IndividualsWaitForTheHorizon) {
  Problem problem = limited();
  Moves moves(problem.space);
  Individuals individuals(problem, moves);
  study::Trial trial;
  Rng rng(1, "config");
  trial.config = problem.space.sample(rng);
  individuals.update({study::Change::Kind::created, &trial, nullptr});
  const auto standing_after = [&](std::int64_t fidelity) {
    trial.results.push_back({fidelity, {{"a", 0.1}, {"price", 0.9}}});
    individuals.update({study::Change::Kind::result, &trial, &trial.results.back()});
    trial.state = study::TrialState::paused;
    individuals.update({study::Change::Kind::state, &trial, nullptr});
    return individuals.at(trial.id).standing;
  };
  EXPECT_EQ(standing_after(1), Individual::Standing::good);
  EXPECT_EQ(standing_after(9), Individual::Standing::infeasible);
}

/// Half of the line has no price: how many of the last 20 of 50 proposals are there.
int without_price(const std::string& searcher, double price) {
  Problem problem = limited();
  problem.horizon = 1;
  SimulatedStudy study(searcher, problem);
  int count = 0;
  for (int i = 0; i < 50; ++i) {
    study::Trial& trial = study.create(study.ask());
    const double x = trial.config.real("x");
    const bool keeps = x >= 0.5;
    trial.results.push_back({1, {{"a", x}, {"price", keeps ? 0.2 : price}}});
    trial.state = keeps ? study::TrialState::completed : study::TrialState::infeasible;
    study.report(trial);
    study.set_state(trial, trial.state);
    count += i >= 30 && !keeps ? 1 : 0;
  }
  return count;
}

TEST(GpLimits, AMeasureThatSaysNothingIsAvoided) {
  for (const char* searcher : {"gp", "turbo", "auto"})
    for (const double price :
         {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
      EXPECT_LT(without_price(searcher, price), 12) << searcher << " " << price;
}

/// A corner of the cube, 0.8% of it, is allowed. How many of n proposals are.
int allowed(const std::string& searcher, std::uint64_t seed, int n) {
  Problem problem = problem_of(cube(3), 1, seed);
  problem.limits = {{"outside", 0.0, {}}, {"far", 0.6, {}}};
  SimulatedStudy study(searcher, problem);
  int count = 0;
  for (int i = 0; i < n; ++i) {
    study::Trial& trial = study.create(study.ask());
    const double x = trial.config.real("x0"), y = trial.config.real("x1"), z = trial.config.real("x2");
    // Limits in units a million apart.
    trial.results.push_back(
        {1, {{"a", x + y + z}, {"outside", 1e6 * (0.8 - std::min(x, y))}, {"far", 1.4 - z}}});
    const bool keeps = std::min(x, y) >= 0.8 && z >= 0.8;
    trial.state = keeps ? study::TrialState::completed : study::TrialState::infeasible;
    study.report(trial);
    study.set_state(trial, trial.state);
    count += keeps ? 1 : 0;
  }
  return count;
}

TEST(TpeLimits, WhatIsNearerToWhatIsAllowedIsBetter) {
  int by_model = 0, by_chance = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    by_model += allowed("tpe", seed, 60);
    by_chance += allowed("random", seed, 60);
  }
  EXPECT_LT(by_chance, 12);
  EXPECT_GT(by_model, 60);
}

TEST(TpeLimits, NothingIsLearnedFromWhatIsNoNumber) {
  Problem problem = problem_of(cube(2));
  problem.limits = {{"price", 0.5, {}}};
  SimulatedStudy study("tpe", problem);
  const double nan = std::numeric_limits<double>::quiet_NaN(),
               infinity = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 40; ++i) {
    study::Trial& trial = study.create(study.ask());
    trial.results.push_back({1, {{"a", i % 2 == 0 ? nan : 1.0}, {"price", i % 4 < 2 ? infinity : nan}}});
    trial.state = study::TrialState::infeasible;
    study.report(trial);
    study.set_state(trial, i % 3 == 0 ? study::TrialState::failed : study::TrialState::infeasible);
  }
  EXPECT_NO_THROW(study.ask());
}

}  // namespace
}  // namespace hone::search
