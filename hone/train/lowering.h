#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <torch/torch.h>

#include "hone/base/registry.h"
#include "hone/graph/graph.h"

namespace hone::train {

/// What a lowering sees while a model runs one node.
struct Context {
  std::int64_t offset = 0;  ///< position of the first token of this call (decoding: tokens already cached)
  /// true: batch statistics, which move the stored ones; false: the stored ones (graph::Operator::moments)
  bool training = false;
  std::vector<torch::Tensor> moments = {};  ///< of the node at hand
  bool decoding = false;  ///< true: inputs hold new tokens only; attention keeps keys and values per node
  /// Per-node memory over the calls of one decode (keys and values of attention), indexed by node id. Null
  /// while not decoding.
  std::vector<std::vector<torch::Tensor>>* cache = nullptr;
};

/// Runs one operator on LibTorch tensors, differentiable. One file each in train/ops, registered under the
/// graph operator's name. Stateless; thread safe.
class Lowering {
 public:
  virtual ~Lowering() = default;
  virtual torch::Tensor run(const graph::Node& node, int node_id, const std::vector<torch::Tensor>& inputs,
                            const std::vector<torch::Tensor>& parameters, Context& context) const = 0;
};

/// Kind "lowering" in the registry.
using MakeLowering = std::function<std::shared_ptr<const Lowering>()>;

}  // namespace hone::train
