#include "hone/base/document.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <toml++/toml.h>

namespace hone {
namespace {

const char* type_name(Node::Type type) {
  switch (type) {
    case Node::Type::missing:
      return "nothing";
    case Node::Type::flag:
      return "a flag";
    case Node::Type::integer:
      return "an integer";
    case Node::Type::real:
      return "a number";
    case Node::Type::text:
      return "text";
    case Node::Type::list:
      return "a list";
    case Node::Type::table:
      return "a table";
  }
  return "?";
}

/// Names in a dotted key, and tables and lists inside each other.
constexpr int kMostNames = 32, kDeepest = 128;

Error too_deep(Place place, const char* what, int most) {
  return Error(fmt::format("{} more than {} deep", what, most), std::move(place),
               "nothing here is that deep");
}

/// Throws Error where a key has too many names (a.b.c...): the parser builds a table in a table for each, as
/// many as it is given, and what walks them down to the last would need a stack without end.
void check_keys(const std::string& text, const std::string& file) {
  int line = 1, dots = 0;
  // Behind the string that begins here, or the text's end where nothing closes it.
  const auto skip_string = [&](std::size_t at) {
    const std::string three(3, text[at]);
    const bool several_lines = text.compare(at, 3, three) == 0;
    const std::string quote = several_lines ? three : three.substr(0, 1);
    for (at += quote.size(); at < text.size(); ++at) {
      if (text[at] == '\n' && !several_lines) return at;
      if (text[at] == '\n') ++line;
      if (text[at] == '\\' && quote[0] == '"')
        ++at;
      else if (text.compare(at, quote.size(), quote) == 0)
        return at + quote.size();
    }
    return text.size();
  };
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"' || c == '\'') {
      at = skip_string(at);
      continue;
    }
    if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
      continue;
    }
    if (c == '.' && ++dots >= kMostNames)
      throw too_deep(Place{file, line, ""}, "a key's names stand", kMostNames);
    if (c == '\n') ++line;
    if (c == '\n' || c == '=' || c == ',' || c == '[' || c == ']' || c == '{' || c == '}') dots = 0;
    ++at;
  }
}

Node convert(const toml::node& source, const std::string& file, const std::string& key, int depth = 0) {
  const Place place{file, static_cast<int>(source.source().begin.line), key};
  if (depth > kDeepest)
    throw too_deep(Place{file, place.line, key.substr(0, 80)}, "tables and lists stand", kDeepest);
  if (const auto* table = source.as_table()) {
    Node node(Node::Type::table, place);
    for (const auto& [name, child] : *table) {
      const std::string name_text(name.str());
      Node converted = convert(child, file, key.empty() ? name_text : key + "." + name_text, depth + 1);
      node.table_.emplace_back(name_text, std::move(converted));
    }
    // toml++ sorts keys; the user's order is the order of the places.
    std::stable_sort(node.table_.begin(), node.table_.end(), [&](const auto& a, const auto& b) {
      const auto at = [&](const std::string& k) { return table->get(k)->source().begin; };
      const auto pa = at(a.first), pb = at(b.first);
      return pa.line != pb.line ? pa.line < pb.line : pa.column < pb.column;
    });
    return node;
  }
  if (const auto* array = source.as_array()) {
    Node node(Node::Type::list, place);
    for (std::size_t i = 0; i < array->size(); ++i)
      node.list_.push_back(convert(*array->get(i), file, fmt::format("{}[{}]", key, i), depth + 1));
    return node;
  }
  if (const auto* flag = source.as_boolean()) {
    Node node(Node::Type::flag, place);
    node.flag_ = flag->get();
    return node;
  }
  if (const auto* integer = source.as_integer()) {
    Node node(Node::Type::integer, place);
    node.integer_ = integer->get();
    return node;
  }
  if (const auto* real = source.as_floating_point()) {
    Node node(Node::Type::real, place);
    node.real_ = real->get();
    return node;
  }
  if (const auto* text = source.as_string()) {
    Node node(Node::Type::text, place);
    node.text_ = text->get();
    return node;
  }
  throw Error("dates and times mean nothing here", place, "write text, a number, a flag, a list or a table");
}

}  // namespace

