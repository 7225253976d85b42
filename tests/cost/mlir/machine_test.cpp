// What a machine does with the code that is left, and what of the text decides it: seen of run times and of
// LLVM 19's remarks.
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"
#include "hone/cost/mlir/loop_features.h"
#include "hone/cost/mlir/reuse.h"

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
        .chain.cycles;
  };
  EXPECT_NEAR(chain("minimumf"), 22.6, 4.0);
  EXPECT_NEAR(chain("addf"), 12.0, 1.0) << "what the iteration before stored is still in a register";
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

TEST(MlirMachine, RowsNarrowerThanALineShareIt) {
  // 16 bytes of each row: four rows a line, and 256 a page.
  const Module module = parse(
      "func.func @f(%a: memref<4096x4xf32>) {\n%z = arith.constant 0.0 : f32\n"
      "affine.for %i = 0 to 4096 {\naffine.for %j = 0 to 4 {\n"
      "affine.store %z, %a[%i, %j] : memref<4096x4xf32>\n}\n}\nreturn\n}\n");
  const Nest nest = mlir::nest(module, module.functions().at(0));
  EXPECT_NEAR(Reuse(nest).working_set(-1), 65536.0, 64.0);
  EXPECT_NEAR(Reuse(nest, 4096.0).working_set(-1), 65536.0, 4096.0);
}

TEST(MlirMachine, ColumnsTouchAPageARow) {
  const auto pages = [](bool columns) {
    const Module module =
        parse(fmt::format("func.func @f(%a: memref<4096x2048xf32>) {{\n%z = arith.constant 0.0 : f32\n"
                          "affine.for %i = 0 to {} {{\naffine.for %j = 0 to {} {{\n"
                          "affine.store %z, %a[{}] : memref<4096x2048xf32>\n}}\n}}\nreturn\n}}\n",
                          columns ? 2048 : 4096, columns ? 4096 : 2048, columns ? "%j, %i" : "%i, %j"));
    const Nest nest = mlir::nest(module, module.functions().at(0));
    double sum = 0.0;
    for (const double one : Reuse(nest, 4096.0).fetched_by_loop(1536.0 * 4096.0)) sum += one;
    return sum;
  };
  EXPECT_NEAR(pages(false), 8192.0, 10.0) << "each once";
  EXPECT_NEAR(pages(true), 4096.0 * 2048.0, 1e4) << "4,096 of them before the first comes again";
}

/// What the loops of a function are estimated at, in cycles.
double cycles(const std::string& text) {
  const Function f(text, kWithMasks);
  double sum = 0.0;
  for (const double row : loop_features(f.nest, Reuse(f.nest), f.lowered).estimates) sum += std::exp(row);
  return sum;
}

/// Instructions of a kind that a function is thought to execute.
double executed_by(const Function& f, InstructionKind kind) {
  const LoopRows rows = loop_features(f.nest, Reuse(f.nest), f.lowered);
  double sum = 0.0;
  for (const double row : rows.mix[static_cast<std::size_t>(kind)]) sum += std::exp(row);
  return sum;
}

TEST(MlirMachine, InstructionsByKind) {
  const auto executed = [](InstructionKind kind, const char* body) {
    const Function f(
        fmt::format("func.func @f(%a: memref<8192xf32>, %b: memref<8192xf32>, %s: memref<1xf32>) {{\n"
                    "%zero = arith.constant 0 : index\naffine.for %i = 0 to 8192 {{\n"
                    "%x = affine.load %a[%i] : memref<8192xf32>\n{}\n}}\nreturn\n}}\n",
                    body),
        kWithMasks);
    return executed_by(f, kind);
  };
  // In lanes of 8.
  const char* squares = "%y = arith.mulf %x, %x : f32\naffine.store %y, %b[%i] : memref<8192xf32>";
  EXPECT_NEAR(executed(InstructionKind::load, squares), 1024.0, 10.0);
  EXPECT_NEAR(executed(InstructionKind::store, squares), 1024.0, 10.0);
  EXPECT_GT(executed(InstructionKind::vector, squares), 2.0 * 1024.0) << "product and store, some loads";
  EXPECT_LT(executed(InstructionKind::scalar, squares), 100.0);
  // What is chosen by its bits is a vector's instruction, one by one too.
  const char* running =
      "%y = affine.load %s[0] : memref<1xf32>\n%z = arith.maximumf %x, %y : f32\n"
      "affine.store %z, %s[0] : memref<1xf32>\naffine.store %z, %b[%i] : memref<8192xf32>";
  EXPECT_GT(executed(InstructionKind::vector, running), 4.0 * 8192.0);
  EXPECT_GT(executed(InstructionKind::scalar, running), 2.0 * 8192.0);
  // In the order of the text, in a register.
  const char* sum =
      "%y = affine.load %s[0] : memref<1xf32>\n%z = arith.addf %x, %y : f32\n"
      "affine.store %z, %s[0] : memref<1xf32>";
  EXPECT_NEAR(executed(InstructionKind::load, sum), 8192.0, 10.0);
  EXPECT_LT(executed(InstructionKind::store, sum), 10.0) << "once, behind the loop";
  EXPECT_GT(executed(InstructionKind::scalar, sum), 8192.0);
  EXPECT_LT(executed(InstructionKind::vector, sum), 1000.0);
}

