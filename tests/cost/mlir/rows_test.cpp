// Accesses of vectors of several dimensions.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"

namespace hone::cost::mlir {
namespace {

/// 512 x 512 numbers, read and written by vectors of so many rows and columns.
std::string by_vectors(int rows, int columns) {
  return fmt::format(
      "func.func @f(%a: memref<512x512xf32>, %b: memref<512x512xf32>) {{\n%z = arith.constant 0.0 : f32\n"
      "affine.for %i = 0 to 512 step {0} {{\naffine.for %j = 0 to 512 step {1} {{\n"
      "%x = vector.transfer_read %a[%i, %j], %z {{in_bounds = [true, true]}} : memref<512x512xf32>, "
      "vector<{0}x{1}xf32>\n%y = arith.addf %x, %x : vector<{0}x{1}xf32>\n"
      "vector.transfer_write %y, %b[%i, %j] {{in_bounds = [true, true]}} : vector<{0}x{1}xf32>, "
      "memref<512x512xf32>\n}}\n}}\nreturn\n}}\n",
      rows, columns);
}

TEST(MlirRows, AVectorOfSeveralRowsTouchesAllOfThem) {
  const double all = 2.0 * 512.0 * 512.0 * 4.0;
  for (const auto& [rows, columns] : {std::pair{1, 8}, {8, 8}, {16, 16}, {64, 1}, {1, 64}}) {
    const Features features = features_in(by_vectors(rows, columns));
    EXPECT_EQ(features.at("footprint_bytes"), all) << rows << "x" << columns;
    EXPECT_EQ(features.at("load_count"), 512.0 * 512.0 / columns) << rows << "x" << columns;
    EXPECT_EQ(features.at("load_bytes"), all / 2.0);
    EXPECT_EQ(features.at("store_bytes"), all / 2.0);
    EXPECT_EQ(features.at("flops"), 512.0 * 512.0);
  }
}

TEST(MlirRows, RowsStayInRegistersWhereTheirPlaceStays) {
  const LoweredFunction function(R"(
func.func @f(%a: memref<64x64xf32>, %c: memref<8x8xf32>) {
  %z = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  affine.for %i = 0 to 4096 {
    %x = vector.transfer_read %c[%c0, %c0], %z {in_bounds = [true, true]} : memref<8x8xf32>, vector<8x8xf32>
    %y = arith.addf %x, %x : vector<8x8xf32>
    vector.transfer_write %y, %c[%c0, %c0] {in_bounds = [true, true]} : vector<8x8xf32>, memref<8x8xf32>
  }
  return
})");
  EXPECT_EQ(function.accesses(1, false, 0), 0.0);
  EXPECT_EQ(function.accesses(1, true, 0), 0.0);
  EXPECT_EQ(function.accesses(1, true, -1), 8.0);
}

TEST(MlirRows, ADimensionThatStandsForAllRowsIsReadOnce) {
  const auto loads = [](const std::string& map) {
    return features_in(
               "func.func @f(%a: memref<64x64xf32>, %b: memref<64x64xf32>) {\n"
               "%z = arith.constant 0.0 : f32\n%c0 = arith.constant 0 : index\n"
               "affine.for %i = 0 to 64 step 8 {\n%x = vector.transfer_read %a[%i, %c0], %z "
               "{in_bounds = [true, true], permutation_map = affine_map<" +
               map +
               ">} : memref<64x64xf32>, vector<8x4xf32>\nvector.transfer_write %x, %b[%i, %c0] {in_bounds = "
               "[true, true]} : vector<8x4xf32>, memref<64x64xf32>\n}\nreturn\n}\n")
        .at("load_count");
  };
  EXPECT_EQ(loads("(m, n) -> (m, n)"), 64.0);
  EXPECT_EQ(loads("(m, n) -> (0, n)"), 8.0);
  EXPECT_EQ(loads("(m, n) -> (n, m)"), 64.0) << "columns are rows of the vector";
}

TEST(MlirRows, AVectorThatIsAnElementIsOne) {
  EXPECT_EQ(features_in("func.func @f(%a: memref<64xvector<8x8xf32>>, %b: memref<64xvector<8x8xf32>>) {\n"
                        "%c0 = arith.constant 0 : index\naffine.for %i = 0 to 64 {\n"
                        "%x = vector.load %a[%i] : memref<64xvector<8x8xf32>>, vector<8x8xf32>\n"
                        "vector.store %x, %b[%i] : memref<64xvector<8x8xf32>>, vector<8x8xf32>\n}\n"
                        "return\n}\n")
                .at("load_count"),
            64.0);
}

}  // namespace
}  // namespace hone::cost::mlir
