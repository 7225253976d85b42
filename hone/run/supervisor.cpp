#include "hone/run/supervisor.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/base/clock.h"
#include "hone/base/numbers.h"
#include "hone/base/units.h"
#include "hone/run/crew.h"
#include "hone/run/leases.h"
#include "hone/run/name_watch.h"
#include "hone/run/process.h"
#include "hone/run/saved.h"
#include "hone/run/summary.h"
#include "hone/run/warm_start.h"
#include "hone/run/worker.h"

namespace hone::run {
namespace {

/// Workers get this long to save before they are killed.
constexpr double kGrace_s = 1.6;
/// So many crashes without any trial getting further, and the search ends.
constexpr int kMaxCrashes = 5;
/// What a worker that was asked to stop ends with.
constexpr int kStoppedStatus = 3;
/// What a worker ends with that says itself what is wrong with the study file.
constexpr int kInputStatus = 2;
/// What a worker ends with that says itself what was wrong: the machine, or hone.
constexpr int kFaultStatus = 1;

/// "at 14:03:22 on 2026-11-22", by this machine's clock.
std::string moment_text(double seconds) {
  const auto whole = static_cast<std::time_t>(seconds);
  std::tm local{};
  ::localtime_r(&whole, &local);
  return fmt::format("at {:02}:{:02}:{:02} on {}-{:02}-{:02}", local.tm_hour, local.tm_min, local.tm_sec,
                     local.tm_year + 1900, local.tm_mon + 1, local.tm_mday);
}

bool disk_is_full(const std::string& folder) {
  std::error_code code;
  const auto space = std::filesystem::space(folder, code);
  return !code && space.available < (1U << 20);
}

/// How many processes this machine (or this container) has killed for want of memory.
std::int64_t out_of_memory_kills() {
  std::int64_t kills = 0;
  for (const char* path : {"/proc/vmstat", "/sys/fs/cgroup/memory.events"}) {
    std::ifstream stream(path);
    std::string word;
    std::int64_t value = 0;
    while (stream >> word >> value)
      if (word == "oom_kill") kills += value;
  }
  return kills;
}

std::string how_ended(int status) {
  if (WIFSIGNALED(status))
    return fmt::format("was killed by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

/// Whether somebody of this name still holds a trial that runs.
bool holds_trial(study::Study& study, const std::string& holder) {
  study.sync();
  const auto leases = study.store().leases("trial/");
  return std::any_of(leases.begin(), leases.end(), [&](const study::HeldLease& held) {
    return held.holder == holder && running(study, trial_of(held));
  });
}

/// What the ends of workers say: whose fault they are, and whether another one would do better.
class WorkerEnds {
 public:
  /// `folder`: the store's.
  WorkerEnds(study::Study& study, std::string folder)
      : study_(study), folder_(std::move(folder)), memory_kills_(out_of_memory_kills()) {}

  /// Gives back what a worker held that has ended. Returns whether another one is to take its place. Throws
  /// Error where it says what is wrong with the study file, or none will get further.
  bool judge_left(const Crew::Left& left) {
    // A worker gives back what it holds before it ends, unless hone itself has failed: the trial's own code
    // has called exit(), and whatever status it chose says nothing of the study.
    const int ended = WIFEXITED(left.status) ? WEXITSTATUS(left.status) : -1;
    const bool torn = ended >= 0 && ended != kFaultStatus && holds_trial(study_, left.name);
    if (ended == 0 && !torn) return false;  // nothing was left to do
    const bool stopped = ended == kStoppedStatus && !torn;
    const std::size_t at = left.said.rfind("error: ");
    std::string error = at == std::string::npos ? left.said : left.said.substr(at + 7);
    if (ended == kInputStatus && !torn)
      throw Error(error.empty()
                      ? fmt::format("worker {} {}, and said nothing", left.name, how_ended(left.status))
                      : error,
                  {}, error.empty() ? "its log is " + left.log : "");
    // A full disk, a lost store: no trial's fault, and no worker will do better. On a full disk the worker's
    // log may have had no room for its last words.
    const bool full = at == std::string::npos && disk_is_full(folder_);
    if (full) error = fmt::format("the disk is full: {}", folder_);
    const bool said = ended == kFaultStatus && (at != std::string::npos || full);
    // A kill from outside says nothing about the trial, unless the system did it for want of memory.
    const bool killed = WIFSIGNALED(left.status) && WTERMSIG(left.status) == SIGKILL;
    const bool for_memory = killed && memory_was_short();
    if (!stopped && (!killed || for_memory)) count_crash(left, said ? std::optional(error) : std::nullopt);
    // So is a bus error: a mapped file on a full disk gives one, the store's own among them.
    const bool bus = WIFSIGNALED(left.status) && WTERMSIG(left.status) == SIGBUS;
    const bool unclear = said || bus || (killed && !for_memory);
    const Blame blame = stopped ? Blame::nobody : unclear ? Blame::unknown : Blame::trial;
    give_back(
        study_, blame, [&](const study::HeldLease& held) { return held.holder == left.name; },
        for_memory ? std::string("ran out of memory and was killed by the system") : how_ended(left.status));
    return true;
  }

 private:
  /// Whether the system has killed for want of memory since this was asked last.
  bool memory_was_short() {
    const std::int64_t before = std::exchange(memory_kills_, out_of_memory_kills());
    return memory_kills_ > before;
  }

  /// Throws Error where there have been too many without any trial getting further. `said`: what the worker
  /// said was wrong with the machine, or with hone.
  void count_crash(const Crew::Left& left, const std::optional<std::string>& said) {
    if (progress_of(study_) != progress_at_crash_) crashes_ = 0;
    progress_at_crash_ = progress_of(study_);
    if (++crashes_ > 1 && said) throw environment_error(*said);
    if (crashes_ > kMaxCrashes)
      throw environment_error(fmt::format("worker {} {}, {} times without getting further: {}", left.name,
                                          how_ended(left.status), crashes_, left.said),
                              "its log is " + left.log);
  }

  study::Study& study_;
  std::string folder_;
  int crashes_ = 0;
  std::int64_t memory_kills_;
  std::int64_t progress_at_crash_ = -1;
};

/// Why nothing is left to do, in words.
std::string why_finished(const study::Study& study, const StudyFile& file, const Budget& budget) {
  const std::int64_t running = study.count(study::TrialState::running);
  const std::string others =
      running > 0 ? fmt::format("; another search still runs {}", counted(running, "trial")) : "";
  if (budget.trials && study.size() >= *budget.trials)
    return running > 0
               ? fmt::format("the budget of {} is proposed{}", counted(*budget.trials, "trial"), others)
               : fmt::format("{} {} done", counted(study.size(), "trial"), study.size() == 1 ? "is" : "are");
  if (budget.proposals && study.proposals() >= *budget.proposals)
    return fmt::format("{} are made, {} of them of a config that was known{}",
                       counted(*budget.proposals, "proposal"), study.saved().repeated_config, others);
  const study::Spending& spending = study.spending();
  for (const auto& [name, bound] : budget.spend.entries())
    if (const double total = spending.total(name); total >= bound)
      return fmt::format("the budget of {} {} is spent: {}", name, quantity_text(name, bound),
                         quantity_text(name, total));
  const std::string unit = file.task->fidelity_unit();
  if (budget.steps && spending.units() >= *budget.steps)
    return fmt::format("the budget of {} {} is spent", *budget.steps, unit);
  if (budget.steps && study.size() == 0 && *budget.steps < study.header().horizon)
    return fmt::format("nothing was begun: no job fits into the budget of {} {}, a whole trial takes {}",
                       *budget.steps, unit, study.header().horizon);
  if (budget.steps && *budget.steps - spending.units() < study.header().horizon)
    return fmt::format("{} of {} {} are spent, and no further job fits in", spending.units(), *budget.steps,
                       unit);
  if (const std::int64_t n = study.known_in_a_row(); file.identity.give_up > 0 && n >= file.identity.give_up)
    return fmt::format("the last {} candidates all compute what known ones do: nothing new is found{}", n,
                       others);
  if (const auto count = file.space.count(); count && file.replicates == 1 && study.size() >= *count)
    return fmt::format("every config of the space ({}) is known{}", *count, others);
  return "nothing is left to propose" + others;
}

/// Creates the study, or goes on with the one in the store, with what the file says now.
void begin(const StudyFile& file, const std::shared_ptr<study::Store>& store,
           const std::function<void(const std::string&)>& say) {
  if (!study::Study::exists(*store)) {
    const study::StudyRecord header = file.header();
    study::Study::create(*store, header);
    for (const study::WarmStudy& warm : header.warm)
      if (const std::string loss = warm_loss(warm, file.space); !loss.empty()) say("warm start: " + loss);
    return;
  }
  study::Study study(store, study::Study::Depth::light);
  study.sync();
  auto changes = file.differences(study_file_of(study, file.path));
  if (const std::string changed = file.changed_data(study.header().data); !changed.empty())
    changes.refused.push_back(changed);
  if (!changes.refused.empty()) {
    const std::string folder = folder_of(*store);
    throw Error(
        fmt::format("the study has begun with other settings:\n  {}", fmt::join(changes.refused, "\n  ")),
        Place{file.path, 0, ""},
        fmt::format("its trials cannot be mixed with new ones; give the file another name, or remove {}",
                    folder.ends_with(".hone") ? folder : store->url()));
  }
  if (changes.accepted.empty() && study.header().limits != file.limits)
    changes.accepted.push_back("limits: the study's trials are judged by them from now on");
  if (!changes.accepted.empty()) {
    study.commit({file.revision(changes.accepted)});
    say(fmt::format("the study file has changed, and the study goes on with it:\n  {}",
                    fmt::join(changes.accepted, "\n  ")));
  }
  if (study.session_open() && !study.boot().empty() && study.boot() != study::boot_id())
    say(fmt::format(
        "this machine went down while the study ran: its journal ends {} after {} events; at most "
        "the second before the end is lost, and what ran then is run again",
        moment_text(study.last_time_s()), store->head()));
}

}  // namespace

std::int64_t workers_here(const StudyFile& file) { return share_out(file, 0).workers; }

SuperviseResult supervise(const StudyFile& file, const SuperviseOptions& options, Progress& progress) {
  auto store = study::open_store(options.store_url.empty() ? file.default_store() : options.store_url);
  const auto say = [&](const std::string& line) {
    progress.clear();
    if (options.say) options.say(line);
  };
  begin(file, store, say);

  Budget budget = file.budget;
  if (options.trials) budget.trials = options.trials;
  if (options.steps) budget.steps = options.steps;
  const Places places = share_out(file, options.workers > 0 ? options.workers : budget.workers);
  const std::int64_t workers = places.workers;

  study::Study study(store, study::Study::Depth::light);
  study.sync();
  const double spent = study.elapsed_s(study.last_time_s());
  if (options.time_s) budget.time_s = spent + *options.time_s;
  if (budget.time_s && spent >= *budget.time_s)
    return {
        SuperviseResult::End::budget,
        fmt::format("the time budget of {} was already spent; raise [budget] time, or give more with --time",
                    duration_text(*budget.time_s))};
  // By this process's own clock: the study's counts other sessions too, and ends with them.
  const double deadline = budget.time_s ? monotonic_s() + *budget.time_s - spent : kInfinity;

  // The mark keeps apart the workers of two searches that share a study, in two containers too.
  const std::string search = process_mark();
  const std::string mark = "." + search;
  const bool named = options.worker_program.find('/') == std::string::npos;
  std::vector<std::string> command{named ? find_program(options.worker_program) : options.worker_program};
  for (const std::string& word :
       {std::string("worker"), std::string("--store"), store->url(), std::string("--file"), file.path,
        std::string("--trials"), std::to_string(budget.trials.value_or(0)), std::string("--steps"),
        std::to_string(budget.steps.value_or(0)), std::string("--search"), search})
    command.push_back(word);
  Crew crew(command, folder_of(*store));
  study.commit({study::SessionRecord{workers, budget_text(budget), study::boot_id(), search}});
  give_back(study, Blame::nobody, [](const study::HeldLease& held) { return orphaned(held.holder); });

  const auto start = [&](const std::string& name) {
    crew.start(name, places.arguments(static_cast<std::size_t>(std::atoi(name.c_str() + 1))));
  };
  SuperviseResult result;
  std::string why = "an error";
  const auto end_session = [&] {
    crew.stop(kGrace_s + file.task->needs().grace_s, options.killed);
    give_back(study, Blame::nobody,
              [&](const study::HeldLease& held) { return held.holder.ends_with(mark); });
    study.commit({study::EndedRecord{why, search}});
    study.save_views();
  };
  NameWatch names(study, file, say);
  bool told_known = false;
  try {
    for (std::int64_t i = 0; i < workers; ++i) start(fmt::format("w{}{}", i, mark));
    WorkerEnds ends(study, folder_of(*store));
    for (;;) {
      study.sync();
      progress.draw(study, budget, store->now_s());
      names.look();
      if (!told_known && study.known_in_a_row() >= kKnownInARow) {
        told_known = true;
        say("warning: " + nothing_new_text(study, file));
      }
      if (options.interrupted && options.interrupted()) {
        result = {SuperviseResult::End::interrupted, "interrupted"};
        break;
      }
      for (const auto& left : crew.reap())
        if (ends.judge_left(left)) start(left.name);
      if (crew.size() == 0) {
        study.sync();
        result = {SuperviseResult::End::finished, why_finished(study, file, budget)};
        break;
      }
      if (monotonic_s() >= deadline) {
        result = {SuperviseResult::End::budget,
                  fmt::format("the time budget of {} is spent", duration_text(*budget.time_s))};
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    why = result.why;
  } catch (...) {
    try {
      end_session();
    } catch (const Error&) {
      // The first error is the one to tell; what was running is taken over at the next start.
    }
    throw;
  }
  end_session();
  progress.draw(study, budget, store->now_s(), true);
  names.look();
  return result;
}

}  // namespace hone::run
