#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <unordered_map>

#include "hone/search/good_set.h"
#include "hone/search/parzen.h"
#include "hone/search/sameness.h"
#include "hone/search/searcher.h"

namespace hone::search {
namespace {

struct TpeSettings {
  std::size_t n_startup;
  int n_candidates;
  double gamma;
  double prior_weight;
  std::size_t max_observations;
};

/// The tree-structured Parzen estimator (Bergstra et al., "Algorithms for Hyper-Parameter Optimization",
/// 2011), multivariate (Falkner et al., BOHB, 2018), for several objectives (Ozaki et al., 2022; see
/// GoodSet). The results so far are split into few good ones and the rest; a density is put over each; of
/// some candidates drawn from the good density the one with the largest ratio of good to bad is proposed.
///
/// - Bandwidths: one for all axes, by Scott's rule and at least 1/100 (see Parzen), in place of the distance
///   to the neighbours: better in five dimensions and more, while in one or two it refines less after some
///   hundreds of results.
/// - Fidelity (BOHB's rule): the model is of the highest fidelity with max(n_startup, parameters + 2) finite
///   results; where none has so many, of the one with most (the higher of equals), from n_startup on, or
///   where more fail than not from two on, once twice n_startup were had or lost. Results elsewhere do not
///   count. Before that: random.
/// - In the bad density beside the rest: trials that run (so that workers keep away from each other), that
///   failed, were pruned, or gave NaN or infinity. Another trial paused below the model's fidelity is in
///   neither.
/// - What failed counts there by the share of failures among its neighbours, as it was then: what failed by
///   chance among others that did not says nothing against its place (ours; Optuna leaves failures out).
/// - What breaks limits (also by breaks_limits) is a result, worse than all that keep them and the better the
///   less it does: the sum over limits of the excess, each as a multiple of the first that was met of its
///   limit. Infeasible trials that say no such amount are in the bad density.
/// - Exact up to max_observations in the bad density. Beyond, each newcomer takes the place of a random one
///   that does not run (a stream keyed by the seed), so that what is kept thins out with age.
/// - Not the papers': what would likely give a known value over again counts less (Sameness).
/// - From attempt 8 on every other proposal is a random one, so that a small finite space is not a trap.
class Tpe : public Searcher {
 public:
  Tpe(const Problem& problem, const TpeSettings& settings)
      : problem_(problem),
        settings_(settings),
        moves_(problem.space),
        sameness_(moves_),
        axes_(axes_of(problem.space)),
        good_(axes_, settings.prior_weight),
        bad_(axes_, settings.prior_weight) {}

  void update(const study::Change& change) override {
    using study::TrialState;
    const study::Trial& trial = *change.trial;
    sameness_.update(problem_, change);
    const std::size_t row = row_of(trial);
    Row& it = rows_[row];
    const bool had_failed = it.failed;
    it.runs = !trial.done() && trial.state != TrialState::paused;
    it.failed = trial.state == TrialState::failed;
    n_lost_ -= it.lost ? 1 : 0;
    it.lost = it.failed || trial.state == TrialState::infeasible;
    n_lost_ += it.lost ? 1 : 0;
    it.pruned = trial.state == TrialState::pruned;
    if (change.kind == study::Change::Kind::deleted) forget(row);
    const bool result = change.kind == study::Change::Kind::result;
    if (result) it.broken = breaks_limits(problem_, trial, *change.result);
    if (it.lost || it.broken)
      for (auto& [fidelity, level] : levels_)
        if (it.failed || !level.good.is_broken(static_cast<std::int64_t>(row)))
          level.good.remove(static_cast<std::int64_t>(row));
    if (result) told(row, *change.result);
    if (result || it.lost) choose_model();
    if (it.failed != had_failed) weigh(row);
    if ((it.failed || result) && !it.ended) end(row);
    settle(row);
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    Rng rng(problem_.seed, "tpe", static_cast<std::uint64_t>(number), static_cast<std::uint32_t>(attempt));
    if (model_ == nullptr || (attempt >= 8 && attempt % 2 == 0)) return problem_.space.sample(rng);
    refresh();
    // Constraints may reject all of a draw; after a few the space's own sampling takes over.
    for (int round = 0; round < 4; ++round)
      if (auto config = propose(rng)) return config;
    return problem_.space.sample(rng);
  }

