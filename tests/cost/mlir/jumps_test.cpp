// Loops of blocks that jump to each other, as mlir-opt 19 prints what it makes of a product of matrices: they
// are as long as those of the text that they come from.
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"
#include "hone/cost/mlir/features.h"
#include "shuffled.h"

namespace hone::cost::mlir {
namespace {

constexpr const char* kProduct = R"(
func.func @f(%a: memref<48x40xf32>, %b: memref<40x56xf32>, %o: memref<48x56xf32>) {
  %z = arith.constant 0.0 : f32
  affine.for %i = 0 to 48 {
    affine.for %j = 0 to 56 {
      %r = affine.for %k = 0 to 40 iter_args(%s = %z) -> (f32) {
        %x = affine.load %a[%i, %k] : memref<48x40xf32>
        %y = affine.load %b[%k, %j] : memref<40x56xf32>
        %p = arith.mulf %x, %y : f32
        %q = arith.addf %p, %s : f32
        affine.yield %q : f32
      }
      affine.store %r, %o[%i, %j] : memref<48x56xf32>
    }
  }
  return
})";

/// What loops do is what those that are written do.
void expect_written(const std::string& text, const std::string& as = kProduct) {
  const Features written = features_in(as);
  const Features loops = features_in(text);
  ASSERT_EQ(loops.loops.size(), written.loops.size());
  for (const char* name : {"flops", "load_count", "store_count", "innermost_trips", "footprint_bytes",
                           "integer_count", "control_count", "unknown_loops"})
    EXPECT_EQ(loops.at(name), written.at(name)) << name;
}

// lower-affine, canonicalize, convert-scf-to-cf, canonicalize, cse: the jump that a loop's condition decides
// gives what the loop inside begins with.

TEST(MlirJumps, ConditionsGiveWhatLoopsBeginWith) {
  expect_written(R"(
func.func @f(%arg0: memref<48x40xf32>, %arg1: memref<40x56xf32>, %arg2: memref<48x56xf32>) {
  %c40 = arith.constant 40 : index
  %c56 = arith.constant 56 : index
  %cst = arith.constant 0.000000e+00 : f32
  %c0 = arith.constant 0 : index
  %c48 = arith.constant 48 : index
  %c1 = arith.constant 1 : index
  cf.br ^bb1(%c0 : index)
^bb1(%0: index):
  %1 = arith.cmpi slt, %0, %c48 : index
  cf.cond_br %1, ^bb2(%c0 : index), ^bb7
^bb2(%2: index):
  %3 = arith.cmpi slt, %2, %c56 : index
  cf.cond_br %3, ^bb3(%c0, %cst : index, f32), ^bb6
^bb3(%4: index, %5: f32):
  %6 = arith.cmpi slt, %4, %c40 : index
  cf.cond_br %6, ^bb4, ^bb5
^bb4:
  %7 = memref.load %arg0[%0, %4] : memref<48x40xf32>
  %8 = memref.load %arg1[%4, %2] : memref<40x56xf32>
  %9 = arith.mulf %7, %8 : f32
  %10 = arith.addf %9, %5 : f32
  %11 = arith.addi %4, %c1 : index
  cf.br ^bb3(%11, %10 : index, f32)
^bb5:
  memref.store %5, %arg2[%0, %2] : memref<48x56xf32>
  %12 = arith.addi %2, %c1 : index
  cf.br ^bb2(%12 : index)
^bb6:
  %13 = arith.addi %0, %c1 : index
  cf.br ^bb1(%13 : index)
^bb7:
  return
})");
}

TEST(MlirJumps, ConditionsGiveItInTheGenericForm) {
  expect_written(R"(
"builtin.module"() ({
  "func.func"() <{function_type = (memref<48x40xf32>, memref<40x56xf32>, memref<48x56xf32>) -> (), sym_name = "f"}> ({
  ^bb0(%arg0: memref<48x40xf32>, %arg1: memref<40x56xf32>, %arg2: memref<48x56xf32>):
    %0 = "arith.constant"() <{value = 40 : index}> : () -> index
    %1 = "arith.constant"() <{value = 56 : index}> : () -> index
    %2 = "arith.constant"() <{value = 0.000000e+00 : f32}> : () -> f32
    %3 = "arith.constant"() <{value = 0 : index}> : () -> index
    %4 = "arith.constant"() <{value = 48 : index}> : () -> index
    %5 = "arith.constant"() <{value = 1 : index}> : () -> index
    "cf.br"(%3)[^bb1] : (index) -> ()
  ^bb1(%6: index):
    %7 = "arith.cmpi"(%6, %4) <{predicate = 2 : i64}> : (index, index) -> i1
    "cf.cond_br"(%7, %3)[^bb2, ^bb7] <{operandSegmentSizes = array<i32: 1, 1, 0>}> : (i1, index) -> ()
  ^bb2(%8: index):
    %9 = "arith.cmpi"(%8, %1) <{predicate = 2 : i64}> : (index, index) -> i1
    "cf.cond_br"(%9, %3, %2)[^bb3, ^bb6] <{operandSegmentSizes = array<i32: 1, 2, 0>}> : (i1, index, f32) -> ()
  ^bb3(%10: index, %11: f32):
    %12 = "arith.cmpi"(%10, %0) <{predicate = 2 : i64}> : (index, index) -> i1
    "cf.cond_br"(%12)[^bb4, ^bb5] <{operandSegmentSizes = array<i32: 1, 0, 0>}> : (i1) -> ()
  ^bb4:
    %13 = "memref.load"(%arg0, %6, %10) <{nontemporal = false}> : (memref<48x40xf32>, index, index) -> f32
    %14 = "memref.load"(%arg1, %10, %8) <{nontemporal = false}> : (memref<40x56xf32>, index, index) -> f32
    %15 = "arith.mulf"(%13, %14) <{fastmath = #arith.fastmath<none>}> : (f32, f32) -> f32
    %16 = "arith.addf"(%15, %11) <{fastmath = #arith.fastmath<none>}> : (f32, f32) -> f32
    %17 = "arith.addi"(%10, %5) <{overflowFlags = #arith.overflow<none>}> : (index, index) -> index
    "cf.br"(%17, %16)[^bb3] : (index, f32) -> ()
  ^bb5:
    "memref.store"(%11, %arg2, %6, %8) <{nontemporal = false}> : (f32, memref<48x56xf32>, index, index) -> ()
    %18 = "arith.addi"(%8, %5) <{overflowFlags = #arith.overflow<none>}> : (index, index) -> index
    "cf.br"(%18)[^bb2] : (index) -> ()
  ^bb6:
    %19 = "arith.addi"(%6, %5) <{overflowFlags = #arith.overflow<none>}> : (index, index) -> index
    "cf.br"(%19)[^bb1] : (index) -> ()
  ^bb7:
    "func.return"() : () -> ()
  }) : () -> ()
}) : () -> ())");
}

// scf-for-to-while, convert-scf-to-cf: the block behind a condition has the number from the one that compares
// it.

constexpr const char* kHandedOn = R"(
func.func @f(%arg0: memref<48x40xf32>, %arg1: memref<40x56xf32>, %arg2: memref<48x56xf32>) {
  %c40 = arith.constant 40 : index
  %c56 = arith.constant 56 : index
  %cst = arith.constant 0.000000e+00 : f32
  %c0 = arith.constant 0 : index
  %c48 = arith.constant 48 : index
  %c1 = arith.constant 1 : index
  cf.br ^bb1(%c0 : index)
^bb1(%0: index):
  %1 = arith.cmpi slt, %0, %c48 : index
  cf.cond_br %1, ^bb2(%0 : index), ^bb9
^bb2(%2: index):
  %3 = arith.addi %2, %c1 : index
  cf.br ^bb3(%c0 : index)
^bb3(%4: index):
  %5 = arith.cmpi slt, %4, %c56 : index
  cf.cond_br %5, ^bb4(%4 : index), ^bb8
^bb4(%6: index):
  %7 = arith.addi %6, %c1 : index
  cf.br ^bb5(%c0, %cst : index, f32)
^bb5(%8: index, %9: f32):
  %10 = arith.cmpi slt, %8, %c40 : index
  cf.cond_br %10, ^bb6(%8, %9 : index, f32), ^bb7
^bb6(%11: index, %12: f32):
  %13 = arith.addi %11, %c1 : index
  %14 = memref.load %arg0[%2, %11] : memref<48x40xf32>
  %15 = memref.load %arg1[%11, %6] : memref<40x56xf32>
  %16 = arith.mulf %14, %15 : f32
  %17 = arith.addf %16, %12 : f32
  cf.br ^bb5(%13, %17 : index, f32)
^bb7:
  memref.store %9, %arg2[%2, %6] : memref<48x56xf32>
  cf.br ^bb3(%7 : index)
^bb8:
  cf.br ^bb1(%3 : index)
^bb9:
  return
})";

TEST(MlirJumps, ConditionsHandOnWhatTheyCompare) { expect_written(kHandedOn); }

// ... canonicalize: the jump that leaves a loop goes back in the one around it.

TEST(MlirJumps, LoopsAreLeftByTheJumpBackOfTheOneAround) {
  std::string text = kHandedOn;
  const auto replace = [&](const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
  };
  replace("^bb4(%4 : index), ^bb8", "^bb4(%4 : index), ^bb1(%3 : index)");
  replace("^bb8:\n  cf.br ^bb1(%3 : index)\n", "");
  expect_written(text);
}

// Loops that look at their number when an iteration is over.

/// Sums of every third of a row.
constexpr const char* kSums = R"(
func.func @f(%a: memref<96x40xf32>, %o: memref<96xf32>) {
  %z = arith.constant 0.0 : f32
  affine.for %i = 0 to 96 {
    %r = affine.for %j = 0 to 40 step 3 iter_args(%s = %z) -> (f32) {
      %x = affine.load %a[%i, %j] : memref<96x40xf32>
      %t = arith.addf %s, %x : f32
      affine.yield %t : f32
    }
    affine.store %r, %o[%i] : memref<96xf32>
  }
  return
})";

TEST(MlirJumps, WhilesThatTestAtTheirEnd) {
  expect_written(R"(
func.func @f(%arg0: memref<96x40xf32>, %arg1: memref<96xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c96 = arith.constant 96 : index
  %c40 = arith.constant 40 : index
  %cst = arith.constant 0.000000e+00 : f32
  %0 = scf.while (%arg2 = %c0) : (index) -> index {
    %1:2 = scf.while (%arg3 = %c0, %arg4 = %cst) : (index, f32) -> (index, f32) {
      %4 = memref.load %arg0[%arg2, %arg3] : memref<96x40xf32>
      %5 = arith.addf %arg4, %4 : f32
      %6 = arith.addi %arg3, %c3 : index
      %7 = arith.cmpi slt, %6, %c40 : index
      scf.condition(%7) %6, %5 : index, f32
    } do {
    ^bb0(%arg3: index, %arg4: f32):
      scf.yield %arg3, %arg4 : index, f32
    }
    memref.store %1#1, %arg1[%arg2] : memref<96xf32>
    %2 = arith.addi %arg2, %c1 : index
    %3 = arith.cmpi slt, %2, %c96 : index
    scf.condition(%3) %2 : index
  } do {
  ^bb0(%arg2: index):
    scf.yield %arg2 : index
  }
  return
})",
                 kSums);
}

TEST(MlirJumps, BlocksThatTestAtTheirEnd) {
  expect_written(R"(
func.func @f(%arg0: memref<96x40xf32>, %arg1: memref<96xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c96 = arith.constant 96 : index
  %c40 = arith.constant 40 : index
  %cst = arith.constant 0.000000e+00 : f32
  cf.br ^bb1(%c0 : index)
^bb1(%0: index):
  cf.br ^bb2(%c0, %cst : index, f32)
^bb2(%1: index, %2: f32):
  %3 = memref.load %arg0[%0, %1] : memref<96x40xf32>
  %4 = arith.addf %2, %3 : f32
  %5 = arith.addi %1, %c3 : index
  %6 = arith.cmpi slt, %5, %c40 : index
  cf.cond_br %6, ^bb2(%5, %4 : index, f32), ^bb3
^bb3:
  memref.store %4, %arg1[%0] : memref<96xf32>
  %7 = arith.addi %0, %c1 : index
  %8 = arith.cmpi slt, %7, %c96 : index
  cf.cond_br %8, ^bb1(%7 : index), ^bb4
^bb4:
  return
})",
                 kSums);
}

/// Exponentials of a loop from 0 on that goes on while `compared`, %i or the next %k, is below `bound`.
double exponentials(const char* compared, int bound) {
  const std::string before = fmt::format(
      "func.func @f(%a: memref<64xf32>) {{\n  %c0 = arith.constant 0 : index\n  %c1 = arith.constant 1 : "
      "index\n"
      "  %n = arith.constant {} : index\n",
      bound);
  const std::string body = fmt::format(
      "  %x = memref.load %a[%i] : memref<64xf32>\n  %y = math.exp %x : f32\n"
      "  memref.store %y, %a[%i] : memref<64xf32>\n  %k = arith.addi %i, %c1 : index\n"
      "  %c = arith.cmpi slt, {}, %n : index\n",
      compared);
  const double blocks = features_in(before + "  cf.br ^loop(%c0 : index)\n^loop(%i: index):\n" + body +
                                    "  cf.cond_br %c, ^loop(%k : index), ^end\n^end:\n  return\n}\n")
                            .at("transcendental_count");
  const double regions = features_in(before + "  %r = scf.while (%i = %c0) : (index) -> index {\n" + body +
                                     "  scf.condition(%c) %k : index\n  } do {\n  ^bb0(%j: index):\n"
                                     "    scf.yield %j : index\n  }\n  return\n}\n")
                             .at("transcendental_count");
  EXPECT_EQ(blocks, regions);
  return blocks;
}

TEST(MlirJumps, TheFirstIterationIsNotAskedFor) {
  EXPECT_EQ(exponentials("%k", 40), 40.0);
  EXPECT_EQ(exponentials("%k", 0), 1.0);
  EXPECT_EQ(exponentials("%i", 40), 41.0);
  EXPECT_EQ(exponentials("%i", 0), 1.0);
}

// Blocks that one jump leads to, the one before, and that one to nothing else: as mlir-opt prints loops
// inside loops when nothing has made one of such blocks.

TEST(MlirJumps, WhatGoesOnWithTheNextBlockIsNoJump) {
  std::string text = kHandedOn;
  const auto replace = [&](const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
  };
  const double jumps = features_in(text).at("control_count");
  replace("  memref.store %9, %arg2", "  cf.br ^between\n^between:\n  memref.store %9, %arg2");
  EXPECT_EQ(features_in(text).at("control_count"), jumps);
  EXPECT_EQ(features_in(text).at("control_count"), features_in(kProduct).at("control_count"));
}

// Loops to a number that the text does not tell are as those that are written, which nothing ends sooner.

TEST(MlirJumps, BoundsThatTheTextDoesNotTell) {
  expect_written(R"(
func.func @f(%a: memref<?xf32>, %n: index, %o: memref<1xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %z = arith.constant 0.0 : f32
  cf.br ^head(%c0, %z : index, f32)
^head(%i: index, %s: f32):
  %goes = arith.cmpi slt, %i, %n : index
  cf.cond_br %goes, ^body, ^end
^body:
  %x = memref.load %a[%i] : memref<?xf32>
  %t = arith.addf %s, %x : f32
  %next = arith.addi %i, %c1 : index
  cf.br ^head(%next, %t : index, f32)
^end:
  memref.store %s, %o[%c0] : memref<1xf32>
  return
})",
                 R"(
func.func @f(%a: memref<?xf32>, %n: index, %o: memref<1xf32>) {
  %z = arith.constant 0.0 : f32
  %r = affine.for %i = 0 to %n iter_args(%s = %z) -> (f32) {
    %x = affine.load %a[%i] : memref<?xf32>
    %t = arith.addf %s, %x : f32
    affine.yield %t : f32
  }
  affine.store %r, %o[0] : memref<1xf32>
  return
})");
}

/// What 1,000 iterations of `%i` do that jump to `^yes` or `^no` where `%p` holds; all goes on with `^next`.
Features ways(const std::string& condition, const std::string& blocks) {
  return features_in(R"(
func.func @f(%a: memref<1000xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c10 = arith.constant 10 : index
  %c1000 = arith.constant 1000 : index
  cf.br ^head(%c0 : index)
^head(%i: index):
  %goes = arith.cmpi slt, %i, %c1000 : index
  cf.cond_br %goes, ^body, ^end
^body:
  )" + condition + blocks +
                     R"(
^next:
  %k = arith.addi %i, %c1 : index
  cf.br ^head(%k : index)
^end:
  return
})");
}

