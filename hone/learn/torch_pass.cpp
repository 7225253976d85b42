#include "hone/learn/torch_pass.h"

#include <memory>

#include "hone/train/model.h"

namespace hone::learn {

std::function<void()> torch_pass(const graph::Graph& graph) {
  const auto model = std::make_shared<train::Model>(graph, 1);
  model->set_training(false);
  torch::Tensor input;
  for (const graph::Node& node : graph.nodes())
    if (node.op == "input")
      input = torch::zeros(node.shape, node.type == graph::DataType::int64 ? torch::kInt64 : torch::kFloat32);
  return [model, input] {
    const torch::InferenceMode inference;
    model->forward(input);
  };
}

}  // namespace hone::learn
