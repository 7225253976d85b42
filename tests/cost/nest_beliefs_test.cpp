#include "hone/cost/nest_beliefs.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "hone/base/rng.h"

namespace hone::cost {
namespace {

/// y[j] += a[i, j] * x[i] of n x n doubles, loops i, j; parted sums of columns.
PerfectNest column_sums(std::int64_t n) {
  PerfectNest nest;
  nest.element_bytes = 8;
  nest.loops = {{static_cast<double>(n), true, {}}, {static_cast<double>(n), true, {}}};
  const auto access = [&](int buffer, bool store, std::vector<std::vector<std::int64_t>> steps) {
    NestAccess one;
    one.buffer = buffer;
    one.store = store;
    one.element_bytes = 8;
    one.steps = std::move(steps);
    one.shape.assign(one.steps.size(), n);
    for (std::size_t loop = 0; loop < 2; ++loop)
      one.strides.push_back(one.steps.size() == 2 ? one.steps[0][loop] * n + one.steps[1][loop]
                                                  : one.steps[0][loop]);
    nest.accesses.push_back(one);
  };
  access(0, false, {{1, 0}, {0, 1}});
  access(1, false, {{1, 0}});
  access(2, false, {{0, 1}});
  access(2, true, {{0, 1}});
  nest.dependences.push_back({{1, n - 1}, {0, 0}});
  nest.operations = {{PerfectNest::Kind::arithmetic, 3}, {PerfectNest::Kind::arithmetic, 3}};
  return nest;
}

NestProgram program_of(const PerfectNest& nest, const NestChoice& choice, int number = 0) {
  NestProgram program;
  program.parts.push_back({number, choice, nest_cycles(nest, choice, NestMachine{})});
  return program;
}

NestChoice with(const PerfectNest& nest, std::vector<int> order, std::vector<std::int64_t> jam = {1, 1}) {
  NestChoice choice = NestChoice::none(nest);
  choice.order = std::move(order);
  choice.jam = std::move(jam);
  return choice;
}

TEST(NestBeliefs, CyclesAreNanosecondsAtFirst) {
  const PerfectNest nest = column_sums(400);
  const NestProgram program = program_of(nest, NestChoice::none(nest));
  const auto belief = NestBeliefs{}.of(program);
  EXPECT_NEAR(belief.log_seconds, std::log(1e-9 * program.cycles()), 1e-12);
  EXPECT_GT(belief.deviation, 0.2);
}

TEST(NestBeliefs, WhatWasMeasuredSpreadsToWhatIsLikeIt) {
  const PerfectNest nest = column_sums(400);
  NestBeliefs beliefs;
  const auto tell = [&](const NestChoice& choice, double factor) {
    const NestProgram program = program_of(nest, choice);
    beliefs.tell(program, 1e-9 * factor * program.cycles());
  };
  const auto factor = [&](const NestChoice& choice, int number = 0) {
    const NestProgram program = program_of(nest, choice, number);
    return std::exp(beliefs.of(program).log_seconds) / (1e-9 * program.cycles());
  };
  tell(with(nest, {0, 1}), 1.0);
  tell(with(nest, {0, 1}, {2, 1}), 1.1);
  tell(with(nest, {1, 0}), 6.0);
  tell(with(nest, {1, 0}, {1, 8}), 5.0);
  EXPECT_NEAR(factor(with(nest, {0, 1})), 1.0, 0.15);
  EXPECT_LT(factor(with(nest, {0, 1}, {4, 1})), 2.0);
  EXPECT_GT(factor(with(nest, {1, 0}, {1, 4})), 3.0);
  const double other = factor(with(nest, {1, 0}), 1);  // a nest of which nothing is known
  EXPECT_GT(other, 1.2);
  EXPECT_LT(other, 4.5);
  EXPECT_LT(beliefs.of(program_of(nest, with(nest, {1, 0}))).deviation,
            0.5 * beliefs.of(program_of(nest, with(nest, {1, 0}), 1)).deviation);
}

TEST(NestBeliefs, TheOrderOfMeasurementsDoesNotMatter) {
  const PerfectNest nest = column_sums(300);
  const auto choices = nest_choices(nest, NestMachine{}, 40);
  NestBeliefs there, back;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const auto tell = [&](NestBeliefs& beliefs, std::size_t which) {
      const NestProgram program = program_of(nest, choices[which]);
      beliefs.tell(program, 1e-9 * program.cycles() * (1.0 + 0.1 * static_cast<double>(which % 7)));
    };
    tell(there, i);
    tell(back, choices.size() - 1 - i);
  }
  const NestProgram asked = program_of(nest, with(nest, {1, 0}, {1, 2}));
  EXPECT_NEAR(there.of(asked).log_seconds, back.of(asked).log_seconds, 1e-8);
  EXPECT_NEAR(there.of(asked).deviation, back.of(asked).deviation, 1e-8);
}

TEST(NestBeliefs, FindsTheBestOnAMachineThatTheModelDoesNotKnow) {
  // Strided access takes seven times what the model says, and jamming by 4 or more three times.
  const PerfectNest nest = column_sums(400);
  const auto choices = nest_choices(nest, NestMachine{});
  std::vector<NestProgram> programs;
  std::vector<double> seconds;
  for (const auto& choice : choices) {
    programs.push_back(program_of(nest, choice));
    const bool strided = choice.order.back() == 0;
    const bool jammed = *std::max_element(choice.jam.begin(), choice.jam.end()) >= 4;
    seconds.push_back(1e-9 * programs.back().cycles() * (strided ? 7.0 : 1.0) * (jammed ? 3.0 : 1.0));
  }
  const double best = *std::min_element(seconds.begin(), seconds.end());
  constexpr int kRuns = 12, kFirst = 200;
  double at_random = 0.0;
  Rng rng(1, "nest beliefs");
  for (int run = 0; run < kFirst; ++run) {
    double least = std::numeric_limits<double>::infinity();
    for (int i = 0; i < kRuns; ++i) least = std::min(least, seconds[rng.below(seconds.size())]);
    at_random += std::log(least / best) / kFirst;
  }
  NestBeliefs beliefs;
  std::vector<bool> tried(choices.size());
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kRuns; ++i) {
    std::size_t next = 0;
    double gain = -1.0;
    for (std::size_t j = 0; j < programs.size(); ++j) {
      if (tried[j]) continue;
      const auto belief = beliefs.of(programs[j]);
      const double expected = i == 0 ? -belief.log_seconds + 100.0 : expected_gain(belief, least);
      if (expected > gain) {
        gain = expected;
        next = j;
      }
    }
    tried[next] = true;
    beliefs.tell(programs[next], seconds[next]);
    least = std::min(least, seconds[next]);
  }
  EXPECT_LT(std::log(least / best), 0.5 * at_random);
}

TEST(NestBeliefs, AGainIsExpectedWhereSomethingIsBetterOrUnknown) {
  EXPECT_NEAR(expected_gain({std::log(0.5), 1e-6}, 1.0), std::log(2.0), 1e-6);
  EXPECT_NEAR(expected_gain({std::log(2.0), 1e-6}, 1.0), 0.0, 1e-6);
  EXPECT_GT(expected_gain({std::log(2.0), 1.0}, 1.0), expected_gain({std::log(2.0), 0.3}, 1.0));
}

}  // namespace
}  // namespace hone::cost
