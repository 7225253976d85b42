#include "hone/study/pages.h"

#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hone/base/error.h"

namespace hone::study {
namespace {

using Bytes = std::vector<unsigned char>;

constexpr std::size_t kUsualPage = 4096;
constexpr std::uint64_t kLargestRow = 64 << 20;

std::uint64_t big_endian(const unsigned char* at, std::size_t n) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < n; ++i) value = value << 8 | at[i];
  return value;
}

class File {
 public:
  explicit File(const std::string& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat info {};
    if (descriptor_ >= 0 && ::fstat(descriptor_, &info) == 0)
      size_ = static_cast<std::uint64_t>(info.st_size);
  }
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool open() const { return descriptor_ >= 0; }
  std::uint64_t size() const { return size_; }
  /// Shorter where the file ends, or a part of the disk cannot be read.
  Bytes read(std::uint64_t from, std::size_t n) const {
    Bytes bytes(n);
    std::size_t got = 0;
    while (got < n) {
      const ssize_t step = ::pread(descriptor_, bytes.data() + got, n - got, static_cast<off_t>(from + got));
      if (step < 0 && errno == EINTR) continue;
      if (step <= 0) break;
      got += static_cast<std::size_t>(step);
    }
    bytes.resize(got);
    return bytes;
  }

 private:
  int descriptor_;
  std::uint64_t size_ = 0;
};

/// Walks through bytes; what would lie beyond their end makes it fail.
class Cursor {
 public:
  Cursor(const unsigned char* at, const unsigned char* end) : at_(at), end_(end) {}
  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (int i = 0; i < 9; ++i) {
      if (at_ >= end_) return std::nullopt;
      const unsigned char byte = *at_++;
      if (i == 8) return value << 8 | byte;
      value = value << 7 | (byte & 0x7fU);
      if ((byte & 0x80U) == 0) return value;
    }
    return value;
  }
  const unsigned char* take(std::uint64_t n) {
    if (n > static_cast<std::uint64_t>(end_ - at_)) return nullptr;
    const unsigned char* start = at_;
    at_ += n;
    return start;
  }
  const unsigned char* at() const { return at_; }

 private:
  const unsigned char* at_;
  const unsigned char* end_;
};

