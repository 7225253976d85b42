#include "hone/run/worker.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/run/checkpoints.h"
#include "hone/run/heartbeat.h"
#include "hone/run/job.h"

namespace hone::run {

namespace {

volatile std::sig_atomic_t g_stop = 0;
void on_stop(int) { g_stop = 1; }

/// Jobs are taken in batches that take about so long, so that asking and telling cost little beside them.
constexpr double kBatch_s = 0.02;
constexpr std::int64_t kMaxBatch = 128;

/// Runs jobs that were asked for together and tells their results together. false: interrupted.
void run_batch(const StudyFile& file, Optimizer& optimizer, task::Evaluator& evaluator, Signer& signer,
               const std::vector<Job>& jobs, const WorkerOptions& options, Heartbeat& heartbeat) {
  const auto interrupted = [&] { return heartbeat.lost() || (options.interrupted && options.interrupted()); };
  heartbeat.hold(jobs);
  const double began = monotonic_s();
  std::vector<Optimizer::Told> told;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    // Where the jobs take longer than those before did, what is done is told, and others may have the rest.
    const bool slow = monotonic_s() - began > 5 * kBatch_s;
    if (i > 0 && (slow || interrupted())) {
      optimizer.give_back(jobs[i]);
      continue;
    }
    try {
      if (auto one = run_job(file, optimizer, evaluator, signer, jobs[i], options, interrupted)) {
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
  Signer signer(file, evaluator, {options.cores, options.gpus, options.interrupted});
  if (file.identity.keys())
    setup.signature = [&](const space::Config& config) { return signer.keys(config); };
  if (!signer.foresight().empty())
    setup.listener = [&](const study::Change& change) { signer.foresight().update(change); };
  Optimizer optimizer(std::move(setup), std::move(store));
  file.need_data(optimizer.study().header().data);
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
        collect_checkpoints(optimizer, file, own);
        return WorkEnd::finished;
      }
      if (optimizer.outdated()) return WorkEnd::revised;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      continue;
    }
    const double began = monotonic_s();
    run_batch(file, optimizer, evaluator, signer, jobs, options, heartbeat);
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
      collect_checkpoints(optimizer, file, own);
      collected_s = now;
    }
  }
  collect_checkpoints(optimizer, file, own);
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
