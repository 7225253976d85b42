#include "hone/cost/paired.h"

#include <chrono>
#include <cmath>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/rng.h"

namespace hone::cost {
namespace {

/// Two subjects on a clock of their own: what a call takes is said, nothing waits.
class Scripted {
 public:
  explicit Scripted(std::uint64_t seed) : rng_(seed, "scripted") {}

  /// Standard normal, so that noises can be written as factors.
  double normal() {
    return std::sqrt(-2.0 * std::log(rng_.uniform(1e-12, 1.0))) *
           std::cos(6.283185307 * rng_.uniform(0.0, 1.0));
  }
  double uniform() { return rng_.uniform(0.0, 1.0); }

  Paired compare(const std::function<double()>& first, const std::function<double()>& second,
                 std::uint64_t seed = 1, double max_seconds = 15.0) {
    PairedOptions options;
    options.quiet = false;
    options.pause_seconds = 0.0;
    options.max_seconds = max_seconds;
    options.seed = seed;
    options.clock = [this] { return now_; };
    return compare_pairs([&] { now_ += first(); }, [&] { now_ += second(); }, options);
  }

 private:
  Rng rng_;
  double now_ = 0.0;
};

TEST(Paired, CoinsAreCounted) {
  EXPECT_DOUBLE_EQ(heads_probability(10, 10), 1.0 / 1024.0);
  EXPECT_DOUBLE_EQ(heads_probability(0, 10), 1.0);
  EXPECT_DOUBLE_EQ(heads_probability(2, 3), 0.5);
  EXPECT_NEAR(heads_probability(80, 160), 0.5 + 0.0315, 1e-3);
  EXPECT_EQ(heads_probability(11, 10), 0.0);
}

TEST(Paired, ACalmMachineIsDecidedAtOnce) {
  Scripted machine(1);
  const Paired faster = machine.compare([] { return 0.0012; }, [] { return 0.001; });
  EXPECT_TRUE(faster.faster);
  EXPECT_EQ(faster.pairs, 10);
  EXPECT_NEAR(faster.ratio, 1.2, 1e-9);
  EXPECT_NEAR(faster.first_s, 0.0012, 1e-9);
  EXPECT_NEAR(faster.second_s, 0.001, 1e-9);
  const Paired slower = machine.compare([] { return 0.001; }, [] { return 0.0012; });
  EXPECT_FALSE(slower.faster);
  EXPECT_EQ(slower.pairs, 10);
  // One percent is not worth it, however sure.
  EXPECT_FALSE(machine.compare([] { return 0.00101; }, [] { return 0.001; }).faster);
}

// Bursts that make a call seven times as long: the spread of either is far above its time.
TEST(Paired, AWinnerIsFoundAmongBursts) {
  Scripted machine(2);
  const auto disturbed = [&](double seconds) { return seconds * (machine.uniform() < 0.4 ? 7.5 : 1.0); };
  int found = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed)
    found += machine.compare([&] { return disturbed(44e-4); }, [&] { return disturbed(1e-4); }, seed).faster;
  EXPECT_EQ(found, 50);
}

TEST(Paired, AFifthIsSeenThroughNoiseOfAFifth) {
  Scripted machine(3);
  const auto noisy = [&](double seconds) { return seconds * std::exp(0.2 * machine.normal()); };
  int found = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed)
    found += machine.compare([&] { return noisy(1.2e-3); }, [&] { return noisy(1e-3); }, seed).faster;
  EXPECT_GE(found, 190);
}

// The stated error holds on machines of every temper, also at the edge of what is worth it.
TEST(Paired, WhatIsNoFasterIsNeverCalledFaster) {
  constexpr int kRuns = 800;
  for (const double first : {1.0, 0.95, 0.8}) {
    Scripted machine(4);
    int wrong[4] = {};
    double drift = 0.0;
    for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
      const std::function<double()> noises[4] = {
          [&] { return 1.0; }, [&] { return std::exp(0.2 * machine.normal()); },
          [&] { return machine.uniform() < 0.3 ? 6.0 : 1.0; },
          // Slow phases: neighbours come and stay.
          [&] { return std::exp(drift = 0.95 * drift + 0.3 * machine.normal()); }};
      for (int kind = 0; kind < 4; ++kind)
        wrong[kind] += machine
                           .compare([&] { return first * 1e-3 * noises[kind](); },
                                    [&] { return 0.9801e-3 * noises[kind](); }, seed)
                           .faster;
    }
    for (const int count : wrong) EXPECT_LE(count, 0.005 * kRuns + 3.0 * std::sqrt(0.005 * kRuns)) << first;
  }
}

TEST(Paired, LongCallsEndAfterTheFirstLook) {
  Scripted machine(5);
  bool odd = false;
  const auto undecided = [&] { return (odd = !odd) ? 2.0 : 3.0; };
  const Paired paired = machine.compare(
      undecided, [] { return 2.5; }, 1, 1.0);
  EXPECT_FALSE(paired.faster);
  EXPECT_EQ(paired.pairs, 10);
}

TEST(Paired, WhoStopsGetsNothingFaster) {
  PairedOptions options;
  options.quiet = false;
  int calls = 0;
  const Paired paired =
      compare_pairs([&] { ++calls; }, [&] { ++calls; }, options, [&] { return calls >= 6; });
  EXPECT_FALSE(paired.faster);
  EXPECT_EQ(paired.pairs, 3);
  options.looks = 0;
  EXPECT_THROW(compare_pairs([] {}, [] {}, options), Error);
}

// What the pairs say that were made before somebody stopped it counts, at the price of one look.
TEST(Paired, WhatIsSureBeforeAStopCounts) {
  PairedOptions options;
  options.quiet = false;
  options.pause_seconds = 0.0;
  options.first_pairs = 100;
  options.looks = 2;
  double now = 0.0;
  int calls = 0, most = 0;
  options.clock = [&] { return now; };
  const auto compare = [&](int pairs) {
    calls = 0;
    most = 2 * pairs;
    return compare_pairs([&] { now += ++calls > 0 ? 2.0 : 0.0; }, [&] { now += ++calls > 0 ? 1.0 : 0.0; },
                         options, [&] { return calls >= most; });
  };
  EXPECT_TRUE(compare(12).faster);
  EXPECT_EQ(compare(12).pairs, 12);
  EXPECT_FALSE(compare(6).faster);
  EXPECT_FALSE(compare(0).faster);
}

// What a call waits, as for a processor that others have, is none of its time.
TEST(Paired, OnlyWhatASubjectComputesIsTimed) {
  const auto compute = [] {
    for (const double end = thread_s() + 4e-3; thread_s() < end;) {
    }
  };
  PairedOptions options;
  options.quiet = false;
  const Paired paired = compare_pairs(
      [&] {
        compute();
        std::this_thread::sleep_for(std::chrono::milliseconds(8));
      },
      compute, options);
  EXPECT_NEAR(paired.ratio, 1.0, 0.2);
  EXPECT_NEAR(paired.first_s, 4e-3, 1e-3);
}

TEST(Paired, NoPairIsBegunOutOfTime) {
  Scripted machine(6);
  bool odd = false;
  const auto undecided = [&] { return (odd = !odd) ? 2.0 : 3.0; };
  const Paired paired = machine.compare(
      undecided, [] { return 2.5; }, 1, 60.0);
  EXPECT_FALSE(paired.faster);
  EXPECT_EQ(paired.pairs, 12);  // five seconds each
}

}  // namespace
}  // namespace hone::cost
