#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hone/cost/learned_costs.h"
#include "hone/cost/neural/cost.h"

namespace hone::cost {

/// Costs of MLIR functions by whatever a file of learned costs holds: trees (LearnedCosts) or a network
/// (NeuralCost). A plain value; predicting is thread safe.
class KernelCosts {
 public:
  /// Throws Error with the file where it is neither, malformed or of a later version.
  static KernelCosts read(const std::string& path);

  /// Of one operation of Module::functions(); every target.
  std::vector<PredictedCost> predict(const mlir::Module& module, int function) const;
  /// Of all of them, in their order.
  std::vector<std::vector<PredictedCost>> predict(const mlir::Module& module) const;
  /// One target's value; NaN where it is not in targets().
  double predict(const mlir::Module& module, int function, const std::string& target) const;
  std::vector<std::string> targets() const;
  /// "trees", or the network's kind.
  std::string kind() const;
  /// What error bars come from: as LearnedCosts::held_out.
  std::string held_out() const { return trees_ ? trees_->held_out : "families"; }
  /// Where the labels come from: machine, cpu, compiler, date.
  const Json& labels() const;

 private:
  std::shared_ptr<const LearnedCosts> trees_;
  std::shared_ptr<const NeuralCost> network_;
};

}  // namespace hone::cost
