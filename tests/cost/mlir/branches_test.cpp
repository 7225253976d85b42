// How often branches are taken whose conditions loops alone decide.
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"
#include "hone/cost/mlir/features.h"

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

TEST(MlirBranches, WithoutASignWhatIsBelowZeroIsBeyondAllOthers) {
  const auto compared = [](const std::string& comparison) {
    return part_of_iterations("%p = arith.cmpi " + comparison + " : index\nscf.if %p");
  };
  EXPECT_DOUBLE_EQ(compared("ult, %i, %c3"), 3.0 / 64.0);
  EXPECT_DOUBLE_EQ(compared("uge, %c3, %i"), 4.0 / 64.0);
  EXPECT_EQ(compared("slt, %i, %m1"), 0.0);
  EXPECT_EQ(compared("ult, %i, %m1"), 1.0);
  EXPECT_EQ(compared("ult, %i, %m"), 0.5) << "not known";
  EXPECT_DOUBLE_EQ(part_of_iterations("%k = arith.subi %i, %c3 : index\n"
                                      "%p = arith.cmpi ult, %k, %c9 : index\nscf.if %p"),
                   9.0 / 64.0)
      << "from 3 on";
  // Of what counts, too.
  const auto trips = [](const std::string& predicate, int first, int step, int bound) {
    const Module module = parse(fmt::format(
        "func.func @f(%a: memref<64xf32>) {{\n%c0 = arith.constant 0 : index\n%b = arith.constant {} : "
        "i32\n%s = arith.constant {} : i32\n"
        "%n = arith.constant {} : i32\n%r = scf.while (%i = %b) : (i32) -> i32 {{\n"
        "%c = arith.cmpi {}, %i, %n : i32\nscf.condition(%c) %i : i32\n}} do {{\n^bb0(%j: i32):\n"
        "%x = memref.load %a[%c0] : memref<64xf32>\n%k = arith.addi %j, %s : i32\nscf.yield %k : i32\n}}\n"
        "return\n}}\n",
        first, step, bound, predicate));
    const LoopFeatures loop = features(module, module.functions().at(0)).loops.at(0);
    return loop.known ? loop.trips : -1.0;
  };
  EXPECT_EQ(trips("ult", 0, 1, 40), 40.0);
  EXPECT_EQ(trips("ugt", 40, -2, 3), 19.0) << "the last is 2";
  EXPECT_EQ(trips("ult", 0, 1, -1), -1.0);
  EXPECT_EQ(trips("ugt", 5, -3, 1), -1.0) << "from 2 beyond all";
  EXPECT_EQ(trips("uge", 5, -1, 0), -1.0) << "for ever";
}

TEST(MlirBranches, ComparisonsOfIndicesInEitherForm) {
  EXPECT_DOUBLE_EQ(part_of_iterations("%p = index.cmp slt(%i, %c3)\nscf.if %p"), 3.0 / 64.0);
  const auto generic = [](const std::string& predicate) {
    return part_of_iterations("%p = \"index.cmp\"(%i, %c3) <{pred = " + predicate +
                              "}> : (index, index) -> i1\nscf.if %p");
  };
  EXPECT_DOUBLE_EQ(generic("#index<cmp_predicate slt>"), 3.0 / 64.0);
  EXPECT_DOUBLE_EQ(generic("#index<cmp_predicate uge>"), 61.0 / 64.0);
  EXPECT_EQ(generic("#index<other slt>"), 0.5) << "not known";
  EXPECT_EQ(generic("3"), 0.5);
}

