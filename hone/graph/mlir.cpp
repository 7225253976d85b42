#include "hone/graph/mlir.h"

#include <algorithm>
#include <cctype>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/error.h"
#include "hone/graph/operator.h"

namespace hone::graph {
namespace {

/// By node: whether an output needs it.
std::vector<bool> needed(const Graph& graph) {
  std::vector<bool> wanted(graph.nodes().size(), false);
  for (const int id : graph.outputs()) wanted[static_cast<std::size_t>(id)] = true;
  for (int id = static_cast<int>(wanted.size()) - 1; id >= 0; --id)
    if (wanted[static_cast<std::size_t>(id)])
      for (const int input : graph.node(id).inputs) wanted[static_cast<std::size_t>(input)] = true;
  return wanted;
}

/// Names of buffers that give way to an argument.
std::string replaced(const std::string& text, const std::map<std::string, std::string>& names) {
  if (names.empty()) return text;
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '%') {
      result += text[i++];
      continue;
    }
    std::size_t end = i + 1;
    while (end < text.size() && std::isalnum(static_cast<unsigned char>(text[end])) != 0) ++end;
    const std::string name = text.substr(i, end - i);
    const auto found = names.find(name);
    result += found == names.end() ? name : found->second;
    i = end;
  }
  return result;
}

class Function {
 public:
  Function(const Graph& graph, const MlirOptions& options)
      : graph_(graph), options_(options), writer_(options.form), values_(graph.nodes().size()) {}

  std::string write() {
    const bool named = !options_.function.empty() &&
                       std::isdigit(static_cast<unsigned char>(options_.function[0])) == 0 &&
                       std::all_of(options_.function.begin(), options_.function.end(),
                                   [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
    if (!named)
      throw Error(fmt::format("'{}' is no function's name", options_.function), {},
                  "use letters, digits and _, no digit first");
    arguments();
    const std::vector<bool> wanted = needed(graph_);
    for (int id = 0; id < static_cast<int>(values_.size()); ++id)
      if (wanted[static_cast<std::size_t>(id)] && graph_.node(id).op != "input") step(id);
    return options_.form == MlirForm::linalg ? tensors() : buffers();
  }

 private:
  void arguments() {
    const std::vector<MlirArgument> list = mlir_arguments(graph_, options_);
    parameters_.resize(graph_.parameters().size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      const MlirArgument& argument = list[i];
      const bool affine = options_.form == MlirForm::affine;
      MlirValue value{
          fmt::format("%arg{}", i), argument.shape, argument.type, {}, affine ? argument.shape : Shape{}};
      declared_.push_back(
          fmt::format("{}: {}{}", value.name, writer_.type(value), affine ? " {llvm.noalias}" : ""));
      switch (argument.kind) {
        case MlirArgument::Kind::input:
          values_[static_cast<std::size_t>(argument.node)] = value;
          break;
        case MlirArgument::Kind::parameter:
          parameters_[static_cast<std::size_t>(argument.number)] = value;
          break;
        case MlirArgument::Kind::moment:
          moments_[argument.node].push_back(value);
          break;
        case MlirArgument::Kind::output:
          outputs_.push_back(value);
      }
    }
  }

  void step(int id) {
    const Node& node = graph_.node(id);
    MlirCall call{node.attributes, {}, {}};
    for (const int input : node.inputs) call.inputs.push_back(values_[static_cast<std::size_t>(input)]);
    for (const int parameter : node.parameters)
      call.parameters.push_back(parameters_[static_cast<std::size_t>(parameter)]);
    if (const auto found = moments_.find(id); found != moments_.end()) call.moments = found->second;
    values_[static_cast<std::size_t>(id)] = find_operator(node.op).mlir(writer_, call);
  }

  std::string tensors() const {
    std::vector<std::string> names, types;
    for (const int id : graph_.outputs()) {
      names.push_back(values_[static_cast<std::size_t>(id)].name);
      types.push_back(writer_.type(values_[static_cast<std::size_t>(id)]));
    }
    std::string text = fmt::format("  func.func @{}({}) -> ({}) {{\n", options_.function,
                                   fmt::join(declared_, ", "), fmt::join(types, ", "));
    text += writer_.text();
    return text + (names.empty() ? "    return\n  }\n"
                                 : fmt::format("    return {} : {}\n  }}\n", fmt::join(names, ", "),
                                               fmt::join(types, ", ")));
  }

  /// A buffer that is an output as it is becomes the argument; else the output is copied there.
  std::string buffers() {
    std::map<std::string, std::string> names;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const MlirValue& value = values_[static_cast<std::size_t>(graph_.outputs()[i])];
      const bool own = std::any_of(writer_.buffers().begin(), writer_.buffers().end(),
                                   [&](const auto& buffer) { return buffer.first == value.name; });
      // Row-major both: a merged or split whole has its elements in the same order, but another type.
      if (own && value.views.empty() && names.count(value.name) == 0) {
        names[value.name] = outputs_[i].name;
      } else {
        writer_.copy(value, outputs_[i]);
      }
    }
    std::string text = fmt::format("  func.func @{}({}) {{\n", options_.function, fmt::join(declared_, ", "));
    for (const auto& [name, type] : writer_.buffers())
      if (names.count(name) == 0)
        text += fmt::format("    {} = memref.alloc() {{alignment = 64 : i64}} : {}\n", name, type);
    text += replaced(writer_.text(), names);
    for (const auto& [name, type] : writer_.buffers())
      if (names.count(name) == 0) text += fmt::format("    memref.dealloc {} : {}\n", name, type);
    return text + "    return\n  }\n";
  }

  const Graph& graph_;
  const MlirOptions& options_;
  MlirWriter writer_;
  std::vector<MlirValue> values_;  ///< by node
  std::vector<MlirValue> parameters_, outputs_;
  std::map<int, std::vector<MlirValue>> moments_;
  std::vector<std::string> declared_;
};

}  // namespace

