#include "hone/predict/boosted_trees.h"

#include <cmath>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/predict/ridge.h"
#include "hone/predict/score.h"

namespace hone::predict {
namespace {

/// Friedman's test function ("Multivariate Adaptive Regression Splines", 1991): five columns matter of eight.
struct Data {
  std::vector<double> rows, targets;
};
Data friedman(std::size_t count, std::uint64_t seed, double noise = 0.0) {
  Rng rng(seed, "friedman", 0);
  Data data;
  for (std::size_t i = 0; i < count; ++i) {
    double x[8];
    for (double& value : x) data.rows.push_back(value = rng.uniform());
    data.targets.push_back(10.0 * std::sin(3.14159265 * x[0] * x[1]) + 20.0 * (x[2] - 0.5) * (x[2] - 0.5) +
                           10.0 * x[3] + 5.0 * x[4] + noise * rng.normal());
  }
  return data;
}

std::vector<double> predicted(const BoostedTrees& model, const Data& data) {
  std::vector<double> values;
  for (std::size_t i = 0; i < data.targets.size(); ++i)
    values.push_back(model.predict({&data.rows[i * 8], 8}));
  return values;
}

TEST(BoostedTrees, LearnWhatLinesCannot) {
  const Data training = friedman(1500, 1, 1.0), test = friedman(500, 2);
  const BoostedTrees model =
      BoostedTrees::fit(training.rows, 8, training.targets, {.trees = 200, .learning_rate = 0.1});
  EXPECT_GT(accuracy(predicted(model, test), test.targets).r2, 0.95);
  const Ridge line = Ridge::fit(training.rows, 8, training.targets);
  std::vector<double> straight;
  for (std::size_t i = 0; i < test.targets.size(); ++i)
    straight.push_back(line.predict({&test.rows[i * 8], 8}));
  EXPECT_LT(accuracy(straight, test.targets).r2, 0.85);
  const std::vector<double> importance = model.importance();
  EXPECT_GT(importance[3], 0.15);
  EXPECT_LT(importance[5] + importance[6] + importance[7], 0.1);
}

TEST(BoostedTrees, QuantilesCoverTheirShare) {
  const Data training = friedman(2000, 3, 2.0), test = friedman(1000, 4, 2.0);
  const BoostingOptions options{
      .trees = 150, .learning_rate = 0.1, .leaves = 15, .least_in_leaf = 30, .quantile = 0.9};
  const std::vector<double> high =
      predicted(BoostedTrees::fit(training.rows, 8, training.targets, options), test);
  int covered = 0;
  for (std::size_t i = 0; i < high.size(); ++i) covered += test.targets[i] <= high[i] ? 1 : 0;
  EXPECT_GT(covered, 780);
  EXPECT_LT(covered, 960);
}

TEST(BoostedTrees, TheSameDataGivesTheSameModelAndItsFile) {
  const Data data = friedman(300, 5);
  const BoostingOptions options{.trees = 20};
  const BoostedTrees model = BoostedTrees::fit(data.rows, 8, data.targets, options);
  EXPECT_EQ(model, BoostedTrees::fit(data.rows, 8, data.targets, options));
  const BoostedTrees read = BoostedTrees::from_json(model.json());
  EXPECT_EQ(predicted(read, data), predicted(model, data));
  EXPECT_THROW(BoostedTrees::fit(data.rows, 7, data.targets), Error);
  EXPECT_THROW(
      BoostedTrees::from_json(Json::parse(R"({"columns": 2, "base": 0.0, "trees": [[[0, 1.0, 0], [1.0]]]})")),
      Error)
      << "a node is its own child";
  EXPECT_THROW(BoostedTrees::from_json(
                   Json::parse(R"({"columns": 2, "base": 0.0, "trees": [[[5, 1.0, 1], [1.0], [2.0]]]})")),
               Error);
  for (const char* child : {"9223372036854775807", "9223372036854775806", "4294967297", "1.5", "2", "-1"})
    EXPECT_THROW(BoostedTrees::from_json(
                     Json::parse(std::string(R"({"columns": 2, "base": 0.0, "trees": [[[0, 1.0, )") + child +
                                 R"(], [1.0], [2.0]]]})")),
                 Error)
        << child;
  EXPECT_THROW(BoostedTrees::from_json(Json::parse(R"({"columns": 2, "base": 0.0, "trees": [[[1e300]]]})")),
               Error)
      << "sums of leaves must stay finite";
}

/// One tree after the other, as its file says.
double one_by_one(const Json& file, const std::vector<double>& row) {
  double sum = file["base"].get<double>();
  for (const Json& tree : file["trees"]) {
    std::size_t at = 0;
    while (tree[at].size() == 3)
      at = tree[at][2].get<std::size_t>() +
           (row[tree[at][0].get<std::size_t>()] <= tree[at][1].get<double>() ? 0 : 1);
    sum += tree[at][0].get<double>();
  }
  return sum;
}

TEST(BoostedTrees, AllTreesAtOnceGiveWhatOneAfterTheOtherDoes) {
  const Data data = friedman(500, 6, 1.0);
  Rng rng(7, "rows", 0);
  for (const int trees : {1, 7, 8, 61}) {
    const BoostedTrees model = BoostedTrees::fit(data.rows, 8, data.targets, {.trees = trees, .leaves = 40});
    const Json file = model.json();
    std::vector<double> thresholds;
    for (const Json& tree : file["trees"])
      for (const Json& node : tree)
        if (node.size() == 3) thresholds.push_back(node[1].get<double>());
    const auto anything = [&] {
      switch (rng.below(6)) {
        case 0:
          return thresholds[rng.below(thresholds.size())];
        case 1:
          return std::nextafter(thresholds[rng.below(thresholds.size())], 2.0);
        case 2:
          return std::nan("");
        case 3:
          return rng.uniform() < 0.5 ? HUGE_VAL : -HUGE_VAL;
        default:
          return rng.uniform();
      }
    };
    for (int k = 0; k < 2000; ++k) {
      std::vector<double> row(8);
      for (double& value : row) value = anything();
      ASSERT_EQ(model.predict(row), one_by_one(file, row)) << trees << " trees, row " << k;
    }
  }
  EXPECT_EQ(
      BoostedTrees::from_json(Json::parse(R"({"columns": 1, "base": 1.0, "trees": [[[2.0]], [[3.0]]]})"))
          .predict(std::vector<double>{0.0}),
      6.0)
      << "trees of one leaf";
}

/// As many as a byte tells apart, and more: of thresholds, of a tree's nodes, of columns.
TEST(BoostedTrees, AnyNumberOfThresholdsNodesAndColumns) {
  for (const unsigned count : {126u, 127u, 128u, 253u, 254u, 255u, 256u, 257u, 1000u}) {
    Json thresholds{{"columns", 1u}, {"base", 0.0}, {"trees", Json::array()}};
    Json columns{{"columns", count}, {"base", 0.0}, {"trees", Json::array()}};
    Json chain = Json::array();
    for (unsigned k = 0; k < count; ++k) {
      thresholds["trees"].push_back({{0, k + 0.5, 1}, Json::array({0.0}), Json::array({1.0})});
      columns["trees"].push_back({{k, 0.5, 1}, Json::array({0.0}), Json::array({1.0})});
      // Up to the threshold a leaf that says which; beyond, the next one.
      chain.push_back({0, k + 0.5, 2 * k + 1});
      chain.push_back(Json::array({k + 0.0}));
    }
    chain.push_back(Json::array({count + 0.0}));
    const Json deep{{"columns", 1u}, {"base", 0.0}, {"trees", Json::array({chain})}};
    const BoostedTrees of_thresholds = BoostedTrees::from_json(thresholds),
                       of_nodes = BoostedTrees::from_json(deep),
                       of_columns = BoostedTrees::from_json(columns);
    for (unsigned k = 0; k <= count; ++k) {
      EXPECT_EQ(of_thresholds.predict(std::vector<double>{k + 0.0}), k) << count;
      EXPECT_EQ(of_nodes.predict(std::vector<double>{k + 0.0}), k) << count;
      std::vector<double> row(count, 0.0);
      std::fill(row.begin(), row.begin() + k, 1.0);
      EXPECT_EQ(of_columns.predict(row), k) << count;
    }
  }
}

TEST(BoostedTrees, OneRowAndConstantColumns) {
  const std::vector<double> row{1.0, 2.0}, target{3.0};
  EXPECT_EQ(BoostedTrees::fit(row, 2, target).predict(row), 3.0);
  EXPECT_NEAR(Ridge::fit(row, 2, target).predict(row), 3.0, 1e-9);
}

}  // namespace
}  // namespace hone::predict
