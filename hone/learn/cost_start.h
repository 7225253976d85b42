#pragma once

#include <vector>

#include "hone/learn/cost_training.h"

namespace hone::learn {

/// The parts of a model that are not trained by steps: vocabulary, transforms of the targets, how features
/// are standardised, and "linear.weight": ridge regression of every z on the features, where training starts.
cost::NeuralModel start_costs(const CostData& data, const std::vector<const NetworkSample*>& train,
                              const CostTraining& training);

}  // namespace hone::learn
