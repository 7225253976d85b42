#include "hone/run/remote_runner.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/run/runner.h"

namespace hone::run {
namespace {

constexpr std::size_t kMostSaid = 2048;
constexpr int kMostGreetingLines = 200;

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

/// The last line that is not empty.
std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  const auto start = text.rfind('\n');
  return start == std::string::npos ? text : text.substr(start + 1);
}

/// A member of what somebody else wrote: 0 where it is missing or of another type.
double number_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number() ? found->get<double>() : 0.0;
}

std::string beginning(const std::string& line) {
  return line.size() <= 80 ? line : line.substr(0, 77) + "...";
}

}  // namespace

std::string RemoteRunner::command_of(const std::string& on, const std::string& options) {
  if (on.empty()) throw Error("no device is given", Place{"", 0, "--on"}, "a host's name, or a command");
  if (on.find(' ') != std::string::npos || on.find('/') != std::string::npos) return on;
  if (on.find('@') == std::string::npos && !program_on_path(on).empty()) return on;
  if (on.front() == '-') throw Error(fmt::format("'{}' is no host", on), Place{"", 0, "--on"});
  return "exec ssh -o BatchMode=yes -T " + quoted(on) + " hone cost runner" +
         (options.empty() ? "" : " " + options);
}

RemoteRunner::RemoteRunner(std::string command, RunnerOptions options)
    : command_(std::move(command)), options_(std::move(options)) {
  int to[2], from[2], errors[2];
  if (::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0 || ::pipe2(errors, O_CLOEXEC) != 0)
    throw environment_error(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  ::signal(SIGPIPE, SIG_IGN);  // a runner that is gone shows as an error of write
  pid_ = ::fork();
  if (pid_ < 0) throw environment_error(fmt::format("cannot start a process: {}", std::strerror(errno)));
  if (pid_ == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::signal(SIGPIPE, SIG_DFL);
    ::dup2(to[0], 0);
    ::dup2(from[1], 1);
    ::dup2(errors[1], 2);
    ::execl("/bin/sh", "sh", "-c", command_.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::setpgid(pid_, pid_);
  for (const int fd : {to[0], from[1], errors[1]}) ::close(fd);
  to_ = to[1];
  from_ = from[0];
  errors_ = errors[0];
  for (const int fd : {to_, from_, errors_}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  try {
    send({{"type", "hello"}, {"protocol", kRunnerProtocol}});
    const double end = monotonic_s() + options_.hello_s;
    for (int skipped = 0;; ++skipped) {
      const std::string text = line(end - monotonic_s(), "its greeting");
      const Json hello = Json::parse(text, nullptr, false);
      if (hello.is_object() && json_text(hello, "type") == "hello") {
        if (number_of(hello, "protocol") != kRunnerProtocol)
          throw gone(fmt::format("it speaks protocol {:.0f}, not {}", number_of(hello, "protocol"),
                                 kRunnerProtocol));
        device_ = hello.contains("device") && hello["device"].is_object() ? hello["device"] : Json::object();
        if (json_text(device_, "name").empty()) device_["name"] = "unnamed";
        accepts_ =
            hello.contains("accepts") && hello["accepts"].is_array() ? hello["accepts"] : Json::array();
        return;
      }
      if (hello.is_object() || skipped >= kMostGreetingLines)
        throw gone(fmt::format("it does not greet as a runner does: {}", beginning(text)));
    }
  } catch (...) {
    stop();
    throw;
  }
}

RemoteRunner::~RemoteRunner() { stop(); }

void RemoteRunner::stop() {
  if (pid_ > 0) {
    // It ends by itself when nothing more can come; what does not is ended.
    if (to_ >= 0) {
      const char bye[] = "{\"type\":\"bye\"}\n";
      [[maybe_unused]] const ssize_t n = ::write(to_, bye, sizeof bye - 1);
      ::close(to_);
      to_ = -1;
    }
    int status = 0;
    for (int i = 0; i < 40 && ::waitpid(pid_, &status, WNOHANG) == 0; ++i) {
      if (i == 20) ::kill(-pid_, SIGTERM);
      if (i == 39) ::kill(-pid_, SIGKILL);
      ::usleep(i < 20 ? 10000 : 50000);
      if (i == 39) ::waitpid(pid_, &status, 0);
    }
    ::kill(-pid_, SIGKILL);  // what it left behind in its group
    pid_ = -1;
  }
  for (int* fd : {&to_, &from_, &errors_}) {
    if (*fd >= 0) ::close(*fd);
    *fd = -1;
  }
}

Error RemoteRunner::gone(const std::string& what) {
  std::string words = last_line(said_);
  stop();
  return environment_error(
      fmt::format("the runner '{}': {}{}", beginning(command_), what,
                  words.empty() ? "" : fmt::format(" (it said: {})", beginning(words))),
      "try the command by hand: it reads and writes lines of JSON, as 'hone cost runner' does");
}

void RemoteRunner::send(const Json& message) {
  const std::string text = message.dump() + "\n";
  const double end = monotonic_s() + options_.hello_s;
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = ::write(to_, text.data() + at, text.size() - at);
    if (n > 0) {
      at += static_cast<std::size_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) return;  // it has ended: reading tells how
    if (monotonic_s() > end) throw gone("it does not read what it is sent");
    pollfd waiting{to_, POLLOUT, 0};
    ::poll(&waiting, 1, 100);
  }
}

std::string RemoteRunner::line(double limit_s, const std::string& what) {
  const double end = monotonic_s() + limit_s;
  for (;;) {
    if (const std::size_t at = pending_.find('\n'); at != std::string::npos) {
      const std::string text = pending_.substr(0, at);
      pending_.erase(0, at + 1);
      if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
      return text;
    }
    if (pending_.size() > kMostRunnerLine) throw gone("it sent a line without end");
    if (options_.interrupted && options_.interrupted()) throw gone("interrupted");
    if (monotonic_s() > end) throw gone(fmt::format("{} did not come in {:.0f} s", what, limit_s));
    pollfd waiting[2] = {{from_, POLLIN, 0}, {errors_, POLLIN, 0}};
    ::poll(waiting, errors_ >= 0 ? 2 : 1, 100);
    char part[65536];
    const auto hear = [&] {
      if (errors_ < 0) return;
      const ssize_t n = ::read(errors_, part, sizeof part);
      if (n > 0) said_.append(part, static_cast<std::size_t>(n));
      if (said_.size() > kMostSaid) said_.erase(0, said_.size() - kMostSaid);
      if (n == 0) {
        ::close(errors_);
        errors_ = -1;
      }
    };
    hear();
    const ssize_t n = ::read(from_, part, sizeof part);
    if (n > 0) {
      pending_.append(part, static_cast<std::size_t>(n));
    } else if (n == 0) {
      // It has closed its output; that it ends, and how, follows shortly.
      int status = 0;
      pid_t ended = 0;
      for (int i = 0; i < 50 && (ended = ::waitpid(pid_, &status, WNOHANG)) == 0; ++i) ::usleep(10000);
      hear();
      std::string how = "it closed its output";
      if (ended == pid_) {
        pid_ = -1;
        how = WIFSIGNALED(status) ? fmt::format("it was killed by signal {}", WTERMSIG(status))
                                  : fmt::format("it ended with status {}", WEXITSTATUS(status));
      }
      throw gone(fmt::format("{} before {}", how, what));
    }
  }
}

RunnerResult RemoteRunner::measure(const graph::Graph& graph) { return measure("graph", graph.json()); }

RunnerResult RemoteRunner::measure_mlir(const std::string& text) { return measure("mlir", text); }

RunnerResult RemoteRunner::measure(const char* kind, Json what) {
  if (!alive()) throw environment_error("the runner has ended");
  // One that does not say what it accepts is asked.
  if (!accepts_.empty() && std::find(accepts_.begin(), accepts_.end(), Json(kind)) == accepts_.end())
    throw environment_error(
        fmt::format("the runner measures {}, not {}", accepts_.dump(), kind),
        "'hone cost runner --engine mlir' measures functions in MLIR, the other engines graphs");
  ++id_;
  send({{"type", "measure"},
        {"id", id_},
        {kind, std::move(what)},
        {"repeats", options_.repeats},
        {"seconds", options_.seconds}});
  const double end = monotonic_s() + options_.measure_s;
  for (;;) {
    const std::string text = line(end - monotonic_s(), "a measurement");
    const Json answer = Json::parse(text, nullptr, false);
    if (!answer.is_object()) throw gone(fmt::format("it answered no JSON: {}", beginning(text)));
    // An answer to an earlier request that came too late.
    if (answer.contains("id") && answer["id"].is_number_integer() && answer["id"].get<std::int64_t>() < id_)
      continue;
    const std::string type = json_text(answer, "type");
    if (type == "error") {
      const std::string message = json_text(answer, "message");
      throw Error(fmt::format("the device cannot measure this design: {}",
                              message.empty() ? "it does not say why" : message));
    }
    RunnerResult result;
    result.seconds = number_of(answer, "seconds");
    if (type != "result" || !std::isfinite(result.seconds) || !(result.seconds > 0.0))
      throw gone(fmt::format("it answered nonsense: {}", beginning(text)));
    result.spread = number_of(answer, "spread");
    result.repeats = static_cast<std::int64_t>(number_of(answer, "repeats"));
    result.disturbed = answer.contains("disturbed") && answer["disturbed"] == true;
    result.engine = json_text(answer, "engine");
    if (const double energy = number_of(answer, "energy_j"); energy > 0.0 && std::isfinite(energy)) {
      result.energy_j = energy;
      result.energy_from = json_text(answer, "energy_from");
    }
    return result;
  }
}

}  // namespace hone::run
