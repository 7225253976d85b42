#include "hone/cost/machine_lock.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hone/base/error.h"

namespace hone::cost {

namespace {

/// Opens a lock file, or makes it open to everyone. The plain open comes first: with fs.protected_regular the
/// kernel refuses O_CREAT on another user's file in a sticky folder, though opening it is allowed. Returns -1
/// with errno set.
int open_lock_file(const std::string& path) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0 && errno == ENOENT) {
      file = ::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
      // The umask narrowed the mode; other users need to open the file too.
      if (file >= 0) (void)::fchmod(file, 0666);
    }
    if (file >= 0) {
      struct stat status {};
      if (::fstat(file, &status) == 0 && S_ISREG(status.st_mode)) return file;
      ::close(file);
      errno = EINVAL;
      return -1;
    }
    // EEXIST: another process made it in between. EACCES: its maker may not have widened the mode yet.
    if (errno != EINTR && errno != EEXIST && errno != EACCES) return -1;
    if (errno == EACCES) {
      if (attempt >= 5) {
        errno = EACCES;
        return -1;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  errno = EACCES;
  return -1;
}

void unlock(int file) {
  while (::flock(file, LOCK_UN) != 0 && errno == EINTR) {
  }
}

/// Takes one flock. False: interrupted said so. Throws Error (environment) where the kernel refuses.
bool lock_file(int file, int kind, const Interrupted& interrupted) {
  auto pause = std::chrono::microseconds(20);
  for (;;) {
    // A waiter that can be interrupted has to poll: a signal may reach another thread, or come just before
    // the call that would have to be woken. Others sleep in the kernel.
    if (::flock(file, interrupted ? kind | LOCK_NB : kind) == 0) return true;
    if (errno == EWOULDBLOCK) {
      if (interrupted()) return false;
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 2, std::chrono::microseconds(500));
    } else if (errno != EINTR) {
      throw environment_error(fmt::format("cannot take the machine's lock: {}", std::strerror(errno)),
                              "set HONE_LOCK_DIR to a folder on a local disk");
    } else if (interrupted && interrupted()) {
      return false;
    }
  }
}

}  // namespace

std::string MachineLock::default_folder() {
  if (const char* chosen = std::getenv("HONE_LOCK_DIR"); chosen != nullptr && *chosen != '\0') return chosen;
  struct stat status {};
  const bool shared =
      ::stat("/run/lock", &status) == 0 && S_ISDIR(status.st_mode) && (status.st_mode & S_IWOTH) != 0;
  return shared ? "/run/lock" : "/tmp";
}

MachineLock::MachineLock(std::string folder) : folder_(std::move(folder)) {
  open_files();
  if (!enabled() && folder_ == "/run/lock") {  // a read-only /run, say
    folder_ = "/tmp";
    open_files();
  }
}

MachineLock::~MachineLock() { close_files(); }

void MachineLock::open_files() {
  owner_ = ::getpid();
  reason_.clear();
  for (auto [file, name] : {std::pair{&gate_, "hone-gate.lock"}, std::pair{&busy_, "hone-busy.lock"}}) {
    const std::string path = folder_ + "/" + name;
    *file = open_lock_file(path);
    if (*file >= 0) continue;
    reason_ = fmt::format("{}: {}", path, std::strerror(errno));
    close_files();
    return;
  }
}

void MachineLock::close_files() {
  if (gate_ >= 0) ::close(gate_);
  if (busy_ >= 0) ::close(busy_);
  gate_ = busy_ = -1;
}

bool MachineLock::take(bool exclusive, const Interrupted& interrupted) {
  if (owner_ != ::getpid()) {
    // A forked child shares its parent's open files and with them the parent's locks: closing its copies
    // leaves those alone, unlocking would not.
    close_files();
    open_files();
    taken_ = false;
  }
  if (taken_) throw internal_error("a machine lock was taken twice by one holder");
  if (enabled()) {
    const int kind = exclusive ? LOCK_EX : LOCK_SH;
    if (!lock_file(gate_, kind, interrupted)) return false;
    bool got = false;
    try {
      got = lock_file(busy_, kind, interrupted);
    } catch (...) {
      unlock(gate_);
      throw;
    }
    if (!got || !exclusive) unlock(gate_);
    if (!got) return false;
  }
  taken_ = true;
  return true;
}

void MachineLock::release() {
  if (owner_ != ::getpid()) return;
  taken_ = false;
  if (!enabled()) return;
  unlock(busy_);
  unlock(gate_);
}

}  // namespace hone::cost
