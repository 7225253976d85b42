#pragma once

#include <vector>

#include "hone/graph/graph.h"

namespace hone::cost {

/// How a graph is trained, as far as memory goes.
struct TrainingMemoryOptions {
  int optimizer_states = 2;  ///< numbers kept a parameter: 2 for Adam, 1 for momentum, 0 for plain descent
  bool cross_entropy =
      true;  ///< the loss: cross-entropy of the output's last dimension; false: none is counted
};

/// Bytes of one node.
struct NodeMemory {
  int node = 0;            ///< id in the graph that was given to predict_memory, in canonical form
  double output = 0.0;     ///< its output
  double kept = 0.0;       ///< what it keeps for the backward pass beyond its inputs and output
  double temporary = 0.0;  ///< beside all that while it runs forward
};

/// Memory of a model in bytes, predicted from its graph at the graph's batch: what tensors hold. Beside it a
/// process has its program, its libraries' own memory, and what an allocator does not give back; those are a
/// constant of the process and not of the design, so that the growth of a small model's resident memory says
/// little about it.
struct GraphMemory {
  double weights = 0.0;
  double gradients = 0.0;  ///< of weights
  double optimizer = 0.0;
  double moments = 0.0;           ///< running statistics
  double activations = 0.0;       ///< kept from the forward pass for the backward pass, at its end
  double training_peak = 0.0;     ///< most of all of them together at any time of a step
  double inference_peak = 0.0;    ///< most in a forward pass without gradients: weights, moments, live values
  double kv_cache = 0.0;          ///< keys and values of attention at the graph's batch and length
  std::vector<NodeMemory> nodes;  ///< of the canonical form
};

/// Simulates which tensors live when: forward, every value until its last reader, or as long as a backward
/// pass wants it; backward in reverse, each node's gradients as they come and go; the update. What an
/// operator keeps follows hone's own lowerings (train/ops), in float32; an operator without a rule is taken
/// to keep its inputs and output. The canonical form is what counts, as it is what is trained.
GraphMemory predict_memory(const graph::Graph& graph, const TrainingMemoryOptions& options = {});

}  // namespace hone::cost
