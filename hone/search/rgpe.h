#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "hone/search/gp_acquisition.h"
#include "hone/search/searcher.h"
#include "hone/search/surrogate.h"

namespace hone::search {

/// How much each of several models counts, by how well it ranks `values` (less is better): the share of
/// bootstrap samples of the values in which it misranks the fewest pairs; models that tie share a sample.
/// `predictions`: one vector a model, one entry a value; the last is of the study itself and leaves the entry
/// out that it predicts. Weights dilute with many models: each other one is kept, before that, with the
/// probability that it ranks a sample better than the last, times `keep`.
std::vector<double> ranking_weights(const std::vector<Eigen::VectorXd>& predictions,
                                    const std::vector<double>& values, double keep, Rng& rng);

/// Models of earlier studies (Problem::warm) for an ensemble with a study's own: the ranking-weighted
/// Gaussian process ensemble, RGPE (Feurer et al., "Practical Transfer Learning for Bayesian Optimization",
/// 2018; weights, bootstrap and the probabilistic protection against dilution as in the authors' later
/// version).
///
/// - A process for every study and objective, of at most 200 of its results (the best half and a spread of
///   the others), each study's values transformed by themselves; at most the first 30 studies.
/// - 256 bootstrap samples of at most 100 of the study's results, evenly spread over their ranks.
/// - Trials that run are believed by every process, not by the study's alone: else those who ask together
///   would be sent to one place. The paper asks one by one.
class Rgpe {
 public:
  Rgpe(const Problem& problem, const Moves& moves, const Coding& coding,
       predict::OutputTransform::Kind transform);

  /// Whether no study has results to learn from in this space.
  bool empty() const { return studies_.empty(); }
  /// Forgets the trials that run. What is below is of such a state until imagine().
  void begin();
  /// What the studies' models expect of an objective at a row of Coding, by study. `key` stands for the row
  /// ever after: it is predicted once.
  const Eigen::VectorXd& expected(std::size_t objective, std::int64_t key, const std::vector<double>& row);
  /// The earlier studies' models of an objective with their weights, and the weight of the study's own.
  /// `keys`, `rows`, `values` (as told) and `left_out` (the own model's leave-one-out means) are of the same
  /// results; `keep`: see ranking_weights.
  GpAcquisition::Ensemble ensemble(std::size_t objective, const std::vector<std::int64_t>& keys,
                                   const std::vector<std::vector<double>>& rows,
                                   const std::vector<double>& values, const Eigen::VectorXd& left_out,
                                   double keep, Rng& rng);
  /// Puts running trials into the models of an objective; what each expects of them: by study and row.
  std::vector<std::vector<double>> imagine(std::size_t objective,
                                           const std::vector<std::vector<double>>& rows);

 private:
  /// An earlier study's models, one an objective.
  struct Study {
    std::deque<Surrogate> objectives;
  };

  void fit();

  std::vector<Study> studies_;
  std::vector<std::unordered_map<std::int64_t, Eigen::VectorXd>> expected_;  // by objective, then key
  bool is_fitted_ = false;
};

}  // namespace hone::search
