#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "hone/base/numbers.h"
#include "hone/search/blend_progress.h"
#include "hone/search/flow2.h"
#include "hone/search/known.h"
#include "hone/search/start.h"

namespace hone::search {
namespace {

/// Wang et al., "Economical Hyperparameter Optimization With Blended Search Strategy", ICLR 2021: one global
/// search (another searcher of hone, tpe as in the paper) and local FLOW2 threads, which the good finds of
/// the global one begin. Each ask goes to the thread of the highest priority, the loss that is projected for
/// it after the least cost at which any thread is expected to improve. The global search may propose only
/// within the box that the local ones went over, widened by FLOW2's first step, in the parameters whose cheap
/// values the start says; what it proposes elsewhere is replaced by the best local thread's proposal, or a
/// random one inside the box. A global result better than the median of the local threads' bests begins a
/// thread; a thread that converged ends and widens the box by a step on every side; one within reach of
/// another that is better ends too. Formulas as in FLAML's implementation.
///
/// - The first config is low-cost: the option `start`, the space's defaults, or (neither) a random one.
/// - The global searcher is told all results, not only its own. At most 64 threads: the worst one makes room.
/// - Costs: cost_of; where that is unknown an evaluation costs 1. The budget left bounds the least cost of
///   improvement where the study's is one of trials.
/// - Several objectives: every thread has weights of its own (see Scalar; the first equal ones); priorities
///   are computed with equal weights.
class BlendSearch : public Searcher {
 public:
  BlendSearch(const Problem& problem, const Node& start, const std::string& global)
      : problem_(problem),
        ground_(problem.space),
        known_(problem.space),
        scalar_(problem.objectives.size()),
        equal_(Scalar::equal_weights(problem.objectives.size())),
        global_(make_searcher(global, problem)) {
    Rng rng(problem.seed, "blend start");
    start_ = start_config(problem.space, start, rng);
    first_ = ground_.moves().filled(start_, rng);
    low_ = high_ = coordinates(first_);
    for (const std::size_t i : ground_.moves().free()) {
      const space::Parameter& parameter = problem_.space.parameter(i);
      if (parameter.fallback || (start && start.has(parameter.name))) cheap_.push_back(i);
    }
  }

  void update(const study::Change& change) override {
    using Kind = study::Change::Kind;
    if (change.kind == Kind::created) created(*change.trial);  // by the state that it was asked in
    known_.update(change);
    global_->update(change);
    const study::Trial& trial = *change.trial;
    if (change.kind == Kind::deleted) {
      for (auto& [id, thread] : threads_) thread.search.forget(trial.id);
      owners_.erase(trial.id);
      return;
    }
    const bool rests = trial.done() || trial.state == study::TrialState::paused;
    if ((change.kind == Kind::state || change.kind == Kind::result) && rests) finished(trial);
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    Rng rng = stream(number, attempt);
    if (Known::gives_up(attempt)) return known_.other(rng);
    if (!started_) return attempt == 0 ? start_ : near_start(rng);
    const auto [choice, backup] = select();
    if (choice != 0) return threads_.at(choice).search.propose(attempt == 0, rng).config;
    global_->aim_at(aim());
    auto config = global_->ask(number, attempt);
    if (config && admissible(*config)) return config;
    if (backup != 0) return threads_.at(backup).search.propose(attempt == 0, rng).config;
    return near_start(rng);
  }

 private:
  struct Thread {
    Flow2 search;
    Progress progress;
  };
  static constexpr int kMatched = 8;
  static constexpr double kMargin = 0.1;  // FLOW2's step by dimension
  static constexpr std::size_t kMostThreads = 64;

  Rng stream(std::int64_t number, int attempt) const {
    return {problem_.seed, "blend", static_cast<std::uint64_t>(number), static_cast<std::uint32_t>(attempt)};
  }

  std::vector<double> coordinates(const space::Point& point) const {
    std::vector<double> all(point.size());
    for (std::size_t i = 0; i < point.size(); ++i) all[i] = ground_.coordinate(i, point[i]);
    return all;
  }
  /// Within the box, by the active parameters.
  bool admissible(const space::Config& config) const {
    const space::Point point = problem_.space.encode(config);
    for (const std::size_t i : cheap_) {
      if (std::isnan(point[i])) continue;
      const double x = ground_.coordinate(i, point[i]);
      if (x + kMargin < admitted_low(i) || x > admitted_high(i) + kMargin) return false;
    }
    return true;
  }
  // Global proposals that run widen the box for the next ones.
  double admitted_low(std::size_t i) const { return running_low_.empty() ? low_[i] : running_low_[i]; }
  double admitted_high(std::size_t i) const { return running_high_.empty() ? high_[i] : running_high_[i]; }
  static void widen(std::vector<double>& low, std::vector<double>& high, const std::vector<double>& by) {
    for (std::size_t i = 0; i < by.size(); ++i) {
      low[i] = std::min(low[i], by[i]);
      high[i] = std::max(high[i], by[i]);
    }
  }