TEST(MlirMachine, AShortCopyIsNoCall) {
  const auto executed = [](InstructionKind kind, int length) {
    const Function f(fmt::format("func.func @f(%a: memref<100x999xf64>, %b: memref<100x998xf64>) {{\n"
                                 "affine.for %i = 0 to 100 {{\naffine.for %j = 0 to {} {{\n"
                                 "%x = affine.load %a[%i, %j] : memref<100x999xf64>\n"
                                 "affine.store %x, %b[%i, %j] : memref<100x998xf64>\n}}\n}}\nreturn\n}}\n",
                                 length),
                     kWithMasks);
    return executed_by(f, kind);
  };
  // 216 bytes by 32 at once, the last of them beginning inside the one before.
  EXPECT_NEAR(executed(InstructionKind::load, 27), 700.0, 5.0);
  EXPECT_NEAR(executed(InstructionKind::store, 27), 700.0, 5.0);
  EXPECT_LT(executed(InstructionKind::store, 99), 5.0) << "memcpy's own";
}

TEST(MlirMachine, WhatFitsACacheIsThereWhenAFunctionRunsAgain) {
  const auto copy = [](int size) {
    return cycles(fmt::format(
               "func.func @f(%a: memref<{0}xf32>, %b: memref<{0}xf32>) {{\naffine.for %i = 0 to {0} {{\n"
               "%x = affine.load %a[%i] : memref<{0}xf32>\n%y = arith.mulf %x, %x : f32\n"
               "affine.store %y, %b[%i] : memref<{0}xf32>\n}}\nreturn\n}}\n",
               size)) /
           size;
  };
  // 4 KiB, 128 KiB, 4 MiB and 64 MiB.
  const double first = copy(512), second = copy(16384), third = copy(524288), memory = copy(8388608);
  EXPECT_LT(first, 0.25);
  EXPECT_GT(second, first * 1.5);
  EXPECT_GT(third, second * 1.5);
  EXPECT_GT(memory, third * 1.5);
}

TEST(MlirMachine, SumsThatMayHaveBeenStoredBesideComeThroughMemory) {
  // y[i] beside y[j], which may be it, as far as LLVM sees: 8.0 cycles measured, 4.97 of whole numbers.
  const auto chain = [](const std::string& type, const std::string& times, const std::string& plus) {
    return Function(fmt::format(
                        "func.func @f(%a: memref<256x256x{0}>, %x: memref<256x{0}>, %y: memref<256x{0}>) {{\n"
                        "affine.for %i = 0 to 256 {{\n"
                        "affine.for %j = 0 to affine_map<(d0) -> (d0)>(%i) {{\n"
                        "%0 = affine.load %a[%i, %j] : memref<256x256x{0}>\n"
                        "%1 = affine.load %x[%i] : memref<256x{0}>\n%2 = arith.{1} %0, %1 : {0}\n"
                        "%3 = affine.load %y[%j] : memref<256x{0}>\n%4 = arith.{2} %3, %2 : {0}\n"
                        "affine.store %4, %y[%j] : memref<256x{0}>\n"
                        "%5 = affine.load %x[%j] : memref<256x{0}>\n%6 = arith.{1} %0, %5 : {0}\n"
                        "%7 = affine.load %y[%i] : memref<256x{0}>\n%8 = arith.{2} %7, %6 : {0}\n"
                        "affine.store %8, %y[%i] : memref<256x{0}>\n}}\n}}\nreturn\n}}\n",
                        type, times, plus),
                    kWithMasks)
        .lowered.body(1)
        .chain.cycles;
  };
  EXPECT_NEAR(chain("f32", "mulf", "addf"), 8.0, 0.5);
  EXPECT_NEAR(chain("i32", "muli", "addi"), 5.0, 0.5);
}

