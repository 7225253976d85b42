#include "hone/search/good_set.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "hone/base/rng.h"
#include "hone/study/front.h"
#include "hone/study/levels.h"

namespace hone::search {
namespace {

std::vector<std::int64_t> ids(GoodSet& good) {
  std::vector<std::int64_t> found;
  for (const auto& member : good.members()) found.push_back(member.id);
  return found;
}

TEST(GoodSet, OfOneObjectiveIsTheBestTenth) {
  Rng rng(1, "good");
  GoodSet good(0.1);
  std::vector<std::pair<double, std::int64_t>> all;
  for (std::int64_t id = 0; id < 400; ++id) {
    all.emplace_back(static_cast<double>(rng.below(50)), id);
    good.report(id, {all.back().first});
    auto sorted = all;
    std::sort(sorted.begin(), sorted.end());
    std::vector<std::int64_t> expected;
    const auto count =
        std::min<std::size_t>(25, static_cast<std::size_t>(std::ceil(0.1 * double(all.size()))));
    for (std::size_t i = 0; i < count; ++i) expected.push_back(sorted[i].second);
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(ids(good), expected);
  }
  const auto before = ids(good);
  good.remove(before[3]);
  const auto after = ids(good);
  EXPECT_EQ(after.size(), 25u);
  EXPECT_TRUE(std::find(after.begin(), after.end(), before[3]) == after.end());
  good.report(before[0], {1e9});
  const auto last = ids(good);
  EXPECT_TRUE(std::find(last.begin(), last.end(), before[0]) == last.end());
}

TEST(GoodSet, WhatBreaksLimitsComesLastAndTheNearestFirst) {
  for (const std::size_t objectives : {1, 2}) {
    GoodSet good(0.2);
    for (std::int64_t id = 0; id < 17; ++id) good.report_broken(id, static_cast<double>(20 - id));
    EXPECT_EQ(ids(good), (std::vector<std::int64_t>{13, 14, 15, 16}));
    EXPECT_EQ(good.size(), 17u);
    good.report(17, std::vector<double>(objectives, 5.0));
    good.report(18, std::vector<double>(objectives, 6.0));
    good.report(19, std::vector<double>(objectives, 7.0));
    EXPECT_EQ(ids(good), (std::vector<std::int64_t>{16, 17, 18, 19})) << "however bad they are";
    EXPECT_EQ(good.members()[0].weight, 1.0);
    good.report_broken(18, 0.1);  // told again
    EXPECT_TRUE(good.is_broken(18));
    EXPECT_EQ(ids(good), (std::vector<std::int64_t>{16, 17, 18, 19}));
    good.report(16, std::vector<double>(objectives, 1.0));
    good.remove(18);
    EXPECT_EQ(good.size(), 19u);
    EXPECT_EQ(ids(good), (std::vector<std::int64_t>{15, 16, 17, 19}));
  }
}

TEST(GoodSet, OfSeveralObjectivesTakesRankAfterRankAndSplitsTheLastByVolume) {
  Rng rng(2, "good");
  for (std::size_t objectives : {2, 3})
    for (int round = 0; round < 10; ++round) {
      GoodSet good(0.1);
      std::vector<std::vector<double>> rows;
      for (std::int64_t id = 0; id < 240; ++id) {
        std::vector<double> row(objectives);
        for (double& value : row) value = rng.uniform();
        rows.push_back(row);
        good.report(id, row);
        if (id % 40 == 0) good.members();  // asking between must not matter
      }
      const auto rank = study::non_dominated_rank(rows);
      const auto& members = good.members();
      ASSERT_EQ(members.size(), 24u);
      int last = 0;
      double sum = 0.0;
      for (const auto& member : members) {
        last = std::max(last, rank[static_cast<std::size_t>(member.id)]);
        sum += member.weight;
        EXPECT_GT(member.weight, 0.0);
      }
      EXPECT_NEAR(sum, 24.0, 1e-9);
      const auto chosen = ids(good);
      std::vector<std::vector<double>> candidates;
      std::vector<std::int64_t> candidate_ids;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const bool is_in =
            std::find(chosen.begin(), chosen.end(), static_cast<std::int64_t>(i)) != chosen.end();
        EXPECT_TRUE(rank[i] >= last || is_in);
        if (rank[i] != last) continue;
        candidates.push_back(rows[i]);
        candidate_ids.push_back(static_cast<std::int64_t>(i));
      }
      const auto from_last = static_cast<std::size_t>(std::count_if(
          chosen.begin(), chosen.end(), [&](auto id) { return rank[static_cast<std::size_t>(id)] == last; }));
      if (from_last == candidates.size()) continue;
      for (const auto i :
           study::hypervolume_subset(candidates, study::reference_point(candidates), from_last))
        EXPECT_TRUE(std::find(chosen.begin(), chosen.end(), candidate_ids[i]) != chosen.end());
    }
}

TEST(GoodSet, MembersWeighByTheVolumeThatTheyAdd) {
  GoodSet good(1.0);
  const std::vector<std::vector<double>> rows = {
      {0.0, 1.0}, {0.1, 0.5}, {0.12, 0.49}, {0.5, 0.2}, {1.0, 0.0}};
  for (std::size_t i = 0; i < rows.size(); ++i) good.report(static_cast<std::int64_t>(i), rows[i]);
  const auto& members = good.members();
  ASSERT_EQ(members.size(), rows.size());
  const auto volume = study::hypervolume_contributions(rows, study::reference_point(rows));
  double most = 0.0;
  for (std::size_t a = 0; a < rows.size(); ++a) {
    most = std::max(most, members[a].weight);
    for (std::size_t b = 0; b < rows.size(); ++b)
      EXPECT_TRUE(volume[a] <= volume[b] || members[a].weight >= members[b].weight) << a << ' ' << b;
  }
  // The one that its neighbour nearly covers weighs least: a tenth of the heaviest.
  EXPECT_NEAR(members[2].weight, 0.1 * most, 1e-9);
}

TEST(Levels, AreTheRanksOfSortingAll) {
  Rng rng(3, "levels");
  for (std::size_t objectives = 1; objectives <= 4; ++objectives)
    for (int round = 0; round < 10; ++round) {
      study::Levels levels, short_levels(10);
      std::vector<std::vector<double>> rows;
      for (std::int64_t id = 0; id < 80; ++id) {
        std::vector<double> row(objectives);
        for (double& value : row) value = static_cast<double>(rng.below(round % 2 == 0 ? 5 : 1000));
        rows.push_back(row);
        levels.insert(id, row);
        short_levels.insert(id, row);
      }
      std::size_t left = rows.size();
      for (std::size_t gone = 0; gone < rows.size(); ++gone) {
        if (rng.below(3) > 0) continue;
        levels.remove(static_cast<std::int64_t>(gone));
        rows[gone][0] = std::numeric_limits<double>::quiet_NaN();
        --left;
      }
      levels.remove(1000);  // nobody's
      const auto rank = study::non_dominated_rank(rows);
      std::size_t members = 0;
      for (std::size_t level = 0; level < levels.levels().size(); ++level)
        for (const auto& member : levels.levels()[level]) {
          ++members;
          EXPECT_EQ(rank[static_cast<std::size_t>(member.id)], static_cast<int>(level));
        }
      EXPECT_EQ(members, left);
      std::size_t before_last = 0;
      for (std::size_t level = 0; level + 1 < short_levels.levels().size(); ++level)
        before_last += short_levels.levels()[level].size();
      EXPECT_LT(before_last, 10u);
    }
}

}  // namespace
}  // namespace hone::search
