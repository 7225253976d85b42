#include <unordered_set>

#include "hone/search/searcher.h"
#include "hone/search/sobol_points.h"

namespace hone::search {
namespace {

/// A scrambled Sobol sequence over the space. The sequence is walked by a cursor, which every created trial,
/// whoever proposed it, moves over points that are infeasible or whose config a trial has; so a proposal is a
/// function of the configs created so far and of `attempt`, which walks that many new points further.
/// `number` does not enter: asks with nothing created between them agree.
class Sobol : public Searcher {
 public:
  explicit Sobol(const Problem& problem)
      : problem_(problem),
        points_(problem.space.size(), problem.seed),
        cardinality_(problem.space.cardinality()) {}

  void update(const study::Change& change) override {
    if (change.kind != study::Change::Kind::created) return;
    known_.insert(change.trial->key.none() ? change.trial->config.key() : change.trial->key);
    for (int skipped = 0; skipped < kMaxSkippedByUpdate && cursor_ < kLast && !fresh(config_at(cursor_));
         ++skipped)
      ++cursor_;
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    if (cardinality_ && static_cast<std::int64_t>(known_.size()) >= *cardinality_) return std::nullopt;
    int skipped = 0, found = 0;
    for (std::uint32_t index = cursor_; skipped < kMaxSkipped && index < kLast; ++index) {
      space::Config config = config_at(index);
      if (!fresh(config))
        ++skipped;
      else if (found++ == attempt)
        return config;
    }
    // A needle in a haystack, or nothing left.
    Rng rng(problem_.seed, "sobol rest", static_cast<std::uint64_t>(number),
            static_cast<std::uint32_t>(attempt));
    return problem_.space.sample(rng);
  }

 private:
  static constexpr int kMaxSkipped = 10000;
  static constexpr int kMaxSkippedByUpdate = 1000;
  static constexpr std::uint32_t kLast = 0xfffffffe;

  bool fresh(const space::Config& config) const {
    return problem_.space.feasible(config) && !known_.contains(config.key());
  }

  space::Config config_at(std::uint32_t index) {
    space::Point point = points_.at(index);
    for (std::size_t i = 0; i < point.size(); ++i) {
      const space::Parameter& parameter = problem_.space.parameter(i);
      if (parameter.kind == space::ParameterKind::choice || parameter.kind == space::ParameterKind::flag)
        point[i] = static_cast<double>(
            static_cast<std::int64_t>(point[i] * static_cast<double>(parameter.cardinality())));
    }
    return problem_.space.decode(point);
  }

  Problem problem_;
  SobolPoints points_;
  std::optional<std::int64_t> cardinality_;
  std::unordered_set<Key> known_;
  std::uint32_t cursor_ = 0;
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, sobol) {
  using namespace hone;
  registry.add("searcher",
               MethodInfo{.name = "sobol",
                          .summary = "Covers the space evenly with a scrambled Sobol sequence.",
                          .paper = "",
                          .options = {},
                          .traits = "up to 3667 parameters",
                          .abilities = {.objectives = "several",
                                        .constraints = "ignored",
                                        .conditions = "filled in",
                                        .batch = "the sequence goes on",
                                        .fidelity = "ignored",
                                        .ask = "O(d)",
                                        .trials = "any number"}},
               search::MakeSearcher([](const search::Problem& problem, const Options&) {
                 return std::make_unique<search::Sobol>(problem);
               }));
}
