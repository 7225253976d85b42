#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/space/plan.h"

namespace hone::space {
namespace {

// Larger integers could not be told apart by a position in [0, 1] on a log scale.
constexpr double kLargestInteger = 1e12;
// Finer grids would meet the rounding to 6 (log) or 12 (linear) digits.
constexpr double kFinestRatio = 1e-4;
constexpr double kMostSteps = 1e9;

void check_range(const Parameter& parameter) {
  const auto wrong = [&](const std::string& message, std::string hint) {
    return Error(message, parameter.place, std::move(hint));
  };
  const double low = parameter.low;
  const double high = parameter.high;
  if (!std::isfinite(low) || !std::isfinite(high) || !std::isfinite(high - low))
    throw wrong(fmt::format("the range {} to {} is not finite", real_text(low), real_text(high)),
                "give two numbers");
  if (low > high)
    throw wrong(fmt::format("low {} is above high {}", real_text(low), real_text(high)),
                fmt::format("write [{}, {}]", real_text(high), real_text(low)));
  if (parameter.log && low <= 0)
    throw wrong(fmt::format("a log scale needs low above 0, found {}", real_text(low)),
                "raise low, or leave out log");
}

void check_integer(Parameter& parameter) {
  check_range(parameter);
  if (std::abs(parameter.low) > kLargestInteger || std::abs(parameter.high) > kLargestInteger)
    throw Error(fmt::format("integers are searched up to 1e12 in size, found {} to {}",
                            real_text(parameter.low), real_text(parameter.high)),
                parameter.place, "use real, or count in a larger unit");
  const auto low = static_cast<std::int64_t>(parameter.low);
  const auto high = static_cast<std::int64_t>(parameter.high);
  if (parameter.step < 1)
    throw Error(fmt::format("step must be at least 1, found {}", parameter.step), parameter.place);
  if (low < high && parameter.step > high - low)
    throw Error(fmt::format("step {} leaves only the value {}: {} is next", parameter.step, low,
                            fmt::format("{} + {}", low, parameter.step)),
                parameter.place, fmt::format("a step is at most high - low, {}", high - low));
  const std::int64_t last = low + (high - low) / parameter.step * parameter.step;
  if (last != high) {
    parameter.remark = fmt::format("the last value is {}: {} is not on the grid {} + i * {}", last, high, low,
                                   parameter.step);
    parameter.high = static_cast<double>(last);
  }
}

void check_real(const Parameter& parameter) {
  check_range(parameter);
  const double resolution = parameter.resolution;
  if (!(resolution >= 0) || !std::isfinite(resolution))
    throw Error(fmt::format("resolution must be above 0, found {}", real_text(resolution)), parameter.place);
  if (resolution == 0) return;
  const double span = parameter.high - parameter.low;
  const double largest = std::max(std::abs(parameter.low), std::abs(parameter.high));
  if (parameter.log ? resolution < kFinestRatio
                    : span / resolution > kMostSteps || largest / resolution > kMostSteps)
    throw Error(fmt::format("resolution {} is too fine", real_text(resolution)), parameter.place,
                parameter.log
                    ? "on a log scale it is a ratio of 0.0001 or more: 0.05 is 5%"
                    : fmt::format("at least {} here", real_text(std::max(span, largest) / kMostSteps)));
  if (!parameter.log && span > 0 && resolution > span)
    throw Error(
        fmt::format("resolution {} is wider than the range, {}", real_text(resolution), real_text(span)),
        parameter.place);
}

/// Whether a journal, whose texts are JSON's, can keep this one as it is.
bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(Json(text).dump());
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

void check_choices(const Parameter& parameter) {
  if (parameter.choices.empty())
    throw Error("a choice needs at least one value, found an empty list", parameter.place);
  for (std::size_t i = 0; i < parameter.choices.size(); ++i) {
    const Value& value = parameter.choices[i];
    if (const auto* real = std::get_if<double>(&value); real != nullptr && !std::isfinite(*real))
      throw Error(fmt::format("{} is no value to choose", real_text(*real)), parameter.place);
    if (const auto* text = std::get_if<std::string>(&value); text != nullptr && !is_utf8(*text))
      throw Error(fmt::format("value {} of the choice '{}' is not UTF-8", i, parameter.name), parameter.place,
                  "a study could not be read again with it; name it otherwise");
    for (std::size_t j = 0; j < i; ++j) {
      const Value& other = parameter.choices[j];
      if (!value_same(other, value)) continue;
      if (other.index() == value.index() && other != value)
        throw Error(fmt::format("{} and {} cannot be told apart", value_quoted(other), value_quoted(value)),
                    parameter.place, "whole numbers are up to 2^53 only; write them as texts, in quotes");
      throw Error(fmt::format("the choice {} stands there twice", value_quoted(value)), parameter.place);
    }
  }
}

unsigned type_of(const Value& value) {
  if (std::holds_alternative<bool>(value)) return kFlag;
  return std::holds_alternative<std::string>(value) ? kText : kNumber;
}

unsigned type_of(const Parameter& parameter) {
  if (parameter.kind == ParameterKind::flag) return kFlag;
  if (parameter.kind != ParameterKind::choice && parameter.kind != ParameterKind::ordinal) return kNumber;
  unsigned bits = 0;
  for (const Value& value : parameter.choices) bits |= type_of(value);
  return bits;
}

/// Throws where the parameter never has this value.
void check_literal(const Expression& expression, const std::string& name, const Parameter& parameter,
                   const Value& literal) {
  const auto wrong = [&](const std::string& why, std::string hint) {
    return Error(
        fmt::format("in \"{}\": '{}' is never {}{}", expression.text(), name, value_quoted(literal), why),
        expression.place(), std::move(hint));
  };
  if (parameter.kind == ParameterKind::choice || parameter.kind == ParameterKind::ordinal) {
    std::vector<std::string> known;
    for (const Value& choice : parameter.choices) {
      if (value_same(choice, literal)) return;
      known.push_back(value_text(choice));
    }
    const bool quoted_only = std::find(known.begin(), known.end(), value_text(literal)) != known.end();
    const std::string shown = parameter.shown();
    throw wrong("", quoted_only ? "its values are " + shown.substr(shown.find(' ') + 1)
                                : suggest(value_text(literal), known));
  }
  if (parameter.kind == ParameterKind::flag) {
    if (!std::holds_alternative<bool>(literal)) throw wrong("", "it is a flag: true or false");
    return;
  }
  const std::string hint = "it is " + parameter.shown();
  if (type_of(literal) != kNumber) throw wrong("", hint);
  const double number = value_real(literal);
  if (number < parameter.low || number > parameter.high) throw wrong(", which is out of its range", hint);
  if (parameter.kind == ParameterKind::integer &&
      std::fmod(number - parameter.low, static_cast<double>(parameter.step)) != 0)
    throw wrong(", which is not on its grid", hint);
}

/// Ordered numbers that go up and down are a slip.
void check_order(const Parameter& parameter) {
  const auto& values = parameter.choices;
  const auto is_number = [](const Value& value) { return type_of(value) == kNumber; };
  if (values.size() < 3 || !std::all_of(values.begin(), values.end(), is_number)) return;
  const bool ascends = value_real(values[0]) < value_real(values[1]);
  for (std::size_t i = 2; i < values.size(); ++i)
    if ((value_real(values[i - 1]) < value_real(values[i])) != ascends)
      throw Error(fmt::format("the ordered values go up and down at {}", value_quoted(values[i])),
                  parameter.place, "write numbers ascending, or make it a choice");
}

}  // namespace

void check_parameter(Parameter& parameter) {
  check_name(parameter.list.empty() ? parameter.name : parameter.list, parameter.place);
  if (parameter.kind == ParameterKind::integer) check_integer(parameter);
  if (parameter.kind == ParameterKind::real) check_real(parameter);
  if (parameter.kind == ParameterKind::choice || parameter.kind == ParameterKind::ordinal)
    check_choices(parameter);
  if (parameter.kind == ParameterKind::ordinal) check_order(parameter);
}

void check_default(Parameter& parameter, const Scale& scale) {
  if (!parameter.fallback) return;
  Place place = parameter.place;
  place.key += ".default";
  const auto wrong = [&](const std::string& why) {
    return Error(fmt::format("the default {}{}", value_quoted(*parameter.fallback), why), place,
                 "it is " + parameter.shown());
  };
  if (!parameter.same_as.empty()) throw wrong(fmt::format(" belongs to '{}'", parameter.same_as));
  Value canonical;
  try {
    canonical = scale.canonical(*parameter.fallback).value();
  } catch (const Error& error) {
    throw Error("the default: " + error.message(), place, error.hint());
  }
  const bool number = parameter.kind == ParameterKind::real || parameter.kind == ParameterKind::integer;
  if (number) {
    const double given = value_real(*parameter.fallback);
    if (given < parameter.low || given > parameter.high) throw wrong(" is out of its range");
    const double moved = std::abs(value_real(canonical) - given);
    if (parameter.kind == ParameterKind::integer ? moved > 0
                                                 : parameter.resolution > 0 && moved > 1e-5 * std::abs(given))
      throw wrong(" is not on its grid");
  }
  parameter.fallback = std::move(canonical);
}

void Space::Plan::bind_names() {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    if (!index.emplace(parameter.name, i).second)
      throw Error(fmt::format("'{}' is declared twice", parameter.name), parameter.place);
    if (!parameter.length_of.empty()) lists.push_back({parameter.length_of, i + 1, 0, i});
    if (parameter.list.empty()) continue;
    if (lists.empty() || lists.back().name != parameter.list) lists.push_back({parameter.list, i, 0, kNone});
    ++lists.back().length;
  }
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const bool twice = std::any_of(lists.begin(), lists.begin() + static_cast<std::ptrdiff_t>(i),
                                   [&](const List& other) { return other.name == lists[i].name; });
    if (twice || index.count(lists[i].name) > 0)
      throw Error(fmt::format("'{}' is declared twice", lists[i].name),
                  parameters[std::min(lists[i].first, parameters.size() - 1)].place);
  }
}

