#include <cmath>
#include <set>

#include <fmt/format.h>

#include "../program.h"
#include "hone/base/error.h"
#include "hone/cost/bench_kernels.h"
#include "hone/cost/kernels/generator.h"
#include "hone/cost/labels.h"
#include "hone/label/label_pool.h"
#include "hone/label/labeller.h"
#include "hone/label/last_cache.h"
#include "hone/label/loops.h"
#include "hone/label/nest_machine.h"
#include "label_fixture.h"

namespace hone::label {
namespace {

TEST_F(Label, CompiledCodeComputesWhatTheTextSays) {
  const auto program = backend().compile(frontend().lower(kProduct));
  ASSERT_EQ(program->arguments().size(), 3u);
  const Memory memory(program->arguments(), 1), before(program->arguments(), 1);
  program->call(memory.pointers());
  const auto* a = static_cast<const double*>(before.pointers()[0]);
  const auto* b = static_cast<const double*>(before.pointers()[1]);
  const auto* c = static_cast<const double*>(before.pointers()[2]);
  const auto* now = static_cast<const double*>(memory.pointers()[2]);
  for (int i = 0; i < 24; ++i)
    for (int j = 0; j < 32; ++j) {
      double sum = c[i * 32 + j];
      for (int k = 0; k < 20; ++k) sum += a[i * 20 + k] * b[k * 32 + j];
      EXPECT_NEAR(now[i * 32 + j], sum, 1e-12);
    }
}

TEST_F(Label, CopiesBetweenBuffersOfUnlikeStridesRun) {
  const std::string head = "func.func @f(%a: memref<4x8xf32>, %b: memref<4x32xf32>) {\n";
  EXPECT_EQ(difference(head + R"(
  %s = memref.subview %b[0, 16] [4, 8] [1, 1] : memref<4x32xf32> to memref<4x8xf32, strided<[32, 1], offset: 16>>
  memref.copy %a, %s : memref<4x8xf32> to memref<4x8xf32, strided<[32, 1], offset: 16>>
  return
})",
                       head + R"(
  affine.for %i = 0 to 4 {
    affine.for %j = 0 to 8 {
      %0 = affine.load %a[%i, %j] : memref<4x8xf32>
      affine.store %0, %b[%i, %j + 16] : memref<4x32xf32>
    }
  }
  return
})"),
            0.0);
}

TEST_F(Label, CountsWhatIsExecuted) {
  const auto program = backend().compile(frontend().lower(kProduct));
  const Memory memory(program->arguments(), 1);
  const Facts facts = program->analyse(memory.pointers());
  EXPECT_EQ(facts.float_operations, 2.0 * 24 * 32 * 20);
  EXPECT_GT(facts.instructions, 24.0 * 32 * 20 / 8);
  EXPECT_GT(facts.code_instructions, 10);
  EXPECT_GT(facts.mca_cycles, 100.0);
  EXPECT_GE(facts.load, facts.spills_executed / 2);
  EXPECT_GT(facts.vector_registers, 0);
}

TEST_F(Label, StraightCodeRunsSideBySide) {
  // No loop is left that could run in lanes: only what stands side by side can be one instruction.
  const auto program = backend().compile(frontend().lower(R"(
func.func @squares(%a: memref<8xf32>, %b: memref<8xf32>) {
  affine.for %i = 0 to 8 {
    %0 = affine.load %a[%i] : memref<8xf32>
    %1 = arith.mulf %0, %0 : f32
    %2 = arith.addf %1, %0 : f32
    affine.store %2, %b[%i] : memref<8xf32>
  }
  return
}
)"));
  const Memory memory(program->arguments(), 1);
  const Facts facts = program->analyse(memory.pointers());
  EXPECT_EQ(facts.float_operations, 16.0);
  EXPECT_EQ(facts.scalar_float, 0.0);
  EXPECT_LT(facts.instructions, 16.0);
}

TEST_F(Label, TensorsAndScalarsCanBeArguments) {
  const std::string text = R"(
func.func @scaled(%x: tensor<8xf32>, %s: f32) -> tensor<8xf32> {
  %e = tensor.empty() : tensor<8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %p = arith.mulf %a, %s : f32
    linalg.yield %p : f32
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
}
)";
  const auto program = backend().compile(frontend().lower(text));
  ASSERT_EQ(program->arguments().size(), 3u);
  EXPECT_TRUE(program->arguments()[1].scalar);
  const Memory memory(program->arguments(), 1);
  program->call(memory.pointers());
  const auto* x = static_cast<const float*>(memory.pointers()[0]);
  const float s = *static_cast<const float*>(memory.pointers()[1]);
  const auto* y = static_cast<const float*>(memory.pointers()[2]);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(y[i], x[i] * s);
}

