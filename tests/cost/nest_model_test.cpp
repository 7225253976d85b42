#include "hone/cost/nest_model.h"

#include <gtest/gtest.h>

namespace hone::cost {
namespace {

/// c[i, j] += a[i, k] * b[k, j] of n x n x n doubles, loops i, j, k.
PerfectNest product_nest(std::int64_t n) {
  PerfectNest nest;
  nest.element_bytes = 8;
  for (int loop = 0; loop < 3; ++loop) nest.loops.push_back({static_cast<double>(n), true, {}});
  const auto access = [&](int buffer, bool store, std::vector<std::int64_t> row,
                          std::vector<std::int64_t> column) {
    NestAccess one;
    one.buffer = buffer;
    one.store = store;
    one.element_bytes = 8;
    one.shape = {n, n};
    one.steps = {row, column};
    for (std::size_t loop = 0; loop < 3; ++loop) one.strides.push_back(row[loop] * n + column[loop]);
    nest.accesses.push_back(one);
  };
  access(0, false, {1, 0, 0}, {0, 0, 1});
  access(1, false, {0, 0, 1}, {0, 1, 0});
  access(2, false, {1, 0, 0}, {0, 1, 0});
  access(2, true, {1, 0, 0}, {0, 1, 0});
  nest.dependences.push_back({{0, 0}, {0, 0}, {1, n - 1}});
  nest.operations = {{PerfectNest::Kind::arithmetic, 7}, {PerfectNest::Kind::arithmetic, 7}};
  return nest;
}

TEST(NestModel, KnowsWhichOrdersKeepDependences) {
  PerfectNest nest = product_nest(64);
  NestChoice choice = NestChoice::none(nest);
  choice.order = {0, 2, 1};
  EXPECT_TRUE(legal(nest, choice));
  nest.dependences.push_back({{1, 1}, {-1, -1}, {0, 0}});  // from (i, j) to (i + 1, j - 1)
  EXPECT_TRUE(legal(nest, choice));
  choice.order = {1, 0, 2};
  EXPECT_FALSE(legal(nest, choice));
  choice = NestChoice::none(nest);
  choice.jam = {2, 1, 1};
  EXPECT_FALSE(legal(nest, choice));
  nest.known = false;
  choice = NestChoice::none(nest);
  EXPECT_TRUE(legal(nest, choice));
  choice.order = {0, 2, 1};
  EXPECT_FALSE(legal(nest, choice));
}

TEST(NestModel, BoundsStayInsideTheLoopsThatTheyMention) {
  PerfectNest nest = product_nest(64);
  nest.loops[1].fixed = false;
  nest.loops[1].bounds_depend = {0};  // a triangle: j below i
  NestChoice choice = NestChoice::none(nest);
  choice.order = {0, 2, 1};
  EXPECT_TRUE(legal(nest, choice));
  choice.order = {1, 0, 2};
  EXPECT_FALSE(legal(nest, choice));
  choice = NestChoice::none(nest);
  choice.tile = {32, 32, 32};
  EXPECT_FALSE(legal(nest, choice));
}

TEST(NestModel, LikesTheContiguousParallelLoopInnermost) {
  const PerfectNest nest = product_nest(200);
  const NestMachine machine;
  NestChoice choice = NestChoice::none(nest);
  const double plain = nest_cycles(nest, choice, machine);
  choice.order = {0, 2, 1};
  const double contiguous = nest_cycles(nest, choice, machine);
  choice.order = {2, 1, 0};
  EXPECT_LT(contiguous, 0.5 * plain);
  EXPECT_GT(nest_cycles(nest, choice, machine), contiguous);
  // Several rows at once load less for the same arithmetic.
  choice.order = {0, 2, 1};
  choice.jam = {1, 1, 4};
  EXPECT_LT(nest_cycles(nest, choice, machine), contiguous);
}

TEST(NestModel, ChoicesAreLegalAndDifferent) {
  const PerfectNest nest = product_nest(200);
  const auto choices = nest_choices(nest, NestMachine{});
  EXPECT_GT(choices.size(), 50u);
  EXPECT_EQ(choices.front(), NestChoice::none(nest));
  for (std::size_t i = 0; i < choices.size(); ++i) {
    EXPECT_TRUE(legal(nest, choices[i]));
    for (std::size_t j = 0; j < i && i < 200; ++j) EXPECT_FALSE(choices[i] == choices[j]);
  }
}

/// c[i] += a[...] over `count` loops of 8, where only the loop `along` walks along the rows of a.
PerfectNest deep_nest(std::size_t count, std::size_t along) {
  PerfectNest nest;
  NestAccess one;
  one.shape.assign(count, 8);
  one.steps.assign(count, std::vector<std::int64_t>(count, 0));
  one.strides.assign(count, 0);
  for (std::size_t loop = 0; loop < count; ++loop) {
    nest.loops.push_back({8.0, true, {}});
    // The buffer's last dimension is the loop `along`, the others keep their order.
    const std::size_t dim = loop == along ? count - 1 : loop < along ? loop : loop - 1;
    one.steps[dim][loop] = 1;
    one.strides[loop] = 1;
    for (std::size_t inner = dim + 1; inner < count; ++inner) one.strides[loop] *= 8;
  }
  nest.accesses = {one, one};
  nest.accesses[1].store = true;
  nest.operations = {{PerfectNest::Kind::arithmetic, (1u << count) - 1}};
  return nest;
}

TEST(NestModel, DeepNestsHaveOtherOrdersToo) {
  for (const std::size_t count : {6u, 7u, 9u}) {
    const PerfectNest nest = deep_nest(count, 1);
    const auto choices = nest_choices(nest, NestMachine{}, 500);
    EXPECT_EQ(choices.front(), NestChoice::none(nest));
    EXPECT_EQ(choices.size(), 500u);
    EXPECT_TRUE(std::any_of(choices.begin(), choices.end(), [](const NestChoice& choice) {
      return choice.order.back() == 1;
    })) << count;
    for (const auto& choice : choices) EXPECT_TRUE(legal(nest, choice));
  }
}

}  // namespace
}  // namespace hone::cost
