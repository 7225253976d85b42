#include "hone/cost/simulator/program.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/cost/kernels/generator.h"
#include "hone/cost/mlir/text.h"
#include "hone/cost/simulator/simulate.h"

namespace hone::cost::simulator {
namespace {

Program program(const std::string& text, const Core& core = {}) {
  const mlir::Module module = mlir::parse(text, "test.mlir");
  return program_of(module, module.functions().front(), core);
}

std::vector<Instruction> trace_of(const Program& one, std::size_t most = 1000000) {
  std::vector<Instruction> all;
  one.run([&](std::span<const Instruction> next) {
    all.insert(all.end(), next.begin(), next.end());
    return all.size() < most;
  });
  return all;
}

std::map<Kind, int> count(const std::vector<Instruction>& trace) {
  std::map<Kind, int> kinds;
  for (const Instruction& one : trace) ++kinds[one.kind];
  return kinds;
}

const char* const kScale = R"(func.func @scale(%a: memref<1024xf32>, %b: memref<1024xf32>) {
  %c = arith.constant 2.0 : f32
  affine.for %i = 0 to 1024 {
    %x = affine.load %a[%i] : memref<1024xf32>
    %y = arith.mulf %x, %c : f32
    affine.store %y, %b[%i] : memref<1024xf32>
  }
  return
})";

TEST(Program, ALoopInLanesTouchesEachElementOnce) {
  const Program scale = program(kScale);
  const std::vector<Instruction> trace = trace_of(scale);
  std::set<std::uint64_t> loaded, stored;
  for (const Instruction& one : trace)
    if (one.kind == Kind::load || one.kind == Kind::store) {
      for (unsigned k = 0; k < one.bytes; k += 4) {
        EXPECT_TRUE((one.kind == Kind::load ? loaded : stored).insert(one.address + k).second);
      }
    }
  EXPECT_EQ(loaded.size(), 1024U);
  EXPECT_EQ(stored.size(), 1024U);
  EXPECT_EQ(*loaded.rbegin() - *loaded.begin(), 4092U);
  auto kinds = count(trace);
  EXPECT_EQ(kinds[Kind::load], 128);  // of 32 bytes
  EXPECT_EQ(kinds[Kind::fp_multiply], 128);
  EXPECT_EQ(kinds[Kind::store], 128);
  EXPECT_NEAR(scale.instructions(), static_cast<double>(trace.size()), 1.0);
  // Narrower vectors: more of them.
  EXPECT_EQ(count(trace_of(program(kScale, named_core("little"))))[Kind::load], 256);
}

TEST(Program, WhatIsUsedIsWhereItWasMade) {
  const std::vector<Instruction> trace = trace_of(program(kScale));
  for (std::size_t i = 0; i < trace.size(); ++i) {
    if (trace[i].kind == Kind::fp_multiply) {
      ASSERT_GT(trace[i].sources[0], 0U);
      EXPECT_EQ(trace[i - trace[i].sources[0]].kind, Kind::load);
    }
    if (trace[i].kind == Kind::store) {
      ASSERT_GT(trace[i].sources[0], 0U);
      const Instruction& from = trace[i - trace[i].sources[0]];
      EXPECT_EQ(from.kind, Kind::fp_multiply);
      // The element that was loaded for it.
      const std::size_t at = i - trace[i].sources[0];
      EXPECT_EQ(trace[at - from.sources[0]].address & 4095U, trace[i].address & 4095U);
    }
  }
}

