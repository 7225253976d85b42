#include "hone/search/rgpe.h"

#include <algorithm>
#include <numeric>

namespace hone::search {
namespace {

constexpr std::size_t kMaxStudies = 30, kMaxRows = 200;
constexpr std::size_t kMaxRanked = 100;
constexpr Eigen::Index kSamples = 256;

}  // namespace

std::vector<double> ranking_weights(const std::vector<Eigen::VectorXd>& predictions,
                                    const std::vector<double>& values, double keep, Rng& rng) {
  const auto models = static_cast<Eigen::Index>(predictions.size());
  const auto n = static_cast<Eigen::Index>(values.size());
  Eigen::MatrixXd counts = Eigen::MatrixXd::Zero(n, kSamples);
  for (Eigen::Index s = 0; s < kSamples; ++s)
    for (Eigen::Index draw = 0; draw < n; ++draw)
      counts(static_cast<Eigen::Index>(rng.below(values.size())), s) += 1.0;
  Eigen::MatrixXd losses(kSamples, models), wrong(n, n);
  for (Eigen::Index i = 0; i < models; ++i) {
    const Eigen::VectorXd& predicted = predictions[static_cast<std::size_t>(i)];
    for (Eigen::Index j = 0; j < n; ++j)
      for (Eigen::Index k = 0; k < n; ++k)
        wrong(k, j) = (predicted[j] < predicted[k]) !=
                              (values[static_cast<std::size_t>(j)] < values[static_cast<std::size_t>(k)])
                          ? 1.0
                          : 0.0;
    losses.col(i) = counts.cwiseProduct(wrong * counts).colwise().sum().transpose();
  }
  std::vector<bool> kept(predictions.size(), true);
  for (Eigen::Index i = 0; i + 1 < models; ++i) {
    const auto better = (losses.col(i).array() < losses.col(models - 1).array()).count();
    kept[static_cast<std::size_t>(i)] =
        rng.uniform() < keep * static_cast<double>(better) / static_cast<double>(kSamples);
  }
  std::vector<double> weights(predictions.size(), 0.0);
  for (Eigen::Index s = 0; s < kSamples; ++s) {
    double least = losses(s, models - 1), ties = 0.0;
    for (Eigen::Index i = 0; i < models; ++i)
      if (kept[static_cast<std::size_t>(i)]) least = std::min(least, losses(s, i));
    const auto is_best = [&](Eigen::Index i) {
      return kept[static_cast<std::size_t>(i)] && losses(s, i) == least;
    };
    for (Eigen::Index i = 0; i < models; ++i) ties += is_best(i) ? 1.0 : 0.0;
    for (Eigen::Index i = 0; i < models; ++i)
      if (is_best(i)) weights[static_cast<std::size_t>(i)] += 1.0 / (ties * static_cast<double>(kSamples));
  }
  return weights;
}

Rgpe::Rgpe(const Problem& problem, const Moves& moves, const Coding& coding,
           predict::OutputTransform::Kind transform)
    : expected_(problem.objectives.size()) {
  for (std::size_t s = 0; s < problem.warm.size() && studies_.size() < kMaxStudies; ++s) {
    Study study;
    for (std::size_t j = 0; j < problem.objectives.size(); ++j)
      study.objectives.emplace_back(coding.inputs(),
                                    SurrogateOptions{.transform = transform, .max_observations = kMaxRows});
    Rng rng(problem.seed, "rgpe fill", s);
    std::int64_t key = 0;
    for (const auto& [config, values] : problem.warm[s].results) {
      const auto adopted = problem.space.adopt(config);
      if (!adopted || values.size() != study.objectives.size()) continue;
      const std::vector<double> row = coding.row(moves.filled(*adopted, rng));
      for (std::size_t j = 0; j < values.size(); ++j) study.objectives[j].observe(key, row, values[j]);
      ++key;
    }
    if (key >= 2) studies_.push_back(std::move(study));
  }
}

void Rgpe::fit() {
  for (Study& study : studies_)
    for (Surrogate& it : study.objectives) it.refresh();
  is_fitted_ = true;
}

void Rgpe::begin() {
  if (!is_fitted_) return fit();
  for (Study& study : studies_)
    for (Surrogate& it : study.objectives) it.forget_imagined();
}

const Eigen::VectorXd& Rgpe::expected(std::size_t objective, std::int64_t key,
                                      const std::vector<double>& row) {
  const auto [found, is_new] = expected_[objective].try_emplace(key);
  if (is_new) {
    found->second.resize(static_cast<Eigen::Index>(studies_.size()));
    for (std::size_t i = 0; i < studies_.size(); ++i)
      found->second[static_cast<Eigen::Index>(i)] =
          studies_[i].objectives[objective].process().predict_means({row})[0];
  }
  return found->second;
}

GpAcquisition::Ensemble Rgpe::ensemble(std::size_t objective, const std::vector<std::int64_t>& keys,
                                       const std::vector<std::vector<double>>& rows,
                                       const std::vector<double>& values, const Eigen::VectorXd& left_out,
                                       double keep, Rng& rng) {
  std::vector<std::size_t> order(keys.size()), chosen;
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  const std::size_t n = std::min(order.size(), kMaxRanked);
  for (std::size_t k = 0; k < n; ++k) chosen.push_back(order[k * order.size() / n]);

  std::vector<Eigen::VectorXd> predictions(studies_.size() + 1,
                                           Eigen::VectorXd(static_cast<Eigen::Index>(n)));
  std::vector<double> told;
  for (std::size_t k = 0; k < n; ++k) {
    const auto at = static_cast<Eigen::Index>(k);
    const Eigen::VectorXd& means = expected(objective, keys[chosen[k]], rows[chosen[k]]);
    for (std::size_t i = 0; i < studies_.size(); ++i)
      predictions[i][at] = means[static_cast<Eigen::Index>(i)];
    predictions.back()[at] = left_out[static_cast<Eigen::Index>(chosen[k])];
    told.push_back(values[chosen[k]]);
  }
  const std::vector<double> weights = ranking_weights(predictions, told, keep, rng);
  GpAcquisition::Ensemble result{.own = weights.back()};
  for (std::size_t i = 0; i < studies_.size(); ++i)
    result.others.push_back({&studies_[i].objectives[objective].process(), weights[i]});
  return result;
}

std::vector<std::vector<double>> Rgpe::imagine(std::size_t objective,
                                               const std::vector<std::vector<double>>& rows) {
  std::vector<std::vector<double>> all;
  for (Study& study : studies_) all.push_back(study.objectives[objective].imagine(rows));
  return all;
}

}  // namespace hone::search
