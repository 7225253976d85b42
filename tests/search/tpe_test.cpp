#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/study/front.h"
#include "simulated_study.h"

namespace hone::search {
namespace {

using study::TrialState;

space::Space line() { return space::Space::Builder().real("x", 0.0, 1.0).build(); }

TEST(Tpe, FirstSuggestionsAreGolden) {
  SimulatedStudy study("tpe", problem_of(mixed_space()));
  EXPECT_EQ(study.ask().shown(), "lr=0.037776 layers=3 width=37 mixer=pattention tokens=331 tied=false");
  study.run(30, [](const space::Config& config) { return std::vector<double>{mixed_loss(config)}; });
  EXPECT_EQ(study.ask().shown(), "lr=0.00198246 layers=3 width=502 mixer=pattention tokens=388 tied=true");
  EXPECT_EQ(study.ask(1).shown(), "lr=0.0017716 layers=4 width=217 mixer=pattention tokens=375 tied=true");
}

TEST(Tpe, BeatsRandomOnAMixedConditionalSpace) {
  double tpe = 0.0, random = 0.0;
  for (std::uint64_t seed = 0; seed < 12; ++seed)
    for (const char* name : {"tpe", "random"}) {
      SimulatedStudy study(name, problem_of(mixed_space(), 1, seed));
      double best = 1e9;
      study.run(100, [&](const space::Config& config) {
        EXPECT_TRUE(study.problem.space.feasible(config));
        best = std::min(best, mixed_loss(config));
        return std::vector<double>{mixed_loss(config)};
      });
      (std::string(name) == "tpe" ? tpe : random) += best;
    }
  EXPECT_LT(tpe * 3, random);
}

TEST(Tpe, BeatsRandomOnTwoObjectives) {
  double tpe = 0.0, random = 0.0;
  for (std::uint64_t seed = 0; seed < 12; ++seed)
    for (const char* name : {"tpe", "random"}) {
      SimulatedStudy study(name, problem_of(cube(6), 2, seed));
      std::vector<std::vector<double>> all;
      study.run(120, [&](const space::Config& config) {
        all.push_back(zdt1(config));
        return all.back();
      });
      // What is missing of the volume that the true front dominates: 11 less the area under it and beside.
      const double missing = 1.1 * 10.0 - 1.0 / 3.0 - study::hypervolume(all, {1.1, 10.0});
      (std::string(name) == "tpe" ? tpe : random) += missing;
    }
  EXPECT_LT(tpe * 2, random);
}

TEST(Tpe, MaximisesWhereTheObjectiveSaysSo) {
  Problem problem = problem_of(line());
  problem.objectives[0].minimize = false;
  SimulatedStudy study("tpe", problem);
  study.run(60, [](const space::Config& config) { return std::vector<double>{config.real("x")}; });
  double mean = 0.0;
  for (int i = 40; i < 60; ++i) mean += study.trials[static_cast<std::size_t>(i)].config.real("x") / 20;
  EXPECT_GT(mean, 0.8);
}

TEST(Tpe, IsAFunctionOfTheJournalAndTheSeed) {
  Rng rng(1, "faults");
  SimulatedStudy study("tpe", problem_of(mixed_space(), 2), Json{{"max_observations", 50}});
  for (int i = 0; i < 150; ++i) {
    study::Trial& trial = study.create(study.ask());
    const auto fate = rng.below(10);
    if (fate == 0) continue;  // runs on
    if (fate == 1) {
      study.set_state(trial, TrialState::failed);
      continue;
    }
    study.result(trial, {mixed_loss(trial.config), fate == 2 ? kNaN : trial.config.real("width")},
                 fate == 3 ? 3 : 1);
    study.set_state(trial, fate == 4   ? TrialState::infeasible
                           : fate == 5 ? TrialState::paused
                                       : TrialState::completed);
  }
  const auto other = make_searcher("tpe", study.problem, Json{{"max_observations", 50}});
  study.replay(*other);
  for (int attempt : {0, 1, 8, 9}) EXPECT_EQ(other->ask(150, attempt)->shown(), study.ask(attempt).shown());
  Problem reseeded = study.problem;
  reseeded.seed = 2;
  const auto another = make_searcher("tpe", reseeded, Json{{"max_observations", 50}});
  study.replay(*another);
  EXPECT_NE(another->ask(150, 0)->shown(), study.ask().shown());
}

/// Of `n` proposals, the share that falls within 0.1 of `x`.
double share_near(Searcher& searcher, double x, int n = 200) {
  int near = 0;
  for (int i = 0; i < n; ++i) near += std::abs(searcher.ask(1000 + i, 0)->real("x") - x) < 0.1;
  return near / static_cast<double>(n);
}

space::Config at(double x) { return space::Config({{"x", x}}); }

TEST(Tpe, RunningTrialsRepel) {
  SimulatedStudy study("tpe", problem_of(line()));
  for (int i = 0; i < 40; ++i)
    study.finish(study.create(at((i + 0.5) / 40)), {std::abs((i + 0.5) / 40 - 0.5)});
  const double before = share_near(*study.searcher, 0.5);
  EXPECT_GT(before, 0.8);
  std::vector<study::Trial*> running;
  for (int i = 0; i < 20; ++i) running.push_back(&study.create(at(0.45 + 0.005 * i)));
  const double during = share_near(*study.searcher, 0.5);
  EXPECT_LT(during, 0.5 * before);
  // Paused without a result that the model sees, they count no longer.
  for (study::Trial* trial : running) study.set_state(*trial, TrialState::paused);
  EXPECT_GT(share_near(*study.searcher, 0.5), 0.8);
}

TEST(Tpe, FailedInfeasibleAndNaNAreNeverGood) {
  for (const int fate : {0, 1, 2, 3}) {
    SimulatedStudy study("tpe", problem_of(line()));
    for (int i = 0; i < 40; ++i)
      study.finish(study.create(at((i + 0.5) / 40)), {std::abs((i + 0.5) / 40 - 0.8)});
    EXPECT_GT(share_near(*study.searcher, 0.8), 0.6);
    // The best of all by their values, but each with something wrong.
    for (int i = 0; i < 20; ++i) {
      study::Trial& trial = study.create(at(0.15 + 0.005 * i));
      if (fate == 0) {
        study.set_state(trial, TrialState::failed);
      } else if (fate == 1) {
        study.result(trial, {-5.0});
        study.set_state(trial, TrialState::infeasible);
      } else {
        study.finish(trial, {fate == 2 ? kNaN : -std::numeric_limits<double>::infinity()});
      }
    }
    EXPECT_LT(share_near(*study.searcher, 0.2), 0.05) << fate;
    EXPECT_GT(share_near(*study.searcher, 0.8), 0.6) << fate;
  }
}

TEST(Tpe, BeginsWithFewWhereMostFails) {
  int works = 0;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    SimulatedStudy study(
        "tpe", problem_of(space::Space::Builder().real("x", 0, 1).real("y", 0, 1).build(), 1, seed));
    while (study.trials.size() < 60) {
      study::Trial& trial = study.create(study.ask());
      const double x = trial.config.real("x");
      if (x >= 0.9)
        study.finish(trial, {x});
      else
        study.set_state(trial, study::TrialState::failed);
      works += study.trials.size() > 30 && x >= 0.9 ? 1 : 0;
    }
  }
  EXPECT_GT(works, 30);  // of 180; chance gives 18
}

TEST(Tpe, AFailureAmongSuccessesSaysLittle) {
  // What one half of the good configs failed by chance, another half has to make up for.
  const auto near = [](bool together) {
    int count = 0;
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      SimulatedStudy study("tpe", problem_of(space::Space::Builder().real("x", 0, 1).build(), 1, seed));
      const auto at = [&](double x) -> study::Trial& { return study.create(space::Config({{"x", x}})); };
      for (int i = 0; i < 40; ++i) {
        const double x = (i + 0.5) / 40.0;
        study.finish(at(x), {std::abs(x - 0.3)});
      }
      for (int i = 0; i < 8; ++i)
        study.set_state(at(together ? 0.24 + 0.015 * i : 0.01 + 0.12 * i), study::TrialState::failed);
      for (int i = 0; i < 200; ++i)
        count += std::abs(study.searcher->ask(100 + i, 0)->real("x") - 0.3) < 0.06 ? 1 : 0;
    }
    return count;
  };
  EXPECT_GT(near(false), 0.5 * 800);
  EXPECT_GT(near(true), 0.8 * near(false));
}