TEST(MlirJumps, WaysThatMeetAgainCountAsOftenAsTheyAreTaken) {
  const std::string exp =
      "%x = memref.load %a[%i] : memref<1000xf32>\n%y = math.exp %x : f32\n"
      "memref.store %y, %a[%i] : memref<1000xf32>\n";
  const std::string sum =
      "%v = memref.load %a[%i] : memref<1000xf32>\n%w = arith.addf %v, %v : f32\n"
      "memref.store %w, %a[%i] : memref<1000xf32>\n";
  const std::string below = "%p = arith.cmpi slt, %i, %c10 : index\n";
  const std::string both =
      "cf.cond_br %p, ^yes, ^no\n^yes:\n" + exp + "cf.br ^next\n^no:\n" + sum + "cf.br ^next";
  const Features two = ways(below, both);
  EXPECT_DOUBLE_EQ(two.at("transcendental_count"), 10.0);
  EXPECT_DOUBLE_EQ(two.at("load_count"), 1000.0);
  const auto one = [&](const std::string& condition, const std::string& jump) {
    return ways(condition, jump + "\n^way:\n" + exp + "cf.br ^next").at("transcendental_count");
  };
  EXPECT_DOUBLE_EQ(one(below, "cf.cond_br %p, ^way, ^next"), 10.0);
  EXPECT_DOUBLE_EQ(one(below, "cf.cond_br %p, ^next, ^way"), 990.0);
  const std::string tenth = "%r = arith.remui %i, %c10 : index\n%p = arith.cmpi eq, %r, %c0 : index\n";
  EXPECT_DOUBLE_EQ(one(tenth, "cf.cond_br %p, ^way, ^next"), 100.0);
  // With a loop on the way, which is as long as it is there.
  const std::string loop =
      "cf.br ^in(%c0 : index)\n^in(%j: index):\n%on = arith.cmpi slt, %j, %i : index\n"
      "cf.cond_br %on, ^inside, ^out\n^inside:\n" +
      exp + "%l = arith.addi %j, %c1 : index\ncf.br ^in(%l : index)\n^out:\ncf.br ^next";
  EXPECT_NEAR(ways(below, "cf.cond_br %p, ^yes, ^next\n^yes:\n" + loop).at("transcendental_count"), 45.0,
              3.0);
  // Where nothing tells the condition each counts once.
  const Features unknown = ways("%p = arith.cmpi slt, %i, %n : index\n", both);
  EXPECT_DOUBLE_EQ(unknown.at("transcendental_count"), 1000.0);
  EXPECT_DOUBLE_EQ(unknown.at("load_count"), 2000.0);
}

