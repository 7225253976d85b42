#include "hone/cost/mlir/nest.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"
#include "hone/base/error.h"
#include "hone/cost/mlir/assumed.h"
#include "hone/cost/mlir/features.h"

namespace hone::cost::mlir {
namespace {

using List = std::vector<std::string>;

/// Of the last function.
List said(const std::string& text) {
  const Module module = parse(text);
  return assumed(module, module.functions().back());
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
  const Features less =
      features_in(row("    %k = arith.constant -1 : index\n    %j = arith.addi %i, %k : index\n"));
  const Features before =
      features_in(row("    %k = arith.constant 1 : index\n    %j = arith.subi %i, %k : index\n"));
  const Features generic =
      features_in(row("    %k = \"arith.constant\"() <{value = -1 : index}> : () -> index\n"
                      "    %j = arith.addi %i, %k : index\n"));
  EXPECT_EQ(less.at("hot_shifts"), 1.0);
  EXPECT_EQ(less.values, before.values);
  EXPECT_EQ(less.values, generic.values);
  EXPECT_EQ(less.rows.estimates, generic.rows.estimates);
  // A loop that begins below 0.
  const Features below = features_in(R"(
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

// Regions of other dialects.

TEST(MlirNest, RegionsOfOtherDialectsAreWalked) {
  const auto exponentials = [](const std::string& text) {
    return features_in(text).at("transcendental_count");
  };
  const std::string tosa = R"(
func.func @f(%x: tensor<16x32xf32>, %i: tensor<i32>, %n: tensor<i32>) -> tensor<16x32xf32> {
  %one = "tosa.const"() <{value = dense<1> : tensor<i32>}> : () -> tensor<i32>
  %0:2 = tosa.while_loop (%j = %i, %y = %x) : (tensor<i32>, tensor<16x32xf32>) -> (tensor<i32>, tensor<16x32xf32>) {
    %p = tosa.greater_equal %n, %j : (tensor<i32>, tensor<i32>) -> tensor<i1>
    tosa.yield %p : tensor<i1>
  } do {
  ^bb0(%j: tensor<i32>, %y: tensor<16x32xf32>):
    %m = tosa.exp %y : (tensor<16x32xf32>) -> tensor<16x32xf32>
    %k = tosa.add %j, %one : (tensor<i32>, tensor<i32>) -> tensor<i32>
    tosa.yield %k, %m : tensor<i32>, tensor<16x32xf32>
  }
  return %0#1 : tensor<16x32xf32>
})";
  EXPECT_EQ(exponentials(tosa), 64.0 * 16 * 32);
  EXPECT_EQ(said(tosa), List{"1 loop bound is not known, counted as 64"});
  EXPECT_EQ(exponentials(R"(
func.func @f(%x: tensor<16x32xf32>, %i: tensor<i32>, %n: tensor<i32>) -> tensor<16x32xf32> {
  %0:2 = "stablehlo.while"(%i, %x) ({
  ^bb0(%j: tensor<i32>, %y: tensor<16x32xf32>):
    %p = "stablehlo.compare"(%j, %n) : (tensor<i32>, tensor<i32>) -> tensor<i1>
    "stablehlo.return"(%p) : (tensor<i1>) -> ()
  }, {
  ^bb0(%j: tensor<i32>, %y: tensor<16x32xf32>):
    %m = "stablehlo.exponential"(%y) : (tensor<16x32xf32>) -> tensor<16x32xf32>
    "stablehlo.return"(%j, %m) : (tensor<i32>, tensor<16x32xf32>) -> ()
  }) : (tensor<i32>, tensor<16x32xf32>) -> (tensor<i32>, tensor<16x32xf32>)
  return %0#1 : tensor<16x32xf32>
})"),
            64.0 * 16 * 32);
  EXPECT_EQ(exponentials(R"(
func.func @f(%x: !torch.vtensor<[16,32],f32>, %n: !torch.int) -> !torch.vtensor<[16,32],f32> {
  %true = torch.constant.bool true
  %0 = torch.prim.Loop %n, %true, init(%x) {
  ^bb0(%i: !torch.int, %y: !torch.vtensor<[16,32],f32>):
    %m = torch.aten.exp %y : !torch.vtensor<[16,32],f32> -> !torch.vtensor<[16,32],f32>
    torch.prim.Loop.condition %true, iter(%m : !torch.vtensor<[16,32],f32>)
  } : (!torch.int, !torch.bool, !torch.vtensor<[16,32],f32>) -> !torch.vtensor<[16,32],f32>
  return %0 : !torch.vtensor<[16,32],f32>
})"),
            64.0 * 16 * 32);
  EXPECT_EQ(exponentials(R"(
func.func @f(%x: tensor<16x32xf32>, %c: tensor<i1>) -> tensor<16x32xf32> {
  %0 = tosa.cond_if %c -> (tensor<16x32xf32>) {
    %m = tosa.exp %x : (tensor<16x32xf32>) -> tensor<16x32xf32>
    tosa.yield %m : tensor<16x32xf32>
  } else {
    tosa.yield %x : tensor<16x32xf32>
  }
  return %0 : tensor<16x32xf32>
})"),
            0.5 * 16 * 32);
  const std::string region = R"(
func.func @f(%x: tensor<16x32xf32>) -> tensor<16x32xf32> {
  %0 = "flow.dispatch.region"() ({
    %m = tosa.exp %x : (tensor<16x32xf32>) -> tensor<16x32xf32>
    "flow.return"(%m) : (tensor<16x32xf32>) -> ()
  }) : () -> tensor<16x32xf32>
  return %0 : tensor<16x32xf32>
})";
  EXPECT_EQ(exponentials(region), 16.0 * 32);
  EXPECT_EQ(said(region), List{"1 operation with a body is not known, counted as if the body ran once"});
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
  const Features transposed = features_in(R"(
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

// Loops that count.

TEST(MlirNest, WhileLoopsThatCountAreAsLongAsTheyCount) {
  // Of the numbers from `first`, `step` further each time, those that are `predicate` a bound.
  const auto trips = [](const std::string& predicate, int first, int step, int bound, bool swapped = false) {
    const Features loop = features_in(
        fmt::format("func.func @f(%A: memref<1000xf64>) {{\n  %c0 = arith.constant {} : index\n"
                    "  %c1 = arith.constant {} : index\n  %n = arith.constant {} : index\n"
                    "  %r = scf.while (%i = %c0) : (index) -> index {{\n    %d = arith.cmpi {}, {} : index\n"
                    "    scf.condition(%d) %i : index\n  }} do {{\n  ^bb0(%j: index):\n"
                    "    %0 = memref.load %A[%j] : memref<1000xf64>\n    %1 = arith.addf %0, %0 : f64\n"
                    "    memref.store %1, %A[%j] : memref<1000xf64>\n    %k = arith.addi %j, %c1 : index\n"
                    "    scf.yield %k : index\n  }}\n  return\n}}\n",
                    first, step, bound, predicate, swapped ? "%n, %i" : "%i, %n"));
    EXPECT_EQ(loop.at("flops"), loop.loops.at(0).trips);
    EXPECT_EQ(loop.loops.at(0).strided + loop.loops.at(0).unit, 2.0);
    return loop.loops.at(0).known ? loop.loops.at(0).trips : -1.0;
  };
  EXPECT_EQ(trips("slt", 0, 1, 1000), 1000.0);
  EXPECT_EQ(trips("slt", 5, 3, 1000), 332.0);
  EXPECT_EQ(trips("ule", 0, 1, 99), 100.0);
  EXPECT_EQ(trips("ne", 0, 4, 100), 25.0);
  EXPECT_EQ(trips("sgt", 100, -1, 0), 100.0);
  EXPECT_EQ(trips("sge", 100, -2, 0), 51.0);
  EXPECT_EQ(trips("sgt", 0, 1, 100, true), 100.0);
  EXPECT_EQ(trips("slt", 0, -1, 100), -1.0) << "away from the bound";
  EXPECT_EQ(trips("eq", 0, 1, 100), -1.0);
}

TEST(MlirNest, WhileLoopsAreAsLoopsThatAreWritten) {
  // What scf-for-to-while and convert-scf-to-cf make of a triangle of sums.
  const Features written = features_in(R"(
func.func @f(%A: memref<96x96xf64>, %B: memref<96xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 96 : index
  %z = arith.constant 0.0 : f64
  scf.for %i = %c0 to %n step %c1 {
    %r = scf.for %j = %c0 to %i step %c1 iter_args(%s = %z) -> (f64) {
      %x = memref.load %A[%i, %j] : memref<96x96xf64>
      %t = arith.addf %s, %x : f64
      scf.yield %t : f64
    }
    memref.store %r, %B[%i] : memref<96xf64>
  }
  return
})");
  const Features loops = features_in(R"(
func.func @f(%A: memref<96x96xf64>, %B: memref<96xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 96 : index
  %z = arith.constant 0.0 : f64
  %0 = scf.while (%a = %c0) : (index) -> index {
    %c = arith.cmpi slt, %a, %n : index
    scf.condition(%c) %a : index
  } do {
  ^bb0(%i: index):
    %r:2 = scf.while (%b = %c0, %u = %z) : (index, f64) -> (index, f64) {
      %d = arith.cmpi slt, %b, %i : index
      scf.condition(%d) %b, %u : index, f64
    } do {
    ^bb0(%j: index, %s: f64):
      %x = memref.load %A[%i, %j] : memref<96x96xf64>
      %t = arith.addf %s, %x : f64
      %j2 = arith.addi %j, %c1 : index
      scf.yield %j2, %t : index, f64
    }
    memref.store %r#1, %B[%i] : memref<96xf64>
    %i2 = arith.addi %i, %c1 : index
    scf.yield %i2 : index
  }
  return
})");
  const Features blocks = features_in(R"(
func.func @f(%A: memref<96x96xf64>, %B: memref<96xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 96 : index
  %z = arith.constant 0.0 : f64
  cf.br ^outer(%c0 : index)
^outer(%i: index):
  %c = arith.cmpi slt, %i, %n : index
  cf.cond_br %c, ^row, ^end
^row:
  cf.br ^inner(%c0, %z : index, f64)
^inner(%j: index, %s: f64):
  %d = arith.cmpi slt, %j, %i : index
  cf.cond_br %d, ^body, ^done
^body:
  %x = memref.load %A[%i, %j] : memref<96x96xf64>
  %t = arith.addf %s, %x : f64
  %j2 = arith.addi %j, %c1 : index
  cf.br ^inner(%j2, %t : index, f64)
^done:
  memref.store %s, %B[%i] : memref<96xf64>
  %i2 = arith.addi %i, %c1 : index
  cf.br ^outer(%i2 : index)
^end:
  return
})");
  for (const Features* one : {&loops, &blocks}) {
    ASSERT_EQ(one->loops.size(), 2u);
    for (const char* name : {"flops", "load_count", "store_count", "innermost_trips", "footprint_bytes",
                             "integer_count", "hot_unit", "real_reduction_iterations", "unknown_loops"})
      EXPECT_EQ(one->at(name), written.at(name)) << name << (one == &loops ? " while" : " blocks");
  }
}

// Branches.

/// A body of exponentials behind a condition, in two loops of 512 and 100.
double exponentials(const std::string& condition) {
  return features_in(
             "func.func @f(%A: memref<512x100xf32>, %p: i1, %m: index) {\n  affine.for %i = 0 to 512 {\n"
             "    affine.for %j = 0 to 100 {\n" +
             condition +
             " {\n        %x = affine.load %A[%i, %j] : memref<512x100xf32>\n        %y = math.exp %x : f32\n"
             "        affine.store %y, %A[%i, %j] : memref<512x100xf32>\n      }\n    }\n  }\n  return\n}\n")
      .at("transcendental_count");
}

TEST(MlirNest, BranchesAreTakenAsOftenAsTheirConditionsHold) {
  const double all = 512.0 * 100.0;
  const auto set = [&](const std::string& constraints) {
    return exponentials("      affine.if affine_set<(i, j)[m] : (" + constraints + ")>(%i, %j)[%m]") / all;
  };
  EXPECT_DOUBLE_EQ(set("i == 0"), 1.0 / 512);
  EXPECT_DOUBLE_EQ(set("i - 1 >= 0"), 511.0 / 512);
  EXPECT_DOUBLE_EQ(set("j - 3 == 0, 7 - i >= 0"), 8.0 / 512 / 100);
  EXPECT_DOUBLE_EQ(set("i >= 0, j >= 0"), 1.0);
  EXPECT_DOUBLE_EQ(set("-i - 1 >= 0"), 0.0);
  EXPECT_DOUBLE_EQ(set("i - 600 == 0"), 0.0);
  EXPECT_NEAR(set("i - j >= 0"), 0.9, 0.05) << "above a diagonal";
  EXPECT_EQ(set("i - m >= 0"), 0.5) << "not known";
  // The same as comparisons.
  const auto compared = [&](const std::string& predicate, int with) {
    return exponentials(
               fmt::format("      %k = arith.constant {} : index\n      %c = arith.cmpi {}, %i, %k : "
                           "index\n      scf.if %c",
                           with, predicate)) /
           all;
  };
  EXPECT_DOUBLE_EQ(compared("eq", 5), 1.0 / 512);
  EXPECT_DOUBLE_EQ(compared("ne", 5), 511.0 / 512);
  EXPECT_DOUBLE_EQ(compared("slt", 8), 8.0 / 512);
  EXPECT_DOUBLE_EQ(compared("sge", 8), 504.0 / 512);
  EXPECT_EQ(exponentials("      %c = arith.constant false\n      scf.if %c"), 0.0);
  EXPECT_EQ(exponentials("      %c = arith.constant true\n      scf.if %c"), all);
  EXPECT_EQ(exponentials("      scf.if %p"), all / 2);
  EXPECT_THROW(set("i > 0"), Error);
}

// What is not walked is said.

TEST(MlirNest, BodiesThatRunForAllOfAGrid) {
  const std::string body =
      "%x = memref.load %A[%i] : memref<4096xf32>\n%y = math.exp %x : f32\n"
      "memref.store %y, %A[%i] : memref<4096xf32>\n";
  const std::string head =
      "func.func @f(%A: memref<4096xf32>) {\n%c0 = arith.constant 0 : index\n%c1 = arith.constant 1 : index\n"
      "%n = arith.constant 4096 : index\n";
  for (const std::string& text :
       {"omp.wsloop {\nomp.loop_nest (%i) : index = (%c0) to (%n) step (%c1) {\n" + body +
            "omp.yield\n}\nomp.terminator\n}\n",
        "gpu.launch blocks(%i, %b, %c) in (%g = %n, %h = %c1, %k = %c1) threads(%t, %u, %v) in (%p = %c1, %q "
        "= "
        "%c1, %r = %c1) {\n" +
            body + "gpu.terminator\n}\n",
        "memref.alloca_scope {\nscf.for %i = %c0 to %n step %c1 {\n" + body + "}\n}\n"}) {
    const std::string whole = head + text + "return\n}\n";
    const Features all = features_in(whole);
    EXPECT_EQ(all.at("transcendental_count"), 4096.0) << text;
    EXPECT_EQ(all.at("hot_unit"), 2.0) << text;
    EXPECT_EQ(said(whole), List{}) << text;
  }
}

TEST(MlirNest, WhatIsLeftOutIsSaid) {
  EXPECT_EQ(said("func.func @f(%x: f32) -> f32 {\n%y = arithaddi %x, %x : f32\nreturnreturn %y : f32\n"
                 "return %y : f32\n}\n"),
            List{"2 operations on single values are not known, counted as a step each"});
  EXPECT_EQ(said("func.func private @g()\nfunc.func @f(%c: i1) {\nscf.if %c {\ncall @g() : () -> ()\n}\n"
                 "return\n}\n"),
            (List{"1 condition is not known, counted evenly for each side",
                  "1 called function is not known, counted as the call alone"}));
  EXPECT_EQ(said("func.func @f() {\ncall @f() : () -> ()\nreturn\n}\n"),
            List{"1 function calls itself, counted once"});
  std::string deep = "func.func @f0(%x: f32) {\n%y = math.exp %x : f32\nreturn\n}\n";
  for (int i = 1; i < 20; ++i)
    deep += fmt::format("func.func @f{}(%x: f32) {{\ncall @f{}(%x) : (f32) -> ()\nreturn\n}}\n", i, i - 1);
  EXPECT_EQ(said(deep),
            List{"1 call is too deep inside others or one of too many, counted as the call alone"});
  // A function that is known by its value.
  EXPECT_EQ(features_in("func.func @f(%A: memref<8xf32>) {\n%g = constant @g : (memref<8xf32>) -> ()\n"
                        "func.call_indirect %g(%A) : (memref<8xf32>) -> ()\nreturn\n}\n"
                        "func.func private @g(%A: memref<8xf32>) {\naffine.for %i = 0 to 8 {\n"
                        "%x = affine.load %A[%i] : memref<8xf32>\n%y = math.exp %x : f32\n"
                        "affine.store %y, %A[%i] : memref<8xf32>\n}\nreturn\n}\n")
                .at("transcendental_count"),
            8.0);
  // Tensors of any shape.
  for (const std::string type : {"tensor<*xf32>", "!torch.vtensor<*,f32>", "!torch.tensor"}) {
    const std::string text = "func.func @f(%x: " + type + ") {\n%y = torch.aten.exp %x : " + type + " -> " +
                             type + "\nreturn\n}\n";
    EXPECT_EQ(features_in(text).at("transcendental_count"), 64.0) << type;
    EXPECT_EQ(said(text).size(), 2u) << type;
  }
}

// Modules inside modules.

TEST(MlirNest, ANameIsThatOfTheNearestModule) {
  const Module module = parse(R"(
module @a {
  func.func @g(%A: memref<8xf32>) {
    return
  }
  func.func @f(%A: memref<8xf32>) {
    call @g(%A) : (memref<8xf32>) -> ()
    return
  }
}
module @b {
  func.func @f(%A: memref<8xf32>) {
    call @g(%A) : (memref<8xf32>) -> ()
    return
  }
  func.func @g(%A: memref<8xf32>) {
    affine.for %i = 0 to 8 {
      %x = affine.load %A[%i] : memref<8xf32>
      %y = arith.addf %x, %x : f32
      affine.store %y, %A[%i] : memref<8xf32>
    }
    return
  }
  func.func @h() {
    return
  }
})");
  List names;
  std::vector<double> flops;
  for (const int function : module.functions()) {
    const Features one = features(module, function);
    names.push_back(one.function);
    flops.push_back(one.at("flops"));
  }
  EXPECT_EQ(names, (List{"a::g", "a::f", "b::f", "b::g", "h"}));
  EXPECT_EQ(flops, (std::vector<double>{0.0, 0.0, 8.0, 8.0, 0.0}));
}

}  // namespace
}  // namespace hone::cost::mlir