TEST(Program, ASumInARegisterIsAChain) {
  const Program sum = program(R"(func.func @sum(%a: memref<5000xf64>, %r: memref<1xf64>) {
  affine.for %i = 0 to 5000 {
    %x = affine.load %a[%i] : memref<5000xf64>
    %s = affine.load %r[0] : memref<1xf64>
    %t = arith.addf %s, %x : f64
    affine.store %t, %r[0] : memref<1xf64>
  }
  return
})");
  // Reals are not reordered: 5000 additions one behind the other, four cycles each.
  const SimulatedRun run = simulate(sum, Core{});
  EXPECT_EQ(run.part.kinds[static_cast<std::size_t>(Kind::fp_add)], 5000U);
  EXPECT_NEAR(static_cast<double>(run.part.cycles), 20000.0, 1000.0);
  EXPECT_LE(run.part.kinds[static_cast<std::size_t>(Kind::store)], 2U);
}

TEST(Program, AValueHandedOnIsAChain) {
  const Program sum = program(R"(func.func @sum(%a: memref<5000xf64>) -> f64 {
  %z = arith.constant 0.0 : f64
  %r = affine.for %i = 0 to 5000 iter_args(%s = %z) -> (f64) {
    %x = affine.load %a[%i] : memref<5000xf64>
    %t = arith.addf %s, %x : f64
    affine.yield %t : f64
  }
  return %r : f64
})");
  const SimulatedRun run = simulate(sum, Core{});
  EXPECT_NEAR(static_cast<double>(run.part.cycles), 20000.0, 1000.0);
}

TEST(Program, OuterIterationsDoNotWaitForInnerSums) {
  // Dot products of 16, written out: chains of 16 additions side by side, as many as the buffer reaches.
  const Program dots = program(R"(func.func @dots(%a: memref<2000x16xf64>, %r: memref<2000xf64>) {
  affine.for %i = 0 to 2000 {
    affine.for %k = 0 to 16 {
      %x = affine.load %a[%i, %k] : memref<2000x16xf64>
      %s = affine.load %r[%i] : memref<2000xf64>
      %t = arith.addf %s, %x : f64
      affine.store %t, %r[%i] : memref<2000xf64>
    }
  }
  return
})");
  const SimulatedRun run = simulate(dots, Core{});
  EXPECT_LT(static_cast<double>(run.part.cycles), 0.6 * 2000.0 * 16.0 * 4.0);
}

TEST(Program, TrianglesHaveTheirElements) {
  const Program triangle = program(R"(func.func @t(%a: memref<200x200xf64>, %b: memref<200x200xf64>) {
  affine.for %i = 0 to 200 {
    affine.for %j = affine_map<(d0) -> (d0)>(%i) to 200 {
      %x = affine.load %a[%i, %j] : memref<200x200xf64>
      %y = math.sqrt %x : f64
      affine.store %y, %b[%i, %j] : memref<200x200xf64>
    }
  }
  return
})");
  double elements = 0.0;
  std::uint64_t last = 0;
  for (const Instruction& one : trace_of(triangle))
    if (one.kind == Kind::store) elements += one.bytes / 8.0, last = std::max(last, one.address);
  EXPECT_NEAR(elements, 200.0 * 201.0 / 2.0, 0.03 * 20100.0);
  EXPECT_NEAR(triangle.instructions(), static_cast<double>(trace_of(triangle).size()),
              0.1 * triangle.instructions());
}

TEST(Program, RealsAreComparedAndConvertedWhereTheyAreAdded) {
  const auto kinds = [](const std::string& body) {
    return count(
        trace_of(program("func.func @k(%a: memref<500xf64>, %b: memref<500xi32>) -> f64 {\n"
                         "  %z = arith.constant 0.0 : f64\n"
                         "  %r = affine.for %i = 0 to 500 iter_args(%s = %z) -> (f64) {\n"
                         "    %x = affine.load %a[%i] : memref<500xf64>\n" +
                         body + "  }\n  return %r : f64\n}")));
  };
  auto chosen = kinds(R"(    %c = arith.cmpf ogt, %s, %x : f64
    %t = arith.select %c, %s, %x : f64
    affine.yield %t : f64
)");
  EXPECT_EQ(chosen[Kind::fp_add], 500);
  EXPECT_EQ(chosen[Kind::vector], 500);
  auto converted = kinds(R"(    %w = arith.fptosi %x : f64 to i32
    affine.store %w, %b[%i] : memref<500xi32>
    %t = arith.mulf %s, %x : f64
    affine.yield %t : f64
)");
  EXPECT_EQ(converted[Kind::fp_add], 500);
}

