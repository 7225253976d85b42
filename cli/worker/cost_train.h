#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "hone/learn/cost_training.h"

namespace hone::cli {

/// hone-worker cost-train: neural cost models from labels.
struct CostTrainArguments {
  learn::CostTraining training;
  std::string labels, kind = "conv1d", tokens = "operands", output, time, predictions, scores;
  std::vector<std::string> targets, held_out;
  std::int64_t folds = 0, most = 0;
  bool json = false, quiet = false, no_features = false;
};
CLI::App* add_cost_train(CLI::App& app, CostTrainArguments& arguments);

/// Exit status: 3 where it was stopped with what it had saved.
int cost_train(CostTrainArguments arguments, const std::function<bool()>& interrupted);

}  // namespace hone::cli
