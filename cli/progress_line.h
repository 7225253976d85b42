#pragma once

#include <cstdio>
#include <string>

#include <unistd.h>

#include "command.h"
#include "hone/base/clock.h"
#include "hone/base/display.h"

namespace hone::cli {

/// One line on standard error that says how far something is: in a terminal drawn again ten times a second,
/// elsewhere a new one every half minute.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet) : quiet_(quiet), terminal_(moves_cursor(STDERR_FILENO)) {}
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(std::string text) {
    const double now = monotonic_s();
    if (quiet_ || now - last_ < (terminal_ ? 0.1 : 30.0)) return;
    last_ = now;
    if (const std::size_t columns = output_columns(); terminal_ && columns > 0)
      text = cut_to_width(text, columns - 1);
    std::fprintf(stderr, terminal_ ? "\r\x1b[K%s" : "%s\n", text.c_str());
    std::fflush(stderr);
    shown_ = terminal_;
  }
  void clear() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
    shown_ = false;
  }

 private:
  bool quiet_, terminal_, shown_ = false;
  double last_ = monotonic_s();
};

}  // namespace hone::cli
