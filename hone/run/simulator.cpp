#include "hone/run/simulator.h"

#include <algorithm>
#include <cmath>
#include <queue>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/key.h"
#include "hone/base/numbers.h"
#include "hone/base/rng.h"
#include "hone/run/foresight.h"
#include "hone/run/problem_setup.h"
#include "hone/run/simulated_keys.h"
#include "hone/study/memory_store.h"
#include "hone/study/predicted.h"

namespace hone::run {

using study::TrialState;

namespace {

/// No lease runs out in virtual time: nobody dies here.
constexpr double kLease_s = 1e300;
/// So many jobs at one instant, and the clock will not move any more.
constexpr std::int64_t kMostAtOnce = 1'000'000;

void check(const Problem& problem, const Simulation& simulation) {
  if (simulation.workers < 1 || simulation.workers > 100000)
    throw Error(fmt::format("a simulation takes 1 to 100000 workers, not {}", simulation.workers));
  if (!(simulation.probe_s >= 0.0) || !std::isfinite(simulation.probe_s))
    throw Error("probe_s must be 0 or more");
  if (simulation.report_every < 0) throw Error("report_every must be 0 or more");
  if (simulation.time_s && !(*simulation.time_s > 0.0)) throw Error("the time budget must be above 0");
  if (!simulation.trials && !simulation.proposals && !simulation.time_s && !simulation.fidelity &&
      !problem.space().is_enumerable())
    throw Error(fmt::format("a simulation of '{}' would not end: it has no budget", problem.name()), {},
                "give trials, time_s or fidelity");
}

/// One simulation while it runs.
class Engine {
 public:
  Engine(const Problem& problem, const Simulation& simulation)
      : problem_(problem),
        simulation_(simulation),
        keys_(problem, simulation.identity),
        foresight_(problem.space(), foreseen(), problem.horizon(), graph_of()),
        store_(study::memory_store([this] { return now_; })),
        optimizer_(setup(), store_),
        workers_(static_cast<std::size_t>(simulation.workers)),
        stops_(optimizer_.scheduler().rungs()) {
    if (stops_.back() > problem.horizon())
      throw Error(fmt::format("scheduler '{}' goes up to fidelity {}, but '{}' has {}", simulation.scheduler,
                              stops_.back(), problem.name(), problem.horizon()));
    first_rung_ = stops_.front();
    const auto watched = optimizer_.scheduler().watched();
    stops_.insert(stops_.end(), watched.begin(), watched.end());
    std::sort(stops_.begin(), stops_.end());
    result_.horizon = optimizer_.horizon();
  }

  Simulated run() {
    for (std::size_t i = workers_.size(); i-- > 0;) idle_.push_back(i);
    hire();
    while (!events_.empty()) {
      if (simulation_.time_s && events_.top().first > *simulation_.time_s) break;
      if (events_.top().first > now_) at_once_ = 0;
      now_ = events_.top().first;
      // All that comes at this instant is told before anybody asks again.
      while (!events_.empty() && events_.top().first <= now_) {
        const std::size_t worker = events_.top().second;
        events_.pop();
        step(worker);
      }
      std::sort(idle_.rbegin(), idle_.rend());
      hire();
    }
    finish();
    return std::move(result_);
  }

 private:
  using Event = std::pair<double, std::size_t>;  // virtual time, worker
  struct Worker {
    Job job;
    double began_s = 0.0;      ///< virtual time
    double base_s = 0.0;       ///< cost of what the trial had before
    double spent_s = 0.0;      ///< up to the next event
    std::int64_t reached = 0;  ///< fidelity told
    std::int64_t next = 0;     ///< fidelity of the next event
    task::Evaluation evaluation;
    bool refused = false;  ///< the problem could not evaluate it at all
    bool probing = false;  ///< its keys are being computed
    double probe_s = 0.0;  ///< what that took
  };

  std::vector<Foreseen> foreseen() const {
    std::vector<Foreseen> foreseen;
    if (!simulation_.foresee) return foreseen;
    Rng rng(simulation_.seed, "foreseen");
    const study::Measures before = problem_.benchmark()->costs(problem_.space().sample(rng));
    for (const study::Limit& limit : problem_.limits())
      foreseen.push_back({limit, before.find(limit.name).has_value()});
    return foreseen;
  }

  Foresight::GraphOf graph_of() const {
    return [this](const space::Config& config) { return problem_.benchmark()->graph(config); };
  }

