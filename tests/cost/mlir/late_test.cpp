// What LLVM 19 does with loops when it writes them out last of all, and what is spilled then: sizes are those
// of its LoopUnroll, spills those in its code, for AVX-512 with vectors of 32 bytes.
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"

namespace hone::cost::mlir {
namespace {

/// A product of i x k and k x j whose loops stand in the order i, k, j ('b') or k, i, j ('a').
std::string product(char order, int rows, int sums, int columns, const char* type) {
  return fmt::format(R"(
func.func @f(%a: memref<{0}x{1}x{3}>, %b: memref<{1}x{2}x{3}>, %c: memref<{0}x{2}x{3}>) {{
  affine.for %{4} = 0 to {5} {{
    affine.for %{6} = 0 to {7} {{
      affine.for %j = 0 to {2} {{
        %0 = affine.load %a[%i, %k] : memref<{0}x{1}x{3}>
        %1 = affine.load %b[%k, %j] : memref<{1}x{2}x{3}>
        %2 = arith.mulf %0, %1 : {3}
        %3 = affine.load %c[%i, %j] : memref<{0}x{2}x{3}>
        %4 = arith.addf %3, %2 : {3}
        affine.store %4, %c[%i, %j] : memref<{0}x{2}x{3}>
      }}
    }}
  }}
  return
}})",
                     rows, sums, columns, type, order == 'a' ? "k" : "i", order == 'a' ? sums : rows,
                     order == 'a' ? "i" : "k", order == 'a' ? rows : sums);
}

TEST(MlirLate, SizesInLanesAreLlvms) {
  // Thirteen rows of 59, four vectors of four at once: loads, products and sums of four, a store through an
  // address that is no constant and three that are, three instructions of the loop.
  const LoweredFunction rows(product('b', 13, 13, 59, "f64"), kWithMasks);
  EXPECT_EQ(rows.lowered.body(2).wide_size, 24.0);
  EXPECT_EQ(rows.lowered.body(2).unrolled, 3.0);
  EXPECT_EQ(rows.lowered.body(2).rest_unrolled, 11.0);
  EXPECT_TRUE(rows.lowered.body(2).whole);
  // Rows of seven: a whole row is loaded, shuffled into seven vectors, put together again and stored.
  const LoweredFunction sevens(R"(
func.func @f(%a: memref<9x28xf32>, %b: memref<9x7xf32>, %c: memref<28x7xf32>) {
  affine.for %i = 0 to 9 {
    affine.for %j = 0 to 28 {
      affine.for %k = 0 to 7 {
        %0 = affine.load %a[%i, %j] : memref<9x28xf32>
        %1 = affine.load %b[%i, %k] : memref<9x7xf32>
        %2 = arith.mulf %0, %1 : f32
        %3 = affine.load %c[%j, %k] : memref<28x7xf32>
        %4 = arith.addf %3, %2 : f32
        affine.store %4, %c[%j, %k] : memref<28x7xf32>
      }
    }
  }
  return
})",
                               kWithMasks);
  EXPECT_EQ(sevens.lowered.body(1).wide_size, 40.0);
  EXPECT_EQ(sevens.lowered.body(1).unrolled, 7.0);
  // Vectors of addresses, each part's its own, for what is gathered.
  const LoweredFunction gathered(R"(
func.func @f(%a: memref<256x512xf64>, %b: memref<512xf64>, %c: memref<256xf64>) {
  affine.for %i = 0 to 512 {
    affine.for %j = 0 to 256 {
      %0 = affine.load %b[%i] : memref<512xf64>
      %1 = affine.load %a[%j, %i] : memref<256x512xf64>
      %2 = arith.mulf %0, %1 : f64
      %3 = affine.load %c[%j] : memref<256xf64>
      %4 = arith.addf %3, %2 : f64
      affine.store %4, %c[%j] : memref<256xf64>
    }
  }
  return
})",
                                 kWithMasks);
  EXPECT_EQ(gathered.lowered.body(1).wide_size, 32.0);
  EXPECT_EQ(gathered.lowered.body(1).unrolled, 1.0);
}

