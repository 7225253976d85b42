#include <algorithm>
#include <cmath>

#include "hone/search/generations.h"
#include "hone/search/novelty.h"

namespace hone::search {
namespace {

struct NsgaSettings {
  std::int64_t population;
  bool functional_change, tabu;
  double crossover;
  double eta_crossover;
  double eta_mutation;
};

/// Simulated binary crossover of two numbers in [0, 1] (Deb and Agrawal, "Simulated Binary Crossover for
/// Continuous Search Space", 1995; bounded as in Deb's NSGA-II): `a` and `b` become the two children.
void cross(double& a, double& b, double eta, Rng& rng) {
  if (std::abs(a - b) < 1e-14) return;
  const bool swapped = a > b;
  if (swapped) std::swap(a, b);
  const double u = rng.uniform(), spread = b - a, middle = a + b;
  const auto stretch = [&](double room) {
    const double alpha = 2.0 - std::pow(1.0 + 2.0 * room / spread, -(eta + 1.0));
    return u <= 1.0 / alpha ? std::pow(u * alpha, 1.0 / (eta + 1.0))
                            : std::pow(1.0 / (2.0 - u * alpha), 1.0 / (eta + 1.0));
  };
  const double low = 0.5 * (middle - stretch(a) * spread);
  const double high = 0.5 * (middle + stretch(1.0 - b) * spread);
  a = std::clamp(low, 0.0, 1.0);
  b = std::clamp(high, 0.0, 1.0);
  if (swapped != (rng.below(2) == 1)) std::swap(a, b);
}

/// Polynomial mutation of a number in [0, 1] (Deb, bounded as in NSGA-II's code).
double mutated(double x, double eta, Rng& rng) {
  const double u = rng.uniform(), power = 1.0 / (eta + 1.0);
  const double delta =
      u < 0.5 ? std::pow(2.0 * u + (1.0 - 2.0 * u) * std::pow(1.0 - x, eta + 1.0), power) - 1.0
              : 1.0 - std::pow(2.0 * (1.0 - u) + (2.0 * u - 1.0) * std::pow(x, eta + 1.0), power);
  return std::clamp(x + delta, 0.0, 1.0);
}

/// NSGA-II (Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", 2002): of parents and
/// offspring together the best by non-dominated rank, then by crowding distance, are the next parents; mates
/// are chosen by binary tournaments of the same order. Limits by constraint domination: what keeps them is
/// before what breaks them, which goes by the sum of its violations.
///
/// - Numbers: simulated binary crossover, each with probability a half where the pair is crossed at all, and
///   polynomial mutation with probability 1/d along their scales; on a grid a mutation goes to another value
///   at least. Categories: exchanged with probability a half, mutated to any other.
/// - Asynchronous generations (see Generations); the first is random. One child of the two is proposed.
/// - Kept are the population and the offspring so far, whatever the study's length.
class Nsga2 : public Searcher {
 public:
  Nsga2(const Problem& problem, const NsgaSettings& settings)
      : problem_(problem),
        settings_(settings),
        moves_(problem.space),
        novelty_(problem_, moves_, settings.functional_change, settings.tabu),
        generations_(problem_, moves_, population_size(problem, settings.population, 100),
                     population_size(problem, settings.population, 100)) {}

  void update(const study::Change& change) override {
    novelty_.update(change);
    generations_.update(change);
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    Rng rng(problem_.seed, "nsga2", static_cast<std::uint64_t>(number), static_cast<std::uint32_t>(attempt));
    const std::vector<std::size_t>& genes = moves_.free();
    if (generations_.population().empty() || genes.empty() || gives_up(attempt)) return novelty_.sample(rng);
    const space::Point& origin = generations_.point(generations_.tournament(2, rng));
    space::Point child = origin, other = generations_.point(generations_.tournament(2, rng));
    if (rng.uniform() < settings_.crossover)
      for (const std::size_t i : genes) {
        if (rng.below(2) == 0) continue;
        if (moves_.is_categorical(i))
          std::swap(child[i], other[i]);
        else
          cross(child[i], other[i], settings_.eta_crossover, rng);
      }
    for (const std::size_t i : genes)
      if (rng.uniform() * static_cast<double>(genes.size()) < 1.0) mutate(child, i, rng);
    moves_.snap(child);
    if (child == origin) mutate(child, genes[rng.below(genes.size())], rng);
    return novelty_.insist(moves_.settle(child, &origin, rng), origin, rng);
  }

 private:
  void mutate(space::Point& child, std::size_t parameter, Rng& rng) const {
    if (moves_.is_categorical(parameter)) return moves_.redraw(child, parameter, rng);
    space::Point before = child;
    child[parameter] = mutated(child[parameter], settings_.eta_mutation, rng);
    moves_.snap(before);
    moves_.snap(child);
    if (moves_.size(parameter) > 0 && child[parameter] == before[parameter])
      moves_.step(child, parameter, 0.0, rng);
  }

  Problem problem_;
  NsgaSettings settings_;
  Moves moves_;
  Novelty novelty_;
  Generations generations_;
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, nsga2) {
  using namespace hone;
  using Type = OptionSpec::Type;
  registry.add("searcher",
               MethodInfo{.name = "nsga2",
                          .summary = "NSGA-II: evolves a front by non-dominated sorting and crowding.",
                          .paper = "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II",
                          .options = search::Novelty::options(
                              {search::population_option(100, 1e5),
                               {.name = "crossover",
                                .type = Type::real,
                                .fallback = 0.9,
                                .summary = "probability that a pair is crossed",
                                .low = 0.0,
                                .high = 1.0},
                               {.name = "eta_crossover",
                                .type = Type::real,
                                .fallback = 20.0,
                                .summary = "how near children of crossed numbers stay to their parents",
                                .low = 0.0,
                                .high = 1e3},
                               {.name = "eta_mutation",
                                .type = Type::real,
                                .fallback = 20.0,
                                .summary = "how near a mutated number stays to what it was",
                                .low = 0.0,
                                .high = 1e3}}),
                          .abilities = {.objectives = "several",
                                        .constraints = "avoided, by how much they are broken",
                                        .conditions = "yes",
                                        .batch = "asynchronous generations",
                                        .fidelity = "who went further is better",
                                        .ask = "O(d)",
                                        .trials = "100 to 1,000,000"}},
               search::MakeSearcher([](const search::Problem& problem, const Options& options) {
                 return std::make_unique<search::Nsga2>(
                     problem, search::NsgaSettings{.population = options.integer("population"),
                                                   .functional_change = options.flag("functional_change"),
                                                   .tabu = options.flag("tabu"),
                                                   .crossover = options.real("crossover"),
                                                   .eta_crossover = options.real("eta_crossover"),
                                                   .eta_mutation = options.real("eta_mutation")});
               }));
}
