#include "hone/run/worker.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <new>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/identity/signature.h"

namespace hone::run {

using study::TrialState;

namespace {

volatile std::sig_atomic_t g_stop = 0;
void on_stop(int) { g_stop = 1; }

/// Renews the leases of the jobs in hand from a thread of its own.
class Heartbeat {
 public:
  Heartbeat(Optimizer& optimizer, double lease_s)
      : optimizer_(optimizer), thread_([this, lease_s] { beat(lease_s / 4); }) {}
  ~Heartbeat() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  void hold(const std::vector<Job>& jobs) {
    const std::lock_guard lock(mutex_);
    held_ = jobs;
    lost_ = false;
  }
  void let_go(std::int64_t trial) {
    const std::lock_guard lock(mutex_);
    std::erase_if(held_, [&](const Job& job) { return job.trial == trial; });
  }
  /// A lease went to somebody else (this machine slept, say): what is being done here is in vain.
  bool lost() const { return lost_; }

 private:
  void beat(double every_s) {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, std::chrono::duration<double>(every_s), [this] { return done_; })) {
      for (const Job& job : held_) {
        try {
          if (!optimizer_.renew(job)) lost_ = true;
        } catch (const Error&) {
          // The store is busy or gone; the tell at the end will say so.
        }
      }
    }
  }

  Optimizer& optimizer_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Job> held_;
  bool done_ = false;
  std::atomic<bool> lost_ = false;
  std::thread thread_;
};

class JobReporter final : public task::Reporter {
 public:
  JobReporter(Optimizer& optimizer, const Job& job, std::function<bool()> interrupted)
      : optimizer_(optimizer), job_(job), interrupted_(std::move(interrupted)) {}
  Verdict report(std::int64_t fidelity, const study::Measures& measures) override {
    switch (optimizer_.report(job_, fidelity, measures)) {
      case schedule::Scheduler::Verdict::go_on:
        return Verdict::go_on;
      case schedule::Scheduler::Verdict::pause:
        return Verdict::pause;
      case schedule::Scheduler::Verdict::stop:
        break;
    }
    return Verdict::stop;
  }
  bool interrupted() override { return interrupted_ && interrupted_(); }

 private:
  Optimizer& optimizer_;
  const Job& job_;
  std::function<bool()> interrupted_;
};

/// The first limit that the measures break, in words; "" where they keep all. Below the last fidelity only
/// costs count: quality may still come.
std::string broken_limit(const StudyFile& file, const study::Measures& measures, bool final) {
  const auto infos = file.task->measures();
  for (const auto& limit : file.limits) {
    const auto info =
        std::find_if(infos.begin(), infos.end(), [&](const auto& i) { return i.name == limit.name; });
    const bool cost = info != infos.end() && (info->before || info->unshared || info->timed);
    if (!final && !cost) continue;
    if (const std::string violation = limit.violation(measures); !violation.empty()) return violation;
  }
  return {};
}

/// Whether an objective or limit depends on how a candidate is built, in a way that only training shows: then
/// a known function is not enough to know the result.
bool needs_unshared(const StudyFile& file) {
  for (const auto& measure : file.task->measures()) {
    if (!measure.unshared) continue;
    for (const auto& objective : file.objectives)
      if (objective.name == measure.name) return true;
    for (const auto& limit : file.limits)
      if (limit.name == measure.name) return true;
  }
  return false;
}

