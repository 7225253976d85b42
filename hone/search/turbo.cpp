#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "hone/search/acquisition_search.h"
#include "hone/search/gp_model.h"
#include "hone/search/sameness.h"
#include "hone/study/front.h"

namespace hone::search {
namespace {

struct TurboSettings {
  GpModelOptions model;
  bool thompson;
  std::size_t n_candidates;
  double length, length_min, length_max;
  std::size_t success_tolerance, failure_tolerance;
  bool leave_ends;
};

/// TuRBO-1 (Eriksson et al., 2019): a Gaussian process on the results of one trust region, a box around the
/// best of them whose sides are `length` times each lengthscale over their geometric mean. It doubles after
/// three successes in a row, halves after max(4, d) failures in a row, and once it is shorter than length_min
/// everything begins anew, elsewhere, without the old results. Candidates are drawn in the region, each with
/// about twenty entries other than the centre's, and the one with the best joint draw from the posterior
/// (Thompson sampling) is proposed; `acquisition = "ei"` maximises log expected improvement in the region
/// instead, which is greedier.
///
/// - Batches: here every trial counts as a batch of one, in the order in which they first come to rest or
///   end. Where they rest at several fidelities each is compared with those that first rested where it did.
///   Running trials are in the model as it expects them.
/// - Categories: at most length / length_max of them, but at least one, differ from the centre's: the Hamming
///   ball of Casmopolitan (Wan et al., "Think Global and Act Local: Bayesian Optimisation over
///   High-Dimensional Categorical and Mixed Search Spaces", 2021), with one length for both kinds.
/// - Not the paper's: what would likely give a known value over again counts less (Sameness).
/// - Not the paper's, and only with `leave_ends`: what is near the best of a region that has ended, in every
///   entry, is neither proposed nor counted by the next ones. Among several searchers others go on there, and
///   would draw them back.
/// - A success is a value better by a thousandth of its size; of several objectives, one that joins
///   the front.
/// - A region starts from 2 d trials as the authors' code does, but from at most 100.
/// - Thompson sampling looks at n_candidates, 500 where the paper has up to 5,000: a joint draw costs their
///   cube.
class Turbo : public Searcher {
 public:
  Turbo(const Problem& problem, const TurboSettings& settings)
      : problem_(problem),
        settings_(settings),
        first_(problem.space.default_config()),
        moves_(problem.space),
        sameness_(moves_) {
    restart();
  }

  void update(const study::Change& change) override {
    using Kind = study::Change::Kind;
    const study::Trial& trial = *change.trial;
    sameness_.update(problem_, change);
    const auto [found, is_new] = region_of_.try_emplace(trial.id, region_);
    if (is_new) {
      known_.insert(trial.config.key());
      if (is_at_an_end(trial.config)) {
        found->second = kNone;
        startup_->update(change);  // its sequence goes on
      }
    }
    if (change.kind == Kind::deleted) known_.erase(trial.config.key());
    if (found->second != region_) return;
    if (!model_->is_ready()) startup_->update(change);
    model_->update(change);
    const bool rests = trial.done() || trial.state == study::TrialState::paused;
    if (change.kind == Kind::state && rests && counted_.insert(trial.id).second) count(trial);
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    // Up to the eighth attempt the candidates are the same, and the next best is proposed.
    const auto part = static_cast<std::uint32_t>(attempt < 8 ? 0 : attempt);
    Rng rng(problem_.seed, "turbo", static_cast<std::uint64_t>(number), part);
    const auto known = [&](const space::Config& it) { return known_.contains(it.key()); };
    const auto avoided = [&](const space::Config& it) { return known(it) || is_at_an_end(it); };
    if (!model_->is_ready()) {
      if (first_ && attempt == 0 && !known(*first_)) return first_;
      if (attempt < 8) {
        auto config = startup_->ask(number, attempt);
        if (config && !avoided(*config)) return config;
      }
    } else if (attempt < 8 || attempt % 2 == 1) {
      if (auto config =
              propose(static_cast<std::size_t>(number), static_cast<std::size_t>(attempt), avoided, rng))
        return config;
    }
    if (problem_.space.is_enumerable()) return problem_.space.unseen(rng, known);
    return problem_.space.sample(rng);
  }

