#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/study/front.h"
#include "tests/search/simulated_study.h"

namespace hone::search {
namespace {

using study::TrialState;
using Values = std::vector<double>;

space::Space cube_of(int n, double low, double high) {
  space::Space::Builder builder;
  for (int i = 0; i < n; ++i) builder.real(fmt::format("x{}", i), low, high);
  return builder.build();
}

double x(const space::Config& config, int i) { return config.real(fmt::format("x{}", i)); }

double rosenbrock(const space::Config& config) {
  double sum = 0.0;
  for (int i = 0; i + 1 < static_cast<int>(config.entries().size()); ++i)
    sum +=
        100.0 * std::pow(x(config, i + 1) - std::pow(x(config, i), 2), 2) + std::pow(1.0 - x(config, i), 2);
  return sum;
}

double best_of(const std::string& name, Problem problem, std::size_t trials,
               const std::function<double(const space::Config&)>& f, const Json& options = Json::object()) {
  SimulatedStudy study(name, std::move(problem), options);
  double best = 1e300;
  study.run(trials, [&](const space::Config& config) {
    best = std::min(best, f(config));
    return Values{f(config)};
  });
  return best;
}

/// A cell of 14 choices out of 5 with dependencies between neighbours, as in architecture search. Best: 0.
space::Space cell() {
  space::Space::Builder builder;
  for (int i = 0; i < 14; ++i) builder.choice(fmt::format("x{}", i), {"a", "b", "c", "d", "e"});
  return builder.build();
}
double cell_loss(const space::Config& config) {
  double loss = 0.0;
  int before = 0;
  for (const auto& [name, value] : config.entries()) {
    const int op = std::get<std::string>(value)[0] - 'a';
    loss += std::abs(op - before) == 2 || (before == 0 && op == 3) ? 0.0 : 1.0;
    before = op;
  }
  return loss;
}

TEST(Evolution, SuggestionsAreGolden) {
  const std::vector<std::array<std::string, 3>> golden = {
      {"grid", "lr=0.001 layers=3 width=80 mixer=pattention tokens=891 tied=false",
       "lr=0.001 layers=3 width=295 mixer=pattention tokens=114 tied=true"},
      {"local_search", "lr=0.00762335 layers=4 width=108 mixer=pattention tokens=226 tied=false",
       "lr=0.0116236 layers=4 width=108 mixer=pattention tokens=270 tied=false"},
      {"genetic", "lr=0.0292842 layers=1 width=81 mixer=pattention tokens=846 tied=true",
       "lr=0.00864533 layers=4 width=25 mixer=conv decay=0.323248 tied=true"},
      {"regularized_evolution", "lr=0.0113595 layers=1 width=148 mixer=attention tied=true",
       "lr=0.000605191 layers=3 width=405 mixer=attention tied=true"},
      {"differential_evolution", "lr=0.019459 layers=3 width=107 mixer=conv decay=0.367031 tied=true",
       "lr=0.00163614 layers=6 width=62 mixer=conv decay=0.447153 tied=true"},
      {"dehb", "lr=0.0649047 layers=5 width=310 mixer=pattention tokens=328 tied=false",
       "lr=0.0111865 layers=4 width=122 mixer=attention tied=true"},
      {"nsga2", "lr=0.000957514 layers=6 width=28 mixer=conv decay=0.724863 tied=true",
       "lr=0.000245518 layers=4 width=382 mixer=conv decay=0.781188 tied=true"},
      {"mcts", "lr=0.00595751 layers=4 width=16 mixer=conv decay=0.623447 tied=false",
       "lr=0.000212245 layers=2 width=284 mixer=conv decay=0.758957 tied=true"},
      {"cma_es", "lr=0.00244953 layers=6 width=50 mixer=pattention tokens=49 tied=false",
       "lr=0.0151907 layers=4 width=75 mixer=attention tied=false"}};
  for (const auto& [name, first, later] : golden) {
    const bool takes_population =
        name != "grid" && name != "local_search" && name != "dehb" && name != "mcts";
    SimulatedStudy study(name, problem_of(mixed_space()),
                         takes_population ? Json{{"population", 10}} : Json::object());
    EXPECT_EQ(study.ask().shown(), first) << name;
    study.run(40, [](const space::Config& config) {
      return Values{std::abs(config.real("lr") - 0.01) + 0.01 * std::abs(config.real("layers") - 4)};
    });
    EXPECT_EQ(study.ask().shown(), later) << name;
  }
}

TEST(DifferentialEvolution, BeatsRandomOnRosenbrock) {
  double evolved = 0.0, random = 0.0;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const auto problem = problem_of(cube_of(4, -5.0, 10.0), 1, seed);
    evolved += std::log10(best_of("differential_evolution", problem, 1500, rosenbrock)) / 5;
    random += std::log10(best_of("random", problem, 1500, rosenbrock)) / 5;
  }
  EXPECT_LT(evolved, 0.7);
  EXPECT_LT(evolved + 1.0, random);
}

TEST(DifferentialEvolution, AResultReplacesItsTargetAtOnceAndOnlyWhereItIsAsGood) {
  SimulatedStudy study("differential_evolution", problem_of(cube_of(3, 0.0, 1.0)),
                       Json{{"population", 6}, {"F", 0.0}, {"CR", 0.0}});
  study.run(6, [](const space::Config&) { return Values{1.0}; });
  // With F = CR = 0 a child is its target but for one coordinate, which is another member's.
  const auto made_of = [&](const space::Config& child, std::size_t first, std::size_t last) {
    for (int i = 0; i < 3; ++i) {
      bool is = false;
      for (std::size_t k = first; k < last; ++k) is = is || x(child, i) == x(study.trials[k].config, i);
      if (!is) return false;
    }
    return true;
  };
  study.run(30, [](const space::Config&) { return Values{2.0}; });
  EXPECT_TRUE(made_of(study.ask(), 0, 6));
  // A new member: what is made next may have its coordinates, also while the others are still the old ones.
  study.finish(study.create(space::Config({{"x0", 0.123}, {"x1", 0.234}, {"x2", 0.345}})), {0.5});
  bool inherits = false;
  for (std::int64_t number = 100; number < 130; ++number)
    inherits = inherits || !made_of(*study.searcher->ask(number, 0), 0, 6);
  EXPECT_TRUE(inherits);
}

TEST(Evolution, EachBeatsRandomOnACellOfChoices) {
  double random = 0.0;
  for (std::uint64_t seed = 0; seed < 4; ++seed)
    random += best_of("random", problem_of(cell(), 1, seed), 500, cell_loss) / 4;
  for (const std::string name : {"genetic", "regularized_evolution", "local_search", "nsga2"}) {
    double evolved = 0.0;
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      Problem problem = problem_of(cell(), 1, seed);
      problem.max_trials = 500;
      evolved += best_of(name, problem, 500, cell_loss) / 4;
    }
    EXPECT_LT(evolved, random / 2) << name;
  }
}

