// Loops written out on which bounds of others depend: what LLVM 19 at -O3 makes of such texts (looked up in
// its remarks and code), copy by copy.
#include "hone/cost/mlir/written_out.h"

#include <cmath>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"
#include "hone/cost/mlir/features.h"

namespace hone::cost::mlir {
namespace {

constexpr CodeTarget kTarget{32.0, 16.0, 96.0};

/// A row of 24 in tiles of 16: one of 16 and one of 8.
std::string tiles(const std::string& body) {
  return "#map = affine_map<(d0) -> (d0)>\n#map1 = affine_map<(d0) -> (d0 + 16, 24)>\n"
         "func.func @f(%a: memref<400x24xf64>, %b: memref<400x24xf64>) {\n"
         "affine.for %r = 0 to 400 {\naffine.for %t = 0 to 24 step 16 {\n"
         "affine.for %i = #map(%t) to min #map1(%t) {\n" +
         body + "}\n}\n}\nreturn\n}\n";
}
const char* kScaled =
    "%x = affine.load %a[%r, %i] : memref<400x24xf64>\n%y = arith.mulf %x, %x : f64\n"
    "affine.store %y, %b[%r, %i] : memref<400x24xf64>\n";

TEST(MlirWrittenOut, EachTileIsAsLongAsItAloneIs) {
  const LoweredFunction f(tiles(kScaled), kTarget);
  const BoundingLoops loops = bounding_loops(f.nest, kTarget);
  ASSERT_EQ(loops.bounds.size(), 1U);
  EXPECT_TRUE(loops.between.empty());
  const Module module = parse(tiles(kScaled));
  const auto copies = written_out(module, loops);
  ASSERT_TRUE(copies.has_value());
  const Nest nest = copies->nest(module.functions().at(0));
  ASSERT_EQ(nest.loops.size(), 3U);
  EXPECT_EQ(nest.loops[1].trips, 16.0);
  EXPECT_EQ(nest.loops[2].trips, 8.0);
  EXPECT_TRUE(nest.loops[1].fixed && nest.loops[2].fixed);
  EXPECT_EQ(nest.loops[1].iterations + nest.loops[2].iterations, 400.0 * 24.0);
  // The second begins where the first ends.
  const auto place = [&](int loop) {
    for (const Nest::Access& access : nest.accesses)
      if (access.store && access.loop == loop) return access.indices.at(1).constant;
    return -1.0;
  };
  EXPECT_EQ(place(1), 0.0);
  EXPECT_EQ(place(2), 16.0);
}

TEST(MlirWrittenOut, RowsOfATriangle) {
  const std::string text =
      "#map = affine_map<(d0) -> (d0 + 1)>\nfunc.func @f(%a: memref<4x4xf32>, %b: memref<4x4xf32>) {\n"
      "affine.for %i = 0 to 4 {\naffine.for %j = 0 to #map(%i) {\n"
      "%x = affine.load %a[%i, %j] : memref<4x4xf32>\naffine.store %x, %b[%j, %i] : memref<4x4xf32>\n"
      "}\n}\nreturn\n}\n";
  const LoweredFunction f(text, kTarget);
  const Module module = parse(text);
  const auto copies = written_out(module, bounding_loops(f.nest, kTarget));
  ASSERT_TRUE(copies.has_value());
  const Nest nest = copies->nest(module.functions().at(0));
  ASSERT_EQ(nest.loops.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(nest.loops[i].trips, static_cast<double>(i) + 1.0);
}

TEST(MlirWrittenOut, ValuesHandedOnGoFromCopyToCopy) {
  // The sum of a copy is what the next one begins with, and the last one's what is stored.
  const std::string text =
      "#map = affine_map<(d0) -> (d0 + 1)>\nfunc.func @f(%a: memref<3x3xf32>, %b: memref<f32>) {\n"
      "%z = arith.constant 0.0 : f32\n"
      "%s = affine.for %i = 0 to 3 iter_args(%p = %z) -> (f32) {\n"
      "%t = affine.for %j = 0 to #map(%i) iter_args(%q = %p) -> (f32) {\n"
      "%x = affine.load %a[%i, %j] : memref<3x3xf32>\n%y = arith.addf %q, %x : f32\n"
      "affine.yield %y : f32\n}\naffine.yield %t : f32\n}\n"
      "affine.store %s, %b[] : memref<f32>\nreturn\n}\n";
  const Module module = parse(text);
  const LoweredFunction f(text, kTarget);
  BoundingLoops loops = bounding_loops(f.nest, kTarget);
  const auto copies = written_out(module, loops);
  ASSERT_TRUE(copies.has_value());
  const Nest nest = copies->nest(module.functions().at(0));
  ASSERT_EQ(nest.loops.size(), 3U);
  const Nest::Access* store = nullptr;
  for (const Nest::Access& access : nest.accesses)
    if (access.store) store = &access;
  ASSERT_NE(store, nullptr);
  const auto result_of = [&](int loop) {
    for (const Nest::Flow& flow : nest.flows)
      if (flow.ended && flow.loop == loop) return flow.values.at(0);
    return Nest::kNoValue;
  };
  EXPECT_EQ(nest.loops[1].initial.at(0), result_of(0));
  EXPECT_EQ(nest.loops[2].initial.at(0), result_of(1));
  EXPECT_EQ(store->uses.at(0), result_of(2));
}

TEST(MlirWrittenOut, WhatIsDecidedBeforeALengthIsKnownStays) {
  // Three rows are written out before the tiles around them, of which each copy has three loops, then.
  const std::string text =
      "#map = affine_map<(d0) -> (d0)>\n#map1 = affine_map<(d0) -> (d0 + 16, 24)>\n"
      "func.func @f(%a: memref<400x24xf64>, %b: memref<400x24xf64>) {\n"
      "affine.for %r = 0 to 390 {\naffine.for %t = 0 to 24 step 16 {\naffine.for %k = 0 to 3 {\n"
      "affine.for %i = #map(%t) to min #map1(%t) {\n"
      "%x = affine.load %a[%r, %i] : memref<400x24xf64>\n%y = arith.mulf %x, %x : f64\n"
      "affine.store %y, %b[%r + %k, %i] : memref<400x24xf64>\n}\n}\n}\n}\nreturn\n}\n";
  const LoweredFunction f(text, kTarget);
  const BoundingLoops loops = bounding_loops(f.nest, kTarget);
  EXPECT_EQ(loops.bounds.size(), 1U);
  EXPECT_EQ(loops.between.size(), 1U);
  const Module module = parse(text);
  const auto copies = written_out(module, loops);
  ASSERT_TRUE(copies.has_value());
  EXPECT_EQ(copies->early.size(), 2U);
  const Nest nest = copies->nest(module.functions().at(0));
  int early = 0;
  for (const Nest::Loop& loop : nest.loops) early += loop.early ? 1 : 0;
  EXPECT_EQ(early, 2);
  const Lowered left = lowered(nest, kTarget);
  for (std::size_t i = 0; i < nest.loops.size(); ++i)
    EXPECT_TRUE(!nest.loops[i].early || !left.body(static_cast<int>(i)).left);
}

TEST(MlirWrittenOut, NothingWhereNoBoundDepends) {
  const std::string text =
      "func.func @f(%a: memref<40x24xf64>) {\naffine.for %i = 0 to 40 {\naffine.for %j = 0 to 24 {\n"
      "%x = affine.load %a[%i, %j] : memref<40x24xf64>\n%y = arith.mulf %x, %x : f64\n"
      "affine.store %y, %a[%i, %j] : memref<40x24xf64>\n}\n}\nreturn\n}\n";
  const LoweredFunction f(text, kTarget);
  EXPECT_TRUE(bounding_loops(f.nest, kTarget).bounds.empty());
  EXPECT_FALSE(written_out(parse(text), {}).has_value());
}

TEST(MlirWrittenOut, TooLongStaysAsItIs) {
  std::string body;
  for (int k = 0; k < 60; ++k)
    body += fmt::format(
        "%x{0} = affine.load %a[%r, %i] : memref<400x24xf64>\n%y{0} = arith.mulf %x{0}, %x{0} : f64\n"
        "affine.store %y{0}, %b[%r, %i] : memref<400x24xf64>\n",
        k);
  const Module module = parse(tiles(body));
  BoundingLoops all;
  for (std::size_t i = 0; i < module.operations.size(); ++i)
    if (!module.operations[i].loops.empty()) all.bounds.push_back(static_cast<int>(i));
  EXPECT_FALSE(written_out(module, all).has_value());
}

TEST(MlirWrittenOut, AnotherFunctionStaysWhereItIs) {
  const std::string text = "func.func private @g(%x: memref<4xf32>) {\nreturn\n}\n" +
                           std::string("#map = affine_map<(d0) -> (d0 + 1)>\n") +
                           "func.func @f(%a: memref<4x4xf32>) {\naffine.for %i = 0 to 4 {\n"
                           "affine.for %j = 0 to #map(%i) {\n%x = affine.load %a[%i, %j] : memref<4x4xf32>\n"
                           "affine.store %x, %a[%j, %i] : memref<4x4xf32>\n}\n}\nreturn\n}\n";
  const Module module = parse(text);
  const int function = module.functions().at(1);
  const Nest nest = mlir::nest(module, function);
  const auto copies = written_out(module, bounding_loops(nest, kTarget));
  ASSERT_TRUE(copies.has_value());
  EXPECT_EQ(copies->module.operations.at(static_cast<std::size_t>(function)).symbol, "f");
  EXPECT_EQ(copies->module.functions(), module.functions());
  EXPECT_EQ(copies->nest(function).loops.size(), 4U);
}

TEST(MlirWrittenOut, FeaturesCountEachCopy) {
  // Of a tile of 16 and one of 8 reals in lanes of four no remainder is left.
  const Module module = parse(tiles(kScaled));
  const Features made = features(module, module.functions().at(0), kTarget);
  EXPECT_EQ(made.loops.size(), 3U) << "the report is of the loops that the text has";
  double instructions = 0.0;
  for (const double one : made.rows.instructions) instructions += std::exp(one);
  // 6 vectors a row: load, square, store.
  EXPECT_NEAR(instructions, 400.0 * 6.0 * 3.0, 400.0 * 6.0);
}

}  // namespace
}  // namespace hone::cost::mlir
