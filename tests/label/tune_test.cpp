#include <cmath>
#include <map>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/cost/bench_kernels.h"
#include "hone/label/finalists.h"
#include "hone/label/tuner.h"
#include "label_fixture.h"

namespace hone::label {
namespace {

TEST_F(Label, TuningNeverGivesAnythingDifferent) {
  TuneOptions options;
  options.compilations = 5;
  options.quiet = false;
  const TuneResult result = tune(frontend(), backend(), kProduct, "product", options);
  EXPECT_LE(result.trials.size(), 5u);
  EXPECT_GE(result.speedup, 1.0);
  // Beside other work something may have looked faster that is not.
  EXPECT_TRUE(result.note.empty() || result.note.find("which is not confirmed") != std::string::npos)
      << result.note;
  EXPECT_EQ(difference(kProduct, result.text), 0.0);
}

// Columns first: every element of a row is on a line of its own.
const char* const kColumns = R"(
func.func @columns(%a: memref<1000x1000xf32>, %b: memref<1000x1000xf32>) {
  affine.for %j = 3 to 997 step 7 {
    affine.for %i = 1 to 1000 step 3 {
      %0 = affine.load %a[%i, %j] : memref<1000x1000xf32>
      %1 = affine.load %b[%i, %j] : memref<1000x1000xf32>
      %2 = arith.addf %0, %1 : f32
      affine.store %2, %b[%i, %j] : memref<1000x1000xf32>
    }
  }
  return
}
)";

// Its first call meets pages that the process of the trial shared, and cold caches.
TEST_F(Label, AColdCallDismissesNoCandidate) {
  TuneOptions options;
  options.machine = cost::NestMachine{};
  options.compilations = 6;
  options.quiet = false;
  const TuneResult result = tune(frontend(), backend(), kColumns, "columns", options);
  ASSERT_GE(result.trials.size(), 2u);
  double least = 1.0;
  for (std::size_t trial = 1; trial < result.trials.size(); ++trial)
    if (result.trials[trial].seconds < least) least = result.trials[trial].seconds;
  EXPECT_LT(least, 3.0 * result.trials.front().seconds);
}

// One of a hundred rows is far faster than all of them, whatever else this machine does: a finalist that the
// search took for no faster than the original is found, and one that it was wrong about is not returned.
TEST_F(Label, AFinalistIsChosenByPairsOfCalls) {
  const auto product = [](int rows) {
    std::string text = kProduct;
    text.replace(text.find("%i = 0 to 24"), 12, fmt::format("%i = {} to 24", 24 - rows));
    return text;
  };
  const auto compiled = [&](int rows) { return backend().compile(frontend().lower(product(rows))); };
  const auto original = compiled(24);
  Memory work(original->arguments(), 1);
  TuneOptions options;
  options.quiet = false;
  options.tolerance = 1e300;  // the outputs are not the matter here
  TuneResult result;
  result.trials.push_back({"", 0.0, 1e-5, 0.0, ""});
  Finalists slow;
  slow.add({1e-6, "all rows", "all rows", compiled(24)});
  slow.decide(*original, work, options, result);
  EXPECT_EQ(result.recipe, "");
  EXPECT_EQ(result.speedup, 1.0);
  EXPECT_NE(result.note.find("10 times as fast"), std::string::npos) << result.note;
  Finalists two;
  two.add({0.99e-5, "one row", "one row", compiled(1)});
  two.add({1e-6, "all rows", "all rows", compiled(24)});
  two.decide(*original, work, options, result);
  EXPECT_EQ(result.recipe, "one row");
  EXPECT_GT(result.speedup, 2.0);
  EXPECT_EQ(result.note, "");
}

// A triangle whose inner loop begins at the outer one's variable.
TEST_F(Label, WhatKeepsKnownNestsAsTheyAreIsSaid) {
  const char* const triangle = R"(
func.func @triangle(%a: memref<40x40xf64>) {
  affine.for %j = 0 to 40 {
    affine.for %i = affine_map<(d0) -> (d0)>(%j) to 40 {
      %0 = affine.load %a[%i, %j] : memref<40x40xf64>
      %1 = arith.addf %0, %0 : f64
      affine.store %1, %a[%i, %j] : memref<40x40xf64>
    }
  }
  return
}
)";
  TuneOptions options;
  options.machine = cost::NestMachine{};
  options.compilations = 3;
  options.quiet = false;
  const TuneResult result = tune(frontend(), backend(), triangle, "triangle", options);
  if (result.recipe.empty()) {
    EXPECT_NE(result.note.find("outer loops, which are not swapped"), std::string::npos) << result.note;
  }
}

