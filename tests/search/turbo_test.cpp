// What turbo's options do; what it finds is in gp_test.cpp.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/study/front.h"
#include "tests/search/simulated_study.h"

namespace hone::search {
namespace {

/// How far the proposals of a turbo on a line go beyond the best result, up a slope: half of the side of its
/// region, which is 0.1 at first. One of the results before is a failure.
double reach_of_turbo(const Json& options, int successes, int failures) {
  Json all{{"n_startup", 4}, {"length", 0.1}, {"length_min", 1e-6}};
  all.update(options);
  SimulatedStudy study("turbo", problem_of(cube(1)), all);
  double best = 0.4;
  const auto add = [&](double x) {
    best = std::max(best, x);
    study.finish(study.create(space::Config({{"x0", x}})), {-x});
  };
  for (const double x : {0.4, 0.1, 0.2, 0.3}) add(x);
  for (int i = 0; i < successes; ++i) add(best + 0.01);
  for (int i = 0; i < failures; ++i) add(0.31 + 0.01 * i);
  double most = 0.0;
  for (int number = 1000; number < 1050; ++number)
    most = std::max(most, study.searcher->ask(number, 0)->real("x0") - best);
  return most;
}

TEST(Turbo, TheRegionDoublesAfterSuccessesAndHalvesAfterFailures) {
  const auto expect = [](const Json& options, int successes, int failures, double side) {
    EXPECT_NEAR(reach_of_turbo(options, successes, failures), 0.5 * side, 0.1 * side)
        << options.dump() << ' ' << successes << ' ' << failures;
  };
  expect(Json::object(), 2, 0, 0.1);
  expect(Json::object(), 3, 0, 0.2);
  expect({{"success_tolerance", 1}}, 1, 0, 0.2);
  expect({{"success_tolerance", 1}}, 3, 0, 0.8);
  expect({{"success_tolerance", 1}, {"length_max", 0.3}}, 3, 0, 0.3);
  expect(Json::object(), 0, 2, 0.1);
  expect(Json::object(), 0, 3, 0.05);
  expect({{"failure_tolerance", 2}}, 0, 1, 0.05);
  expect({{"failure_tolerance", 2}}, 0, 3, 0.025);
}

TEST(Turbo, ChangesAsManyCategoriesAsTheRegionIsLong) {
  space::Space::Builder builder;
  for (int i = 0; i < 12; ++i) builder.flag(fmt::format("f{}", i));
  const space::Space space = builder.build();
  const auto most_changed = [&](double length) {
    SimulatedStudy study("turbo", problem_of(space), Json{{"n_startup", 4}, {"length", length}});
    study.run(4, [&](const space::Config&) { return std::vector<double>{double(study.trials.size())}; });
    int most = 0;
    for (int number = 1000; number < 1030; ++number) {
      const auto config = *study.searcher->ask(number, 0);
      int changed = 0;
      for (int i = 0; i < 12; ++i)
        changed +=
            config.flag(fmt::format("f{}", i)) != study.trials[0].config.flag(fmt::format("f{}", i)) ? 1 : 0;
      most = std::max(most, changed);
    }
    return most;
  };
  EXPECT_GT(most_changed(1.6), 4);
  EXPECT_LE(most_changed(0.4), 3) << "a quarter of the longest";
  EXPECT_LE(most_changed(0.1), 1);
}

TEST(Turbo, ExpectedImprovementIsGreedierThanThompsonSampling) {
  const auto deviation = [](const std::string& acquisition) {
    SimulatedStudy study("turbo", problem_of(cube(1)), Json{{"n_startup", 6}, {"acquisition", acquisition}});
    for (const double x : {0.05, 0.25, 0.35, 0.6, 0.8, 0.95})
      study.finish(study.create(space::Config({{"x0", x}})), {std::sin(9.0 * x) + x});
    std::vector<double> proposed;
    for (int number = 1000; number < 1040; ++number)
      proposed.push_back(study.searcher->ask(number, 0)->real("x0"));
    double mean = 0.0, square = 0.0;
    for (const double x : proposed) mean += x / 40.0;
    for (const double x : proposed) square += (x - mean) * (x - mean) / 40.0;
    return std::sqrt(square);
  };
  const double greedy = deviation("ei"), sampling = deviation("thompson");
  EXPECT_GT(sampling, 3.0 * greedy) << greedy;
}

TEST(Turbo, AWrongBeliefIsOvercome) {
  space::Space::Builder builder;
  std::string text;
  for (int i = 0; i < 5; ++i) {
    builder.real("x" + std::to_string(i), 0.0, 1.0);
    text += "x" + std::to_string(i) + " = { at = 0.8, spread = 0.15 }\n";
  }
  double mean = 0.0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Problem problem = problem_of(builder.build(), 1, seed);
    problem.prior = Prior::read(Node::parse_toml(text, "prior.toml"), problem.space);
    SimulatedStudy study("turbo", problem);
    double best = 1e9;
    study.run(60, [&](const space::Config& config) {
      double sum = 0.0;
      for (const auto& [name, value] : config.entries()) sum += std::pow(value_real(value) - 0.3, 2);
      best = std::min(best, sum);
      return std::vector<double>{sum};
    });
    mean += best / 3.0;
  }
  EXPECT_LT(mean, 0.02);
}

TEST(Turbo, LooksAtTheWholeFront) {
  // zdt1's front of two objectives: x0 from 0 to 1, where all others are 0.
  double volume = 0.0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    SimulatedStudy study("turbo", problem_of(cube(6), 2, seed));
    std::vector<std::vector<double>> points;
    study.run(70, [&](const space::Config& config) {
      double sum = 0.0;
      for (int i = 1; i < 6; ++i) sum += config.real("x" + std::to_string(i));
      const double x = config.real("x0"), g = 1.0 + 9.0 * sum / 5.0;
      points.push_back({x, g * (1.0 - std::sqrt(x / g))});
      return points.back();
    });
    volume += study::hypervolume(points, {1.1, 1.1}) / 3.0;
  }
  EXPECT_GT(volume, 0.2);
}

}  // namespace
}  // namespace hone::search
