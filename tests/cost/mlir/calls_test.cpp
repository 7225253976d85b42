// What calls of functions do that the text defines.
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"

namespace hone::cost::mlir {
namespace {

/// A function of two rows that runs `body` 1,000 times, and functions that it calls.
std::string calls(const std::string& body, const std::string& called) {
  return "func.func @f(%a: memref<1000xf32>, %b: memref<1000xf32>) {\naffine.for %i = 0 to 1000 {\n" + body +
         "}\nreturn\n}\n" + called;
}

TEST(MlirCalls, LoopsAreAsLongAsTheCallTellsThem) {
  const std::string add =
                        "%x = memref.load %r[%j] : memref<1000xf32>\n%y = arith.addf %x, %x : f32\n"
                        "memref.store %y, %r[%j] : memref<1000xf32>\n",
                    head =
                        "func.func private @g(%r: memref<1000xf32>, %n: index) {\n"
                        "%c0 = arith.constant 0 : index\n%c1 = arith.constant 1 : index\n",
                    call = "func.call @g(%a, %i) : (memref<1000xf32>, index) -> ()\n";
  EXPECT_NEAR(features_in(calls(call, head + "scf.for %j = %c0 to %n step %c1 {\n" + add + "}\nreturn\n}\n"))
                  .at("flops"),
              499500.0, 1000.0);
  EXPECT_NEAR(features_in(calls(call, head +
                                          "%e = scf.while (%k = %c0) : (index) -> index {\n"
                                          "%c = arith.cmpi slt, %k, %n : index\n"
                                          "scf.condition(%c) %k : index\n} do {\n^bb0(%j: index):\n" +
                                          add +
                                          "%q = arith.addi %j, %c1 : index\nscf.yield %q : index\n}\n"
                                          "return\n}\n"))
                  .at("flops"),
              499500.0, 1000.0);
  // Through another function, and by a number that one gives.
  EXPECT_NEAR(features_in(calls("%n = func.call @same(%i) : (index) -> index\n"
                                "func.call @h(%a, %n) : (memref<1000xf32>, index) -> ()\n",
                                "func.func private @same(%i: index) -> index {\nreturn %i : index\n}\n"
                                "func.func private @h(%s: memref<1000xf32>, %m: index) {\n"
                                "func.call @g(%s, %m) : (memref<1000xf32>, index) -> ()\nreturn\n}\n" +
                                    head + "scf.for %j = %c0 to %n step %c1 {\n" + add + "}\nreturn\n}\n"))
                  .at("flops"),
              499500.0, 1000.0);
}

/// Functions of the library an iteration that are left in the loop.
double left(const std::string& body) {
  std::string called = "func.func private @g(%x: f32) -> f32 {\n%t0 = math.exp %x : f32\n";
  for (int i = 0; i < 7; ++i) called += fmt::format("%t{} = math.exp %t{} : f32\n", i + 1, i);
  const LoweredFunction function(calls(body, called + "return %t7 : f32\n}\n"));
  return function.steps(Work::transcendental, 0);
}

TEST(MlirCalls, WhatIsGivenIsWhatIsTaken) {
  const std::string load = "%p = affine.load %a[%i] : memref<1000xf32>\n",
                    store = "affine.store %r, %b[%i] : memref<1000xf32>\n";
  EXPECT_EQ(left(load + "%r = func.call @g(%p) : (f32) -> f32\n" + store), 8.0);
  EXPECT_EQ(left("%p = arith.constant 1.0 : f32\n%r = func.call @g(%p) : (f32) -> f32\n" + store), 0.0)
      << "the same in all iterations";
  // What a call gives another one takes.
  EXPECT_EQ(
      left(load + "%q = func.call @g(%p) : (f32) -> f32\n%r = func.call @g(%q) : (f32) -> f32\n" + store),
      16.0);
}

TEST(MlirCalls, EachHasValuesOfItsOwn) {
  const std::string
      loads = "%p = affine.load %a[%i] : memref<1000xf32>\n%q = affine.load %b[%i] : memref<1000xf32>\n",
      sum = "%r = arith.addf %s, %t : f32\naffine.store %r, %b[%i] : memref<1000xf32>\n";
  EXPECT_EQ(
      left(loads + "%s = func.call @g(%p) : (f32) -> f32\n%t = func.call @g(%q) : (f32) -> f32\n" + sum),
      16.0);
  EXPECT_EQ(
      left(loads + "%s = func.call @g(%p) : (f32) -> f32\n%t = func.call @g(%p) : (f32) -> f32\n" + sum), 8.0)
      << "equal ones are one";
  // Loops of which each computes something.
  std::string body;
  for (int i = 0; i < 3; ++i) body += fmt::format("func.call @g(%m{}) : (memref<1000xf32>) -> ()\n", i);
  const LoweredFunction three(
      "func.func @f(%m0: memref<1000xf32>, %m1: memref<1000xf32>, %m2: memref<1000xf32>) {\n" + body +
      "return\n}\nfunc.func private @g(%m: memref<1000xf32>) {\naffine.for %j = 0 to 1000 {\n"
      "%k = arith.index_cast %j : index to i32\n%x = arith.sitofp %k : i32 to f32\n%y = math.exp %x : f32\n"
      "affine.store %y, %m[%j] : memref<1000xf32>\n}\nreturn\n}\n");
  for (int loop = 0; loop < 3; ++loop) EXPECT_EQ(three.steps(Work::transcendental, loop), 1.0) << loop;
}

TEST(MlirCalls, WhatIsComputedAroundACallHoldsInIt) {
  // How often exp and sqrt run, where the function asks of %i what `asks` says, where that is even.
  const auto sides = [](const std::string& asks) {
    const std::string constants =
        "%c0 = arith.constant 0 : index\n%c1 = arith.constant 1 : index\n%c2 = arith.constant 2 : index\n";
    const Features found = features_in(calls(
        constants + "%r = arith.remsi %i, %c2 : index\n%q = arith.cmpi eq, %r, %c0 : index\nscf.if %q {\n"
                    "func.call @h(%a, %i) : (memref<1000xf32>, index) -> ()\n}\n",
        "func.func private @h(%s: memref<1000xf32>, %m: index) {\n"
        "func.call @g(%s, %m) : (memref<1000xf32>, index) -> ()\nreturn\n}\n"
        "func.func private @g(%a: memref<1000xf32>, %n: index) {\n" +
            constants + asks +
            "scf.if %p {\n%x = memref.load %a[%n] : memref<1000xf32>\n%y = math.exp %x : f32\n"
            "memref.store %y, %a[%n] : memref<1000xf32>\n} else {\n"
            "%x = memref.load %a[%n] : memref<1000xf32>\n%y = math.sqrt %x : f32\n"
            "memref.store %y, %a[%n] : memref<1000xf32>\n}\nreturn\n}\n"));
    return std::pair(found.at("transcendental_count"), found.at("root_count"));
  };
  const std::string rest = "%r = arith.remsi %n, %c2 : index\n";
  EXPECT_EQ(sides(rest + "%p = arith.cmpi eq, %r, %c0 : index\n"), std::pair(500.0, 0.0));
  EXPECT_EQ(sides(rest + "%p = arith.cmpi eq, %r, %c1 : index\n"), std::pair(0.0, 500.0));
  EXPECT_EQ(sides("%p = arith.cmpi eq, %n, %c1 : index\n"), std::pair(0.0, 500.0));
}

TEST(MlirCalls, WhatAFunctionReturnsIsItsBuffer) {
  const std::string text =
      "func.func @f(%a: memref<1000xf32>) {\n%m = func.call @g(%a) : (memref<1000xf32>) -> memref<1000xf32>\n"
      "affine.for %i = 0 to 1000 {\n%x = affine.load %m[%i] : memref<1000xf32>\n"
      "affine.store %x, %a[%i] : memref<1000xf32>\n}\nreturn\n}\n"
      "func.func private @g(%r: memref<1000xf32>) -> memref<1000xf32> {\nreturn %r : memref<1000xf32>\n}\n";
  const LoweredFunction function(text);
  ASSERT_EQ(function.nest.buffers.size(), 1u);
  EXPECT_EQ(function.nest.accesses.at(0).buffer, function.nest.accesses.at(1).buffer);
}

}  // namespace
}  // namespace hone::cost::mlir
