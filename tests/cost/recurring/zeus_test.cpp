// Zeus: exploration in the order of its Algorithm 3, and Thompson sampling after it.
#include "hone/cost/recurring/zeus.h"

#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"

namespace hone::cost {
namespace {

ZeusOptions zeus_options() {
  ZeusOptions options;
  options.batch_sizes = {8, 16, 32, 64, 128};
  options.default_batch = 32;
  options.max_power_w = 250.0;
  options.eta = 1.0;
  return options;
}

/// Plays runs against given costs; infinity: not reached, at the threshold's cost.
struct ZeusPlay {
  ZeusOptions options = zeus_options();
  std::vector<ZeusRun> runs;

  std::int64_t play(const std::map<std::int64_t, double>& costs) {
    const auto number = static_cast<std::int64_t>(runs.size());
    const ZeusChoice choice = zeus_choose(options, runs, number);
    ZeusRun run;
    run.run = number;
    run.batch_size = choice.batch_size;
    run.stage = choice.stage;
    run.threshold = choice.threshold;
    run.over = true;
    const double cost = costs.at(choice.batch_size);
    run.reached = std::isfinite(cost) && cost <= choice.threshold;
    run.energy_j = run.reached ? cost : std::isfinite(choice.threshold) ? choice.threshold : 1e6;
    runs.push_back(run);
    return choice.batch_size;
  }
  std::vector<std::int64_t> order(const std::map<std::int64_t, double>& costs, int times) {
    std::vector<std::int64_t> list;
    for (int i = 0; i < times; ++i) list.push_back(play(costs));
    return list;
  }
};

using Order = std::vector<std::int64_t>;

TEST(Zeus, CostWeighsEnergyAgainstTimeAtMaximumPower) {
  EXPECT_DOUBLE_EQ(zeus_cost(1.0, 250.0, 1000.0, 10.0), 1000.0);
  EXPECT_DOUBLE_EQ(zeus_cost(0.0, 250.0, 1000.0, 10.0), 2500.0);
  EXPECT_DOUBLE_EQ(zeus_cost(0.5, 250.0, 1000.0, 10.0), 1750.0);
}

TEST(Zeus, ExploresDownwardThenUpwardAndTheNextRoundFromTheBest) {
  ZeusPlay play;
  const std::map<std::int64_t, double> costs{{8, 150}, {16, 80}, {32, 100}, {64, 120}, {128, 130}};
  EXPECT_EQ(play.order(costs, 5), (Order{32, 16, 8, 64, 128}));
  EXPECT_EQ(play.order(costs, 5), (Order{16, 8, 32, 64, 128}));
  const ZeusState state = zeus_state(play.options, play.runs);
  EXPECT_FALSE(state.exploring);
  EXPECT_EQ(state.best, 16);
  EXPECT_DOUBLE_EQ(state.threshold, 160.0);
}

TEST(Zeus, StopsADirectionAtItsFirstFailureAndPrunesBeyond) {
  ZeusPlay play;
  // 16 fails: 8 is never tried. 128 is over twice the least.
  const std::map<std::int64_t, double> costs{{8, 10}, {16, kInfinity}, {32, 100}, {64, 90}, {128, 181}};
  EXPECT_EQ(play.order(costs, 4), (Order{32, 16, 64, 128}));
  EXPECT_EQ(play.order(costs, 2), (Order{64, 32}));
  const ZeusState state = zeus_state(play.options, play.runs);
  EXPECT_FALSE(state.exploring);
  for (const std::int64_t pruned : {8, 16, 128}) {
    EXPECT_FALSE(state.arm(pruned).alive) << pruned;
    EXPECT_FALSE(state.arm(pruned).pruned_because.empty());
  }
  for (int i = 0; i < 60; ++i) {
    const std::int64_t batch = play.play(costs);
    EXPECT_TRUE(batch == 32 || batch == 64) << batch;
  }
}

TEST(Zeus, ADefaultThatFailsBeforeAnythingReachedPrunesNothing) {
  ZeusPlay play;
  EXPECT_EQ(play.order({{32, kInfinity}}, 2), (Order{32, 32}));
  ZeusState state = zeus_state(play.options, play.runs);
  EXPECT_TRUE(state.default_failed);
  EXPECT_EQ(state.expected, 32);
  const std::map<std::int64_t, double> costs{{8, 150}, {16, 80}, {32, 100}, {64, 120}, {128, 130}};
  EXPECT_EQ(play.order(costs, 2), (Order{32, 16}));
  EXPECT_FALSE(zeus_state(play.options, play.runs).default_failed);
}

TEST(Zeus, ARoundThatFailsWhollyKeepsTheRoundBefore) {
  ZeusPlay play;
  play.options.batch_sizes = {16, 32};
  play.order({{16, 80}, {32, 100}}, 2);
  // Costs as noisy as they never are: everything fails in the second round.
  play.order({{16, kInfinity}, {32, kInfinity}}, 2);
  const ZeusState state = zeus_state(play.options, play.runs);
  EXPECT_FALSE(state.exploring);
  EXPECT_TRUE(state.arm(16).alive && state.arm(32).alive);
}

TEST(Zeus, ConvergesToTheBestArmUnderNoise) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    ZeusPlay play;
    play.options.seed = seed;
    const std::map<std::int64_t, double> means{{8, 170}, {16, 130}, {32, 110}, {64, 80}, {128, 120}};
    int late = 0;
    for (int i = 0; i < 200; ++i) {
      Rng noise(seed, "zeus-test", static_cast<std::uint64_t>(i));
      std::map<std::int64_t, double> costs;
      for (const auto& [batch, mean] : means) costs[batch] = mean * (1.0 + 0.1 * noise.normal());
      const std::int64_t batch = play.play(costs);
      if (i >= 100 && batch == 64) ++late;
    }
    EXPECT_GE(late, 90) << seed;
  }
}

