#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/search/flow2.h"
#include "tests/search/simulated_study.h"

namespace hone::search {
namespace {

using study::TrialState;

/// A net whose cost grows with width and depth, and whose loss falls with them, ever more slowly. The
/// defaults are the cheapest.
space::Space net() {
  return space::Space::Builder()
      .real("lr", 1e-5, 1e-1, {.log = true, .fallback = 1e-2})
      .integer("width", 4, 1024, {.log = true, .fallback = 4})
      .integer("depth", 1, 16, {.log = true, .fallback = 1})
      .real("dropout", 0.0, 0.8, {.fallback = 0.0})
      .build();
}
double net_cost(const space::Config& config) { return config.real("width") * config.real("depth") / 100.0; }
double net_loss(const space::Config& config) {
  return 1.0 / std::sqrt(config.real("width")) + 0.3 / config.real("depth") +
         0.2 * std::pow(std::log10(config.real("lr")) + 3.0, 2) + std::pow(config.real("dropout") - 0.2, 2);
}

/// What was spent until the loss is below `target`, of at most 400 trials.
double cost_until(const std::string& name, std::uint64_t seed, double target) {
  SimulatedStudy study(name, problem_of(net(), 1, seed));
  double spent = 0.0;
  while (study.trials.size() < 400) {
    study::Trial& trial = study.create(study.ask());
    trial.spent_s = net_cost(trial.config);
    spent += trial.spent_s;
    study.finish(trial, {net_loss(trial.config)});
    if (trial.results[0].measures.entries()[0].second < target) break;
  }
  return spent;
}

TEST(CostFrugal, ReachATargetAtAFractionOfRandomsCost) {
  std::map<std::string, double> spent;
  for (const std::string name : {"cfo", "blend_search", "random"})
    for (std::uint64_t seed = 0; seed < 12; ++seed) spent[name] += cost_until(name, seed, 0.42) / 12;
  EXPECT_LT(3 * spent["cfo"], spent["random"]);
  EXPECT_LT(3 * spent["blend_search"], spent["random"]);
}

TEST(CostFrugal, BeginAtTheDefaultsAndStayCheapAtFirst) {
  for (const std::string name : {"cfo", "blend_search"}) {
    SimulatedStudy study(name, problem_of(net()));
    EXPECT_EQ(study.ask().shown(), net().default_config()->shown()) << name;
    double most = 0.0;
    while (study.trials.size() < 10) {
      study::Trial& trial = study.create(study.ask());
      trial.spent_s = net_cost(trial.config);
      most = std::max(most, trial.spent_s);
      study.finish(trial, {net_loss(trial.config)});
    }
    EXPECT_LT(most, 5.0) << name;  // of 164
  }
}

TEST(CostFrugal, TakeTheirStartFromTheOption) {
  const Json options{{"start", {{"width", 64}, {"lr", 0.001}}}};
  for (const std::string name : {"cfo", "blend_search"}) {
    SimulatedStudy study(name, problem_of(net()), options);
    EXPECT_EQ(study.ask().shown(), "lr=0.001 width=64 depth=1 dropout=0") << name;
    EXPECT_THROW(make_searcher(name, problem_of(net()), Json{{"start", {{"wide", 64}}}}), Error);
    EXPECT_THROW(make_searcher(name, problem_of(net()), Json{{"start", {{"width", "much"}}}}), Error);
  }
}

double sphere(const space::Config& config) {
  double sum = 0.0;
  for (std::size_t i = 0; i < config.entries().size(); ++i)
    sum += std::pow(value_real(config.entries()[i].second) - 0.3, 2);
  return sum;
}

TEST(Cfo, TriesTheOppositeAfterAFailure) {
  SimulatedStudy study("cfo", problem_of(cube(3)), Json{{"start", {{"x0", 0.5}, {"x1", 0.5}, {"x2", 0.5}}}});
  const auto tell = [&](double value) {
    study::Trial& trial = study.create(study.ask());
    study.finish(trial, {value});
    return trial.config;
  };
  tell(1.0);
  const space::Config forth = tell(2.0), back = tell(3.0);
  for (const char* name : {"x0", "x1", "x2"}) EXPECT_NEAR(forth.real(name) + back.real(name), 1.0, 1e-5);
  // Around the better one from then on, by 0.1 sqrt(3) each time.
  const space::Config better = tell(0.5);
  for (int i = 0; i < 6; ++i) {
    const space::Config next = study.ask(i);
    double squares = 0.0;
    for (const char* name : {"x0", "x1", "x2"}) squares += std::pow(next.real(name) - better.real(name), 2);
    EXPECT_NEAR(std::sqrt(squares), 0.1 * std::sqrt(3.0), 1e-4);
  }
}

TEST(Cfo, StepShrinksUntilItConvergesAndThenBeginsElsewhere) {
  const space::Space space = space::Space::Builder().integer("a", 1, 40).integer("b", 1, 40).build();
  SimulatedStudy study("cfo", problem_of(space), Json{{"start", {{"a", 30}, {"b", 30}}}});
  std::set<std::string> far;
  study.run(1200, [&](const space::Config& config) {
    const double apart = std::max(std::abs(config.real("a") - 12), std::abs(config.real("b") - 9));
    if (apart > 15 && study.trials.size() > 200) far.insert(config.shown());
    return std::vector<double>{apart};
  });
  double best = 1e9;
  for (const auto& trial : study.trials) best = std::min(best, trial.results[0].measures.entries()[0].second);
  EXPECT_EQ(best, 0.0);
  EXPECT_GE(far.size(), 2u);
}

TEST(Cfo, DoesNotDescendFromAStartWithoutAValue) {
  // Nothing near the start can be evaluated, a tenth of the square can.
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SimulatedStudy study("cfo", problem_of(cube(6), 1, seed),
                         Json{{"start", {{"x0", 0.05}, {"x1", 0.05}, {"x2", 0.5}}}});
    int evaluated = 0;
    for (int i = 0; i < 60; ++i) {
      study::Trial& trial = study.create(study.ask());
      const double x = trial.config.real("x0"), y = trial.config.real("x1");
      if (x > 0.6 && y > 0.6) {
        study.finish(trial, {std::abs(x - 0.8) + std::abs(y - 0.8)});
        ++evaluated;
      } else {
        study.set_state(trial, TrialState::failed);
      }
    }
    EXPECT_GT(evaluated, 10) << seed;
  }
}

TEST(Cfo, HasSeveralDirectionsOutAtOnce) {
  double alone = 0.0, together = 0.0;
  for (std::uint64_t seed = 0; seed < 8; ++seed)
    for (const std::size_t workers : {1u, 8u}) {
      SimulatedStudy study("cfo", problem_of(cube(6), 1, seed), Json{{"start", {{"x0", 1.0}, {"x1", 0.9}}}});
      std::set<std::string> seen;
      double best = 1e9;
      while (study.trials.size() < 160) {
        std::vector<study::Trial*> batch;
        for (std::size_t i = 0; i < workers; ++i) batch.push_back(&study.create(study.ask()));
        for (study::Trial* trial : batch) {
          EXPECT_TRUE(seen.insert(trial->config.shown()).second);
          best = std::min(best, sphere(trial->config));
          study.finish(*trial, {sphere(trial->config)});
        }
      }
      (workers == 1 ? alone : together) += best;
    }
  EXPECT_LT(alone, 8 * 0.02);
  EXPECT_LT(together, 8 * 0.06);
}

TEST(BlendSearch, IsNotWorseThanItsParts) {
  // A broad valley that a descent is caught in, and the right one.
  const auto valleys = [](const space::Config& config) {
    double value = 0.0;
    for (std::size_t i = 0; i < config.entries().size(); ++i) {
      const double x = value_real(config.entries()[i].second);
      value += std::min(0.2 + 2 * std::pow(x - 0.1, 2), 5 * std::pow(x - 0.7, 2));
    }
    return value;
  };
  std::map<std::string, double> regret;
  for (const std::string name : {"cfo", "random", "blend_search"})
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      SimulatedStudy study(name, problem_of(cube(3), 1, seed));
      double best = 1e9;
      study.run(120, [&](const space::Config& config) {
        best = std::min(best, valleys(config));
        return std::vector<double>{valleys(config)};
      });
      regret[name] += best / 12;
    }
  EXPECT_LT(regret["blend_search"], 0.5 * regret["cfo"]);
  EXPECT_LT(regret["blend_search"], 0.8 * regret["random"]);  // FLAML's own has 0.058 here
}

