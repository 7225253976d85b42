#include <algorithm>
#include <cmath>

#include "hone/search/known.h"
#include "hone/search/observations.h"
#include "hone/search/sobol_points.h"
#include "hone/search/survey.h"

namespace hone::search {
namespace {

struct SmacSettings {
  std::size_t n_initial;
  double random_probability;
  int n_random;
  std::size_t max_observations;
};

/// SMAC (Hutter et al., "Sequential Model-Based Optimization for General Algorithm Configuration", 2011) with
/// the defaults of SMAC3's hyperparameter facade (Lindauer et al., JMLR 2022): a Sobol design, then a random
/// forest over log losses (see Survey), whose expected improvement is searched locally from good results and
/// from random configs; a fifth of the proposals is random.
///
/// - The design: 10 d configs, at most a quarter of the budget (taken as 100 trials where the study does not
///   say).
/// - The search: n_random random configs (SMAC3: 10,000), and climbs over one-exchange neighbours (all other
///   categories, four Gaussian steps of a number; first improvement) from the five best results and the five
///   most promising random configs, at most 400 evaluations each. Of all found the one of the largest
///   expected improvement that is feasible and not yet in the study is proposed.
/// - When the forest is grown anew, what it is grown from and what lies beyond its size: see Observations
///   (SMAC3: after 8 results). In between new results are dropped into its leaves, and so are trials that
///   run. Failed, infeasible, pruned and non-finite ones count like the worst loss.
/// - Losses are shifted before their logarithm is taken, to as far above 0 as the best twentieth of them is
///   wide, so that a constant added to them changes nothing (ours: SMAC3 takes the logarithm as they are,
///   which far from 0 tells no differences apart).
/// - Several objectives: ParEGO (see Scalar), weights drawn with each forest.
class Smac : public Searcher {
 public:
  Smac(const Problem& problem, const SmacSettings& settings)
      : problem_(problem),
        settings_(settings),
        moves_(problem.space),
        known_(problem.space),
        seen_(problem, moves_, problem.space.size() + 2, settings.max_observations),
        survey_(moves_),
        points_(std::clamp<std::size_t>(moves_.free().size(), 1, SobolPoints::kMaxDimensions), problem.seed) {
    if (settings_.n_initial > 0) return;
    const auto budget = static_cast<std::size_t>(problem.max_trials.value_or(100));
    settings_.n_initial = std::max<std::size_t>(2, std::min(10 * moves_.free().size(), budget / 4));
  }

  void update(const study::Change& change) override {
    known_.update(change);
    seen_.update(change);
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    Rng rng(problem_.seed, "smac", static_cast<std::uint64_t>(number), static_cast<std::uint32_t>(attempt));
    if (Known::gives_up(attempt)) return known_.other(rng);
    if (known_.size() < settings_.n_initial) return designed(attempt, rng);
    if (seen_.rows().size() < 2 || rng.uniform() < settings_.random_probability)
      return moves_.space().sample(rng);
    refresh();
    if (auto config = promising(rng)) return config;
    return moves_.space().sample(rng);
  }

 private:
  struct Candidate {
    double improvement = 0.0;
    space::Point point;
  };
  static constexpr int kClimb = 400;         // evaluations of a local search
  static constexpr std::size_t kStarts = 5;  // of each kind

  space::Config designed(int attempt, Rng& rng) {
    const std::vector<double> drawn =
        points_.at(static_cast<std::uint32_t>(known_.size()) + static_cast<std::uint32_t>(attempt) * 4096);
    space::Point point = moves_.draw(rng);
    for (std::size_t k = 0; k < std::min(drawn.size(), moves_.free().size()); ++k) {
      const std::size_t i = moves_.free()[k];
      const auto n = static_cast<double>(moves_.size(i));
      point[i] = moves_.is_categorical(i) ? std::floor(drawn[k] * n) : drawn[k];
    }
    return moves_.settle(point, nullptr, rng);
  }

  /// Makes the model that of the present observations.
  void refresh() {
    const auto& rows = seen_.rows();
    if (generation_ != seen_.generation() || !survey_.grown()) {
      generation_ = seen_.generation();
      const std::size_t m = problem_.objectives.size();
      Rng rng(problem_.seed, "smac weights", generation_);
      weights_ = Scalar::draw_weights(m, rng);
      scalar_ = Scalar(m);
      std::vector<predict::Row> encoded, lost;
      std::vector<double> losses;
      for (std::size_t k = 0; k < seen_.fitted(); ++k) scalar_.see(rows[k].losses);
      for (std::size_t k = 0; k < seen_.fitted(); ++k) {
        encoded.push_back(survey_.row(rows[k].point));
        losses.push_back(scalar_.at(rows[k].losses, weights_));
      }
      for (std::size_t k = 0; k < seen_.lost_fitted(); ++k)
        lost.push_back(survey_.row(seen_.lost()[k].point));
      survey_.grow(encoded, losses, lost, rng.next());
      best_.resize(losses.size());
      for (std::size_t k = 0; k < best_.size(); ++k) best_[k] = k;
      const std::size_t n = std::min(kStarts, best_.size());
      std::partial_sort(best_.begin(), best_.begin() + static_cast<std::ptrdiff_t>(n), best_.end(),
                        [&](std::size_t a, std::size_t b) {
                          return losses[a] != losses[b] ? losses[a] < losses[b] : a < b;
                        });
      best_.resize(n);
    }
    survey_.clear_drops();
    for (std::size_t k = seen_.fitted(); k < rows.size(); ++k)
      survey_.drop(survey_.row(rows[k].point), scalar_.at(rows[k].losses, weights_));
    for (const space::Point* point : seen_.running()) survey_.drop_running(survey_.row(*point));
  }

