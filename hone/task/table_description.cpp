#include "hone/task/table_description.h"

#include <algorithm>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/json.h"
#include "hone/base/units.h"
#include "hone/task/table_lines.h"

namespace hone::task {
namespace {

constexpr std::size_t kMaxValues = 65535;
constexpr std::int64_t kMaxColumns = 100000;

[[noreturn]] void refuse(const std::string& file, const std::string& key, const std::string& what,
                         const std::string& hint = {}) {
  throw Error(what, Place{file, 0, key}, hint);
}

std::string text_of(const Json& json, const char* key, const std::string& file) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return {};
  if (!found->is_string()) refuse(file, key, "expected a text");
  return found->get<std::string>();
}

std::int64_t count_of(const Json& json, const char* key, std::int64_t fallback, const std::string& file,
                      const std::string& where) {
  const auto found = json.find(key);
  if (found == json.end()) return fallback;
  if (!found->is_number_integer() || *found < 1 || *found > kMaxColumns * 1000000)
    refuse(file, where + "." + key, fmt::format("expected a count of 1 or more, found {}", found->dump()));
  return found->get<std::int64_t>();
}

/// Refuses whole numbers that differ, but not as doubles, which is what a space compares.
void tell_apart(const std::vector<Value>& values, const std::string& file, const std::string& key) {
  std::vector<std::int64_t> wholes;
  for (const Value& value : values)
    if (const auto* whole = std::get_if<std::int64_t>(&value)) wholes.push_back(*whole);
  std::sort(wholes.begin(), wholes.end());
  for (std::size_t i = 1; i < wholes.size(); ++i)
    if (wholes[i - 1] != wholes[i] && value_real(wholes[i - 1]) == value_real(wholes[i]))
      refuse(file, key, fmt::format("{} and {} cannot be told apart", wholes[i - 1], wholes[i]),
             "whole numbers are up to 2^53 only; list them as texts, in quotes");
}

/// Numbers ascend, all of one kind; texts stay in their order.
TableParameter parameter_of(const std::string& name, const Json& json, const std::string& file) {
  const std::string key = "space." + name;
  TableParameter parameter{name, {}, false, false};
  if (json.is_string()) {
    const auto kind = json.get<std::string>();
    if (kind != "float" && kind != "real" && kind != "int")
      refuse(file, key, fmt::format("unknown kind '{}'", kind), suggest(kind, {"float", "int", "real"}));
    parameter.whole = kind == "int";
    return parameter;
  }
  if (!json.is_array() || json.empty())
    refuse(file, key, "expected a list of values, or \"float\"", "the values that occur in the column");
  if (json.size() > kMaxValues) refuse(file, key, fmt::format("more than {} values", kMaxValues));
  std::size_t numbers = 0, flags = 0;
  bool whole = true;
  for (const Json& value : json) {
    if (value.is_null() || value.is_structured()) refuse(file, key, "expected texts, numbers or booleans");
    numbers += value.is_number() ? 1 : 0;
    flags += value.is_boolean() ? 1 : 0;
    // What 64 bits do not hold is a double.
    const bool huge =
        value.is_number_unsigned() &&
        value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    whole = whole && value.is_number_integer() && !huge;
    parameter.values.push_back(huge ? Value(value.get<double>()) : value_from_json(value));
  }
  if ((numbers > 0 && numbers < json.size()) || (flags > 0 && flags < json.size()))
    refuse(file, key, "values of different kinds");
  parameter.numeric = numbers > 0;
  parameter.flag = flags > 0;
  if (parameter.numeric) {
    tell_apart(parameter.values, file, key);
    if (!whole)
      for (Value& value : parameter.values) value = value_real(value);
    std::sort(parameter.values.begin(), parameter.values.end(),
              [](const Value& a, const Value& b) { return value_real(a) < value_real(b); });
  }
  if (parameter.flag) std::sort(parameter.values.begin(), parameter.values.end());
  auto sorted = parameter.values;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) refuse(file, key, "a value twice");
  return parameter;
}

