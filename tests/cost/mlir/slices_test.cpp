// Parts of tensors.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"

namespace hone::cost::mlir {
namespace {

/// exp of 256 x 512 numbers by tiles of 32 x 32, which are put back at (`row`, `column`).
std::string tiled(const std::string& row = "%i", const std::string& column = "%j") {
  return fmt::format(R"(
func.func @f(%a: tensor<256x512xf32>) -> tensor<256x512xf32> {{
  %c0 = arith.constant 0 : index
  %c256 = arith.constant 256 : index
  %c512 = arith.constant 512 : index
  %c32 = arith.constant 32 : index
  %b = tensor.empty() : tensor<256x512xf32>
  %r = scf.for %i = %c0 to %c256 step %c32 iter_args(%t = %b) -> tensor<256x512xf32> {{
    %q = scf.for %j = %c0 to %c512 step %c32 iter_args(%u = %t) -> tensor<256x512xf32> {{
      %v = tensor.extract_slice %a[%i, %j] [32, 32] [1, 1] : tensor<256x512xf32> to tensor<32x32xf32>
      %w = tensor.extract_slice %u[%i, %j] [32, 32] [1, 1] : tensor<256x512xf32> to tensor<32x32xf32>
      %e = linalg.exp ins(%v : tensor<32x32xf32>) outs(%w : tensor<32x32xf32>) -> tensor<32x32xf32>
      %z = tensor.insert_slice %e into %u[{}, {}] [32, 32] [1, 1] : tensor<32x32xf32> into tensor<256x512xf32>
      scf.yield %z : tensor<256x512xf32>
    }}
    scf.yield %q : tensor<256x512xf32>
  }}
  return %r : tensor<256x512xf32>
}})",
                     row, column);
}

TEST(MlirSlices, ATileThatIsComputedInItsPlaceIsNotCopied) {
  constexpr double kNumbers = 256.0 * 512.0;
  const Features whole = features_in(tiled());
  EXPECT_EQ(whole.at("load_count"), kNumbers);
  EXPECT_EQ(whole.at("store_count"), kNumbers);
  EXPECT_EQ(whole.at("footprint_bytes"), 2.0 * 4.0 * kNumbers) << "tiles move";
  EXPECT_EQ(whole.at("transcendental_count"), kNumbers);
  const Features elsewhere = features_in(tiled("%i", "0"));
  EXPECT_EQ(elsewhere.at("load_count"), 2.0 * kNumbers);
  EXPECT_EQ(elsewhere.at("store_count"), 2.0 * kNumbers);
}

TEST(MlirSlices, TilesOfSeveralThreadsAreInPlaceToo) {
  const Features features = features_in(R"(
func.func @f(%a: tensor<256x512xf32>) -> tensor<256x512xf32> {
  %b = tensor.empty() : tensor<256x512xf32>
  %r = scf.forall (%i) = (0) to (256) step (32) shared_outs(%u = %b) -> (tensor<256x512xf32>) {
    %v = tensor.extract_slice %a[%i, 0] [32, 512] [1, 1] : tensor<256x512xf32> to tensor<32x512xf32>
    %w = tensor.extract_slice %u[%i, 0] [32, 512] [1, 1] : tensor<256x512xf32> to tensor<32x512xf32>
    %e = linalg.exp ins(%v : tensor<32x512xf32>) outs(%w : tensor<32x512xf32>) -> tensor<32x512xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %e into %u[%i, 0] [32, 512] [1, 1] : tensor<32x512xf32> into tensor<256x512xf32>
    }
  }
  return %r : tensor<256x512xf32>
})");
  EXPECT_EQ(features.at("load_count"), 256.0 * 512.0);
  EXPECT_EQ(features.at("store_count"), 256.0 * 512.0);
  EXPECT_EQ(features.at("footprint_bytes"), 2.0 * 4.0 * 256.0 * 512.0);
}

TEST(MlirSlices, ASizeThatASliceWasMadeWithIsKnown) {
  const Features features = features_in(R"(
func.func @f(%a: tensor<100xf32>, %b: tensor<100xf32>) -> tensor<100xf32> {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %n = arith.constant 100 : index
  %r = scf.for %i = %c0 to %n step %c16 iter_args(%u = %b) -> tensor<100xf32> {
    %d = affine.min affine_map<(i) -> (16, 100 - i)>(%i)
    %v = tensor.extract_slice %a[%i] [%d] [1] : tensor<100xf32> to tensor<?xf32>
    %w = tensor.extract_slice %u[%i] [%d] [1] : tensor<100xf32> to tensor<?xf32>
    %e = linalg.exp ins(%v : tensor<?xf32>) outs(%w : tensor<?xf32>) -> tensor<?xf32>
    %z = tensor.insert_slice %e into %u[%i] [%d] [1] : tensor<?xf32> into tensor<100xf32>
    scf.yield %z : tensor<100xf32>
  }
  return %r : tensor<100xf32>
})");
  EXPECT_NEAR(features.at("transcendental_count"), 100.0, 5.0);
}

}  // namespace
}  // namespace hone::cost::mlir
