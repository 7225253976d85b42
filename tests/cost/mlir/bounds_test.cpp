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
  EXPECT_EQ(cast(200, short_one + "%e = arith.extsi %t : i8 to i64"), 64.0) << "it is not kept";
  EXPECT_EQ(iterations("%n = arith.shli %c100, %d : index"), 64.0) << "not known";
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
