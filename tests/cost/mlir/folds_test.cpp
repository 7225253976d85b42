// Extrema and sums that are folded, copies that are no loops, lanes that are switched off in part: seen of
// run times and of LLVM 19's code.
#include <cmath>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"
#include "hone/cost/mlir/loop_features.h"
#include "hone/cost/mlir/reuse.h"

namespace hone::cost::mlir {
namespace {

using Function = LoweredFunction;

LoopRows rows_of(const Function& f) { return loop_features(f.nest, Reuse(f.nest), f.lowered); }

double sum_of_logs(const std::vector<double>& logs) {
  double sum = 0.0;
  for (const double one : logs) sum += std::exp(one);
  return sum;
}

TEST(MlirFolds, ExtremaOfTheTextAreAVectors) {
  // Beside a sum, whose order is kept, which keeps lanes away: eight maxima one after the other took 72
  // cycles.
  std::string text =
      "func.func @f(%a: memref<64x4096xf32>, %y: memref<64xf32>, %z: memref<64xf32>) {\n"
      "affine.for %i = 0 to 64 {\naffine.for %j = 0 to 4096 step 8 {\n";
  for (int k = 0; k < 8; ++k)
    text += fmt::format(
        "%x{0} = affine.load %a[%i, %j + {0}] : memref<64x4096xf32>\n"
        "%s{0} = affine.load %y[%i] : memref<64xf32>\n%t{0} = arith.maximumf %s{0}, %x{0} : f32\n"
        "affine.store %t{0}, %y[%i] : memref<64xf32>\n"
        "%u{0} = affine.load %z[%i] : memref<64xf32>\n%v{0} = arith.addf %u{0}, %x{0} : f32\n"
        "affine.store %v{0}, %z[%i] : memref<64xf32>\n",
        k);
  const Function f(text + "}\n}\nreturn\n}\n", kWithMasks);
  EXPECT_EQ(f.lowered.body(1).lanes, 1.0);
  EXPECT_EQ(f.lanes(Work::compare), 8.0);
  EXPECT_EQ(f.lanes(Work::add), 1.0);
  EXPECT_NEAR(f.lowered.body(1).chain.cycles, 32.0, 1.0) << "the sum's alone";
}

TEST(MlirFolds, AShortCopyIsNoLoop) {
  // Eight elements are one vector: 1.0 cycle measured each, and 2.4 instructions.
  const Function f(
      "func.func @f(%a: memref<1988xf32>, %b: memref<4x1984xf32>) {\n"
      "affine.for %j = 0 to 1984 step 8 {\naffine.for %i = 0 to 4 {\n"
      "affine.for %k = affine_map<(d0) -> (d0)>(%j) to affine_map<(d0) -> (d0 + 8)>(%j) {\n"
      "%x = affine.load %a[%k + %i] : memref<1988xf32>\n"
      "affine.store %x, %b[%i, %k] : memref<4x1984xf32>\n}\n}\n}\nreturn\n}\n",
      kWithMasks);
  const LoopRows rows = rows_of(f);
  EXPECT_LT(sum_of_logs(rows.instructions), 4.0 * 992.0);
  EXPECT_LT(sum_of_logs(rows.core), 3.0 * 992.0);
}

TEST(MlirFolds, LanesSwitchedOffInPartWaitForTheirStores) {
  // 18 terms of rows of six in vectors of four: each waits until the store of the one before it has left the
  // core, 22 cycles; rows of eight do not.
  const auto cycles = [](int row) {
    const Function f(
        fmt::format("func.func @f(%a: memref<20x18x39xf64>, %b: memref<20x18x{0}xf64>, %c: "
                    "memref<20x39x{0}xf64>) {{\n"
                    "%z = arith.constant 0.0 : f64\naffine.for %i = 0 to 20 {{\naffine.for %j = 0 to 39 {{\n"
                    "affine.for %k = 0 to 18 {{\naffine.for %l = 0 to {0} step 4 {{\n"
                    "%x = vector.transfer_read %a[%i, %k, %j], %z {{in_bounds = [true], permutation_map = "
                    "affine_map<(d0, d1, d2) -> (0)>}} : memref<20x18x39xf64>, vector<4xf64>\n"
                    "%y = vector.transfer_read %b[%i, %k, %l], %z : memref<20x18x{0}xf64>, vector<4xf64>\n"
                    "%p = arith.mulf %x, %y : vector<4xf64>\n"
                    "%s = vector.transfer_read %c[%i, %j, %l], %z : memref<20x39x{0}xf64>, vector<4xf64>\n"
                    "%t = arith.addf %s, %p : vector<4xf64>\n"
                    "vector.transfer_write %t, %c[%i, %j, %l] : vector<4xf64>, memref<20x39x{0}xf64>\n"
                    "}}\n}}\n}}\n}}\nreturn\n}}\n",
                    row),
        kWithMasks);
    return sum_of_logs(rows_of(f).core) / (20.0 * 39.0);
  };
  EXPECT_GT(cycles(6), 18.0 * 15.0);
  EXPECT_LT(cycles(8), 18.0 * 8.0);
  EXPECT_LT(cycles(5), cycles(6) / 2.0) << "a single lane is stored as an element";
}

TEST(MlirFolds, WholeProductsOfVectorsWaitForEachOther) {
  // 13 rounds of two products one behind the other, in lanes: 62 cycles measured a vector, beside others.
  const Function f(
      "func.func @f(%a: memref<512xi32>, %b: memref<512xi32>) {\naffine.for %i = 0 to 512 {\n"
      "%0 = affine.load %a[%i] : memref<512xi32>\n"
      "%1 = affine.for %j = 0 to 13 iter_args(%s = %0) -> (i32) {\n%c = arith.constant 61 : i32\n"
      "%2 = arith.muli %c, %s : i32\n%3 = arith.muli %2, %s : i32\naffine.yield %3 : i32\n}\n"
      "affine.store %1, %b[%i] : memref<512xi32>\n}\nreturn\n}\n",
      kWithMasks);
  ASSERT_EQ(f.lowered.body(0).lanes, 8.0);
  EXPECT_GE(f.lowered.body(0).path.cycles, 26.0 * 9.0);
}

TEST(MlirFolds, GroupsOfElementsOverTwoDimensions) {
  // Two by two: four elements side by side, loaded and stored together.
  const Function f(
      "func.func @f(%a: memref<512x2x2xf32>, %b: memref<512x2x2xf32>) {\naffine.for %i = 0 to 512 {\n"
      "%0 = affine.load %a[%i, 0, 0] : memref<512x2x2xf32>\n"
      "%1 = affine.load %a[%i, 0, 1] : memref<512x2x2xf32>\n"
      "%2 = affine.load %a[%i, 1, 0] : memref<512x2x2xf32>\n"
      "%3 = affine.load %a[%i, 1, 1] : memref<512x2x2xf32>\n"
      "%4 = arith.addf %0, %3 : f32\n%5 = arith.mulf %1, %2 : f32\n%6 = arith.subf %4, %5 : f32\n"
      "affine.store %4, %b[%i, 0, 0] : memref<512x2x2xf32>\n"
      "affine.store %5, %b[%i, 0, 1] : memref<512x2x2xf32>\n"
      "affine.store %6, %b[%i, 1, 0] : memref<512x2x2xf32>\n"
      "affine.store %0, %b[%i, 1, 1] : memref<512x2x2xf32>\n}\nreturn\n}\n",
      kWithMasks);
  int accesses = 0;
  for (const Lowered::Item& item : f.lowered.items) {
    if (f.access(item) == nullptr) continue;
    ++accesses;
    EXPECT_EQ(item.group, 4.0);
  }
  EXPECT_EQ(accesses, 8);
}

TEST(MlirFolds, WhatIsReadOneByOneIsNotFolded) {
  // Extrema that drop NaN keep their order without a flag; a value that two buffers are told is no root.
  const auto lanes = [](const std::string& operation, bool twice) {
    std::string text =
        "func.func @f(%a: memref<8xf32>, %y: memref<1xf32>, %z: memref<1xf32>) {\n"
        "%t0 = affine.load %a[0] : memref<8xf32>\n";
    for (int k = 1; k < 8; ++k)
      text +=
          fmt::format("%x{0} = affine.load %a[{0}] : memref<8xf32>\n%t{0} = arith.{2} %t{1}, %x{0} : f32\n",
                      k, k - 1, operation);
    text += "affine.store %t7, %y[0] : memref<1xf32>\n";
    if (twice) text += "affine.store %t7, %z[0] : memref<1xf32>\n";
    return Function(text + "return\n}\n", kWithMasks).lanes(Work::compare);
  };
  EXPECT_EQ(lanes("maximumf", false), 8.0);
  EXPECT_EQ(lanes("maxnumf", false), 1.0);
  EXPECT_EQ(lanes("maximumf", true), 1.0);
}

TEST(MlirFolds, LoadsOfOnePlaceWaitBesideEachOther) {
  // y[i] is loaded twice around a store to y[j], and stored once: one step a round, not two.
  const Function f(
      "func.func @f(%a: memref<256xi32>, %y: memref<256xi32>) {\n"
      "affine.for %i = 0 to 256 {\naffine.for %j = 0 to 256 {\n"
      "%0 = affine.load %y[%i] : memref<256xi32>\n%1 = affine.load %a[%j] : memref<256xi32>\n"
      "affine.store %1, %y[%j] : memref<256xi32>\n%2 = affine.load %y[%i] : memref<256xi32>\n"
      "%3 = arith.addi %0, %2 : i32\naffine.store %3, %y[%i] : memref<256xi32>\n}\n}\nreturn\n}\n",
      kWithMasks);
  EXPECT_NEAR(f.lowered.body(1).chain.cycles, 5.0, 0.5);
}

TEST(MlirFolds, AccessesOfOneBufferMayHaveUnequallyManyIndices) {
  const Function f(
      "func.func @f(%a: memref<8x8xi32>, %b: memref<64xi32>) {\naffine.for %j = 0 to 64 {\n"
      "%0 = affine.load %a[0, 0] : memref<8x8xi32>\n%1 = affine.load %a[0] : memref<8x8xi32>\n"
      "%2 = arith.addi %0, %1 : i32\naffine.store %2, %a[0] : memref<8x8xi32>\n"
      "affine.store %2, %a[%j, %j] : memref<8x8xi32>\naffine.store %2, %a[0, 0] : memref<8x8xi32>\n}\n"
      "return\n}\n",
      kWithMasks);
  EXPECT_GE(f.lowered.body(0).chain.cycles, 0.0);
}

TEST(MlirFolds, ALongSumIsNoDeepRecursion) {
  std::string text =
      "func.func @f(%a: memref<8xi32>, %y: memref<1xi32>) {\n%t0 = affine.load %a[0] : memref<8xi32>\n";
  for (int k = 1; k < 20000; ++k) text += fmt::format("%t{} = arith.addi %t{}, %t0 : i32\n", k, k - 1);
  const Function f(text + "affine.store %t19999, %y[0] : memref<1xi32>\nreturn\n}\n", kWithMasks);
  EXPECT_GE(f.lowered.items.size(), 20000u);
}

TEST(MlirFolds, QuotientsOfBlocksAreSums) {
  // (8 i + j) floordiv 8 is i, its remainder j; of a triangle nothing is certain.
  const auto exact = [](const std::string& to) {
    const Function f(
        fmt::format("func.func @f(%a: memref<64x64xf32>) {{\n%z = arith.constant 0.0 : f32\n"
                    "affine.for %i = 0 to 64 {{\naffine.for %j = 0 to {} {{\n"
                    "affine.store %z, %a[(%i * 8 + %j) floordiv 8, (%i * 8 + %j) mod 8] : memref<64x64xf32>\n"
                    "}}\n}}\nreturn\n}}\n",
                    to));
    return f.nest.accesses.at(0).indices.at(0).exact && f.nest.accesses.at(0).indices.at(1).exact;
  };
  EXPECT_TRUE(exact("8"));
  EXPECT_FALSE(exact("9"));
  EXPECT_FALSE(exact("affine_map<(d0) -> (d0)>(%i)"));
}

TEST(MlirFolds, PartsOfAComplexNumberAreTwoValues) {
  const Function f(
      "func.func @f(%a: memref<8xcomplex<f32>>, %b: memref<8xf32>) {\naffine.for %i = 0 to 8 {\n"
      "%0 = affine.load %a[%i] : memref<8xcomplex<f32>>\n%1 = complex.re %0 : complex<f32>\n"
      "%2 = complex.im %0 : complex<f32>\n%3 = arith.mulf %1, %1 : f32\n%4 = arith.mulf %2, %2 : f32\n"
      "%5 = arith.addf %3, %4 : f32\naffine.store %5, %b[%i] : memref<8xf32>\n}\nreturn\n}\n",
      kWithMasks);
  double products = 0.0;
  for (const Lowered::Item& item : f.lowered.items)
    if (f.step(item) != nullptr && f.step(item)->work == Work::multiply) products += 1.0;
  EXPECT_EQ(products, 2.0);
}

}  // namespace
}  // namespace hone::cost::mlir