TEST(MlirLate, RowsAreShuffledWhereAValueIsUsedTwice) {
  // VectorCombine follows what is used once.
  const auto pairs = [](const char* last) {
    return fmt::format(R"(
func.func @f(%x: memref<1024x2xf32>, %y: memref<1024x2xf32>) {{
  %c = arith.constant 3.7 : f32
  %one = arith.constant 1.0 : f32
  affine.for %i = 0 to 1024 {{
    affine.for %j = 0 to 2 {{
      %0 = affine.load %x[%i, %j] : memref<1024x2xf32>
      %1 = arith.subf %one, %0 : f32
      %2 = arith.mulf %0, %c : f32
      %3 = arith.mulf %2, %1 : f32
      %4 = arith.mulf %3, {} : f32
      affine.store %4, %y[%i, %j] : memref<1024x2xf32>
    }}
  }}
  return
}})",
                       last);
  };
  const LoweredFunction once(pairs("%c"), kWithMasks), twice(pairs("%3"), kWithMasks);
  const auto in_row = [](const Lowered::Item& item) { return item.in_row; };
  EXPECT_EQ(once.count(in_row), 6.0);
  EXPECT_EQ(twice.count(in_row), 0.0);
}

TEST(MlirLate, WhatIsReadAloneIsHoistedWhenLoopsAreGone) {
  // b's 299 vectors and elements do not move with i: LLVM holds 27 of them in registers over its loop and
  // spills 272 in front of it, which the loop's operations read.
  const LoweredFunction rows(product('b', 13, 13, 59, "f64"), kWithMasks);
  EXPECT_NEAR(rows.lowered.body(0).spills, 544.0, 0.25 * 544.0);
  // With as many registers none is.
  EXPECT_EQ(LoweredFunction(product('b', 13, 13, 59, "f64"), {32.0, 400.0, 50.0}).lowered.body(0).spills,
            0.0);
}

TEST(MlirLate, NothingIsTakenForEqualAnyMore) {
  // The second nest loads again what the first has stored: LLVM spills nothing.
  const LoweredFunction twice(R"(
func.func @f(%a: memref<12x109xf64>, %b: memref<12x109xf64>, %t: memref<12x109xf64>, %c: memref<12x109xf64>) {
  affine.for %i = 0 to 12 {
    affine.for %j = 0 to 109 {
      %0 = affine.load %b[%i, %j] : memref<12x109xf64>
      %1 = affine.load %a[%i, %j] : memref<12x109xf64>
      %2 = arith.addf %0, %1 : f64
      affine.store %2, %t[%i, %j] : memref<12x109xf64>
    }
  }
  affine.for %i = 0 to 12 {
    affine.for %j = 0 to 109 {
      %0 = affine.load %t[%i, %j] : memref<12x109xf64>
      %1 = affine.load %a[%i, %j] : memref<12x109xf64>
      %2 = arith.subf %0, %1 : f64
      affine.store %2, %c[%i, %j] : memref<12x109xf64>
    }
  }
  return
})",
                              kWithMasks);
  EXPECT_TRUE(twice.lowered.body(1).whole && twice.lowered.body(3).whole);
  EXPECT_EQ(twice.lowered.body(-1).spills, 0.0);
}

TEST(MlirLate, GvnLooksAHundredInstructionsBack) {
  // Loops that are written out: fifteen elements are loaded, and loaded again behind so many other
  // operations. They are held in registers between only where those are few.
  const auto sums = [](int between) {
    return fmt::format(R"(
func.func @f(%x: memref<15xf64>, %y: memref<900xf64>, %z: memref<15xf64>) {{
  affine.for %i = 0 to 15 {{
    %0 = affine.load %x[%i] : memref<15xf64>
    %1 = arith.addf %0, %0 : f64
    affine.store %1, %z[%i] : memref<15xf64>
  }}
  affine.for %i = 0 to {0} {{
    %0 = affine.load %y[%i] : memref<900xf64>
    %1 = arith.mulf %0, %0 : f64
    affine.store %1, %y[%i] : memref<900xf64>
  }}
  affine.for %i = 0 to 15 {{
    %0 = affine.load %x[%i] : memref<15xf64>
    %1 = arith.mulf %0, %0 : f64
    affine.store %1, %y[%i + 100] : memref<900xf64>
  }}
  return
}})",
                       between);
  };
  const CodeTarget few{8.0, 6.0, 50.0};
  EXPECT_GT(LoweredFunction(sums(2), few).lowered.body(-1).spills, 0.0);
  EXPECT_EQ(LoweredFunction(sums(40), few).lowered.body(-1).spills, 0.0);
}

