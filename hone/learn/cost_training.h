#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hone/cost/labels.h"
#include "hone/cost/neural/cost.h"

namespace hone::learn {

/// How a neural cost model is trained.
struct CostTraining {
  cost::NeuralShape shape;
  bool features = true;              ///< features of the text beside its tokens
  std::vector<std::string> targets;  ///< empty: all that the labels have
  std::int64_t vocabulary = 2048;    ///< most tokens that the model knows; a token counts if it occurs twice
  std::int64_t epochs = 40;
  std::int64_t batch = 64;
  double lr = 2e-3;
  double weight_decay = 0.1;
  double dropout = 0.3;       ///< of the last hidden layer's inputs
  double word_dropout = 0.1;  ///< share of tokens that training shows as unknown
  std::uint64_t seed = 1;
  double time_s = 0.0;  ///< stops at the next epoch's end; 0: no limit. What depends on it is no function of
                        ///< the seed
  cost::SplitOptions split;

  struct Progress {
    std::int64_t epoch = 0, epochs = 0;
    double loss = 0.0;        ///< mean of training's
    double validation = 0.0;  ///< mean absolute error of z
  };
  std::function<void(const Progress&)> progress;
  std::function<bool()> interrupted;
};

/// One label as networks of one shape read it.
struct NetworkSample {
  std::vector<std::string> tokens;
  std::vector<float> features;
  std::vector<double> targets;  ///< NaN: unknown
  std::string family;
  std::uint64_t id = 0;  ///< the label's
  cost::Split split = cost::Split::train;
  bool disturbed = false;
};

/// Labels made ready: parsed once, for any number of trainings that share tokens, features and targets.
struct CostData {
  std::vector<NetworkSample> samples;
  std::vector<std::string> targets, features;
  Json source;  ///< the data set's provenance
  std::int64_t unreadable = 0;
};
/// Skips failed labels and texts that mlir::parse refuses. Throws Error where none is left, or a target is
/// in no label.
CostData prepare_costs(const cost::LabelSet& labels, const CostTraining& training);

/// A sample's tokens by number.
cost::NeuralInput encoded(const cost::NeuralModel& model, const NetworkSample& sample);

struct CostTrained {
  cost::NeuralModel model;
  cost::NeuralWeight linear;  ///< the least-squares fit, [features, targets]
  std::int64_t epochs = 0, best_epoch = 0;
  double first_loss = 0.0, last_loss = 0.0, validation = 0.0;
  bool stopped = false;  ///< interrupted or out of time; the best so far is there
};

/// Trains on the samples of Split::train, keeps the epoch that is best on Split::validation, and calibrates
/// its intervals there. z's error is Laplace distributed with a spread that the network predicts; AdamW,
/// cosine decay; a least-squares fit of the features is where training starts. Deterministic at a seed.
/// Throws Error where a split is empty.
CostTrained train_costs(const CostData& data, const CostTraining& training);

/// The factor on predicted spreads whose intervals hold the share `coverage` of |error| / spread
/// (split-conformal: the ceil((n + 1) coverage)-th least).
double conformal_factor(std::vector<double> ratios, double coverage = 0.9);

}  // namespace hone::learn
