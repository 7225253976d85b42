// Loops of blocks that jump to each other, as mlir-opt 19 prints what it makes of a product of matrices: they
// are as long as those of the text that they come from.
#include <gtest/gtest.h>

#include "hone/cost/mlir_features.h"

namespace hone::cost::mlir {
namespace {

Features of(const std::string& text) {
  const Module module = parse(text);
  return features(module, module.functions().at(0));
}

/// What loops do is what those of the product as it is written do.
void expect_written(const std::string& text) {
  const Features written = of(R"(
func.func @f(%a: memref<48x40xf32>, %b: memref<40x56xf32>, %o: memref<48x56xf32>) {
  %z = arith.constant 0.0 : f32
  affine.for %i = 0 to 48 {
    affine.for %j = 0 to 56 {
      %r = affine.for %k = 0 to 40 iter_args(%s = %z) -> (f32) {
        %x = affine.load %a[%i, %k] : memref<48x40xf32>
        %y = affine.load %b[%k, %j] : memref<40x56xf32>
        %p = arith.mulf %x, %y : f32
        %q = arith.addf %p, %s : f32
        affine.yield %q : f32
      }
      affine.store %r, %o[%i, %j] : memref<48x56xf32>
    }
  }
  return
})");
  const Features loops = of(text);
  ASSERT_EQ(loops.loops.size(), written.loops.size());
  for (const char* name : {"flops", "load_count", "store_count", "innermost_trips", "footprint_bytes",
                           "integer_count", "unknown_loops"})
    EXPECT_EQ(loops.at(name), written.at(name)) << name;
}

// lower-affine, canonicalize, convert-scf-to-cf, canonicalize, cse: the jump that a loop's condition decides
// gives what the loop inside begins with.

TEST(MlirJumps, ConditionsGiveWhatLoopsBeginWith) {
  expect_written(R"(
func.func @f(%arg0: memref<48x40xf32>, %arg1: memref<40x56xf32>, %arg2: memref<48x56xf32>) {
  %c40 = arith.constant 40 : index
  %c56 = arith.constant 56 : index
  %cst = arith.constant 0.000000e+00 : f32
  %c0 = arith.constant 0 : index
  %c48 = arith.constant 48 : index
  %c1 = arith.constant 1 : index
  cf.br ^bb1(%c0 : index)
^bb1(%0: index):
  %1 = arith.cmpi slt, %0, %c48 : index
  cf.cond_br %1, ^bb2(%c0 : index), ^bb7
^bb2(%2: index):
  %3 = arith.cmpi slt, %2, %c56 : index
  cf.cond_br %3, ^bb3(%c0, %cst : index, f32), ^bb6
^bb3(%4: index, %5: f32):
  %6 = arith.cmpi slt, %4, %c40 : index
  cf.cond_br %6, ^bb4, ^bb5
^bb4:
  %7 = memref.load %arg0[%0, %4] : memref<48x40xf32>
  %8 = memref.load %arg1[%4, %2] : memref<40x56xf32>
  %9 = arith.mulf %7, %8 : f32
  %10 = arith.addf %9, %5 : f32
  %11 = arith.addi %4, %c1 : index
  cf.br ^bb3(%11, %10 : index, f32)
^bb5:
  memref.store %5, %arg2[%0, %2] : memref<48x56xf32>
  %12 = arith.addi %2, %c1 : index
  cf.br ^bb2(%12 : index)
^bb6:
  %13 = arith.addi %0, %c1 : index
  cf.br ^bb1(%13 : index)
^bb7:
  return
})");
}

TEST(MlirJumps, ConditionsGiveItInTheGenericForm) {
  expect_written(R"(
"builtin.module"() ({
  "func.func"() <{function_type = (memref<48x40xf32>, memref<40x56xf32>, memref<48x56xf32>) -> (), sym_name = "f"}> ({
  ^bb0(%arg0: memref<48x40xf32>, %arg1: memref<40x56xf32>, %arg2: memref<48x56xf32>):
    %0 = "arith.constant"() <{value = 40 : index}> : () -> index
    %1 = "arith.constant"() <{value = 56 : index}> : () -> index
    %2 = "arith.constant"() <{value = 0.000000e+00 : f32}> : () -> f32
    %3 = "arith.constant"() <{value = 0 : index}> : () -> index
    %4 = "arith.constant"() <{value = 48 : index}> : () -> index
    %5 = "arith.constant"() <{value = 1 : index}> : () -> index
    "cf.br"(%3)[^bb1] : (index) -> ()
  ^bb1(%6: index):
    %7 = "arith.cmpi"(%6, %4) <{predicate = 2 : i64}> : (index, index) -> i1
    "cf.cond_br"(%7, %3)[^bb2, ^bb7] <{operandSegmentSizes = array<i32: 1, 1, 0>}> : (i1, index) -> ()
  ^bb2(%8: index):
    %9 = "arith.cmpi"(%8, %1) <{predicate = 2 : i64}> : (index, index) -> i1
    "cf.cond_br"(%9, %3, %2)[^bb3, ^bb6] <{operandSegmentSizes = array<i32: 1, 2, 0>}> : (i1, index, f32) -> ()
  ^bb3(%10: index, %11: f32):
    %12 = "arith.cmpi"(%10, %0) <{predicate = 2 : i64}> : (index, index) -> i1
    "cf.cond_br"(%12)[^bb4, ^bb5] <{operandSegmentSizes = array<i32: 1, 0, 0>}> : (i1) -> ()
  ^bb4:
    %13 = "memref.load"(%arg0, %6, %10) <{nontemporal = false}> : (memref<48x40xf32>, index, index) -> f32
    %14 = "memref.load"(%arg1, %10, %8) <{nontemporal = false}> : (memref<40x56xf32>, index, index) -> f32
    %15 = "arith.mulf"(%13, %14) <{fastmath = #arith.fastmath<none>}> : (f32, f32) -> f32
    %16 = "arith.addf"(%15, %11) <{fastmath = #arith.fastmath<none>}> : (f32, f32) -> f32
    %17 = "arith.addi"(%10, %5) <{overflowFlags = #arith.overflow<none>}> : (index, index) -> index
    "cf.br"(%17, %16)[^bb3] : (index, f32) -> ()
  ^bb5:
    "memref.store"(%11, %arg2, %6, %8) <{nontemporal = false}> : (f32, memref<48x56xf32>, index, index) -> ()
    %18 = "arith.addi"(%8, %5) <{overflowFlags = #arith.overflow<none>}> : (index, index) -> index
    "cf.br"(%18)[^bb2] : (index) -> ()
  ^bb6:
    %19 = "arith.addi"(%6, %5) <{overflowFlags = #arith.overflow<none>}> : (index, index) -> index
    "cf.br"(%19)[^bb1] : (index) -> ()
  ^bb7:
    "func.return"() : () -> ()
  }) : () -> ()
}) : () -> ())");
}

// scf-for-to-while, convert-scf-to-cf: the block behind a condition has the number from the one that compares
// it.

TEST(MlirJumps, ConditionsHandOnWhatTheyCompare) {
  expect_written(R"(
func.func @f(%arg0: memref<48x40xf32>, %arg1: memref<40x56xf32>, %arg2: memref<48x56xf32>) {
  %c40 = arith.constant 40 : index
  %c56 = arith.constant 56 : index
  %cst = arith.constant 0.000000e+00 : f32
  %c0 = arith.constant 0 : index
  %c48 = arith.constant 48 : index
  %c1 = arith.constant 1 : index
  cf.br ^bb1(%c0 : index)
^bb1(%0: index):
  %1 = arith.cmpi slt, %0, %c48 : index
  cf.cond_br %1, ^bb2(%0 : index), ^bb9
^bb2(%2: index):
  %3 = arith.addi %2, %c1 : index
  cf.br ^bb3(%c0 : index)
^bb3(%4: index):
  %5 = arith.cmpi slt, %4, %c56 : index
  cf.cond_br %5, ^bb4(%4 : index), ^bb8
^bb4(%6: index):
  %7 = arith.addi %6, %c1 : index
  cf.br ^bb5(%c0, %cst : index, f32)
^bb5(%8: index, %9: f32):
  %10 = arith.cmpi slt, %8, %c40 : index
  cf.cond_br %10, ^bb6(%8, %9 : index, f32), ^bb7
^bb6(%11: index, %12: f32):
  %13 = arith.addi %11, %c1 : index
  %14 = memref.load %arg0[%2, %11] : memref<48x40xf32>
  %15 = memref.load %arg1[%11, %6] : memref<40x56xf32>
  %16 = arith.mulf %14, %15 : f32
  %17 = arith.addf %16, %12 : f32
  cf.br ^bb5(%13, %17 : index, f32)
^bb7:
  memref.store %9, %arg2[%2, %6] : memref<48x56xf32>
  cf.br ^bb3(%7 : index)
^bb8:
  cf.br ^bb1(%3 : index)
^bb9:
  return
})");
}

// ... canonicalize: the jump that leaves a loop goes back in the one around it.

TEST(MlirJumps, LoopsAreLeftByTheJumpBackOfTheOneAround) {
  expect_written(R"(
func.func @f(%arg0: memref<48x40xf32>, %arg1: memref<40x56xf32>, %arg2: memref<48x56xf32>) {
  %c40 = arith.constant 40 : index
  %c56 = arith.constant 56 : index
  %cst = arith.constant 0.000000e+00 : f32
  %c0 = arith.constant 0 : index
  %c48 = arith.constant 48 : index
  %c1 = arith.constant 1 : index
  cf.br ^bb1(%c0 : index)
^bb1(%0: index):
  %1 = arith.cmpi slt, %0, %c48 : index
  cf.cond_br %1, ^bb2(%0 : index), ^bb8
^bb2(%2: index):
  %3 = arith.addi %2, %c1 : index
  cf.br ^bb3(%c0 : index)
^bb3(%4: index):
  %5 = arith.cmpi slt, %4, %c56 : index
  cf.cond_br %5, ^bb4(%4 : index), ^bb1(%3 : index)
^bb4(%6: index):
  %7 = arith.addi %6, %c1 : index
  cf.br ^bb5(%c0, %cst : index, f32)
^bb5(%8: index, %9: f32):
  %10 = arith.cmpi slt, %8, %c40 : index
  cf.cond_br %10, ^bb6(%8, %9 : index, f32), ^bb7
^bb6(%11: index, %12: f32):
  %13 = arith.addi %11, %c1 : index
  %14 = memref.load %arg0[%2, %11] : memref<48x40xf32>
  %15 = memref.load %arg1[%11, %6] : memref<40x56xf32>
  %16 = arith.mulf %14, %15 : f32
  %17 = arith.addf %16, %12 : f32
  cf.br ^bb5(%13, %17 : index, f32)
^bb7:
  memref.store %9, %arg2[%2, %6] : memref<48x56xf32>
  cf.br ^bb3(%7 : index)
^bb8:
  return
})");
}

}  // namespace
}  // namespace hone::cost::mlir
