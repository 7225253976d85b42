#include "hone/task/command_log.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hone/base/error.h"
#include "hone/base/files.h"

namespace hone::task {
namespace {

constexpr std::size_t kRecent = 4096;

/// Of fixed length, so that it can be written anew in its place.
std::string marker(std::int64_t left_out) {
  return fmt::format("\n--- {:>20} bytes are left out here ---\n", left_out);
}
const std::int64_t kMarker = static_cast<std::int64_t>(marker(0).size());

void drop_oldest(const std::string& path, std::int64_t most) {
  std::error_code code;
  const auto size = std::filesystem::file_size(path, code);
  if (code || size <= static_cast<std::uintmax_t>(most)) return;
  try {
    const std::string text = read_file(path);
    std::size_t from = text.find("\n--- attempt ", text.size() - static_cast<std::size_t>(most) / 2);
    from = from == std::string::npos ? text.size() - static_cast<std::size_t>(most) / 2 : from + 1;
    write_file_atomic(path, fmt::format("--- older attempts are left out here ---\n{}",
                                        std::string_view(text).substr(from)));
  } catch (const Error&) {
    // The disk is full, say: the log stays as long as it is.
  }
}

}  // namespace

CommandLog::CommandLog(const std::string& path, std::int64_t cap)
    : half_(std::max<std::int64_t>(cap, 1024) / 2) {
  if (path.empty()) return;
  drop_oldest(path, kMaxAttempts * 2 * half_);
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd_ < 0) return;
  start_ = ::lseek(fd_, 0, SEEK_END);
  char last = '\n';
  if (start_ > 0 && ::pread(fd_, &last, 1, start_ - 1) == 1) line_open_ = last != '\n';
}

CommandLog::~CommandLog() {
  finish();
  if (fd_ >= 0) ::close(fd_);
}

void CommandLog::write_at(std::int64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    offset += n;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void CommandLog::put(std::string_view bytes) {
  if (bytes.empty()) return;
  line_open_ = bytes.back() != '\n';
  if (fd_ < 0) return;
  const auto size = static_cast<std::int64_t>(bytes.size());
  const std::int64_t room = std::min(size, half_ - head_);
  if (room > 0) {
    write_at(start_ + head_, bytes.substr(0, static_cast<std::size_t>(room)));
    head_ += room;
    bytes.remove_prefix(static_cast<std::size_t>(room));
    if (bytes.empty()) return;
  }
  // More than a tail at once: what would be dropped at once is not written at all.
  if (static_cast<std::int64_t>(bytes.size()) > half_) {
    left_out_ += tail_ + static_cast<std::int64_t>(bytes.size()) - half_;
    bytes.remove_prefix(bytes.size() - static_cast<std::size_t>(half_));
    tail_ = 0;
    marked_ = true;
    write_at(start_ + head_, marker(left_out_));
  }
  const std::int64_t marked = marked_ ? kMarker : 0;
  write_at(start_ + head_ + marked + tail_, bytes);
  tail_ += static_cast<std::int64_t>(bytes.size());
  if (tail_ > 2 * half_)
    compact();
  else if (marked_ && tail_ == static_cast<std::int64_t>(bytes.size()))
    cut();
}

void CommandLog::compact() {
  // The new place ends before the old one begins: whenever this process dies, the file holds whole text.
  const std::int64_t drop = tail_ - half_;
  std::string kept(static_cast<std::size_t>(half_), '\0');
  const ssize_t n = ::pread(fd_, kept.data(), kept.size(), start_ + head_ + (marked_ ? kMarker : 0) + drop);
  kept.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  // From a line's beginning, where one is near.
  const std::size_t line = kept.find('\n');
  const std::size_t skip = line != std::string::npos && line + 1 < kept.size() / 2 ? line + 1 : 0;
  left_out_ += drop + static_cast<std::int64_t>(skip);
  marked_ = true;
  write_at(start_ + head_, marker(left_out_));
  write_at(start_ + head_ + kMarker, std::string_view(kept).substr(skip));
  tail_ = static_cast<std::int64_t>(kept.size() - skip);
  cut();
}

void CommandLog::cut() {
  // Where that fails, an older tail stays below: still text.
  [[maybe_unused]] const int failed = ::ftruncate(fd_, start_ + head_ + (marked_ ? kMarker : 0) + tail_);
}

void CommandLog::add(std::string_view bytes) {
  put(bytes);
  recent_ += bytes.substr(bytes.size() - std::min(bytes.size(), kRecent));
  if (recent_.size() > 2 * kRecent) recent_.erase(0, recent_.size() - kRecent);
}

void CommandLog::note(std::string_view text) { put(fmt::format("{}--- {}\n", line_open_ ? "\n" : "", text)); }

void CommandLog::finish() {
  if (fd_ >= 0 && tail_ > half_) compact();
}

std::string CommandLog::last_lines(int lines) const {
  std::vector<std::string_view> found;
  std::string_view text = recent_;
  text = text.substr(text.size() - std::min(text.size(), kRecent));
  while (!text.empty() && static_cast<int>(found.size()) < lines) {
    const std::size_t newline = text.rfind('\n');
    const std::string_view line = newline == std::string_view::npos ? text : text.substr(newline + 1);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) found.push_back(line);
    text = newline == std::string_view::npos ? std::string_view() : text.substr(0, newline);
  }
  std::string shown;
  for (auto it = found.rbegin(); it != found.rend(); ++it)
    shown += fmt::format("{}{}", shown.empty() ? "" : "\n", *it);
  return shown;
}

}  // namespace hone::task