TEST(RegularizedEvolution, ForgetsALuckyIndividual) {
  SimulatedStudy study("regularized_evolution", problem_of(cube_of(4, 0.0, 1.0)),
                       Json{{"population", 20}, {"sample", 20}});
  const auto loss = [](const space::Config& config) {
    double sum = 0.0;
    for (int i = 0; i < 4; ++i) sum += std::abs(x(config, i) - 0.25);
    return sum;
  };
  // Far from the optimum, and by noise better than all that will ever be.
  space::Config lucky({{"x0", 0.97}, {"x1", 0.96}, {"x2", 0.95}, {"x3", 0.94}});
  study.finish(study.create(lucky), {-100.0});
  study.run(30, [&](const space::Config& config) { return Values{loss(config)}; });
  const auto shared = [&](const space::Config& config) {
    int same = 0;
    for (int i = 0; i < 4; ++i) same += x(config, i) == x(lucky, i) ? 1 : 0;
    return same;
  };
  // The youngest is its child until it dies of age: 20 results after its own.
  for (std::size_t i = 22; i < 30; ++i) EXPECT_LT(shared(study.trials[i].config), 4);
  study.run(250, [&](const space::Config& config) { return Values{loss(config)}; });
  for (std::size_t i = 240; i < 250; ++i) EXPECT_LT(loss(study.trials[i].config), 0.8);
  // The genetic algorithm's elite keeps it for ever.
  SimulatedStudy elitist("genetic", problem_of(cube_of(4, 0.0, 1.0)),
                         Json{{"population", 20}, {"tournament", 20}});
  elitist.finish(elitist.create(lucky), {-100.0});
  elitist.run(250, [&](const space::Config& config) { return Values{loss(config)}; });
  int copies = 0;
  for (std::size_t i = 200; i < 250; ++i) copies += shared(elitist.trials[i].config) >= 2 ? 1 : 0;
  EXPECT_GT(copies, 15);
}

