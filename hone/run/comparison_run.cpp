// One run of a comparison: hone's searchers through the Optimizer, peers through their adapters, and both
// under the virtual clock.
#include <algorithm>
#include <cmath>
#include <queue>
#include <set>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/run/comparison.h"
#include "hone/run/problem_setup.h"
#include "hone/run/simulator.h"
#include "hone/study/front.h"
#include "hone/task/recorded.h"

namespace hone::run {

namespace {

/// Draws for the mean length of an evaluation.
constexpr std::uint64_t kDraws = 200;
/// Rungs: the smallest fidelity is at least this part of the largest.
constexpr std::int64_t kSmallestRung = 27;
/// A run may begin so many times more trials than the budget has: some cost no time.
constexpr std::int64_t kMostAsks = 100;

/// What was found so far, as regret.
class Scoreboard {
 public:
  Scoreboard(const Problem& problem, ComparisonRun& run) : problem_(problem), run_(run) {}

  /// What ended at x: the measures within the limits at the horizon, or nothing.
  void add(double x, const study::Measures* measures) {
    ++run_.evaluations;
    if (measures == nullptr) return;
    const auto values = study::oriented(problem_.objectives(), *measures);
    if (!std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); })) return;
    double regret = kInfinity;
    if (values.size() == 1) {
      regret = problem_.normalised_regret(*measures->find(problem_.objectives().front().name));
    } else {
      if (!front_.insert(run_.evaluations, values)) return;
      std::vector<std::vector<double>> points;
      for (const auto& member : front_.members()) points.push_back(member.values);
      regret = missing(study::hypervolume(std::move(points), problem_.reference()));
    }
    improve(x, regret);
  }
  void improve(double x, double regret) {
    if (!std::isfinite(regret)) return;  // nothing found, in what is kept of a run as in regret_at
    if (!run_.best.empty() && !(regret < run_.best.back().second)) return;
    if (!run_.best.empty() && run_.best.back().first == x)
      run_.best.back().second = regret;
    else
      run_.best.emplace_back(x, regret);
  }
  double missing(double volume) const {
    return std::max(0.0, 1.0 - volume / problem_.best_hypervolume().value_or(kInfinity));
  }

 private:
  const Problem& problem_;
  ComparisonRun& run_;
  study::Front front_;
};

std::string violation(const Problem& problem, const study::Measures& measures) {
  for (const auto& limit : problem.limits())
    if (std::string broken = limit.violation(measures); !broken.empty()) return broken;
  return {};
}

std::vector<std::int64_t> rungs_of(const Problem& problem) {
  if (problem.horizon() <= 1) return {1};
  const Json ends{std::max<std::int64_t>(1, problem.horizon() / kSmallestRung), problem.horizon()};
  return schedule::make_scheduler("asha", {problem.objectives(), 0}, Json{{"steps", ends}})->rungs();
}

/// Virtual seconds that an evaluation takes.
double mean_s(const Problem& problem) {
  double sum = 0.0;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    Rng rng(7, "length", i);
    sum += problem.evaluate(problem.space().sample(rng), i, problem.horizon()).cost_s;
  }
  return sum / static_cast<double>(kDraws);
}

/// Whether seconds were recorded, so that evaluations differ in what they cost.
bool seconds_recorded(const Problem& problem) {
  const auto recorded = std::dynamic_pointer_cast<const task::Recorded>(problem.benchmark());
  return recorded != nullptr && !recorded->cost_measure().empty();
}

/// Virtual seconds in which the workers finish one evaluation of mean length.
double unit_s(const Problem& problem, std::int64_t workers) {
  return mean_s(problem) / static_cast<double>(workers);
}

void run_own(const Problem& problem, const Contender& contender, ComparisonRun& run,
             const std::function<bool()>& interrupted) {
  Optimizer::Setup setup = setup_of(problem);
  setup.seed = run.seed;
  setup.searcher = contender.searcher;
  setup.searcher_options = contender.searcher_options;
  setup.scheduler_options = {{"steps", problem.horizon()}};
  setup.max_trials = run.trials;
  setup.worker = "bench";
  Optimizer optimizer(std::move(setup));
  Scoreboard board(problem, run);
  for (;;) {
    stop_if(interrupted);
    const double asked = monotonic_s();
    const auto job = optimizer.ask();
    double spent = monotonic_s() - asked;
    if (!job) break;
    const auto evaluation = problem.evaluate(job->config, job->seed, job->to);
    const std::string broken =
        evaluation.failure.empty() ? violation(problem, evaluation.measures) : std::string();
    const double told = monotonic_s();
    if (!evaluation.failure.empty())
      optimizer.end(*job, study::TrialState::failed, evaluation.failure, evaluation.cost_s);
    else if (!broken.empty())
      optimizer.refuse(*job, evaluation.measures, broken, evaluation.cost_s);
    else
      optimizer.tell(*job, evaluation.measures, evaluation.cost_s);
    spent += monotonic_s() - told;
    run.ms.push_back(spent * 1e3);
    board.add(static_cast<double>(run.evaluations + 1),
              evaluation.failure.empty() && broken.empty() ? &evaluation.measures : nullptr);
  }
}

