#include "hone/identity/probe.h"

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/graph/evaluate.h"

namespace hone::identity {
namespace {

void check(const ProbeSettings& settings) {
  const auto within = [](const char* what, std::int64_t value, std::int64_t most) {
    if (value < 1 || value > most) throw Error(fmt::format("{} go from 1 to {}, not {}", what, most, value));
  };
  within("a probe's examples", settings.examples, 10000);
  within("a probe's steps", settings.steps, 1000);
  for (std::size_t i = 0; i < settings.inputs.size(); ++i) {
    const ProbeInput& input = settings.inputs[i];
    for (const std::int64_t length : input.shape)
      within(fmt::format("the dimensions of probe input '{}'", input.name).c_str(), length, 1 << 20);
    for (std::size_t j = 0; j < i; ++j)
      if (settings.inputs[j].name == input.name)
        throw Error(fmt::format("a probe has two inputs '{}'", input.name));
  }
}

/// Streams are named by input and step, so that another example or step more leaves the rest as it was.
ProbeBatch draw(const ProbeSettings& settings, std::int64_t step) {
  ProbeBatch batch;
  batch.examples = settings.examples;
  for (const ProbeInput& input : settings.inputs) {
    Rng rng(settings.seed, "probe " + input.name, static_cast<std::uint64_t>(step));
    ProbeBatch::Tensor tensor{input.name, {settings.examples}, {}};
    tensor.shape.insert(tensor.shape.end(), input.shape.begin(), input.shape.end());
    tensor.values.resize(static_cast<std::size_t>(graph::element_count(tensor.shape)));
    for (double& value : tensor.values)
      value = input.below > 0 ? static_cast<double>(rng.below(static_cast<std::uint64_t>(input.below)))
                              : static_cast<double>(static_cast<float>(rng.normal()));
    batch.tensors.push_back(std::move(tensor));
  }
  return batch;
}

Json nested(const ProbeBatch::Tensor& tensor, std::size_t dimension, std::size_t& at) {
  if (dimension == tensor.shape.size()) return tensor.values[at++];
  Json list = Json::array();
  for (std::int64_t i = 0; i < tensor.shape[dimension]; ++i)
    list.push_back(nested(tensor, dimension + 1, at));
  return list;
}

}  // namespace

const ProbeBatch::Tensor& ProbeBatch::tensor(const std::string& name) const {
  std::vector<std::string> names;
  for (const Tensor& tensor : tensors) {
    if (tensor.name == name) return tensor;
    names.push_back(tensor.name);
  }
  throw Error(fmt::format("the probe has no input '{}'", name), {}, suggest(name, names));
}

std::vector<double> ProbeBatch::example(std::int64_t index) const {
  std::vector<double> values;
  for (const Tensor& tensor : tensors) {
    const auto each = static_cast<std::ptrdiff_t>(tensor.values.size()) / examples;
    const auto begin = tensor.values.begin() + each * index;
    values.insert(values.end(), begin, begin + each);
  }
  return values;
}

Json ProbeBatch::json() const {
  Json json = Json::object();
  for (const Tensor& tensor : tensors) {
    std::size_t at = 0;
    json[tensor.name] = nested(tensor, 0, at);
  }
  return json;
}

std::string ProbeBatch::text() const {
  std::string text;
  for (std::int64_t i = 0; i < examples; ++i) {
    const char* blank = "";
    for (const double value : example(i)) {
      text += fmt::format("{}{}", blank, value);
      blank = " ";
    }
    text += '\n';
  }
  return text;
}

Prober::Prober(ProbeSettings settings) : settings_(std::move(settings)) {
  check(settings_);
  for (std::int64_t step = 0; step < settings_.steps; ++step) batches_.push_back(draw(settings_, step));
}

std::vector<double> Prober::floats(const Candidate& candidate) const {
  if (settings_.reset) settings_.reset(settings_.seed);
  return candidate(*this);
}

std::optional<Signature> Prober::operator()(const Candidate& candidate, const std::string& literal) const {
  return signature(floats(candidate), literal, settings_.quantisation);
}

Candidate batch_candidate(BatchFunction function) {
  return [function = std::move(function)](const Prober& prober) {
    BatchFunction own = function;  // its state is this run's alone
    Rng rng = prober.rng();
    std::vector<double> floats;
    for (const ProbeBatch& batch : prober.batches()) {
      const auto values = own(batch, rng);
      floats.insert(floats.end(), values.begin(), values.end());
    }
    return floats;
  };
}

namespace {

/// The graph with its inputs at the probe's batch; `inputs` become their places in a batch.
graph::Graph at_batch(const graph::Graph& graph, const ProbeBatch& batch, std::vector<std::size_t>& inputs) {
  graph::Graph result;
  std::size_t own = 0;
  for (const graph::Node& node : graph.nodes()) own += node.op == "input";
  std::vector<int> parameters(graph.parameters().size(), -1);
  for (const graph::Node& node : graph.nodes()) {
    if (node.op == "input") {
      const bool alone = own == 1 && batch.tensors.size() == 1;
      const ProbeBatch::Tensor& tensor = alone ? batch.tensors.front() : batch.tensor(node.name);
      inputs.push_back(static_cast<std::size_t>(&tensor - batch.tensors.data()));
      result.input(node.name, tensor.shape, node.type);
      continue;
    }
    std::vector<int> shared;
    for (const int parameter : node.parameters)
      shared.push_back(parameters[static_cast<std::size_t>(parameter)]);
    const int id = result.add(node.op, node.attributes, node.inputs, node.name, shared);
    for (std::size_t i = 0; i < node.parameters.size(); ++i) {
      const int made = result.node(id).parameters[i];
      parameters[static_cast<std::size_t>(node.parameters[i])] = made;
      result.set_init(made, graph.parameters()[static_cast<std::size_t>(node.parameters[i])].init);
    }
  }
  for (const int output : graph.outputs()) result.output(output);
  return result;
}

}  // namespace

Candidate graph_candidate(graph::Graph graph) {
  return [graph = std::move(graph)](const Prober& prober) {
    std::vector<std::size_t> inputs;
    const graph::Graph at = at_batch(graph, prober.batches().front(), inputs);
    const auto parameters = graph::initial_parameters(at, prober.settings().seed);
    std::vector<double> floats;
    for (const ProbeBatch& batch : prober.batches()) {
      std::vector<graph::Array> arrays;
      for (const std::size_t input : inputs)
        arrays.push_back({batch.tensors[input].shape, batch.tensors[input].values});
      for (const graph::Array& output : graph::evaluate(at, arrays, parameters))
        floats.insert(floats.end(), output.values.begin(), output.values.end());
    }
    return floats;
  };
}

Candidate program_candidate(graph::Program program) {
  return [program = std::move(program)](const Prober& prober) {
    graph::Program at = program;
    const ProbeBatch& first = prober.batches().front();
    if (at.inputs.size() > first.tensors.size())
      throw Error(
          fmt::format("the program has {} inputs, and the probe {}", at.inputs.size(), first.tensors.size()));
    for (std::size_t i = 0; i < at.inputs.size(); ++i) at.inputs[i].shape = first.tensors[i].shape;
    const auto parameters = graph::initial_parameters(at.graph(), prober.settings().seed);
    std::vector<double> floats;
    for (const ProbeBatch& batch : prober.batches()) {
      std::vector<graph::Array> arrays;
      for (std::size_t i = 0; i < at.inputs.size(); ++i)
        arrays.push_back({batch.tensors[i].shape, batch.tensors[i].values});
      for (const graph::Array& output : graph::evaluate(at, arrays, parameters))
        floats.insert(floats.end(), output.values.begin(), output.values.end());
    }
    return floats;
  };
}

Candidate example_candidate(ExampleFunction function) {
  return batch_candidate([function = std::move(function)](const ProbeBatch& batch, Rng& rng) {
    std::vector<double> floats;
    for (std::int64_t i = 0; i < batch.examples; ++i) {
      const auto values = function(batch.example(i), rng);
      floats.insert(floats.end(), values.begin(), values.end());
    }
    return floats;
  });
}

}  // namespace hone::identity
