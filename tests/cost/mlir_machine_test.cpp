// What a machine does with the code that is left, and what of the text decides it: seen of run times and of
// LLVM 19's remarks.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/cost/mlir_reuse.h"
#include "tests/cost/mlir_function.h"

namespace hone::cost::mlir {
namespace {

using Function = LoweredFunction;

TEST(MlirMachine, AMinimumThatHandsNanOnTakesLong) {
  // A cell of a table from its neighbours: 22.6 cycles each on Cascade Lake, two minima and a sum one after
  // the other.
  const auto chain = [](const std::string& least) {
    return Function(
               fmt::format("func.func @f(%t: memref<33x337xf64>, %y: memref<337xf64>) {{\n"
                           "affine.for %i = 1 to 33 {{\naffine.for %j = 1 to 337 {{\n"
                           "%a = affine.load %y[%j] : memref<337xf64>\n"
                           "%b = affine.load %t[%i - 1, %j - 1] : memref<33x337xf64>\n"
                           "%c = affine.load %t[%i, %j - 1] : memref<33x337xf64>\n"
                           "%d = affine.load %t[%i - 1, %j] : memref<33x337xf64>\n"
                           "%e = arith.{0} %d, %c : f64\n%g = arith.{0} %e, %b : f64\n"
                           "%h = arith.addf %g, %a : f64\naffine.store %h, %t[%i, %j] : memref<33x337xf64>\n"
                           "}}\n}}\nreturn\n}}\n",
                           least))
        .lowered.body(1)
        .chain;
  };
  EXPECT_NEAR(chain("minimumf"), 22.6, 4.0);
  EXPECT_NEAR(chain("addf"), 16.0, 1.0);
}

/// A row read through a window of two, `tile` outputs an iteration.
std::string window(int tile) {
  return fmt::format(
      "func.func @f(%a: memref<4100xf32>, %c: memref<4096xf32>) {{\n"
      "%s = arith.constant 1.5 : f32\n"
      "affine.for %i = 0 to 4096 step {0} {{\n"
      "affine.for %j = affine_map<(d0) -> (d0)>(%i) to affine_map<(d0) -> (d0 + {0})>(%i) {{\n"
      "%x = affine.load %a[%j] : memref<4100xf32>\n%y = affine.load %a[%j + 1] : memref<4100xf32>\n"
      "%z = arith.mulf %x, %s : f32\n%w = arith.addf %z, %y : f32\n"
      "affine.store %w, %c[%j] : memref<4096xf32>\n}}\n}}\nreturn\n}}\n",
      tile);
}

TEST(MlirMachine, WhatAWrittenOutWindowHandsOnKeepsItOutOfVectors) {
  // The first load of an iteration is the last one of that before, which comes after what is stored.
  EXPECT_EQ(Function(window(4), kWithMasks).lowered.body(0).lanes, 1.0);
  EXPECT_EQ(Function(window(8), kWithMasks).lowered.body(0).lanes, 1.0);
  // One output an iteration: nothing is stored before it.
  EXPECT_EQ(Function(window(1), kWithMasks).lowered.body(0).lanes, 8.0);
}

TEST(MlirMachine, DivisionsInAddressesStayOutOfLanes) {
  const auto lanes = [](int times) {
    return Function(fmt::format(
                        "func.func @f(%a: memref<4x400x16xf32>, %c: memref<4x99x16xf32>) {{\n"
                        "affine.for %i = 0 to 4 {{\naffine.for %k = 0 to 16 {{\naffine.for %j = 0 to 99 {{\n"
                        "%x = affine.load %a[%i, %j floordiv {0}, %k] : memref<4x400x16xf32>\n"
                        "%y = arith.mulf %x, %x : f32\n"
                        "affine.store %y, %c[%i, %j, %k] : memref<4x99x16xf32>\n}}\n}}\n}}\nreturn\n}}\n",
                        times),
                    kWithMasks)
        .lowered.body(2)
        .lanes;
  };
  EXPECT_EQ(lanes(3), 1.0);
  EXPECT_EQ(lanes(7), 1.0);
  AffineMap map;  // (d0, d1) -> (d0 floordiv 3 + d1 floordiv 4)
  map.dims = 2;
  using Op = AffineNode::Op;
  map.nodes = {{Op::dim, 0, -1, -1}, {Op::constant, 3, -1, -1}, {Op::floordiv, 0, 0, 1},
               {Op::dim, 1, -1, -1}, {Op::constant, 4, -1, -1}, {Op::floordiv, 0, 3, 4},
               {Op::add, 0, 2, 5}};
  map.results = {6};
  EXPECT_EQ(divided(map, 0), (std::vector<bool>{true, false}));
}

TEST(MlirMachine, TheOrderOfASumDoesNotMatter) {
  // Four neighbours, whose place is %j + %k in one line and %k + %j in the others.
  std::string body;
  for (int c = 0; c < 4; ++c) {
    const std::string place = c == 0 ? "%j + %k" : fmt::format("%k + %j + {}", c);
    body += fmt::format(
        "%a{0} = affine.load %x[{1}] : memref<64xf32>\n%b{0} = arith.mulf %a{0}, %s : f32\n"
        "%c{0} = affine.load %y[%j + {0}] : memref<32xf32>\n%d{0} = arith.addf %c{0}, %b{0} : f32\n"
        "affine.store %d{0}, %y[%j + {0}] : memref<32xf32>\n",
        c, place);
  }
  const Function f(
      "func.func @f(%x: memref<64xf32>, %y: memref<32xf32>, %s: f32) {\n"
      "affine.for %k = 0 to 26 {\naffine.for %j = 0 to 32 step 4 {\n" +
          body + "}\n}\nreturn\n}\n",
      kWithMasks);
  double vectors = 0.0;
  for (const Lowered::Item& item : f.lowered.items) {
    EXPECT_FALSE(item.gathers);
    EXPECT_FALSE(item.gathered);
    if (item.step >= 0) vectors = std::max(vectors, item.lanes);
  }
  EXPECT_GE(vectors, 4.0);
}

TEST(MlirMachine, StridesOfPowersOfTwoCrowdACache) {
  // Columns of 64 rows: 2 KiB apart all of them lie in two of the first cache's 64 sets, 2,112 bytes apart in
  // all.
  const auto traffic = [](int columns, double cache) {
    const Module module = parse(fmt::format(
        "func.func @f(%a: memref<64x{0}xf64>, %b: memref<{0}x64xf64>) {{\n"
        "affine.for %j = 0 to {0} {{\naffine.for %i = 0 to 64 {{\n"
        "%x = affine.load %a[%i, %j] : memref<64x{0}xf64>\naffine.store %x, %b[%j, %i] : memref<{0}x64xf64>\n"
        "}}\n}}\nreturn\n}}\n",
        columns));
    const Nest nest = mlir::nest(module, module.functions().at(0));
    return Reuse(nest).traffic(cache) / (64.0 * 8.0 * columns);
  };
  EXPECT_NEAR(traffic(264, 32768), 3.0, 0.1) << "read once, written and read before";
  EXPECT_NEAR(traffic(256, 32768), 8.0 + 2.0, 0.1) << "a line for every element";
  EXPECT_NEAR(traffic(256, 1048576), 3.0, 0.1) << "of 1,024 sets with 16 places it has enough";
  EXPECT_NEAR(traffic(8192, 1048576), 8.0 + 2.0, 0.1) << "but not for rows of 64 KiB";
}

}  // namespace
}  // namespace hone::cost::mlir
