#include "hone/search/generations.h"
#include "hone/search/novelty.h"

namespace hone::search {
namespace {

struct GeneticSettings {
  std::int64_t population;
  std::int64_t elite;
  std::size_t tournament;
  bool functional_change, tabu;
  double crossover;
  double mutation;
};

/// The genetic algorithm that architecture search is compared with ("Grid Search, Random Search, Genetic
/// Algorithm: A Big Comparison for NAS", 2019), in the textbook's form: parents by tournament, uniform
/// crossover (each parameter from either parent), mutation of each parameter with a small probability (a
/// category to any other, a number by a Gaussian step of deviation 0.2 along its scale), and elitism: the
/// best of a generation live on.
///
/// Asynchronous: see Generations; before the first generation is complete, random configs. A child that
/// equals its first parent is mutated in one parameter. Several objectives: best is the least non-dominated
/// rank, then the largest crowding distance. Failed ones never enter; those that break limits lose by how
/// much they do.
class Genetic : public Searcher {
 public:
  Genetic(const Problem& problem, const GeneticSettings& settings)
      : problem_(problem),
        settings_(settings),
        moves_(problem.space),
        novelty_(problem_, moves_, settings.functional_change, settings.tabu),
        generations_(problem_, moves_, population_size(problem, settings.population, 50),
                     elite(problem, settings)) {}

  void update(const study::Change& change) override {
    novelty_.update(change);
    generations_.update(change);
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    Rng rng(problem_.seed, "genetic", static_cast<std::uint64_t>(number),
            static_cast<std::uint32_t>(attempt));
    const std::vector<std::size_t>& genes = moves_.free();
    if (generations_.population().empty() || genes.empty() || gives_up(attempt)) return novelty_.sample(rng);
    const space::Point& mother = generations_.point(generations_.tournament(settings_.tournament, rng));
    const space::Point& father = generations_.point(generations_.tournament(settings_.tournament, rng));
    space::Point child = mother;
    if (rng.uniform() < settings_.crossover)
      for (const std::size_t i : genes)
        if (rng.below(2) == 1) child[i] = father[i];
    const double rate =
        settings_.mutation > 0.0 ? settings_.mutation : 1.0 / static_cast<double>(genes.size());
    for (const std::size_t i : genes)
      if (rng.uniform() < rate) moves_.step(child, i, 0.2, rng);
    if (child == mother || child == father) moves_.step(child, genes[rng.below(genes.size())], 0.2, rng);
    return novelty_.insist(moves_.settle(child, &mother, rng), mother, rng);
  }

 private:
  static std::size_t elite(const Problem& problem, const GeneticSettings& settings) {
    const std::size_t size = population_size(problem, settings.population, 50);
    return std::min(static_cast<std::size_t>(settings.elite), size - 1);
  }

  Problem problem_;
  GeneticSettings settings_;
  Moves moves_;
  Novelty novelty_;
  Generations generations_;
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, genetic) {
  using namespace hone;
  using Type = OptionSpec::Type;
  registry.add(
      "searcher",
      MethodInfo{.name = "genetic",
                 .summary = "Genetic algorithm: tournaments, uniform crossover, mutation, elitism.",
                 .paper = "Grid Search, Random Search, Genetic Algorithm: A Big Comparison for NAS",
                 .options = search::Novelty::options(
                     {search::population_option(50),
                      {.name = "elite",
                       .type = Type::integer,
                       .fallback = 2,
                       .summary = "best members that live on into the next generation",
                       .low = 0,
                       .high = 1e6},
                      {.name = "tournament",
                       .type = Type::integer,
                       .fallback = 3,
                       .summary = "members drawn, the best of which becomes a parent",
                       .low = 1,
                       .high = 1e6},
                      {.name = "crossover",
                       .type = Type::real,
                       .fallback = 0.9,
                       .summary = "probability that a child has two parents",
                       .low = 0.0,
                       .high = 1.0},
                      {.name = "mutation",
                       .type = Type::real,
                       .fallback = 0.0,
                       .summary = "probability that a parameter is changed; 0: one over their number",
                       .low = 0.0,
                       .high = 1.0}}),
                 .abilities = {.objectives = "several",
                               .constraints = "avoided, by how much they are broken",
                               .conditions = "yes",
                               .batch = "asynchronous generations",
                               .fidelity = "who went further is better",
                               .ask = "O(d)",
                               .trials = "50 to 1,000,000"}},
      search::MakeSearcher([](const search::Problem& problem, const Options& options) {
        return std::make_unique<search::Genetic>(
            problem,
            search::GeneticSettings{.population = options.integer("population"),
                                    .elite = options.integer("elite"),
                                    .tournament = static_cast<std::size_t>(options.integer("tournament")),
                                    .functional_change = options.flag("functional_change"),
                                    .tabu = options.flag("tabu"),
                                    .crossover = options.real("crossover"),
                                    .mutation = options.real("mutation")});
      }));
}
