#include <algorithm>
#include <unordered_set>
#include <utility>

#include "hone/search/individuals.h"
#include "hone/search/losses.h"
#include "hone/search/neighbourhood.h"

namespace hone::search {
namespace {

struct LocalSettings {
  int n_startup;
  int perturbation;
  double restart;
  bool steepest;
  int draws;
};

/// Iterated local search over one-exchange neighbourhoods, as ParamILS (Hutter et al., "ParamILS: An
/// Automatic Algorithm Configuration Framework", JAIR 2009, algorithm 1): from the best of n_startup random
/// configs it goes to the first neighbour that is better; in a local optimum it goes back to the optimum
/// before where that was better, changes `perturbation` parameters at random, and goes on; with probability
/// `restart` it begins anew from a random config. `improvement = "best"` evaluates the whole neighbourhood
/// and goes to its best, as White et al., "Local Search is State of the Art for Neural Architecture Search
/// Benchmarks", 2020.
///
/// - Neighbours: see Neighbourhood. Configs that the study holds already are passed over.
/// - Running trials: the next neighbours. Where all are out and none is known to be better, a perturbation of
///   the present config is proposed meanwhile. Any result that is better moves the search, whoever proposed.
/// - Several objectives: one number by ParEGO's augmented Tchebycheff function (see Scalar), whose weights
///   are drawn anew with every perturbation and restart, so that the optima lie along the front.
class LocalSearch : public Searcher {
 public:
  LocalSearch(const Problem& problem, const LocalSettings& settings)
      : problem_(problem),
        settings_(settings),
        moves_(problem.space),
        individuals_(problem_, moves_),
        neighbours_(moves_),
        scalar_(problem.objectives.size()) {
    draw_weights();
  }

  void update(const study::Change& change) override {
    using Event = Individuals::Event;
    const std::int64_t trial = change.trial->id;
    if (change.kind == study::Change::Kind::created) known_.insert(change.trial->config.key());
    const Event event = individuals_.update(change);
    switch (event) {
      case Event::born:
        created(trial);
        break;
      case Event::judged:
        judged(trial, true);
        break;
      case Event::judged_anew:
        if (individuals_.at(trial).standing != Individual::Standing::lost) {
          judged(trial, false);
          break;
        }
        lose(trial);
        individuals_.forget(trial);
        break;
      case Event::gone:
        lose(trial);
        break;
      case Event::nothing:
        return;
    }
    if (mode_ != Mode::descend || !neighbours_.exhausted() || !out_.empty()) return;
    if (best_out_ != kNobody)
      arrive(best_out_);
    else
      at_optimum();
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    Rng rng(problem_.seed, "local search", static_cast<std::uint64_t>(number),
            static_cast<std::uint32_t>(attempt));
    if (current_ == kNobody || moves_.free().empty() || gives_up(attempt)) return problem_.space.sample(rng);
    if (mode_ == Mode::restart) return problem_.space.sample(rng);
    if (mode_ == Mode::descend)
      if (auto config = neighbours_.left(attempt, known_)) return config;
    return perturbed(rng);
  }

 private:
  static constexpr std::int64_t kNobody = -1;
  enum class Mode { start, descend, perturb, restart };

  space::Config perturbed(Rng& rng) const {
    space::Point point = individuals_.at(current_).point;
    for (int k = 0; k < settings_.perturbation; ++k) {
      const std::vector<bool> active = moves_.active(point);
      std::vector<std::size_t> genes;
      for (const std::size_t i : moves_.free())
        if (active[i]) genes.push_back(i);
      if (!genes.empty()) moves_.redraw(point, genes[rng.below(genes.size())], rng);
    }
    return moves_.settle(point, &individuals_.at(current_).point, rng);
  }

  void created(std::int64_t trial) {
    if (mode_ == Mode::perturb || mode_ == Mode::restart) {
      // Who comes now is where the search goes on, whatever its worth.
      if (start_ == kNobody) start_ = trial;
    } else if (mode_ == Mode::descend && !neighbours_.exhausted()) {
      out_.insert(trial);
      neighbours_.pass(known_);
    }
  }

  void draw_weights() {
    Rng rng(problem_.seed, "local search weights", static_cast<std::uint64_t>(rounds_));
    weights_ = Scalar::draw_weights(problem_.objectives.size(), rng);
  }

  static std::vector<double> bounded(std::vector<double> values) {
    for (double& value : values) value = std::clamp(value, -kLargestLoss, kLargestLoss);
    return values;
  }

  void judged(std::int64_t trial, bool first) {
    const Individual& it = individuals_.at(trial);
    for (const auto& [fidelity, values] : it.values) scalar_.see(bounded(values));
    out_.erase(trial);
    const bool lost = it.standing == Individual::Standing::lost;
    if (first && mode_ == Mode::start) {
      ++started_;
      if (!lost && (current_ == kNobody || better(trial, current_))) replace(current_, trial);
      if (started_ >= settings_.n_startup && current_ != kNobody) arrive(current_);
    } else if (first && trial == start_) {
      start_ = kNobody;
      if (!lost) arrive(trial);
    } else if (mode_ == Mode::descend && !lost && trial != current_ && better(trial, current_)) {
      if (!settings_.steepest) {
        arrive(trial);
      } else if (best_out_ == kNobody || better(trial, best_out_)) {
        best_out_ = trial;
      }
    }
    tidy(trial);
  }

