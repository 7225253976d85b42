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

TEST(OutputTransform, NormalQuantileInvertsTheDistribution) {
  for (const double p : {1e-12, 1e-5, 0.01, 0.3, 0.5, 0.7, 0.999})
    EXPECT_NEAR(0.5 * std::erfc(-normal_quantile(p) / std::sqrt(2.0)), p, 1e-10 * p + 1e-16);
}

}  // namespace
}  // namespace hone::predict