TEST_F(Label, ErrorsHaveTheirPlace) {
  try {
    frontend().lower("func.func @f() {\n  %0 = arith.addf %nothing, %nothing : f32\n  return\n}\n", "f.mlir");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.place().file, "f.mlir");
    EXPECT_EQ(error.place().line, 2);
    EXPECT_EQ(error.place().column, 19);
  }
  try {  // what the compiler alone finds wrong
    frontend().lower("func.func @f(%x: f32) {\n  %0 = arith.addi %x, %x : f32\n  return\n}\n", "f.mlir");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).rfind("f.mlir:2:", 0), 0u) << error.what();
    EXPECT_EQ(error.message().find("column"), std::string::npos) << error.what();
  }
  EXPECT_THROW(frontend().lower("func.func @f(%x: memref<?xf32>) {\n  return\n}\n"), Error);
  EXPECT_THROW(frontend().transform(kProduct, "no-such-pass"), Error);
}

TEST_F(Label, AFunctionThatIsNowhereCannotBeCalled) {
  const std::string text = R"(
func.func private @elsewhere(f32) -> f32
func.func @calls(%x: memref<4xf32>) {
  %0 = affine.load %x[0] : memref<4xf32>
  %1 = func.call @elsewhere(%0) : (f32) -> f32
  affine.store %1, %x[1] : memref<4xf32>
  return
}
)";
  try {
    frontend().lower(text, "calls.mlir");
    FAIL() << "it was lowered";
  } catch (const Error& error) {
    EXPECT_EQ(error.place().file, "calls.mlir");
    EXPECT_EQ(error.place().line, 5);
    EXPECT_NE(error.message().find("elsewhere"), std::string::npos) << error.what();
  }
  // What this process has may be called.
  std::string known = text;
  for (auto at = known.find("elsewhere"); at != std::string::npos; at = known.find("elsewhere"))
    known.replace(at, 9, "cosf");
  EXPECT_NO_THROW(backend().compile(frontend().lower(known, "calls.mlir")));
}

TEST_F(Label, AFunctionMayReturnWhatItWasGiven) {
  const auto same = backend().compile(frontend().lower(
      "func.func @same(%x: tensor<8xf32>) -> tensor<8xf32> {\n  return %x : tensor<8xf32>\n}\n"));
  ASSERT_EQ(same->arguments().size(), 2u);
  const Memory copied(same->arguments(), 1);
  same->call(copied.pointers());
  const auto* given = static_cast<const float*>(copied.pointers()[0]);
  const auto* returned = static_cast<const float*>(copied.pointers()[1]);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(returned[i], given[i]);

  const std::string added = R"(
func.func @added(%x: tensor<4x4xf32>, %o: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = linalg.matmul ins(%x, %x : tensor<4x4xf32>, tensor<4x4xf32>) outs(%o : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}
)";
  const auto product = backend().compile(frontend().lower(added));
  const Memory memory(product->arguments(), 1), before(product->arguments(), 1);
  product->call(memory.pointers());
  const auto* x = static_cast<const float*>(before.pointers()[0]);
  const auto* o = static_cast<const float*>(before.pointers()[1]);
  const auto* y = static_cast<const float*>(memory.pointers()[2]);
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j) {
      float sum = o[4 * i + j];
      for (int k = 0; k < 4; ++k) sum += x[4 * i + k] * x[4 * k + j];
      EXPECT_NEAR(y[4 * i + j], sum, 1e-4);
    }
  EXPECT_EQ(difference(added, frontend().to_affine(added)), 0.0);

  // One buffer for two results, and one that two places return.
  const std::string twice = R"(
