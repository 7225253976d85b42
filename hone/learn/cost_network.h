#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "hone/cost/neural/model.h"

namespace hone::learn {

/// Functions together as a network takes them.
struct CostBatch {
  torch::Tensor tokens;    ///< int64 [functions, longest]; padding behind each
  torch::Tensor lengths;   ///< int64 [functions]
  torch::Tensor features;  ///< float32 [functions, features], squashed
};
CostBatch cost_batch(const std::vector<const cost::NeuralInput*>& inputs);

/// A neural cost model as LibTorch computes it, for training: what cost::NeuralCost does without Torch, in
/// batches. Padding changes nothing. Not thread safe.
class CostNetwork {
 public:
  /// Weights as the model has them; those that it lacks are drawn from the seed.
  CostNetwork(const cost::NeuralModel& model, std::uint64_t seed);

  /// [functions, 2 targets]: z of each target, then the logarithm of its spread. keep: what the last hidden
  /// layer's inputs are multiplied with ([functions, inputs], dropout); undefined: nothing.
  torch::Tensor forward(const CostBatch& batch, const torch::Tensor& keep = {});
  std::int64_t joined_width() const;  ///< the last hidden layer's inputs

  /// Trained tensors with their names, in the order of NeuralModel::weight_specs().
  const std::vector<torch::Tensor>& parameters() const { return parameters_; }
  const std::vector<std::string>& parameter_names() const { return names_; }
  void write(cost::NeuralModel& model) const;

 private:
  const torch::Tensor& at(const std::string& name) const { return weights_.at(name); }
  torch::Tensor linear(const std::string& name, const torch::Tensor& x) const;
  torch::Tensor map(const std::string& name, const torch::Tensor& x) const;
  torch::Tensor encode(const CostBatch& batch) const;
  torch::Tensor bag(const CostBatch& batch) const;
  torch::Tensor conv1d(const torch::Tensor& x, const torch::Tensor& lengths) const;
  torch::Tensor lstm(const torch::Tensor& x, const torch::Tensor& lengths) const;
  torch::Tensor attention(const torch::Tensor& x, const torch::Tensor& lengths) const;

  cost::NeuralShape shape_;
  std::int64_t words_, features_, targets_;
  std::map<std::string, torch::Tensor> weights_;
  std::vector<torch::Tensor> parameters_;
  std::vector<std::string> names_;
};

}  // namespace hone::learn