/// Keys and costs of a new candidate, the limits, and whether its function is known. True: the job is
/// settled without running it.
bool settle_without_running(const StudyFile& file, Optimizer& optimizer, task::Evaluator& evaluator,
                            const Job& job, const WorkerOptions& options, double began_s,
                            const std::function<bool()>& interrupted) {
  const study::Trial& trial = optimizer.study().trial(job.trial);
  const auto spent = [&] { return monotonic_s() - began_s; };
  if (job.from != 0) return false;
  // A candidate that was turned away by its design alone has only the costs that follow from that.
  const auto complete = [&](const study::Measures& costs) {
    for (const auto& info : file.task->measures())
      if (info.before && !costs.find(info.name)) return false;
    return true;
  };
  const bool unknown = trial.keys.structural.none() && trial.keys.functional.none() && trial.costs.empty();
  if (unknown || !complete(trial.costs)) {
    study::Keys keys;
    if (const auto graph = file.task->graph(job.config)) keys.structural = graph::canonical(*graph).key;
    const study::Measures* known =
        keys.structural.none() ? nullptr : optimizer.cache().costs(keys.structural);
    if (known != nullptr && !complete(*known)) known = nullptr;
    // What the design alone tells, then what must be measured: a giant is turned away before it is built.
    study::Measures costs;
    if (known != nullptr) costs = *known;
    costs.merge(file.task->design_costs(job.config));
    if (known == nullptr && broken_limit(file, costs, false).empty())
      costs.merge(evaluator.costs(job.config, interrupted));
    if (file.identity == identity::Policy::reuse && broken_limit(file, costs, false).empty() &&
        !interrupted()) {
      if (const auto literal = file.task->unseen_by_probe(job.config)) {
        const std::string context = fmt::format("{} seed={} horizon={}", *literal, job.seed,
                                                optimizer.scheduler().schedule_horizon());
        if (const auto key = identity::functional_key(
                evaluator.probe_at(job.config, {options.cores, options.gpus, interrupted}), context))
          keys.functional = *key;
      }
    }
    if (interrupted()) {
      optimizer.give_back(job, spent());
      return true;
    }
    if (!keys.structural.none() || !keys.functional.none() || !costs.empty())
      if (!optimizer.keys(job, keys, costs)) return true;
  }
  if (const std::string violation = broken_limit(file, trial.costs, false); !violation.empty()) {
    optimizer.end(job, TrialState::infeasible, violation, spent(), {}, true, "limit");
    return true;
  }
  if (file.identity == identity::Policy::reuse && !trial.keys.functional.none()) {
    optimizer.study().sync();
    const auto stands_for = [&](std::int64_t other) {
      return other >= 0 && other != trial.id &&
             (!needs_unshared(file) ||
              (!trial.keys.structural.none() &&
               optimizer.study().trial(other).keys.structural == trial.keys.structural));
    };
    if (const std::int64_t twin = optimizer.cache().known(trial.keys.functional, job.to); stands_for(twin)) {
      optimizer.same(job, twin, spent());
      return true;
    }
    if (const std::int64_t first = optimizer.claimant(job); stands_for(first)) {
      optimizer.wait_behind(job, first, spent());
      return true;
    }
  }
  return false;
}

/// Runs a trial to its target; a task that reports nothing by itself is stopped and measured on the way where
/// the scheduler wants to judge.
task::Outcome run_in_stages(const StudyFile& file, const Optimizer& optimizer, task::Evaluator& evaluator,
                            task::Assignment assignment, task::Reporter& reporter) {
  std::vector<std::int64_t> stops;
  if (!file.task->reports())
    for (const std::int64_t stop : optimizer.scheduler().watched())
      if (stop > assignment.from && stop < assignment.to) stops.push_back(stop);
  stops.push_back(assignment.to);
  study::Curve curve;
  for (const std::int64_t stop : stops) {
    assignment.to = stop;
    task::Outcome outcome = evaluator.run(assignment, reporter);
    curve.insert(curve.end(), outcome.curve.begin(), outcome.curve.end());
    bool ends = outcome.ending != task::Ending::reached || stop == stops.back();
    if (!ends) {
      const auto verdict = reporter.report(stop, outcome.measures);
      ends = verdict != task::Reporter::Verdict::go_on;
      if (verdict == task::Reporter::Verdict::stop) outcome.ending = task::Ending::stopped;
      if (verdict == task::Reporter::Verdict::pause) outcome.ending = task::Ending::paused;
    }
    if (ends) {
      outcome.curve = std::move(curve);
      return outcome;
    }
    assignment.from = stop;
  }
  return {};  // there is always a last stop
}