TEST(RegularizedEvolution, AResultToldAgainReplacesTheLuckyOne) {
  SimulatedStudy study("regularized_evolution", problem_of(cube_of(3, 0.0, 1.0)),
                       Json{{"population", 10}, {"sample", 40}});
  study.run(10, [](const space::Config&) { return Values{1.0}; });
  const auto children_of = [&](const study::Trial& parent) {
    int children = 0;
    for (std::int64_t number = 100; number < 130; ++number) {
      int same = 0;
      for (int i = 0; i < 3; ++i)
        same += x(*study.searcher->ask(number, 0), i) == x(parent.config, i) ? 1 : 0;
      children += same == 2 ? 1 : 0;
    }
    return children;
  };
  study::Trial& lucky = study.trials[4];
  study.result(lucky, {-5.0});
  EXPECT_GT(children_of(lucky), 25);
  // A replicate is no member; with it the first is worse than the others.
  study::Trial& replicate = study.create(lucky.config, lucky.id);
  EXPECT_GT(children_of(lucky), 25);
  study.result(lucky, {4.0});
  study.tell(study::Change::Kind::keys, lucky);
  EXPECT_LT(children_of(lucky), 3);
  study.set_state(replicate, TrialState::failed);
  EXPECT_LT(children_of(lucky), 3);
}

TEST(RegularizedEvolution, AChildDiffersInOneParameter) {
  SimulatedStudy study("regularized_evolution", problem_of(cube_of(6, 0.0, 1.0)), Json{{"population", 10}});
  study.run(10, [](const space::Config& config) { return Values{x(config, 0)}; });
  for (int attempt = 0; attempt < 8; ++attempt) {
    const auto child = study.ask(attempt);
    int least = 6;
    for (const study::Trial& trial : study.trials) {
      int differing = 0;
      for (int i = 0; i < 6; ++i) differing += x(child, i) != x(trial.config, i) ? 1 : 0;
      least = std::min(least, differing);
    }
    EXPECT_EQ(least, 1);
  }
}

TEST(Nsga2, CoversTheFrontOfZdt1) {
  SimulatedStudy study("nsga2", problem_of(cube_of(10, 0.0, 1.0), 2), Json{{"population", 60}});
  std::vector<Values> last;
  study.run(6000, [](const space::Config& config) { return zdt1(config); });
  for (std::size_t i = 5000; i < 6000; ++i) last.push_back(zdt1(study.trials[i].config));
  // 121 less the volume above 1 - sqrt(f) in the unit square.
  const double ideal = 1.1 * 1.1 - 1.0 / 3.0;
  EXPECT_GT(study::hypervolume(last, {1.1, 1.1}), 0.97 * ideal);
  for (double f = 0.05; f < 1.0; f += 0.1)
    EXPECT_TRUE(std::any_of(last.begin(), last.end(), [&](const Values& v) {
      return std::abs(v[0] - f) < 0.05 && v[1] < 1.0 - std::sqrt(v[0]) + 0.1;
    })) << f;
}

TEST(Nsga2, KeepsLimitsByConstraintDomination) {
  Problem problem = problem_of(cube_of(4, 0.0, 1.0), 2);
  problem.limits.push_back({.name = "a", .max = {}, .min = 0.6});
  SimulatedStudy study("nsga2", problem, Json{{"population", 20}});
  int kept = 0;
  while (study.trials.size() < 400) {
    study::Trial& trial = study.create(study.ask());
    const Values values = zdt1(trial.config);
    study.result(trial, values);
    study.set_state(trial, values[0] < 0.6 ? TrialState::infeasible : TrialState::completed);
    if (trial.id >= 300) kept += values[0] >= 0.6 ? 1 : 0;
  }
  EXPECT_GT(kept, 80);
}

