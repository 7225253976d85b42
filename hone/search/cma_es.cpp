#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>

#include "hone/base/numbers.h"
#include "hone/search/cma.h"
#include "hone/search/individuals.h"

namespace hone::search {
namespace {

struct CmaSettings {
  std::int64_t population;
  double sigma;
  std::string restarts;
  bool margin;
  int full;
};

/// CMA-ES over all numbers and categories together (see Cma for the papers): the tutorial's defaults, a
/// margin for grids, CatCMA's distributions for categories.
///
/// - Asynchronous: a generation is over when lambda results have come since it began, whoever's. While some
///   are out more samples of the same distribution are proposed; what comes late, and what others proposed,
///   counts as injected. Results of a run before the last restart do not count.
/// - Failed ones stand last and teach nothing good; those that break limits stand before them, by how much.
///   Several objectives: the order of non-dominated rank, then crowding distance, within the generation.
/// - Restarts: Auger and Hansen, "A Restart CMA Evolution Strategy With Increasing Population Size", 2005
///   (ipop): twice the lambda, from a random mean; or Hansen, "Benchmarking a BI-Population CMA-ES on the
///   BBOB-2009 Function Testbed", 2009 (bipop): in turn also runs of small lambda and sigma, whichever kind
///   has had fewer trials. Beside the tutorial's rules a run also ends when its samples are mostly configs
///   that the study holds already. `none`: then the distribution stays as it is.
/// - The first run starts in the middle with a deviation of a sixth of each scale: the ends lie three away,
///   as the tutorial wants where the optimum is expected within them. Numbers beyond an end are
///   mirrored. Inactive parameters are sampled along. A sample that constraints forbid is drawn anew, 16
///   times, then repaired and counts as injected.
class CmaEs : public Searcher {
 public:
  CmaEs(const Problem& problem, const CmaSettings& settings)
      : problem_(problem), settings_(settings), moves_(problem.space), individuals_(problem_, moves_) {
    for (const std::size_t i : moves_.free()) {
      if (moves_.is_categorical(i)) {
        categories_.push_back(i);
        sizes_.push_back(static_cast<int>(moves_.size(i)));
      } else {
        numbers_.push_back(i);
        scales_.emplace_back(problem_.space.parameter(i));
      }
    }
    lambda_ = settings.population > 0 ? static_cast<int>(settings.population)
                                      : Cma::default_lambda(moves_.free().size());
    large_ = lambda_;
    Rng rng(problem.seed, "cma_es base");
    if (!moves_.free().empty()) base_ = moves_.draw(rng);
    begin(lambda_, Eigen::VectorXd::Constant(static_cast<Eigen::Index>(numbers_.size()), 0.5),
          settings.sigma);
  }

  void update(const study::Change& change) override {
    using Event = Individuals::Event;
    if (moves_.free().empty()) return;
    const std::int64_t trial = change.trial->id;
    switch (individuals_.update(change)) {
      case Event::born:
        rows_[trial] = recall(*change.trial);
        return;
      case Event::judged:
        if (rows_.at(trial).run != run_) return forget(trial);
        told_.push_back(trial);
        if (static_cast<int>(told_.size()) >= cma_->lambda()) turn_over();
        return;
      case Event::gone:
        std::erase(told_, trial);
        if (individuals_.find(trial) == nullptr) rows_.erase(trial);
        return;
      default:
        return;
    }
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    if (!moves_.free().empty() && !gives_up(attempt)) return propose(number, attempt).config;
    Rng rng(problem_.seed, "cma_es rest", static_cast<std::uint64_t>(number),
            static_cast<std::uint32_t>(attempt));
    return problem_.space.sample(rng);
  }

 private:
  static constexpr int kTries = 16;
  static constexpr int kRecalled = 4;
  static constexpr int kMostDoublings = 7;

  struct Row {
    Cma::Sample sample;
    std::int64_t run = 0;
    std::int64_t generation = -1;  // -1: not drawn from the distribution, its numbers are positions
  };
  struct Proposal {
    space::Config config;
    Row row;
  };