PeerStart start_of(const Problem& problem, const Contender& contender, const ComparisonRun& run,
                   const std::function<bool()>& interrupted) {
  PeerStart start;
  start.space = problem.space();
  start.objectives = problem.objectives().size();
  if (contender.peer.front().limits) start.limits = problem.limits().size();
  start.seed = run.seed;
  start.trials = run.trials;
  start.workers = run.workers;
  start.rungs = rungs_of(problem);
  start.seconds = seconds_recorded(problem);
  start.interrupted = interrupted;
  return start;
}

/// The process in `kept`, begun anew, or a new one there.
Peer& peer_for(const Contender& contender, PeerStart start, std::unique_ptr<Peer>& kept) {
  if (kept == nullptr)
    kept = std::make_unique<Peer>(contender.peer.front(), std::move(start));
  else
    kept->begin(std::move(start));
  return *kept;
}

/// What a peer's config gives at a fidelity: its measures, or nothing where it fails or is no config of the
/// space.
struct Outcome {
  study::Measures measures;
  std::vector<double> excess;  ///< of each limit
  bool measured = false;       ///< the objectives are finite, and there is a number for every limit
  bool good = false;           ///< the objectives are finite, and no limit is broken
  double cost_s = 0.0;
};

Outcome outcome_of(const Problem& problem, const space::Config& config, std::int64_t fidelity) {
  Outcome outcome;
  if (!problem.space().feasible(config)) return outcome;
  auto evaluation = problem.evaluate(config, 0, fidelity);
  outcome.cost_s = evaluation.cost_s;
  outcome.measured = evaluation.failure.empty();
  for (const double value : study::oriented(problem.objectives(), evaluation.measures))
    outcome.measured = outcome.measured && std::isfinite(value);
  outcome.good = outcome.measured && violation(problem, evaluation.measures).empty();
  for (const auto& limit : problem.limits()) {
    outcome.excess.push_back(limit.excess(evaluation.measures));
    outcome.measured = outcome.measured && std::isfinite(outcome.excess.back());
  }
  outcome.measures = std::move(evaluation.measures);
  return outcome;
}

/// Values of an outcome as a peer is told them: what breaks a limit is a failure to one that knows no limits.
std::optional<std::vector<double>> told(const Problem& problem, const Contender& contender,
                                        const Outcome& outcome) {
  if (!(contender.peer.front().limits ? outcome.measured : outcome.good)) return std::nullopt;
  return study::oriented(problem.objectives(), outcome.measures);
}

/// The feasible configs that were evaluated at the horizon.
class Seen {
 public:
  void add(const space::Space& space, const space::Config& config) {
    if (!space.feasible(config)) return;
    std::string text;
    config.append_json(text);
    configs_.insert(std::move(text));
  }
  bool are_all_of(const space::Space& space) const {
    const auto count = space.count();
    return count && static_cast<std::int64_t>(configs_.size()) >= *count;
  }

 private:
  std::set<std::string> configs_;
};

/// What becomes of a run that `error` ended: whole where nothing was left to find, else what was found up to
/// there. To be called where the error is caught; one before the first evaluation is thrown again.
void break_off(const Problem& problem, ComparisonRun& run, const Seen& seen, double at, const Error& error) {
  if (run.evaluations == 0) throw;
  if (seen.are_all_of(problem.space())) return;
  run.broke_at = at;
  throw BrokenRun(error, run);
}

