#include "hone/predict/support_vector.h"

#include <cmath>

#include <gtest/gtest.h>

#include "hone/base/rng.h"
#include "hone/predict/final_value.h"

namespace hone::predict {
namespace {

TEST(SupportVector, FitsAFunctionThroughItsTube) {
  std::vector<std::vector<double>> rows;
  std::vector<double> targets;
  for (int i = 0; i <= 60; ++i) {
    const double x = -3.0 + 0.1 * i;
    rows.push_back({x});
    targets.push_back(std::sin(x));
  }
  const SupportVectorRegression model(rows, targets, {100.0, 0.5, 0.5});
  for (double x = -2.9; x < 2.9; x += 0.17) EXPECT_NEAR(model.predict({x}), std::sin(x), 0.02);
  const SupportVectorRegression line({{0.0}, {1.0}, {2.0}, {3.0}}, {1.0, 3.0, 5.0, 7.0}, {100.0, 0.5, 0.0});
  EXPECT_NEAR(line.predict({10.0}), 21.0, 0.1);
}

TEST(SupportVector, NuIsAboutTheShareOfSupportVectorsAndAnOutlierHardlyMatters) {
  Rng rng(1, "noise");
  std::vector<std::vector<double>> rows;
  std::vector<double> targets;
  for (int i = 0; i < 200; ++i) {
    const double x = rng.uniform(-1.0, 1.0);
    rows.push_back({x});
    targets.push_back(2.0 * x + 0.3 * rng.normal());
  }
  targets[0] += 100.0;
  for (const double nu : {0.2, 0.5, 0.8}) {
    const SupportVectorRegression model(rows, targets, {1.0, nu, 0.0});
    // nu bounds the share outside the tube from above and the share of support vectors from below.
    EXPECT_GE(double(model.support_vectors()), nu * 200.0 - 1.0);
    EXPECT_LE(double(model.support_vectors()), nu * 200.0 + 20.0);
    EXPECT_NEAR(model.predict({0.5}), 1.0, 0.2);
  }
}

TEST(SupportVector, EqualTargetsAndASingleRow) {
  EXPECT_DOUBLE_EQ(SupportVectorRegression({{1.0}, {2.0}}, {4.0, 4.0}, {}).predict({9.0}), 4.0);
  EXPECT_DOUBLE_EQ(SupportVectorRegression({{1.0}}, {-3.0}, {}).predict({0.0}), -3.0);
}

TEST(FinalValue, FeaturesAreTheCurveItsDifferencesAndTheRest) {
  EXPECT_EQ(curve_features({1, 4, 9}, {7}), (std::vector<double>{1, 4, 9, 3, 5, 2, 7}));
  EXPECT_EQ(curve_features({1}, {}), (std::vector<double>{1}));
  EXPECT_EQ(curve_features(std::vector<double>(1000, 2.0), {}).size(), 30u + 29u + 28u);
}

TEST(FinalValue, SaysHowFarItMayBeOff) {
  Rng rng(2, "curves");
  const auto curve = [&](double& final) {
    const double a = rng.uniform(), b = rng.uniform(0.5, 2.0), c = rng.uniform(0.3, 1.0);
    std::vector<double> values;
    for (int step = 1; step <= 6; ++step) values.push_back(a + b * std::pow(step, -c));
    final = a + b * std::pow(40.0, -c);
    return curve_features(values, {});
  };
  std::vector<std::vector<double>> rows(60);
  std::vector<double> finals(60);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = curve(finals[i]);
  const FinalValue model(rows, finals);
  int inside = 0;
  for (int i = 0; i < 100; ++i) {
    double final = 0.0;
    const auto row = curve(final);
    const auto predicted = model.predict(row);
    EXPECT_LT(predicted.deviation, 0.15);
    inside += std::abs(predicted.mean - final) < 2.0 * predicted.deviation ? 1 : 0;
  }
  EXPECT_GE(inside, 85);
}

}  // namespace
}  // namespace hone::predict