TEST(MlirBranches, ConditionsOnOneLoopAreItsIterationsInWhichAllHold) {
  const auto set = [](const std::string& constraints) {
    return part_of_iterations("affine.if affine_set<(i, j)[m] : (" + constraints + ")>(%i, %j)[%m]");
  };
  EXPECT_DOUBLE_EQ(set("i - 5 >= 0, -i + 5 >= 0"), 1.0 / 64.0);
  EXPECT_DOUBLE_EQ(set("i - 10 >= 0, -i + 31 >= 0"), 22.0 / 64.0);
  EXPECT_DOUBLE_EQ(set("2 * i - 5 >= 0, -2 * i + 9 >= 0"), 2.0 / 64.0) << "3 and 4";
  EXPECT_DOUBLE_EQ(set("i - 10 >= 0, j - 3 == 0, -i + 31 >= 0"), 22.0 / 6400.0);
  EXPECT_DOUBLE_EQ(set("i - 10 >= 0, i - 20 >= 0"), 44.0 / 64.0);
  EXPECT_EQ(set("i - 10 >= 0, 9 - i >= 0"), 0.0);
  EXPECT_DOUBLE_EQ(set("i + j >= 0, i - 5 >= 0"), 59.0 / 64.0) << "what always holds decides nothing";
  EXPECT_EQ(set("i - j >= 0, i - 10 >= 0, 9 - i >= 0"), 0.0);
  const auto both = [](const std::string& first, const std::string& second) {
    return part_of_iterations("%p = arith.cmpi " + first + " : index\n%q = arith.cmpi " + second +
                              " : index\n%r = arith.andi %p, %q : i1\nscf.if %r");
  };
  EXPECT_DOUBLE_EQ(both("ne, %i, %c3", "ne, %i, %c9"), 62.0 / 64.0);
  EXPECT_DOUBLE_EQ(both("ne, %i, %c3", "slt, %i, %c9"), 8.0 / 64.0);
  EXPECT_DOUBLE_EQ(both("ne, %i, %c9", "slt, %i, %c9"), 9.0 / 64.0);
  EXPECT_DOUBLE_EQ(both("sgt, %c9, %i", "sle, %c3, %i"), 6.0 / 64.0);
  const std::string nothing = "%z = arith.constant 0 : index\n%0 = arith.muli %i, %z : index\n";
  EXPECT_DOUBLE_EQ(part_of_iterations(nothing + "%p = arith.cmpi slt, %0, %c3 : index\n"
                                                "%q = arith.cmpi slt, %i, %c9 : index\n"
                                                "%r = arith.andi %p, %q : i1\nscf.if %r"),
                   9.0 / 64.0);
}

/// How often a function computes in 1,000 iterations of `i` what `body` does there.
double computed(const std::string& body, const std::string& called = "") {
  std::string numbers;
  for (const int number : {0, 1, 5, 10, 50, 500, 900, 950, 1000})
    numbers += fmt::format("%c{0} = arith.constant {0} : index\n", number);
  const Features features =
      features_in("func.func @f(%a: memref<1000xf32>) {\n" + numbers +
                  "scf.for %i = %c0 to %c1000 step %c1 {\n" + body + "}\nreturn\n}\n" + called);
  return features.at("transcendental_count");
}

const std::string kExp =
    "%x = memref.load %a[%c0] : memref<1000xf32>\n%y = math.exp %x : f32\n"
    "memref.store %y, %a[%c0] : memref<1000xf32>\n";

std::string when(const std::string& comparison, const std::string& body, const std::string& other = "") {
  static int number = 0;
  const std::string name = fmt::format("%when{}", ++number);
  return name + " = arith.cmpi " + comparison + " : index\nscf.if " + name + " {\n" + body + "}" +
         (other.empty() ? "" : " else {\n" + other + "}") + "\n";
}

std::string each(const std::string& from, const std::string& to, const std::string& body) {
  return "scf.for %j = " + from + " to " + to + " step %c1 {\n" + body + "}\n";
}

