#include "hone/study/front.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "hone/base/rng.h"

namespace hone::study {
namespace {

using Row = std::vector<double>;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Random rows on a coarse grid, so that ties and duplicates abound.
std::vector<Row> random_rows(Rng& rng, std::size_t n, std::size_t objectives, std::uint64_t grid) {
  std::vector<Row> rows(n, Row(objectives));
  for (Row& row : rows)
    for (double& value : row) value = static_cast<double>(rng.below(grid)) / static_cast<double>(grid);
  return rows;
}

/// Peels front after front off, comparing everybody with everybody.
std::vector<int> plain_rank(const std::vector<Row>& rows) {
  std::vector<int> rank(rows.size(), -1);
  const auto is_nan = [&](std::size_t i) {
    return std::any_of(rows[i].begin(), rows[i].end(), [](double v) { return std::isnan(v); });
  };
  for (int front = 0;; ++front) {
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rank[i] >= 0 || is_nan(i)) continue;
      bool dominated = false;
      for (std::size_t j = 0; j < rows.size(); ++j)
        if (rank[j] < 0 && dominates(rows[j], rows[i])) dominated = true;
      if (!dominated) members.push_back(i);
    }
    if (members.empty()) {
      for (std::size_t i = 0; i < rows.size(); ++i)
        if (is_nan(i)) rank[i] = front;
      return rank;
    }
    for (std::size_t i : members) rank[i] = front;
  }
}

/// Inclusion and exclusion over all subsets: exact, for few points.
double plain_hypervolume(const std::vector<Row>& points, const Row& reference) {
  double total = 0.0;
  for (std::size_t subset = 1; subset < std::size_t{1} << points.size(); ++subset) {
    Row corner(reference.size(), -std::numeric_limits<double>::infinity());
    int members = 0;
    for (std::size_t i = 0; i < points.size(); ++i)
      if (subset >> i & 1) {
        ++members;
        for (std::size_t k = 0; k < corner.size(); ++k) corner[k] = std::max(corner[k], points[i][k]);
      }
    double box = 1.0;
    for (std::size_t k = 0; k < corner.size(); ++k) box *= std::max(0.0, reference[k] - corner[k]);
    total += members % 2 == 1 ? box : -box;
  }
  return total;
}

TEST(Front, DominationNeedsNoWorseAndSomewhereBetter) {
  EXPECT_TRUE(dominates(Row{1, 2}, Row{1, 3}));
  EXPECT_FALSE(dominates(Row{1, 2}, Row{1, 2}));
  EXPECT_FALSE(dominates(Row{1, 3}, Row{2, 2}));
  EXPECT_FALSE(dominates(Row{kNaN, 0}, Row{1, 1}));
  EXPECT_FALSE(dominates(Row{0, 0}, Row{kNaN, 1}));
}

TEST(Front, RanksLikePeelingByHand) {
  Rng rng(1, "ranks");
  for (std::size_t objectives = 1; objectives <= 4; ++objectives)
    for (int round = 0; round < 60; ++round) {
      auto rows = random_rows(rng, 1 + rng.below(60), objectives, round % 2 == 0 ? 6 : 1000);
      if (round % 3 == 0)
        for (int i = 0; i < 4; ++i) rows[rng.below(rows.size())][rng.below(objectives)] = kNaN;
      ASSERT_EQ(non_dominated_rank(rows), plain_rank(rows)) << objectives << " objectives, round " << round;
    }
  EXPECT_TRUE(non_dominated_rank({}).empty());
}

TEST(Front, HypervolumeIsThatOfInclusionAndExclusion) {
  Rng rng(2, "volumes");
  for (std::size_t objectives = 1; objectives <= 5; ++objectives)
    for (int round = 0; round < 30; ++round) {
      // The reference lies inside the cloud: points beyond it must count for nothing.
      const auto rows = random_rows(rng, 1 + rng.below(9), objectives, round % 2 == 0 ? 5 : 1000);
      const Row reference(objectives, 0.9);
      EXPECT_NEAR(hypervolume(rows, reference), plain_hypervolume(rows, reference), 1e-12);
    }
  EXPECT_EQ(hypervolume({}, {1.0, 1.0}), 0.0);
  EXPECT_EQ(hypervolume({{kNaN, 0.0}}, {1.0, 1.0}), 0.0);
}

TEST(Front, HypervolumeOfManyPointsAgreesWithSampling) {
  Rng rng(3, "monte carlo");
  for (std::size_t objectives : {2, 3, 4}) {
    const auto rows = random_rows(rng, 80, objectives, 100000);
    const int n = 40000;
    int hit = 0;
    for (int i = 0; i < n; ++i) {
      Row at(objectives);
      for (double& value : at) value = rng.uniform();
      hit += std::any_of(rows.begin(), rows.end(), [&](const Row& row) {
        return std::equal(row.begin(), row.end(), at.begin(), [](double a, double b) { return a <= b; });
      });
    }
    EXPECT_NEAR(hypervolume(rows, Row(objectives, 1.0)), hit / double(n), 0.012);
  }
}

