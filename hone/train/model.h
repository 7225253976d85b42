#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "hone/graph/graph.h"
#include "hone/train/checkpoint.h"
#include "hone/train/lowering.h"

namespace hone::train {

/// A graph lowered to LibTorch, with its parameters. What runs is its canonical form
/// (graph::canonical_graph): two spellings of one structure compute the same, to the last bit, in training
/// too. Initialisation draws from hone's own counter-based generator keyed by (seed, canonical position in
/// the graph), never from Torch's: graphs of one structure start equal, and a seed gives the same weights
/// everywhere. Move-only. Not thread safe.
class Model {
 public:
  /// Throws Error where an operator has no lowering.
  Model(graph::Graph graph, std::uint64_t seed, torch::Device device = torch::kCPU);
  Model(Model&&) = default;
  Model& operator=(Model&&) = default;

  /// Whether forward works as in training, where batch_norm uses the batch's statistics and moves the stored
  /// moments: true at first. Decoding never does.
  void set_training(bool on) { training_ = on; }
  bool training() const { return training_; }

  /// A pass over whole inputs. tokens: int64 [batch, length] (any batch; length up to the model's context).
  /// Returns the graph's first output: logits [batch, length, vocabulary]. A graph of images takes float32
  /// [batch, channels, height, width]. Throws Error where the tokens are of another type, too many, or not in
  /// the vocabulary. Differentiable where gradients are on (at::GradMode).
  torch::Tensor forward(const torch::Tensor& tokens);

  /// Incremental decoding with cached keys and values: feed a prompt, then one token at a time. Without
  /// gradients (inference mode). The cache holds the graph's length at first and grows where that is passed.
  struct Decode {
    std::vector<std::vector<torch::Tensor>> cache;
    std::int64_t position = 0;
  };
  Decode start_decode() const;
  /// tokens: [batch, n] new tokens, the same batch in every call. Returns the logits [batch, n, vocabulary]
  /// of them. Throws Error as forward does.
  torch::Tensor decode(const torch::Tensor& tokens, Decode& state);

  const graph::Graph& graph() const { return graph_; }
  /// Trainable tensors in canonical order, leaves requiring grad; parameters nothing reaches are left out.
  const std::vector<torch::Tensor>& parameters() const { return parameters_; }
  const std::vector<std::string>& parameter_names() const { return names_; }
  /// Stored moments (running statistics) of the nodes that keep them; what a checkpoint holds beside the
  /// parameters: tensors "moment/NAME". Throws Error where one is missing or of another shape; the model is
  /// then as before.
  const std::vector<torch::Tensor>& moments() const { return moments_; }
  const std::vector<std::string>& moment_names() const { return moment_names_; }
  void save_moments(Checkpoint& checkpoint) const;
  void load_moments(const Checkpoint& checkpoint);
  torch::Device device() const { return device_; }

 private:
  /// One node that the outputs need, ready to run.
  struct Step {
    int node = 0;
    std::shared_ptr<const Lowering> lowering;
    std::vector<int> inputs;
    std::vector<torch::Tensor> parameters;
    std::vector<torch::Tensor> moments;
    std::vector<int> finished;  ///< nodes whose outputs nothing after this one reads
  };
  void make_steps();
  torch::Tensor run(const torch::Tensor& tokens, Context& context) const;

  graph::Graph graph_;
  torch::Device device_;
  graph::Graph form_;                      // what runs
  std::vector<torch::Tensor> parameters_;  // by canonical position
  std::vector<std::string> names_;
  std::vector<torch::Tensor> moments_;
  std::vector<std::string> moment_names_;
  std::vector<Step> steps_;
  bool training_ = true;
  int input_ = 0;  // node ids of form_
  int output_ = 0;
};

}  // namespace hone::train