  Optimizer::Setup setup() {
    Optimizer::Setup setup = setup_of(problem_);
    setup.seed = simulation_.seed;
    setup.searcher = simulation_.searcher;
    setup.searcher_options = simulation_.searcher_options;
    setup.scheduler = simulation_.scheduler;
    setup.scheduler_options = simulation_.scheduler_options;
    if (setup.scheduler == "fixed" && !setup.scheduler_options.contains("steps"))
      setup.scheduler_options["steps"] = problem_.horizon();
    setup.max_trials = simulation_.trials;
    setup.max_proposals = simulation_.proposals;
    setup.max_steps = simulation_.fidelity;
    setup.replicates = simulation_.replicates;
    setup.cost = simulation_.cost;
    setup.identity = simulation_.identity;
    if (simulation_.identity.keys())
      setup.signature = [this](const space::Config& config) { return keys_.keys(config); };
    if (!foresight_.empty())
      setup.listener = [this](const study::Change& change) { foresight_.update(change); };
    setup.interrupted = simulation_.interrupted;
    setup.worker = "simulator";
    setup.lease_s = kLease_s;
    return setup;
  }

  void stop_if_interrupted() const {
    if (simulation_.interrupted && simulation_.interrupted()) throw environment_error("interrupted");
  }

  /// Gives work to idle workers, the lowest number first.
  void hire() {
    while (!idle_.empty() && (!simulation_.time_s || now_ < *simulation_.time_s)) {
      stop_if_interrupted();
      const std::int64_t may = simulation_.jobs ? *simulation_.jobs - begun_ : kMostAtOnce;
      if (may <= 0) return;
      const auto jobs = optimizer_.ask_alike(std::min(may, static_cast<std::int64_t>(idle_.size())));
      if (jobs.empty()) {
        stop_if_interrupted();  // it was the searcher that was stopped
        result_.exhausted = optimizer_.finished() && !budget_spent();
        return;
      }
      begun_ += static_cast<std::int64_t>(jobs.size());
      at_once_ += static_cast<std::int64_t>(jobs.size());
      if (simulation_.time_s && at_once_ > kMostAtOnce)
        throw Error(
            fmt::format("a simulation of '{}' would not end: its evaluations take no time", problem_.name()),
            {}, "give trials or fidelity instead of time_s");
      for (const Job& job : jobs) {
        const std::size_t worker = idle_.back();
        idle_.pop_back();
        begin(worker, job);
      }
    }
  }

  bool budget_spent() const {
    const study::Study& study = optimizer_.study();
    return (simulation_.trials && study.size() >= *simulation_.trials) ||
           (simulation_.proposals && study.proposals() >= *simulation_.proposals) ||
           (simulation_.fidelity && *simulation_.fidelity - study.spending().units() < first_rung_);
  }

  task::Evaluation evaluate(const Worker& worker, std::int64_t fidelity) const {
    return problem_.evaluate(worker.job.config, worker.job.seed, fidelity);
  }

  void begin(std::size_t number, const Job& job) {
    Worker& worker = workers_[number];
    worker = Worker{};
    worker.job = job;
    worker.began_s = now_;
    worker.reached = job.from;
    const study::Trial& trial = optimizer_.study().trial(job.trial);
    if (job.from == 0 && trial.of < 0 && trial.costs.empty() && !foresight_.empty() && turned_away(number))
      return;
    if (simulation_.identity.keys() && job.from == 0 && trial.of < 0) {
      // One that waited for another has its keys already.
      worker.probing = true;
      worker.probe_s = trial.keys.functional.none() ? simulation_.probe_s : 0.0;
      events_.emplace(now_ + worker.probe_s, number);
      return;
    }
    if (job.from > 0) worker.base_s = evaluate(worker, job.from).cost_s;
    expect(number);
  }

  /// Whether the limits rule the candidate out before it is evaluated, by forecast or as measured.
  bool turned_away(std::size_t number) {
    Worker& worker = workers_[number];
    const Job& job = worker.job;
    Foresight::Judgement judgement = foresight_.judge(job.config, {});
    study::Measures costs = std::move(judgement.predicted);
    std::string violation = std::move(judgement.violation);
    if (violation.empty()) {
      const study::Measures measured = problem_.benchmark()->costs(job.config);
      result_.costs_measured += !measured.empty();
      costs.merge(measured);
      violation = keys_.broken_limit(measured);
    }
    if (!costs.empty()) optimizer_.keys(job, {}, costs);
    if (violation.empty()) return false;
    optimizer_.end(job, TrialState::infeasible, violation, 0.0, {}, true, "limit");
    observe(number, {}, false);
    idle_.push_back(number);
    return true;
  }

