#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "hone/search/carbs_model.h"
#include "hone/search/known.h"
#include "hone/search/start.h"

namespace hone::search {
namespace {

using Row = predict::GaussianProcess::Row;

struct CarbsSettings {
  std::size_t n_initial;
  double radius;
  int candidates_per_parameter;
  std::int64_t resample_every;
  double exploration_bias;
  double max_cost;  // 0: none
};

/// CARBS (Fetterman et al., "Tune As You Scale: Hyperparameter Optimization For Compute Efficient Training",
/// 2023), with its authors' defaults: a local search around the front of performance against cost. Candidates
/// are Gaussian steps from members of the front; one Gaussian process says what each would achieve, another
/// what it would cost, a third (once something failed) whether it would succeed. The one is proposed whose
/// expected improvement over the front at its own cost, times the density of the search there, times the
/// probability of success is largest. The front's value counts as at least that at a random cost of the front
/// (log-uniform), which drives the search to its expensive end and beyond. The front begins at the 20th
/// percentile of the costs. The first n_initial configs are steps from the start: the option `start`, the
/// space's defaults, or (neither) a random config.
///
/// - Performance is the loss, mapped to a standard normal by sqrt(n) quantiles; cost is cost_of, its log
///   scaled to [-1, 1]; 1 where unknown. Kernels: see TrendProcess. Several objectives: ParEGO (see Scalar),
///   with other weights for each proposal.
/// - A start around which n_initial trials fail is left: random configs until one works, then steps from
///   those that did.
/// - The front between its members is interpolated, rather than by a Gaussian process, so that it ascends.
/// - Resampling a front's member, so that a lucky one is found out: a config can be in a study only once, so
///   its replicates are made by steps of a hundredth of the radius, and only where one leads to another
///   config. The member with the fewest as near as these is chosen, the cheapest of equals. What is that
///   near counts on the front as one, by its mean; a single result is on it where it is better than the best
///   of those before it (the authors' conservative choice).
/// - Trials that run: a draw from the first process (Thompson) counts as their result, of 32 of them.
/// - At most 2,000 candidates, and fewer beyond 100 parameters; the processes are of the front and the
///   latest results, 100 in all.
class Carbs : public Searcher {
 public:
  Carbs(const Problem& problem, const CarbsSettings& settings, const Node& start)
      : problem_(problem),
        settings_(settings),
        ground_(problem.space),
        known_(problem.space),
        seen_(problem, ground_.moves(), settings.n_initial, 1000),
        model_(ground_) {
    Rng rng(problem.seed, "carbs start");
    start_ = start_config(problem.space, start, rng);
    center_ = ground_.moves().filled(start_, rng);
  }

  void update(const study::Change& change) override {
    if (change.kind == study::Change::Kind::created && resamples_now()) ++resampled_;
    known_.update(change);
    seen_.update(change);
    const double cost = cost_of(problem_, *change.trial);
    if (std::isfinite(cost) && cost > 0.0) costs_[change.trial->id] = cost;
    fitted_ = false;
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    Rng rng(problem_.seed, "carbs", static_cast<std::uint64_t>(number), static_cast<std::uint32_t>(attempt));
    if (Known::gives_up(attempt) || ground_.moves().free().empty()) return known_.other(rng);
    if (seen_.rows().size() < settings_.n_initial) {
      if (known_.size() == 0 && attempt == 0) return start_;
      const bool fails = seen_.lost().size() >= settings_.n_initial;
      if (fails && seen_.rows().empty()) return problem_.space.sample(rng);
      const space::Point& center = fails ? seen_.rows()[rng.below(seen_.rows().size())].point : center_;
      space::Point point = ground_.step(center, settings_.radius, rng);
      return ground_.moves().settle(point, &center, rng);
    }
    if (!fitted_ || number != fitted_for_) fit(number);
    if (attempt < 4 && resamples_now())
      if (auto config = resampled(rng)) return config;
    if (auto config = promising(rng)) return config;
    const auto& front = model_.front();
    space::Point point = ground_.step(front[rng.below(front.size())].point, settings_.radius, rng);
    return ground_.moves().settle(point, nullptr, rng);
  }

 private:
  static constexpr std::size_t kMostCandidates = 2000;
  /// Within which configs count as one: three steps of resampling along every parameter.
  double near() const {
    return 0.03 * settings_.radius *
           std::sqrt(static_cast<double>(std::max<std::size_t>(1, ground_.moves().free().size())));
  }

  bool resamples_now() const {
    return settings_.resample_every > 0 &&
           static_cast<std::int64_t>(seen_.rows().size()) > (resampled_ + 1) * settings_.resample_every;
  }
  double cost(std::int64_t trial) const {
    const auto found = costs_.find(trial);
    return found == costs_.end() ? 1.0 : found->second;
  }

  void fit(std::int64_t number) {
    fitted_ = true;
    fitted_for_ = number;
    const std::size_t m = problem_.objectives.size();
    Rng rng(problem_.seed, "carbs fit", static_cast<std::uint64_t>(number));
    const std::vector<double> weights = Scalar::draw_weights(m, rng);
    Scalar scalar(m);
    std::vector<double> losses, costs;
    for (const auto& row : seen_.rows()) scalar.see(row.losses);
    for (const auto& row : seen_.rows()) {
      losses.push_back(scalar.at(row.losses, weights));
      costs.push_back(cost(row.trial));
    }
    model_.fit(seen_, losses, costs, near(), rng);
  }

