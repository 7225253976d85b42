#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hone::task {

/// Reads a text file, gzip'ed or plain (told by its content), line by line without holding all of it. Not
/// thread safe.
class LineReader {
 public:
  /// Opens a file. Throws Error (input) where there is none.
  explicit LineReader(const std::string& path);
  /// Reads `text` instead; `name` is for messages. Both must outlive the reader.
  LineReader(std::string_view text, std::string name);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  /// The next line without its end ("\n" or "\r\n"), the first also without a byte order mark; false at the
  /// file's end. Valid until the next call. Throws Error (input) naming file and line where the file is
  /// damaged, truncated or has a line of more than max_line() bytes.
  bool next(std::string_view& line);
  int line_number() const { return line_number_; }  ///< of the last line; from 1
  const std::string& name() const { return name_; }
  static constexpr std::size_t max_line() { return std::size_t{1} << 22; }

 private:
  struct Stream;
  /// Appends more bytes to the buffer; false: there are no more.
  bool fill();

  std::string name_;
  std::unique_ptr<Stream> stream_;
  std::string_view text_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  int line_number_ = 0;
};

/// What to do about a column that is not among `names`.
std::string column_hint(const std::string& column, const std::vector<std::string>& names);

/// Splits a line at its commas into `cells`, which point into it.
void split_cells(std::string_view line, std::vector<std::string_view>& cells);

}  // namespace hone::task
