#include "hone/search/moves.h"

#include <cmath>
#include <set>

#include <gtest/gtest.h>

namespace hone::search {
namespace {

space::Space mixed() {
  return space::Space::Builder()
      .real("lr", 1e-4, 1e-1, {.log = true})
      .integer("width", 8, 64, {.step = 8})
      .choice("mixer", {"attention", "pattention", "none"})
      .integer("tokens", 32, 1024, {.log = true, .when = "mixer == 'pattention'"})
      .ordinal("size", {1, 2, 4, 8})
      .choice("only", {"one"})
      .where("width % size == 0")
      .where("width * size <= 256")
      .build();
}

TEST(Moves, FreeParametersAreThoseThatDecide) {
  const Moves moves(mixed());
  EXPECT_EQ(moves.free(), (std::vector<std::size_t>{0, 1, 2, 3, 4}));
}

TEST(Moves, CoarseIsWhatHasFewValuesInEveryParameter) {
  using Builder = space::Space::Builder;
  EXPECT_TRUE(Moves(Builder().integer("a", 1, 64).flag("b").build()).is_coarse());
  EXPECT_FALSE(Moves(Builder().integer("a", 1, 65).flag("b").build()).is_coarse());
  EXPECT_FALSE(Moves(Builder().integer("a", 1, 4).real("b", 0.0, 1.0).build()).is_coarse());
  EXPECT_TRUE(Moves(Builder().real("b", 0.0, 1.0, {.resolution = 0.1}).build()).is_coarse());
}

TEST(Moves, ARedrawChangesTheEntryAndNothingElse) {
  const Moves moves(mixed());
  Rng rng(1, "test");
  for (int i = 0; i < 200; ++i) {
    const space::Point before = moves.draw(rng);
    for (const std::size_t parameter : moves.free()) {
      space::Point after = before;
      moves.redraw(after, parameter, rng);
      for (std::size_t k = 0; k < before.size(); ++k)
        EXPECT_EQ(after[k] != before[k], k == parameter) << parameter << ' ' << k;
    }
  }
}

TEST(Moves, AStepOnAGridGoesToAnotherValueAndStaysInRange) {
  const Moves moves(mixed());
  Rng rng(2, "test");
  for (int i = 0; i < 500; ++i) {
    space::Point point = moves.draw(rng);
    for (const std::size_t parameter : {1u, 4u}) {
      space::Point after = point;
      moves.step(after, parameter, 0.01, rng);
      EXPECT_NE(after[parameter], point[parameter]);
      EXPECT_GE(after[parameter], 0.0);
      EXPECT_LE(after[parameter], 1.0);
    }
  }
}

TEST(Moves, SettlingKeepsWhatIsFeasibleAndMendsTheRest) {
  const Moves moves(mixed());
  Rng rng(3, "test");
  int kept = 0;
  for (int i = 0; i < 300; ++i) {
    const space::Point origin = moves.draw(rng);
    space::Point point = origin;
    for (const std::size_t parameter : moves.free()) moves.redraw(point, parameter, rng);
    const space::Point wanted = point;
    const auto direct = moves.config(wanted);
    const space::Config settled = moves.settle(point, &origin, rng);
    EXPECT_TRUE(moves.space().feasible(settled));
    EXPECT_EQ(moves.space().canonical(settled), settled);
    EXPECT_EQ(moves.config(point), settled);
    if (direct) {
      EXPECT_EQ(settled, *direct);
      ++kept;
    } else {
      // Some of the move survives: it is neither the origin nor a draw from nowhere.
      EXPECT_NE(settled, moves.config(origin));
    }
  }
  EXPECT_GT(kept, 0);
}

TEST(Moves, NeighboursAreFeasibleDistinctAndOneExchangeAway) {
  const Moves moves(mixed());
  Rng rng(4, "test");
  for (int i = 0; i < 50; ++i) {
    const space::Config config = moves.space().sample(rng);
    std::set<std::string> seen;
    for (const space::Config& neighbour : moves.neighbours(config, rng)) {
      EXPECT_TRUE(moves.space().feasible(neighbour));
      EXPECT_TRUE(seen.insert(neighbour.shown()).second);
      int differences = 0;
      for (const auto& [name, value] : neighbour.entries())
        if (const Value* old = config.find(name); old != nullptr && *old != value) ++differences;
      EXPECT_EQ(differences, 1) << config.shown() << " -> " << neighbour.shown();
    }
  }
}

}  // namespace
}  // namespace hone::search
