#include "hone/search/credit.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "hone/search/ties.h"
#include "simulated_study.h"

namespace hone::search {
namespace {

/// A proposal's result, judged and then kept.
void propose(Credit& credit, std::size_t proposer, std::int64_t trial, double value, std::int64_t level = 1) {
  credit.judge(proposer, value, level);
  credit.observe(trial, value, level);
}

TEST(Credit, IsTheMeanRankOfTheLatestProposals) {
  Credit credit(2);
  std::int64_t trial = 0;
  EXPECT_EQ(credit.poor(0), 0.5);
  for (const double value : {4.0, 2.0, 3.0, 1.0}) credit.observe(trial++, value, 1);
  propose(credit, 0, trial++, 0.5);  // better than all
  EXPECT_NEAR(credit.poor(0), (2 * 0.5 + 0.0) / 3, 1e-12);
  propose(credit, 0, trial++, 2.5);  // behind three of five
  EXPECT_NEAR(credit.poor(0), (2 * 0.5 + 0.0 + 0.6) / 4, 1e-12);
  EXPECT_EQ(credit.size(0), 2u);
  EXPECT_EQ(credit.poor(1), 0.5);
  for (int i = 0; i < 20; ++i) propose(credit, 1, trial++, std::numeric_limits<double>::quiet_NaN());
  EXPECT_NEAR(credit.poor(1), (2 * 0.5 + 8) / 10, 1e-12);
  for (int i = 0; i < 8; ++i) propose(credit, 1, trial++, 0.5);  // the best over again is no gain
  EXPECT_NEAR(credit.poor(1), (2 * 0.5 + 8) / 10, 1e-12);
  for (int i = 0; i < 8; ++i) propose(credit, 1, trial++, -i - 1.0);
  EXPECT_NEAR(credit.poor(1), (2 * 0.5 + 0) / 10, 1e-12);
}

TEST(Credit, ComparesResultsOfOneFidelityAndForgetsDeletedTrials) {
  Credit credit(2);
  for (const int i : {0, 1, 2}) credit.observe(i, 9.0 - i, 1);
  for (const int i : {0, 1, 2}) credit.observe(i, 1.0 + i, 9);
  propose(credit, 0, 3, 6.0, 1);
  EXPECT_NEAR(credit.poor(0), (2 * 0.5 + 0) / 3, 1e-12);
  propose(credit, 0, 3, 6.0, 9);
  EXPECT_NEAR(credit.poor(0), (2 * 0.5 + 0 + 1) / 4, 1e-12);
  credit.observe(4, -1e9, 1);
  credit.forget(4);
  credit.forget(5);  // unknown
  propose(credit, 1, 6, 6.0, 1);
  EXPECT_NEAR(credit.poor(1), (2 * 0.5 + 1) / 3, 1e-12) << "the best over again";
}

TEST(Ties, AreResultsThatEqualTheBestSoFar) {
  Ties ties;
  std::int64_t trial = 0;
  EXPECT_EQ(ties.share(), 0.0);
  for (const double value : {3.0, 3.0, 2.0, 3.0, 2.0}) ties.observe(trial++, value);
  EXPECT_EQ(ties.share(), 2.0 / 8.0);
  for (int i = 0; i < 5; ++i) ties.observe(2, 2.0);  // told again
  EXPECT_EQ(ties.share(), 2.0 / 8.0);
  for (int i = 0; i < 8; ++i) ties.observe(trial++, 5.0 - 0.1 * i);
  EXPECT_EQ(ties.share(), 0.0);
  ties.observe(100, -1e9);
  ties.forget(100);
  for (int i = 0; i < 8; ++i) ties.observe(trial++, 2.0);
  EXPECT_EQ(ties.share(), 1.0);
}

/// Wide steps with a lottery on top: neighbours of a good config are the same config, and no model of what
/// lies around helps.
double stepped(const space::Config& config) {
  std::uint64_t cell = 7;
  for (int i = 0; i < 4; ++i) {
    const auto step = static_cast<std::uint64_t>(config.real("x" + std::to_string(i)) * 3.999);
    cell = cell * 31 + step;
  }
  return Rng(cell, "steps").uniform();
}

/// What auto leaves its first part alone on for thirty trials: all values are of coarse grids.
space::Space coarse_cube(int dimension) {
  space::Space::Builder builder;
  for (int i = 0; i < dimension; ++i)
    builder.real("x" + std::to_string(i), 0.0, 1.0, {.resolution = 1.0 / 60.0});
  return builder.build();
}

TEST(Auto, TheFirstPartIsNotLeftAloneWhereItFindsNothing) {
  // How many configs of the first thirty the process proposed.
  const auto of_process = [](double (*f)(const space::Config&)) {
    int same = 0;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      SimulatedStudy study("auto", problem_of(coarse_cube(4), 1, seed));
      const auto gp = make_searcher("gp", study.problem);
      while (study.trials.size() < 30) {
        const auto number = static_cast<std::int64_t>(study.trials.size());
        const space::Config config = study.ask();
        if (number >= 10 && config == gp->ask(number, 0)) ++same;
        study::Trial& trial = study.create(config);
        gp->update({.kind = study::Change::Kind::created, .trial = &trial});
        study.finish(trial, {f(config)});
        gp->update({.kind = study::Change::Kind::result, .trial = &trial, .result = &trial.results.back()});
        gp->update({.kind = study::Change::Kind::state, .trial = &trial});
      }
    }
    return same;
  };
  EXPECT_LT(of_process(stepped), 50);
  EXPECT_EQ(of_process([](const space::Config& config) {
              double sum = 0.0;
              for (int i = 0; i < 4; ++i)
                sum += std::pow(config.real("x" + std::to_string(i)) - 0.2 * i - 0.1, 2);
              return sum;
            }),
            60);
}

TEST(Auto, WhatUsersEnqueueIsNobodysProposal) {
  // Good proposals of the first part, then bad trials of the user's: it stays alone.
  SimulatedStudy study("auto", problem_of(coarse_cube(2)), Json{{"parts", {"random 1", "sobol 1"}}});
  const auto random = make_searcher("random", study.problem);
  double value = 0.0;
  while (study.trials.size() < 14) study.finish(study.create(study.ask()), {value -= 1.0});
  Rng rng(1, "test");
  for (int i = 0; i < 8; ++i) {
    study::Trial trial;
    trial.id = static_cast<std::int64_t>(study.trials.size());
    trial.origin = "user";
    trial.config = study.problem.space.sample(rng);
    trial.key = trial.config.key();
    study::Trial& kept = study.trials.emplace_back(trial);
    study.tell(study::Change::Kind::created, kept);
    study.set_state(kept, study::TrialState::failed);
  }
  for (int i = 0; i < 6; ++i) {
    const auto number = static_cast<std::int64_t>(study.trials.size());
    const space::Config config = study.ask();
    EXPECT_EQ(config, random->ask(number, 0)) << number;
    study.finish(study.create(config), {value -= 1.0});
  }
}

}  // namespace
}  // namespace hone::search