TEST(Zeus, BeliefIsThePosteriorOfAlgorithm2) {
  ZeusPlay play;
  play.options.batch_sizes = {32};
  play.order({{32, 90.0}}, 1);
  play.order({{32, 110.0}}, 1);
  ZeusArm arm = zeus_state(play.options, play.runs).arm(32);
  EXPECT_DOUBLE_EQ(arm.belief_mean, 100.0);
  EXPECT_DOUBLE_EQ(arm.belief_sd, std::sqrt(100.0 / 2.0));  // population variance 100, two costs
  play.options.prior_mean = 40.0;
  play.options.prior_precision = 0.01;
  arm = zeus_state(play.options, play.runs).arm(32);
  EXPECT_DOUBLE_EQ(arm.belief_mean, (0.01 * 40.0 + 200.0 / 100.0) / 0.03);
  EXPECT_DOUBLE_EQ(arm.belief_sd, std::sqrt(1.0 / 0.03));
}

TEST(Zeus, AWindowFollowsDataThatDrift) {
  // After 40 runs the cheapest batch size becomes the dearest, beyond the early stop.
  const auto last_choices = [](std::int64_t window) {
    ZeusPlay play;
    play.options.window = window;
    std::map<std::int64_t, int> counts;
    for (int i = 0; i < 160; ++i) {
      Rng noise(7, "zeus-test", static_cast<std::uint64_t>(i));
      std::map<std::int64_t, double> costs;
      for (const auto& [batch, mean] :
           std::map<std::int64_t, double>{{8, 150}, {16, 70}, {32, 100}, {64, 120}, {128, 130}})
        costs[batch] = (i >= 40 && batch == 16 ? 400.0 : mean) * (1.0 + 0.1 * noise.normal());
      const std::int64_t batch = play.play(costs);
      if (i >= 120) ++counts[batch];
    }
    return counts;
  };
  const auto windowed = last_choices(5);
  EXPECT_EQ(windowed.count(16), 0u);
  EXPECT_GT(windowed.at(32), 20);
}

ZeusRun finished_run(std::int64_t batch, double cost, bool reached, ZeusStage stage = ZeusStage::explore) {
  ZeusRun run;
  run.batch_size = batch;
  run.stage = stage;
  run.over = true;
  run.reached = reached;
  run.energy_j = cost;
  return run;
}

