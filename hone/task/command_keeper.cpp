// After fork the keeper and the program-to-be only make system calls: another thread of the worker may have
// held any lock when it forked. Everything that allocates is made before.
#include "hone/task/command_keeper.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/base/error.h"

namespace hone::task {
namespace {

/// What the worker sends to say "kill everything"; smaller bytes are signals.
constexpr unsigned char kKill = 255;
/// Descriptors that the program sees: 0, 1, 2 and the report.
constexpr int kReportFd = 3;

/// What the forked processes need, prepared.
struct Prepared {
  pid_t worker;
  const char* program;
  char** arguments;
  char** environment;
  const char* folder;
  int input, out, err, report, control;
  const cpu_set_t* cores;  ///< null: any
};

void send_news(int control, Keeper::News news) { ::send(control, &news, sizeof news, MSG_NOSIGNAL); }

/// Closes every descriptor from `first` on, or marks it to be closed by exec.
void close_from(unsigned first, bool at_exec) {
#ifdef SYS_close_range
  if (::syscall(SYS_close_range, first, ~0U, at_exec ? 4U /* CLOSE_RANGE_CLOEXEC */ : 0U) == 0) return;
#endif
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const unsigned end = limit.rlim_cur > 65536 ? 65536 : static_cast<unsigned>(limit.rlim_cur);
  for (unsigned fd = first; fd < end; ++fd) {
    if (at_exec)
      ::fcntl(static_cast<int>(fd), F_SETFD, FD_CLOEXEC);
    else
      ::close(static_cast<int>(fd));
  }
}

[[noreturn]] void become_program(const Prepared& prepared, pid_t keeper) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != keeper) ::_exit(127);  // the keeper died before prctl
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); fd >= 0) {
    [[maybe_unused]] const ssize_t n = ::write(fd, "500", 3);
    ::close(fd);
  }
  if (prepared.cores != nullptr) ::sched_setaffinity(0, sizeof *prepared.cores, prepared.cores);
  if (::chdir(prepared.folder) != 0) {
    send_news(prepared.control, {Keeper::Kind::no_folder, errno, 0.0, 0});
    ::_exit(127);
  }
  ::dup2(prepared.input, 0);
  ::dup2(prepared.out, 1);
  ::dup2(prepared.err, 2);
  ::dup2(prepared.report, kReportFd);
  close_from(kReportFd + 1, true);
  ::execve(prepared.program, prepared.arguments, prepared.environment);
  send_news(prepared.control, {Keeper::Kind::no_program, errno, 0.0, 0});
  ::_exit(127);
}

/// The parent of a process, read from /proc; 0 where there is none.
pid_t parent_of(pid_t pid) {
  char path[32] = "/proc/";
  char digits[16];
  int count = 0;
  for (pid_t rest = pid; rest > 0; rest /= 10) digits[count++] = static_cast<char>('0' + rest % 10);
  char* at = path + 6;
  while (count > 0) *at++ = digits[--count];
  std::memcpy(at, "/stat", 6);
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[512];
  const ssize_t size = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (size <= 0) return 0;
  text[size] = '\0';
  const char* end = std::strrchr(text, ')');  // after the name, which may hold anything: " S PARENT"
  if (end == nullptr || end + 4 >= text + size) return 0;
  pid_t parent = 0;
  for (const char* c = end + 4; *c >= '0' && *c <= '9'; ++c) parent = parent * 10 + (*c - '0');
  return parent;
}

bool descends(pid_t pid, pid_t from) {
  for (int depth = 0; depth < 4096 && pid > 1; ++depth) {
    pid = parent_of(pid);
    if (pid == from) return true;
  }
  return false;
}

