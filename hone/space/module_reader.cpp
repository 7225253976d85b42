#include <algorithm>

#include <fmt/format.h>

#include "hone/space/operator_type.h"
#include "hone/space/plan.h"
#include "hone/space/reader.h"

namespace hone::space {
namespace {

constexpr const char* kHowToCompose =
    "a module is \"relu\" or { module = \"conv\", ... }; put together with { sequence = [...] }, { optional "
    "= ... "
    "}, { repeat = ..., times = [1, 4] }, { one_of = [...] }";
constexpr std::size_t kMostParts = 100000;

}  // namespace

bool Reader::is_composition(const Node& node) const {
  Node it = node;
  // A chain of definitions is at most as long as there are definitions, unless it is a circle.
  const Node definitions = top_["define"];
  const std::size_t most = definitions.is(Node::Type::table) ? definitions.entries().size() : 0;
  for (std::size_t steps = 0; steps <= most; ++steps) {
    if (!it.is(Node::Type::table)) return false;
    if (it.has("module") && it["module"].is(Node::Type::text)) return true;
    for (const char* key : {"sequence", "optional", "repeat", "one_of"})
      if (it.has(key)) return true;
    if (!it.has("use") || !it["use"].is(Node::Type::text)) return false;
    it = definition(it);
  }
  return false;
}

Composition Reader::one_of_list(const Node& node) {
  Labelled alternatives;
  if (node.is(Node::Type::table)) {
    for (const auto& [label, part] : node.entries()) alternatives.emplace_back(label, composition(part));
  } else {
    if (!node.is(Node::Type::list)) throw node.expected("a list or a table of alternatives", kHowToCompose);
    for (const Node& item : node.list()) {
      // What it is called: a definition's or a module's name.
      const bool used = item.is(Node::Type::table) && item.has("use");
      const Composition part = composition(item);
      const std::string label = used ? item["use"].text() : part.name;
      if (label.empty())
        throw Error("this alternative has no name", item.place(),
                    "name the alternatives: { one_of = { deep = ..., wide = ... } }");
      for (const auto& [other, known] : alternatives)
        if (other == label)
          throw Error(fmt::format("the alternative '{}' stands there twice", label), item.place(),
                      "name the alternatives: { one_of = { first = ..., second = ... } }");
      alternatives.emplace_back(label, part);
    }
  }
  return at_place(node, [&] { return one_of(alternatives); });
}

Composition Reader::module_of(const Node& table) {
  Space::Builder parameters;
  Labelled bodies;
  for (const auto& [key, child] : table.entries()) {
    if (key == "module" || key == "when") continue;
    if (key != "where" && is_composition(child)) {
      bodies.emplace_back(key, composition(child));
    } else if (key != "where") {
      member(key, child, {}, parameters);
    } else if (child.is(Node::Type::text)) {
      parameters.add(Expression::parse(child.text(), child.place()));
    } else {
      if (!child.is(Node::Type::list)) throw child.expected("a constraint or a list of constraints");
      for (const Node& item : child.list()) parameters.add(Expression::parse(item.text(), item.place()));
    }
  }
  return at_place(table, [&] { return module(table["module"].text(), parameters, bodies); });
}

Composition Reader::composition(const Node& node) {
  if (++parts_ > kMostParts)
    throw Error(fmt::format("more than {} parts", kMostParts), node.place(),
                "definitions that use each other multiply: repeat instead");
  if (node.is(Node::Type::text)) return at_place(node, [&] { return module(node.text()); });
  if (!node.is(Node::Type::table)) throw node.expected("a module", kHowToCompose);
  if (node.has("module")) return module_of(node);
  if (node.has("sequence")) {
    node.only({"sequence", "when"});
    std::vector<Composition> parts;
    const Node items = node["sequence"];
    if (!items.is(Node::Type::list)) throw items.expected("a list of modules", kHowToCompose);
    for (const Node& item : items.list()) parts.push_back(composition(item));
    if (parts.empty()) throw items.expected("at least one module", kHowToCompose);
    return sequence(std::move(parts));
  }
  if (node.has("optional")) {
    node.only({"optional", "when"});
    return optional(composition(node["optional"]));
  }
  if (node.has("repeat")) {
    node.only({"repeat", "times", "tied", "when"});
    const auto [low, high] = read_span(node.need("times"));
    const bool tied = node.has("tied") && node["tied"].flag();
    Composition body = composition(node["repeat"]);
    return at_place(node["times"],
                    [&, low = low, high = high] { return repeat(std::move(body), low, high, tied); });
  }
  if (node.has("one_of")) {
    node.only({"one_of", "when"});
    return one_of_list(node["one_of"]);
  }
  if (node.has("operator")) {
    node.only({"operator"});
    const Node type = node["operator"];
    Labelled alternatives;
    for (const std::string& op :
         operators_of_type(OperatorType::parse(type.text(), type.place()), type.place()))
      alternatives.emplace_back(op, module(op));
    return one_of(alternatives);
  }
  if (node.has("use")) {
    node.only({"use"});
    const Using guard(*this, node);
    return composition(definition(node));
  }
  throw Error(fmt::format("'{}' is no module", node.shown()), node.place(), kHowToCompose);
}

}  // namespace hone::space
