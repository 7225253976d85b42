#pragma once

#include <functional>

#include "hone/graph/graph.h"

namespace hone::learn {

/// One forward pass of an untrained model in inference, with LibTorch, at the graph's batch. Throws Error
/// where the graph is no model.
std::function<void()> torch_pass(const graph::Graph& graph);

}  // namespace hone::learn
