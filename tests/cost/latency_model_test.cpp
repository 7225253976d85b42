#include "hone/cost/latency_model.h"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"

namespace hone::cost {
namespace {

using Eigen::Index;

Designs one_column(Index n) {
  Designs designs;
  Eigen::MatrixXd work(n, 2);
  for (Index i = 0; i < n; ++i) work.row(i) << static_cast<double>(i % 20), 7.0;
  designs.views = {{"work", 1.0, {"x", "constant"}, work}};
  designs.details = work;
  return designs;
}

std::vector<std::size_t> everywhere(std::size_t n) {
  std::vector<std::size_t> at(n);
  std::iota(at.begin(), at.end(), std::size_t{0});
  return at;
}

TEST(LatencyModel, ALineThatOutliersDoNotMove) {
  const Designs designs = one_column(60);
  std::vector<double> latency;
  for (int i = 0; i < 60; ++i) latency.push_back(1.0 + 0.5 * (i % 20) + (i % 10 == 3 ? 40.0 : 0.0));
  latency[5] = std::nan("");
  latency[6] = -1.0;
  const LatencyModel model(designs, everywhere(60), latency);
  EXPECT_NEAR(model.predict(designs, 10), 6.0, 0.05);
  EXPECT_NEAR(model.coefficients()(0), 0.5, 0.01);
  EXPECT_EQ(model.coefficients()(1), 0.0);
  EXPECT_FALSE(model.has_forest());
}

TEST(LatencyModel, AForestLearnsWhatALineLeaves) {
  const Designs designs = one_column(600);
  std::vector<double> latency;
  Rng rng(1, "latency model");
  for (int i = 0; i < 600; ++i) latency.push_back(10.0 + (i % 20 > 9 ? 5.0 : 0.0) + 0.1 * rng.normal());
  for (const bool relative : {false, true}) {
    LatencyModelOptions options;
    options.relative = relative;
    const LatencyModel model(designs, everywhere(600), latency, options);
    ASSERT_TRUE(model.has_forest());
    EXPECT_NEAR(model.predict(designs, 9), 10.0, 0.7);
    EXPECT_NEAR(model.predict(designs, 10), 15.0, 0.7);
  }
}

TEST(LatencyModel, WantsMeasurements) {
  const Designs designs = one_column(5);
  EXPECT_THROW(LatencyModel(designs, {0}, {std::nan("")}), Error);
  EXPECT_THROW(LatencyModel(designs, {9}, {1.0}), Error);
  // One measurement: a constant.
  EXPECT_NEAR(LatencyModel(designs, {2}, {3.0}).predict(designs, 4), 3.0, 1e-4);
}

}  // namespace
}  // namespace hone::cost
