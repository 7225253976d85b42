// What LLVM 19 counts of a loop before it writes it out, looked up in what its cost estimator says of the
// loops of such functions at that point of its pipeline, and what it makes of calls for the lanes of a
// vector.
#include "hone/cost/mlir/addresses.h"

#include <cmath>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"
#include "hone/cost/mlir/lowered.h"
#include "hone/cost/mlir/price.h"
#include "hone/cost/mlir/text.h"

namespace hone::cost::mlir {
namespace {

struct Addressed : LoweredFunction {
  explicit Addressed(const std::string& text) : LoweredFunction(text, kWithMasks) {}
  AddressCode code() const {
    std::vector<int> all;
    for (std::size_t i = 0; i < nest.accesses.size(); ++i) all.push_back(static_cast<int>(i));
    return {nest, all};
  }
  AddressCode::Of of(int loop) const { return code().of(loop); }
  double size(int loop) const { return lowered.body(loop).size; }
};

/// out[i, j] += x[k, i] * y[k, j]
std::string transposed(int i, int j, int k) {
  return fmt::format(R"(
func.func @f(%x: memref<{2}x{0}xf32>, %y: memref<{2}x{1}xf32>, %out: memref<{0}x{1}xf32>) {{
  affine.for %i = 0 to {0} {{
    affine.for %j = 0 to {1} {{
      affine.for %k = 0 to {2} {{
        %a = affine.load %x[%k, %i] : memref<{2}x{0}xf32>
        %b = affine.load %y[%k, %j] : memref<{2}x{1}xf32>
        %p = arith.mulf %a, %b : f32
        %s = affine.load %out[%i, %j] : memref<{0}x{1}xf32>
        %n = arith.addf %s, %p : f32
        affine.store %n, %out[%i, %j] : memref<{0}x{1}xf32>
      }}
    }}
  }}
  return
}})",
                     i, j, k);
}

/// y[i, j] = f(x[i, j + 0]), ... of `count` copies written out, and what they are multiplied by.
std::string copied(int rows, int columns, int count, const std::string& operation) {
  std::string body;
  for (int c = 0; c < count; ++c)
    body += fmt::format(
        "%x{0} = affine.load %x[%i, %j + {0}] : memref<{1}x{2}xf32>\n"
        "%y{0} = {3} %x{0} : f32\n"
        "affine.store %y{0}, %y[%i, %j + {0}] : memref<{1}x{2}xf32>\n",
        c, rows, columns, operation);
  return fmt::format(
      "func.func @f(%x: memref<{0}x{1}xf32>, %y: memref<{0}x{1}xf32>) {{\n"
      "affine.for %i = 0 to {0} {{\naffine.for %j = 0 to {1} step {2} {{\n{3}}}\n}}\nreturn\n}}\n",
      rows, columns, count, body);
}

TEST(MlirAddresses, WhatOneAddressNeedsIsTheAddressesOwn) {
  const Addressed code(transposed(4, 21, 38));
  // k * 4 and k * 21; the rest is added by the addresses, though i < 4 has no bits in common with k * 4: that
  // LLVM does not know of variables that other loops stand inside of.
  EXPECT_EQ(code.of(2).own, 2.0);
  EXPECT_EQ(code.of(2).moving, 0.0);
  EXPECT_EQ(code.of(1).own + code.of(1).moving, 0.0);
  EXPECT_EQ(code.of(0).own, 1.0);
}

TEST(MlirAddresses, WhatTwoAddressesNeedIsASum) {
  const auto text = [](int columns) {
    return fmt::format(R"(
func.func @f(%x: memref<16x{0}xf32>, %y: memref<16x{0}xf32>) {{
  affine.for %i = 0 to 16 {{
    affine.for %j = 0 to {0} {{
      %a = affine.load %x[%i, %j] : memref<16x{0}xf32>
      affine.store %a, %y[%i, %j] : memref<16x{0}xf32>
    }}
  }}
  return
}})",
                       columns);
  };
  EXPECT_EQ(Addressed(text(136)).of(1).moving, 1.0);
  EXPECT_EQ(Addressed(text(136)).of(0).own, 1.0);
}

