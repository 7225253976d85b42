#include "hone/cost/gemm/table_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hone/base/error.h"
#include "hone/base/files.h"

namespace hone::cost {

GemmTableFile::GemmTableFile(const std::string& path) : path_(path) {
  // A pipe would be waited for, and what is written to it cannot be read again.
  if (is_device(path))
    throw Error("is no regular file: rows are appended to a table that is read first", Place{path, 0, ""},
                "name a file");
  if (std::filesystem::is_directory(path)) throw Error("is a folder, not a file", Place{path, 0, ""});
  // Another measurement may take away its empty file between opening and locking.
  while (!open()) {
  }
}

GemmTableFile::~GemmTableFile() {
  if (file_ < 0) return;
  if (made_ && size() == 0 && still_there()) ::unlink(write_target(path_).c_str());
  ::close(file_);
}

/// False: the file that was opened is no longer the one of that name.
bool GemmTableFile::open() {
  made_ = !std::filesystem::exists(path_);
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file_ < 0) throw Error(fmt::format("cannot be written: {}", std::strerror(errno)), Place{path_, 0, ""});
  // A file system without locks refuses otherwise, and then there is none.
  const bool taken = ::flock(file_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (!taken && still_there()) return true;
  ::close(file_);
  file_ = -1;
  if (taken)
    throw Error("another measurement is writing this table", Place{path_, 0, ""},
                "wait until it has ended, or name another file; learn reads several");
  return false;
}

bool GemmTableFile::still_there() const {
  struct stat opened {};
  struct stat named {};
  return ::fstat(file_, &opened) == 0 && ::stat(path_.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

std::size_t GemmTableFile::size() const {
  struct stat opened {};
  if (::fstat(file_, &opened) != 0)
    throw environment_error(fmt::format("{} cannot be read: {}", path_, std::strerror(errno)));
  return static_cast<std::size_t>(opened.st_size);
}

void GemmTableFile::cut(std::size_t size) const {
  if (::ftruncate(file_, static_cast<off_t>(size)) != 0)
    throw environment_error(fmt::format("{} cannot be cut: {}", path_, std::strerror(errno)));
}

void GemmTableFile::append(std::string_view text) const {
  const std::size_t before = size();
  for (std::size_t written = 0; written < text.size();) {
    const ssize_t n = ::write(file_, text.data() + written, text.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const std::string why = std::strerror(errno);
      cut(before);
      throw environment_error(fmt::format("{} cannot be written: {}", path_, why));
    }
    written += static_cast<std::size_t>(n);
  }
}

}  // namespace hone::cost