// Single loops, which distribution parts all the same.
const char* const kPair = R"(
func.func @pair(%a: memref<4000xf64>, %b: memref<4000xf64>) {
  affine.for %i = 0 to 4000 {
    %0 = affine.load %a[%i] : memref<4000xf64>
    %1 = arith.addf %0, %0 : f64
    affine.store %1, %a[%i] : memref<4000xf64>
    %2 = affine.load %b[%i] : memref<4000xf64>
    %3 = arith.mulf %2, %2 : f64
    affine.store %3, %b[%i] : memref<4000xf64>
  }
  return
}
)";

TEST_F(Label, NotesSayWhichLoopsStayAndWhetherAnyWasChanged) {
  const char* const sum = R"(
func.func @sum(%a: memref<400xf64>, %y: memref<1xf64>) {
  %0 = affine.parallel (%i) = (0) to (400) reduce ("addf") -> f64 {
    %1 = affine.load %a[%i] : memref<400xf64>
    affine.yield %1 : f64
  }
  affine.store %0, %y[0] : memref<1xf64>
  return
}
)";
  TuneOptions options;
  options.machine = cost::NestMachine{};
  options.compilations = 3;
  options.quiet = false;
  const TuneResult single = tune(frontend(), backend(), kPair, "pair", options);
  EXPECT_EQ(single.note.find("can be transformed"), std::string::npos) << single.note;
  const TuneResult reduced = tune(frontend(), backend(), sum, "sum", options);
  EXPECT_EQ(reduced.note, "no loop can be transformed: affine.parallel with results becomes no nest");
}

// Of a function that was only put in canonical form the text is another, too.
TEST_F(Label, EveryCandidateHasARecipe) {
  TuneOptions options;
  options.machine = cost::NestMachine{};
  options.compilations = 6;
  options.tolerance = 1e-9;
  options.quiet = false;
  const TuneResult result = tune(frontend(), backend(), kPair, "pair", options);
  ASSERT_GE(result.trials.size(), 2u);
  EXPECT_EQ(result.trials.front().recipe, "");
  for (std::size_t trial = 1; trial < result.trials.size(); ++trial)
    EXPECT_NE(result.trials[trial].recipe, "") << trial;
  if (result.recipe.empty()) {
    EXPECT_EQ(result.speedup, 1.0);
    EXPECT_EQ(result.text, kPair);
  }
}

TEST_F(Label, NoToleranceIsAnError) {
  TuneOptions options;
  options.tolerance = std::nan("");
  EXPECT_THROW(tune(frontend(), backend(), kProduct, "product", options), Error);
}

// Fusing loops is not always right in the compiler: found out once, it is not tried again.
TEST_F(Label, AFusionThatComputesSomethingElseIsTriedOnce) {
  for (const auto& kernel : cost::bench_kernels()) {
    if (kernel.name != "doitgen" && kernel.name != "covariance") continue;
    TuneOptions options;
    options.machine = cost::NestMachine{};
    options.compilations = 12;
    options.guided = false;  // which comes back to what failed
    options.quiet = false;
    const TuneResult result = tune(frontend(), backend(), kernel.text, kernel.name, options);
    std::map<std::string, int> different;  // by what was done before the nests
    for (const TuneTrial& trial : result.trials)
      if (trial.failed == "different") ++different[trial.recipe.substr(0, trial.recipe.find("nest"))];
    for (const auto& [preparation, count] : different)
      EXPECT_LE(count, 1) << kernel.name << ": " << preparation;
  }
}

TEST_F(Label, AFunctionThatCrashesIsAnError) {
  const char* const outside = R"(
func.func @outside(%a: memref<16xf32>) {
  affine.for %i = 0 to 16 {
    %0 = affine.load %a[%i * 1000000000] : memref<16xf32>
    affine.store %0, %a[%i] : memref<16xf32>
  }
  return
}
)";
  try {
    tune(frontend(), backend(), outside, "outside.mlir", {});
    FAIL() << "it ran";
  } catch (const Error& error) {
    EXPECT_EQ(error.place().file, "outside.mlir");
    EXPECT_NE(error.message().find("crashed"), std::string::npos) << error.what();
  }
}

