#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/space/composition.h"
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

/// What is searched otherwise, in words.
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
  for (const Value& value : newer.choices)
    if (lacks(older, value)) add("added " + value_quoted(value));
  for (const Value& value : older.choices)
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

/// Digits after the point that an uncounted real keeps at a power of ten: see Scale::rounded.
bool keeps_digits(const Parameter& older, const Parameter& newer) {
  const auto exponent = [](double value) { return value == 0.0 ? -320 : decimal_exponent(value); };
  const auto decimals = [&](const Parameter& parameter, int e) {
    const double span = parameter.high - parameter.low;
    const double largest = std::max(std::abs(parameter.low), std::abs(parameter.high));
    const int least = span > 0 ? 5 - decimal_exponent(span) : -400;
    const int most = parameter.log || largest == 0 ? 400 : 11 - decimal_exponent(largest);
    return std::min(std::max(5 - e, least), most);
  };
  const bool through_zero = older.low <= 0 && older.high >= 0;
  const double nearest = through_zero ? 0.0 : std::min(std::abs(older.low), std::abs(older.high));
  const int last = exponent(std::max(std::abs(older.low), std::abs(older.high)));
  for (int e = exponent(nearest); e <= last; ++e)
    if (decimals(older, e) > decimals(newer, e)) return false;
  return true;
}

/// Why a value of the older parameter is none of the newer; "" where all are.
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
  for (const double end : {older.low, older.high})
    if (std::string why = lost(Operand::of(end)); !why.empty()) return why;
  const bool same_grid = older.resolution > 0 && older.resolution == newer.resolution &&
                         older.log == newer.log && older.low == newer.low && older.high == newer.high;
  if (same_grid || (newer.resolution == 0 && older.resolution == 0 && keeps_digits(older, newer))) return "";
  return fmt::format("its values are rounded otherwise: {} became {}", older.shown(), newer.shown());
}

/// Why a module structure of the older composition is none of the newer; "" where all are.
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

}  // namespace

Extension extension(const Space& older, const Space& newer) {
  Extension found;
  const auto obstacle = [&](const std::string& what) {
    if (found.compatible) found.obstacle = what;
    found.compatible = false;
  };
  for (const Parameter& was : older.parameters())
    if (!newer.index(was.name)) {
      found.changes.push_back(was.name + ": removed");
      obstacle(fmt::format("{}: it was removed", was.name));
    }
  for (const Parameter& is : newer.parameters()) {
    const auto at = older.index(is.name);
    if (!at) {
      found.changes.push_back(fmt::format("{}: new, {}{}", is.name, is.shown(),
                                          is.fallback ? ", default " + value_quoted(*is.fallback) : ""));
      if (!is.fallback && is.cardinality() != 1 && is.same_as.empty())
        obstacle(fmt::format("{}: it is new and has no default", is.name));
      continue;
    }
    const Parameter& was = older.parameter(*at);
    describe(was, is, found.changes);
    if (std::string why = lost_value(was, is); !why.empty()) obstacle(is.name + ": " + why);
    if (!is.same_as.empty() && was.same_as != is.same_as)
      obstacle(fmt::format("{}: it is tied to {} now", is.name, is.same_as));
    if (is.when.canonical() != was.when.canonical() && is.when)
      obstacle(fmt::format("{}: its condition changed", is.name));
    if (!is.when && was.when && !is.fallback && is.cardinality() != 1 && is.same_as.empty())
      obstacle(fmt::format("{}: its condition went and it has no default", is.name));
  }
  const auto has = [](const Space& space, const Expression& constraint) {
    return std::any_of(space.constraints().begin(), space.constraints().end(),
                       [&](const Expression& other) { return other.canonical() == constraint.canonical(); });
  };
  for (const Expression& constraint : older.constraints())
    if (!has(newer, constraint)) found.changes.push_back("where " + constraint.text() + ": removed");
  for (const Expression& constraint : newer.constraints())
    if (!has(older, constraint)) {
      found.changes.push_back("where " + constraint.text() + ": new");
      obstacle(fmt::format("where {}: it is new and may exclude what was tried", constraint.text()));
    }
  for (const std::string& name : older.compositions()) {
    const Composition* is = newer.composition(name);
    const std::string why = is == nullptr ? fmt::format("the modules '{}' were removed", name)
                                          : lost_structure(*older.composition(name), *is, name);
    if (!why.empty()) obstacle(why);
    if (is == nullptr || is->text() != older.composition(name)->text())
      found.changes.push_back(fmt::format("modules {}: {} -> {}", name, older.composition(name)->text(),
                                          is == nullptr ? "none" : is->text()));
  }
  return found;
}

}  // namespace hone::space