/// Everything about a job but asking for it. A plain result is returned rather than told.
std::optional<Optimizer::Told> run_job(const StudyFile& file, Optimizer& optimizer,
                                       task::Evaluator& evaluator, const Job& job,
                                       const WorkerOptions& options, const Heartbeat& heartbeat) {
  const double began = monotonic_s();
  const auto spent = [&] { return monotonic_s() - began; };
  try {
    const auto interrupted = [&] {
      return heartbeat.lost() || (options.interrupted && options.interrupted());
    };
    const study::Trial& trial = optimizer.study().trial(job.trial);
    // A replicate is there to be evaluated, whatever is known.
    if (trial.of < 0 && settle_without_running(file, optimizer, evaluator, job, options, began, interrupted))
      return std::nullopt;
    const task::Assignment assignment{trial,
                                      job.from,
                                      job.to,
                                      optimizer.scheduler().schedule_horizon(),
                                      checkpoint_path(optimizer.study().store(), job.trial),
                                      trial_folder(optimizer.study().store(), job.trial),
                                      options.cores,
                                      options.gpus};
    JobReporter reporter(optimizer, job, interrupted);
    task::Outcome outcome = run_in_stages(file, optimizer, evaluator, assignment, reporter);
    switch (outcome.ending) {
      case task::Ending::reached: {
        study::Measures all = outcome.measures;
        if (trial.of >= 0) all.merge(optimizer.study().trial(trial.of).costs);
        all.merge(trial.costs);
        std::string missing;
        for (const auto& objective : file.objectives)
          if (!all.find(objective.name)) missing = objective.name;
        if (!missing.empty())
          optimizer.end(job, TrialState::failed, task::missing_reason(missing, all), spent(), outcome.curve,
                        false, "missing", job.to);
        else if (const std::string violation = broken_limit(file, all, job.to >= optimizer.horizon());
                 !violation.empty())
          optimizer.refuse(job, outcome.measures, violation, spent(), outcome.curve);
        else
          return Optimizer::Told{job, std::move(outcome.measures), spent(), std::move(outcome.curve)};
        break;
      }
      case task::Ending::stopped:
        optimizer.end(job, TrialState::pruned,
                      fmt::format("stopped at {} {}", outcome.fidelity, file.task->fidelity_unit()), spent(),
                      outcome.curve);
        break;
      case task::Ending::paused:
        optimizer.end(job, TrialState::paused, "", spent(), outcome.curve);
        break;
      case task::Ending::interrupted:
        optimizer.give_back(job, spent(), outcome.curve);
        break;
      case task::Ending::failed:
        // A task that cannot tell says where it began: then nobody knows.
        optimizer.end(job, TrialState::failed, outcome.reason, spent(), outcome.curve, false, outcome.cause,
                      outcome.fidelity > job.from ? std::optional(outcome.fidelity) : std::nullopt);
        break;
    }
  } catch (const Error& error) {
    if (error.fault() == Fault::environment) {
      // The machine's fault, not the trial's: it waits for a better day.
      optimizer.give_back(job, spent());
      throw;
    }
    const bool infeasible = error.fault() == Fault::input;
    optimizer.end(job, infeasible ? TrialState::infeasible : TrialState::failed, error.what(), spent(), {},
                  false, infeasible ? "" : "error");
  } catch (const std::bad_alloc&) {
    optimizer.end(job, TrialState::failed, "out of memory", spent(), {}, false, "memory");
  } catch (const std::exception& error) {
    const std::string what = error.what();
    optimizer.end(job, TrialState::failed, what.substr(0, what.find('\n')), spent(), {}, false, "error");
  }
  return std::nullopt;
}

/// Where a task that keeps a folder of checkpoints (a program's own) has it.
std::string checkpoint_folder(const study::Store& store, std::int64_t trial) {
  const std::string folder = trial_folder(store, trial);
  return folder.empty() ? "" : folder + "/checkpoint";
}