func.func @twice(%s: f32) -> (tensor<8xf32>, tensor<8xf32>) {
  %e = tensor.empty() : tensor<8xf32>
  %y = linalg.fill ins(%s : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  return %y, %y : tensor<8xf32>, tensor<8xf32>
}
)";
  const auto both = backend().compile(frontend().lower(twice));
  const Memory results(both->arguments(), 1);
  both->call(results.pointers());
  for (const int place : {1, 2})
    EXPECT_EQ(static_cast<const float*>(results.pointers()[place])[7],
              *static_cast<const float*>(results.pointers()[0]));
}

TEST_F(Label, WhatIsNestedTooDeepIsAnError) {
  std::string text = "func.func private @f(", end;
  for (int i = 0; i < 70000; ++i) {
    text += "tuple<";
    end += ">";
  }
  EXPECT_THROW(frontend().lower(text + end + ")\n"), Error);
  text = "func.func @f() {\n";
  end = "return\n}\n";
  for (int i = 0; i < 20000; ++i) {
    text += fmt::format("affine.for %i{} = 0 to 2 {{\n", i);
    end = "}\n" + end;
  }
  EXPECT_THROW(frontend().lower(text + end), Error);
}

TEST_F(Label, ModulesMaySayTheirDataLayout) {
  const std::string text =
      std::string(
          "module attributes {dlti.dl_spec = #dlti.dl_spec<#dlti.dl_entry<\"dlti.endianness\", "
          "\"little\">, #dlti.dl_entry<i64, dense<64> : vector<2xi64>>>} {") +
      kProduct + "}\n";
  EXPECT_EQ(difference(kProduct, text), 0.0);
}

TEST_F(Label, MemoryThatIsNotThereIsAnError) {
  const std::vector<Argument> arguments{{Element::f32, {16}}, {Element::f64, {1000000000000, 1000000000000}}};
  try {
    need_memory(arguments, "huge.mlir");
    FAIL() << "it is there";
  } catch (const Error& error) {
    EXPECT_EQ(error.place().file, "huge.mlir");
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_EQ(error.message().rfind("argument 2 takes", 0), 0u) << error.what();
  }
  EXPECT_NO_THROW(need_memory({arguments.front()}, "", 3));
}

TEST_F(Label, GeneratedKernelsCompile) {
  for (const std::string& family : cost::kernel_families())
    for (std::uint64_t group = 0; group < 4; ++group) {
      const auto kernel = cost::generate_kernel(1, 8 * group, {family});
      EXPECT_NO_THROW(frontend().lower(kernel.text, kernel.family)) << kernel.text;
    }
}

TEST_F(Label, PreparedAndTransformedNestsComputeTheSameBits) {
  for (const auto& kernel : cost::bench_kernels()) {
    if (kernel.name != "trmm" && kernel.name != "lu" && kernel.name != "doitgen" && kernel.name != "bicg")
      continue;
    Preparation preparation;
    preparation.to_memory = preparation.distribute = true;
    const std::string prepared = prepare_loops(frontend(), kernel.text, preparation);
    EXPECT_EQ(difference(kernel.text, prepared), 0.0) << kernel.name;
    const auto nests = nests_of(frontend(), prepared);
    std::vector<cost::NestChoice> choices;
    for (const auto& nest : nests) {
      const auto all = cost::nest_choices(nest, cost::NestMachine{});
      choices.push_back(all[all.size() / 2]);
    }
    EXPECT_EQ(difference(kernel.text, transform_nests(frontend(), prepared, choices)), 0.0) << kernel.name;
  }
}