void Space::Plan::bind_ties() {
  ties.assign(parameters.size(), kNone);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    if (parameter.same_as.empty()) continue;
    const auto found = index.find(parameter.same_as);
    if (found == index.end())
      throw Error(list(parameter.same_as) != nullptr
                      ? fmt::format("'{}' is a list; one value is the same as one other", parameter.same_as)
                      : fmt::format("unknown parameter '{}'", parameter.same_as),
                  parameter.place, suggest(parameter.same_as, names()));
    ties[i] = found->second;
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (ties[i] == kNone) continue;
    std::size_t source = ties[i];
    for (std::size_t steps = 0; ties[source] != kNone; source = ties[source])
      if (source == i || ++steps > parameters.size())
        throw Error(fmt::format("'{}' is the same as itself", parameters[i].name), parameters[i].place,
                    "one of them must be decided");
    Parameter& tie = parameters[i];
    tie.kind = parameters[source].kind;
    tie.low = parameters[source].low;
    tie.high = parameters[source].high;
    tie.log = parameters[source].log;
    tie.step = parameters[source].step;
    tie.resolution = parameters[source].resolution;
    tie.choices = parameters[source].choices;
  }
}

BoundExpression Space::Plan::bind(const Expression& expression) const {
  BoundExpression bound;
  bound.tree = expression.tree();
  if (bound.tree == nullptr) return bound;
  std::vector<unsigned> types;
  for (std::size_t n = 0; n < bound.tree->names.size(); ++n) {
    const std::string& name = bound.tree->names[n];
    if (const List* found = list(name)) {
      bound.bindings.push_back({true, static_cast<std::uint32_t>(found->first),
                                static_cast<std::uint32_t>(found->length),
                                found->counter == kNone ? -1 : static_cast<std::int64_t>(found->counter)});
      types.push_back(kList);
      continue;
    }
    const auto found = index.find(name);
    if (found == index.end()) {
      std::string hint = suggest(name, names());
      for (const Parameter& parameter : parameters)
        for (const Value& choice : parameter.choices)
          if (value_same(choice, Value(name))) hint = fmt::format("text stands in quotes: '{}'", name);
      int column = 0;
      for (const TreeNode& node : bound.tree->nodes)
        if (node.op == Op::name && node.name == n && column == 0) column = node.column;
      throw bound.tree->error(column, fmt::format("unknown name '{}'", name), std::move(hint));
    }
    bound.bindings.push_back({false, static_cast<std::uint32_t>(found->second), 1});
    types.push_back(type_of(parameters[found->second]));
  }
  check_types(*bound.tree, types);
  check_comparisons(expression);
  return bound;
}

