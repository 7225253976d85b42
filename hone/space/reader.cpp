#include "hone/space/reader.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/space/operator_type.h"
#include "hone/space/plan.h"

namespace hone::space {
namespace {

struct KindKeys {
  const char* key;
  ParameterKind kind;
  std::vector<std::string> allowed;
};

const std::vector<KindKeys>& kinds() {
  static const std::vector<KindKeys> kinds = {
      {"real", ParameterKind::real, {"real", "log", "resolution", "when", "list", "default"}},
      {"int", ParameterKind::integer, {"int", "log", "step", "when", "list", "default"}},
      {"choice", ParameterKind::choice, {"choice", "when", "list", "default"}},
      {"flag", ParameterKind::flag, {"flag", "when", "list", "default"}},
      {"ordinal", ParameterKind::ordinal, {"ordinal", "when", "list", "default"}},
      {"operator", ParameterKind::choice, {"operator", "when", "list", "default"}},
      {"same_as", ParameterKind::real, {"same_as", "when"}}};
  return kinds;
}

constexpr const char* kHowTo =
    "write { real = [low, high] }, { int = [low, high] }, { choice = [a, b] } or { flag = true }";

const std::vector<std::pair<std::string, std::string>>& other_names() {
  static const std::vector<std::pair<std::string, std::string>> names = {
      {"integer", "int"}, {"float", "real"},     {"double", "real"},    {"uniform", "real"},
      {"range", "real"},  {"choices", "choice"}, {"values", "choice"},  {"options", "choice"},
      {"bool", "flag"},   {"boolean", "flag"},   {"ordered", "ordinal"}};
  return names;
}

/// Keys that qualify a parameter or a group and are no member's name.
bool is_qualifier(const std::string& key) {
  static const std::vector<std::string> keys = {"when",       "list",    "log",  "step",
                                                "resolution", "default", "where"};
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

/// The key that was meant where a table says no kind; "" where its keys may be names of members.
std::string meant_kind(const std::string& key) {
  for (const auto& [other, meant] : other_names())
    if (key == other) return meant;
  return is_qualifier(key) ? "" : nearest(key, {"real", "int", "choice", "flag", "ordinal", "same_as"});
}

const KindKeys* declared_kind(const Node& node) {
  const KindKeys* found = nullptr;
  for (const KindKeys& kind : kinds())
    if (node.has(kind.key)) {
      if (found != nullptr)
        throw Error(fmt::format("'{}' and '{}' exclude each other", found->key, kind.key),
                    node[kind.key].place(), kHowTo);
      found = &kind;
    }
  return found;
}

/// Whether a table without a kind is a group: it has a member that is a table or "flag", or only lists, under
/// names that are no misspelt kind.
bool is_group(const Node& node) {
  bool lists = false, doubtful = false;
  for (const auto& [key, child] : node.entries()) {
    if (is_qualifier(key)) continue;
    const std::string meant = meant_kind(key);
    const bool known = std::any_of(other_names().begin(), other_names().end(),
                                   [&key = key](const auto& other) { return other.first == key; });
    if (!known && (child.is(Node::Type::table) || (child.is(Node::Type::text) && child.text() == "flag")))
      return true;
    doubtful = doubtful || !child.is(Node::Type::list) || known || (!meant.empty() && meant[0] == key[0]);
    lists = true;
  }
  return lists && !doubtful;
}

/// Why a table is no parameter.
Error no_kind(const Node& node) {
  for (const auto& [key, child] : node.entries())
    if (const std::string meant = meant_kind(key); !meant.empty())
      return Error(fmt::format("unknown key '{}'", key), child.place(),
                   fmt::format("did you mean '{}'?", meant));
  return Error(fmt::format("'{}' does not say what it is", node.shown()), node.place(), kHowTo);
}

/// Whether a text compares something: "width % heads == 0".
bool is_condition(const Node& node) {
  if (!node.is(Node::Type::text)) return false;
  const std::string text = node.text();
  if (text.find_first_of("<>=!") == std::string::npos && text.find(" in ") == std::string::npos) return false;
  try {
    return !Expression::parse(text, node.place()).names().empty();
  } catch (const Error&) {
    return false;
  }
}

/// Whether one letter more, less, changed or swapped with the next makes `a` of `b`.
bool is_one_typo(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty() && a.front() == b.front()) {
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  while (!a.empty() && !b.empty() && a.back() == b.back()) {
    a.remove_suffix(1);
    b.remove_suffix(1);
  }
  if (a.size() == 2 && b.size() == 2) return a[0] == b[1] && a[1] == b[0];
  return a.size() <= 1 && b.size() <= 1;
}

/// Throws Error where a constraint stands under a name that is not `where`: a list of texts would be a
/// choice.
void check_no_constraint(const std::string& name, const Node& node) {
  const bool misspelt = is_one_typo(name, "where");
  bool constraint = misspelt && is_condition(node);
  if (node.is(Node::Type::list)) {
    const auto& items = node.list();
    const bool conditions = !items.empty() && std::all_of(items.begin(), items.end(), is_condition);
    const bool one_text = items.size() == 1 && items.front().is(Node::Type::text);
    constraint = (conditions && (one_text || misspelt)) || (one_text && misspelt);
  }
  if (!constraint) return;
  throw Error(fmt::format("'{}' looks like a constraint, and would be a parameter here", name), node.place(),
              fmt::format("{}constraints stand under where = [...]; a parameter of one text is written "
                          "{{ choice = [...] }}",
                          misspelt ? "did you mean 'where'? " : ""));
}

/// Throws Error where the grid of an integer is said of a real, or the other way round.
void check_grid(const Node& node, const KindKeys& kind) {
  const bool real = kind.kind == ParameterKind::real;
  const std::string found = real ? "step" : "resolution", meant = real ? "resolution" : "step";
  if (!node.has(found) || std::find(kind.allowed.begin(), kind.allowed.end(), meant) == kind.allowed.end())
    return;
  throw Error(
      fmt::format("unknown key '{}'", found), node[found].place(),
      fmt::format("{} take '{}'{}; allowed: {}", real ? "reals" : "integers", meant,
                  real ? ", a step, or a ratio where log = true" : "", fmt::join(kind.allowed, ", ")));
}

std::vector<Value> read_choices(const Node& node) {
  std::vector<Value> values;
  for (const Node& item : node.list()) values.push_back(item.value());
  return values;
}

std::pair<Node, Node> read_range(const Node& node) {
  if (!node.is(Node::Type::list) || node.list().size() != 2)
    throw node.expected("a range [low, high]", "for single values write { choice = [...] }");
  return {node.list()[0], node.list()[1]};
}

}  // namespace

Expression read_when(const Node& table, const Expression& outer) {
  if (!table.has("when")) return outer;
  return Expression::conjunction(outer, Expression::parse(table["when"].text(), table["when"].place()));
}

std::pair<std::int64_t, std::int64_t> read_span(const Node& node) {
  if (!node.is(Node::Type::list)) return {node.integer(), node.integer()};
  if (node.list().size() != 2) throw node.expected("a number or a range [least, most]");
  return {node.list()[0].integer(), node.list()[1].integer()};
}

void Reader::parameter(const std::string& name, const Node& node, const Expression& when,
                       Space::Builder& builder) {
  const KindKeys& kind = *declared_kind(node);
  check_grid(node, kind);
  node.only(kind.allowed);
  Parameter parameter;
  parameter.name = name;
  parameter.place = node.place();
  parameter.kind = kind.kind;
  const Node content = node[kind.key];
  const std::string key = kind.key;
  if (key == "same_as") {
    parameter.same_as = content.text();
  } else if (key == "operator") {
    for (const std::string& op :
         operators_of_type(OperatorType::parse(content.text(), content.place()), content.place()))
      parameter.choices.emplace_back(op);
  } else if (key == "choice" || key == "ordinal") {
    parameter.choices = read_choices(content);
  } else if (key == "flag") {
    if (!content.flag()) throw content.expected("true", "for a fixed value write [false]");
  } else {
    const auto [low, high] = read_range(content);
    const bool whole = kind.kind == ParameterKind::integer;
    parameter.low = whole ? static_cast<double>(low.integer()) : low.real();
    parameter.high = whole ? static_cast<double>(high.integer()) : high.real();
  }
  if (node.has("log")) parameter.log = node["log"].flag();
  if (node.has("step")) parameter.step = node["step"].integer();
  if (node.has("resolution")) {
    parameter.resolution = node["resolution"].real();
    if (!(parameter.resolution > 0)) throw node["resolution"].expected("a number above 0");
  }
  if (node.has("default")) parameter.fallback = node["default"].value();
  parameter.when = read_when(node, when);
  if (node.has("list")) {
    const auto [low, high] = read_span(node["list"]);
    builder.add_list(std::move(parameter), low, high);
  } else {
    builder.add(std::move(parameter));
  }
}

void Reader::choice_of_groups(const std::string& name, const Node& node, const Expression& when,
                              Space::Builder& builder) {
  node.only({"choice", "when", "default"});
  Parameter choice;
  choice.name = name;
  choice.kind = ParameterKind::choice;
  choice.place = node.place();
  choice.when = read_when(node, when);
  if (node.has("default")) choice.fallback = node["default"].value();
  Space::Builder::Alternatives values;
  const Node alternatives = node["choice"];
  for (const auto& [value, content] : alternatives.entries()) {
    if (!is_identifier(value))
      throw Error(fmt::format("'{}' cannot be the name of an alternative", value), content.place(),
                  "its parameters are named after it: letters, digits and _, not a digit first");
    if (!content.is(Node::Type::table))
      throw content.expected("a table of the alternative's own parameters", "{} where it has none");
    if (content.has("use") && content["use"].is(Node::Type::text)) {
      content.only({"use"});
      const Using guard(*this, content);
      const Node definition = this->definition(content);
      if (!definition.is(Node::Type::table) || declared_kind(definition) != nullptr)
        throw content["use"].expected("the name of a group of parameters");
      values.emplace_back(value, group(definition, {}));
    } else {
      values.emplace_back(value, group(content, {}));
    }
  }
  builder.add_alternatives(std::move(choice), values);
}

void Reader::nested(const std::string& name, const Node& node, const Node& content, const Expression& outer,
                    Space::Builder& builder) {
  if (!content.is(Node::Type::table)) throw content.expected("a table of parameters", kHowTo);
  check_name(name, node.place());
  const bool same = &node == &content;
  const Space::Builder members =
      group(content, same ? std::vector<std::string>{"when", "list", "default"} : std::vector<std::string>());
  if (members.empty())
    throw Error("the group has no parameters", content.place(), "add one, or leave the group out");
  const Expression when = read_when(node, outer);
  if (node.has("list")) {
    const auto [low, high] = read_span(node["list"]);
    std::optional<std::int64_t> fallback;
    if (node.has("default")) fallback = node["default"].integer();
    if (fallback && low == high) throw node["default"].expected("no default: the list's length is fixed");
    builder.add_groups(name, low, high, members, when, node.place(), fallback);
  } else {
    if (node.has("default"))
      throw node["default"].expected("no default: this is a group", "give its members defaults");
    builder.add_group(name, members, when);
  }
}

bool Reader::is_definitions(const Node& node) const {
  return node.is(Node::Type::table) && declared_kind(node) == nullptr;
}

Node Reader::definition(const Node& node) const {
  const Node name = node["use"];
  const Node definitions = top_["define"];
  std::vector<std::string> known;
  if (definitions && is_definitions(definitions))
    for (const auto& [other, content] : definitions.entries()) {
      if (other == name.text()) return content;
      known.push_back(other);
    }
  throw Error(
      fmt::format("there is no definition '{}'", name.text()), name.place(),
      known.empty() ? fmt::format("define it: [space.define.{}]", name.text()) : suggest(name.text(), known));
}

Reader::Using::Using(Reader& reader, const Node& node) : reader_(reader) {
  const std::string name = node["use"].text();
  if (std::find(reader_.using_.begin(), reader_.using_.end(), name) != reader_.using_.end())
    throw Error(fmt::format("the definitions go round in a circle: {} -> {}",
                            fmt::join(reader_.using_, " -> "), name),
                node["use"].place(), "leave out one of them");
  reader_.using_.push_back(name);
}

void Reader::used(const std::string& name, const Node& node, const Expression& outer,
                  Space::Builder& builder) {
  node.only({"use", "when", "list", "default"});
  const Using guard(*this, node);
  const Node definition = this->definition(node);
  const bool group = definition.is(Node::Type::table) && declared_kind(definition) == nullptr &&
                     !is_composition(definition) && !definition.has("use");
  if (group) {
    const bool qualified = definition.has("when") || definition.has("list") || definition.has("default");
    if (qualified)
      throw Error("a defined group has members only", definition.place(),
                  "write when, list and default beside use");
    return nested(name, node, definition, outer, builder);
  }
  for (const char* key : {"list", "default"})
    if (node.has(key))
      throw Error(fmt::format("'{}' goes with a group; '{}' is none", key, node["use"].text()),
                  node[key].place(), "write it in the definition");
  member(name, definition, read_when(node, outer), builder);
}

void Reader::member(const std::string& name, const Node& node, const Expression& when,
                    Space::Builder& builder) {
  const bool flag = node.is(Node::Type::text) && node.text() == "flag";
  if (node.is(Node::Type::list) || flag) {
    Parameter parameter;
    parameter.name = name;
    parameter.place = node.place();
    parameter.when = when;
    parameter.kind = flag ? ParameterKind::flag : ParameterKind::choice;
    if (!flag) parameter.choices = read_choices(node);
    builder.add(std::move(parameter));
    return;
  }
  if (!node.is(Node::Type::table))
    throw node.expected("a parameter",
                        fmt::format("{}; a fixed value is a choice of one: [{}]", kHowTo, node.shown()));
  if (declared_kind(node) != nullptr) {
    if (node.has("choice") && node["choice"].is(Node::Type::table))
      return choice_of_groups(name, node, when, builder);
    return parameter(name, node, when, builder);
  }
  if (node.has("use") && node["use"].is(Node::Type::text)) return used(name, node, when, builder);
  if (is_composition(node)) {
    const Composition made = composition(node);
    check_name(name, node.place());
    at_place(node, [&] { builder.add_composition(name, made, read_when(node, when), node.place()); });
    return;
  }
  if (node.has("group") && node["group"].is(Node::Type::table)) {
    node.only({"group", "when", "list", "default"});
    return nested(name, node, node["group"], when, builder);
  }
  if (!is_group(node)) throw no_kind(node);
  nested(name, node, node, when, builder);
}

Space::Builder Reader::group(const Node& table, const std::vector<std::string>& taken) {
  Space::Builder builder;
  for (const auto& [name, node] : table.entries()) {
    if (std::find(taken.begin(), taken.end(), name) != taken.end()) continue;
    if (name != "where") {
      check_no_constraint(name, node);
      member(name, node, {}, builder);
    } else if (node.is(Node::Type::text)) {
      builder.add(Expression::parse(node.text(), node.place()));
    } else {
      if (!node.is(Node::Type::list)) throw node.expected("a constraint or a list of constraints");
      for (const Node& item : node.list()) builder.add(Expression::parse(item.text(), item.place()));
    }
  }
  return builder;
}

Space::Builder Reader::read() {
  if (!top_.is(Node::Type::table)) throw top_.expected("a table of parameters", kHowTo);
  const bool definitions = top_.has("define") && is_definitions(top_["define"]);
  Space::Builder builder =
      group(top_, definitions ? std::vector<std::string>{"define"} : std::vector<std::string>());
  if (builder.parameters().empty())
    throw Error("the space has no parameters", top_.place(),
                "add one: lr = { real = [1e-4, 1e-1], log = true }");
  return builder;
}

Space Space::from_document(const Node& table) { return Reader(table).read().build(); }

}  // namespace hone::space