  /// The start, moved at random inside the box; what it does not decide is drawn.
  space::Config near_start(Rng& rng) const {
    const Moves& moves = ground_.moves();
    space::Point point = moves.draw(rng);
    for (const std::size_t i : cheap_) {
      const double low = std::max(0.0, low_[i] - kMargin), high = std::min(1.0, high_[i] + kMargin);
      point[i] = ground_.entry(i, rng.uniform(low, high), first_[i], rng);
    }
    return moves.settle(point, nullptr, rng);
  }

  template <typename What>
  void each(const What& what) {
    what(global_progress_);
    for (auto& [id, thread] : threads_) what(thread.progress);
  }

  /// The thread whose turn it is (0: the global search), and the best local one (0: there is none).
  std::pair<std::int64_t, std::int64_t> select() {
    double least_cost = kInfinity;
    if (problem_.max_trials) {
      const auto left = static_cast<double>(
          std::max<std::int64_t>(0, *problem_.max_trials - static_cast<std::int64_t>(known_.size())));
      least_cost = left * (n_costs_ > 0 ? cost_sum_ / static_cast<double>(n_costs_) : 1.0);
    }
    each([&](Progress& progress) {
      progress.estimate(target_);
      least_cost = std::min(least_cost, progress.improvement_cost);
    });
    each([&](Progress& progress) { progress.prioritise(least_cost); });
    std::int64_t top = 0, backup = 0;
    double top_priority = global_progress_.priority, backup_priority = -kInfinity;
    for (const auto& [id, thread] : threads_) {
      if (!thread.search.can_suggest()) continue;
      const double priority = thread.progress.priority;
      if (priority > top_priority) {
        top = id;
        top_priority = priority;
      }
      if (backup == 0 || priority > backup_priority) {
        backup = id;
        backup_priority = priority;
      }
    }
    return {top, backup};
  }

  /// Whose trial it is: the local thread's whose turn it was where it would have proposed this config, else
  /// the global search's.
  void created(const study::Trial& trial) {
    Rng fill(problem_.seed, "blend filled", static_cast<std::uint64_t>(trial.id));
    if (!started_) {
      started_ = true;
    } else if (const auto [choice, backup] = select(); choice != 0 || backup != 0) {
      const std::int64_t id = choice != 0 ? choice : backup;
      Thread& thread = threads_.at(id);
      for (int attempt = 0; attempt < kMatched; ++attempt) {
        Rng rng = stream(trial.id, attempt);
        const Flow2::Move move = thread.search.propose(attempt == 0, rng);
        if (move.config != trial.config) continue;
        thread.search.proposed(trial.id, move);
        ++thread.progress.running;
        owners_[trial.id] = id;
        widen(low_, high_, coordinates(move.point));
        running_low_.clear();
        running_high_.clear();
        return;
      }
      if (choice != 0) {  // all that it would have proposed is known
        thread.search.skipped(kMatched);
        if (thread.search.converged()) clean(id);
      }
    }
    owners_[trial.id] = 0;
    ++global_progress_.running;
    if (running_low_.empty()) {
      running_low_ = low_;
      running_high_ = high_;
    }
    widen(running_low_, running_high_, coordinates(ground_.moves().filled(trial.config, fill)));
  }

  void finished(const study::Trial& trial) {
    const Losses losses = losses_of(problem_, trial);
    if (!losses.empty()) see(losses.back().second);
    const std::vector<double> values = losses.empty() ? std::vector<double>() : losses.back().second;
    const double loss = values.empty() ? kInfinity : scalar_.at(values, equal_);
    Rng rng(problem_.seed, "blend filled", static_cast<std::uint64_t>(trial.id));
    const space::Point point = ground_.moves().filled(trial.config, rng);

    const auto owner = owners_.find(trial.id);
    if (owner == owners_.end()) {  // told again
      for (auto& [id, thread] : threads_)
        if (thread.search.owns(trial.id)) thread.search.finished(trial.id, point, losses, scalar_);
      return;
    }
    if (loss < target_) target_values_ = values;
    target_ = std::min(target_, loss);  // of first rests, as the threads' bests: later ones are further
    const double known_cost = cost_of(problem_, trial);
    const double cost = std::isfinite(known_cost) && known_cost >= 0.0 ? known_cost : 1.0;
    cost_sum_ += cost;
    ++n_costs_;
    const std::int64_t id = owner->second;
    owners_.erase(owner);
    if (id == 0) {
      global_progress_.finished(cost, loss, values);
      if (!losses.empty() && begins_thread(loss)) begin_thread(trial.id, point, losses, cost, loss);
    } else if (const auto found = threads_.find(id); found != threads_.end()) {
      found->second.progress.finished(cost, loss, values);
      found->second.search.finished(trial.id, point, losses, scalar_);
      clean(id);
    }
    running_low_.clear();
    running_high_.clear();
    double fastest = 0.0;
    each([&](Progress& progress) { fastest = std::max(fastest, progress.speed); });
    each([&](Progress& progress) { progress.lend(fastest); });
  }

