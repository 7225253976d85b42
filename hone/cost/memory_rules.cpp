#include "hone/cost/memory_rules.h"

#include <algorithm>

#include "hone/graph/operator.h"

namespace hone::cost {
namespace {

/// Smaller batches of 1x1 convolutions are plain products in LibTorch.
constexpr std::int64_t kOneDnnBatch = 16;

}  // namespace

double tensor_bytes(const graph::Shape& shape, graph::DataType type) {
  return static_cast<double>(graph::element_count(shape)) * (type == graph::DataType::int64 ? 8.0 : 4.0);
}

MemoryRule memory_rule(const graph::Graph& graph, int id) {
  const graph::Node& node = graph.node(id);
  const auto inputs = graph.input_shapes(id);
  const double out = tensor_bytes(node.shape, node.type);
  const auto width = node.shape.empty() ? 1.0 : static_cast<double>(node.shape.back());
  const std::string& op = node.op;
  MemoryRule rule;
  if (op == "add" || op == "learned_position") {
    rule.keeps_inputs = false;
    rule.passes_gradient = true;
    // Of more than two, the sum so far.
    if (inputs.size() > 2) rule.forward_temporary = rule.inference_temporary = out;
  } else if (op == "multiply") {
    if (inputs.size() > 2) {
      rule.kept = static_cast<double>(inputs.size() - 2) * out;
      rule.inference_temporary = out;
    }
  } else if (op == "identity" || op == "crop" || op == "slice_channels") {
    rule.keeps_inputs = false;
    rule.view = true;
  } else if (op == "concat" || op == "zero" || op == "rotary" || op == "global_avg_pool") {
    rule.keeps_inputs = false;
  } else if (op == "layer_norm") {
    rule.kept = 2.0 * out / width;  // mean and deviation of every row
  } else if (op == "rms_norm") {
    rule.kept = out / width;
  } else if (op == "batch_norm") {
    rule.kept = 8.0 * static_cast<double>(node.shape[1]);
  } else if (op == "activation") {
    const std::string& kind = node.attributes.text("kind");
    const bool by_output = kind == "relu" || kind == "tanh" || kind == "sigmoid";
    rule.keeps_inputs = kind == "gelu" || kind == "silu";
    rule.keeps_output = by_output;
    if (kind == "relu_squared") rule.kept = out;
  } else if (op == "max_pool2d") {
    rule.kept = rule.inference_temporary = 2.0 * out;  // where the largest was found, 8 bytes each
  } else if (op == "conv2d") {
    // oneDNN takes copies in its own layout: of input and filters, and of the output before it is put back.
    const auto integer = [&](const char* name) { return node.attributes.integer(name); };
    const bool plain = integer("kernel") == 1 && integer("stride") == 1 && inputs[0][0] < kOneDnnBatch;
    if (!plain) {
      double filters = 0.0;
      for (const int parameter : node.parameters)
        filters += tensor_bytes(graph.parameters()[static_cast<std::size_t>(parameter)].shape, node.type);
      const double in = tensor_bytes(inputs[0], node.type);
      rule.forward_temporary = rule.inference_temporary = std::max(in + filters, out);
      rule.backward_temporary = in + out + filters;
    }
  } else if (op == "causal_attention") {
    // Inputs and, packed by heads, copies of them; the softmax's weights.
    const double heads = static_cast<double>(node.attributes.integer("heads"));
    const auto given = node.attributes.integer("kv_heads");
    const bool packs = given != 1 && heads > 1.0;
    const double query = tensor_bytes(inputs[0], node.type), key = tensor_bytes(inputs[1], node.type);
    const double length = static_cast<double>(inputs[0][1]);
    const double weights = 4.0 * static_cast<double>(inputs[0][0]) * heads * length * length;
    const double packed = packs ? query + 2.0 * key : 0.0;
    rule.kept = packed + weights;
    rule.forward_temporary = packs ? out : 0.0;
    // The gradient packed, the scores' gradient, a product before it is unpacked.
    rule.backward_temporary = (packs ? 2.0 * query : 0.0) + weights;
    rule.inference_temporary = packed + weights + rule.forward_temporary;
  } else if (op == "token_parameter_attention") {
    const double rows = static_cast<double>(graph::element_count(inputs[0]) / inputs[0].back());
    const double scores = 4.0 * rows * static_cast<double>(node.attributes.integer("tokens"));
    rule.kept = 2.0 * scores + 4.0 * rows;
    rule.backward_temporary = scores;
    rule.inference_temporary = scores;
  }
  return rule;
}

}  // namespace hone::cost
