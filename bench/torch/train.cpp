// What training costs beside what it cannot do without:
// (a) token-parameter attention against its two matrix products, forward and backward;
// (b) hone's model and trainer against a training loop of the same net written straight in LibTorch.
// Both sides take turns in one run, on one thread; the figures are the fastest of their turns. Run it with
// OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 and, where OpenBLAS does not know the CPU, OPENBLAS_CORETYPE.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <torch/torch.h>

#include "hone/base/registry.h"
#include "hone/graph/decoder.h"
#include "hone/train/model.h"
#include "hone/train/ops/token_parameter_attention.h"
#include "hone/train/trainer.h"

namespace {

using torch::Tensor;
namespace nn = torch::nn;

/// Processor time, which neighbours on the machine disturb less than the clock on the wall; one thread runs.
double seconds(const std::function<void()>& work) {
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  const double start = now();
  work();
  return now() - start;
}

/// Fastest time of each of several works that take turns.
std::vector<double> fastest(const std::vector<std::function<void()>>& works, int turns) {
  std::vector<double> best(works.size(), 1e30);
  for (int turn = 0; turn <= turns; ++turn)
    for (std::size_t i = 0; i < works.size(); ++i) {
      const double time = seconds(works[i]);
      if (turn > 0) best[i] = std::min(best[i], time);  // the first turn warms up
    }
  return best;
}

void attention(std::int64_t width, std::int64_t tokens) {
  const std::int64_t rows = 1024;
  const Tensor x = torch::randn({rows, width}).requires_grad_();
  const Tensor keys = (torch::randn({tokens, width}) * 0.02).requires_grad_();
  const Tensor values = (torch::randn({tokens, width}) * 0.02).requires_grad_();
  const Tensor direction = torch::randn({rows, width});
  const auto both_ways = [&](auto form) {
    return [&, form] { torch::autograd::grad({form()}, {x, keys, values}, {direction}); };
  };
  const std::vector<double> best =
      fastest({both_ways([&] { return at::mm(at::mm(x, keys.t()), values); }),
               both_ways([&] { return hone::train::token_parameter_attention(x, keys, values); }),
               both_ways([&] { return hone::train::token_parameter_attention_plain(x, keys, values); })},
              width >= 1024 ? 12 : 25);
  fmt::print("{:>6} {:>7} {:>11.2f} {:>9.2f} {:>9.2f} {:>8.3f} {:>8.3f}\n", width, tokens, best[0] * 1e3,
             best[1] * 1e3, best[2] * 1e3, best[1] / best[0], best[2] / best[0]);
}

constexpr int kLayers = 4, kWidth = 128, kHeads = 4, kContext = 64, kBatch = 16, kVocabulary = 96;

/// GPT-2's block stack as one would write it for this size: learned positions, tied head, no biases in the
/// linear maps.
struct HandWrittenImpl : nn::Module {
  struct Block {
    nn::LayerNorm attention_norm{nullptr}, feedforward_norm{nullptr};
    nn::Linear qkv{nullptr}, out{nullptr}, up{nullptr}, down{nullptr};
  };
  HandWrittenImpl() {
    const auto linear = [](int in, int out) { return nn::Linear(nn::LinearOptions(in, out).bias(false)); };
    tokens = register_module("tokens", nn::Embedding(kVocabulary, kWidth));
    positions = register_module("positions", nn::Embedding(kContext, kWidth));
    for (int layer = 0; layer < kLayers; ++layer) {
      const std::string at = std::to_string(layer);
      Block block;
      block.attention_norm =
          register_module("attention_norm" + at, nn::LayerNorm(nn::LayerNormOptions({kWidth})));
      block.feedforward_norm =
          register_module("feedforward_norm" + at, nn::LayerNorm(nn::LayerNormOptions({kWidth})));
      block.qkv = register_module("qkv" + at, linear(kWidth, 3 * kWidth));
      block.out = register_module("out" + at, linear(kWidth, kWidth));
      block.up = register_module("up" + at, linear(kWidth, 4 * kWidth));
      block.down = register_module("down" + at, linear(4 * kWidth, kWidth));
      blocks.push_back(block);
    }
    norm = register_module("norm", nn::LayerNorm(nn::LayerNormOptions({kWidth})));
    mask = register_buffer("mask", torch::ones({kContext, kContext}, torch::kBool).triu(1));
    for (Tensor& parameter : parameters())
      if (parameter.dim() >= 2) nn::init::normal_(parameter, 0.0, 0.02);
  }

