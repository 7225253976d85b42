#include "hone/graph/evaluate.h"

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/graph/operator.h"

namespace hone::graph {

namespace {

std::vector<float> drawn(const Parameter& parameter, Rng rng) {
  std::vector<float> values(static_cast<std::size_t>(element_count(parameter.shape)));
  switch (parameter.init.kind) {
    case Init::Kind::zeros:
      break;
    case Init::Kind::ones:
      values.assign(values.size(), 1.0f);
      break;
    case Init::Kind::normal:
      for (float& value : values) value = static_cast<float>(parameter.init.scale * rng.normal());
      break;
  }
  return values;
}

void check(const Array& given, const Shape& shape, const std::string& what) {
  if (given.shape != shape)
    throw Error(fmt::format("{} has shape {}, not {}", what, shape_text(shape), shape_text(given.shape)));
  if (static_cast<std::int64_t>(given.values.size()) != element_count(shape))
    throw Error(
        fmt::format("{} of shape {} comes with {} numbers", what, shape_text(shape), given.values.size()));
}

std::vector<Array> starting_moments(const Operator& rules, const Attributes& attributes,
                                    const std::vector<Shape>& shapes) {
  std::vector<Array> arrays;
  for (const Parameter& moment : rules.moments(attributes, shapes)) {
    const std::vector<float> values = initial_values(moment, 0, 0);
    arrays.push_back({moment.shape, {values.begin(), values.end()}});
  }
  return arrays;
}

class Interpreter {
 public:
  Interpreter(const Graph& graph, const std::vector<Array>& inputs, const std::vector<Array>& parameters,
              const EvaluateOptions& options)
      : graph_(graph), parameters_(parameters), options_(options), values_(graph.nodes().size()) {
    if (parameters.size() != graph.parameters().size())
      throw Error(fmt::format("the graph has {} parameters, but {} are given", graph.parameters().size(),
                              parameters.size()));
    place_inputs(inputs);
    find_readers();
  }

  std::vector<Array> run() {
    for (int id = 0; id < static_cast<int>(values_.size()); ++id) {
      if (readers_[id] == 0 || graph_.node(id).op == "input") continue;
      step(id);
      for (int input : graph_.node(id).inputs)
        if (--readers_[input] == 0) given_[input] = nullptr, values_[input] = {};
    }
    std::vector<Array> outputs;
    for (int id : graph_.outputs()) outputs.push_back(*given_[id]);
    return outputs;
  }

 private:
  void place_inputs(const std::vector<Array>& inputs) {
    given_.assign(values_.size(), nullptr);
    std::size_t next = 0;
    for (std::size_t id = 0; id < values_.size(); ++id) {
      const Node& node = graph_.nodes()[id];
      if (node.op != "input") continue;
      if (next == inputs.size()) throw Error(fmt::format("the graph's input '{}' is missing", node.name));
      check(inputs[next], node.shape, fmt::format("input '{}'", node.name));
      given_[id] = &inputs[next++];
    }
    if (next != inputs.size())
      throw Error(fmt::format("the graph has {} inputs, but {} are given", next, inputs.size()));
  }

  /// How often a node's value is still wanted; outputs are wanted for good.
  void find_readers() {
    readers_.assign(values_.size(), 0);
    for (int id : graph_.outputs()) ++readers_[id];
    for (int id = static_cast<int>(values_.size()) - 1; id >= 0; --id)
      if (readers_[id] > 0)
        for (int input : graph_.node(id).inputs) ++readers_[input];
  }

  void step(int id) {
    const Node& node = graph_.node(id);
    const Operator& rules = find_operator(node.op);
    Call call{node.attributes, {}, {}};
    for (int input : node.inputs) call.inputs.push_back(given_[input]);
    for (int index : node.parameters) {
      const Parameter& parameter = graph_.parameters()[index];
      check(parameters_[index], parameter.shape, fmt::format("parameter '{}'", parameter.name));
      call.parameters.push_back(&parameters_[index]);
    }
    std::vector<Array> starts;
    if (!options_.training) {
      const bool stored = id < static_cast<int>(options_.moments.size()) && !options_.moments[id].empty();
      starts = starting_moments(rules, node.attributes, graph_.input_shapes(id));
      if (stored && options_.moments[id].size() != starts.size())
        throw Error(fmt::format("{} keeps {} moments, but {} are given", node.name, starts.size(),
                                options_.moments[id].size()));
      for (std::size_t i = 0; i < starts.size(); ++i) {
        if (stored) check(options_.moments[id][i], starts[i].shape, node.name + ": moment");
        call.moments.push_back(stored ? &options_.moments[id][i] : &starts[i]);
      }
    }
    Array& output = values_[id];
    output.shape = node.shape;
    output.values.assign(static_cast<std::size_t>(element_count(node.shape)), 0.0);
    rules.evaluate(call, output);
    given_[id] = &output;
  }

  const Graph& graph_;
  const std::vector<Array>& parameters_;
  const EvaluateOptions& options_;
  std::vector<Array> values_;        ///< by node
  std::vector<const Array*> given_;  ///< by node: its value, wherever that lies
  std::vector<int> readers_;
};

}  // namespace

std::vector<float> initial_values(const Parameter& parameter, std::uint64_t seed, int position) {
  return drawn(parameter, Rng(seed, "init", static_cast<std::uint64_t>(position)));
}

std::vector<Array> initial_parameters(const Graph& graph, std::uint64_t seed) {
  const std::vector<int> positions = canonical(graph).parameter_position;
  std::vector<Array> arrays;
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const Parameter& parameter = graph.parameters()[i];
    const std::vector<float> values = positions[i] >= 0 ? initial_values(parameter, seed, positions[i])
                                                        : drawn(parameter, Rng(seed, "init.unused", i));
    arrays.push_back({parameter.shape, {values.begin(), values.end()}});
  }
  return arrays;
}

std::vector<Array> evaluate(const Graph& graph, const std::vector<Array>& inputs,
                            const std::vector<Array>& parameters, const EvaluateOptions& options) {
  return Interpreter(graph, inputs, parameters, options).run();
}

}  // namespace hone::graph
