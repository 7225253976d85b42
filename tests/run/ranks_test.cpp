#include "hone/run/ranks.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "hone/base/error.h"

namespace hone::run {
namespace {

const double kNone = std::numeric_limits<double>::infinity();

// Demsar 2006, table 5(a).
TEST(Ranks, NemenyiQuantiles) {
  const double table[] = {1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164};
  for (std::size_t k = 2; k <= 10; ++k) EXPECT_NEAR(nemenyi_quantile(k), table[k - 2], 0.0011) << k;
  const double loose[] = {1.645, 2.052, 2.291};
  for (std::size_t k = 2; k <= 4; ++k) EXPECT_NEAR(nemenyi_quantile(k, 0.1), loose[k - 2], 0.0011) << k;
}

TEST(Ranks, ChiSquareTail) {
  EXPECT_NEAR(chi_square_tail(3.841, 1), 0.05, 1e-4);
  EXPECT_NEAR(chi_square_tail(4.0, 2), std::exp(-2.0), 1e-12);
  EXPECT_NEAR(chi_square_tail(18.307, 10), 0.05, 1e-4);
  EXPECT_DOUBLE_EQ(chi_square_tail(0.0, 3), 1.0);
}

// Ranks 1 2 3, 1 2 3, 2 1 3: means 4/3, 5/3, 3; chi-square 12 * 3 / (3 * 4) * (16/9 + 25/9 + 9 - 12) = 14/3.
TEST(Ranks, FriedmanByHand) {
  const RankTest test = rank_test({{1, 2, 3}, {0.1, 0.2, kNone}, {5, 4, 6}});
  EXPECT_NEAR(test.mean_ranks[0], 4.0 / 3.0, 1e-12);
  EXPECT_NEAR(test.mean_ranks[1], 5.0 / 3.0, 1e-12);
  EXPECT_NEAR(test.mean_ranks[2], 3.0, 1e-12);
  EXPECT_NEAR(test.chi_square, 14.0 / 3.0, 1e-9);
  EXPECT_NEAR(test.p, std::exp(-7.0 / 3.0), 1e-9);
  EXPECT_NEAR(test.critical_difference, 2.343 * std::sqrt(12.0 / 18.0), 0.002);
  ASSERT_EQ(test.alike.size(), 1U);  // 3 - 4/3 is less than 1.91
  EXPECT_EQ(test.alike[0], (std::vector<std::size_t>{0, 1, 2}));
}

// Sums of ranks 9, 10, 14, 17; of ties 6 + 24 + 60 + 6 + 24 of 300: (12 / 100 * 666 - 75) / (1 - 0.4) = 8.2.
TEST(Ranks, FriedmanWithTies) {
  const RankTest test = rank_test({{1, 1, 2, 3}, {1, 2, 2, 2}, {0, 0, 0, 0}, {2, 1, 3, 3}, {1, 1, 1, 4}});
  EXPECT_NEAR(test.chi_square, 8.2, 1e-9);
  EXPECT_NEAR(test.p, 0.042054183, 1e-8);
  const RankTest same = rank_test({{1, 1}, {2, 2}});
  EXPECT_EQ(same.chi_square, 0.0);
  EXPECT_EQ(same.p, 1.0) << "nothing but ties";
}

TEST(Ranks, GroupsOfThoseThatDoNotDiffer) {
  // Forty problems, always the same order: every difference is one rank, and the critical one is 0.74.
  const RankTest apart = rank_test(std::vector<std::vector<double>>(40, {3, 1, 2, 4}));
  EXPECT_NEAR(apart.critical_difference, 2.569 * std::sqrt(20.0 / 240.0), 0.002);
  EXPECT_TRUE(apart.alike.empty());
  const RankTest twins = rank_test(std::vector<std::vector<double>>(40, {3, 1, 1, 4}));
  ASSERT_EQ(twins.alike.size(), 1U);
  EXPECT_EQ(twins.alike[0], (std::vector<std::size_t>{1, 2}));
}

TEST(Ranks, NeedSomethingToRank) {
  EXPECT_THROW(rank_test({}), Error);
  EXPECT_THROW(rank_test({{1.0}}), Error);
  EXPECT_THROW(rank_test({{1.0, 2.0}, {1.0}}), Error);
  EXPECT_THROW(nemenyi_quantile(1), Error);
}

}  // namespace
}  // namespace hone::run
