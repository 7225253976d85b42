#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hone/study/objective.h"

namespace hone::task {

/// Reads what a program reports: bytes in, lines out. A line is one JSON object whose numbers are measures:
///
///   {"fidelity": 10, "loss": 0.3}
///
/// "fidelity" (a whole number from 0 to 2^53) says how far the program is; "signature" is the list of floats
/// that a probe asks for; true and false count as 1 and 0, null as NaN; texts, lists and tables under other
/// names are skipped. NaN and infinities are understood as Python and C print them (NaN, -Infinity, nan,
/// inf). What cannot be understood comes out as a line with a problem and takes nothing with it. Pure: no
/// input throws, except for lack of memory. Not thread safe.
class JsonLines {
 public:
  struct Line {
    std::int64_t number = 0;  ///< of the line in the stream, from 1
    std::string problem;      ///< why it was not understood; "" where it was
    std::string shown;        ///< of a line with a problem: its beginning, in printable characters
    std::optional<std::int64_t> fidelity;
    study::Measures measures;
    std::vector<double> signature;
    std::vector<std::string> texts = {};  ///< names whose value was text, a list or a table, and was skipped
  };

  /// among_others: the stream holds other text too (standard output): only lines that begin with '{' count.
  explicit JsonLines(bool among_others = false, std::size_t max_line = std::size_t{1} << 18)
      : among_others_(among_others), max_line_(max_line) {}

  /// The lines that these bytes complete. Empty lines are counted and skipped.
  std::vector<Line> add(std::string_view bytes);
  /// The stream has ended: its last line, where it lacks the newline.
  std::vector<Line> end();

 private:
  void finish(std::vector<Line>& lines);

  bool among_others_;
  std::size_t max_line_;
  std::string line_;       ///< of the unfinished line; no longer than max_line_
  bool too_long_ = false;  ///< the rest of the line is dropped
  std::int64_t number_ = 0;
};

/// Text that a terminal or a log can show: control characters and bytes beyond ASCII that are no UTF-8 become
/// '?', and more than `most` bytes are cut off with "...".
std::string printable(std::string_view text, std::size_t most);

}  // namespace hone::task
