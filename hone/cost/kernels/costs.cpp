#include "hone/cost/kernels/costs.h"

#include <algorithm>

#include "hone/base/files.h"
#include "hone/base/numbers.h"

namespace hone::cost {

KernelCosts KernelCosts::read(const std::string& path) {
  KernelCosts costs;
  const Json json = parse_json(read_file(path), path);
  if (json.is_object() && json.value("format", Json()) == kNeuralFormat)
    costs.network_ = std::make_shared<NeuralCost>(NeuralCost::from_json(json, path));
  else
    costs.trees_ = std::make_shared<LearnedCosts>(LearnedCosts::from_json(json, path));
  return costs;
}

std::vector<PredictedCost> KernelCosts::predict(const mlir::Module& module, int function) const {
  if (trees_) return trees_->predict(mlir::features(module, function, trees_->target()));
  std::vector<PredictedCost> list;
  const std::vector<NeuralCost::Prediction> predictions = network_->predict(module, function);
  for (std::size_t i = 0; i < predictions.size(); ++i)
    list.push_back({network_->targets()[i], predictions[i].value, predictions[i].low, predictions[i].high});
  return list;
}

std::vector<std::vector<PredictedCost>> KernelCosts::predict(const mlir::Module& module) const {
  std::vector<std::vector<PredictedCost>> lists;
  if (trees_) {
    // So many at a time that their features do not fill the memory.
    constexpr std::size_t kTogether = 256;
    std::vector<mlir::Features> some;
    const auto flush = [&] {
      for (auto& list : trees_->predict(some)) lists.push_back(std::move(list));
      some.clear();
    };
    for (const int function : module.functions()) {
      some.push_back(mlir::features(module, function, trees_->target()));
      if (some.size() == kTogether) flush();
    }
    flush();
  } else {
    for (const int function : module.functions()) lists.push_back(predict(module, function));
  }
  return lists;
}

double KernelCosts::predict(const mlir::Module& module, int function, const std::string& target) const {
  const std::vector<std::string> names = targets();
  const auto found = std::find(names.begin(), names.end(), target);
  if (found == names.end()) return kNaN;
  const auto at = static_cast<std::size_t>(found - names.begin());
  return trees_ ? trees_->predict(mlir::features(module, function, trees_->target()), at)
                : network_->predict(module, function).at(at).value;
}

std::vector<std::string> KernelCosts::targets() const {
  return trees_ ? trees_->targets() : network_->targets();
}

std::string KernelCosts::kind() const {
  return trees_ ? "trees" : neural_kinds().at(static_cast<std::size_t>(network_->model().shape.kind));
}

const Json& KernelCosts::labels() const {
  if (trees_) return trees_->provenance;
  const Json& from = network_->model().provenance;
  static const Json none = Json::object();
  return from.contains("labels") && from["labels"].is_object() ? from["labels"] : none;
}

}  // namespace hone::cost