TEST_F(Label, ASweepThatFeedsTheNextRowIsNotReordered) {
  const std::string text = R"(
func.func @sweep(%a: memref<16x16xf64>) {
  affine.for %i = 1 to 16 {
    affine.for %j = 0 to 15 {
      %0 = affine.load %a[%i - 1, %j + 1] : memref<16x16xf64>
      %1 = arith.addf %0, %0 : f64
      affine.store %1, %a[%i, %j] : memref<16x16xf64>
    }
  }
  return
}
)";
  const auto nests = nests_of(frontend(), text);
  ASSERT_EQ(nests.size(), 1u);
  ASSERT_TRUE(nests[0].known);
  cost::NestChoice swapped = cost::NestChoice::none(nests[0]);
  swapped.order = {1, 0};
  EXPECT_FALSE(cost::legal(nests[0], swapped));
}

TEST_F(Label, WhatAGatherTakesIsMeasuredWhereThereAreAny) {
  cost::mlir::CodeTarget target = backend().code_target();
  measure_gathers(backend(), target);
  if (target.masks()) {
    EXPECT_GT(target.gather(4.0), 1.0);
    EXPECT_LT(target.gather(4.0), 200.0);
    EXPECT_GE(target.gathered_lane_cycles, 0.0);
  } else {
    EXPECT_EQ(target.gather(4.0), 0.0);
  }
}

TEST_F(Label, TheLastCacheEndsWhereCopiesBecomeSlower) {
  constexpr double kMega = 1048576.0;
  // As long as from the cache up to `fits`, twice as long from `gone` on; one of the first is disturbed.
  const auto bend = [](double fits, double gone, double slower, double told) {
    std::vector<std::pair<double, double>> times;
    for (double mega = 4.0; mega <= 512.0; mega *= std::sqrt(2.0))
      times.emplace_back(mega * kMega, mega <= fits ? 1.0 : mega >= gone ? slower : 0.5 * (1.0 + slower));
    times[1].second = 3.0;
    return label::bend_of(times, told * kMega) / kMega;
  };
  EXPECT_NEAR(bend(33.0, 34.0, 2.0, 480.0), 32.0 * std::pow(2.0, 0.25), 0.5);
  EXPECT_NEAR(bend(33.0, 100.0, 2.0, 480.0), 32.0 * std::pow(2.0, 0.25), 0.5) << "half is no longer nearer";
  EXPECT_EQ(bend(33.0, 34.0, 2.0, 16.0), 16.0) << "no more than there is";
  EXPECT_EQ(bend(33.0, 34.0, 1.2, 480.0), 480.0) << "nothing bends";
  EXPECT_EQ(label::bend_of({}, 7.0), 7.0);
  const double found = label::last_cache_bytes(16.0 * kMega);
  EXPECT_GE(found, 4.0 * kMega);
  EXPECT_LE(found, 16.0 * kMega);
}

TEST_F(Label, TheModelOfNestsKnowsWhatStridesCostHere) {
  const cost::NestMachine machine = measured_machine(frontend(), backend());
  EXPECT_EQ(machine.vector_bytes, backend().vector_bytes());
  for (const double cycles : {machine.strided_cycles, machine.jammed_cycles}) {
    EXPECT_GE(cycles, 0.5);
    EXPECT_LE(cycles, 20.0);
  }
}

/// The first functions of one family into a file of a folder, which has the locks, too.
LabelPlan plan_of(const test::Folder& folder, const std::string& file, std::uint64_t count) {
  ::setenv("HONE_LOCK_DIR", folder.path().c_str(), 1);
  LabelPlan plan;
  plan.path = folder.file(file);
  plan.count = count;
  plan.families = {"matvec"};
  plan.workers = 2;
  return plan;
}

