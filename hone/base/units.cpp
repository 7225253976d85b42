#include "hone/base/units.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace hone {
namespace {

using Units = std::map<std::string, double>;

const Units& duration_units() {
  static const Units units{{"us", 1e-6},       {"ms", 1e-3},       {"s", 1.0},       {"sec", 1.0},
                           {"second", 1.0},    {"seconds", 1.0},   {"min", 60.0},    {"m", 60.0},
                           {"minute", 60.0},   {"minutes", 60.0},  {"h", 3600.0},    {"hour", 3600.0},
                           {"hours", 3600.0},  {"d", 86400.0},     {"day", 86400.0}, {"days", 86400.0},
                           {"week", 604800.0}, {"weeks", 604800.0}};
  return units;
}

const Units& size_units() {
  static const Units units{{"B", 1.0},      {"kB", 1e3},        {"KB", 1e3},
                           {"MB", 1e6},     {"GB", 1e9},        {"TB", 1e12},
                           {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}};
  return units;
}

constexpr const char* kSize = "a size as \"200 MB\" or bytes";

/// The number, or an error text.
std::string parse(const std::string& text, const Units& units, double& number) {
  std::size_t used = 0;
  try {
    number = std::stod(text, &used);
  } catch (const std::out_of_range&) {
    return "the number is beyond what can be counted with";
  } catch (const std::exception&) {
    return "starts with no number";
  }
  std::string unit = text.substr(used);
  unit.erase(0, unit.find_first_not_of(' ') == std::string::npos ? unit.size() : unit.find_first_not_of(' '));
  if (unit.empty()) return "";
  const auto found = units.find(unit);
  if (found == units.end()) {
    std::vector<std::string> names;
    for (const auto& [name, factor] : units) names.push_back(name);
    return fmt::format("unknown unit '{}' ({})", unit, suggest(unit, names));
  }
  number *= found->second;
  return "";
}

bool ends_with(const std::string& name, const std::string& ending) {
  return name == ending.substr(1) || name.ends_with(ending);
}

/// `seconds` is what hone itself measures of every program.
bool is_duration(const std::string& name) { return ends_with(name, "_s") || name == "seconds"; }
bool is_size(const std::string& name) { return ends_with(name, "_bytes"); }

double read(const Node& node, const Units& units, const char* what) {
  if (node.is_number()) return node.real();
  if (!node.is(Node::Type::text)) throw node.expected(what);
  double number = 0.0;
  const std::string problem = parse(node.text(), units, number);
  if (!problem.empty()) throw node.expected(what, problem);
  return number;
}

}  // namespace

double read_duration_s(const Node& node) {
  const double seconds = read(node, duration_units(), "a duration as \"90 s\", \"3 min\" or seconds");
  if (!(seconds >= 0.0)) throw node.expected("a duration of zero or more");
  return seconds;
}

double parse_duration_s(const std::string& text, const std::string& what) {
  double seconds = 0.0;
  const std::string problem = parse(text, duration_units(), seconds);
  if (!problem.empty() || !(seconds >= 0.0))
    throw Error(fmt::format("{}: '{}' is not a duration", what, text), {},
                problem.empty() ? "it must be zero or more" : problem);
  return seconds;
}

double read_size_bytes(const Node& node) {
  const double bytes = read(node, size_units(), kSize);
  if (!(bytes >= 0.0) || std::isinf(bytes)) throw node.expected("a size of zero or more");
  return bytes;
}

double read_quantity(const std::string& name, const Node& node) {
  if (is_duration(name)) return read(node, duration_units(), "a duration as \"2 ms\" or seconds");
  if (is_size(name)) return read(node, size_units(), kSize);
  if (node.is(Node::Type::text)) {
    double number = 0.0;
    const std::string unit = "names that end in _s take \"2 s\", in _bytes \"2 MB\"";
    for (const Units* units : {&duration_units(), &size_units()})
      if (const std::string text = node.text(); parse(text, *units, number).empty())
        throw node.expected("a number", fmt::format("write {}; {}", std::stod(text), unit));
    throw node.expected("a number", unit);
  }
  return node.real();
}

std::string amount_of(std::int64_t n, const std::string& unit) {
  const bool plural = unit.size() > 1 && unit.ends_with('s') && !unit.ends_with("ss");
  return fmt::format("{} {}", n, n == 1 && plural ? unit.substr(0, unit.size() - 1) : unit);
}

std::string counted(std::int64_t n, const std::string& what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds)) return "?";
  if (seconds < 100.0) return fmt::format("{:.0f} s", seconds);
  const auto total = static_cast<std::int64_t>(std::llround(seconds));
  if (total < 3600) return fmt::format("{}:{:02}", total / 60, total % 60);
  return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
}

std::string quantity_text(const std::string& name, double value) {
  if (!std::isfinite(value)) return fmt::format("{}", value);
  const double size = std::abs(value);
  if (is_duration(name)) {
    if (size > 0.0 && size < 1e-6) return fmt::format("{:.3g} ns", value * 1e9);
    if (size < 1e-3) return fmt::format("{:.1f} us", value * 1e6);
    if (size < 1.0) return fmt::format("{:.2f} ms", value * 1e3);
    return fmt::format("{:.2f} s", value);
  }
  if (is_size(name)) {
    if (size < 1e6) return fmt::format("{:.1f} kB", value / 1e3);
    if (size < 1e9) return fmt::format("{:.1f} MB", value / 1e6);
    return fmt::format("{:.2f} GB", value / 1e9);
  }
  if (value == std::floor(value) && size < 1e15) return fmt::format("{:.0f}", value);
  return fmt::format("{:.4g}", value);
}

bool is_cost_name(const std::string& name) {
  static const std::vector<std::string> endings{"_ms", "_j",       "_wh",  "_kwh",
                                                "_w",  "_dollars", "_usd", "_co2_g"};
  return is_duration(name) || is_size(name) ||
         std::any_of(endings.begin(), endings.end(),
                     [&](const std::string& ending) { return ends_with(name, ending); });
}

}  // namespace hone
