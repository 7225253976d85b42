#include "hone/predict/gaussian_process.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <array>
#include <cmath>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/predict/gp_algebra.h"
#include "hone/predict/warp.h"

namespace hone::predict {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double kAside = 0.5;  // where an inactive number lies, along an axis of its own

}  // namespace

GaussianProcess::GaussianProcess(std::vector<Input> inputs, const GpOptions& options)
    : inputs_(std::move(inputs)), options_(options) {
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    (inputs_[i].categories > 0 ? category_inputs_ : number_inputs_).push_back(i);
  plain_ = static_cast<Index>(number_inputs_.size());
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    if (inputs_[i].categories == 0 && inputs_[i].optional) number_inputs_.push_back(i);
  theta_ = prior_mode();
  weights_ = weights(theta_);
}

GaussianProcess::Embedded GaussianProcess::embedded(const Row& row) const {
  if (row.size() != inputs_.size() + (options_.curve ? 1 : 0))
    throw internal_error("a row of the Gaussian process has another size");
  Embedded result;
  result.numbers.resize(static_cast<Index>(number_inputs_.size()));
  result.categories.resize(static_cast<Index>(category_inputs_.size()));
  for (Index c = 0; c < result.numbers.size(); ++c) {
    const double entry = row[number_inputs_[static_cast<std::size_t>(c)]];
    if (c < plain_ && std::isnan(entry))
      result.numbers[c] = 0.5;
    else if (is_warped(c))
      result.numbers[c] = Warp(theta_.warp.data() + 2 * c)(entry);
    else if (c < plain_)
      result.numbers[c] = entry;
    else
      result.numbers[c] = std::isnan(entry) ? kAside : 0.0;
  }
  for (Index c = 0; c < result.categories.size(); ++c) {
    const double entry = row[category_inputs_[static_cast<std::size_t>(c)]];
    result.categories[c] = std::isnan(entry) ? -1.0 : entry;
  }
  if (options_.curve) result.resource = row.back();
  return result;
}

void GaussianProcess::store(const Row& row) {
  const Embedded it = embedded(row);
  if (n_ == targets_.size()) {
    const Index capacity = std::max<Index>(16, n_ + n_ / 2);
    numbers_.conservativeResize(capacity, it.numbers.size());
    if (options_.warp) plain_numbers_.conservativeResize(capacity, plain_);
    categories_.conservativeResize(capacity, it.categories.size());
    resources_.conservativeResize(capacity);
    targets_.conservativeResize(capacity);
  }
  numbers_.row(n_) = it.numbers.transpose();
  for (Index c = 0; options_.warp && c < plain_; ++c)
    plain_numbers_(n_, c) = row[number_inputs_[static_cast<std::size_t>(c)]];
  categories_.row(n_) = it.categories.transpose();
  resources_[n_] = it.resource;
}

GaussianProcess::Weights GaussianProcess::weights(const Hyperparameters& theta) const {
  Weights result;
  result.numbers.resize(static_cast<Index>(number_inputs_.size()));
  result.categories.resize(static_cast<Index>(category_inputs_.size()));
  for (Index c = 0; c < result.numbers.size(); ++c)
    result.numbers[c] =
        std::exp(-2.0 * theta.length[static_cast<Index>(number_inputs_[static_cast<std::size_t>(c)])]);
  for (Index c = 0; c < result.categories.size(); ++c)
    result.categories[c] =
        std::exp(-theta.length[static_cast<Index>(category_inputs_[static_cast<std::size_t>(c)])]);
  result.scale = std::exp(theta.scale);
  result.curve = theta.curve.array().exp();
  return result;
}

double GaussianProcess::kernel_at_zero(const Weights& weights, double resource) const {
  if (!options_.curve) return weights.scale;
  const auto [w, alpha, beta] = std::array{weights.curve[0], weights.curve[1], weights.curve[2]};
  return weights.scale * (1.0 + w * std::pow(beta / (2.0 * resource + beta), alpha));
}