TEST(MlirAddresses, PartsWithoutCommonBitsAreOneInstructionEach) {
  // 64 columns: i * 64 | j, and j | 1 to j | 7; 53: an address adds i * 53.
  const Addressed bits(copied(31, 64, 8, "arith.negf")), sums(copied(31, 53 * 8, 8, "arith.negf"));
  EXPECT_EQ(bits.of(1).own, 7.0);
  EXPECT_EQ(bits.of(1).moving, 8.0);
  EXPECT_EQ(sums.of(1).own, 7.0);
  EXPECT_EQ(sums.of(1).moving, 8.0);  // of two buffers each
}

TEST(MlirAddresses, AConstantIsFoldedUnlessItIsInBetween) {
  const auto text = [](int columns) {
    return fmt::format(R"(
func.func @f(%x: memref<40x{0}xf32>, %y: memref<40xf32>) {{
  affine.for %i = 0 to 40 {{
    %a = affine.load %x[%i, 1] : memref<40x{0}xf32>
    %b = affine.load %x[%i, 2] : memref<40x{0}xf32>
    %s = arith.addf %a, %b : f32
    affine.store %s, %y[%i] : memref<40xf32>
  }}
  return
}})",
                       columns);
  };
  EXPECT_EQ(Addressed(text(16)).of(0).own, 3.0);  // i << 4, | 1, | 2
  EXPECT_EQ(Addressed(text(17)).of(0).own, 1.0);
}

TEST(MlirAddresses, LoopsAreAsLongAsTheCompilerSaysTheyAre) {
  // Two products of one matrix with vectors: 11, 23 and 29 instructions.
  const Addressed code(R"(
func.func @f(%x: memref<16x136xf32>, %v: memref<40x136xf32>, %a: memref<16x40xf32>, %w: memref<40x136xf32>,
             %b: memref<16x40xf32>) {
  affine.for %i = 0 to 16 {
    affine.for %j = 0 to 40 {
      affine.for %k = 0 to 136 {
        %0 = affine.load %v[%j, %k] : memref<40x136xf32>
        %1 = affine.load %x[%i, %k] : memref<16x136xf32>
        %2 = arith.mulf %1, %0 : f32
        %3 = affine.load %a[%i, %j] : memref<16x40xf32>
        %4 = arith.addf %3, %2 : f32
        affine.store %4, %a[%i, %j] : memref<16x40xf32>
        %5 = affine.load %w[%j, %k] : memref<40x136xf32>
        %6 = arith.mulf %1, %5 : f32
        %7 = affine.load %b[%i, %j] : memref<16x40xf32>
        %8 = arith.addf %7, %6 : f32
        affine.store %8, %b[%i, %j] : memref<16x40xf32>
      }
    }
  }
  return
})");
  EXPECT_EQ(code.size(2), 11.0);
  EXPECT_EQ(code.size(1), 23.0);
  EXPECT_EQ(code.size(0), 29.0);
}

TEST(MlirAddresses, LoopsWithCallsAreNotWrittenOutBeyondTheLimit) {
  // Seven iterations are more than the limit as they are, and less once they are simplified, but for calls.
  const Addressed plain(copied(31, 56, 8, "arith.negf")), calls(copied(31, 56, 8, "math.exp"));
  EXPECT_FALSE(plain.lowered.body(1).left);
  EXPECT_TRUE(calls.lowered.body(1).left);
}

TEST(MlirAddresses, BuffersOnTheHeapMayMeet) {
  const auto text = [](const std::string& first, const std::string& more) {
    return fmt::format(R"(
func.func @f(%in: memref<40x89xf32>{1}) {{
  {0}
  affine.for %i = 0 to 40 {{
    affine.for %j = 0 to 89 {{
      %0 = affine.load %in[%i, %j] : memref<40x89xf32>
      affine.store %0, %x[%i, %j] : memref<40x89xf32>
    }}
  }}
  affine.for %i = 0 to 40 {{
    affine.for %j = 0 to 89 {{
      %0 = affine.load %x[%i, %j] : memref<40x89xf32>
      %1 = affine.load %y[%i] : memref<40xf32>
      %2 = arith.addf %1, %0 : f32
      affine.store %2, %y[%i] : memref<40xf32>
    }}
  }}
  return
}})",
                       first, more);
  };
  const Addressed arguments(text("", ", %x: memref<40x89xf32>, %y: memref<40xf32>"));
  const Addressed heap(
      text("%x = memref.alloc() : memref<40x89xf32>\n%y = memref.alloc() : memref<40xf32>", ""));
  EXPECT_TRUE(heap.nest.meet(1, 2));
  EXPECT_FALSE(heap.nest.meet(0, 1));
  EXPECT_FALSE(arguments.nest.meet(1, 2));
  // The sum is in a register either way, but is stored where others may look.
  EXPECT_EQ(arguments.home(true, 2), 2);
  EXPECT_EQ(heap.home(true, 2), 3);
  EXPECT_EQ(heap.home(false, 2), 2);
  const Addressed stack(
      text("%x = memref.alloca() : memref<40x89xf32>\n%y = memref.alloca() : memref<40xf32>", ""));
  EXPECT_FALSE(stack.nest.meet(1, 2));
}

