#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hone::task {

/// What a trial's programs printed: a file that grows attempt by attempt. Each attempt keeps the beginning
/// and the end of its output (half of the cap each) with a line between them that says how much was left out.
///
/// Every byte is written as it comes, so that the file is readable at any time and stays so where the process
/// dies. On disk an attempt takes up to one and a half times its cap while it runs. A file of more than
/// kMaxAttempts caps loses its oldest half when the next attempt begins. A write that fails (a full disk) is
/// counted as left out: a log is never worth a trial. Not thread safe.
class CommandLog {
 public:
  static constexpr std::int64_t kMaxAttempts = 8;

  /// path: the file, appended to; "": nothing is kept but the last lines.
  CommandLog(const std::string& path, std::int64_t cap);
  ~CommandLog();
  CommandLog(const CommandLog&) = delete;
  CommandLog& operator=(const CommandLog&) = delete;

  void add(std::string_view bytes);
  /// A line of hone's own, "--- TEXT", on a line of its own.
  void note(std::string_view text);
  /// Brings the attempt down to its cap. No more is added afterwards.
  void finish();

  /// The last non-empty lines of the program's output (notes are none), at most `lines` and the last 4 KiB.
  std::string last_lines(int lines) const;

 private:
  void put(std::string_view bytes);
  void write_at(std::int64_t offset, std::string_view bytes);
  void compact();
  void cut();

  int fd_ = -1;
  std::int64_t half_;          ///< of the cap
  std::int64_t start_ = 0;     ///< where this attempt begins in the file
  std::int64_t head_ = 0;      ///< bytes of its beginning that are there
  std::int64_t tail_ = 0;      ///< bytes after the marker
  std::int64_t left_out_ = 0;  ///< bytes between them
  bool marked_ = false;        ///< whether the marker is there
  bool line_open_ = false;     ///< the last byte was no newline
  std::string recent_;         ///< the last bytes of the program's output
};

}  // namespace hone::task
