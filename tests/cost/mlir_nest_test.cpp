#include "hone/cost/mlir_nest.h"

#include <gtest/gtest.h>

#include "hone/cost/mlir_features.h"

namespace hone::cost::mlir {
namespace {

Features of(const std::string& text) {
  const Module module = parse(text);
  return features(module, module.functions().at(0));
}

// Negative numbers.

/// A row, each element the one before it times another; `before` is the place of the one before.
std::string row(const std::string& before) {
  return "func.func @f(%a: memref<65536xf32>, %o: memref<65536xf32>) {\n  %c1 = arith.constant 1 : index\n"
         "  %n = arith.constant 65535 : index\n  scf.for %i = %c1 to %n step %c1 {\n" +
         before +
         "    %x = memref.load %o[%j] : memref<65536xf32>\n    %y = memref.load %a[%i] : memref<65536xf32>\n"
         "    %z = arith.mulf %x, %y : f32\n    memref.store %z, %o[%i] : memref<65536xf32>\n  }\n  "
         "return\n}\n";
}

TEST(MlirNest, OneLessIsTheOneBefore) {
  const Features less = of(row("    %k = arith.constant -1 : index\n    %j = arith.addi %i, %k : index\n"));
  const Features before = of(row("    %k = arith.constant 1 : index\n    %j = arith.subi %i, %k : index\n"));
  const Features generic =
      of(row("    %k = \"arith.constant\"() <{value = -1 : index}> : () -> index\n"
             "    %j = arith.addi %i, %k : index\n"));
  EXPECT_EQ(less.at("hot_shifts"), 1.0);
  EXPECT_EQ(less.values, before.values);
  EXPECT_EQ(less.values, generic.values);
  EXPECT_EQ(less.rows.estimates, generic.rows.estimates);
  // A loop that begins below 0.
  const Features below = of(R"(
func.func @f(%a: memref<100xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant -100 : index
  %p = arith.constant 100 : index
  scf.for %i = %n to %c0 step %c1 {
    %j = arith.addi %i, %p : index
    %x = memref.load %a[%j] : memref<100xf32>
    %z = math.exp %x : f32
    memref.store %z, %a[%j] : memref<100xf32>
  }
  return
})");
  EXPECT_EQ(below.at("transcendental_count"), 100.0);
}

}  // namespace
}  // namespace hone::cost::mlir