/// One pass over /proc. A killed process cannot fork again, and its children become the keeper's: pass after
/// pass, until wait finds no child, none is left.
void kill_descendants(pid_t self) {
  const int proc = ::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0) return;
  alignas(8) char buffer[8192];
  for (long size; (size = ::syscall(SYS_getdents64, proc, buffer, sizeof buffer)) > 0;) {
    for (long at = 0; at < size;) {
      // struct linux_dirent64: inode (8), offset (8), length (2), type (1), name
      unsigned short length = 0;
      std::memcpy(&length, buffer + at + 16, sizeof length);
      const char* name = buffer + at + 19;
      pid_t pid = 0;
      while (*name >= '0' && *name <= '9') pid = pid * 10 + (*name++ - '0');
      if (*name == '\0' && pid > 1 && pid != self && descends(pid, self)) ::kill(pid, SIGKILL);
      at += length;
    }
  }
  ::close(proc);
}

[[noreturn]] void keep(const Prepared& prepared) {
  ::setsid();  // a signal to the worker's group or session is none to the keeper
  ::prctl(PR_SET_NAME, "hone-keeper");
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  sigaddset(&watched, SIGTERM);
  const int signals = ::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  const pid_t self = ::getpid();
  if (signals < 0 || ::getppid() != prepared.worker) ::_exit(1);
  const pid_t program = ::fork();
  if (program < 0) {
    send_news(prepared.control, {Keeper::Kind::no_program, errno, 0.0, 0});
    ::_exit(1);
  }
  if (program == 0) become_program(prepared, self);
  ::setpgid(program, program);
  send_news(prepared.control, {Keeper::Kind::started, program, 0.0, 0});

  // The worker's files are none of the keeper's business: a pipe or lock that it kept would outlive them.
  const int signals_aside = ::fcntl(signals, F_DUPFD_CLOEXEC, 10);
  const int control = ::dup2(prepared.control, 3), arrivals = ::dup2(signals_aside, 4);
  const int nothing = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) ::dup2(nothing, fd);
  close_from(5, false);

  Keeper::News totals;
  bool killing = false, ended = false, connected = true;
  for (;;) {
    pollfd waits[2] = {{arrivals, POLLIN, 0}, {connected ? control : -1, POLLIN, 0}};
    ::poll(waits, 2, killing ? 5 : -1);
    signalfd_siginfo info;
    while (::read(arrivals, &info, sizeof info) == sizeof info)
      if (info.ssi_signo == SIGTERM) killing = true;  // the worker is dead, or somebody wants this to end
    while (connected) {
      unsigned char wish = 0;
      const ssize_t size = ::recv(control, &wish, 1, MSG_DONTWAIT);
      if (size < 0 && (errno == EAGAIN || errno == EINTR)) break;
      if (size <= 0) {
        connected = false;
        killing = true;
      } else if (wish == kKill) {
        killing = true;
      } else if (!ended) {
        ::kill(-program, wish);
      }
    }
    for (;;) {
      int status = 0;
      rusage usage{};
      const pid_t pid = ::wait4(-1, &status, WNOHANG, &usage);
      if (pid == 0) break;
      if (pid < 0) {
        if (errno == EINTR) continue;
        totals.kind = Keeper::Kind::gone;
        send_news(control, totals);
        ::_exit(0);
      }
      const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
      };
      totals.cpu_s += seconds(usage.ru_utime) + seconds(usage.ru_stime);
      if (usage.ru_maxrss > totals.max_rss_kb) totals.max_rss_kb = usage.ru_maxrss;
      if (pid == program) {
        ended = true;
        send_news(control, {Keeper::Kind::ended, status, 0.0, 0});
      }
    }
    if (killing) {
      if (!ended) ::kill(-program, SIGKILL);
      kill_descendants(self);
    }
  }
}

/// Descriptors that are closed when this goes.
class Descriptors {
 public:
  ~Descriptors() {
    for (const int fd : open_) ::close(fd);
  }
  /// Takes it over, moved out of the way of 0 to 3, to which the program's will be duplicated.
  int own(int fd) {
    if (fd < 0) throw environment_error(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
    const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, 10);
    const int error = errno;
    ::close(fd);
    if (moved < 0) throw environment_error(fmt::format("cannot make a pipe: {}", std::strerror(error)));
    open_.push_back(moved);
    return moved;
  }
  void keep(int fd) { std::erase(open_, fd); }

