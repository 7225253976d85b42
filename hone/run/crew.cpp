#include "hone/run/crew.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>

#include "hone/base/clock.h"
#include "hone/run/process.h"
#include "hone/run/worker.h"

namespace hone::run {

Crew::Crew(std::vector<std::string> command, std::string folder)
    : command_(std::move(command)), folder_(std::move(folder)), environment_(worker_environment()) {}

Crew::~Crew() { stop(0.0, {}); }

void Crew::start(const std::string& name, const std::vector<std::string>& arguments) {
  std::vector<std::string> command = command_;
  command.insert(command.end(), {"--name", name});
  command.insert(command.end(), arguments.begin(), arguments.end());
  const std::string log = fmt::format("{}/{}.log", folder_, name.substr(0, name.find('.')));
  std::error_code code;
  if (!std::filesystem::exists(log, code) || std::filesystem::file_size(log, code) > (1 << 20)) {
    std::filesystem::create_directories(folder_, code);
    std::filesystem::remove(log, code);
  }
  const auto size = std::filesystem::file_size(log, code);
  const std::uintmax_t from = code ? 0 : size;
  members_.push_back({spawn(command, environment_, log), name, log, from});
}

std::vector<Crew::Left> Crew::reap() {
  std::vector<Left> left;
  for (auto it = members_.begin(); it != members_.end();) {
    int status = 0;
    const pid_t pid = ::waitpid(it->pid, &status, WNOHANG);
    if (pid == it->pid) {
      left.push_back({it->name, it->log, status, file_tail(it->log, 3, it->log_from)});
      it = members_.erase(it);
    } else {
      ++it;
    }
  }
  return left;
}

void Crew::stop(double grace_s, const std::function<bool()>& killed) {
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

std::vector<std::string> Places::arguments(std::size_t index) const {
  std::vector<std::string> words;
  if (!cores.empty()) words.insert(words.end(), {"--cores", cores[index]});
  if (!gpus.empty()) words.insert(words.end(), {"--gpus", gpus[index]});
  return words;
}

Places share_out(const StudyFile& file, std::int64_t wanted) {
  const task::Task::Needs needs = file.task->needs();
  const std::vector<int> cores = usable_cores();
  const auto each = static_cast<std::size_t>(std::max(1, needs.cores));
  if (each > std::max<std::size_t>(cores.size(), 1))
    throw Error(fmt::format("a trial needs {} cores, and there are {}", each, cores.size()),
                file.task_options.place("cores"));
  Places places;
  places.workers =
      wanted > 0 ? wanted : static_cast<std::int64_t>(std::max<std::size_t>(cores.size(), 1) / each);
  if (needs.gpus > 0) {
    const std::vector<std::string> gpus = usable_gpus();
    const auto fits = static_cast<std::int64_t>(gpus.size()) / needs.gpus;
    const Place place = file.task_options.place("gpus");
    if (fits == 0)
      throw Error(fmt::format("a trial needs {} GPUs, and there are {}", needs.gpus, gpus.size()), place,
                  "CUDA_VISIBLE_DEVICES chooses among NVIDIA's");
    if (wanted > fits)
      throw Error(fmt::format("{} workers with {} GPUs each need more than the {} there are", wanted,
                              needs.gpus, gpus.size()),
                  place);
    places.workers = std::min(places.workers, fits);
    for (std::int64_t i = 0; i < places.workers; ++i) {
      const auto first = gpus.begin() + i * needs.gpus;
      places.gpus.push_back(fmt::format("{}", fmt::join(first, first + needs.gpus, ",")));
    }
  }
  // More workers than cores: the kernel shares them out better than a fixed assignment would.
  if (needs.cores > 0 && static_cast<std::size_t>(places.workers) * each <= cores.size())
    for (std::int64_t i = 0; i < places.workers; ++i) {
      const auto first = cores.begin() + i * needs.cores;
      places.cores.push_back(fmt::format("{}", fmt::join(first, first + needs.cores, ",")));
    }
  return places;
}

}  // namespace hone::run
