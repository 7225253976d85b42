#include "hone/cost/roofline.h"

#include <algorithm>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/graph/operator.h"

namespace hone::cost {

const char* bound_name(Bound bound) {
  switch (bound) {
    case Bound::compute:
      return "compute";
    case Bound::memory:
      return "memory";
    case Bound::overhead:
      return "overhead";
  }
  return "";
}

GraphCost roofline(const graph::Graph& graph, const DeviceProfile& device, const RooflineOptions& options) {
  const double element = type_bytes(options.type);
  if (!(options.alpha >= 0.0 && options.alpha <= 1.0)) throw Error("alpha lies between 0 and 1");
  const double peak = device.peak_of(options.type, options.one_thread).value;
  if (options.one_thread && std::none_of(device.memory.begin(), device.memory.end(),
                                         [](const auto& level) { return level.read_one.value > 0.0; }))
    throw Error("the device '" + device.name + "' has no memory bandwidth of one thread", {},
                "its profile needs \"read_one_thread\"; 'hone cost calibrate' measures it");
  const auto bandwidth = [&](double working_set) {
    if (options.one_thread)
      for (std::size_t i = 0; i < device.memory.size(); ++i)
        if ((working_set <= device.memory[i].bytes || i + 1 == device.memory.size()) &&
            device.memory[i].read_one.value > 0.0)
          return device.memory[i].read_one.value;
    return device.bandwidth(working_set);
  };
  const auto stored = [&](const graph::Node& node) {
    return static_cast<double>(graph::element_count(node.shape)) *
           (node.type == graph::DataType::int64 ? 8.0 : element);
  };
  GraphCost cost;
  double all_weights = 0.0;
  for (const graph::Parameter& parameter : graph.parameters())
    all_weights += element * static_cast<double>(graph::element_count(parameter.shape));
  cost.parameters = static_cast<double>(graph.parameter_count());
  double moved_s = 0.0;
  for (std::size_t id = 0; id < graph.nodes().size(); ++id) {
    const graph::Node& node = graph.nodes()[id];
    if (node.op == "input") continue;
    const graph::Operator& rules = graph::find_operator(node.op);
    const auto shapes = graph.input_shapes(static_cast<int>(id));
    OperatorCost here;
    here.node = static_cast<int>(id);
    here.flops = rules.flops(node.attributes, shapes, node.shape);
    for (const int input : node.inputs) here.input_bytes += stored(graph.node(input));
    here.output_bytes = stored(node);
    // The rules count 4 bytes a number.
    here.weight_bytes = element / 4.0 * rules.parameter_bytes(node.attributes, shapes, node.shape);
    here.scratch_bytes = element / 4.0 * rules.scratch_bytes(node.attributes, shapes, node.shape);
    if (rules.identity(node.attributes, shapes)) here.input_bytes = here.output_bytes = 0.0;
    const double activations = here.input_bytes + here.output_bytes + here.scratch_bytes;
    const double weighted = 2.0 * (options.alpha * here.weight_bytes + (1.0 - options.alpha) * activations);
    here.intensity = here.bytes() > 0.0 ? here.flops / here.bytes() : 0.0;
    here.weighted_intensity = weighted > 0.0 ? here.flops / weighted : 0.0;
    const double compute_s = here.flops / peak;
    const double memory_s = (activations > 0.0 ? activations / bandwidth(activations) : 0.0) +
                            (here.weight_bytes > 0.0 ? here.weight_bytes / bandwidth(all_weights) : 0.0);
    here.bound = compute_s >= memory_s ? Bound::compute : Bound::memory;
    if (device.overhead_s > std::max(compute_s, memory_s)) here.bound = Bound::overhead;
    here.seconds = std::max(compute_s, memory_s) + (here.bytes() > 0.0 ? device.overhead_s : 0.0);
    here.utilisation = here.seconds > 0.0 ? compute_s / here.seconds : 0.0;
    moved_s += std::max(compute_s, memory_s);
    cost.flops += here.flops;
    cost.bytes += here.bytes();
    cost.latency_s += here.seconds;
    cost.operators.push_back(here);
  }
  cost.utilisation = cost.latency_s > 0.0 ? cost.flops / peak / cost.latency_s : 0.0;
  const double busy = cost.latency_s > 0.0 ? moved_s / cost.latency_s : 0.0;
  cost.energy_j = device.watts > 0.0
                      ? cost.latency_s * (device.idle_watts + (device.watts - device.idle_watts) * busy)
                      : kNaN;
  return cost;
}

}  // namespace hone::cost
