#include "hone/cost/loop_sums.h"

#include <cmath>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"

namespace hone::cost {
namespace {

constexpr predict::BoostingOptions kBoosting{.trees = 300, .learning_rate = 0.08};

/// A loop's row: how often it runs and which of two kinds it is; the estimate knows only the former.
struct Loop {
  double trips;
  bool slow;
  std::vector<double> row() const { return {std::log(trips), slow ? 1.0 : 0.0}; }
  double cost() const { return trips * (slow ? 5.0 : 1.0); }
};

Loop drawn(Rng& rng) { return {std::exp(2.0 + 4.0 * rng.uniform()), rng.uniform() < 0.5}; }

TEST(LoopSums, LabelsOfFunctionsTeachTheirLoops) {
  Rng rng(1, "loops", 0);
  LoopTable table(2);
  for (int i = 0; i < 600; ++i) {
    std::vector<double> rows, estimates;
    double cost = 0.0;
    for (int loop = 0; loop < 1 + i % 3; ++loop) {
      const Loop one = drawn(rng);
      for (const double value : one.row()) rows.push_back(value);
      estimates.push_back(std::log(one.trips));
      cost += one.cost();
    }
    table.add(rows, estimates, cost);
  }
  const LoopSums sums = LoopSums::fit(table, ErrorOf::logarithm, kBoosting);
  for (const bool slow : {false, true}) {
    const Loop one{100.0, slow};
    const double estimate = std::log(one.trips);
    EXPECT_NEAR(sums.log_cost(one.row(), {&estimate, 1}), std::log(one.cost()), 0.15) << slow;
  }
}

TEST(LoopSums, ADisturbedMeasurementIsNotTakenForACost) {
  const auto learned = [](bool told) {
    Rng rng(2, "loops", 0);
    LoopTable table(2);
    for (int i = 0; i < 600; ++i) {
      const Loop one = drawn(rng);
      const double estimate = std::log(one.trips);
      const bool disturbed = i % 3 != 0;
      table.add(one.row(), {&estimate, 1}, one.cost() * (disturbed ? 1.0 + 0.8 * rng.uniform() : 1.0), 1.0,
                told && disturbed);
    }
    const LoopSums sums = LoopSums::fit(table, ErrorOf::cost, kBoosting);
    const Loop one{100.0, true};
    const double estimate = std::log(one.trips);
    return std::exp(sums.log_cost(one.row(), {&estimate, 1})) / one.cost();
  };
  EXPECT_NEAR(learned(true), 1.0, 0.06);
  EXPECT_GT(learned(false), 1.12);
}

TEST(LoopSums, RelativeErrorsOfWhatCannotBeToldApartAreSmallWhereLittleIsSaid) {
  Rng rng(5, "loops", 0);
  LoopTable table(1);
  const double estimate = 0.0;
  for (int i = 0; i < 2000; ++i) {
    const double nothing = rng.uniform();  // says nothing of the cost
    table.add({&nothing, 1}, {&estimate, 1}, rng.uniform() < 0.5 ? 1.0 : 2.0);
  }
  const auto said = [&](ErrorOf error) {
    const LoopSums sums = LoopSums::fit(table, error, {.trees = 60, .learning_rate = 0.1, .leaves = 2});
    double sum = 0.0;
    for (int i = 0; i < 50; ++i) {
      const double nothing = (i + 0.5) / 50.0;
      sum += sums.log_cost({&nothing, 1}, {&estimate, 1}) / 50.0;
    }
    return std::exp(sum);
  };
  // Costs of 1 and 2: saying 1 is off by half of the larger at worst, saying 2 by all of the smaller.
  const double cost = said(ErrorOf::cost), logarithm = said(ErrorOf::logarithm),
               reciprocal = said(ErrorOf::reciprocal);
  EXPECT_NEAR(logarithm, std::sqrt(2.0), 0.1);
  EXPECT_LT(cost, 0.95 * logarithm);
  EXPECT_NEAR(cost * reciprocal, 2.0, 0.15) << "the same, seen from the other side";
}

TEST(LoopSums, ManyCountsOfNothingDoNotSpoilTheOthers) {
  Rng rng(4, "loops", 0);
  LoopTable table(2);
  for (int i = 0; i < 600; ++i) {
    const Loop one = drawn(rng);
    const bool none = i % 8 != 0;
    const double estimate = std::log(none ? 1e-3 : one.trips);
    table.add(one.row(), {&estimate, 1}, none ? 0.0 : 2.0 * one.trips);
  }
  const LoopSums sums = LoopSums::fit(table, ErrorOf::count, kBoosting);
  const Loop one{100.0, true};
  double estimate = std::log(one.trips);
  EXPECT_NEAR(std::exp(sums.log_cost(one.row(), {&estimate, 1})) / 200.0, 1.0, 0.1);
  estimate = std::log(1e-3);
  EXPECT_LT(std::exp(sums.log_cost(one.row(), {&estimate, 1})), 0.1);
}

TEST(LoopSums, WhatTheEstimateHitsStaysSo) {
  Rng rng(6, "loops", 0);
  LoopTable table(1);
  // Three of four counts are as estimated, the others half, which nothing says.
  for (int i = 0; i < 1000; ++i) {
    const double nothing = rng.uniform(), trips = std::exp(4.0 + 4.0 * rng.uniform()),
                 estimate = std::log(trips);
    table.add({&nothing, 1}, {&estimate, 1}, rng.uniform() < 0.75 ? trips : 0.5 * trips);
  }
  const auto off = [&](ErrorOf error) {
    const LoopSums sums = LoopSums::fit(table, error, {.trees = 100, .learning_rate = 0.12, .leaves = 4});
    double sum = 0.0;
    for (int i = 0; i < 50; ++i) {
      const double nothing = (i + 0.5) / 50.0, estimate = std::log(1000.0);
      sum += std::abs(sums.log_cost({&nothing, 1}, {&estimate, 1}) - estimate) / 50.0;
    }
    return sum;
  };
  EXPECT_LT(off(ErrorOf::hit), 0.08);
  EXPECT_LT(off(ErrorOf::hit), 0.6 * off(ErrorOf::count));
}

TEST(LoopSums, ReadBackWhatTheyWrote) {
  Rng rng(3, "loops", 0);
  LoopTable table(2);
  for (int i = 0; i < 50; ++i) {
    const Loop one = drawn(rng);
    const double estimate = std::log(one.trips);
    table.add(one.row(), {&estimate, 1}, one.cost());
  }
  const LoopSums sums = LoopSums::fit(table, ErrorOf::cost, kBoosting, 2);
  Json json;
  sums.write(json);
  const LoopSums read = LoopSums::read(Json::parse(json.dump()), 2);
  const Loop one{30.0, true};
  const double estimate = std::log(one.trips);
  EXPECT_DOUBLE_EQ(read.log_cost(one.row(), {&estimate, 1}), sums.log_cost(one.row(), {&estimate, 1}));
  EXPECT_THROW(LoopSums::read(json, 3), Error);
  EXPECT_THROW(LoopSums::fit(LoopTable(2), ErrorOf::cost, kBoosting), Error);
  EXPECT_THROW(table.add({}, {}, 0.0), std::exception);
}

}  // namespace
}  // namespace hone::cost