TEST(Tpe, ModelsTheHighestFidelityThatHasEnough) {
  // At fidelity 1 small x looks good; at fidelity 9 large x is.
  SimulatedStudy study("tpe", problem_of(line()));
  std::vector<study::Trial*> trials;
  for (int i = 0; i < 30; ++i) {
    study::Trial& trial = study.create(at((i + 0.5) / 30));
    study.result(trial, {trial.config.real("x")}, 1);
    study.set_state(trial, TrialState::paused);
    trials.push_back(&trial);
  }
  EXPECT_GT(share_near(*study.searcher, 0.1), 0.6);
  for (int i = 0; i < 10; ++i) {
    EXPECT_GT(share_near(*study.searcher, 0.1), 0.6) << i;
    study.finish(*trials[static_cast<std::size_t>(3 * i)],
                 {1.0 - trials[static_cast<std::size_t>(3 * i)]->config.real("x")}, 9);
  }
  EXPECT_GT(share_near(*study.searcher, 0.9), 0.5);
}

TEST(Tpe, GetsOutOfASmallFiniteSpace) {
  SimulatedStudy study("tpe",
                       problem_of(space::Space::Builder().integer("a", 1, 6).integer("b", 1, 6).build()));
  std::set<std::string> seen;
  int asks = 0;
  while (seen.size() < 36 && asks < 5000) {
    for (int attempt = 0;; ++attempt, ++asks) {
      const auto config = study.ask(attempt);
      if (!seen.insert(config.shown()).second) continue;
      study.finish(study.create(config), {std::abs(config.real("a") - 5) + std::abs(config.real("b") - 2)});
      break;
    }
  }
  EXPECT_EQ(seen.size(), 36u);
  EXPECT_LT(asks, 2500);
}

TEST(Tpe, KeepsToConstraintsThatRejectMost) {
  SimulatedStudy study("tpe", problem_of(space::Space::Builder()
                                             .integer("a", 1, 200)
                                             .integer("b", 1, 200)
                                             .where("a % 16 == 0")
                                             .where("a + b <= 220")
                                             .build()));
  study.run(60, [&](const space::Config& config) {
    EXPECT_TRUE(study.problem.space.feasible(config));
    return std::vector<double>{-config.real("a") - config.real("b")};
  });
}

TEST(Tpe, ChecksItsOptions) {
  EXPECT_THROW(make_searcher("tpe", problem_of(line()), Json{{"gamma", 0.0}}), Error);
  EXPECT_THROW(make_searcher("tpe", problem_of(line()), Json{{"n_candidates", 0}}), Error);
  EXPECT_THROW(make_searcher("tpe", problem_of(line()), Json{{"n_startups", 5}}), Error);
  EXPECT_EQ(methods().need("searcher", "tpe").info.paper, "Algorithms for Hyper-Parameter Optimization");
}

}  // namespace
}  // namespace hone::search
