#include "hone/search/guided.h"

#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulated_study.h"

namespace hone::search {
namespace {

Problem problem() {
  Problem problem{space::Space::Builder()
                      .real("lr", 1e-4, 1.0, {.log = true})
                      .integer("depth", 1, 9)
                      .choice("mixer", {"a", "b", "c"})
                      .ordinal("size", {1, 2, 4})
                      .build(),
                  {{"loss"}},
                  7};
  return problem;
}

Prior read(const std::string& text, const space::Space& space) {
  return Prior::read(Node::parse_toml(text, "prior.toml"), space);
}

TEST(Prior, IsReadAlongTheScaleAndByWeights) {
  const space::Space space = problem().space;
  const Prior prior =
      read("lr = { at = 0.01, spread = 0.05 }\ndepth = 5\nmixer = 'b'\nsize = { 1 = 3, 4 = 1 }", space);
  ASSERT_EQ(prior.beliefs().size(), 4u);
  EXPECT_NEAR(prior.beliefs()[0].at, 0.5, 1e-9);  // the middle of four decades
  EXPECT_NEAR(prior.beliefs()[1].at, 0.5, 1e-9);
  EXPECT_EQ(prior.beliefs()[2].weights, (std::vector<double>{0.1, 1.0, 0.1}));
  EXPECT_EQ(prior.beliefs()[3].weights, (std::vector<double>{3.0, 0.1, 1.0}));
}

TEST(Prior, WhatIsWrongIsSaidWithItsPlace) {
  const space::Space space = problem().space;
  for (const char* text : {"lr = 2.0", "mixer = 'd'", "width = 3", "lr = { at = 0.1, spread = 0 }",
                           "mixer = { a = 0 }", "mixer = { a = -1 }", "lr = { spread = 0.1 }"})
    try {
      read(text, space);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.place().file, "prior.toml") << text;
    }
}

TEST(Prior, DrawsLieWhereItsDensityIs) {
  const Problem given = problem();
  const Moves moves(given.space);
  const Prior prior = read("lr = { at = 0.01, spread = 0.05 }\nmixer = { a = 8, b = 1, c = 1 }", given.space);
  Rng rng(1, "test");
  int a = 0;
  double sum = 0.0;
  for (int i = 0; i < 500; ++i) {
    const space::Config config = prior.draw(moves, rng);
    EXPECT_TRUE(given.space.feasible(config));
    a += config.text("mixer") == "a";
    sum += std::abs(std::log10(config.real("lr")) + 2.0);
    EXPECT_GT(prior.log_density(given.space.encode(config)), -20.0);
  }
  EXPECT_NEAR(a, 400, 45);
  EXPECT_LT(sum / 500, 0.25);  // 0.05 of four decades is 0.2, its mean distance 0.16
}

TEST(Guided, AGoodPriorHelpsAndAWrongOneIsOvercome) {
  const auto loss = [](const space::Config& config) {
    return std::vector<double>{std::pow(std::log10(config.real("lr")) + 3.0, 2) +
                               std::abs(static_cast<double>(config.integer("depth")) - 7) +
                               (config.text("mixer") == "c" ? 0.0 : 2.0)};
  };
  const auto best_of = [&](const std::string& prior, std::size_t n) {
    double mean = 0.0;
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      Problem given = problem();
      given.seed = seed;
      if (!prior.empty()) given.prior = read(prior, given.space);
      SimulatedStudy study("random", given);
      study.run(n, loss);
      double best = 1e9;
      for (const auto& trial : study.trials)
        best = std::min(best, trial.last()->measures.entries()[0].second);
      mean += best / 8;
    }
    return mean;
  };
  const std::string good = "lr = 0.001\ndepth = 7\nmixer = 'c'", wrong = "lr = 1.0\ndepth = 1\nmixer = 'a'";
  EXPECT_LT(best_of(good, 15), 0.6 * best_of("", 15));
  EXPECT_LT(best_of(wrong, 120), best_of("", 30));
}

