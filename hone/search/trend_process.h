#pragma once

#include <Eigen/Core>
#include <vector>

#include "hone/predict/gaussian_process.h"

namespace hone::search {

/// A Gaussian process around a linear trend in the numbers, so that a local search can look beyond what was
/// seen: the sum of a linear and a Matern kernel, with the linear part at its posterior mode (ridge
/// regression, weights of variance 10 in units of the targets' deviation) rather than integrated. Without a
/// trend from 64 inputs on. Not thread safe.
class TrendProcess {
 public:
  explicit TrendProcess(const std::vector<predict::Input>& inputs);

  /// Rows and as many finite targets, one at least. The kernel's hyperparameters are fitted to the last
  /// kFitted rows, from the prior's mode.
  void fit(const std::vector<predict::GaussianProcess::Row>& rows, const std::vector<double>& targets);
  static constexpr std::size_t kFitted = 50;
  void append(const predict::GaussianProcess::Row& row, double target);

  /// In units of the targets; variances are of the function, without noise.
  void predict(const std::vector<predict::GaussianProcess::Row>& rows, std::vector<double>& means,
               std::vector<double>& variances) const;
  std::vector<double> predict_means(const std::vector<predict::GaussianProcess::Row>& rows) const;
  /// A draw of the function's values at `rows` together.
  std::vector<double> sample(const std::vector<predict::GaussianProcess::Row>& rows, Rng& rng) const;

 private:
  Eigen::VectorXd numbers(const predict::GaussianProcess::Row& row) const;
  double trend(const predict::GaussianProcess::Row& row) const;

  predict::GaussianProcess process_;
  std::vector<std::size_t> number_inputs_;
  Eigen::VectorXd slope_, center_;
  double mean_ = 0.0, unit_ = 1.0;
};

}  // namespace hone::search
