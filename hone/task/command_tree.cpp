#include "hone/task/command_tree.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace hone::task {
namespace {

/// A file of /proc, up to 64 KiB; "" where there is none (any more).
std::string small_file(const std::string& path) {
  std::string text;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char buffer[4096];
  for (ssize_t n; text.size() < (1 << 16) && (n = ::read(fd, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  ::close(fd);
  return text;
}

std::vector<pid_t> numbers_in(const std::string& folder) {
  std::vector<pid_t> numbers;
  std::error_code code;
  for (std::filesystem::directory_iterator it(folder, code), end; !code && it != end; it.increment(code)) {
    const std::string name = it->path().filename().string();
    if (name.find_first_not_of("0123456789") == std::string::npos) numbers.push_back(std::atoi(name.c_str()));
  }
  return numbers;
}

/// The number after `key` in a file of "key number" lines; -1 where it is not there.
std::int64_t number_after(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(key) && line.size() > key.size())
      return std::strtoll(line.c_str() + key.size(), nullptr, 10);
  return -1;
}

/// By the kernel's lists of children, thread by thread: costs by the size of the tree.
void add_children(pid_t process, std::vector<pid_t>& found) {
  const std::string tasks = fmt::format("/proc/{}/task", process);
  for (const pid_t task : numbers_in(tasks)) {
    std::istringstream children(small_file(fmt::format("{}/{}/children", tasks, task)));
    for (pid_t child; children >> child;) found.push_back(child);
  }
}

/// By everybody's parent: for kernels without those lists.
void add_descendants_by_parents(pid_t root, std::vector<pid_t>& found) {
  std::multimap<pid_t, pid_t> children;
  for (const pid_t pid : numbers_in("/proc")) {
    const std::string stat = small_file(fmt::format("/proc/{}/stat", pid));
    const std::size_t name_end = stat.rfind(')');  // the name may hold anything, parentheses too
    if (name_end == std::string::npos || name_end + 4 > stat.size()) continue;
    children.emplace(std::atoi(stat.c_str() + name_end + 4), pid);
  }
  std::vector<pid_t> open{root};
  while (!open.empty()) {
    const auto [begin, end] = children.equal_range(open.back());
    open.pop_back();
    for (auto it = begin; it != end; ++it) {
      found.push_back(it->second);
      open.push_back(it->second);
    }
  }
}

std::vector<pid_t> descendants(pid_t root) {
  static const bool has_lists =
      ::access(fmt::format("/proc/self/task/{}/children", ::getpid()).c_str(), R_OK) == 0;
  std::vector<pid_t> found;
  if (!has_lists) {
    add_descendants_by_parents(root, found);
    return found;
  }
  add_children(root, found);
  for (std::size_t i = 0; i < found.size(); ++i) add_children(found[i], found);
  return found;
}

}  // namespace

TreeMemory tree_memory(pid_t root) {
  static const double page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  TreeMemory memory;
  for (const pid_t pid : descendants(root)) {
    const std::string statm = small_file(fmt::format("/proc/{}/statm", pid));
    const std::size_t second = statm.find(' ');
    if (second == std::string::npos) continue;
    ++memory.processes;
    const double resident = std::strtod(statm.c_str() + second, nullptr) * page;
    memory.resident_bytes += resident;
    const auto peak_kb = number_after(small_file(fmt::format("/proc/{}/status", pid)), "VmHWM:");
    memory.largest_bytes = std::max(
        {memory.largest_bytes, resident, static_cast<double>(std::max<std::int64_t>(peak_kb, 0)) * 1024});
  }
  return memory;
}

double tree_proportional_bytes(pid_t root) {
  double sum = 0.0;
  for (const pid_t pid : descendants(root)) {
    const auto kb = number_after(small_file(fmt::format("/proc/{}/smaps_rollup", pid)), "Pss:");
    if (kb < 0) {
      if (small_file(fmt::format("/proc/{}/statm", pid)).starts_with("0 ")) continue;  // it is ending
      return tree_memory(root).resident_bytes;
    }
    sum += static_cast<double>(kb) * 1024;
  }
  return sum;
}

std::int64_t kernel_memory_kills(const std::string& root) {
  std::istringstream groups(small_file(root + "/proc/self/cgroup"));
  for (std::string line; std::getline(groups, line);) {
    // "0::/path" (version 2), "9:memory:/path" (version 1)
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1),
                      path = line.substr(second + 1);
    if (controllers.empty()) {
      const auto kills =
          number_after(small_file(root + "/sys/fs/cgroup" + path + "/memory.events"), "oom_kill ");
      if (kills >= 0) return kills;
    } else if (controllers == "memory") {
      const auto kills = number_after(
          small_file(root + "/sys/fs/cgroup/memory" + path + "/memory.oom_control"), "oom_kill ");
      if (kills >= 0) return kills;
    }
  }
  return number_after(small_file(root + "/proc/vmstat"), "oom_kill ");
}

}  // namespace hone::task