TEST(MlirBranches, TwoLoopsThatStandAtTheSame) {
  EXPECT_DOUBLE_EQ(computed(each("%c0", "%c1000", when("eq, %i, %j", kExp))), 1000.0);
  EXPECT_DOUBLE_EQ(computed(each("%c0", "%c1000", when("ne, %i, %j", kExp))), 999000.0);
  EXPECT_DOUBLE_EQ(computed(each("%c0", "%c10", when("eq, %i, %j", kExp))), 10.0);
  EXPECT_NEAR(computed(each("%c0", "%i", when("eq, %j, %c0", kExp))), 999.0, 10.0) << "of each entry one";
  EXPECT_NEAR(
      computed("%before = arith.subi %i, %c1 : index\n" + each("%c0", "%i", when("eq, %j, %before", kExp))),
      999.0, 10.0);
  EXPECT_DOUBLE_EQ(computed("%even = affine.apply affine_map<(i) -> (2 * i)>(%i)\n" +
                            each("%c0", "%c1000",
                                 "%odd = affine.apply affine_map<(j) -> (2 * j + 1)>(%j)\n" +
                                     when("eq, %even, %odd", kExp))),
                   0.0);
}

TEST(MlirBranches, ConditionsInsideConditions) {
  const auto below = [](const std::string& bound, const std::string& body, const std::string& other = "") {
    return when("slt, %i, %c" + bound, body, other);
  };
  EXPECT_DOUBLE_EQ(computed(below("10", below("10", kExp))), 10.0);
  EXPECT_DOUBLE_EQ(computed(below("10", below("5", kExp))), 5.0);
  EXPECT_DOUBLE_EQ(computed(below("5", below("10", kExp))), 5.0);
  EXPECT_DOUBLE_EQ(computed(below("10", when("sge, %i, %c10", kExp))), 0.0);
  EXPECT_DOUBLE_EQ(computed(below("900", below("500", "", kExp))), 400.0);
  EXPECT_NEAR(computed(below("900", "%z = arith.addi %i, %i : index\n", below("950", "", kExp))), 50.0, 1e-9);
  const auto in = [](const std::string& set, const std::string& body) {
    return "affine.if affine_set<(i) : (" + set + ")>(%i) {\n} else {\n" + body + "}\n";
  };
  EXPECT_NEAR(computed(in("i - 10 >= 0, 19 - i >= 0", below("50", kExp))), 40.0, 1e-9);
  EXPECT_NEAR(computed(in("i - 10 >= 0, 19 - i >= 0", in("i - 15 >= 0, 24 - i >= 0", below("50", kExp)))),
              35.0, 1e-9);
  // With loops between them, and of another one.
  EXPECT_DOUBLE_EQ(computed(below("10", each("%c0", "%c1000", below("10", kExp)))), 10000.0);
  EXPECT_DOUBLE_EQ(computed(below("10", each("%c0", "%c1000", when("slt, %j, %c50", kExp)))), 500.0);
  // Of two loops together.
  EXPECT_NEAR(computed(each("%c0", "%c1000", when("slt, %j, %i", below("500", kExp)))), 124750.0, 20000.0);
  EXPECT_NEAR(computed(each("%c0", "%c1000", when("slt, %j, %i", when("slt, %j, %i", kExp)))), 499500.0,
              30000.0);
  EXPECT_EQ(computed(each("%c0", "%c1000", when("slt, %j, %i", when("sge, %j, %i", kExp)))), 0.0);
}

/// How often `body` runs where `joined` makes `%r` of `%p` and `%q`: 5 and 50 iterations, at the two ends.
double where(const std::string& joined, const std::string& body = kExp, const std::string& other = "") {
  return computed(
      "%true = arith.constant true\n%false = arith.constant false\n"
      "%p = arith.cmpi slt, %i, %c5 : index\n%q = arith.cmpi sge, %i, %c950 : index\n" +
      joined + "\nscf.if %r {\n" + body + "} else {\n" + other + "}\n");
}