TEST(MlirJumps, WaysInsideAWayMeetWhereThatGoesOn) {
  const auto does = [](const char* function) {
    return fmt::format(
        "%x{0} = memref.load %a[%i] : memref<1000xf32>\n%y{0} = math.{0} %x{0} : f32\n"
        "memref.store %y{0}, %a[%i] : memref<1000xf32>\n",
        function);
  };
  const std::string below =
      "%c2 = arith.constant 2 : index\n%p = arith.cmpi slt, %i, %c10 : index\n"
      "%q = arith.cmpi slt, %i, %c2 : index\n";
  // As mlir-opt prints an scf.if that ends another one once it is canonical.
  const std::string last = "cf.cond_br %q, ^inner, ^next\n^inner:\n" + does("exp") + "cf.br ^next";
  const Features inside = ways(below, "cf.cond_br %p, ^way, ^next\n^way:\n" + does("sqrt") + last);
  EXPECT_DOUBLE_EQ(inside.at("root_count"), 10.0);
  EXPECT_DOUBLE_EQ(inside.at("transcendental_count"), 2.0);
  // The other way comes in between, or has the ways inside.
  const std::string other = "\n^no:\n" + does("sqrt") + "cf.br ^next";
  const Features first = ways(below, "cf.cond_br %p, ^way, ^no\n^way:\n" + last + other);
  EXPECT_DOUBLE_EQ(first.at("root_count"), 990.0);
  EXPECT_DOUBLE_EQ(first.at("transcendental_count"), 2.0);
  const Features second =
      ways(below, "cf.cond_br %p, ^way, ^no\n^way:\n" + does("sqrt") + "cf.br ^next\n^no:\n" +
                      "cf.cond_br %q, ^next, ^inner\n^inner:\n" + does("exp") + "cf.br ^next");
  EXPECT_DOUBLE_EQ(second.at("root_count"), 10.0);
  EXPECT_DOUBLE_EQ(second.at("transcendental_count"), 990.0);
  // Both have to hold; or what goes on early does so by either of two.
  EXPECT_DOUBLE_EQ(ways(below, "cf.cond_br %p, ^way, ^next\n^way:\n" + last).at("transcendental_count"), 2.0);
  EXPECT_NEAR(ways(below,
                   "%late = arith.cmpi sge, %i, %c10 : index\ncf.cond_br %late, ^next, ^rest\n^rest:\n"
                   "cf.cond_br %q, ^next, ^more\n^more:\n" +
                       does("exp") + "cf.br ^next")
                  .at("transcendental_count"),
              8.0, 1e-9);
}

// Blocks may be written in any order once the first has begun.

TEST(MlirJumps, BlocksStandInAnyOrder) {
  std::mt19937 random(1);
  for (int i = 0; i < 50; ++i) {
    const std::string text = shuffled(kHandedOn, random);
    SCOPED_TRACE(text);
    expect_written(text);
  }
}

}  // namespace
}  // namespace hone::cost::mlir
