#include "hone/cost/mlir/text.h"

#include <cstdlib>
#include <ctime>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "../../fire/mutate.h"
#include "../../program.h"
#include "hone/base/error.h"
#include "hone/base/files.h"
#include "texts.h"

namespace hone::cost::mlir {
namespace {

std::string shown(const Module& module, int value) {
  const Type& type = module.type_of(value);
  std::string text =
      fmt::format("{}{}{}", static_cast<int>(type.kind), static_cast<int>(type.scalar), type.bits);
  for (const std::int64_t size : type.shape) text += size == kDynamic ? "x?" : fmt::format("x{}", size);
  for (const std::int64_t stride : type.strides) text += fmt::format("s{}", stride == kDynamic ? -1 : stride);
  return text;
}

/// What was understood, in one text: a line an operation.
std::string described(const Module& module) {
  std::string text;
  for (const Operation& operation : module.operations) {
    text += std::string(operation.name) + "(";
    for (const int operand : operation.operands) text += shown(module, operand) + " ";
    text += ")(";
    for (const int result : operation.results) text += shown(module, result) + " ";
    text += ")";
    for (const Loop& loop : operation.loops) {
      text += loop.variable >= 0 ? " loop" : " loop?";
      for (const Bound* bound : {&loop.lower, &loop.upper, &loop.step}) {
        const AffineMap& map = module.maps[static_cast<std::size_t>(bound->map)];
        bool fixed = true;
        for (std::size_t i = 0; i < map.results.size(); ++i) {
          text += fmt::format(" {}", map.constant(i));
          fixed = fixed && map.constant(i) != kDynamic;
        }
        if (!fixed) text += fmt::format("/{}", bound->operands.size());
      }
    }
    if (operation.map >= 0) {
      const AffineMap& map = module.maps[static_cast<std::size_t>(operation.map)];
      for (std::size_t i = 0; i < map.results.size(); ++i) {
        const Linear sum = linear(map, i);
        text += fmt::format(" [{}", sum.constant);
        // By operand, in the order of the text's values.
        for (std::size_t k = 0; k < sum.factors.size(); ++k)
          if (sum.factors[k] != 0) text += fmt::format(" {}", sum.factors[k]);
        text += "]";
      }
    }
    text += "\n";
  }
  return text;
}

const Operation& find(const Module& module, std::string_view name) {
  for (const Operation& operation : module.operations)
    if (operation.name == name) return operation;
  throw Error("no " + std::string(name));
}

std::string refused(const std::string& text) {
  try {
    parse(text, "a.mlir");
  } catch (const Error& error) {
    return error.what();
  }
  return "read";
}

TEST(MlirText, ComparisonsGiveFlagsHoweverManyTypesThereAre) {
  // The type of the flag is new: each number of types before it lets the list grow at another place.
  for (int types = 1; types < 40; ++types) {
    std::string text = "func.func @f(%x: f32";
    for (int i = 1; i <= types; ++i) text += fmt::format(", %a{0}: memref<{0}xf32>", i);
    const Module module = parse(text + ") {\n%c = arith.cmpf ogt, %x, %x : f32\nreturn\n}\n");
    const auto found = std::find_if(module.operations.begin(), module.operations.end(),
                                    [](const Operation& one) { return one.name == "arith.cmpf"; });
    ASSERT_NE(found, module.operations.end());
    EXPECT_EQ(module.type_of(found->results.at(0)).text, "i1");
  }
}

TEST(MlirText, Loops) {
  const Module module = parse(R"(
func.func @f(%A: memref<8x16xf32, strided<[32, 2], offset: ?>>, %n: index) {
  affine.for %i = 0 to 8 step 2 {
    affine.for %j = max affine_map<(d0) -> (d0, 3)>(%i) to %n {
      %x = affine.load %A[%i + 1, %j * 2 - %n floordiv 4] : memref<8x16xf32, strided<[32, 2], offset: ?>>
      affine.store %x, %A[%i, 0] : memref<8x16xf32, strided<[32, 2], offset: ?>>
    }
  }
  return
})");
  ASSERT_EQ(module.functions().size(), 1u);
  const Operation& outer = find(module, "affine.for");
  ASSERT_EQ(outer.loops.size(), 1u);
  const auto bound = [&](const Bound& bound, std::size_t result = 0) {
    return module.maps[static_cast<std::size_t>(bound.map)].constant(result);
  };
  EXPECT_EQ(bound(outer.loops[0].lower), 0);
  EXPECT_EQ(bound(outer.loops[0].upper), 8);
  EXPECT_EQ(bound(outer.loops[0].step), 2);
  EXPECT_EQ(module.values[static_cast<std::size_t>(outer.loops[0].variable)].name, "%i");
  const Operation& inner = module.operations[2];
  EXPECT_EQ(inner.line, 4);
  EXPECT_EQ(inner.column, 5);
  EXPECT_EQ(bound(inner.loops[0].lower, 1), 3);
  EXPECT_EQ(bound(inner.loops[0].upper), kDynamic);
  EXPECT_EQ(inner.operands.size(), 2u) << "%i and %n";
  const Operation& load = find(module, "affine.load");
  EXPECT_EQ(load.map_operands, 1);
  const AffineMap& map = module.maps[static_cast<std::size_t>(load.map)];
  const std::int64_t at[] = {4, 5, 10};  // %i, %j, %n
  EXPECT_EQ(map.evaluate(0, at), 5);
  EXPECT_EQ(map.evaluate(1, at), 8);
  const Type& type = module.type_of(load.operands[0]);
  EXPECT_EQ(type.kind, Type::Kind::memref);
  EXPECT_EQ(type.shape, (std::vector<std::int64_t>{8, 16}));
  EXPECT_EQ(type.strides, (std::vector<std::int64_t>{32, 2}));
  EXPECT_EQ(module.type_of(load.results[0]).scalar, Type::Scalar::real);
}

TEST(MlirText, AffineArithmetic) {
  const auto value = [](const std::string& expression, std::int64_t d0, std::int64_t s0) {
    const Module module =
        parse("#m = affine_map<(d0)[s0] -> (" + expression + ")>\nfunc.func private @f()", "a.mlir");
    const std::int64_t operands[] = {d0, s0};
    return module.maps[0].evaluate(0, operands);
  };
  EXPECT_EQ(value("d0 + s0 * 2 - 1", 3, 4), 10);
  EXPECT_EQ(value("-d0 mod 5", 3, 0), 2);
  EXPECT_EQ(value("-d0 floordiv 2", 3, 0), -2);
  EXPECT_EQ(value("-d0 ceildiv 2", 3, 0), -1);
  EXPECT_EQ(value("d0 ceildiv 4", 9, 0), 3);
  EXPECT_EQ(value("d0 mod s0", 9, 0), kDynamic) << "nothing is divided by zero";
  EXPECT_EQ(value("d0 * s0", INT64_MAX, 2), kDynamic);
  EXPECT_EQ(value("d0 - (s0 + 2) * 3", 20, 4), 2);
}

TEST(MlirText, ThePrettyAndTheGenericFormSayTheSame) {
  const std::string pretty = R"(
func.func @f(%A: memref<8x16xf32>, %n: index, %z: f32) -> f32 {
  %0 = affine.for %i = 0 to 8 step 2 iter_args(%s = %z) -> (f32) {
    %x = affine.load %A[%i + 1, %n] : memref<8x16xf32>
    %y = arith.addf %s, %x : f32
    affine.yield %y : f32
  }
  return %0 : f32
})";
  const std::string generic = R"(
"func.func"() <{function_type = (memref<8x16xf32>, index, f32) -> f32, sym_name = "f"}> ({
^bb0(%A: memref<8x16xf32>, %n: index, %z: f32):
  %0 = "affine.for"(%z) <{lowerBoundMap = affine_map<() -> (0)>, operandSegmentSizes = array<i32: 0, 0, 1>, step = 2 : index, upperBoundMap = affine_map<() -> (8)>}> ({
  ^bb0(%i: index, %s: f32):
    %x = "affine.load"(%A, %i, %n) <{map = affine_map<(d0, d1) -> (d0 + 1, d1)>}> : (memref<8x16xf32>, index, index) -> f32
    %y = "arith.addf"(%s, %x) <{fastmath = #arith.fastmath<none>}> : (f32, f32) -> f32
    "affine.yield"(%y) : (f32) -> ()
  }) : (f32) -> f32
  "func.return"(%0) : (f32) -> ()
}) : () -> ())";
  EXPECT_EQ(described(parse(pretty)), described(parse(generic)));
}

TEST(MlirText, NumbersKeepTheirSigns) {
  const Module module = parse(R"(
func.func @f(%x: tensor<4x8xf32>) {
  %a = arith.constant -1 : index
  %b = index.constant -65536
  %c = arith.constant -2.5 : f64
  %d = arith.constant 3 : i32
  %e = tosa.argmax %x axis = -1 : tensor<4x8xf32> -> tensor<4xi32>
  %f = llvm.mlir.constant(-5 : i64) : i64
  return
})");
  std::vector<std::int64_t> numbers;
  for (const Operation& operation : module.operations)
    if (!operation.results.empty()) numbers.push_back(module.constant(operation.results[0]));
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{-1, -65536, kDynamic, 3, kDynamic, -5}));
  EXPECT_EQ(module.attributes[static_cast<std::size_t>(module.operations[3].attributes[0].second)].real,
            -2.5);
  ASSERT_NE(module.attribute(module.operations[5], "axis"), nullptr);
  EXPECT_EQ(module.attribute(module.operations[5], "axis")->integer, -1);
}

