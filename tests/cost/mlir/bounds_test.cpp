// Bounds that constants give, and bounds that are always as far apart.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"

namespace hone::cost::mlir {
namespace {

/// Iterations of a loop to `%n` that a text makes.
double iterations(const std::string& bound) {
  return features_in(
             "func.func @f(%a: memref<1000xf32>, %d: index) {\n%c0 = arith.constant 0 : index\n"
             "%c1 = arith.constant 1 : index\n%c3 = arith.constant 3 : index\n"
             "%c100 = arith.constant 100 : index\n" +
             bound +
             "\nscf.for %i = %c0 to %n step %c1 {\n%x = memref.load %a[%i] : memref<1000xf32>\n"
             "%y = math.exp %x : f32\nmemref.store %y, %a[%i] : memref<1000xf32>\n}\nreturn\n}\n")
      .at("transcendental_count");
}

TEST(MlirBounds, ArithmeticOfConstantsIsKnown) {
  EXPECT_EQ(iterations("%n = arith.ceildivsi %c100, %c3 : index"), 34.0);
  EXPECT_EQ(iterations("%n = arith.ceildivui %c100, %c3 : index"), 34.0);
  EXPECT_EQ(iterations("%n = arith.remsi %c100, %c3 : index"), 1.0);
  EXPECT_EQ(iterations("%n = index.remu %c100, %c3"), 1.0);
  EXPECT_EQ(iterations("%n = arith.shli %c100, %c3 : index"), 800.0);
  EXPECT_EQ(iterations("%q = arith.index_castui %c100 : index to i32\n"
                       "%n = arith.index_castui %q : i32 to index"),
            100.0);
  const auto cast = [](int number, const std::string& casts) {
    return iterations(fmt::format("%s = arith.constant {} : i32\n{}\n%n = arith.index_cast %e : i64 to index",
                                  number, casts));
  };
  const std::string short_one = "%t = arith.trunci %s : i32 to i8\n";
  EXPECT_EQ(cast(100, "%e = arith.extui %s : i32 to i64"), 100.0);
  EXPECT_EQ(cast(100, short_one + "%e = arith.extui %t : i8 to i64"), 100.0);
  EXPECT_EQ(cast(356, short_one + "%e = arith.extui %t : i8 to i64"), 100.0) << "the lowest bits";
  EXPECT_EQ(cast(200, short_one + "%e = arith.extui %t : i8 to i64"), 200.0);
  EXPECT_EQ(cast(200, short_one + "%e = arith.extsi %t : i8 to i64"), 0.0) << "-56";
  EXPECT_EQ(iterations("%n = arith.shli %c100, %d : index"), 64.0) << "not known";
}

TEST(MlirBounds, QuotientsShiftsAndBitsOfConstantsAreKnown) {
  const std::string more =
      "%m1 = arith.constant -1 : index\n%c31 = arith.constant 31 : index\n%c8 = arith.constant 8 : index\n";
  const auto of = [&](const std::string& operation) { return iterations(more + "%n = " + operation); };
  // Of what is below 0, and 3.
  const auto below = [&](const std::string& operation) {
    return iterations(more + "%q = " + operation + "\n%n = arith.addi %q, %c3 : index");
  };
  EXPECT_EQ(below("arith.divsi %m1, %c3 : index"), 3.0) << "toward 0";
  EXPECT_EQ(below("index.divs %m1, %c3"), 3.0);
  EXPECT_EQ(below("arith.floordivsi %m1, %c3 : index"), 2.0);
  EXPECT_EQ(below("index.floordivs %m1, %c3"), 2.0);
  EXPECT_EQ(below("arith.remsi %m1, %c3 : index"), 2.0);
  EXPECT_EQ(below("arith.shrsi %m1, %c3 : index"), 2.0);
  EXPECT_EQ(below("arith.divui %m1, %c3 : index"), 64.0) << "not known";
  EXPECT_EQ(below("arith.shrui %m1, %c3 : index"), 64.0) << "not known";
  EXPECT_EQ(below("arith.ceildivui %m1, %c3 : index"), 64.0) << "not known";
  EXPECT_EQ(below("arith.ceildivsi %m1, %c3 : index"), 3.0);
  // The least and greatest without a sign: what is below 0 is beyond all others.
  for (const char* operation : {"arith.minui %m1, %c3 : index", "arith.minui %c3, %m1 : index",
                                "index.minu %m1, %c3", "arith.maxsi %m1, %c3 : index"})
    EXPECT_EQ(below(operation), 6.0) << operation;
  for (const char* operation : {"arith.maxui %m1, %c3 : index", "arith.maxui %c3, %m1 : index",
                                "index.maxu %m1, %c3", "arith.minsi %m1, %c3 : index"})
    EXPECT_EQ(below(operation), 2.0) << operation;
  EXPECT_EQ(below("arith.minui %c31, %c3 : index"), 6.0);
  EXPECT_EQ(of("arith.shrui %c100, %c3 : index"), 12.0);
  EXPECT_EQ(of("index.shrs %c100, %c3"), 12.0);
  EXPECT_EQ(of("arith.andi %c100, %c31 : index"), 4.0);
  EXPECT_EQ(of("index.and %c100, %c31"), 4.0);
  EXPECT_EQ(of("arith.ori %c100, %c3 : index"), 103.0);
  EXPECT_EQ(of("arith.xori %c100, %c31 : index"), 123.0);
  EXPECT_EQ(of("arith.andi %d, %c31 : index"), 64.0) << "not known";
  EXPECT_EQ(iterations(more + "%down = arith.subi %m1, %c8 : index\n%mask = arith.addi %down, %c1 : index\n"
                              "%n = arith.andi %c100, %mask : index"),
            96.0)
      << "a multiple of 8";
  EXPECT_EQ(iterations("%l = arith.index_cast %c100 : index to i64\n%k = llvm.mlir.constant(3 : i64) : i64\n"
                       "%q = llvm.lshr %l, %k : i64\n%n = arith.index_cast %q : i64 to index"),
            12.0);
}

/// Iterations of a loop to `%n`, which is another one for each of 1,000 `%i`.
double iterations_of_all(const std::string& bound, const std::string& called = "") {
  return features_in(
             "func.func @f(%a: memref<1000xf32>, %d: index, %b: i1) {\n%c0 = arith.constant 0 : index\n"
             "%c1 = arith.constant 1 : index\n%c3 = arith.constant 3 : index\n%c7 = arith.constant 7 : "
             "index\n"
             "%c31 = arith.constant 31 : index\n%c500 = arith.constant 500 : index\n"
             "%c1000 = arith.constant 1000 : index\n%m1 = arith.constant -1 : index\n"
             "%true = arith.constant true\nscf.for %i = %c0 to %c1000 step %c1 "
             "{\n" +
             bound +
             "\nscf.for %j = %c0 to %n step %c1 {\n%x = memref.load %a[%j] : memref<1000xf32>\n"
             "%y = math.exp %x : f32\nmemref.store %y, %a[%j] : memref<1000xf32>\n}\n}\nreturn\n}\n" +
             called)
      .at("transcendental_count");
}

TEST(MlirBounds, NumbersThatAConditionChooses) {
  const std::string below = "%p = arith.cmpi slt, %i, %c500 : index\n";
  EXPECT_NEAR(iterations_of_all(below + "%n = arith.select %p, %c7, %i : index"), 378250.0, 4000.0);
  EXPECT_NEAR(iterations_of_all(below + "%n = scf.if %p -> index {\nscf.yield %c7 : index\n} else {\n"
                                        "scf.yield %i : index\n}"),
              378250.0, 4000.0);
  EXPECT_NEAR(iterations_of_all("%n = affine.if affine_set<(i) : (499 - i >= 0)>(%i) -> index {\n"
                                "affine.yield %c7 : index\n} else {\naffine.yield %i : index\n}"),
              378250.0, 4000.0);
  EXPECT_NEAR(iterations_of_all("%n = func.call @chosen(%i) : (index) -> index",
                                "func.func private @chosen(%i: index) -> index {\n"
                                "%c500 = arith.constant 500 : index\n%c7 = arith.constant 7 : index\n" +
                                    below +
                                    "%r = scf.if %p -> index {\nscf.yield %c7 : index\n} else {\n"
                                    "scf.yield %i : index\n}\nreturn %r : index\n}\n"),
              378250.0, 4000.0);
  EXPECT_EQ(iterations_of_all("%n = arith.select %true, %c7, %d : index"), 7000.0);
  EXPECT_EQ(iterations_of_all("%n = arith.select %b, %c7, %c7 : index"), 7000.0);
  EXPECT_EQ(iterations_of_all("%n = arith.select %b, %c7, %i : index"), 64000.0) << "not known";
  // Without a sign what is below 0 is beyond all others.
  EXPECT_EQ(iterations_of_all("%p = arith.cmpi ult, %i, %m1 : index\n"
                              "%n = arith.select %p, %c7, %d : index"),
            7000.0);
  // Truth values as numbers.
  EXPECT_NEAR(iterations_of_all(below + "%q = arith.extui %p : i1 to i64\n"
                                        "%n = arith.index_cast %q : i64 to index"),
              500.0, 1.0);
}

TEST(MlirBounds, QuotientsAsTheyAreLowered) {
  const std::string written = "%n = affine.apply affine_map<(i) -> (i floordiv 3)>(%i)";
  const std::string lowered =
      "%p = arith.cmpi slt, %i, %c0 : index\n%e = arith.subi %m1, %i : index\n"
      "%s = arith.select %p, %e, %i : index\n%q = arith.divsi %s, %c3 : index\n"
      "%g = arith.subi %m1, %q : index\n%n = arith.select %p, %g, %q : index";
  EXPECT_EQ(iterations_of_all(lowered), iterations_of_all(written));
  EXPECT_NEAR(iterations_of_all(lowered), 166167.0, 2000.0);
  EXPECT_NEAR(iterations_of_all("%n = arith.shrui %i, %c1 : index"), 249500.0, 2500.0);
  EXPECT_NEAR(iterations_of_all("%n = arith.andi %i, %c31 : index"), 15404.0, 3000.0);
}

TEST(MlirBounds, TilesThatDivideASizeAreAllAsLong) {
  const auto tiles = [](int size, int tile) {
    const LoweredFunction function(fmt::format(
        "func.func @f(%a: memref<{0}xf32>, %b: memref<{0}xf32>) {{\naffine.for %i = 0 to {0} step {1} {{\n"
        "affine.for %j = affine_map<(d) -> (d)>(%i) to min affine_map<(d) -> (d + {1}, {0})>(%i) {{\n"
        "%x = affine.load %a[%j] : memref<{0}xf32>\n%y = arith.addf %x, %x : f32\n"
        "affine.store %y, %b[%j] : memref<{0}xf32>\n}}\n}}\nreturn\n}}\n",
        size, tile));
    return function.nest.loops[1];
  };
  EXPECT_TRUE(tiles(4096, 16).fixed);
  EXPECT_FALSE(tiles(4096, 16).several_bounds);
  EXPECT_FALSE(tiles(4100, 16).fixed) << "the last one is shorter";
  EXPECT_TRUE(tiles(4100, 16).several_bounds);
  EXPECT_FALSE(tiles(15, 16).fixed);
}

}  // namespace
}  // namespace hone::cost::mlir