  /// The keys are there: what does the policy say?
  void recognise(std::size_t number) {
    using What = identity::Verdict::What;
    Worker& worker = workers_[number];
    const Job& job = worker.job;
    worker.probing = false;
    worker.began_s = now_;
    const study::Study& study = optimizer_.study();
    if (study.trial(job.trial).keys.functional.none()) {
      study::Keys keys = keys_.keys(job.config);
      const Key resolved = keys.functional.none()
                               ? Key{}
                               : optimizer_.cache().resolve({keys.functional, keys.near, 0}, keys.structural);
      if (resolved != keys.functional) {
        keys.near.push_back(keys.functional);
        std::erase(keys.near, resolved);
        keys.functional = resolved;
      }
      study::Measures costs = keys_.costs(job.config);
      costs.merge(study.trial(job.trial).costs);
      optimizer_.keys(job, keys, costs, worker.probe_s);
      if (const std::string violation = keys_.broken_limit(costs); !violation.empty()) {
        optimizer_.end(job, TrialState::infeasible, violation, worker.probe_s, {}, true, "limit");
        observe(number, {}, false);
        return idle_.push_back(number);
      }
    }
    const identity::Verdict verdict = optimizer_.verdict(job);
    if (verdict.what == What::reuse) {
      optimizer_.same(job, verdict.trial, worker.probe_s);
      const study::Trial& trial = study.trial(job.trial);
      if (trial.last() != nullptr) worker.reached = trial.last()->fidelity;
      const bool final = worker.reached >= result_.horizon;
      observe(number, final ? study.outcome(job.trial) : trial.last()->measures, true);
      return idle_.push_back(number);
    }
    if (verdict.what == What::wait) {
      optimizer_.wait_behind(job, verdict.trial, worker.probe_s);
      return idle_.push_back(number);
    }
    if (verdict.trial >= 0) optimizer_.join(job, verdict.trial);
    expect(number);
  }

  /// Evaluates the worker's trial up to where it reports next, and says when that is.
  void expect(std::size_t number) {
    Worker& worker = workers_[number];
    const auto stop = std::upper_bound(stops_.begin(), stops_.end(), worker.reached);
    worker.next = stop == stops_.end() ? worker.job.to : std::min(*stop, worker.job.to);
    if (const std::int64_t every = simulation_.report_every; every > 0)
      worker.next = std::min(worker.next, (worker.reached / every + 1) * every);
    try {
      worker.evaluation = evaluate(worker, worker.next);
    } catch (const Error& error) {
      worker.evaluation = {{}, worker.base_s, error.what()};
      worker.refused = true;
    }
    const double cost = worker.evaluation.cost_s;
    worker.spent_s = std::isfinite(cost) ? std::max(0.0, cost - worker.base_s) : worker.spent_s;
    events_.emplace(std::max(now_, worker.began_s + worker.spent_s), number);
  }

  void step(std::size_t number) {
    Worker& worker = workers_[number];
    if (worker.probing) return recognise(number);
    const Job& job = worker.job;
    const task::Evaluation& evaluation = worker.evaluation;
    const double spent_s = worker.spent_s + worker.probe_s;
    bool ends = true;
    if (!evaluation.failure.empty()) {
      optimizer_.end(job, worker.refused ? TrialState::infeasible : TrialState::failed, evaluation.failure,
                     spent_s, {}, false, worker.refused ? "" : "diverged",
                     evaluation.failed_at > 0 ? std::optional(evaluation.failed_at) : std::nullopt);
    } else if (worker.next == job.to) {
      optimizer_.tell(job, evaluation.measures, spent_s);
      worker.reached = worker.next;
    } else {
      worker.reached = worker.next;
      switch (optimizer_.report(job, worker.next, evaluation.measures)) {
        case schedule::Scheduler::Verdict::go_on:
          ends = false;
          break;
        case schedule::Scheduler::Verdict::pause:
          optimizer_.end(job, TrialState::paused, "", spent_s);
          break;
        case schedule::Scheduler::Verdict::stop:
          optimizer_.end(job, TrialState::pruned, fmt::format("stopped at {} steps", worker.next), spent_s);
          break;
      }
    }
    observe(number, evaluation.failure.empty() ? evaluation.measures : study::Measures{}, false);
    if (ends)
      idle_.push_back(number);
    else
      expect(number);
  }