TableMetric metric_of(const std::string& name, const Json& json, const std::string& file) {
  const std::string key = "metrics." + name;
  if (!json.is_object()) refuse(file, key, "expected an object with goal and unit");
  TableMetric metric;
  metric.name = name;
  const std::string goal = text_of(json, "goal", file);
  if (!goal.empty() && goal != "min" && goal != "max")
    refuse(file, key + ".goal", fmt::format("unknown goal '{}'", goal), "allowed: min, max");
  metric.minimize = goal != "max";
  metric.unit = text_of(json, "unit", file);
  metric.seeds = count_of(json, "seeds", 0, file, key);
  metric.steps = count_of(json, "steps", 0, file, key);
  if (metric.seeds > 0 && metric.steps > 0)
    refuse(file, key, "recorded by seed and by step at once", "give one table a seed");
  if (metric.columns() > kMaxColumns) refuse(file, key, fmt::format("more than {} columns", kMaxColumns));
  return metric;
}

}  // namespace

bool TableMetric::is_cost() const {
  static const std::set<std::string> kUnits{"s",  "ms",  "us", "min", "h",  "J",  "mJ",
                                            "Wh", "kWh", "W",  "B",   "kB", "MB", "GB"};
  return is_cost_name(name) || kUnits.contains(unit);
}

TableDescription TableDescription::parse(const std::string& text, const std::string& file,
                                         const std::vector<std::string>& measures,
                                         const std::vector<std::string>& header) {
  Json json;
  try {
    json = parse_json(text, file);
  } catch (const Error& error) {
    if (!error.place().file.empty()) throw;
    throw Error(error.message(), Place{file, 0, ""}, error.hint());
  }
  if (!json.is_object()) refuse(file, "", "expected an object", "see docs/formats.md");
  TableDescription description;
  description.title = text_of(json, "title", file);
  text_of(json, "cite", file);  // for people: only that it is text
  description.rows = count_of(json, "rows", -1, file, "table");
  std::set<std::string> names;
  if (const auto columns = json.find("columns"); columns != json.end()) {
    if (!columns->is_array()) refuse(file, "columns", "expected a list of names");
    for (const Json& column : *columns) {
      if (!column.is_string()) refuse(file, "columns", "expected a list of names");
      description.columns.push_back(column.get<std::string>());
      if (!names.insert(description.columns.back()).second)
        refuse(file, "columns", fmt::format("'{}' twice", description.columns.back()));
    }
  }
  names.clear();
  const std::vector<std::string>& columns = description.columns.empty() ? header : description.columns;
  if (const auto metrics = json.find("metrics"); metrics != json.end()) {
    if (!metrics->is_object()) refuse(file, "metrics", "expected an object");
    for (const auto& [name, metric] : metrics->items()) {
      description.metrics.push_back(metric_of(name, metric, file));
      if (!names.insert(name).second) refuse(file, "metrics", fmt::format("'{}' twice", name));
    }
  } else {
    for (const std::string& name : measures) {
      if (std::find(columns.begin(), columns.end(), name) == columns.end())
        refuse(file, "columns", fmt::format("there is no column '{}'", name), column_hint(name, columns));
      if (names.insert(name).second) description.metrics.push_back({name, true, "", 0, 0});
    }
  }
  if (description.metrics.empty())
    refuse(file, "metrics", "the table has no metrics",
           "name its measures in [task]: measures = [\"COLUMN\", ...]");
  if (const auto space = json.find("space"); space != json.end()) {
    if (!space->is_object()) refuse(file, "space", "expected an object");
    for (const auto& [name, values] : space->items()) {
      description.parameters.push_back(parameter_of(name, values, file));
      if (!names.insert(name).second) refuse(file, "space." + name, "stands there twice");
    }
  } else {
    // Columns of metrics by seed or step are called NAME_0.
    const auto is_measure = [&](const std::string& name) {
      return names.contains(name) ||
             (name.ends_with("_0") && names.contains(name.substr(0, name.size() - 2)));
    };
    for (const std::string& name : columns) {
      if (is_measure(name)) break;
      description.parameters.push_back({name, {}, false, false});
    }
  }
  if (description.parameters.empty()) refuse(file, "space", "the table has no parameters");
  return description;
}

}  // namespace hone::task