TEST(MlirText, UnknownDialectsAreKept) {
  for (const test::MlirText& one : test::mlir_texts()) EXPECT_NO_THROW(parse(one.text, one.name)) << one.name;
  const Module torch = parse(test::mlir_texts()[6].text);
  const Operation& mm = find(torch, "torch.aten.mm");
  EXPECT_EQ(torch.type_of(mm.operands[1]).shape, (std::vector<std::int64_t>{kDynamic, 4}));
  EXPECT_EQ(torch.type_of(mm.results[0]).shape, (std::vector<std::int64_t>{2, 4}));
  const Module stablehlo = parse(test::mlir_texts()[5].text);
  EXPECT_EQ(stablehlo.type_of(find(stablehlo, "stablehlo.reduce").results[0]).shape,
            (std::vector<std::int64_t>{2}));
  const Operation& loop = find(stablehlo, "stablehlo.while");
  EXPECT_EQ(loop.regions.size(), 2u);
  EXPECT_EQ(loop.results.size(), 2u);
  // A dialect that nobody has heard of, in a syntax of its own.
  const Module own = parse(R"(
own.module @m {
  own.kernel @k [%a: tensor<4x?xi8>, %b as !own.thing<3x4xf16>] grid(2, 3) {
    %r:2, %s = own.step %a <mode = fast> | %b -> tensor<4xf32>, i1, !own.thing<3x4xf16>
    own.done(%r#1) { own.flag, size = 4 : i64 }
  } tail
})");
  const Operation& step = find(own, "own.step");
  EXPECT_EQ(step.operands.size(), 2u);
  EXPECT_EQ(own.type_of(step.results[0]).shape, (std::vector<std::int64_t>{4}));
  EXPECT_EQ(own.type_of(step.results[2]).shape, (std::vector<std::int64_t>{3, 4}));
  EXPECT_EQ(find(own, "own.done").operands[0], step.results[1]);
}

TEST(MlirText, ValuesMayBeDefinedFurtherDown) {
  const Module module = parse(R"(
func.func @f(%c: i1) -> f32 {
  cf.br ^bb2
^bb1:
  return %x : f32
^bb2:
  %x = arith.constant 1.0 : f32
  cf.cond_br %c, ^bb1, ^bb2
})");
  EXPECT_EQ(module.type_of(find(module, "func.return").operands[0]).bits, 32);
}

TEST(MlirText, MalformedTextHasAPlace) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"func.func @f() {", "a.mlir:1:16: this '{' is never closed"},
      {"func.func @f() }", "a.mlir:1:16: this '}' closes nothing"},
      {"func.func @f(%a: f32] {}", "a.mlir:1:21: this ']' does not close the '(' of line 1, column 13"},
      {"x.y \"abc\n", "a.mlir:1:5: this string is not closed on its line"},
      {"func.func @f(%a: f33) { return }", "a.mlir:1:18: 'f33' is no type"},
      {"func.func @f(%a: tensor<4xq>) { return }", "a.mlir:1:27: 'q' is no type"},
      {"func.func @f(%a: tensor<4f32>) { return }", "a.mlir:1:26: expected 'x' after a size"},
      {"func.func @f() {\n  return %a : f32\n}", "a.mlir:2:10: nothing defines %a"},
      {"func.func @f(%a: f32) {\n  %a = arith.negf %a : f32\n  return\n}", "a.mlir:2:3: %a is defined twice"},
      {"func.func @f(%a: f32) {\n  %b = arith.addf %a, %a#1 : f32\n}", "a.mlir:2:25: %a has 1 result"},
      {"func.func @f() {\n  affine.for %i = 0 until 8 {\n  }\n}",
       "a.mlir:2:21: expected 'to', found 'until'"},
      {"func.func @f() {\n  affine.for %i = 0 to 8 step 0 {\n  }\n}", "a.mlir:2:26: a step under 1"},
      {"func.func @f() {\n  affine.for %i = 0 to #m(%i) {\n  }\n}", "a.mlir:2:24: nothing defines #m"},
      {"func.func @f() {\n  a.b {c = [#m]}\n}", "a.mlir:2:13: nothing defines #m"},
      {"func.func @f(%a: !t) {\n}", "a.mlir:1:18: nothing defines !t"},
      {"func.func @f(%a: memref<4xf32, #m>) {\n}", "a.mlir:1:32: nothing defines #m"},
      {"func.func @f(%a: tensor<4x!t>) {\n}", "a.mlir:1:27: nothing defines !t"},
      {"\"a.b\"() : () -> f32 f64", "a.mlir:1:21: expected an operation, found 'f64'"},
      {"%0 = \"a.b\"() : () -> ()", "a.mlir:1:16: 1 results, but types of 0"},
      {"%0 = \"a.b\"(%1) : () -> f32", "a.mlir:1:18: 1 operands, but types of 0"},
      {"#m = affine_map<(d0) -> (d1)>", "a.mlir:1:26: expected an affine expression, found 'd1'"},
      {"%0 = 5", "a.mlir:1:6: expected an operation, found '5'"},
      {"a.b {c = }", "a.mlir:1:10: expected an attribute, found '}'"},
      {"ML\xefR\x0d%", "a.mlir:1:1: this is MLIR's bytecode, not its text; mlir-opt makes text of it"},
      {"% = a.b", "a.mlir:1:1: expected a value's name after '%'"},
  };
  for (const auto& [text, message] : table) EXPECT_EQ(refused(text), message) << text;
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "a.b {\n";
  for (int i = 0; i < 100000; ++i) deep += "}\n";
  EXPECT_NE(refused(deep).find("nested deeper than"), std::string::npos);
  // Debug information is skipped, but the compiler reads it.
  std::string fused;
  for (int i = 0; i < 1000; ++i) fused += "fused[";
  for (int i = 0; i < 1000; ++i) fused += "]";
  for (const std::string& text : {"a.b loc(" + fused + ")", "#a = loc(" + fused + ")"})
    EXPECT_NE(refused(text).find("nested deeper than"), std::string::npos) << text;
  EXPECT_EQ(refused(""), "read");
}

