#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "hone/search/gp_acquisition.h"
#include "hone/search/rgpe.h"
#include "hone/search/searcher.h"
#include "hone/search/surrogate.h"

namespace hone::search {

struct GpModelOptions {
  std::size_t n_startup = 10;  ///< results before there is a model
  std::size_t max_observations = 1000;
  predict::OutputTransform::Kind transform = predict::OutputTransform::Kind::power;
  bool warp = false;            ///< numbers are warped in the models
  std::size_t mixed_until = 0;  ///< results up to which models are mixtures over their hyperparameters
  bool quiet = false;           ///< next to no noise is expected
  bool joint = false;           ///< one model over all fidelities
  double cost_exponent = 0.0;   ///< of the cost by which the expected improvement is divided
  double prior_beta = 0.0;      ///< of pi-BO; 0: max_trials / 10, or 10 where it is not known
};

/// What the searchers by Gaussian processes know of a study: surrogates for every objective and limit, by
/// fidelity or over all fidelities together; for whether trials succeed; for what they cost; which trials
/// run; which configs are known.
///
/// - Success: a trial that failed, gave NaN or infinity, or was found infeasible without a value for any
///   limit, is a 1, others with a result are 0; the regression on it, and how far it stays below 1/2 in
///   deviations, gives a probability (after Rasmussen and Williams, section 6.5).
/// - A failed trial's own values do not count. Where the model of success expects a failure also without
///   that trial (leave one out), as beyond an edge, it counts as poor: with the upper quartile of the values,
///   in the objectives' means and deviations but not in their hyperparameters. A failure alone among
///   successes, as by chance, counts in the model of success only: a bad value made up beside good ones would
///   bend the objectives. At most the 100 last; joint models: nothing is made up.
/// - Pruned trials at fidelities that they have not reached count as poor: with the upper quartile of the
///   values there at that time, never among the best (joint models: nothing is made up).
/// - A trial that breaks a limit counts for the objectives' models too, but is never among the best. By how
///   much limits are broken is modelled as OutputTransform::Kind::limit says: however far some values lie,
///   the edge stays apart from them.
/// - Trials that run count as if they gave what the models expect (the kriging believer): at most the 100
///   last.
/// - The user's prior: the acquisition is multiplied by prior^(beta / n), n trials with an outcome (pi-BO,
///   Hvarfner et al., "piBO: Augmenting Acquisition Functions with User Beliefs for Bayesian Optimization",
///   2022), also that of several objectives and over fidelities.
/// - Earlier studies: an ensemble of their models with each objective's (Rgpe). Limits, success and costs are
///   learnt anew.
class GpModel {
 public:
  GpModel(const Problem& problem, const GpModelOptions& options);
  GpModel(const GpModel&) = delete;
  GpModel& operator=(const GpModel&) = delete;

  void update(const study::Change& change);

  /// Whether there are results enough: n_startup trials are done or have a result, two of them finite.
  bool is_ready() const;
  /// Trials that are done or have a result, in multiples of n_startup.
  double start() const { return static_cast<double>(n_told_) / static_cast<double>(options_.n_startup); }
  /// The acquisition function (GpAcquisition) of the present state, valid until the next update or call.
  /// While nothing feasible is known the objectives do not count in it. Only where is_ready().
  GpAcquisition acquisition();
  /// The model's best feasible configs (of several objectives: of its front) as filled points, the best
  /// first; all of its best where none is feasible. After acquisition().
  const std::vector<space::Point>& best() const { return best_; }
  /// Rows in the model of the first objective; beside a model of success those of one that costs as much as
  /// both. After acquisition().
  std::size_t model_size() const { return model_size_; }

  bool knows(const space::Config& config) const { return known_.contains(config.key()); }
  const Moves& moves() const { return moves_; }
  const Problem& problem() const { return problem_; }

 private:
  struct Row {
    space::Point point;  // filled
    bool is_told = false, failed = false, infeasible = false;
  };
  /// The results at one fidelity, or at all of them.
  struct Level {
    std::vector<Surrogate> objectives, limits;
    std::unordered_set<std::int64_t> broken;  // keys of results that break a limit
  };

  std::size_t row_of(const study::Trial& trial);
  Level& level_at(std::int64_t fidelity);
  std::int64_t key(std::size_t row, std::int64_t fidelity);
  std::size_t row_of_key(std::int64_t key) const {
    return static_cast<std::size_t>(options_.joint ? key / kFidelities : key);
  }
  bool is_at_fidelity(std::int64_t key) const {  // of the present proposal
    return !options_.joint || fidelities_[static_cast<std::size_t>(key % kFidelities)] == fidelity_;
  }
  double resource(std::int64_t fidelity) const;
  std::vector<double> coded(std::size_t row, std::int64_t fidelity) const;
  bool counts(std::int64_t fidelity) const;
  void told(std::size_t row, const study::Result& result);
  void set_outcome(std::size_t row, bool success);
  void count_limits(std::size_t row, std::int64_t fidelity, const study::Measures& measures);
  void count_poor(std::size_t row, std::int64_t reached);
  void forget(std::size_t row, bool with_limits);
  void choose_level();
  void count_failures();
  void add_earlier(GpAcquisition& acquisition);
  std::vector<std::vector<double>> imagine_running(const GpAcquisition& acquisition);
  void choose_best(GpAcquisition& acquisition, const std::vector<std::vector<double>>& believed);

  static constexpr std::int64_t kFidelities = 1 << 16;  // joint keys: row * kFidelities + fidelity's place

  Problem problem_;
  GpModelOptions options_;
  Moves moves_;
  Coding coding_;
  std::vector<Row> rows_;
  std::unordered_map<std::int64_t, std::size_t> row_by_trial_;
  std::unordered_set<Key> known_;
  std::set<std::size_t> running_;
  std::map<std::int64_t, Level> levels_;  // joint: one, at 0
  std::vector<std::int64_t> fidelities_;  // in the order met: places in keys
  Surrogate success_, cost_;
  Rgpe earlier_;
  std::size_t n_told_ = 0, n_failed_ = 0;

  Level* level_ = nullptr;  // of the present proposal, as what follows
  std::int64_t fidelity_ = 0;
  std::vector<space::Point> best_;
  std::size_t model_size_ = 0;
};

}  // namespace hone::search
