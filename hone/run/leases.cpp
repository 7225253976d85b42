// Who holds what: leases that are given back, taken over, or waited for.
#include "hone/run/leases.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hone/base/key.h"
#include "hone/run/optimizer.h"
#include "hone/study/store.h"

namespace hone::run {

using study::TrialState;

namespace {

constexpr double kAskLease_s = 30.0;
/// So many workers may die of one trial before it is quarantined.
constexpr std::int64_t kMaxDeaths = 2;
/// So many may vanish over it before it is stale. Many, since somebody may be killing workers at random.
constexpr std::int64_t kMaxVanished = 20;

/// What becomes of a running trial whose worker is gone.
study::EndRecord lost_attempt(const study::Trial& trial, Blame blame, const std::string& holder,
                              const std::string& how) {
  study::EndRecord end;
  end.trial = trial.id;
  end.attempt = trial.attempts;
  end.state = TrialState::waiting;
  end.lost = blame == Blame::trial;
  end.vanished = blame == Blame::unknown;
  const std::string what = how.empty() ? blame == Blame::nobody ? "was stopped" : "was lost" : how;
  end.reason = fmt::format("worker {} {}", holder, what);
  if (end.lost && trial.lost + 1 >= kMaxDeaths) {
    end.state = TrialState::failed;
    end.cause = "crash";
    end.reason =
        fmt::format("quarantined: it cost {} workers their lives (the last one {})", trial.lost + 1, what);
  } else if (end.vanished && trial.vanished + 1 >= kMaxVanished) {
    end.state = TrialState::stale;
    end.reason =
        fmt::format("its worker vanished {} times; hone trial retry runs it again", trial.vanished + 1);
  }
  return end;
}

/// The space in which this process's number is one (a container has its own, and so has each machine); 0: not
/// known.
std::uint64_t process_space() {
  struct stat info {};
  const std::string boot = study::boot_id();
  if (boot.empty() || ::stat("/proc/self/ns/pid", &info) != 0) return 0;
  // The first space of every machine has the same inode.
  return KeyBuilder().text(boot).integer(static_cast<std::int64_t>(info.st_ino)).build().low;
}

/// When a process began, in ticks since the machine did; 0: not known.
std::uint64_t process_start(const std::string& process) {
  std::ifstream stream("/proc/" + process + "/stat");
  std::string line;
  std::getline(stream, line);
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(line.substr(name_end + 1));
  constexpr int kStart = 20;  // of those after the name: proc(5)
  std::string field;
  for (int i = 0; i < kStart; ++i) fields >> field;
  return std::strtoull(field.c_str(), nullptr, 10);
}

struct Mark {
  std::uint64_t pid = 0, space = 0, start = 0;
};

/// Whether the text is a mark of this hone's, and which.
bool read_mark(std::string_view text, Mark& mark) {
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&](std::uint64_t& value, int base) {
    const auto [next, error] = std::from_chars(at, end, value, base);
    at = next;
    return error == std::errc() && value > 0;
  };
  const auto dash = [&] { return at != end && *at++ == '-'; };
  return number(mark.pid, 10) && dash() && number(mark.space, 16) && dash() && number(mark.start, 16) &&
         at == end && mark.pid <= static_cast<std::uint64_t>(std::numeric_limits<pid_t>::max());
}

}  // namespace

std::string lease_name(std::int64_t trial) { return fmt::format("trial/{}", trial); }

std::int64_t trial_of(const study::HeldLease& held) {
  const std::string& name = held.lease.name;
  std::int64_t trial = -1;
  if (!name.starts_with("trial/")) return trial;
  const char* end = name.data() + name.size();
  const auto [at, error] = std::from_chars(name.data() + 6, end, trial);
  return error == std::errc() && at == end ? trial : -1;
}

bool running(const study::Study& study, std::int64_t trial) {
  return trial >= 0 && trial < study.size() && study.trial(trial).state == TrialState::running;
}