 private:
  /// A joint draw from the first objective's posterior at every point, feasibility added; with several
  /// objectives a draw of each, and the volume that it adds.
  class Draws : public Acquisition {
   public:
    Draws(const GpAcquisition& model, Rng& rng) : model_(model), rng_(rng) {}
    void score(const std::vector<space::Point>& points, std::vector<double>& scores) const override {
      std::vector<std::vector<double>> rows;
      for (const space::Point& point : points) rows.push_back(model_.coding->row(point));
      GpAcquisition rest = model_;
      rest.boxes.clear();
      rest.score(points, scores);
      if (model_.boxes.empty()) return;
      std::vector<Eigen::VectorXd> draws;
      for (const auto* process : model_.objectives)
        draws.push_back(process->likeliest().sample(rows, 1, rng_).col(0));
      std::vector<double> values(draws.size());
      const std::vector<double> surely(draws.size(), 1e-3);
      for (std::size_t k = 0; k < rows.size(); ++k) {
        for (std::size_t j = 0; j < draws.size(); ++j) values[j] = draws[j][static_cast<Eigen::Index>(k)];
        scores[k] += draws.size() == 1
                         ? -values[0]
                         : log_hypervolume_improvement(model_.boxes, values, surely, false).value;
      }
    }
    double score(const space::Point&, Eigen::VectorXd&) const override { return 0.0; }

   private:
    const GpAcquisition& model_;
    Rng& rng_;
  };

  void restart() {
    ++region_;
    length_ = settings_.length;
    successes_ = failures_ = 0;
    fronts_.clear();
    // pi-BO's factor belongs to an expected improvement: it would outweigh the differences between draws. The
    // user's beliefs are followed all the same, by proposals from them (guided).
    Problem modelled = problem_;
    if (settings_.thompson) modelled.prior = {};
    model_ = std::make_unique<GpModel>(modelled, settings_.model);
    search_ = std::make_unique<AcquisitionSearch>(model_->moves());
    Problem beginning = problem_;
    beginning.seed += region_;
    beginning.prior = {};
    beginning.warm.clear();
    startup_ = make_searcher(problem_.space.size() <= 3000 ? "sobol" : "random", beginning);
  }

  /// Whether a config is near the best of a region that has ended.
  bool is_at_an_end(const space::Config& config) const {
    if (ends_.empty()) return false;
    const space::Point at = problem_.space.encode(config);
    const auto is_near = [&](const space::Point& end) {
      for (const std::size_t i : moves_.free()) {
        if (std::isnan(at[i]) != std::isnan(end[i])) return false;
        if (std::isnan(at[i])) continue;
        if (moves_.is_categorical(i) ? at[i] != end[i] : std::abs(at[i] - end[i]) >= kNear) return false;
      }
      return true;
    };
    return std::any_of(ends_.begin(), ends_.end(), is_near);
  }

  void count(const study::Trial& trial) {
    using study::TrialState;
    bool success = false;
    const study::Result* last = trial.last();
    if ((trial.state == TrialState::completed || trial.state == TrialState::paused) && last != nullptr) {
      auto values = study::oriented(problem_.objectives, last->measures);
      const bool counts =
          std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }) &&
          !breaks_limits(problem_, trial, *last);
      if (counts && !values.empty()) {
        study::Front& front = fronts_[last->fidelity];
        const auto& members = front.members();
        const bool much = values.size() > 1 || members.empty() ||
                          values[0] < members[0].values[0] - 1e-3 * std::abs(members[0].values[0]);
        const bool joins = front.insert(trial.id, std::move(values));
        if (joins && problem_.objectives.size() == 1 && last->fidelity == fronts_.rbegin()->first)
          best_ = problem_.space.encode(trial.config);
        success = joins && much;
      }
    }
    if (!model_->is_ready() || fronts_.empty()) return;
    successes_ = success ? successes_ + 1 : 0;
    failures_ = success ? 0 : failures_ + 1;
    const std::size_t d = model_->moves().free().size();
    const std::size_t tolerance =
        settings_.failure_tolerance > 0 ? settings_.failure_tolerance : std::max<std::size_t>(4, d);
    if (successes_ >= settings_.success_tolerance) {
      length_ = std::min(2.0 * length_, settings_.length_max);
      successes_ = 0;
    } else if (failures_ >= tolerance) {
      length_ /= 2.0;
      failures_ = 0;
    }
    if (length_ >= settings_.length_min) return;
    if (settings_.leave_ends && problem_.objectives.size() == 1) ends_.push_back(best_);
    restart();
  }