std::vector<MlirArgument> mlir_arguments(const Graph& graph, const MlirOptions& options) {
  std::vector<MlirArgument> list;
  int number = 0;
  for (int id = 0; id < static_cast<int>(graph.nodes().size()); ++id) {
    const Node& node = graph.node(id);
    if (node.op == "input")
      list.push_back({MlirArgument::Kind::input, id, number++, node.name, node.shape, node.type});
  }
  for (std::size_t i = 0; i < graph.parameters().size(); ++i) {
    const Parameter& parameter = graph.parameters()[i];
    list.push_back({MlirArgument::Kind::parameter, -1, static_cast<int>(i), parameter.name, parameter.shape,
                    DataType::float32});
  }
  if (!options.training) {
    const std::vector<bool> wanted = needed(graph);
    for (int id = 0; id < static_cast<int>(graph.nodes().size()); ++id) {
      const Node& node = graph.node(id);
      if (node.op == "input" || !wanted[static_cast<std::size_t>(id)]) continue;
      number = 0;
      for (const Parameter& moment : find_operator(node.op).moments(node.attributes, graph.input_shapes(id)))
        list.push_back({MlirArgument::Kind::moment, id, number++, node.name + "." + moment.name, moment.shape,
                        DataType::float32});
    }
  }
  if (options.form == MlirForm::affine)
    for (std::size_t i = 0; i < graph.outputs().size(); ++i) {
      const Node& node = graph.node(graph.outputs()[i]);
      list.push_back({MlirArgument::Kind::output, graph.outputs()[i], static_cast<int>(i), node.name,
                      node.shape, node.type});
    }
  return list;
}

std::string mlir_function(const Graph& graph, const MlirOptions& options) {
  return Function(graph, options).write();
}

std::string to_mlir(const Graph& graph, const MlirOptions& options) {
  return "module {\n" + mlir_function(graph, options) + "}\n";
}

}  // namespace hone::graph
