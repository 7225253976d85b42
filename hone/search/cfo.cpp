#include <optional>

#include "hone/search/flow2.h"
#include "hone/search/known.h"
#include "hone/search/start.h"

namespace hone::search {
namespace {

/// Cost-frugal optimisation (Wu et al., "Frugal Optimization for Cost-related Hyperparameters", AAAI 2021,
/// algorithm 2), the default of FLAML (Wang et al., MLSys 2021): FLOW2 from a low-cost point, so that what is
/// expensive is tried only once it was found better on the way; converged, it begins again around the start,
/// moved by a Gaussian of deviation 1 in the unit cube (reflected; categories drawn), with the first step.
///
/// - The low-cost point: the option `start`, the space's defaults, or (neither) a random config.
/// - Several objectives: each descent has weights of its own, equal ones first, then uniform from the
///   simplex (see Scalar). FLAML offers a lexicographic order instead, which does not make a front.
/// - Trials are compared at the highest fidelity that both reached. Failed, infeasible and pruned ones are
///   worse than any.
/// - Any number of workers: further directions from the incumbent, tried by turns with their opposites. A
///   trial that nobody here proposed moves the incumbent if it is better.
class Cfo : public Searcher {
 public:
  Cfo(const Problem& problem, const Node& start)
      : problem_(problem), ground_(problem.space), known_(problem.space), scalar_(problem.objectives.size()) {
    Rng rng(problem.seed, "cfo start");
    start_ = start_config(problem.space, start, rng);
    first_ = ground_.moves().filled(start_, rng);
  }

  void update(const study::Change& change) override {
    using Kind = study::Change::Kind;
    known_.update(change);
    const study::Trial& trial = *change.trial;
    if (change.kind == Kind::created) return created(trial);
    if (!descent_) return;
    if (change.kind == Kind::deleted) return descent_->forget(trial.id);
    const bool rests = trial.done() || trial.state == study::TrialState::paused;
    if ((change.kind != Kind::state && change.kind != Kind::result) || !rests) return;
    const Losses losses = losses_of(problem_, trial);
    if (!losses.empty()) scalar_.see(losses.back().second);
    Rng rng(problem_.seed, "cfo filled", static_cast<std::uint64_t>(trial.id));
    descent_->finished(trial.id, ground_.moves().filled(trial.config, rng), losses, scalar_);
    // No descent goes out from a start that gave no value, as in FLAML.
    if (trial.done() && losses.empty() && descent_->owns(trial.id)) return restart();
    restart_if_converged();
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    Rng rng = stream(number, attempt);
    if (Known::gives_up(attempt)) return known_.other(rng);
    return descent_ ? descent_->propose(attempt == 0, rng).config : begin(attempt, rng).second;
  }

 private:
  static constexpr int kMatched = 8;  // attempts that a created trial is looked for among

  Rng stream(std::int64_t number, int attempt) const {
    return {problem_.seed, "cfo", static_cast<std::uint64_t>(number), static_cast<std::uint32_t>(attempt)};
  }

  void restart_if_converged() {
    if (descent_->converged()) restart();
  }

  void restart() {
    descent_.reset();
    ++restarts_;
  }

  /// Where a descent begins.
  std::pair<space::Point, space::Config> begin(int attempt, Rng& rng) const {
    if (restarts_ == 0 && attempt == 0) return {first_, start_};
    const Moves& moves = ground_.moves();
    space::Point point = first_;
    for (const std::size_t i : moves.free()) moves.step(point, i, 1.0, rng);
    space::Config config = moves.settle(point, nullptr, rng);
    return {std::move(point), std::move(config)};
  }

  /// What a trial is to the search follows from its config: the state is the one that it was asked in.
  void created(const study::Trial& trial) {
    for (int attempt = 0; attempt < kMatched; ++attempt) {
      Rng rng = stream(trial.id, attempt);
      if (!descent_) {
        auto [point, config] = begin(attempt, rng);
        if (config != trial.config) continue;
        Rng weights(problem_.seed, "cfo weights", restarts_);
        const std::size_t m = problem_.objectives.size();
        descent_.emplace(ground_, std::move(point), trial.id, Losses{},
                         restarts_ == 0 ? Scalar::equal_weights(m) : Scalar::draw_weights(m, weights));
        return;
      }
      const Flow2::Move move = descent_->propose(attempt == 0, rng);
      if (move.config == trial.config) return descent_->proposed(trial.id, move);
    }
    if (!descent_) return;
    descent_->skipped(kMatched);  // all that it would have proposed is known
    restart_if_converged();
  }

  Problem problem_;
  Ground ground_;
  Known known_;
  Scalar scalar_;
  space::Config start_;
  space::Point first_;
  std::optional<Flow2> descent_;
  std::uint64_t restarts_ = 0;
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, cfo) {
  using namespace hone;
  registry.add(
      "searcher",
      MethodInfo{.name = "cfo",
                 .summary = "Cost-frugal search: a randomized direct descent from a cheap config outward.",
                 .paper = "FLAML: A Fast and Lightweight AutoML Library",
                 .options = {search::start_option("a cheap config to begin at: values by parameter; what it "
                                                  "leaves out has its default or the middle of its scale")},
                 .traits =
                     "Frugal Optimization for Cost-related Hyperparameters (AAAI 2021); costs are saved "
                     "by the start and small steps, not modelled",
                 .abilities = {.objectives = "several, weighted anew by each descent",
                               .constraints = "avoided",
                               .conditions = "those active at the incumbent move",
                               .batch = "several directions at once",
                               .fidelity = "compared at the highest that both have",
                               .ask = "O(d)",
                               .trials = "10 to 10,000"}},
      search::MakeSearcher([](const search::Problem& problem, const Options& options) {
        return std::make_unique<search::Cfo>(problem, options.table("start"));
      }));
}
