// What LLVM 19 counts of a loop before it writes it out, looked up in what its cost estimator says of the
// loops of such functions at that point of its pipeline, and what it makes of calls for the lanes of a
// vector.
#include "hone/cost/mlir_addresses.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/cost/mlir_lowered.h"
#include "hone/cost/mlir_price.h"
#include "hone/cost/mlir_text.h"

namespace hone::cost::mlir {
namespace {

constexpr CodeTarget kWithMasks{32.0, 32.0, 50.0};

struct Addressed {
  Nest nest;
  Lowered lowered;

  explicit Addressed(const std::string& text) {
    const Module module = parse(text);
    nest = mlir::nest(module, module.functions().at(0));
    lowered = mlir::lowered(nest, kWithMasks);
  }
  AddressCode::Of of(int loop) const {
    std::vector<int> all;
    for (std::size_t i = 0; i < nest.accesses.size(); ++i) all.push_back(static_cast<int>(i));
    return AddressCode(nest, all).of(loop);
  }
  double size(int loop) const { return lowered.body(loop).size; }
  int home(bool store, int buffer) const {
    for (const Lowered::Item& item : lowered.items)
      if (item.access >= 0 && nest.accesses[static_cast<std::size_t>(item.access)].store == store &&
          nest.accesses[static_cast<std::size_t>(item.access)].buffer == buffer)
        return item.home;
    return -2;
  }
};

/// out[i, j] += x[k, i] * y[k, j]
std::string transposed(int i, int j, int k) {
  return fmt::format(R"(
func.func @f(%x: memref<{2}x{0}xf32>, %y: memref<{2}x{1}xf32>, %out: memref<{0}x{1}xf32>) {{
  affine.for %i = 0 to {0} {{
    affine.for %j = 0 to {1} {{
      affine.for %k = 0 to {2} {{
        %a = affine.load %x[%k, %i] : memref<{2}x{0}xf32>
        %b = affine.load %y[%k, %j] : memref<{2}x{1}xf32>
        %p = arith.mulf %a, %b : f32
        %s = affine.load %out[%i, %j] : memref<{0}x{1}xf32>
        %n = arith.addf %s, %p : f32
        affine.store %n, %out[%i, %j] : memref<{0}x{1}xf32>
      }}
    }}
  }}
  return
}})",
                     i, j, k);
}

/// y[i, j] = f(x[i, j + 0]), ... of `count` copies written out, and what they are multiplied by.
std::string copied(int rows, int columns, int count, const std::string& operation) {
  std::string body;
  for (int c = 0; c < count; ++c)
    body += fmt::format(
        "%x{0} = affine.load %x[%i, %j + {0}] : memref<{1}x{2}xf32>\n"
        "%y{0} = {3} %x{0} : f32\n"
        "affine.store %y{0}, %y[%i, %j + {0}] : memref<{1}x{2}xf32>\n",
        c, rows, columns, operation);
  return fmt::format(
      "func.func @f(%x: memref<{0}x{1}xf32>, %y: memref<{0}x{1}xf32>) {{\n"
      "affine.for %i = 0 to {0} {{\naffine.for %j = 0 to {1} step {2} {{\n{3}}}\n}}\nreturn\n}}\n",
      rows, columns, count, body);
}

TEST(MlirAddresses, WhatOneAddressNeedsIsTheAddressesOwn) {
  const Addressed code(transposed(4, 21, 38));
  // k * 4 and k * 21; the rest is added by the addresses, though i < 4 has no bits in common with k * 4: that
  // LLVM does not know of variables that other loops stand inside of.
  EXPECT_EQ(code.of(2).own, 2.0);
  EXPECT_EQ(code.of(2).moving, 0.0);
  EXPECT_EQ(code.of(1).own + code.of(1).moving, 0.0);
  EXPECT_EQ(code.of(0).own, 1.0);
}

TEST(MlirAddresses, WhatTwoAddressesNeedIsASum) {
  const auto text = [](int columns) {
    return fmt::format(R"(
func.func @f(%x: memref<16x{0}xf32>, %y: memref<16x{0}xf32>) {{
  affine.for %i = 0 to 16 {{
    affine.for %j = 0 to {0} {{
      %a = affine.load %x[%i, %j] : memref<16x{0}xf32>
      affine.store %a, %y[%i, %j] : memref<16x{0}xf32>
    }}
  }}
  return
}})",
                       columns);
  };
  EXPECT_EQ(Addressed(text(136)).of(1).moving, 1.0);
  EXPECT_EQ(Addressed(text(136)).of(0).own, 1.0);
}

TEST(MlirAddresses, PartsWithoutCommonBitsAreOneInstructionEach) {
  // 64 columns: i * 64 | j, and j | 1 to j | 7; 53: an address adds i * 53.
  const Addressed bits(copied(31, 64, 8, "arith.negf")), sums(copied(31, 53 * 8, 8, "arith.negf"));
  EXPECT_EQ(bits.of(1).own, 7.0);
  EXPECT_EQ(bits.of(1).moving, 8.0);
  EXPECT_EQ(sums.of(1).own, 7.0);
  EXPECT_EQ(sums.of(1).moving, 8.0);  // of two buffers each
}

TEST(MlirAddresses, AConstantIsFoldedUnlessItIsInBetween) {
  const auto text = [](int columns) {
    return fmt::format(R"(
func.func @f(%x: memref<40x{0}xf32>, %y: memref<40xf32>) {{
  affine.for %i = 0 to 40 {{
    %a = affine.load %x[%i, 1] : memref<40x{0}xf32>
    %b = affine.load %x[%i, 2] : memref<40x{0}xf32>
    %s = arith.addf %a, %b : f32
    affine.store %s, %y[%i] : memref<40xf32>
  }}
  return
}})",
                       columns);
  };
  EXPECT_EQ(Addressed(text(16)).of(0).own, 3.0);  // i << 4, | 1, | 2
  EXPECT_EQ(Addressed(text(17)).of(0).own, 1.0);
}