TEST_F(Label, ADataSetGoesOnWhereItWasLeft) {
  const test::Folder folder;
  LabelPlan plan = plan_of(folder, "labels.jsonl", 8);
  plan.visits = 1;  // the last line is a function's first
  const LabelSummary first = make_labels(plan);
  EXPECT_EQ(first.labelled + first.duplicates + first.failed, 8u);
  EXPECT_GT(first.labelled, 0u);
  const std::string before = folder.read("labels.jsonl");
  // A run that was killed within a line: the line is made again, nothing else is.
  folder.write("labels.jsonl", before.substr(0, before.size() - 20));
  const LabelSummary second = make_labels(plan);
  EXPECT_EQ(second.labelled + second.failed, 1u);
  EXPECT_EQ(make_labels(plan).labelled, 0u);
  const auto set = cost::read_labels(plan.path);
  EXPECT_EQ(set.labels.size(), first.labelled + first.failed);
  std::set<std::string> structures;
  for (const auto& label : set.labels) {
    EXPECT_TRUE(structures.insert(label.structure.hex()).second);
    EXPECT_GT(label.target("run_s"), 0.0);
    EXPECT_GT(label.target("utilisation"), 0.0);
  }
  plan.seed = 2;
  EXPECT_THROW(make_labels(plan), Error);
}

TEST_F(Label, WhatWasDisturbedIsVisitedAgain) {
  const test::Folder folder;
  LabelPlan plan = plan_of(folder, "labels.jsonl", 3);
  plan.visits = 1;
  ASSERT_GT(make_labels(plan).labelled, 0u);
  // As though a neighbour had been there: a time that no visit will find again.
  auto set = cost::read_labels(plan.path);
  cost::Label& label = set.labels.front();
  label.disturbed = true;
  label.targets["run_s"] = 1e3;
  for (auto one = set.labels.begin() + 1; one != set.labels.end(); ++one) one->disturbed = false;
  std::string text = set.provenance.json().dump() + "\n";
  for (const auto& one : set.labels) text += one.json().dump() + "\n";
  folder.write("labels.jsonl", text);
  EXPECT_EQ(make_labels(plan).visited_again, 0u);  // one visit is all that is asked for
  plan.visits = 4;
  const LabelSummary summary = make_labels(plan);
  EXPECT_EQ(summary.labelled, 0u);
  EXPECT_GE(summary.visited_again, 1u);
  EXPECT_LE(summary.visited_again, 3u);
  const auto after = cost::read_labels(plan.path);
  ASSERT_EQ(after.labels.size(), set.labels.size());
  EXPECT_LT(after.labels.front().target("run_s"), 1.0);
  EXPECT_EQ(after.labels.front().structure, label.structure);
  EXPECT_EQ(after.labels.front().visits, 1 + static_cast<int>(summary.visited_again));
  if (after.labels.size() > 1) {
    EXPECT_EQ(after.labels.back().visits, 1);
  }
  // Nothing is left to do where it came to rest; else all visits were made.
  EXPECT_EQ(make_labels(plan).visited_again, 0u);
}

TEST_F(Label, AFileThatIsNoDataSetStaysAsItIs) {
  const test::Folder folder;
  LabelPlan plan = plan_of(folder, "notes.txt", 1);
  for (const char* notes : {"notes", "one line\nand another", "{\"format\":\"mine\"}\ntail", "{\"a\":"}) {
    folder.write("notes.txt", notes);
    EXPECT_THROW(make_labels(plan), Error);
    EXPECT_EQ(folder.read("notes.txt"), notes);
  }
  // A first line that was cut off is begun again.
  folder.write("notes.txt", "{\"format\":\"hone-la");
  EXPECT_EQ(make_labels(plan).labelled, 1u);
}

}  // namespace
}  // namespace hone::label