  /// The trial counts no longer.
  void lose(std::int64_t trial) {
    out_.erase(trial);
    if (optimum_ == trial) optimum_ = kNobody;
    if (best_out_ == trial) best_out_ = kNobody;
    if (start_ == trial) start_ = kNobody;
    if (current_ != trial) return;
    current_ = kNobody;
    if (mode_ != Mode::start) mode_ = Mode::restart;
  }

  void arrive(std::int64_t trial) {
    const std::int64_t before = current_;
    current_ = trial;
    best_out_ = kNobody;
    mode_ = Mode::descend;
    ++steps_;
    out_.clear();
    neighbours_.enter(individuals_.at(current_).point, settings_.draws, problem_.seed,
                      static_cast<std::uint64_t>(steps_), known_);
    if (before != kNobody) tidy(before);
  }

  /// The neighbourhood holds nothing better.
  void at_optimum() {
    const std::int64_t arrived = current_, before = optimum_;
    if (optimum_ != kNobody && optimum_ != current_ && better(optimum_, current_)) current_ = optimum_;
    optimum_ = current_;
    neighbours_.leave();
    Rng rng(problem_.seed, "local search restart", static_cast<std::uint64_t>(steps_));
    mode_ = rng.uniform() < settings_.restart ? Mode::restart : Mode::perturb;
    if (mode_ == Mode::restart) optimum_ = kNobody;
    ++rounds_;
    draw_weights();
    tidy(arrived);
    if (before != kNobody) tidy(before);
  }

  void replace(std::int64_t& place, std::int64_t trial) {
    const std::int64_t before = std::exchange(place, trial);
    if (before != kNobody) tidy(before);
  }

  void tidy(std::int64_t trial) {
    const Individual* it = individuals_.find(trial);
    if (it != nullptr && it->judged && trial != current_ && trial != optimum_ && trial != best_out_ &&
        trial != start_)
      individuals_.forget(trial);
  }

  bool better(std::int64_t a, std::int64_t b) const {
    const Individual &first = individuals_.at(a), &second = individuals_.at(b);
    if (problem_.objectives.size() < 2 || first.standing != second.standing ||
        first.standing == Individual::Standing::infeasible || first.values.empty() || second.values.empty())
      return individuals_.compare(first, second) < 0;
    for (auto entry = first.values.rbegin(); entry != first.values.rend(); ++entry)
      if (const auto other = second.values.find(entry->first); other != second.values.end())
        return scalar_.at(bounded(entry->second), weights_) < scalar_.at(bounded(other->second), weights_);
    return first.fidelity() > second.fidelity();
  }

  Problem problem_;
  LocalSettings settings_;
  Moves moves_;
  Individuals individuals_;
  std::unordered_set<Key> known_;
  Mode mode_ = Mode::start;
  int started_ = 0;
  std::int64_t current_ = kNobody;   // where the search stands
  std::int64_t optimum_ = kNobody;   // the local optimum that it was perturbed from
  std::int64_t best_out_ = kNobody;  // steepest: the best better neighbour so far
  std::int64_t start_ = kNobody;     // runs; the next descent begins there
  std::int64_t steps_ = 0, rounds_ = 0;
  Neighbourhood neighbours_;              // of where it stands
  std::unordered_set<std::int64_t> out_;  // proposed since the search stands here, and running
  Scalar scalar_;
  std::vector<double> weights_;
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, local_search) {
  using namespace hone;
  using Type = OptionSpec::Type;
  registry.add(
      "searcher",
      MethodInfo{
          .name = "local_search",
          .summary = "Iterated local search: better neighbours, and a few random changes in each optimum.",
          .paper = "ParamILS: An Automatic Algorithm Configuration Framework",
          .options = {{.name = "n_startup",
                       .type = Type::integer,
                       .fallback = 10,
                       .summary = "random configs, from the best of which it starts",
                       .low = 1,
                       .high = 1e6},
                      {.name = "perturbation",
                       .type = Type::integer,
                       .fallback = 3,
                       .summary = "parameters changed at random in a local optimum",
                       .low = 1,
                       .high = 1e4},
                      {.name = "restart",
                       .type = Type::real,
                       .fallback = 0.01,
                       .summary = "probability of a random restart in a local optimum",
                       .low = 0.0,
                       .high = 1.0},
                      {.name = "improvement",
                       .type = Type::text,
                       .fallback = "first",
                       .summary = "goes to the first better neighbour, or to the best of all",
                       .allowed = {"first", "best"}},
                      {.name = "draws",
                       .type = Type::integer,
                       .fallback = 4,
                       .summary = "neighbours for each number",
                       .low = 1,
                       .high = 1e3}},
          .abilities = {.objectives = "several",
                        .constraints = "avoided, by how much they are broken",
                        .conditions = "yes",
                        .batch = "next neighbours, then perturbations",
                        .fidelity = "compared where both have a result",
                        .ask = "O(d), a neighbourhood where most of it is known",
                        .trials = "20 to 1,000,000"}},
      search::MakeSearcher([](const search::Problem& problem, const Options& options) {
        return std::make_unique<search::LocalSearch>(
            problem, search::LocalSettings{.n_startup = static_cast<int>(options.integer("n_startup")),
                                           .perturbation = static_cast<int>(options.integer("perturbation")),
                                           .restart = options.real("restart"),
                                           .steepest = options.text("improvement") == "best",
                                           .draws = static_cast<int>(options.integer("draws"))});
      }));
}
