#pragma once

#include <vector>

#include "hone/predict/gaussian_process.h"

namespace hone::predict {

/// A Gaussian process whose hyperparameters are not one guess but, where asked for, several draws from their
/// posterior: what it predicts has the mean and the variance of the mixture of the draws' predictions. With
/// few rows the likeliest hyperparameters are often badly wrong (a parameter that matters seems not to, noise
/// passes for signal) and certain of it; the mixture knows that it does not know (Snoek et al., "Practical
/// Bayesian Optimization of Machine Learning Algorithms", 2012, section 3.1, who average the acquisition over
/// draws; here the predictions are averaged, so that every acquisition can be made of them).
///
/// All calls mean what they mean for a GaussianProcess. Not thread safe.
class ProcessMixture {
 public:
  using Row = GaussianProcess::Row;
  using Prediction = GaussianProcess::Prediction;

  explicit ProcessMixture(std::vector<Input> inputs, const GpOptions& options = {});

  /// The process of the likeliest hyperparameters.
  const GaussianProcess& likeliest() const { return likeliest_; }
  /// The draws; empty: the likeliest one stands alone.
  const std::vector<GaussianProcess>& draws() const { return draws_; }

  /// Forgets hyperparameters and rows: the prior's mode.
  void reset();
  /// No draws are left, as after fit().
  void set(const std::vector<Row>& rows, const std::vector<double>& targets);
  double fit(int iterations);
  /// Replaces the draws by `count` new ones, every `apart`-th state of a chain that starts at the likeliest:
  /// elliptical slice sampling (Murray, Adams and MacKay, "Elliptical Slice Sampling", 2010), which the
  /// hyperparameters' normal priors allow, so that it has no step size. Some eight likelihoods a state.
  void draw(int count, int apart, Rng& rng);

  void append(const Row& row, double target, double noise_share = 1.0);
  void truncate(std::size_t size);
  void set_targets(const std::vector<double>& targets);

  Prediction predict(const Row& row, bool gradient = false) const;
  void predict(const std::vector<Row>& rows, Eigen::VectorXd& means, Eigen::VectorXd& variances) const;
  Eigen::VectorXd fitted() const;
  Eigen::VectorXd predict_means(const std::vector<Row>& rows) const;

 private:
  GaussianProcess likeliest_;
  std::vector<GaussianProcess> draws_;
};

}  // namespace hone::predict