TEST(MlirLate, OddRowsAreHandedOnElementByElement) {
  // A type of 28 elements is no vector of a machine's: what the loop of i hands on is 196 numbers.
  const LoweredFunction sevens(product('a', 28, 9, 7, "f32"), kWithMasks);
  const LoweredFunction eights(product('a', 28, 9, 8, "f32"), kWithMasks);
  EXPECT_GT(sevens.lowered.body(0).spills, 4.0 * (eights.lowered.body(0).spills + 20.0));
}

TEST(MlirLate, PlacesOfGathersAreValuesToo) {
  // 15 columns of 12 vectors are gathered, their addresses are computed in front of the loop of i: LLVM
  // spills 322 in all.
  const LoweredFunction code(R"(
func.func @f(%a: memref<14x96xi32>, %b: memref<96x15xi32>, %c: memref<14x15xi32>) {
  affine.for %i = 0 to 14 {
    affine.for %j = 0 to 15 {
      affine.for %k = 0 to 96 {
        %0 = affine.load %a[%i, %k] : memref<14x96xi32>
        %1 = affine.load %b[%k, %j] : memref<96x15xi32>
        %2 = arith.muli %0, %1 : i32
        %3 = affine.load %c[%i, %j] : memref<14x15xi32>
        %4 = arith.addi %3, %2 : i32
        affine.store %4, %c[%i, %j] : memref<14x15xi32>
      }
    }
  }
  return
})",
                             kWithMasks);
  EXPECT_EQ(code.lowered.body(2).wide_size, 27.0);
  EXPECT_EQ(code.lowered.body(2).unrolled, 3.0);
  EXPECT_NEAR(code.lowered.body(0).spills, 322.0, 0.25 * 322.0);
}

TEST(MlirLate, StoresThatAreDeadLaterStillCount) {
  // A zero that a sum overwrites, which DSE sees when loops have been written out: 16 rows of 19 instructions
  // are too long with it.
  const auto sums = [](const char* zero) {
    return fmt::format(R"(
func.func @f(%x: memref<120x16xf32>, %s: memref<16x16xf32>) {{
  %z = arith.constant 0.0 : f32
  affine.for %i = 0 to 16 {{
    affine.for %j = affine_map<(d0) -> (d0)>(%i) to 16 {{
      {}
      affine.for %k = 0 to 120 {{
        %0 = affine.load %x[%k, %j] : memref<120x16xf32>
        %1 = affine.load %x[%k, %i] : memref<120x16xf32>
        %2 = arith.mulf %1, %0 : f32
        %3 = affine.load %s[%i, %j] : memref<16x16xf32>
        %4 = arith.addf %3, %2 : f32
        affine.store %4, %s[%i, %j] : memref<16x16xf32>
      }}
    }}
  }}
  return
}})",
                       zero);
  };
  const LoweredFunction with(sums("affine.store %z, %s[%i, %j] : memref<16x16xf32>"), kWithMasks);
  EXPECT_TRUE(with.lowered.body(0).left);
  EXPECT_EQ(with.accesses(1, true, 1), 1.0);  // the sum's alone
  const LoweredFunction without(sums(""), kWithMasks);
  EXPECT_GE(with.lowered.body(0).size, without.lowered.body(0).size + 1.0);
}

TEST(MlirLate, CopiesOfLoopsThatWereGoneBefore) {
  // Both tiles are written out and then, for each, its loop: 16 rows of 64 and 40 elements.
  const LoweredFunction code(R"(
func.func @f(%x: memref<16x104xf32>, %s: memref<16xf32>) {
  affine.for %i = 0 to 104 step 64 {
    affine.for %j = 0 to 16 {
      affine.for %k = affine_map<(d0) -> (d0)>(%i) to min affine_map<(d0) -> (d0 + 64, 104)>(%i) {
        %0 = affine.load %x[%j, %k] : memref<16x104xf32>
        %1 = affine.load %s[%j] : memref<16xf32>
        %2 = arith.addf %1, %0 : f32
        affine.store %2, %s[%j] : memref<16xf32>
      }
    }
  }
  return
})",
                             kWithMasks);
  EXPECT_FALSE(code.lowered.body(0).left || code.lowered.body(1).left || code.lowered.body(2).left);
  EXPECT_EQ(code.steps(Work::add, -1), 1664.0);
  EXPECT_EQ(code.accesses(0, false, -1), 1664.0);
}

