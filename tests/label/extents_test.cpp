// What numbers are given to arguments that bound loops.
#include <fmt/format.h>

#include "label_fixture.h"

namespace hone::label {
namespace {

// n bounds loops along rows of 40 and, with 3 added, columns of 30; m one loop of scf; k none.
const char* const kBounded = R"(
func.func @bounded(%a: memref<40x30xf32>, %n: index, %m: index, %k: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  affine.for %i = 0 to %n {
    affine.for %j = 0 to %n {
      %0 = affine.load %a[%i, %j + 3] : memref<40x30xf32>
      %1 = arith.addf %0, %0 : f32
      affine.store %1, %a[%i, %j + 3] : memref<40x30xf32>
    }
  }
  scf.for %i = %c0 to %m step %c1 {
    %0 = memref.load %a[%i, %c0] : memref<40x30xf32>
    memref.store %0, %a[%i, %c1] : memref<40x30xf32>
  }
  return
}
)";

TEST_F(Label, BoundsGoAsFarAsBuffersDo) {
  const auto program = backend().compile(frontend().lower(kBounded));
  const auto& arguments = program->arguments();
  ASSERT_EQ(arguments.size(), 4u);
  EXPECT_EQ(arguments[1].extent, 27);
  EXPECT_EQ(arguments[2].extent, 40);
  EXPECT_EQ(arguments[3].extent, 0);
  EXPECT_EQ(extents_text(arguments), "argument 2 is 27, argument 3 is 40");
  const Memory memory(arguments, 1);
  EXPECT_EQ(*static_cast<const std::int64_t*>(memory.pointers()[1]), 27);
  EXPECT_EQ(*static_cast<const std::int64_t*>(memory.pointers()[2]), 40);
  EXPECT_LE(*static_cast<const std::int64_t*>(memory.pointers()[3]), 16);
}

}  // namespace
}  // namespace hone::label