TEST(MlirBranches, ConditionsThatOneOfSeveralMeets) {
  const std::string either = "%r = arith.ori %p, %q : i1";
  EXPECT_NEAR(where(either), 55.0, 1e-9);
  EXPECT_NEAR(where(either, "", kExp), 945.0, 1e-9);
  EXPECT_NEAR(where("%s = arith.ori %p, %q : i1\n%t = arith.cmpi slt, %i, %c500 : index\n"
                    "%r = arith.andi %s, %t : i1"),
              5.0, 1e-9);
  EXPECT_NEAR(where("%s = arith.cmpi eq, %i, %c500 : index\n%t = arith.ori %p, %q : i1\n"
                    "%r = arith.ori %s, %t : i1"),
              56.0, 1e-9);
  // What holds in one of its sides.
  EXPECT_NEAR(where(either, when("slt, %i, %c10", kExp)), 5.0, 1e-9);
  EXPECT_NEAR(where(either, "", when("slt, %i, %c10", kExp)), 5.0, 1e-9);
  EXPECT_NEAR(where(either, "", each("%c0", "%i", kExp)), 945.0 * 477.0, 5000.0) << "from 5 to 949";
  // Of two loops: the border of a square.
  EXPECT_NEAR(computed(each("%c0", "%c1000",
                            "%p = arith.cmpi slt, %i, %c1 : index\n%q = arith.cmpi slt, %j, %c1 : index\n"
                            "%r = arith.ori %p, %q : i1\nscf.if %r {\n" +
                                kExp + "}\n")),
              1999.0, 1e-6);
  EXPECT_EQ(part_of_iterations("%p = arith.cmpi slt, %i, %c3 : index\n%q = arith.cmpi slt, %i, %m : index\n"
                               "%r = arith.ori %p, %q : i1\nscf.if %r"),
            0.5)
      << "not known";
}

TEST(MlirBranches, ConditionsTurnedRound) {
  EXPECT_DOUBLE_EQ(where("%r = arith.xori %p, %true : i1"), 995.0);
  EXPECT_DOUBLE_EQ(where("%r = arith.xori %false, %p : i1"), 5.0);
  EXPECT_DOUBLE_EQ(where("%r = arith.cmpi eq, %p, %false : i1"), 995.0);
  EXPECT_DOUBLE_EQ(where("%r = arith.cmpi ne, %p, %false : i1"), 5.0);
  const std::string turned = "%s = arith.xori %p, %true : i1\n%t = arith.xori %q, %true : i1\n";
  EXPECT_DOUBLE_EQ(where(turned + "%r = arith.andi %s, %t : i1"), 945.0);
  EXPECT_DOUBLE_EQ(where(turned + "%r = arith.ori %s, %t : i1"), 1000.0);
  EXPECT_DOUBLE_EQ(where("%s = arith.ori %p, %q : i1\n%r = arith.xori %s, %true : i1"), 945.0);
  EXPECT_DOUBLE_EQ(where("%s = arith.andi %p, %q : i1\n%r = arith.xori %s, %true : i1"), 1000.0);
}

TEST(MlirBranches, ConditionsThatAConditionChooses) {
  const auto chosen = [](const std::string& yes, const std::string& no) {
    const double select = where("%r = arith.select %p, " + yes + ", " + no + " : i1");
    EXPECT_DOUBLE_EQ(
        where("%r = scf.if %p -> i1 {\nscf.yield " + yes + " : i1\n} else {\nscf.yield " + no + " : i1\n}"),
        select)
        << yes << " " << no;
    return select;
  };
  EXPECT_DOUBLE_EQ(chosen("%true", "%false"), 5.0);
  EXPECT_DOUBLE_EQ(chosen("%false", "%true"), 995.0);
  EXPECT_NEAR(chosen("%true", "%q"), 55.0, 1e-9);
  EXPECT_DOUBLE_EQ(chosen("%false", "%q"), 50.0);
  EXPECT_DOUBLE_EQ(chosen("%q", "%false"), 0.0);
  EXPECT_DOUBLE_EQ(chosen("%q", "%true"), 995.0);
  EXPECT_DOUBLE_EQ(chosen("%true", "%true"), 1000.0);
}

