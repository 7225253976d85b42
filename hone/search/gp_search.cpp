#include "hone/search/gp_search.h"

#include <algorithm>
#include <cmath>

#include "hone/base/numbers.h"
#include "hone/search/acquisition_search.h"
#include "hone/search/gp_model.h"
#include "hone/search/sameness.h"
#include "hone/search/ties.h"

namespace hone::search {
namespace {

/// Draws from the prior beside the best configs, near which the acquisition is looked at.
constexpr std::size_t kPriorSeeds = 6;
/// The deviation of the belief in the middle, as a share of each scale.
constexpr double kCentral = 0.4;
/// Candidates of a turn that takes the best of some draws.
constexpr std::size_t kDraws = 100;
/// Observations in a model by default.
constexpr std::size_t kMost = 1000, kMostPartial = 150;
/// Turns that take the best of some draws: this often the share of results that tie with the best.
constexpr double kPerTie = 4.0;
/// Results up to which models are mixtures, by default.
constexpr std::size_t kMixedUntil = 60;

/// That the best lies nearer the middle of each range than its ends, a weak belief: where little is known a
/// process is least sure of the corners, which are most of what many dimensions have and where ranges were
/// stretched to be safe, and goes there first. (Beginning in the middle itself, as Vizier's does, gives most
/// of this on functions, but where the middle is no good all that is near it is then taken for bad.)
Prior central(const Moves& moves) {
  std::vector<Prior::Belief> beliefs;
  for (const std::size_t i : moves.free()) beliefs.push_back({.parameter = i, .at = 0.5, .spread = kCentral});
  return Prior(std::move(beliefs));
}

/// Where it pays: on coarse grids, beside categories and conditions, with limits, where trials may end early
/// and in two dimensions, which a Sobol sequence fills, it did not. (BBOB's functions after 25 evaluations:
/// in 2 dimensions .047, .036 without; in 3 .048, .066; in 10 .15, .22; in 20 .27, .34.)
bool is_central(const Problem& problem, const Moves& moves) {
  const bool plain = problem.objectives.size() == 1 && problem.limits.empty() && !problem.partial;
  const bool told = !problem.prior.empty() || !problem.warm.empty() || problem.space.default_config();
  const auto categorical = [&](std::size_t i) { return moves.is_categorical(i); };
  return plain && !told && moves.free().size() > 2 && !moves.is_coarse() && !problem.space.has_conditions() &&
         std::none_of(moves.free().begin(), moves.free().end(), categorical);
}

/// Bayesian optimisation by Gaussian processes, of which gp, ehvi and mobster are made. After a start that
/// fills the space each ask proposes the config of the greatest log expected improvement (Ament et al.,
/// "Unexpected Improvements to Expected Improvement for Bayesian Optimization", 2023, section 4.1: the
/// analytic form, of one config), of several objectives that of the hypervolume (Daulton et al.,
/// "Differentiable Expected Hypervolume Improvement for Parallel Multi-Objective Bayesian Optimization",
/// 2020), times the probabilities that the limits are kept and that the trial succeeds (GpAcquisition). What
/// the models are of is said at GpModel.
///
/// - Start: up to n_startup results the space's default config, then a Sobol sequence (above 3,000 parameters
///   random configs); with the user's prior, or the weak one of our own (see central), its mode and draws.
/// - Improvement is over the models' means at what was evaluated, not over the results, so that one lucky
///   result is not the one to beat.
/// - Batches: trials that run are believed at their means, one after the other, and asked for one by one, in
///   place of the joint improvement of a batch (the papers' qLogEI and qEHVI).
/// - Fidelities: a model of the highest one with enough results (BOHB's rule), or one over configs and
///   fidelities together (mobster).
/// - Not the papers': few results are modelled by an average over draws of the hyperparameters
///   (integrate_until), values are transformed first; what would likely give a known value over again counts
///   less (Sameness); some turns look at draws alone (see propose).
/// - From attempt 8 on every other proposal is a config not yet seen, or a random one where the space cannot
///   be listed, so that a small finite space is not a trap.
class GpSearcher : public Searcher {
 public:
  GpSearcher(const Problem& given, const GpModelOptions& options)
      : problem_(given),
        model_(given, options),
        search_(model_.moves()),
        sameness_(model_.moves()),
        first_(given.space.default_config()),
        draws_(given.partial && given.objectives.size() == 1) {
    Problem start = given;
    start.prior = {};
    start.warm.clear();
    startup_ = make_searcher(given.space.size() <= 3000 ? "sobol" : "random", start);
  }

