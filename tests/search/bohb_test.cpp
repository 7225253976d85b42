#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tests/search/simulated_study.h"

namespace hone::search {
namespace {

using study::TrialState;

space::Space plane() {
  return space::Space::Builder().real("x", 0, 1).real("y", 0, 1).choice("kind", {"a", "b", "c"}).build();
}
std::vector<double> bowl(const space::Config& config) {
  return {std::pow(config.real("x") - 0.2, 2) + std::pow(config.real("y") - 0.7, 2) +
          (config.text("kind") == "b" ? 0.0 : 0.5)};
}

TEST(Bohb, FindsWhereGoodResultsAre) {
  SimulatedStudy study("bohb", problem_of(plane()));
  study.run(120, bowl);
  int near = 0, right = 0;
  for (std::size_t i = 80; i < 120; ++i) {
    near += bowl(study.trials[i].config)[0] < 0.06 ? 1 : 0;
    right += study.trials[i].config.text("kind") == "b" ? 1 : 0;
  }
  EXPECT_GE(near, 12);  // chance gives 2.5
  EXPECT_GE(right, 22);
}

TEST(Bohb, AThirdOfItsProposalsIsRandom) {
  SimulatedStudy modelled("bohb", problem_of(plane()));
  modelled.run(60, bowl);
  // Without the random ones everything that is proposed lies near the good results.
  int far = 0;
  for (int i = 0; i < 600; ++i) far += bowl(modelled.searcher->ask(1000 + i, 0).value())[0] > 0.5 ? 1 : 0;
  SimulatedStudy alone("bohb", problem_of(plane()), Json{{"random_fraction", 0.0}});
  modelled.replay(*alone.searcher);
  int far_alone = 0;
  for (int i = 0; i < 600; ++i) far_alone += bowl(alone.searcher->ask(1000 + i, 0).value())[0] > 0.5 ? 1 : 0;
  // Two thirds of random configs are of the wrong kind or far away.
  EXPECT_GE(far - far_alone * 2 / 3, 100);
  EXPECT_LE(far - far_alone * 2 / 3, 200);
}

TEST(Bohb, TheHighestFidelityWithEnoughResultsDecides) {
  const auto space = space::Space::Builder().real("x", 0, 1).build();
  SimulatedStudy study("bohb", problem_of(space), Json{{"random_fraction", 0.0}});
  // At fidelity 1 small x are good, at 3 large ones: with three parameters and four results there is a model.
  for (int i = 0; i < 30; ++i) {
    study::Trial& trial = study.create(study.ask());
    study.result(trial, {trial.config.real("x")}, 1);
    study.set_state(trial, TrialState::paused);
  }
  double mean = 0.0;
  for (int i = 0; i < 50; ++i) mean += study.searcher->ask(100 + i, 0)->real("x") / 50.0;
  EXPECT_LT(mean, 0.3);
  for (std::size_t i = 0; i < 30; i += 2)
    study.result(study.trials[i], {-study.trials[i].config.real("x")}, 3);
  mean = 0.0;
  for (int i = 0; i < 50; ++i) mean += study.searcher->ask(100 + i, 0)->real("x") / 50.0;
  EXPECT_GT(mean, 0.35);
}

TEST(Bohb, WhatFailedIsBadAndNothingPoisonsTheModel) {
  SimulatedStudy study("bohb", problem_of(plane()), Json{{"random_fraction", 0.0}});
  for (int i = 0; i < 80; ++i) {
    study::Trial& trial = study.create(study.ask());
    trial.target = 1;
    if (trial.config.real("x") > 0.5) {
      study.set_state(trial, TrialState::failed);
    } else if (i % 9 == 0) {
      study.finish(trial, {std::numeric_limits<double>::quiet_NaN()});
    } else if (i % 11 == 0) {
      study.finish(trial, {std::numeric_limits<double>::infinity()});
    } else {
      study.finish(trial, bowl(trial.config));
    }
  }
  int failing = 0;
  for (int i = 0; i < 100; ++i) failing += study.searcher->ask(200 + i, 0)->real("x") > 0.5 ? 1 : 0;
  EXPECT_LT(failing, 15);
  for (study::Trial& trial : study.trials) {
    trial.state = TrialState::deleted;
    study.tell(study::Change::Kind::deleted, trial);
  }
  EXPECT_TRUE(study.searcher->ask(999, 0)) << "with nothing left it draws at random";
}

TEST(Bohb, WhatFailedIsNeverGood) {
  const auto space = space::Space::Builder().real("x", 0, 1).build();
  SimulatedStudy study("bohb", problem_of(space), Json{{"random_fraction", 0.0}});
  const auto at = [&](double x) -> study::Trial& { return study.create(space::Config({{"x", x}})); };
  for (int i = 0; i < 12; ++i) {
    study::Trial& trial = at(0.1 + 0.02 * i);
    trial.target = 1;
    study.set_state(trial, TrialState::failed);
  }
  int far = 0;
  for (int i = 0; i < 100; ++i) far += study.searcher->ask(100 + i, 0)->real("x") > 0.5 ? 1 : 0;
  EXPECT_GT(far, 30) << "nothing is good yet: random";
  study.finish(at(0.9), {1.0});
  int near = 0;
  for (int i = 0; i < 100; ++i) near += study.searcher->ask(200 + i, 0)->real("x") > 0.7 ? 1 : 0;
  EXPECT_GT(near, 80);
}

TEST(Bohb, TheLargestRatioOfGoodToBadIsProposed) {
  // Good ones are half at 0.3 and half at 0.7; bad ones are all at 0.3.
  const auto share_at_seven = [](int n_samples) {
    SimulatedStudy study("bohb", problem_of(space::Space::Builder().real("x", 0, 1).build()),
                         Json{{"random_fraction", 0.0}, {"n_samples", n_samples}});
    const auto add = [&](double x, double value) {
      study.finish(study.create(space::Config({{"x", x}})), {value});
    };
    for (const double x : {0.29, 0.3, 0.31, 0.69, 0.7, 0.71}) add(x, 0.0);
    for (int i = 0; i < 34; ++i) add(0.25 + 0.1 * i / 34, 1.0);
    int right = 0;
    for (int i = 0; i < 100; ++i) right += study.searcher->ask(1000 + i, 0)->real("x") > 0.5 ? 1 : 0;
    return right;
  };
  EXPECT_GE(share_at_seven(64), 95);
  EXPECT_NEAR(share_at_seven(1), 50, 15) << "what the good density alone draws";
}

TEST(Bohb, DrawsAreWiderThanTheKernels) {
  // The deviation of what is drawn around good results near the middle, with no choice among the draws.
  const auto deviation = [](const std::vector<double>& good, const Json& options) {
    Json all{{"random_fraction", 0.0}, {"n_samples", 1}};
    all.update(options);
    SimulatedStudy study("bohb", problem_of(space::Space::Builder().real("x", 0, 1).build()), all);
    const auto add = [&](double x, double value) {
      study.finish(study.create(space::Config({{"x", x}})), {value});
    };
    for (const double x : good) add(x, 0.0);
    for (int i = 0; i < 34; ++i) add((i + 0.5) / 34, 1.0);
    double square = 0.0;
    for (int i = 0; i < 2000; ++i)
      square += std::pow(study.searcher->ask(1000 + i, 0)->real("x") - 0.5, 2) / 2000.0;
    return std::sqrt(square);
  };
  const std::vector<double> spread = {0.47, 0.48, 0.49, 0.51, 0.52, 0.53};
  double square = 0.0;
  for (const double x : spread) square += std::pow(x - 0.5, 2) / 6.0;
  const double width = 1.06 * std::sqrt(square) * std::pow(6.0, -1.0 / 5.0);
  // The observations' own spread and that of the kernels, three times as wide.
  for (const double factor : {1.0, 3.0}) {
    const double expected = std::sqrt(square + factor * factor * width * width);
    const Json options = factor == 3.0 ? Json::object() : Json{{"bandwidth_factor", factor}};
    EXPECT_NEAR(deviation(spread, options), expected, 0.1 * expected) << factor;
  }
  // Where all good ones are equal, the narrowest kernel that there may be.
  const std::vector<double> equal(6, 0.5);
  EXPECT_NEAR(deviation(equal, Json::object()), 3.0 * 1e-3, 3e-4);
  EXPECT_NEAR(deviation(equal, Json{{"min_bandwidth", 0.02}}), 3.0 * 0.02, 6e-3);
}

TEST(Bohb, TwoMoreResultsThanMinPointsMakeAModel) {
  for (const int min_points : {0, 10}) {
    SimulatedStudy study("bohb", problem_of(plane()),
                         Json{{"random_fraction", 0.0}, {"min_points", min_points}});
    const int enough = (min_points == 0 ? 4 : min_points) + 2;
    // All results are at one place: a model proposes it, chance does not.
    const auto near = [&] {
      int count = 0;
      for (int i = 0; i < 50; ++i) count += study.searcher->ask(1000 + i, 0)->real("x") < 0.3 ? 1 : 0;
      return count;
    };
    const space::Config config({{"x", 0.1}, {"y", 0.1}, {"kind", std::string("a")}});
    for (int i = 0; i < enough - 1; ++i) study.finish(study.create(config), {1.0});
    EXPECT_LT(near(), 30) << min_points;
    study.finish(study.create(config), {1.0});
    EXPECT_GT(near(), 45) << min_points;
  }
}

TEST(Bohb, IsAFunctionOfTheJournal) {
  SimulatedStudy study("bohb", problem_of(plane()));
  study.run(50, bowl);
  const auto other = make_searcher("bohb", study.problem);
  study.replay(*other);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(other->ask(100 + i, i % 3), study.searcher->ask(100 + i, i % 3));
}

}  // namespace
}  // namespace hone::search
