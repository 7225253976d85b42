#include "hone/base/options.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/units.h"

namespace hone {

std::string OptionSpec::type_text() const {
  switch (type) {
    case Type::flag:
      return "flag";
    case Type::integer:
      return "integer";
    case Type::real:
      return "real";
    case Type::text:
      return "text";
    case Type::integers:
      return "list of integers";
    case Type::texts:
      return "list of texts";
    case Type::duration:
      return "duration";
    case Type::quantity:
      return "quantity";
    case Type::table:
      return "table";
    case Type::size:
      return "size";
  }
  return "?";
}

std::string OptionSpec::allowed_text() const {
  if (!allowed.empty()) return fmt::format("one of {}", fmt::join(allowed, ", "));
  const bool has_low = std::isfinite(low), has_high = std::isfinite(high);
  if (has_low && has_high) return fmt::format("{} to {}", real_text(low), real_text(high));
  if (has_low) return fmt::format(">= {}", real_text(low));
  if (has_high) return fmt::format("<= {}", real_text(high));
  return "";
}

namespace {

void check_range(const OptionSpec& spec, double value, const Place& place) {
  if (!(value >= spec.low && value <= spec.high))
    throw Error(fmt::format("{} is out of range", real_text(value)), place,
                "allowed: " + spec.allowed_text());
}

void check_allowed(const OptionSpec& spec, const std::string& text, const Place& place) {
  if (!spec.allowed.empty() &&
      std::find(spec.allowed.begin(), spec.allowed.end(), text) == spec.allowed.end())
    throw Error(fmt::format("unknown value '{}'", text), place, suggest(text, spec.allowed));
}

Json read(const OptionSpec& spec, const Node& node) {
  switch (spec.type) {
    case OptionSpec::Type::flag:
      return node.flag();
    case OptionSpec::Type::integer: {
      const std::int64_t value = node.integer();
      check_range(spec, static_cast<double>(value), node.place());
      return value;
    }
    case OptionSpec::Type::real: {
      const double value = node.real();
      check_range(spec, value, node.place());
      return value;
    }
    case OptionSpec::Type::text:
      check_allowed(spec, node.text(), node.place());
      return node.text();
    case OptionSpec::Type::integers: {
      for (std::int64_t value : node.integers()) check_range(spec, static_cast<double>(value), node.place());
      return node.integers();
    }
    case OptionSpec::Type::texts: {
      for (const auto& text : node.texts()) check_allowed(spec, text, node.place());
      return node.texts();
    }
    case OptionSpec::Type::duration: {
      const double value = read_duration_s(node);
      check_range(spec, value, node.place());
      return value;
    }
    case OptionSpec::Type::quantity: {
      const double value = read_quantity(spec.name, node);
      check_range(spec, value, node.place());
      return value;
    }
    case OptionSpec::Type::size: {
      const double value = read_size_bytes(node);
      if (!(value >= spec.low && value <= spec.high))
        throw Error(fmt::format("{} bytes are out of range", real_text(value)), node.place(),
                    fmt::format("allowed: {}; a size may have a unit: \"2 GB\"", spec.allowed_text()));
      return value;
    }
    case OptionSpec::Type::table:
      if (!node.is(Node::Type::table)) throw node.expected("a table");
      return node.json();
  }
  return nullptr;
}

/// A document made from JSON, so that options given in code pass the same checks.
Node node_of(const Json& json, const std::string& key) {
  const Place place{"", 0, key};
  const auto leaf = [&](Node::Type type) { return Node(type, place); };
  if (json.is_boolean()) {
    Node node = leaf(Node::Type::flag);
    node.flag_ = json.get<bool>();
    return node;
  }
  if (json.is_number_integer()) {
    Node node = leaf(Node::Type::integer);
    node.integer_ = json.get<std::int64_t>();
    return node;
  }
  if (json.is_number()) {
    Node node = leaf(Node::Type::real);
    node.real_ = json.get<double>();
    return node;
  }
  if (json.is_string()) {
    Node node = leaf(Node::Type::text);
    node.text_ = json.get<std::string>();
    return node;
  }
  if (json.is_array()) {
    Node node = leaf(Node::Type::list);
    for (const auto& item : json) node.list_.push_back(node_of(item, key));
    return node;
  }
  if (json.is_object()) {
    Node node = leaf(Node::Type::table);
    for (const auto& [name, item] : json.items())
      node.table_.emplace_back(name, node_of(item, key.empty() ? name : key + "." + name));
    return node;
  }
  return Node(Node::Type::missing, place);
}

}  // namespace

Options::Options(const std::vector<OptionSpec>& specs, const Node& table,
                 const std::vector<std::string>& ignore)
    : table_place_(table.place()) {
  std::vector<std::string> names = ignore;
  for (const auto& spec : specs) names.push_back(spec.name);
  table.only(names);
  for (const auto& spec : specs) {
    const Node node = table[spec.name];
    if (node) {
      values_[spec.name] = read(spec, node);
      places_.emplace_back(spec.name, node.place());
      if (spec.type == OptionSpec::Type::table) tables_.emplace_back(spec.name, node);
    } else if (!spec.fallback.is_null()) {
      values_[spec.name] = spec.fallback;
    } else if (!spec.optional) {
      throw Error(fmt::format("'{}' is missing: {}", spec.name, spec.summary), table.place());
    }
  }
}

Options::Options(const std::vector<OptionSpec>& specs, const Json& given)
    : Options(specs, node_of(given, ""), {}) {}

bool Options::has(const std::string& name) const { return values_.contains(name); }

const Json& Options::at(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) throw internal_error(fmt::format("option '{}' was never declared", name));
  return *found;
}

bool Options::flag(const std::string& name) const { return at(name).get<bool>(); }
std::int64_t Options::integer(const std::string& name) const { return at(name).get<std::int64_t>(); }
double Options::real(const std::string& name) const { return at(name).get<double>(); }
std::string Options::text(const std::string& name) const { return at(name).get<std::string>(); }
std::vector<std::int64_t> Options::integers(const std::string& name) const {
  return at(name).get<std::vector<std::int64_t>>();
}
std::vector<std::string> Options::texts(const std::string& name) const {
  return at(name).get<std::vector<std::string>>();
}

Node Options::table(const std::string& name) const {
  for (const auto& [key, node] : tables_)
    if (key == name) return node;
  return Node(Node::Type::missing, place(name));
}

Place Options::place(const std::string& name) const {
  for (const auto& [key, place] : places_)
    if (key == name) return place;
  return table_place_;
}

}  // namespace hone