 private:
  static constexpr std::size_t kCompared = 128, kNeighbours = 8;

  struct Row {
    std::int64_t trial = 0;
    bool runs = false, failed = false, lost = false, pruned = false, broken = false;
    bool in_bad = false;  // belongs there; it may have been thinned out
    bool ended = false;   // among those that failures are compared with
    double weight = 1.0;  // there
    std::int32_t slot = -1;
  };
  /// The results at one fidelity.
  struct Level {
    explicit Level(double gamma) : good(gamma) {}
    GoodSet good;
    std::vector<bool> has;  // by row: a result, finite or not
    bool holds(std::size_t row) const { return row < has.size() && has[row]; }
  };

  static std::vector<Axis> axes_of(const space::Space& space) {
    std::vector<Axis> axes;
    for (const space::Parameter& parameter : space.parameters()) axes.emplace_back(parameter);
    return axes;
  }

  std::size_t row_of(const study::Trial& trial) {
    const auto [found, is_new] = row_by_trial_.try_emplace(trial.id, rows_.size());
    if (!is_new) return found->second;
    rows_.push_back({.trial = trial.id});
    const space::Point point = problem_.space.encode(trial.config);
    for (std::size_t i = 0; i < axes_.size(); ++i) codes_.push_back(axes_[i].code(point[i]));
    return found->second;
  }

  /// Its results count no longer, as if it had never run.
  void forget(std::size_t row) {
    rows_[row].broken = false;
    for (auto& [fidelity, level] : levels_) {
      level.good.remove(static_cast<std::int64_t>(row));
      if (level.holds(row)) level.has[row] = false;
    }
  }

  Codes codes(std::size_t row) const {
    const auto first = codes_.begin() + static_cast<std::ptrdiff_t>(row * axes_.size());
    return Codes(first, first + static_cast<std::ptrdiff_t>(axes_.size()));
  }

  void told(std::size_t row, const study::Result& result) {
    Level& level = levels_.try_emplace(result.fidelity, settings_.gamma).first->second;
    if (level.has.size() <= row) level.has.resize(row + 1);
    if (level.has[row])
      level.good.remove(static_cast<std::int64_t>(row));  // told again: replicates joined it
    level.has[row] = true;
    auto values = study::oriented(problem_.objectives, result.measures);
    const bool finite = std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
    if (finite && !values.empty() && !rows_[row].lost && !rows_[row].broken)
      level.good.report(static_cast<std::int64_t>(row), std::move(values));
    else if (const double excess =
                 rows_[row].failed || fails(result.measures) ? 0.0 : excess_of(result.measures);
             excess > 0.0)
      level.good.report_broken(static_cast<std::int64_t>(row), excess);
    else
      level.good.remove(static_cast<std::int64_t>(row));
  }

  void choose_model() {
    const std::size_t enough = std::max(settings_.n_startup, axes_.size() + 2);
    Level* best = nullptr;
    for (auto& [fidelity, candidate] : levels_) {
      const std::size_t n = candidate.good.size();
      if (n < settings_.n_startup && (n < 2 || n + n_lost_ < 2 * settings_.n_startup)) continue;
      if (best == nullptr || n >= enough || n >= best->good.size()) best = &candidate;
    }
    // Failures may take results away again; a model once made is kept.
    if (best == nullptr || best == model_) return;
    model_ = best;
    for (std::size_t other = 0; other < rows_.size(); ++other) settle(other);
  }

  /// Whether an objective was measured, and is no number.
  bool fails(const study::Measures& measures) const {
    return std::any_of(problem_.objectives.begin(), problem_.objectives.end(), [&](const auto& objective) {
      return !std::isfinite(measures.find(objective.name).value_or(0.0));
    });
  }

  /// How much a result breaks limits; 0: it does not, or does not say how much.
  double excess_of(const study::Measures& measures) {
    const std::vector<double> broken = violations(problem_, measures);
    unit_of_limit_.resize(broken.size(), 0.0);
    double sum = 0.0;
    for (std::size_t i = 0; i < broken.size(); ++i) {
      if (!(broken[i] > 0.0)) continue;
      if (unit_of_limit_[i] == 0.0) unit_of_limit_[i] = std::min(broken[i], 1e300);
      sum += broken[i] / unit_of_limit_[i];
    }
    return std::isfinite(sum) ? sum : 0.0;
  }

