#include "hone/schedule/rung_trust.h"

#include <limits>

#include <gtest/gtest.h>

#include "hone/base/rng.h"

namespace hone::schedule {
namespace {

/// After n trials whose value at the next rung is `share` of the one here and noise else.
RungTrust after(std::int64_t n, double share) {
  RungTrust trust(1, 3, 3);
  Rng rng(7, "rung trust", 0);
  for (std::int64_t trial = 0; trial < n; ++trial) {
    const double here = rng.normal();
    const double next = share * here + (1.0 - share) * rng.normal();
    trust.arrives(trial, here);
    if (trust.is_probe(trial)) trust.goes_on(trial, next);
  }
  return trust;
}

TEST(RungTrust, IsKeptByARungThatSeesWhatTheNextOneSees) {
  EXPECT_TRUE(RungTrust(1, 3, 3).trusted());
  EXPECT_TRUE(after(400, 1.0).trusted());
  EXPECT_TRUE(after(400, 0.8).trusted());
}

TEST(RungTrust, IsLostByARungThatSeesNothing) {
  EXPECT_FALSE(after(400, 0.0).trusted());
  EXPECT_FALSE(after(400, -1.0).trusted()) << "the best here are the worst there";
}

TEST(RungTrust, IsWonBack) {
  RungTrust trust = after(400, -1.0);
  ASSERT_FALSE(trust.trusted());
  for (std::int64_t trial = 1000; trial < 1100; ++trial) {
    trust.arrives(trial, static_cast<double>(trial % 10));
    if (trust.is_probe(trial)) trust.goes_on(trial, static_cast<double>(trial % 10));
  }
  EXPECT_TRUE(trust.trusted());
}

TEST(RungTrust, OneInFourIsAProbeAtFirstAndFewLater) {
  RungTrust trust(1, 3, 3);
  int probes = 0;
  for (std::int64_t trial = 0; trial < 48; ++trial) probes += trust.arrives(trial, 1.0) ? 1 : 0;
  EXPECT_EQ(probes, 12);
  for (std::int64_t trial = 48; trial < 48 + 270; ++trial) probes += trust.arrives(trial, 1.0) ? 1 : 0;
  EXPECT_LE(probes, 12 + 11);
}

TEST(RungTrust, ADivergedTrialIsNoProbe) {
  RungTrust trust(1, 3, 3);
  for (std::int64_t trial = 0; trial < 20; ++trial)
    EXPECT_FALSE(trust.arrives(trial, std::numeric_limits<double>::quiet_NaN()));
}

TEST(RungTrust, WhatEndsOnItsWaySaysNothing) {
  RungTrust trust(1, 3, 3);
  for (std::int64_t trial = 0; trial < 4; ++trial) trust.arrives(trial, 1.0);
  ASSERT_TRUE(trust.is_probe(3));
  trust.forget(3);
  EXPECT_FALSE(trust.is_probe(3));
  trust.goes_on(3, 1.0);
  EXPECT_TRUE(trust.trusted());
}

}  // namespace
}  // namespace hone::schedule