TEST(BlendSearch, LocalThreadsHaveTurns) {
  for (const std::size_t objectives : {1u, 2u}) {
    int local = 0;
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      SimulatedStudy study("blend_search", problem_of(cube(3), objectives, seed));
      while (study.trials.size() < 50) {
        const auto global = make_searcher("tpe", study.problem);
        study.replay(*global);
        const auto number = static_cast<std::int64_t>(study.trials.size());
        study::Trial& trial = study.create(study.ask());
        local += trial.config == global->ask(number, 0) ? 0 : 1;
        double sum = 0.0;
        for (const auto& [name, value] : trial.config.entries()) sum += std::pow(value_real(value) - 0.3, 2);
        std::vector<double> values{sum};
        if (objectives == 2) values.push_back(1.0 - trial.config.real("x0"));
        study.finish(trial, values);
      }
    }
    EXPECT_GT(local, 50) << objectives;  // of 200
    EXPECT_LT(local, 190) << objectives;
  }
}

TEST(BlendSearch, GlobalProposalsStayWithinReachOfTheCheapOnes) {
  SimulatedStudy study("blend_search", problem_of(net()));
  double widest = 4.0;
  while (study.trials.size() < 60) {
    study::Trial& trial = study.create(study.ask());
    // A step of FLOW2 is 0.2, the margin 0.1 of eight octaves.
    EXPECT_LE(trial.config.real("width"), widest * std::exp2(0.32 * 8.0) + 1.0);
    widest = std::max(widest, trial.config.real("width"));
    trial.spent_s = net_cost(trial.config);
    study.finish(trial, {net_loss(trial.config)});
  }
  EXPECT_GT(widest, 16.0);
}

