// Loops that LLVM 19 gives up for what it would have to check when they run: each as its remarks and the
// printed LoopAccessInfo say.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"

namespace hone::cost::mlir {
namespace {

using Function = LoweredFunction;

/// `copies` columns an iteration of a's rows, scaled, and b's (or a's own) added.
std::string rows(int columns, int copies, int width, bool other = true) {
  std::string text = fmt::format(
      "func.func @f(%a: memref<64x{0}xf32>, %b: memref<64x{0}xf32>) {{\n%k = arith.constant 1.5 : f32\n"
      "affine.for %i = 0 to 64 {{\naffine.for %j = 0 to {1} step {2} {{\n",
      width, columns, copies);
  for (int c = 0; c < copies; ++c)
    text += fmt::format(
        "%x{0} = affine.load %{2}[%i, %j + {0}] : memref<64x{1}xf32>\n"
        "%y{0} = affine.load %a[%i, %j + {0}] : memref<64x{1}xf32>\n"
        "%z{0} = arith.mulf %y{0}, %k : f32\n%w{0} = arith.addf %z{0}, %x{0} : f32\n"
        "affine.store %w{0}, %a[%i, %j + {0}] : memref<64x{1}xf32>\n",
        c, width, other ? "b" : "a");
  return text + "}\n}\nreturn\n}\n";
}
double lanes(const std::string& text, int loop = 1) {
  return Function(text, kWithMasks).lowered.body(loop).lanes;
}

TEST(MlirChecks, OnlySumsNearTheTopOfALoopAreBelievedNotToWrap) {
  // The sums of four copies are among the first 32 instructions, of eight half are not.
  EXPECT_EQ(lanes(rows(48, 4, 52)), 4.0);
  EXPECT_EQ(lanes(rows(96, 8, 100)), 1.0);
  EXPECT_EQ(lanes(rows(64, 8, 100)), 1.0);
  // A sum that one buffer alone needs is part of its addresses.
  EXPECT_EQ(lanes(rows(96, 8, 100, false)), 4.0);
}

TEST(MlirChecks, LongerLoopsMayCheckSixteenPlaces) {
  EXPECT_EQ(lanes(rows(128, 8, 132)), 4.0);
  EXPECT_EQ(lanes(rows(640, 40, 700)), 1.0);
}

TEST(MlirChecks, OrsBehindOrsAreNotReadAsSums) {
  // Rows of a power of two: %i * 512 | %j | 1. LLVM: cannot identify array bounds.
  EXPECT_EQ(lanes(rows(64, 8, 512)), 1.0);
  EXPECT_EQ(lanes(rows(60, 4, 64)), 1.0);
  // The short loop is written out and only one or is left.
  EXPECT_EQ(lanes(rows(40, 4, 44), 0), 8.0);
}

/// Tiles of rows, `bounds` of a tile's rows and `columns` of them.
std::string tiles(const std::string& bounds, int rows, int step) {
  return fmt::format(
      "func.func @f(%a: memref<130x64xi32>) {{\naffine.for %i = 0 to {1} step {2} {{\n"
      "affine.for %j = 0 to 64 step 16 {{\n"
      "affine.for %k = affine_map<(d0) -> (d0)>(%i) to {0} {{\n"
      "affine.for %l = affine_map<(d0) -> (d0)>(%j) to affine_map<(d0) -> (d0 + 16)>(%j) {{\n"
      "%x = affine.load %a[%k, %l] : memref<130x64xi32>\n"
      "%y = affine.load %a[%k + 65, %l] : memref<130x64xi32>\n"
      "%p = arith.minsi %x, %y : i32\naffine.store %p, %a[%k, %l] : memref<130x64xi32>\n"
      "%q = arith.maxsi %x, %y : i32\naffine.store %q, %a[%k + 65, %l] : memref<130x64xi32>\n"
      "}}\n}}\n}}\n}}\nreturn\n}}\n",
      bounds, rows, step);
}

TEST(MlirChecks, PlacesOfLoopsWithoutAKnownBoundMayWrap) {
  // 32 places of a tile that ends at the least of two: LLVM knows no bound of its rows.
  EXPECT_EQ(lanes(tiles("min affine_map<(d0) -> (d0 + 16, 65)>(%i)", 65, 16), 2), 1.0);
  EXPECT_EQ(lanes(tiles("affine_map<(d0) -> (d0 + 16)>(%i)", 64, 16), 2), 8.0);
}

/// Two buffers' tiles of 8 columns, of rows that a tile or the whole loop goes over.
std::string columns(const std::string& rows) {
  return fmt::format(
      "func.func @f(%a: memref<64x128xf32>, %b: memref<64x128xf32>, %c: memref<64x128xf32>) {{\n"
      "affine.for %i = 0 to 64 step 8 {{\naffine.for %j = 0 to 128 step 8 {{\n"
      "affine.for %k = affine_map<(d0) -> (d0)>(%i) to affine_map<(d0) -> (d0 + 8)>(%i) {{\n"
      "affine.for %l = affine_map<(d0) -> (d0)>(%j) to affine_map<(d0) -> (d0 + 8)>(%j) {{\n"
      "%x = affine.load %{0}[%k, %l] : memref<64x128xf32>\n"
      "%y = affine.load %b[%k, %l] : memref<64x128xf32>\n"
      "%z = affine.load %c[%k, %l] : memref<64x128xf32>\n"
      "%p = arith.addf %x, %y : f32\n%q = arith.mulf %p, %z : f32\n"
      "affine.store %q, %a[%k, %l] : memref<64x128xf32>\n}}\n}}\n}}\n}}\nreturn\n}}\n",
      rows);
}

TEST(MlirChecks, CopiesOfATileBringTheLoopToAnotherVariable) { EXPECT_EQ(lanes(columns("a"), 2), 1.0); }

}  // namespace
}  // namespace hone::cost::mlir