TEST(MlirMachine, CopiesOfASumInMemoryWaitForEachOther) {
  // y[i] is loaded again after each store to y[j]: 22.6 cycles measured for four copies.
  const auto chain = [](int copies) {
    std::string text = fmt::format(
        "func.func @f(%a: memref<256x256xi32>, %x: memref<256xi32>, %y: memref<256xi32>) {{\n"
        "affine.for %i = 0 to 256 {{\naffine.for %j = 0 to 256 step {} {{\n",
        copies);
    for (int k = 0; k < copies; ++k)
      text += fmt::format(
          "%a{0} = affine.load %a[%i, %j + {0}] : memref<256x256xi32>\n"
          "%b{0} = affine.load %y[%j + {0}] : memref<256xi32>\n%c{0} = arith.addi %b{0}, %a{0} : i32\n"
          "affine.store %c{0}, %y[%j + {0}] : memref<256xi32>\n"
          "%d{0} = affine.load %x[%j + {0}] : memref<256xi32>\n%e{0} = arith.muli %a{0}, %d{0} : i32\n"
          "%f{0} = affine.load %y[%i] : memref<256xi32>\n%g{0} = arith.addi %f{0}, %e{0} : i32\n"
          "affine.store %g{0}, %y[%i] : memref<256xi32>\n",
          k);
    return Function(text + "}\n}\nreturn\n}\n", kWithMasks).lowered.body(1).chain.cycles;
  };
  EXPECT_NEAR(chain(1), 5.0, 0.5);
  EXPECT_NEAR(chain(4), 20.0, 2.0);
}

TEST(MlirMachine, CopiesOfASumWaitForEachOther) {
  // 16 terms of each of eight sums in lanes: 57 cycles measured, 4 for each.
  const Function f(
      "func.func @f(%x: memref<8x23xf32>, %w: memref<4x8x16xf32>, %y: memref<4x8xf32>) {\n"
      "affine.for %a = 0 to 4 {\naffine.for %b = 0 to 8 {\naffine.for %c = 0 to 8 {\n"
      "affine.for %d = 0 to 16 {\n%0 = affine.load %w[%a, %b, %d] : memref<4x8x16xf32>\n"
      "%1 = affine.load %x[%b, %c + %d] : memref<8x23xf32>\n%2 = arith.mulf %1, %0 : f32\n"
      "%3 = affine.load %y[%a, %c] : memref<4x8xf32>\n%4 = arith.addf %3, %2 : f32\n"
      "affine.store %4, %y[%a, %c] : memref<4x8xf32>\n}\n}\n}\n}\nreturn\n}\n",
      kWithMasks);
  ASSERT_EQ(f.lowered.body(2).lanes, 8.0);
  EXPECT_GE(f.lowered.body(2).path.cycles, 15.0 * 4.0);
}

TEST(MlirMachine, WhatTheIterationBeforeStoredIsInARegister) {
  const auto links = [](const char* second) {
    return LoweredFunction(
               fmt::format("func.func @f(%y: memref<4096xf32>) {{\naffine.for %i = 1 to 2000 {{\n"
                           "%a = affine.load %y[%i - 1] : memref<4096xf32>\n"
                           "%b = arith.addf %a, %a : f32\naffine.store %b, %y[%i] : memref<4096xf32>\n{}"
                           "}}\nreturn\n}}\n",
                           second),
               kWithMasks)
        .lowered.body(0)
        .chain.links;
  };
  constexpr auto kMemory = static_cast<std::size_t>(Link::memory), kSum = static_cast<std::size_t>(Link::sum);
  EXPECT_EQ(links("")[kSum], 4.0f);
  EXPECT_EQ(links("")[kMemory], 0.0f);
  EXPECT_GT(links("affine.store %a, %y[%i * 2] : memref<4096xf32>\n")[kMemory], 0.0f)
      << "another store may be there too";
}

