#include "hone/search/sameness.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <gtest/gtest.h>

#include "simulated_study.h"

namespace hone::search {
namespace {

space::Space square() { return space::Space::Builder().real("x", 0.0, 1.0).real("y", 0.0, 1.0).build(); }

/// Tells a Sameness what a study would.
struct Told {
  explicit Told(space::Space space)
      : problem(problem_of(std::move(space))), moves(problem.space), sameness(moves) {}

  study::Trial& create(const space::Config& config) {
    study::Trial& trial = trials.emplace_back();
    trial.id = static_cast<std::int64_t>(trials.size()) - 1;
    trial.config = config;
    sameness.update(problem, {study::Change::Kind::created, &trial, nullptr});
    return trial;
  }
  void result(study::Trial& trial, double value, std::int64_t fidelity = 1) {
    study::Result result{fidelity, {}};
    result.measures.set("a", value);
    trial.results.push_back(result);
    sameness.update(problem, {study::Change::Kind::result, &trial, &trial.results.back()});
  }
  space::Config at(double x, double y) const { return problem.space.decode({x, y}); }

  Problem problem;
  Moves moves;
  Sameness sameness;
  std::deque<study::Trial> trials;
};

/// Steps of a tenth along x and y.
double steps(double x, double y) { return std::floor(x * 10) + 0.01 * std::floor(y * 10); }

TEST(Sameness, LearnsHowFarStepsReach) {
  Told fine(square()), coarse(square());
  Rng rng(1, "test");
  for (int i = 0; i < 60; ++i) {
    const double x = rng.uniform(), y = rng.uniform();
    fine.result(fine.create(fine.at(x, y)), x + 0.01 * y);
    coarse.result(coarse.create(coarse.at(x, y)), steps(x, y));
  }
  EXPECT_FALSE(fine.sameness.any());
  EXPECT_EQ(fine.sameness.log_new({0.5, 0.5}), 0.0);
  ASSERT_TRUE(coarse.sameness.any());
  const space::Point known = coarse.problem.space.encode(coarse.trials[0].config);
  EXPECT_LE(coarse.sameness.log_new({known[0] + 0.001, known[1]}), -3.0);
  EXPECT_EQ(coarse.sameness.log_new(known), Sameness::kFloor);
  // Where nothing near is known a value is new.
  Told corner(square());
  for (int i = 0; i < 30; ++i) {
    const double x = 0.3 * rng.uniform(), y = 0.3 * rng.uniform();
    corner.result(corner.create(corner.at(x, y)), steps(x, y));
  }
  ASSERT_TRUE(corner.sameness.any());
  EXPECT_GT(corner.sameness.log_new({1.0, 1.0}), -0.01);
}

TEST(Sameness, ItsGradientIsTheSlope) {
  Told told(square());
  Rng rng(2, "test");
  for (int i = 0; i < 40; ++i) {
    const double x = rng.uniform(), y = rng.uniform();
    told.result(told.create(told.at(x, y)), steps(x, y));
  }
  ASSERT_TRUE(told.sameness.any());
  int tried = 0;
  for (int i = 0; i < 50; ++i) {
    const space::Point point{rng.uniform(), rng.uniform()};
    Eigen::VectorXd gradient = Eigen::VectorXd::Zero(2);
    const double value = told.sameness.log_new(point, &gradient);
    EXPECT_EQ(value, told.sameness.log_new(point));
    if (value < -5.0) continue;
    for (std::size_t k = 0; k < 2; ++k) {
      constexpr double kStep = 1e-6;
      space::Point up = point, down = point;
      up[k] += kStep;
      down[k] -= kStep;
      const double slope = (told.sameness.log_new(up) - told.sameness.log_new(down)) / (2 * kStep);
      if (std::abs(slope) > 1e3) continue;  // another neighbour is nearest
      EXPECT_NEAR(gradient[static_cast<Eigen::Index>(k)], slope, 1e-3 * std::max(1.0, std::abs(slope)));
      ++tried;
    }
  }
  EXPECT_GT(tried, 40);
}

TEST(Sameness, GoesByTheHighestFidelityWithEnoughComparisons) {
  // All are alike before they are trained.
  Told told(square());
  told.problem.rungs = {1, 9};
  told.problem.horizon = 9;
  Rng rng(3, "test");
  for (int i = 0; i < 30; ++i) {
    study::Trial& trial = told.create(told.at(rng.uniform(), rng.uniform()));
    told.result(trial, 2.3, 1);
    if (i == 4) {
      EXPECT_TRUE(told.sameness.any());
    }
    told.result(trial, 1.0, 5);  // between rungs: not looked at
    told.result(trial, i, 9);
  }
  EXPECT_FALSE(told.sameness.any());
}

TEST(Sameness, WhatEndedWithoutAValueIsNotKnown) {
  Told told(square());
  Rng rng(5, "test");
  for (int i = 0; i < 30; ++i) {
    const double x = 0.5 * rng.uniform(), y = 0.5 * rng.uniform();
    told.result(told.create(told.at(x, y)), steps(x, y));
  }
  const space::Point far{0.9, 0.9};
  const double before = told.sameness.log_new(far);
  study::Trial& failed = told.create(told.at(0.9, 0.9));
  told.result(failed, std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(told.sameness.log_new(far), Sameness::kFloor);
  const auto set_state = [&](study::TrialState state) {
    failed.state = state;
    told.sameness.update(told.problem, {study::Change::Kind::state, &failed, nullptr});
  };
  set_state(study::TrialState::failed);
  EXPECT_EQ(told.sameness.log_new(far), before);
  set_state(study::TrialState::running);  // tried again
  EXPECT_EQ(told.sameness.log_new(far), Sameness::kFloor);
}

TEST(Sameness, TpeComparesWhatACandidateIsRoundedTo) {
  // A few values of a long grid have all results; an entry anywhere in a cell is that value.
  const space::Space grid =
      space::Space::Builder().integer("n", 1, 200, {.log = true}).real("x", 0.0, 1.0).build();
  SimulatedStudy study("tpe", problem_of(grid, 1, 1));
  study.run(80, [](const space::Config& config) {
    return std::vector<double>{std::floor(config.real("x") * 20) + (config.integer("n") < 3 ? 0.0 : 1.0)};
  });
  std::set<Key> keys;
  for (const study::Trial& trial : study.trials) keys.insert(trial.key);
  EXPECT_EQ(keys.size(), study.trials.size());
}

TEST(Sameness, RunningTrialsAreKnownAndDeletedOnesAreNot) {
  Told told(square());
  Rng rng(4, "test");
  for (int i = 0; i < 30; ++i) {
    const double x = 0.5 * rng.uniform(), y = 0.5 * rng.uniform();
    told.result(told.create(told.at(x, y)), steps(x, y));
  }
  const space::Point far{0.9, 0.9};
  const double before = told.sameness.log_new(far);
  study::Trial& running = told.create(told.at(0.9, 0.9));
  EXPECT_EQ(told.sameness.log_new(far), Sameness::kFloor);
  told.sameness.update(told.problem, {study::Change::Kind::deleted, &running, nullptr});
  EXPECT_EQ(told.sameness.log_new(far), before);
  told.result(running, 1.0);  // late: nobody knows it
  EXPECT_EQ(told.sameness.log_new(far), before);
}

/// Configs of 50 whose nearest of a hundred points in [0, 1]^d is another than that of all before them, as of
/// a recorded table; the values are a bowl's at those points.
std::size_t distinct_rows(const std::string& searcher, std::size_t d, std::uint64_t seed) {
  Rng rng(seed, "rows");
  std::vector<space::Point> rows(100, space::Point(d));
  for (auto& row : rows)
    for (double& x : row) x = rng.uniform();
  const auto nearest = [&](const space::Config& config) {
    return *std::min_element(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
      double to_a = 0.0, to_b = 0.0;
      for (std::size_t i = 0; i < d; ++i) {
        const double x = config.real("x" + std::to_string(i));
        to_a += (a[i] - x) * (a[i] - x);
        to_b += (b[i] - x) * (b[i] - x);
      }
      return to_a < to_b;
    });
  };
  SimulatedStudy study(searcher, problem_of(cube(static_cast<int>(d)), 1, seed));
  study.run(50, [&](const space::Config& config) {
    double value = 0.0;
    const space::Point row = nearest(config);
    for (std::size_t i = 0; i < d; ++i) value += std::pow(row[i] - 0.1 - 0.15 * static_cast<double>(i), 2);
    return std::vector<double>{value};
  });
  std::set<space::Point> seen;
  for (const study::Trial& trial : study.trials) seen.insert(nearest(trial.config));
  return seen.size();
}

TEST(Sameness, SearchersAskMoreSeldomForWhatIsKnown) {
  // Without it: 144, 153 and 121 of 300.
  for (const auto& [name, least] : {std::pair{"gp", 150u}, {"tpe", 162u}, {"turbo", 128u}}) {
    std::size_t distinct = 0;
    for (const std::uint64_t seed : {1, 2, 3})
      distinct += distinct_rows(name, 4, seed) + distinct_rows(name, 6, seed);
    EXPECT_GT(distinct, least) << name;
  }
}

}  // namespace
}  // namespace hone::search