TEST(MlirText, AliasesAreDefinedBeforeTheyAreUsed) {
  const std::string use = "func.func @f(%a: !t) {\n  a.b %a {c = #m} : !t\n  return\n}\n";
  const std::string types = "!t = tensor<4xf32>\n", maps = "#m = affine_map<(d0) -> (d0)>\n";
  EXPECT_EQ(refused(types + maps + use), "read");
  EXPECT_EQ(refused(types + use + maps), "a.mlir:3:15: nothing defines #m");
  EXPECT_EQ(refused(maps + use + types), "a.mlir:2:18: nothing defines !t");
  // Locations may follow; attributes and types of dialects are no aliases.
  EXPECT_EQ(refused("a.b loc(#loc1)\n#loc = loc(\"x\":1:1)\n#loc1 = loc(\"y\"(#loc))\n"), "read");
  EXPECT_EQ(refused("#loc = loc(\"x\":1:1)\na.b {where = #loc}\n"), "read");
  EXPECT_EQ(refused("func.func private @f(!llvm.ptr, !x<1>) attributes {c = #x.y, d = #x<y>}\n"), "read");
}

TEST(MlirText, MapsOfLinalgGenericFitItsOperands) {
  const auto generic = [](const std::string& maps, const std::string& iterators) {
    return "#a = affine_map<(d0, d1) -> (d0, d1)>\n#b = affine_map<(d0, d1) -> (d0)>\n"
           "#one = affine_map<(d0) -> (d0)>\n"
           "func.func @f(%a: memref<4x8xf32>, %b: memref<4xf32>) {\n  linalg.generic {indexing_maps = [" +
           maps + "], iterator_types = [" + iterators +
           "]} ins(%a : memref<4x8xf32>) outs(%b : memref<4xf32>) {\n  ^bb0(%x: f32, %y: f32):\n"
           "    linalg.yield %x : f32\n  }\n  return\n}\n";
  };
  const std::string at = "a.mlir:5:3: ", two = "\"parallel\", \"reduction\"";
  EXPECT_EQ(refused(generic("#a, #b", two)), "read");
  EXPECT_EQ(refused(generic("#a", two)), at + "linalg.generic has 2 operands, but 1 indexing_maps");
  EXPECT_EQ(refused(generic("#a, #b", "\"parallel\"")),
            at + "of linalg.generic indexing_maps[0] has 2 dimensions, but there are 1 iterator_types");
  EXPECT_EQ(refused(generic("#a, #one", two)),
            at + "of linalg.generic indexing_maps[1] has 1 dimensions, but there are 2 iterator_types");
  EXPECT_EQ(refused(generic("#b, #b", two)),
            at + "of linalg.generic indexing_maps[0] has 1 results, but the operand has 2 dimensions");
  EXPECT_EQ(refused(generic("#a, 1", two)), at + "of linalg.generic indexing_maps[1] is no affine map");
  EXPECT_EQ(refused("func.func @f(%a: memref<4xf32>) {\n  linalg.generic outs(%a : memref<4xf32>) {\n  "
                    "^bb0(%x: f32):\n    linalg.yield %x : f32\n  }\n  return\n}\n"),
            "a.mlir:2:3: linalg.generic without indexing_maps");
  // What a trait's alias holds.
  const std::string trait = "{indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = [\"parallel\"]}";
  EXPECT_EQ(
      refused("#trait = " + trait +
              "\nfunc.func @f(%a: memref<4xf32>) {\n  linalg.generic #trait outs(%a : memref<4xf32>) {\n"
              "  ^bb0(%x: f32):\n    linalg.yield %x : f32\n  }\n  return\n}\n"),
      "read");
}