  /// Of several objectives the front's members take turns as centres, and the objectives as what gives its
  /// shape: one place alone would be all that is looked at.
  Region region(const GpAcquisition& acquisition, std::size_t turn) const {
    const Moves& moves = model_->moves();
    const std::size_t m = acquisition.objectives.size();
    const auto& process = acquisition.objectives[turn % m]->likeliest();
    const Eigen::VectorXd& lengths = process.hyperparameters().length;
    const space::Point& centre = model_->best()[m > 1 ? turn / m % model_->best().size() : 0];
    double mean_log = 0.0;
    std::size_t numbers = 0;
    for (std::size_t k = 0; k < moves.free().size(); ++k) {
      if (moves.is_categorical(moves.free()[k])) continue;
      mean_log += lengths[static_cast<Eigen::Index>(k)];
      ++numbers;
    }
    mean_log /= static_cast<double>(std::max<std::size_t>(numbers, 1));
    Region result{centre, centre, centre, 0};
    for (std::size_t k = 0; k < moves.free().size(); ++k) {
      const std::size_t i = moves.free()[k];
      if (moves.is_categorical(i)) continue;
      const double half = 0.5 * length_ * std::exp(lengths[static_cast<Eigen::Index>(k)] - mean_log);
      result.low[i] = std::max(0.0, result.centre[i] - half);
      result.high[i] = std::min(1.0, result.centre[i] + half);
    }
    const auto categories = static_cast<double>(moves.free().size() - numbers);
    result.max_changed =
        static_cast<std::size_t>(std::max(1.0, std::round(categories * length_ / settings_.length_max)));
    return result;
  }

  std::optional<space::Config> propose(std::size_t turn, std::size_t skip,
                                       const std::function<bool(const space::Config&)>& known, Rng& rng) {
    const GpAcquisition acquisition = model_->acquisition();
    const Region around = region(acquisition, turn);
    AcquisitionSearchOptions options;
    if (settings_.thompson) {
      options.evaluations = settings_.n_candidates;
      options.starts = 0;
      options.draws_only = true;
      const Draws draws(acquisition, rng);
      return search_->maximize(NewAcquisition(draws, sameness_), {}, &around, known, skip, options, rng);
    }
    const double n = static_cast<double>(model_->model_size());
    options.evaluations = static_cast<std::size_t>(std::clamp(1.6e8 / (n * n + 1.0), 400.0, 2000.0));
    return search_->maximize(NewAcquisition(acquisition, sameness_), model_->best(), &around, known, skip,
                             options, rng);
  }

  static constexpr std::uint64_t kNone = 0;  // no region: they are counted from 1
  static constexpr double kNear = 0.1;       // of an end, along every number's scale

