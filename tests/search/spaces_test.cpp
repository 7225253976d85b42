#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "hone/space/composition.h"
#include "tests/search/simulated_study.h"

namespace hone::search {
namespace {

/// Every form that a space may have: ordinals, ties, groups, lists, alternatives, modules and a rare
/// constraint.
space::Space every_form() {
  using Builder = space::Space::Builder;
  return Builder()
      .ordinal("size", {"small", "medium", "large"})
      .integer("a", 1, 100000)
      .integer("b", 1, 100000)
      .where("a * b == 3 * 5 * 7 * 11 * 13 * 17")
      .same_as("a2", "a")
      .group("optimizer",
             Builder().alternatives("kind", {{"sgd", Builder().real("momentum", 0, 1)}, {"adam", {}}}))
      .groups("blocks", 1, 3, Builder().ordinal("width", {16, 32, 64}).flag("norm"))
      .compose("net", space::repeat(space::optional(space::module("relu")), 1, 2))
      .build();
}

TEST(Spaces, EverySearcherTakesEveryForm) {
  for (const std::string name : {"random", "sobol", "tpe", "bohb", "gp", "turbo"}) {
    SimulatedStudy study(name, problem_of(every_form()));
    const space::Space& space = study.problem.space;
    study.run(40, [](const space::Config& config) {
      return std::vector<double>{std::abs(static_cast<double>(config.integer("a")) - 300.0)};
    });
    std::set<std::string> sizes;
    for (const study::Trial& trial : study.trials) {
      ASSERT_TRUE(space.feasible(trial.config)) << name << " " << trial.config.shown();
      ASSERT_EQ(space.canonical(trial.config), trial.config) << name;
      ASSERT_EQ(trial.config.at("a2"), trial.config.at("a")) << name;
      sizes.insert(trial.config.text("size"));
    }
    EXPECT_EQ(sizes.size(), 3u) << name;
  }
}

TEST(Spaces, TpeFollowsAnOrdinalAndItsTie) {
  const auto space = space::Space::Builder()
                         .ordinal("width", {8, 16, 32, 64, 128, 256, 512, 1024})
                         .ordinal("depth", {1, 2, 3, 4, 5, 6, 7, 8})
                         .same_as("again", "width")
                         .build();
  SimulatedStudy study("tpe", problem_of(space));
  study.run(60, [](const space::Config& config) {
    return std::vector<double>{std::abs(config.real("again") - 512.0) + 10 * config.real("depth")};
  });
  int best = 0;
  for (std::size_t i = 40; i < 60; ++i) best += study.trials[i].config.integer("width") == 512 ? 1 : 0;
  EXPECT_GT(best, 8);  // chance gives 2.5
}

}  // namespace
}  // namespace hone::search
