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

TEST(Bohb, IsAFunctionOfTheJournal) {
  SimulatedStudy study("bohb", problem_of(plane()));
  study.run(50, bowl);
  const auto other = make_searcher("bohb", study.problem);
  study.replay(*other);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(other->ask(100 + i, i % 3), study.searcher->ask(100 + i, i % 3));
}

}  // namespace
}  // namespace hone::search
