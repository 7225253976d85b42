#include "hone/cost/device_transfer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/predict/score.h"

namespace hone::cost {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index kDesigns = 400;

/// Designs of four kinds of operators, of which some are dead: the first view counts all of them.
std::shared_ptr<const Designs> made_designs() {
  auto designs = std::make_shared<Designs>();
  Rng rng(3, "made designs");
  MatrixXd all(kDesigns, 4), live(kDesigns, 4);
  for (Index i = 0; i < kDesigns; ++i)
    for (Index k = 0; k < 4; ++k) {
      all(i, k) = static_cast<double>(rng.below(5));
      live(i, k) = static_cast<double>(rng.below(static_cast<std::uint64_t>(all(i, k)) + 1));
    }
  const std::vector<std::string> kinds{"conv", "pool", "add", "skip"};
  designs->views = {{"all", 1.0, kinds, all}, {"live", 1.0, kinds, live}};
  designs->details = all;
  return designs;
}

/// Latencies of a device: costs of the kinds of operators on a view, a base, relative noise.
std::vector<double> made_device(const Designs& designs, std::size_t view, const std::vector<double>& costs,
                                double noise, std::uint64_t seed) {
  Rng rng(seed, "made device");
  std::vector<double> latency;
  for (Index i = 0; i < kDesigns; ++i) {
    double sum = 2.0;
    for (Index k = 0; k < 4; ++k) sum += costs[static_cast<std::size_t>(k)] * designs.views[view].work(i, k);
    latency.push_back(sum * (1.0 + noise * rng.normal()));
  }
  return latency;
}

std::vector<KnownDevice> two_known(const Designs& designs) {
  return {KnownDevice::learn(designs, "a", made_device(designs, 0, {3.0, 1.0, 0.2, 0.0}, 0.02, 1)),
          KnownDevice::learn(designs, "b", made_device(designs, 0, {30.0, 15.0, 2.0, 1.0}, 0.02, 2))};
}

std::vector<DeviceMeasurement> measured(const std::vector<std::size_t>& at,
                                        const std::vector<double>& latency) {
  std::vector<DeviceMeasurement> list;
  for (const std::size_t i : at) list.push_back({i, latency[i]});
  return list;
}

TEST(DeviceTransfer, TenMeasurementsOfADeviceLikeTheKnownOnes) {
  const auto designs = made_designs();
  const DeviceTransfer transfer(designs, two_known(*designs));
  const auto truth = made_device(*designs, 0, {0.4, 0.17, 0.03, 0.01}, 0.0, 3);
  const auto noisy = made_device(*designs, 0, {0.4, 0.17, 0.03, 0.01}, 0.03, 4);
  const AdaptedDevice device = transfer.adapt(measured(transfer.choose(10, 1), noisy));
  const auto accuracy = predict::accuracy(device.predict_all(), truth);
  EXPECT_GT(accuracy.spearman, 0.99);
  EXPECT_LT(accuracy.mape, 0.04);
  EXPECT_GT(device.view_weights()[0], 0.9);
  EXPECT_NE(device.provenance().find("10 measurements and 2 known devices (a, b)"), std::string::npos);
  const LatencyPrediction one = device.predict(7);
  EXPECT_NEAR(one.latency, device.predict_all()[7], 1e-9);
  EXPECT_GT(one.sd, 0.0);
  EXPECT_GT(one.noise_sd, 0.0);
}

TEST(DeviceTransfer, ADeviceThatExecutesLessIsRecognised) {
  const auto designs = made_designs();
  const DeviceTransfer transfer(designs, two_known(*designs));
  const auto noisy = made_device(*designs, 1, {5.0, 1.0, 0.5, 0.2}, 0.03, 5);
  const auto truth = made_device(*designs, 1, {5.0, 1.0, 0.5, 0.2}, 0.0, 5);
  const AdaptedDevice device = transfer.adapt(measured(transfer.choose(20, 1), noisy));
  EXPECT_GT(device.view_weights()[1], 0.95);
  EXPECT_GT(predict::accuracy(device.predict_all(), truth).spearman, 0.99);
}

TEST(DeviceTransfer, ADisturbedMeasurementCountsLittle) {
  const auto designs = made_designs();
  const DeviceTransfer transfer(designs, two_known(*designs));
  const auto truth = made_device(*designs, 0, {0.4, 0.17, 0.03, 0.01}, 0.0, 3);
  auto noisy = made_device(*designs, 0, {0.4, 0.17, 0.03, 0.01}, 0.02, 4);
  const auto at = transfer.choose(20, 1);
  noisy[at[4]] *= 10.0;
  EXPECT_GT(predict::accuracy(transfer.adapt(measured(at, noisy)).predict_all(), truth).spearman, 0.98);
}

TEST(DeviceTransfer, AWildMeasurementCountsNothing) {
  const auto designs = made_designs();
  const DeviceTransfer transfer(designs, two_known(*designs));
  const auto truth = made_device(*designs, 0, {0.4, 0.17, 0.03, 0.01}, 0.0, 3);
  auto noisy = made_device(*designs, 0, {0.4, 0.17, 0.03, 0.01}, 0.02, 4);
  const auto at = transfer.choose(20, 1);
  const double before = predict::accuracy(transfer.adapt(measured(at, noisy)).predict_all(), truth).mape;
  noisy[at[4]] *= 1000.0;
  const AdaptedDevice device = transfer.adapt(measured(at, noisy));
  const auto accuracy = predict::accuracy(device.predict_all(), truth);
  EXPECT_GT(accuracy.spearman, 0.98);
  EXPECT_LT(accuracy.mape, 2.0 * before + 0.005);
  EXPECT_NE(device.provenance().find("1 far beyond the others"), std::string::npos) << device.provenance();
}

TEST(DeviceTransfer, RepeatsOfADesignAreOneMeasurement) {
  // Operators cost more in some designs than in others, which no feature tells: repeats agree all the same.
  const auto designs = made_designs();
  const DeviceTransfer transfer(designs, two_known(*designs));
  const auto latency = made_device(*designs, 0, {0.4, 0.17, 0.03, 0.01}, 0.05, 4);
  const auto once = measured(transfer.choose(12, 1), latency);
  auto thrice = once;
  for (int repeat = 0; repeat < 2; ++repeat)
    for (DeviceMeasurement one : once) {
      one.latency *= repeat == 0 ? 1.01 : 0.99;
      thrice.push_back(one);
    }
  const AdaptedDevice device = transfer.adapt(thrice);
  EXPECT_EQ(device.predict_all(), transfer.adapt(once).predict_all());
  EXPECT_EQ(device.measurements(), 36u);
  EXPECT_NE(device.provenance().find("36 measurements of 12 designs"), std::string::npos);
}

TEST(DeviceTransfer, OneKnownDeviceOrNoneAndFailures) {
  const auto designs = made_designs();
  const auto latency = made_device(*designs, 0, {3.0, 1.0, 0.2, 0.0}, 0.01, 6);
  for (const std::size_t n_known : {0, 1}) {
    auto known = two_known(*designs);
    known.resize(n_known, known.front());
    const DeviceTransfer transfer(designs, known);
    auto list = measured(transfer.choose(20, 2), latency);
    list.push_back({3, std::nan("")});
    list.push_back({4, std::numeric_limits<double>::infinity()});
    list.push_back({5, -1.0});
    const AdaptedDevice device = transfer.adapt(list);
    EXPECT_EQ(device.measurements(), 20u);
    EXPECT_GT(predict::accuracy(device.predict_all(), latency).spearman, 0.97) << n_known;
    // One measurement alone, and equal ones: a scale, and nothing that is not finite.
    for (const auto& few : {std::vector<DeviceMeasurement>{{1, 5.0}}, {{1, 5.0}, {2, 5.0}}})
      for (const double value : transfer.adapt(few).predict_all()) {
        EXPECT_TRUE(std::isfinite(value));
        EXPECT_GT(value, 0.0);
      }
    EXPECT_THROW(transfer.adapt({{0, std::nan("")}}), Error);
    EXPECT_THROW(transfer.adapt({{100000, 1.0}}), Error);
  }
}

TEST(DeviceTransfer, KnownDevicesMayLackMeasurements) {
  const auto designs = made_designs();
  auto half = made_device(*designs, 0, {3.0, 1.0, 0.2, 0.0}, 0.01, 7);
  for (std::size_t i = 0; i < half.size(); i += 2) half[i] = std::nan("");
  const KnownDevice known = KnownDevice::learn(*designs, "half", half);
  EXPECT_EQ(known.model.view(), 0u);
  EXPECT_NEAR(known.model.coefficients()(0), 3.0, 0.1);
  EXPECT_THROW(KnownDevice::learn(*designs, "none", std::vector<double>(kDesigns, std::nan(""))), Error);
}

TEST(DeviceTransfer, ChoosesDifferentDesignsAmongThoseAllowed) {
  const auto designs = made_designs();
  const DeviceTransfer transfer(designs, two_known(*designs));
  const auto first = transfer.choose(15, 9);
  EXPECT_EQ(first, transfer.choose(15, 9));
  EXPECT_EQ(std::set<std::size_t>(first.begin(), first.end()).size(), 15u);
  const auto second = transfer.choose(15, 9, first);
  for (const std::size_t design : second) EXPECT_EQ(std::count(first.begin(), first.end(), design), 0);
  const std::vector<std::size_t> allowed{2, 4, 6, 8};
  auto few = transfer.choose(10, 9, {4}, allowed);
  std::sort(few.begin(), few.end());
  EXPECT_EQ(few, (std::vector<std::size_t>{2, 6, 8}));
}

TEST(DeviceTransfer, ChosenMeasurementsTellMoreThanRandomOnes) {
  const auto designs = made_designs();
  const DeviceTransfer transfer(designs, {});
  double chosen = 0.0, random = 0.0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const auto truth = made_device(*designs, 0, {3.0, 1.0, 0.5, 0.2}, 0.0, seed);
    const auto noisy = made_device(*designs, 0, {3.0, 1.0, 0.5, 0.2}, 0.05, seed);
    Rng rng(seed, "random designs");
    std::vector<std::size_t> at;
    for (int i = 0; i < 10; ++i) at.push_back(rng.below(kDesigns));
    chosen +=
        predict::accuracy(transfer.adapt(measured(transfer.choose(10, seed), noisy)).predict_all(), truth)
            .mape;
    random += predict::accuracy(transfer.adapt(measured(at, noisy)).predict_all(), truth).mape;
  }
  EXPECT_LT(chosen, random);
}

}  // namespace
}  // namespace hone::cost
