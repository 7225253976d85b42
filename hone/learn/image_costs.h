#pragma once

#include "hone/cost/machine_lock.h"
#include "hone/graph/graph.h"
#include "hone/study/objective.h"

namespace hone::learn {

/// Costs of an untrained network of images on this machine, given its graph at a batch of one: latency_s
/// (seconds a forward pass in inference; a low quantile over interleaved repeats under the machine's lock),
/// latency_spread.
study::Measures image_costs(const graph::Graph& one, const cost::Interrupted& interrupted = {});

}  // namespace hone::learn
