#include "hone/learn/cost_network.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "hone/base/rng.h"
#include "hone/cost/neural/cost.h"
#include "hone/train/ops/token_parameter_attention.h"

namespace hone::learn {

using torch::Tensor;

CostBatch cost_batch(const std::vector<const cost::NeuralInput*>& inputs) {
  const auto n = static_cast<std::int64_t>(inputs.size());
  std::size_t longest = 1, features = 0;
  for (const auto* input : inputs) {
    longest = std::max(longest, input->tokens.size());
    features = input->features.size();
  }
  CostBatch batch{torch::zeros({n, static_cast<std::int64_t>(longest)}, torch::kInt64),
                  torch::empty({n}, torch::kInt64),
                  torch::empty({n, static_cast<std::int64_t>(features)}, torch::kFloat32)};
  for (std::int64_t i = 0; i < n; ++i) {
    const auto& input = *inputs[static_cast<std::size_t>(i)];
    std::copy(input.tokens.begin(), input.tokens.end(),
              batch.tokens.data_ptr<std::int64_t>() + i * static_cast<std::int64_t>(longest));
    batch.lengths.data_ptr<std::int64_t>()[i] = static_cast<std::int64_t>(input.tokens.size());
    std::copy(input.features.begin(), input.features.end(),
              batch.features.data_ptr<float>() + i * static_cast<std::int64_t>(features));
  }
  return batch;
}

namespace {

/// float32 [functions, length], 1 where a position is there.
Tensor positions_there(const Tensor& lengths, std::int64_t length) {
  return torch::arange(length).unsqueeze(0).lt(lengths.unsqueeze(1)).to(torch::kFloat32);
}

bool is_trained(const std::string& name) { return name != "features.mean" && name != "features.deviation"; }

}  // namespace

CostNetwork::CostNetwork(const cost::NeuralModel& model, std::uint64_t seed)
    : shape_(model.shape),
      words_(static_cast<std::int64_t>(model.vocabulary.size())),
      features_(static_cast<std::int64_t>(model.features.size())),
      targets_(static_cast<std::int64_t>(model.targets.size())) {
  std::uint64_t number = 0;
  for (const auto& spec : model.weight_specs()) {
    Tensor weight = torch::empty(spec.shape, torch::kFloat32);
    float* out = weight.data_ptr<float>();
    if (const auto found = model.weights.find(spec.name); found != model.weights.end()) {
      std::copy(found->second.values.begin(), found->second.values.end(), out);
    } else {
      Rng rng(seed, "cost weights", number);
      for (std::int64_t i = 0; i < weight.numel(); ++i)
        out[i] =
            static_cast<float>(spec.constant + (spec.deviation > 0.0 ? spec.deviation * rng.normal() : 0.0));
    }
    ++number;
    if (is_trained(spec.name)) {
      weight.set_requires_grad(true);
      parameters_.push_back(weight);
      names_.push_back(spec.name);
    }
    weights_.emplace(spec.name, weight);
  }
}

void CostNetwork::write(cost::NeuralModel& model) const {
  for (const auto& [name, tensor] : weights_) {
    cost::NeuralWeight weight;
    weight.shape = tensor.sizes().vec();
    const Tensor plain = tensor.detach().contiguous();
    weight.values.assign(plain.data_ptr<float>(), plain.data_ptr<float>() + plain.numel());
    model.weights[name] = std::move(weight);
  }
}

Tensor CostNetwork::linear(const std::string& name, const Tensor& x) const {
  return at::matmul(x, at(name + ".weight")) + at(name + ".bias");
}

/// One map of an attention block.
Tensor CostNetwork::map(const std::string& name, const Tensor& x) const {
  if (shape_.kind == cost::NeuralKind::transformer) return linear(name, x);
  return train::token_parameter_attention(x, at(name + ".keys"), at(name + ".values"));
}

std::int64_t CostNetwork::joined_width() const {
  return shape_.encoded_width() + (features_ > 0 ? shape_.hidden : 0);
}

Tensor CostNetwork::forward(const CostBatch& batch, const Tensor& keep) {
  Tensor joined = encode(batch), features;
  if (features_ > 0) {
    features = ((batch.features - at("features.mean")) / at("features.deviation"))
                   .clamp(-cost::kNeuralFeatureBound, cost::kNeuralFeatureBound);
    joined = at::cat({joined, at::relu(linear("features", features))}, 1);
  }
  if (keep.defined()) joined = joined * keep;
  Tensor out = linear("output", at::relu(linear("hidden", joined)));
  if (features_ > 0)
    out = at::cat({out.narrow(1, 0, targets_) + at::matmul(features, at("linear.weight")),
                   out.narrow(1, targets_, targets_)},
                  1);
  return out;
}

Tensor CostNetwork::encode(const CostBatch& batch) const {
  if (shape_.kind == cost::NeuralKind::bag) return bag(batch);
  // The rows of padding are zeros, whatever the vector of token 0 is.
  const Tensor x = at::embedding(at("embedding"), batch.tokens) *
                   positions_there(batch.lengths, batch.tokens.size(1)).unsqueeze(2);
  if (shape_.kind == cost::NeuralKind::conv1d) return conv1d(x, batch.lengths);
  if (shape_.kind == cost::NeuralKind::lstm) return lstm(x, batch.lengths);
  return attention(x, batch.lengths);
}

Tensor CostNetwork::bag(const CostBatch& batch) const {
  const Tensor counts = torch::zeros({batch.tokens.size(0), words_});
  counts.scatter_add_(1, batch.tokens, positions_there(batch.lengths, batch.tokens.size(1)));
  return at::relu(at::matmul(at::log1p(counts), at("bag.weight")) + at("bag.bias"));
}

Tensor CostNetwork::conv1d(const Tensor& embedded, const Tensor& all_lengths) const {
  Tensor x = embedded.transpose(1, 2), lengths = all_lengths;
  for (std::int64_t l = 0; l < shape_.layer_count(); ++l) {
    // [3, in, out] in the file; Torch wants [out, in, 3].
    x = at::conv1d(x, at(fmt::format("conv.{}.weight", l)).permute({2, 1, 0}),
                   at(fmt::format("conv.{}.bias", l)), 1, 1);
    x = at::relu(x) * positions_there(lengths, x.size(2)).unsqueeze(1);
    if (x.size(2) > 1) x = at::max_pool1d(x, 2, 2, 0, 1, true);
    lengths = (lengths + 1).div(2, "floor");
  }
  return x.amax(2);
}

Tensor CostNetwork::lstm(const Tensor& x, const Tensor& lengths) const {
  const Tensor zero = torch::zeros({1, x.size(0), shape_.width});
  const auto [states, last, cell] = at::lstm(
      x, {zero, zero},
      {at("lstm.input").t(), at("lstm.recurrent").t(), at("lstm.bias"), torch::zeros({4 * shape_.width})},
      true, 1, 0.0, at::GradMode::is_enabled(), false, true);
  const Tensor at_end = (lengths - 1).view({-1, 1, 1}).expand({-1, 1, shape_.width});
  return states.gather(1, at_end).squeeze(1);
}

Tensor CostNetwork::attention(const Tensor& embedded, const Tensor& all_lengths) const {
  const std::int64_t merge = shape_.merge, width = shape_.width, heads = shape_.heads;
  const std::int64_t functions = embedded.size(0), n = (embedded.size(1) + merge - 1) / merge;
  Tensor x = at::constant_pad_nd(embedded, {0, 0, 0, n * merge - embedded.size(1)}).contiguous();
  x = linear("merge", x.view({functions, n, merge * width})) + at("position").narrow(0, 0, n);
  const Tensor lengths = (all_lengths + (merge - 1)).div(merge, "floor");
  const Tensor there = positions_there(lengths, n);
  const Tensor hidden = there.eq(0).view({functions, 1, 1, n});
  const bool plain = shape_.kind == cost::NeuralKind::tokenformer;
  const auto normalised = [&](const std::string& name, const Tensor& value) {
    const Tensor normal = at::layer_norm(value, {width});
    return plain ? normal : normal * at(name + ".scale") + at(name + ".shift");
  };
  const auto parted = [&](const Tensor& value) {
    return value.view({functions, n, heads, width / heads}).transpose(1, 2);
  };
  for (std::int64_t l = 0; l < shape_.layer_count(); ++l) {
    const std::string block = fmt::format("block.{}.", l);
    const Tensor input = normalised(block + "attention_norm", x);
    const Tensor query = parted(map(block + "query", input)), key = parted(map(block + "key", input)),
                 value = parted(map(block + "value", input));
    Tensor scores = at::matmul(query, key.transpose(2, 3)) / std::sqrt(static_cast<double>(width / heads));
    scores = at::softmax(scores.masked_fill(hidden, -std::numeric_limits<float>::infinity()), -1);
    const Tensor mixed = at::matmul(scores, value).transpose(1, 2).reshape({functions, n, width});
    x = x + map(block + "output", mixed);
    const Tensor fed = normalised(block + "feed_norm", x);
    x = x +
        (plain ? map(block + "feed", fed) : linear(block + "narrow", at::gelu(linear(block + "widen", fed))));
  }
  x = at::layer_norm(x, {width}) * there.unsqueeze(2);
  return x.sum(1) / lengths.to(torch::kFloat32).unsqueeze(1);
}

}  // namespace hone::learn