  void end(std::size_t row) {
    rows_[row].ended = true;
    ended_.push_back(row);
    if (ended_.size() > kCompared) ended_.pop_front();
  }

  /// What a failure counts in the bad density: the share of failures among the nearest of the last ended
  /// trials, one half where there are none. O(kCompared d).
  void weigh(std::size_t row) {
    Row& it = rows_[row];
    it.weight = 1.0;
    if (it.failed) {
      std::vector<std::pair<double, std::size_t>> near;
      for (const std::size_t other : ended_)
        if (other != row) near.emplace_back(distance(row, other), other);
      const std::size_t n = std::min(kNeighbours, near.size());
      std::partial_sort(near.begin(), near.begin() + static_cast<std::ptrdiff_t>(n), near.end());
      double failures = 0.5;
      for (std::size_t k = 0; k < n; ++k) failures += rows_[near[k].second].failed ? 1.0 : 0.0;
      it.weight = failures / static_cast<double>(n + 1);
    }
    if (it.slot >= 0) bad_.set_weight(static_cast<std::size_t>(it.slot), it.weight);
  }

  double distance(std::size_t a, std::size_t b) const {
    const Codes one = codes(a), other = codes(b);
    double sum = 0.0;
    for (std::size_t k = 0; k < axes_.size(); ++k) {
      if (std::isnan(one[k]) && std::isnan(other[k])) continue;
      const double apart = std::abs(static_cast<double>(one[k]) - static_cast<double>(other[k]));
      const bool same = apart == 0.0;
      if (std::isnan(apart) || (axes_[k].is_categorical() && !same))
        sum += 1.0;
      else
        sum += std::pow(axes_[k].size() > 1 ? apart / (axes_[k].size() - 1) : apart, 2);
    }
    return sum;
  }

  /// Puts a row into the bad density, or takes it out.
  void settle(std::size_t row) {
    Row& it = rows_[row];
    const bool belongs =
        it.runs || it.lost || it.pruned || it.broken || (model_ != nullptr && model_->holds(row));
    if (belongs == it.in_bad) return;
    it.in_bad = belongs;
    if (!belongs) {
      if (it.slot >= 0) free_slot(static_cast<std::size_t>(it.slot));
      return;
    }
    if (bad_.size() >= settings_.max_observations) {
      Rng rng(problem_.seed, "tpe thinning", row);
      for (int tries = 0; tries < 64; ++tries) {
        const auto slot = static_cast<std::size_t>(rng.below(bad_.size()));
        if (rows_[row_in_slot_[slot]].runs) continue;
        free_slot(slot);
        break;
      }
    }
    it.slot = static_cast<std::int32_t>(bad_.size());
    row_in_slot_.push_back(row);
    bad_.add(codes(row), it.weight);
  }

  void free_slot(std::size_t slot) {
    rows_[row_in_slot_[slot]].slot = -1;
    bad_.remove(slot);
    row_in_slot_[slot] = row_in_slot_.back();
    row_in_slot_.pop_back();
    if (slot < row_in_slot_.size()) rows_[row_in_slot_[slot]].slot = static_cast<std::int32_t>(slot);
  }

  /// Makes the densities those of the present split.
  void refresh() {
    const auto& members = model_->good.members();
    const auto same = [](const GoodSet::Member& a, const GoodSet::Member& b) {
      return a.id == b.id && a.weight == b.weight;
    };
    if (!std::equal(members.begin(), members.end(), in_good_.begin(), in_good_.end(), same)) {
      share_of_bad(1.0);
      in_good_ = members;
      good_.clear();
      for (const auto& member : in_good_)
        good_.add(codes(static_cast<std::size_t>(member.id)), member.weight);
    }
    share_of_bad(0.0);
    good_.fit();
    bad_.fit();
  }

  /// A good one keeps its slot in the bad density, with no share.
  void share_of_bad(double share) {
    for (const auto& member : in_good_) {
      const Row& it = rows_[static_cast<std::size_t>(member.id)];
      if (it.slot >= 0) bad_.set_weight(static_cast<std::size_t>(it.slot), share * it.weight);
    }
  }

