#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "hone/search/observations.h"
#include "hone/search/survey.h"
#include "hone/study/front.h"
#include "tests/search/simulated_study.h"

namespace hone::search {
namespace {

using study::TrialState;

TEST(Smac, BeatsRandomOnAMixedConditionalSpace) {
  double smac = 0.0, random = 0.0;
  for (std::uint64_t seed = 0; seed < 3; ++seed)
    for (const char* name : {"smac", "random"}) {
      SimulatedStudy study(name, problem_of(mixed_space(), 1, seed));
      double best = 1e9;
      study.run(90, [&](const space::Config& config) {
        EXPECT_TRUE(study.problem.space.feasible(config));
        best = std::min(best, mixed_loss(config));
        return std::vector<double>{mixed_loss(config)};
      });
      (std::string(name) == "smac" ? smac : random) += best;
    }
  EXPECT_LT(1.5 * smac, random) << smac << ' ' << random;
}

TEST(Smac, BeatsRandomOnTwoObjectives) {
  double smac = 0.0, random = 0.0;
  for (std::uint64_t seed = 0; seed < 3; ++seed)
    for (const char* name : {"smac", "random"}) {
      SimulatedStudy study(name, problem_of(cube(5), 2, seed));
      std::vector<std::vector<double>> all;
      study.run(70, [&](const space::Config& config) {
        all.push_back(zdt1(config));
        return all.back();
      });
      const double missing = 1.1 * 10.0 - 1.0 / 3.0 - study::hypervolume(all, {1.1, 10.0});
      (std::string(name) == "smac" ? smac : random) += missing;
    }
  EXPECT_LT(smac * 1.5, random);
}

TEST(Smac, BeginsWithASobolDesignOfAQuarterOfTheBudget) {
  Problem problem = problem_of(space::Space::Builder().real("x", 0.0, 1.0).real("y", 0.0, 1.0).build());
  problem.max_trials = 64;
  SimulatedStudy study("smac", problem, Json{{"random_probability", 0.0}});
  study.run(40, [](const space::Config& config) {
    return std::vector<double>{std::abs(config.real("x") - 0.9) + std::abs(config.real("y") - 0.1)};
  });
  for (int block = 0; block < 2; ++block) {
    std::vector<int> cells(8);
    for (int i = 0; i < 8; ++i)
      ++cells[static_cast<std::size_t>(
          8 * study.trials[static_cast<std::size_t>(8 * block + i)].config.real("x"))];
    for (const int count : cells) EXPECT_EQ(count, 1);
  }
  int near = 0;
  for (std::size_t i = 25; i < 40; ++i) near += study.trials[i].config.real("x") > 0.75 ? 1 : 0;
  EXPECT_GT(near, 10);
}

TEST(Smac, AConstantAddedToTheLossChangesNothing) {
  const auto last = [](double constant) {
    SimulatedStudy study("smac", problem_of(mixed_space(), 1, 3));
    study.run(40, [&](const space::Config& config) {
      // Whole numbers: what is added to them takes nothing from them.
      return std::vector<double>{std::round(64.0 * mixed_loss(config)) + constant};
    });
    return study.ask().shown();
  };
  EXPECT_EQ(last(16.0), last(0.0));
  EXPECT_EQ(last(1048576.0), last(0.0));
}

TEST(Smac, LeavesARegionThatFails) {
  const space::Space line = space::Space::Builder().real("x", 0.0, 1.0).build();
  SimulatedStudy study("smac", problem_of(line), Json{{"random_probability", 0.0}, {"n_initial", 8}});
  int inside = 0;
  while (study.trials.size() < 70) {
    study::Trial& trial = study.create(study.ask());
    const double x = trial.config.real("x");
    const bool fails = x > 0.4 && x < 0.6;
    if (study.trials.size() > 40) inside += fails ? 1 : 0;
    if (fails)
      study.set_state(trial, TrialState::failed);
    else
      study.finish(trial, {0.1 + std::abs(x - 0.5)});
  }
  EXPECT_LT(inside, 15);
}

TEST(Survey, RunningTrialsMakeTheirPlaceLessPromising) {
  const Moves moves(space::Space::Builder().real("x", 0.0, 1.0).build());
  Survey survey(moves);
  std::vector<predict::Row> rows;
  std::vector<double> losses;
  for (int i = 0; i < 12; ++i) {
    rows.push_back({(i + 0.5) / 12});
    losses.push_back(0.1 + std::abs(rows.back()[0] - 0.55));
  }
  survey.grow(rows, losses, {}, 1);
  const double there = survey.improvement({0.55}), far = survey.improvement({0.05});
  EXPECT_GT(there, far);
  survey.drop_running({0.55});
  EXPECT_LT(survey.improvement({0.55}), 0.8 * there);
  EXPECT_EQ(survey.improvement({0.05}), far);
  // A result of the kind that was expected does not.
  survey.clear_drops();
  survey.drop({0.55}, 0.1);
  EXPECT_GT(survey.improvement({0.55}), 0.8 * there);
}

TEST(Observations, KeepToTheirSizeAndKeepTheBest) {
  const Problem problem = problem_of(space::Space::Builder().real("x", 0.0, 1.0).build());
  const Moves moves(problem.space);
  Observations seen(problem, moves, 3, 100);
  Rng rng(1, "test");
  study::Trial trial;
  double best = 1e9;
  for (int i = 0; i < 1000; ++i) {
    trial = study::Trial{};
    trial.id = i;
    trial.config = problem.space.sample(rng);
    seen.update({study::Change::Kind::created, &trial, nullptr});
    const double value = rng.uniform();
    best = std::min(best, value);
    trial.results.push_back({1, study::Measures{{"a", value}}});
    seen.update({study::Change::Kind::result, &trial, &trial.results.back()});
    trial.state = TrialState::completed;
    seen.update({study::Change::Kind::state, &trial, nullptr});
    EXPECT_LE(seen.rows().size(), 108u);
  }
  double kept = 1e9, mean = 0.0;
  for (const auto& row : seen.rows()) {
    kept = std::min(kept, row.losses[0]);
    mean += row.losses[0] / static_cast<double>(seen.rows().size());
  }
  EXPECT_EQ(kept, best);
  EXPECT_LT(mean, 0.35);
  EXPECT_TRUE(seen.running().empty());
}

}  // namespace
}  // namespace hone::search
