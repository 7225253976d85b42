#include "hone/predict/score.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace hone::predict {
namespace {

const double kNone = std::numeric_limits<double>::infinity();

TEST(UpperMedian, IsTheUpperOfTwo) {
  EXPECT_EQ(upper_median({3, 1, 2}), 2.0);
  EXPECT_EQ(upper_median({4, 1, 3, 2}), 3.0);
  EXPECT_EQ(upper_median({7}), 7.0);
}

TEST(Quantile, InterpolatesBetweenOrderStatistics) {
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2, 5}, 0.2), 1.8);
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2, 5}, 0.5), 3.0);
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2, 5}, 1.0), 5.0);
  EXPECT_DOUBLE_EQ(quantile({7}, 0.3), 7.0);
  EXPECT_TRUE(std::isnan(quantile({}, 0.3)));
}

TEST(Ranks, SharedByEqualValuesAndLastForNone) {
  EXPECT_EQ(ranks_of({0.3, 0.1, 0.3}), (std::vector<double>{2.5, 1.0, 2.5}));
  EXPECT_EQ(ranks_of({kNone, 0.1, std::nan("")}), (std::vector<double>{2.5, 1.0, 2.5}));
  EXPECT_TRUE(ranks_of({}).empty());
}

TEST(CostPairs, RankCorrelation) {
  EXPECT_DOUBLE_EQ(rank_correlation({1, 2, 3, 4}, {10, 20, 30, 1000}), 1.0);
  EXPECT_DOUBLE_EQ(rank_correlation({1, 2, 3, 4}, {9, 7, 5, -3}), -1.0);
  // Ties share their mean rank: 1, 2.5, 2.5, 4 against 1, 2, 3, 4.
  EXPECT_NEAR(rank_correlation({1, 2, 2, 3}, {1, 2, 3, 4}), 4.5 / std::sqrt(4.5 * 5.0), 1e-12);
  EXPECT_TRUE(std::isnan(rank_correlation({1, 1, 1}, {1, 2, 3})));
  EXPECT_TRUE(std::isnan(rank_correlation({1}, {1})));
}

TEST(Score, EqualValuesHaveNoVarianceThatRoundingLeaves) {
  const std::vector<double> measured(7, 0.1);
  EXPECT_TRUE(std::isnan(accuracy(std::vector<double>(7, 0.2), measured).r2));
  std::vector<double> nearly = measured;
  nearly[3] = std::nextafter(0.1, 1.0);
  EXPECT_TRUE(std::isnan(accuracy(std::vector<double>(7, 0.2), nearly).r2));
  nearly[3] = 0.1 * (1.0 + 1e-6);
  EXPECT_FALSE(std::isnan(accuracy(measured, nearly).r2)) << "a little is some";
}

TEST(Score, AccuracyIsRelativeErrorRankAndVarianceExplained) {
  const auto close = accuracy({1.1, 2.0, 2.7}, {1.0, 2.0, 3.0});
  EXPECT_EQ(close.samples, 3);
  EXPECT_NEAR(close.mape, (0.1 + 0.0 + 0.1) / 3, 1e-12);
  EXPECT_DOUBLE_EQ(close.spearman, 1.0);
  EXPECT_NEAR(close.r2, 1.0 - 0.1 / 2.0, 1e-12);
  // What was measured as zero has no relative error.
  EXPECT_NEAR(accuracy({1.0, 3.0}, {0.0, 2.0}).mape, 0.5, 1e-12);
  EXPECT_TRUE(std::isnan(accuracy({1.0, 3.0}, {2.0, 2.0}).r2));
  EXPECT_TRUE(std::isnan(accuracy({}, {}).mape));
}

TEST(Score, TheMedianErrorIsNotRuledByAFew) {
  EXPECT_NEAR(median_error({1.1, 2.0, 3e9}, {1.0, 2.0, 3.0}), 0.1, 1e-12);
  EXPECT_NEAR(median_error({5.0, 1.5}, {0.0, 1.0}), 0.5, 1e-12);
  EXPECT_TRUE(std::isnan(median_error({1.0}, {0.0})));
}

TEST(Score, TheMedianOfAnEvenNumberLiesBetween) {
  EXPECT_EQ(median({3.0, 1.0, 2.0}), 2.0);
  EXPECT_EQ(median({4.0, 1.0, 2.0, 3.0}), 2.5);
  EXPECT_TRUE(std::isnan(median({})));
}

}  // namespace
}  // namespace hone::predict