  void update(const study::Change& change) override {
    // Once there is a model, the start's sequence need not go on; what it then proposes in a pinch is random.
    if (!model_.is_ready()) startup_->update(change);
    model_.update(change);
    sameness_.update(problem_, change);
    if (change.kind == study::Change::Kind::deleted) ties_.forget(change.trial->id);
    if (change.kind != study::Change::Kind::result || problem_.objectives.size() != 1) return;
    const auto values = study::oriented(problem_.objectives, change.result->measures);
    if (!values.empty() && std::isfinite(values[0]) &&
        !breaks_limits(problem_, *change.trial, *change.result))
      ties_.observe(change.trial->id, values[0]);
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    // Up to the eighth attempt the candidates are the same, and the next best is proposed.
    const auto part = static_cast<std::uint32_t>(attempt < 8 ? 0 : attempt);
    Rng rng(problem_.seed, "gp", static_cast<std::uint64_t>(number), part);
    log_expected_ = kNaN;
    if (!model_.is_ready()) {
      if (believes(number, attempt)) return believed(number, attempt);
      if (first_ && attempt == 0 && !model_.knows(*first_)) return first_;
      if (attempt < 8) return startup_->ask(number, attempt);
    } else if (attempt < 8 || attempt % 2 == 1) {
      if (auto config = propose(number, attempt, rng)) return config;
    }
    if (problem_.space.is_enumerable())
      return problem_.space.unseen(rng, [&](const space::Config& it) { return model_.knows(it); });
    return problem_.space.sample(rng);
  }

  double log_expected() const override { return log_expected_; }

 private:
  /// Whether the start is drawn from the prior. Where that gave no model it may be wrong: the more was tried,
  /// the fewer draws.
  bool believes(std::int64_t number, int attempt) const {
    if (problem_.prior.empty() || attempt >= 8) return false;
    Rng rng(problem_.seed, "gp believes", static_cast<std::uint64_t>(number),
            static_cast<std::uint32_t>(attempt));
    return rng.uniform() * model_.start() < 1.0;
  }

  /// The start as in pi-BO: the prior's mode, as near as draws come to it, then draws.
  space::Config believed(std::int64_t number, int attempt) const {
    Rng rng(problem_.seed, "gp prior", static_cast<std::uint64_t>(number),
            static_cast<std::uint32_t>(attempt));
    space::Config config = problem_.prior.draw(model_.moves(), rng);
    if (number > 0 || attempt > 0) return config;
    double most = problem_.prior.log_density(problem_.space.encode(config));
    for (int draw = 0; draw < 200; ++draw) {
      space::Config other = problem_.prior.draw(model_.moves(), rng);
      const double density = problem_.prior.log_density(problem_.space.encode(other));
      if (density <= most) continue;
      most = density;
      config = std::move(other);
    }
    return config;
  }

  std::optional<space::Config> propose(std::int64_t number, int attempt, Rng& rng) {
    const GpAcquisition promise = model_.acquisition();
    const NewAcquisition acquisition(promise, sameness_);
    AcquisitionSearchOptions options;
    // Where trials are many and cheap, half of them are the best of a few draws: what the maximum finds
    // wrong, again and again in the same corners say, is not all that is looked at. So too where it finds
    // the best value over again and nothing better.
    const double chance = draws_ ? 0.5 : std::min(1.0, kPerTie * ties_.share());
    if (Rng(problem_.seed, "gp draws", static_cast<std::uint64_t>(number)).uniform() < chance) {
      options.draws_only = true;
      options.starts = 0;
      options.evaluations = kDraws;
      return search_.maximize(
          acquisition, {}, nullptr, [&](const space::Config& it) { return model_.knows(it); },
          static_cast<std::size_t>(attempt), options, rng);
    }
    // A score costs n^2 multiplications: large models get fewer.
    const double n = static_cast<double>(model_.model_size());
    options.evaluations = static_cast<std::size_t>(std::clamp(1.6e8 / (n * n + 1.0), 400.0, 2000.0));
    std::vector<space::Point> seeds = model_.best();
    for (std::size_t draw = 0; draw < kPriorSeeds && !problem_.prior.empty(); ++draw)
      seeds.push_back(model_.moves().filled(problem_.prior.draw(model_.moves(), rng), rng));
    auto found = search_.maximize(
        acquisition, seeds, nullptr, [&](const space::Config& it) { return model_.knows(it); },
        static_cast<std::size_t>(attempt), options, rng);
    if (found && !promise.boxes.empty()) {
      GpAcquisition improvement = promise;  // alone
      improvement.limits.clear();
      improvement.success.reset();
      improvement.cost = nullptr;
      improvement.prior = nullptr;
      std::vector<double> scores;
      improvement.score({problem_.space.encode(*found)}, scores);
      log_expected_ = scores[0];
    }
    return found;
  }

