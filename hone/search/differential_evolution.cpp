#include "hone/search/de_population.h"
#include "hone/search/novelty.h"

namespace hone::search {
namespace {

/// Differential evolution (Storn and Price, "Differential Evolution - A Simple and Efficient Heuristic for
/// Global Optimization over Continuous Spaces", 1997), rand/1/bin, over unit vectors with categories as in
/// DEHB (see Genome). Asynchronous with immediate replacement: slots are targets in turn, a result replaces
/// the target's present holder where it is at least as good.
///
/// A failed trial leaves its slot as it was; before every slot had its first result, and as long as fewer
/// than four have, configs are random. Several objectives: who dominates wins; else who is before the other
/// by non-dominated rank and crowding distance in the population that both belong to. One that breaks limits
/// loses by how much. The default of 20 members is DEHB's for hyperparameters (the paper's 5 to 10 d takes
/// more trials than most studies have).
class DifferentialEvolution : public Searcher {
 public:
  DifferentialEvolution(const Problem& problem, std::int64_t population, double F, double CR,
                        bool functional_change, bool tabu)
      : problem_(problem),
        moves_(problem.space),
        novelty_(problem_, moves_, functional_change, tabu),
        individuals_(problem_, moves_),
        population_(individuals_, population_size(problem, population, 20)),
        F_(F),
        CR_(CR) {}

  void update(const study::Change& change) override {
    using Event = Individuals::Event;
    const std::int64_t trial = change.trial->id;
    novelty_.update(change);
    switch (individuals_.update(change)) {
      case Event::born:
        return population_.begin(trial);
      case Event::judged:
        return leave(population_.judge(trial));
      case Event::judged_anew:
        if (individuals_.at(trial).standing != Individual::Standing::lost) return;
        individuals_.forget(trial);
        return population_.remove(trial);
      case Event::gone:
        population_.remove(trial);
        if (individuals_.find(trial) != nullptr) population_.begin(trial);
        return;
      default:
        return;
    }
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    Rng rng(problem_.seed, "differential evolution", static_cast<std::uint64_t>(number),
            static_cast<std::uint32_t>(attempt));
    const std::int64_t target = population_.member(population_.turn());
    if (target == DePopulation::kNobody || population_.filled() < 4 || gives_up(attempt))
      return novelty_.sample(rng);
    std::vector<Genome> genomes;
    for (std::size_t slot = 0; slot < population_.size(); ++slot) {
      const std::int64_t member = population_.member(slot);
      if (member != target && member != DePopulation::kNobody)
        genomes.push_back(genome_of(moves_, individuals_.at(member).point));
    }
    std::vector<const Genome*> parents;
    for (const Genome& genome : genomes) parents.push_back(&genome);
    const space::Point& origin = individuals_.at(target).point;
    space::Point child =
        point_of(moves_, de_offspring(genome_of(moves_, origin), parents, F_, CR_, rng), origin);
    return novelty_.insist(moves_.settle(child, &origin, rng), origin, rng);
  }

 private:
  void leave(std::int64_t trial) {
    if (trial != DePopulation::kNobody) individuals_.forget(trial);
  }

  Problem problem_;
  Moves moves_;
  Novelty novelty_;
  Individuals individuals_;
  DePopulation population_;
  double F_, CR_;
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, differential_evolution) {
  using namespace hone;
  auto own = search::de_options();
  own.insert(own.begin(), search::population_option(20, 1e5));
  registry.add(
      "searcher",
      MethodInfo{
          .name = "differential_evolution",
          .summary = "Differential evolution: moves along differences between members of a population.",
          .paper = "Differential Evolution - A Simple and Efficient Heuristic for Global Optimization over "
                   "Continuous Spaces",
          .options = search::Novelty::options(std::move(own)),
          .abilities = {.objectives = "several",
                        .constraints = "avoided, by how much they are broken",
                        .conditions = "filled in",
                        .batch = "immediate replacement",
                        .fidelity = "compared where both have a result",
                        .ask = "O(population d)",
                        .trials = "50 to 1,000,000"}},
      search::MakeSearcher([](const search::Problem& problem, const Options& options) {
        return std::make_unique<search::DifferentialEvolution>(
            problem, options.integer("population"), options.real("F"), options.real("CR"),
            options.flag("functional_change"), options.flag("tabu"));
      }));
}