  Row row_of(const space::Point& point) const {
    Row row;
    row.run = run_;
    row.sample.numbers.resize(static_cast<Eigen::Index>(numbers_.size()));
    for (std::size_t k = 0; k < numbers_.size(); ++k)
      row.sample.numbers[static_cast<Eigen::Index>(k)] = point[numbers_[k]];
    for (const std::size_t i : categories_) row.sample.categories.push_back(static_cast<int>(point[i]));
    return row;
  }

  Proposal propose(std::int64_t number, int attempt) const {
    Rng rng(problem_.seed, "cma_es", static_cast<std::uint64_t>(number), static_cast<std::uint32_t>(attempt));
    space::Point point = base_;
    for (int tries = 0; tries < kTries; ++tries) {
      Cma::Sample sample = cma_->draw(rng);
      const std::vector<double> positions = cma_->positions(sample.numbers);
      for (std::size_t k = 0; k < numbers_.size(); ++k) point[numbers_[k]] = positions[k];
      for (std::size_t k = 0; k < categories_.size(); ++k) point[categories_[k]] = sample.categories[k];
      if (auto config = moves_.config(point))
        return {std::move(*config), {std::move(sample), run_, cma_->generation()}};
    }
    moves_.snap(point);
    space::Config config = moves_.settle(point, nullptr, rng);
    return {std::move(config), row_of(point)};
  }

  /// The sample that a trial's config came from: drawn again, since whoever asked may be another process.
  Row recall(const study::Trial& trial) {
    for (int attempt = 0; attempt < kRecalled; ++attempt) {
      Proposal proposal = propose(trial.id, attempt);
      if (proposal.config != trial.config) continue;
      repeats_ += attempt;
      return std::move(proposal.row);
    }
    repeats_ += kRecalled;
    return row_of(individuals_.at(trial.id).point);
  }

  void forget(std::int64_t trial) {
    individuals_.forget(trial);
    rows_.erase(trial);
  }

  void turn_over() {
    individuals_.sort(told_);
    std::vector<Cma::Told> ranked;
    for (const std::int64_t trial : told_) {
      const Individual& it = individuals_.at(trial);
      Row& row = rows_.at(trial);
      if (row.generation < 0) row.sample.numbers = cma_->numbers_at(row.sample.numbers);
      const bool one = problem_.objectives.size() == 1 && !it.values.empty();
      ranked.push_back({.sample = &row.sample,
                        .own = row.generation == cma_->generation(),
                        .lost = it.standing == Individual::Standing::lost ||
                                (it.standing == Individual::Standing::infeasible && std::isinf(it.violation)),
                        .value = one ? it.values.rbegin()->second[0] : kNaN});
    }
    if (!finished_) cma_->update(ranked);
    spent_ += static_cast<std::int64_t>(told_.size());
    for (const std::int64_t trial : told_) forget(trial);
    told_.clear();
    const bool stuck = repeats_ > 3 * static_cast<std::int64_t>(ranked.size());
    repeats_ = 0;
    if (settings_.restarts == "none") {
      finished_ = finished_ || cma_->should_stop();
      if (!cma_->is_sound()) restart();
    } else if (cma_->is_astray()) {
      Rng rng(problem_.seed, "cma_es astray", static_cast<std::uint64_t>(run_));
      begin(cma_->lambda(), drawn_mean(rng), settings_.sigma);
    } else if (stuck || cma_->should_stop()) {
      restart();
    }
  }

  Eigen::VectorXd drawn_mean(Rng& rng) const {
    Eigen::VectorXd mean(static_cast<Eigen::Index>(numbers_.size()));
    for (Eigen::Index i = 0; i < mean.size(); ++i) mean[i] = rng.uniform();
    return mean;
  }

