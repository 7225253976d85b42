// Which loops LLVM 19 at -O3 writes out and runs in lanes for AVX2 (znver3), looked up in its remarks and in
// what it makes of these texts.
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"

namespace hone::cost::mlir {
namespace {

struct Compiled : LoweredFunction {
  explicit Compiled(const std::string& text) : LoweredFunction(text, CodeTarget{32.0, 16.0, 96.0}) {}

  double lanes(int loop) const { return lowered.body(loop).lanes; }
  bool left(int loop) const { return lowered.body(loop).left; }
};

TEST(MlirCompiled, GuardsOfTilesOfOneCountWhereTheyAreAsked) {
  const auto product = [](bool tiled) {
    return fmt::format(
        "#map = affine_map<(d0) -> (d0)>\n#map1 = affine_map<(d0) -> (d0 + 1)>\n"
        "func.func @f(%a: memref<27x61xf32>, %b: memref<27x11xf32>, %c: memref<61x11xf32>) {{\n"
        "affine.for %i = 0 to 11 {{\naffine.for %j = 0 to 27 {{\naffine.for %k = 0 to 61 {{\n{0}"
        "%x = affine.load %a[{2}, {3}] : memref<27x61xf32>\n%y = affine.load %b[{2}, {1}] : "
        "memref<27x11xf32>\n"
        "%p = arith.mulf %x, %y : f32\n%z = affine.load %c[{3}, {1}] : memref<61x11xf32>\n"
        "%s = arith.addf %z, %p : f32\naffine.store %s, %c[{3}, {1}] : memref<61x11xf32>\n{4}}}\n}}\n}}\n"
        "return\n}}\n",
        tiled ? "affine.for %l = #map(%i) to #map1(%i) {\naffine.for %m = #map(%j) to #map1(%j) {\n"
                "affine.for %n = #map(%k) to #map1(%k) {\n"
              : "",
        tiled ? "%l" : "%i", tiled ? "%m" : "%j", tiled ? "%n" : "%k", tiled ? "}\n}\n}\n" : "");
  };
  EXPECT_FALSE(Compiled(product(false)).left(0));
  EXPECT_TRUE(Compiled(product(true)).left(0));
}

TEST(MlirCompiled, SumsThatLanesLeaveAStrideApartAreInRegistersOneByOne) {
  // 61 of them go round the loop, in which the innermost one has been written out: more than there are.
  const Compiled product(
      "func.func @f(%a: memref<27x61xf32>, %b: memref<27x11xf32>, %c: memref<61x11xf32>) {\n"
      "affine.for %i = 0 to 11 {\naffine.for %j = 0 to 27 {\naffine.for %k = 0 to 61 {\n"
      "%x = affine.load %a[%j, %k] : memref<27x61xf32>\n%y = affine.load %b[%j, %i] : memref<27x11xf32>\n"
      "%p = arith.mulf %x, %y : f32\n%z = affine.load %c[%k, %i] : memref<61x11xf32>\n"
      "%s = arith.addf %z, %p : f32\naffine.store %s, %c[%k, %i] : memref<61x11xf32>\n}\n}\n}\nreturn\n}\n");
  EXPECT_EQ(product.lanes(2), 8.0);
  EXPECT_TRUE(product.lowered.body(2).whole);
  EXPECT_GT(product.lowered.body(1).spills, 2.0 * (61.0 - 16.0))
      << "186 in each of 11 copies, in LLVM's code";
  EXPECT_LT(product.lowered.body(1).spills, 4.0 * 61.0);
}

TEST(MlirCompiled, WhatPlacesAreComputedFromStaysOneByOne) {
  const auto gathered = [](int step) {
    return fmt::format(
        "func.func @f(%k: memref<4096xi32>, %t: memref<4096xf32>, %y: memref<4096xf32>) {{\n"
        "%c = arith.constant 4095 : i32\n%d = arith.constant 40503 : i32\n"
        "affine.for %i = 0 to 4094 step {} {{\n%n = affine.load %k[%i + 1] : memref<4096xi32>\n"
        "%j = arith.index_cast %i : index to i32\n%m = arith.muli %j, %n : i32\n%o = arith.addi %m, %n : "
        "i32\n"
        "%r = arith.muli %o, %d : i32\n%p = arith.andi %r, %c : i32\n%q = arith.index_cast %p : i32 to "
        "index\n"
        "%v = memref.load %t[%q] : memref<4096xf32>\naffine.store %v, %y[%i] : memref<4096xf32>\n}}\n"
        "return\n}}\n",
        step);
  };
  EXPECT_EQ(Compiled(gathered(1)).lanes(0), 8.0) << "whole vectors are stored";
  // Four products and sums for a place save nothing in lanes.
  EXPECT_EQ(Compiled(gathered(2)).lanes(0), 1.0);
}

/// y[i] = x[i + first] * x[i + first + 1], so many in the text.
std::string pairs(int first, int copies) {
  std::string body;
  for (int k = 0; k < copies; ++k)
    body += fmt::format(
        "%a{0} = affine.load %x[%i + {1}] : memref<6400xf32>\n"
        "%b{0} = affine.load %x[%i + {2}] : memref<6400xf32>\n"
        "%p{0} = arith.mulf %a{0}, %b{0} : f32\naffine.store %p{0}, %y[%i + {0}] : memref<6400xf32>\n",
        k, first + k, first + k + 1);
  return fmt::format(
      "func.func @f(%x: memref<6400xf32>, %y: memref<6400xf32>) {{\naffine.for %i = 0 to 6368 step {} "
      "{{\n{}}}\nreturn\n}}\n",
      copies, body);
}

TEST(MlirCompiled, AnEarlierIterationsLoadIsSeenByItsAddress) {
  // x[i] is what the iteration before loaded as x[i + 4], whose address is that of what i becomes.
  EXPECT_EQ(Compiled(pairs(0, 4)).lanes(0), 1.0);
  // No address of the next iteration's x[i + 10] is there.
  EXPECT_EQ(Compiled(pairs(10, 4)).lanes(0), 8.0);
}

TEST(MlirCompiled, CopiesOfEachLoopStandSideBySide) {
  const std::string row =
      "%x{0} = affine.load %a[%r, %i] : memref<100x32xf32>\n%y{0} = arith.addf %x{0}, %x{0} : f32\n"
      "affine.store %y{0}, %b[%r, %i] : memref<100x32xf32>\n}}\n";
  const Compiled both(
      "func.func @f(%a: memref<100x32xf32>, %b: memref<100x32xf32>) {\naffine.for %r = 0 to 100 {\n"
      "affine.for %i = 0 to 8 {\n" +
      fmt::format(fmt::runtime(row), 0) + "affine.for %i = 16 to 24 {\n" + fmt::format(fmt::runtime(row), 1) +
      "}\nreturn\n}\n");
  EXPECT_FALSE(both.left(1) || both.left(2));
  double sums = 0.0;
  for (const Lowered::Item& item : both.lowered.items)
    if (both.step(item) != nullptr && both.step(item)->work == Work::add)
      sums += item.lanes == 8.0 ? 1.0 : 100.0;
  EXPECT_EQ(sums, 2.0);
}

TEST(MlirCompiled, LeastOfLeastAndGreatestIsTheLeast) {
  const auto choices = [](const std::string& type, const std::string& least, const std::string& greatest) {
    return Compiled(
        fmt::format("func.func @f(%x: memref<400x{0}>, %y: memref<400x{0}>) {{\naffine.for %i = 0 to 400 {{\n"
                    "%a = affine.load %x[%i] : memref<400x{0}>\n%b = affine.load %y[%i] : memref<400x{0}>\n"
                    "%c = arith.{1} %a, %b : {0}\n%d = arith.{2} %b, %a : {0}\n%e = arith.{1} %c, %d : {0}\n"
                    "%f = arith.{2} %c, %d : {0}\naffine.store %e, %x[%i] : memref<400x{0}>\n"
                    "affine.store %f, %y[%i] : memref<400x{0}>\n}}\nreturn\n}}\n",
                    type, least, greatest));
  };
  EXPECT_EQ(choices("i32", "minsi", "maxsi").steps(Work::integer, 0), 2.0);
  EXPECT_EQ(choices("f32", "minimumf", "maximumf").steps(Work::compare, 0), 4.0) << "not of reals";
}

/// Columns of so many rows, in vectors of four of a column each.
std::string columns(int rows) {
  return fmt::format(
      "#map = affine_map<(d0, d1) -> (d0)>\nfunc.func @f(%a: memref<{0}x32xf32>, %c: memref<{0}x64xf32>) {{\n"
      "%z = arith.constant 0.0 : f32\naffine.for %i = 0 to 64 {{\naffine.for %j = 0 to {0} step 4 {{\n"
      "affine.for %k = 0 to 32 {{\n"
      "%x = vector.transfer_read %a[%j, %k], %z {{permutation_map = #map}} : memref<{0}x32xf32>, "
      "vector<4xf32>\n"
      "%y = arith.mulf %x, %x : vector<4xf32>\n"
      "%v = vector.transfer_read %c[%j, %i], %z {{permutation_map = #map}} : memref<{0}x64xf32>, "
      "vector<4xf32>\n"
      "%w = arith.addf %v, %y : vector<4xf32>\n"
      "vector.transfer_write %w, %c[%j, %i] {{permutation_map = #map}} : vector<4xf32>, memref<{0}x64xf32>\n"
      "}}\n}}\n}}\nreturn\n}}\n",
      rows);
}

TEST(MlirCompiled, ElementsApartThatAreInsideAreNotTested) {
  const Compiled whole(columns(128));
  for (const Nest::Access& access : whole.nest.accesses) {
    EXPECT_TRUE(access.apart);
    EXPECT_FALSE(access.masked);
    EXPECT_EQ(access.elements, 4.0);
  }
  EXPECT_EQ(whole.accesses(1, true, 1), 1.0) << "sums stay in registers over the innermost loop";
  EXPECT_EQ(whole.accesses(1, true, 2), 0.0);
  // Of 130 rows the last of 33 vectors has two: the tests stay, and the stores with them.
  const Compiled rest(columns(130));
  for (const Nest::Access& access : rest.nest.accesses) {
    EXPECT_TRUE(access.masked);
    EXPECT_NEAR(access.elements, 130.0 / 33.0, 1e-9);
  }
  EXPECT_EQ(rest.accesses(1, true, 2), 1.0);
}

TEST(MlirCompiled, LengthsThatGoByARemainderDiffer) {
  // Of 256 rows: what four copies leave of 255 - i, which is 0 to 3.
  const Compiled rest(
      "#map = affine_map<(d0) -> ((-d0 + 255) mod 4)>\nfunc.func @f(%a: memref<256x4xf32>) {\n"
      "affine.for %i = 0 to 256 {\naffine.for %j = 0 to #map(%i) {\n"
      "%x = affine.load %a[%i, %j] : memref<256x4xf32>\n%y = arith.mulf %x, %x : f32\n"
      "affine.store %y, %a[%i, %j] : memref<256x4xf32>\n}\n}\nreturn\n}\n");
  EXPECT_FALSE(rest.nest.loops[1].fixed);
  EXPECT_EQ(rest.nest.loops[1].most, 3.0);
  EXPECT_NEAR(rest.nest.loops[1].trips, 1.5, 0.5);
}

}  // namespace
}  // namespace hone::cost::mlir
