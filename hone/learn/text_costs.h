#pragma once

#include "hone/cost/machine_lock.h"
#include "hone/graph/graph.h"
#include "hone/study/objective.h"

namespace hone::learn {

/// Costs of an untrained language model on this machine: latency_s (seconds per generated token, one
/// sequence, greedy, over a cache that grows from empty to 16 tokens; a low quantile over interleaved repeats
/// under the machine's lock), latency_spread.
study::Measures text_costs(const graph::Graph& graph, int context, const cost::Interrupted& interrupted = {});

}  // namespace hone::learn