/// Elements stored by three loops, the bounds of the inner two as said.
double stored_by(const std::string& j, const std::string& k) {
  double elements = 0.0;
  for (const Instruction& one : trace_of(program(
           "func.func @n(%a: memref<40x40x40xf64>, %b: memref<40x40x40xf64>) {\n  affine.for %i = 0 to 40 {\n"
           "    affine.for %j = " +
           j + " {\n      affine.for %k = " + k + R"( {
        %x = affine.load %a[%k, %j, %i] : memref<40x40x40xf64>
        %y = arith.mulf %x, %x : f64
        affine.store %y, %b[%k, %j, %i] : memref<40x40x40xf64>
      }
    }
  }
  return
})")))
    if (one.kind == Kind::store) elements += one.bytes / 8.0;
  return elements;
}

TEST(Program, BoundsThatLoopsSayAreExact) {
  const auto count = [](auto j_begin, auto j_end, auto k_begin, auto k_end) {
    double all = 0.0;
    for (int i = 0; i < 40; ++i)
      for (int j = j_begin(i); j < j_end(i); ++j) all += std::max(0, k_end(i, j) - k_begin(i, j));
    return all;
  };
  const auto zero = [](auto...) { return 0; };
  const auto all = [](auto...) { return 40; };
  const auto is_i = [](int i, auto...) { return i; };
  const auto behind_i = [](int i, auto...) { return i + 1; };
  const auto is_j = [](int, int j) { return j; };
  const std::string i = "affine_map<(d0) -> (d0)>(%i)", j = "affine_map<(d0) -> (d0)>(%j)";
  const std::string next = "affine_map<(d0) -> (d0 + 1)>(%i)";
  EXPECT_EQ(stored_by(i + " to 40", j + " to 40"), count(is_i, all, is_j, all));
  EXPECT_EQ(stored_by("0 to " + i, "0 to " + j), count(zero, is_i, zero, is_j));
  EXPECT_EQ(stored_by(next + " to 40", next + " to 40"), count(behind_i, all, behind_i, all));
  EXPECT_EQ(stored_by("0 to " + i, "0 to " + i), count(zero, is_i, zero, is_i));
  EXPECT_EQ(stored_by("0 to " + i, j + " to 40"), count(zero, is_i, is_j, all));
  EXPECT_EQ(stored_by(i + " to 40", "0 to " + j), count(is_i, all, zero, is_j));
  // Tiles, of which the last one is short.
  EXPECT_EQ(stored_by("0 to 40 step 16",
                      "affine_map<(d0) -> (d0)>(%j) to min affine_map<(d0) -> (d0 + 16, 40)>(%j)"),
            40.0 * 40.0);
}

TEST(Program, GatheredPlacesWaitForTheirIndexAndStayInside) {
  const Program gather =
      program(R"(func.func @g(%i: memref<512xindex>, %a: memref<4096xf32>, %o: memref<512xf32>) {
  affine.for %k = 0 to 512 {
    %at = affine.load %i[%k] : memref<512xindex>
    %x = memref.load %a[%at] : memref<4096xf32>
    affine.store %x, %o[%k] : memref<512xf32>
  }
  return
})");
  std::set<std::uint64_t> places;
  int waiting = 0;
  const std::vector<Instruction> trace = trace_of(gather);
  for (std::size_t i = 0; i < trace.size(); ++i)
    if (trace[i].kind == Kind::load && trace[i].sources[0] > 0) ++waiting, places.insert(trace[i].address);
  EXPECT_GE(waiting, 500);
  EXPECT_GT(places.size(), 300U);
  EXPECT_LE(*places.rbegin() - *places.begin(), 4096U * 4U);
}

