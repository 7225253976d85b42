// How often loops run whose steps and sizes vary, and that run very often.
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"

namespace hone::cost::mlir {
namespace {

const std::string kAdd =
    "%x = memref.load %a[%j] : memref<1000xf32>\n%y = arith.addf %x, %x : f32\n"
    "memref.store %y, %a[%j] : memref<1000xf32>\n";

Features of(const std::string& body) {
  return features_in(
      "func.func @f(%a: memref<1000xf32>) {\n%c0 = arith.constant 0 : index\n%c1 = arith.constant 1 : index\n"
      "%n = arith.constant 1000 : index\n%zero = arith.constant 0.0 : f32\n" +
      body + "return\n}\n");
}

TEST(MlirCounts, StepsThatVary) {
  // 1,000 / i, rounded up, for each i from 200 on: 2,084.
  const Features varies =
      of("%first = arith.constant 200 : index\nscf.for %i = %first to %n step %c1 {\n"
         "scf.for %j = %c0 to %n step %i {\n" +
         kAdd + "}\n}\n");
  EXPECT_NEAR(varies.at("flops"), 2084.0, 60.0);
  EXPECT_NEAR(varies.loops.at(1).trips, 2.6, 0.1);
}

TEST(MlirCounts, SizesThatBuffersAreMadeWith) {
  const Features filled =
      of("scf.for %i = %c0 to %n step %c1 {\n%m = memref.alloc(%i) : memref<?xf32>\n"
         "linalg.fill ins(%zero : f32) outs(%m : memref<?xf32>)\nmemref.dealloc %m : memref<?xf32>\n}\n");
  EXPECT_NEAR(filled.at("store_count"), 499500.0, 1000.0);
}

TEST(MlirCounts, BeyondAllThatRuns) {
  const auto loops = [](double first, double second) {
    return of(fmt::format("affine.for %i = 0 to {:.0f} {{\naffine.for %j = 0 to {:.0f} {{\n{}}}\n}}\n", first,
                          second, kAdd));
  };
  for (const double first : {1e15, 5e16, 1e18}) {
    const Features twice = loops(first, 1000.0);
    EXPECT_DOUBLE_EQ(twice.at("flops"), first * 1000.0);
    EXPECT_DOUBLE_EQ(twice.loops.at(1).trips, 1000.0);
    EXPECT_DOUBLE_EQ(twice.loops.at(1).entries, first);
  }
  std::string deep = kAdd;
  for (int i = 0; i < 64; ++i)
    deep = fmt::format("affine.for %{} = 0 to 3 {{\n{}}}\n", i == 0 ? "j" : fmt::format("i{}", i), deep);
  const Features many = of(deep);
  EXPECT_NEAR(many.at("flops") / 3.4336838202925e30, 1.0, 1e-9);
  EXPECT_DOUBLE_EQ(many.loops.back().trips, 3.0);
  // What no double has room for ends somewhere.
  std::string most = kAdd;
  for (int i = 0; i < 20; ++i)
    most = fmt::format("affine.for %{} = 0 to 1000000000000000000 {{\n{}}}\n",
                       i == 0 ? "j" : fmt::format("i{}", i), most);
  const Features beyond = of(most);
  EXPECT_DOUBLE_EQ(beyond.at("flops"), Nest::kMost);
  EXPECT_DOUBLE_EQ(beyond.loops.back().trips, 1e18);
}

}  // namespace
}  // namespace hone::cost::mlir
