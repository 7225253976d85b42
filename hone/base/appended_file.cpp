#include "hone/base/appended_file.h"

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

namespace hone {

AppendedFile::AppendedFile(std::string path, const std::string& taken, const std::string& hint)
    : path_(std::move(path)) {
  if (!open()) throw Error(taken, Place{path_, 0, ""}, hint);
}

AppendedFile::~AppendedFile() {
  if (made_ && still_there() && size() == 0) ::unlink(write_target(path_).c_str());
  ::close(file_);
}

bool AppendedFile::open() {
  for (;; ::close(file_)) {
    made_ = !std::filesystem::exists(path_);
    file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file_ < 0) fail(errno);
    if (is_device(path_)) return true;
    // A file system that knows no locks is no reason to do nothing.
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) break;
    if (still_there()) return true;
  }
  ::close(file_);
  return false;
}

/// Whether the name is still that of the file which was opened.
bool AppendedFile::still_there() const {
  struct stat opened {};
  struct stat named {};
  return ::fstat(file_, &opened) == 0 && ::stat(path_.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

std::uint64_t AppendedFile::size() const {
  struct stat opened {};
  if (::fstat(file_, &opened) != 0) fail(errno);
  return static_cast<std::uint64_t>(opened.st_size);
}

void AppendedFile::append(std::string_view text) {
  const off_t before = ::lseek(file_, 0, SEEK_END);  // < 0: a pipe
  int error = 0;
  for (std::size_t written = 0; written < text.size() && error == 0;) {
    const ssize_t n = ::write(file_, text.data() + written, text.size() - written);
    if (n > 0)
      written += static_cast<std::size_t>(n);
    else if (n == 0 || errno != EINTR)
      error = n == 0 ? ENOSPC : errno;
  }
  // EINVAL, EROFS: a device or pipe, which has no disk.
  if (error == 0 && ::fdatasync(file_) != 0 && errno != EINVAL && errno != EROFS) error = errno;
  if (error == 0) return;
  // What is left of a line would hide the next one. A device cannot be cut, nor needs to be.
  if (before >= 0) (void)!::ftruncate(file_, before);
  fail(error);
}

void AppendedFile::cut(std::uint64_t bytes) {
  if (::ftruncate(file_, static_cast<off_t>(bytes)) != 0 || ::fdatasync(file_) != 0) fail(errno);
}

void AppendedFile::fail(int error) const {
  throw environment_error(fmt::format("'{}' cannot be written: {}", path_, std::strerror(error)),
                          error == ENOSPC ? "the disk is full" : "");
}

}  // namespace hone
