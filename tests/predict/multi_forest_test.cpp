#include "hone/predict/multi_forest.h"

#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/base/rng.h"

namespace hone::predict {
namespace {

struct MultiSample {
  std::vector<Row> rows;
  std::vector<std::vector<double>> targets;
};

/// Two targets of very different units that hang on the same three numbers, one of which does nothing.
MultiSample two_targets(std::size_t n, std::uint64_t seed) {
  MultiSample sample;
  Rng rng(seed, "rows");
  for (std::size_t i = 0; i < n; ++i) {
    const Row row{rng.uniform(), rng.uniform(), rng.uniform()};
    sample.rows.push_back(row);
    sample.targets.push_back({1e6 * std::sin(6.0 * row[0]), 1e-6 * (row[1] > 0.5 ? 3.0 : 1.0)});
  }
  return sample;
}

TEST(MultiForest, LearnsTargetsOfAnyUnitTogether) {
  const auto sample = two_targets(1500, 1), unseen = two_targets(200, 2);
  const MultiForest forest(sample.rows, sample.targets, {});
  ASSERT_EQ(forest.explained().size(), 2U);
  EXPECT_GT(forest.explained()[0], 0.98);
  EXPECT_GT(forest.explained()[1], 0.98) << "a target with small numbers counts as much";
  EXPECT_LT(forest.importance()[2], 0.05) << "what does nothing";
  EXPECT_NEAR(forest.importance()[0] + forest.importance()[1] + forest.importance()[2], 1.0, 1e-9);
  double off = 0.0;
  for (std::size_t i = 0; i < unseen.rows.size(); ++i)
    off += std::abs(forest.predict(unseen.rows[i]).mean[0] - unseen.targets[i][0]) / 200.0;
  EXPECT_LT(off, 0.05e6);
}

TEST(MultiForest, OneStructureForAllTargets) {
  // Only the first target says where the step is; the second is the same step in noise. Grown together the
  // second's leaves are means of many rows on each side, and none of them follows its noise alone.
  MultiSample sample;
  Rng rng(1, "rows");
  for (int i = 0; i < 400; ++i) {
    const double x = rng.uniform(), step = x > 0.37 ? 1.0 : 0.0;
    sample.rows.push_back({x});
    sample.targets.push_back({step, step + 0.5 * rng.normal()});
  }
  MultiForestOptions stump;
  stump.max_depth = 1;
  const MultiForest forest(sample.rows, sample.targets, stump);
  EXPECT_EQ(forest.leaves(), 2 * forest.trees());
  EXPECT_NEAR(forest.predict(Row{0.3}).mean[0], 0.0, 0.05);
  EXPECT_NEAR(forest.predict(Row{0.45}).mean[0], 1.0, 0.05);
  EXPECT_NEAR(forest.predict(Row{0.9}).mean[1] - forest.predict(Row{0.1}).mean[1], 1.0, 0.15);
}

TEST(MultiForest, TreesDisagreeWhereLittleIsKnown) {
  MultiSample sample;
  Rng rng(1, "rows");
  for (int i = 0; i < 400; ++i) {
    const double x = i < 380 ? 0.4 * rng.uniform() : 0.6 + 0.4 * rng.uniform();
    sample.rows.push_back({x});
    sample.targets.push_back({std::sin(20.0 * x)});
  }
  const MultiForest forest(sample.rows, sample.targets, {});
  double dense = 0.0, sparse = 0.0;
  for (int i = 0; i < 50; ++i) {
    dense += forest.predict(Row{0.4 * i / 50.0}).sd[0];
    sparse += forest.predict(Row{0.6 + 0.4 * i / 50.0}).sd[0];
  }
  EXPECT_GT(sparse, 3.0 * dense);
}

TEST(MultiForest, TheSameSeedGivesTheSameForestAndTheFileTheSameNumbers) {
  const auto sample = two_targets(300, 3);
  MultiForestOptions options;
  options.trees = 20;
  options.features = 0.5;
  options.min_leaf = 2;
  options.seed = 7;
  const MultiForest first(sample.rows, sample.targets, options);
  const MultiForest again(sample.rows, sample.targets, options);
  EXPECT_EQ(first.json().dump(), again.json().dump());
  options.seed = 8;
  EXPECT_NE(first.json().dump(), MultiForest(sample.rows, sample.targets, options).json().dump());

  const MultiForest back =
      MultiForest::from_json(parse_json(first.json().dump(), "forest.json"), Place{"forest.json", 0, ""});
  for (const Row& row : two_targets(100, 4).rows) {
    EXPECT_EQ(first.predict(row).mean, back.predict(row).mean);
    EXPECT_EQ(first.predict(row).sd, back.predict(row).sd);
  }
  EXPECT_EQ(first.json().dump(), back.json().dump());
}

TEST(MultiForest, DepthAndLeavesAreBounded) {
  const auto sample = two_targets(400, 5);
  MultiForestOptions options;
  options.trees = 10;
  options.max_depth = 3;
  EXPECT_LE(MultiForest(sample.rows, sample.targets, options).leaves(), 80U);
  options.max_depth = 0;
  options.min_leaf = 100;
  EXPECT_LE(MultiForest(sample.rows, sample.targets, options).leaves(), 40U);
  const MultiForest constant({{1.0}, {2.0}, {3.0}}, {{5.0}, {5.0}, {5.0}}, {});
  EXPECT_EQ(constant.predict(Row{9.0}).mean[0], 5.0);
  EXPECT_EQ(constant.predict(Row{9.0}).sd[0], 0.0);
}

TEST(MultiForest, IsAskedBeforeEveryTreeWhetherToGoOn) {
  const auto sample = two_targets(100, 8);
  MultiForestOptions options;
  options.trees = 50;
  int asked = 0;
  options.interrupted = [&] { return ++asked == 4; };
  EXPECT_THROW(MultiForest(sample.rows, sample.targets, options), Error);
  EXPECT_EQ(asked, 4);
  options.interrupted = [&] { return ++asked < 0; };
  const MultiForest whole(sample.rows, sample.targets, options);
  EXPECT_EQ(asked, 54);
  options.interrupted = {};
  EXPECT_EQ(whole.json().dump(), MultiForest(sample.rows, sample.targets, options).json().dump());
}

TEST(MultiForest, DamagedFilesAreErrorsThatSayWhere) {
  const auto sample = two_targets(50, 6);
  MultiForestOptions options;
  options.trees = 3;
  const Json good = MultiForest(sample.rows, sample.targets, options).json();
  const auto fails = [&](const std::function<void(Json&)>& change) {
    Json bad = good;
    change(bad);
    try {
      (void)MultiForest::from_json(bad, Place{"f.json", 0, ""});
      ADD_FAILURE() << "read: " << bad.dump().substr(0, 200);
    } catch (const Error& error) {
      EXPECT_EQ(error.place().file, "f.json");
      EXPECT_EQ(error.fault(), Fault::input) << error.what();
    }
  };
  fails([](Json& json) { json["format"] = "other"; });
  fails([](Json& json) { json["version"] = 2; });
  fails([](Json& json) { json.erase("cuts"); });
  fails([](Json& json) { json["cuts"][0] = {2.0, 1.0}; });
  fails([](Json& json) { json["targets"] = 3; });
  fails([](Json& json) { json["trees"] = Json::array(); });
  fails([](Json& json) { json["trees"][0]["nodes"] = "AAAA"; });
  fails([](Json& json) { json["trees"][1]["values"] = "AAAA"; });
  fails([](Json& json) { json["trees"][1]["nodes"] = "not base64!"; });
  EXPECT_THROW(MultiForest({}, {}, {}), Error);
  EXPECT_THROW(MultiForest({{kNaN}}, {{1.0}}, {}), Error);
  EXPECT_THROW(MultiForest({{1.0}}, {{1.0, 2.0}, {1.0}}, {}), Error);
}

}  // namespace
}  // namespace hone::predict
