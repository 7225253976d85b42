// What single operations become, and take.
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"
#include "hone/cost/mlir/features.h"

namespace hone::cost::mlir {
namespace {

/// 4096 elements of a type: `body` makes %z of %x and %y.
std::string elements_of(const std::string& body, const std::string& type = "f32",
                        const std::string& before = "") {
  return fmt::format(
      "func.func @f(%a: memref<4096x{0}>, %b: memref<4096x{0}>, %o: memref<4096x{0}>) {{\n{2}affine.for %i = "
      "0 to 4096 {{\n%x = affine.load %a[%i] : memref<4096x{0}>\n%y = affine.load %b[%i] : "
      "memref<4096x{0}>\n{1}\naffine.store %z, %o[%i] : memref<4096x{0}>\n}}\nreturn\n}}\n",
      type, body, before);
}

double cycles_of(const std::string& text) {
  const Module module = parse(text);
  const Features features = mlir::features(module, module.functions().at(0));
  double sum = 0.0;
  for (const double row : features.rows.estimates) sum += std::exp(row);
  return sum;
}

TEST(MlirWorks, ARemainderOfRealsIsACall) {
  EXPECT_GT(cycles_of(elements_of("%z = arith.remf %x, %y : f32")),
            20.0 * cycles_of(elements_of("%z = arith.divf %x, %y : f32")));
}

TEST(MlirWorks, PowersByConstantsAreWrittenOut) {
  const auto power = [](const std::string& exponent) {
    return elements_of("%z = math.powf %x, %c : f32", "f32", "%c = arith.constant " + exponent + " : f32\n");
  };
  const auto whole = [](const std::string& exponent) {
    return elements_of("%z = math.fpowi %x, %c : f32, i32", "f32",
                       "%c = arith.constant " + exponent + " : i32\n");
  };
  const std::string square = elements_of("%z = arith.mulf %x, %x : f32");
  EXPECT_EQ(cycles_of(power("2.0")), cycles_of(square));
  EXPECT_NEAR(cycles_of(whole("2")), cycles_of(square), 0.01 * cycles_of(square));
  EXPECT_LT(cycles_of(power("0.5")), 3.0 * cycles_of(elements_of("%z = math.sqrt %x : f32")));
  const double called = cycles_of(elements_of("%z = math.powf %x, %y : f32"));
  EXPECT_NEAR(cycles_of(power("3.0")), called, 0.05 * called) << "a product only where flags allow it";
  EXPECT_LT(cycles_of(power("2.0")), 0.1 * called);
  EXPECT_LT(cycles_of(whole("5")), 0.1 * called);
  EXPECT_EQ(LoweredFunction(whole("5")).steps(Work::multiply, 0), 3.0);
  EXPECT_EQ(LoweredFunction(whole("15")).steps(Work::multiply, 0), 6.0);
  EXPECT_EQ(LoweredFunction(elements_of("%z = math.fpowi %x, %c : f32, i32", "f32",
                                        "%c = \"arith.constant\"() <{value = -2 : i32}> : () -> i32\n"))
                .steps(Work::divide, 0),
            1.0);
  EXPECT_EQ(
      LoweredFunction(
          elements_of(
              "%k = arith.constant 1 : i32\n%n = arith.addi %k, %k : i32\n%z = math.fpowi %x, %n : f32, i32"))
          .steps(Work::transcendental, 0),
      1.0)
      << "no constant";
}

TEST(MlirWorks, AtomicsAreNeitherKeptInRegistersNorMadeVectors) {
  const std::string atomic = R"(func.func @f(%a: memref<4096xf32>, %o: memref<1xf32>) {
  %c0 = arith.constant 0 : index
  affine.for %i = 0 to 4096 {
    %x = affine.load %a[%i] : memref<4096xf32>
    %z = memref.atomic_rmw addf %x, %o[%c0] : (f32, memref<1xf32>) -> f32
  }
  return
})";
  EXPECT_GT(cycles_of(atomic), 4096.0 * 30.0) << "each waits for the one before it";
  EXPECT_LT(cycles_of(atomic), 4096.0 * 60.0);
  EXPECT_EQ(LoweredFunction(atomic).lowered.body(0).lanes, 1.0);
  const std::string generic = R"(func.func @f(%o: memref<4096xf32>) {
  affine.for %i = 0 to 4096 {
    %z = memref.generic_atomic_rmw %o[%i] : memref<4096xf32> {
    ^bb0(%c: f32):
      %w = arith.addf %c, %c : f32
      memref.atomic_yield %w : f32
    }
  }
  return
})";
  const LoweredFunction function(generic);
  EXPECT_EQ(function.steps(Work::add, 0), 1.0);
  EXPECT_EQ(function.accesses(0, true, 0), 1.0);
  EXPECT_EQ(function.accesses(0, false, 0), 1.0);
  EXPECT_GT(cycles_of(generic), 4096.0 * 15.0);
  EXPECT_LT(cycles_of(generic), 4096.0 * 30.0);
}

TEST(MlirWorks, ShortRealsAreWorkedOnInLongerOnes) {
  const std::string add = "%z = arith.addf %x, %y : ";
  const LoweredFunction half(elements_of(add + "f16", "f16"));
  EXPECT_EQ(half.steps(Work::convert, 0), 3.0) << "two operands, and the result";
  EXPECT_EQ(half.steps(Work::add, 0), 1.0);
  EXPECT_EQ(LoweredFunction(elements_of("%w = arith.addf %x, %x : f16\n%z = arith.mulf %w, %x : f16", "f16"))
                .steps(Work::convert, 0),
            4.0)
      << "what is converted is not converted again";
  EXPECT_EQ(LoweredFunction(elements_of("%z = arith.negf %x : f16", "f16")).steps(Work::convert, 0), 0.0);
  EXPECT_GT(cycles_of(elements_of(add + "bf16", "bf16")), cycles_of(elements_of(add + "f16", "f16")));
  EXPECT_GT(cycles_of(elements_of(add + "f80", "f80")), 2.0 * cycles_of(elements_of(add + "f64", "f64")));
  EXPECT_GT(cycles_of(elements_of(add + "f128", "f128")), 4096.0 * 30.0);
}

