// How many vectors of a loop's lanes LLVM 19 goes through at once: each of these was looked up in its
// remarks, for AVX-512 with vectors of 32 bytes.
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"

namespace hone::cost::mlir {
namespace {

/// Lanes, and vectors of them at once.
struct Together {
  double lanes = 1.0, interleave = 1.0;
  bool operator==(const Together&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Together& one) {
  return out << one.lanes << " x " << one.interleave;
}

Together together(const std::string& text, int loop) {
  const LoweredFunction code(text, kWithMasks);
  return {code.lowered.body(loop).lanes, code.lowered.body(loop).interleave};
}

TEST(MlirInterleave, SumsOfMoreThanRegistersAreNotLimitedByThem) {
  // Rows that a loaded number chooses, summed up: each element of the sum is loaded before the loop, and the
  // registers that are left for others are counted without a sign.
  const auto text = [](int columns) {
    return fmt::format(R"(
func.func @f(%p: memref<1024xi32>, %x: memref<1024x{0}xi32>, %s: memref<{0}xi32>) {{
  affine.for %i = 0 to 1024 {{
    %0 = affine.load %p[%i] : memref<1024xi32>
    %1 = arith.index_cast %0 : i32 to index
    affine.for %j = 0 to {0} {{
      %2 = memref.load %x[%1, %j] : memref<1024x{0}xi32>
      %3 = affine.load %s[%j] : memref<{0}xi32>
      %4 = arith.addi %3, %2 : i32
      affine.store %4, %s[%j] : memref<{0}xi32>
    }}
  }}
  return
}})",
                       columns);
  };
  EXPECT_EQ(together(text(32), 0), (Together{8.0, 4.0}));
  EXPECT_EQ(together(text(5), 0), (Together{8.0, 4.0}));
  EXPECT_EQ(together(text(6), 0), (Together{8.0, 2.0}));
  EXPECT_EQ(together(text(10), 0), (Together{8.0, 1.0}));
}

TEST(MlirInterleave, RowsThatBeginOutsideTheLoopTakeRegisters) {
  // Seven neighbours in three dimensions.
  EXPECT_EQ(together(R"(
func.func @f(%x: memref<32x1752x48xf32>, %y: memref<32x1752x48xf32>) {
  %c = arith.constant 0.142857105 : f32
  affine.for %i = 1 to 31 {
    affine.for %j = 1 to 1751 {
      affine.for %k = 1 to 47 {
        %0 = affine.load %x[%i - 1, %j, %k] : memref<32x1752x48xf32>
        %1 = affine.load %x[%i, %j - 1, %k] : memref<32x1752x48xf32>
        %2 = arith.addf %0, %1 : f32
        %3 = affine.load %x[%i, %j, %k - 1] : memref<32x1752x48xf32>
        %4 = arith.addf %2, %3 : f32
        %5 = affine.load %x[%i, %j, %k] : memref<32x1752x48xf32>
        %6 = arith.addf %4, %5 : f32
        %7 = affine.load %x[%i, %j, %k + 1] : memref<32x1752x48xf32>
        %8 = arith.addf %6, %7 : f32
        %9 = affine.load %x[%i, %j + 1, %k] : memref<32x1752x48xf32>
        %10 = arith.addf %8, %9 : f32
        %11 = affine.load %x[%i + 1, %j, %k] : memref<32x1752x48xf32>
        %12 = arith.addf %10, %11 : f32
        %13 = arith.mulf %12, %c : f32
        affine.store %13, %y[%i, %j, %k] : memref<32x1752x48xf32>
      }
    }
  }
  return
})",
                     2),
            (Together{8.0, 2.0}));
}

TEST(MlirInterleave, OfElementsThatAreLoadedTogetherOneNeedsItsPlace) {
  // Four channels a pixel: registers are twice as wide as the vectors, and the places of the other three
  // count as nothing.
  EXPECT_EQ(together(R"(
func.func @f(%x: memref<16384x4xf32>, %y: memref<16384xf32>) {
  %a = arith.constant 0.25 : f32
  %b = arith.constant 0.5 : f32
  affine.for %i = 0 to 16384 {
    %0 = affine.load %x[%i, 0] : memref<16384x4xf32>
    %1 = affine.load %x[%i, 1] : memref<16384x4xf32>
    %2 = affine.load %x[%i, 2] : memref<16384x4xf32>
    %3 = affine.load %x[%i, 3] : memref<16384x4xf32>
    %4 = arith.mulf %0, %a : f32
    %5 = arith.mulf %1, %b : f32
    %6 = arith.addf %4, %5 : f32
    %7 = arith.mulf %2, %b : f32
    %8 = arith.addf %6, %7 : f32
    %9 = arith.mulf %3, %a : f32
    %10 = arith.addf %8, %9 : f32
    affine.store %10, %y[%i] : memref<16384xf32>
  }
  return
})",
                     0),
            (Together{8.0, 4.0}));
}