TEST(Zeus, InAWindowTheLeastCostIsOfARunThatReached) {
  ZeusPlay play;
  play.options.batch_sizes = {8, 32};
  play.options.window = 2;
  play.order({{8, 150}, {32, 100}}, 4);
  // Everything became dearer: 8 is stopped, again and again, and 32 gets through.
  for (int i = 0; i < 2; ++i) {
    play.runs.push_back(finished_run(8, 300, false, ZeusStage::sample));
    play.runs.push_back(finished_run(32, 450, true, ZeusStage::sample));
  }
  ZeusState state = zeus_state(play.options, play.runs);
  EXPECT_EQ(state.best, 32);
  EXPECT_DOUBLE_EQ(state.least_cost, 450.0);
  EXPECT_DOUBLE_EQ(state.threshold, 900.0);
  // Where no window holds one that reached, what they were charged counts: the threshold grows.
  for (int i = 0; i < 2; ++i) play.runs.push_back(finished_run(32, 900, false, ZeusStage::sample));
  state = zeus_state(play.options, play.runs);
  EXPECT_EQ(state.best, 8);
  EXPECT_DOUBLE_EQ(state.least_cost, 300.0);
}

TEST(Zeus, APrunedBatchSizeIsNotChosenMeanwhile) {
  ZeusOptions options = zeus_options();
  options.batch_sizes = {16, 32, 64, 128};
  options.default_batch = 64;
  std::vector<ZeusRun> runs{finished_run(64, 100, true), finished_run(32, 90, true),
                            finished_run(16, 500, false), finished_run(128, 500, false),
                            finished_run(32, 500, false)};  // the second round's first
  ZeusState state = zeus_state(options, runs);
  EXPECT_FALSE(state.arm(32).alive);
  EXPECT_EQ(state.expected, 64);
  EXPECT_EQ(state.best, 64);
  EXPECT_DOUBLE_EQ(state.threshold, 180.0);  // what reached counts, whosever it was
  ZeusRun running;
  running.run = 5;
  running.batch_size = 64;
  runs.push_back(running);
  const ZeusChoice choice = zeus_choose(options, runs, 6);
  EXPECT_EQ(choice.stage, ZeusStage::concurrent);
  EXPECT_EQ(choice.batch_size, 64);
}

TEST(Zeus, DrawsDependOnTheHistoryAndTheSeedAlone) {
  ZeusPlay play;
  const std::map<std::int64_t, double> costs{{8, 95}, {16, 90}, {32, 100}, {64, 98}, {128, 93}};
  for (int i = 0; i < 30; ++i) {
    std::map<std::int64_t, double> noisy;
    Rng noise(3, "zeus-test", static_cast<std::uint64_t>(i));
    for (const auto& [batch, mean] : costs) noisy[batch] = mean * (1.0 + 0.1 * noise.normal());
    play.play(noisy);
  }
  std::set<std::int64_t> chosen;
  for (std::int64_t run = 30; run < 60; ++run) {
    const ZeusChoice a = zeus_choose(play.options, play.runs, run),
                     b = zeus_choose(play.options, play.runs, run);
    EXPECT_EQ(a.batch_size, b.batch_size);
    EXPECT_EQ(a.sampled, b.sampled);
    chosen.insert(a.batch_size);
  }
  EXPECT_GT(chosen.size(), 1u);  // concurrent runs differ by themselves
}

TEST(Zeus, ConcurrentRunsOfAnExplorationTakeTheBestKnown) {
  ZeusPlay play;
  const std::map<std::int64_t, double> costs{{8, 150}, {16, 80}, {32, 100}, {64, 120}, {128, 130}};
  ZeusRun running;
  running.batch_size = 32;
  std::vector<ZeusRun> runs{running};
  ZeusChoice choice = zeus_choose(play.options, runs, 1);
  EXPECT_EQ(choice.stage, ZeusStage::concurrent);
  EXPECT_EQ(choice.batch_size, 32);  // nothing is known yet: the default
  play.order(costs, 2);
  running.batch_size = 8;
  runs = play.runs;
  runs.push_back(running);
  choice = zeus_choose(play.options, runs, 3);
  EXPECT_EQ(choice.stage, ZeusStage::concurrent);
  EXPECT_EQ(choice.batch_size, 16);
  // What it finds is an observation and does not move the exploration.
  ZeusRun other;
  other.run = 3;
  other.batch_size = 16;
  other.stage = ZeusStage::concurrent;
  other.over = other.reached = true;
  other.energy_j = 85;
  runs.push_back(other);
  EXPECT_EQ(zeus_state(play.options, runs).expected, 8);
  EXPECT_EQ(zeus_state(play.options, runs).arm(16).costs.size(), 2u);
}

