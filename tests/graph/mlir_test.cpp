#include "hone/graph/mlir.h"

#include <cmath>
#include <cstdlib>

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "../program.h"
#include "../task/cells.h"
#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/base/registry.h"
#include "hone/base/rng.h"
#include "hone/graph/decoder.h"
#include "hone/graph/evaluate.h"
#include "hone/graph/operator.h"
#include "hone/task/cell_network.h"
#include "random_graphs.h"

namespace hone::graph {
namespace {

using Int = std::int64_t;

struct Case {
  Graph graph;
  bool training = false;
};

Graph one(const std::string& op, const Attributes& attributes, const std::vector<Shape>& shapes,
          DataType type = DataType::float32) {
  Graph g;
  std::vector<int> inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i)
    inputs.push_back(g.input(fmt::format("x{}", i), shapes[i], type));
  g.output(g.add(op, attributes, inputs, op));
  return g;
}

/// Every operator, with several settings.
std::vector<Case> cases() {
  const Shape x = {2, 5, 8}, image = {2, 4, 7, 9};
  std::vector<Case> all;
  const auto add = [&](const std::string& op, const Attributes& attributes,
                       const std::vector<Shape>& shapes) { all.push_back({one(op, attributes, shapes)}); };
  add("linear", {{"out", Int{3}}, {"bias", true}}, {x});
  add("linear", {{"out", Int{3}}}, {{7, 4}});
  add("layer_norm", {}, {x});
  add("layer_norm", {{"affine", false}}, {{3, 4}});
  add("rms_norm", {}, {{2, 3, 37}});
  add("rms_norm", {{"affine", false}, {"epsilon", 0.1}}, {x});
  add("add", {}, {x, x});
  add("add", {}, {x, x, x});
  add("multiply", {}, {x, x});
  add("identity", {}, {x});
  add("rotary", {{"heads", Int{2}}}, {x});
  add("rotary", {{"heads", Int{2}}, {"fraction", 0.5}, {"base", 100.0}}, {{2, 5, 16}});
  add("rotary", {{"heads", Int{2}}, {"fraction", 0.0}}, {x});
  add("learned_position", {{"context", Int{6}}}, {x});
  add("causal_attention", {{"heads", Int{1}}}, {x, x, x});
  add("causal_attention", {{"heads", Int{4}}, {"kv_heads", Int{1}}}, {x, {2, 5, 2}, {2, 5, 2}});
  add("causal_attention", {{"heads", Int{4}}, {"kv_heads", Int{2}}}, {x, {2, 5, 4}, {2, 5, 4}});
  add("token_parameter_attention", {{"tokens", Int{6}}, {"out", Int{3}}}, {x});
  add("token_parameter_attention", {{"tokens", Int{6}}, {"out", Int{3}}, {"tau", 1.5}}, {{4, 8}});
  for (const char* kind : {"gelu", "relu", "silu", "tanh", "sigmoid", "relu_squared"})
    add("activation", {{"kind", std::string(kind)}}, {x});
  add("conv2d", {{"out", Int{6}}, {"kernel", Int{3}}}, {image});
  add("conv2d", {{"out", Int{6}}, {"kernel", Int{3}}, {"stride", Int{2}}, {"groups", Int{2}}, {"bias", true}},
      {image});
  add("conv2d", {{"out", Int{4}}, {"kernel", Int{3}}, {"groups", Int{4}}, {"dilation", Int{2}}}, {image});
  add("conv2d", {{"out", Int{2}}, {"kernel", Int{1}}, {"padding", Int{0}}}, {image});
  add("conv2d", {{"out", Int{2}}, {"kernel", Int{5}}, {"padding", Int{0}}, {"stride", Int{2}}}, {image});
  for (const char* pool : {"avg_pool2d", "max_pool2d"}) {
    add(pool, {{"kernel", Int{3}}}, {image});
    add(pool, {{"kernel", Int{2}}, {"stride", Int{2}}, {"padding", Int{0}}}, {image});
    add(pool, {{"kernel", Int{3}}, {"stride", Int{2}}}, {image});
  }
  for (const bool training : {false, true}) {
    all.push_back({one("batch_norm", {}, {image}), training});
    all.push_back({one("batch_norm", {{"affine", false}, {"epsilon", 0.01}}, {{5, 3}}), training});
  }
  add("concat", {}, {image, {2, 3, 7, 9}, image});
  add("concat", {}, {image});
  add("slice_channels", {{"channels", Int{2}}, {"begin", Int{1}}}, {image});
  add("crop", {{"top", Int{1}}, {"right", Int{2}}}, {image});
  add("crop", {}, {image});
  add("global_avg_pool", {}, {image});
  add("zero", {}, {x});
  add("zero", {{"stride", Int{2}}}, {image});
  all.push_back({one("embedding", {{"vocabulary", Int{11}}, {"width", Int{4}}}, {{2, 5}}, DataType::int64)});
  return all;
}

struct Compiled {
  void* library = nullptr;
  ~Compiled() {
    if (library != nullptr) ::dlclose(library);
  }
};

const char* kToLlvm =
    "lower-affine,convert-scf-to-cf,canonicalize,cse,expand-strided-metadata,lower-affine,convert-math-to-"
    "llvm,convert-math-to-libm,"
    "finalize-memref-to-llvm,convert-arith-to-llvm,convert-index-to-llvm,convert-cf-to-llvm,"
    "convert-func-to-llvm{use-bare-ptr-memref-call-conv=1},reconcile-unrealized-casts";

std::string pipeline(MlirForm form) {
  if (form == MlirForm::affine) return fmt::format("builtin.module({})", kToLlvm);
  return fmt::format(
      "builtin.module(linalg-fuse-elementwise-ops,one-shot-bufferize{{bufferize-function-boundaries=1 "
      "function-boundary-type-conversion=identity-layout-map}},buffer-results-to-out-params,buffer-"
      "deallocation-pipeline,convert-"
      "bufferization-to-memref,func.func(convert-linalg-to-affine-loops),{})",
      kToLlvm);
}

bool tools() {
  for (const char* tool : {"mlir-opt-19", "mlir-translate-19", "llc-19", "cc"})
    if (program_on_path(tool).empty()) return false;
  return true;
}

/// All functions in one library; callN takes a list of pointers.
void compile(const test::Folder& folder, const std::vector<Case>& all, MlirForm form, Compiled& compiled) {
  std::string text, wrapper;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const MlirOptions options{form, fmt::format("f{}", i), all[i].training};
    text += mlir_function(all[i].graph, options);
    // Both forms write their outputs into their last arguments.
    const std::size_t count = mlir_arguments(all[i].graph, {MlirForm::affine, "f", all[i].training}).size();
    std::vector<std::string> types(count, "void*"), values;
    for (std::size_t k = 0; k < count; ++k) values.push_back(fmt::format("a[{}]", k));
    wrapper += fmt::format("void f{0}({1});\nvoid call{0}(void** a) {{ f{0}({2}); }}\n", i,
                           fmt::join(types, ", "), fmt::join(values, ", "));
  }
  folder.write("in.mlir", "module {\n" + text + "}\n");
  folder.write("wrapper.c", wrapper);
  const std::string command = fmt::format(
      "cd {} && mlir-opt-19 in.mlir --pass-pipeline='{}' -o low.mlir && mlir-translate-19 --mlir-to-llvmir "
      "low.mlir -o low.ll && "
      "llc-19 -O0 -filetype=obj -relocation-model=pic -mtriple=$(cc -dumpmachine) low.ll -o low.o && "
      "L=$(dirname $(readlink -f $(command -v mlir-opt-19)))/../lib && cc -shared -fPIC -o lib.so wrapper.c "
      "low.o -lm "
      "$L/libmlir_c_runner_utils.so -Wl,-rpath,$L",
      folder.path(), pipeline(form));
  ASSERT_EQ(std::system(command.c_str()), 0) << "the folder's in.mlir";
  compiled.library = ::dlopen(folder.file("lib.so").c_str(), RTLD_NOW);
  ASSERT_NE(compiled.library, nullptr) << ::dlerror();
}