TEST(MlirLate, TilesAreJudgedBeforeWhatIsAroundThem) {
  // Of 69 columns in tiles of 64 the last five are written out: LLVM counts 92 instructions for five tiles of
  // rows then, of which no three are written out, where 47 were five times less than 300.
  const LoweredFunction code(R"(
#b = affine_map<(d0) -> (d0)>
#m = affine_map<(d0) -> (d0 + 64, 283)>
#n = affine_map<(d0) -> (d0 + 64, 69)>
func.func @f(%x: memref<283x69xf32>, %y: memref<283x69xf32>) {
  affine.for %i = 0 to 283 step 64 {
    affine.for %j = 0 to 69 step 64 {
      affine.for %k = #b(%i) to min #m(%i) {
        affine.for %l = #b(%j) to min #n(%j) {
          %0 = affine.load %x[%k, %l] : memref<283x69xf32>
          %1 = arith.addf %0, %0 : f32
          %2 = arith.mulf %1, %0 : f32
          %3 = arith.mulf %2, %1 : f32
          %4 = arith.addf %3, %0 : f32
          %5 = arith.mulf %4, %1 : f32
          affine.store %5, %y[%k, %l] : memref<283x69xf32>
        }
      }
    }
  }
  return
})",
                             kWithMasks);
  EXPECT_TRUE(code.lowered.body(0).left);
  EXPECT_FALSE(code.lowered.body(1).left);
  EXPECT_NEAR(code.lowered.body(0).size, 92.0, 0.15 * 92.0);
}

TEST(MlirLate, WhatTilesAreWrittenOutInIsInnermost) {
  // Tiles of 16 and 10: nothing is left inside the loop of i, which runs in lanes.
  const LoweredFunction code(R"(
#b = affine_map<(d0) -> (d0)>
#m = affine_map<(d0) -> (d0 + 16, 26)>
func.func @f(%x: memref<26x2048xf32>, %y: memref<26x2048xf32>) {
  affine.for %i = 0 to 2048 {
    affine.for %j = 0 to 26 step 16 {
      affine.for %k = #b(%j) to min #m(%j) {
        %0 = affine.load %x[%k, %i] : memref<26x2048xf32>
        %1 = arith.addf %0, %0 : f32
        affine.store %1, %y[%k, %i] : memref<26x2048xf32>
      }
    }
  }
  return
})",
                             kWithMasks);
  EXPECT_FALSE(code.lowered.body(1).left || code.lowered.body(2).left);
  EXPECT_TRUE(code.lowered.body(0).innermost);
  EXPECT_EQ(code.lowered.body(0).lanes, 8.0);
}

TEST(MlirLate, ARowOfATileThatMovesIsNotKnown) {
  // Rows of a triangle, sixteen a tile: where a row ends the tile says, too.
  const LoweredFunction code(R"(
func.func @f(%x: memref<256x256xf32>, %y: memref<256xf32>) {
  affine.for %i = 0 to 256 step 16 {
    affine.for %j = affine_map<(d0) -> (d0)>(%i) to affine_map<(d0) -> (d0 + 16)>(%i) {
      affine.for %k = 0 to affine_map<(d0) -> (d0 + 1)>(%j) {
        %0 = affine.load %y[%k] : memref<256xf32>
        %1 = affine.load %x[%j, %k] : memref<256x256xf32>
        %2 = arith.addf %1, %0 : f32
        affine.store %2, %x[%j, %k] : memref<256x256xf32>
      }
    }
  }
  return
})",
                             kWithMasks);
  EXPECT_FALSE(code.lowered.body(2).fixed);
  EXPECT_FALSE(code.lowered.body(2).whole);
}

