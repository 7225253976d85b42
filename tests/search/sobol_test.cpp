#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/search/sobol_points.h"
#include "simulated_study.h"

namespace hone::search {
namespace {

TEST(SobolPoints, EveryPowerOfTwoOfThemIsStratifiedInEveryDimension) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    SobolPoints points(12, seed);
    std::vector<std::vector<double>> all;
    for (std::uint32_t i = 0; i < 1024; ++i) all.push_back(points.at(i));
    for (std::size_t n = 1; n <= 1024; n *= 2)
      for (std::size_t first = 0; first < 1024; first += n)
        for (std::size_t dimension = 0; dimension < 12; ++dimension) {
          std::vector<bool> hit(n, false);
          for (std::size_t i = first; i < first + n; ++i)
            hit[static_cast<std::size_t>(all[i][dimension] * static_cast<double>(n))] = true;
          EXPECT_TRUE(std::all_of(hit.begin(), hit.end(), [](bool h) { return h; })) << n << ' ' << dimension;
        }
    // The first two dimensions are a (0, 2)-sequence: every elementary box of area 1/n holds one of n.
    for (std::size_t columns = 1; columns <= 256; columns *= 2) {
      std::set<std::pair<int, int>> boxes;
      for (std::size_t i = 0; i < 256; ++i)
        boxes.emplace(static_cast<int>(all[i][0] * static_cast<double>(columns)),
                      static_cast<int>(all[i][1] * 256.0 / static_cast<double>(columns)));
      EXPECT_EQ(boxes.size(), 256u) << columns;
    }
  }
}

TEST(SobolPoints, AreTheSameInAnyOrderAndDifferBySeed) {
  SobolPoints forward(5, 7), jumping(5, 7), other(5, 8);
  std::vector<std::vector<double>> all;
  for (std::uint32_t i = 0; i < 100; ++i) all.push_back(forward.at(i));
  for (std::uint32_t i : {99u, 0u, 50u, 51u, 3u, 0u, 1u}) EXPECT_EQ(jumping.at(i), all[i]);
  EXPECT_NE(other.at(5), all[5]);
  EXPECT_NO_THROW(forward.at(0xfffffffd));
}

TEST(SobolPoints, IntegrateBetterThanRandomOnes) {
  // The mean of a product over five dimensions: the error of 1,024 points, against the root mean square error
  // of as many random ones.
  const auto f = [](const std::vector<double>& x) {
    double product = 1.0;
    for (double v : x) product *= 1.5 * std::sqrt(v);
    return product;
  };
  double sobol = 0.0, random = 0.0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SobolPoints points(5, seed);
    Rng rng(seed, "test");
    double sum = 0.0, random_sum = 0.0;
    for (std::uint32_t i = 0; i < 1024; ++i) {
      sum += f(points.at(i));
      std::vector<double> x(5);
      for (double& v : x) v = rng.uniform();
      random_sum += f(x);
    }
    sobol += std::pow(sum / 1024 - 1.0, 2);
    random += std::pow(random_sum / 1024 - 1.0, 2);
  }
  EXPECT_LT(sobol * 100, random);
}

TEST(SobolPoints, TooManyDimensionsAreAnError) {
  EXPECT_NO_THROW(SobolPoints(SobolPoints::kMaxDimensions, 1));
  EXPECT_THROW(SobolPoints(SobolPoints::kMaxDimensions + 1, 1), Error);
}

TEST(Sobol, FirstSuggestionsAreGolden) {
  SimulatedStudy study("sobol", problem_of(mixed_space()));
  EXPECT_EQ(study.create(study.ask()).config.shown(),
            "lr=0.00486942 layers=5 width=33 mixer=pattention tokens=833 tied=false");
  EXPECT_EQ(study.create(study.ask()).config.shown(),
            "lr=0.00210719 layers=1 width=115 mixer=pattention tokens=64 tied=true");
}

TEST(Sobol, IsAFunctionOfTheTrialsCreated) {
  SimulatedStudy study("sobol", problem_of(mixed_space()));
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    const auto config = study.ask(i % 7 == 3 ? 2 : 0);
    EXPECT_TRUE(study.problem.space.feasible(config));
    EXPECT_TRUE(seen.insert(config.shown()).second);
    study.create(config);
    if (i == 10) study.create(study.problem.space.canonical(config));  // somebody repeats a config
    const auto other = make_searcher("sobol", study.problem);
    study.replay(*other);
    EXPECT_EQ(other->ask(99, 0)->shown(), study.ask().shown());
    EXPECT_EQ(other->ask(99, 3)->shown(), study.ask(3).shown());
    EXPECT_NE(other->ask(99, 3)->shown(), study.ask().shown());
  }
}

TEST(Sobol, VisitsAFiniteSpaceOnceAndEnds) {
  SimulatedStudy study("sobol", problem_of(space::Space::Builder().integer("n", 1, 7).flag("f").build()));
  std::set<std::string> seen;
  while (const auto config = study.searcher->ask(static_cast<std::int64_t>(study.trials.size()), 0)) {
    EXPECT_TRUE(seen.insert(config->shown()).second);
    study.create(*config);
  }
  EXPECT_EQ(seen.size(), 14u);
}

TEST(Sobol, FindsTheFewFeasibleOnes) {
  SimulatedStudy study(
      "sobol", problem_of(space::Space::Builder().integer("n", 1, 1000).where("n % 250 == 0").build()));
  std::set<std::int64_t> seen;
  for (int i = 0; i < 4; ++i) seen.insert(study.create(study.ask()).config.integer("n"));
  EXPECT_EQ(seen, (std::set<std::int64_t>{250, 500, 750, 1000}));
  EXPECT_EQ(study.ask().integer("n") % 250, 0);  // nothing new is left: a known one
}

}  // namespace
}  // namespace hone::search
