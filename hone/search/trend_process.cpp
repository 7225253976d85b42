#include "hone/search/trend_process.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

namespace hone::search {

using Row = predict::GaussianProcess::Row;

namespace {

constexpr std::size_t kMostTrend = 64;
constexpr double kRidge = 0.1;
constexpr int kIterations = 15;

}  // namespace

TrendProcess::TrendProcess(const std::vector<predict::Input>& inputs) : process_(inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].categories == 0) number_inputs_.push_back(i);
  if (number_inputs_.size() > kMostTrend) number_inputs_.clear();
}

Eigen::VectorXd TrendProcess::numbers(const Row& row) const {
  Eigen::VectorXd x(static_cast<Eigen::Index>(number_inputs_.size()));
  for (Eigen::Index k = 0; k < x.size(); ++k) {
    const double entry = row[number_inputs_[static_cast<std::size_t>(k)]];
    x[k] = std::isnan(entry) ? 0.5 : entry;
  }
  return x;
}

double TrendProcess::trend(const Row& row) const {
  return slope_.size() == 0 ? 0.0 : slope_.dot(numbers(row) - center_);
}

void TrendProcess::fit(const std::vector<Row>& rows, const std::vector<double>& targets) {
  const auto n = static_cast<Eigen::Index>(rows.size());
  Eigen::Map<const Eigen::VectorXd> y(targets.data(), n);
  mean_ = y.mean();
  unit_ = std::sqrt(std::max(1e-18, (y.array() - mean_).square().mean()));
  const Eigen::VectorXd scaled = (y.array() - mean_) / unit_;

  Eigen::MatrixXd x(n, static_cast<Eigen::Index>(number_inputs_.size()));
  for (Eigen::Index i = 0; i < n; ++i) x.row(i) = numbers(rows[static_cast<std::size_t>(i)]).transpose();
  center_ = x.colwise().mean().transpose();
  x.rowwise() -= center_.transpose();
  slope_ = Eigen::VectorXd();
  if (x.cols() > 0)
    slope_ = (x.transpose() * x + kRidge * Eigen::MatrixXd::Identity(x.cols(), x.cols()))
                 .ldlt()
                 .solve(x.transpose() * scaled);
  std::vector<double> rest(targets.size());
  for (std::size_t i = 0; i < rest.size(); ++i)
    rest[i] = scaled[static_cast<Eigen::Index>(i)] - trend(rows[i]);

  process_.clear();
  process_.set_hyperparameters(process_.prior_mode());
  const std::size_t skipped = rows.size() - std::min(rows.size(), kFitted);
  const auto first = static_cast<std::ptrdiff_t>(skipped);
  process_.set({rows.begin() + first, rows.end()}, {rest.begin() + first, rest.end()});
  process_.fit(kIterations);
  if (skipped > 0) process_.set(rows, rest);
}

void TrendProcess::append(const Row& row, double target) {
  process_.append(row, (target - mean_) / unit_ - trend(row));
}

void TrendProcess::predict(const std::vector<Row>& rows, std::vector<double>& means,
                           std::vector<double>& variances) const {
  Eigen::VectorXd m, v;
  process_.predict(rows, m, v);
  means.resize(rows.size());
  variances.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto k = static_cast<Eigen::Index>(i);
    means[i] = mean_ + unit_ * (m[k] + trend(rows[i]));
    variances[i] = unit_ * unit_ * v[k];
  }
}

std::vector<double> TrendProcess::predict_means(const std::vector<Row>& rows) const {
  const Eigen::VectorXd m = process_.predict_means(rows);
  std::vector<double> means(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    means[i] = mean_ + unit_ * (m[static_cast<Eigen::Index>(i)] + trend(rows[i]));
  return means;
}

std::vector<double> TrendProcess::sample(const std::vector<Row>& rows, Rng& rng) const {
  const Eigen::MatrixXd drawn = process_.sample(rows, 1, rng);
  std::vector<double> values(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    values[i] = mean_ + unit_ * (drawn(static_cast<Eigen::Index>(i), 0) + trend(rows[i]));
  return values;
}

}  // namespace hone::search
