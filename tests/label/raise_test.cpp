// Loops as people and compilers write them become nests that can be reordered.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "hone/label/loops.h"
#include "label_fixture.h"

namespace hone::label {
namespace {

struct Shape {
  const char* name;
  std::string text;
  /// The original loops in another order, innermost last, of the nest that matters.
  std::vector<int> order;
};

class Raised : public Label {
 protected:
  /// Some nest after preparation has that order among its choices; whatever its choices, the results are the
  /// same bit for bit.
  static void check(const Shape& shape) {
    const std::string affine = frontend().to_affine(shape.text, shape.name);
    Preparation preparation;
    preparation.to_memory = preparation.distribute = true;
    const std::string prepared = prepare_loops(frontend(), affine, preparation, shape.name);
    const auto nests = nests_of(frontend(), prepared);
    std::vector<std::vector<cost::NestChoice>> all;
    bool found = false;
    std::size_t most = 0;
    for (const auto& nest : nests) {
      all.push_back(cost::nest_choices(nest, cost::NestMachine{}));
      most = std::max(most, all.back().size());
      found = found || std::any_of(all.back().begin(), all.back().end(),
                                   [&](const auto& choice) { return choice.order == shape.order; });
    }
    EXPECT_TRUE(found) << shape.name << "\n" << prepared;
    for (std::size_t draw = 0; draw < 4; ++draw) {
      std::vector<cost::NestChoice> choices;
      for (const auto& some : all) choices.push_back(some[draw * (some.size() - 1) / 3]);
      const std::string text = transform_nests(frontend(), prepared, choices, shape.name);
      EXPECT_EQ(difference(shape.text, text), 0.0) << shape.name << "\n" << text;
    }
  }
};

TEST_F(Raised, LoadsAndArithmeticBetweenLoops) {
  check({"hoisted",
         R"(
func.func @hoisted(%a: memref<25x26xf64>, %b: memref<26x27xf64>, %c: memref<25x27xf64>) {
  affine.for %j = 0 to 27 {
    affine.for %k = 0 to 26 {
      %0 = affine.load %b[%k, %j] : memref<26x27xf64>
      %1 = arith.mulf %0, %0 : f64
      affine.for %i = 0 to 25 {
        %2 = affine.load %a[%i, %k] : memref<25x26xf64>
        %3 = affine.load %c[%i, %j] : memref<25x27xf64>
        %4 = arith.mulf %2, %1 : f64
        %5 = arith.addf %3, %4 : f64
        affine.store %5, %c[%i, %j] : memref<25x27xf64>
      }
    }
  }
  return
}
)",
         {2, 1, 0}});
  // From the outermost loop through two others.
  check({"sunk",
         R"(
func.func @sunk(%a: memref<12x13x14xf32>, %v: memref<12xf32>) {
  affine.for %i = 0 to 12 {
    %0 = affine.load %v[%i] : memref<12xf32>
    affine.for %j = 0 to 13 {
      affine.for %k = 0 to 14 {
        %1 = affine.load %a[%i, %j, %k] : memref<12x13x14xf32>
        %2 = arith.addf %0, %1 : f32
        affine.store %2, %a[%i, %j, %k] : memref<12x13x14xf32>
      }
    }
  }
  return
}
)",
         {2, 0, 1}});
}

// %v[%i] is an element that the inner loop stores to: once it is loaded anew each time, it is another.
TEST_F(Raised, WhatALoopStoresToIsNotLoadedWithinIt) {
  const std::string text = R"(
func.func @kept(%a: memref<12x12xf64>, %v: memref<12xf64>) {
  affine.for %i = 0 to 12 {
    %0 = affine.load %v[%i] : memref<12xf64>
    affine.for %j = 0 to 12 {
      %1 = affine.load %a[%i, %j] : memref<12x12xf64>
      %2 = arith.addf %0, %1 : f64
      affine.store %2, %v[%j] : memref<12xf64>
    }
  }
  return
}
)";
  Preparation preparation;
  preparation.to_memory = preparation.distribute = true;
  const std::string prepared = prepare_loops(frontend(), text, preparation);
  EXPECT_EQ(difference(text, prepared), 0.0) << prepared;
  for (const auto& nest : nests_of(frontend(), prepared)) EXPECT_EQ(nest.loops.size(), 1u) << prepared;
}

// What is loaded between a sum and its store, through a view of the buffer that it is stored to, is what was
// there before.
TEST_F(Raised, ASumIsNotInABufferThatAViewLooksAt) {
  const char* const body = R"(
  %zero = arith.constant 0.0 : f64
  affine.for %i = 0 to 4 {
    %s = affine.for %j = 0 to 3 iter_args(%c = %zero) -> (f64) {
      %t = affine.load %b[%j, %i] : memref<5x5xf64>
      %u = arith.addf %c, %t : f64
      affine.yield %u : f64
    }
)";
  const std::string start =
      std::string(
          "func.func @seen(%a: memref<6x5xf64>, %b: memref<5x5xf64>, %y: memref<6xf64>) {\n"
          "  %v = memref.collapse_shape %a [[0, 1]] : memref<6x5xf64> into memref<30xf64>\n") +
      body;
  const std::string loaded = start + R"(
    %x = affine.load %v[%i * 5] : memref<30xf64>
    affine.store %x, %y[%i] : memref<6xf64>
    affine.store %s, %a[%i, 0] : memref<6x5xf64>
  }
  return
}
)";
  const std::string stored = start + R"(
    %x = affine.load %a[%i, 0] : memref<6x5xf64>
    affine.store %x, %y[%i] : memref<6xf64>
    affine.store %s, %v[%i * 5] : memref<30xf64>
  }
  return
}
)";
  // The same buffer by two names of one global.
  const std::string global = std::string(
                                 "memref.global \"private\" @g : memref<6xf64>\n"
                                 "func.func @seen(%b: memref<5x5xf64>, %y: memref<6xf64>) {\n"
                                 "  %g = memref.get_global @g : memref<6xf64>\n"
                                 "  affine.for %i = 0 to 4 {\n"
                                 "    %1 = affine.load %b[0, %i] : memref<5x5xf64>\n"
                                 "    affine.store %1, %g[%i] : memref<6xf64>\n"
                                 "  }\n") +
                             body + R"(
    %h = memref.get_global @g : memref<6xf64>
    %x = affine.load %h[%i] : memref<6xf64>
    affine.store %x, %y[%i] : memref<6xf64>
    affine.store %s, %g[%i] : memref<6xf64>
  }
  return
}
)";
  for (const bool distribute : {false, true})
    for (const std::string& text : {loaded, stored, global}) {
      Preparation preparation;
      preparation.to_memory = true;
      preparation.distribute = distribute;
      const std::string prepared = prepare_loops(frontend(), text, preparation);
      EXPECT_EQ(difference(text, prepared), 0.0) << prepared;
    }
}