TEST(MlirInterleave, LoopsThatGrowAreAsLongAsTheLongest) {
  const auto text = [](int rows) {
    return fmt::format(R"(
func.func @f(%x: memref<{0}x{0}xf32>, %y: memref<{0}x{0}xf32>) {{
  affine.for %i = 0 to {0} {{
    affine.for %j = 0 to affine_map<(d0) -> (d0 + 1)>(%i) {{
      %0 = affine.load %x[%i, %j] : memref<{0}x{0}xf32>
      %1 = arith.negf %0 : f32
      affine.store %1, %y[%i, %j] : memref<{0}x{0}xf32>
    }}
  }}
  return
}})",
                       rows);
  };
  EXPECT_EQ(together(text(31), 1), (Together{4.0, 2.0})) << "of 31 fewer are left than of vectors of 8";
  EXPECT_EQ(together(text(33), 1), (Together{8.0, 2.0}));
  EXPECT_EQ(together(text(170), 1), (Together{8.0, 4.0}));
}

TEST(MlirInterleave, SumsMayBeUsedBehindTheLoop) {
  // The greatest of each row, which the next loop takes away from it.
  const std::string text = R"(
func.func @f(%x: memref<96x64xf32>, %m: memref<96xf32>, %y: memref<96x64xf32>) {
  affine.for %i = 0 to 96 {
    affine.for %j = 0 to 64 {
      %0 = affine.load %x[%i, %j] : memref<96x64xf32>
      %1 = affine.load %m[%i] : memref<96xf32>
      %2 = arith.maximumf %1, %0 : f32
      affine.store %2, %m[%i] : memref<96xf32>
    }
    affine.for %j = 0 to 64 {
      %0 = affine.load %m[%i] : memref<96xf32>
      %1 = affine.load %x[%i, %j] : memref<96x64xf32>
      %2 = arith.subf %1, %0 : f32
      affine.store %2, %y[%i, %j] : memref<96x64xf32>
    }
  }
  return
})";
  EXPECT_EQ(together(text, 1), (Together{8.0, 4.0}));
  EXPECT_EQ(together(text, 2).lanes, 8.0);
}

TEST(MlirInterleave, NamedProductsSumUpWhatTheyMultiply) {
  const std::string text = R"(
func.func @f(%a: memref<14x297xi32>, %b: memref<297x150xi32>, %c: memref<14x150xi32>) {
  linalg.matmul ins(%a, %b : memref<14x297xi32>, memref<297x150xi32>) outs(%c : memref<14x150xi32>)
  return
})";
  const LoweredFunction code(text, kWithMasks);
  const Nest::Step* product = nullptr;
  const Nest::Step* sum = nullptr;
  for (const Nest::Step& step : code.nest.steps)
    (step.work == Work::multiply || step.work == Work::integer_multiply ? product : sum) = &step;
  ASSERT_TRUE(product != nullptr && sum != nullptr);
  EXPECT_EQ(product->uses.size(), 2U) << "not the sum so far";
  EXPECT_EQ(code.nest.accesses.back().uses, Few<int>({sum->value})) << "which is what is stored";
  EXPECT_EQ(together(text, 2), (Together{8.0, 4.0}));
}

TEST(MlirInterleave, ARowIsLoadedForOneElementInTwo) {
  EXPECT_EQ(together(R"(
func.func @f(%x: memref<592263xf32>, %a: memref<296132xf32>, %b: memref<296132xf32>, %y: memref<296132xf32>) {
  %c = arith.constant 1.20362306 : f32
  affine.for %i = 0 to 296132 {
    %0 = affine.load %x[%i * 2] : memref<592263xf32>
    %1 = affine.load %a[%i] : memref<296132xf32>
    %2 = affine.load %b[%i] : memref<296132xf32>
    %3 = arith.mulf %0, %1 : f32
    %4 = arith.addf %3, %2 : f32
    %5 = arith.mulf %4, %c : f32
    affine.store %5, %y[%i] : memref<296132xf32>
  }
  return
})",
                     0),
            (Together{8.0, 4.0}));
}

}  // namespace
}  // namespace hone::cost::mlir
