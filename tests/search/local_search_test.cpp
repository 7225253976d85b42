#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/search/simulated_study.h"

namespace hone::search {
namespace {

/// In how many parameters two configs differ.
int distance_of(const space::Config& a, const space::Config& b) {
  int n = 0;
  for (std::size_t i = 0; i < a.entries().size(); ++i) n += a.entries()[i] != b.entries()[i] ? 1 : 0;
  return n;
}

space::Space flags(int n) {
  space::Space::Builder builder;
  for (int i = 0; i < n; ++i) builder.flag(fmt::format("f{}", i));
  return builder.build();
}

TEST(LocalSearch, FirstGoesAtOnceAndBestAfterTheWholeNeighbourhood) {
  const auto space = space::Space::Builder()
                         .choice("a", {"1", "2", "3", "4", "5", "6"})
                         .choice("b", {"1", "2", "3", "4", "5", "6"})
                         .build();
  for (const std::string improvement : {"first", "best"}) {
    SimulatedStudy study("local_search", problem_of(space),
                         Json{{"n_startup", 1}, {"improvement", improvement}});
    const bool first = improvement == "first";
    for (const double value : {10.0, 5.0, 4.0}) study.finish(study.create(study.ask()), {value});
    const space::Config &start = study.trials[0].config, &second = study.trials[1].config;
    const space::Config& third = study.trials[2].config;
    EXPECT_EQ(distance_of(second, start), 1);
    EXPECT_EQ(distance_of(third, first ? second : start), 1) << improvement;
    for (int i = 0; i < 8; ++i) {
      const auto next = study.ask();
      EXPECT_EQ(distance_of(next, first ? third : start), 1) << improvement << ' ' << i;
      study.finish(study.create(next), {20.0});
    }
    // All ten neighbours of the start are known, and the best of them is the third.
    if (!first) {
      EXPECT_EQ(distance_of(study.ask(), third), 1);
    }
  }
}

/// A study whose first trial, of value 0, is an optimum among eight flags; then it is perturbed.
SimulatedStudy at_an_optimum(Json options) {
  options["n_startup"] = 1;
  SimulatedStudy study("local_search", problem_of(flags(8)), options);
  study.run(1, [](const space::Config&) { return std::vector<double>{0.0}; });
  study.run(9, [](const space::Config&) { return std::vector<double>{1.0}; });  // its neighbours
  return study;
}

TEST(LocalSearch, GoesBackToTheBetterOptimum) {
  SimulatedStudy study = at_an_optimum({{"restart", 0.0}});
  study.run(10, [](const space::Config&) { return std::vector<double>{5.0}; });  // perturbed
  const space::Config best = study.trials[0].config, worse = study.trials[9].config;
  while (distance_of(study.ask(), worse) == 1) study.finish(study.create(study.ask()), {6.0});
  for (int number = 100; number < 200; ++number)
    EXPECT_LE(distance_of(*study.searcher->ask(number, 0), best), 3)
        << "three parameters of the better optimum are changed";
}

TEST(LocalSearch, AnOptimumIsPerturbedOrLeftForARandomConfig) {
  const auto farthest = [](const Json& options) {
    const SimulatedStudy study = at_an_optimum(options);
    int most = 0;
    for (int number = 100; number < 200; ++number)
      most = std::max(most, distance_of(*study.searcher->ask(number, 0), study.trials[0].config));
    return most;
  };
  EXPECT_EQ(farthest({{"restart", 0.0}, {"perturbation", 1}}), 1);
  EXPECT_EQ(farthest({{"restart", 0.0}, {"perturbation", 2}}), 2);
  EXPECT_EQ(farthest({{"restart", 0.0}}), 3);
  EXPECT_GE(farthest({{"restart", 1.0}, {"perturbation", 1}}), 6) << "of eight";
}

TEST(LocalSearch, WeighsSeveralObjectivesAnewAfterEachOptimum) {
  // In each round the config where it begins stands against one that is better in the first objective and
  // worse in the second by as much: which one it goes to says which weighs more.
  SimulatedStudy study("local_search", problem_of(flags(12), 2), Json{{"n_startup", 1}, {"restart", 0.0}});
  study.finish(study.create(study.ask()), {0.5, 0.5});
  int to_the_first = 0;
  constexpr int kRounds = 12;
  for (int round = 0; round < kRounds; ++round) {
    study::Trial& other = study.create(study.ask());
    study.finish(other, {0.4, 0.6});
    space::Config next = study.ask();
    const bool goes = distance_of(next, other.config) == 1;
    to_the_first += goes ? 1 : 0;
    const space::Config stands = goes ? other.config : study.trials[other.id - 1].config;
    for (; distance_of(next, stands) == 1; next = study.ask()) study.finish(study.create(next), {5.0, 5.0});
    study.finish(study.create(next), {0.5, 0.5});
  }
  EXPECT_GT(to_the_first, 1);
  EXPECT_LT(to_the_first, kRounds - 1);
}

}  // namespace
}  // namespace hone::search
