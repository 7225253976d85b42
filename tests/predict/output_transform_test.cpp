#include "hone/predict/output_transform.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "hone/base/rng.h"

namespace hone::predict {
namespace {

TEST(OutputTransform, KeepsTheOrderAndTheScale) {
  Rng rng(1, "transform test");
  for (const std::string& name : OutputTransform::names()) {
    std::vector<double> values;
    for (int i = 0; i < 200; ++i) values.push_back(7.0 + 0.001 * std::exp(2.0 * rng.normal()));
    values.push_back(1e9);
    OutputTransform transform(OutputTransform::kind_from_name(name));
    transform.fit(values);
    double sum = 0.0, squares = 0.0;
    for (const double a : values) {
      const double z = transform(a);
      sum += z;
      squares += z * z;
      ASSERT_TRUE(std::isfinite(z)) << name;
      for (const double b : {7.0005, 7.001, 7.002})
        EXPECT_TRUE(a >= b ? z >= transform(b) : z <= transform(b)) << name;
    }
    const double n = static_cast<double>(values.size());
    EXPECT_NEAR(sum / n, 0.0, 1e-9) << name;
    EXPECT_NEAR(squares / n, 1.0, 1e-6) << name;
    // The good half is not pressed together by what lies far off.
    EXPECT_GT(transform(7.001) - transform(7.0002), 0.1) << name;
    EXPECT_LT(transform(6.9), transform(7.0)) << name;
  }
}

TEST(OutputTransform, TakesConstantsSinglesAndExtremes) {
  const double most = std::numeric_limits<double>::max();
  for (const std::string& name : OutputTransform::names()) {
    OutputTransform transform(OutputTransform::kind_from_name(name));
    for (const std::vector<double>& values : {std::vector<double>{},
                                              {3.0},
                                              {3.0, 3.0, 3.0},
                                              {-most, most},
                                              {0.0, 0.0, 0.0, most},
                                              {1e-300, 2e-300, 3e-300},
                                              {-most, 0.0, 1.0, 2.0, most}}) {
      transform.fit(values);
      for (const double value : values) EXPECT_TRUE(std::isfinite(transform(value))) << name << " " << value;
    }
  }
}

TEST(OutputTransform, PowersUndoSkew) {
  Rng rng(1, "transform test");
  std::vector<double> values;
  for (int i = 0; i < 500; ++i) values.push_back(std::exp(rng.normal()));
  OutputTransform transform(OutputTransform::Kind::power);
  transform.fit(values);
  double cubes = 0.0;
  for (const double value : values) cubes += std::pow(transform(value), 3) / 500.0;
  EXPECT_NEAR(cubes, 0.0, 0.25);  // as they come: 6
}

TEST(OutputTransform, LimitsKeepZeroApartFromBothSides) {
  // Most values just below what is forbidden, a few beyond it by anything: what a wall gives. Drawn in to the
  // others, those beyond could not be told from 0.
  for (const double far : {0.5, 60.0, 6e7}) {
    std::vector<double> values;
    for (int i = 0; i < 40; ++i) values.push_back(-1.0 + 0.0002 * i);
    values.insert(values.end(), {0.2, far});
    OutputTransform transform(OutputTransform::Kind::limit);
    transform.fit(values);
    EXPECT_GT(transform(0.2) - transform(0.0), 0.01) << far;
    EXPECT_GT(transform(0.0) - transform(-0.99), 0.01) << far;
    EXPECT_GT(transform(far), transform(0.2)) << far;
    double sum = 0.0, squares = 0.0;
    for (const double value : values) sum += transform(value), squares += std::pow(transform(value), 2);
    EXPECT_NEAR(sum, 0.0, 1e-6) << far;
    EXPECT_NEAR(squares, static_cast<double>(values.size()), 1e-6) << far;
  }
  // Both sides are alike, and units do not matter.
  OutputTransform straight(OutputTransform::Kind::limit), small(OutputTransform::Kind::limit);
  straight.fit({-4.0, -2.0, 1.0, 2.0, 3.0});
  small.fit({-4e-9, -2e-9, 1e-9, 2e-9, 3e-9});
  EXPECT_NEAR(straight(0.0) - straight(-4.0), straight(4.0) - straight(0.0), 1e-12);
  EXPECT_NEAR(straight(3.0), small(3e-9), 1e-9);
  // Linear where values are of one size, and it stays so when later ones gather near 0.
  std::vector<double> gathered{-4.0, -2.0, 1.0,  2.0, 3.0, -1.0, 4.0,  -3.0,
                               2.0,  1.0,  -2.0, 3.0, 1.0, 2.0,  -1.0, 1.0};
  for (int i = 0; i < 60; ++i) gathered.push_back(1e-4 * (i % 7 - 3));
  straight.fit(gathered);
  EXPECT_NEAR(straight(4.0) - straight(0.0), 400.0 * (straight(0.01) - straight(0.0)), 1e-9);
  // Nothing, one, constants and extremes.
  for (const std::vector<double>& values : {std::vector<double>{},
                                            {3.0},
                                            {0.0, 0.0},
                                            {1e-320, 1e-320, 1e300},
                                            {5.0, 5.0, 5.0},
                                            {-1.0, 0.0, std::numeric_limits<double>::max()}}) {
    straight.fit(values);
    for (const double value : values) EXPECT_TRUE(std::isfinite(straight(value))) << value;
    EXPECT_TRUE(std::isfinite(straight(0.0)));
  }
}

TEST(OutputTransform, NormalQuantileInvertsTheDistribution) {
  for (const double p : {1e-12, 1e-5, 0.01, 0.3, 0.5, 0.7, 0.999})
    EXPECT_NEAR(0.5 * std::erfc(-normal_quantile(p) / std::sqrt(2.0)), p, 1e-10 * p + 1e-16);
}

}  // namespace
}  // namespace hone::predict
