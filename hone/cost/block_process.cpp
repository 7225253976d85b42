#include "hone/cost/block_process.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/predict/lbfgs.h"
#include "hone/predict/score.h"

namespace hone::cost {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr Index kFewestForFar = 8;
constexpr double kFar = 10.0;
constexpr double kFarDegrees = 4.0;

/// Which targets lie further than kFar robust deviations from their median.
std::vector<bool> far_beyond(const VectorXd& targets) {
  std::vector<bool> far(static_cast<std::size_t>(targets.size()), false);
  if (targets.size() < kFewestForFar) return far;
  const double middle = predict::median({targets.begin(), targets.end()});
  std::vector<double> off;
  for (const double target : targets) off.push_back(std::abs(target - middle));
  const double bound = kFar * 1.4826 * predict::median(off);
  for (std::size_t i = 0; i < far.size(); ++i) far[i] = bound > 0.0 && off[i] > bound;
  return far;
}

}  // namespace

BlockProcess::BlockProcess(const MatrixXd& features, const std::vector<int>& block,
                           const std::vector<FeatureBlock>& blocks, const VectorXd& targets,
                           const BlockProcessOptions& options)
    : features_(features) {
  const Index n = features.rows(), p = features.cols(), b = static_cast<Index>(blocks.size());
  if (n < 1 || targets.size() != n || static_cast<Index>(block.size()) != p)
    throw internal_error("a block process of nothing");
  const std::vector<bool> far = far_beyond(targets);
  set_aside_ = static_cast<std::size_t>(std::count(far.begin(), far.end(), true));
  const double near = static_cast<double>(n) - static_cast<double>(set_aside_);
  const auto mean_of_near = [&](const auto& of) {
    double sum = 0.0;
    for (Index i = 0; i < n; ++i)
      if (!far[static_cast<std::size_t>(i)]) sum += of(targets(i));
    return sum / near;
  };
  centre_ = mean_of_near([](double target) { return target; });
  scale_ = std::sqrt(mean_of_near([&](double target) { return (target - centre_) * (target - centre_); }));
  // Equal targets say how large they are, and nothing of how they vary.
  if (!(scale_ > 1e-9 * std::abs(centre_))) scale_ = std::max(0.25 * std::abs(centre_), 1e-300);
  const VectorXd t = (targets.array() - centre_) / scale_;

  std::vector<MatrixXd> parts(static_cast<std::size_t>(b), MatrixXd::Zero(n, n));
  for (Index c = 0; c < p; ++c)
    parts[static_cast<std::size_t>(block[static_cast<std::size_t>(c)])].noalias() +=
        features.col(c) * features.col(c).transpose();
  VectorXd prior(b + 1), width(b + 1);
  for (Index k = 0; k < b; ++k) {
    prior(k) = std::log(blocks[static_cast<std::size_t>(k)].variance);
    width(k) = blocks[static_cast<std::size_t>(k)].width;
  }
  prior(b) = std::log(options.noise);
  width(b) = options.noise_width;
  const VectorXd low = VectorXd::Constant(b + 1, -12.0), high = VectorXd::Constant(b + 1, 4.0);

  weights_ = VectorXd::Ones(n);
  // As Student's t weighs them around the centre: with full weight they would bend the first fit.
  for (Index i = 0; i < n; ++i)
    if (far[static_cast<std::size_t>(i)])
      weights_(i) = (kFarDegrees + 1.0) / (kFarDegrees + t(i) * t(i) / options.noise);
  VectorXd theta = prior;
  const auto covariance = [&](const VectorXd& at) {
    MatrixXd k = MatrixXd::Ones(n, n);
    for (Index i = 0; i < b; ++i) k += std::exp(at(i)) * parts[static_cast<std::size_t>(i)];
    return k;
  };
  const auto objective = [&](const VectorXd& at, VectorXd& gradient) {
    MatrixXd k = covariance(at);
    const VectorXd noise = std::exp(at(b)) * weights_.cwiseInverse();
    k.diagonal() += noise;
    const Eigen::LLT<MatrixXd> factor(k);
    if (factor.info() != Eigen::Success) return kInfinity;
    const MatrixXd inverse = factor.solve(MatrixXd::Identity(n, n));
    const VectorXd alpha = inverse * t;
    const MatrixXd slope = alpha * alpha.transpose() - inverse;
    gradient.resize(b + 1);
    for (Index i = 0; i < b; ++i)
      gradient(i) = -0.5 * std::exp(at(i)) * slope.cwiseProduct(parts[static_cast<std::size_t>(i)]).sum();
    gradient(b) = -0.5 * slope.diagonal().dot(noise);
    const VectorXd off = (at - prior).cwiseQuotient(width);
    gradient += off.cwiseQuotient(width);
    return 0.5 * t.dot(alpha) + MatrixXd(factor.matrixL()).diagonal().array().log().sum() +
           0.5 * off.squaredNorm();
  };
  double value = 0.0;
  const bool robust = std::isfinite(options.degrees);
  for (int round = 0; round < (robust ? options.rounds : 1); ++round) {
    value = predict::minimize(objective, theta, low, high);
    const MatrixXd k = covariance(theta);
    noise_ = std::exp(theta(b));
    MatrixXd noisy = k;
    noisy.diagonal() += noise_ * weights_.cwiseInverse();
    inverse_ = noisy.llt().solve(MatrixXd::Identity(n, n));
    if (!robust || round + 1 == options.rounds) break;
    const VectorXd fitted = k * (inverse_ * t);
    const MatrixXd shrunk = k * inverse_ * k;
    for (Index i = 0; i < n; ++i) {
      const double spread = std::max(k(i, i) - shrunk(i, i), 0.0) + std::pow(t(i) - fitted(i), 2);
      weights_(i) = (options.degrees + 1.0) / (options.degrees + spread / noise_);
    }
  }
  const VectorXd alpha = inverse_ * t;
  column_variance_.resize(p);
  for (Index c = 0; c < p; ++c) column_variance_(c) = std::exp(theta(block[static_cast<std::size_t>(c)]));
  coefficients_ = column_variance_.asDiagonal() * (features.transpose() * alpha);
  constant_ = alpha.sum();
  log_evidence_ = -value - static_cast<double>(n) * std::log(scale_);
}

double BlockProcess::mean(const VectorXd& features) const {
  return centre_ + scale_ * (constant_ + coefficients_.dot(features));
}

double BlockProcess::variance(const VectorXd& features) const {
  const VectorXd weighted = column_variance_.cwiseProduct(features);
  const VectorXd k = (features_ * weighted).array() + 1.0;
  const double left = 1.0 + weighted.dot(features) - k.dot(inverse_ * k);
  return scale_ * scale_ * std::max(left, 0.0);
}

double BlockProcess::noise_sd() const { return scale_ * std::sqrt(noise_); }

}  // namespace hone::cost
