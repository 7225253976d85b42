// Memory that is predicted from a graph against what tensors take while it is trained.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>

#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "hone/cost/graph_memory.h"
#include "hone/graph/decoder.h"
#include "hone/task/cell_network.h"
#include "hone/train/model.h"
#include "hone/train/trainer.h"

namespace hone::learn {
namespace {

constexpr std::size_t kHeader = 64;  // what Torch aligns to

/// Counts the bytes of CPU tensors that are made once it stands in. A block's size stands before it.
class CountingAllocator final : public at::Allocator {
 public:
  at::DataPtr allocate(std::size_t n) const override {
    void* block = nullptr;
    if (::posix_memalign(&block, kHeader, n + kHeader) != 0) throw std::bad_alloc();
    *static_cast<std::int64_t*>(block) = static_cast<std::int64_t>(n);
    live_ += static_cast<std::int64_t>(n);
    peak_ = std::max<std::int64_t>(peak_, live_);
    void* data = static_cast<char*>(block) + kHeader;
    return {data, data, &release, at::DeviceType::CPU};
  }
  at::DeleterFnPtr raw_deleter() const override { return &release; }
  static std::int64_t live() { return live_; }
  static std::int64_t peak() { return peak_; }
  static void start_peak() { peak_ = live_.load(); }

 private:
  static void release(void* data) {
    if (data == nullptr) return;
    void* block = static_cast<char*>(data) - kHeader;
    live_ -= *static_cast<std::int64_t*>(block);
    std::free(block);
  }
  static inline std::atomic<std::int64_t> live_ = 0, peak_ = 0;
};

void count_allocations() {
  static CountingAllocator* allocator = [] {
    auto* made = new CountingAllocator;  // tensors may outlive any test
    c10::SetCPUAllocator(made, 200);
    return made;
  }();
  (void)allocator;
}

struct Measured {
  double training, inference;
};

/// Peak bytes of tensors over a few steps of training, and of a forward pass in inference.
Measured measure(const graph::Graph& graph, train::TrainerOptions::Method method) {
  count_allocations();
  const std::int64_t before = CountingAllocator::live();
  train::Model model(graph, 1);
  torch::Tensor input;
  for (const graph::Node& node : graph.nodes())
    if (node.op == "input")
      input = node.type == graph::DataType::int64 ? torch::zeros(node.shape, torch::kInt64)
                                                  : torch::ones(node.shape, torch::kFloat32);
  Measured result{};
  {
    const torch::InferenceMode inference;
    model.set_training(false);
    model.forward(input);
    CountingAllocator::start_peak();
    model.forward(input);
    result.inference = static_cast<double>(CountingAllocator::peak() - before);
    model.set_training(true);
  }
  train::TrainerOptions options;
  options.method = method;
  train::Trainer trainer(model.parameters(), model.parameter_names(), options);
  const auto step = [&] {
    trainer.step([&](std::int64_t) {
      const torch::Tensor logits = model.forward(input);
      const torch::Tensor flat = logits.reshape({-1, logits.size(-1)});
      return torch::nn::functional::cross_entropy(flat, torch::zeros({flat.size(0)}, torch::kInt64));
    });
  };
  step();  // tables that threads keep are made
  CountingAllocator::start_peak();
  for (int i = 0; i < 2; ++i) step();
  result.training = static_cast<double>(CountingAllocator::peak() - before);
  return result;
}

void expect_near(const std::string& name, const graph::Graph& graph, bool adam) {
  const Measured measured =
      measure(graph, adam ? train::TrainerOptions::Method::adamw : train::TrainerOptions::Method::sgd);
  cost::TrainingMemoryOptions options;
  options.optimizer_states = adam ? 2 : 1;
  const cost::GraphMemory memory = cost::predict_memory(graph, options);
  std::printf("%-28s training %.2f / %.2f MB (%+.1f%%), inference %.2f / %.2f MB (%+.1f%%)\n", name.c_str(),
              memory.training_peak * 1e-6, measured.training * 1e-6,
              100.0 * (memory.training_peak / measured.training - 1.0), memory.inference_peak * 1e-6,
              measured.inference * 1e-6, 100.0 * (memory.inference_peak / measured.inference - 1.0));
  EXPECT_NEAR(memory.training_peak / measured.training, 1.0, 0.05) << name;
  EXPECT_NEAR(memory.inference_peak / measured.inference, 1.0, 0.05) << name;
}

graph::Graph language_model(bool tokenized, graph::Feedforward feedforward, int kv_heads, graph::Norm norm,
                            graph::Position position, int width, int layers, int vocabulary) {
  graph::DecoderSpec spec;
  spec.vocabulary = vocabulary;
  spec.context = 64;
  spec.width = width;
  spec.norm = norm;
  spec.position = position;
  for (int i = 0; i < layers; ++i) {
    graph::DecoderLayer layer;
    layer.tokenized = tokenized;
    layer.feedforward = feedforward;
    layer.kv_heads = kv_heads;
    spec.layers.push_back(layer);
  }
  return graph::decoder(spec, 8, 64);
}

TEST(MemoryModel, LanguageModels) {
  using graph::Feedforward;
  using graph::Norm;
  using graph::Position;
  expect_near("attention, layer norm",
              language_model(false, Feedforward::plain, 0, Norm::layer, Position::rotary, 64, 3, 100), true);
  expect_near("multi-query, gated, rms",
              language_model(false, Feedforward::gated, 1, Norm::rms, Position::rotary, 64, 2, 100), true);
  expect_near("grouped, learned positions",
              language_model(false, Feedforward::plain, 2, Norm::layer, Position::learned, 128, 2, 100),
              true);
  expect_near("token parameters",
              language_model(true, Feedforward::plain, 0, Norm::layer, Position::rotary, 64, 2, 100), true);
  expect_near("large vocabulary",
              language_model(false, Feedforward::plain, 0, Norm::layer, Position::rotary, 64, 1, 5000), true);
}

TEST(MemoryModel, NetworksOfCells) {
  task::Cell cell;
  cell.states = {{{{0, "nor_conv_3x3"}}},
                 {{{0, "skip_connect"}, {1, "nor_conv_1x1"}}},
                 {{{0, "avg_pool_3x3"}, {1, "nor_conv_3x3"}, {2, "nor_conv_3x3"}}}};
  cell.outputs = {3};
  task::CellNetwork network;
  network.cells = {cell};
  network.cells_per_stage = 1;
  expect_near("cells of NAS-Bench-201", task::cell_network(network, 16), false);
  cell.states = {
      {{{0, "avg_pool_3x3"}}}, {{{0, "nor_conv_1x1"}, {1, "nor_conv_3x3"}}}, {{{2, "skip_connect"}}}};
  network.cells = {cell};
  network.cells_per_stage = 2;
  network.channels = 32;
  expect_near("wider, fewer operators", task::cell_network(network, 8), true);
  cell.states = {{{{0, "nor_conv_3x3"}}},
                 {{{1, "nor_conv_3x3"}, {0, "none"}}},
                 {{{2, "nor_conv_1x1"}, {0, "nor_conv_3x3"}}}};
  network.cells = {cell};
  network.channels = 16;
  expect_near("many convolutions", task::cell_network(network, 32), false);
}

}  // namespace
}  // namespace hone::learn
