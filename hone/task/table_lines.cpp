#include "hone/task/table_lines.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>
#include <zlib.h>

#include "hone/base/error.h"

namespace hone::task {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 16;

}  // namespace

struct LineReader::Stream {
  gzFile file = nullptr;
  ~Stream() {
    if (file != nullptr) gzclose(file);
  }
};

LineReader::LineReader(const std::string& path) : name_(path), stream_(std::make_unique<Stream>()) {
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code))
    throw Error("there is no such file", Place{path, 0, ""}, "a table is NAME.csv.gz or NAME.csv");
  stream_->file = gzopen(path.c_str(), "rb");
  if (stream_->file == nullptr)
    throw Error(fmt::format("cannot be read: {}", std::strerror(errno)), Place{path, 0, ""});
  gzbuffer(stream_->file, kPiece);
}

LineReader::LineReader(std::string_view text, std::string name) : name_(std::move(name)), text_(text) {}

LineReader::~LineReader() = default;

bool LineReader::fill() {
  if (begin_ > 0) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ > max_line())
    throw Error(fmt::format("a line of more than {} bytes", max_line()), Place{name_, line_number_ + 1, ""});
  if (buffer_.size() < end_ + kPiece) buffer_.resize(end_ + kPiece);
  if (!stream_) {
    const std::size_t n = std::min(kPiece, text_.size());
    std::copy_n(text_.begin(), n, buffer_.begin() + static_cast<std::ptrdiff_t>(end_));
    text_.remove_prefix(n);
    end_ += n;
    return n > 0;
  }
  const int n = gzread(stream_->file, buffer_.data() + end_, static_cast<unsigned>(kPiece));
  int status = Z_OK;
  const char* words = gzerror(stream_->file, &status);
  // Z_BUF_ERROR after the last byte: the compressed stream ends in the middle.
  if (n < 0 || (n == 0 && status != Z_OK && status != Z_STREAM_END))
    throw Error(fmt::format("the file is damaged: {}", words), Place{name_, line_number_ + 1, ""},
                "it may have been cut off while it was copied");
  end_ += static_cast<std::size_t>(n);
  return n > 0;
}

bool LineReader::next(std::string_view& line) {
  std::size_t searched = begin_;
  for (;;) {
    const char* base = buffer_.data();
    const void* found = end_ > searched ? std::memchr(base + searched, '\n', end_ - searched) : nullptr;
    std::size_t stop = end_;
    if (found != nullptr) {
      stop = static_cast<std::size_t>(static_cast<const char*>(found) - base);
    } else {
      const std::size_t pending = end_ - begin_;
      if (fill()) {
        searched = begin_ + pending;
        continue;
      }
      if (begin_ == end_) return false;
      stop = end_;
    }
    line = std::string_view(buffer_.data() + begin_, stop - begin_);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    begin_ = std::min(end_, stop + 1);
    // What some editors put before the first line to say that it is UTF-8.
    if (line_number_++ == 0 && line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
    return true;
  }
}

std::string column_hint(const std::string& column, const std::vector<std::string>& names) {
  if (std::any_of(names.begin(), names.end(), [](const auto& name) { return name.starts_with('"'); }))
    return "the header's names are in quotes, which are not known here: write them without";
  return suggest(column, names);
}

void split_cells(std::string_view line, std::vector<std::string_view>& cells) {
  cells.clear();
  for (;;) {
    const std::size_t comma = line.find(',');
    cells.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return;
    line.remove_prefix(comma + 1);
  }
}

}  // namespace hone::task
