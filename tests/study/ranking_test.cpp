#include "hone/study/ranking.h"

#include <limits>

#include <gtest/gtest.h>

#include "hone/base/rng.h"
#include "hone/study/front.h"

namespace hone::study {
namespace {

std::vector<std::vector<double>> random_rows(std::size_t n, std::size_t objectives, std::uint64_t values) {
  std::vector<std::vector<double>> rows;
  for (std::size_t i = 0; i < n; ++i) {
    Rng rng(3, "rows", i);
    auto& row = rows.emplace_back();
    for (std::size_t j = 0; j < objectives; ++j) row.push_back(static_cast<double>(rng.below(values)));
  }
  return rows;
}

TEST(BoundedRank, IsExactUpToItsBound) {
  const auto rows = random_rows(400, 3, 50);
  EXPECT_EQ(bounded_rank(rows), non_dominated_rank(rows));
  const auto two = random_rows(kMostSorted + 100, 2, 50);
  EXPECT_EQ(bounded_rank(two), non_dominated_rank(two));
  EXPECT_TRUE(bounded_rank({}).empty());
}

TEST(BoundedRank, PutsNoRowBeforeOneThatDominatesItBeyond) {
  auto rows = random_rows(2 * kMostSorted, 3, 400);
  rows[17][1] = std::numeric_limits<double>::quiet_NaN();
  const std::vector<int> rank = bounded_rank(rows);
  for (std::size_t a = 0; a < rows.size(); a += 7)
    for (std::size_t b = 0; b < rows.size(); b += 3) {
      if (!dominates(rows[a], rows[b])) continue;
      ASSERT_LT(rank[a], rank[b]) << a << " " << b;
    }
  // The best of each objective are on the first front where nothing dominates them.
  for (std::size_t j = 0; j < 3; ++j) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < rows.size(); ++i)
      if (rows[i][j] < rows[best][j] || (rows[i][j] == rows[best][j] && rows[i] < rows[best])) best = i;
    bool dominated = false;
    for (const auto& row : rows) dominated = dominated || dominates(row, rows[best]);
    EXPECT_TRUE(dominated || rank[best] == 0) << j;
  }
}

TEST(BoundedRank, EqualRowsHaveOneRank) {
  std::vector<std::vector<double>> rows(50000, {1.0, 2.0, 3.0});
  rows.push_back({0.0, 0.0, 0.0});
  const std::vector<int> rank = non_dominated_rank(rows);
  EXPECT_EQ(rank.back(), 0);
  EXPECT_EQ(rank.front(), 1);
  EXPECT_EQ(rank[49999], 1);
}

}  // namespace
}  // namespace hone::study
