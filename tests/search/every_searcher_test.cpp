#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/base/registry.h"
#include "hone/space/composition.h"
#include "tests/processor_time.h"
#include "tests/search/simulated_study.h"

namespace hone::search {
namespace {

using study::TrialState;
using Kind = study::Change::Kind;
using Builder = space::Space::Builder;

space::Space wide(int n) {
  Builder builder;
  for (int i = 0; i < n; ++i) {
    const std::string name = fmt::format("p{}", i);
    switch (i % 4) {
      case 0:
        builder.real(name, 1e-5, 1.0, {.log = true});
        break;
      case 1:
        builder.integer(name, 0, 9);
        break;
      case 2:
        builder.choice(name, {"a", "b", "c"});
        break;
      default:
        builder.flag(name);
    }
  }
  return builder.build();
}

space::Space nested() {
  return Builder()
      .choice("a", {"x", "y", "z"})
      .choice("b", {"x", "y"}, {.when = "a == 'y'"})
      .integer("c", 1, 5, {.when = "b == 'y'"})
      .real("d", 0.0, 1.0, {.when = "c >= 3"})
      .ordinal("e", {1, 2, 4, 8})
      .same_as("f", "e")
      .real("r", 0.0, 1.0)
      .same_as("s", "r", "a == 'x'")
      .group("g", Builder().alternatives("kind", {{"one", Builder().real("u", 0, 1)}, {"two", {}}}))
      .groups("blocks", 1, 3, Builder().ordinal("width", {16, 32, 64}).flag("norm"))
      .compose("net", space::repeat(space::optional(space::module("relu")), 1, 2))
      .build();
}

/// 64 of 10^10 assignments.
space::Space rare() {
  return Builder()
      .integer("a", 1, 100000)
      .integer("b", 1, 100000)
      .real("free", 0.0, 1.0)
      .where("a * b == 3 * 5 * 7 * 11 * 13 * 17")
      .build();
}

space::Space categories() {
  Builder builder;
  for (int i = 0; i < 6; ++i) builder.choice(fmt::format("c{}", i), {"a", "b", "c", "d"});
  return builder.build();
}

std::vector<std::pair<std::string, space::Space>> forms() {
  return {{"one value", Builder().choice("only", {"one"}).build()},
          {"nothing", Builder().build()},
          {"line", Builder().real("x", 0.0, 1.0).build()},
          {"wide", wide(500)},
          {"categories", categories()},
          {"nested", nested()},
          {"rare", rare()},
          {"mixed", mixed_space()}};
}

/// A deterministic value of a config, whatever it holds.
double worth(const space::Config& config, int salt = 0) {
  return static_cast<double>((config.key().low + static_cast<std::uint64_t>(salt) * 77) % 1000) / 1000.0;
}

std::vector<std::string> names() { return methods().names("searcher"); }

void check(const space::Space& space, const space::Config& config, const std::string& about) {
  ASSERT_TRUE(space.feasible(config)) << about << ": " << config.shown();
  ASSERT_EQ(space.canonical(config), config) << about;
}

TEST(EverySearcher, ProposesFeasibleCanonicalConfigsOnEveryForm) {
  for (const std::string& name : names())
    for (const auto& [form, space] : forms()) {
      const std::string about = name + " on " + form;
      SimulatedStudy study(name, problem_of(space));
      const std::size_t trials = form == "wide" || form == "rare" ? 5 : 25;
      for (std::size_t i = 0; i < trials; ++i) {
        const auto config = study.searcher->ask(static_cast<std::int64_t>(i), 0);
        if (!config) {
          ASSERT_TRUE(space.cardinality() == 1 || name == "grid") << about;
          break;
        }
        check(space, *config, about);
        study::Trial& trial = study.create(*config);
        study.finish(trial, {worth(trial.config)});
      }
      if ((form == "line" && name != "grid") || form == "mixed") {
        std::set<std::string> distinct;
        for (const study::Trial& trial : study.trials) distinct.insert(trial.config.shown());
        EXPECT_GT(distinct.size(), trials / 3) << about;
      }
    }
}

/// Tells a study everything that may go wrong, in any order.
void torture(SimulatedStudy& study, std::uint64_t seed, int steps) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<double> odd = {kNaN, kInfinity, -kInfinity, 1e308, -1e308, 5e-324, 0.0, -0.0, 1.0, 1.0};
  const std::vector<TrialState> states = {TrialState::waiting,   TrialState::running, TrialState::paused,
                                          TrialState::completed, TrialState::pruned,  TrialState::infeasible,
                                          TrialState::failed,    TrialState::stale,   TrialState::deleted};
  Rng rng(seed, "torture");
  const std::size_t objectives = study.problem.objectives.size();
  for (int step = 0; step < steps; ++step) {
    const auto fate = rng.below(12);
    if (fate < 4 || study.trials.empty()) {
      const auto number = static_cast<std::int64_t>(study.trials.size());
      const int attempt = static_cast<int>(rng.below(rng.below(4) == 0 ? 12 : 1) + 0);
      auto config = study.searcher->ask(number, attempt);
      if (!config) continue;
      check(study.problem.space, *config, "torture");
      // Whoever else enqueues a config; sometimes one that is there already.
      if (fate == 0 && !study.trials.empty()) config = study.trials[rng.below(study.trials.size())].config;
      if (fate == 1) config = study.problem.space.sample(rng);
      study.create(std::move(*config));
      continue;
    }
    study::Trial& trial = study.trials[rng.below(study.trials.size())];
    if (fate < 9) {
      std::vector<double> values;
      for (std::size_t i = 0; i < objectives; ++i)
        values.push_back(rng.below(4) == 0 ? odd[rng.below(odd.size())]
                                           : worth(trial.config, static_cast<int>(i)));
      if (rng.below(20) == 0) values.clear();
      study.result(trial, values, static_cast<std::int64_t>(1 + rng.below(3)));
      if (rng.below(2) == 0) study.set_state(trial, TrialState::completed);
    } else if (fate == 9) {
      trial.target = static_cast<std::int64_t>(1 + rng.below(3));
      study.tell(Kind::started, trial);
    } else if (fate == 10) {
      trial.state = states[rng.below(states.size())];
      study.tell(trial.state == TrialState::deleted ? Kind::deleted : Kind::state, trial);
    } else {
      study.tell(rng.below(2) == 0 ? Kind::keys : Kind::created, trial);
    }
  }
}

TEST(EverySearcher, BearsWhateverItIsToldAndReplaysIt) {
  for (const std::string& name : names())
    for (const std::size_t objectives : {1u, 2u})
      for (const auto& [form, space] : forms()) {
        const std::string about = fmt::format("{} on {}, {} objectives", name, form, objectives);
        SCOPED_TRACE(about);
        if (objectives == 2 && form != "line" && form != "nested" && form != "mixed") continue;
        Problem problem = problem_of(space, objectives, 3);
        problem.rungs = {1, 2, 3};
        problem.horizon = 3;
        problem.max_trials = 100;
        problem.limits.push_back({.name = "a", .max = 0.9, .min = {}});
        SimulatedStudy study(name, problem);
        torture(study, objectives, form == "rare" || form == "wide" ? 15 : 60);
        if (HasFatalFailure()) return;
        const auto again = make_searcher(name, problem);
        study.replay(*again);
        const auto number = static_cast<std::int64_t>(study.trials.size());
        for (const int attempt : {0, 1, 9}) {
          for (const std::int64_t fidelity : {0, 1, 3}) {
            study.searcher->aim_at(fidelity);
            again->aim_at(fidelity);
            const auto config = study.searcher->ask(number, attempt);
            EXPECT_EQ(config, study.searcher->ask(number, attempt)) << "asked twice";
            EXPECT_EQ(config, again->ask(number, attempt)) << "replayed";
          }
        }
      }
}

/// Asks as the engine does: what is known already is asked for again, and in the end the space itself is.
std::optional<space::Config> engine_ask(SimulatedStudy& study, std::set<std::string>& known) {
  const auto number = static_cast<std::int64_t>(study.trials.size());
  for (int attempt = 0; attempt < 32; ++attempt) {
    auto config = study.searcher->ask(number, attempt);
    if (!config || known.insert(config->shown()).second) return config;
  }
  if (!study.problem.space.is_enumerable()) return std::nullopt;
  Rng rng(study.problem.seed, "unseen", static_cast<std::uint64_t>(number));
  auto config =
      study.problem.space.unseen(rng, [&](const space::Config& it) { return known.contains(it.shown()); });
  if (config) known.insert(config->shown());
  return config;
}

TEST(EverySearcher, AFiniteSpaceIsExhaustedExactly) {
  const auto space = Builder()
                         .choice("a", {"x", "y", "z"})
                         .integer("b", 1, 4)
                         .ordinal("c", {1, 2, 4}, {.when = "a == 'y'"})
                         .flag("d")
                         .where("b != 3 or d")
                         .build();
  const std::int64_t count = space.count().value();
  for (const std::string& name : names()) {
    SimulatedStudy study(name, problem_of(space));
    std::set<std::string> known;
    while (auto config = engine_ask(study, known)) {
      ASSERT_LE(static_cast<std::int64_t>(study.trials.size()), count) << name;
      study::Trial& trial = study.create(std::move(*config));
      study.finish(trial, {worth(trial.config)});
    }
    EXPECT_EQ(static_cast<std::int64_t>(study.trials.size()), count) << name;
  }
}

TEST(EverySearcher, NeverEndsOnALine) {
  // Canonical reals have six digits: a model that shrinks onto known configs must not end the study.
  const auto space = Builder().real("x", 0.0, 1.0).build();
  for (const std::string& name : names()) {
    if (name == "grid") continue;  // its end is the grid's
    SimulatedStudy study(name, problem_of(space));
    std::set<std::string> known;
    const int trials = name == "cma_es" || name == "differential_evolution" ? 300 : 40;
    for (int i = 0; i < trials; ++i) {
      auto config = engine_ask(study, known);
      ASSERT_TRUE(config) << name << " after " << i;
      study::Trial& trial = study.create(std::move(*config));
      study.finish(trial, {std::pow(trial.config.real("x") - 0.5, 2)});
    }
  }
}

TEST(EverySearcher, ABatchOfRunningTrialsIsNotOneConfig) {
  for (const std::string& name : names()) {
    SimulatedStudy study(name, problem_of(mixed_space()));
    std::set<std::string> known;
    for (int i = 0; i < 15; ++i) {
      study::Trial& trial = study.create(*engine_ask(study, known));
      study.finish(trial, {worth(trial.config)});
    }
    for (int i = 0; i < 15; ++i) {
      const auto config = engine_ask(study, known);
      ASSERT_TRUE(config) << name;
      study.create(*config);
    }
    for (std::size_t i = 15; i < 30; ++i) study.finish(study.trials[i], {worth(study.trials[i].config)});
    check(study.problem.space, study.ask(), name);
  }
}

TEST(EverySearcher, GoesOnWhereEverythingFails) {
  for (const std::string& name : names()) {
    SimulatedStudy study(name, problem_of(mixed_space()));
    for (int i = 0; i < 20; ++i) study.set_state(study.create(study.ask()), TrialState::failed);
    for (int i = 0; i < 20; ++i) study.finish(study.create(study.ask()), {std::nan("")});
    check(study.problem.space, study.ask(), name);
  }
}

TEST(EverySearcher, ManyTrialsCostTheSameEach) {
  // Nothing walks the history: what walked it would take eight times as long after eight times as many.
  constexpr std::size_t kMost = 8000, kChunk = 250;
  for (const std::string name : {"grid", "local_search", "genetic", "regularized_evolution",
                                 "differential_evolution", "dehb", "nsga2", "mcts"}) {
    SimulatedStudy study(name, problem_of(mixed_space()));
    const auto run = [&](std::size_t n) {
      study.run(study.trials.size() + n,
                [](const space::Config& config) { return std::vector<double>{worth(config)}; });
    };
    run(500);
    const double early = test::fastest(4, [&] { run(kChunk); });
    run(kMost - study.trials.size());
    const double late = test::fastest(4, [&] { run(kChunk); });
    EXPECT_LT(late, 3.0 * early) << name;
    check(study.problem.space, study.ask(), name);
  }
}

TEST(EverySearcher, SaysWhatItCanDo) {
  for (const auto* method : methods().of("searcher")) {
    const Abilities& can = method->info.abilities;
    for (const std::string& text :
         {can.objectives, can.constraints, can.conditions, can.batch, can.fidelity, can.ask, can.trials})
      EXPECT_FALSE(text.empty()) << method->info.name;
  }
}

}  // namespace
}  // namespace hone::search
