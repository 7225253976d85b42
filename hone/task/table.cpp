#include "hone/task/table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/base/numbers.h"
#include "hone/space/names.h"
#include "hone/task/table_lines.h"

namespace hone::task {
namespace {

constexpr std::size_t kMaxRows = 100'000'000;

/// Without blanks around it.
std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool parse_number(std::string_view text, double& value) {
  text = trimmed(text);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code == std::errc::result_out_of_range && stop == text.data() + text.size()) {
    // Beyond what a double holds: infinite, or as good as zero.
    value = std::strtod(std::string(text).c_str(), nullptr);
    return true;
  }
  return code == std::errc() && stop == text.data() + text.size();
}

/// Whether a text that reads as `value`'s double is another whole number: beyond 2^53 several share one.
bool another_whole(std::string_view text, const Value& value) {
  const auto* whole = std::get_if<std::int64_t>(&value);
  if (whole == nullptr) return false;
  text = trimmed(text);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  std::int64_t read = 0;
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), read);
  if (stop != text.data() + text.size()) return false;  // with a point or an exponent
  return code != std::errc() || read != *whole;
}

/// The texts of one listed column as they were met, with the value that each is.
class Words {
 public:
  explicit Words(const TableParameter& parameter) : parameter_(parameter) {
    for (std::size_t i = 0; i < parameter.values.size(); ++i) add(value_text(parameter.values[i]), i);
    if (parameter.flag)
      for (std::size_t i = 0; i < parameter.values.size(); ++i) {
        const bool on = std::get<bool>(parameter.values[i]);
        for (const char* word : {on ? "True" : "False", on ? "TRUE" : "FALSE", on ? "1" : "0"}) add(word, i);
      }
  }

  /// -1: no value of the column.
  std::int32_t index(std::string_view text) {
    if (last_index_ >= 0 && text == last_) return last_index_;
    auto found = known_.find(std::string(text));
    if (found == known_.end()) {
      double number = 0.0;
      if (!parameter_.numeric || !parse_number(text, number)) return -1;
      const auto at = std::lower_bound(parameter_.values.begin(), parameter_.values.end(), number,
                                       [](const Value& value, double n) { return value_real(value) < n; });
      if (at == parameter_.values.end() || value_real(*at) != number || another_whole(text, *at)) return -1;
      // Another way to write a number; there are not endlessly many that deserve to be remembered.
      const auto index = static_cast<std::int32_t>(at - parameter_.values.begin());
      if (known_.size() > 4 * parameter_.values.size() + 64) return index;
      found = known_.emplace(std::string(text), index).first;
    }
    last_ = found->first;
    last_index_ = found->second;
    return last_index_;
  }

 private:
  void add(std::string word, std::size_t index) {
    known_.emplace(std::move(word), static_cast<std::int32_t>(index));
  }

  const TableParameter& parameter_;
  std::unordered_map<std::string, std::int32_t> known_;
  std::string_view last_ = {};
  std::int32_t last_index_ = -1;
};

/// The names in the first line.
std::vector<std::string> header_of(LineReader& lines) {
  std::string_view line;
  std::vector<std::string_view> cells;
  if (lines.next(line)) split_cells(line, cells);
  return {cells.begin(), cells.end()};
}

}  // namespace

std::pair<std::string, std::string> Table::files(const std::string& path) {
  std::string stem = path;
  for (const char* ending : {".csv.gz", ".csv", ".json"})
    if (stem.ends_with(ending)) {
      stem.erase(stem.size() - std::string_view(ending).size());
      break;
    }
  std::error_code code;
  if (!std::filesystem::is_regular_file(stem + ".json", code))
    throw Error("there is no such file", Place{stem + ".json", 0, ""},
                "a recorded table is NAME.csv.gz or NAME.csv with NAME.json beside it");
  for (const char* ending : {".csv.gz", ".csv"})
    if (std::filesystem::is_regular_file(stem + ending, code)) return {stem + ending, stem + ".json"};
  throw Error("there is no such file", Place{stem + ".csv.gz", 0, ""},
              "a recorded table is NAME.csv.gz or NAME.csv with NAME.json beside it");
}

