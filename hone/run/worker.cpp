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

/// Renews a job's lease from a thread of its own while the job runs.
class Heartbeat {
 public:
  Heartbeat(Optimizer& optimizer, const Job& job, double lease_s)
      : thread_([this, &optimizer, job, lease_s] {
          std::unique_lock lock(mutex_);
          while (
              !wake_.wait_for(lock, std::chrono::duration<double>(lease_s / 4), [this] { return done_; })) {
            try {
              if (!optimizer.renew(job)) lost_ = true;
            } catch (const Error&) {
              // The store is busy or gone; the tell at the end will say so.
            }
          }
        }) {}
  ~Heartbeat() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }
  /// The lease went to somebody else (this machine slept, say): what is being done here is in vain.
  bool lost() const { return lost_; }
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
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
                            const Job& job, double began_s, const std::function<bool()>& interrupted) {
  const study::Trial& trial = optimizer.study().trial(job.trial);
  const auto spent = [&] { return monotonic_s() - began_s; };
  if (job.from != 0) return false;
  if (trial.keys.structural.none() && trial.keys.functional.none() && trial.costs.empty()) {
    study::Keys keys;
    if (const auto graph = file.task->graph(job.config)) keys.structural = graph::canonical(*graph).key;
    const study::Measures* known =
        keys.structural.none() ? nullptr : optimizer.cache().costs(keys.structural);
    // What the design alone tells, then what must be measured: a giant is turned away before it is built.
    study::Measures costs = known != nullptr ? *known : file.task->design_costs(job.config);
    if (known == nullptr && broken_limit(file, costs, false).empty())
      costs.merge(evaluator.costs(job.config, interrupted));
    if (file.identity == identity::Policy::reuse && broken_limit(file, costs, false).empty() &&
        !interrupted()) {
      if (const auto literal = file.task->unseen_by_probe(job.config)) {
        const std::string context =
            fmt::format("{} seed={} horizon={}", *literal, job.seed, optimizer.horizon());
        if (const auto key = identity::functional_key(evaluator.probe(job.config), context))
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
    optimizer.end(job, TrialState::infeasible, violation, spent(), {}, true);
    return true;
  }
  if (file.identity == identity::Policy::reuse && !trial.keys.functional.none()) {
    optimizer.study().sync();
    const std::int64_t twin = optimizer.cache().known(trial.keys.functional, job.to);
    if (twin >= 0 && twin != trial.id &&
        (!needs_unshared(file) || (!trial.keys.structural.none() &&
                                   optimizer.study().trial(twin).keys.structural == trial.keys.structural))) {
      optimizer.same(job, twin, spent());
      return true;
    }
  }
  return false;
}

void run_job(const StudyFile& file, Optimizer& optimizer, task::Evaluator& evaluator, const Job& job,
             const WorkerOptions& options) {
  const double began = monotonic_s();
  const auto spent = [&] { return monotonic_s() - began; };
  const Heartbeat heartbeat(optimizer, job, options.lease_s);
  try {
    const auto interrupted = [&] {
      return heartbeat.lost() || (options.interrupted && options.interrupted());
    };
    if (settle_without_running(file, optimizer, evaluator, job, began, interrupted)) return;
    const study::Trial& trial = optimizer.study().trial(job.trial);
    const std::string checkpoint = checkpoint_path(optimizer.study().store(), job.trial);
    if (!checkpoint.empty())
      std::filesystem::create_directories(std::filesystem::path(checkpoint).parent_path());
    const task::Assignment assignment{trial,         job.from,
                                      job.to,        optimizer.horizon(),
                                      checkpoint,    trial_folder(optimizer.study().store(), job.trial),
                                      options.cores, options.gpus};
    JobReporter reporter(optimizer, job, interrupted);
    const task::Outcome outcome = evaluator.run(assignment, reporter);
    switch (outcome.ending) {
      case task::Ending::reached: {
        study::Measures all = outcome.measures;
        all.merge(trial.costs);
        std::string missing;
        for (const auto& objective : file.objectives)
          if (!all.find(objective.name)) missing = objective.name;
        if (!missing.empty())
          optimizer.end(job, TrialState::failed, fmt::format("it did not report {}", missing), spent(),
                        outcome.curve, false, "missing");
        else if (const std::string violation = broken_limit(file, all, job.to >= optimizer.horizon());
                 !violation.empty())
          optimizer.end(job, TrialState::infeasible, violation, spent(), outcome.curve);
        else
          optimizer.tell(job, outcome.measures, spent(), outcome.curve);
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
        optimizer.end(job, TrialState::failed, outcome.reason, spent(), outcome.curve, false, outcome.cause);
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
    if (!study.trial(id).done()) return true;
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
  setup.max_trials = file.budget.trials;
  setup.worker = worker;
  return setup;
}

StudyFile study_file_of(study::Store& store, const std::string& path) {
  StudyFile file;
  bool found = false;
  store.read(0, [&](const study::Event& event) {
    if (found) return;
    found = true;
    const study::Record record = study::decode(event);
    if (const auto* header = std::get_if<study::StudyRecord>(&record)) {
      if (header->text.empty())
        throw Error("this study was made by a program, not from a study file", Place{store.url(), 0, ""});
      file = StudyFile::parse(header->text, path.empty() ? header->file : path);
    } else {
      throw Error("the journal does not begin with a study", Place{store.url(), 0, ""});
    }
  });
  if (!found) throw Error("there is no study in this store", Place{store.url(), 0, ""}, "run hone search");
  return file;
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

bool work(const StudyFile& file, std::shared_ptr<study::Store> store, task::Evaluator& evaluator,
          const WorkerOptions& options) {
  Optimizer::Setup setup = setup_of(file, options.name);
  if (options.max_trials) setup.max_trials = *options.max_trials > 0 ? options.max_trials : std::nullopt;
  setup.lease_s = options.lease_s;
  setup.interrupted = options.interrupted;
  Optimizer optimizer(std::move(setup), std::move(store));
  if (optimizer.study().header().data != file.task->data_identity())
    throw Error("the data is not what the study began with", Place{file.path, 0, "task"},
                "its results cannot be compared with new ones; give the study another name");
  std::set<std::int64_t> own = trials_with_folder(optimizer.study());
  while (!options.interrupted || !options.interrupted()) {
    const auto job = optimizer.ask();
    if (!job) {
      if (optimizer.finished()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      continue;
    }
    run_job(file, optimizer, evaluator, *job, options);
    if (std::filesystem::exists(checkpoint_folder(optimizer.study().store(), job->trial)))
      own.insert(job->trial);
    collect_checkpoints(optimizer, own);
  }
  return false;
}

bool work_on(const std::string& store_url, const std::string& path, const WorkerOptions& options) {
  struct sigaction action {};
  action.sa_handler = on_stop;  // without SA_RESTART: blocking calls return
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  auto store = study::open_store(store_url);
  const StudyFile file = study_file_of(*store, path);
  const auto make = methods().maker<task::MakeEvaluator>("evaluator", file.task_kind);
  const auto evaluator = make(file.task, file.task_options, file.folder);
  WorkerOptions with_signals = options;
  with_signals.interrupted = [given = options.interrupted] { return g_stop != 0 || (given && given()); };
  return work(file, std::move(store), *evaluator, with_signals);
}

}  // namespace hone::run