TEST(MlirAddresses, ViewsAreInTheMemoryOfWhatTheyAreViewsOf) {
  const Addressed code(R"(
memref.global "private" constant @table : memref<40xf32> = dense<1.0>
func.func @f(%x: memref<40x8xf32>, %p: i1) -> memref<40xf32> {
  %flat = memref.collapse_shape %x [[0, 1]] : memref<40x8xf32> into memref<320xf32>
  %table = memref.get_global @table : memref<40xf32>
  %a = memref.alloc() : memref<320xf32>
  %b = memref.expand_shape %a [[0, 1]] output_shape [40, 8] : memref<320xf32> into memref<40x8xf32>
  %y = memref.alloc() : memref<40xf32>
  %z = memref.cast %y : memref<40xf32> to memref<?xf32>
  %r = memref.cast %z : memref<?xf32> to memref<40xf32>
  affine.for %i = 0 to 40 {
    %0 = affine.load %x[%i, 0] : memref<40x8xf32>
    %1 = affine.load %flat[%i] : memref<320xf32>
    %2 = affine.load %table[%i] : memref<40xf32>
    %3 = affine.load %a[%i] : memref<320xf32>
    %4 = arith.addf %0, %1 : f32
    %5 = arith.addf %2, %3 : f32
    affine.store %4, %b[%i, 0] : memref<40x8xf32>
    affine.store %5, %y[%i] : memref<40xf32>
  }
  return %r : memref<40xf32>
})");
  // In the order in which they are loaded and stored.
  const auto buffer = [&](std::size_t access) { return code.nest.accesses.at(access).buffer; };
  const int x = buffer(0), flat = buffer(1), table = buffer(2), a = buffer(3), b = buffer(4), y = buffer(5);
  const auto heap = [&](int one) { return code.nest.buffers[static_cast<std::size_t>(one)].heap; };
  EXPECT_TRUE(code.nest.meet(x, flat));
  EXPECT_FALSE(heap(flat));
  EXPECT_FALSE(heap(table));
  EXPECT_FALSE(code.nest.meet(table, a));
  EXPECT_TRUE(heap(a) && heap(b));
  EXPECT_TRUE(code.nest.meet(a, b));
  EXPECT_FALSE(heap(y)) << "it is returned, by other names";
  EXPECT_FALSE(code.nest.meet(a, y));
}

TEST(MlirAddresses, WhatIsHandedToABlockIsNotReturned) {
  const Addressed code(R"(
func.func @f(%x: memref<40xf32>) {
  %a = memref.alloc() : memref<40xf32>
  affine.for %i = 0 to 40 {
    %0 = affine.load %x[%i] : memref<40xf32>
    affine.store %0, %a[%i] : memref<40xf32>
  }
  cf.br ^bb1(%a : memref<40xf32>)
^bb1(%b: memref<40xf32>):
  affine.for %i = 0 to 40 {
    %0 = affine.load %b[%i] : memref<40xf32>
    affine.store %0, %x[%i] : memref<40xf32>
  }
  return
})");
  EXPECT_TRUE(code.nest.buffers.at(static_cast<std::size_t>(code.nest.accesses.at(1).buffer)).heap);
}

/// `y`, rows of `x` scaled by an element of `s` that each row has; both are used elsewhere.
std::string scaled_by(const std::string& heap) {
  return fmt::format(R"(
func.func private @use(memref<40xf32>, memref<40x89xf32>)
func.func @f(%x: memref<40x89xf32>{1}) {{
  {0}
  affine.for %i = 0 to 40 {{
    affine.for %j = 0 to 89 {{
      %0 = affine.load %s[%i] : memref<40xf32>
      %1 = math.sqrt %0 : f32
      %2 = affine.load %x[%i, %j] : memref<40x89xf32>
      %3 = arith.mulf %1, %2 : f32
      affine.store %3, %y[%i, %j] : memref<40x89xf32>
    }}
  }}
  func.call @use(%s, %y) : (memref<40xf32>, memref<40x89xf32>) -> ()
  return
}})",
                     heap, heap.empty() ? ", %s: memref<40xf32>, %y: memref<40x89xf32>" : "");
}

