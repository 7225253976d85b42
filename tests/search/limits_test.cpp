#include <gtest/gtest.h>

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

}  // namespace
}  // namespace hone::search
