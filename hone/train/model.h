#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "hone/graph/graph.h"
#include "hone/train/lowering.h"

namespace hone::train {

/// A graph lowered to LibTorch, with its parameters. Initialisation draws from hone's own counter-based
/// generator keyed by (seed, canonical position in the graph), never from Torch's: graphs of one structure
/// start equal, and a seed gives the same weights everywhere. Move-only. Not thread safe.
class Model {
 public:
  /// Throws Error where an operator has no lowering.
  Model(graph::Graph graph, std::uint64_t seed, torch::Device device = torch::kCPU);

  /// Full-sequence pass. tokens: int64 [batch, length] (any batch; length up to the model's context). Returns
  /// the graph's first output: logits [batch, length, vocabulary].
  torch::Tensor forward(const torch::Tensor& tokens);

  /// Incremental decoding with cached keys and values: feed a prompt, then one token at a time.
  struct Decode {
    std::vector<std::vector<torch::Tensor>> cache;
    std::int64_t position = 0;
  };
  Decode start_decode() const;
  /// tokens: [batch, n] new tokens. Returns the logits [batch, n, vocabulary] of them.
  torch::Tensor decode(const torch::Tensor& tokens, Decode& state);

  const graph::Graph& graph() const { return graph_; }
  /// Trainable tensors in canonical order, leaves requiring grad; parameters nothing reaches are left out.
  const std::vector<torch::Tensor>& parameters() const { return ordered_; }
  const std::vector<std::string>& parameter_names() const { return names_; }
  torch::Device device() const { return device_; }

 private:
  torch::Tensor run(const torch::Tensor& tokens, Context& context);

  graph::Graph graph_;
  torch::Device device_;
  std::vector<torch::Tensor> parameters_;  // by graph index
  std::vector<torch::Tensor> ordered_;     // by canonical position
  std::vector<std::string> names_;
  std::vector<std::shared_ptr<const Lowering>> lowerings_;  // by node
};

}  // namespace hone::train