TEST(MlirLate, AddressesThatLoopsOfOneIterationHandOnMoveOutLater) {
  // Tiles of one element: the loop of k is eight instructions at last, of which 39 iterations fit.
  const LoweredFunction code(R"(
#m = affine_map<(d0) -> (d0)>
#n = affine_map<(d0) -> (d0 + 1)>
func.func @f(%a: memref<15x39xf64>, %b: memref<39x9xf64>, %c: memref<15x9xf64>) {
  affine.for %i = 0 to 15 {
    affine.for %j = 0 to 9 {
      affine.for %k = 0 to 39 {
        affine.for %p = #m(%i) to #n(%i) {
          affine.for %q = #m(%j) to #n(%j) {
            %0 = affine.load %a[%p, %k] : memref<15x39xf64>
            %1 = affine.load %b[%k, %q] : memref<39x9xf64>
            %2 = arith.mulf %0, %1 : f64
            %3 = affine.load %c[%p, %q] : memref<15x9xf64>
            %4 = arith.addf %3, %2 : f64
            affine.store %4, %c[%p, %q] : memref<15x9xf64>
          }
        }
      }
    }
  }
  return
})",
                             kWithMasks);
  EXPECT_EQ(code.lowered.body(2).late_size, 8.0);
  EXPECT_EQ(code.lowered.body(2).unrolled, 39.0);
  // What is loaded of b stays in registers or on the stack over the loop of i: LLVM spills 644.
  EXPECT_NEAR(code.lowered.body(0).spills, 644.0, 0.25 * 644.0);
}

TEST(MlirLate, VectorsOfTheTextAreAsManyInstructions) {
  // Eight calls of exp on sixteen numbers each, 44 to LLVM: too long to be written out.
  const LoweredFunction code(R"(
func.func @f(%x: memref<4x128xf64>, %y: memref<4x128xf64>) {
  %z = arith.constant 0.0 : f64
  affine.for %i = 0 to 4 {
    affine.for %j = 0 to 128 step 16 {
      %0 = vector.transfer_read %x[%i, %j], %z : memref<4x128xf64>, vector<16xf64>
      %1 = math.exp %0 : vector<16xf64>
      vector.transfer_write %1, %y[%i, %j] : vector<16xf64>, memref<4x128xf64>
    }
  }
  return
})",
                             kWithMasks);
  EXPECT_TRUE(code.lowered.body(1).left);
  EXPECT_EQ(code.lowered.body(1).unrolled, 1.0);
}

TEST(MlirLate, StoresOfSumsOfIntegersMayStay) {
  // The most of each row, by way of memory that may be what is loaded: only the store stays in the loop, and
  // LLVM puts the loop into lanes. It does not where rows could be the sums themselves.
  const LoweredFunction code(R"(
func.func @f(%x: memref<50x89xi32>, %s: memref<50xi32>) {
  %c5 = arith.constant 5 : i32
  %t = memref.alloc() : memref<50x89xi32>
  %m = memref.alloc() : memref<50xi32>
  affine.for %i = 0 to 50 {
    affine.for %j = 0 to 89 {
      %0 = affine.load %x[%i, %j] : memref<50x89xi32>
      %1 = arith.muli %0, %c5 : i32
      affine.store %1, %t[%i, %j] : memref<50x89xi32>
    }
  }
  affine.for %i = 0 to 50 {
    affine.for %j = 0 to 89 {
      %0 = affine.load %t[%i, %j] : memref<50x89xi32>
      %1 = affine.load %m[%i] : memref<50xi32>
      %2 = arith.maxsi %1, %0 : i32
      affine.store %2, %m[%i] : memref<50xi32>
    }
  }
  affine.for %i = 0 to 50 {
    %0 = affine.load %m[%i] : memref<50xi32>
    affine.store %0, %s[%i] : memref<50xi32>
  }
  return
})",
                             kWithMasks);
  EXPECT_EQ(code.lowered.body(3).lanes, 8.0);
  EXPECT_EQ(code.lowered.body(3).interleave, 4.0);
}

TEST(MlirLate, FillingWithZeroIsACall) {
  const auto filled = [](const char* number) {
    return fmt::format(R"(
func.func @f(%x: tensor<2048x32xf32>) -> tensor<2048xf32> {{
  %c = arith.constant {} : f32
  %0 = tensor.empty() : tensor<2048xf32>
  %1 = linalg.fill ins(%c : f32) outs(%0 : tensor<2048xf32>) -> tensor<2048xf32>
  return %1 : tensor<2048xf32>
}})",
                       number);
  };
  EXPECT_TRUE(LoweredFunction(filled("0.0"), kWithMasks).lowered.body(0).idiom);
  EXPECT_FALSE(LoweredFunction(filled("-1.0e30"), kWithMasks).lowered.body(0).idiom);
}

}  // namespace
}  // namespace hone::cost::mlir