TEST(MlirAddresses, WhatIsLoadedWhereOthersStoreIsNotTheSame) {
  const Addressed apart(scaled_by(""));
  const Addressed meet(
      scaled_by("%s = memref.alloc() : memref<40xf32>\n%y = memref.alloc() : memref<40x89xf32>"));
  EXPECT_EQ(apart.steps(Work::root, 0), 1.0);
  EXPECT_EQ(meet.steps(Work::root, 0), 0.0);
  EXPECT_EQ(meet.steps(Work::root, 1), 1.0) << "its argument may have changed";
}

TEST(MlirAddresses, AStoreThatAnotherLookedAtIsNotOverwritten) {
  const auto text = [](const std::string& heap, const std::string& load) {
    return fmt::format(R"(
func.func private @use(memref<40xf32>, memref<40xf32>)
func.func @f(%x: memref<40xf32>{1}) {{
  {0}
  affine.for %i = 0 to 40 {{
    %0 = affine.load %x[%i] : memref<40xf32>
    affine.store %0, %a[%i] : memref<40xf32>
    %1 = affine.load {2} : memref<40xf32>
    affine.store %1, %a[%i] : memref<40xf32>
  }}
  func.call @use(%a, %b) : (memref<40xf32>, memref<40xf32>) -> ()
  return
}})",
                       heap, heap.empty() ? ", %a: memref<40xf32>, %b: memref<40xf32>" : "", load);
  };
  const auto stores = [](const Addressed& code) {
    return code.count(
        [&](const Lowered::Item& item) { return code.access(item) != nullptr && code.access(item)->store; });
  };
  const std::string heap = "%a = memref.alloc() : memref<40xf32>\n%b = memref.alloc() : memref<40xf32>";
  EXPECT_EQ(stores(Addressed(text("", "%b[%i]"))), 1.0);
  EXPECT_EQ(stores(Addressed(text(heap, "%b[%i]"))), 2.0);
  EXPECT_EQ(stores(Addressed(text("", "%a[39 - %i]"))), 2.0) << "its own, at another place";
  EXPECT_EQ(stores(Addressed(text("", "%a[%i - 1]"))), 1.0) << "never the same place";
}

TEST(MlirAddresses, ManyBuffersOnTheHeapAreLikeFew) {
  const auto code = [](int others) {
    std::string made, used;
    for (int b = 0; b < others; ++b) {
      made += fmt::format("%b{0} = memref.alloc() : memref<40xf32>\n", b);
      used += fmt::format(
          "%v{0} = affine.load %b{0}[0] : memref<40xf32>\n"
          "affine.store %v{0}, %b{0}[1] : memref<40xf32>\n",
          b);
    }
    return Addressed(fmt::format(R"(
func.func @f(%x: memref<4000xf32>) {{
  {0}%s = memref.alloc() : memref<40xf32>
  {1}affine.for %i = 0 to 4000 {{
    %0 = affine.load %s[0] : memref<40xf32>
    %1 = affine.load %x[%i] : memref<4000xf32>
    %2 = arith.addf %0, %1 : f32
    affine.store %2, %s[0] : memref<40xf32>
  }}
  return
}})",
                                 made, used));
  };
  for (const int others : {2, 62, 63, 64, 100}) {
    const Addressed one = code(others);
    const int sum = one.nest.accesses.at(static_cast<std::size_t>(2 * others)).buffer;
    EXPECT_EQ(one.home(true, sum), -1) << others << " others, of which the loop uses none";
    EXPECT_EQ(one.home(false, sum), -1);
  }
}

