#include "hone/train/model.h"

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
  form_ = graph::canonical_graph(graph_);
  for (std::size_t i = 0; i < form_.parameters().size(); ++i) {
    const graph::Parameter& parameter = form_.parameters()[i];
    parameters_.push_back(start_tensor(parameter, seed, static_cast<int>(i)).to(device_).requires_grad_());
    names_.push_back(parameter.name);
  }
  tell_apart(names_);
  make_steps();
  tell_apart(moment_names_);
}

void Model::make_steps() {
  const std::vector<graph::Node>& nodes = form_.nodes();
  output_ = form_.outputs()[0];
  std::vector<int> last_reader(nodes.size(), -1);
  for (std::size_t id = 0; id < nodes.size(); ++id) {
    const graph::Node& node = nodes[id];
    if (node.op == "input") continue;
    Step step;
    step.node = static_cast<int>(id);
    step.lowering = methods().maker<MakeLowering>("lowering", node.op)();
    step.inputs = node.inputs;
    for (int input : node.inputs) last_reader[input] = static_cast<int>(steps_.size());
    for (int index : node.parameters) step.parameters.push_back(parameters_[index]);
    for (const graph::Parameter& moment :
         graph::find_operator(node.op).moments(node.attributes, form_.input_shapes(static_cast<int>(id)))) {
      step.moments.push_back(start_tensor(moment, 0, 0).to(device_));
      moments_.push_back(step.moments.back());
      moment_names_.push_back(node.name + "." + moment.name);
    }
    steps_.push_back(std::move(step));
  }
  int inputs = 0;
  for (std::size_t id = 0; id < nodes.size(); ++id)
    if (nodes[id].op == "input" && (last_reader[id] >= 0 || static_cast<int>(id) == output_)) {
      input_ = static_cast<int>(id);
      ++inputs;
    }
  if (inputs != 1) throw Error(fmt::format("a model has one input, but the graph's output needs {}", inputs));
  for (std::size_t id = 0; id < nodes.size(); ++id)
    if (last_reader[id] >= 0 && static_cast<int>(id) != output_)
      steps_[last_reader[id]].finished.push_back(static_cast<int>(id));
}

torch::Tensor Model::run(const torch::Tensor& tokens, Context& context) const {
  const graph::Node& input = form_.node(input_);
  const auto type = input.type == graph::DataType::int64 ? torch::kInt64 : torch::kFloat32;
  if (tokens.scalar_type() != type || tokens.dim() != static_cast<std::int64_t>(input.shape.size()))
    throw Error(fmt::format("the model takes {} of {} dimensions, not {} of {}", c10::toString(type),
                            input.shape.size(), c10::toString(tokens.scalar_type()), tokens.dim()));
  std::vector<torch::Tensor> values(form_.nodes().size());
  values[input_] = tokens.device() == device_ ? tokens : tokens.to(device_);
  std::vector<torch::Tensor> inputs;
  for (const Step& step : steps_) {
    inputs.clear();
    for (int id : step.inputs) inputs.push_back(values[id]);
    context.moments = step.moments;
    values[step.node] =
        step.lowering->run(form_.node(step.node), step.node, inputs, step.parameters, context);
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
  state.cache.resize(form_.nodes().size());
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
