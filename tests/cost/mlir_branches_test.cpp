// How often branches are taken whose conditions loops alone decide.
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/cost/mlir_features.h"
#include "tests/cost/mlir_function.h"

namespace hone::cost::mlir {
namespace {

/// The part of 64 * 100 iterations in which a branch runs; `condition` is what stands before its body.
double part_of_iterations(const std::string& condition) {
  const Module module = parse(
      "func.func @f(%a: memref<64x100xf32>, %m: index) {\naffine.for %i = 0 to 64 {\n"
      "affine.for %j = 0 to 100 {\n%c3 = arith.constant 3 : index\n%c9 = arith.constant 9 : index\n"
      "%m1 = arith.constant -1 : index\n" +
      condition +
      " {\n%x = affine.load %a[%i, %j] : memref<64x100xf32>\n%y = math.exp %x : f32\n"
      "affine.store %y, %a[%i, %j] : memref<64x100xf32>\n}\n}\n}\nreturn\n}\n");
  return features(module, module.functions().at(0)).at("transcendental_count") / 6400.0;
}

TEST(MlirBranches, AConditionThatIsNamedTwiceCountsOnce) {
  const std::string first = "%p0 = arith.cmpi slt, %i, %c3 : index\n";
  EXPECT_DOUBLE_EQ(part_of_iterations(first + "%p1 = arith.andi %p0, %p0 : i1\nscf.if %p1"), 3.0 / 64.0);
  // Written out this one has 2^60 comparisons.
  std::string chain = first;
  for (int i = 0; i < 60; ++i) chain += fmt::format("%p{0} = arith.andi %p{1}, %p{1} : i1\n", i + 1, i);
  EXPECT_DOUBLE_EQ(part_of_iterations(chain + "scf.if %p60"), 3.0 / 64.0);
  // Of too many nothing is known.
  for (int i = 60; i < 200; ++i) chain += fmt::format("%p{0} = arith.andi %p{1}, %p{1} : i1\n", i + 1, i);
  EXPECT_EQ(part_of_iterations(chain + "scf.if %p200"), 0.5);
}

}  // namespace
}  // namespace hone::cost::mlir