TEST(MlirMachine, CopiesInTurnWaitForEachOther) {
  // A filter by tiles of three: 34 cycles a tile measured on a core whose sums take three and products four.
  const auto chain = [](int tile) {
    return LoweredFunction(
               fmt::format("#map = affine_map<(d0) -> (d0)>\n#map1 = affine_map<(d0) -> (d0 + {0})>\n"
                           "func.func @f(%x: memref<6002xf32>, %y: memref<6002xf32>) {{\n"
                           "%c = arith.constant 0.4 : f32\naffine.for %i = 2 to 6002 step {0} {{\n"
                           "affine.for %j = #map(%i) to #map1(%i) {{\n"
                           "%a = affine.load %x[%j] : memref<6002xf32>\n"
                           "%b = affine.load %y[%j - 1] : memref<6002xf32>\n%d = arith.mulf %b, %c : f32\n"
                           "%e = arith.subf %a, %d : f32\naffine.store %e, %y[%j] : memref<6002xf32>\n"
                           "}}\n}}\nreturn\n}}\n",
                           tile),
               kWithMasks)
        .lowered.body(0)
        .chain.cycles;
  };
  EXPECT_NEAR(chain(3), 24.0, 0.5);
  EXPECT_NEAR(chain(6), 48.0, 0.5);
}

TEST(MlirMachine, WhatIsLeftOfRowsIsVectors) {
  // 26 iterations of eight elements each: 24 in lanes, each of the other two a product, a sum and a store of
  // eight elements in LLVM 19's code.
  std::string text =
      "func.func @f(%x: memref<208xf32>, %y: memref<208xf32>, %k: memref<1xf32>) {\n"
      "%c = affine.load %k[0] : memref<1xf32>\naffine.for %i = 0 to 208 step 8 {\n";
  for (int k = 0; k < 8; ++k)
    text += fmt::format(
        "%a{0} = affine.load %x[%i + {0}] : memref<208xf32>\n%b{0} = arith.mulf %a{0}, %c : f32\n"
        "%d{0} = affine.load %y[%i + {0}] : memref<208xf32>\n%e{0} = arith.addf %d{0}, %b{0} : f32\n"
        "affine.store %e{0}, %y[%i + {0}] : memref<208xf32>\n",
        k);
  const LoweredFunction f(text + "}\nreturn\n}\n", kWithMasks);
  const LoopRows rows = loop_features(f.nest, Reuse(f.nest), f.lowered);
  ASSERT_EQ(rows.demands.size(), 2u);
  EXPECT_EQ(rows.demands[1].blocks, 6.0);
  EXPECT_EQ(rows.demands[1].rest, 2.0);
  EXPECT_NEAR(rows.demands[1].single.instructions, 3.0, 1.5);
}

TEST(MlirMachine, VectorsOfTheTextAreAsLongAsRegisters) {
  // 16 floats, of which 11 are there: one product, one sum, a load and a store by a mask that is a
  // constant; 5.6 instructions an iteration measured, counting and jumping among them.
  const LoweredFunction f(
      "#map = affine_map<(d0, d1) -> (0)>\n"
      "func.func @f(%a: memref<27x61xf32>, %b: memref<27x11xf32>, %c: memref<61x11xf32>) {\n"
      "%z = arith.constant 0.0 : f32\naffine.for %k = 0 to 11 step 16 {\naffine.for %i = 0 to 27 {\n"
      "affine.for %j = 0 to 61 {\n"
      "%0 = vector.transfer_read %a[%i, %j], %z {in_bounds = [true], permutation_map = #map} : "
      "memref<27x61xf32>, vector<16xf32>\n"
      "%1 = vector.transfer_read %b[%i, %k], %z : memref<27x11xf32>, vector<16xf32>\n"
      "%2 = arith.mulf %0, %1 : vector<16xf32>\n"
      "%3 = vector.transfer_read %c[%j, %k], %z : memref<61x11xf32>, vector<16xf32>\n"
      "%4 = arith.addf %3, %2 : vector<16xf32>\n"
      "vector.transfer_write %4, %c[%j, %k] : vector<16xf32>, memref<61x11xf32>\n"
      "}\n}\n}\nreturn\n}\n",
      kWithMasks);
  double sum = 0.0;
  for (const double row : loop_features(f.nest, Reuse(f.nest), f.lowered).instructions) sum += std::exp(row);
  EXPECT_NEAR(sum / (27.0 * 61.0), 5.6, 1.7);
}

