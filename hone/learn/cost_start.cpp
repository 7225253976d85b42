#include "hone/learn/cost_start.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "hone/cost/labels.h"
#include "hone/cost/neural/cost.h"

namespace hone::learn {
namespace {

/// The model's fixed parts: vocabulary, transforms of targets, standardisation and a least-squares fit of
/// features.
class Start {
 public:
  Start(const CostData& data, const std::vector<const NetworkSample*>& train, const CostTraining& training) {
    model.shape = training.shape;
    model.features = data.features;
    model.target = cost::code_target_of(data.source);
    std::vector<std::vector<std::string>> texts;
    for (const auto* sample : train) texts.push_back(sample->tokens);
    model.vocabulary = cost::mlir::Vocabulary::build(texts, 2, static_cast<std::size_t>(training.vocabulary));
    for (std::size_t t = 0; t < data.targets.size(); ++t) target(data.targets[t], t, train);
    if (!model.features.empty()) {
      standardise(train);
      fit(train);
    }
  }
  cost::NeuralModel model;

 private:
  void target(const std::string& name, std::size_t t, const std::vector<const NetworkSample*>& train) {
    cost::NeuralTarget target;
    target.name = name;
    std::vector<double> positive, all;
    bool whole = true;
    for (const auto* sample : train) {
      const double value = sample->targets[t];
      if (!std::isfinite(value) || value < 0.0) continue;
      all.push_back(value);
      if (value > 0.0) positive.push_back(value);
      whole = whole && value == std::floor(value);
    }
    // Counts are told apart from 1 on; what has no smallest step, from its smaller values on.
    if (!whole && !positive.empty()) {
      const auto at = positive.begin() + static_cast<std::ptrdiff_t>(positive.size() / 100);
      std::nth_element(positive.begin(), at, positive.end());
      target.scale = *at;
    }
    double sum = 0.0, squares = 0.0;
    for (const double value : all) sum += std::log1p(value / target.scale);
    const double n = std::max<double>(1.0, static_cast<double>(all.size()));
    target.mean = sum / n;
    for (const double value : all) squares += std::pow(std::log1p(value / target.scale) - target.mean, 2.0);
    target.deviation = std::max(1e-6, std::sqrt(squares / n));
    double low = 0.0, high = 0.0;
    for (const double value : all) {
      low = std::min(low, target.transformed(value));
      high = std::max(high, target.transformed(value));
    }
    // Costs of designs unlike those seen may lie beyond, but not by orders of orders of magnitude.
    target.lowest = low - 0.5;
    target.highest = high + 0.5;
    model.targets.push_back(target);
  }

  void standardise(const std::vector<const NetworkSample*>& train) {
    const std::size_t n = model.features.size();
    std::vector<double> sum(n, 0.0), squares(n, 0.0);
    const auto count = static_cast<double>(train.size());
    for (const auto* sample : train)
      for (std::size_t i = 0; i < n; ++i) sum[i] += sample->features[i];
    for (const auto* sample : train)
      for (std::size_t i = 0; i < n; ++i) squares[i] += std::pow(sample->features[i] - sum[i] / count, 2.0);
    cost::NeuralWeight mean{{static_cast<std::int64_t>(n)}, {}}, deviation = mean;
    for (std::size_t i = 0; i < n; ++i) {
      const double spread = std::sqrt(squares[i] / count);
      mean.values.push_back(static_cast<float>(sum[i] / count));
      deviation.values.push_back(static_cast<float>(spread > 1e-3 ? spread : 1.0));
    }
    model.weights["features.mean"] = mean;
    model.weights["features.deviation"] = deviation;
  }

  /// Ridge regression of every z on the standardised features; missing values count as the mean.
  void fit(const std::vector<const NetworkSample*>& train) {
    const auto n = static_cast<Eigen::Index>(train.size()),
               f = static_cast<Eigen::Index>(model.features.size()),
               t = static_cast<Eigen::Index>(model.targets.size());
    Eigen::MatrixXd x(n, f), z(n, t);
    const auto &mean = model.weights["features.mean"].values,
               &deviation = model.weights["features.deviation"].values;
    for (Eigen::Index i = 0; i < n; ++i) {
      const NetworkSample& sample = *train[static_cast<std::size_t>(i)];
      for (Eigen::Index j = 0; j < f; ++j) {
        const auto at = static_cast<std::size_t>(j);
        x(i, j) = std::clamp((sample.features[at] - mean[at]) / deviation[at], -cost::kNeuralFeatureBound,
                             cost::kNeuralFeatureBound);
      }
      for (Eigen::Index j = 0; j < t; ++j) {
        const auto at = static_cast<std::size_t>(j);
        const double value = sample.targets[at];
        z(i, j) = std::isfinite(value) ? model.targets[at].transformed(value) : 0.0;
      }
    }
    Eigen::MatrixXd square = x.transpose() * x;
    square.diagonal().array() += 0.003 * static_cast<double>(n) + 1e-6;
    const Eigen::MatrixXd weights = square.ldlt().solve(x.transpose() * z);
    cost::NeuralWeight linear{{f, t}, {}};
    for (Eigen::Index i = 0; i < f; ++i)
      for (Eigen::Index j = 0; j < t; ++j) linear.values.push_back(static_cast<float>(weights(i, j)));
    model.weights["linear.weight"] = std::move(linear);
  }
};

}  // namespace

cost::NeuralModel start_costs(const CostData& data, const std::vector<const NetworkSample*>& train,
                              const CostTraining& training) {
  return Start(data, train, training).model;
}

}  // namespace hone::learn