  Tensor forward(const Tensor& batch) {
    const std::int64_t n = batch.size(0), length = batch.size(1), head = kWidth / kHeads;
    Tensor x = tokens(batch) + positions->weight.narrow(0, 0, length);
    for (Block& block : blocks) {
      const auto parts = block.qkv(block.attention_norm(x)).chunk(3, -1);
      const auto split = [&](const Tensor& part) {
        return part.view({n, length, kHeads, head}).transpose(1, 2);
      };
      const Tensor scores = torch::matmul(split(parts[0]), split(parts[1]).transpose(-2, -1)) /
                            std::sqrt(static_cast<double>(head));
      const Tensor weights = torch::softmax(scores.masked_fill(mask, -INFINITY), -1);
      x = x + block.out(torch::matmul(weights, split(parts[2])).transpose(1, 2).reshape({n, length, kWidth}));
      x = x + block.down(torch::gelu(block.up(block.feedforward_norm(x))));
    }
    return torch::matmul(norm(x), tokens->weight.t());
  }

  nn::Embedding tokens{nullptr}, positions{nullptr};
  nn::LayerNorm norm{nullptr};
  std::vector<Block> blocks;
  Tensor mask;
};
TORCH_MODULE(HandWritten);

Tensor language_loss(const Tensor& logits, const Tensor& targets) {
  return torch::nn::functional::cross_entropy(logits.view({-1, kVocabulary}), targets.view({-1}));
}

hone::train::Model our_model(bool tokenized) {
  hone::graph::DecoderSpec spec;
  spec.vocabulary = kVocabulary;
  spec.context = kContext;
  spec.width = kWidth;
  spec.position = hone::graph::Position::learned;
  hone::graph::DecoderLayer layer;
  layer.heads = kHeads;
  layer.tokenized = tokenized;
  spec.layers.assign(kLayers, layer);
  return hone::train::Model(hone::graph::decoder(spec, kBatch, kContext), 1);
}

void training() {
  const Tensor batch = torch::randint(kVocabulary, {kBatch, kContext + 1}, torch::kInt64);
  const Tensor in = batch.narrow(1, 0, kContext).contiguous(),
               out = batch.narrow(1, 1, kContext).contiguous();

  hone::train::TrainerOptions options;
  options.schedule.horizon = 1000;
  hone::train::Model model = our_model(false), tokenized = our_model(true);
  hone::train::Trainer trainer(model.parameters(), model.parameter_names(), options);
  hone::train::Trainer tokenized_trainer(tokenized.parameters(), tokenized.parameter_names(), options);

  HandWritten reference;
  torch::optim::AdamW optimizer(reference->parameters(),
                                torch::optim::AdamWOptions(1e-3).betas({0.9, 0.95}).weight_decay(0.1));
  double last_hone = 0, last_reference = 0;
  const int steps = 5;  // a turn
  const auto ours = [&](hone::train::Model& lowered, hone::train::Trainer& with) {
    return [&] {
      for (int step = 0; step < steps; ++step)
        last_hone = with.step([&](std::int64_t) { return language_loss(lowered.forward(in), out); }).loss;
    };
  };
  const auto theirs = [&] {
    for (int step = 0; step < steps; ++step) {
      optimizer.zero_grad();
      const Tensor loss = language_loss(reference(in), out);
      loss.backward();
      nn::utils::clip_grad_norm_(reference->parameters(), 1.0);
      optimizer.step();
      last_reference = loss.item<double>();
    }
  };
  std::vector<double> best = fastest({ours(tokenized, tokenized_trainer), ours(model, trainer), theirs}, 12);
  for (double& time : best) time /= steps;
  std::int64_t count = 0, reference_count = 0;
  for (const Tensor& parameter : model.parameters()) count += parameter.numel();
  for (const Tensor& parameter : reference->parameters()) reference_count += parameter.numel();
  fmt::print("\ntraining, {} layers x {}, {} x {} tokens, vocabulary {}: steps a second of processor time\n",
             kLayers, kWidth, kBatch, kContext, kVocabulary);
  fmt::print("  hone        {:6.2f}  ({} parameters, loss {:.3f})\n", 1 / best[1], count, last_hone);
  fmt::print("  by hand     {:6.2f}  ({} parameters, loss {:.3f})\n", 1 / best[2], reference_count,
             last_reference);
  fmt::print("  hone / by hand {:.3f}\n", best[2] / best[1]);
  fmt::print("  hone, every map a token-parameter attention {:.2f}\n", 1 / best[0]);
}

}  // namespace

int main(int argc, char** argv) {
  hone::add_methods(hone::detail::collect_hone_train);
  at::set_num_threads(1);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  torch::manual_seed(1);
  const std::string part = argc > 1 ? argv[1] : "all";
  if (part != "training") {
    fmt::print("token-parameter attention, 1,024 rows, forward and backward, ms\n");
    fmt::print("{:>6} {:>7} {:>11} {:>9} {:>9} {:>8} {:>8}\n", "width", "tokens", "products", "fused",
               "plain", "fused/p", "plain/p");
    for (const std::int64_t width : {128, 256, 512, 768, 1024}) {
      attention(width, 512);
      if (width > 128) attention(width, 4 * width);
    }
  }
  if (part != "attention") training();
  return 0;
}
