// Lines that loops fetch, where what is touched is no rectangle or several iterations run at once.
#include "hone/cost/mlir/reuse.h"

#include <array>

#include <gtest/gtest.h>

#include "function.h"

namespace hone::cost::mlir {
namespace {

TEST(MlirReuse, ADiagonalIsNoSquare) {
  const Module module = parse(
      "func.func @f(%a: memref<256x256xf32>) {\n%z = arith.constant 0.0 : f32\n"
      "affine.for %i = 0 to 256 {\naffine.store %z, %a[%i, %i] : memref<256x256xf32>\n}\nreturn\n}\n");
  const Nest nest = mlir::nest(module, module.functions().at(0));
  EXPECT_NEAR(Reuse(nest).working_set(-1), 256.0 * 64.0, 64.0) << "a line of each row";
  EXPECT_NEAR(Reuse(nest, 4096.0).working_set(-1), 262144.0, 4096.0) << "but all pages";
}

TEST(MlirReuse, RemaindersOfATriangleTouchFewLines) {
  // The last one to four elements of each row up to the diagonal: the rest of what goes in steps of four.
  const Module module = parse(
      "func.func @f(%a: memref<1024x1024xf32>) {\n%z = arith.constant 0.0 : f32\n"
      "affine.for %i = 0 to 1024 {\n"
      "affine.for %j = affine_map<(d0) -> ((d0 floordiv 4) * 4)>(%i) to affine_map<(d0) -> (d0 + 1)>(%i) {\n"
      "affine.store %z, %a[%i, %j] : memref<1024x1024xf32>\n}\n}\nreturn\n}\n");
  const Nest nest = mlir::nest(module, module.functions().at(0));
  EXPECT_LT(Reuse(nest).traffic(32768.0), 2.0 * 64.0 * 3.0 * 1024.0);
  EXPECT_GE(Reuse(nest).traffic(32768.0), 2.0 * 64.0 * 1024.0);
}

TEST(MlirReuse, RowsThatCrowdACacheAreFetchedByTheVector) {
  // 32 rows 64 KiB apart lie in one set of a cache: a line for each element as they come one by one, one for
  // eight neighbours that are loaded at once.
  const Module module = parse(
      "func.func @f(%a: memref<32x64x256xf32>, %b: memref<64x256x32xf32>) {\n"
      "affine.for %i = 0 to 64 {\naffine.for %j = 0 to 256 {\naffine.for %k = 0 to 32 {\n"
      "%x = affine.load %a[%k, %i, %j] : memref<32x64x256xf32>\n"
      "affine.store %x, %b[%i, %j, %k] : memref<64x256x32xf32>\n}\n}\n}\nreturn\n}\n");
  const Nest nest = mlir::nest(module, module.functions().at(0));
  const double elements = 64.0 * 256.0 * 32.0, stored = 2.0 * 4.0 * elements;
  const std::array<Reuse::AtOnce, 3> at_once = {{{}, {}, {.loop = 1, .iterations = 8.0}}};
  const auto sum = [](const std::vector<double>& parts) {
    double all = 0.0;
    for (const double part : parts) all += part;
    return all;
  };
  const Reuse reuse(nest);
  EXPECT_NEAR(sum(reuse.traffic_by_loop(32768.0)), 64.0 * elements + stored, 0.02 * 64.0 * elements);
  EXPECT_NEAR(sum(reuse.traffic_by_loop(32768.0, at_once)), 64.0 * elements / 8.0 + stored,
              0.02 * 64.0 * elements);
}

}  // namespace
}  // namespace hone::cost::mlir
