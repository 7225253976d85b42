#include "hone/cost/forecast.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "hone/base/rng.h"

namespace hone::cost {
namespace {

/// Seconds of a made design: by a width, a depth and a kind, with noise of 3%.
double measured(const std::vector<double>& row, Rng& rng) {
  const double clean = 1e-3 * std::exp(2.0 * row[0]) * (1.0 + 3.0 * row[1]) * (row[2] > 0.5 ? 1.6 : 1.0);
  return clean * std::exp(0.03 * rng.normal());
}

std::vector<double> design(Rng& rng) {
  return {rng.uniform(), rng.uniform(), static_cast<double>(rng.below(2))};
}

Forecast made() { return Forecast({{}, {}, {.categories = 2}}); }

TEST(Forecast, SaysNothingOfWhatItHasNotSeen) {
  Forecast forecast = made();
  Rng rng(1, "forecast");
  for (std::size_t i = 0; i + 1 < Forecast::kFewest; ++i) {
    const auto row = design(rng);
    forecast.tell(row, measured(row, rng));
  }
  EXPECT_FALSE(forecast.predict(design(rng)));
  const auto row = design(rng);
  // What is no cost tells nothing.
  forecast.tell(row, std::numeric_limits<double>::quiet_NaN());
  forecast.tell(row, std::numeric_limits<double>::infinity());
  forecast.tell(row, 0.0);
  EXPECT_FALSE(forecast.predict(design(rng)));
  forecast.tell(row, measured(row, rng));
  EXPECT_TRUE(forecast.predict(design(rng)));
}

TEST(Forecast, ComesNearAndKnowsHowNear) {
  Forecast forecast = made();
  Rng rng(2, "forecast");
  for (int i = 0; i < 600; ++i) {
    const auto row = design(rng);
    forecast.tell(row, measured(row, rng));
  }
  EXPECT_EQ(forecast.told(), 600);
  EXPECT_LT(forecast.error(), 0.04);
  int within = 0, below = 0;
  for (int i = 0; i < 400; ++i) {
    const auto row = design(rng);
    const double value = measured(row, rng);
    const auto at = forecast.predict(row);
    ASSERT_TRUE(at);
    within += std::abs(std::log(value / at->value)) < 2.0 * at->log_deviation;
    below += value < at->value;
    EXPECT_NEAR(at->above(at->value), 0.5, 1e-9);
    EXPECT_GT(at->above(0.5 * at->value), 0.99);
    EXPECT_LT(at->above(2.0 * at->value), 0.01);
  }
  EXPECT_GT(within, 360) << "two deviations hold 95%";
  EXPECT_LT(within, 400);
  EXPECT_NEAR(below, 200, 50);
}

TEST(Forecast, APlateauIsNotKnownToAHair) {
  Forecast forecast = made();
  Rng rng(4, "forecast");
  for (int i = 0; i < 100; ++i) forecast.tell(design(rng), 10.0);
  const auto flat = forecast.predict(design(rng));
  ASSERT_TRUE(flat);
  EXPECT_NEAR(flat->value, 10.0, 1e-6);
  EXPECT_NEAR(flat->log_deviation, 0.1, 0.01) << "of a hundred that are all the same";
  // Where it ends, that is seen at once, and nothing is known of what lies between.
  const std::vector<double> beyond{2.0, 0.5, 0.0};
  forecast.tell(beyond, 1.0);
  EXPECT_LT(forecast.predict(beyond)->value, 8.0);
  EXPECT_NEAR(forecast.predict({0.5, 0.5, 0.0})->value, 10.0, 1.0);
}

TEST(Forecast, TheDeviationIsCorrectedByHowFarOffPredictionsWere) {
  // After all that the process is fitted to come two hundred others: how sure is it then?
  const auto deviation = [](double noise, double tail) {
    Forecast forecast = made();
    Rng rng(5, "forecast");
    for (std::size_t i = 0; i < Forecast::kMost + 200; ++i) {
      const auto row = design(rng);
      double value = measured(row, rng);
      if (i >= Forecast::kMost) value *= std::exp(noise * rng.normal()) * (i % 20 == 0 ? tail : 1.0);
      forecast.tell(row, value);
    }
    return forecast.predict({0.5, 0.5, 0.0})->log_deviation;
  };
  const double usual = deviation(0.0, 1.0);
  EXPECT_GT(deviation(0.12, 1.0), 2.0 * usual) << "all of them vary four times as much";
  EXPECT_LT(deviation(0.0, 1.5), 1.6 * usual) << "one in twenty is far off: that is the tail's";
}

TEST(Forecast, IsFittedAnewWhereWhatIsToldVariesMore) {
  // Sixty on a plateau, then a slope: long before half as many designs more are known.
  Forecast forecast = made();
  Rng rng(6, "forecast");
  for (int i = 0; i < 60; ++i) {
    auto row = design(rng);
    row[0] *= 0.5;
    forecast.tell(row, 10.0 * std::exp(0.01 * rng.normal()));
  }
  double off = 0.0;
  for (int i = 0; i < 12; ++i) {
    auto row = design(rng);
    row[0] = 0.5 + 0.5 * row[0];
    const double value = 10.0 * std::exp(4.0 * (row[0] - 0.5));
    if (i >= 4) off += std::abs(std::log(forecast.predict(row)->value / value)) / 8.0;
    forecast.tell(row, value);
  }
  EXPECT_LT(off, 0.15);
}

TEST(Forecast, AFunctionOfWhatWasTold) {
  Forecast one = made(), other = made();
  Rng rng(3, "forecast");
  for (int i = 0; i < 60; ++i) {
    const auto row = design(rng);
    const double value = measured(row, rng);
    one.tell(row, value);
    other.tell(row, value);
  }
  const auto row = design(rng);
  EXPECT_EQ(one.predict(row)->value, other.predict(row)->value);
  EXPECT_EQ(one.predict(row)->log_deviation, other.predict(row)->log_deviation);
}

}  // namespace
}  // namespace hone::cost
