#include "hone/run/given_config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/error.h"
#include "hone/space/scale.h"

namespace hone::run {

using space::Config;
using space::Parameter;
using space::ParameterKind;

namespace {

using Entries = std::vector<Config::Entry>;

Error unknown(const space::Space& space, const std::string& name) {
  std::vector<std::string> names = space.names();
  for (const Parameter& parameter : space.parameters())
    if (!parameter.list.empty()) names.push_back(parameter.name);
  return Error(fmt::format("the space has no parameter '{}'", name), Place{"", 0, "space"},
               suggest(name, names));
}

const Parameter& parameter_of(const space::Space& space, const std::string& name) {
  const auto index = space.index(name);
  if (!index) throw unknown(space, name);
  return space.parameter(*index);
}

/// The value of a choice that is nearest to what was given: by number, else by spelling; "" where none is.
std::string nearest_choice(const Parameter& parameter, const Value& value) {
  const auto is_number = [](const Value& one) {
    return !std::holds_alternative<std::string>(one) && !std::holds_alternative<bool>(one);
  };
  if (is_number(value) && std::all_of(parameter.choices.begin(), parameter.choices.end(), is_number)) {
    const auto distance = [&](const Value& choice) {
      return std::abs(value_real(choice) - value_real(value));
    };
    const auto best =
        std::min_element(parameter.choices.begin(), parameter.choices.end(),
                         [&](const Value& a, const Value& b) { return distance(a) < distance(b); });
    return fmt::format("the nearest is {}", value_text(*best));
  }
  std::vector<std::string> texts;
  for (const Value& choice : parameter.choices) texts.push_back(value_text(choice));
  return suggest(value_text(value), texts);
}

/// The value in the kind of its parameter, which must have it: searchers may clamp, users are told.
Value checked(const Parameter& parameter, const Value& value) {
  const auto wrong = [&](const std::string& nearest) {
    const std::string hint = "it is " + parameter.shown();
    return Error(fmt::format("{} is no value of '{}'", value_quoted(value), parameter.name), {},
                 nearest.empty() ? hint : hint + "; " + nearest);
  };
  switch (parameter.kind) {
    case ParameterKind::choice:
    case ParameterKind::ordinal:
      for (const Value& choice : parameter.choices)
        if (value_same(choice, value) || value_text(choice) == value_text(value)) return choice;
      throw wrong(nearest_choice(parameter, value));
    case ParameterKind::flag:
      if (!std::holds_alternative<bool>(value)) throw wrong("");
      return value;
    case ParameterKind::integer:
    case ParameterKind::real:
      break;
  }
  if (std::holds_alternative<std::string>(value) || std::holds_alternative<bool>(value)) throw wrong("");
  const double number = value_real(value);
  if (std::isnan(number)) throw wrong("");
  const double clamped = std::clamp(number, parameter.low, parameter.high);
  const bool whole = parameter.kind == ParameterKind::integer;
  const double nearest =
      space::Scale(parameter).canonical(Value(whole ? std::nearbyint(clamped) : clamped)).number();
  // That a real is kept to its resolution is not worth a refusal; who asked is told.
  if (clamped != number || (whole && nearest != number))
    throw wrong(fmt::format("the nearest is {}", real_text(nearest)));
  if (!whole) return number;
  return static_cast<std::int64_t>(number);
}

/// What a word on a command line means: true, 64, 0.01, or itself.
Value value_of_word(const std::string& word) {
  if (word == "true") return true;
  if (word == "false") return false;
  std::int64_t integer = 0;
  const char* end = word.data() + word.size();
  if (auto [stop, code] = std::from_chars(word.data(), end, integer); code == std::errc() && stop == end)
    return integer;
  double real = 0.0;
  if (auto [stop, code] = std::from_chars(word.data(), end, real);
      code == std::errc() && stop == end && std::isfinite(real))
    return real;
  return word;
}

/// The first or lowest value, also where a parameter's activity is asked for rather than its value.
Value first_value(const Parameter& parameter) {
  switch (parameter.kind) {
    case ParameterKind::choice:
    case ParameterKind::ordinal:
      return parameter.choices.front();
    case ParameterKind::flag:
      return false;
    case ParameterKind::integer:
      return static_cast<std::int64_t>(parameter.low);
    case ParameterKind::real:
      break;
  }
  return parameter.low;
}

/// A list's entries one by one, and its length where that is a parameter.
void add_list(const space::Space& space, const std::string& name, const std::vector<Value>& values,
              Entries& entries) {
  bool is_list = false;
  for (const Parameter& parameter : space.parameters()) {
    is_list = is_list || parameter.list == name;
    if (parameter.length_of == name)
      entries.emplace_back(parameter.name, static_cast<std::int64_t>(values.size()));
  }
  if (!is_list) throw unknown(space, name);
  for (std::size_t i = 0; i < values.size(); ++i)
    entries.emplace_back(fmt::format("{}.{}", name, i), values[i]);
}

void check_constraints(const space::Space& space, const Config& config) {
  if (space.feasible(config)) return;
  const auto lookup = [&](const std::string& name) {
    space::Expression::Bound bound;
    if (const Value* value = config.find(name)) {
      bound.active = true;
      bound.value = *value;
    } else if (auto list = config.list(name); !list.empty()) {
      bound = {true, true, {}, std::move(list)};
    }
    return bound;
  };
  for (const auto& constraint : space.constraints())
    if (constraint.evaluate(lookup) == space::Expression::Truth::no)
      throw Error(fmt::format("{} violates the constraint \"{}\"", config.shown(), constraint.text()),
                  Place{"", 0, "space.where"});
  throw Error(fmt::format("{} violates a constraint of the space", config.shown()),
              Place{"", 0, "space.where"});
}

}  // namespace

std::vector<Config::Entry> parse_assignment(const space::Space& space, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw Error(fmt::format("'{}' gives no parameter a value", text), {}, "write NAME=VALUE, as lr=0.01");
  const std::string name = text.substr(0, equals);
  const std::string value = text.substr(equals + 1);
  if (space.index(name)) return {{name, value_of_word(value)}};
  std::vector<Value> values;
  for (std::size_t at = 0; !value.empty() && at <= value.size();) {
    const std::size_t comma = std::min(value.find(',', at), value.size());
    values.push_back(value_of_word(value.substr(at, comma - at)));
    at = comma + 1;
  }
  Entries entries;
  add_list(space, name, values, entries);
  return entries;
}

std::vector<Config::Entry> parse_assignments(const space::Space& space, const Json& object) {
  if (!object.is_object()) throw Error("a config is a JSON object", {}, R"(as {"lr": 0.01, "width": 64})");
  Entries entries;
  for (const auto& [name, value] : object.items()) {
    if (value.is_array()) {
      std::vector<Value> values;
      for (const Json& one : value) values.push_back(value_from_json(one));
      add_list(space, name, values, entries);
    } else {
      if (!space.index(name)) throw unknown(space, name);
      entries.emplace_back(name, value_from_json(value));
    }
  }
  return entries;
}

Config config_of(const space::Space& space, const std::vector<Config::Entry>& given, const Config& base,
                 std::vector<std::string>* rounded) {
  std::set<std::string> named;
  for (const auto& [name, value] : given)
    if (!named.insert(name).second) throw Error(fmt::format("'{}' is given twice", name));
  Entries entries;
  for (const auto& [name, value] : given)
    entries.emplace_back(name, checked(parameter_of(space, name), value));
  std::vector<const Parameter*> open;  // with neither value nor default
  for (const Parameter& parameter : space.parameters()) {
    // A tied one follows its source, which may have changed.
    if (named.count(parameter.name) > 0 || !parameter.same_as.empty()) continue;
    if (const Value* value = base.find(parameter.name)) {
      entries.emplace_back(parameter.name, *value);
    } else if (parameter.fallback) {
      entries.emplace_back(parameter.name, *parameter.fallback);
    } else {
      if (parameter.cardinality() != 1) open.push_back(&parameter);
      entries.emplace_back(parameter.name, first_value(parameter));
    }
  }
  Config config = space.canonical(Config(std::move(entries)));
  std::vector<std::string> missing;
  for (const Parameter* parameter : open)
    if (config.has(parameter->name)) missing.push_back(parameter->name);
  if (!missing.empty())
    throw Error(fmt::format("the config lacks {}", fmt::join(missing, ", ")), {},
                "give them values, or defaults in the study file, or begin with a trial's config");
  for (const auto& [name, value] : given)
    if (!config.has(name)) {
      const Parameter& parameter = parameter_of(space, name);
      throw Error(
          fmt::format("'{}' does not apply to this config", name), {},
          parameter.when ? fmt::format("it is active where {}", parameter.when.text()) : "leave it out");
    }
  check_constraints(space, config);
  if (rounded != nullptr)
    for (const auto& [name, value] : given) {
      const auto* kept = std::get_if<double>(config.find(name));
      if (kept != nullptr && std::abs(*kept - value_real(value)) > 1e-9 * std::abs(*kept))
        rounded->push_back(fmt::format("{}={} is {}", name, value_text(value), real_text(*kept)));
    }
  return config;
}

std::vector<Config::Entry> given_entries(const space::Space& space, const std::string& json,
                                         const std::vector<std::string>& words) {
  Entries entries;
  if (!json.empty()) entries = parse_assignments(space, parse_json(json, "--config"));
  for (const std::string& word : words)
    for (auto& entry : parse_assignment(space, word)) entries.push_back(std::move(entry));
  return entries;
}

Config given_design(const space::Space& space, const std::vector<Config::Entry>& given) {
  Entries first;
  for (const Parameter& parameter : space.parameters())
    if (parameter.same_as.empty() && !parameter.fallback)
      first.emplace_back(parameter.name, first_value(parameter));
  return config_of(space, given, Config(std::move(first)));
}

}  // namespace hone::run