/// Removes checkpoints that nothing will ask for: of trials that failed, or completed off the front. `own`:
/// trials that may have a folder of checkpoints, and those that still do afterwards.
void collect_checkpoints(const Optimizer& optimizer, std::set<std::int64_t>& own) {
  const study::Study& study = optimizer.study();
  if (folder_of(study.store()).empty()) return;
  const auto wanted = [&](std::int64_t id) {
    if (optimizer.scheduler().resumable(study.trial(id))) return true;
    for (const auto& member : study.front().members()) {
      const study::Trial& on_front = study.trial(member.trial);
      if (on_front.id == id || on_front.same_as == id) return true;
    }
    return false;
  };
  const std::filesystem::path folder = std::filesystem::path(folder_of(study.store())) / "checkpoints";
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(folder, code)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("trial-") || !name.ends_with(".ckpt")) continue;
    const std::int64_t id = std::atoll(name.c_str() + 6);
    if (id >= 0 && id < study.size() && !wanted(id)) std::filesystem::remove(entry.path(), code);
  }
  std::erase_if(own, [&](std::int64_t id) {
    if (wanted(id)) return false;
    std::filesystem::remove_all(checkpoint_folder(study.store(), id), code);
    return true;
  });
}

/// The trials that have a folder of their own: what earlier workers may have left checkpoints in.
std::set<std::int64_t> trials_with_folder(const study::Study& study) {
  std::set<std::int64_t> found;
  std::error_code code;
  const auto folder = std::filesystem::path(folder_of(study.store())) / "trials";
  for (const auto& entry : std::filesystem::directory_iterator(folder, code)) {
    const std::int64_t id = std::atoll(entry.path().filename().c_str());
    if (id >= 0 && id < study.size() && std::filesystem::exists(entry.path() / "checkpoint", code))
      found.insert(id);
  }
  return found;
}

}  // namespace

Optimizer::Setup setup_of(const StudyFile& file, const std::string& worker) {
  Optimizer::Setup setup;
  setup.name = file.name;
  setup.space = file.space;
  setup.objectives = file.objectives;
  setup.seed = file.seed;
  setup.searcher = file.searcher;
  setup.searcher_options = file.searcher_options.json();
  setup.scheduler = file.scheduler;
  setup.scheduler_options = file.scheduler_options.json();
  setup.cost = file.cost;
  setup.prior = file.prior;
  setup.first = file.first;
  setup.max_trials = file.budget.trials;
  setup.max_steps = file.budget.steps;
  setup.max_spend = file.budget.spend;
  setup.limits = file.limits;
  setup.replicates = file.replicates;
  setup.aggregate = file.aggregate;
  setup.worker = worker;
  return setup;
}

StudyFile study_file_of(const study::Study& study, const std::string& path) {
  const study::StudyRecord& header = study.header();
  if (header.text.empty())
    throw Error("this study was made by a program, not from a study file", Place{study.store().url(), 0, ""});
  return StudyFile::parse(header.text, path.empty() ? header.file : path);
}

StudyFile study_file_of(std::shared_ptr<study::Store> store, const std::string& path) {
  study::Study study(std::move(store), study::Study::Depth::light);
  study.sync();
  return study_file_of(study, path);
}

std::string folder_of(const study::Store& store) {
  const std::string url = store.url();
  if (!url.starts_with("sqlite:")) return "";
  const std::filesystem::path path = std::filesystem::absolute(url.substr(7)).lexically_normal();
  const std::filesystem::path folder = path.parent_path();
  return folder.extension() == ".hone" ? folder.string() : path.string() + ".files";
}

std::string checkpoint_path(const study::Store& store, std::int64_t trial) {
  const std::string folder = folder_of(store);
  return folder.empty() ? "" : fmt::format("{}/checkpoints/trial-{}.ckpt", folder, trial);
}

std::string trial_folder(const study::Store& store, std::int64_t trial) {
  const std::string folder = folder_of(store);
  return folder.empty() ? "" : fmt::format("{}/trials/{}", folder, trial);
}