TableDescription Table::describe(const std::string& path, const std::vector<std::string>& measures) {
  const auto [rows, description] = files(path);
  LineReader lines(rows);
  return TableDescription::parse(read_file(description), description, measures, header_of(lines));
}

Table Table::read(const std::string& path, const std::vector<std::string>& measures) {
  const auto [rows, description] = files(path);
  LineReader lines(rows);
  return make(describe(path, measures), lines, description);
}

Table Table::parse(const std::string& description, std::string_view rows, const std::string& name,
                   const std::vector<std::string>& measures) {
  LineReader header(rows, name + ".csv"), lines(rows, name + ".csv");
  return make(TableDescription::parse(description, name + ".json", measures, header_of(header)), lines,
              name + ".json");
}

Table Table::make(TableDescription description, LineReader& lines, const std::string& description_file) {
  Table table;
  table.description_ = std::move(description);
  for (const TableMetric& metric : table.description_.metrics) {
    table.first_.push_back(table.width_);
    table.width_ += static_cast<std::size_t>(metric.columns());
  }
  for (const TableParameter& parameter : table.description_.parameters) {
    table.axes_.push_back({parameter, parameter.name, TableScale::linear, 0.0, 0.0});
    ++(parameter.values.empty() ? table.n_real_ : table.n_listed_);
  }
  table.read_rows(lines);
  table.scale_reals();
  table.name_axes(description_file);
  table.make_positions();
  table.make_space(description_file);
  table.make_index(lines.name());
  return table;
}

void Table::name_axes(const std::string& file) {
  std::set<std::string> taken;
  for (const TableMetric& metric : description_.metrics) taken.insert(metric.name);
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    Axis& axis = axes_[i];
    if (axis.parameter.name.empty())
      throw Error("a parameter's column has no name", Place{file, 0, "space"},
                  "give it one, or list the parameters without it in \"space\"");
    axis.name = (axis.scale == TableScale::log_complement ? "one_minus_" : "") +
                space::name_from(axis.parameter.name, fmt::format("c{}", i + 1));
    if (axis.name == axis.parameter.name) taken.insert(axis.name);
  }
  // Columns that are called as they stand have their names; the others get what is left.
  for (Axis& axis : axes_) {
    if (axis.name == axis.parameter.name) continue;
    const std::string name = axis.name;
    for (int k = 2; !taken.insert(axis.name).second; ++k) axis.name = fmt::format("{}_{}", name, k);
  }
}

std::string Table::renamed() const {
  constexpr std::size_t kShown = 3;
  std::vector<std::string> lines;
  for (const Axis& axis : axes_)
    if (!space::is_name(axis.parameter.name))
      lines.push_back(fmt::format("'{}' is {}", axis.parameter.name, axis.name));
  if (lines.empty()) return {};
  const std::size_t more = lines.size() - std::min(kShown, lines.size());
  lines.resize(lines.size() - more);
  return fmt::format("{}{}", fmt::join(lines, ", "), more > 0 ? fmt::format(" and {} more", more) : "");
}

void Table::read_header(LineReader& lines, std::vector<std::size_t>& axis_column,
                        std::vector<std::size_t>& cell_column, std::size_t& n_columns) const {
  std::string_view line;
  if (!lines.next(line)) throw Error("the file is empty", Place{lines.name(), 0, ""});
  const Place place{lines.name(), 1, ""};
  std::vector<std::string_view> cells;
  split_cells(line, cells);
  n_columns = cells.size();
  std::unordered_map<std::string, std::size_t> column;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (!column.emplace(std::string(cells[i]), i).second)
      throw Error(fmt::format("column '{}' stands there twice", cells[i]), place);
    names.emplace_back(cells[i]);
  }
  if (!description_.columns.empty() && description_.columns != names)
    throw Error("the columns are not those that the description lists", place);
  const auto at = [&](const std::string& name) {
    const auto found = column.find(name);
    if (found == column.end())
      throw Error(fmt::format("there is no column '{}'", name), place, column_hint(name, names));
    return found->second;
  };
  for (const Axis& axis : axes_) axis_column.push_back(at(axis.parameter.name));
  for (const TableMetric& metric : description_.metrics)
    for (std::int64_t k = 0; k < metric.columns(); ++k)
      cell_column.push_back(
          at(metric.seeds > 0 || metric.steps > 0 ? fmt::format("{}_{}", metric.name, k) : metric.name));
}

