// Readers of what costs are known from, over damaged files: only hone::Error may come of it, and what is read
// can be used.
#include <cmath>
#include <ctime>

#include "../cost/mlir/texts.h"
#include "../program.h"
#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/base/rng.h"
#include "hone/cost/device_profile.h"
#include "hone/cost/kernels/generator.h"
#include "hone/cost/labels.h"
#include "hone/cost/learned_costs.h"
#include "hone/cost/llm/compare.h"
#include "hone/cost/llm/measured.h"
#include "hone/cost/neural/cost.h"
#include "mutate.h"

namespace hone::cost {
namespace {

/// Tries damaged texts; `use` returns when it could read one. Returns how many could be read.
std::int64_t tried(const std::vector<std::string>& corpus, std::uint64_t seed, std::int64_t inputs,
                   const std::function<void(const std::string&)>& use) {
  for (const std::string& text : corpus) EXPECT_NO_THROW(use(text)) << text;
  test::Mutator mutator(corpus, seed);
  std::int64_t read = 0;
  double slowest = 0.0;
  std::string slow;
  // By processor time: other programs must not decide.
  const auto seconds = [] { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; };
  for (std::int64_t i = 0; i < inputs; ++i) {
    const std::string text = mutator.next();
    const double began = seconds();
    try {
      use(text);
      ++read;
    } catch (const Error& error) {
      EXPECT_NE(error.fault(), Fault::internal) << error.what() << "\n" << text;
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what() << "\n" << text;
    }
    if (seconds() - began > slowest) {
      slowest = seconds() - began;
      slow = text;
    }
  }
  EXPECT_GT(read, 0);
  EXPECT_LT(slowest, 5.0) << slow;
  return read;
}

std::vector<std::string> kernels() {
  std::vector<std::string> texts;
  for (std::uint64_t number = 0; number < 240; number += 8)
    texts.push_back(generate_kernel(3, number + number / 8 % 8).text);
  return texts;
}

LearnedCosts some_costs() {
  std::vector<CostSample> samples;
  Rng rng(1, "costs");
  for (const std::string& text : kernels()) {
    const mlir::Module module = mlir::parse(text);
    CostSample sample;
    sample.features = mlir::features(module, module.functions().at(0));
    sample.family = std::to_string(samples.size() % 3);
    sample.targets = {{"run_s", 1e-6 * std::exp(rng.normal())},
                      {"registers", 1.0 + static_cast<double>(samples.size() % 7)}};
    samples.push_back(sample);
  }
  LearnedCostOptions options;
  options.boosting.trees = 3;
  options.folds = 2;
  return LearnedCosts::fit(samples, options);
}

NeuralModel some_network(NeuralKind kind) {
  NeuralModel model;
  model.shape.kind = kind;
  model.shape.width = 8;
  model.shape.heads = 2;
  model.shape.parameter_tokens = 4;
  model.shape.hidden = 4;
  model.shape.length = 40;
  const mlir::Module module = mlir::parse(kernels().front());
  const std::vector<std::vector<std::string>> texts{
      mlir::tokens(module, module.functions().at(0), model.shape.tokens, 200)};
  model.vocabulary = mlir::Vocabulary::build(texts, 1);
  model.targets = {{"run_s", 1e-9, 3.0, 2.0, -2.0, 2.0, 1.5}};
  model.features = {"flops", "loop." + mlir::loop_feature_names().front()};
  Rng rng(1, "weights");
  for (const auto& spec : model.weight_specs()) {
    NeuralWeight weight{spec.shape, {}};
    std::int64_t count = 1;
    for (const std::int64_t size : spec.shape) count *= size;
    for (std::int64_t i = 0; i < count; ++i)
      weight.values.push_back(static_cast<float>(spec.constant + spec.deviation * rng.normal()));
    model.weights[spec.name] = weight;
  }
  return model;
}

TEST(CostFuzz, KernelsToCosts) {
  const LearnedCosts costs = some_costs();
  const NeuralCost network(some_network(NeuralKind::conv1d));
  std::vector<std::string> corpus = kernels();
  for (const test::MlirText& one : test::mlir_texts()) corpus.push_back(one.text);
  tried(corpus, 21, test::fuzz_inputs(600), [&](const std::string& text) {
    const mlir::Module module = mlir::parse(text, "a.mlir");
    structure_text(text);
    for (const int function : module.functions()) {
      const mlir::Features features = mlir::features(module, function);
      for (const double value : features.values) ASSERT_TRUE(std::isfinite(value)) << text;
      for (const double value : features.rows.values) ASSERT_TRUE(std::isfinite(value)) << text;
      mlir::features_json(features).dump();
      mlir::register_pressure(module, function);
      mlir::tokens(module, function, mlir::Tokens::operations);
      for (const PredictedCost& cost : costs.predict(features)) {
        ASSERT_TRUE(cost.value >= 0.0 && std::isfinite(cost.value)) << text;
        ASSERT_LE(cost.low, cost.high) << text;
      }
      for (const auto& cost : network.predict(module, function))
        ASSERT_TRUE(std::isfinite(cost.value)) << text;
    }
  });
}

TEST(CostFuzz, Labels) {
  const test::Folder folder;
  LabelProvenance from;
  from.machine = "m";
  from.compiler = "c";
  from.families = {"matmul"};
  from.measured = {{"bytes_per_s", 1e9}};
  std::vector<std::string> corpus;
  for (std::uint64_t set = 0; set < 4; ++set) {
    std::string text = from.json().dump() + "\n";
    for (std::uint64_t number = 0; number < 3; ++number) {
      const GeneratedKernel kernel = generate_kernel(set, 8 * number);
      Label label;
      label.id = number;
      label.family = kernel.family;
      label.group = kernel.group;
      label.text = kernel.text;
      if (number == 2)
        label.failed = "it took too long";
      else
        label.targets = {{"run_s", 1e-5}, {"instructions", 1e6}};
      text += label.json().dump() + "\n";
    }
    corpus.push_back(text);
  }
  tried(corpus, 22, test::fuzz_inputs(600), [&](const std::string& text) {
    folder.write("l.jsonl", text);
    const LabelSet set = read_labels(folder.file("l.jsonl"));
    set.provenance.json().dump();
    for (const Label& label : set.labels) {
      Label::from_text(label.json().dump());
      split_of(label);
    }
  });
}

TEST(CostFuzz, LearnedCosts) {
  const test::Folder folder;
  const mlir::Module module = mlir::parse(kernels().at(1));
  const mlir::Features features = mlir::features(module, module.functions().at(0));
  tried({some_costs().json().dump()}, 23, test::fuzz_inputs(600), [&](const std::string& text) {
    folder.write("c.json", text);
    const LearnedCosts costs = LearnedCosts::read(folder.file("c.json"));
    for (const PredictedCost& cost : costs.predict(features)) ASSERT_FALSE(std::isnan(cost.value)) << text;
    costs.json().dump();
  });
}

TEST(CostFuzz, Networks) {
  const test::Folder folder;
  const mlir::Module module = mlir::parse(kernels().at(1));
  std::vector<std::string> corpus;
  for (const std::string& kind : neural_kinds())
    corpus.push_back(some_network(neural_kind(kind)).json().dump());
  tried(corpus, 24, test::fuzz_inputs(400), [&](const std::string& text) {
    folder.write("n.json", text);
    const NeuralCost network = NeuralCost::load(folder.file("n.json"));
    network.predict(module, module.functions().at(0));
    network.model().json().dump();
  });
}

TEST(CostFuzz, LlmPoints) {
  std::string lines, table = "prompt_tokens,output_tokens,seconds,first_token_s,batch,model\n";
  for (const int p : {1, 64, 256, 1024})
    for (const int o : {1, 16, 64}) {
      const double seconds = 0.05 + 2e-4 * p + 0.02 * (o - 1);
      lines += Json{{"prompt_tokens", p}, {"output_tokens", o}, {"seconds", seconds}, {"model", "a"}}.dump() +
               "\n";
      table += fmt::format("{},{},{},{},1,gpt-2\n", p, o, seconds, 0.05 + 2e-4 * p);
    }
  lines += "{\"failed\": \"503\"}\n";
  tried({lines, table}, 25, test::fuzz_inputs(1500), [&](const std::string& text) {
    const std::vector<LlmPoint> points = parse_llm_points(text, "points");
    LlmComparison comparison;
    comparison.raw = points;
    compare_llms(comparison);
    const LlmFit fit = fit_llm_runtime(points);
    fit.runtime.json().dump();
    fit.runtime.seconds(100, 10);
  });
}

TEST(CostFuzz, LlmFiles) {
  const test::Folder folder;
  const std::vector<std::string> runtimes{
      R"({"openai/davinci": {"runtime_per_output_token": 0.03, "runtime_for_prompt_tokens": {"1": 0.1, "256": 0.13, "512": 0.17, "1024": 0.3, "1536": 0.4, "1900": 0.5}, "overhead": 0.0}, "llama-13b": {"runtime_per_output_token": 0.01, "runtime_for_prompt_tokens": {"1": 0.1}}})",
      R"({"format": "hone llm runtime 1", "name": "gpt-2", "origin": "fitted", "runtime_per_output_token": 0.02, "runtime_for_prompt_tokens": {"1": 0.05, "64": 0.06}, "overhead": 0.01, "batch": 2.0, "tile": 64, "tile_share": 0.5, "provenance": {}})"};
  const std::string notes =
      R"({"openai/davinci": {"architecture": "gpt3-175b", "accelerators": 8, "accelerator": "a100-80gb"}, "llama-13b": {"architecture": {"layers": 40, "width": 5120, "heads": 40, "vocabulary": 32000}, "accelerators": 4, "tensor_parallel": 2}})";
  std::string serving =
      "model,hardware,tensor_parallel,batch_size,prompt_size,token_size,prompt_time,token_time,e2e_time\n";
  for (const int batch : {1, 4, 16})
    for (const int prompt : {128, 1024})
      serving += fmt::format("llama2-70b,a100-80gb,4,{},{},32,{},{},{}\n", batch, prompt, 0.1 * prompt,
                             30 + batch, 0.1 * prompt + 31 * (30 + batch));
  const Accelerator device = accelerator("a100-80gb");
  folder.write("notes.json", notes);
  const auto fit = [](const std::vector<MeasuredDeployment>& measured) {
    if (measured.empty()) return;
    for (const MeasuredDeployment& one : measured)
      for (const LlmStepMeasure& step : one.steps) llm_step(one.deployment, {}, step);
  };
  tried(runtimes, 26, test::fuzz_inputs(600), [&](const std::string& text) {
    folder.write("r.json", text);
    const std::vector<LlmRuntime> read = read_llm_runtimes(folder.file("r.json"));
    for (const LlmRuntime& runtime : read) {
      for (const PromptRule rule : {PromptRule::linear, PromptRule::tiled, PromptRule::published})
        runtime.seconds(300, 20, rule);
      LlmRuntime::of_json(runtime.name, runtime.json(), {});
      rule_errors(runtime);
    }
    fit(measured_deployments(read, device, {}));
  });
  tried({notes}, 27, test::fuzz_inputs(600), [&](const std::string& text) {
    folder.write("d.json", text);
    const DeploymentNotes read = DeploymentNotes::read(folder.file("d.json"));
    for (const auto& [name, note] : read.notes) deployment_named(name, device, read);
  });
  tried({serving}, 28, test::fuzz_inputs(1000), [&](const std::string& text) {
    folder.write("s.csv", text);
    const auto rows = read_serving_table(folder.file("s.csv"));
    if (rows) fit(measured_deployments(*rows));
  });
}

TEST(CostFuzz, DeviceProfiles) {
  std::vector<std::string> corpus;
  for (const DeviceProfile& profile : published_devices()) corpus.push_back(profile.json().dump());
  tried(corpus, 29, test::fuzz_inputs(600), [&](const std::string& text) {
    const DeviceProfile profile = DeviceProfile::from_json(parse_json(text, "p.json"), "p.json");
    DeviceProfile::from_json(profile.json(), "p.json");
  });
}

}  // namespace
}  // namespace hone::cost