void run_peer(const Problem& problem, const Contender& contender, ComparisonRun& run,
              const std::function<bool()>& interrupted, std::unique_ptr<Peer>& kept) {
  Peer& peer = peer_for(contender, start_of(problem, contender, run, interrupted), kept);
  run.library = peer.version();
  Scoreboard board(problem, run);
  Seen seen;
  try {
    for (std::int64_t i = 0; i < run.trials; ++i) {
      const auto asked = peer.ask(i);
      if (!asked.config) break;  // nothing runs that could be told: it has nothing more to propose
      const Outcome outcome = outcome_of(problem, *asked.config, problem.horizon());
      board.add(static_cast<double>(i + 1), outcome.good ? &outcome.measures : nullptr);
      seen.add(problem.space(), *asked.config);
      run.ms.push_back(asked.ms + peer.tell(asked.trial, told(problem, contender, outcome), outcome.excess,
                                            outcome.cost_s));
    }
  } catch (const Error& error) {
    kept.reset();
    break_off(problem, run, seen, static_cast<double>(run.evaluations), error);
  }
}

void clock_own(const Problem& problem, const Contender& contender, ComparisonRun& run,
               const std::function<bool()>& interrupted) {
  const double unit = unit_s(problem, run.workers);
  Simulation simulation;
  simulation.searcher = contender.searcher;
  simulation.scheduler = contender.scheduler;
  simulation.searcher_options = contender.searcher_options;
  simulation.scheduler_options = contender.scheduler_options;
  simulation.seed = run.seed;
  simulation.workers = run.workers;
  simulation.time_s = unit * static_cast<double>(run.trials);
  simulation.jobs = kMostAsks * run.trials;
  simulation.interrupted = interrupted;
  for (const OptionSpec& option : methods().need("scheduler", contender.scheduler).info.options) {
    if (option.name != "steps" || contender.scheduler_options.contains("steps")) continue;
    // Schedulers with rungs want the ends, those without the horizon.
    const auto rungs = rungs_of(problem);
    if (option.type == OptionSpec::Type::integers && contender.scheduler != "fixed")
      simulation.scheduler_options["steps"] = {rungs.front(), rungs.back()};
    else
      simulation.scheduler_options["steps"] = problem.horizon();
  }
  const double began = monotonic_s();
  const Simulated simulated = simulate(problem, simulation);
  run.evaluations = simulated.trials;
  run.ms = {(monotonic_s() - began) * 1e3 / static_cast<double>(std::max<std::int64_t>(1, simulated.trials))};
  const bool single = problem.objectives().size() == 1;
  Scoreboard board(problem, run);
  for (const Best& best : single ? best_so_far(problem, simulated) : hypervolume_so_far(problem, simulated))
    board.improve(best.time_s / unit,
                  single ? problem.normalised_regret(best.value) : board.missing(best.value));
}

/// A peer's trials on workers under the virtual clock. A trial that goes on begins where it was: what it
/// costs is the difference.
class PeerClock {
 public:
  PeerClock(const Problem& problem, const Contender& contender, ComparisonRun& run,
            const std::function<bool()>& interrupted, std::unique_ptr<Peer>& kept)
      : problem_(problem),
        run_(run),
        contender_(contender),
        interrupted_(interrupted),
        kept_(kept),
        peer_(peer_for(contender, start_of(problem, contender, run, interrupted), kept)),
        rungs_(contender.fidelity() ? rungs_of(problem) : std::vector<std::int64_t>{problem.horizon()}),
        unit_(unit_s(problem, run.workers)),
        board_(problem, run) {}

  void go() {
    run_.library = peer_.version();
    try {
      run();
    } catch (const Error& error) {
      kept_.reset();
      if (run_.evaluations > 0) close();  // at the horizon, of which there may be none
      break_off(problem_, run_, seen_, now_ / unit_, error);
    }
    close();
  }

 private:
  void run() {
    const double end = unit_ * static_cast<double>(run_.trials);
    std::int64_t idle = run_.workers;
    for (;;) {
      while (idle > 0 && hire()) --idle;
      if (events_.empty() || events_.top().time_s > end) break;
      const Event event = events_.top();
      events_.pop();
      now_ = event.time_s;
      if (arrive(event.trial)) ++idle;
    }
  }

  void close() {
    run_.evaluations = asks_;
    run_.ms = {asks_ == 0 ? 0.0 : ms_ / static_cast<double>(asks_)};
  }

  struct Event {
    double time_s;
    std::int64_t order, trial;
    bool operator<(const Event& other) const {  // the earliest on top of the queue
      return time_s != other.time_s ? time_s > other.time_s : order > other.order;
    }
  };
  struct Running {
    space::Config config;
    std::int64_t reached = 0, next = 0, to = 0;
    Outcome outcome;
    double cost_s = 0.0;   ///< up to what is reached
    double asked_s = 0.0;  ///< what of it was spent before it was asked for the last time
  };

