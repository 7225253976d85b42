#include "hone/cost/mlir_nest.h"

#include <gtest/gtest.h>

#include "hone/cost/mlir_features.h"
#include "mlir_function.h"

namespace hone::cost::mlir {
namespace {

Features of(const std::string& text) {
  const Module module = parse(text);
  return features(module, module.functions().at(0));
}

// Negative numbers.

/// A row, each element the one before it times another; `before` is the place of the one before.
std::string row(const std::string& before) {
  return "func.func @f(%a: memref<65536xf32>, %o: memref<65536xf32>) {\n  %c1 = arith.constant 1 : index\n"
         "  %n = arith.constant 65535 : index\n  scf.for %i = %c1 to %n step %c1 {\n" +
         before +
         "    %x = memref.load %o[%j] : memref<65536xf32>\n    %y = memref.load %a[%i] : memref<65536xf32>\n"
         "    %z = arith.mulf %x, %y : f32\n    memref.store %z, %o[%i] : memref<65536xf32>\n  }\n  "
         "return\n}\n";
}

TEST(MlirNest, OneLessIsTheOneBefore) {
  const Features less = of(row("    %k = arith.constant -1 : index\n    %j = arith.addi %i, %k : index\n"));
  const Features before = of(row("    %k = arith.constant 1 : index\n    %j = arith.subi %i, %k : index\n"));
  const Features generic =
      of(row("    %k = \"arith.constant\"() <{value = -1 : index}> : () -> index\n"
             "    %j = arith.addi %i, %k : index\n"));
  EXPECT_EQ(less.at("hot_shifts"), 1.0);
  EXPECT_EQ(less.values, before.values);
  EXPECT_EQ(less.values, generic.values);
  EXPECT_EQ(less.rows.estimates, generic.rows.estimates);
  // A loop that begins below 0.
  const Features below = of(R"(
func.func @f(%a: memref<100xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant -100 : index
  %p = arith.constant 100 : index
  scf.for %i = %n to %c0 step %c1 {
    %j = arith.addi %i, %p : index
    %x = memref.load %a[%j] : memref<100xf32>
    %z = math.exp %x : f32
    memref.store %z, %a[%j] : memref<100xf32>
  }
  return
})");
  EXPECT_EQ(below.at("transcendental_count"), 100.0);
}

// Bodies of operations on tensors.

TEST(MlirNest, WhatDependsOnPlacesIsComputedAtEach) {
  const LoweredFunction sines(R"(
func.func @f(%o: memref<512x256xf32>) {
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} outs(%o : memref<512x256xf32>) {
  ^bb0(%out: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %k = arith.muli %i, %j : index
    %l = arith.index_cast %k : index to i32
    %x = arith.sitofp %l : i32 to f32
    %y = math.sin %x : f32
    linalg.yield %y : f32
  }
  return
})");
  EXPECT_EQ(sines.steps(Work::transcendental, 1), 1.0) << "in the innermost loop";
  const LoweredFunction generated(R"(
func.func @f() -> tensor<512x256xf32> {
  %0 = tensor.generate {
  ^bb0(%i: index, %j: index):
    %l = arith.index_cast %j : index to i32
    %x = arith.sitofp %l : i32 to f32
    %y = math.sin %x : f32
    tensor.yield %y : f32
  } : tensor<512x256xf32>
  return %0 : tensor<512x256xf32>
})");
  EXPECT_EQ(generated.steps(Work::transcendental, 1), 1.0);
  const Features transposed = of(R"(
func.func @f(%a: memref<512x512xf32>, %o: memref<512x512xf32>) {
  "linalg.generic"(%o) <{indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = [#linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 0, 1>}> ({
  ^bb0(%out: f32):
    %i = "linalg.index"() <{dim = 0 : i64}> : () -> index
    %j = "linalg.index"() <{dim = 1 : i64}> : () -> index
    %x = "memref.load"(%a, %j, %i) : (memref<512x512xf32>, index, index) -> f32
    "linalg.yield"(%x) : (f32) -> ()
  }) : (memref<512x512xf32>) -> ()
  return
})");
  EXPECT_EQ(transposed.at("hot_strided"), 1.0);
  EXPECT_EQ(transposed.at("hot_unit"), 1.0);
}

TEST(MlirNest, PlacesOfWhatIsComputedWhereItIsUsed) {
  // The first operation's dimensions are the second one's in the other order.
  const LoweredFunction fused(R"(
func.func @f(%a: tensor<64x32xf32>, %o: tensor<32x64xf32>) -> tensor<32x64xf32> {
  %e = tensor.empty() : tensor<64x32xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) {
  ^bb0(%in: f32, %out: f32):
    %i = linalg.index 0 : index
    %l = arith.index_cast %i : index to i32
    %x = arith.sitofp %l : i32 to f32
    %s = math.sin %x : f32
    %y = arith.mulf %s, %in : f32
    linalg.yield %y : f32
  } -> tensor<64x32xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<64x32xf32>) outs(%o : tensor<32x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %y = arith.addf %in, %in : f32
    linalg.yield %y : f32
  } -> tensor<32x64xf32>
  return %1 : tensor<32x64xf32>
})");
  ASSERT_EQ(fused.nest.loops.size(), 2u);
  EXPECT_EQ(fused.steps(Work::transcendental, 1), 1.0) << "the row of the first is the column of the second";
}

TEST(MlirNest, BodiesOfMapAndReduceTakeWhatIsLoaded) {
  const LoweredFunction map(R"(
func.func @f(%a: memref<512x256xf32>, %o: memref<512x256xf32>) {
  linalg.map ins(%a : memref<512x256xf32>) outs(%o : memref<512x256xf32>) (%in: f32) {
    %y = math.exp %in : f32
    linalg.yield %y : f32
  }
  return
})");
  EXPECT_EQ(map.steps(Work::transcendental, 1), 1.0);
  for (const bool generic : {false, true}) {
    const std::string body = "%y = arith.mulf %in, %in : f32\n%z = arith.addf %y, %acc : f32\n";
    const LoweredFunction reduce(
        "func.func @f(%a: memref<512x256xf32>, %o: memref<512xf32>) {\n" +
        (generic
             ? "\"linalg.reduce\"(%a, %o) <{dimensions = array<i64: 1>}> ({\n^bb0(%in: f32, %acc: f32):\n" +
                   body +
                   "\"linalg.yield\"(%z) : (f32) -> ()\n}) : (memref<512x256xf32>, memref<512xf32>) -> ()\n"
             : "linalg.reduce ins(%a : memref<512x256xf32>) outs(%o : memref<512xf32>) dimensions = [1] "
               "(%in: f32, %acc: f32) {\n" +
                   body + "linalg.yield %z : f32\n}\n") +
        "return\n}\n");
    EXPECT_EQ(reduce.steps(Work::multiply, 1), 1.0) << generic;
    EXPECT_EQ(reduce.steps(Work::add, 1), 1.0) << generic;
  }
}

}  // namespace
}  // namespace hone::cost::mlir
