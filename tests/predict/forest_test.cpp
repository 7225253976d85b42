#include "hone/predict/forest.h"

#include <cmath>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"

namespace hone::predict {
namespace {

std::vector<Row> uniform_rows(std::size_t n, std::size_t width, std::uint64_t seed) {
  std::vector<Row> rows(n, Row(width));
  Rng rng(seed, "rows");
  for (Row& row : rows)
    for (double& value : row) value = rng.uniform();
  return rows;
}

template <typename Function>
std::vector<double> values_of(const std::vector<Row>& rows, Function function) {
  std::vector<double> values;
  for (const Row& row : rows) values.push_back(function(row));
  return values;
}

double mean(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

TEST(Forest, LearnsAFunctionAndSaysHowWell) {
  const auto rows = uniform_rows(800, 3, 1);
  const auto wave = [](const Row& x) { return std::sin(6.0 * x[0]) + 2.0 * x[1]; };
  const Forest forest({{}, {}, {}}, rows, values_of(rows, wave), {});
  EXPECT_GT(forest.explained(), 0.95);
  for (const Row& row : uniform_rows(50, 3, 2)) EXPECT_NEAR(forest.predict(row), wave(row), 0.45);

  Rng rng(3, "noise");
  const Forest noise({{}, {}, {}}, rows, values_of(rows, [&](const Row&) { return rng.normal(); }), {});
  EXPECT_LT(noise.explained(), 0.1) << "there is nothing to learn";
}

TEST(Forest, SplitsCategoriesWhereTheirOrderMeansNothing) {
  std::vector<Row> rows;
  Rng rng(1, "rows");
  for (int i = 0; i < 300; ++i) rows.push_back({static_cast<double>(rng.below(5)), rng.uniform()});
  const auto odd = [](const Row& x) { return x[0] == 1.0 || x[0] == 3.0 ? 5.0 : 1.0; };
  const Forest forest({{5}, {}}, rows, values_of(rows, odd), {});
  for (int c = 0; c < 5; ++c)
    EXPECT_NEAR(forest.predict({static_cast<double>(c), 0.5}), odd({static_cast<double>(c), 0.5}), 0.1);
  const Forest::Marginal marginal(forest, 0);
  EXPECT_NEAR(marginal.variance(), 16.0 * 0.4 * 0.6, 0.1);
}

TEST(Forest, ACategoryWithoutRowsIsLikeTheOthersWhateverTheUnit) {
  std::vector<Row> rows;
  for (int i = 0; i < 90; ++i) rows.push_back({static_cast<double>(i % 3)});
  for (const double offset : {-10.0, 0.5, 10.0}) {
    double sum = 0.0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      ForestOptions options;
      options.seed = seed;
      const Forest forest({{4}}, rows, values_of(rows, [&](const Row& x) { return x[0] + offset; }), options);
      sum += forest.predict({3.0}) - offset;
    }
    EXPECT_NEAR(sum / 20.0, 1.0, 0.35) << offset;
  }
}

TEST(Forest, AnUnknownEntryCountsBothSides) {
  const auto rows = uniform_rows(400, 1, 1);
  const Forest forest({{}}, rows, values_of(rows, [](const Row& x) { return x[0] < 0.25 ? 0.0 : 4.0; }), {});
  EXPECT_NEAR(forest.predict({std::nan("")}), 3.0, 0.25);
}

/// The exact marginal against the mean of predictions over many points.
TEST(Forest, MarginalIsTheMeanOverTheOthers) {
  std::vector<Row> rows;
  Rng rng(5, "rows");
  for (int i = 0; i < 300; ++i)
    rows.push_back({rng.uniform(), static_cast<double>(rng.below(3)), std::pow(rng.uniform(), 3.0)});
  const auto mixed = [](const Row& x) { return x[0] * (1.0 + x[1]) + std::cos(4.0 * x[2]) * (x[1] == 1.0); };
  const Forest forest({{}, {3}, {}}, rows, values_of(rows, mixed), {.trees = 12, .seed = 9});
  constexpr int kPoints = 20000;
  for (std::size_t f = 0; f < 3; ++f) {
    const Forest::Marginal marginal(forest, f);
    for (const double value : f == 1 ? std::vector<double>{0, 1, 2} : std::vector<double>{0.05, 0.5, 0.93}) {
      double sum = 0.0;
      for (int i = 0; i < kPoints; ++i) {
        Row x{rng.uniform(), static_cast<double>(rng.below(3)), rng.uniform()};
        x[f] = value;
        sum += forest.predict(x);
      }
      EXPECT_NEAR(mean(marginal.at(value)), sum / kPoints, 0.02) << "feature " << f << " at " << value;
    }
    double first = 0.0, second = 0.0;
    constexpr int kSteps = 3000;
    for (int k = 0; k < kSteps; ++k) {
      const double value = mean(marginal.at(f == 1 ? k % 3 : (k + 0.5) / kSteps));
      first += value / kSteps;
      second += value * value / kSteps;
    }
    EXPECT_NEAR(marginal.variance(), second - first * first, 1e-3);
  }
}

struct Spread {
  double mean = 0.0, variance = 0.0;
};

/// Of a row over trees, from their leaves by the law of total variance.
Spread over_trees(const Forest& forest, const Row& row) {
  const auto n = static_cast<double>(forest.trees());
  double mean = 0.0, squares = 0.0, within = 0.0;
  for (std::size_t tree = 0; tree < forest.trees(); ++tree) {
    const Forest::Leaf& leaf = forest.leaf_at(tree, forest.leaf(tree, row));
    mean += leaf.mean / n;
    squares += leaf.mean * leaf.mean / n;
    within += leaf.variance / n;
  }
  return {mean, within + squares - mean * mean};
}

TEST(Forest, TreesDisagreeWhereTheyHaveSeenNothing) {
  std::vector<Row> rows;
  std::vector<double> targets;
  for (int i = 0; i < 40; ++i) {  // nothing between 0.4 and 0.8
    const double x = i < 20 ? 0.02 * i : 0.8 + 0.01 * (i - 20);
    rows.push_back({x});
    targets.push_back(10.0 * x);
  }
  const Forest forest({{0}}, rows, targets,
                      {.trees = 20, .min_leaf = 1, .features = 1.0, .random_cuts = true});
  EXPECT_LT(over_trees(forest, {0.2}).variance, 0.05);
  EXPECT_GT(over_trees(forest, {0.6}).variance, 1.0);
  for (const double x : {0.2, 0.6, 0.9}) EXPECT_NEAR(over_trees(forest, {x}).mean, forest.predict({x}), 1e-9);
}

TEST(Forest, ALeafOfManyRowsHasTheirVariance) {
  const Forest forest({{0}}, std::vector<Row>(400, Row{0.5}),
                      [] {
                        std::vector<double> targets;
                        for (int i = 0; i < 400; ++i) targets.push_back(i % 2);
                        return targets;
                      }(),
                      {.trees = 10});
  const auto told = over_trees(forest, {0.5});
  EXPECT_NEAR(told.mean, 0.5, 0.05);
  EXPECT_NEAR(told.variance, 0.25, 0.01);
}

TEST(Forest, RepeatsItselfAndRefusesWhatDoesNotFit) {
  const auto rows = uniform_rows(60, 2, 1);
  const auto targets = values_of(rows, [](const Row& x) { return x[0] - x[1]; });
  const Forest a({{}, {}}, rows, targets, {.seed = 4}), b({{}, {}}, rows, targets, {.seed = 4});
  EXPECT_EQ(a.predict({0.3, 0.7}), b.predict({0.3, 0.7}));
  EXPECT_THROW(Forest({{}}, {}, {}, {}), Error);
  EXPECT_THROW(Forest({{}}, rows, targets, {}), Error);
  EXPECT_THROW(Forest({{2}, {}}, {{2.0, 0.5}}, {1.0}, {}), Error);
  EXPECT_THROW(Forest({{}, {}}, {{0.5, std::nan("")}}, {1.0}, {}), Error);
  EXPECT_TRUE(std::isnan(Forest({{}}, {{0.5}}, {1.0}, {}).explained())) << "one row leaves none out";
}

}  // namespace
}  // namespace hone::predict