Node Node::parse_toml(const std::string& text, const std::string& file) {
  check_keys(text, file);
  try {
    const toml::table table = toml::parse(text, file);
    Node node = convert(table, file, "");
    node.place_.line = 0;
    return node;
  } catch (const toml::parse_error& error) {
    throw Error(std::string(error.description()),
                Place{file, static_cast<int>(error.source().begin.line), ""},
                "this file is TOML: name = value, one a line, text in double quotes");
  }
}

Error Node::expected(const std::string& what, std::string hint) const {
  if (type_ == Type::missing)
    return Error(fmt::format("missing; {} is needed", what), place_, std::move(hint));
  return Error(fmt::format("expected {}, found {} ({})", what, shown(), type_name(type_)), place_,
               std::move(hint));
}

std::string Node::shown() const {
  std::string text = type_ == Type::missing ? "nothing" : json().dump();
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

bool Node::flag() const {
  if (type_ != Type::flag) throw expected("true or false");
  return flag_;
}

std::int64_t Node::integer() const {
  if (type_ == Type::real && real_ == std::floor(real_) && std::abs(real_) < 9e15)
    return static_cast<std::int64_t>(real_);
  if (type_ != Type::integer) throw expected("an integer");
  return integer_;
}

double Node::real() const {
  if (type_ == Type::integer) return static_cast<double>(integer_);
  if (type_ != Type::real) throw expected("a number");
  if (std::isnan(real_)) throw expected("a number that is not NaN");
  return real_;
}

const std::string& Node::text() const {
  if (type_ != Type::text) throw expected("text in double quotes");
  return text_;
}

Value Node::value() const {
  switch (type_) {
    case Type::flag:
      return flag_;
    case Type::integer:
      return integer_;
    case Type::real:
      return real();
    case Type::text:
      return text_;
    default:
      throw expected("a number, a flag or text");
  }
}

const std::vector<Node>& Node::list() const {
  if (type_ != Type::list) throw expected("a list");
  return list_;
}

std::vector<std::string> Node::texts() const {
  if (type_ == Type::text) return {text_};
  if (type_ != Type::list) throw expected("text or a list of texts");
  std::vector<std::string> found;
  for (const Node& item : list_) found.push_back(item.text());
  return found;
}

std::vector<std::int64_t> Node::integers() const {
  if (is_number()) return {integer()};
  if (type_ != Type::list) throw expected("an integer or a list of integers");
  std::vector<std::int64_t> found;
  for (const Node& item : list_) found.push_back(item.integer());
  return found;
}

const std::vector<Node::Entry>& Node::entries() const {
  if (type_ != Type::table) throw expected("a table");
  return table_;
}

bool Node::has(const std::string& key) const {
  for (const auto& entry : entries())
    if (entry.first == key) return true;
  return false;
}

const Node Node::operator[](const std::string& key) const {
  if (type_ == Type::missing)
    return Node(Type::missing, Place{place_.file, place_.line, place_.key + "." + key});
  for (const auto& entry : entries())
    if (entry.first == key) return entry.second;
  return Node(Type::missing,
              Place{place_.file, place_.line, place_.key.empty() ? key : place_.key + "." + key});
}

Node Node::need(const std::string& key) const {
  Node found = (*this)[key];
  if (found) return found;
  // More often mistyped than forgotten.
  if (type_ == Type::table)
    for (const auto& [name, node] : table_)
      if (!nearest(name, {key}).empty())
        throw Error(fmt::format("'{}' is missing", key), node.place(),
                    fmt::format("'{}' stands here: did you mean '{}'?", name, key));
  throw Error(fmt::format("'{}' is missing", key), place_);
}

void Node::only(const std::vector<std::string>& allowed) const {
  for (const auto& [name, node] : entries())
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end())
      throw Error(fmt::format("unknown key '{}'", name), node.place(),
                  allowed.empty() ? "it has no options" : suggest(name, allowed));
}

Json Node::json() const {
  switch (type_) {
    case Type::missing:
      return nullptr;
    case Type::flag:
      return flag_;
    case Type::integer:
      return integer_;
    case Type::real:
      return real_to_json(real_);
    case Type::text:
      return text_;
    case Type::list: {
      Json list = Json::array();
      for (const Node& item : list_) list.push_back(item.json());
      return list;
    }
    case Type::table: {
      Json table = Json::object();
      for (const auto& [name, node] : table_) table[name] = node.json();
      return table;
    }
  }
  return nullptr;
}

}  // namespace hone
