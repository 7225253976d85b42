#include <algorithm>
#include <deque>

#include "hone/search/individuals.h"
#include "hone/search/novelty.h"

namespace hone::search {
namespace {

/// Aging evolution (Real et al., "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019,
/// algorithm 1). The population is a queue: each result enters at its end and drives out the oldest, however
/// good that is, so that what was lucky once has to prove itself in its children. The parent of a proposal is
/// the best of `sample` members drawn with replacement; one active parameter of it is changed: a category to
/// any other, a number by a Gaussian step of deviation 0.2 along its scale (the paper has categories only).
///
/// Asynchronous as the paper's: whoever asks gets a child of the population as it is now; as long as that is
/// not full, a random config. Several objectives: the best of a sample is that of least non-dominated rank,
/// then of largest crowding distance, within the sample. What failed never enters; what breaks limits does
/// and loses against all that do not, and by how much it breaks them (Deb's rule). Children that compute
/// nothing new may be mutated again: see Novelty.
class RegularizedEvolution : public Searcher {
 public:
  RegularizedEvolution(const Problem& problem, std::int64_t population, std::int64_t sample,
                       std::int64_t changes, bool functional_change, bool tabu)
      : problem_(problem),
        moves_(problem.space),
        individuals_(problem_, moves_),
        novelty_(problem_, moves_, functional_change, tabu),
        size_(population_size(problem, population, 100)),
        sample_(sample > 0 ? static_cast<std::size_t>(sample) : std::max<std::size_t>(2, size_ / 4)),
        changes_(changes) {}

  void update(const study::Change& change) override {
    using Event = Individuals::Event;
    const std::int64_t trial = change.trial->id;
    novelty_.update(change);
    switch (individuals_.update(change)) {
      case Event::judged:
        if (individuals_.at(trial).standing == Individual::Standing::lost) return individuals_.forget(trial);
        population_.push_back(trial);
        if (population_.size() <= size_) return;
        individuals_.forget(population_.front());
        population_.pop_front();
        return;
      case Event::judged_anew:
        if (individuals_.at(trial).standing != Individual::Standing::lost) return;
        individuals_.forget(trial);
        [[fallthrough]];
      case Event::gone:
        std::erase(population_, trial);
        return;
      default:
        return;
    }
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    Rng rng(problem_.seed, "regularized evolution", static_cast<std::uint64_t>(number),
            static_cast<std::uint32_t>(attempt));
    if (!individuals_.enough(population_.size(), size_, kFewest) || gives_up(attempt))
      return novelty_.sample(rng);
    std::vector<std::int64_t> sample;
    for (std::size_t i = 0; i < sample_; ++i) sample.push_back(population_[rng.below(population_.size())]);
    individuals_.sort(sample);
    const space::Point& parent = individuals_.at(sample.front()).point;
    space::Point child = parent;
    const std::vector<bool> active = moves_.active(parent);
    std::vector<std::size_t> genes;
    for (const std::size_t i : moves_.free())
      if (active[i]) genes.push_back(i);
    // A constraint may forbid most of the changes; among those of one parameter the first that it allows.
    for (int tries = 0; tries < kTries && !genes.empty(); ++tries) {
      child = parent;
      for (std::int64_t i = 0; i < changes_; ++i)
        moves_.step(child, genes[rng.below(genes.size())], 0.2, rng);
      if (auto config = moves_.config(child)) return novelty_.insist(std::move(*config), parent, rng);
    }
    return novelty_.insist(moves_.settle(child, &parent, rng), parent, rng);
  }

 private:
  static constexpr int kTries = 16;
  static constexpr std::size_t kFewest = 4;

  Problem problem_;
  Moves moves_;
  Individuals individuals_;
  Novelty novelty_;
  std::size_t size_, sample_;
  std::int64_t changes_;
  std::deque<std::int64_t> population_;  // the oldest first
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, regularized_evolution) {
  using namespace hone;
  using Type = OptionSpec::Type;
  registry.add(
      "searcher",
      MethodInfo{.name = "regularized_evolution",
                 .summary = "Aging evolution: mutates the best of a sample; the oldest die, not the worst.",
                 .paper = "Regularized Evolution for Image Classifier Architecture Search",
                 .options = search::Novelty::options(
                     {search::population_option(100),
                      {.name = "sample",
                       .type = Type::integer,
                       .fallback = 0,
                       .summary = "members drawn, the best of which is the parent; 0: a quarter",
                       .low = 0,
                       .high = 1e6},
                      {.name = "changes",
                       .type = Type::integer,
                       .fallback = 1,
                       .summary = "parameters that a mutation changes, drawn one after the other; the "
                                  "paper changes one",
                       .low = 1,
                       .high = 1000}}),
                 .abilities = {.objectives = "several",
                               .constraints = "avoided, by how much they are broken",
                               .conditions = "yes",
                               .batch = "asynchronous",
                               .fidelity = "who went further is better",
                               .ask = "O(sample log sample + d)",
                               .trials = "100 to 1,000,000"}},
      search::MakeSearcher([](const search::Problem& problem, const Options& options) {
        return std::make_unique<search::RegularizedEvolution>(
            problem, options.integer("population"), options.integer("sample"), options.integer("changes"),
            options.flag("functional_change"), options.flag("tabu"));
      }));
}
