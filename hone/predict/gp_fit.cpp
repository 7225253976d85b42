#include <algorithm>
#include <cmath>

#include "hone/base/numbers.h"
#include "hone/predict/gaussian_process.h"
#include "hone/predict/gp_algebra.h"
#include "hone/predict/lbfgs.h"
#include "hone/predict/warp.h"

namespace hone::predict {

using Eigen::Index;
using Eigen::VectorXd;

namespace {

constexpr double kStartNoise = -5.0;  // log of its variance: the mode of the default prior

/// A log-normal prior of `mu` and deviation `sigma`, seen from the logarithm: a normal one whose mean is the
/// log of the density's mode, mu - sigma^2.
struct Prior {
  double mode;
  double sigma;
  double low, high;  // bounds of the search

  static Prior log_normal(double mu, double sigma, double low, double high) {
    return {std::clamp(mu - sigma * sigma, low, high), sigma, low, high};
  }
};

std::vector<Prior> priors(const std::vector<Input>& inputs, const GpOptions& options) {
  const double log_d = std::log(std::max<double>(1.0, static_cast<double>(inputs.size())));
  const double root2 = std::sqrt(2.0), root3 = std::sqrt(3.0);
  std::vector<Prior> result;
  for (const Input& input : inputs) {
    if (input.categories > 0)
      result.push_back(Prior::log_normal(2.0 + log_d, root3, std::log(0.1), std::log(1e4) + log_d));
    else
      result.push_back(
          Prior::log_normal(root2 + 0.5 * log_d, root3, std::log(0.01), std::log(1e3) + 0.5 * log_d));
  }
  const double floor = std::log(options.noise_floor);
  result.push_back(Prior::log_normal(options.noise_log_mean, options.noise_log_deviation, floor,
                                     std::max(floor, std::log(2.0))));
  result.push_back({0.0, 0.5, std::log(0.02), std::log(50.0)});
  if (options.curve) {
    result.push_back({0.0, 1.0, std::log(1e-3), std::log(1e3)});
    result.push_back({0.0, 0.5, std::log(0.1), std::log(10.0)});
    result.push_back({std::log(0.1), 1.0, std::log(1e-4), std::log(10.0)});
  }
  if (options.warp)
    for (const Input& input : inputs)
      if (input.categories == 0) result.insert(result.end(), 2, {0.0, std::sqrt(0.75), -2.0, 2.0});
  return result;
}

}  // namespace

Index GaussianProcess::parameters() const {
  return static_cast<Index>(inputs_.size()) + 2 + (options_.curve ? 3 : 0) + (options_.warp ? 2 * plain_ : 0);
}

Hyperparameters GaussianProcess::prior_mode() const {
  const auto all = priors(inputs_, options_);
  VectorXd packed(static_cast<Index>(all.size()));
  for (std::size_t i = 0; i < all.size(); ++i) packed[static_cast<Index>(i)] = all[i].mode;
  Hyperparameters theta = unpack(packed);
  // From too little noise a fit does not find much of it: short lengthscales explain it then.
  theta.noise = std::max(theta.noise, std::min(kStartNoise, all[inputs_.size()].high));
  return theta;
}

VectorXd GaussianProcess::pack(const Hyperparameters& theta) const {
  VectorXd packed(parameters());
  const auto d = static_cast<Index>(inputs_.size());
  packed.head(d) = theta.length;
  packed[d] = theta.noise;
  packed[d + 1] = theta.scale;
  if (options_.curve) packed.segment(d + 2, 3) = theta.curve;
  if (options_.warp) packed.tail(2 * plain_) = theta.warp;
  return packed;
}

Hyperparameters GaussianProcess::unpack(const VectorXd& packed) const {
  const auto d = static_cast<Index>(inputs_.size());
  Hyperparameters theta;
  theta.length = packed.head(d);
  theta.noise = packed[d];
  theta.scale = packed[d + 1];
  if (options_.curve) theta.curve = packed.segment(d + 2, 3);
  if (options_.warp) theta.warp = packed.tail(2 * plain_);
  return theta;
}

double GaussianProcess::objective(const VectorXd& packed, VectorXd* gradient) const {
  const Hyperparameters theta = unpack(packed);
  const Weights weights = this->weights(theta);
  const double noise = std::exp(theta.noise);
  const auto d = static_cast<Index>(inputs_.size());

  RowMajor k(n_, n_), slope(gradient != nullptr ? n_ : 0, gradient != nullptr ? n_ : 0);
  Eigen::MatrixXd numbers = numbers_.topRows(n_);
  if (options_.warp) warp_stored(theta.warp, numbers);
  Embedded row;
  for (Index i = 0; i < n_; ++i) {
    row.numbers = numbers.row(i);
    row.categories = categories_.row(i);
    row.resource = resources_[i];
    kernel(weights, numbers, row, i + 1, k.row(i).data(),
           gradient != nullptr ? slope.row(i).data() : nullptr);
  }
  RowMajor factor = k;
  factor.diagonal().array() += noise;
  if (!algebra::cholesky(factor)) return kInfinity;
  double value = factor.diagonal().array().log().sum();
  algebra::invert_lower(factor);
  const RowMajor& inverted = factor;
  const auto inverse = inverted.triangularView<Eigen::Lower>();
  const VectorXd ones = inverse * VectorXd::Ones(n_);
  const VectorXd whitened = inverse * targets_.head(n_);
  const double mean = ones.dot(whitened) / (ones.squaredNorm() + 1.0);
  const VectorXd rest = whitened - mean * ones;
  value += 0.5 * rest.squaredNorm() + 0.5 * mean * mean;

  const auto all = priors(inputs_, options_);
  for (Index i = 0; i < packed.size(); ++i) {
    const Prior& prior = all[static_cast<std::size_t>(i)];
    const double off = (packed[i] - prior.mode) / prior.sigma;
    value += 0.5 * off * off;
    if (gradient != nullptr) (*gradient)[i] = off / prior.sigma;
  }
  if (gradient == nullptr) return value;

  // d value / d theta = -1/2 sum of (alpha alpha^T - K^-1) * dK / d theta. The mean is at its optimum and
  // adds nothing.
  const VectorXd alpha = inverse.transpose() * rest;
  algebra::gram_of_lower(factor);
  double trace = 0.0, by_scale = 0.0;
  VectorXd by_category = VectorXd::Zero(categories_.cols());
  Eigen::Vector3d by_curve = Eigen::Vector3d::Zero();
  const double curve_alpha = weights.curve[1], curve_beta = weights.curve[2];
  for (Index i = 0; i < n_; ++i) {
    auto w = factor.row(i).head(i + 1);
    w = alpha[i] * alpha.head(i + 1).transpose() - w;
    trace += w[i];
    auto weighted = k.row(i).head(i + 1);
    weighted = weighted.cwiseProduct(w);
    weighted.head(i) *= 2.0;  // both triangles
    by_scale += weighted.sum();
    for (Index c = 0; c < categories_.cols(); ++c) {
      const double* codes = categories_.col(c).data();
      const double* terms = weighted.data();
      const double code = codes[i];
      double sum = 0.0;
      for (Index j = 0; j < i; ++j) sum += codes[j] != code ? terms[j] : 0.0;
      by_category[c] += sum;
    }
    if (options_.curve) {
      for (Index j = 0; j <= i; ++j) {
        const double ratio = curve_beta / (resources_[i] + resources_[j] + curve_beta);
        const double kappa = weights.curve[0] * std::pow(ratio, curve_alpha);
        const double term = weighted[j] * kappa / (1.0 + kappa);
        by_curve += term * Eigen::Vector3d(1.0, curve_alpha * std::log(ratio), curve_alpha * (1.0 - ratio));
      }
    }
    slope.row(i).head(i + 1) = slope.row(i).head(i + 1).cwiseProduct(w);
    slope(i, i) = 0.0;
  }
  (*gradient)[d] -= 0.5 * noise * trace;
  (*gradient)[d + 1] -= 0.5 * by_scale;
  if (options_.curve) gradient->segment(d + 2, 3) -= 0.5 * by_curve;
  for (Index c = 0; c < categories_.cols(); ++c)
    (*gradient)[static_cast<Index>(category_inputs_[static_cast<std::size_t>(c)])] -=
        0.5 * weights.categories[c] * by_category[c];
  if (numbers.cols() > 0) {
    // Sum over pairs of p_ij (x_i - x_j)^2 = 2 (sum of x_i^2 p_i. - x^T P x).
    const Eigen::MatrixXd& x = numbers;
    const auto p = slope.selfadjointView<Eigen::Lower>();
    const VectorXd sums = p * VectorXd::Ones(n_);
    const Eigen::MatrixXd px = p * x;
    for (Index c = 0; c < x.cols(); ++c) {
      const double sum = 2.0 * (x.col(c).cwiseAbs2().dot(sums) - x.col(c).dot(px.col(c)));
      (*gradient)[static_cast<Index>(number_inputs_[static_cast<std::size_t>(c)])] -=
          0.5 * weights.numbers[c] * sum;
    }
    // Likewise the sum of p_ij (x_i - x_j) (dx_i - dx_j), dx by a warping's logarithm.
    VectorXd moved(n_);
    for (Index k = 0; options_.warp && k < 2 * plain_; ++k) {
      const Index c = k / 2;
      const Warp warp(theta.warp.data() + 2 * c);
      for (Index i = 0; i < n_; ++i) {
        const double at = plain_numbers_(i, c);
        moved[i] = std::isnan(at) ? 0.0 : k % 2 == 0 ? warp.by_log_a(at) : warp.by_log_b(at);
      }
      (*gradient)[packed.size() - 2 * plain_ + k] +=
          weights.numbers[c] * (x.col(c).cwiseProduct(moved).dot(sums) - moved.dot(px.col(c)));
    }
  }
  return value;
}

GaussianProcess::Sampling GaussianProcess::sampling() const {
  const auto all = priors(inputs_, options_);
  Sampling result;
  for (VectorXd* it : {&result.mean, &result.deviation, &result.low, &result.high}) it->resize(parameters());
  for (std::size_t k = 0; k < all.size(); ++k) {
    const auto i = static_cast<Index>(k);
    const bool category = k < inputs_.size() && inputs_[k].categories > 0;
    result.mean[i] = all[k].mode + (category ? all[k].sigma * all[k].sigma : 0.0);
    result.deviation[i] = all[k].sigma;
    result.low[i] = all[k].low;
    result.high[i] = all[k].high;
  }
  return result;
}

double GaussianProcess::log_likelihood_at(const VectorXd& packed) const {
  const auto all = priors(inputs_, options_);
  double prior = 0.0;
  for (Index i = 0; i < packed.size(); ++i) {
    const Prior& it = all[static_cast<std::size_t>(i)];
    prior += 0.5 * std::pow((packed[i] - it.mode) / it.sigma, 2);
  }
  return prior - objective(packed, nullptr);
}

double GaussianProcess::fit(int iterations) {
  const auto all = priors(inputs_, options_);
  VectorXd low(parameters()), high(parameters());
  for (std::size_t i = 0; i < all.size(); ++i) {
    low[static_cast<Index>(i)] = all[i].low;
    high[static_cast<Index>(i)] = all[i].high;
  }
  VectorXd packed = pack(theta_).cwiseMax(low).cwiseMin(high);
  LbfgsOptions options;
  options.iterations = iterations;
  options.gradient = 1e-3;
  options.decrease = 1e-5;
  const double value =
      minimize([this](const VectorXd& x, VectorXd& gradient) { return objective(x, &gradient); }, packed, low,
               high, options);
  set_hyperparameters(unpack(packed));
  return -value;
}

}  // namespace hone::predict