TEST(Front, ContributionIsWhatIsLostWithoutThePoint) {
  Rng rng(4, "contributions");
  for (std::size_t objectives = 1; objectives <= 4; ++objectives)
    for (int round = 0; round < 20; ++round) {
      auto rows = random_rows(rng, 1 + rng.below(12), objectives, round % 2 == 0 ? 5 : 1000);
      if (round % 5 == 0) rows[0][0] = kNaN;
      const Row reference(objectives, 0.95);
      const double all = hypervolume(rows, reference);
      const auto contributions = hypervolume_contributions(rows, reference);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        auto rest = rows;
        rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
        EXPECT_NEAR(contributions[i], all - hypervolume(rest, reference), 1e-12);
      }
    }
}

TEST(Front, LazySubsetIsTheGreedyOne) {
  Rng rng(5, "subset");
  for (std::size_t objectives = 2; objectives <= 4; ++objectives)
    for (int round = 0; round < 20; ++round) {
      const auto rows = random_rows(rng, 20, objectives, 100000);
      const Row reference(objectives, 0.9);
      std::vector<std::size_t> plain;
      std::vector<Row> members;
      for (int step = 0; step < 6; ++step) {
        double best = -1.0;
        std::size_t winner = 0;
        for (std::size_t i = 0; i < rows.size(); ++i) {
          if (std::find(plain.begin(), plain.end(), i) != plain.end()) continue;
          auto with = members;
          with.push_back(rows[i]);
          const double volume = hypervolume(with, reference);
          if (volume > best + 1e-12) {
            best = volume;
            winner = i;
          }
        }
        plain.push_back(winner);
        members.push_back(rows[winner]);
      }
      const auto lazy = hypervolume_subset(rows, reference, 6);
      ASSERT_EQ(lazy.size(), 6u);
      std::vector<Row> chosen;
      for (std::size_t i : lazy) chosen.push_back(rows[i]);
      EXPECT_NEAR(hypervolume(chosen, reference), hypervolume(members, reference), 1e-12);
    }
  EXPECT_EQ(hypervolume_subset({{0.0}, {0.0}}, {1.0}, 5).size(), 2u);
}

TEST(Front, CrowdingIsTheGapBetweenNeighbours) {
  const auto distance = crowding_distance({{0.0, 4.0}, {1.0, 2.0}, {3.0, 1.0}, {4.0, 0.0}});
  EXPECT_TRUE(std::isinf(distance[0]));
  EXPECT_TRUE(std::isinf(distance[3]));
  EXPECT_DOUBLE_EQ(distance[1], 3.0 / 4 + 3.0 / 4);
  EXPECT_DOUBLE_EQ(distance[2], 3.0 / 4 + 2.0 / 4);
  EXPECT_TRUE(crowding_distance({}).empty());
}

TEST(Front, KeptAsPointsComeItIsTheFrontOfAll) {
  Rng rng(6, "archive");
  for (std::size_t objectives = 1; objectives <= 4; ++objectives)
    for (int round = 0; round < 40; ++round) {
      auto rows = random_rows(rng, 60, objectives, round % 2 == 0 ? 8 : 1000);
      rows[7][0] = kNaN;
      Front front;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const bool joined = front.insert(static_cast<std::int64_t>(i), rows[i]);
        const auto& members = front.members();
        EXPECT_EQ(joined, std::any_of(members.begin(), members.end(), [&](const Front::Member& member) {
                    return member.trial == static_cast<std::int64_t>(i);
                  }));
      }
      const auto rank = plain_rank(rows);
      std::vector<std::int64_t> expected, found;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const bool first = std::find(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(i), rows[i]) ==
                           rows.begin() + static_cast<std::ptrdiff_t>(i);
        if (rank[i] == 0 && first) expected.push_back(static_cast<std::int64_t>(i));
      }
      for (const auto& member : front.members()) found.push_back(member.trial);
      EXPECT_TRUE(std::is_sorted(front.members().begin(), front.members().end(),
                                 [](const auto& a, const auto& b) { return a.values[0] < b.values[0]; }));
      std::sort(found.begin(), found.end());
      EXPECT_EQ(found, expected);
    }
}

TEST(Front, NaNNeverJoins) {
  Front front;
  EXPECT_FALSE(front.insert(0, {kNaN, 0.0}));
  EXPECT_FALSE(front.insert(1, {kNaN}));
  EXPECT_TRUE(front.members().empty());
}

TEST(Front, ReferenceLiesOutsideOfTheFinitePoints) {
  const auto reference =
      reference_point({{0.0, 5.0, kNaN}, {10.0, 5.0, 2.0}, {std::numeric_limits<double>::infinity(), 5, 3}});
  EXPECT_DOUBLE_EQ(reference[0], 11.0);
  EXPECT_DOUBLE_EQ(reference[1], 6.0);
  EXPECT_DOUBLE_EQ(reference[2], 3.1);
}

}  // namespace
}  // namespace hone::study
