#pragma once

#include <span>
#include <vector>

namespace hone::predict {

/// Linear regression with squared weights penalised (ridge), columns brought to mean 0 and deviation 1 first.
/// A plain value.
class Ridge {
 public:
  Ridge() = default;
  /// `rows`: one after the other, each of `columns` finite numbers. penalty: in rows' worth of evidence.
  /// Throws Error where lengths do not fit or there are no rows.
  static Ridge fit(std::span<const double> rows, std::size_t columns, std::span<const double> targets,
                   double penalty = 1.0);
  Ridge(std::vector<double> weights, double constant) : weights_(std::move(weights)), constant_(constant) {}

  double predict(std::span<const double> row) const {
    double sum = constant_;
    for (std::size_t i = 0; i < weights_.size(); ++i) sum += weights_[i] * row[i];
    return sum;
  }
  const std::vector<double>& weights() const { return weights_; }
  double constant() const { return constant_; }

 private:
  std::vector<double> weights_;
  double constant_ = 0.0;
};

}  // namespace hone::predict