  void restart() {
    Rng rng(problem_.seed, "cma_es restart", static_cast<std::uint64_t>(run_));
    (is_small_ ? spent_small_ : spent_large_) += spent_;
    Eigen::VectorXd mean = drawn_mean(rng);
    is_small_ = settings_.restarts == "bipop" && run_ > 0 && spent_small_ < spent_large_;
    if (is_small_) {
      const double u = rng.uniform();
      const double ratio = 0.5 * static_cast<double>(large_) / static_cast<double>(lambda_);
      const int lambda = static_cast<int>(lambda_ * std::pow(ratio, u * u));
      return begin(std::max(lambda, lambda_), std::move(mean),
                   settings_.sigma * std::pow(10.0, -2.0 * rng.uniform()));
    }
    large_ = std::min(2 * large_, lambda_ << kMostDoublings);
    begin(large_, std::move(mean), settings_.sigma);
  }

  void begin(int lambda, Eigen::VectorXd mean, double sigma) {
    std::vector<const space::Scale*> scales;
    for (const space::Scale& scale : scales_) scales.push_back(&scale);
    cma_.emplace(scales, sizes_, lambda, std::move(mean), sigma, settings_.full, settings_.margin);
    ++run_;
    spent_ = 0;
    finished_ = false;
  }

  Problem problem_;
  CmaSettings settings_;
  Moves moves_;
  Individuals individuals_;
  std::vector<std::size_t> numbers_, categories_;
  std::vector<int> sizes_;
  std::vector<space::Scale> scales_;
  space::Point base_;  // entries that no sample decides
  std::optional<Cma> cma_;
  std::unordered_map<std::int64_t, Row> rows_;  // of running trials and the present generation
  std::vector<std::int64_t> told_;              // judged since the generation began
  int lambda_ = 4, large_ = 4;
  bool is_small_ = false, finished_ = false;
  std::int64_t run_ = -1, spent_ = 0, spent_small_ = 0, spent_large_ = 0, repeats_ = 0;
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, cma_es) {
  using namespace hone;
  using Type = OptionSpec::Type;
  registry.add(
      "searcher",
      MethodInfo{
          .name = "cma_es",
          .summary =
              "CMA-ES with margin: a normal distribution that learns the landscape's shape, with restarts.",
          .paper = "CMA-ES with Margin: Lower-Bounding Marginal Probability for Mixed-Integer Black-Box "
                   "Optimization",
          .options = {{.name = "population",
                       .type = Type::integer,
                       .fallback = 0,
                       .summary = "results a generation (lambda); 0: 4 + 3 ln d",
                       .low = 0,
                       .high = 1e5},
                      {.name = "sigma",
                       .type = Type::real,
                       .fallback = 1.0 / 6.0,
                       .summary = "deviation at the start, as a share of each scale",
                       .low = 1e-6,
                       .high = 10.0},
                      {.name = "restarts",
                       .type = Type::text,
                       .fallback = "ipop",
                       .summary = "with twice the population, also with small ones in turn, or never",
                       .allowed = {"ipop", "bipop", "none"}},
                      {.name = "margin",
                       .type = Type::flag,
                       .fallback = true,
                       .summary = "keeps a least probability of leaving a grid's value"},
                      {.name = "full",
                       .type = Type::integer,
                       .fallback = 200,
                       .summary = "numbers up to which the whole covariance is learnt; beyond, its diagonal",
                       .low = 0,
                       .high = 5000}},
          .traits = "after the tutorial of Hansen; CatCMA for categories",
          .abilities = {.objectives = "several",
                        .constraints = "avoided, by how much they are broken",
                        .conditions = "filled in",
                        .batch = "samples of the same distribution",
                        .fidelity = "who went further is better",
                        .ask = "O(d^2), O(d) beyond `full`",
                        .trials = "100 to 1,000,000"}},
      search::MakeSearcher([](const search::Problem& problem, const Options& options) {
        std::int64_t population = options.integer("population");
        if (population > 0 && population < 4)
          throw Error("cma_es needs a population of at least 4", options.place("population"));
        return std::make_unique<search::CmaEs>(
            problem, search::CmaSettings{.population = population,
                                         .sigma = options.real("sigma"),
                                         .restarts = options.text("restarts"),
                                         .margin = options.flag("margin"),
                                         .full = static_cast<int>(options.integer("full"))});
      }));
}