/// Seconds of processor time, far above what any text here takes where time does not grow with the square.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr double kLongest = 40.0;
#else
constexpr double kLongest = 2.0;
#endif

TEST(MlirText, Fuzz) {
  std::vector<std::string> corpus;
  for (const test::MlirText& one : test::mlir_texts()) corpus.push_back(one.text);
  test::Mutator mutator(corpus, 5);
  std::int64_t read = 0;
  double slowest = 0.0;
  std::string slow;
  const auto seconds = [] { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; };
  for (std::int64_t i = 0; i < test::fuzz_inputs(1500); ++i) {
    const std::string text = mutator.next();
    const double began = seconds();
    try {
      described(parse(text, "a.mlir"));
      ++read;
    } catch (const Error& error) {
      EXPECT_GT(error.place().line, 0) << error.what();
      EXPECT_GT(error.place().column, 0) << error.what();
    }
    if (seconds() - began > slowest) {
      slowest = seconds() - began;
      slow = text;
    }
  }
  EXPECT_GT(read, 0);
  EXPECT_LT(slowest, kLongest) << slow;
  // What could take time that grows with the square.
  for (const std::string piece :
       {"(", "<", "[", "a.b <", "%a, ", "%a:9 = ", "#a<", "!a.b<", "\"a\"(", "a.b %c ", "{a = [", "tensor<4x",
        "x.y : (", "affine_map<(", "1, ", "-", "^a ", "a.b\n", "{"}) {
    std::string text;
    while (text.size() < 50000) text += piece;
    const double began = seconds();
    refused(text);
    refused("func.func @f() {\n" + text);
    EXPECT_LT(seconds() - began, kLongest) << piece;
  }
}

