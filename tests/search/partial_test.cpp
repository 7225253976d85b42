#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulated_study.h"

namespace hone::search {
namespace {

/// Trials that may end below the horizon, in four dimensions.
Problem partial_cube(bool partial) {
  space::Space::Builder builder;
  for (int i = 0; i < 4; ++i) builder.real(fmt::format("x{}", i), 0.0, 1.0);
  Problem problem = problem_of(builder.build());
  problem.partial = partial;
  problem.horizon = 9;
  return problem;
}
double sum(const space::Config& config) {
  double sum = 0.0;
  for (int i = 0; i < 4; ++i) sum += config.real(fmt::format("x{}", i));
  return sum;
}

/// Of 40 proposals after 30 results that fall towards a corner, those that lie in it.
int in_the_corner(bool partial) {
  SimulatedStudy study("gp", partial_cube(partial));
  Rng rng(3, "corner");
  for (int i = 0; i < 30; ++i) {
    study::Trial& trial = study.create(study.problem.space.sample(rng));
    study.finish(trial, {sum(trial.config)});
  }
  int corner = 0;
  for (std::int64_t number = 30; number < 70; ++number)
    corner += sum(*study.searcher->ask(number, 0)) < 0.2 ? 1 : 0;
  return corner;
}

TEST(Partial, HalfOfTheProcesssProposalsAreTheBestOfSomeDraws) {
  EXPECT_GE(in_the_corner(false), 36);
  EXPECT_GE(in_the_corner(true), 10);
  EXPECT_LE(in_the_corner(true), 30);
}

TEST(Partial, AutosPartsTakeTurnsFromTheStart) {
  const auto as_gp = [](bool partial, std::int64_t of) {
    SimulatedStudy whole("auto", partial_cube(partial)), gp("gp", partial_cube(partial));
    int same = 0;
    for (std::int64_t number = 0; number < of; ++number)
      same += *whole.searcher->ask(number, 0) == *gp.searcher->ask(number, 0) ? 1 : 0;
    return same;
  };
  EXPECT_EQ(as_gp(false, 15), 15);
  EXPECT_GE(as_gp(true, 20), 7);
  EXPECT_LE(as_gp(true, 20), 13);
}

}  // namespace
}  // namespace hone::search