TEST(MlirAddresses, StridesThatAreKnownWhenItRuns) {
  const auto text = [](const std::string& type, const std::string& bounds) {
    return fmt::format(R"(
func.func @f(%x: {0}, %y: {0}, %n: index) {{
  affine.for %i = 0 to 40 {{
    affine.for %j = {1} to 64 {{
      %0 = affine.load %x[%i, %j] : {0}
      affine.store %0, %y[%i, %j] : {0}
    }}
  }}
  return
}})",
                       type, bounds);
  };
  const Addressed fixed(text("memref<40x64xf32>", "0")), open(text("memref<40x?xf32>", "0"));
  EXPECT_EQ(fixed.of(0).own, 1.0);  // i * 64 for both
  EXPECT_EQ(open.of(0).own, 0.0);
  EXPECT_EQ(open.of(0).moving, 2.0);  // each its own product
  EXPECT_EQ(open.of(1).own + open.of(1).moving, 0.0);
  EXPECT_FALSE(open.code().constant(1, 0)) << "a place in a copy";
  // Where the row begins at an argument it has bits in common with i * 64: a sum, which addresses share.
  const Addressed even(text("memref<40x64xf32>", "0")), begun(text("memref<40x64xf32>", "%n"));
  EXPECT_EQ(even.of(1).moving, 1.0);
  EXPECT_EQ(begun.of(1).moving, 1.0);
  EXPECT_FALSE(begun.nest.loops[1].first.offset == 0);
}

TEST(MlirAddresses, ScatteredStoresAreNotAtConstantsInACopy) {
  const Addressed code(R"(
func.func @f(%p: memref<40xindex>, %x: memref<40xf32>, %y: memref<4000xf32>) {
  affine.for %i = 0 to 40 {
    %at = affine.load %p[%i] : memref<40xindex>
    %0 = affine.load %x[%i] : memref<40xf32>
    %1 = arith.negf %0 : f32
    memref.store %0, %y[%at] : memref<4000xf32>
    affine.store %1, %x[%i] : memref<40xf32>
  }
  return
})");
  const auto number = [&](int buffer, bool store) {
    for (std::size_t i = 0; i < code.nest.accesses.size(); ++i)
      if (code.nest.accesses[i].buffer == buffer && code.nest.accesses[i].store == store)
        return static_cast<int>(i);
    return -1;
  };
  const int scattered = number(code.nest.accesses.at(2).buffer, true);
  const int in_order = number(code.nest.accesses.at(1).buffer, true);
  EXPECT_FALSE(code.code().constant(scattered, 0));
  EXPECT_TRUE(code.code().constant(in_order, 0));
  EXPECT_FALSE(code.code().constant(in_order, -1));
}

TEST(MlirAddresses, IndicesOfWhichNothingIsKnownAreAllDifferent) {
  // Two divisions of one place: neither index is the other's, nor what is plain.
  const Addressed code(R"(
func.func @f(%p: memref<40xindex>, %x: memref<4000xf32>, %y: memref<4000xf32>) {
  affine.for %i = 0 to 40 {
    %a = affine.load %p[%i] : memref<40xindex>
    %b = affine.load %p[%i + 1] : memref<40xindex>
    %s = arith.addi %a, %b : index
    %t = arith.addi %s, %i : index
    %0 = memref.load %x[%t] : memref<4000xf32>
    memref.store %0, %y[%t] : memref<4000xf32>
  }
  return
})");
  EXPECT_EQ(code.nest.accesses.at(2).indices.at(0).unknown, Nest::kNoValue);
  EXPECT_FALSE(code.code().constant(3, 0));
}

TEST(MlirAddresses, PartsThatAreTakenApartAgainAreProductsInTheLoop) {
  // Eight channels, which have no bits in common with the rest of the place: of it the invariant parts are
  // summed outside, and each is a product in the innermost loop after that.
  const Addressed code(R"(
func.func @f(%x: memref<20x132x8xi32>, %w: memref<5x5x8xi32>, %y: memref<16x128x8xi32>) {
  affine.for %i = 0 to 16 {
    affine.for %j = 0 to 128 {
      affine.for %k = 0 to 5 {
        affine.for %l = 0 to 5 {
          affine.for %c = 0 to 8 {
            %0 = affine.load %w[%k, %l, %c] : memref<5x5x8xi32>
            %1 = affine.load %x[%i + %k, %j + %l, %c] : memref<20x132x8xi32>
            %2 = arith.muli %1, %0 : i32
            %3 = affine.load %y[%i, %j, %c] : memref<16x128x8xi32>
            %4 = arith.addi %3, %2 : i32
            affine.store %4, %y[%i, %j, %c] : memref<16x128x8xi32>
          }
        }
      }
    }
  }
  return
})");
  EXPECT_GE(code.code().products(4).size(), 6U);
  EXPECT_EQ(code.size(4), 16.0);
  EXPECT_FALSE(code.lowered.body(4).left);
  EXPECT_FALSE(code.lowered.body(3).left) << "what does not move counts in one copy";
  EXPECT_TRUE(code.lowered.body(2).left);
}