  std::optional<space::Config> resampled(Rng& rng) const {
    const CarbsModel::Member* chosen = nullptr;
    std::size_t fewest = 0;
    for (const CarbsModel::Member& member : model_.front()) {
      std::size_t others = 0;
      const auto count = [&](const space::Point& point) {
        others += ground_.squared_distance(member.row, ground_.row(point), near()) < 1.0 ? 1 : 0;
      };
      for (const auto& row : seen_.rows()) count(row.point);
      for (const space::Point* point : seen_.running()) count(*point);
      if (chosen != nullptr && others >= fewest) continue;
      chosen = &member;
      fewest = others;
    }
    space::Point point = chosen->point;
    const space::Point moved = ground_.step(chosen->point, 0.01 * settings_.radius, rng);
    for (const std::size_t i : ground_.moves().free())
      if (!ground_.moves().is_categorical(i)) point[i] = moved[i];
    auto config = ground_.moves().config(point);
    return config && !known_.has(*config) ? config : std::nullopt;
  }

  std::optional<space::Config> promising(Rng& rng) const {
    const std::size_t d = std::max<std::size_t>(1, ground_.moves().free().size());
    const std::size_t most = std::clamp<std::size_t>(200000 / d, 200, kMostCandidates);
    const std::size_t count =
        std::min(most, d * static_cast<std::size_t>(settings_.candidates_per_parameter));
    const auto& front = model_.front();
    std::vector<space::Point> points;
    std::vector<Row> rows;
    for (std::size_t k = 0; k < count; ++k) {
      points.push_back(ground_.step(front[rng.below(front.size())].point, settings_.radius, rng));
      rows.push_back(ground_.row(points.back()));
    }
    const double threshold = model_.front_value(rng.uniform(front.front().log_cost, front.back().log_cost));
    const std::vector<double> scores =
        model_.scores(rows, {settings_.radius, settings_.exploration_bias, settings_.max_cost, threshold});
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    for (const std::size_t k : order) {
      if (!std::isfinite(scores[k])) break;
      auto config = ground_.moves().config(points[k]);
      if (config && !known_.has(*config)) return config;
    }
    return std::nullopt;
  }

  Problem problem_;
  CarbsSettings settings_;
  CarbsGround ground_;
  Known known_;
  Observations seen_;
  space::Config start_;
  space::Point center_;
  std::unordered_map<std::int64_t, double> costs_;  // by trial
  std::int64_t resampled_ = 0;
  CarbsModel model_;
  bool fitted_ = false;
  std::int64_t fitted_for_ = -1;
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, carbs) {
  using namespace hone;
  using Type = OptionSpec::Type;
  registry.add(
      "searcher",
      MethodInfo{
          .name = "carbs",
          .summary =
              "Local Bayesian search along the front of performance and cost, outward from a cheap start.",
          .paper = "Tune As You Scale: Hyperparameter Optimization For Compute Efficient Training",
          .options =
              {search::start_option("the config to search around at first: values by parameter; what it "
                                    "leaves out has its default or the middle of its scale"),
               {.name = "n_initial",
                .type = Type::integer,
                .fallback = 4,
                .summary = "results around the start before the models take over",
                .low = 2,
                .high = 1e4},
               {.name = "radius",
                .type = Type::real,
                .fallback = 0.3,
                .summary = "deviation of a step: in decades of a log scale, a third of it of a linear range",
                .low = 1e-3,
                .high = 10.0},
               {.name = "candidates_per_parameter",
                .type = Type::integer,
                .fallback = 100,
                .summary = "candidates that a proposal is the best of, by parameter (at most 2,000)",
                .low = 1,
                .high = 2000},
               {.name = "resample_every",
                .type = Type::integer,
                .fallback = 5,
                .summary = "one proposal in so many evaluates a member of the front again; 0: none",
                .low = 0,
                .high = 1e6},
               {.name = "exploration_bias",
                .type = Type::real,
                .fallback = 1.0,
                .summary = "improvement that counts as none, in deviations of the results",
                .low = 0.0,
                .high = 10.0},
               {.name = "max_cost",
                .type = Type::real,
                .fallback = 0.0,
                .summary = "nothing is proposed that is predicted to cost more; 0: no bound",
                .low = 0.0,
                .high = 1e300}},
          .traits = "needs costs; models the front and the latest 100 results",
          .abilities = {.objectives = "one and the cost; several are weighted anew by each proposal",
                        .constraints = "probability of success",
                        .conditions = "yes",
                        .batch = "running trials count (Thompson)",
                        .fidelity = "the highest with enough results",
                        .ask = "O(min(n, 100)^3)",
                        .trials = "10 to 1,000"}},
      search::MakeSearcher([](const search::Problem& problem, const Options& options) {
        return std::make_unique<search::Carbs>(
            problem,
            search::CarbsSettings{
                .n_initial = static_cast<std::size_t>(options.integer("n_initial")),
                .radius = options.real("radius"),
                .candidates_per_parameter = static_cast<int>(options.integer("candidates_per_parameter")),
                .resample_every = options.integer("resample_every"),
                .exploration_bias = options.real("exploration_bias"),
                .max_cost = options.real("max_cost")},
            options.table("start"));
      }));
}