  std::optional<space::Config> propose(Rng& rng) {
    struct Candidate {
      double score;
      space::Point point;
    };
    std::vector<Candidate> candidates;
    for (int i = 0; i < settings_.n_candidates; ++i) {
      Codes drawn = good_.draw(rng);
      Candidate candidate{0.0, space::Point(axes_.size())};
      for (std::size_t k = 0; k < axes_.size(); ++k) candidate.point[k] = axes_[k].entry(drawn[k]);
      if (problem_.space.has_conditions()) {
        const std::vector<bool> active = problem_.space.active(candidate.point);
        for (std::size_t k = 0; k < axes_.size(); ++k)
          if (!active[k]) drawn[k] = std::numeric_limits<float>::quiet_NaN();
      }
      candidate.score = good_.log_density(drawn) - bad_.log_density(drawn);
      if (sameness_.any()) {
        space::Point rounded = candidate.point;
        moves_.snap(rounded);
        candidate.score += sameness_.log_new(rounded);
      }
      candidates.push_back(std::move(candidate));
    }
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
    for (const Candidate& candidate : candidates) {
      space::Config config = problem_.space.decode(candidate.point);
      if (problem_.space.feasible(config)) return config;
    }
    return std::nullopt;
  }

  Problem problem_;
  TpeSettings settings_;
  Moves moves_;
  Sameness sameness_;
  std::vector<Axis> axes_;
  std::deque<std::size_t> ended_;  // rows
  std::size_t n_lost_ = 0;
  std::vector<Row> rows_;
  std::unordered_map<std::int64_t, std::size_t> row_by_trial_;
  std::vector<float> codes_;  // rows by parameters
  std::map<std::int64_t, Level> levels_;
  Level* model_ = nullptr;
  Parzen good_, bad_;
  std::vector<std::size_t> row_in_slot_;  // of bad_
  std::vector<GoodSet::Member> in_good_;  // the components of good_
  std::vector<double> unit_of_limit_;     // the first excess that was met of each
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, tpe) {
  using namespace hone;
  using Type = OptionSpec::Type;
  registry.add(
      "searcher",
      MethodInfo{
          .name = "tpe",
          .summary = "Tree-structured Parzen estimator: draws where good results are denser than bad ones.",
          .paper = "Algorithms for Hyper-Parameter Optimization",
          .options = {{.name = "n_startup",
                       .type = Type::integer,
                       .fallback = 10,
                       .summary = "results before the model takes over from random search",
                       .low = 1,
                       .high = 1e6},
                      {.name = "n_candidates",
                       .type = Type::integer,
                       .fallback = 24,
                       .summary = "draws from the good density that a proposal is the best of",
                       .low = 1,
                       .high = 1e5},
                      {.name = "gamma",
                       .type = Type::real,
                       .fallback = 0.15,
                       .summary = "share of the results that is called good (at most 25)",
                       .low = 1e-6,
                       .high = 1.0},
                      {.name = "prior_weight",
                       .type = Type::real,
                       .fallback = 1.0,
                       .summary = "weight of the uniform prior, in observations",
                       .low = 1e-6,
                       .high = 1e6},
                      {.name = "max_observations",
                       .type = Type::integer,
                       .fallback = 2000,
                       .summary =
                           "observations in the bad density; beyond, a random one makes room for a new",
                       .low = 50,
                       .high = 1e7}},
          .traits = "exact up to max_observations trials",
          .abilities = {.objectives = "several",
                        .constraints = "avoided, by how much they are broken",
                        .conditions = "yes, correlations kept",
                        .batch = "running trials count as bad",
                        .fidelity = "the highest with enough results",
                        .ask = "O(min(n, max_observations) d)",
                        .trials = "20 to 1,000,000"}},
      search::MakeSearcher([](const search::Problem& problem, const Options& options) {
        return std::make_unique<search::Tpe>(
            problem, search::TpeSettings{
                         .n_startup = static_cast<std::size_t>(options.integer("n_startup")),
                         .n_candidates = static_cast<int>(options.integer("n_candidates")),
                         .gamma = options.real("gamma"),
                         .prior_weight = options.real("prior_weight"),
                         .max_observations = static_cast<std::size_t>(options.integer("max_observations"))});
      }));
}