TEST(LocalSearch, DescendsToAnOptimumAndLeavesIt) {
  const auto space = space::Space::Builder()
                         .ordinal("a", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
                         .ordinal("b", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
                         .build();
  // Convex: every step from the start goes to a neighbour, and the optimum is found without luck.
  for (const std::string improvement : {"first", "best"}) {
    SimulatedStudy study("local_search", problem_of(space),
                         Json{{"n_startup", 1}, {"improvement", improvement}});
    std::size_t found = 0;
    study.run(80, [&](const space::Config& config) {
      const double a = config.real("a") - 9, b = config.real("b") - 4;
      if (a == 0 && b == 0) found = study.trials.size();
      return Values{a * a + b * b};
    });
    EXPECT_GT(found, 0u);
    EXPECT_LT(found, 50u);
    std::set<std::string> distinct;
    for (const study::Trial& trial : study.trials) distinct.insert(trial.config.shown());
    EXPECT_GT(distinct.size(), 60u) << "beyond the optimum it goes on elsewhere";
  }
}

TEST(Dehb, TheCheapGuideTheDear) {
  double with = 0.0, without = 0.0;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    Problem problem = problem_of(cube_of(6, 0.0, 1.0), 1, seed);
    problem.rungs = {1, 3, 9, 27};
    problem.horizon = 27;
    const auto loss = [](const space::Config& config, std::int64_t fidelity) {
      double sum = 0.0;
      for (int i = 0; i < 6; ++i)
        sum += std::pow(x(config, i) - 0.3 - 0.02 / static_cast<double>(fidelity), 2);
      return sum;
    };
    // Hyperband's brackets of new trials: many cheap ones before few dear ones.
    SimulatedStudy study("dehb", problem);
    double best = 1e9, cost = 0.0;
    for (int round = 0; round < 3; ++round)
      for (const auto& [fidelity, n] : std::vector<std::pair<int, int>>{
               {1, 27}, {3, 9}, {9, 3}, {27, 1}, {3, 9}, {9, 3}, {27, 1}, {9, 6}, {27, 2}, {27, 4}})
        for (int i = 0; i < n; ++i) {
          study.searcher->aim_at(fidelity);
          study::Trial& trial = study.create(study.ask());
          trial.target = fidelity;
          study.tell(study::Change::Kind::started, trial);
          study.finish(trial, {loss(trial.config, fidelity)}, fidelity);
          cost += fidelity / 27.0;
          if (fidelity == 27) best = std::min(best, loss(trial.config, 27));
        }
    with += best;
    Problem alone = problem_of(cube_of(6, 0.0, 1.0), 1, seed);
    without += best_of("differential_evolution", alone, static_cast<std::size_t>(cost),
                       [&](const space::Config& config) { return loss(config, 27); });
  }
  EXPECT_LT(with * 2, without);
}

TEST(Grid, EachConfigOnceAndThenNothing) {
  const auto space = space::Space::Builder()
                         .real("lr", 1e-4, 1e-1, {.log = true})
                         .integer("layers", 1, 4)
                         .choice("mixer", {"attention", "conv"})
                         .integer("kernel", 1, 3, {.when = "mixer == 'conv'"})
                         .real("decay", 0.0, 1.0, {.when = "mixer == 'attention'"})
                         .where("layers * 2 != 6")
                         .build();
  SimulatedStudy study("grid", problem_of(space), Json{{"points", 4}});
  std::set<std::string> seen;
  std::set<double> rates, decays;
  while (auto config = study.searcher->ask(static_cast<std::int64_t>(study.trials.size()), 0)) {
    EXPECT_TRUE(space.feasible(*config));
    EXPECT_EQ(space.canonical(*config), *config);
    ASSERT_TRUE(seen.insert(config->shown()).second) << config->shown();
    rates.insert(config->real("lr"));
    if (config->has("decay")) decays.insert(config->real("decay"));
    study.create(std::move(*config));
  }
  EXPECT_EQ(seen.size(), 4u * 3u * (3u + 4u));
  EXPECT_EQ(rates, (std::set<double>{1e-4, 1e-3, 1e-2, 1e-1}));
  EXPECT_EQ(decays, (std::set<double>{0.0, 0.333333, 0.666667, 1.0}));
}

TEST(Grid, ADefaultNeedNotBeOnIt) {
  const space::Space space = space::Space::Builder()
                                 .real("x", 0.0, 1.0, {.fallback = 0.25})
                                 .real("y", 1e-150, 1e150, {.log = true})
                                 .build();
  SimulatedStudy study("grid", problem_of(space));
  std::set<double> values;
  while (const auto config = study.searcher->ask(static_cast<std::int64_t>(study.trials.size()), 0)) {
    values.insert(config->real("x"));
    study.finish(study.create(*config), {1.0});
  }
  EXPECT_EQ(values.size(), 10u);
  EXPECT_GE(study.trials.size(), 90u);
}

TEST(Grid, ABeginningCoversTheSpace) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    SimulatedStudy study("grid", problem_of(cube_of(3, 0.0, 1.0), 1, seed));
    study.run(64, [](const space::Config&) { return Values{0.0}; });
    std::set<int> octants;
    for (const study::Trial& trial : study.trials)
      octants.insert((x(trial.config, 0) > 0.5) + 2 * (x(trial.config, 1) > 0.5) +
                     4 * (x(trial.config, 2) > 0.5));
    EXPECT_EQ(octants.size(), 8u);
    for (int i = 0; i < 3; ++i) {
      std::set<double> values;
      for (const study::Trial& trial : study.trials) values.insert(x(trial.config, i));
      EXPECT_GE(values.size(), 9u);
    }
  }
}

