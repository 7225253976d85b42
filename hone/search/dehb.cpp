#include <algorithm>
#include <cmath>
#include <memory>

#include "hone/search/de_population.h"

namespace hone::search {
namespace {

/// DEHB (Awad, Mallik and Hutter, "DEHB: Evolutionary Hyperband for Scalable, Robust and Efficient
/// Hyperparameter Optimization", IJCAI 2021): a population of differential evolution for each fidelity, whose
/// mutants are made of the best of the next lower one's, so that what is cheap guides what is dear.
///
/// - The fidelities are the problem's rungs, r[0] < ... < r[K - 1]. The population at r[j] has as many places
///   as one of Hyperband's brackets needs there at most: bracket s = 0 ... K - 1 begins at r[K - 1 - s] with
///   n = ceil(K eta^s / (s + 1)) configs and has floor(n / eta^i) at the i-th rung above, as the scheduler
///   `dehb` has it (the authors' program begins with floor(K / (s + 1)) eta^s). eta is the ratio of the last
///   two rungs, rounded, at least 2. At least 1 place, at most 1000; with one rung alone it is DE with 20.
/// - A proposal at r[j], j > 0: a target of population j in turn; mutant from the best of population j - 1,
///   as many as population j has places; where these are fewer than three, the best of all the populations
///   join them. At r[0]: from its own population. rand/1/bin, F = CR = 0.5, immediate replacement. (In the
///   paper's first stage of a bracket the mutant comes from the target's own population at any rung; what
///   bracket a trial is for a searcher does not know.)
/// - A result at a fidelity that its trial was not made for (the first round of the scheduler `dehb` and
///   other schedulers promote) takes an empty place there, or the worst member's where it is better.
/// - A new trial at a rung whose population has empty places: at r[0] random; above, a member of population
///   j - 1, the best first, stands for the target.
class Dehb : public Searcher {
 public:
  Dehb(const Problem& problem, double F, double CR)
      : problem_(problem), moves_(problem.space), individuals_(problem_, moves_), F_(F), CR_(CR) {
    std::vector<std::int64_t> rungs = problem.rungs;
    if (rungs.empty()) rungs.push_back(problem.horizon);
    const std::size_t k = rungs.size();
    const double eta =
        k < 2 ? 3.0
              : std::max(2.0, std::round(static_cast<double>(rungs[k - 1]) /
                                         static_cast<double>(std::max<std::int64_t>(rungs[k - 2], 1))));
    std::vector<double> most(k, k == 1 ? 20.0 : 1.0);
    for (std::size_t s = 0; s < k && k > 1; ++s) {
      const double n = std::ceil(static_cast<double>(k) * std::pow(eta, static_cast<double>(s)) /
                                 static_cast<double>(s + 1));
      for (std::size_t i = 0; i <= s; ++i) {
        const double here = std::floor(n / std::pow(eta, static_cast<double>(i)));
        most[k - 1 - s + i] = std::max(most[k - 1 - s + i], std::min(here, kMost));
      }
    }
    for (std::size_t j = 0; j < k; ++j) levels_.emplace_back(rungs[j], individuals_, most[j]);
  }

