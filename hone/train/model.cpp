#include "hone/train/model.h"

#include <algorithm>
#include <set>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/graph/evaluate.h"
#include "hone/graph/operator.h"

namespace hone::train {

namespace {

/// A start as graph::initial_values has it.
torch::Tensor start_tensor(const graph::Parameter& parameter, std::uint64_t seed, int position) {
  std::vector<float> values = graph::initial_values(parameter, seed, position);
  return torch::from_blob(values.data(), parameter.shape, torch::kFloat32).clone();
}

/// Checkpoints go by name: a graph from elsewhere may use one twice.
void tell_apart(std::vector<std::string>& names) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (!seen.insert(names[i]).second) names[i] += fmt::format("#{}", i);
}

}  // namespace

Model::Model(graph::Graph graph, std::uint64_t seed, torch::Device device)
    : graph_(std::move(graph)), device_(device) {
  if (graph_.outputs().empty()) throw Error("a graph without output is no model");
  make_parameters(seed);
  make_steps();
}

void Model::make_parameters(std::uint64_t seed) {
  const std::vector<int> positions = graph::canonical(graph_).parameter_position;
  parameters_.resize(positions.size());
  const auto live =
      std::count_if(positions.begin(), positions.end(), [](int position) { return position >= 0; });
  ordered_.resize(static_cast<std::size_t>(live));
  names_.resize(ordered_.size());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    if (positions[i] < 0) continue;
    const graph::Parameter& parameter = graph_.parameters()[i];
    parameters_[i] = start_tensor(parameter, seed, positions[i]).to(device_).requires_grad_();
    const auto position = static_cast<std::size_t>(positions[i]);
    ordered_[position] = parameters_[i];
    names_[position] = parameter.name;
  }
  tell_apart(names_);
}

void Model::make_steps() {
  const std::vector<graph::Node>& nodes = graph_.nodes();
  std::vector<int> stands_for(nodes.size());
  for (std::size_t id = 0; id < nodes.size(); ++id) {
    const graph::Node& node = nodes[id];
    const bool passes = node.op != "input" && graph::find_operator(node.op).identity(
                                                  node.attributes, graph_.input_shapes(static_cast<int>(id)));
    stands_for[id] = passes ? stands_for[node.inputs[0]] : static_cast<int>(id);
  }
  output_ = stands_for[graph_.outputs()[0]];
  std::vector<bool> live(nodes.size(), false);
  live[output_] = true;
  for (std::size_t id = nodes.size(); id-- > 0;)
    if (live[id])
      for (int input : nodes[id].inputs) live[stands_for[input]] = true;

  int inputs = 0;
  std::vector<int> last_reader(nodes.size(), -1);
  for (std::size_t id = 0; id < nodes.size(); ++id) {
    if (!live[id]) continue;
    if (nodes[id].op == "input") {
      input_ = static_cast<int>(id);
      ++inputs;
      continue;
    }
    Step step;
    step.node = static_cast<int>(id);
    step.lowering = methods().maker<MakeLowering>("lowering", nodes[id].op)();
    for (int input : nodes[id].inputs) {
      step.inputs.push_back(stands_for[input]);
      last_reader[stands_for[input]] = static_cast<int>(steps_.size());
    }
    for (const graph::Parameter& moment :
         graph::find_operator(nodes[id].op)
             .moments(nodes[id].attributes, graph_.input_shapes(static_cast<int>(id)))) {
      step.moments.push_back(start_tensor(moment, 0, 0).to(device_));
      moments_.push_back(step.moments.back());
      moment_names_.push_back(nodes[id].name + "." + moment.name);
    }
    for (int index : nodes[id].parameters) step.parameters.push_back(parameters_[index]);
    steps_.push_back(std::move(step));
  }
  tell_apart(moment_names_);
  if (inputs != 1) throw Error(fmt::format("a model has one input, but the graph's output needs {}", inputs));
  for (std::size_t id = 0; id < nodes.size(); ++id)
    if (last_reader[id] >= 0 && static_cast<int>(id) != output_)
      steps_[last_reader[id]].finished.push_back(static_cast<int>(id));
}

torch::Tensor Model::run(const torch::Tensor& tokens, Context& context) const {
  const graph::Node& input = graph_.node(input_);
  const auto type = input.type == graph::DataType::int64 ? torch::kInt64 : torch::kFloat32;
  if (tokens.scalar_type() != type || tokens.dim() != static_cast<std::int64_t>(input.shape.size()))
    throw Error(fmt::format("the model takes {} of {} dimensions, not {} of {}", c10::toString(type),
                            input.shape.size(), c10::toString(tokens.scalar_type()), tokens.dim()));
  std::vector<torch::Tensor> values(graph_.nodes().size());
  values[input_] = tokens.device() == device_ ? tokens : tokens.to(device_);
  std::vector<torch::Tensor> inputs;
  for (const Step& step : steps_) {
    inputs.clear();
    for (int id : step.inputs) inputs.push_back(values[id]);
    context.moments = step.moments;
    values[step.node] =
        step.lowering->run(graph_.node(step.node), step.node, inputs, step.parameters, context);
    for (int id : step.finished) values[id].reset();
  }
  return values[output_];
}

torch::Tensor Model::forward(const torch::Tensor& tokens) {
  Context context;
  context.training = training_;
  return run(tokens, context);
}

Model::Decode Model::start_decode() const {
  Decode state;
  state.cache.resize(graph_.nodes().size());
  return state;
}

torch::Tensor Model::decode(const torch::Tensor& tokens, Decode& state) {
  const c10::InferenceMode guard;
  Context context;
  context.offset = state.position;
  context.decoding = true;
  context.cache = &state.cache;
  torch::Tensor logits = run(tokens, context);
  state.position += tokens.size(1);
  return logits;
}

void Model::save_moments(Checkpoint& checkpoint) const {
  for (std::size_t i = 0; i < moments_.size(); ++i)
    checkpoint.tensors.emplace_back("moment/" + moment_names_[i], moments_[i].to(torch::kCPU).clone());
}

void Model::load_moments(const Checkpoint& checkpoint) {
  for (std::size_t i = 0; i < moments_.size(); ++i)
    if (const torch::Tensor& saved = checkpoint.tensor("moment/" + moment_names_[i]);
        saved.sizes() != moments_[i].sizes() || saved.scalar_type() != moments_[i].scalar_type())
      throw Error(fmt::format("the moment '{}' is {} in the checkpoint and {} in the model", moment_names_[i],
                              c10::str(saved.sizes()), c10::str(moments_[i].sizes())),
                  {}, "load it into a model of the same design");
  for (std::size_t i = 0; i < moments_.size(); ++i)
    moments_[i].copy_(checkpoint.tensor("moment/" + moment_names_[i]));
}

}  // namespace hone::train
