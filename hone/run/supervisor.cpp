#include "hone/run/supervisor.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/base/clock.h"
#include "hone/base/units.h"
#include "hone/run/process.h"
#include "hone/run/summary.h"
#include "hone/run/worker.h"

namespace hone::run {
namespace {

/// Workers get this long to save before they are killed.
constexpr double kGrace_s = 1.6;
constexpr int kMaxCrashes = 5;

/// The worker processes of one session.
class Crew {
 public:
  Crew(std::vector<std::string> command, std::string folder)
      : command_(std::move(command)), folder_(std::move(folder)), environment_(worker_environment()) {}
  ~Crew() { stop(0.0, {}); }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  void start(const std::string& name) {
    std::vector<std::string> command = command_;
    command.insert(command.end(), {"--name", name});
    const std::string log = fmt::format("{}/{}.log", folder_, name.substr(0, name.find('.')));
    std::error_code code;
    if (std::filesystem::file_size(log, code) > (1 << 20)) std::filesystem::remove(log, code);
    members_.push_back({spawn(command, environment_, log), name, log});
  }

  struct Left {
    std::string name;
    std::string log;
    int status = 0;  ///< as waitpid gives it
  };
  /// Those that have ended since the last call.
  std::vector<Left> reap() {
    std::vector<Left> left;
    for (auto it = members_.begin(); it != members_.end();) {
      int status = 0;
      const pid_t pid = ::waitpid(it->pid, &status, WNOHANG);
      if (pid == it->pid) {
        left.push_back({it->name, it->log, status});
        it = members_.erase(it);
      } else {
        ++it;
      }
    }
    return left;
  }

  std::size_t size() const { return members_.size(); }

  /// Asks all to save and end, waits, and kills who has not.
  void stop(double grace_s, const std::function<bool()>& killed) {
    for (const auto& member : members_) ::kill(member.pid, SIGTERM);
    const double until = monotonic_s() + grace_s;
    while (!members_.empty() && monotonic_s() < until && !(killed && killed())) {
      reap();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    for (const auto& member : members_) ::kill(member.pid, SIGKILL);
    for (const auto& member : members_) ::waitpid(member.pid, nullptr, 0);
    members_.clear();
  }

 private:
  struct Member {
    pid_t pid;
    std::string name;
    std::string log;
  };
  std::vector<std::string> command_;
  std::string folder_;
  std::map<std::string, std::string> environment_;
  std::vector<Member> members_;
};

/// Whether a worker named "w0.PID" belongs to a supervisor of this machine that is no more: its workers died
/// with it. (The SQLite store is of one machine.)
bool orphaned(const std::string& holder) {
  const std::size_t dot = holder.rfind('.');
  if (dot == std::string::npos || !holder.starts_with('w')) return false;
  const pid_t pid = std::atoi(holder.c_str() + dot + 1);
  return pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH;
}

std::string how_ended(int status) {
  if (WIFSIGNALED(status)) return fmt::format("was killed by signal {}", WTERMSIG(status));
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

}  // namespace

SuperviseResult supervise(const StudyFile& file, const SuperviseOptions& options, Progress& progress) {
  const std::string url = options.store_url.empty() ? file.default_store() : options.store_url;
  auto store = study::open_store(url);
  if (study::Study::exists(*store)) {
    const StudyFile before = study_file_of(*store);
    const auto changes = file.differences(before);
    if (!changes.empty())
      throw Error(
          fmt::format("the study has begun with other settings:\n  {}\n ", fmt::join(changes, "\n  ")),
          Place{file.path, 0, ""},
          fmt::format("its trials cannot be mixed with new ones; give the file another name, or remove {}",
                      folder_of(*store)));
  } else {
    study::Study::create(*store, file.header());
  }

  Budget budget = file.budget;
  if (options.trials) budget.trials = options.trials;
  std::int64_t workers = options.workers > 0 ? options.workers : budget.workers;
  if (workers == 0) workers = core_count();

  study::Study study(store);
  study.sync();
  if (options.time_s) budget.time_s = study.elapsed_s(study.last_time_s()) + *options.time_s;
  if (budget.time_s && study.elapsed_s(study.last_time_s()) >= *budget.time_s)
    return {
        SuperviseResult::End::budget,
        fmt::format("the time budget of {} was already spent; raise [budget] time, or give more with --time",
                    duration_text(*budget.time_s))};

  const std::string folder = folder_of(*store);
  std::vector<std::string> command{find_program(options.worker_program), "worker", "--store", store->url()};
  if (budget.trials) command.insert(command.end(), {"--trials", std::to_string(*budget.trials)});
  study.commit({study::SessionRecord{workers, budget_text(budget)}});
  give_back_lost(study, [](const study::HeldLease& held) { return orphaned(held.holder); });

  Crew crew(command, folder);
  // The process id keeps apart the workers of two searches that share a study.
  const std::string mark = fmt::format(".{}", ::getpid());
  for (std::int64_t i = 0; i < workers; ++i) crew.start(fmt::format("w{}{}", i, mark));

  SuperviseResult result;
  int crashes = 0;
  std::exception_ptr trouble;
  for (;;) {
    study.sync();
    const double now = store->now_s();
    progress.draw(study, budget, now);
    for (const auto& left : crew.reap()) {
      if (WIFEXITED(left.status) && WEXITSTATUS(left.status) == 0) continue;  // nothing was left to do
      const std::string said = file_tail(left.log, 3);
      if ((WIFEXITED(left.status) && WEXITSTATUS(left.status) == 2) || ++crashes > kMaxCrashes) {
        const bool input = WIFEXITED(left.status) && WEXITSTATUS(left.status) == 2;
        std::string what = said.starts_with("error: ") ? said.substr(7) : said;
        trouble = std::make_exception_ptr(
            input ? Error(what)
                  : environment_error(fmt::format("worker {} {} ({} times in all): {}", left.name,
                                                  how_ended(left.status), crashes, said),
                                      "its log is " + left.log));
        break;
      }
      give_back_lost(study, [&](const study::HeldLease& held) { return held.holder == left.name; });
      crew.start(left.name);
    }
    if (trouble) break;
    if (crew.size() == 0) {
      result = {SuperviseResult::End::finished, budget.trials && study.size() >= *budget.trials
                                                    ? fmt::format("{} trials are done", study.size())
                                                    : "nothing is left to propose"};
      break;
    }
    if (options.interrupted && options.interrupted()) {
      result = {SuperviseResult::End::interrupted, "interrupted"};
      break;
    }
    if (budget.time_s && study.elapsed_s(now) >= *budget.time_s) {
      result = {SuperviseResult::End::budget,
                fmt::format("the time budget of {} is spent", duration_text(*budget.time_s))};
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  crew.stop(kGrace_s, options.killed);
  give_back_lost(study, [&](const study::HeldLease& held) { return held.holder.ends_with(mark); });
  study.commit({study::EndedRecord{trouble ? "a worker failed" : result.why}});
  progress.draw(study, budget, store->now_s(), true);
  if (trouble) std::rethrow_exception(trouble);
  return result;
}

}  // namespace hone::run
