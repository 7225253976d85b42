#include "hone/cost/latency_model.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/predict/score.h"

namespace hone::cost {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Of normal residuals this many median absolute values are one standard deviation.
constexpr double kMadToSd = 1.4826;
/// Huber's constant: 95% efficiency where residuals are normal.
constexpr double kHuber = 1.345;

}  // namespace

void Designs::check() const {
  if (views.empty()) throw internal_error("designs without a view");
  const auto rows = static_cast<Index>(size());
  if (details.cols() > 0 && details.rows() != rows) throw internal_error("details of other designs");
  if (!details.allFinite()) throw internal_error("details of a design are not finite");
  for (const DesignView& view : views)
    if (view.work.rows() != rows || !view.work.allFinite() || !(view.belief > 0.0))
      throw internal_error("view '" + view.name + "' does not fit the designs");
}

VectorXd robust_line(const MatrixXd& columns, const VectorXd& targets, const VectorXd& weights,
                     int iterations) {
  const Index n = columns.rows(), k = columns.cols();
  const VectorXd mean = columns.colwise().mean();
  VectorXd width(k);
  for (Index c = 0; c < k; ++c) width(c) = std::sqrt((columns.col(c).array() - mean(c)).square().mean());
  MatrixXd design(n, k + 1);
  design.col(0).setOnes();
  for (Index c = 0; c < k; ++c)
    if (width(c) > 1e-12 * (1.0 + std::abs(mean(c))))
      design.col(c + 1) = (columns.col(c).array() - mean(c)) / width(c);
    else
      design.col(c + 1).setZero();
  VectorXd w = weights, solution = VectorXd::Zero(k + 1);
  for (int iteration = 0; iteration < iterations; ++iteration) {
    const MatrixXd weighted = w.asDiagonal() * design;
    MatrixXd gram = design.transpose() * weighted;
    // Small against any column that the measurements determine, and enough where two say the same.
    gram.diagonal().array() += 1e-6 * w.sum();
    solution = gram.ldlt().solve(weighted.transpose() * targets);
    std::vector<double> sizes(static_cast<std::size_t>(n));
    const VectorXd residual = (targets - design * solution).cwiseProduct(weights.cwiseSqrt());
    for (Index i = 0; i < n; ++i) sizes[static_cast<std::size_t>(i)] = std::abs(residual(i));
    const double scale = kMadToSd * predict::median(sizes);
    if (!(scale > 0.0)) break;
    for (Index i = 0; i < n; ++i)
      w(i) = weights(i) * std::min(1.0, kHuber * scale / std::max(std::abs(residual(i)), 1e-300));
  }
  VectorXd result = VectorXd::Zero(k + 1);
  result(0) = solution(0);
  for (Index c = 0; c < k; ++c)
    if (width(c) > 1e-12 * (1.0 + std::abs(mean(c)))) {
      result(c + 1) = solution(c + 1) / width(c);
      result(0) -= result(c + 1) * mean(c);
    }
  return result;
}

LatencyModel::LatencyModel(const Designs& designs, const std::vector<std::size_t>& at,
                           const std::vector<double>& latency, const LatencyModelOptions& options)
    : options_(options) {
  designs.check();
  if (at.size() != latency.size()) throw internal_error("as many designs as latencies");
  std::vector<std::size_t> rows;
  std::vector<double> values;
  for (std::size_t i = 0; i < at.size(); ++i) {
    if (at[i] >= designs.size()) throw internal_error("a measurement of a design that is not there");
    if (!std::isfinite(latency[i]) || latency[i] < 0.0) continue;
    rows.push_back(at[i]);
    values.push_back(latency[i]);
  }
  if (rows.empty()) throw internal_error("a latency model of no measurements");
  const auto n = static_cast<Index>(rows.size());
  const VectorXd y = Eigen::Map<const VectorXd>(values.data(), n);
  floor_ = 0.5 * predict::median(values);
  VectorXd weights(n);
  for (Index i = 0; i < n; ++i) weights(i) = 1.0 / std::pow(unit(y(i)), 2);

  double best = kInfinity;
  for (std::size_t v = 0; v < designs.views.size(); ++v) {
    const MatrixXd& work = designs.views[v].work;
    MatrixXd columns(n, work.cols());
    for (Index i = 0; i < n; ++i)
      columns.row(i) = work.row(static_cast<Index>(rows[static_cast<std::size_t>(i)]));
    const VectorXd solution = robust_line(columns, y, weights);
    const VectorXd residual = (y - columns * solution.tail(work.cols())).array() - solution(0);
    const double loss = residual.cwiseProduct(weights.cwiseSqrt()).cwiseAbs().mean();
    // A later view must be better by more than rounding to replace an earlier one.
    if (loss < best * (1.0 - 1e-6)) {
      best = loss;
      view_ = v;
      intercept_ = solution(0);
      coefficients_ = solution.tail(work.cols());
      residual_ = std::sqrt(residual.squaredNorm() / static_cast<double>(n));
    }
  }

  if (rows.size() < options.forest_from || designs.details.cols() == 0) return;
  detail_low_ = designs.details.colwise().minCoeff();
  detail_width_ = designs.details.colwise().maxCoeff().transpose() - detail_low_;
  const std::size_t step = (rows.size() + options.forest_rows - 1) / options.forest_rows;
  std::vector<predict::Row> inputs;
  std::vector<double> left;
  for (std::size_t i = 0; i < rows.size(); i += step) {
    const double level = line(designs, rows[i]);
    inputs.push_back(details(designs, rows[i]));
    left.push_back((values[i] - level) / unit(level));
  }
  // Disturbed measurements must not decide what a leaf says.
  std::vector<double> sizes = left;
  for (double& size : sizes) size = std::abs(size);
  const double bound = 5.0 * kMadToSd * predict::median(sizes);
  if (bound > 0.0)
    for (double& residual : left) residual = std::clamp(residual, -bound, bound);
  predict::ForestOptions forest;
  forest.trees = options.trees;
  forest.min_leaf = options.min_leaf;
  forest.features = 0.5;
  forest.seed = options.seed;
  forest_.emplace(std::vector<predict::Feature>(static_cast<std::size_t>(designs.details.cols())), inputs,
                  left, forest);
  if (!(forest_->explained() > 0.02)) forest_.reset();
}

double LatencyModel::unit(double level) const {
  return options_.relative ? std::max(std::abs(level), std::max(floor_, 1e-300)) : 1.0;
}

double LatencyModel::line(const Designs& designs, std::size_t design) const {
  return intercept_ + designs.views[view_].work.row(static_cast<Index>(design)).dot(coefficients_);
}

predict::Row LatencyModel::details(const Designs& designs, std::size_t design) const {
  predict::Row row(static_cast<std::size_t>(designs.details.cols()));
  for (Index c = 0; c < designs.details.cols(); ++c)
    row[static_cast<std::size_t>(c)] =
        detail_width_(c) > 0.0
            ? std::clamp((designs.details(static_cast<Index>(design), c) - detail_low_(c)) / detail_width_(c),
                         0.0, 1.0)
            : 0.0;
  return row;
}

double LatencyModel::predict(const Designs& designs, std::size_t design) const {
  const double level = line(designs, design);
  if (!forest_) return level;
  return level + unit(level) * forest_->predict(details(designs, design));
}

VectorXd LatencyModel::predict_all(const Designs& designs) const {
  VectorXd result(static_cast<Index>(designs.size()));
  for (std::size_t i = 0; i < designs.size(); ++i) result(static_cast<Index>(i)) = predict(designs, i);
  return result;
}

}  // namespace hone::cost
