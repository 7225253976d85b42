#include "hone/run/process.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "hone/base/error.h"

namespace hone::run {

pid_t spawn(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment,
            const std::string& log) {
  // Everything that allocates is made before fork.
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (environment.count(text.substr(0, text.find('='))) == 0) variables.push_back(text);
  }
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  std::vector<char*> argv, envp;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  for (const auto& variable : variables) envp.push_back(const_cast<char*>(variable.c_str()));
  argv.push_back(nullptr);
  envp.push_back(nullptr);

  int report[2];  // the child writes errno here where exec fails; exec closes it
  if (::pipe2(report, O_CLOEXEC) != 0)
    throw environment_error(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) {
    const int error = errno;
    ::close(report[0]);
    ::close(report[1]);
    throw environment_error(fmt::format("cannot start a process: {}", std::strerror(error)));
  }
  if (child == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);  // the parent died before prctl
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    const int input = ::open("/dev/null", O_RDONLY);
    if (input >= 0) ::dup2(input, 0);
    if (!log.empty()) {
      const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
      if (output >= 0) {
        ::dup2(output, 1);
        ::dup2(output, 2);
      }
    }
    ::execve(argv[0], argv.data(), envp.data());
    const int error = errno;
    [[maybe_unused]] const ssize_t n = ::write(report[1], &error, sizeof error);
    ::_exit(127);
  }
  ::close(report[1]);
  int error = 0;
  ssize_t n = 0;
  do n = ::read(report[0], &error, sizeof error);
  while (n < 0 && errno == EINTR);
  ::close(report[0]);
  if (n == sizeof error)
    throw environment_error(fmt::format("cannot run {}: {}", arguments[0], std::strerror(error)));
  return child;
}

std::string find_program(const std::string& name) {
  std::vector<std::string> folders;
  if (const char* given = std::getenv("HONE_PROGRAMS")) folders.push_back(given);
  std::error_code code;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", code);
  if (!code) folders.push_back(self.parent_path().string());
  for (const auto& folder : folders) {
    const std::string path = folder + "/" + name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  throw environment_error(fmt::format("the program {} is not beside hone", name),
                          "build it (./dev build), or name its folder in HONE_PROGRAMS");
}

std::map<std::string, std::string> worker_environment() {
  std::map<std::string, std::string> environment{
      {"OPENBLAS_NUM_THREADS", "1"}, {"OMP_NUM_THREADS", "1"}, {"MKL_NUM_THREADS", "1"}};
  if (std::getenv("OPENBLAS_CORETYPE") != nullptr) return environment;
  // The library says which kernels it would choose; it reads its variables as it is loaded.
  ::setenv("OPENBLAS_NUM_THREADS", "1", 1);
  void* library = ::dlopen("libopenblas.so.0", RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) return environment;
  using CoreName = char* (*)();
  const auto core_name = reinterpret_cast<CoreName>(::dlsym(library, "openblas_get_corename"));
  const bool unknown = core_name != nullptr && std::strcmp(core_name(), "Prescott") == 0;
  ::dlclose(library);
#if defined(__x86_64__)
  if (unknown) {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
      environment["OPENBLAS_CORETYPE"] = "SkylakeX";
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
      environment["OPENBLAS_CORETYPE"] = "Haswell";
  }
#else
  (void)unknown;
#endif
  return environment;
}

int core_count() { return std::max(1, static_cast<int>(usable_cores().size())); }

std::vector<int> usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  return cores;
}

std::vector<std::string> usable_gpus() {
  std::vector<std::string> gpus;
  if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES")) {
    std::istringstream names(visible);
    for (std::string name; std::getline(names, name, ',');) {
      name.erase(0, std::min(name.find_first_not_of(' '), name.size()));
      name.erase(name.find_last_not_of(' ') + 1);
      if (name.empty() || name.starts_with('-')) break;
      gpus.push_back(name);
    }
    return gpus;
  }
  std::error_code code;
  std::filesystem::directory_iterator driver("/proc/driver/nvidia/gpus", code), end;
  for (; !code && driver != end; driver.increment(code)) gpus.push_back(std::to_string(gpus.size()));
  // Containers often show the devices alone.
  for (int i = 0; gpus.empty() || i > 0; ++i) {
    if (!std::filesystem::exists(fmt::format("/dev/nvidia{}", i), code)) break;
    gpus.push_back(std::to_string(i));
  }
  return gpus;
}

std::string file_tail(const std::string& path, int lines, std::uintmax_t from) {
  std::ifstream stream(path);
  stream.seekg(static_cast<std::streamoff>(from));
  std::deque<std::string> last;
  for (std::string line; std::getline(stream, line);) {
    last.push_back(line);
    if (last.size() > static_cast<std::size_t>(lines)) last.pop_front();
  }
  std::string text;
  for (const auto& line : last) text += (text.empty() ? "" : "\n") + line;
  return text;
}

}  // namespace hone::run
