#pragma once

#include <functional>
#include <string>
#include <vector>

#include "hone/cost/labels.h"
#include "hone/cost/learned_costs.h"

namespace hone::cost {

/// Labelled functions as samples, in order, the failed ones left out. `progress` (may be empty) is told how
/// many of how many are read, and stops the reading with false. Throws Error where a function is no MLIR.
std::vector<CostSample> cost_samples(const LabelSet& set,
                                     const std::function<bool(std::size_t, std::size_t)>& progress = {});

/// What a model of these labels says of where it comes from.
Json learned_from(const LabelSet& set, std::size_t samples);

/// What hone-label wrote in a folder: its *.jsonl files that begin as one, in order of name.
std::vector<std::string> label_files(const std::string& folder);

}  // namespace hone::cost