namespace {

/// Jobs are taken in batches that take about so long, so that asking and telling cost little beside them.
constexpr double kBatch_s = 0.02;
constexpr std::int64_t kMaxBatch = 128;

/// Runs jobs that were asked for together and tells their results together. false: interrupted.
void run_batch(const StudyFile& file, Optimizer& optimizer, task::Evaluator& evaluator,
               const std::vector<Job>& jobs, const WorkerOptions& options, Heartbeat& heartbeat) {
  heartbeat.hold(jobs);
  const double began = monotonic_s();
  std::vector<Optimizer::Told> told;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    // Where the jobs take longer than those before did, what is done is told, and others may have the rest.
    const bool slow = monotonic_s() - began > 5 * kBatch_s;
    if (i > 0 && (slow || heartbeat.lost() || (options.interrupted && options.interrupted()))) {
      optimizer.give_back(jobs[i]);
      continue;
    }
    try {
      if (auto one = run_job(file, optimizer, evaluator, jobs[i], options, heartbeat)) {
        told.push_back(std::move(*one));
        continue;  // its lease is needed until the end
      }
    } catch (...) {
      if (!told.empty()) optimizer.tell(told);
      for (std::size_t rest = i + 1; rest < jobs.size(); ++rest) optimizer.give_back(jobs[rest]);
      throw;
    }
    heartbeat.let_go(jobs[i].trial);
  }
  if (!told.empty()) optimizer.tell(told);
  heartbeat.hold({});
}

}  // namespace

WorkEnd work(const StudyFile& file, std::shared_ptr<study::Store> store, task::Evaluator& evaluator,
             const WorkerOptions& options) {
  Optimizer::Setup setup = setup_of(file, options.name);
  if (options.max_trials) setup.max_trials = *options.max_trials > 0 ? options.max_trials : std::nullopt;
  setup.search = options.search;
  if (options.max_steps) setup.max_steps = *options.max_steps > 0 ? options.max_steps : std::nullopt;
  setup.lease_s = options.lease_s;
  setup.revision = options.revision;
  setup.interrupted = options.interrupted;
  Optimizer optimizer(std::move(setup), std::move(store));
  if (optimizer.study().header().data != file.task->data_identity())
    throw Error("the data is not what the study began with", Place{file.path, 0, "task"},
                "its results cannot be compared with new ones; give the study another name");
  const std::string folder = folder_of(optimizer.study().store());
  if (!folder.empty()) std::filesystem::create_directories(std::filesystem::path(folder) / "checkpoints");
  Heartbeat heartbeat(optimizer, options.lease_s);
  std::int64_t batch = 1;
  double collected_s = monotonic_s();
  std::set<std::int64_t> own = trials_with_folder(optimizer.study());
  while (!options.interrupted || !options.interrupted()) {
    const auto jobs = optimizer.ask_alike(batch);
    if (jobs.empty()) {
      if (optimizer.finished()) {
        collect_checkpoints(optimizer, own);
        return WorkEnd::finished;
      }
      if (optimizer.outdated()) return WorkEnd::revised;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      continue;
    }
    const double began = monotonic_s();
    run_batch(file, optimizer, evaluator, jobs, options, heartbeat);
    const double now = monotonic_s();
    if (now - began < kBatch_s / 2)
      batch = std::min(kMaxBatch, 2 * batch);
    else if (now - began > 2 * kBatch_s)
      batch = std::max<std::int64_t>(1, batch / 2);
    if (!folder.empty() && std::filesystem::exists(folder + "/trials"))
      for (const Job& job : jobs)
        if (std::filesystem::exists(checkpoint_folder(optimizer.study().store(), job.trial)))
          own.insert(job.trial);
    if (now - collected_s > 1.0) {
      optimizer.study().sync();
      collect_checkpoints(optimizer, own);
      collected_s = now;
    }
  }
  collect_checkpoints(optimizer, own);
  return WorkEnd::stopped;
}

WorkEnd work_on(const std::string& store_url, const std::string& path, const WorkerOptions& options) {
  struct sigaction action {};
  action.sa_handler = on_stop;  // without SA_RESTART: blocking calls return
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  WorkerOptions with_signals = options;
  with_signals.interrupted = [given = options.interrupted] { return g_stop != 0 || (given && given()); };
  for (;;) {
    auto store = study::open_existing_store(store_url);
    study::Study begun(store, study::Study::Depth::light);
    begun.sync();
    const StudyFile file = study_file_of(begun, path);
    with_signals.revision = begun.revision();
    const auto make = methods().maker<task::MakeEvaluator>("evaluator", file.task_kind);
    const auto evaluator = make(file.task, file.task_options, file.folder);
    const WorkEnd end = work(file, std::move(store), *evaluator, with_signals);
    if (end != WorkEnd::revised) return end;
  }
}

}  // namespace hone::run