TEST(MlirAddresses, TheVariableOfALoopThatGoesRoundOnceIsAConstant) {
  const auto text = [](const std::string& inner) {
    return fmt::format(R"(
func.func @f(%x: memref<40x17x8xf32>, %y: memref<40x17x8xf32>) {{
  affine.for %i = 0 to 40 {{
    affine.for %j = 0 to 17 {{
      {0}
    }}
  }}
  return
}})",
                       inner);
  };
  const Addressed loop(
      text("affine.for %c = 3 to 8 step 16 {\n"
           "%0 = affine.load %x[%i, %j, %c] : memref<40x17x8xf32>\n"
           "%1 = arith.negf %0 : f32\n"
           "affine.store %1, %y[%i, %j, %c] : memref<40x17x8xf32>\n}\n"));
  const Addressed constant(
      text("%0 = affine.load %x[%i, %j, 3] : memref<40x17x8xf32>\n"
           "%1 = arith.negf %0 : f32\n"
           "affine.store %1, %y[%i, %j, 3] : memref<40x17x8xf32>\n"));
  for (const int one : {0, 1}) {
    EXPECT_EQ(loop.of(one).own, constant.of(one).own);
    EXPECT_EQ(loop.of(one).moving, constant.of(one).moving);
  }
}

TEST(MlirAddresses, ArgumentsThatEnterAnIndexTellPlacesApart) {
  const auto code = [](const std::string& load, const std::string& store) {
    return Addressed(fmt::format(R"(
func.func @f(%x: memref<4000xf32>, %n: index, %m: index) {{
  %q = arith.divui %n, %m : index
  %r = arith.remui %n, %m : index
  affine.for %i = 0 to 1000 {{
    %0 = affine.load %x[{0}] : memref<4000xf32>
    %1 = arith.negf %0 : f32
    affine.store %1, %x[{1}] : memref<4000xf32>
  }}
  return
}})",
                                 load, store));
  };
  EXPECT_FALSE(code("%i", "%i").lowered.body(0).checks);
  EXPECT_GT(code("%i", "%i").lowered.body(0).lanes, 1.0);
  EXPECT_TRUE(code("%i + symbol(%n)", "%i").lowered.body(0).checks);
  EXPECT_FALSE(code("%i + symbol(%n)", "%i + symbol(%n)").lowered.body(0).checks);
  EXPECT_TRUE(code("%i + symbol(%q)", "%i + symbol(%r)").lowered.body(0).checks) << "a quotient, a remainder";
  EXPECT_FALSE(code("%i + symbol(%q)", "%i + symbol(%q)").lowered.body(0).checks);
}

TEST(MlirAddresses, HugeFactorsAreNumbers) {
  const Addressed code(R"(
func.func @f(%x: memref<?xf32>, %n: index) {
  %c = arith.constant 9223372036854775807 : index
  affine.for %i = 0 to 10 {
    %p = arith.muli %i, %c : index
    %q = arith.muli %p, %c : index
    %r = arith.muli %n, %c : index
    %s = arith.muli %r, %c : index
    %0 = memref.load %x[%q] : memref<?xf32>
    memref.store %0, %x[%s] : memref<?xf32>
  }
  return
})");
  EXPECT_TRUE(std::isfinite(code.of(0).own + code.of(0).moving));
}

TEST(MlirAddresses, WhatEntersABlockInALoopIsNotTheSameAllThroughTheFunction) {
  const Addressed code(R"(
#row = affine_map<(d0) -> (d0)>
func.func @f(%p: tensor<1000xindex>, %x: tensor<4000xf32>, %y: tensor<1000xf32>) -> tensor<1000xf32> {
  %0 = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]}
      ins(%p : tensor<1000xindex>) outs(%y : tensor<1000xf32>) {
  ^bb0(%in: index, %out: f32):
    %1 = tensor.extract %x[%in] : tensor<4000xf32>
    linalg.yield %1 : f32
  } -> tensor<1000xf32>
  return %0 : tensor<1000xf32>
})");
  double gathered = 0.0;
  for (const Lowered::Item& item : code.lowered.items)
    if (code.access(item) != nullptr && !code.access(item)->store && item.home == -1) gathered += 1.0;
  EXPECT_EQ(gathered, 0.0) << "no load moves out of the loop";
}

