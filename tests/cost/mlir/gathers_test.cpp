// Elements that lie apart: what LLVM 19 makes gathers of (looked up in its remarks and code for AVX-512 with
// vectors of 32 bytes), and what they cost.
#include <cmath>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"
#include "hone/cost/mlir/features.h"
#include "hone/cost/mlir/loop_features.h"
#include "hone/cost/mlir/lowered.h"
#include "hone/cost/mlir/reuse.h"
#include "hone/cost/mlir/text.h"

namespace hone::cost::mlir {
namespace {

constexpr CodeTarget kMasks{32.0, 32.0, 50.0}, kNoMasks{32.0, 16.0, 50.0};

struct Made : LoweredFunction {
  LoopRows rows;

  explicit Made(const std::string& text, const CodeTarget& target = kMasks)
      : LoweredFunction(text, target), rows(loop_features(nest, Reuse(nest), lowered)) {}
  double cycles() const {
    double sum = 0.0;
    for (const double one : rows.estimates) sum += std::exp(one);
    return sum;
  }
  double lanes(int loop) const { return lowered.body(loop).lanes; }
};

/// `block` elements after each other, `iterations` times, of which `buffers` are added into the first.
std::string blocks(int block, int iterations, int buffers) {
  const std::string type = fmt::format("memref<{}xf32>", block * iterations);
  std::string text = "func.func @f(", body;
  for (int b = 0; b < buffers; ++b) text += fmt::format("{}%a{}: {}", b == 0 ? "" : ", ", b, type);
  for (int k = 0; k < block; ++k) {
    for (int b = 0; b < buffers; ++b)
      body += fmt::format("%l{0}_{1} = affine.load %a{1}[%i + {0}] : {2}\n", k, b, type);
    std::string sum = fmt::format("%l{}_0", k);
    for (int b = 1; b < buffers; ++b) {
      body += fmt::format("%s{0}_{1} = arith.addf {2}, %l{0}_{1} : f32\n", k, b, sum);
      sum = fmt::format("%s{}_{}", k, b);
    }
    body += fmt::format("affine.store {}, %a0[%i + {}] : {}\n", sum, k, type);
  }
  return text + fmt::format(") {{\naffine.for %i = 0 to {} step {} {{\n{}}}\nreturn\n}}\n",
                            block * iterations, block, body);
}

TEST(MlirGathers, BlocksOfARowRunInLanesOfIterations) {
  // Eight iterations at once, with gathers, by LLVM's table of costs.
  EXPECT_EQ(Made(blocks(16, 512, 3)).lanes(0), 8.0);
  EXPECT_EQ(Made(blocks(32, 512, 3)).lanes(0), 8.0);
}

TEST(MlirGathers, MorePlacesThanAreToldApartRunOneByOne) {
  EXPECT_EQ(Made(blocks(64, 512, 3)).lanes(0), 8.0);
  EXPECT_EQ(Made(blocks(64, 512, 4)).lanes(0), 1.0) << "256 places in four buffers";
}

/// Blocks of columns, row by row: z = (x + y) * y, a block for each iteration around.
std::string columns(int block, int rows) {
  const std::string type = fmt::format("memref<{}x{}xf32>", rows + 8, block * 64);
  return fmt::format(
      "func.func @f(%x: {0}, %y: {0}, %z: {0}) {{\naffine.for %o = 0 to 50 {{\naffine.for %i = 0 to {1} {{\n"
      "affine.for %k = 0 to {2} {{\n%a = affine.load %x[%i, %o * {2} + %k] : {0}\n"
      "%b = affine.load %y[%i, %o * {2} + %k] : {0}\n%c = arith.addf %a, %b : f32\n"
      "%d = arith.mulf %c, %b : f32\naffine.store %d, %z[%i, %o * {2} + %k] : {0}\n}}\n}}\n}}\nreturn\n}}\n",
      type, rows, block);
}

TEST(MlirGathers, BlocksBesideOneSumNeedNoChecks) {
  // LLVM proves of the sum that the copies share that it does not wrap; see mlir/checks_test.cpp.
  EXPECT_EQ(Made(columns(8, 12)).lanes(1), 4.0);
  EXPECT_EQ(Made(columns(8, 32)).lanes(1), 8.0);
  EXPECT_GT(Made(columns(12, 12)).lanes(1), 1.0);
}

TEST(MlirGathers, LanesThatAreSwitchedOffAreNotLoadedTogether) {
  const auto pairs = [](int trips) {
    std::string work;  // too much to be written out
    for (int i = 0; i < 24; ++i)
      work += fmt::format("%w{} = arith.mulf %{}, %b : f32\n", i + 1, i == 0 ? "a" : fmt::format("w{}", i));
    return fmt::format(
        "func.func @f(%x: memref<100x64xf32>, %y: memref<100x64xf32>) {{\naffine.for %i = 0 to 100 {{\n"
        "affine.for %j = 0 to {} {{\n%a = affine.load %x[%i, %j * 2] : memref<100x64xf32>\n"
        "%b = affine.load %x[%i, %j * 2 + 1] : memref<100x64xf32>\n{}"
        "affine.store %w24, %y[%i, %j] : memref<100x64xf32>\n}}\n}}\nreturn\n}}\n",
        trips, work);
  };
  const Made whole(pairs(32)), part(pairs(13));
  EXPECT_FALSE(whole.lowered.body(1).masked);
  double group = 0.0;
  for (const Lowered::Item& item : whole.lowered.items) group = std::max(group, item.group);
  EXPECT_EQ(group, 2.0);
  ASSERT_TRUE(part.lowered.body(1).masked);
  for (const Lowered::Item& item : part.lowered.items) EXPECT_EQ(item.group, 1.0);
}

/// Four rows' sums side by side: s[i + k] += a[i + k, j] * x[j].
const char* const kRowSums =
    "func.func @f(%a: memref<64x96xf64>, %x: memref<96xf64>, %s: memref<64xf64>) {\n"
    "affine.for %i = 0 to 64 step 4 {\naffine.for %j = 0 to 96 {\n"
    "affine.for %k = 0 to 4 {\n%0 = affine.load %a[%i + %k, %j] : memref<64x96xf64>\n"
    "%1 = affine.load %x[%j] : memref<96xf64>\n%2 = arith.mulf %0, %1 : f64\n"
    "%3 = affine.load %s[%i + %k] : memref<64xf64>\n%4 = arith.addf %3, %2 : f64\n"
    "affine.store %4, %s[%i + %k] : memref<64xf64>\n}\n}\n}\nreturn\n}\n";

TEST(MlirGathers, SumsOfRowsSideBySideAreGathered) {
  EXPECT_EQ(Made(kRowSums, kMasks).gathers(), 1);
  EXPECT_EQ(Made(kRowSums, kNoMasks).gathers(), 0);
}

TEST(MlirGathers, WhatIsOnlyCopiedIsNotGathered) {
  const char* const text =
      "func.func @f(%a: memref<64x96xf64>, %s: memref<96x64xf64>) {\naffine.for %j = 0 to 96 {\n"
      "affine.for %i = 0 to 64 step 4 {\naffine.for %k = 0 to 4 {\n"
      "%0 = affine.load %a[%i + %k, %j] : memref<64x96xf64>\n"
      "affine.store %0, %s[%j, %i + %k] : memref<96x64xf64>\n}\n}\n}\nreturn\n}\n";
  EXPECT_EQ(Made(text, kMasks).gathers(), 0);
}

TEST(MlirGathers, StoresAreNotGathered) {
  // One copy's store has neighbours, the other's lies apart.
  const char* const text =
      "func.func @f(%a: memref<96x64xf32>, %s: memref<96x64xf32>, %t: memref<96x512xf32>) {\n"
      "affine.for %j = 0 to 96 {\naffine.for %i = 0 to 64 step 8 {\naffine.for %k = 0 to 8 {\n"
      "%0 = affine.load %a[%j, %i + %k] : memref<96x64xf32>\n%1 = arith.mulf %0, %0 : f32\n"
      "affine.store %1, %s[%j, %i + %k] : memref<96x64xf32>\n"
      "affine.store %1, %t[%j, %i * 8 + %k * 8] : memref<96x512xf32>\n}\n}\n}\nreturn\n}\n";
  EXPECT_EQ(Made(text, kMasks).gathers(), 0);
}

TEST(MlirGathers, CostWhatTheMachineTakesForThem) {
  CodeTarget slow = kMasks;
  slow.gather_cycles = 26.0;
  slow.gathered_lane_cycles = 1.0;
  // 16 * 96 gathers of four elements.
  const double apart = Made(kRowSums, slow).cycles() - Made(kRowSums, kMasks).cycles();
  EXPECT_NEAR(apart, 16.0 * 96.0 * 30.0, 0.02 * apart);
  const std::string by_iterations = blocks(16, 512, 3);  // 64 times 48 gathers of eight
  const double wide = Made(by_iterations, slow).cycles() - Made(by_iterations, kMasks).cycles();
  EXPECT_NEAR(wide, 64.0 * 48.0 * 34.0, 0.02 * wide);
  slow.vector_registers = 16.0;
  EXPECT_EQ(Made(kRowSums, slow).cycles(), Made(kRowSums, kNoMasks).cycles()) << "there are none";
}

TEST(MlirGathers, PlacesAtRandomComeLineByLine) {
  const auto scattered = [](int elements) {
    return fmt::format(
        "func.func @f(%p: memref<{0}xi32>, %y: memref<{0}xf32>) {{\n%c = arith.constant 1.0 : f32\n"
        "affine.for %i = 0 to {0} {{\n%a = affine.load %p[%i] : memref<{0}xi32>\n"
        "%b = arith.index_cast %a : i32 to index\nmemref.store %c, %y[%b] : "
        "memref<{0}xf32>\n}}\nreturn\n}}\n",
        elements);
  };
  const auto traffic = [&](int elements, double cache) {
    const Module module = parse(scattered(elements));
    const Nest nest = mlir::nest(module, module.functions().at(0));
    return Reuse(nest).traffic(cache);
  };
  constexpr double kMillion = 1048576.0;
  // 4 MiB read in a row, and a line in and out for each element that is not there by chance.
  EXPECT_NEAR(traffic(1 << 20, kMillion), 4.0 * kMillion + 0.75 * 128.0 * kMillion, kMillion);
  EXPECT_NEAR(traffic(1 << 20, 64.0 * kMillion), 12.0 * kMillion, kMillion) << "all of it fits: once";
}

}  // namespace
}  // namespace hone::cost::mlir