void Table::read_rows(LineReader& lines) {
  std::vector<std::size_t> axis_column, cell_column;
  std::size_t n_columns = 0;
  read_header(lines, axis_column, cell_column, n_columns);
  std::vector<Words> words;
  for (const Axis& axis : axes_) words.emplace_back(axis.parameter);
  // A description may claim any number of rows: memory follows what is there.
  const auto claimed = static_cast<std::size_t>(std::clamp<std::int64_t>(description_.rows, 0, 1 << 16));
  cells_.reserve(claimed * width_);
  index_.reserve(claimed * n_listed_);
  numbers_.reserve(claimed * n_real_);
  std::string_view line;
  std::vector<std::string_view> cells;
  int blank = 0;
  while (lines.next(line)) {
    const auto place = [&](std::size_t column) {
      const auto axis = std::find(axis_column.begin(), axis_column.end(), column);
      if (axis != axis_column.end())
        return Place{lines.name(), lines.line_number(),
                     axes_[static_cast<std::size_t>(axis - axis_column.begin())].parameter.name};
      return Place{lines.name(), lines.line_number(), fmt::format("column {}", column + 1)};
    };
    if (line.empty()) {
      blank = blank > 0 ? blank : lines.line_number();
      continue;
    }
    if (blank > 0) throw Error("an empty line between rows", Place{lines.name(), blank, ""});
    split_cells(line, cells);
    if (cells.size() != n_columns)
      throw Error(fmt::format("{} cells, but the header has {}", cells.size(), n_columns),
                  Place{lines.name(), lines.line_number(), ""},
                  line.find('"') != std::string_view::npos ? "quoted cells are not known here" : "");
    for (std::size_t i = 0; i < axes_.size(); ++i) {
      const std::string_view cell = cells[axis_column[i]];
      if (axes_[i].listed()) {
        const std::int32_t index = words[i].index(cell);
        if (index < 0)
          throw Error(
              fmt::format("'{}' is none of the values that the description lists", cell.substr(0, 80)),
              place(axis_column[i]));
        index_.push_back(static_cast<std::uint16_t>(index));
      } else {
        double number = 0.0;
        if (!parse_number(cell, number) || !std::isfinite(number))
          throw Error(fmt::format("'{}' is no finite number", cell.substr(0, 80)), place(axis_column[i]));
        numbers_.push_back(number);
      }
    }
    for (const std::size_t column : cell_column) {
      double number = kNaN;
      if (!trimmed(cells[column]).empty() && !parse_number(cells[column], number))
        throw Error(fmt::format("'{}' is no number", cells[column].substr(0, 80)), place(column),
                    "nan or nothing where it was not recorded");
      cells_.push_back(number);
    }
    if (++rows_ > kMaxRows) throw Error("too many rows", place(0));
  }
  if (rows_ == 0) throw Error("there are no rows", Place{lines.name(), 0, ""});
  if (description_.rows >= 0 && rows_ != static_cast<std::size_t>(description_.rows))
    throw Error(fmt::format("{} rows, but the description says {}", rows_, description_.rows),
                Place{lines.name(), 0, ""}, "it may have been cut off while it was copied");
}

double Table::mean(std::size_t row, std::size_t metric) const {
  double sum = 0.0;
  std::int64_t n = 0;
  for (std::int64_t k = 0; k < description_.metrics[metric].columns(); ++k) {
    const double one = value(row, metric, k);
    if (std::isnan(one)) continue;
    sum += one;
    ++n;
  }
  return n == 0 ? kNaN : sum / static_cast<double>(n);
}

Key Table::rows_key() const {
  KeyBuilder key;
  const auto add = [&](const auto& numbers) {
    key.key(hash_key({reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof numbers[0]}));
  };
  for (const TableMetric& metric : description_.metrics) key.text(metric.name).integer(metric.columns());
  add(index_);
  add(numbers_);
  add(cells_);
  return key.build();
}

std::optional<std::size_t> Table::metric(const std::string& name) const {
  for (std::size_t i = 0; i < description_.metrics.size(); ++i)
    if (description_.metrics[i].name == name) return i;
  return std::nullopt;
}

}  // namespace hone::task
