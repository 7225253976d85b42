#include "hone/cost/neural/cost.h"

#include <array>
#include <cmath>
#include <functional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "../../program.h"
#include "hone/base/base64.h"
#include "hone/base/error.h"
#include "hone/base/registry.h"
#include "hone/base/rng.h"
#include "hone/cost/kernels/costs.h"
#include "hone/cost/mlir/features.h"
#include "hone/cost/neural/kernels.h"

namespace hone::cost {
namespace {

std::string kernel(int statements) {
  std::string text =
      "func.func @kernel(%A: memref<64xf32>) {\naffine.for %i = 0 to 64 {\n"
      "%x0 = affine.load %A[%i] : memref<64xf32>\n";
  for (int i = 0; i < statements; ++i) text += fmt::format("%x{} = arith.mulf %x{}, %x0 : f32\n", i + 1, i);
  return text + fmt::format("affine.store %x{}, %A[%i] : memref<64xf32>\n}}\nreturn\n}}\n", statements);
}

/// A model of a kind with weights that nobody trained.
NeuralModel some_model(NeuralKind kind, bool features = true) {
  NeuralModel model;
  model.shape.kind = kind;
  model.shape.width = 12;
  model.shape.heads = 3;
  model.shape.parameter_tokens = 10;
  model.shape.hidden = 9;
  model.shape.length = 40;
  const std::vector<std::vector<std::string>> texts{
      mlir::tokens(mlir::parse(kernel(8)), 0, mlir::Tokens::operands)};
  model.vocabulary = mlir::Vocabulary::build(texts, 1);
  model.targets = {{"run_s", 1e-9, 3.0, 2.0, -2.0, 2.0, 1.5}, {"spills", 1.0, 0.0, 1.0, -3.0, 3.0, 2.0}};
  if (features)
    model.features = {"flops", "load_bytes", "loop_depth", "loop." + mlir::loop_feature_names().front()};
  std::uint64_t number = 0;
  for (const auto& spec : model.weight_specs()) {
    NeuralWeight weight{spec.shape, {}};
    std::int64_t count = 1;
    for (const std::int64_t size : spec.shape) count *= size;
    Rng rng(1, "weights", number++);
    for (std::int64_t i = 0; i < count; ++i)
      weight.values.push_back(static_cast<float>(spec.constant + spec.deviation * rng.normal()));
    model.weights[spec.name] = weight;
  }
  return model;
}

std::string error_of(Json json) {
  try {
    NeuralCost::from_json(json, "model.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(NeuralCost, PredictsFromAFile) {
  for (std::size_t kind = 0; kind < neural_kinds().size(); ++kind)
    for (const bool features : {true, false}) {
      SCOPED_TRACE(neural_kinds()[kind]);
      const NeuralModel model = some_model(static_cast<NeuralKind>(kind), features);
      const Json json = model.json();
      const NeuralCost cost = NeuralCost::from_json(parse_json(json.dump(), "model.json"), "model.json");
      EXPECT_EQ(cost.model().json(), json);
      EXPECT_EQ(cost.targets(), (std::vector<std::string>{"run_s", "spills"}));
      // From a function of one statement to one that is longer than the model reads.
      for (const int statements : {0, 1, 7, 400}) {
        const mlir::Module module = mlir::parse(kernel(statements));
        const auto predictions = cost.predict(module, module.functions().at(0));
        ASSERT_EQ(predictions.size(), 2u);
        for (const auto& one : predictions) {
          EXPECT_TRUE(std::isfinite(one.value));
          EXPECT_LE(0.0, one.low);
          EXPECT_LE(one.low, one.value);
          EXPECT_LE(one.value, one.high);
        }
        const auto again = NeuralCost(model).predict(module, module.functions().at(0));
        EXPECT_EQ(again[0].value, predictions[0].value);
      }
    }
}

TEST(NeuralCost, ABagByHand) {
  NeuralModel model;
  model.shape.kind = NeuralKind::bag;
  model.shape.hidden = 1;
  model.vocabulary = mlir::Vocabulary::from_json({"arith.mulf", "func.return"});
  model.targets = {{"instructions", 1.0, 0.5, 2.0, -10.0, 10.0, 3.0}};
  model.weights = {{"bag.weight", {{4, 1}, {0.0f, 0.25f, 2.0f, -1.0f}}},
                   {"bag.bias", {{1}, {0.5f}}},
                   {"hidden.weight", {{1, 1}, {2.0f}}},
                   {"hidden.bias", {{1}, {-1.0f}}},
                   {"output.weight", {{1, 2}, {0.5f, 0.0f}}},
                   {"output.bias", {{2}, {0.1f, -1.0f}}}};
  const NeuralCost cost = NeuralCost::from_json(model.json(), "");
  const auto one = cost.predict({{2, 2, 3, 1}, {}}).at(0);
  const double bag = 0.5 + 2.0 * std::log1p(2.0) - std::log(2.0) + 0.25 * std::log(2.0);
  const double z = 0.5 * (2.0 * bag - 1.0) + 0.1;
  EXPECT_NEAR(one.value, std::expm1(2.0 * z + 0.5), 1e-4 * one.value);
  EXPECT_NEAR(one.high, std::expm1(2.0 * (z + 3.0 * std::exp(-1.0)) + 0.5), 1e-4 * one.high);
  EXPECT_NEAR(one.low, std::expm1(2.0 * (z - 3.0 * std::exp(-1.0)) + 0.5), 1e-4 * one.high);
}

TEST(NeuralCost, LongFunctionsAreBounded) {
  NeuralShape shape;
  shape.length = 64;
  const mlir::Module brief = mlir::parse(kernel(2)), middle = mlir::parse(kernel(14)),
                     extended = mlir::parse(kernel(300));
  EXPECT_EQ(bounded_tokens(brief, 0, shape), mlir::tokens(brief, 0, mlir::Tokens::operands));
  const auto without = bounded_tokens(middle, 0, shape);
  EXPECT_LT(without.size(), 64u);
  for (const auto& token : without) EXPECT_NE(token[0], '%');
  const auto ends = bounded_tokens(extended, 0, shape);
  ASSERT_EQ(ends.size(), 64u);
  EXPECT_EQ(ends.front(), without.front());
  EXPECT_EQ(ends.back(), without.back());
  shape.kind = NeuralKind::bag;
  EXPECT_GT(bounded_tokens(extended, 0, shape).size(), 1000u);
}

TEST(NeuralCost, MalformedFilesAreClearErrors) {
  const Json good = some_model(NeuralKind::transformer).json();
  EXPECT_EQ(error_of(good), "");
  EXPECT_NE(error_of(Json::array()).find("model.json: this is no learned cost model"), std::string::npos);
  const auto broken = [&](const std::function<void(Json&)>& change) {
    Json json = good;
    change(json);
    return error_of(json);
  };
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos ? testing::AssertionSuccess()
                                                : testing::AssertionFailure() << text;
  };
  EXPECT_TRUE(has(broken([](Json& json) { json["version"] = 2; }), "newer"));
  EXPECT_TRUE(has(broken([](Json& json) { json["kind"] = "lstmm"; }), "did you mean 'lstm'"));
  EXPECT_TRUE(has(broken([](Json& json) { json["tokens"] = "letters"; }), "letters"));
  EXPECT_TRUE(has(broken([](Json& json) { json.erase("vocabulary"); }), "malformed"));
  EXPECT_TRUE(has(broken([](Json& json) { json["vocabulary"] = {"a", "a"}; }), "twice"));
  EXPECT_TRUE(has(broken([](Json& json) { json["shape"]["width"] = 0; }), "width"));
  EXPECT_TRUE(has(broken([](Json& json) { json["shape"]["heads"] = 5; }), "heads"));
  EXPECT_TRUE(has(broken([](Json& json) { json["shape"]["width"] = 15; }), "weights.embedding"));
  EXPECT_TRUE(has(broken([](Json& json) { json["targets"] = Json::array(); }), "nothing"));
  EXPECT_TRUE(has(broken([](Json& json) { json["targets"][0]["transform"]["scale"] = 0.0; }), "run_s"));
  EXPECT_TRUE(has(broken([](Json& json) { json["targets"][0]["transform"]["kind"] = "cube"; }), "log1p"));
  EXPECT_TRUE(has(broken([](Json& json) { json["features"][0] = "beauty"; }), "beauty"));
  EXPECT_TRUE(has(broken([](Json& json) { json["calibration"] = Json::object(); }), "malformed"));
  EXPECT_TRUE(has(broken([](Json& json) { json["weights"].erase("output.bias"); }), "weights.output.bias"));
  EXPECT_TRUE(has(broken([](Json& json) { json["weights"]["output.bias"]["data"] = "AAAA?"; }), "base64"));
  EXPECT_TRUE(has(broken([](Json& json) { json["weights"]["output.bias"]["data"] = "AAAAAA=="; }), "4"));
  EXPECT_TRUE(
      has(broken([](Json& json) { json["weights"]["output.bias"]["data"] = "AACAfwAAgH8="; }), "finite"));
  EXPECT_TRUE(has(broken([](Json& json) {
                    json["weights"]["hidden.weight"]["shape"] = {2, 2};
                  }),
                  "hidden.weight"));
}

TEST(NeuralCost, ProductsAgreeWithThePlainOnes) {
  Rng rng(5, "products");
  for (const auto [rows, inner, columns] : {std::array{1, 1, 1}, std::array{5, 7, 3}, std::array{4, 12, 16},
                                            std::array{9, 30, 27}, std::array{13, 8, 48}})
    for (const int stride : {inner, std::max(1, inner / 3)}) {
      std::vector<float> a(static_cast<std::size_t>(rows * inner)),
          b(static_cast<std::size_t>(inner * columns)), bias(static_cast<std::size_t>(columns)),
          out(static_cast<std::size_t>(rows * columns));
      for (auto* values : {&a, &b, &bias})
        for (float& value : *values) value = static_cast<float>(rng.normal());
      product(a.data(), rows, inner, stride, b.data(), columns, bias.data(), out.data());
      for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j) {
          double sum = bias[static_cast<std::size_t>(j)];
          for (int k = 0; k < inner; ++k)
            sum += static_cast<double>(a[static_cast<std::size_t>(i * stride + k)]) *
                   b[static_cast<std::size_t>(k * columns + j)];
          EXPECT_NEAR(out[static_cast<std::size_t>(i * columns + j)], sum, 1e-5 * (1.0 + std::abs(sum)));
        }
    }
}

TEST(NeuralCost, OneReaderForNetworksAndTrees) {
  const test::Folder folder;
  const mlir::Module module = mlir::parse(kernel(4));
  const int function = module.functions().at(0);
  const NeuralModel model = some_model(NeuralKind::conv1d);
  folder.write("n.json", model.json().dump());
  const KernelCosts network = KernelCosts::read(folder.file("n.json"));
  EXPECT_EQ(network.kind(), "conv1d");
  const auto expected = NeuralCost(model).predict(module, function);
  const std::vector<PredictedCost> predicted = network.predict(module, function);
  ASSERT_EQ(predicted.size(), model.targets.size());
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    EXPECT_EQ(predicted[i].target, model.targets[i].name);
    EXPECT_EQ(predicted[i].value, expected[i].value);
    EXPECT_EQ(predicted[i].low, expected[i].low);
    EXPECT_EQ(predicted[i].high, expected[i].high);
  }
  std::vector<CostSample> samples;
  for (int i = 0; i < 30; ++i) {
    CostSample sample;
    sample.features = mlir::features(module, function);
    sample.family = std::to_string(i % 3);
    sample.targets = {{"run_s", 1e-6 * (1.0 + i)}};
    samples.push_back(sample);
  }
  LearnedCostOptions options;
  options.boosting.trees = 2;
  LearnedCosts trees = LearnedCosts::fit(samples, options);
  trees.provenance = {{"machine", "m"}};
  folder.write("t.json", trees.json().dump());
  const KernelCosts read = KernelCosts::read(folder.file("t.json"));
  EXPECT_EQ(read.kind(), "trees");
  EXPECT_EQ(read.labels()["machine"], "m");
  EXPECT_EQ(read.predict(module, function).at(0).value, trees.predict(samples[0].features).at(0).value);
  // A module's functions, more than are gone through at once: each as by itself, in their order.
  std::string many = "module {\n";
  for (int i = 0; i < 300; ++i)
    many += fmt::format(
        "func.func @f{0}(%a: memref<{1}xf32>) {{\naffine.for %i = 0 to {1} {{\n"
        "%x = affine.load %a[%i] : memref<{1}xf32>\n%y = arith.mulf %x, %x : f32\n"
        "affine.store %y, %a[%i] : memref<{1}xf32>\n}}\nreturn\n}}\n",
        i, 1 + 7 * i);
  const mlir::Module all = mlir::parse(many + "}\n");
  for (const KernelCosts* costs : {&read, &network}) {
    const auto lists = costs->predict(all);
    ASSERT_EQ(lists.size(), 300U);
    for (const std::size_t i : {0U, 1U, 255U, 256U, 299U})
      EXPECT_EQ(lists[i].at(0).value, costs->predict(all, all.functions()[i]).at(0).value) << i;
  }
  for (const char* text : {"[]", "{}", R"({"format": 1})", R"({"format": "hone-cost-model"})"}) {
    folder.write("wrong.json", text);
    try {
      KernelCosts::read(folder.file("wrong.json"));
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("wrong.json"), std::string::npos) << error.what();
    }
  }
}

TEST(NeuralCost, AreListed) {
  for (const std::string& kind : neural_kinds()) EXPECT_NE(methods().find("cost", "mlir_" + kind), nullptr);
}

TEST(Base64, ThereAndBack) {
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  EXPECT_EQ(to_base64("foo"), "Zm9v");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes += static_cast<char>(i * 37);
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
  }
  for (const char* wrong : {"Z", "Zg=", "Zg=a", "Z===", "Zh==", "Zm9=", "Zm9v====", "Z\ng="})
    EXPECT_THROW(from_base64(wrong), Error) << wrong;
}

}  // namespace
}  // namespace hone::cost