/// Runs a graph as compiled and as interpreted; the largest difference, relative to the largest number.
double difference(const Compiled& compiled, std::size_t number, const Case& one) {
  const std::vector<MlirArgument> arguments =
      mlir_arguments(one.graph, {MlirForm::affine, "f", one.training});
  Rng rng(7, "mlir", number);
  std::vector<Array> inputs, parameters;
  std::vector<std::vector<Array>> moments(one.graph.nodes().size());
  std::vector<std::vector<float>> reals(arguments.size());
  std::vector<std::vector<Int>> tokens(arguments.size());
  std::vector<void*> pointers;
  std::size_t outputs = 0;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const MlirArgument& argument = arguments[i];
    Array array{argument.shape, {}};
    for (Int k = 0; k < element_count(argument.shape); ++k) {
      double value = rng.normal();
      if (argument.type == DataType::int64) value = static_cast<double>(rng.below(11));
      if (argument.kind == MlirArgument::Kind::moment && argument.number == 1) value = 0.5 + rng.uniform();
      if (argument.kind == MlirArgument::Kind::output) value = NAN;
      reals[i].push_back(static_cast<float>(value));
      tokens[i].push_back(std::isnan(value) ? 0 : static_cast<Int>(value));
      array.values.push_back(argument.type == DataType::int64 ? value : static_cast<double>(reals[i].back()));
    }
    pointers.push_back(argument.type == DataType::int64 ? static_cast<void*>(tokens[i].data())
                                                        : reals[i].data());
    if (argument.kind == MlirArgument::Kind::input) inputs.push_back(array);
    if (argument.kind == MlirArgument::Kind::parameter) parameters.push_back(array);
    if (argument.kind == MlirArgument::Kind::moment)
      moments[static_cast<std::size_t>(argument.node)].push_back(array);
    if (argument.kind == MlirArgument::Kind::output) ++outputs;
  }
  const auto call =
      reinterpret_cast<void (*)(void**)>(::dlsym(compiled.library, fmt::format("call{}", number).c_str()));
  if (call == nullptr) return INFINITY;
  call(pointers.data());
  const std::vector<Array> expected = evaluate(one.graph, inputs, parameters, {one.training, moments});
  double largest = 1e-3, worst = 0.0;
  const float* found = reals[arguments.size() - outputs].data();  // one output
  for (const double value : expected[0].values) largest = std::max(largest, std::abs(value));
  for (std::size_t k = 0; k < expected[0].values.size(); ++k) {
    const double gap = std::abs(static_cast<double>(found[k]) - expected[0].values[k]);
    worst = std::isnan(gap) ? INFINITY : std::max(worst, gap);
  }
  return worst / largest;
}