TEST(MlirAddresses, LoopsAreAsLongAsTheCompilerSaysTheyAre) {
  // Two products of one matrix with vectors: 11, 23 and 29 instructions.
  const Addressed code(R"(
func.func @f(%x: memref<16x136xf32>, %v: memref<40x136xf32>, %a: memref<16x40xf32>, %w: memref<40x136xf32>,
             %b: memref<16x40xf32>) {
  affine.for %i = 0 to 16 {
    affine.for %j = 0 to 40 {
      affine.for %k = 0 to 136 {
        %0 = affine.load %v[%j, %k] : memref<40x136xf32>
        %1 = affine.load %x[%i, %k] : memref<16x136xf32>
        %2 = arith.mulf %1, %0 : f32
        %3 = affine.load %a[%i, %j] : memref<16x40xf32>
        %4 = arith.addf %3, %2 : f32
        affine.store %4, %a[%i, %j] : memref<16x40xf32>
        %5 = affine.load %w[%j, %k] : memref<40x136xf32>
        %6 = arith.mulf %1, %5 : f32
        %7 = affine.load %b[%i, %j] : memref<16x40xf32>
        %8 = arith.addf %7, %6 : f32
        affine.store %8, %b[%i, %j] : memref<16x40xf32>
      }
    }
  }
  return
})");
  EXPECT_EQ(code.size(2), 11.0);
  EXPECT_EQ(code.size(1), 23.0);
  EXPECT_EQ(code.size(0), 29.0);
}

TEST(MlirAddresses, LoopsWithCallsAreNotWrittenOutBeyondTheLimit) {
  // Seven iterations are more than the limit as they are, and less once they are simplified, but for calls.
  const Addressed plain(copied(31, 56, 8, "arith.negf")), calls(copied(31, 56, 8, "math.exp"));
  EXPECT_FALSE(plain.lowered.body(1).left);
  EXPECT_TRUE(calls.lowered.body(1).left);
}

TEST(MlirAddresses, BuffersOnTheHeapMayMeet) {
  const auto text = [](const std::string& first, const std::string& more) {
    return fmt::format(R"(
func.func @f(%in: memref<40x89xf32>{1}) {{
  {0}
  affine.for %i = 0 to 40 {{
    affine.for %j = 0 to 89 {{
      %0 = affine.load %in[%i, %j] : memref<40x89xf32>
      affine.store %0, %x[%i, %j] : memref<40x89xf32>
    }}
  }}
  affine.for %i = 0 to 40 {{
    affine.for %j = 0 to 89 {{
      %0 = affine.load %x[%i, %j] : memref<40x89xf32>
      %1 = affine.load %y[%i] : memref<40xf32>
      %2 = arith.addf %1, %0 : f32
      affine.store %2, %y[%i] : memref<40xf32>
    }}
  }}
  return
}})",
                       first, more);
  };
  const Addressed arguments(text("", ", %x: memref<40x89xf32>, %y: memref<40xf32>"));
  const Addressed heap(
      text("%x = memref.alloc() : memref<40x89xf32>\n%y = memref.alloc() : memref<40xf32>", ""));
  EXPECT_TRUE(heap.nest.meet(1, 2));
  EXPECT_FALSE(heap.nest.meet(0, 1));
  EXPECT_FALSE(arguments.nest.meet(1, 2));
  // The sum is in a register either way, but is stored where others may look.
  EXPECT_EQ(arguments.home(true, 2), 2);
  EXPECT_EQ(heap.home(true, 2), 3);
  EXPECT_EQ(heap.home(false, 2), 2);
  const Addressed stack(
      text("%x = memref.alloca() : memref<40x89xf32>\n%y = memref.alloca() : memref<40xf32>", ""));
  EXPECT_FALSE(stack.nest.meet(1, 2));
}

TEST(MlirCalls, LanesAreCalledForOneByOne) {
  Nest::Step step;
  step.uses = {0};
  const auto calls = [&](double lanes, int bits) {
    step.bits = bits;
    return calls_of(lanes, step, kWithMasks);
  };
  EXPECT_EQ(calls(1.0, 32).moves, 0.0);
  EXPECT_EQ(calls(4.0, 32).instructions, 17.0);
  EXPECT_EQ(calls(4.0, 32).moves, 10.0);
  EXPECT_EQ(calls(8.0, 32).instructions, 40.0);
  EXPECT_EQ(calls(8.0, 32).moves, 23.0);
  EXPECT_EQ(calls(2.0, 64).instructions, 7.0);
  EXPECT_EQ(calls(2.0, 64).moves, 4.0);
  EXPECT_EQ(calls(4.0, 64).instructions, 20.0);
  EXPECT_EQ(calls(4.0, 64).moves, 11.0);
  EXPECT_EQ(calls(16.0, 32).moves, 46.0);
}

TEST(MlirCalls, TheirMovesAreSpills) {
  const Addressed code(R"(
func.func @f(%x: memref<4096xf32>) {
  affine.for %i = 0 to 4096 {
    %0 = affine.load %x[%i] : memref<4096xf32>
    %1 = math.exp %0 : f32
    affine.store %1, %x[%i] : memref<4096xf32>
  }
  return
})");
  ASSERT_EQ(code.lowered.body(0).lanes, 8.0);
  EXPECT_GE(code.lowered.body(0).spills, 23.0);
  EXPECT_LE(code.lowered.body(0).spills, 26.0);
}

}  // namespace
}  // namespace hone::cost::mlir