  bool hire() {
    stop_if(interrupted_);
    if (asks_ >= kMostAsks * run_.trials) return false;
    const auto asked = peer_.ask(asks_);
    ms_ += asked.ms;
    if (!asked.config) return false;
    ++asks_;
    Running& trial = trials_[asked.trial];
    trial.config = *asked.config;
    trial.to = asked.to > 0 ? std::min(asked.to, problem_.horizon()) : problem_.horizon();
    if (trial.reached >= trial.to) {  // begun anew
      trial.reached = 0;
      trial.cost_s = 0.0;
    }
    trial.asked_s = trial.cost_s;
    expect(asked.trial, trial);
    return true;
  }

  void expect(std::int64_t number, Running& trial) {
    const auto rung = std::upper_bound(rungs_.begin(), rungs_.end(), trial.reached);
    trial.next = rung == rungs_.end() ? trial.to : std::min(*rung, trial.to);
    trial.outcome = outcome_of(problem_, trial.config, trial.next);
    const double takes = std::max(0.0, trial.outcome.cost_s - trial.cost_s);
    trial.cost_s = std::max(trial.cost_s, trial.outcome.cost_s);
    events_.push({now_ + takes, order_++, number});
  }

  /// Whether the worker is idle then.
  bool arrive(std::int64_t number) {
    Running& trial = trials_[number];
    trial.reached = trial.next;
    if (trial.reached >= problem_.horizon()) {
      board_.add(now_ / unit_, trial.outcome.good ? &trial.outcome.measures : nullptr);
      seen_.add(problem_.space(), trial.config);
    }
    const auto values = told(problem_, contender_, trial.outcome);
    if (trial.reached >= trial.to || !values) {
      ms_ += peer_.tell(number, values, trial.outcome.excess, trial.cost_s - trial.asked_s);
      return true;
    }
    const auto judged = peer_.report(number, trial.reached, *values);
    ms_ += judged.ms;
    if (judged.verdict != schedule::Scheduler::Verdict::go_on) return true;
    expect(number, trial);
    return false;
  }

  const Problem& problem_;
  ComparisonRun& run_;
  const Contender& contender_;
  const std::function<bool()>& interrupted_;
  std::unique_ptr<Peer>& kept_;
  Peer& peer_;
  std::vector<std::int64_t> rungs_;
  double unit_;
  Scoreboard board_;
  Seen seen_;
  std::map<std::int64_t, Running> trials_;
  std::priority_queue<Event> events_;
  double now_ = 0.0, ms_ = 0.0;
  std::int64_t order_ = 0, asks_ = 0;
};

}  // namespace

bool measurable(const Problem& problem) {
  return problem.objectives().size() == 1 ? problem.optimum().has_value() && std::isfinite(problem.median())
                                          : problem.best_hypervolume().has_value();
}

bool takes_time(const Problem& problem) { return mean_s(problem) > 0.0; }

ComparisonRun compare_one(const Problem& problem, const Contender& contender, std::uint64_t seed,
                          std::int64_t trials, std::int64_t workers, const std::function<bool()>& interrupted,
                          std::unique_ptr<Peer>* kept) {
  if (contender.fidelity() && problem.horizon() <= 1) throw PeerUnable("the problem has but one fidelity");
  if (contender.fidelity() && workers == 1)
    throw PeerUnable("what decides on fidelity is compared with --workers above 1");
  if (!contender.peer.empty() && problem.objectives().size() > 1 && !contender.peer.front().several)
    throw PeerUnable("it takes one objective");
  if (workers > 1 && !takes_time(problem))
    throw PeerUnable("its evaluations take no time, by which workers are compared");
  ComparisonRun run;
  run.problem = problem.name();
  run.of = problem_key(problem);
  run.contender = contender.name;
  run.method = contender.method();
  run.version = contender.version;
  run.seed = seed;
  run.trials = trials;
  run.workers = workers;
  std::unique_ptr<Peer> own;
  std::unique_ptr<Peer>& peer = kept == nullptr ? own : *kept;
  if (workers == 1 && contender.peer.empty())
    run_own(problem, contender, run, interrupted);
  else if (workers == 1)
    run_peer(problem, contender, run, interrupted, peer);
  else if (contender.peer.empty())
    clock_own(problem, contender, run, interrupted);
  else
    PeerClock(problem, contender, run, interrupted, peer).go();
  return run;
}

}  // namespace hone::run