TEST(MlirBranches, ConditionsOnRemaindersAndQuotients) {
  const auto set = [](const std::string& constraints, const std::string& body = kExp,
                      const std::string& other = "") {
    return "affine.if affine_set<(i) : (" + constraints + ")>(%i) {\n" + body + "} else {\n" + other + "}\n";
  };
  EXPECT_DOUBLE_EQ(computed(set("i mod 10 == 0")), 100.0);
  EXPECT_DOUBLE_EQ(computed(set("i mod 10 == 0", "", kExp)), 900.0);
  EXPECT_DOUBLE_EQ(computed(set("i mod 10 == 0, i - 500 >= 0")), 50.0);
  EXPECT_DOUBLE_EQ(computed(set("i mod 10 == 0, i mod 4 == 0")), 50.0);
  EXPECT_DOUBLE_EQ(computed(set("i floordiv 100 - 3 == 0")), 100.0);
  EXPECT_DOUBLE_EQ(computed(when("slt, %i, %c50", set("i mod 10 == 0"))), 5.0);
  EXPECT_DOUBLE_EQ(computed(set("i mod 10 == 0", when("slt, %i, %c50", kExp))), 5.0);
  for (const std::string remainder : {"arith.remui", "arith.remsi"})
    EXPECT_DOUBLE_EQ(computed("%k = " + remainder + " %i, %c10 : index\n" + when("eq, %k, %c0", kExp)),
                     100.0);
  EXPECT_DOUBLE_EQ(computed("%k = arith.andi %i, %c1 : index\n" + when("eq, %k, %c0", kExp)), 500.0);
  EXPECT_DOUBLE_EQ(computed("%k = arith.divui %i, %c500 : index\n" + when("eq, %k, %c1", kExp)), 500.0);
  // As a remainder is lowered.
  EXPECT_DOUBLE_EQ(computed("%k = arith.remsi %i, %c10 : index\n%n = arith.cmpi slt, %k, %c0 : index\n"
                            "%e = arith.addi %k, %c10 : index\n%m = arith.select %n, %e, %k : index\n" +
                            when("eq, %m, %c0", kExp)),
                   100.0);
  // In a function that is told of it.
  EXPECT_DOUBLE_EQ(computed("func.call @g(%a, %i) : (memref<1000xf32>, index) -> ()\n",
                            "func.func private @g(%a: memref<1000xf32>, %n: index) {\n"
                            "%c0 = arith.constant 0 : index\n%c10 = arith.constant 10 : index\n"
                            "%k = arith.remui %n, %c10 : index\n" +
                                when("eq, %k, %c0", kExp) + "return\n}\n"),
                   100.0);
  // Of more iterations than are looked at, and of a loop whose length differs.
  EXPECT_NEAR(computed(each("%c0", "%c1000",
                            "%k = arith.addi %i, %j : index\n%m = arith.remui %k, %c10 : index\n" +
                                when("eq, %m, %c0", kExp))),
              100000.0, 5000.0);
  EXPECT_NEAR(computed(each("%c0", "%i", "%m = arith.remui %j, %c5 : index\n" + when("sge, %m, %c1", kExp))),
              399600.0, 100000.0);
}