TEST(Program, TheGeneratorsFunctionsRunAndAreAsLongAsExpected) {
  int far = 0, all = 0;
  for (std::uint64_t number = 0; number < 60; ++number) {
    const GeneratedKernel kernel = generate_kernel(3, number * 8);
    SCOPED_TRACE(kernel.family);
    const Program one = program(kernel.text);
    if (one.instructions() > 3e5) continue;
    const std::uint64_t handed = one.run([](std::span<const Instruction> next) {
      for (const Instruction& instruction : next)
        if (instruction.kind == Kind::load || instruction.kind == Kind::store) {
          EXPECT_GT(instruction.bytes, 0U);
          EXPECT_LE(instruction.bytes, 64U);
          EXPECT_GT(instruction.address, 4095U);
        }
      return true;
    });
    ++all;
    if (std::abs(std::log(static_cast<double>(handed) / one.instructions())) > 0.1) ++far;
  }
  EXPECT_GT(all, 15);
  EXPECT_LE(far, all / 10);
}

TEST(Program, StopsWhenNoMoreIsWantedAndRepeats) {
  const Program scale = program(kScale);
  int calls = 0;
  scale.run([&](std::span<const Instruction>) { return ++calls < 1; });
  EXPECT_EQ(calls, 1);
  const std::vector<Instruction> a = trace_of(scale), b = trace_of(scale);
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].address, b[i].address);
}

TEST(Program, WhetherToGoOnIsAskedByTimeToo) {
  // Fewer instructions than are simulated without asking, however long they take.
  const Program sum = program(R"(func.func @sum(%a: memref<20000xf64>, %r: memref<1xf64>) {
  affine.for %i = 0 to 20000 {
    %x = affine.load %a[%i] : memref<20000xf64>
    %s = affine.load %r[0] : memref<1xf64>
    %t = arith.addf %s, %x : f64
    affine.store %t, %r[0] : memref<1xf64>
  }
  return
})");
  ASSERT_LT(sum.instructions(), 100000.0);
  SimulateOptions options;
  options.going = [](std::uint64_t) { return false; };
  const SimulatedRun stopped = simulate(sum, Core{}, options);
  EXPECT_TRUE(stopped.stopped);
  EXPECT_FALSE(stopped.whole);
  EXPECT_LT(stopped.part.instructions, 10000U);
}

TEST(Program, NothingToExecuteIsAnError) { EXPECT_THROW((void)program("func.func @f() { return }"), Error); }

/// Loops of which nothing is left between their first and last iteration.
TEST(Program, LoopsThatWhatTheyHoldHasLeftAreNotWalked) {
  const auto repeated = [](const std::string& times) {
    return program("func.func @repeated(%A: memref<16xf32>, %B: memref<16xf32>) {\n  affine.for %t = 0 to " +
                   times + R"( {
    affine.for %i = 0 to 16 {
      %a = affine.load %A[%i] : memref<16xf32>
      %b = arith.addf %a, %a : f32
      affine.store %b, %B[%i] : memref<16xf32>
    }
  }
  return
})");
  };
  const std::vector<Instruction> few = trace_of(repeated("10")), many = trace_of(repeated("1000000000000"));
  ASSERT_EQ(few.size(), many.size());
  for (std::size_t k = 0; k < few.size(); ++k) {
    EXPECT_EQ(few[k].kind, many[k].kind);
    EXPECT_EQ(few[k].address, many[k].address);
  }
  const Program empty = program(R"(func.func @empty(%x: f32, %A: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  affine.for %i = 0 to 1000000000000 {
    affine.for %j = 0 to 0 {
      affine.store %x, %A[%j] : memref<4xf32>
    }
  }
  memref.store %x, %A[%c0] : memref<4xf32>
  return
})");
  EXPECT_EQ(count(trace_of(empty))[Kind::store], 1);
}

}  // namespace
}  // namespace hone::cost::simulator
