#include "hone/study/objective.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "hone/base/error.h"

namespace hone::study {
namespace {

TEST(Objective, OrientsSoThatLessIsBetter) {
  const Measures measures{{"accuracy", 0.9}, {"latency_s", 2.0}};
  const auto values =
      oriented({{"latency_s", true}, {"accuracy", false}, {"missing", true}, {"absent", false}}, measures);
  EXPECT_EQ(values[0], 2.0);
  EXPECT_EQ(values[1], -0.9);
  EXPECT_TRUE(std::isnan(values[2]));
  EXPECT_TRUE(std::isnan(values[3]));
}

TEST(Measures, KeepTheirOrderAndGoThroughJson) {
  Measures measures{{"b", 1.0}, {"a", std::numeric_limits<double>::infinity()}};
  measures.merge({{"a", -2.5}, {"c", 3.0}});
  EXPECT_EQ(measures, (Measures{{"b", 1.0}, {"a", -2.5}, {"c", 3.0}}));
  EXPECT_EQ(Measures::from_json(measures.json()), measures);
  measures.set("b", std::numeric_limits<double>::quiet_NaN());
  EXPECT_TRUE(std::isnan(*Measures::from_json(parse_json(measures.json().dump(), "test")).find("b")));
  EXPECT_FALSE(measures.find("d").has_value());
  EXPECT_THROW(Measures::from_json(Json::array()), Error);
  EXPECT_THROW(Measures::from_json(Json{{"a", true}}), Error);
}

TEST(Limit, SaysWhatIsViolated) {
  const Limit limit{"latency_s", 0.002, std::nullopt};
  EXPECT_EQ(limit.violation({{"latency_s", 0.0031}}), "latency_s is 3.10 ms, over the limit of 2.00 ms");
  EXPECT_EQ(limit.violation({{"latency_s", 0.002}}), "");
  EXPECT_EQ(limit.violation({{"accuracy", 0.5}}), "");
  EXPECT_NE(limit.violation({{"latency_s", std::nan("")}}), "");
  const Limit floor{"accuracy", std::nullopt, 0.5};
  EXPECT_EQ(floor.violation({{"accuracy", 0.25}}), "accuracy is 0.25, under the limit of 0.5");
}

TEST(Limit, SaysByHowMuchItIsBroken) {
  const Limit between{"width", 0.5, 0.25};
  EXPECT_EQ(between.excess({{"width", 0.75}}), 0.25);
  EXPECT_EQ(between.excess({{"width", 0.125}}), 0.125);
  EXPECT_EQ(between.excess({{"width", 0.375}}), -0.125);
  EXPECT_EQ((Limit{"width", 0.5, {}}.excess({{"width", 0.5}})), 0.0);
  EXPECT_TRUE(std::isnan(between.excess({{"height", 1.0}})));
  EXPECT_TRUE(std::isnan(between.excess({{"width", std::nan("")}})));
}

}  // namespace
}  // namespace hone::study
