#include "hone/cost/simulator/simulator.h"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "hone/cost/simulator/caches.h"

namespace hone::cost::simulator {
namespace {

/// A core on which nothing is in the way but what a test looks at.
Core plain_core() {
  Core core;
  core.prefetcher = 0.0;
  core.predictor = 0.0;
  core.fetch_width = core.retire_width = 4.0;
  core.issue_width = 8.0;
  for (Core::Units& units : core.units) units.count = 8.0;
  return core;
}

Simulated run(const Core& core, const std::vector<Instruction>& trace, int times = 1) {
  CoreSimulator simulator(core);
  for (int k = 0; k < times; ++k) simulator.run(trace);
  return simulator.result();
}

Instruction of(Kind kind, std::uint32_t back = 0) {
  Instruction one;
  one.kind = kind;
  one.sources[0] = back;
  return one;
}

Instruction access(Kind kind, std::uint64_t address, std::uint16_t bytes = 8, std::uint32_t place = 1) {
  Instruction one;
  one.kind = kind;
  one.address = address;
  one.bytes = bytes;
  one.place = place;
  return one;
}

double cycles_each(const Simulated& simulated) {
  return static_cast<double>(simulated.cycles) / static_cast<double>(simulated.instructions);
}

TEST(CoreSimulator, AChainTakesItsLatencyAStep) {
  const std::vector<Instruction> trace(10000, of(Kind::fp_add, 1));
  EXPECT_NEAR(cycles_each(run(plain_core(), trace)), 4.0, 0.01);
  Core core = plain_core();
  core.units[static_cast<std::size_t>(Kind::fp_add)].latency = 7.0;
  EXPECT_NEAR(cycles_each(run(core, trace)), 7.0, 0.01);
}

TEST(CoreSimulator, IndependentInstructionsGoAsWideAsItIs) {
  const std::vector<Instruction> trace(20000, of(Kind::integer));
  for (const double width : {1.0, 2.0, 4.0, 8.0}) {
    Core core = plain_core();
    core.fetch_width = core.retire_width = width;
    const Simulated simulated = run(core, trace);
    EXPECT_NEAR(simulated.ipc(), width, 0.01 * width);
    EXPECT_GT(simulated.top_down.retiring, 0.98);
  }
}

TEST(CoreSimulator, UnitsOfAKindBound) {
  Core core = plain_core();
  core.units[static_cast<std::size_t>(Kind::fp_multiply)].count = 2.0;
  EXPECT_NEAR(run(core, std::vector<Instruction>(20000, of(Kind::fp_multiply))).ipc(), 2.0, 0.02);
  core.units[static_cast<std::size_t>(Kind::fp_divide)] = {1.0, 13.0, 5.0};
  EXPECT_NEAR(cycles_each(run(core, std::vector<Instruction>(5000, of(Kind::fp_divide)))), 5.0, 0.05);
  core.issue_width = 1.0;
  EXPECT_NEAR(run(core, std::vector<Instruction>(20000, of(Kind::integer))).ipc(), 1.0, 0.01);
}

TEST(CoreSimulator, ChainsSideBySideOverlapAsFarAsTheBufferReaches) {
  // Eight chains of additions of four cycles: two a cycle, where all eight are in the buffer.
  const std::vector<Instruction> trace(16000, of(Kind::fp_add, 8));
  EXPECT_NEAR(run(plain_core(), trace).ipc(), 2.0, 0.02);
  Core small = plain_core();
  small.reorder_buffer = 2.0;
  EXPECT_LT(run(small, trace).ipc(), 0.6);
  Core few = plain_core();
  few.scheduler = 1.0;
  EXPECT_LT(run(few, trace).ipc(), 1.2);
}

TEST(CoreSimulator, ALoopThatFitsHits) {
  std::vector<Instruction> trace;
  for (std::uint64_t k = 0; k < 256; ++k) trace.push_back(access(Kind::load, 65536 + k * 64));
  const Simulated simulated = run(plain_core(), trace, 100);  // 16 KiB of 32
  EXPECT_EQ(simulated.memory.missed[0], 256U);
  EXPECT_EQ(simulated.memory.missed[2], 256U);
  EXPECT_LT(simulated.miss_rate(0), 0.011);
}

TEST(CoreSimulator, LeastRecentlyUsedThrashesWhereOneLineTooManyGoesRound) {
  std::vector<Instruction> trace;
  Core core = plain_core();
  core.caches[0] = {4096.0, 4.0, 4.0, 12.0, 64.0};  // 16 sets of 4 ways
  for (std::uint64_t k = 0; k < 5; ++k) trace.push_back(access(Kind::load, 65536 + k * 1024));
  EXPECT_EQ(run(core, trace, 200).memory.missed[0], 1000U);
  trace.pop_back();
  EXPECT_EQ(run(core, trace, 200).memory.missed[0], 4U);
}

TEST(CoreSimulator, StreamingBeyondTheCachesTakesTheBandwidth) {
  std::vector<Instruction> trace;
  for (std::uint64_t k = 0; k < 400000; ++k) trace.push_back(access(Kind::load, (1ULL << 30U) + k * 64));
  Core core = plain_core();
  core.memory_gb_per_s = 10.0;
  core.memory_latency_ns = 10.0;
  const Simulated simulated = run(core, trace);
  EXPECT_NEAR(static_cast<double>(trace.size()) * 64.0 / simulated.seconds(core), 10e9, 0.1e9);
  EXPECT_GT(simulated.top_down.memory_bound, 0.9);
  // Half the bandwidth, twice the time.
  core.memory_gb_per_s = 5.0;
  EXPECT_NEAR(run(core, trace).seconds(core) / simulated.seconds(core), 2.0, 0.05);
}

TEST(CoreSimulator, MissesThatMayBeOnTheirWayBoundWhereBandwidthDoesNot) {
  std::vector<Instruction> trace;
  for (std::uint64_t k = 0; k < 20000; ++k) trace.push_back(access(Kind::load, (1ULL << 30U) + k * 64));
  Core core = plain_core();
  core.memory_gb_per_s = 1000.0;
  core.caches[0].misses = 4.0;
  const Simulated simulated = run(core, trace);
  // Little's law: four lines in the time that one takes.
  const double whole = core.memory_cycles() + core.caches[2].latency;
  EXPECT_NEAR(cycles_each(simulated), whole / 4.0, 0.1 * whole / 4.0);
}

TEST(CoreSimulator, MissesOnTheirWayAreCountedToTheCycle) {
  for (const double latency : {7.0, 8.0, 12.0, 13.0, 15.0, 16.0, 20.0})
    for (const double misses : {1.0, 2.0, 4.0, 8.0, 12.0}) {
      SCOPED_TRACE(std::to_string(latency) + " cycles, misses " + std::to_string(misses));
      Core core = plain_core();
      core.caches[0].misses = misses;
      core.caches[1].latency = latency;
      CoreSimulator simulator(core);
      simulator.warm(0, 256 * 1024);
      for (std::uint64_t k = 0; k < 4000; ++k) simulator.step(access(Kind::load, k % 4096 * 64));
      const double each = std::max(1.0, latency / misses);  // the second level hands on a line a cycle
      EXPECT_NEAR(cycles_each(simulator.result()), each, 0.06 * each);
    }
}

TEST(CoreSimulator, MissesOfStoresBetweenThoseOfLoadsFindNoRoomThatIsTooShort) {
  for (const double latency : {8.0, 13.0, 16.0}) {
    Core core = plain_core();
    core.caches[0].misses = 1.0;
    core.caches[1].latency = latency;
    CoreSimulator simulator(core);
    simulator.warm(0, 512 * 1024);
    for (std::uint64_t k = 0; k < 3000; ++k) {
      simulator.step(access(Kind::load, k * 64));
      simulator.step(access(Kind::store, 256 * 1024 + k * 64, 8, 2));
    }
    EXPECT_GE(cycles_each(simulator.result()), 0.99 * latency);
    EXPECT_LE(cycles_each(simulator.result()), latency + 1.0);  // gaps between them are too short at times
  }
}

TEST(CoreSimulator, AChainOfLoadsTakesTheLatencyOfWhereTheyAre) {
  std::vector<Instruction> trace;
  for (std::uint64_t k = 0; k < 2000; ++k) {
    trace.push_back(access(Kind::load, (1ULL << 30U) + k * 4096 * 17));
    trace.back().sources[0] = 1;
  }
  const Core core = plain_core();
  EXPECT_NEAR(cycles_each(run(core, trace)), core.memory_cycles() + core.caches[2].latency, 3.0);
  for (Instruction& one : trace) one.address = 65536;
  EXPECT_NEAR(cycles_each(run(core, trace)), core.caches[0].latency, 0.5);
}

TEST(CoreSimulator, APrefetcherHidesWhatAStreamWaitsFor) {
  std::vector<Instruction> trace;
  for (std::uint64_t k = 0; k < 50000; ++k) {
    trace.push_back(access(Kind::load, (1ULL << 30U) + k * 8));
    trace.back().sources[0] = 1;  // one after the other
  }
  Core core = plain_core();
  const double without = cycles_each(run(core, trace));
  for (const double kind : {1.0, 2.0}) {
    core.prefetcher = kind;
    core.prefetch_lines = 8.0;
    const Simulated with = run(core, trace);
    EXPECT_LT(cycles_each(with), 0.6 * without);
    EXPECT_GT(with.memory.prefetched, 1000U);
  }
}

TEST(CoreSimulator, WrongGuessesCostThePenalty) {
  std::vector<Instruction> trace;
  for (int k = 0; k < 10000; ++k) {
    trace.push_back(of(Kind::branch));
    trace.back().place = 5;
    trace.back().taken = (k * 2654435761U >> 13U & 1U) != 0;
  }
  Core core = plain_core();
  const Simulated perfect = run(core, trace);
  EXPECT_EQ(perfect.mispredicted, 0U);
  core.predictor = 1.0;
  core.mispredict_cycles = 20.0;
  const Simulated guessed = run(core, trace);
  EXPECT_GT(guessed.mispredicted, 3000U);
  const double more =
      static_cast<double>(guessed.cycles - perfect.cycles) / static_cast<double>(guessed.mispredicted);
  EXPECT_NEAR(more, 21.0, 2.5);
  EXPECT_GT(guessed.top_down.bad_speculation, 0.8);
}

TEST(BranchPredictor, HistoryTellsWhatCountersCannot) {
  Core core;
  core.predictor = 1.0;
  BranchPredictor bimodal(core);
  core.predictor = 2.0;
  BranchPredictor gshare(core);
  int of_bimodal = 0, of_gshare = 0;
  for (int k = 0; k < 3000; ++k) {
    const bool taken = k % 3 != 0;
    of_bimodal += bimodal.right(9, taken) ? 1 : 0;
    of_gshare += gshare.right(9, taken) ? 1 : 0;
  }
  EXPECT_LT(of_bimodal, 2100);
  EXPECT_GT(of_gshare, 2900);
}

TEST(CoreSimulator, LoadsGetWhatStoresHold) {
  std::vector<Instruction> trace;
  for (int k = 0; k < 2000; ++k) {
    trace.push_back(access(Kind::load, 65536, 8, 1));
    trace.push_back(of(Kind::fp_add, 1));
    trace.push_back(access(Kind::store, 65536, 8, 2));
    trace.back().sources[0] = 1;
  }
  const Core core = plain_core();
  const Simulated simulated = run(core, trace);
  EXPECT_GT(simulated.forwarded, 1990U);
  // Around: the store holds it, forwarding, the addition.
  const double lap = static_cast<double>(simulated.cycles) / 2000.0;
  EXPECT_NEAR(lap, core.forward_cycles + 4.0, 1.5);
}

TEST(CoreSimulator, AFullStoreQueueStalls) {
  std::vector<Instruction> trace;
  for (std::uint64_t k = 0; k < 5000; ++k) trace.push_back(access(Kind::store, (1ULL << 30U) + k * 64));
  Core core = plain_core();
  core.store_queue = 4.0;
  const double few = cycles_each(run(core, trace));
  core.store_queue = 56.0;
  EXPECT_GT(few, 1.5 * cycles_each(run(core, trace)));
}

TEST(CoreSimulator, DirtyLinesGoBackToMemory) {
  std::vector<Instruction> trace;
  const std::uint64_t lines = 400000;  // 25.6 MB of 8
  for (std::uint64_t k = 0; k < lines; ++k) trace.push_back(access(Kind::store, (1ULL << 30U) + k * 64));
  const Simulated simulated = run(plain_core(), trace);
  EXPECT_GT(simulated.memory.memory_bytes, 1.5 * 64.0 * static_cast<double>(lines));
}

TEST(CoreSimulator, SharesOfSlotsSumToOneAndRunsRepeat) {
  std::vector<Instruction> trace;
  for (std::uint64_t k = 0; k < 5000; ++k) {
    trace.push_back(access(Kind::load, 65536 + (k * 7919 % 100000) * 8));
    trace.push_back(of(Kind::fp_multiply, 1));
    trace.push_back(of(Kind::branch, 1));
    trace.back().taken = k % 7 != 0;
  }
  Core core;
  const Simulated a = run(core, trace), b = run(core, trace);
  EXPECT_EQ(a.cycles, b.cycles);
  const TopDown& down = a.top_down;
  EXPECT_NEAR(down.retiring + down.front_end + down.bad_speculation + down.core_bound + down.memory_bound,
              1.0, 1e-9);
  EXPECT_LE(a.reorder_occupancy(), core.reorder_buffer + core.retire_width);
  EXPECT_LE(a.scheduler_occupancy(), core.scheduler);
}

TEST(Caches, WarmLinesHit) {
  Core core = plain_core();
  Caches caches(core);
  caches.warm(1 << 20, 16384);
  EXPECT_EQ(caches.access((1 << 20) + 4096, 8, false, 1, 10).ready, 14U);
  EXPECT_EQ(caches.counts().missed[0], 0U);
  EXPECT_GT(caches.access(1 << 24, 8, false, 1, 10).ready, 200U);
}

TEST(CoreSimulator, WhatWaitsLongerThanUsualIsNotForgotten) {
  // A thousand cycles a division, as many as the scheduler holds ahead.
  Core core = plain_core();
  core.units[static_cast<std::size_t>(Kind::divide)] = {1.0, 1000.0, 1000.0};
  EXPECT_NEAR(cycles_each(run(core, std::vector<Instruction>(1000, of(Kind::divide)))), 1000.0, 2.0);

  std::vector<Instruction> trace;
  for (std::uint64_t k = 0; k < 1000; ++k) trace.push_back(access(Kind::load, (1ULL << 30U) + k * 64));
  core = plain_core();
  core.memory_gb_per_s = 0.01;
  const double line = 64.0 / core.memory_bytes_per_cycle();  // 19,200 cycles
  EXPECT_NEAR(cycles_each(run(core, trace)), line, 0.02 * line);

  core = plain_core();
  core.caches[0].misses = 1.0;
  core.memory_latency_ns = 3000.0;
  const double whole = core.memory_cycles() + core.caches[2].latency;
  EXPECT_NEAR(cycles_each(run(core, trace)), whole, 0.01 * whole);
}

TEST(Booking, KeepsWhatWasTakenHoweverFarAheadTheRestLies) {
  Booking booking(1.0);
  for (std::uint64_t at = 0; at < 100; ++at) EXPECT_EQ(booking.take(at, 1.0), at);
  EXPECT_EQ(booking.take(1 << 20, 1.0), 1U << 20);
  EXPECT_EQ(booking.room(0, 1.0), 100U);
  EXPECT_EQ(booking.take((1 << 16) + 5, 1.0), (1U << 16) + 5);
  EXPECT_EQ(booking.room(5, 1.0), 100U);
  booking.forget(1 << 16);
  EXPECT_EQ(booking.room((1 << 16) + 5, 1.0), (1U << 16) + 6);
  EXPECT_EQ(booking.room(1 << 20, 1.0), (1U << 20) + 1);
}

TEST(CoreSimulator, TheFirstLevelHandsOnSoManyBytesACycle) {
  std::vector<Instruction> trace;
  for (std::uint64_t k = 0; k < 256; ++k) trace.push_back(access(Kind::load, 65536 + k * 32, 32));
  const auto pace = [&](double bytes) {
    Core core = plain_core();
    core.caches[0].bytes_per_cycle = bytes;
    CoreSimulator simulator(core);
    simulator.warm(65536, 8192);
    for (int k = 0; k < 100; ++k) simulator.run(trace);
    return simulator.result().ipc();
  };
  EXPECT_NEAR(pace(128.0), 4.0, 0.2);
  EXPECT_NEAR(pace(32.0), 1.0, 0.05);
  EXPECT_NEAR(pace(8.0), 0.25, 0.01);
}

}  // namespace
}  // namespace hone::cost::simulator
