#pragma once

#include "hone/graph/graph.h"

namespace hone::cost {

/// What one operator does with memory, as hone's own lowerings (train/ops) have it in float32.
struct MemoryRule {
  bool keeps_inputs = true;
  bool keeps_output = false;
  bool view = false;               ///< its output lies in its first input's memory
  bool passes_gradient = false;    ///< its inputs' gradients lie in its output's
  double kept = 0.0;               ///< beyond inputs and output
  double forward_temporary = 0.0;  ///< beside all of that, while it runs
  double backward_temporary = 0.0;
  double inference_temporary = 0.0;
};

/// Of a node that is no input; an operator without a rule keeps its inputs.
MemoryRule memory_rule(const graph::Graph& graph, int node);

/// Bytes of a tensor: 4 a number, 8 an integer.
double tensor_bytes(const graph::Shape& shape, graph::DataType type);

}  // namespace hone::cost
