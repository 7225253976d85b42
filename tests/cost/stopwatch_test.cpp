#include "hone/cost/stopwatch.h"

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/files.h"

namespace hone::cost {
namespace {

/// A machine whose clock only moves when something runs: subjects take their scripted durations in turn (the
/// last one over and over), and so does the reference.
struct Script {
  std::vector<double> subject = {1e-3};
  std::vector<double> reference = {1e-4};
  double now = 0.0;
  std::size_t subject_calls = 0;
  std::size_t reference_calls = 0;

  static double at(const std::vector<double>& list, std::size_t call) {
    return list[std::min(call, list.size() - 1)];
  }
  TimingOptions options() {
    TimingOptions result;
    result.warmup = 0;
    result.rounds = 1;
    result.extra_rounds = 0;
    result.pause_seconds = 0.0;
    result.quiet = false;
    result.max_spread = 100.0;
    result.clock = [this] { return now; };
    result.reference = [this] { now += at(reference, reference_calls++); };
    return result;
  }
  std::function<void()> call() {
    return [this] { now += at(subject, subject_calls++); };
  }
};

TEST(Stopwatch, GivesLowQuantileAndSpread) {
  Script script;
  script.subject = {5e-3, 1e-3, 3e-3, 2e-3, 4e-3};
  const Timing timing = measure(script.call(), script.options());
  EXPECT_NEAR(timing.seconds, 1.8e-3, 1e-12);
  EXPECT_NEAR(timing.spread, (4.2 - 1.8) / 1.8, 1e-9);
  EXPECT_EQ(timing.repeats, 5);
  EXPECT_EQ(timing.rounds, 1);
  EXPECT_EQ(timing.discarded, 0);
  EXPECT_FALSE(timing.disturbed);
  EXPECT_FALSE(timing.locked);

  Script again;
  again.subject = script.subject;
  TimingOptions options = again.options();
  options.quantile = 0.5;
  EXPECT_NEAR(measure(again.call(), options).seconds, 3e-3, 1e-12);
}

TEST(Stopwatch, WarmupIsNotCounted) {
  Script script;
  script.subject = {1.0, 1.0, 2e-3};
  TimingOptions options = script.options();
  options.warmup = 2;
  options.rounds = 2;
  const Timing timing = measure(script.call(), options);
  EXPECT_NEAR(timing.seconds, 2e-3, 1e-12);
  EXPECT_NEAR(timing.spread, 0.0, 1e-9);
  EXPECT_EQ(timing.repeats, 10);
  EXPECT_EQ(script.subject_calls, 2u + 5 + 1 + 5);
}

TEST(Stopwatch, DisturbedRepeatsAreLeftOutAndMadeUpFor) {
  Script script;
  // References: two at the start of the round, then one after each repeat. The third repeat's later
  // neighbour is slow, which is the fourth one's earlier neighbour too.
  script.reference = {1e-4, 1e-4, 1e-4, 1e-4, 2e-4, 1e-4};
  script.subject = {1e-3, 1e-3, 9e-3, 9e-3, 1e-3};
  const Timing timing = measure(script.call(), script.options());
  EXPECT_NEAR(timing.seconds, 1e-3, 1e-12);
  EXPECT_NEAR(timing.spread, 0.0, 1e-9);
  EXPECT_EQ(timing.repeats, 5);
  EXPECT_EQ(timing.discarded, 2);
  EXPECT_EQ(script.subject_calls, 7u);
  EXPECT_FALSE(timing.disturbed);
}

TEST(Stopwatch, AMachineThatStaysDisturbedIsReported) {
  Script script;
  script.reference = {1e-4, 1e-4, 2e-4};
  script.subject = {4e-3, 2e-3, 3e-3, 2e-3};
  TimingOptions options = script.options();
  options.extra_repeats = 3;
  const Timing timing = measure(script.call(), options);
  EXPECT_EQ(timing.repeats, 8);  // all of them count, as there are no better ones
  EXPECT_EQ(timing.discarded, 0);
  EXPECT_TRUE(timing.disturbed);
  EXPECT_NEAR(timing.seconds, 2e-3, 1e-12);
}

TEST(Stopwatch, ABestReferenceFoundLateCondemnsWhatCameBefore) {
  Script script;
  script.reference = {3e-4, 3e-4, 3e-4, 3e-4, 3e-4, 1e-4};
  script.subject = {9e-3, 9e-3, 9e-3, 9e-3, 1e-3};
  const Timing timing = measure(script.call(), script.options());
  EXPECT_NEAR(timing.seconds, 1e-3, 1e-12);
  EXPECT_EQ(timing.repeats, 5);
  EXPECT_EQ(timing.discarded, 4);
}

TEST(Stopwatch, AWideSpreadAsksForMoreRoundsAndIsReported) {
  Script script;
  script.subject = {1e-3, 1e-3, 2e-3, 2e-3, 2e-3, 1e-3};
  TimingOptions options = script.options();
  options.max_spread = 0.1;
  options.extra_rounds = 4;
  Timing timing = measure(script.call(), options);
  EXPECT_EQ(timing.rounds, 4);  // 3 of 20 slow: q80 is at the fast level
  EXPECT_FALSE(timing.disturbed);

  Script wild;
  for (int i = 0; i < 100; ++i) wild.subject.push_back(i % 2 == 0 ? 1e-3 : 2e-3);
  options = wild.options();
  options.max_spread = 0.1;
  options.extra_rounds = 2;
  timing = measure(wild.call(), options);
  EXPECT_EQ(timing.rounds, 3);
  EXPECT_TRUE(timing.disturbed);
  EXPECT_NEAR(timing.spread, 1.0, 1e-9);
}

TEST(Stopwatch, SubjectsTakeTurns) {
  Script script;
  std::string order;
  const auto subject = [&](char name, double seconds) {
    return [&order, &script, name, seconds] {
      order += name;
      script.now += seconds;
    };
  };
  TimingOptions options = script.options();
  options.repeats = 3;
  const std::vector<Timing> timings = measure_all({subject('a', 1e-3), subject('b', 5e-3)}, options);
  EXPECT_EQ(order, "ababab");
  ASSERT_EQ(timings.size(), 2u);
  EXPECT_NEAR(timings[0].seconds, 1e-3, 1e-12);
  EXPECT_NEAR(timings[1].seconds, 5e-3, 1e-12);
  EXPECT_TRUE(measure_all({}, options).empty());
}

TEST(Stopwatch, OnlyTheDisturbedSubjectIsRepeated) {
  Script script;
  std::string order;
  const auto subject = [&](char name) {
    return [&order, &script, name] {
      order += name;
      script.now += 1e-3;
    };
  };
  script.reference = {1e-4, 1e-4, 1e-4, 1e-4, 1e-4, 2e-4, 1e-4};  // slow after the last b
  TimingOptions options = script.options();
  options.repeats = 2;
  measure_all({subject('a'), subject('b')}, options);
  EXPECT_EQ(order,
            "ababb"
            "b");  // the slow run is the next b's neighbour as well
}

TEST(Stopwatch, KeepsToItsTime) {
  Script script;
  script.subject = {1.0};
  TimingOptions options = script.options();
  options.rounds = 100;
  options.max_seconds = 3.5;
  EXPECT_EQ(measure(script.call(), options).repeats, 4);
  options.max_seconds = 0.0;
  EXPECT_EQ(measure(script.call(), options).repeats, 1);
}

TEST(Stopwatch, InterruptedItReturnsWhatItHas) {
  Script script;
  int asked = 0;
  EXPECT_EQ(measure(script.call(), script.options(), [&] { return ++asked > 4; }).repeats, 3);
  const Timing none = measure(script.call(), script.options(), [] { return true; });
  EXPECT_EQ(none.repeats, 0);
  EXPECT_TRUE(std::isnan(none.seconds));
  EXPECT_TRUE(none.disturbed);
}

TEST(Stopwatch, RefusesImpossibleOptions) {
  TimingOptions options;
  options.rounds = 0;
  EXPECT_THROW(measure([] {}, options), Error);
  options = {};
  options.quantile = 1.5;
  EXPECT_THROW(measure([] {}, options), Error);
}

TEST(Stopwatch, WhatASubjectThrowsPassesAndTheLockIsFree) {
  const ScratchFolder scratch("hone-watch");
  const std::string& folder = scratch.path();
  const char* before = std::getenv("HONE_LOCK_DIR");
  const std::string saved = before == nullptr ? "" : before;
  ::setenv("HONE_LOCK_DIR", folder.c_str(), 1);

  EXPECT_THROW(measure([] { throw Error("no such model"); }), Error);
  MachineLock lock(folder);
  {
    const Working step(lock, [] { return true; });
    EXPECT_TRUE(step.held());
  }
  // Real time: the subject runs while no training step may.
  int quiet = 0, calls = 0;
  TimingOptions options;
  options.max_seconds = 1.0;
  const Timing timing = measure(
      [&] {
        ++calls;
        quiet += !Working(lock, [] { return true; }).held();
        reference_kernel();
      },
      options);
  EXPECT_EQ(quiet, calls);
  EXPECT_TRUE(timing.locked);
  EXPECT_GE(timing.repeats, 1);
  EXPECT_GT(timing.seconds, 0.0);
  EXPECT_GE(timing.spread, 0.0);

  if (before == nullptr) {
    ::unsetenv("HONE_LOCK_DIR");
  } else {
    ::setenv("HONE_LOCK_DIR", saved.c_str(), 1);
  }
}

// Waiting takes no time of a processor.
TEST(Stopwatch, ProcessorTimeLeavesOutWhatACallWaits) {
  TimingOptions options;
  options.quiet = false;
  options.rounds = 1;
  options.extra_rounds = 0;
  options.extra_repeats = 0;
  const auto wait = [] { std::this_thread::sleep_for(std::chrono::milliseconds(10)); };
  EXPECT_GE(measure(wait, options).seconds, 10e-3);
  options.processor = true;
  EXPECT_LT(measure(wait, options).seconds, 2e-3);
}

}  // namespace
}  // namespace hone::cost
