#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hone/base/rng.h"
#include "hone/task/functions/function.h"

namespace hone::task {
namespace {

std::vector<FunctionInfo> failing_functions() {
  std::vector<FunctionInfo> result;
  for (const FunctionInfo& info : test_functions())
    if (info.suite == "failing") result.push_back(info);
  return result;
}

/// The function of which it is made.
std::string whole(const std::string& name) { return name.substr(0, name.rfind('_')); }

space::Config at(const Benchmark& benchmark, const std::vector<double>& place) {
  std::vector<space::Config::Entry> entries;
  for (std::size_t i = 0; i < place.size(); ++i)
    entries.emplace_back(benchmark.space().parameter(i).name, place[i]);
  return space::Config(std::move(entries));
}

TEST(FailingFunctions, FailOrAreWhatTheyAreMadeOf) {
  ASSERT_EQ(failing_functions().size(), 8u);
  for (const FunctionInfo& info : failing_functions()) {
    const auto benchmark = make_function(info.name);
    const auto sound = make_function(whole(info.name), info.dimension);
    int failed = 0;
    for (std::uint64_t i = 0; i < 700; ++i) {
      Rng rng(7, "test", i);
      const space::Config config = benchmark->space().sample(rng);
      const Evaluation evaluation = benchmark->evaluate(config, 0, 1);
      EXPECT_EQ(evaluation.failure.empty(), !evaluation.measures.empty());
      EXPECT_DOUBLE_EQ(evaluation.cost_s, 1.0);
      if (!evaluation.failure.empty())
        ++failed;
      else
        EXPECT_EQ(*evaluation.measures.find("value"), *sound->evaluate(config, 0, 1).measures.find("value"));
      // The same config fares the same again.
      EXPECT_EQ(benchmark->evaluate(config, 1, 1).failure, evaluation.failure);
    }
    if (info.name.ends_with("_lost"))
      EXPECT_NEAR(failed, 100, 30) << info.name;
    else
      EXPECT_GT(failed, 100) << info.name;
    EXPECT_LT(failed, 650) << info.name;
  }
}

TEST(FailingFunctions, EdgesLeaveTheOptimumAndLieNearIt) {
  const std::map<std::string, std::vector<double>> places{
      {"branin_edge", {0.54277284, 0.15166667}},
      {"hartmann6_edge", {0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573}},
      {"ackley_edge", {0, 0, 0, 0, 0}},
      {"levy_edge", {1, 1, 1, 1, 1}}};
  for (const auto& [name, place] : places) {
    const auto benchmark = make_function(name);
    const Evaluation best = benchmark->evaluate(at(*benchmark, place), 0, 1);
    ASSERT_TRUE(best.failure.empty()) << name;
    EXPECT_NEAR(*best.measures.find("value"), *benchmark->optimum(), 1e-5) << name;
    std::vector<double> beyond = place;
    const auto& first = benchmark->space().parameter(0);
    beyond[0] -= 0.03 * (first.high - first.low);
    EXPECT_FALSE(benchmark->evaluate(at(*benchmark, beyond), 0, 1).failure.empty()) << name;
  }
}

}  // namespace
}  // namespace hone::task
