#include "hone/space/difference.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/space/plan.h"

namespace hone::space {
namespace {

constexpr std::int64_t kMostValues = 100000;  // compared one by one
const char* kind_name(ParameterKind kind) {
  static constexpr const char* kNames[] = {"real", "integer", "choice", "flag", "ordinal"};
  return kNames[static_cast<int>(kind)];
}

bool is_range(const Parameter& parameter) {
  return parameter.kind == ParameterKind::real || parameter.kind == ParameterKind::integer;
}

std::string end_text(const Parameter& parameter, double end) {
  return parameter.kind == ParameterKind::integer ? fmt::format("{}", static_cast<std::int64_t>(end))
                                                  : real_text(end);
}

}  // namespace

void describe(const Parameter& older, const Parameter& newer, std::vector<std::string>& changes) {
  const auto add = [&](const std::string& what) { changes.push_back(newer.name + ": " + what); };
  if (older.same_as != newer.same_as)
    add(newer.same_as.empty() ? fmt::format("no longer the same as {}", older.same_as)
                              : fmt::format("now the same as {}", newer.same_as));
  if (older.kind != newer.kind) add(fmt::format("{} -> {}", kind_name(older.kind), kind_name(newer.kind)));
  if (is_range(older) && older.kind == newer.kind) {
    if (older.low != newer.low)
      add(fmt::format("low {} -> {}", end_text(older, older.low), end_text(newer, newer.low)));
    if (older.high != newer.high)
      add(fmt::format("high {} -> {}", end_text(older, older.high), end_text(newer, newer.high)));
    if (older.step != newer.step) add(fmt::format("step {} -> {}", older.step, newer.step));
    if (older.resolution != newer.resolution)
      add(fmt::format("resolution {} -> {}", older.resolution > 0 ? real_text(older.resolution) : "none",
                      newer.resolution > 0 ? real_text(newer.resolution) : "none"));
    if (older.log != newer.log) add(newer.log ? "now on a log scale" : "now on a linear scale");
  }
  const auto lacks = [](const Parameter& parameter, const Value& value) {
    return std::none_of(parameter.choices.begin(), parameter.choices.end(),
                        [&](const Value& choice) { return value_same(choice, value); });
  };
  for (const Value& value : older.kind == newer.kind ? newer.choices : std::vector<Value>())
    if (lacks(older, value)) add("added " + value_quoted(value));
  for (const Value& value : older.kind == newer.kind ? older.choices : std::vector<Value>())
    if (lacks(newer, value)) add("removed " + value_quoted(value));
  const auto fallback = [](const Parameter& parameter) {
    return parameter.fallback ? value_quoted(*parameter.fallback) : std::string("none");
  };
  if (fallback(older) != fallback(newer))
    add(fmt::format("default {} -> {}", fallback(older), fallback(newer)));
  if (older.when.canonical() != newer.when.canonical())
    add(fmt::format("condition {} -> {}", older.when ? older.when.text() : "none",
                    newer.when ? newer.when.text() : "none"));
}

std::string lost_value(const Parameter& older, const Parameter& newer) {
  const Scale from(older), to(newer);
  if (is_range(older) && older.kind == newer.kind) {
    if (newer.low > older.low)
      return fmt::format("its low end rose from {} to {}", end_text(older, older.low),
                         end_text(newer, newer.low));
    if (newer.high < older.high)
      return fmt::format("its high end fell from {} to {}", end_text(older, older.high),
                         end_text(newer, newer.high));
  }
  const auto lost = [&](const Operand& value) -> std::string {
    const auto found = to.find(value);
    // 1 and 1.0 are the same number, but not the same config.
    if (found && found->kind == value.kind) return "";
    if (older.kind != newer.kind) return fmt::format("it was {} and is {}", older.shown(), newer.shown());
    return fmt::format("it no longer has the value {}", value_quoted(value.value()));
  };
  if (from.size() > 0 && from.size() <= kMostValues) {
    for (std::int64_t k = 0; k < from.size(); ++k)
      if (std::string why = lost(from.value(k)); !why.empty()) return why;
    return "";
  }
  if (older.kind != newer.kind) return fmt::format("it was {} and is {}", older.shown(), newer.shown());
  if (older.kind == ParameterKind::integer) {
    const auto offset = static_cast<std::int64_t>(older.low) - static_cast<std::int64_t>(newer.low);
    if (offset % newer.step != 0 || older.step % newer.step != 0)
      return fmt::format("its grid changed: {} is not part of {}", older.shown(), newer.shown());
    return "";
  }
  // The ends themselves may have more digits than values do.
  for (const double end : {older.low, older.high})
    if (std::string why = lost(from.canonical(Operand::of(end))); !why.empty()) return why;
  const bool same_grid = older.resolution > 0 && older.resolution == newer.resolution &&
                         older.log == newer.log && older.low == newer.low && older.high == newer.high;
  if (same_grid || (newer.resolution == 0 && older.resolution == 0)) return "";
  return fmt::format("its values are rounded otherwise: {} became {}", older.shown(), newer.shown());
}

std::string lost_structure(const Composition& older, const Composition& newer, const std::string& path) {
  if (older.kind != newer.kind || older.name != newer.name || older.tied != newer.tied)
    return fmt::format("'{}' was {} and is {}", path, older.text(), newer.text());
  if (newer.low > older.low || newer.high < older.high ||
      (older.low == older.high && newer.low != newer.high))
    return fmt::format("'{}' was repeated {} to {} times, now {} to {}", path, older.low, older.high,
                       newer.low, newer.high);
  if (older.labels.empty() && older.parts.size() != newer.parts.size())
    return fmt::format("'{}' has {} parts, had {}", path, newer.parts.size(), older.parts.size());
  for (std::size_t i = 0; i < older.parts.size(); ++i) {
    std::size_t j = i;
    if (!older.labels.empty()) {
      const auto found = std::find(newer.labels.begin(), newer.labels.end(), older.labels[i]);
      if (found == newer.labels.end()) return fmt::format("'{}' no longer has '{}'", path, older.labels[i]);
      j = static_cast<std::size_t>(found - newer.labels.begin());
    }
    const std::string part = older.labels.empty() ? fmt::format("{}", i) : older.labels[i];
    if (std::string why = lost_structure(older.parts[i], newer.parts[j], path + "." + part); !why.empty())
      return why;
  }
  if (older.kind == Composition::Kind::module && older.parts.size() != newer.parts.size())
    return fmt::format("'{}' has another body", path);
  return "";
}

}  // namespace hone::space
