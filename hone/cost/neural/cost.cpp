#include "hone/cost/neural/cost.h"

#include <algorithm>
#include <cmath>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/cost/neural/layers.h"

namespace hone::cost {
namespace {

NeuralRow encode(const NeuralWeights& weights, const std::vector<std::int32_t>& tokens) {
  switch (weights.model().shape.kind) {
    case NeuralKind::bag:
      return encode_bag(weights, tokens);
    case NeuralKind::conv1d:
      return encode_conv1d(weights, tokens);
    case NeuralKind::lstm:
      return encode_lstm(weights, tokens);
    case NeuralKind::transformer:
      return encode_transformer(weights, tokens);
    case NeuralKind::tokenformer:
      return encode_tokenformer(weights, tokens);
  }
  throw internal_error("a neural cost model of no kind");
}

}  // namespace

NeuralCost::NeuralCost(NeuralModel model) {
  Parts parts{std::move(model), {}};
  for (const NeuralTarget& target : parts.model.targets) parts.targets.push_back(target.name);
  parts_ = std::make_shared<const Parts>(std::move(parts));
}

NeuralCost NeuralCost::from_json(const Json& json, const std::string& file) {
  return NeuralCost(NeuralModel::from_json(json, file));
}

NeuralCost NeuralCost::load(const std::string& path) {
  return from_json(parse_json(read_file(path), path), path);
}

std::vector<float> NeuralCost::outputs(const NeuralInput& input) const {
  const NeuralModel& model = parts_->model;
  const NeuralWeights weights(model);
  const NeuralRow encoded = encode(weights, input.tokens);
  const auto n = static_cast<Eigen::Index>(model.features.size()),
             targets = static_cast<Eigen::Index>(model.targets.size());
  NeuralMatrix joined = encoded, features;
  if (n > 0) {
    features = Eigen::Map<const NeuralRow>(input.features.data(), n);
    features = ((features - weights.row("features.mean")).array() / weights.row("features.deviation").array())
                   .cwiseMax(-kNeuralFeatureBound)
                   .cwiseMin(kNeuralFeatureBound);
    const NeuralMatrix read = weights.linear("features", features).cwiseMax(0.0f);
    joined.conservativeResize(1, encoded.cols() + read.cols());
    joined.rightCols(read.cols()) = read;
  }
  NeuralMatrix out = weights.linear("output", weights.linear("hidden", joined).cwiseMax(0.0f));
  if (n > 0) out.leftCols(targets) += features * weights.matrix("linear.weight");
  return {out.data(), out.data() + out.size()};
}

std::vector<NeuralCost::Prediction> NeuralCost::predict(const NeuralInput& input) const {
  const std::vector<float> out = outputs(input);
  std::vector<Prediction> predictions;
  const std::size_t n = targets().size();
  for (std::size_t t = 0; t < n; ++t) {
    const NeuralTarget& target = model().targets[t];
    const double z = std::clamp<double>(out[t], target.lowest, target.highest);
    const double half =
        target.calibration * std::exp(std::clamp(out[n + t], kNeuralSpreadLow, kNeuralSpreadHigh));
    Prediction& one = predictions.emplace_back();
    one.value = target.value(z);
    one.low = target.value(z - half);
    one.high = std::max(one.value, target.value(z + half));
  }
  return predictions;
}

std::vector<NeuralCost::Prediction> NeuralCost::predict(const mlir::Module& module, int function) const {
  return predict(neural_input(model(), module, function));
}

}  // namespace hone::cost