void same_numbers(const std::vector<Case>& all) {
  if (!tools())
    GTEST_SKIP() << "mlir-opt-19, mlir-translate-19, llc-19 or cc are not installed (mlir-19-tools, llvm-19)";
  for (const MlirForm form : {MlirForm::linalg, MlirForm::affine}) {
    const test::Folder folder;
    Compiled compiled;
    ASSERT_NO_FATAL_FAILURE(compile(folder, all, form, compiled));
    for (std::size_t i = 0; i < all.size(); ++i)
      EXPECT_LT(difference(compiled, i, all[i]), 2e-5)
          << (form == MlirForm::linalg ? "linalg" : "affine") << " f" << i << "\n"
          << all[i].graph.text();
  }
}

TEST(GraphMlir, EveryOperatorGivesTheInterpretersNumbers) {
  const std::vector<Case> all = cases();
  std::vector<std::string> covered;
  for (const Case& one : all) covered.push_back(one.graph.node(one.graph.outputs()[0]).op);
  for (const std::string& name : methods().names("operator"))

    EXPECT_NE(std::find(covered.begin(), covered.end(), name), covered.end()) << name << " is not tried";
  same_numbers(all);
}

TEST(GraphMlir, WholeModels) {
  std::vector<Case> all;
  DecoderSpec spec;
  spec.vocabulary = 11;
  spec.context = 8;
  spec.width = 16;
  spec.layers = {{.heads = 2, .kv_heads = 1, .feedforward = Feedforward::gated, .activation = "silu"},
                 {.tokenized = true, .heads = 2, .tokens = 9}};
  all.push_back({decoder(spec, 2, 6)});
  spec.position = Position::learned;
  spec.norm = Norm::rms;
  spec.bias = true;
  spec.tied = false;
  spec.layers = {{.heads = 4}};
  all.push_back({decoder(spec, 1, 8)});
  Rng rng(3, "mlir models", 0);
  for (int i = 0; i < 2; ++i) {
    Graph g;
    std::vector<int> from = {g.input("x", kImages, DataType::float32),
                             g.input("y", kImages, DataType::float32)};
    for (int k = 0; k < 6; ++k) from.push_back(add_random_operator(g, from, rng));
    g.output(from.back());
    all.push_back({g});
  }
  same_numbers(all);
}