 private:
  std::vector<int> open_;
};

int input_of(const std::string& text) {
  if (text.empty()) return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  // A file in memory rather than a pipe: the program may leave it unread.
  const int fd = ::memfd_create("hone-input", MFD_CLOEXEC);
  for (std::size_t done = 0; fd >= 0 && done < text.size();) {
    const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) {
      ::close(fd);
      return -1;
    }
    done += static_cast<std::size_t>(n > 0 ? n : 0);
  }
  if (fd >= 0) ::lseek(fd, 0, SEEK_SET);
  return fd;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (const auto& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

}  // namespace

Keeper::Keeper(const Launch& launch) {
  Descriptors fds;
  const auto make_pipe = [&](int& read_end, int& write_end) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) ends[0] = ends[1] = -1;
    read_end = fds.own(ends[0]);
    write_end = fds.own(ends[1]);
    ::fcntl(read_end, F_SETFL, O_NONBLOCK);  // of this end only: the program's blocks
  };
  int report_in = -1, out_in = -1, apart_in = -1, sockets[2];
  int report = -1, output = -1, apart = -1;
  make_pipe(report, report_in);
  make_pipe(output, out_in);
  if (launch.apart) make_pipe(apart, apart_in);
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) sockets[0] = sockets[1] = -1;
  const int control = fds.own(sockets[0]), keepers = fds.own(sockets[1]);
  const int input = fds.own(input_of(launch.input));

  std::vector<char*> arguments = pointers(launch.arguments), environment = pointers(launch.environment);
  cpu_set_t cores;
  CPU_ZERO(&cores);
  for (const int core : launch.cores)
    if (core >= 0 && core < CPU_SETSIZE) CPU_SET(core, &cores);
  const Prepared prepared{::getpid(),
                          launch.program.c_str(),
                          arguments.data(),
                          environment.data(),
                          launch.folder.c_str(),
                          input,
                          launch.apart ? apart_in : out_in,
                          out_in,
                          report_in,
                          keepers,
                          launch.cores.empty() ? nullptr : &cores};
  // Blocked until the keeper watches them: the worker's handlers must not run in it.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  pid_ = ::fork();
  if (pid_ == 0) keep(prepared);
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid_ < 0) throw environment_error(fmt::format("cannot start a process: {}", std::strerror(error)));
  control_ = control;
  report_ = report;
  output_ = output;
  apart_ = apart;
  for (const int fd : {control_, report_, output_, apart_}) fds.keep(fd);
}

Keeper::~Keeper() {
  if (pid_ <= 0) return;
  ::close(control_);  // the keeper kills what is left
  for (const int fd : {report_, output_, apart_})
    if (fd >= 0) ::close(fd);
  // A process in an uninterruptible wait ends when the kernel lets it; the keeper stays with it, we do not.
  for (int tries = 0; tries < 2000; ++tries) {
    const pid_t ended = ::waitpid(pid_, nullptr, WNOHANG);
    if (ended != 0 && !(ended < 0 && errno == EINTR)) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

std::optional<Keeper::News> Keeper::news() {
  News news;
  const ssize_t size = ::recv(control_, &news, sizeof news, MSG_DONTWAIT);
  if (size == static_cast<ssize_t>(sizeof news)) {
    if (news.kind == Kind::started) program_ = news.value;
    if (news.kind == Kind::gone) program_ = 0;
    return news;
  }
  if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
    lost_ = true;
    if (program_ > 0) ::kill(-program_, SIGKILL);
    program_ = 0;
  }
  return std::nullopt;
}

void Keeper::signal(int number) {
  const auto byte = static_cast<unsigned char>(number);
  ::send(control_, &byte, 1, MSG_NOSIGNAL);
}

void Keeper::kill() {
  const unsigned char byte = kKill;
  ::send(control_, &byte, 1, MSG_NOSIGNAL);
}

}  // namespace hone::task
