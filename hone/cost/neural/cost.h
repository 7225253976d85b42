#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hone/cost/neural/model.h"

namespace hone::cost {

/// Costs of a function predicted from its MLIR text by a network that hone-worker has trained (*ML-driven
/// Hardware Cost Model for MLIR*), all targets at once. A value that copies cheaply. Thread safe.
class NeuralCost {
 public:
  explicit NeuralCost(NeuralModel model);
  /// A weights file's content; `file` for errors. Throws Error as NeuralModel::from_json does.
  static NeuralCost from_json(const Json& json, const std::string& file);
  static NeuralCost load(const std::string& path);

  const NeuralModel& model() const { return parts_->model; }
  const std::vector<std::string>& targets() const { return parts_->targets; }

  struct Prediction {
    double value = 0.0, low = 0.0, high = 0.0;  ///< in the target's unit; low to high holds 90%
  };
  /// Of one operation of Module::functions(), in the order of targets(). Under a millisecond: a function's
  /// tokens are bounded (bounded_tokens).
  std::vector<Prediction> predict(const mlir::Module& module, int function) const;
  std::vector<Prediction> predict(const NeuralInput& input) const;

  /// What the network itself gives: of each target z, then of each the logarithm of z's spread.
  std::vector<float> outputs(const NeuralInput& input) const;

 private:
  struct Parts {
    NeuralModel model;
    std::vector<std::string> targets;
  };
  std::shared_ptr<const Parts> parts_;
};

/// The spread's logarithm is kept within these.
constexpr float kNeuralSpreadLow = -6.0f, kNeuralSpreadHigh = 3.0f;
/// Standardised features are kept within this many deviations.
constexpr float kNeuralFeatureBound = 6.0f;

}  // namespace hone::cost
