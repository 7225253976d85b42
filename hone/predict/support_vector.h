#pragma once

#include <cstddef>
#include <vector>

namespace hone::predict {

struct SupportVectorSettings {
  double c = 1.0;      ///< bound on each row's weight
  double nu = 0.5;     ///< in (0, 1]: about the share of rows outside the tube
  double gamma = 1.0;  ///< of the kernel exp(-gamma |a - b|^2); 0: the linear kernel a.b
};

/// nu-support vector regression (Schoelkopf et al., "New Support Vector Algorithms", 2000), fitted by
/// sequential minimal optimisation of its dual with the most violating pair (Keerthi et al., 2001; Chang &
/// Lin, "Training nu-Support Vector Regression", 2002). Columns and target should be scaled by the caller.
/// O(rows^2) memory: for some hundred rows. Deterministic. Immutable once fitted.
class SupportVectorRegression {
 public:
  SupportVectorRegression() = default;
  /// `rows`: n vectors of equal length, finite; n >= 1. Where all targets are equal it predicts that.
  SupportVectorRegression(const std::vector<std::vector<double>>& rows, const std::vector<double>& targets,
                          const SupportVectorSettings& settings);

  double predict(const std::vector<double>& row) const;
  std::size_t support_vectors() const { return vectors_.size(); }

 private:
  SupportVectorSettings settings_;
  std::vector<std::vector<double>> vectors_;
  std::vector<double> weights_;
  double offset_ = 0.0;
};

}  // namespace hone::predict
