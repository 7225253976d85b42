#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/search/simulated_study.h"

namespace hone::search {
namespace {

using study::TrialState;

double final_loss(const space::Config& config) {
  return std::abs(std::log10(config.real("lr")) + 2.0) + 0.3 * std::abs(config.real("layers") - 4.0);
}

/// Four workers; each trial runs to 3, and `reports` says whether it tells 1 and 2 on its way.
void run(SimulatedStudy& study, int trials, bool reports) {
  std::vector<study::Trial*> running;
  std::set<std::string> known;
  for (int i = 0; i < trials; ++i) {
    std::optional<space::Config> config;
    const auto number = static_cast<std::int64_t>(study.trials.size());
    for (int attempt = 0; attempt < 20 && !config; ++attempt) {
      config = study.searcher->ask(number, attempt);
      if (config && !known.insert(config->shown()).second) config.reset();
    }
    ASSERT_TRUE(config);
    study::Trial& trial = study.create(std::move(*config));
    trial.state = TrialState::running;
    trial.target = 3;
    study.tell(study::Change::Kind::started, trial);
    running.push_back(&trial);
    if (reports) {
      study.result(trial, {100.0 * std::sin(static_cast<double>(i))}, 1);  // it means nothing
      if (running.size() > 2) study.result(*running[running.size() - 3], {-100.0 - i}, 2);
    }
    if (running.size() < 4) continue;
    study.finish(*running.front(), {final_loss(running.front()->config)}, 3);
    running.erase(running.begin());
  }
}

TEST(Reports, OfARunningTrialAreNoResultOfIt) {
  for (const std::string name : {"genetic", "nsga2", "regularized_evolution", "differential_evolution",
                                 "dehb", "cma_es", "local_search", "mcts", "cfo"}) {
    Problem problem = problem_of(mixed_space());
    problem.horizon = 3;
    problem.rungs = {3};
    problem.max_trials = 100;
    SimulatedStudy with(name, problem), without(name, problem);
    run(with, 80, true);
    run(without, 80, false);
    for (std::size_t i = 0; i < with.trials.size(); ++i)
      ASSERT_EQ(with.trials[i].config, without.trials[i].config) << name << ", trial " << i;
  }
}

TEST(Reports, APromotedTrialStaysAMemberWhileItRunsOn) {
  for (const std::string name : {"genetic", "regularized_evolution", "differential_evolution", "dehb"}) {
    Problem problem = problem_of(mixed_space());
    problem.horizon = 3;
    problem.rungs = {1, 3};
    problem.max_trials = 100;
    SimulatedStudy study(name, problem);
    for (int i = 0; i < 40; ++i) {
      study.searcher->aim_at(1);
      study::Trial& trial = study.create(study.ask());
      trial.state = TrialState::running;
      trial.target = 1;
      study.tell(study::Change::Kind::started, trial);
      study.result(trial, {final_loss(trial.config)}, 1);
      study.set_state(trial, TrialState::paused);
    }
    const auto before = study.searcher->ask(40, 0);
    for (study::Trial& trial : study.trials) {
      trial.state = TrialState::running;
      trial.target = 3;
      study.tell(study::Change::Kind::started, trial);
    }
    EXPECT_EQ(study.searcher->ask(40, 0), before) << name;
  }
}

TEST(Reports, TheBlendedSearchMeasuresItsThreadsByFirstRests) {
  // The worst of all goes on, and is good there: nothing that the threads' bests can be compared with.
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    Problem problem = problem_of(mixed_space(), 1, seed);
    problem.horizon = 9;
    problem.rungs = {1, 9};
    SimulatedStudy study("blend_search", problem);
    const auto rest = [&](study::Trial& trial, double value, std::int64_t fidelity) {
      study.result(trial, {value}, fidelity);
      study.set_state(trial, TrialState::paused);
    };
    for (int i = 0; i < 40; ++i) {
      study::Trial& trial = study.create(study.ask());
      rest(trial, final_loss(trial.config), 1);
    }
    std::size_t worst = 0;
    for (std::size_t i = 0; i < study.trials.size(); ++i)
      if (final_loss(study.trials[i].config) > final_loss(study.trials[worst].config)) worst = i;
    std::vector<space::Config> before, after;
    for (int k = 0; k < 8; ++k) before.push_back(study.searcher->ask(40 + k, 0).value());
    rest(study.trials[worst], -1e6, 9);
    for (int k = 0; k < 8; ++k) after.push_back(study.searcher->ask(40 + k, 0).value());
    EXPECT_EQ(before, after) << "seed " << seed;
  }
}

TEST(Reports, ADeletedTrialOfTheTreeIsNoRewardAnyMore) {
  // Once all is deleted the tree knows nothing: every first choice is as likely as it was.
  SimulatedStudy study("mcts",
                       problem_of(space::Space::Builder().choice("a", {"x", "y"}).real("b", 0, 1).build()));
  for (int i = 0; i < 60; ++i) {
    study::Trial& trial = study.create(study.ask());
    study.finish(trial, {trial.config.text("a") == "x" ? 0.0 : 1.0});
  }
  for (study::Trial& trial : study.trials) {
    trial.state = TrialState::deleted;
    study.tell(study::Change::Kind::deleted, trial);
  }
  int x = 0;
  for (int number = 60; number < 260; ++number) x += study.searcher->ask(number, 0)->text("a") == "x" ? 1 : 0;
  EXPECT_GT(x, 60);
  EXPECT_LT(x, 140);
}

TEST(Reports, ManyFailuresBeforeAnyValueAreBorne) {
  for (const std::string name : {"smac", "carbs", "tpe", "bohb"}) {
    SimulatedStudy study(name, problem_of(mixed_space()));
    Rng rng(1, "failures");
    for (int i = 0; i < 3000; ++i)
      study.set_state(study.create(study.problem.space.sample(rng)), TrialState::failed);
    study.run(3030, [](const space::Config& config) { return std::vector<double>{final_loss(config)}; });
    EXPECT_TRUE(study.problem.space.feasible(study.ask())) << name;
  }
}

}  // namespace
}  // namespace hone::search