  std::optional<space::Config> promising(Rng& rng) const {
    std::vector<Candidate> found;
    for (int k = 0; k < settings_.n_random; ++k) {
      space::Point point = drawn(rng);
      const double improvement = survey_.improvement(survey_.row(point));
      found.push_back({improvement, std::move(point)});
    }
    const auto more = [](const Candidate& a, const Candidate& b) { return a.improvement > b.improvement; };
    std::stable_sort(found.begin(), found.end(), more);
    std::vector<Candidate> starts(
        found.begin(), found.begin() + static_cast<std::ptrdiff_t>(std::min(kStarts, found.size())));
    for (const std::size_t k : best_) {
      const space::Point& point = seen_.rows()[k].point;
      starts.push_back({survey_.improvement(survey_.row(point)), point});
    }
    for (Candidate& start : starts) found.push_back(climbed(std::move(start), rng));
    std::stable_sort(found.begin(), found.end(), more);
    for (const Candidate& candidate : found) {
      auto config = moves_.config(candidate.point);
      if (config && !known_.has(*config)) return config;
    }
    return std::nullopt;
  }

  /// A random point; constraints are not looked at where they are none or the whole is checked later.
  space::Point drawn(Rng& rng) const {
    space::Point point(moves_.space().size(), 0.0);
    for (const std::size_t i : moves_.free()) {
      const std::int64_t n = moves_.size(i);
      point[i] = moves_.is_categorical(i) ? static_cast<double>(rng.below(static_cast<std::uint64_t>(n)))
                                          : rng.uniform();
    }
    moves_.snap(point);
    return point;
  }

  Candidate climbed(Candidate at, Rng& rng) const {
    const bool constrained = !moves_.space().constraints().empty();
    std::vector<std::size_t> order = moves_.free();
    for (int left = kClimb; left > 0;) {
      const std::vector<bool> active = moves_.active(at.point);
      for (std::size_t k = order.size(); k > 1; --k) std::swap(order[k - 1], order[rng.below(k)]);
      bool moved = false;
      for (std::size_t k = 0; k < order.size() && left > 0 && !moved; ++k) {
        const std::size_t i = order[k];
        if (!active[i]) continue;
        const std::int64_t others = moves_.is_categorical(i) ? moves_.size(i) - 1 : 4;
        for (std::int64_t n = 0; n < others && left > 0 && !moved; ++n, --left) {
          Candidate next{0.0, at.point};
          if (moves_.is_categorical(i))
            next.point[i] = static_cast<double>(n < static_cast<std::int64_t>(at.point[i]) ? n : n + 1);
          else
            moves_.step(next.point, i, 0.2, rng);
          next.improvement = survey_.improvement(survey_.row(next.point));
          if (next.improvement <= at.improvement) continue;
          if (constrained && !moves_.config(next.point)) continue;
          at = std::move(next);
          moved = true;
        }
      }
      if (!moved) break;
    }
    return at;
  }

  Problem problem_;
  SmacSettings settings_;
  Moves moves_;
  Known known_;
  Observations seen_;
  Survey survey_;
  SobolPoints points_;
  std::uint64_t generation_ = 0;  // of the survey
  Scalar scalar_{0};
  std::vector<double> weights_;
  std::vector<std::size_t> best_;  // rows of the best losses
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, smac) {
  using namespace hone;
  using Type = OptionSpec::Type;
  registry.add(
      "searcher",
      MethodInfo{
          .name = "smac",
          .summary = "Random-forest Bayesian optimisation.",
          .paper = "Sequential Model-Based Optimization for General Algorithm Configuration",
          .options = {{.name = "n_initial",
                       .type = Type::integer,
                       .fallback = 0,
                       .summary =
                           "configs of the Sobol design; 0: 10 a parameter, at most a quarter of the budget",
                       .low = 0,
                       .high = 1e6},
                      {.name = "random_probability",
                       .type = Type::real,
                       .fallback = 0.2,
                       .summary = "share of the proposals that is random",
                       .low = 0.0,
                       .high = 1.0},
                      {.name = "n_random",
                       .type = Type::integer,
                       .fallback = 1000,
                       .summary = "random configs that the model is asked about for each proposal",
                       .low = 1,
                       .high = 1e6},
                      {.name = "max_observations",
                       .type = Type::integer,
                       .fallback = 2000,
                       .summary = "results that the model is of; beyond, bad ones make room for new ones",
                       .low = 50,
                       .high = 1e6}},
          .traits = "exact up to max_observations trials",
          .abilities = {.objectives = "several, weighted anew by each model",
                        .constraints = "avoided",
                        .conditions = "yes, inactive is a value",
                        .batch = "running trials count",
                        .fidelity = "the highest with enough results",
                        .ask = "O(d log n), every few results O(d n log n)",
                        .trials = "20 to 10,000"}},
      search::MakeSearcher([](const search::Problem& problem, const Options& options) {
        return std::make_unique<search::Smac>(
            problem, search::SmacSettings{
                         .n_initial = static_cast<std::size_t>(options.integer("n_initial")),
                         .random_probability = options.real("random_probability"),
                         .n_random = static_cast<int>(options.integer("n_random")),
                         .max_observations = static_cast<std::size_t>(options.integer("max_observations"))});
      }));
}