/// What mlir-opt says of a text; empty where it refuses.
std::string mlir_opt(const test::Folder& folder, const std::string& text, const std::string& options) {
  folder.write("in.mlir", text);
  const std::string command = fmt::format("mlir-opt-19 {} {} > {} 2>/dev/null", folder.file("in.mlir"),
                                          options, folder.file("out.mlir"));
  return std::system(command.c_str()) == 0 ? folder.read("out.mlir") : "";
}

/// Without what only one of the forms shows: terminators, bodies of named operations.
std::string comparable(const std::string& text) {
  const Module module = parse(text);
  std::string kept, line;
  std::istringstream lines(described(module));
  std::size_t skip = 0;
  for (std::size_t i = 0; i < module.operations.size() && std::getline(lines, line); ++i) {
    const Operation& operation = module.operations[i];
    bool inside = false;
    for (int region = operation.region; region >= 0 && !inside;) {
      const Operation& around = module.operations[static_cast<std::size_t>(
          module.regions[static_cast<std::size_t>(region)].operation)];
      inside = around.name.starts_with("linalg.") && around.name != "linalg.generic";
      region = around.region;
    }
    const bool implied = operation.name.ends_with("yield") || operation.name == "scf.reduce" ||
                         operation.name.ends_with("in_parallel") || operation.name == "builtin.module";
    if (!inside && !implied)
      kept += line + "\n";
    else
      ++skip;
  }
  return kept;
}