TEST(GraphMlir, NetworksOfCells) {
  std::vector<Case> all;
  const auto add = [&](task::CellKind kind, const space::Config& config) {
    task::CellNetwork network;
    network.kind = kind;
    network.cells = task::cells_of(kind, config);
    network.channels = 4;
    network.stages = 2;
    network.cells_per_stage = 1;
    network.classes = 5;
    network.image = {3, 8, 8};
    all.push_back({task::cell_network(network, 2)});
  };
  add(task::CellKind::nasbench201, test::edges("3sp1z3"));
  add(task::CellKind::nasbench101,
      test::vertices("101001100000001001000", {"conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3",
                                               "conv3x3-bn-relu", "conv3x3-bn-relu"}));
  Rng rng(5, "mlir cells", 0);
  add(task::CellKind::darts, task::cell_space(task::CellKind::darts).sample(rng));
  same_numbers(all);
}

TEST(GraphMlir, Text) {
  const Graph g = one("linear", {{"out", Int{3}}}, {{2, 4}});
  const std::string linalg = to_mlir(g);
  EXPECT_NE(
      linalg.find("func.func @main(%arg0: tensor<2x4xf32>, %arg1: tensor<3x4xf32>) -> (tensor<2x3xf32>)"),
      std::string::npos)
      << linalg;
  EXPECT_NE(linalg.find("affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>, "
                        "affine_map<(d0, d1, d2) -> (d0, d1)>"),
            std::string::npos)
      << linalg;
  const std::string affine = to_mlir(g, {.form = MlirForm::affine, .function = "f"});
  EXPECT_NE(affine.find("%arg2: memref<2x3xf32> {llvm.noalias}"), std::string::npos) << affine;
  EXPECT_EQ(affine.find("alloc"), std::string::npos) << "the sums are in the output:\n" << affine;
  EXPECT_THROW(to_mlir(g, {.function = "a b"}), Error);
  EXPECT_THROW(to_mlir(g, {.function = "1x"}), Error) << "a number and a name to MLIR";
  EXPECT_NO_THROW(to_mlir(g, {.function = "_1"}));
  const std::vector<MlirArgument> arguments = mlir_arguments(g, {.form = MlirForm::affine});
  ASSERT_EQ(arguments.size(), 3u);
  EXPECT_EQ(arguments[0].kind, MlirArgument::Kind::input);
  EXPECT_EQ(arguments[1].name, g.parameters()[0].name);
  EXPECT_EQ(arguments[2].kind, MlirArgument::Kind::output);
}

}  // namespace
}  // namespace hone::graph