std::string process_mark() {
  const auto pid = static_cast<std::uint64_t>(::getpid());
  const std::uint64_t space = process_space(), start = process_start("self");
  // Without /proc nobody can tell later whether this process is still there: the others wait.
  return space == 0 || start == 0 ? fmt::format("{}", pid) : fmt::format("{}-{:x}-{:x}", pid, space, start);
}

bool orphaned(const std::string& holder) {
  const std::size_t dot = holder.rfind('.');
  if (dot == std::string::npos) return false;
  Mark mark;
  if (!read_mark(std::string_view(holder).substr(dot + 1), mark) || mark.space != process_space())
    return false;
  const auto pid = static_cast<pid_t>(mark.pid);
  if (::kill(pid, 0) != 0) return errno == ESRCH;
  // Somebody has the number; whether it is the same process only a /proc of this space can say.
  std::error_code code;
  if (std::filesystem::read_symlink("/proc/self", code) != std::to_string(::getpid())) return false;
  const std::uint64_t start = process_start(std::to_string(pid));
  return start != 0 && start != mark.start;
}

std::string process_name(const std::string& name) { return fmt::format("{}.{}", name, process_mark()); }

void give_back(study::Study& study, Blame blame, const std::function<bool(const study::HeldLease&)>& which,
               const std::string& how) {
  study.sync();
  for (const auto& held : study.store().leases("ask"))
    if (which(held)) study.store().release(held.lease);
  for (const auto& held : study.store().leases("trial/")) {
    if (!which(held)) continue;
    const std::int64_t id = trial_of(held);
    if (!running(study, id)) continue;
    study::Store::Commit leases;
    leases.need = {held.lease};
    leases.drop = {held.lease.name};
    study.commit({lost_attempt(study.trial(id), blame, held.holder, how)}, std::move(leases));
  }
}

std::optional<study::Lease> Optimizer::take_ask_lease() {
  for (int tries = 0;; ++tries) {
    if (auto lease = study_.store().acquire("ask", worker_, kAskLease_s)) return lease;
    if (setup_.interrupted && setup_.interrupted()) return std::nullopt;
    // Whoever was killed while it asked does not come back.
    if (tries % 100 == 99)
      for (const auto& held : study_.store().leases("ask"))
        if (orphaned(held.holder)) study_.store().release(held.lease);
    // Whoever waits reads what the others write meanwhile.
    if (!study_.sync())
      std::this_thread::sleep_for(std::chrono::microseconds(std::min(20 * (tries + 1), 2000)));
  }
}

void Optimizer::take_over_expired() {
  const double now = study_.store().now_s();
  if (study_.count(TrialState::running) == 0 || now - expiry_checked_s_ < std::min(1.0, setup_.lease_s / 4))
    return;
  expiry_checked_s_ = now;
  run::give_back(study_, Blame::unknown,
                 [now](const study::HeldLease& held) { return held.expires_s <= now; });
}

/// Nothing can be started now. A running trial's result may allow a promotion, or it may come back.
bool Optimizer::nothing_can_come() {
  if (study_.count(TrialState::running) == 0) return true;
  if (setup_.search.empty()) return false;
  // Another search that was killed left its trials to whoever is still there.
  const std::size_t waiting = study_.waiting().size();
  const double now = study_.store().now_s();
  run::give_back(study_, Blame::unknown, [now](const study::HeldLease& held) {
    return trial_of(held) >= 0 && held.expires_s <= now;
  });
  run::give_back(study_, Blame::nobody,
                 [](const study::HeldLease& held) { return trial_of(held) >= 0 && orphaned(held.holder); });
  if (study_.waiting().size() > waiting) return false;
  const auto leases = study_.store().leases("trial/");
  return std::none_of(leases.begin(), leases.end(), [&](const study::HeldLease& held) {
    return held.holder.ends_with("." + setup_.search) && running(study_, trial_of(held));
  });
}

}  // namespace hone::run