TEST(Zeus, AnEarlyEndWithoutTheTargetIsNotCheap) {
  ZeusPlay play;
  const std::map<std::int64_t, double> costs{{8, 150}, {16, 80}, {32, 100}, {64, 120}, {128, 130}};
  play.order(costs, 10);
  ZeusRun crash;
  crash.batch_size = 128;
  crash.stage = ZeusStage::sample;
  crash.over = true;
  crash.energy_j = 1.0;
  crash.threshold = 160.0;
  play.runs.push_back(crash);
  EXPECT_DOUBLE_EQ(zeus_state(play.options, play.runs).arm(128).costs.back(), 160.0);
}

TEST(Zeus, AThresholdOfAnotherUnitIsNotCharged) {
  ZeusPlay play;
  const std::map<std::int64_t, double> costs{{8, 150}, {16, 80}, {32, 100}, {64, 120}, {128, 130}};
  play.order(costs, 10);
  for (ZeusRun& run : play.runs) run.seconds = 1.0;
  ZeusRun crash;
  crash.batch_size = 128;
  crash.stage = ZeusStage::sample;
  crash.over = true;
  crash.energy_j = crash.seconds = 1.0;
  crash.threshold = 160.0;  // joules of energy alone
  crash.eta = 1.0;
  crash.max_power_w = 250.0;
  play.runs.push_back(crash);
  EXPECT_DOUBLE_EQ(zeus_state(play.options, play.runs).arm(128).costs.back(), 160.0);
  play.options.max_power_w = 300.0;  // weighs nothing where eta is 1
  EXPECT_DOUBLE_EQ(zeus_state(play.options, play.runs).arm(128).costs.back(), 160.0);
  play.options.eta = 0.0;  // all that reached cost 300
  play.options.beta = 3.0;
  EXPECT_DOUBLE_EQ(zeus_state(play.options, play.runs).arm(128).costs.back(), 900.0);
  play.options.beta = kInfinity;
  EXPECT_DOUBLE_EQ(zeus_state(play.options, play.runs).arm(128).costs.back(), 600.0);
}

TEST(Zeus, ALeastCostOfNothingStopsNoRun) {
  for (const double energy : {0.0, -5.0}) {
    ZeusPlay play;
    ZeusRun free;
    free.batch_size = 32;
    free.over = free.reached = true;
    free.energy_j = energy;
    play.runs.push_back(free);
    EXPECT_EQ(zeus_state(play.options, play.runs).threshold, kInfinity);
    play.options.beta = kInfinity;  // and not NaN
    EXPECT_EQ(zeus_state(play.options, play.runs).threshold, kInfinity);
  }
}

TEST(Zeus, RefusesWhatIsOutOfRange) {
  const auto key_of = [](auto change) {
    ZeusOptions options = zeus_options();
    change(options);
    try {
      options.check();
    } catch (const Error& error) {
      return error.place().key;
    }
    return std::string("none");
  };
  EXPECT_EQ(key_of([](ZeusOptions&) {}), "none");
  EXPECT_EQ(key_of([](ZeusOptions& o) { o.batch_sizes.clear(); }), "batch_sizes");
  EXPECT_EQ(key_of([](ZeusOptions& o) { o.batch_sizes.push_back(8); }), "batch_sizes");
  EXPECT_EQ(key_of([](ZeusOptions& o) { o.default_batch = 7; }), "default");
  EXPECT_EQ(key_of([](ZeusOptions& o) { o.eta = 1.5; }), "eta");
  EXPECT_EQ(key_of([](ZeusOptions& o) { o.beta = 1.0; }), "beta");
  EXPECT_EQ(key_of([](ZeusOptions& o) { o.beta = kNaN; }), "beta");
  EXPECT_EQ(key_of([](ZeusOptions& o) { o.window = 1; }), "window");
  EXPECT_EQ(key_of([](ZeusOptions& o) { o.eta = 0.5, o.max_power_w = 0.0; }), "max_power_w");
}

}  // namespace
}  // namespace hone::cost