TEST(MlirBranches, CastsToFewerBitsLeaveTheLowestOnes) {
  const auto of = [](const std::string& condition) {
    return part_of_iterations(
        "%w = arith.index_cast %i : index to i64\n%c1 = arith.constant 1 : i64\n"
        "%b = arith.constant 5 : i4\n%z = arith.constant -3 : i64\n" +
        condition + "\nscf.if %p");
  };
  for (const char* cast : {"llvm.trunc", "arith.trunci"}) {
    const std::string bit = fmt::format("%q = {} %w : i64 to i1\n", cast),
                      four = fmt::format("%q = {} %w : i64 to i4\n", cast);
    EXPECT_DOUBLE_EQ(of(fmt::format("%p = {} %w : i64 to i1", cast)), 0.5);
    EXPECT_DOUBLE_EQ(of(bit + "%t = arith.constant true\n%p = arith.xori %q, %t : i1"), 0.5);
    EXPECT_DOUBLE_EQ(of(bit + "%e = arith.cmpi slt, %w, %c1 : i64\n%p = arith.andi %q, %e : i1"), 0.0);
    EXPECT_DOUBLE_EQ(of(four + "%p = arith.cmpi eq, %q, %b : i4"), 4.0 / 64.0);
    EXPECT_DOUBLE_EQ(of(four + "%r = arith.extsi %q : i4 to i64\n%p = arith.cmpi slt, %r, %z : i64"),
                     20.0 / 64.0)
        << "of 16 five are below -3";
  }
  EXPECT_DOUBLE_EQ(of("%q = llvm.trunc %w : i64 to i32\n%n = arith.constant 16 : i32\n"
                      "%p = arith.cmpi slt, %q, %n : i32"),
                   0.25);
  // Without a sign what is below 0 becomes large.
  EXPECT_DOUBLE_EQ(of("%s = arith.subi %w, %c1 : i64\n%q = llvm.trunc %s : i64 to i32\n"
                      "%e = llvm.zext %q : i32 to i64\n%p = arith.cmpi slt, %e, %c1 : i64"),
                   1.0 / 64.0);
}

TEST(MlirBranches, LoopsInsideConditionsAreThoseOfWhereTheyHold) {
  EXPECT_NEAR(computed(when("slt, %i, %c10", each("%c0", "%i", kExp))), 45.0, 3.0);
  EXPECT_DOUBLE_EQ(computed(when("eq, %i, %c5", each("%c0", "%i", kExp))), 5.0);
  EXPECT_NEAR(computed(when("slt, %i, %c500", "%z = arith.addi %i, %i : index\n", each("%c500", "%i", kExp))),
              124750.0, 1500.0);
  // What is computed of where the loop stands, there, outside and behind it.
  const std::string half = "%half = affine.apply affine_map<(i) -> (i floordiv 2)>(%i)\n";
  EXPECT_NEAR(computed(half + each("%c0", "%half", "") + when("slt, %i, %c10", each("%c0", "%half", kExp))),
              20.0, 2.0);
  EXPECT_NEAR(computed(half + when("slt, %i, %c10", each("%c0", "%half", "")) + each("%c0", "%half", kExp)),
              249500.0, 1500.0);
  // In a function that is told of it.
  EXPECT_NEAR(computed(when("slt, %i, %c10", "func.call @g(%a, %i) : (memref<1000xf32>, index) -> ()\n"),
                       "func.func private @g(%a: memref<1000xf32>, %n: index) {\n"
                       "%c0 = arith.constant 0 : index\n%c1 = arith.constant 1 : index\n" +
                           each("%c0", "%n", kExp) + "return\n}\n"),
              45.0, 3.0);
  // A condition that no single loop decides leaves the samples that show it.
  EXPECT_NEAR(computed(each("%c0", "%c1000",
                            when("slt, %j, %i", "scf.for %k = %j to %i step %c1 {\n" + kExp + "}\n"))) /
                  166666500.0,
              1.0, 0.15);
}