  Problem problem_;
  GpModel model_;
  AcquisitionSearch search_;
  Sameness sameness_;
  std::optional<space::Config> first_;
  bool draws_;  // half of the turns
  Ties ties_;
  double log_expected_ = kNaN;  // of the last proposal
  std::unique_ptr<Searcher> startup_;
};

std::vector<OptionSpec> gp_options() {
  using Type = OptionSpec::Type;
  std::vector<std::string> transforms = predict::OutputTransform::names();
  transforms.insert(transforms.begin(), "auto");
  return {
      {.name = "n_startup",
       .type = Type::integer,
       .fallback = 0,
       .summary =
           "results before the model takes over from a Sobol sequence, or from draws around the middle (see "
           "center_beta); 0: parameters + 2, at most 10, "
           "or 5 with one objective and no limits where every parameter has at most 64 values",
       .low = 0,
       .high = 1e6},
      {.name = "max_observations",
       .type = Type::integer,
       .fallback = nullptr,
       .summary =
           "observations in a model; beyond, the best half and a spread of the others; not given: 1000, "
           "with one objective of trials that may end below the largest fidelity 150",
       .low = 20,
       .high = 20000,
       .optional = true},
      {.name = "transform",
       .type = Type::text,
       .fallback = "auto",
       .summary = "of an objective's values before they are modelled; auto: of several power, of one rank "
                  "where every parameter has at most 64 values, else log",
       .allowed = std::move(transforms)},
      {
          .name = "warp",
          .type = Type::flag,
          .fallback = false,
          .summary =
              "warps each number by a curve that is fitted along with the model; off, since on functions and "
              "recorded tables it did not pay",
      },
      {.name = "integrate_until",
       .type = Type::integer,
       .fallback = nullptr,
       .summary =
           "results up to which, about, models are averaged over draws of their hyperparameters from the "
           "posterior, so that few results do not make them sure of what is wrong; beyond, and with 0, "
           "the likeliest ones stand alone; not given: 60, with limits or several objectives 0",
       .low = 0,
       .high = 1e4,
       .optional = true},
      {.name = "cost_exponent",
       .type = Type::real,
       .fallback = 0.0,
       .summary = "expected improvement is divided by the predicted cost to this power",
       .low = 0.0,
       .high = 10.0},
      {.name = "prior_beta",
       .type = Type::real,
       .fallback = 0.0,
       .summary = "weight of the user's prior, as results that it is worth; 0: a tenth of the study's "
                  "max_trials, 10 where that is not known",
       .low = 0.0,
       .high = 1e6},
      {.name = "center_beta",
       .type = Type::real,
       .fallback = 3.0,
       .summary =
           "weight of the belief that the best lies nearer the middle of the ranges than their ends, as "
           "results that it is worth; 0: none. Only in a space of three or more numbers, not all with "
           "at most 64 values, without categories, conditions, defaults, prior, earlier studies, "
           "limits, further objectives or trials that may end early",
       .low = 0.0,
       .high = 1e6}};
}

}  // namespace

MethodInfo gp_method(const std::string& name, const std::string& summary, const std::string& paper,
                     const std::string& fidelity) {
  return {.name = name,
          .summary = summary,
          .paper = paper,
          .options = gp_options(),
          .traits = "exact up to max_observations results",
          .abilities = {.objectives = "several",
                        .constraints = "modelled",
                        .conditions = "yes, correlations kept",
                        .batch = "running trials believed",
                        .fidelity = fidelity,
                        .ask = "O(min(n, max_observations)^2)",
                        .trials = "10 to 10,000"},
          .guides_itself = true};
}

std::unique_ptr<Searcher> make_gp_searcher(const Problem& problem, const Options& options,
                                           const std::string& fidelity) {
  GpModelOptions model;
  const Moves moves(problem.space);
  const bool coarse = moves.is_coarse();
  const bool is_plain = problem.objectives.size() == 1 && problem.limits.empty();
  model.n_startup = static_cast<std::size_t>(options.integer("n_startup"));
  // Earlier studies have models from the first results on. Coarse grids show their shape in few results.
  if (model.n_startup == 0)
    model.n_startup = problem.warm.empty()
                          ? std::clamp<std::size_t>(moves.free().size() + 2, 4, coarse && is_plain ? 5 : 10)
                          : 3;
  model.max_observations = options.has("max_observations")
                               ? static_cast<std::size_t>(options.integer("max_observations"))
                           : problem.partial && problem.objectives.size() == 1 ? kMostPartial
                                                                               : kMost;
  // Ranks hold up best on recorded tables; on fine scales distances to the best are worth keeping. Of several
  // objectives no single best is, and hypervolumes want no value squeezed together with its neighbours.
  std::string transform = options.text("transform");
  if (transform == "auto") transform = problem.objectives.size() > 1 ? "power" : coarse ? "rank" : "log";
  model.transform = predict::OutputTransform::kind_from_name(transform);
  model.warp = options.flag("warp");
  model.mixed_until = is_plain ? kMixedUntil : 0;
  // Where the best lies on a limit, it is found by knowing precisely where that is.
  model.quiet = !problem.limits.empty();
  if (options.has("integrate_until"))
    model.mixed_until = static_cast<std::size_t>(options.integer("integrate_until"));
  model.joint = fidelity == "joint";
  model.cost_exponent = options.real("cost_exponent");
  model.prior_beta = options.real("prior_beta");
  const double center_beta = options.real("center_beta");
  Problem given = problem;
  if (center_beta > 0.0 && !model.joint && is_central(problem, moves)) {
    given.prior = central(moves);
    model.prior_beta = center_beta;
  }
  return std::make_unique<GpSearcher>(given, model);
}

}  // namespace hone::search
