#include "hone/graph/graph.h"

#include <algorithm>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/graph/operator.h"

namespace hone::graph {

namespace {

constexpr double kMostElements = 0x1p48;  // beyond any machine; keeps every count exact in a double

void check_shape(const Shape& shape, const std::string& what) {
  double count = 1.0;
  for (std::int64_t size : shape) {
    if (size < 1)
      throw Error(
          fmt::format("{} would have shape {}: every size must be at least 1", what, shape_text(shape)));
    count *= static_cast<double>(size);
  }
  if (count > kMostElements)
    throw Error(fmt::format("{} would have shape {}: too many elements", what, shape_text(shape)));
}

double bytes_of(const Shape& shape, DataType type) {
  return (type == DataType::int64 ? 8.0 : 4.0) * static_cast<double>(element_count(shape));
}

}  // namespace

int Graph::input(const std::string& name, Shape shape, DataType type) {
  check_shape(shape, fmt::format("input '{}'", name));
  for (const Node& node : nodes_)
    if (node.op == "input" && node.name == name)
      throw Error(fmt::format("the graph already has an input '{}'", name));
  Node node;
  node.op = "input";
  node.name = name;
  node.shape = std::move(shape);
  node.type = type;
  nodes_.push_back(std::move(node));
  return static_cast<int>(nodes_.size()) - 1;
}

int Graph::add(const std::string& op, Attributes attributes, std::vector<int> inputs, const std::string& name,
               const std::vector<int>& shared_parameters) {
  const std::string what = fmt::format("{} ({})", name, op);
  const Operator& rules = find_operator(op);
  std::vector<Shape> shapes;
  for (int id : inputs) {
    if (id < 0 || id >= static_cast<int>(nodes_.size()))
      throw Error(fmt::format("{}: there is no node {}", what, id));
    if (!rules.takes(nodes_[id].type))
      throw Error(fmt::format("{}: the input '{}' holds {}", what, nodes_[id].name,
                              nodes_[id].type == DataType::int64 ? "token numbers" : "reals"),
                  {}, "an embedding takes token numbers and nothing else; other operators take reals");
    shapes.push_back(nodes_[id].shape);
  }
  Node node;
  std::vector<Parameter> made;
  try {
    node.attributes = complete_attributes(op, attributes);
    node.shape = rules.infer(node.attributes, shapes);
    made = rules.parameters(node.attributes, shapes);
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", name, error.message()), error.place(), error.hint(), error.fault());
  }
  check_shape(node.shape, what);
  for (const Parameter& parameter : made) check_shape(parameter.shape, what + " " + parameter.name);
  if (!shared_parameters.empty() && shared_parameters.size() != made.size())
    throw Error(fmt::format("{} has {} parameters, but {} are given to share", what, made.size(),
                            shared_parameters.size()));
  for (std::size_t i = 0; i < shared_parameters.size(); ++i) {
    const int index = shared_parameters[i];
    if (index == -1) continue;
    if (index < 0 || index >= static_cast<int>(parameters_.size()))
      throw Error(fmt::format("{}: there is no parameter {}", what, index));
    if (parameters_[index].shape != made[i].shape)
      throw Error(fmt::format("{}: its {} has shape {}, but '{}', which it is to share, has {}", what,
                              made[i].name, shape_text(made[i].shape), parameters_[index].name,
                              shape_text(parameters_[index].shape)));
  }

  for (std::size_t i = 0; i < made.size(); ++i) {
    if (i < shared_parameters.size() && shared_parameters[i] >= 0) {
      node.parameters.push_back(shared_parameters[i]);
      continue;
    }
    made[i].name = name + "." + made[i].name;
    node.parameters.push_back(static_cast<int>(parameters_.size()));
    parameters_.push_back(std::move(made[i]));
  }
  node.op = op;
  node.name = name;
  node.inputs = std::move(inputs);
  nodes_.push_back(std::move(node));
  return static_cast<int>(nodes_.size()) - 1;
}

void Graph::output(int node) {
  if (node < 0 || node >= static_cast<int>(nodes_.size()))
    throw Error(fmt::format("node {} cannot be an output: there is no such node", node));
  outputs_.push_back(node);
}

std::vector<Shape> Graph::input_shapes(int node) const {
  std::vector<Shape> shapes;
  for (int id : nodes_[node].inputs) shapes.push_back(nodes_[id].shape);
  return shapes;
}

void Graph::set_init(int parameter, Init init) {
  if (parameter < 0 || parameter >= static_cast<int>(parameters_.size()))
    throw Error(fmt::format("there is no parameter {}", parameter));
  if (init.kind == Init::Kind::normal && !(init.scale >= 0.0))
    throw Error(
        fmt::format("{}: a standard deviation of {} is none", parameters_[parameter].name, init.scale));
  parameters_[parameter].init = init;
}

void Graph::rename_parameter(int parameter, std::string name) {
  if (parameter < 0 || parameter >= static_cast<int>(parameters_.size()))
    throw Error(fmt::format("there is no parameter {}", parameter));
  parameters_[parameter].name = std::move(name);
}

std::int64_t Graph::parameter_count() const {
  std::int64_t count = 0;
  for (const Parameter& parameter : parameters_) count += element_count(parameter.shape);
  return count;
}

Work Graph::work(int id) const {
  const Node& node = nodes_[id];
  if (node.op == "input") return {};
  const Operator& rules = find_operator(node.op);
  const std::vector<Shape> shapes = input_shapes(id);
  if (rules.identity(node.attributes, shapes)) return {};
  Work work;
  work.flops = rules.flops(node.attributes, shapes, node.shape);
  work.bytes = bytes_of(node.shape, node.type) + rules.parameter_bytes(node.attributes, shapes, node.shape) +
               rules.scratch_bytes(node.attributes, shapes, node.shape);
  for (int input : node.inputs) work.bytes += bytes_of(nodes_[input].shape, nodes_[input].type);
  return work;
}

Work Graph::work() const {
  Work sum;
  for (std::size_t id = 0; id < nodes_.size(); ++id) {
    const Work one = work(static_cast<int>(id));
    sum.flops += one.flops;
    sum.bytes += one.bytes;
  }
  return sum;
}

Graph Graph::with_input(const std::string& name, Shape shape) const {
  Graph fresh = *this;
  bool found = false;
  for (std::size_t id = 0; id < nodes_.size(); ++id) {
    Node& node = fresh.nodes_[id];
    if (node.op == "input") {
      if (node.name != name) continue;
      check_shape(shape, fmt::format("input '{}'", name));
      node.shape = shape;
      found = true;
      continue;
    }
    const Operator& rules = find_operator(node.op);
    const std::vector<Shape> shapes = fresh.input_shapes(static_cast<int>(id));
    node.shape = rules.infer(node.attributes, shapes);
    check_shape(node.shape, fmt::format("{} ({})", node.name, node.op));
    const std::vector<Parameter> needed = rules.parameters(node.attributes, shapes);
    for (std::size_t i = 0; i < needed.size(); ++i)
      if (needed[i].shape != parameters_[node.parameters[i]].shape)
        throw Error(fmt::format("with input '{}' at {} the parameter '{}' would need shape {} instead of {}",
                                name, shape_text(shape), parameters_[node.parameters[i]].name,
                                shape_text(needed[i].shape),
                                shape_text(parameters_[node.parameters[i]].shape)));
  }
  if (!found) throw Error(fmt::format("the graph has no input '{}'", name));
  return fresh;
}

}  // namespace hone::graph
