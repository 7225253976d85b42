#include "hone/cost/csv.h"

#include <algorithm>

namespace hone::cost {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";

}  // namespace

std::string_view without_mark(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return text;
}

std::optional<std::vector<std::string>> csv_cells(std::string_view line) {
  std::vector<std::string> cells;
  for (std::size_t at = 0;; ++at) {
    at = std::min(line.find_first_not_of(kBlanks, at), line.size());
    std::string cell;
    if (at < line.size() && line[at] == '"') {
      for (++at;; ++at) {
        if (at >= line.size()) return std::nullopt;
        if (line[at] == '"' && line.substr(at + 1, 1) != "\"") break;
        if (line[at] == '"') ++at;  // the second of two
        cell += line[at];
      }
      at = std::min(line.find_first_not_of(kBlanks, at + 1), line.size());
      if (at < line.size() && line[at] != ',') return std::nullopt;
    } else {
      const std::size_t end = std::min(line.find(',', at), line.size());
      cell = line.substr(at, end - at);
      cell.erase(cell.find_last_not_of(kBlanks) + 1);
      at = end;
    }
    cells.push_back(std::move(cell));
    if (at >= line.size()) return cells;
  }
}

}  // namespace hone::cost