  Problem problem_;
  TurboSettings settings_;
  std::optional<space::Config> first_;
  Moves moves_;
  Sameness sameness_;
  std::unordered_map<std::int64_t, std::uint64_t> region_of_;  // by trial
  std::unordered_set<std::int64_t> counted_;
  std::unordered_set<Key> known_;
  std::uint64_t region_ = 0;  // the present one's number
  double length_ = 0.0;
  std::size_t successes_ = 0, failures_ = 0;
  std::map<std::int64_t, study::Front> fronts_;  // of the region, by the fidelity at which trials first rest
  space::Point best_;                            // of one objective, in the present region
  std::vector<space::Point> ends_;               // the best of those that have ended
  std::unique_ptr<GpModel> model_;
  std::unique_ptr<AcquisitionSearch> search_;
  std::unique_ptr<Searcher> startup_;
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, turbo) {
  using namespace hone;
  using Type = OptionSpec::Type;
  registry.add(
      "searcher",
      MethodInfo{
          .name = "turbo",
          .summary = "Bayesian optimisation in a trust region that grows with success; for many parameters.",
          .paper = "Scalable Global Optimization via Local Bayesian Optimization",
          .options = {{.name = "n_startup",
                       .type = Type::integer,
                       .fallback = 0,
                       .summary =
                           "results of a Sobol sequence that a region starts from; 0: two a parameter, "
                           "at most 100",
                       .low = 0,
                       .high = 1e6},
                      {.name = "acquisition",
                       .type = Type::text,
                       .fallback = "thompson",
                       .summary = "thompson: the best of a joint draw; ei: log expected improvement",
                       .allowed = {"thompson", "ei"}},
                      {.name = "n_candidates",
                       .type = Type::integer,
                       .fallback = 500,
                       .summary = "candidates of Thompson sampling",
                       .low = 10,
                       .high = 5000},
                      {.name = "length",
                       .type = Type::real,
                       .fallback = 0.8,
                       .summary = "side of a new trust region, as a share of the ranges",
                       .low = 1e-3,
                       .high = 10.0},
                      {.name = "length_min",
                       .type = Type::real,
                       .fallback = 0.0078125,
                       .summary = "a shorter side ends the region",
                       .low = 1e-9,
                       .high = 1.0},
                      {.name = "length_max",
                       .type = Type::real,
                       .fallback = 1.6,
                       .summary = "largest side",
                       .low = 1e-3,
                       .high = 10.0},
                      {.name = "success_tolerance",
                       .type = Type::integer,
                       .fallback = 3,
                       .summary = "successes in a row after which the region doubles",
                       .low = 1,
                       .high = 1e6},
                      {.name = "failure_tolerance",
                       .type = Type::integer,
                       .fallback = 0,
                       .summary = "failures in a row after which it halves; 0: one a parameter, at least 4",
                       .low = 0,
                       .high = 1e6},
                      {.name = "leave_ends",
                       .type = Type::flag,
                       .fallback = false,
                       .summary =
                           "with one objective: where a region has ended the next ones neither propose nor "
                           "count anything; for turbo among other searchers, which go on there"},
                      {.name = "max_observations",
                       .type = Type::integer,
                       .fallback = 1000,
                       .summary = "observations in a region's model; beyond, the best half and a spread",
                       .low = 20,
                       .high = 20000}},
          .traits = "exact up to max_observations results in a region",
          .abilities = {.objectives = "several",
                        .constraints = "modelled",
                        .conditions = "yes, correlations kept",
                        .batch = "running trials believed",
                        .fidelity = "the highest with enough results",
                        .ask = "O(min(n, max_observations)^2)",
                        .trials = "50 to 10,000"}},
      search::MakeSearcher([](const search::Problem& problem, const Options& options) {
        const std::size_t d = search::Moves(problem.space).free().size();
        search::TurboSettings settings{
            .model = {},
            .thompson = options.text("acquisition") == "thompson",
            .n_candidates = static_cast<std::size_t>(options.integer("n_candidates")),
            .length = options.real("length"),
            .length_min = options.real("length_min"),
            .length_max = options.real("length_max"),
            .success_tolerance = static_cast<std::size_t>(options.integer("success_tolerance")),
            .failure_tolerance = static_cast<std::size_t>(options.integer("failure_tolerance")),
            .leave_ends = options.flag("leave_ends")};
        settings.model.n_startup = static_cast<std::size_t>(options.integer("n_startup"));
        if (settings.model.n_startup == 0) settings.model.n_startup = std::clamp<std::size_t>(2 * d, 4, 100);
        settings.model.max_observations = static_cast<std::size_t>(options.integer("max_observations"));
        return std::make_unique<search::Turbo>(problem, settings);
      }));
}