TEST(MlirMachine, ShortSumsOverlap) {
  // So many terms of each row, whose sums do not wait for each other.
  const auto of_sums = [](int rows, int columns) {
    return cycles(fmt::format("func.func @f(%a: memref<{0}x{1}xf64>, %y: memref<{0}xf64>) {{\n"
                              "%z = arith.constant 0.0 : f64\naffine.for %i = 0 to {0} {{\n"
                              "%s = affine.for %j = 0 to {1} iter_args(%p = %z) -> (f64) {{\n"
                              "%x = affine.load %a[%i, %j] : memref<{0}x{1}xf64>\n%c = math.sqrt %x : f64\n"
                              "%q = arith.addf %p, %x : f64\naffine.yield %q : f64\n}}\n"
                              "affine.store %s, %y[%i] : memref<{0}xf64>\n}}\nreturn\n}}\n",
                              rows, columns)) /
           (rows * columns);
  };
  EXPECT_NEAR(of_sums(4, 600), 3.6, 0.3) << "an addition after the other, the next row begun before the end";
  EXPECT_LT(of_sums(100, 24), 0.9 * of_sums(4, 600));
}

TEST(MlirMachine, MasksThatAreOnForGoodKeepNothingInMemory) {
  // Two vectors of four to a row of `columns`: with eight all lanes are on, with six not.
  const auto chain = [](int columns) {
    return Function(fmt::format(
                        "func.func @f(%a: memref<64x{0}xf64>, %y: memref<{0}xf64>) {{\n"
                        "%z = arith.constant 0.0 : f64\naffine.for %i = 0 to 64 {{\naffine.for %j = 0 to {0} "
                        "step 4 "
                        "{{\n%0 = vector.transfer_read %a[%i, %j], %z : memref<64x{0}xf64>, vector<4xf64>\n"
                        "%1 = vector.transfer_read %y[%j], %z : memref<{0}xf64>, vector<4xf64>\n"
                        "%2 = arith.addf %1, %0 : vector<4xf64>\n"
                        "vector.transfer_write %2, %y[%j] : vector<4xf64>, memref<{0}xf64>\n"
                        "}}\n}}\nreturn\n}}\n",
                        columns),
                    kWithMasks)
        .lowered.body(0)
        .chain.cycles;
  };
  EXPECT_NEAR(chain(8), 4.0, 0.1);
  EXPECT_GE(chain(6), 12.0);
}

TEST(MlirMachine, LoadsBehindStoresThatMayMeetThemKeepStoresApart) {
  // a[i, j] = a[j, i] + a[i, j], four columns at a time: a[j + 1, i] may be the a[i, j] that was just stored.
  std::string body;
  for (int c = 0; c < 4; ++c)
    body += fmt::format(
        "%a{0} = affine.load %a[%j + {0}, %i] : memref<60x60xf64>\n"
        "%b{0} = affine.load %a[%i, %j + {0}] : memref<60x60xf64>\n%c{0} = arith.addf %a{0}, %b{0} : f64\n"
        "affine.store %c{0}, %a[%i, %j + {0}] : memref<60x60xf64>\n",
        c);
  const Function f(
      "func.func @f(%a: memref<60x60xf64>) {\naffine.for %i = 0 to 60 {\n"
      "affine.for %j = 0 to 60 step 4 {\n" +
          body + "}\n}\nreturn\n}\n",
      kWithMasks);
  EXPECT_EQ(f.lanes(Work::add), 1.0);
}

TEST(MlirMachine, FewLinesMayBeManyPages) {
  // An element of each row, a page apart: 2,000 lines fit the second cache, their pages no table of 1,536.
  const auto column = [](int rows) {
    return cycles(
               fmt::format("func.func @f(%a: memref<{0}x1024xf32>, %s: f32) {{\naffine.for %i = 0 to {0} {{\n"
                           "affine.store %s, %a[%i, 0] : memref<{0}x1024xf32>\n}}\nreturn\n}}\n",
                           rows)) /
           rows;
  };
  EXPECT_GT(column(2000), column(1000) + 20.0);
}

