#pragma once

#include <cstdint>
#include <vector>

#include "hone/graph/array.h"
#include "hone/graph/graph.h"

namespace hone::graph {

/// How a parameter at a canonical position (Canonical::parameter_position) starts at a seed: float32 numbers,
/// row-major, the same everywhere. train::Model starts from these.
std::vector<float> initial_values(const Parameter& parameter, std::uint64_t seed, int position);

/// Starts of all parameters of a graph, by index in Graph::parameters(): those of train::Model, exactly. Two
/// spellings of one structure start from the same numbers at the same places. Parameters that the canonical
/// form drops get numbers too, which cannot matter.
std::vector<Array> initial_parameters(const Graph& graph, std::uint64_t seed);

struct EvaluateOptions {
  /// true: operators that keep moments (batch_norm) use the statistics of the batch, as in training; false:
  /// the stored moments.
  bool training = true;
  /// Stored moments by node id, each node's as Operator::moments lists them; a node without an entry has what
  /// they start with. Not read in training.
  std::vector<std::vector<Array>> moments = {};
};

/// The reference interpreter: the graph as it is written, forward, in double precision, node by node; no
/// tensor library, one thread. `inputs` in the order of the graph's inputs, each of its shape; `parameters`
/// by index in Graph::parameters(). Returns the outputs in order. What no output needs is not computed.
/// Throws Error where inputs or parameters are missing or of another shape, or a token is not in the
/// vocabulary.
std::vector<Array> evaluate(const Graph& graph, const std::vector<Array>& inputs,
                            const std::vector<Array>& parameters, const EvaluateOptions& options = {});

}  // namespace hone::graph