TEST(MlirWorks, ContractionsOfVectorsAreSumsInOrder) {
  const LoweredFunction function(R"(
func.func @f(%a: vector<8x8xf32>, %b: vector<8x8xf32>, %c: vector<8x8xf32>, %o: memref<64x8x8xf32>) {
  %c0 = arith.constant 0 : index
  affine.for %i = 0 to 64 {
    %z = vector.contract {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %a, %b, %c : vector<8x8xf32>, vector<8x8xf32> into vector<8x8xf32>
    vector.transfer_write %z, %o[%i, %c0, %c0] {in_bounds = [true, true]} : vector<8x8xf32>, memref<64x8x8xf32>
  }
  return
})");
  double sums = 0.0;
  for (const Nest::Step& step : function.nest.steps)
    if (step.work == Work::add && step.elements == 1.0) sums += step.count;
  EXPECT_EQ(sums, 64.0 * 512.0);
}

TEST(MlirWorks, FunctionsOfWholeTensorsTakeWhatTheirCallsTake) {
  const auto named = [](const std::string& name) {
    return cycles_of("func.func @f(%a: memref<64x64xf32>, %o: memref<64x64xf32>) {\n  linalg." + name +
                     " ins(%a : memref<64x64xf32>) outs(%o : memref<64x64xf32>)\n  return\n}\n");
  };
  const auto written = [](const std::string& name) {
    return cycles_of(
        "func.func @f(%a: memref<64x64xf32>, %o: memref<64x64xf32>) {\n  affine.for %i = 0 to 64 {\n"
        "affine.for %j = 0 to 64 {\n%x = affine.load %a[%i, %j] : memref<64x64xf32>\n%z = math." +
        name + " %x : f32\naffine.store %z, %o[%i, %j] : memref<64x64xf32>\n}\n}\n  return\n}\n");
  };
  for (const std::string name : {"exp", "tanh", "erf", "log"})
    EXPECT_NEAR(named(name), written(name), 0.2 * written(name)) << name;
}

TEST(MlirWorks, SumsOfAVectorAreInOrderUnlessAnyWillDo) {
  const auto each = [](const std::string& kind, const std::string& how, const std::string& before = "") {
    return features_in(
               "func.func @f(%a: memref<4096xf32>, %b: memref<512xf32>) {\naffine.for %i = 0 to 512 {\n"
               "%x = affine.vector_load %a[8 * %i] : memref<4096xf32>, vector<8xf32>\n" +
               before + "%y = vector.reduction " + how + " : vector<8xf32> into f32\n" +
               "affine.store %y, %b[%i] : memref<512xf32>\n}\nreturn\n}\n")
               .at(kind + "_count") /
           512.0;
  };
  EXPECT_EQ(each("add", "<add>, %x"), 8.0);
  EXPECT_EQ(each("shuffle", "<add>, %x"), 0.0) << "elements are loaded one by one";
  EXPECT_EQ(each("multiply", "<mul>, %x"), 7.0);
  const std::string twice = "%w = arith.mulf %x, %x : vector<8xf32>\n";
  EXPECT_EQ(each("shuffle", "<add>, %w", twice), 7.0) << "taken out of their vector";
  EXPECT_EQ(each("add", "<add>, %w", twice), 8.0);
  EXPECT_EQ(each("add", "<add>, %x fastmath<reassoc>"), 0.0);
  EXPECT_EQ(each("add", "<add>, %x fastmath<fast>"), 0.0);
  EXPECT_EQ(each("add", "<add>, %x fastmath<nnan>"), 8.0);
  EXPECT_EQ(each("reduction", "<maximumf>, %x"), 8.0) << "in any order";
  // Each waits for the one before it.
  const auto carried = [](const std::string& flags) {
    return cycles_of(
        "func.func @f(%a: memref<4096xf32>, %b: memref<1xf32>) {\n%z = arith.constant 0.0 : f32\n"
        "%s = affine.for %i = 0 to 512 iter_args(%t = %z) -> f32 {\n"
        "%x = affine.vector_load %a[8 * %i] : memref<4096xf32>, vector<8xf32>\n"
        "%y = vector.reduction <add>, %x, %t" +
        flags + " : vector<8xf32> into f32\naffine.yield %y : f32\n}\n" +
        "affine.store %s, %b[0] : memref<1xf32>\nreturn\n}\n");
  };
  EXPECT_GT(carried(""), 512.0 * 8.0 * 3.0);
  EXPECT_LT(carried(" fastmath<reassoc>"), 512.0 * 8.0);
}

TEST(MlirWorks, ComplexNumbersAreTwoParts) {
  const auto flops = [](const std::string& name) {
    return features_in(elements_of("%z = complex." + name + " %x, %y : complex<f32>", "complex<f32>"))
        .at("flops");
  };
  EXPECT_EQ(flops("add"), 2.0 * 4096.0);
  EXPECT_EQ(flops("sub"), 2.0 * 4096.0);
  EXPECT_EQ(flops("mul"), 6.0 * 4096.0);
}

}  // namespace
}  // namespace hone::cost::mlir
