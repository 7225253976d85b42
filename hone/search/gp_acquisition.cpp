#include "hone/search/gp_acquisition.h"

#include <algorithm>
#include <cmath>

namespace hone::search {
namespace {

double deviation(double variance) { return std::sqrt(std::max(variance, 1e-14)); }

/// Least density of a prior, as in SMAC3's: a belief however narrow is overcome.
const double kLogFloor = std::log(1e-12);

}  // namespace

void GpAcquisition::predict_objective(std::size_t objective, const Rows& resourced, const Rows& plain,
                                      Eigen::VectorXd& means, Eigen::VectorXd& variances) const {
  objectives[objective]->predict(resourced, means, variances);
  if (ensembles.empty()) return;
  const Ensemble& ensemble = ensembles[objective];
  means *= ensemble.own;
  variances *= ensemble.own * ensemble.own;
  Eigen::VectorXd other_means, other_variances;
  for (const auto& [process, weight] : ensemble.others) {
    if (weight == 0.0) continue;
    process->predict(plain, other_means, other_variances);
    means += weight * other_means;
    variances += weight * weight * other_variances;
  }
}

predict::ProcessMixture::Prediction GpAcquisition::predict_objective(std::size_t objective,
                                                                     const std::vector<double>& resourced,
                                                                     const std::vector<double>& plain) const {
  auto sum = objectives[objective]->predict(resourced, true);
  const auto d = static_cast<Eigen::Index>(plain.size());
  sum.mean_gradient.conservativeResize(d);
  sum.variance_gradient.conservativeResize(d);
  if (ensembles.empty()) return sum;
  const Ensemble& ensemble = ensembles[objective];
  const double own = ensemble.own;
  sum.mean *= own;
  sum.variance *= own * own;
  sum.mean_gradient *= own;
  sum.variance_gradient *= own * own;
  for (const auto& [process, weight] : ensemble.others) {
    if (weight == 0.0) continue;
    const auto it = process->predict(plain, true);
    sum.mean += weight * it.mean;
    sum.variance += weight * weight * it.variance;
    sum.mean_gradient += weight * it.mean_gradient;
    sum.variance_gradient += weight * weight * it.variance_gradient;
  }
  return sum;
}

double GpAcquisition::score_prior(const space::Point& point, Eigen::VectorXd* gradient) const {
  const space::Point active = coding->active(point);
  const double log = prior->log_density(active);
  const double most = std::max(log, kLogFloor);
  const double sum = std::exp(log - most) + std::exp(kLogFloor - most);
  if (gradient != nullptr) {
    const double share = prior_weight * std::exp(log - most) / sum;
    for (const Prior::Belief& belief : prior->beliefs()) {
      const double entry = active[belief.parameter];
      if (!belief.weights.empty() || std::isnan(entry)) continue;
      (*gradient)[static_cast<Eigen::Index>(belief.parameter)] -=
          share * (entry - belief.at) / (belief.spread * belief.spread);
    }
  }
  return prior_weight * (most + std::log(sum));
}

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
      predict_objective(static_cast<std::size_t>(j), resourced, plain, means, variances);
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
  if (prior != nullptr)
    for (std::size_t k = 0; k < points.size(); ++k) scores[k] += score_prior(points[k], nullptr);
}

double GpAcquisition::score(const space::Point& point, Eigen::VectorXd& gradient) const {
  const std::vector<double> plain = coding->row(point);
  std::vector<double> row = plain;
  if (resource) row.push_back(*resource);
  const auto d = static_cast<Eigen::Index>(plain.size());
  Eigen::VectorXd slope = Eigen::VectorXd::Zero(d);
  double total = 0.0;
  if (!boxes.empty()) {
    std::vector<predict::ProcessMixture::Prediction> predictions;
    std::vector<double> means, deviations;
    for (std::size_t j = 0; j < objectives.size(); ++j) {
      predictions.push_back(predict_objective(j, row, plain));
      means.push_back(predictions.back().mean);
      deviations.push_back(deviation(predictions.back().variance));
    }
    const Score score = log_hypervolume_improvement(boxes, means, deviations, true);
    total = score.value;
    for (std::size_t j = 0; j < predictions.size(); ++j)
      slope += score.by_mean[j] * predictions[j].mean_gradient +
               score.by_deviation[j] / (2.0 * deviations[j]) * predictions[j].variance_gradient;
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
  if (prior != nullptr) total += score_prior(point, &gradient);
  return total;
}

}  // namespace hone::search