class Pages {
 public:
  explicit Pages(const std::string& path) : main_(path), log_(path + "-wal") {
    if (!main_.open())
      throw environment_error(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
    const Bytes header = main_.read(0, 100);
    if (header.size() == 100) {
      const std::uint64_t size = big_endian(&header[16], 2) == 1 ? 65536 : big_endian(&header[16], 2);
      if (std::has_single_bit(size) && size >= 512 &&
          std::memcmp(header.data(), "SQLite format 3", 16) == 0) {
        page_ = size;
        usable_ = page_ - header[20];
      }
    }
    index_log();
  }

  std::uint64_t count() const { return std::max((main_.size() + page_ - 1) / page_, last_logged_); }
  std::size_t usable() const { return usable_; }

  /// Padded with zeros where the file ends before it.
  Bytes page(std::uint64_t number) const {
    const auto logged = logged_.find(number);
    Bytes bytes =
        logged != logged_.end() ? log_.read(logged->second, page_) : main_.read((number - 1) * page_, page_);
    bytes.resize(page_);
    return bytes;
  }

 private:
  /// Where the log's committed pages are, the newest of each.
  void index_log() {
    if (!log_.open()) return;
    const Bytes header = log_.read(0, 32);
    if (header.size() < 32 || (big_endian(header.data(), 4) & ~std::uint64_t{1}) != 0x377f0682) return;
    if (const std::uint64_t size = big_endian(&header[8], 4); size != page_) return;
    std::unordered_map<std::uint64_t, std::uint64_t> pending;
    for (std::uint64_t at = 32; at + 24 + page_ <= log_.size(); at += 24 + page_) {
      const Bytes frame = log_.read(at, 24);
      if (frame.size() < 24 || std::memcmp(&frame[8], &header[16], 8) != 0) break;  // of an earlier round
      pending[big_endian(frame.data(), 4)] = at + 24;
      if (big_endian(&frame[4], 4) == 0) continue;
      for (const auto& [number, place] : pending) {
        logged_[number] = place;
        last_logged_ = std::max(last_logged_, number);
      }
      pending.clear();
    }
  }

  File main_, log_;
  std::size_t page_ = kUsualPage, usable_ = kUsualPage;
  std::unordered_map<std::uint64_t, std::uint64_t> logged_;
  std::uint64_t last_logged_ = 0;
};

/// A column: a number, a text, or nothing.
struct Column {
  enum class Kind { null, integer, real, text, other } kind = Kind::other;
  std::int64_t integer = 0;
  double real = 0.0;
  std::string text;
};

std::optional<Column> column_of(std::uint64_t type, Cursor& body) {
  Column column;
  static constexpr std::size_t kSizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
  if (type >= 12) {
    const std::uint64_t n = (type - 12) / 2;
    const unsigned char* start = body.take(n);
    if (start == nullptr) return std::nullopt;
    if (type % 2 == 1) {
      column.kind = Column::Kind::text;
      column.text.assign(reinterpret_cast<const char*>(start), n);
    }
    return column;
  }
  if (type > 9) return std::nullopt;
  const std::size_t n = kSizes[type];
  const unsigned char* start = body.take(n);
  if (start == nullptr) return std::nullopt;
  if (type == 0) {
    column.kind = Column::Kind::null;
  } else if (type == 7) {
    column.kind = Column::Kind::real;
    column.real = std::bit_cast<double>(big_endian(start, 8));
  } else {
    column.kind = Column::Kind::integer;
    if (type >= 8) {
      column.integer = static_cast<std::int64_t>(type) - 8;
    } else {
      const auto shift = static_cast<int>(64 - 8 * n);
      column.integer = static_cast<std::int64_t>(big_endian(start, n) << shift) >> shift;
    }
    column.real = static_cast<double>(column.integer);
  }
  return column;
}

/// A row of the journal: NULL (the row id), text, integer, number, text, and NULL or integer.
std::optional<Event> event_of(std::int64_t row, const Bytes& record) {
  Cursor head(record.data(), record.data() + record.size());
  const auto head_size = head.varint();
  if (!head_size || *head_size > record.size()) return std::nullopt;
  const unsigned char* body_start = record.data() + *head_size;
  Cursor body(body_start, record.data() + record.size());
  std::vector<Column> columns;
  while (head.at() < body_start) {
    const auto type = head.varint();
    if (!type || columns.size() == 6) return std::nullopt;
    auto column = column_of(*type, body);
    if (!column) return std::nullopt;
    columns.push_back(std::move(*column));
  }
  using Kind = Column::Kind;
  if (columns.size() < 5 || columns[0].kind != Kind::null || columns[1].kind != Kind::text ||
      columns[2].kind != Kind::integer ||
      (columns[3].kind != Kind::real && columns[3].kind != Kind::integer) || columns[4].kind != Kind::text)
    return std::nullopt;
  if (columns.size() == 6 && columns[5].kind != Kind::null && columns[5].kind != Kind::integer)
    return std::nullopt;
  return Event{row,
               std::move(columns[1].text),
               static_cast<int>(columns[2].integer),
               columns[3].real,
               std::move(columns[4].text),
               columns.size() == 6 && columns[5].kind == Kind::integer ? columns[5].integer : -1};
}

std::optional<Event> read_cell(const Pages& pages, const Bytes& page, std::size_t at) {
  const std::size_t usable = pages.usable();
  Cursor cell(page.data() + at, page.data() + usable);
  const auto size = cell.varint();
  const auto row = size ? cell.varint() : std::nullopt;
  if (!row || *size > kLargestRow || *row == 0 || *row > (std::uint64_t{1} << 62)) return std::nullopt;
  std::size_t local = static_cast<std::size_t>(*size);
  if (local > usable - 35) {
    const std::size_t least = (usable - 12) * 32 / 255 - 23;
    const std::size_t fit = least + (local - least) % (usable - 4);
    local = fit <= usable - 35 ? fit : least;
  }
  const unsigned char* start = cell.take(local);
  if (start == nullptr) return std::nullopt;
  Bytes record(start, start + local);
  if (record.size() < *size) {
    const unsigned char* link = cell.take(4);
    if (link == nullptr) return std::nullopt;
    std::uint64_t next = big_endian(link, 4);
    while (record.size() < *size) {
      if (next == 0 || next > pages.count()) return std::nullopt;
      const Bytes overflow = pages.page(next);
      const std::size_t n =
          std::min<std::size_t>(usable - 4, static_cast<std::size_t>(*size) - record.size());
      record.insert(record.end(), overflow.begin() + 4,
                    overflow.begin() + 4 + static_cast<std::ptrdiff_t>(n));
      next = big_endian(overflow.data(), 4);
    }
  }
  return event_of(static_cast<std::int64_t>(*row), record);
}

}  // namespace

void read_pages(const std::string& path, const std::function<void(const Event&)>& take) {
  constexpr unsigned char kTableLeaf = 0x0d;
  const Pages pages(path);
  for (std::uint64_t number = 1; number <= pages.count(); ++number) {
    const Bytes page = pages.page(number);
    const std::size_t head = number == 1 ? 100 : 0;
    if (page[head] != kTableLeaf) continue;
    const std::uint64_t cells = big_endian(&page[head + 3], 2);
    for (std::uint64_t i = 0; i < cells; ++i) {
      const std::size_t pointer = head + 8 + 2 * i;
      if (pointer + 2 > pages.usable()) break;
      const std::uint64_t at = big_endian(&page[pointer], 2);
      if (at < head + 8 || at >= pages.usable()) continue;
      if (const auto event = read_cell(pages, page, at)) take(*event);
    }
  }
}

}  // namespace hone::study
