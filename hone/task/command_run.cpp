#include "hone/task/command_run.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/task/command_tree.h"

namespace hone::task {
namespace {

/// How long processes may outlive the program that left them behind (a tee that writes its last line, say).
constexpr double kLeftovers_s = 0.2;
/// How long a killed tree is waited for: what the kernel holds in an uninterruptible wait is left to it.
constexpr double kUnkillable_s = 10.0;
constexpr double kFirstLook_s = 0.002, kLook_s = 0.025;
/// Watching takes at most this part of a core.
constexpr double kWatching = 0.05;

[[noreturn]] void cannot_start(const Launch& launch, const Keeper::News& news) {
  const std::string why = std::strerror(news.value);
  if (news.kind == Keeper::Kind::no_folder)
    throw environment_error(fmt::format("cannot enter {}: {}", launch.folder, why));
  const std::string what = fmt::format("cannot run {}: {}", launch.program, why);
  if (news.value == E2BIG) throw Error(what);
  if (news.value == ENOEXEC) throw environment_error(what, "a script begins with #! and its interpreter");
  if (news.value == ENOENT && ::access(launch.program.c_str(), F_OK) == 0)
    throw environment_error(what, "the interpreter that its first line names is not there");
  throw environment_error(what);
}

double own_peak_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

/// One run, turn by turn.
class Run {
 public:
  Run(const Launch& launch, const RunRules& rules, const RunEars& ears)
      : launch_(launch),
        rules_(rules),
        ears_(ears),
        own_peak_(own_peak_bytes()),
        memory_kills_(kernel_memory_kills()),
        began_(monotonic_s()),
        keeper_(launch) {}

  RunEnd to_end() {
    while (!gone_ && !keeper_.lost() && now() < abandon_at_) turn();
    if (!gone_) {
      if (keeper_.lost() && !end_.killed && !ended_) end_.how = RunEnd::How::lost;
      if (!ended_) end_.seconds = now();
    }
    while (read(keeper_.output_fd(), ears_.output) || read(keeper_.apart_fd(), ears_.apart)) {
    }
    while (read(keeper_.report_fd(), ears_.report)) {
    }
    const auto kills = kernel_memory_kills();
    end_.out_of_memory = kills > memory_kills_ && memory_kills_ >= 0;
    return end_;
  }

 private:
  double now() const { return monotonic_s() - began_; }

  void turn() {
    pollfd waits[] = {{keeper_.news_fd(), POLLIN, 0},
                      {report_open_ ? keeper_.report_fd() : -1, POLLIN, 0},
                      {output_open_ ? keeper_.output_fd() : -1, POLLIN, 0},
                      {apart_open_ ? keeper_.apart_fd() : -1, POLLIN, 0}};
    const double wait = std::clamp(std::min({look_at_, kill_at_, kLook_s + now()}) - now(), 0.0, kLook_s);
    ::poll(waits, 4, static_cast<int>(std::ceil(wait * 1e3)));
    // Reports before news: what a program said before it ended is heard first.
    if (waits[1].revents != 0) report_open_ = read(keeper_.report_fd(), ears_.report) || !closed_;
    if (waits[2].revents != 0) output_open_ = read(keeper_.output_fd(), ears_.output, 16) || !closed_;
    if (waits[3].revents != 0) apart_open_ = read(keeper_.apart_fd(), ears_.apart) || !closed_;
    while (const auto news = keeper_.news()) hear(*news);
    if (ended_ || gone_) {
      if (now() >= kill_at_) kill();
      return;
    }
    if (rules_.time_s && now() > *rules_.time_s) ask(RunEnd::How::over_time, rules_.stop_signal);
    if (ears_.wish) obey(ears_.wish());
    if (ears_.interrupted && ears_.interrupted()) ask(RunEnd::How::interrupted, rules_.pause_signal);
    if (now() >= look_at_) look();
    if (now() >= kill_at_) kill();
  }