  void update(const study::Change& change) override {
    using Event = Individuals::Event;
    const std::int64_t trial = change.trial->id;
    const Event event = individuals_.update(change);
    if (individuals_.find(trial) == nullptr || event == Event::gone) {
      for (Level& level : levels_) {
        level.population.remove(trial);
        std::erase(level.judged, trial);
      }
      return;
    }
    if (change.kind == study::Change::Kind::started && !individuals_.at(trial).judged)
      level_of(change.trial->target).population.begin(trial);
    if (event != Event::judged && event != Event::judged_anew) return;
    const Individual& it = individuals_.at(trial);
    const bool runs = change.trial->state == study::TrialState::running ||
                      change.trial->state == study::TrialState::waiting;
    if (it.standing == Individual::Standing::lost) {
      for (Level& level : levels_) level.population.remove(trial);
    } else {
      std::vector<std::int64_t> fidelities;
      for (const auto& [fidelity, values] : it.values) fidelities.push_back(fidelity);
      for (const std::int64_t fidelity : fidelities) {
        Level& level = level_of(fidelity);
        if (runs && fidelity != level.fidelity) continue;  // on its way to the level
        if (std::find(level.judged.begin(), level.judged.end(), trial) != level.judged.end()) continue;
        level.judged.push_back(trial);
        const std::int64_t loser = level.population.judge(trial);
        if (loser != trial) settle(loser);
      }
    }
    settle(trial);
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    Rng rng(problem_.seed, "dehb", static_cast<std::uint64_t>(number), static_cast<std::uint32_t>(attempt));
    if (gives_up(attempt)) return problem_.space.sample(rng);
    Level& level = level_of(aim() > 0 ? aim() : levels_.back().fidelity);
    Level* below = &level == &levels_.front() ? nullptr : &level - 1;
    std::int64_t target = level.population.member(level.population.turn());
    if (target == DePopulation::kNobody && below != nullptr) {
      // What runs here stands for what was promoted before.
      const auto best = below->population.best(below->population.size());
      if (!best.empty()) target = best[level.population.filled() % best.size()];
    }
    if (target == DePopulation::kNobody) return problem_.space.sample(rng);

    std::vector<std::int64_t> pool = below != nullptr ? below->population.best(level.population.size())
                                                      : level.population.best(level.population.size());
    std::erase(pool, target);
    for (auto other = levels_.rbegin(); other != levels_.rend() && pool.size() < 3; ++other)
      for (const std::int64_t member : other->population.best(4))
        if (member != target && std::find(pool.begin(), pool.end(), member) == pool.end())
          pool.push_back(member);
    std::vector<Genome> genomes;
    for (const std::int64_t member : pool)
      genomes.push_back(genome_of(moves_, individuals_.at(member).point));
    while (genomes.size() < 3) genomes.push_back(genome_of(moves_, moves_.draw(rng)));
    std::vector<const Genome*> parents;
    for (const Genome& genome : genomes) parents.push_back(&genome);
    const space::Point& origin = individuals_.at(target).point;
    space::Point child =
        point_of(moves_, de_offspring(genome_of(moves_, origin), parents, F_, CR_, rng), origin);
    return moves_.settle(child, &origin, rng);
  }

 private:
  static constexpr double kMost = 1000.0;

  struct Level {
    Level(std::int64_t at, const Individuals& individuals, double size)
        : fidelity(at), population(individuals, static_cast<std::size_t>(size)) {}
    std::int64_t fidelity;
    DePopulation population;
    std::vector<std::int64_t> judged;  // of those kept, who had a result here before
  };

  /// The first at or above a fidelity; the last where there is none.
  Level& level_of(std::int64_t fidelity) {
    for (Level& level : levels_)
      if (level.fidelity >= fidelity) return level;
    return levels_.back();
  }

  /// Forgets a trial that no population holds and that runs no more.
  void settle(std::int64_t trial) {
    const Individual* it = individuals_.find(trial);
    if (it == nullptr || !it->judged) return;
    const auto holds = [&](const Level& level) { return level.population.has(trial); };
    if (std::any_of(levels_.begin(), levels_.end(), holds)) return;
    individuals_.forget(trial);
    for (Level& level : levels_) {
      level.population.remove(trial);
      std::erase(level.judged, trial);
    }
  }

  Problem problem_;
  Moves moves_;
  Individuals individuals_;
  std::vector<Level> levels_;
  double F_, CR_;
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, dehb) {
  using namespace hone;
  registry.add(
      "searcher",
      MethodInfo{
          .name = "dehb",
          .summary = "Differential evolution over fidelities: the best of the cheaper guide the dearer.",
          .paper = "DEHB: Evolutionary Hyperband for Scalable, Robust and Efficient Hyperparameter "
                   "Optimization",
          .options = search::de_options(),
          .traits = "made for scheduler dehb; populations of at most 1000",
          .abilities = {.objectives = "several",
                        .constraints = "avoided, by how much they are broken",
                        .conditions = "filled in",
                        .batch = "immediate replacement",
                        .fidelity = "a population each",
                        .ask = "O(population d)",
                        .trials = "50 to 1,000,000"}},
      search::MakeSearcher([](const search::Problem& problem, const Options& options) {
        return std::make_unique<search::Dehb>(problem, options.real("F"), options.real("CR"));
      }));
}
