#include "hone/cost/mlir/lowered.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"
#include "hone/cost/mlir/price.h"
#include "hone/cost/mlir/text.h"

namespace hone::cost::mlir {
namespace {

using Function = LoweredFunction;

/// Loops i, j over x (n), A (m, n), C (m, n), with a body.
std::string loops(int m, int n, const std::string& body, const std::string& type = "f32") {
  return fmt::format(
      "func.func @f(%x: memref<{1}x{3}>, %A: memref<{0}x{1}x{3}>, %C: memref<{0}x{1}x{3}>, %s: "
      "memref<{0}x{3}>) {{\n"
      "%one = arith.constant 1.5 : {3}\naffine.for %i = 0 to {0} {{\naffine.for %j = 0 to {1} "
      "{{\n{2}\n}}\n}}\nreturn\n}}\n",
      m, n, body, type);
}

TEST(MlirLowered, LoopsThatNothingIsLeftOfAreDeleted) {
  const Function dead(
      "func.func @f(%x: memref<5000xf32>) {\n%t = memref.alloc() : memref<5000xf32>\n"
      "affine.for %i = 0 to 5000 {\n%a = affine.load %x[%i] : memref<5000xf32>\n"
      "affine.store %a, %t[%i] : memref<5000xf32>\n}\n"
      "memref.dealloc %t : memref<5000xf32>\nreturn\n}\n");
  EXPECT_FALSE(dead.lowered.body(0).left);
  const Function carried(
      "func.func @f(%n: index) -> index {\n%r = affine.for %i = 0 to 5000 iter_args(%c = %n) -> (index) {\n"
      "%s = arith.muli %c, %c : index\n%d = arith.xori %s, %i : index\naffine.yield %d : index\n}\n"
      "return %r : index\n}\n");
  EXPECT_TRUE(carried.lowered.body(0).left) << "its value is returned";
}

TEST(MlirLowered, SideBySideInLanes) {
  const std::string body =
      "%a = affine.load %A[%i, %j] : memref<100x1000xf32>\n%b = arith.addf %a, %one : f32\n"
      "affine.store %b, %C[%i, %j] : memref<100x1000xf32>";
  const Function f(loops(100, 1000, body));
  EXPECT_TRUE(f.lowered.body(1).innermost);
  EXPECT_EQ(f.lowered.body(1).lanes, 16.0);
  EXPECT_EQ(f.lowered.body(1).interleave, 4.0);
  EXPECT_EQ(f.lowered.body(0).lanes, 1.0) << "only innermost loops";
  std::string wide = body;
  for (std::size_t at = wide.find("f32"); at != std::string::npos; at = wide.find("f32"))
    wide.replace(at, 3, "f64");
  EXPECT_EQ(Function(loops(100, 1000, wide, "f64")).lowered.body(1).lanes, 8.0);
}

TEST(MlirLowered, ShortLoopsAreWrittenOut) {
  const std::string body =
      "%a = affine.load %A[%i, %j] : memref<100x{0}xf32>\n%b = affine.load %x[%j] : memref<{0}xf32>\n"
      "%c = arith.mulf %a, %b : f32\naffine.store %c, %C[%i, %j] : memref<100x{0}xf32>";
  const Function f(loops(100, 6, fmt::format(fmt::runtime(body), 6)));
  EXPECT_FALSE(f.lowered.body(1).left);
  EXPECT_EQ(f.lowered.homes[1], 0);
  EXPECT_EQ(f.steps(Work::multiply, 0), 6.0);
  EXPECT_EQ(f.accesses(f.nest.accesses[1].buffer, false, -1), 6.0) << "x does not change: outside all loops";
  // Nine instructions an iteration, seven of them copied: 42 come to less than 300, 43 do not.
  EXPECT_FALSE(Function(loops(100, 42, fmt::format(fmt::runtime(body), 42))).lowered.body(1).left);
  EXPECT_TRUE(Function(loops(100, 43, fmt::format(fmt::runtime(body), 43))).lowered.body(1).left);
  // Tiles whose last one may be shorter are not.
  const Function tiled(
      "func.func @f(%x: memref<1001xf32>, %y: memref<1001xf32>) {\naffine.for %t = 0 to 1001 step 4 {\n"
      "affine.for %j = affine_map<(d0) -> (d0)>(%t) to min affine_map<(d0) -> (d0 + 4, 1001)>(%t) {\n"
      "%a = affine.load %x[%j] : memref<1001xf32>\n%b = arith.addf %a, %a : f32\n"
      "affine.store %b, %y[%j] : memref<1001xf32>\n}\n}\nreturn\n}\n");
  EXPECT_TRUE(tiled.lowered.body(1).left);
  EXPECT_FALSE(tiled.nest.loops[1].fixed);
}

TEST(MlirLowered, SumsStayInRegistersAndInOrder) {
  const std::string body =
      "%a = affine.load %A[%i, %j] : memref<100x1000x{0}>\n%c = affine.load %s[%i] : memref<100x{0}>\n"
      "%d = arith.{1} %c, %a : {0}\naffine.store %d, %s[%i] : memref<100x{0}>";
  const auto of = [&](const char* type, const char* operation) {
    std::string text = loops(100, 1000, fmt::format(fmt::runtime(body), type, operation), type);
    if (type[0] == 'i') text.replace(text.find("1.5"), 3, "3");
    return Function(text);
  };
  const Function sum = of("f32", "addf");
  const int target = sum.nest.accesses[1].buffer;
  EXPECT_EQ(sum.accesses(target, false, 1), 0.0);
  EXPECT_EQ(sum.accesses(target, false, 0), 1.0) << "loaded once a row";
  EXPECT_EQ(sum.accesses(target, true, 0), 1.0);
  EXPECT_TRUE(sum.lowered.body(1).real_chain);
  EXPECT_EQ(sum.lowered.body(1).chain.cycles, 4.0);
  EXPECT_EQ(sum.lowered.body(1).lanes, 1.0);
  EXPECT_EQ(of("i32", "addi").lowered.body(1).lanes, 16.0) << "whole numbers may be summed in any order";
  EXPECT_EQ(of("f32", "maximumf").lowered.body(1).lanes, 16.0) << "so may the greatest be found";
}

TEST(MlirLowered, WhatAnIterationNeedsOfTheLastOne) {
  const std::string body =
      "%a = affine.load %C[%i, %j {0}] : memref<100x1000xf32>\n%b = arith.mulf %a, %one : f32\n"
      "affine.store %b, %C[%i, %j] : memref<100x1000xf32>";
  const auto of = [&](const char* offset) {
    return Function(loops(100, 1000, fmt::format(fmt::runtime(body), offset)));
  };
  EXPECT_TRUE(of("- 1").lowered.body(1).recurrence);
  EXPECT_EQ(of("- 1").lowered.body(1).lanes, 1.0);
  EXPECT_GT(of("- 1").lowered.body(1).chain.cycles, of("- 3").lowered.body(1).chain.cycles);
  EXPECT_FALSE(of("+ 1").lowered.body(1).recurrence) << "it reads what comes later";
  EXPECT_EQ(of("+ 1").lowered.body(1).lanes, 16.0);
  EXPECT_EQ(of("").lowered.body(1).lanes, 16.0) << "in place";
}

TEST(MlirLowered, StridedAccessesShareVectors) {
  const auto text = [](int members) {
    std::string text =
        "func.func @f(%x: memref<4000xf32>, %y: memref<1000xf32>) {\naffine.for %j = 0 to 1000 {\n"
        "%v0 = affine.load %x[%j * 4] : memref<4000xf32>\n";
    for (int i = 1; i < members; ++i)
      text += fmt::format(
          "%u{0} = affine.load %x[%j * 4 + {0}] : memref<4000xf32>\n%v{0} = arith.addf %v{1}, %u{0} : f32\n",
          i, i - 1);
    return text + fmt::format("affine.store %v{}, %y[%j] : memref<1000xf32>\n}}\nreturn\n}}\n", members - 1);
  };
  const Function all(text(4));
  EXPECT_GT(all.lowered.body(0).lanes, 1.0);
  for (const Lowered::Item& item : all.lowered.items)
    if (item.access >= 0 && item.stride == 4.0) {
      EXPECT_EQ(item.group, 4.0);
    }
  const Function one(
      "func.func @f(%x: memref<64x1000xf32>, %y: memref<1000x64xf32>) {\naffine.for %i = 0 to 64 {\n"
      "affine.for %j = 0 to 1000 {\n%a = affine.load %x[%i, %j] : memref<64x1000xf32>\n"
      "affine.store %a, %y[%j, %i] : memref<1000x64xf32>\n}\n}\nreturn\n}\n");
  EXPECT_EQ(one.lowered.body(1).lanes, 16.0) << "it is scattered";
  EXPECT_EQ(one.lowered.items.back().group, 1.0);
}

TEST(MlirLowered, EqualComputationsAreOne) {
  const Function f(
      loops(100, 1000,
            "%a = affine.load %A[%i, %j] : memref<100x1000xf32>\n%b = arith.mulf %a, %one : f32\n"
            "%c = affine.load %A[%i, %j] : memref<100x1000xf32>\n%d = arith.mulf %c, %one : f32\n"
            "%e = arith.addf %b, %d : f32\naffine.store %e, %C[%i, %j] : memref<100x1000xf32>"));
  EXPECT_EQ(f.accesses(f.nest.accesses[0].buffer, false, 1), 1.0);
  EXPECT_EQ(f.steps(Work::multiply, 1), 1.0);
  EXPECT_EQ(f.steps(Work::add, 1), 1.0);
}

TEST(MlirLowered, CopiesAreCallsOfTheLibrary) {
  const Function copy(loops(100, 1000,
                            "%a = affine.load %A[%i, %j] : memref<100x1000xf32>\n"
                            "affine.store %a, %C[%i, %j] : memref<100x1000xf32>"));
  EXPECT_TRUE(copy.lowered.body(0).idiom) << "rows that follow each other are one copy";
  EXPECT_FALSE(copy.lowered.body(1).left);
  const Function part(
      "func.func @f(%A: memref<100x1000xf32>, %C: memref<100x1000xf32>) {\naffine.for %i = 0 to 100 {\n"
      "affine.for %j = 0 to 999 {\n%a = affine.load %A[%i, %j] : memref<100x1000xf32>\n"
      "affine.store %a, %C[%i, %j] : memref<100x1000xf32>\n}\n}\nreturn\n}\n");
  EXPECT_FALSE(part.lowered.body(0).idiom) << "something is left out between rows";
  EXPECT_TRUE(part.lowered.body(1).idiom);
  const Function shifted(loops(100, 1000,
                               "%a = affine.load %C[%i, %j + 1] : memref<100x1000xf32>\n"
                               "affine.store %a, %C[%i, %j] : memref<100x1000xf32>"));
  EXPECT_FALSE(shifted.lowered.body(1).idiom) << "within one buffer";
  const Function filled(loops(100, 1000, "affine.store %one, %C[%i, %j] : memref<100x1000xf32>"));
  EXPECT_FALSE(filled.lowered.body(1).idiom) << "1.5 is no zero";
}

TEST(MlirLowered, ElementWiseIntoItsUse) {
  const auto text = [](const char* operation) {
    return fmt::format(
        "#rows = affine_map<(d0, d1) -> (d0, d1)>\n"
        "func.func @f(%a: tensor<8x30xf32>, %b: tensor<30x200xf32>, %c: tensor<8x200xf32>, %e: "
        "tensor<8x30xf32>) -> "
        "tensor<8x200xf32> {{\n"
        "%t = linalg.generic {{indexing_maps = [#rows, #rows], iterator_types = [\"parallel\", "
        "\"parallel\"]}} "
        "ins(%a : tensor<8x30xf32>) outs(%e : tensor<8x30xf32>) {{\n^bb0(%in: f32, %out: f32):\n"
        "%v = {} %in : f32\nlinalg.yield %v : f32\n}} -> tensor<8x30xf32>\n"
        "%m = linalg.matmul ins(%t, %b : tensor<8x30xf32>, tensor<30x200xf32>) outs(%c : tensor<8x200xf32>) "
        "-> "
        "tensor<8x200xf32>\nreturn %m : tensor<8x200xf32>\n}}\n",
        operation);
  };
  double runs = 0.0;
  const Function opaque(text("math.tanh"));
  ASSERT_EQ(opaque.nest.loops.size(), 3u) << "one nest";
  for (const Nest::Step& step : opaque.nest.steps)
    if (step.work == Work::transcendental) runs += step.count;
  EXPECT_EQ(runs, 8.0 * 30 * 200) << "computed wherever the product uses it";
  const Function known(text("math.exp"));
  EXPECT_EQ(known.steps(Work::transcendental, 1), 0.0) << "it does not change with the column: moved out";
  EXPECT_EQ(known.steps(Work::transcendental, 0), 30.0);
  EXPECT_EQ(opaque.steps(Work::transcendental, 1), 30.0) << "a library's call stays";
}

TEST(MlirLowered, MasksKeepSumsInMemory) {
  const auto text = [](const char* bounds) {
    return fmt::format(
        "func.func @f(%x: memref<100x6400xf32>, %y: memref<6400xf32>) {{\n%z = arith.constant 0.0 : f32\n"
        "affine.for %i = 0 to 6400 step 16 {{\naffine.for %k = 0 to 100 {{\n"
        "%a = vector.transfer_read %x[%k, %i], %z {0} : memref<100x6400xf32>, vector<16xf32>\n"
        "%b = vector.transfer_read %y[%i], %z {0} : memref<6400xf32>, vector<16xf32>\n"
        "%c = arith.addf %a, %b : vector<16xf32>\n"
        "vector.transfer_write %c, %y[%i] {0} : vector<16xf32>, memref<6400xf32>\n}}\n}}\nreturn\n}}\n",
        bounds);
  };
  const Function inside(text("{in_bounds = [true]}"));
  EXPECT_EQ(inside.accesses(inside.nest.accesses[1].buffer, true, 1), 0.0);
  const Function masked(text(""));
  ASSERT_TRUE(masked.lowered.body(0).left);
  EXPECT_EQ(masked.accesses(masked.nest.accesses[1].buffer, true, 1), 1.0);
  EXPECT_GT(masked.lowered.body(1).chain.cycles, inside.lowered.body(1).chain.cycles);
}

// The processors that LLVM's choices were looked up for.
constexpr CodeTarget kZen3{32.0, 16.0, 96.0, 12.0}, kZen4{64.0, 32.0, 108.0};

TEST(MlirLowered, MaskedStoresAreDearWithoutMaskRegisters) {
  /// y[i ... i + 16] += x[k, i ... i + 16], rows of `row` elements, nine rows of x.
  const auto sums = [](int row, const CodeTarget& target) {
    return Function(
        fmt::format(
            "func.func @f(%x: memref<9x{0}xf32>, %y: memref<{0}xf32>) {{\n%z = arith.constant 0.0 : f32\n"
            "affine.for %i = 0 to {0} step 16 {{\naffine.for %k = 0 to 9 {{\n"
            "%a = vector.transfer_read %x[%k, %i], %z : memref<9x{0}xf32>, vector<16xf32>\n"
            "%b = vector.transfer_read %y[%i], %z : memref<{0}xf32>, vector<16xf32>\n"
            "%c = arith.addf %a, %b : vector<16xf32>\n"
            "vector.transfer_write %c, %y[%i] : vector<16xf32>, memref<{0}xf32>\n}}\n}}\nreturn\n}}\n",
            row),
        target);
  };
  const Function written_out(sums(2000, kZen4));
  ASSERT_FALSE(written_out.lowered.body(1).left);
  EXPECT_EQ(written_out.accesses(written_out.nest.accesses[1].buffer, true, 0), 9.0)
      << "no store takes the place of another one";

  const auto cycles = [&](int row, const CodeTarget& target) {
    const Function function = sums(row, target);
    std::vector<std::size_t> items;
    for (std::size_t i = 0; i < function.lowered.items.size(); ++i)
      if (function.lowered.items[i].access >= 0) items.push_back(i);
    return price(function.nest, function.lowered, items, 1.0).cycles;
  };
  EXPECT_GT(cycles(2000, kZen3), cycles(2000, {32.0, 16.0, 96.0, 1.0}) + 9.0 * 2.0 * 10.0);
  // Eight elements are a register, of which no lane is off, and eleven one more.
  EXPECT_EQ(cycles(8, kZen3), cycles(8, {32.0, 16.0, 96.0, 1.0}));
  EXPECT_GT(cycles(11, kZen3), cycles(11, {32.0, 16.0, 96.0, 1.0}) + 9.0 * 5.0);
}

TEST(MlirLowered, VectorsAreThoseOfTheMachine) {
  const std::string sum = loops(100, 1000,
                                "%a = affine.load %A[%i, %j] : memref<100x1000xf32>\n"
                                "%b = arith.mulf %a, %one : f32\n"
                                "affine.store %b, %C[%i, %j] : memref<100x1000xf32>");
  EXPECT_EQ(Function(sum, kZen4).lowered.body(1).lanes, 16.0);
  EXPECT_EQ(Function(sum, kZen3).lowered.body(1).lanes, 8.0);
  // Columns pay in lanes even where their elements are taken one by one, from one column to another does not.
  const std::string column =
      "func.func @f(%A: memref<1000x3000xf32>, %C: memref<1000xf32>) {\naffine.for %i = 0 to 1000 {\n"
      "%a = affine.load %A[%i, 7] : memref<1000x3000xf32>\n%b = affine.load %A[%i, 99] : "
      "memref<1000x3000xf32>\n"
      "%c = arith.addf %a, %b : f32\naffine.store %c, %C[%i] : memref<1000xf32>\n}\nreturn\n}\n";
  EXPECT_GT(Function(column, kZen4).lowered.body(0).lanes, 1.0);
  EXPECT_EQ(Function(column, kZen3).lowered.body(0).lanes, 8.0);
  const std::string moved =
      "func.func @f(%A: memref<1000x3000xf64>, %C: memref<1000x500xf64>) {\naffine.for %i = 0 to 1000 {\n"
      "%a = affine.load %A[%i, 7] : memref<1000x3000xf64>\naffine.store %a, %C[%i, 9] : "
      "memref<1000x500xf64>\n"
      "}\nreturn\n}\n";
  EXPECT_EQ(Function(moved, kZen3).lowered.body(0).lanes, 1.0);
}

TEST(MlirLowered, LoopsThatStayAreWrittenOutSomeTimes) {
  // LLVM 19 writes this loop out ten times for a Zen 3, the largest divisor of 1000 that its 96 operations
  // hold,
  const std::string scan =
      "func.func @f(%a: memref<1000xf32>, %b: memref<1000xf32>) {\n%z = arith.constant 0.0 : f32\n"
      "%r = affine.for %i = 0 to 1000 iter_args(%s = %z) -> (f32) {\n"
      "%x = affine.load %a[%i] : memref<1000xf32>\n%y = arith.addf %s, %x : f32\n"
      "affine.store %y, %b[%i] : memref<1000xf32>\naffine.yield %y : f32\n}\nreturn\n}\n";
  EXPECT_EQ(Function(scan, kZen3).lowered.body(0).unrolled, 10.0);
  EXPECT_EQ(Function(scan, {32.0, 16.0, 0.0}).lowered.body(0).unrolled, 1.0) << "a machine that holds none";
  // and these 31 vectors four times: they have no divisor.
  const Function added(
      "func.func @f(%A: memref<100x1000xf32>, %b: memref<1000xf32>) {\naffine.for %i = 0 to 100 {\n"
      "affine.for %j = 0 to 1000 {\n%x = affine.load %A[%i, %j] : memref<100x1000xf32>\n"
      "%t = affine.load %b[%j] : memref<1000xf32>\n%y = arith.addf %t, %x : f32\n"
      "affine.store %y, %b[%j] : memref<1000xf32>\n}\n}\nreturn\n}\n",
      kZen3);
  EXPECT_EQ(added.lowered.body(1).lanes * added.lowered.body(1).interleave, 32.0);
  EXPECT_EQ(added.lowered.body(1).unrolled, 4.0);
  EXPECT_FALSE(added.lowered.body(1).whole);
}

TEST(MlirLowered, TilesOfLoopsThatAreWrittenOutHaveKnownEnds) {
  const auto tiled = [](int outer) {
    return Function(fmt::format(
        "#begin = affine_map<(d0) -> (d0)>\n#end = affine_map<(d0) -> (d0 + 8, {0})>\n"
        "func.func @f(%a: memref<{0}xf32>, %b: memref<{0}xf32>) {{\naffine.for %t = 0 to {0} step 8 {{\n"
        "affine.for %i = #begin(%t) to min #end(%t) {{\n%x = affine.load %a[%i] : memref<{0}xf32>\n"
        "%y = math.sqrt %x : f32\naffine.store %y, %b[%i] : memref<{0}xf32>\n}}\n}}\nreturn\n}}\n",
        outer));
  };
  EXPECT_TRUE(tiled(20).lowered.body(1).fixed);
  EXPECT_FALSE(tiled(20).lowered.body(1).left);
  EXPECT_FALSE(tiled(20004).lowered.body(1).fixed);
  EXPECT_TRUE(tiled(20004).lowered.body(1).left);
  EXPECT_TRUE(tiled(20000).lowered.body(1).fixed) << "all are of 8";
}

double spills(const Function& function) {
  double sum = 0.0;
  for (const Lowered::Body& body : function.lowered.bodies)
    if (body.left) sum += body.spills * body.replicas;
  return sum;
}

TEST(MlirLowered, WhatFindsNoRegisterIsSpilled) {
  // A product of small matrices whose sums stay in registers over the rows, 4, 2 and one of a row together:
  // LLVM 19 spills none of 4 * 7 sums on a Zen 3, which has 16 registers, and some of 7 * 7.
  const auto product = [](int rows, int columns) {
    return fmt::format(
        "func.func @f(%A: memref<900x{0}xf64>, %B: memref<900x{1}xf64>, %C: memref<{0}x{1}xf64>) {{\n"
        "affine.for %k = 0 to 900 {{\naffine.for %i = 0 to {0} {{\naffine.for %j = 0 to {1} {{\n"
        "%a = affine.load %A[%k, %i] : memref<900x{0}xf64>\n%b = affine.load %B[%k, %j] : "
        "memref<900x{1}xf64>\n"
        "%c = affine.load %C[%i, %j] : memref<{0}x{1}xf64>\n%p = arith.mulf %a, %b : f64\n"
        "%s = arith.addf %c, %p : f64\naffine.store %s, %C[%i, %j] : memref<{0}x{1}xf64>\n}}\n}}\n}}\n"
        "return\n}}\n",
        rows, columns);
  };
  EXPECT_EQ(spills(Function(product(2, 3), kZen3)), 0.0);
  EXPECT_LE(spills(Function(product(4, 7), kZen3)), 2.0);
  // Of 21 vectors of sums at least the 5 beyond the registers come and go in every copy of the loop.
  const Function wide(product(7, 7), kZen3);
  EXPECT_GE(spills(wide), 2.0 * 5.0 * wide.lowered.body(0).unrolled);
  EXPECT_LE(spills(wide), 3.0 * 21.0 * wide.lowered.body(0).unrolled);
  // More registers hold them.
  EXPECT_EQ(spills(Function(product(7, 7), {32.0, 32.0, 96.0})), 0.0);
}

TEST(MlirLowered, NothingIsNothing) {
  EXPECT_TRUE(lowered(Nest()).items.empty());
  EXPECT_EQ(lowered(Nest()).bodies.size(), 1u);
}

}  // namespace
}  // namespace hone::cost::mlir
