#include "hone/predict/shrinkage.h"

#include <cmath>

#include <gtest/gtest.h>

#include "hone/base/rng.h"

namespace hone::predict {
namespace {

TEST(Shrinkage, WhatRepeatsAgreeOnStaysWhereItIs) {
  const auto means = posterior_means({{1.0, 0.0, 2}, {2.0, 0.0, 1}, {5.0, 0.0, 3}});
  EXPECT_EQ(means, (std::vector<double>{1.0, 2.0, 5.0}));
  EXPECT_TRUE(posterior_means({}).empty());
}

TEST(Shrinkage, TheFewerEvaluationsTheNearerToTheMiddle) {
  const std::vector<Repeated> all{{1.0, 0.0, 1}, {1.1, 4.0, 5}, {3.0, 1.0, 2}, {3.5, 0.0, 1}, {4.0, 0.0, 1}};
  const auto means = posterior_means(all);
  EXPECT_GT(means[0] - all[0].mean, means[1] - all[1].mean);
  EXPECT_GT(means[1], all[1].mean);
  EXPECT_LT(means[1], means[0]);
}

// Of many alike the luckiest single evaluation looks best; by posterior means one that proved itself is
// chosen.
TEST(Shrinkage, ChoosesBetterThanPlainMeans) {
  double plain = 0.0, posterior = 0.0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Rng rng(seed, "shrinkage");
    std::vector<Repeated> all;
    std::vector<double> truth;
    for (int i = 0; i < 200; ++i) {
      truth.push_back(rng.normal());
      Repeated one;
      one.n = i % 4 == 0 ? 8 : 1;
      std::vector<double> values;
      for (std::int64_t k = 0; k < one.n; ++k) values.push_back(truth.back() + 1.5 * rng.normal());
      for (const double value : values) one.mean += value / static_cast<double>(one.n);
      for (const double value : values) one.squares += std::pow(value - one.mean, 2);
      all.push_back(one);
    }
    const auto means = posterior_means(all);
    std::size_t a = 0, b = 0;
    for (std::size_t i = 1; i < all.size(); ++i) {
      if (all[i].mean < all[a].mean) a = i;
      if (means[i] < means[b]) b = i;
    }
    plain += truth[a] / 40.0;
    posterior += truth[b] / 40.0;
  }
  EXPECT_LT(posterior, plain - 0.2);
}

}  // namespace
}  // namespace hone::predict