TEST_F(Raised, SumsThatAreScaledBeforeTheyAreStored) {
  check({"means",
         R"(
func.func @means(%a: memref<20x30xf64>, %y: memref<30xf64>) {
  %zero = arith.constant 0.0 : f64
  %n = arith.constant 20.0 : f64
  affine.for %j = 3 to 30 {
    %r = affine.for %i = 0 to 20 iter_args(%s = %zero) -> (f64) {
      %0 = affine.load %a[%i, %j] : memref<20x30xf64>
      %1 = arith.addf %s, %0 : f64
      affine.yield %1 : f64
    }
    %m = arith.divf %r, %n : f64
    affine.store %m, %y[%j] : memref<30xf64>
  }
  return
}
)",
         {1, 0}});
  check({"scaled",
         R"(
func.func @scaled(%al: f64, %be: f64, %a: memref<20x24xf64>, %b: memref<24x22xf64>, %c: memref<20x22xf64>) {
  %zero = arith.constant 0.0 : f64
  affine.for %i = 0 to 20 {
    affine.for %j = 0 to 22 {
      %r = affine.for %k = 0 to 24 iter_args(%s = %zero) -> (f64) {
        %0 = affine.load %a[%i, %k] : memref<20x24xf64>
        %1 = affine.load %b[%k, %j] : memref<24x22xf64>
        %2 = arith.mulf %0, %1 : f64
        %3 = arith.addf %s, %2 : f64
        affine.yield %3 : f64
      }
      %4 = affine.load %c[%i, %j] : memref<20x22xf64>
      %5 = arith.mulf %al, %r : f64
      %6 = arith.mulf %be, %4 : f64
      %7 = arith.addf %5, %6 : f64
      affine.store %7, %c[%i, %j] : memref<20x22xf64>
    }
  }
  return
}
)",
         {0, 2, 1}});
}

TEST_F(Raised, ParallelLoops) {
  check({"parallel",
         R"(
func.func @parallel(%a: memref<15x16xf32>, %b: memref<16x17xf32>, %c: memref<15x17xf32>) {
  affine.parallel (%i, %j) = (0, 1) to (15, 17) step (1, 2) {
    affine.for %k = 0 to 16 {
      %0 = affine.load %a[%i, %k] : memref<15x16xf32>
      %1 = affine.load %b[%k, %j] : memref<16x17xf32>
      %2 = affine.load %c[%i, %j] : memref<15x17xf32>
      %3 = arith.mulf %0, %1 : f32
      %4 = arith.addf %2, %3 : f32
      affine.store %4, %c[%i, %j] : memref<15x17xf32>
    }
  }
  return
}
)",
         {0, 2, 1}});
}

/// b += a, columns first, where `view` makes %v, of `type`, of the argument %a, of `buffer`.
std::string added_by_columns(const std::string& buffer, const std::string& view, const std::string& index,
                             const std::string& type) {
  return fmt::format(R"(
func.func @added(%a: {}, %b: memref<20x20xf32>) {{
  %v = {}
  affine.for %j = 0 to 20 {{
    affine.for %i = 0 to 20 {{
      %0 = affine.load %v[{}] : {}
      %1 = affine.load %b[%i, %j] : memref<20x20xf32>
      %2 = arith.addf %0, %1 : f32
      affine.store %2, %b[%i, %j] : memref<20x20xf32>
    }}
  }}
  return
}}
)",
                     buffer, view, index, type);
}

TEST_F(Raised, PartsOfBuffers) {
  check({"part",
         added_by_columns("memref<40x40xf32>",
                          "memref.subview %a[3, 5] [20, 20] [1, 1] : memref<40x40xf32> to "
                          "memref<20x20xf32, strided<[40, 1], offset: 125>>",
                          "%i, %j", "memref<20x20xf32, strided<[40, 1], offset: 125>>"),
         {1, 0}});
}

TEST_F(Raised, OtherShapesOfBuffers) {
  check({"rows",
         added_by_columns("memref<400xf32>",
                          "memref.expand_shape %a [[0, 1]] output_shape [20, 20] : memref<400xf32> into "
                          "memref<20x20xf32>",
                          "%i, %j", "memref<20x20xf32>"),
         {1, 0}});
  check({"flat",
         added_by_columns("memref<20x20xf32>",
                          "memref.collapse_shape %a [[0, 1]] : memref<20x20xf32> into memref<400xf32>",
                          "%i * 20 + %j", "memref<400xf32>"),
         {1, 0}});
}

}  // namespace
}  // namespace hone::label