TEST(MlirBranches, WhatAnAffineIfDecidesByIsComputed) {
  const auto function = [](const std::string& condition, double size) {
    return features_in(fmt::format(
        "func.func @f(%a: memref<{0}x{0}xf32>, %n: index) {{\n%c1 = arith.constant 1 : index\n"
        "%c64 = arith.constant 64 : index\naffine.for %i = 0 to {0} {{\naffine.for %j = 0 to {0} {{\n{1} {{\n"
        "%x = affine.load %a[%i, %j] : memref<{0}x{0}xf32>\n%y = arith.addf %x, %x : f32\n"
        "affine.store %y, %a[%i, %j] : memref<{0}x{0}xf32>\n}}\n}}\n}}\nreturn\n}}\n",
        size, condition));
  };
  const auto steps = [&](const std::string& condition) {
    return function(condition, 130).at("integer_count") / (130.0 * 130.0);
  };
  const auto set = [&](const std::string& constraints) {
    return "affine.if affine_set<(i, j)[n] : (" + constraints + ")>(%i, %j)[%n]";
  };
  EXPECT_EQ(steps(set("i - 1 >= 0, 128 - i >= 0, j - 1 >= 0, 128 - j >= 0")), 7.0) << "four, and three ands";
  EXPECT_EQ(steps(set("i - j == 0")), 1.0);
  EXPECT_EQ(steps(set("i - j - 5 == 0")), 2.0);
  EXPECT_EQ(steps(set("i + j - n >= 0")), 2.0);
  EXPECT_EQ(steps(set("i + 2 * j - n >= 0")), 3.0);
  EXPECT_EQ(steps(set("i mod 4 == 0")), 2.0);
  EXPECT_EQ(steps(set("i >= 0")), 0.0) << "it always holds";
  EXPECT_GT(function(set("i + 3 * j - n >= 0"), 130).at("integer_multiply_count"), 0.0);
  EXPECT_GT(function(set("i mod 3 == 0"), 130).at("integer_divide_count"), 0.0);
  // As comparisons in the text are.
  const Features written = function(
      "%p = arith.cmpi sge, %i, %c1 : index\n%q = arith.cmpi sle, %j, %c64 : index\n"
      "%r = arith.andi %p, %q : i1\nscf.if %r",
      130);
  const Features affine = function(set("i - 1 >= 0, 64 - j >= 0"), 130);
  EXPECT_EQ(affine.at("integer_count"), written.at("integer_count"));
  EXPECT_EQ(affine.rows.estimates, written.rows.estimates);
}

TEST(MlirBranches, WaysDeepInsideOthersCountOnce) {
  // Blocks that all meet one after the other, what only the innermost does, as often as `%i` below 3.
  const auto nested = [](int deep) {
    std::string text =
        "func.func @f(%a: memref<64xf32>) {\n%c0 = arith.constant 0 : index\n%c1 = arith.constant 1 : index\n"
        "%c3 = arith.constant 3 : index\n%c64 = arith.constant 64 : index\ncf.br ^h(%c0 : index)\n"
        "^h(%i: index):\n%g = arith.cmpi slt, %i, %c64 : index\ncf.cond_br %g, ^d0, ^e\n";
    for (int k = 0; k < deep; ++k)
      text += fmt::format("^d{0}:\n%p{0} = arith.cmpi slt, %i, %c3 : index\ncf.cond_br %p{0}, ^d{1}, ^j{0}\n",
                          k, k + 1);
    text += fmt::format(
        "^d{}:\n%x = memref.load %a[%i] : memref<64xf32>\n%y = math.exp %x : f32\n"
        "memref.store %y, %a[%i] : memref<64xf32>\n",
        deep);
    for (int k = deep; k-- > 0;) text += fmt::format("cf.br ^j{0}\n^j{0}:\n", k);
    const Module module =
        parse(text + "%k = arith.addi %i, %c1 : index\ncf.br ^h(%k : index)\n^e:\nreturn\n}\n");
    const Nest found = nest(module, module.functions().at(0));
    return std::pair(found.accesses.at(0).count, found.branches);
  };
  EXPECT_EQ(nested(100), std::pair(3.0, 0));
  const auto [count, branches] = nested(12000);
  EXPECT_EQ(count, 3.0);
  EXPECT_GT(branches, 0);
}

TEST(MlirBranches, ASideWithoutABodyIsASide) {
  EXPECT_DOUBLE_EQ(features_in("func.func @f(%a: memref<64xf32>, %k: index) {\naffine.for %i = 0 to 64 {\n"
                               "scf.index_switch %k\ncase 0 {\n%x = affine.load %a[%i] : memref<64xf32>\n"
                               "%y = math.exp %x : f32\naffine.store %y, %a[%i] : memref<64xf32>\n"
                               "scf.yield\n}\ncase 1 { scf.yield }\ndefault { }\n}\nreturn\n}\n")
                       .at("transcendental_count"),
                   64.0 / 3.0);
}

}  // namespace
}  // namespace hone::cost::mlir