TEST(MlirMachine, AnElementThatIsLoadedAgainKeepsStoresApart) {
  // Two neighbours of %a, of which the second comes from what is loaded at `place` of it; the store to %b
  // before may be there, so that it is loaded.
  const auto lanes = [](int place) {
    return Function(fmt::format(
                        "func.func @f(%x: memref<64xf32>, %y: memref<8xf32>, %z: memref<8xf32>) {{\n"
                        "%k = arith.constant 1.5 : f32\n"
                        "%a = memref.alloc() : memref<64xf32>\n%b = memref.alloc() : memref<64xf32>\n"
                        "%0 = affine.load %x[0] : memref<64xf32>\n%1 = arith.addf %0, %k : f32\n"
                        "%2 = arith.mulf %1, %k : f32\n%3 = arith.divf %2, %k : f32\n"
                        "affine.store %3, %a[0] : memref<64xf32>\n"
                        "affine.store %k, %b[0] : memref<64xf32>\n"
                        "%4 = affine.load %a[{}] : memref<64xf32>\n%5 = arith.addf %4, %k : f32\n"
                        "%6 = arith.mulf %5, %k : f32\n%7 = arith.divf %6, %k : f32\n"
                        "affine.store %7, %a[1] : memref<64xf32>\n"
                        "affine.for %i = 0 to 8 {{\n%8 = affine.load %a[%i] : memref<64xf32>\n"
                        "%9 = affine.load %b[%i] : memref<64xf32>\n"
                        "affine.store %8, %y[%i] : memref<8xf32>\naffine.store %9, %z[%i] : memref<8xf32>\n"
                        "}}\nreturn\n}}\n",
                        place),
                    kWithMasks)
        .lanes(Work::divide);
  };
  EXPECT_EQ(lanes(9), 2.0);
  EXPECT_EQ(lanes(0), 1.0);
}

TEST(MlirMachine, LoopsThatAreGoneHaveNoCopiesOfAddresses) {
  const auto width = [](const std::string& around, const std::string& end) {
    return Function(
               "func.func @f(%a: memref<64x512xf32>, %b: memref<64x512xf32>) {\n"
               "affine.for %i = 0 to 64 {\n" +
                   around +
                   "affine.for %j = 0 to 4 {\n%x = affine.load %a[%j, %i * 7] : memref<64x512xf32>\n"
                   "%y = arith.mulf %x, %x : f32\naffine.store %y, %b[%j, %i * 7] : memref<64x512xf32>\n"
                   "}\n" +
                   end + "}\nreturn\n}\n",
               kWithMasks)
        .lowered.body(0)
        .lanes;
  };
  EXPECT_EQ(width("affine.for %t = 0 to 1000000 {\n", "}\n"), width("", ""));
}

TEST(MlirMachine, IndicesBeyondAllNumbersAreUnknown) {
  std::string chain = "%m = arith.constant 9000000000000000000 : index\n%0 = arith.muli %i, %m : index\n";
  for (int c = 1; c < 24; ++c) chain += fmt::format("%{} = arith.muli %{}, %m : index\n", c, c - 1);
  const double estimate =
      cycles("func.func @f(%a: memref<64xf32>, %b: memref<64xf32>) {\naffine.for %i = 0 to 64 {\n" + chain +
             "%n = arith.subi %23, %22 : index\n%x = memref.load %a[%n] : memref<64xf32>\n"
             "%y = memref.load %a[%23] : memref<64xf32>\n%z = arith.addf %x, %y : f32\n"
             "memref.store %z, %b[%i] : memref<64xf32>\n}\nreturn\n}\n");
  EXPECT_TRUE(std::isfinite(estimate));
  EXPECT_LT(estimate, 1e6);
}

TEST(MlirMachine, StraightCodeOutsideLoopsWaitsForItself) {
  // Sums one after the other, or each of its own: cycles of what stands outside all loops.
  const auto cycles = [](int sums, bool chained) {
    std::string text = "func.func @f(%A: memref<2xf64>) {\n%v0 = affine.load %A[0] : memref<2xf64>\n";
    for (int k = 1; k <= sums; ++k)
      text += fmt::format("%v{0} = arith.addf %v{1}, %{2} : f64\n", k, chained ? k - 1 : 0,
                          chained ? fmt::format("v{}", k - 1) : "v0");
    text += fmt::format("affine.store %v{}, %A[1] : memref<2xf64>\nreturn\n}}\n", sums);
    const Function code(text);
    const LoopRows rows = loop_features(code.nest, Reuse(code.nest), code.lowered);
    return std::pair(rows.demands.at(0).path.cycles, std::exp(rows.core.at(0)));
  };
  EXPECT_NEAR(cycles(999, true).first, 999.0 * 4.0, 10.0);
  EXPECT_GT(cycles(999, true).second, 3000.0);
  EXPECT_LE(cycles(999, false).first, 10.0);
  // A few are done beside what comes before and after the call.
  EXPECT_LT(cycles(10, true).second, cycles(0, true).second + 20.0);
}

}  // namespace
}  // namespace hone::cost::mlir
