#pragma once

#include <string>
#include <vector>

#include "hone/learn/cost_training.h"
#include "hone/predict/score.h"

namespace hone::learn {

/// How near a model comes on functions that it was not trained on.
struct NetworkScore {
  std::string target, model;
  predict::Accuracy accuracy;
  double median = 0.0;    ///< of |predicted - measured| / measured, where that is not 0
  double coverage = 0.0;  ///< share of measured values within the 90% intervals; NaN: the model has none
};

/// Gathers predictions of one or several trained models, each on its own test samples, with the baselines
/// "mean" (of z) and "linear" (ridge regression on the features, where there are some) trained on the same
/// functions. What disturbed labels say of timed targets is left out.
class CostScores {
 public:
  explicit CostScores(std::string model) : model_(std::move(model)) {}
  void add(const CostData& data, const CostTrained& trained);

  /// By target, in the data's order; the model first.
  std::vector<NetworkScore> scores() const;
  /// Every prediction as a line of CSV: target, family, id, measured, predicted, low, high.
  std::string table() const;
  /// |error of z| / predicted spread of a target: what conformal_factor() takes.
  const std::vector<double>& ratios(std::size_t target) const { return columns_.at(target).ratios; }

 private:
  struct Column {
    std::string target;
    std::vector<double> measured, predicted, low, high, mean, linear, ratios;
    std::vector<std::string> functions;  ///< family and id
    double inside = 0.0;
  };
  std::string model_;
  std::vector<Column> columns_;
};

/// Every family is held out once: families are dealt to `folds` groups in the order of their names, and each
/// group is predicted by a model trained on the others. Returns the scores of all predictions together.
CostScores cross_validate_costs(CostData data, CostTraining training, std::int64_t folds,
                                const std::string& name);

/// Calibrates a model's intervals on predictions of families that other models of its kind had not seen.
void calibrate_on(cost::NeuralModel& model, const CostScores& scores);

}  // namespace hone::learn
