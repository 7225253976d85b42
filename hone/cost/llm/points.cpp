#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "hone/base/files.h"
#include "hone/cost/csv.h"
#include "hone/cost/llm/fit.h"

namespace hone::cost {
namespace {

/// The line's cells. Throws Error at `place` where they are malformed.
std::vector<std::string> need_cells(std::string_view line, const Place& place) {
  auto cells = csv_cells(line);
  if (!cells) throw Error("a quoted cell does not end on its line, or something follows it", place);
  return *std::move(cells);
}

constexpr const char* kColumns[]{"prompt_tokens", "output_tokens", "seconds", "first_token_s", "batch"};
constexpr std::size_t kNeeded = 3;
constexpr int kIgnored = -1, kModelColumn = -2, kHardwareColumn = -3;

double* field_of(LlmPoint& point, std::size_t column) {
  double* const fields[]{&point.prompt_tokens, &point.output_tokens, &point.seconds, &point.first_token_s,
                         &point.batch};
  return fields[column];
}

void check(const LlmPoint& point, const Place& place) {
  const auto whole = [&](double value, const char* what) {
    if (!(value >= 1.0) || value != std::floor(value) || value > 1e9)
      throw Error(fmt::format("{} is {}, not a whole number from 1 on", what, value), place);
  };
  whole(point.prompt_tokens, "prompt_tokens");
  whole(point.output_tokens, "output_tokens");
  whole(point.batch, "batch");
  if (!(point.seconds > 0.0) || point.seconds > 1e7)
    throw Error(fmt::format("seconds is {}, not a positive time", point.seconds), place);
  if (!std::isnan(point.first_token_s) &&
      !(point.first_token_s > 0.0 && point.first_token_s <= point.seconds))
    throw Error(fmt::format("first_token_s is {}, not between 0 and seconds ({})", point.first_token_s,
                            point.seconds),
                place);
}

LlmPoint point_of_json(const Json& json, const Place& place) {
  LlmPoint point;
  for (std::size_t column = 0; column < std::size(kColumns); ++column) {
    const auto found = json.find(kColumns[column]);
    if (found == json.end() || found->is_null()) {
      if (column < kNeeded) throw Error(fmt::format("{} is missing", kColumns[column]), place);
      continue;
    }
    if (!found->is_number()) throw Error(fmt::format("{} is not a number", kColumns[column]), place);
    *field_of(point, column) = found->get<double>();
  }
  if (const auto model = json.find("model"); model != json.end() && model->is_string())
    point.model = model->get<std::string>();
  if (const auto hardware = json.find("hardware"); hardware != json.end() && hardware->is_string())
    point.hardware = hardware->get<std::string>();
  return point;
}

LlmPoint point_of_cells(const std::vector<std::string>& cells, const std::vector<int>& columns,
                        const Place& place) {
  LlmPoint point;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] == kModelColumn) point.model = cells[i];
    if (columns[i] == kHardwareColumn) point.hardware = cells[i];
    if (columns[i] < 0) continue;
    const auto column = static_cast<std::size_t>(columns[i]);
    const std::string_view cell = cells[i];
    if (cell.empty() && column >= kNeeded) continue;
    double value = 0.0;
    const auto [end, code] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (code != std::errc() || end != cell.data() + cell.size())
      throw Error(fmt::format("'{}' is not a number", cell), Place{place.file, place.line, kColumns[column]});
    *field_of(point, column) = value;
  }
  return point;
}

}  // namespace

std::vector<LlmPoint> parse_llm_points(const std::string& given, const std::string& name) {
  const std::string_view text = without_mark(given);
  std::vector<LlmPoint> points;
  std::vector<int> columns;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool json = first != text.npos && text[first] == '{';
  int number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = text.find('\n', begin);
    if (end == text.npos) end = text.size();
    const std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    const Place place{name, ++number, ""};
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    if (json) {
      Json parsed;
      try {
        parsed = Json::parse(line);
      } catch (const Json::exception&) {
        throw Error("this line is not valid JSON", place);
      }
      if (!parsed.is_object()) throw Error("this line is no JSON object", place);
      if (parsed.contains("failed") || parsed.contains("asked")) continue;
      points.push_back(point_of_json(parsed, place));
    } else {
      const auto cells = need_cells(line, place);
      if (columns.empty()) {
        for (const std::string& cell : cells) {
          const auto* const found = std::find(std::begin(kColumns), std::end(kColumns), cell);
          columns.push_back(found != std::end(kColumns) ? static_cast<int>(found - std::begin(kColumns))
                            : cell == "model"           ? kModelColumn
                            : cell == "hardware"        ? kHardwareColumn
                                                        : kIgnored);
        }
        for (std::size_t need = 0; need < kNeeded; ++need)
          if (std::count(columns.begin(), columns.end(), static_cast<int>(need)) != 1)
            throw Error(fmt::format("the header must name the column {} once", kColumns[need]), place,
                        "needed: prompt_tokens, output_tokens, seconds; used: first_token_s, batch");
        continue;
      }
      if (cells.size() != columns.size())
        throw Error(fmt::format("{} cells where the header has {}", cells.size(), columns.size()), place);
      points.push_back(point_of_cells(cells, columns, place));
    }
    check(points.back(), place);
    points.back().line = number;
  }
  if (points.empty()) throw Error("there are no points", Place{name, 0, ""});
  return points;
}

std::vector<LlmPoint> read_llm_points(const std::string& path) {
  return parse_llm_points(read_file(path), path);
}

}  // namespace hone::cost
