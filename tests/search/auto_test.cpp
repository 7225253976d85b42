#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "tests/search/simulated_study.h"

namespace hone::search {
namespace {

TEST(Auto, GivesEachPartItsShareOfTheTurns) {
  const Problem problem = problem_of(cube(2));
  SimulatedStudy study("auto", problem, Json{{"parts", {"sobol 0.5", "random 1.5"}}, {"alone_until", 10}});
  const auto random = make_searcher("random", problem);
  int of_random = 0;
  while (study.trials.size() < 110) {
    const auto number = static_cast<std::int64_t>(study.trials.size());
    const space::Config config = study.ask();
    if (config == random->ask(number, 0)) ++of_random;
    EXPECT_TRUE(number >= 10 || of_random == 0) << "the first part is alone";
    study.finish(study.create(config), {-static_cast<double>(number)});  // all are as good
  }
  EXPECT_NEAR(of_random, 75, 3);
}

TEST(Auto, AProcessThatExpectsNothingLeavesMostOfItsTurns) {
  // A bowl that it knows to the bottom after some thirty trials. How many of the last forty are random's?
  const auto of_random = [](const Problem& problem, const Json& options) {
    SimulatedStudy study("auto", problem, options);
    const auto random = make_searcher("random", problem);
    int count = 0;
    while (study.trials.size() < 80) {
      const auto number = static_cast<std::int64_t>(study.trials.size());
      const space::Config config = study.ask();
      if (number >= 40 && config == random->ask(number, 0)) ++count;
      study.finish(study.create(config), {std::pow(config.real("x0") - 0.3, 2)});
    }
    return count;
  };
  const Json parts{{"parts", {"gp 1e6", "random 1"}}, {"alone_until", 10}};
  const int passed = of_random(problem_of(cube(1)), parts);
  EXPECT_GT(passed, 15);
  EXPECT_LT(passed, 39) << "some turns go on refining";
  Json alone = parts;
  alone["alone_until"] = 80;
  EXPECT_EQ(of_random(problem_of(cube(1)), alone), 0) << "all are the process's, the user says";
  Problem partial = problem_of(cube(1));
  partial.partial = true;
  EXPECT_EQ(of_random(partial, parts), 0);
}

TEST(Auto, ChecksItsParts) {
  const Problem problem = problem_of(cube(2));
  for (const char* part : {"gp 0", "gp -1", "gp inf", "gp nan", "gp 1e300", "gp x", "gp ", "auto", "gpp", ""})
    EXPECT_THROW(make_searcher("auto", problem, Json{{"parts", {part}}}), Error) << part;
}

}  // namespace
}  // namespace hone::search
