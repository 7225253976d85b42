// What iterations hand on to the next, and places that are only known when it runs; what LLVM 19 does with
// each of these was looked up in its remarks.
#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"
#include "hone/cost/mlir/lowered.h"
#include "hone/cost/mlir/text.h"

namespace hone::cost::mlir {
namespace {

struct Left : LoweredFunction {
  using LoweredFunction::LoweredFunction;

  double copies(Work work, int home) const { return steps(work, home); }
  double most_lanes() const {
    double most = 1.0;
    for (const Lowered::Item& item : lowered.items) most = std::max(most, item.lanes);
    return most;
  }
  bool any_in_row() const {
    return count([](const Lowered::Item& item) { return item.in_row; }) > 0.0;
  }
};

TEST(MlirRecurrences, WhatIsHandedOnVariesWithWhatItBeganAs) {
  const Left steps(
      "func.func @f(%x: memref<1000xf32>, %y: memref<1000xf32>) {\n%c = arith.constant 0.75 : f32\n"
      "affine.for %i = 0 to 1000 {\n%a = affine.load %x[%i] : memref<1000xf32>\n"
      "%r = affine.for %k = 0 to 19 iter_args(%s = %a) -> (f32) {\n%p = arith.mulf %s, %c : f32\n"
      "%q = arith.addf %p, %c : f32\naffine.yield %q : f32\n}\n"
      "affine.store %r, %y[%i] : memref<1000xf32>\n}\nreturn\n}\n");
  EXPECT_FALSE(steps.lowered.body(1).left) << "written out";
  EXPECT_EQ(steps.copies(Work::multiply, 0), 19.0) << "of every element, not once for all";
  EXPECT_EQ(steps.lowered.body(0).lanes, 16.0);
}

std::string running(const std::string& kept, const std::string& type, const std::string& operation) {
  return fmt::format(
      "func.func @f(%x: memref<100x500x{1}>, %y: memref<100x500x{1}>) {{\n%z = arith.constant 0{3} : {1}\n"
      "affine.for %i = 0 to 100 {{\n%r = affine.for %j = 0 to 500 iter_args(%s = %z) -> ({1}) {{\n"
      "%a = affine.load %x[%i, %j] : memref<100x500x{1}>\n%b = {2} %s, %a : {1}\n{0}\n"
      "affine.yield %b : {1}\n}}\naffine.store %r, %y[%i, 0] : memref<100x500x{1}>\n}}\nreturn\n}}\n",
      kept, type, operation, type[0] == 'f' ? ".0" : "");
}

TEST(MlirRecurrences, LanesOfWhatWasStoredSomeIterationsAgo) {
  const auto scan = [](int behind) {
    return Left(fmt::format("func.func @f(%a: memref<20000xf64>, %b: memref<20000xf64>, %c: f64) {{\n"
                            "affine.for %i = 32 to 20000 {{\n%x = affine.load %a[%i] : memref<20000xf64>\n"
                            "%y = affine.load %b[%i - {}] : memref<20000xf64>\n%p = arith.mulf %y, %c : f64\n"
                            "%s = arith.addf %x, %p : f64\naffine.store %s, %b[%i] : memref<20000xf64>\n}}\n"
                            "return\n}}\n",
                            behind),
                {.vector_bytes = 32.0});
  };
  // Vectors that are stored are loaded whole again.
  for (const auto& [behind, lanes] :
       {std::pair{1, 1.0}, {2, 2.0}, {3, 1.0}, {4, 4.0}, {5, 1.0}, {6, 2.0}, {8, 4.0}, {12, 4.0}}) {
    EXPECT_EQ(scan(behind).lowered.body(0).lanes, lanes) << behind;
    EXPECT_EQ(scan(behind).lowered.body(0).interleave, 1.0) << behind;
  }
}

TEST(MlirRecurrences, OnlyTheEndOfAReductionIsSeen) {
  for (const auto& [type, operation] :
       {std::pair<std::string, std::string>{"i32", "arith.addi"}, {"f32", "arith.maximumf"}}) {
    EXPECT_EQ(Left(running("", type, operation)).lowered.body(1).lanes, 16.0) << operation;
    const std::string store = "affine.store %b, %y[%i, %j] : memref<100x500x" + type + ">";
    EXPECT_EQ(Left(running(store, type, operation)).lowered.body(1).lanes, 1.0) << operation;
  }
}

TEST(MlirRecurrences, ReductionsInMemoryLikewise) {
  const auto text = [](const std::string& between) {
    return "func.func @f(%x: memref<100x500xi32>, %s: memref<100x2xi32>) {\naffine.for %i = 0 to 100 {\n"
           "affine.for %j = 0 to 500 {\n%a = affine.load %x[%i, %j] : memref<100x500xi32>\n"
           "%b = affine.load %s[%i, 0] : memref<100x2xi32>\n" +
           between + "affine.store %d, %s[%i, 0] : memref<100x2xi32>\n}\n}\nreturn\n}\n";
  };
  EXPECT_EQ(Left(text("%d = arith.addi %a, %b : i32\n")).lowered.body(1).lanes, 16.0);
  EXPECT_EQ(Left(text("%c = arith.muli %b, %b : i32\n%d = arith.addi %a, %c : i32\n")).lowered.body(1).lanes,
            1.0);
  // Two a time, the first of which is not stored after all; differences are sums.
  const std::string twice =
      "%e = arith.addi %b, %a : i32\naffine.store %e, %s[%i, 0] : memref<100x2xi32>\n"
      "%g = affine.load %s[%i, 0] : memref<100x2xi32>\n%d = arith.subi %g, %a : i32\n";
  EXPECT_EQ(Left(text(twice)).lowered.body(1).lanes, 16.0);
  EXPECT_EQ(Left(text("%d = arith.subi %a, %b : i32\n")).lowered.body(1).lanes, 1.0);
}

std::string smoothed(bool twice) {
  const auto half = [](int by) {
    return fmt::format(
        "%a{0} = affine.load %x[%i + {0}] : memref<1002xf32>\n"
        "%b{0} = affine.load %x[%i + {1}] : memref<1002xf32>\n%c{0} = arith.addf %a{0}, %b{0} : f32\n"
        "affine.store %c{0}, %y[%i + {0}] : memref<1002xf32>\n",
        by, by + 1);
  };
  return "func.func @f(%x: memref<1002xf32>, %y: memref<1002xf32>) {\naffine.for %i = 0 to 1000" +
         std::string(twice ? " step 2" : "") + " {\n" + half(0) + (twice ? half(1) : "") + "}\nreturn\n}\n";
}

TEST(MlirRecurrences, WhatWasLoadedBeforeMayBeStoredTooEarly) {
  EXPECT_EQ(Left(smoothed(false)).lowered.body(0).lanes, 16.0);
  // The second half loads what the next iteration begins with, behind the first half's store.
  EXPECT_EQ(Left(smoothed(true)).lowered.body(0).lanes, 1.0);
}

std::string scattered(const std::string& place) {
  return "func.func @f(%k: memref<50xi32>, %x: memref<50x300xf32>, %t: memref<64x300xf32>) {\n"
         "affine.for %i = 0 to 50 {\n%n = affine.load %k[%i] : memref<50xi32>\n"
         "%m = arith.index_cast %n : i32 to index\naffine.for %j = 0 to 300 {\n"
         "%a = affine.load %x[%i, %j] : memref<50x300xf32>\n%o = affine.load %k[%j mod 50] : memref<50xi32>\n"
         "%p = arith.index_cast %o : i32 to index\n"
         "%b = memref.load %t[" +
         place + "] : memref<64x300xf32>\n%c = arith.addf %a, %b : f32\nmemref.store %c, %t[" + place +
         "] : memref<64x300xf32>\n}\n}\nreturn\n}\n";
}

TEST(MlirRecurrences, PlacesKnownOnlyWhenItRuns) {
  const Left row(scattered("%m, %j"));
  EXPECT_EQ(row.lowered.body(1).lanes, 16.0) << "a row that this loop does not choose";
  EXPECT_FALSE(row.lowered.body(1).recurrence);
  const Left anywhere(scattered("%p, %m"));
  EXPECT_TRUE(anywhere.lowered.body(1).recurrence) << "any iteration may have stored there";
  EXPECT_EQ(anywhere.lowered.body(1).lanes, 1.0);
}

TEST(MlirRecurrences, NoCopyOfWhatDoesNotLieSideBySide) {
  const auto text = [](const std::string& place) {
    return "func.func @f(%x: memref<4000xf32>, %y: memref<4000xf32>) {\naffine.for %i = 0 to 4000 {\n"
           "%a = affine.load %x[" +
           place + "] : memref<4000xf32>\naffine.store %a, %y[%i] : memref<4000xf32>\n}\nreturn\n}\n";
  };
  EXPECT_TRUE(Left(text("%i")).lowered.body(0).idiom);
  EXPECT_FALSE(Left(text("%i floordiv 4")).lowered.body(0).idiom);
}

TEST(MlirRecurrences, CallsBehindEachOtherAreNotOne) {
  const auto text = [](int windows) {
    return fmt::format(
        "func.func @f(%x: memref<4100xf32>, %y: memref<8x4000xf32>) {{\n"
        "affine.for %i = 0 to 4000 step 500 {{\naffine.for %w = 0 to {} {{\naffine.for %j = 0 to 500 {{\n"
        "%a = affine.load %x[%i + %j + %w] : memref<4100xf32>\n"
        "affine.store %a, %y[%w, %i + %j] : memref<8x4000xf32>\n}}\n}}\n}}\nreturn\n}}\n",
        windows);
  };
  EXPECT_TRUE(Left(text(1)).lowered.body(0).idiom);
  EXPECT_FALSE(Left(text(5)).lowered.body(0).idiom);
}

TEST(MlirRecurrences, CopiesThatWaitForEachOtherAreNoneSideBySide) {
  const auto text = [](const std::string& back) {
    return "func.func @f(%x: memref<100x17xf32>) {\naffine.for %i = 1 to 100 {\naffine.for %j = 1 to 9 {\n"
           "%a = affine.load %x[%i - 1, %j" +
           back + "] : memref<100x17xf32>\n%b = affine.load %x[%i, %j" + back +
           "] : memref<100x17xf32>\n%c = arith.addf %a, %b : f32\n"
           "affine.store %c, %x[%i, %j] : memref<100x17xf32>\n}\n}\nreturn\n}\n";
  };
  EXPECT_EQ(Left(text(" - 1")).most_lanes(), 1.0);
  EXPECT_EQ(Left(text(" + 1")).most_lanes(), 8.0);
}

std::string unrolled(const std::string& second) {
  std::string text =
      "func.func @f(%x: memref<4000xf32>, %y: memref<4000xf32>) {\n"
      "%c = arith.constant 1.5 : f32\naffine.for %i = 0 to 4000 step 2 {\n";
  for (int k = 0; k < 2; ++k)
    text += fmt::format(
        "%a{0} = affine.load %x[%i + {0}] : memref<4000xf32>\n%b{0} = {1} %a{0}, %c : f32\n"
        "affine.store %b{0}, %y[%i + {0}] : memref<4000xf32>\n",
        k, k == 0 ? "arith.mulf" : second);
  return text + "}\nreturn\n}\n";
}

TEST(MlirRecurrences, ShufflesIntoLanesAndOutAgainCancel) {
  const Left same(unrolled("arith.mulf"));
  EXPECT_EQ(same.lowered.body(0).lanes, 16.0);
  EXPECT_TRUE(same.any_in_row());
  EXPECT_FALSE(Left(unrolled("arith.addf")).any_in_row()) << "two operations";
}

TEST(MlirRecurrences, StraightCodeBesideCopies) {
  // Eight elements in the text and four of a loop that is written out.
  std::string text =
      "func.func @f(%x: memref<100x12xf32>, %y: memref<100x12xf32>) {\n"
      "affine.for %r = 0 to 100 {\n";
  const auto element = [](int number, const std::string& at) {
    return fmt::format(
        "%a{0} = affine.load %x[%r, {1}] : memref<100x12xf32>\n%b{0} = arith.addf %a{0}, %a{0} : f32\n"
        "affine.store %b{0}, %y[%r, {1}] : memref<100x12xf32>\n",
        number, at);
  };
  for (int k = 0; k < 8; ++k) text += element(k, std::to_string(k));
  text += "affine.for %j = 8 to 12 {\n" + element(8, "%j") + "}\n}\nreturn\n}\n";
  const Left both(text, {32.0, 16.0, 96.0});  // AVX2
  double eight = 0.0, four = 0.0;
  for (const Lowered::Item& item : both.lowered.items) {
    if (item.access < 0 || !both.nest.accesses[static_cast<std::size_t>(item.access)].store) continue;
    (item.lanes == 8.0 ? eight : four) += item.lanes == 8.0 || item.lanes == 4.0 ? 1.0 : 100.0;
  }
  EXPECT_EQ(eight, 8.0);
  EXPECT_EQ(four, 1.0);
}

/// Elements of a table, one after the other as what `next` says comes of one (%n of %p).
std::string walked(const std::string& next) {
  return "func.func @f(%N: memref<100000xi32>, %R: memref<1xi32>) {\n%c0 = arith.constant 0 : i32\n"
         "%m = arith.constant 65535 : i32\n%r = affine.for %i = 0 to 100000 iter_args(%p = %c0) -> (i32) {\n"
         "%x = arith.andi %p, %m : i32\n%q = arith.index_cast %x : i32 to index\n"
         "%n = memref.load %N[%q] : memref<100000xi32>\n" +
         next + "affine.yield %y : i32\n}\naffine.store %r, %R[0] : memref<1xi32>\nreturn\n}\n";
}

TEST(MlirRecurrences, WhereALoadLooksIsWhatTheOneBeforeItGave) {
  const Left chased(walked("%y = arith.addi %n, %c0 : i32\n"));
  const Nest::Index& place = chased.nest.accesses.at(0).indices.at(0);
  EXPECT_FALSE(chased.nest.told(place, 0)) << "anywhere";
  EXPECT_TRUE(place.indirect);
  EXPECT_TRUE(chased.nest.loops.at(0).chased);
  EXPECT_EQ(chased.nest.loops.at(0).chain.cycles, 1.0 + 1.0 + 5.0 + 1.0) << "mask, cast, load, sum";
  EXPECT_EQ(chased.lowered.body(0).lanes, 1.0);
  EXPECT_EQ(chased.home(false, 0), 0) << "an iteration each";

  // Whether what is looked at is on the way, or chooses it.
  const Left searched(
      "func.func @f(%T: memref<4096xi32>, %Q: memref<10000xi32>, %R: memref<10000xi32>) {\n"
      "%c0 = arith.constant 0 : index\n%c2048 = arith.constant 2048 : index\n%c1 = arith.constant 1 : index\n"
      "affine.for %i = 0 to 10000 {\n%k = affine.load %Q[%i] : memref<10000xi32>\n"
      "%r:2 = affine.for %j = 0 to 12 iter_args(%p = %c0, %h = %c2048) -> (index, index) {\n"
      "%t = arith.addi %p, %h : index\n%x = memref.load %T[%t] : memref<4096xi32>\n"
      "%c = arith.cmpi sle, %x, %k : i32\n%n = arith.select %c, %t, %p : index\n"
      "%g = arith.shrui %h, %c1 : index\naffine.yield %n, %g : index, index\n}\n"
      "%o = memref.load %T[%r#0] : memref<4096xi32>\naffine.store %o, %R[%i] : "
      "memref<10000xi32>\n}\nreturn\n}\n");
  EXPECT_TRUE(searched.nest.loops.at(1).chased);
  EXPECT_GE(searched.nest.loops.at(1).chain.cycles, 7.0);
  for (const std::size_t load : {1u, 2u})
    EXPECT_FALSE(searched.nest.told(searched.nest.accesses.at(load).indices.at(0), 0)) << load;
}

TEST(MlirRecurrences, CountersThatAreHandedOnMoveAsTheLoopDoes) {
  const Left counted(
      "func.func @f(%A: memref<100000xf64>, %R: memref<1xf64>) {\n%c7 = arith.constant 7 : index\n"
      "%c2 = arith.constant 2 : index\n%z = arith.constant 0.0 : f64\n"
      "%r:2 = affine.for %i = 0 to 1000 iter_args(%p = %c7, %s = %z) -> (index, f64) {\n"
      "%x = memref.load %A[%p] : memref<100000xf64>\n%y = arith.addf %s, %x : f64\n"
      "%q = arith.addi %p, %c2 : index\naffine.yield %q, %y : index, f64\n}\n"
      "affine.store %r#1, %R[0] : memref<1xf64>\nreturn\n}\n");
  const Nest::Index& place = counted.nest.accesses.at(0).indices.at(0);
  EXPECT_TRUE(counted.nest.told(place, 0));
  EXPECT_EQ(place.constant, 7.0);
  ASSERT_EQ(place.terms.size(), 1u);
  EXPECT_EQ(place.terms[0], (std::pair<int, double>(0, 2.0)));
  EXPECT_FALSE(counted.nest.loops.at(0).chased);
}

TEST(MlirRecurrences, ReductionsOfBlocksThatJumpAreThoseOfLoops) {
  // What the first block is given is what stands behind the loop, too.
  const auto jumps = [](const std::string& operation) {
    return Left(fmt::format(R"(
func.func @f(%a: memref<128xf32>, %o: memref<1xf32>, %begin: f32) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 128 : index
  cf.br ^bb1(%c0, %begin : index, f32)
^bb1(%i: index, %s: f32):
  %c = arith.cmpi slt, %i, %n : index
  cf.cond_br %c, ^bb2, ^bb3
^bb2:
  %x = memref.load %a[%i] : memref<128xf32>
  {}
  %j = arith.addi %i, %c1 : index
  cf.br ^bb1(%j, %t : index, f32)
^bb3:
  memref.store %s, %o[%c0] : memref<1xf32>
  return
}}
)",
                            operation),
                kWithMasks);
  };
  const Left greatest = jumps("%t = arith.maximumf %x, %s : f32");
  EXPECT_FALSE(greatest.lowered.body(0).real_chain);
  EXPECT_GT(greatest.lowered.body(0).lanes, 1.0);
  // Of which each is wanted for itself, not.
  EXPECT_TRUE(jumps("%t = arith.maximumf %x, %s : f32\n  memref.store %s, %a[%i] : memref<128xf32>")
                  .lowered.body(0)
                  .real_chain);
}

}  // namespace
}  // namespace hone::cost::mlir