TEST(MlirText, ReadsWhatMlirOptPrints) {
  if (program_on_path("mlir-opt-19").empty()) GTEST_SKIP() << "mlir-opt-19 is not installed (mlir-19-tools)";
  const test::Folder folder;
  const std::string named = "func.func(tosa-to-linalg-named,tosa-to-linalg)";
  const std::string buffers =
      "linalg-generalize-named-ops,one-shot-bufferize{bufferize-function-boundaries=1 "
      "function-boundary-type-conversion=identity-layout-map}";
  const std::vector<std::string> pipelines = {
      "",
      "func.func(affine-loop-tile{tile-size=7},affine-loop-unroll{unroll-factor=3})",
      "func.func(affine-super-vectorize{virtual-vector-size=8})",
      "func.func(affine-parallelize),lower-affine",
      named + "," + buffers + ",func.func(convert-linalg-to-parallel-loops),convert-scf-to-openmp",
      "lower-affine,convert-scf-to-cf,expand-strided-metadata,convert-math-to-llvm,finalize-memref-to-llvm,"
      "convert-arith-to-llvm,convert-index-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,reconcile-"
      "unrealized-casts"};
  int compared = 0;
  for (const test::MlirText& one : test::mlir_texts()) {
    if (!one.known) continue;
    for (const std::string& pipeline : pipelines) {
      if (std::string(one.name) != "matmul" && std::string(one.name) != "tosa" && !pipeline.empty()) continue;
      // Each pass on what it is for.
      const bool tosa = std::string(one.name) == "tosa";
      if (!pipeline.empty() && tosa != pipeline.starts_with(named)) continue;
      const std::string passes = pipeline.empty() ? "" : "--pass-pipeline='builtin.module(" + pipeline + ")'";
      const std::string pretty = mlir_opt(folder, one.text, passes);
      if (pretty.empty()) continue;
      const std::string generic = mlir_opt(folder, one.text, passes + " --mlir-print-op-generic");
      std::string a, b;
      ASSERT_NO_THROW(a = comparable(pretty)) << one.name << " " << pipeline;
      ASSERT_NO_THROW(b = comparable(generic)) << one.name << " " << pipeline;
      // Dialects whose pretty form has another order or leaves out types are read, not compared.
      const bool same = std::string(one.name) != "spirv" && std::string(one.name) != "misc" &&
                        pipeline.find("llvm") == std::string::npos &&
                        pipeline.find("openmp") == std::string::npos;
      if (same) {
        EXPECT_EQ(a, b) << one.name << " " << pipeline;
      }
      ++compared;
    }
    if (std::string(one.name) == "loops") {
      EXPECT_NO_THROW(parse(mlir_opt(folder, one.text, "-mlir-print-debuginfo"))) << one.name;
    }
  }
  EXPECT_GT(compared, 8);
}

}  // namespace
}  // namespace hone::cost::mlir