TEST(CostFrugal, AreFunctionsOfTheJournalAndTheSeed) {
  for (const std::string name : {"cfo", "blend_search", "smac"}) {
    SimulatedStudy study(name, problem_of(mixed_space(), 2));
    live_through_faults(study, 100);
    if (HasFatalFailure()) return;
    const auto other = make_searcher(name, study.problem);
    study.replay(*other);
    for (int attempt : {0, 1, 7, 8})
      EXPECT_EQ(other->ask(100, attempt)->shown(), study.ask(attempt).shown()) << name;
  }
}

TEST(CostFrugal, FailedInfeasibleAndNaNAreNeverGood) {
  for (const std::string name : {"cfo", "blend_search"})
    for (const int fate : {0, 1, 2, 3}) {
      SimulatedStudy study(name, problem_of(cube(2)), Json{{"start", {{"x0", 0.8}, {"x1", 0.8}}}});
      int wrong = 0;
      for (int i = 0; i < 120; ++i) {
        study::Trial& trial = study.create(study.ask());
        const double x = trial.config.real("x0");
        if (i >= 60 && x < 0.5) ++wrong;
        if (x >= 0.5 || i == 0) {
          study.finish(trial, {std::abs(x - 0.7) + std::abs(trial.config.real("x1") - 0.7)});
        } else if (fate == 0) {
          study.set_state(trial, TrialState::failed);
        } else if (fate == 1) {
          study.result(trial, {-5.0});
          study.set_state(trial, TrialState::infeasible);
        } else {
          study.finish(trial, {fate == 2 ? std::numeric_limits<double>::quiet_NaN()
                                         : -std::numeric_limits<double>::infinity()});
        }
      }
      EXPECT_LT(wrong, 30) << name << " " << fate;
    }
}

TEST(CostFrugal, SearchAllOfASmallSpaceAndSaySo) {
  for (const std::string name : {"cfo", "blend_search", "smac"}) {
    SimulatedStudy study(
        name, problem_of(space::Space::Builder().integer("a", 1, 5).flag("b").where("a < 5 or b").build()));
    std::set<std::string> seen;
    for (;;) {
      std::optional<space::Config> config;
      for (int attempt = 0; attempt < 100; ++attempt) {
        config = study.searcher->ask(static_cast<std::int64_t>(study.trials.size()), attempt);
        if (!config || !seen.contains(config->shown())) break;
      }
      if (!config) break;
      ASSERT_TRUE(seen.insert(config->shown()).second) << name;
      study.finish(study.create(*config), {config->real("a")});
    }
    EXPECT_EQ(seen.size(), 9u) << name;
  }
}

TEST(CostFrugal, FiveHundredParametersOnlyCategoriesAndConstants) {
  space::Space::Builder many, choices;
  for (int i = 0; i < 250; ++i) many.real(fmt::format("r{}", i), 0.0, 1.0).flag(fmt::format("f{}", i));
  many.choice("one", {std::string("only")});
  for (int i = 0; i < 8; ++i)
    choices.choice(fmt::format("c{}", i), {std::string("a"), std::string("b"), std::string("c")});
  for (const std::string name : {"cfo", "blend_search", "smac"})
    for (const space::Space& space : {many.build(), choices.build()}) {
      SimulatedStudy study(name, problem_of(space));
      study.run(space.size() > 100 ? 14 : 50, [&](const space::Config& config) {
        EXPECT_TRUE(space.feasible(config));
        double count = 0;
        for (const auto& [parameter, value] : config.entries()) count += value_text(value) == "a" ? 0 : 1;
        return std::vector<double>{count};
      });
      if (space.size() > 100) continue;
      double best = 1e9;
      for (const auto& trial : study.trials)
        best = std::min(best, trial.results[0].measures.entries()[0].second);
      EXPECT_LE(best, 2.0) << name;
    }
}

}  // namespace
}  // namespace hone::search