void GaussianProcess::kernel(const Weights& weights, const MatrixXd& numbers, const Embedded& row,
                             Index count, double* k, double* slope) const {
  if (count == 0) return;  // there are no columns either
  Eigen::Map<Eigen::ArrayXd> out(k, count);
  thread_local Eigen::ArrayXd squares, decay;
  squares.setZero(count);
  for (Index c = 0; c < row.numbers.size(); ++c)
    squares += weights.numbers[c] * (numbers.col(c).head(count).array() - row.numbers[c]).square();
  squares = (5.0 * squares).sqrt();  // sqrt(5) r
  decay = squares;
  for (Index c = 0; c < row.categories.size(); ++c) {
    const double* codes = categories_.col(c).data();
    const double code = row.categories[c], weight = weights.categories[c];
    for (Index i = 0; i < count; ++i) decay[i] += codes[i] != code ? weight : 0.0;
  }
  decay = weights.scale * (-decay).exp();
  if (options_.curve) {
    const double w = weights.curve[0], alpha = weights.curve[1], beta = weights.curve[2];
    for (Index i = 0; i < count; ++i)
      decay[i] *= 1.0 + w * std::pow(beta / (resources_[i] + row.resource + beta), alpha);
  }
  out = (1.0 + squares + squares.square() / 3.0) * decay;
  if (slope != nullptr) Eigen::Map<Eigen::ArrayXd>(slope, count) = (5.0 / 3.0) * (1.0 + squares) * decay;
}

void GaussianProcess::clear() {
  n_ = 0;
  mean_ = 0.0;
  alpha_.resize(0);
}

void GaussianProcess::set_hyperparameters(const Hyperparameters& theta) {
  theta_ = theta;
  weights_ = weights(theta_);
  if (options_.warp) warp_stored(theta_.warp, numbers_);
  factor();
}

void GaussianProcess::warp_stored(const VectorXd& warp, MatrixXd& numbers) const {
  for (Index c = 0; c < plain_; ++c) {
    const Warp at(warp.data() + 2 * c);
    for (Index i = 0; i < n_; ++i)
      if (const double x = plain_numbers_(i, c); !std::isnan(x)) numbers(i, c) = at(x);
  }
}

void GaussianProcess::append(const Row& row, double target, double noise_share) {
  store(row);
  targets_[n_] = target;
  if (inverse_.rows() <= n_) {
    const Index capacity = targets_.size();
    RowMajor larger = RowMajor::Zero(capacity, capacity);
    larger.topLeftCorner(n_, n_) = inverse_.topLeftCorner(n_, n_);
    inverse_ = std::move(larger);
  }
  VectorXd k(n_);
  const Embedded it = embedded(row);
  kernel(weights_, it, n_, k.data(), nullptr);
  const auto inverse = inverse_.topLeftCorner(n_, n_).triangularView<Eigen::Lower>();
  const VectorXd l = inverse * k;
  const double noise = std::max(noise_share * std::exp(theta_.noise), 1e-8 * weights_.scale);
  const double whole = kernel_at_zero(weights_, it.resource) + noise;
  const double pivot = std::sqrt(std::max(whole - l.squaredNorm(), 0.5 * noise));
  inverse_.row(n_).head(n_) = (-1.0 / pivot) * (inverse.transpose() * l).transpose();
  inverse_(n_, n_) = 1.0 / pivot;
  ++n_;
  solve();
}

void GaussianProcess::truncate(std::size_t size) {
  if (static_cast<Index>(size) >= n_) return;
  n_ = static_cast<Index>(size);
  solve();
}

void GaussianProcess::set_targets(const std::vector<double>& targets) {
  if (static_cast<Index>(targets.size()) != n_) throw internal_error("targets and rows differ in number");
  std::copy(targets.begin(), targets.end(), targets_.data());
  solve();
}

void GaussianProcess::set(const std::vector<Row>& rows, const std::vector<double>& targets) {
  if (rows.size() != targets.size()) throw internal_error("targets and rows differ in number");
  n_ = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    store(rows[i]);
    targets_[n_++] = targets[i];
  }
  factor();
}

void GaussianProcess::factor() {
  const double noise = std::exp(theta_.noise);
  RowMajor k(n_, n_);
  Embedded row;
  // Equal rows and a tiny noise may leave the matrix indefinite to rounding: a little more noise then.
  for (double extra = 0.0;; extra = extra == 0.0 ? 1e-8 : 10.0 * extra) {
    for (Index i = 0; i < n_; ++i) {
      row.numbers = numbers_.row(i);
      row.categories = categories_.row(i);
      row.resource = resources_[i];
      kernel(weights_, row, i + 1, k.row(i).data(), nullptr);
      k(i, i) += noise + extra * weights_.scale;
    }
    if (algebra::cholesky(k)) break;
  }
  algebra::invert_lower(k);
  if (inverse_.rows() < targets_.size()) inverse_.setZero(targets_.size(), targets_.size());
  inverse_.topLeftCorner(n_, n_).triangularView<Eigen::Lower>() = k;
  solve();
}