TEST(Guided, AWrongPriorIsAskedLessThanARightOne) {
  const auto draws = [](double believed) {
    int near = 0;
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      Problem given{
          space::Space::Builder().real("x", 0.0, 1.0).real("y", 0.0, 1.0).build(), {{"loss"}}, seed};
      given.prior = read(fmt::format("x = {0}\ny = {0}", believed), given.space);
      SimulatedStudy study("random", given);
      study.run(60, [](const space::Config& config) {
        return std::vector<double>{std::pow(config.real("x") - 0.2, 2) + std::pow(config.real("y") - 0.2, 2)};
      });
      for (const auto& trial : study.trials)
        near += std::hypot(trial.config.real("x") - believed, trial.config.real("y") - believed) < 0.3;
    }
    return near / 6.0;
  };
  // Random search alone would be as near in 14 or 15 of 60; ten in n + 10 from the prior add some 17.
  EXPECT_LT(draws(0.8), 20.0);
  EXPECT_GT(draws(0.2), 25.0);
}

TEST(Guided, AReportOfSomethingElseIsNoFailure) {
  // Reports on the way without the objective change nothing of what is asked.
  const auto asks = [](bool reports) {
    Problem given{space::Space::Builder().real("x", 0.0, 1.0).real("y", 0.0, 1.0).build(), {{"loss"}}, 3};
    given.prior = read("x = 0.2\ny = 0.2", given.space);
    given.horizon = 2;
    SimulatedStudy study("random", given);
    std::vector<space::Config> configs;
    for (int i = 0; i < 40; ++i) {
      study::Trial& trial = study.create(study.ask());
      if (reports) {
        study::Result other{1, {{"train_loss", 1.0}}};
        trial.results.push_back(other);
        study.searcher->update({study::Change::Kind::result, &trial, &trial.results.back()});
      }
      study.result(trial, {std::pow(trial.config.real("x") - 0.2, 2)}, 2);
      study.set_state(trial, study::TrialState::completed);
      configs.push_back(trial.config);
    }
    return configs;
  };
  EXPECT_EQ(asks(true), asks(false));
}

TEST(Guided, APriorFadesWhereTrialsRestToo) {
  // Of results that rest, as under a scheduler that promotes: the wrong prior is asked less and less.
  Problem given = problem();
  given.prior = read("lr = 1.0\ndepth = 1\nmixer = 'a'", given.space);
  SimulatedStudy study("random", given);
  int early = 0, late = 0;
  for (int i = 0; i < 200; ++i) {
    study::Trial& trial = study.create(study.ask());
    const bool near = trial.config.integer("depth") <= 2 && trial.config.text("mixer") == "a";
    early += i < 20 && near ? 1 : 0;
    late += i >= 180 && near ? 1 : 0;
    study.result(trial, {1.0});
    study.set_state(trial, study::TrialState::paused);
  }
  EXPECT_GT(early, 5);
  EXPECT_LT(late, 5);
}

TEST(Guided, EarlierStudiesComeFirstAndLeadOn) {
  Problem given = problem();
  study::WarmStudy warm{"old"};
  Rng rng(3, "test");
  for (int i = 0; i < 40; ++i) {
    auto config = given.space.sample(rng);
    const double value = std::abs(std::log10(config.real("lr")) + 3.0);
    warm.results.emplace_back(std::move(config), std::vector<double>{100.0 * value});  // another unit
  }
  given.warm = {warm};
  SimulatedStudy study("random", given);
  study.run(30, [](const space::Config& config) {
    return std::vector<double>{std::abs(std::log10(config.real("lr")) + 3.0)};
  });
  std::size_t best = 0;
  for (std::size_t i = 0; i < warm.results.size(); ++i)
    if (warm.results[i].second < warm.results[best].second) best = i;
  EXPECT_EQ(study.trials[0].config, warm.results[best].first);
  int near = 0;
  for (const auto& trial : study.trials) near += std::abs(std::log10(trial.config.real("lr")) + 3.0) < 0.5;
  EXPECT_GT(near, 12);  // a uniform draw is that near one time in four
}

TEST(Guided, ReplaysToTheSameAsk) {
  Problem given = problem();
  given.prior = read("lr = 0.001", given.space);
  SimulatedStudy study("tpe", given);
  study.run(20, [](const space::Config& config) { return std::vector<double>{config.real("lr")}; });
  const auto other = make_searcher("tpe", study.problem);
  study.replay(*other);
  EXPECT_EQ(other->ask(20, 0), study.ask());
}

}  // namespace
}  // namespace hone::search