void Space::Plan::check_comparisons(const Expression& expression) const {
  for (const auto& [name, literal] : expression.comparisons()) {
    const List* found = list(name);
    if (found != nullptr && found->length == 0)
      throw Error(fmt::format("in \"{}\": '{}' is a list of groups", expression.text(), name),
                  expression.place(), fmt::format("write length({0}), or name a member: {0}.0...", name));
    check_literal(expression, name, parameters[found != nullptr ? found->first : index.at(name)], literal);
  }
}

void Space::Plan::sort_conditions() {
  enum class Mark : std::uint8_t { unseen, open, done };
  std::vector<Mark> marks(parameters.size(), Mark::unseen);
  std::vector<std::size_t> path;
  // Depth first; conditions nest as deep as the user wrote them, which is not deep, but a chain of thousands
  // of parameters must not overflow the stack either.
  struct Frame {
    std::size_t parameter;
    std::vector<std::size_t> needs;
    std::size_t next = 0;
  };
  const auto open = [&](std::size_t i) {
    marks[i] = Mark::open;
    Frame frame{i, {}, 0};
    for (const Binding& binding : conditions[i].bindings)
      for (std::uint32_t k = 0; k < binding.length; ++k) frame.needs.push_back(binding.index + k);
    for (const Binding& binding : conditions[i].bindings)
      if (binding.counter >= 0) frame.needs.push_back(static_cast<std::size_t>(binding.counter));
    if (ties[i] != kNone) frame.needs.push_back(ties[i]);
    return frame;
  };
  for (std::size_t start = 0; start < parameters.size(); ++start) {
    if (marks[start] != Mark::unseen) continue;
    std::vector<Frame> stack{open(start)};
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next == top.needs.size()) {
        marks[top.parameter] = Mark::done;
        order.push_back(top.parameter);
        stack.pop_back();
        continue;
      }
      const std::size_t need = top.needs[top.next++];
      if (marks[need] == Mark::unseen) {
        stack.push_back(open(need));
      } else if (marks[need] == Mark::open) {
        std::vector<std::string> cycle;
        for (const Frame& frame : stack)
          if (!cycle.empty() || frame.parameter == need) cycle.push_back(parameters[frame.parameter].name);
        const Place& place = parameters[need].when ? parameters[need].when.place() : parameters[need].place;
        const std::string& list = parameters[need].list;
        if (cycle.size() == 1 || (!list.empty() && list == parameters[top.parameter].list))
          throw Error(fmt::format("'{}' hangs on itself", list.empty() ? parameters[need].name : list), place,
                      "a condition names other parameters");
        cycle.push_back(cycle.front());
        throw Error(fmt::format("the conditions go round in a circle: {}", fmt::join(cycle, " -> ")), place,
                    "leave out one of them");
      }
    }
  }
}

}  // namespace hone::space
