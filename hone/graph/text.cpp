// A graph as text for people and as JSON for files.
#include <algorithm>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/graph/graph.h"

namespace hone::graph {

namespace {

const std::vector<std::string> kInits = {"zeros", "ones", "normal"};  // in the order of Init::Kind

Json init_json(const Init& init) {
  if (init.kind != Init::Kind::normal) return kInits[static_cast<std::size_t>(init.kind)];
  return Json{{"normal", init.scale}};
}

Init init_from_json(const Json& json) {
  if (json.is_object()) return {Init::Kind::normal, json.at("normal").get<double>()};
  const auto name = json.get<std::string>();
  if (name == "zeros") return {Init::Kind::zeros, 0.0};
  if (name == "ones") return {Init::Kind::ones, 0.0};
  throw Error(fmt::format("'{}' is no initialisation", name), {}, suggest(name, kInits));
}

}  // namespace

std::string Graph::text() const {
  std::string lines;
  for (std::size_t id = 0; id < nodes_.size(); ++id) {
    const Node& node = nodes_[id];
    std::string line = fmt::format("%{} = {}", id, node.op);
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      line += fmt::format("{}%{}", i == 0 ? " " : ", ", node.inputs[i]);
    if (!node.attributes.entries().empty()) line += fmt::format(" [{}]", node.attributes.text_list());
    for (int index : node.parameters)
      line += fmt::format(" {}:{}", parameters_[index].name, shape_text(parameters_[index].shape));
    lines += fmt::format("{} -> {}{}  # {}\n", line, shape_text(node.shape),
                         node.type == DataType::int64 ? " int64" : "", node.name);
  }
  for (int id : outputs_) lines += fmt::format("output %{}\n", id);
  return lines;
}

Json Graph::json() const {
  Json nodes = Json::array();
  for (const Node& node : nodes_) {
    Json entry{{"op", node.op}, {"name", node.name}};
    if (node.op == "input") {
      entry["shape"] = node.shape;
      entry["type"] = node.type == DataType::int64 ? "int64" : "float32";
    } else {
      Json attributes = Json::object();
      for (const auto& [name, value] : node.attributes.entries()) attributes[name] = value_to_json(value);
      entry["attributes"] = std::move(attributes);
      entry["inputs"] = node.inputs;
      if (!node.parameters.empty()) entry["parameters"] = node.parameters;
    }
    nodes.push_back(std::move(entry));
  }
  Json parameters = Json::array();
  for (const Parameter& parameter : parameters_)
    parameters.push_back(
        {{"name", parameter.name}, {"shape", parameter.shape}, {"init", init_json(parameter.init)}});
  return Json{{"nodes", std::move(nodes)}, {"parameters", std::move(parameters)}, {"outputs", outputs_}};
}

Graph Graph::from_json(const Json& json) {
  try {
    Graph graph;
    for (const Json& entry : json.at("nodes")) {
      const auto op = entry.at("op").get<std::string>();
      const auto name = entry.at("name").get<std::string>();
      if (op == "input") {
        const auto type = entry.at("type").get<std::string>();
        if (type != "int64" && type != "float32")
          throw Error(fmt::format("input '{}' has type '{}'", name, type), {}, "allowed: int64, float32");
        graph.input(name, entry.at("shape").get<Shape>(),
                    type == "int64" ? DataType::int64 : DataType::float32);
        continue;
      }
      Attributes attributes;
      for (const auto& [key, value] : entry.at("attributes").items())
        attributes.set(key, value_from_json(value));
      // A parameter is numbered where it is first used; any later mention shares it.
      std::vector<int> parameters;
      if (entry.contains("parameters")) parameters = entry["parameters"].get<std::vector<int>>();
      std::vector<int> shared = parameters;
      for (int& index : shared)
        if (index >= static_cast<int>(graph.parameters_.size())) index = -1;
      const int id = graph.add(op, attributes, entry.at("inputs").get<std::vector<int>>(), name, shared);
      if (graph.nodes_[id].parameters != parameters)
        throw Error(fmt::format("the parameters of '{}' are not numbered in order of first use", name));
    }
    const Json& parameters = json.at("parameters");
    if (parameters.size() != graph.parameters_.size())
      throw Error(fmt::format("the nodes use {} parameters, but {} are listed", graph.parameters_.size(),
                              parameters.size()));
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const auto shape = parameters[i].at("shape").get<Shape>();
      if (shape != graph.parameters_[i].shape)
        throw Error(fmt::format("parameter '{}' is listed with shape {} instead of {}",
                                graph.parameters_[i].name, shape_text(shape),
                                shape_text(graph.parameters_[i].shape)));
      graph.parameters_[i].name = parameters[i].at("name").get<std::string>();
      graph.set_init(static_cast<int>(i), init_from_json(parameters[i].at("init")));
    }
    for (const Json& id : json.at("outputs")) graph.output(id.get<int>());
    return graph;
  } catch (const Json::exception& error) {
    throw Error(fmt::format("this JSON is no graph ({})", error.what()));
  } catch (const Error& error) {
    throw Error("this JSON is no graph: " + error.message(), error.place(), error.hint());
  }
}

}  // namespace hone::graph