TEST(MlirAddresses, AGlobalIsOneMemoryHoweverOftenItIsAskedFor) {
  const Addressed code(R"(
memref.global "private" @g : memref<40xf32> = dense<1.0>
func.func @f(%x: memref<40xf32>) {
  %a = memref.get_global @g : memref<40xf32>
  %b = memref.get_global @g : memref<40xf32>
  affine.for %i = 0 to 40 {
    %0 = affine.load %a[%i] : memref<40xf32>
    affine.store %0, %x[%i] : memref<40xf32>
    affine.store %0, %b[%i] : memref<40xf32>
  }
  return
})");
  EXPECT_TRUE(code.nest.meet(code.nest.accesses.at(0).buffer, code.nest.accesses.at(2).buffer));
}

TEST(MlirAddresses, WhatMovesBesideALoadedPartIsMultipliedWhereItMoves) {
  const Addressed code(R"(
func.func @f(%p: memref<40xindex>, %x: memref<400x53xf32>, %y: memref<40x30x50xf32>) {
  affine.for %j = 0 to 40 {
    %at = affine.load %p[%j] : memref<40xindex>
    affine.for %i = 0 to 30 {
      affine.for %k = 0 to 50 {
        %row = arith.addi %at, %i : index
        %0 = memref.load %x[%row, %k] : memref<400x53xf32>
        affine.store %0, %y[%j, %i, %k] : memref<40x30x50xf32>
      }
    }
  }
  return
})");
  AddressCode only(code.nest, {1});
  ASSERT_EQ(code.nest.accesses.at(1).indices.size(), 2U);
  EXPECT_EQ(only.of(1).moving, 1.0) << "(p[j] + i) * 53";
  EXPECT_EQ(only.of(0).moving, 0.0);
}

TEST(MlirCalls, LanesAreCalledForOneByOne) {
  Nest::Step step;
  step.uses = {0};
  const auto calls = [&](double lanes, int bits) {
    step.bits = bits;
    return calls_of(lanes, step, kWithMasks);
  };
  EXPECT_EQ(calls(1.0, 32).moves, 0.0);
  EXPECT_EQ(calls(4.0, 32).instructions, 17.0);
  EXPECT_EQ(calls(4.0, 32).moves, 10.0);
  EXPECT_EQ(calls(8.0, 32).instructions, 40.0);
  EXPECT_EQ(calls(8.0, 32).moves, 23.0);
  EXPECT_EQ(calls(2.0, 64).instructions, 7.0);
  EXPECT_EQ(calls(2.0, 64).moves, 4.0);
  EXPECT_EQ(calls(4.0, 64).instructions, 20.0);
  EXPECT_EQ(calls(4.0, 64).moves, 11.0);
  EXPECT_EQ(calls(16.0, 32).moves, 46.0);
}

TEST(MlirCalls, TheirMovesAreSpills) {
  const Addressed code(R"(
func.func @f(%x: memref<4096xf32>) {
  affine.for %i = 0 to 4096 {
    %0 = affine.load %x[%i] : memref<4096xf32>
    %1 = math.exp %0 : f32
    affine.store %1, %x[%i] : memref<4096xf32>
  }
  return
})");
  ASSERT_EQ(code.lowered.body(0).lanes, 8.0);
  EXPECT_GE(code.lowered.body(0).spills, 23.0);
  EXPECT_LE(code.lowered.body(0).spills, 26.0);
}

TEST(MlirCalls, AreMadeForEveryVectorOfWhatIsInterleaved) {
  const auto spills = [](int buffers) {
    std::string arguments, body;
    for (int b = 0; b < buffers; ++b) arguments += fmt::format(", %y{}: memref<4096xf32>", b);
    return Addressed(fmt::format(R"(
func.func @f(%x: memref<4096xf32>{0}) {{
  affine.for %i = 0 to 4096 {{
    %0 = affine.load %x[%i] : memref<4096xf32>
    %1 = math.exp %0 : f32
    affine.store %1, %x[%i] : memref<4096xf32>
  }}
  return
}})",
                                 arguments));
  };
  const Addressed code = spills(0);
  const Lowered::Body& body = code.lowered.body(0);
  EXPECT_GE(body.spills, 23.0 * body.interleave);
}

}  // namespace
}  // namespace hone::cost::mlir