  /// Reads what is there, up to `most` times 64 KiB, so that a flood does not keep the rest waiting. Whether
  /// something was; closed_: the other side has closed it.
  template <typename Hear>
  bool read(int fd, const Hear& hear, int most = 1) {
    closed_ = false;
    if (fd < 0) return false;
    static thread_local char buffer[1 << 16];
    bool any = false;
    for (int turns = 0; turns < most; ++turns) {
      const ssize_t size = ::read(fd, buffer, sizeof buffer);
      if (size < 0 && errno == EINTR) continue;
      closed_ = size == 0;
      if (size <= 0) break;
      any = true;
      // What speaks is up: a short program's memory may be seen now or never, earlier looks found a page of
      // it.
      if (!std::exchange(heard_, true)) look_at_ = 0.0;
      if (hear) hear(std::string_view(buffer, static_cast<std::size_t>(size)));
    }
    return any;
  }

  void hear(const Keeper::News& news) {
    switch (news.kind) {
      case Keeper::Kind::started:
        break;
      case Keeper::Kind::no_folder:
      case Keeper::Kind::no_program:
        cannot_start(launch_, news);
      case Keeper::Kind::ended:
        ended_ = true;
        end_.status = news.value;
        end_.seconds = now();
        if (kill_at_ == kInfinity) kill_at_ = now() + kLeftovers_s;
        break;
      case Keeper::Kind::gone:
        gone_ = true;
        end_.cpu_s = news.cpu_s;
        // Between fork and exec the program has the worker's memory, and the kernel remembers that peak.
        if (1024.0 * static_cast<double>(news.max_rss_kb) > own_peak_ || end_.memory_bytes == 0.0)
          end_.memory_bytes = std::max(end_.memory_bytes, 1024.0 * static_cast<double>(news.max_rss_kb));
        break;
    }
  }

  void obey(RunEars::Wish wish) {
    if (wish == RunEars::Wish::stop) ask(RunEnd::How::stopped, rules_.stop_signal);
    if (wish == RunEars::Wish::pause) ask(RunEnd::How::paused, rules_.pause_signal);
  }

  /// Asks it to end, once.
  void ask(RunEnd::How why, int signal) {
    if (end_.how != RunEnd::How::ended || ended_) return;
    end_.how = why;
    keeper_.signal(signal);
    kill_at_ = now() + rules_.grace_s;
  }

  void kill() {
    kill_at_ = kInfinity;
    abandon_at_ = now() + kUnkillable_s;
    if (!ended_) end_.killed = true;
    keeper_.kill();
  }

  void look() {
    const double began = now();
    const TreeMemory memory = tree_memory(keeper_.pid());
    end_.memory_bytes = std::max({end_.memory_bytes, memory.resident_bytes, memory.largest_bytes});
    if (rules_.memory_bytes && memory.resident_bytes > *rules_.memory_bytes &&
        (memory.processes == 1 || tree_proportional_bytes(keeper_.pid()) > *rules_.memory_bytes)) {
      end_.how = RunEnd::How::over_memory;
      kill();
    }
    interval_ = std::max(std::min(1.5 * interval_, kLook_s), (now() - began) / kWatching);
    look_at_ = now() + interval_;
  }

  const Launch& launch_;
  const RunRules& rules_;
  const RunEars& ears_;
  double own_peak_;
  std::int64_t memory_kills_;
  double began_;
  Keeper keeper_;
  RunEnd end_;
  bool ended_ = false, gone_ = false, closed_ = false, heard_ = false;
  bool report_open_ = true, output_open_ = true, apart_open_ = true;
  double kill_at_ = kInfinity, abandon_at_ = kInfinity;
  double look_at_ = kFirstLook_s, interval_ = kFirstLook_s;
};

}  // namespace

RunEnd run_program(const Launch& launch, const RunRules& rules, const RunEars& ears) {
  return Run(launch, rules, ears).to_end();
}

}  // namespace hone::task
