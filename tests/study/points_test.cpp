#include "hone/study/points.h"

#include <limits>

#include <gtest/gtest.h>

#include "hone/base/rng.h"

namespace hone::study {
namespace {

/// What the set should say, from nothing but the points.
void compare(const PointSet& set, const std::vector<Point>& points, std::size_t n) {
  Front front;
  std::vector<double> worst(n, -std::numeric_limits<double>::infinity());
  std::vector<double> best(n, std::numeric_limits<double>::infinity());
  for (std::size_t id = points.size(); id-- > 0;) {  // the order does not matter
    if (!points[id]) continue;
    front.insert(static_cast<std::int64_t>(id), *points[id]);
    for (std::size_t i = 0; i < n; ++i) {
      worst[i] = std::max(worst[i], (*points[id])[i]);
      best[i] = std::min(best[i], (*points[id])[i]);
    }
  }
  ASSERT_EQ(set.front().members().size(), front.members().size());
  for (std::size_t i = 0; i < front.members().size(); ++i) {
    EXPECT_EQ(set.front().members()[i].trial, front.members()[i].trial);
    EXPECT_EQ(set.front().members()[i].values, front.members()[i].values);
  }
  EXPECT_EQ(set.worst(), worst);
  EXPECT_EQ(set.best(), best);
}

TEST(PointSet, IsWhatItsPointsMakeWhateverTheyWentThrough) {
  for (std::size_t n = 1; n <= 3; ++n) {
    Rng rng(n, "points");
    PointSet set;
    set.reset(n, false);
    std::vector<Point> points(60);
    for (int step = 0; step < 3000; ++step) {
      const auto id = static_cast<std::size_t>(rng.below(points.size()));
      Point next;
      if (rng.below(4) != 0) {
        next.emplace();
        for (std::size_t i = 0; i < n; ++i) next->push_back(static_cast<double>(rng.below(8)));
      }
      ASSERT_TRUE(set.move(static_cast<std::int64_t>(id), points[id], next));
      points[id] = next;
      if (rng.below(5) == 0) {
        ASSERT_NO_FATAL_FAILURE(compare(set, points, n)) << n << " objectives, step " << step;
      }
    }
  }
}

TEST(PointSet, APartialOneSaysWhereItWouldNeedThePointsItLacks) {
  Rng rng(1, "partial");
  int refused = 0, moved = 0;
  PointSet set;
  std::vector<Point> points(40);
  set.reset(2, true);
  for (int step = 0; step < 2000; ++step) {
    const auto id = static_cast<std::size_t>(rng.below(points.size()));
    Point next;
    if (rng.below(3) != 0) next = {{static_cast<double>(rng.below(9)), static_cast<double>(rng.below(9))}};
    if (set.move(static_cast<std::int64_t>(id), points[id], next)) {
      points[id] = next;
      ++moved;
    } else {
      ++refused;
    }
    ASSERT_NO_FATAL_FAILURE(compare(set, points, 2)) << step;
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(moved, 0);
}

TEST(PointSet, OfEqualPointsTheSmallerIdIsOnTheFront) {
  PointSet set;
  set.reset(2, false);
  set.move(5, std::nullopt, Point({1.0, 2.0}));
  set.move(3, std::nullopt, Point({1.0, 2.0}));
  set.move(4, std::nullopt, Point({1.0, 2.0}));
  ASSERT_EQ(set.front().members().size(), 1u);
  EXPECT_EQ(set.front().members()[0].trial, 3);
  set.move(3, Point({1.0, 2.0}), std::nullopt);
  EXPECT_EQ(set.front().members()[0].trial, 4);
}

}  // namespace
}  // namespace hone::study
