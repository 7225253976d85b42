#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/space/plan.h"
#include "hone/space/space.h"

namespace hone::space {
namespace {

struct KindKeys {
  const char* key;
  ParameterKind kind;
  std::vector<std::string> allowed;
};

const std::vector<KindKeys>& kinds() {
  static const std::vector<KindKeys> kinds = {
      {"real", ParameterKind::real, {"real", "log", "resolution", "when", "list"}},
      {"int", ParameterKind::integer, {"int", "log", "step", "when", "list"}},
      {"choice", ParameterKind::choice, {"choice", "when", "list"}},
      {"flag", ParameterKind::flag, {"flag", "when", "list"}}};
  return kinds;
}

constexpr const char* kHowTo =
    "write { real = [low, high] }, { int = [low, high] }, { choice = [a, b] } or { flag = true }";

/// The kind that a table declares. Throws where none or two are there, with the one that was meant.
const KindKeys& kind_of(const Node& node) {
  static const std::vector<std::pair<std::string, std::string>> kOtherNames = {
      {"integer", "int"}, {"float", "real"},     {"double", "real"},   {"uniform", "real"},
      {"range", "real"},  {"choices", "choice"}, {"values", "choice"}, {"options", "choice"},
      {"bool", "flag"},   {"boolean", "flag"}};
  const KindKeys* found = nullptr;
  for (const KindKeys& kind : kinds())
    if (node.has(kind.key)) {
      if (found != nullptr)
        throw Error(fmt::format("'{}' and '{}' exclude each other", found->key, kind.key),
                    node[kind.key].place(), kHowTo);
      found = &kind;
    }
  if (found != nullptr) return *found;
  for (const auto& [name, child] : node.entries()) {
    for (const auto& [other, meant] : kOtherNames)
      if (name == other)
        throw Error(fmt::format("unknown key '{}'", name), child.place(),
                    fmt::format("did you mean '{}'?", meant));
    const std::string meant = nearest(name, {"real", "int", "choice", "flag"});
    const bool known =
        name == "when" || name == "list" || name == "log" || name == "step" || name == "resolution";
    if (!known && !meant.empty())
      throw Error(fmt::format("unknown key '{}'", name), child.place(),
                  fmt::format("did you mean '{}'?", meant));
  }
  throw Error(fmt::format("'{}' does not say what it is", node.shown()), node.place(), kHowTo);
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

void read_parameter(const std::string& name, const Node& node, Space::Builder& builder) {
  Parameter parameter;
  parameter.name = name;
  parameter.place = node.place();
  if (node.is(Node::Type::list)) {
    parameter.kind = ParameterKind::choice;
    parameter.choices = read_choices(node);
    builder.add(std::move(parameter));
    return;
  }
  if (node.is(Node::Type::text) && node.text() == "flag") {
    parameter.kind = ParameterKind::flag;
    builder.add(std::move(parameter));
    return;
  }
  if (!node.is(Node::Type::table))
    throw node.expected("a parameter",
                        fmt::format("{}; a fixed value is a choice of one: [{}]", kHowTo, node.shown()));

  const KindKeys& kind = kind_of(node);
  node.only(kind.allowed);
  parameter.kind = kind.kind;
  const Node content = node[kind.key];
  switch (kind.kind) {
    case ParameterKind::choice:
    case ParameterKind::ordinal:
      parameter.choices = read_choices(content);
      break;
    case ParameterKind::flag:
      if (!content.flag()) throw content.expected("true", "for a fixed value write [false]");
      break;
    case ParameterKind::real:
    case ParameterKind::integer: {
      const auto [low, high] = read_range(content);
      const bool whole = kind.kind == ParameterKind::integer;
      parameter.low = whole ? static_cast<double>(low.integer()) : low.real();
      parameter.high = whole ? static_cast<double>(high.integer()) : high.real();
      break;
    }
  }
  if (node.has("log")) parameter.log = node["log"].flag();
  if (node.has("step")) parameter.step = node["step"].integer();
  if (node.has("resolution")) {
    parameter.resolution = node["resolution"].real();
    if (!(parameter.resolution > 0)) throw node["resolution"].expected("a number above 0");
  }
  if (node.has("when")) parameter.when = Expression::parse(node["when"].text(), node["when"].place());
  if (node.has("list")) {
    const std::int64_t length = node["list"].integer();
    builder.add_list(std::move(parameter), length);
  } else {
    builder.add(std::move(parameter));
  }
}

}  // namespace

Space Space::from_document(const Node& table) {
  if (!table.is(Node::Type::table)) throw table.expected("a table of parameters", kHowTo);
  Builder builder;
  bool any = false;
  for (const auto& [name, node] : table.entries()) {
    if (name == "where") {
      if (node.is(Node::Type::text)) {
        builder.add(Expression::parse(node.text(), node.place()));
      } else {
        if (!node.is(Node::Type::list)) throw node.expected("a constraint or a list of constraints");
        for (const Node& item : node.list()) builder.add(Expression::parse(item.text(), item.place()));
      }
      continue;
    }
    read_parameter(name, node, builder);
    any = true;
  }
  if (!any)
    throw Error("the space has no parameters", table.place(),
                "add one: lr = { real = [1e-4, 1e-1], log = true }");
  return builder.build();
}

}  // namespace hone::space
