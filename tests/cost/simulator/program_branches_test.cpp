// Branches of programs: which side runs when, what jumps wait for.
#include <algorithm>
#include <array>
#include <string>

#include <gtest/gtest.h>

#include "hone/cost/mlir/text.h"
#include "hone/cost/simulator/simulate.h"

namespace hone::cost::simulator {
namespace {

Program compiled(const std::string& text) {
  const mlir::Module module = mlir::parse(text, "test.mlir");
  return program_of(module, module.functions().front(), Core{});
}

SimulatedRun run_whole(const Program& one) { return simulate(one, Core{}); }
SimulatedRun run_whole(const std::string& text) { return run_whole(compiled(text)); }

std::uint64_t counted(const SimulatedRun& run, Kind kind) {
  return run.part.kinds[static_cast<std::size_t>(kind)];
}

/// A loop of 64 additions where a condition holds, in a loop of 1000.
std::string inner(const std::string& condition) {
  return R"(func.func @inner(%a: memref<1000xf64>, %b: memref<64x1000xf64>, %r: memref<1xf64>) {
  %z = arith.constant 0.0 : f64
  affine.for %i = 0 to 1000 {
    %x = affine.load %a[%i] : memref<1000xf64>
    )" + condition +
         R"( {
      affine.for %j = 0 to 64 {
        %y = affine.load %b[%j, %i] : memref<64x1000xf64>
        %q = affine.load %r[0] : memref<1xf64>
        %s = arith.addf %y, %q : f64
        affine.store %s, %r[0] : memref<1xf64>
      }
    }
  }
  return
})";
}

TEST(ProgramBranches, ALoopInsideRunsWhereItsConditionHolds) {
  const Program one = compiled(inner("affine.if affine_set<(d0) : (d0 - 900 >= 0)>(%i)"));
  const SimulatedRun whole = run_whole(one);
  EXPECT_EQ(counted(whole, Kind::fp_add), 100U * 64U);
  EXPECT_NEAR(static_cast<double>(whole.part.cycles), 25600.0, 3000.0);
  EXPECT_NEAR(one.instructions(), static_cast<double>(whole.part.instructions), 20.0);
  // The last hundred, which are columns of what is longest.
  const auto buffers = one.buffers();
  const Program::Memory longest =
      *std::max_element(buffers.begin(), buffers.end(), [](auto a, auto b) { return a.bytes < b.bytes; });
  std::uint64_t least = ~std::uint64_t{0};
  one.run([&](std::span<const Instruction> next) {
    for (const Instruction& each : next)
      if (each.kind == Kind::load && each.address - longest.address < longest.bytes)
        least = std::min(least, each.address - longest.address);
    return true;
  });
  EXPECT_EQ(least, 900U * 8U);
}

TEST(ProgramBranches, ALoopInsideOfWhatDataDecideRunsHalfTheTimes) {
  const SimulatedRun whole = run_whole(inner("%c = arith.cmpf ogt, %x, %z : f64 scf.if %c"));
  EXPECT_NEAR(static_cast<double>(counted(whole, Kind::fp_add)), 32000.0 + 1000.0, 5000.0);
  EXPECT_GT(whole.part.mispredicted, 300U);
  EXPECT_LT(whole.part.mispredicted, 1700U);
}

std::string body(const std::string& text) {
  return "func.func @f(%a: memref<20000xf64>, %b: memref<20000xf64>, %d: memref<20000xf64>, "
         "%e: memref<20000xf64>) {\n  %z = arith.constant 0.0 : f64\n  %three = arith.constant 3.0 : f64\n"
         "  affine.for %i = 0 to 20000 {\n    %x = affine.load %a[%i] : memref<20000xf64>\n" +
         text + "  }\n  return\n}";
}
const std::string kCompare = "    %c = arith.cmpf ogt, %x, %z : f64\n";
const std::string kRoot = R"(    scf.if %c {
      %s = math.sqrt %x : f64
      affine.store %s, %b[%i] : memref<20000xf64>
    })";

