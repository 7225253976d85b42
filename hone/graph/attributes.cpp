#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/error.h"
#include "hone/graph/graph.h"

namespace hone::graph {

std::string shape_text(const Shape& shape) { return fmt::format("{}", fmt::join(shape, "x")); }

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (std::int64_t size : shape) count *= size;
  return count;
}

namespace {
bool before(const Attributes::Entry& entry, const std::string& name) { return entry.first < name; }
}  // namespace

Attributes::Attributes(std::initializer_list<Entry> entries) {
  for (const Entry& entry : entries) set(entry.first, entry.second);
}

void Attributes::set(const std::string& name, Value value) {
  const auto place = std::lower_bound(entries_.begin(), entries_.end(), name, before);
  if (place != entries_.end() && place->first == name)
    place->second = std::move(value);
  else
    entries_.insert(place, {name, std::move(value)});
}

void Attributes::erase(const std::string& name) {
  const auto place = std::lower_bound(entries_.begin(), entries_.end(), name, before);
  if (place != entries_.end() && place->first == name) entries_.erase(place);
}

bool Attributes::has(const std::string& name) const {
  const auto place = std::lower_bound(entries_.begin(), entries_.end(), name, before);
  return place != entries_.end() && place->first == name;
}

const Value& Attributes::at(const std::string& name) const {
  const auto place = std::lower_bound(entries_.begin(), entries_.end(), name, before);
  if (place == entries_.end() || place->first != name)
    throw Error(fmt::format("attribute '{}' is missing", name));
  return place->second;
}

std::int64_t Attributes::integer(const std::string& name) const {
  const Value& value = at(name);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  throw Error(fmt::format("attribute {} = {} is not an integer", name, value_quoted(value)));
}

double Attributes::real(const std::string& name) const {
  const Value& value = at(name);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  throw Error(fmt::format("attribute {} = {} is not a number", name, value_quoted(value)));
}

bool Attributes::flag(const std::string& name) const {
  const Value& value = at(name);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  throw Error(fmt::format("attribute {} = {} is not true or false", name, value_quoted(value)));
}

const std::string& Attributes::text(const std::string& name) const {
  const Value& value = at(name);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  throw Error(fmt::format("attribute {} = {} is not text", name, value_quoted(value)));
}

std::string Attributes::text_list() const {
  std::string line;
  for (const auto& [name, value] : entries_)
    line += fmt::format("{}{}={}", line.empty() ? "" : " ", name, value_text(value));
  return line;
}

}  // namespace hone::graph
