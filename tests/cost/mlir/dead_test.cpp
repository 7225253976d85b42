// What any compiler takes out of a function, as LLVM 19 does.
#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"

namespace hone::cost::mlir {
namespace {

using Function = LoweredFunction;

TEST(MlirDead, BuffersThatOnlyDeadCodeReads) {
  // %p is read into %q, which nothing reads: both are gone, and what they were computed from.
  const Function f(
      "func.func @f(%a: memref<64xf32>, %c: memref<64xf32>) {\n"
      "%p = memref.alloc() : memref<64xf32>\n%q = memref.alloc() : memref<64xf32>\n"
      "affine.for %i = 0 to 64 {\n%x = affine.load %a[%i] : memref<64xf32>\n"
      "%y = arith.divf %x, %x : f32\naffine.store %y, %p[%i] : memref<64xf32>\n}\n"
      "affine.for %i = 0 to 64 {\n%x = affine.load %p[%i] : memref<64xf32>\n"
      "%y = arith.mulf %x, %x : f32\naffine.store %y, %q[%i] : memref<64xf32>\n}\n"
      "affine.for %i = 0 to 64 {\n%x = affine.load %a[%i] : memref<64xf32>\n"
      "%y = arith.addf %x, %x : f32\naffine.store %y, %c[%i] : memref<64xf32>\n}\n"
      "memref.dealloc %p : memref<64xf32>\nmemref.dealloc %q : memref<64xf32>\nreturn\n}\n");
  ASSERT_EQ(f.nest.steps.size(), 1u);
  EXPECT_EQ(f.nest.steps[0].work, Work::add);
  EXPECT_EQ(f.nest.accesses.size(), 2u);
}

TEST(MlirDead, SumsOfWholeNumbersThatCancel) {
  const auto steps = [](const std::string& expression, const std::string& type) {
    return Function(
               fmt::format("func.func @f(%a: memref<64x{1}>, %b: memref<64x{1}>, %c: memref<64x{1}>) {{\n"
                           "affine.for %i = 0 to 64 {{\n%x = affine.load %a[%i] : memref<64x{1}>\n"
                           "%y = affine.load %b[%i] : memref<64x{1}>\n{0}"
                           "affine.store %r, %c[%i] : memref<64x{1}>\n}}\nreturn\n}}\n",
                           expression, type))
        .nest.steps.size();
  };
  EXPECT_EQ(steps("%p = arith.addi %x, %y : i32\n%r = arith.subi %p, %y : i32\n", "i32"), 0u);
  EXPECT_EQ(steps("%p = arith.addi %x, %y : i32\n%r = arith.subi %p, %x : i32\n", "i32"), 0u);
  EXPECT_EQ(steps("%p = arith.subi %x, %y : i32\n%r = arith.subi %x, %p : i32\n", "i32"), 0u);
  EXPECT_EQ(steps("%p = arith.subi %x, %y : i32\n%r = arith.addi %p, %y : i32\n", "i32"), 0u);
  EXPECT_EQ(steps("%p = arith.subi %x, %y : i32\n%r = arith.addi %y, %p : i32\n", "i32"), 0u);
  EXPECT_EQ(steps("%p = arith.subi %x, %y : i32\n%r = arith.addi %p, %x : i32\n", "i32"), 2u);
  EXPECT_EQ(steps("%p = arith.addf %x, %y : f32\n%r = arith.subf %p, %y : f32\n", "f32"), 2u)
      << "reals are rounded";
}

TEST(MlirDead, WhatIsUsedInABlockThatIsWrittenBefore) {
  // Only ^use, written before ^make, needs what that computes; nothing needs %z.
  const Function f(
      "func.func @f(%a: memref<64xf32>, %b: memref<64xf32>, %i: index) {\ncf.br ^make\n"
      "^use:\nmemref.store %y, %b[%i] : memref<64xf32>\nreturn\n"
      "^make:\n%x = memref.load %a[%i] : memref<64xf32>\n%y = math.exp %x : f32\n"
      "%z = arith.divf %x, %x : f32\ncf.br ^use\n}\n");
  const auto does = [&](Work work) {
    return std::ranges::count_if(f.nest.steps, [&](const auto& step) { return step.work == work; });
  };
  EXPECT_EQ(does(Work::transcendental), 1);
  EXPECT_EQ(does(Work::divide), 0);
  EXPECT_EQ(f.nest.accesses.size(), 2u);
}

}  // namespace
}  // namespace hone::cost::mlir
