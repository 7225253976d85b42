#pragma once

#include "hone/cost/machine_lock.h"
#include "hone/graph/graph.h"
#include "hone/study/objective.h"

namespace hone::learn {

/// Costs of an untrained language model on this machine: latency_s (seconds per generated token, one
/// sequence, greedy: the last 16 tokens, or all, of a window of `context` whose others are in the cache; a
/// low quantile over interleaved repeats under the machine's lock), latency_spread. Empty where it was
/// interrupted before anything was measured.
study::Measures text_costs(const graph::Graph& graph, int context, const cost::Interrupted& interrupted = {});

}  // namespace hone::learn