  void see(const std::vector<double>& values) {
    scalar_.see(values);
    if (values.size() == 1) return;
    const auto loss_of = [&](const std::vector<double>& of) { return scalar_.at(of, equal_); };
    each([&](Progress& progress) { progress.measure_anew(loss_of); });
    if (!target_values_.empty()) target_ = loss_of(target_values_);
  }

  bool begins_thread(double loss) const {
    if (threads_.empty()) return true;
    std::vector<double> bests;
    for (const auto& [id, thread] : threads_) bests.push_back(thread.progress.best);
    std::sort(bests.begin(), bests.end());
    const std::size_t n = bests.size();
    return loss < 0.5 * (bests[(n - 1) / 2] + bests[n / 2]);
  }

  void begin_thread(std::int64_t trial, const space::Point& point, const Losses& losses, double cost,
                    double loss) {
    if (threads_.size() >= kMostThreads) {
      auto worst = threads_.begin();
      for (auto at = threads_.begin(); at != threads_.end(); ++at)
        if (at->second.progress.best > worst->second.progress.best) worst = at;
      threads_.erase(worst);
    }
    Rng rng(problem_.seed, "blend weights", static_cast<std::uint64_t>(trial));
    const std::size_t m = problem_.objectives.size();
    Thread thread{Flow2(ground_, point, trial, losses, next_ == 1 ? equal_ : Scalar::draw_weights(m, rng)),
                  {}};
    thread.progress.begun(cost, loss, losses.back().second);
    threads_.emplace(next_++, std::move(thread));
    widen(low_, high_, coordinates(point));
  }

  /// Ends threads that converged or that a better one would reach.
  void clean(std::int64_t id) {
    const auto inferior = [&](const Thread& a, const Thread& b) {
      return a.progress.best >= b.progress.before && b.search.reaches(a.search) && like(a, b);
    };
    const Thread& thread = threads_.at(id);
    std::vector<std::int64_t> ends;
    bool own = false;
    for (const auto& [other, it] : threads_) {
      if (other == id) continue;
      if (inferior(it, thread)) ends.push_back(other);
      own = own || inferior(thread, it);
    }
    if (thread.search.converged()) {
      own = true;
      for (std::size_t i = 0; i < low_.size(); ++i) {
        low_[i] -= kMargin;
        high_[i] += kMargin;
      }
    }
    if (own) ends.push_back(id);
    for (const std::int64_t end : ends) threads_.erase(end);
  }
  /// Of several objectives, threads with different weights go to different places.
  static bool like(const Thread& a, const Thread& b) {
    double apart = 0.0;
    for (std::size_t i = 0; i < a.search.weights().size(); ++i)
      apart += std::abs(a.search.weights()[i] - b.search.weights()[i]);
    return apart < 0.2;
  }

  Problem problem_;
  Ground ground_;
  Known known_;
  Scalar scalar_;
  std::vector<double> equal_;
  std::unique_ptr<Searcher> global_;
  space::Config start_;
  space::Point first_;
  bool started_ = false;
  std::map<std::int64_t, Thread> threads_;  // local ones, from 1 on
  std::int64_t next_ = 1;
  Progress global_progress_;
  std::map<std::int64_t, std::int64_t> owners_;  // of trials that are not at rest: their thread
  double target_ = kInfinity;                    // the best loss of all
  std::vector<double> target_values_;            // its values
  double cost_sum_ = 0.0;
  std::int64_t n_costs_ = 0;
  std::vector<std::size_t> cheap_;  // parameters that the start decides: the box is of them
  std::vector<double> low_, high_;  // the box, as coordinates
  std::vector<double> running_low_,
      running_high_;  // with what the global search has running; empty: the same
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, blend_search) {
  using namespace hone;
  using Type = OptionSpec::Type;
  registry.add(
      "searcher",
      MethodInfo{
          .name = "blend_search",
          .summary = "A global search blended with cost-frugal local ones, by what each is likely to gain.",
          .paper = "Economical Hyperparameter Optimization With Blended Search Strategy",
          .options = {search::start_option("a cheap config to begin at: values by parameter; what it "
                                           "leaves out has its default or the middle of its scale"),
                      {.name = "global",
                       .type = Type::text,
                       .fallback = "tpe",
                       .summary = "the searcher that looks beyond the local ones",
                       .allowed = {"tpe", "random", "sobol"}}},
          .traits = "up to 64 local threads",
          .abilities = {.objectives = "several, weighted anew by each thread",
                        .constraints = "avoided",
                        .conditions = "yes",
                        .batch = "several directions and threads at once",
                        .fidelity = "compared at the highest that both have",
                        .ask = "O(d) locally, else the global searcher's",
                        .trials = "10 to 100,000"}},
      search::MakeSearcher([](const search::Problem& problem, const Options& options) {
        return std::make_unique<search::BlendSearch>(problem, options.table("start"), options.text("global"));
      }));
}
