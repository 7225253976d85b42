#include "hone/search/gp_acquisition.h"

#include <algorithm>
#include <cmath>

namespace hone::search {
namespace {

using Rows = std::vector<std::vector<double>>;

double deviation(double variance) { return std::sqrt(std::max(variance, 1e-14)); }

}  // namespace

void GpAcquisition::score(const std::vector<space::Point>& points, std::vector<double>& scores) const {
  Rows plain, rows;
  for (const space::Point& point : points) plain.push_back(coding->row(point));
  if (resource) {
    rows = plain;
    for (auto& row : rows) row.push_back(*resource);
  }
  const Rows& resourced = resource ? rows : plain;
  const auto n = static_cast<Eigen::Index>(points.size());
  scores.assign(points.size(), 0.0);
  Eigen::VectorXd means, variances;
  if (!boxes.empty()) {
    const auto m = static_cast<Eigen::Index>(objectives.size());
    Eigen::MatrixXd all_means(n, m), all_variances(n, m);
    for (Eigen::Index j = 0; j < m; ++j) {
      objectives[static_cast<std::size_t>(j)]->predict(resourced, means, variances);
      all_means.col(j) = means;
      all_variances.col(j) = variances;
    }
    std::vector<double> at_means(objectives.size()), at_deviations(objectives.size());
    for (Eigen::Index k = 0; k < n; ++k) {
      for (Eigen::Index j = 0; j < m; ++j) {
        at_means[static_cast<std::size_t>(j)] = all_means(k, j);
        at_deviations[static_cast<std::size_t>(j)] = deviation(all_variances(k, j));
      }
      scores[static_cast<std::size_t>(k)] =
          log_hypervolume_improvement(boxes, at_means, at_deviations, false).value;
    }
  }
  const auto add_bound = [&](const Bound& bound, const Rows& at) {
    bound.process->predict(at, means, variances);
    for (Eigen::Index k = 0; k < n; ++k)
      scores[static_cast<std::size_t>(k)] +=
          log_normal_cdf((bound.most - means[k]) / deviation(variances[k]));
  };
  for (const Bound& bound : limits) add_bound(bound, resourced);
  if (success) add_bound(*success, plain);
  if (cost != nullptr) {
    means = cost->predict_means(plain);
    for (Eigen::Index k = 0; k < n; ++k) scores[static_cast<std::size_t>(k)] -= cost_weight * means[k];
  }
}

double GpAcquisition::score(const space::Point& point, Eigen::VectorXd& gradient) const {
  const std::vector<double> plain = coding->row(point);
  std::vector<double> row = plain;
  if (resource) row.push_back(*resource);
  const auto d = static_cast<Eigen::Index>(plain.size());
  Eigen::VectorXd slope = Eigen::VectorXd::Zero(d);
  double total = 0.0;
  if (!boxes.empty()) {
    std::vector<predict::GaussianProcess::Prediction> predictions;
    std::vector<double> means, deviations;
    for (const auto* process : objectives) {
      predictions.push_back(process->predict(row, true));
      means.push_back(predictions.back().mean);
      deviations.push_back(deviation(predictions.back().variance));
    }
    const Score score = log_hypervolume_improvement(boxes, means, deviations, true);
    total = score.value;
    for (std::size_t j = 0; j < predictions.size(); ++j)
      slope += score.by_mean[j] * predictions[j].mean_gradient.head(d) +
               score.by_deviation[j] / (2.0 * deviations[j]) * predictions[j].variance_gradient.head(d);
  }
  const auto add_bound = [&](const Bound& bound, const std::vector<double>& at) {
    const auto it = bound.process->predict(at, true);
    const double sd = deviation(it.variance), z = (bound.most - it.mean) / sd;
    double by_z = 0.0;
    total += log_normal_cdf(z, &by_z);
    slope -= by_z / sd * (it.mean_gradient.head(d) + z / (2.0 * sd) * it.variance_gradient.head(d));
  };
  for (const Bound& bound : limits) add_bound(bound, row);
  if (success) add_bound(*success, plain);
  if (cost != nullptr) {
    const auto it = cost->predict(plain, true);
    total -= cost_weight * it.mean;
    slope -= cost_weight * it.mean_gradient;
  }
  gradient.setZero(static_cast<Eigen::Index>(point.size()));
  coding->spread(slope, gradient);
  return total;
}

}  // namespace hone::search
