// What straight code becomes vectors of; what LLVM 19 does with each of these was looked up with
// hone-label show --emit llvm.
#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"
#include "hone/cost/mlir/lowered.h"
#include "hone/cost/mlir/price.h"
#include "hone/cost/mlir/text.h"

namespace hone::cost::mlir {
namespace {

const CodeTarget kAvx2{32.0, 16.0, 96.0};

struct Straight : LoweredFunction {
  explicit Straight(const std::string& text) : LoweredFunction(text, kAvx2) {}
};

/// Rows of eight, each written out; `load`: the place that is loaded, `%r` being the row.
std::string rows(const std::string& load, const std::string& body) {
  return "func.func @f(%a: memref<100x64xf32>, %b: memref<100x8xf32>) {\naffine.for %r = 0 to 100 {\n"
         "affine.for %i = 0 to 8 {\n%x = affine.load %a" +
         load + " : memref<100x64xf32>\n" + body +
         "affine.store %y, %b[%r, %i] : memref<100x8xf32>\n}\n}\nreturn\n}\n";
}

TEST(MlirSideBySide, CopiesOfALoopThatStoreNeighbours) {
  const std::string twice = "%y = arith.addf %x, %x : f32\n";
  const Straight neighbours(rows("[%r, %i]", twice));
  EXPECT_EQ(neighbours.lanes(Work::add), 8.0);
  EXPECT_LT(neighbours.instructions(0), 4.0);
  EXPECT_FALSE(neighbours.any_gathered());
  // What lies apart is loaded one by one and put together, if enough is done with it.
  const std::string more = "%t = arith.addf %x, %x : f32\n%y = arith.mulf %t, %t : f32\n";
  const Straight apart(rows("[%r, %i * 8]", more));
  EXPECT_EQ(apart.lanes(Work::add), 8.0);
  EXPECT_TRUE(apart.any_gathered());
  EXPECT_GT(apart.instructions(0), 8.0 + 8.0 / 2.0);
}

TEST(MlirSideBySide, WhatStaysInRegistersOverALoop) {
  // c[j] += a[k] b[k, j]: eight sums in one vector, stored when the loop ends.
  const Straight sums(
      "func.func @f(%a: memref<900xf32>, %b: memref<900x8xf32>, %c: memref<8xf32>) {\n"
      "affine.for %k = 0 to 900 {\naffine.for %j = 0 to 8 {\n%x = affine.load %a[%k] : memref<900xf32>\n"
      "%y = affine.load %b[%k, %j] : memref<900x8xf32>\n%z = affine.load %c[%j] : memref<8xf32>\n"
      "%p = arith.mulf %x, %y : f32\n%s = arith.addf %z, %p : f32\n"
      "affine.store %s, %c[%j] : memref<8xf32>\n}\n}\nreturn\n}\n");
  EXPECT_EQ(sums.lanes(Work::add), 8.0);
  EXPECT_EQ(sums.lanes(Work::multiply), 8.0);
  EXPECT_EQ(sums.lowered.body(0).chains, 1.0);
}

/// `count` stores side by side in a loop over rows; `body(i)` gives %y<i> from %x<i>.
template <typename Body>
Straight in_text(int count, const Body& body) {
  std::string lines;
  for (int i = 0; i < count; ++i)
    lines += fmt::format(
        "%x{0} = affine.load %a[%r, {0}] : memref<100x32xf32>\n{1}"
        "affine.store %y{0}, %b[%r, {0}] : memref<100x32xf32>\n",
        i, body(i));
  return Straight(
      "func.func @f(%a: memref<100x32xf32>, %b: memref<100x32xf32>) {\naffine.for %r = 0 to 100 {\n" + lines +
      "}\nreturn\n}\n");
}

TEST(MlirSideBySide, CopiesInTheText) {
  const auto square = [](int i) { return fmt::format("%y{0} = arith.mulf %x{0}, %x{0} : f32\n", i); };
  EXPECT_EQ(in_text(8, square).lanes(Work::multiply), 8.0);
  EXPECT_EQ(in_text(4, square).lanes(Work::multiply), 4.0);
  EXPECT_EQ(in_text(1, square).lanes(Work::multiply), 1.0);
  // Of two operations in turn both are done for all, and lanes taken of each.
  const auto mixed = [](int i) {
    return fmt::format("%y{0} = arith.{1} %x{0}, %x{0} : f32\n", i, i % 2 == 0 ? "mulf" : "addf");
  };
  EXPECT_EQ(in_text(8, mixed).lanes(Work::multiply), 8.0);
  EXPECT_EQ(in_text(8,
                    [&](int i) {
                      return i % 3 == 0 ? fmt::format("%y{0} = arith.divf %x{0}, %x{0} : f32\n", i)
                                        : mixed(i);
                    })
                .lanes(Work::multiply),
            2.0)
      << "of three kinds only where two of them meet";
  // Values that wait for each other are none.
  const auto waiting = [](int i) {
    return i == 0 ? std::string("%y0 = arith.mulf %x0, %x0 : f32\n")
                  : fmt::format("%y{0} = arith.mulf %x{0}, %y{1} : f32\n", i, i - 1);
  };
  EXPECT_EQ(in_text(8, waiting).lanes(Work::multiply), 1.0);
}

TEST(MlirSideBySide, LoadsOfNeighboursInAnyOrder) {
  // A row copied from its end: LLVM 19 loads eight at once and turns them round.
  const auto copied = [](std::vector<int> from) {
    std::string text =
        "func.func @f(%a: memref<4096xf32>, %b: memref<4096xf32>) {\naffine.for %i = 0 to 4088 step 8 {\n";
    for (int k = 0; k < 8; ++k)
      text += fmt::format(
          "%x{0} = affine.load %a[%i + {1}] : memref<4096xf32>\naffine.store %x{0}, %b[%i + {0}] : "
          "memref<4096xf32>\n",
          k, from[static_cast<std::size_t>(k)]);
    const LoweredFunction f(text + "}\nreturn\n}\n", {32.0, 16.0, 0.0});
    double lanes = 0.0;
    for (const Lowered::Item& item : f.lowered.items)
      if (f.access(item) != nullptr && !f.access(item)->store) lanes = std::max(lanes, item.lanes);
    return lanes;
  };
  EXPECT_EQ(copied({7, 6, 5, 4, 3, 2, 1, 0}), 8.0);
  EXPECT_EQ(copied({1, 0, 3, 2, 5, 4, 7, 6}), 8.0);
  EXPECT_LT(copied({0, 0, 2, 2, 4, 4, 6, 6}), 8.0) << "no neighbours";
}

TEST(MlirSideBySide, CopiesThatStoreInTurn) {
  // Pairs turned by angles, 16 of them written out: products, shuffles and vaddsubps of eight elements in
  // LLVM 19's code.
  const auto turned = [](const char* second) {
    return LoweredFunction(
        fmt::format("#map = affine_map<(d0) -> (d0)>\n#map1 = affine_map<(d0) -> (d0 + 16)>\n"
                    "func.func @f(%x: memref<8x64xf32>, %c: memref<8x32xf32>, %s: memref<8x32xf32>) {{\n"
                    "affine.for %t = 0 to 32 step 16 {{\naffine.for %i = 0 to 8 {{\n"
                    "affine.for %j = #map(%t) to #map1(%t) {{\n"
                    "%0 = affine.load %x[%i, %j * 2] : memref<8x64xf32>\n"
                    "%1 = affine.load %x[%i, %j * 2 + 1] : memref<8x64xf32>\n"
                    "%2 = affine.load %c[%i, %j] : memref<8x32xf32>\n"
                    "%3 = affine.load %s[%i, %j] : memref<8x32xf32>\n"
                    "%4 = arith.mulf %1, %3 : f32\n%5 = arith.mulf %0, %2 : f32\n"
                    "%6 = arith.subf %5, %4 : f32\naffine.store %6, %x[%i, %j * 2] : memref<8x64xf32>\n"
                    "%7 = arith.mulf %1, %2 : f32\n%8 = arith.mulf %0, %3 : f32\n"
                    "%9 = arith.{} %8, %7 : f32\n"
                    "affine.store %9, %x[%i, %j * 2 + 1] : memref<8x64xf32>\n}}\n}}\n}}\nreturn\n}}\n",
                    second),
        {32.0, 32.0, 50.0});
  };
  EXPECT_EQ(turned("addf").lanes(Work::multiply), 8.0);
  EXPECT_EQ(turned("divf").lanes(Work::divide), 8.0);
}

TEST(MlirSideBySide, TheWidestFirstAnywhere) {
  // Eight of three operations in turn, then sixteen alike.
  const Straight later = in_text(24, [](int i) {
    const char* kinds[] = {"mulf", "divf", "addf"};
    return fmt::format("%y{0} = arith.{1} %x{0}, %x{0} : f32\n", i, i < 8 ? kinds[i % 3] : "addf");
  });
  EXPECT_EQ(later.lanes(Work::add), 8.0);
}

TEST(MlirSideBySide, NoVectorsOfCallsNorOfWhatLiesApart) {
  const auto call = [](int i) { return fmt::format("%y{0} = math.tanh %x{0} : f32\n", i); };
  EXPECT_EQ(in_text(8, call).lanes(Work::transcendental), 1.0);
  const auto squares = [](const char* layout) {
    std::string lines;
    for (int i = 0; i < 8; ++i)
      lines += fmt::format(
          "%x{0} = affine.load %a[%r, {0}] : memref<100x8xf32{1}>\n%y{0} = arith.mulf %x{0}, %x{0} : f32\n"
          "affine.store %y{0}, %b[%r, {0}] : memref<100x8xf32{1}>\n",
          i, layout);
    return Straight(
        fmt::format("func.func @f(%a: memref<100x8xf32{0}>, %b: memref<100x8xf32{0}>) {{\n"
                    "affine.for %r = 0 to 100 {{\n{1}}}\nreturn\n}}\n",
                    layout, lines));
  };
  EXPECT_EQ(squares("").lanes(Work::multiply), 8.0);
  EXPECT_EQ(squares(", strided<[64, 8]>").lanes(Work::multiply), 1.0);
}

TEST(MlirSideBySide, WhatCallsTakeStaysOneByOne) {
  // Three operations in front of a function, two behind it: LLVM's trees end at calls.
  const Straight f(
      rows("[%r, %i]",
           "%p = arith.mulf %x, %x : f32\n%q = arith.mulf %p, %x : f32\n%s = arith.mulf %q, %p : f32\n"
           "%t = math.tanh %s : f32\n%u = arith.addf %t, %t : f32\n%y = arith.addf %u, %t : f32\n"));
  EXPECT_EQ(f.lanes(Work::multiply), 1.0);
  EXPECT_EQ(f.lanes(Work::add), 8.0);
  EXPECT_EQ(f.lanes(Work::transcendental), 1.0);
  int accesses = 0;
  for (const Lowered::Item& item : f.lowered.items) {
    if (f.access(item) == nullptr) continue;
    ++accesses;
    EXPECT_EQ(item.lanes, f.access(item)->store ? 8.0 : 1.0);
  }
  EXPECT_EQ(accesses, 2);
}

TEST(MlirSideBySide, BodiesOfTensorsSeeThroughTheirArguments) {
  // The same as a linalg operation: its arguments are what has been loaded.
  const Straight f(
      "func.func @f(%a: tensor<100x8xf32>, %b: tensor<100x8xf32>) -> tensor<100x8xf32> {\n"
      "%0 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, "
      "affine_map<(d0, d1) -> (d0, d1)>], iterator_types = [\"parallel\", \"parallel\"]} "
      "ins(%a : tensor<100x8xf32>) outs(%b : tensor<100x8xf32>) {\n^bb0(%x: f32, %o: f32):\n"
      "%p = arith.mulf %x, %x : f32\n%t = math.tanh %p : f32\n%u = arith.addf %t, %t : f32\n"
      "%y = arith.addf %u, %t : f32\nlinalg.yield %y : f32\n} -> tensor<100x8xf32>\n"
      "return %0 : tensor<100x8xf32>\n}\n");
  EXPECT_EQ(f.lanes(Work::multiply), 1.0);
  EXPECT_EQ(f.lanes(Work::add), 8.0);
  int loads = 0;
  for (const Lowered::Item& item : f.lowered.items) {
    if (f.access(item) == nullptr || f.access(item)->store) continue;
    ++loads;
    EXPECT_EQ(item.lanes, 1.0);
  }
  EXPECT_EQ(loads, 1);
}

TEST(MlirSideBySide, ValuesThatWaitForEachOtherInARoundaboutWay) {
  // Each takes the one before it through another operation.
  const auto serial = [](int i) {
    return i == 0 ? std::string("%y0 = arith.mulf %x0, %x0 : f32\n")
                  : fmt::format("%z{0} = math.{2} %y{1} : f32\n%y{0} = arith.mulf %x{0}, %z{0} : f32\n", i,
                                i - 1, i % 2 == 0 ? "floor" : "ceil");
  };
  EXPECT_EQ(in_text(8, serial).lanes(Work::multiply), 1.0);
}

/// The sum or extremum of rows of sixteen squares, over all rows.
Straight over_rows(const char* type, const char* square, const char* combine) {
  return Straight(fmt::format(
      "func.func @f(%a: memref<100x16x{0}>, %b: memref<100x{0}>) {{\naffine.for %r = 0 to 100 {{\n"
      "affine.for %i = 0 to 16 {{\n%x = affine.load %a[%r, %i] : memref<100x16x{0}>\n"
      "%y = arith.{1} %x, %x : {0}\n%s = affine.load %b[0] : memref<100x{0}>\n"
      "%t = arith.{2} %s, %y : {0}\naffine.store %t, %b[0] : memref<100x{0}>\n}}\n}}\nreturn\n}}\n",
      type, square, combine));
}

/// `terms` products behind each other in the text of a loop, summed in the place of its row: how many of them
/// are done in pairs.
double pairs_of(int terms) {
  std::string lines;
  for (int i = 0; i < terms; ++i)
    lines += fmt::format(
        "%x{0} = affine.load %a[%r, %i + {0}] : memref<100x960xf32>\n"
        "%w{0} = affine.load %c[%i + {0}] : memref<960xf32>\n%y{0} = arith.mulf %x{0}, %w{0} : f32\n"
        "%s{0} = affine.load %b[%r] : memref<100xf32>\n%t{0} = arith.addf %s{0}, %y{0} : f32\n"
        "affine.store %t{0}, %b[%r] : memref<100xf32>\n",
        i);
  const Straight sums(
      fmt::format("func.func @f(%a: memref<100x960xf32>, %b: memref<100xf32>, %c: memref<960xf32>) {{\n"
                  "affine.for %r = 0 to 100 {{\naffine.for %i = 0 to 960 step {} {{\n{}}}\n}}\nreturn\n}}\n",
                  terms, lines));
  double paired = 0.0;
  for (const Lowered::Item& item : sums.lowered.items)
    if (sums.step(item) != nullptr && sums.step(item)->work == Work::multiply && item.lanes == 2.0)
      paired += item.copies;
  return paired / 2.0;
}

TEST(MlirSideBySide, TheLastTermsOfASumAreLookedAt) {
  // But for the one that goes round the loop.
  EXPECT_EQ(pairs_of(2), 0.0);
  EXPECT_EQ(pairs_of(4), 1.0);
  EXPECT_EQ(pairs_of(8), 3.0);
  EXPECT_EQ(pairs_of(16), 6.0);
  EXPECT_EQ(pairs_of(32), 6.0);
}

TEST(MlirSideBySide, PartOfTheCopiesOfALongSum) {
  const auto paired = [](int trips) {
    const Straight sum(fmt::format(
        "func.func @f(%a: memref<100x{0}xf32>, %b: memref<100xf32>) {{\naffine.for %r = 0 to 100 {{\n"
        "affine.for %i = 0 to {0} {{\n%x = affine.load %a[%r, %i] : memref<100x{0}xf32>\n"
        "%y = arith.mulf %x, %x : f32\n%s = affine.load %b[0] : memref<100xf32>\n"
        "%t = arith.addf %s, %y : f32\naffine.store %t, %b[0] : memref<100xf32>\n}}\n}}\nreturn\n}}\n",
        trips));
    for (const Lowered::Item& item : sum.lowered.items)
      if (sum.step(item) != nullptr && sum.step(item)->work == Work::multiply)
        return item.lanes > 1.0 ? item.paired : 0.0;
    return -1.0;
  };
  EXPECT_EQ(paired(8), 0.75) << "not the one that goes round the loop over rows, nor one beside it";
  EXPECT_EQ(paired(24), 0.5) << "twelve of them";
}

TEST(MlirSideBySide, WhatGoesRoundALoopGoesRoundAsAVector) {
  // Four columns at once, `rows` of each an iteration.
  const auto columns = [](int rows) {
    std::string lines, yields, names = "(f32, f32, f32, f32)";
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < 4; ++c)
        lines += fmt::format(
            "%x{0}_{1} = affine.load %a[%i + {0}, %k + {1}] : memref<4000x100xf32>\n"
            "%s{0}_{1} = arith.addf %{2}, %x{0}_{1} : f32\n",
            r, c, r == 0 ? fmt::format("c{}", c) : fmt::format("s{}_{}", r - 1, c));
    for (int c = 0; c < 4; ++c) yields += fmt::format("{}%s{}_{}", c == 0 ? "" : ", ", rows - 1, c);
    std::string stores;
    for (int c = 0; c < 4; ++c)
      stores += fmt::format("affine.store %r#{0}, %b[%k + {0}] : memref<100xf32>\n", c);
    return Straight(fmt::format(
        "func.func @f(%a: memref<4000x100xf32>, %b: memref<100xf32>) {{\n%z = arith.constant 0.0 : f32\n"
        "affine.for %k = 0 to 100 step 4 {{\n%r:4 = affine.for %i = 0 to 4000 step {} "
        "iter_args(%c0 = %z, %c1 = %z, %c2 = %z, %c3 = %z) -> {} {{\n{}affine.yield {} : f32, f32, f32, "
        "f32\n}}\n{}}}\nreturn\n}}\n",
        rows, names, lines, yields, stores));
  };
  EXPECT_EQ(columns(1).lanes(Work::add), 4.0);
  EXPECT_EQ(columns(4).lanes(Work::add), 4.0);
  const Straight deep = columns(20);  // deeper than one tree goes
  double alone = 0.0;
  for (const Lowered::Item& item : deep.lowered.items)
    if (deep.step(item) != nullptr && deep.step(item)->work == Work::add && item.lanes == 1.0)
      alone += item.copies;
  EXPECT_EQ(alone, 0.0);
}

TEST(MlirSideBySide, SumsOfRealsKeepTheirOrder) {
  const Straight real = over_rows("f32", "mulf", "addf");
  EXPECT_EQ(real.lanes(Work::multiply), 2.0) << "pairs of what is added";
  EXPECT_EQ(real.lanes(Work::add), 1.0);
  EXPECT_EQ(over_rows("i32", "muli", "addi").lanes(Work::integer), 8.0);
  EXPECT_EQ(over_rows("f32", "mulf", "maximumf").lanes(Work::compare), 8.0);
}

TEST(MlirSideBySide, ExtremaAreLongInstructions) {
  EXPECT_EQ(choice_of("arith.maximumf").single, kExtremum.single);
  EXPECT_EQ(choice_of("arith.maximumf", true, false).single, 1.0);
  EXPECT_EQ(choice_of("arith.maximumf", true, true).single, 3.0) << "the larger of 0 and -0";
  EXPECT_EQ(choice_of("arith.minimumf", true, true).single, 1.0);
  EXPECT_EQ(choice_of("arith.minnumf").vector, 3.0);
  EXPECT_EQ(choice_of("arith.cmpf").single, 1.0);
  const auto prefix = [](const char* of) {
    return Straight(fmt::format(
        "func.func @f(%a: memref<100xf32>, %z: f32) {{\n%k = arith.constant 2.5 : f32\n"
        "affine.for %i = 1 to 100 {{\n%x = affine.load %a[%i] : memref<100xf32>\n"
        "%s = affine.load %a[%i - 1] : memref<100xf32>\n%t = arith.addf %s, %x : f32\n"
        "%y = arith.maximumf %t, {} : f32\naffine.store %y, %a[%i] : memref<100xf32>\n}}\nreturn\n}}\n",
        of));
  };
  EXPECT_EQ(prefix("%x").instructions(0) - prefix("%k").instructions(0), kExtremum.single - 1.0);
  EXPECT_EQ(prefix("%t").lanes(Work::compare), 0.0) << "a value itself";
}

TEST(MlirPrices, FunctionsAndDivisionsAreNotAllAlike) {
  EXPECT_EQ(work_of("math.cbrt"), Work::transcendental);
  EXPECT_GT(called_for("math.tanh", 32).cycles, 2.0 * called_for("math.exp", 32).cycles);
  EXPECT_GT(called_for("math.powf", 64).cycles, 2.0 * called_for("math.powf", 32).cycles);
  EXPECT_LT(called_for("math.log1p", 32).cycles, 1.5 * called_for("math.log", 32).cycles) << "log(1 + x)";
  // A vector of 64 bytes is two of 32 to a divider, and reals of 64 bits take longer than of 32.
  EXPECT_EQ(divider_cycles(Work::divide, 64, 64.0), 2.0 * divider_cycles(Work::divide, 64, 32.0));
  EXPECT_GT(divider_cycles(Work::divide, 64, 32.0), divider_cycles(Work::divide, 32, 32.0));
  EXPECT_GT(divider_cycles(Work::root, 64, 32.0), divider_cycles(Work::divide, 64, 32.0));
}

}  // namespace
}  // namespace hone::cost::mlir