TEST(ProgramBranches, OneSideRunsInEachIteration) {
  std::array<int, 3> stores = {};
  int here = -1;
  const auto note = [&] {
    if (here >= 0) ++stores[static_cast<std::size_t>(here)];
    here = 0;
  };
  compiled(body(kCompare + kRoot + R"( else {
      %s = arith.addf %x, %x : f64
      affine.store %s, %d[%i] : memref<20000xf64>
    }
)"))
      .run([&](std::span<const Instruction> next) {
        for (const Instruction& one : next) {
          if (one.kind == Kind::load) note();
          if (one.kind == Kind::store) ++here;
        }
        return true;
      });
  note();
  EXPECT_EQ(stores[0], 0);
  EXPECT_EQ(stores[1], 20000);
  EXPECT_EQ(stores[2], 0);
}

TEST(ProgramBranches, ConditionsHaveAJumpEach) {
  const Program one = compiled(body(kCompare + kRoot + "\n"));
  const Program two = compiled(body(kCompare + kRoot + R"(
    %x2 = affine.load %d[%i] : memref<20000xf64>
    %c2 = arith.cmpf ogt, %x2, %z : f64
    scf.if %c2 {
      %s2 = math.sqrt %x2 : f64
      affine.store %s2, %e[%i] : memref<20000xf64>
    }
)"));
  const SimulatedRun alone = run_whole(one), both = run_whole(two);
  EXPECT_NEAR(static_cast<double>(counted(both, Kind::branch)),
              static_cast<double>(counted(alone, Kind::branch)) + 20000.0, 1000.0);  // the loop's, too
  // Each is guessed wrongly by itself.
  EXPECT_GT(static_cast<double>(both.part.mispredicted), 1.8 * static_cast<double>(alone.part.mispredicted));
  EXPECT_NEAR(one.instructions() / static_cast<double>(alone.part.instructions), 1.0, 0.02);
  EXPECT_NEAR(two.instructions() / static_cast<double>(both.part.instructions), 1.0, 0.02);
}

TEST(ProgramBranches, TheSameConditionGoesTheSameWay) {
  const SimulatedRun whole = run_whole(body(kCompare + kRoot + R"(
    affine.store %x, %d[%i] : memref<20000xf64>
    scf.if %c {
      affine.store %x, %e[%i] : memref<20000xf64>
    }
)"));
  const std::uint64_t roots = counted(whole, Kind::fp_divide);
  EXPECT_EQ(counted(whole, Kind::store), 20000U + 2U * roots);
}

TEST(ProgramBranches, AJumpWaitsForItsConditionAlone) {
  const std::string quotients =
      "    %q1 = arith.divf %x, %three : f64\n    %q2 = arith.divf %q1, %three : f64\n"
      "    %q3 = arith.divf %q2, %three : f64\n";
  const std::string rest = R"(    scf.if %c {
      %s = arith.addf %x, %x : f64
      affine.store %s, %b[%i] : memref<20000xf64>
    }
    affine.store %q3, %d[%i] : memref<20000xf64>
)";
  const auto early = static_cast<double>(run_whole(body(quotients + kCompare + rest)).part.cycles);
  const auto late = static_cast<double>(run_whole(body(kCompare + quotients + rest)).part.cycles);
  EXPECT_NEAR(late / early, 1.0, 0.05);
}

TEST(ProgramBranches, WhatLoopsDecideIsGuessed) {
  const Program one = compiled(R"(func.func @t(%a: memref<200x200xf64>) {
  affine.for %i = 0 to 200 {
    affine.for %j = 0 to 200 {
      affine.if affine_set<(d0, d1) : (d0 - d1 >= 0)>(%i, %j) {
        %x = affine.load %a[%i, %j] : memref<200x200xf64>
        %y = arith.addf %x, %x : f64
        affine.store %y, %a[%i, %j] : memref<200x200xf64>
      }
    }
  }
  return
})");
  const SimulatedRun whole = run_whole(one);
  EXPECT_EQ(counted(whole, Kind::store), 20100U);
  EXPECT_NEAR(one.instructions() / static_cast<double>(whole.part.instructions), 1.0, 0.02);
  EXPECT_LT(whole.part.mispredicted, 2000U);
}

}  // namespace
}  // namespace hone::cost::simulator