  /// measures: empty where there are none.
  void observe(std::size_t number, study::Measures measures, bool reused) {
    const Worker& worker = workers_[number];
    Observation seen;
    seen.time_s = now_;
    seen.trial = worker.job.trial;
    seen.fidelity = worker.reached;
    seen.at_horizon = !measures.empty() && worker.reached >= result_.horizon;
    seen.measures = std::move(measures);
    seen.state = optimizer_.study().trial(seen.trial).state;
    seen.reused = reused;
    seen.spent_fidelity = optimizer_.study().spending().units();
    result_.observations.push_back(std::move(seen));
  }

  void finish() {
    const study::Study& study = optimizer_.study();
    result_.saved = study.saved();
    for (const auto& member : study.front().members())
      result_.front.emplace_back(member.trial, study.outcome(member.trial));
    if (simulation_.identity.policy == identity::Policy::count)
      result_.collisions = identity::collisions(study);
    for (const study::Trial& trial : study.trials()) result_.configs.push_back(trial.config);
    if (simulation_.foresee)
      for (const study::Trial& trial : study.trials())
        for (const study::Limit& limit : problem_.limits()) {
          const auto predicted = trial.costs.find(study::predicted_name(limit.name));
          const auto measured = trial.last() != nullptr && trial.same_as < 0
                                    ? trial.last()->measures.find(limit.name)
                                    : trial.costs.find(limit.name);
          if (predicted && measured) result_.foreseen.emplace_back(*predicted, *measured);
        }
    result_.trials = study.size();
    if (!result_.observations.empty()) result_.time_s = result_.observations.back().time_s;
    Key key;
    store_->read(0, [&](const study::Event& event) {
      key = KeyBuilder()
                .key(key)
                .integer(event.sequence)
                .text(event.kind)
                .integer(event.version)
                .real(event.time_s)
                .text(event.payload)
                .build();
    });
    result_.journal_key = key.hex();
  }

  const Problem& problem_;
  const Simulation& simulation_;
  double now_ = 0.0;
  std::int64_t begun_ = 0;    ///< jobs
  std::int64_t at_once_ = 0;  ///< jobs begun since time moved
  SimulatedKeys keys_;
  Foresight foresight_;
  std::shared_ptr<study::Store> store_;
  Optimizer optimizer_;
  std::vector<Worker> workers_;
  std::vector<std::int64_t> stops_;  ///< fidelities at which a running trial reports, ascending
  std::int64_t first_rung_ = 1;
  std::vector<std::size_t> idle_;  ///< descending: the lowest number is at the back
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  Simulated result_;
};

/// Whether an observation's values may be the study's result.
bool counts(const Observation& seen) { return seen.at_horizon && seen.state == TrialState::completed; }

}  // namespace

Simulated simulate(const Problem& problem, const Simulation& simulation) {
  check(problem, simulation);
  return Engine(problem, simulation).run();
}

std::vector<Best> best_so_far(const Problem& problem, const Simulated& simulated) {
  std::vector<Best> bests;
  const study::Objective& objective = problem.objectives().front();
  double least = kInfinity;
  std::int64_t evaluations = 0;
  for (const Observation& seen : simulated.observations) {
    if (!seen.reused && (seen.at_horizon || seen.state == TrialState::failed)) ++evaluations;
    if (!counts(seen)) continue;
    const auto value = seen.measures.find(objective.name);
    if (!value) continue;
    const double oriented = objective.minimize ? *value : -*value;
    if (!(oriented < least)) continue;
    least = oriented;
    bests.push_back({seen.time_s, evaluations, *value});
  }
  return bests;
}

std::vector<Best> hypervolume_so_far(const Problem& problem, const Simulated& simulated) {
  std::vector<Best> bests;
  const auto& reference = problem.reference();
  study::Front front;
  double most = 0.0;
  std::int64_t evaluations = 0;
  for (const Observation& seen : simulated.observations) {
    if (!seen.reused && (seen.at_horizon || seen.state == TrialState::failed)) ++evaluations;
    if (!counts(seen)) continue;
    auto values = study::oriented(problem.objectives(), seen.measures);
    if (!front.insert(seen.trial, std::move(values))) continue;
    std::vector<std::vector<double>> points;
    for (const auto& member : front.members()) points.push_back(member.values);
    const double volume = study::hypervolume(std::move(points), reference);
    if (!(volume > most)) continue;
    most = volume;
    bests.push_back({seen.time_s, evaluations, volume});
  }
  return bests;
}

}  // namespace hone::run