const char* const kEndless = R"(
func.func @endless(%a: memref<8xf64>) {
  %c0 = arith.constant 0 : index
  %r = scf.while (%i = %c0) : (index) -> index {
    %more = arith.cmpi sge, %i, %c0 : index
    scf.condition(%more) %i : index
  } do {
  ^bb0(%i: index):
    %x = memref.load %a[%i] : memref<8xf64>
    %y = arith.addf %x, %x : f64
    memref.store %y, %a[%i] : memref<8xf64>
    scf.yield %i : index
  }
  return
}
)";

TEST_F(Label, AFunctionThatNeverEndsIsGivenUp) {
  TuneOptions options;
  options.machine = cost::NestMachine{};
  options.call_seconds = 0.2;
  try {
    tune(frontend(), backend(), kEndless, "endless.mlir", options);
    FAIL() << "it ended";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("more than 0.2 s"), std::string::npos) << error.what();
    EXPECT_NE(error.hint().find("loops end"), std::string::npos) << error.what();
  }
  // Nor does it keep anybody from stopping.
  options.call_seconds = 1000.0;
  options.interrupted = [] { return true; };
  const TuneResult result = tune(frontend(), backend(), kEndless, "endless.mlir", options);
  EXPECT_TRUE(result.interrupted);
  EXPECT_TRUE(result.trials.empty());
}

// The first call makes the number negative, from which the second counts down for ever.
TEST_F(Label, WhatEndsOnlyOnceIsGivenUp) {
  const char* const once = R"(
func.func @once(%x: memref<1xf64>, %a: memref<8xf64>) {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1.0 : f64
  %zero = arith.constant 0.0 : f64
  %start = memref.load %x[%c0] : memref<1xf64>
  %end = scf.while (%v = %start) : (f64) -> f64 {
    %w = arith.subf %v, %one : f64
    memref.store %w, %x[%c0] : memref<1xf64>
    %above = arith.cmpf ogt, %w, %zero : f64
    %below = arith.cmpf olt, %start, %zero : f64
    %more = arith.ori %above, %below : i1
    scf.condition(%more) %w : f64
  } do {
  ^bb0(%w: f64):
    scf.yield %w : f64
  }
  affine.for %i = 0 to 8 {
    %0 = affine.load %a[%i] : memref<8xf64>
    %1 = arith.addf %0, %one : f64
    affine.store %1, %a[%i] : memref<8xf64>
  }
  return
}
)";
  TuneOptions options;
  options.machine = cost::NestMachine{};
  options.call_seconds = 0.5;
  try {
    tune(frontend(), backend(), once, "once.mlir", options);
    FAIL() << "it ended";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("earlier ones left in its buffers, took more than 0.5 s"),
              std::string::npos)
        << error.what();
  }
}

TEST_F(Label, TheSameCodeIsNotFaster) {
  const std::string histogram = R"(
func.func @histogram(%a: memref<4096xindex>, %h: memref<256xi32>) {
  %c1 = arith.constant 1 : i32
  %c255 = arith.constant 255 : index
  affine.for %i = 0 to 4096 {
    %0 = affine.load %a[%i] : memref<4096xindex>
    %1 = arith.andi %0, %c255 : index
    %2 = memref.load %h[%1] : memref<256xi32>
    %3 = arith.addi %2, %c1 : i32
    memref.store %3, %h[%1] : memref<256xi32>
  }
  return
}
)";
  const auto one = backend().compile(frontend().lower(histogram)),
             other = backend().compile(frontend().lower(frontend().transform(histogram, "canonicalize"))),
             product = backend().compile(frontend().lower(kProduct));
  EXPECT_TRUE(one->same_code(*other));
  EXPECT_FALSE(one->same_code(*product));
  TuneOptions options;
  options.machine = cost::NestMachine{};
  options.compilations = 5;
  options.quiet = false;
  const TuneResult result = tune(frontend(), backend(), histogram, "histogram", options);
  EXPECT_EQ(result.recipe, "");
  EXPECT_EQ(result.speedup, 1.0);
  EXPECT_NE(result.note.find("affine accesses"), std::string::npos) << result.note;
}

}  // namespace
}  // namespace hone::label
