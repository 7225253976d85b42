// How often branches are taken that several loops decide, or loops whose entries differ in length.
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "function.h"
#include "hone/cost/mlir/features.h"

namespace hone::cost::mlir {
namespace {

/// How often a branch runs inside a loop over %i, 64 times, and one over %j from `from` to before `to`.
double times_in_two(const std::string& from, const std::string& to, const std::string& condition) {
  const std::string before =
      "func.func @f(%a: memref<64x64xf32>) {\n%c0 = arith.constant 0 : index\n%c1 = arith.constant 1 : "
      "index\n"
      "%c2 = arith.constant 2 : index\n%c4 = arith.constant 4 : index\n%c8 = arith.constant 8 : index\n"
      "%c16 = arith.constant 16 : index\n%c32 = arith.constant 32 : index\n%c60 = arith.constant 60 : index\n"
      "%c64 = arith.constant 64 : index\nscf.for %i = %c0 to %c64 step %c1 {\n"
      "%i1 = arith.addi %i, %c1 : index\nscf.for %j = ";
  return features_in(before + from + " to " + to + " step %c1 {\n" + condition +
                     " {\n%x = memref.load %a[%i, %j] : memref<64x64xf32>\n%y = math.exp %x : f32\n"
                     "memref.store %y, %a[%i, %j] : memref<64x64xf32>\n}\n}\n}\nreturn\n}\n")
      .at("transcendental_count");
}

TEST(MlirJointConditions, EntriesOfALoopThatAreLongerCountMore) {
  const auto compared = [](const std::string& from, const std::string& to, const std::string& comparison) {
    return times_in_two(from, to, "%p = arith.cmpi " + comparison + " : index\nscf.if %p");
  };
  EXPECT_DOUBLE_EQ(compared("%c0", "%i", "slt, %i, %c32"), 496.0);
  EXPECT_DOUBLE_EQ(compared("%c0", "%i", "sge, %i, %c60"), 246.0);
  EXPECT_DOUBLE_EQ(compared("%c0", "%i", "eq, %i, %c4"), 4.0);
  EXPECT_DOUBLE_EQ(compared("%i", "%c64", "slt, %i, %c4"), 250.0);
  EXPECT_DOUBLE_EQ(compared("%i", "%c64", "eq, %i, %c4"), 60.0);
  EXPECT_DOUBLE_EQ(compared("%i", "%c64", "eq, %i, %c60"), 4.0);
  EXPECT_DOUBLE_EQ(times_in_two("%c0", "%i", "affine.if affine_set<(d0) : (31 - d0 >= 0)>(%i)"), 496.0);
  EXPECT_DOUBLE_EQ(times_in_two("%c0", "%i", "affine.if affine_set<(d0) : (d0 floordiv 32 == 0)>(%i)"),
                   496.0);
  // As blocks that jump.
  EXPECT_DOUBLE_EQ(
      features_in("func.func @f(%a: memref<64xf32>) {\n%c0 = arith.constant 0 : index\n"
                  "%c1 = arith.constant 1 : index\n%c32 = arith.constant 32 : index\n"
                  "%c64 = arith.constant 64 : index\ncf.br ^bb1(%c0 : index)\n^bb1(%i: index):\n"
                  "%p = arith.cmpi slt, %i, %c64 : index\ncf.cond_br %p, ^bb2(%c0 : index), ^bb6\n"
                  "^bb2(%j: index):\n%q = arith.cmpi slt, %j, %i : index\ncf.cond_br %q, ^bb3, ^bb5\n^bb3:\n"
                  "%r = arith.cmpi slt, %i, %c32 : index\ncf.cond_br %r, ^bb7, ^bb4\n^bb7:\n"
                  "%x = memref.load %a[%j] : memref<64xf32>\n%y = math.exp %x : f32\n"
                  "memref.store %y, %a[%j] : memref<64xf32>\ncf.br ^bb4\n^bb4:\n"
                  "%k = arith.addi %j, %c1 : index\ncf.br ^bb2(%k : index)\n^bb5:\n"
                  "%l = arith.addi %i, %c1 : index\ncf.br ^bb1(%l : index)\n^bb6:\nreturn\n}\n")
          .at("transcendental_count"),
      496.0);
}

TEST(MlirJointConditions, WhatSeveralLoopsDecideIsLookedAtInEachIteration) {
  const auto compared = [](const std::string& from, const std::string& to, const std::string& comparison) {
    return times_in_two(from, to, "%p = arith.cmpi " + comparison + " : index\nscf.if %p");
  };
  EXPECT_DOUBLE_EQ(compared("%i", "%c64", "eq, %j, %c4"), 5.0);
  EXPECT_DOUBLE_EQ(compared("%c0", "%i1", "eq, %j, %i"), 64.0);
  EXPECT_DOUBLE_EQ(compared("%c0", "%i", "slt, %j, %c4"), 246.0);
  EXPECT_DOUBLE_EQ(compared("%c0", "%i1", "slt, %j, %c16"), 904.0);
  EXPECT_DOUBLE_EQ(times_in_two("%c0", "%c64",
                                "%d = arith.subi %i, %j : index\n%e = arith.subi %j, %i : index\n"
                                "%p = arith.cmpi sle, %d, %c2 : index\n%q = arith.cmpi sle, %e, %c2 : index\n"
                                "%r = arith.andi %p, %q : i1\nscf.if %r"),
                   314.0);
  // In sides of others.
  const auto inside = [](const std::string& outer, const std::string& inner) {
    return times_in_two("%c0", "%c64",
                        "%p = arith.cmpi " + outer + " : index\nscf.if %p {\n%q = arith.cmpi " + inner +
                            " : index\nscf.if %q {\n%z = memref.load %a[%j, %i] : memref<64x64xf32>\n"
                            "%w = math.exp %z : f32\nmemref.store %w, %a[%j, %i] : memref<64x64xf32>\n}\n}\n"
                            "%n = arith.cmpi slt, %i, %c0 : index\nscf.if %n");
  };
  EXPECT_DOUBLE_EQ(inside("slt, %j, %i", "slt, %j, %c8"), 476.0);
  EXPECT_DOUBLE_EQ(inside("eq, %i, %j", "slt, %j, %i"), 0.0);
  EXPECT_DOUBLE_EQ(inside("eq, %i, %j", "slt, %j, %c8"), 8.0);
}

TEST(MlirJointConditions, LoopsFurtherInsideMakeEntriesCountMore) {
  // What of %k before %j before %i before `end` %i below 32 leaves: 32 * 31 * 30 / 6 iterations.
  const auto part = [](int end) {
    const Features found = features_in(
        "func.func @f(%a: memref<512xf32>) {\naffine.for %i = 0 to " + std::to_string(end) +
        " {\naffine.for %j = 0 to affine_map<(d0) -> (d0)>(%i) {\n"
        "affine.for %k = 0 to affine_map<(d0) -> (d0)>(%j) {\n%x = affine.load %a[%k] : memref<512xf32>\n"
        "%v = math.sqrt %x : f32\naffine.store %v, %a[%k] : memref<512xf32>\n"
        "affine.if affine_set<(d0) : (31 - d0 >= 0)>(%i) {\n%y = math.exp %x : f32\n"
        "affine.store %y, %a[%k] : memref<512xf32>\n}\n}\n}\n}\nreturn\n}\n");
    return found.at("transcendental_count") / found.at("root_count");
  };
  const auto three = [](double n) { return n * (n - 1.0) * (n - 2.0) / 6.0; };
  EXPECT_NEAR(part(64), three(32) / three(64), 1e-12);
  // More than are all looked at.
  EXPECT_NEAR(part(128) * three(128) / three(32), 1.0, 1e-9);
  EXPECT_NEAR(part(512) * three(512) / three(32), 1.0, 1e-9);
}

TEST(MlirJointConditions, TrianglesInsideEachOtherCountAllTheirIterations) {
  // `deep` loops, each before where the one around stands, the outermost before `end`.
  const auto count = [](int end, int deep) {
    std::string text =
        "func.func @f(%a: memref<1000xf32>) {\naffine.for %i0 = 0 to " + std::to_string(end) + " {\n";
    for (int k = 1; k < deep; ++k)
      text += "affine.for %i" + std::to_string(k) + " = 0 to affine_map<(d0) -> (d0)>(%i" +
              std::to_string(k - 1) + ") {\n";
    const std::string at = "%a[%i" + std::to_string(deep - 1) + "] : memref<1000xf32>\n";
    text += "%x = affine.load " + at + "%y = math.exp %x : f32\naffine.store %y, " + at;
    for (int k = 0; k < deep; ++k) text += "}\n";
    return features_in(text + "return\n}\n").at("transcendental_count");
  };
  EXPECT_DOUBLE_EQ(count(16, 3), 560.0);
  EXPECT_DOUBLE_EQ(count(64, 3), 41664.0);
  EXPECT_DOUBLE_EQ(count(16, 5), 4368.0);
  EXPECT_NEAR(count(1000, 3) / 166167000.0, 1.0, 1e-9) << "in parts";
  EXPECT_NEAR(count(1000, 4) / 41417124750.0, 1.0, 1e-9);
  EXPECT_NEAR(count(1000, 5) / 8250291250200.0, 1.0, .01);
}

TEST(MlirJointConditions, EqualOnesFurtherDownCountTheSame) {
  std::string text = "func.func @f(%a: memref<64x64xf32>) {\n";
  for (int k = 0; k < 60; ++k)
    text +=
        "affine.for %i = 0 to 64 {\naffine.for %j = 0 to 64 {\n"
        "affine.if affine_set<(d0, d1) : (3 - d0 - d1 >= 0)>(%i, %j) {\n"
        "%x = affine.load %a[%i, %j] : memref<64x64xf32>\n%y = math.exp %x : f32\n"
        "affine.store %y, %a[%i, %j] : memref<64x64xf32>\n}\n}\n}\n";
  EXPECT_DOUBLE_EQ(features_in(text + "return\n}\n").at("transcendental_count"), 600.0);
}

TEST(MlirJointConditions, LengthsTieWhatDifferentLoopsDecide) {
  // How often both hold for %j before %i, both before 64.
  const auto both = [](const std::string& of_j, const std::string& of_i) {
    return times_in_two("%c0", "%i",
                        "affine.if affine_set<(d0) : (" + of_j + ")>(%j) {\naffine.if affine_set<(d0) : (" +
                            of_i +
                            ")>(%i) {\n%z = memref.load %a[%j, %i] : memref<64x64xf32>\n"
                            "%w = math.exp %z : f32\nmemref.store %w, %a[%j, %i] : memref<64x64xf32>\n}\n}\n"
                            "%n = arith.cmpi slt, %i, %c0 : index\nscf.if %n");
  };
  EXPECT_DOUBLE_EQ(both("d0 - 2 == 0", "31 - d0 >= 0"), 29.0);
  EXPECT_DOUBLE_EQ(both("2 - d0 >= 0", "31 - d0 >= 0"), 90.0);
  EXPECT_DOUBLE_EQ(both("d0 floordiv 4 == 0", "31 - d0 >= 0"), 118.0);
  EXPECT_DOUBLE_EQ(both("3 - d0 >= 0", "d0 floordiv 16 == 0"), 54.0);
  EXPECT_DOUBLE_EQ(both("d0 floordiv 4 == 0", "d0 mod 8 == 0"), 28.0);
}

TEST(MlirJointConditions, LoopsThatBeginAtTheMostOfSeveralStandWhereTheyDo) {
  // How often a condition on %j holds in what `loops` are.
  const auto holds = [](const std::string& loops, const std::string& condition) {
    return features_in("func.func @f(%a: memref<128xf32>) {\n" + loops + "affine.if affine_set<(d0) : (" +
                       condition +
                       ")>(%j) {\n%x = memref.load %a[%j] : memref<128xf32>\n%y = math.exp %x : f32\n"
                       "memref.store %y, %a[%j] : memref<128xf32>\n}\n}\n}\nreturn\n}\n")
        .at("transcendental_count");
  };
  for (const char* most : {"d0 - 8, 0", "0, d0 - 8"}) {
    const std::string band = "affine.for %i = 0 to 16 {\naffine.for %j = max affine_map<(d0) -> (" +
                             std::string(most) + ")>(%i) to 16 {\n";
    EXPECT_DOUBLE_EQ(holds(band, "d0 >= 0"), 228.0) << most;
    EXPECT_DOUBLE_EQ(holds(band, "7 - d0 >= 0"), 100.0) << most;
    EXPECT_DOUBLE_EQ(holds(band, "d0 - 15 == 0"), 16.0) << most;
    EXPECT_DOUBLE_EQ(holds(band, "d0 - 1 == 0, d0 mod 2 - 1 == 0"), 10.0) << most;
  }
  EXPECT_DOUBLE_EQ(holds("affine.for %i = 0 to 16 {\naffine.for %j = max affine_map<(d0) -> (d0 * 8 - 64, 1)>"
                         "(%i) to min affine_map<(d0) -> (d0 * 8, 63)>(%i) {\n",
                         "d0 - 1 == 0"),
                   8.0);
  EXPECT_DOUBLE_EQ(holds("affine.parallel (%i) = (0) to (16) {\n"
                         "affine.parallel (%j) = (max(%i - 4, 0)) to (min(%i + 5, 16)) {\n",
                         "d0 == 0"),
                   5.0);
  // Steps that vary.
  const std::string constants =
      "%c0 = arith.constant 0 : index\n%c1 = arith.constant 1 : index\n%c2 = arith.constant 2 : index\n"
      "%c16 = arith.constant 16 : index\n%c32 = arith.constant 32 : index\n"
      "%c100 = arith.constant 100 : index\n";
  EXPECT_DOUBLE_EQ(
      holds(constants + "scf.for %i = %c0 to %c16 step %c1 {\n%h = arith.cmpi slt, %i, %c2 : index\n"
                        "%s = arith.select %h, %c1, %c2 : index\nscf.for %j = %c0 to %c16 step %s {\n",
            "1 - d0 >= 0"),
      18.0);
  const std::string by_i =
      constants + "scf.for %i = %c2 to %c32 step %c1 {\nscf.for %j = %c0 to %c100 step %i {\n";
  EXPECT_DOUBLE_EQ(holds(by_i, "d0 >= 0"), 316.0);
  EXPECT_DOUBLE_EQ(holds(by_i, "31 - d0 >= 0"), 112.0);
}

TEST(MlirJointConditions, InASideWhatIsComputedHolds) {
  // How often the second condition's sides run in 64 * 64 iterations where the first one holds, or does not.
  const auto sides = [](const std::string& first, const std::string& second, bool holds = true) {
    const auto leaf = [](const std::string& name) {
      return "%x = memref.load %a[%i, %j] : memref<64x64xf32>\n%y = " + name +
             " %x : f32\nmemref.store %y, %a[%i, %j] : memref<64x64xf32>\n";
    };
    const std::string inner =
        second + "scf.if %q {\n" + leaf("math.exp") + "} else {\n" + leaf("math.sqrt") + "}\n";
    const Features found = features_in(
        "func.func @f(%a: memref<64x64xf32>) {\n%c0 = arith.constant 0 : index\n"
        "%c1 = arith.constant 1 : index\n%c2 = arith.constant 2 : index\n%c4 = arith.constant 4 : index\n"
        "%c8 = arith.constant 8 : index\n%c32 = arith.constant 32 : index\n"
        "affine.for %i = 0 to 64 {\naffine.for %j = 0 to 64 {\n" +
        first + "scf.if %p {\n" + (holds ? inner : "} else {\n" + inner) + "}\n}\n}\nreturn\n}\n");
    return std::pair(found.at("transcendental_count"), found.at("root_count"));
  };
  const std::string odd = "%r = arith.remsi %i, %c2 : index\n%p = arith.cmpi eq, %r, %c0 : index\n",
                    sum =
                        "%s = arith.addi %i, %j : index\n%r = arith.remsi %s, %c2 : index\n"
                        "%p = arith.cmpi eq, %r, %c0 : index\n",
                    eighth = "%r = arith.divsi %i, %c8 : index\n%p = arith.cmpi eq, %r, %c0 : index\n",
                    either =
                        "%l = arith.cmpi slt, %i, %c32 : index\n%m = arith.cmpi slt, %i, %c4 : index\n"
                        "%p = arith.xori %l, %m : i1\n";
  EXPECT_EQ(sides(odd, "%q = arith.cmpi eq, %r, %c0 : index\n"), std::pair(2048.0, 0.0));
  EXPECT_EQ(sides(odd, "%q = arith.cmpi eq, %r, %c1 : index\n"), std::pair(0.0, 2048.0));
  EXPECT_EQ(sides(odd, "%q = arith.cmpi eq, %r, %c1 : index\n", false), std::pair(2048.0, 0.0));
  EXPECT_EQ(sides(odd, "%t = arith.remsi %i, %c4 : index\n%q = arith.cmpi eq, %t, %c0 : index\n"),
            std::pair(1024.0, 1024.0));
  EXPECT_EQ(sides(sum, "%q = arith.cmpi eq, %r, %c1 : index\n"), std::pair(0.0, 2048.0));
  EXPECT_EQ(sides(eighth, "%q = arith.cmpi slt, %i, %c8 : index\n"), std::pair(512.0, 0.0));
  EXPECT_EQ(sides(either, "%q = arith.cmpi slt, %i, %c32 : index\n"), std::pair(28.0 * 64.0, 0.0));
  // Loops there are those of where it holds.
  EXPECT_DOUBLE_EQ(features_in("func.func @f(%a: memref<64xf32>) {\naffine.for %i = 0 to 64 {\n"
                               "affine.if affine_set<(d0) : (d0 floordiv 32 - 1 == 0)>(%i) {\n"
                               "affine.for %j = 0 to affine_map<(d0) -> (d0)>(%i) {\n"
                               "%x = affine.load %a[%j] : memref<64xf32>\n%y = math.exp %x : f32\n"
                               "affine.store %y, %a[%j] : memref<64xf32>\n}\n}\n}\nreturn\n}\n")
                       .at("transcendental_count"),
                   1520.0);
  // Where not all hold, of which some are computed: those below 8.
  EXPECT_DOUBLE_EQ(features_in("func.func @f(%a: memref<64xf32>) {\naffine.for %i = 0 to 64 {\n"
                               "affine.if affine_set<(d0) : (d0 - 8 >= 0, d0 floordiv 64 == 0)>(%i) {\n"
                               "} else {\naffine.for %j = 0 to affine_map<(d0) -> (d0)>(%i) {\n"
                               "%x = affine.load %a[%j] : memref<64xf32>\n%y = math.exp %x : f32\n"
                               "affine.store %y, %a[%j] : memref<64xf32>\n}\n}\n}\nreturn\n}\n")
                       .at("transcendental_count"),
                   28.0);
}

}  // namespace
}  // namespace hone::cost::mlir