void GaussianProcess::solve() {
  const auto inverse = inverse_.topLeftCorner(n_, n_).triangularView<Eigen::Lower>();
  const VectorXd ones = inverse * VectorXd::Ones(n_);
  const VectorXd whitened = inverse * targets_.head(n_);
  mean_ = ones.dot(whitened) / (ones.squaredNorm() + 1.0);
  alpha_ = inverse.transpose() * (whitened - mean_ * ones);
}

VectorXd GaussianProcess::fitted() const { return targets_.head(n_) - std::exp(theta_.noise) * alpha_; }

double GaussianProcess::log_likelihood() const {
  const VectorXd rest = targets_.head(n_).array() - mean_;
  return -0.5 * rest.dot(alpha_) + inverse_.topLeftCorner(n_, n_).diagonal().array().log().sum() -
         0.5 * static_cast<double>(n_) * std::log(2.0 * kPi);
}

GaussianProcess::Prediction GaussianProcess::predict(const Row& row, bool gradient) const {
  const Embedded it = embedded(row);
  VectorXd k(n_), slope(gradient ? n_ : 0);
  kernel(weights_, it, n_, k.data(), gradient ? slope.data() : nullptr);
  const auto inverse = inverse_.topLeftCorner(n_, n_).triangularView<Eigen::Lower>();
  const VectorXd v = inverse * k;
  Prediction result;
  result.mean = mean_ + k.dot(alpha_);
  result.variance = std::max(0.0, kernel_at_zero(weights_, it.resource) - v.squaredNorm());
  if (!gradient) return result;
  result.mean_gradient.setZero(static_cast<Index>(row.size()));
  result.variance_gradient.setZero(static_cast<Index>(row.size()));
  if (n_ == 0) return result;
  const VectorXd by_mean = alpha_.cwiseProduct(slope);
  const VectorXd by_variance = (inverse.transpose() * v).cwiseProduct(slope);
  const double mean_sum = by_mean.sum(), variance_sum = by_variance.sum();
  for (Index c = 0; c < plain_; ++c) {
    const auto input = static_cast<Index>(number_inputs_[static_cast<std::size_t>(c)]);
    if (std::isnan(row[static_cast<std::size_t>(input)])) continue;
    const double x = it.numbers[c];
    double weight = weights_.numbers[c];
    if (is_warped(c)) weight *= Warp(theta_.warp.data() + 2 * c).slope(row[static_cast<std::size_t>(input)]);
    result.mean_gradient[input] = -weight * (x * mean_sum - numbers_.col(c).head(n_).dot(by_mean));
    result.variance_gradient[input] =
        2.0 * weight * (x * variance_sum - numbers_.col(c).head(n_).dot(by_variance));
  }
  return result;
}

void GaussianProcess::predict(const std::vector<Row>& rows, VectorXd& means, VectorXd& variances) const {
  const auto m = static_cast<Index>(rows.size());
  means.resize(m);
  variances.resize(m);
  MatrixXd k(n_, std::min<Index>(m, 64));
  for (Index first = 0; first < m; first += 64) {
    const Index count = std::min<Index>(64, m - first);
    for (Index j = 0; j < count; ++j) {
      const Embedded it = embedded(rows[static_cast<std::size_t>(first + j)]);
      kernel(weights_, it, n_, k.col(j).data(), nullptr);
      variances[first + j] = kernel_at_zero(weights_, it.resource);
    }
    means.segment(first, count) = (k.leftCols(count).transpose() * alpha_).array() + mean_;
    const MatrixXd v = inverse_.topLeftCorner(n_, n_).triangularView<Eigen::Lower>() * k.leftCols(count);
    variances.segment(first, count) -= v.colwise().squaredNorm().transpose();
  }
  variances = variances.cwiseMax(0.0);
}

VectorXd GaussianProcess::predict_means(const std::vector<Row>& rows) const {
  VectorXd means(static_cast<Index>(rows.size())), k(n_);
  for (Index j = 0; j < means.size(); ++j) {
    kernel(weights_, embedded(rows[static_cast<std::size_t>(j)]), n_, k.data(), nullptr);
    means[j] = mean_ + k.dot(alpha_);
  }
  return means;
}

}  // namespace hone::predict
