#include "hone/identity/signature.h"

#include <cmath>
#include <limits>
#include <unordered_set>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"

namespace hone::identity {
namespace {

TEST(Signature, ForgivesTheLastDigitsAndNothingElse) {
  const std::vector<double> probe{1.2345678, -0.0, 3e-20, 1e10};
  const auto key_of = [](const std::vector<double>& floats, const std::string& literal) {
    return signature(floats, literal).value().key;
  };
  const Key key = key_of(probe, "data");
  EXPECT_EQ(key_of({1.2345678 * (1 + 1e-9), 0.0, 3e-20 * (1 + 1e-9), 1e10}, "data"), key);
  EXPECT_NE(key_of({1.2345678, 0.0, 3e-20, 1.01e10}, "data"), key);
  EXPECT_NE(key_of({-1.2345678, 0.0, 3e-20, 1e10}, "data"), key);
  EXPECT_NE(key_of({1e10, 0.0, 3e-20, 1.2345678}, "data"), key) << "order matters: no sum is hashed";
  EXPECT_NE(key_of(probe, "other data"), key) << "what the probe cannot see enters literally";
}

TEST(Signature, RefusesWhatCannotBeHashed) {
  EXPECT_FALSE(signature({}, ""));
  EXPECT_FALSE(signature({1.0, std::numeric_limits<double>::quiet_NaN()}, ""));
  EXPECT_FALSE(signature({std::numeric_limits<double>::infinity()}, ""));
  EXPECT_THROW((void)signature({1.0}, "", Quantisation::float32(0)), Error);
  EXPECT_THROW((void)signature({1.0}, "", Quantisation::float32(53)), Error);
  EXPECT_THROW((void)signature({1.0}, "", {10, -1.0, 0.0}), Error);
  EXPECT_TRUE(signature({std::numeric_limits<double>::max(), std::numeric_limits<double>::denorm_min()}, ""));
}

TEST(Signature, FewerBitsMeanFewerKeys) {
  Rng rng(1, "bits");
  std::vector<double> values(2000);
  for (double& value : values) value = rng.uniform(1.0, 2.0);
  std::size_t last = 0;
  for (const int bits : {1, 3, 5, 8, 20}) {
    std::unordered_set<Key> keys;
    for (const double value : values) keys.insert(signature({value}, "", Quantisation::float64(bits))->key);
    EXPECT_GE(keys.size(), last);
    EXPECT_LE(keys.size(), (std::size_t{1} << bits) + 1) << "rounding to the nearest also gives 2";
    last = keys.size();
  }
  EXPECT_GT(last, 1990u);
}

TEST(Signature, WithoutToleranceOnlyTheSameBitsAgree) {
  const Quantisation exact{52, 0.0, 0.0};
  const double x = 0.1, next = std::nextafter(x, 1.0);
  EXPECT_NE(signature({x}, "", exact)->key, signature({next}, "", exact)->key);
  EXPECT_NE(signature({0.0}, "", exact)->key,
            signature({std::numeric_limits<double>::denorm_min()}, "", exact)->key);
  EXPECT_EQ(signature({0.0}, "", exact)->key, signature({-0.0}, "", exact)->key);
  EXPECT_TRUE(signature({x}, "", exact)->near.empty());
}

TEST(Signature, NearZeroRoundingIsNothing) {
  for (const double dust : {1e-17, -1e-17, 1e-12, 1e-7, -1e-7}) {
    const auto zero = signature({1.0, 0.0}, "");
    EXPECT_EQ(signature({1.0, dust}, ""), zero) << dust;
  }
  EXPECT_NE(signature({1.0, 1e-3}, "")->key, signature({1.0, 0.0}, "")->key);
  EXPECT_NE(signature({1.0, 1e-3}, "")->key, signature({1.0, -1e-3}, "")->key);
  EXPECT_NE(signature({1e-9}, "", Quantisation::float64())->key, signature({0.0}, "")->key);
}

TEST(Signature, ReportedNumbersOfAnySizeAreToldApart) {
  const auto classes = [](const std::vector<std::vector<double>>& probes) {
    std::vector<std::optional<Signature>> signatures;
    for (const auto& probe : probes) signatures.push_back(signature(probe, "", Quantisation::reported()));
    const auto classes = function_classes(signatures);
    return std::unordered_set<std::size_t>(classes.begin(), classes.end()).size();
  };
  for (const double size : {1e-300, 1e-12, 1e-7, 1.0, 1e9, 1e300}) {
    std::vector<std::vector<double>> probes;
    for (const double k : {1.0, 2.0, 3.0, 4.0, 5.0, 6.0})
      probes.push_back({k * size, k * k * size, -k * size});
    EXPECT_EQ(classes(probes), 6u) << size;
  }
  std::vector<std::vector<double>> large;
  for (const double k : {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}) large.push_back({4'000'000 + k});
  EXPECT_EQ(classes(large), 6u);
  // Nine digits are enough, zero has one spelling, and what cancels is zero beside what did not.
  EXPECT_EQ(classes({{0.123456789, 2.0}, {0.1234567891, 2.0}}), 1u);
  EXPECT_EQ(classes({{0.0, 2.0}, {-0.0, 2.0}, {1e-17, 2.0}, {-4.4e-16, 2.0}}), 1u);
  EXPECT_EQ(classes({{0.0}, {1e-17}}), 2u) << "alone it may be all there is";
  EXPECT_EQ(classes({{0.0, 0.0}, {0.0, 1e-9}, {1e-9, 0.0}, {-1e-9, 0.0}, {0.0}}), 5u);
  EXPECT_EQ(classes({{1e300, 1.0}, {1e300, -1.0}}), 1u);
  EXPECT_TRUE(signature({std::numeric_limits<double>::max(), std::numeric_limits<double>::denorm_min()}, "",
                        Quantisation::reported()));
}

TEST(Signature, OtherTolerancesMakeOtherKeysAndTheUsualOnesStay) {
  const std::vector<double> probe{1.0, 0.25};
  EXPECT_NE(signature(probe, "", {10, 1e-5, 1e-6})->key, signature(probe, "")->key);
  EXPECT_NE(signature(probe, "", {22, 1e-8, 0.0, 1e-15})->key, signature(probe, "", {22, 1e-8, 0.0})->key);
  EXPECT_EQ(signature(probe, "")->key.hex(), "21caa4c3c858b78ecfd4bfb18741f9a6");
}

TEST(Signature, OnACellsEdgeBothSidesAreKeys) {
  // With 10 bits the cells around 1 are 2^-10 wide, and 1 + 2^-11 is an edge.
  const double edge = 1.0 + std::ldexp(1.0, -11);
  const auto below = signature({0.3, edge - 1e-6}, ""), above = signature({0.3, edge + 1e-6}, "");
  EXPECT_NE(below->key, above->key);
  EXPECT_EQ(below->near, std::vector<Key>{above->key});
  EXPECT_EQ(above->near, std::vector<Key>{below->key});
  EXPECT_TRUE(shares_key(*below, *above));
  EXPECT_FALSE(shares_key(*below, *signature({0.3, edge + 1e-3}, "")));
  for (const double plain : {0.0, 1.0, 0.5, -3.0, 1024.0})
    EXPECT_EQ(signature({plain}, "")->ambiguous, 0) << plain << " lies in the middle of its cell";
}

TEST(Signature, UpToThreeAmbiguousFloatsAreCombined) {
  const double edge = 1.0 + std::ldexp(1.0, -11);
  for (const int n : {1, 2, 3, 5}) {
    std::vector<double> low, high;
    for (int i = 0; i < n; ++i) {
      low.push_back(edge - 1e-7 * (i + 1));
      high.push_back(edge + 1e-7 * (i + 1));
    }
    const auto a = signature(low, ""), b = signature(high, "");
    EXPECT_EQ(a->ambiguous, n);
    EXPECT_EQ(a->near.size(), (std::size_t{1} << std::min(n, kMostAmbiguous)) - 1);
    EXPECT_EQ(shares_key(*a, *b), n <= 3) << n << " crossed, all in the same order of distance";
  }
}

/// The rates that docs/identity.md states come from bench_identity; these are bounds on them.
TEST(Signature, RoundingIsForgivenAndAPercentIsNot) {
  Rng rng(1, "signature test");
  int by_key = 0, missed = 0, collided = 0;
  constexpr int kPairs = 1000;
  for (int i = 0; i < kPairs; ++i) {
    std::vector<double> probe(30), same, other;
    for (double& value : probe) value = rng.below(5) == 0 ? rng.normal() * 1e-4 : rng.normal();
    for (const double value : probe) {
      same.push_back(value * (1.0 + 5e-7 * rng.normal()) + 2e-7 * rng.normal());
      other.push_back(value * 1.01);
    }
    const auto a = signature(probe, ""), b = signature(same, "");
    by_key += a->key != b->key;
    missed += !shares_key(*a, *b);
    collided += shares_key(*a, *signature(other, ""));
  }
  EXPECT_GT(by_key, 30) << "the key alone misses some percent";
  EXPECT_EQ(missed, 0);
  EXPECT_EQ(collided, 0);
}

}  // namespace
}  // namespace hone::identity