TEST(Grid, ManyInactiveParametersAreNoTrap) {
  space::Space::Builder builder;
  builder.flag("big");
  for (int i = 0; i < 30; ++i) builder.integer(fmt::format("n{}", i), 1, 10, {.when = "big"});
  SimulatedStudy study("grid", problem_of(builder.build()));
  study.run(20, [](const space::Config&) { return Values{0.0}; });
  std::set<std::string> distinct;
  for (const study::Trial& trial : study.trials) distinct.insert(trial.config.shown());
  EXPECT_EQ(distinct.size(), 20u);
}

TEST(Mcts, ConcentratesOnTheGoodBranch) {
  space::Space::Builder builder;
  builder.choice("kind", {"a", "b", "c", "d", "e", "f", "g", "h"});
  builder.integer("width", 1, 1024, {.when = "kind == 'c'"});
  builder.real("other", 0.0, 1.0, {.when = "kind != 'c'"});
  builder.real("noise", 0.0, 1.0);
  SimulatedStudy study("mcts", problem_of(builder.build()));
  study.run(400, [](const space::Config& config) {
    const double base = 0.2 * config.real("noise");
    if (config.text("kind") != "c") return Values{1.0 + base};
    return Values{std::abs(static_cast<double>(config.integer("width")) - 800.0) / 1024.0 + base};
  });
  int good = 0, near = 0;
  for (std::size_t i = 300; i < 400; ++i) {
    const space::Config& config = study.trials[i].config;
    good += config.text("kind") == "c" ? 1 : 0;
    near +=
        config.text("kind") == "c" && std::abs(static_cast<double>(config.integer("width")) - 800.0) < 128;
  }
  EXPECT_GT(good, 60);  // chance gives 12
  EXPECT_GT(near, 25);  // chance gives 3
}

TEST(Mcts, SteersEveryParameter) {
  space::Space::Builder builder;
  for (int i = 0; i < 6; ++i) builder.real(fmt::format("x{}", i), 0.0, 1.0);
  double loss = 0.0;
  for (const std::string name : {"x0", "x3", "x5"})
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      SimulatedStudy study("mcts", problem_of(builder.build(), 1, seed));
      const auto of = [&](const space::Config& config) { return std::pow(config.real(name) - 0.3, 2); };
      study.run(200, [&](const space::Config& config) { return Values{of(config)}; });
      for (std::size_t i = 150; i < 200; ++i) loss += of(study.trials[i].config) / (12 * 50);
    }
  EXPECT_LT(loss, 0.06);  // chance gives 0.123
}

TEST(Evolution, AnOutageAtTheBeginningIsForgotten) {
  space::Space::Builder builder;
  for (int i = 0; i < 5; ++i) builder.real(fmt::format("x{}", i), 0.0, 1.0);
  std::map<std::string, double> best;
  for (const std::string name : {"random", "cma_es", "mcts", "nsga2", "genetic", "regularized_evolution"})
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
      Problem problem = problem_of(builder.build(), 1, seed);
      problem.max_trials = 270;
      SimulatedStudy study(name, problem);
      for (int i = 0; i < 70; ++i) study.set_state(study.create(study.ask()), study::TrialState::failed);
      double least = 1e9;
      study.run(270, [&](const space::Config& config) {
        double sum = 0.0;
        for (const auto& [x, value] : config.entries()) sum += std::pow(value_real(value) - 0.3, 2);
        least = std::min(least, sum);
        return Values{sum};
      });
      best[name] += std::log10(least) / 6.0;
    }
  for (const auto& [name, log] : best) EXPECT_LT(log, name == "random" ? 0.0 : best["random"] - 0.15) << name;
  EXPECT_LT(best["cma_es"], -2.8);
}

TEST(Mcts, RunningTrialsPart) {
  const auto space = space::Space::Builder().choice("kind", {"a", "b", "c", "d"}).real("y", 0.0, 1.0).build();
  SimulatedStudy study("mcts", problem_of(space));
  study.run(100, [](const space::Config& config) { return Values{config.text("kind") == "b" ? 0.0 : 1.0}; });
  const auto share = [&] {
    int b = 0;
    for (int number = 1000; number < 1100; ++number)
      b += study.searcher->ask(number, 0)->text("kind") == "b" ? 1 : 0;
    return b;
  };
  EXPECT_GT(share(), 80);
  for (int i = 0; i < 100; ++i) study.create(study.ask());
  std::set<std::string> kinds;
  for (std::size_t i = 100; i < 200; ++i) kinds.insert(study.trials[i].config.text("kind"));
  EXPECT_EQ(kinds.size(), 4u);
}

}  // namespace
}  // namespace hone::search
