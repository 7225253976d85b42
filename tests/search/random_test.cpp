#include <set>

#include <gtest/gtest.h>

#include "simulated_study.h"

namespace hone::search {
namespace {

TEST(Random, FirstSuggestionsAreGolden) {
  SimulatedStudy study("random", problem_of(mixed_space()));
  EXPECT_EQ(study.searcher->ask(0, 0)->shown(), "lr=0.000316484 layers=6 width=66 mixer=attention tied=true");
  EXPECT_EQ(study.searcher->ask(1, 0)->shown(),
            "lr=0.0718788 layers=5 width=324 mixer=pattention tokens=1007 tied=false");
}

TEST(Random, EveryNumberAttemptAndSeedHasItsOwnDraw) {
  std::set<std::string> drawn;
  for (std::uint64_t seed : {1, 2}) {
    SimulatedStudy study("random", problem_of(mixed_space(), 1, seed));
    for (std::int64_t number : {0, 1, 2})
      for (int attempt : {0, 1}) {
        const auto config = study.searcher->ask(number, attempt);
        EXPECT_TRUE(study.problem.space.feasible(*config));
        EXPECT_EQ(config, study.searcher->ask(number, attempt));
        drawn.insert(config->shown());
      }
  }
  EXPECT_EQ(drawn.size(), 12u);
}

}  // namespace
}  // namespace hone::search
