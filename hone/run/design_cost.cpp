#include "hone/run/design_cost.h"

#include <cmath>

#include <fmt/format.h>

#include "hone/base/units.h"
#include "hone/task/image.h"

namespace hone::run {
namespace {

/// The graph with its first dimension at `batch`.
graph::Graph at_batch(const graph::Graph& graph, std::int64_t batch) {
  for (const graph::Node& node : graph.nodes())
    if (node.op == "input" && !node.shape.empty()) {
      graph::Shape shape = node.shape;
      shape[0] = batch;
      return graph.with_input(node.name, shape);
    }
  return graph;
}

std::int64_t batch_of(const graph::Graph& graph) {
  for (const graph::Node& node : graph.nodes())
    if (node.op == "input" && !node.shape.empty()) return node.shape[0];
  return 1;
}

std::string pass_of(const StudyFile& file, const graph::Graph& graph) {
  std::string pass = "one forward pass";
  for (const graph::Node& node : graph.nodes())
    if (node.op == "input" && !node.shape.empty()) {
      pass += " of the input " + graph::shape_text(node.shape);
      break;
    }
  if (file.task_kind == "text")
    pass += ", whole sequences; a trial's latency_s and flops are of one generated token";
  return pass;
}

int optimizer_states(const StudyFile& file, const space::Config& config) {
  if (const auto image = std::dynamic_pointer_cast<const task::ImageTask>(file.task))
    return image->settings(config).optimizer == "sgd" ? 1 : 2;
  return 2;
}

std::string grouped(double value) {
  const char* const units[] = {"", "k", "M", "G", "T", "P"};
  std::size_t at = 0;
  while (std::abs(value) >= 999.5 && at + 1 < std::size(units)) {
    value /= 1000.0;
    ++at;
  }
  return at == 0 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}{}", value, units[at]);
}

Json memory_json(const cost::GraphMemory& memory) {
  return {{"weights_bytes", memory.weights},          {"gradients_bytes", memory.gradients},
          {"optimizer_bytes", memory.optimizer},      {"moments_bytes", memory.moments},
          {"activations_bytes", memory.activations},  {"training_bytes", memory.training_peak},
          {"inference_bytes", memory.inference_peak}, {"kv_cache_bytes", memory.kv_cache}};
}

}  // namespace

DesignCost design_cost(const StudyFile& file, const space::Config& config, const cost::DeviceProfile& device,
                       const DesignCostOptions& options) {
  const auto graph = file.task->graph(config);
  if (!graph)
    throw Error(fmt::format("the task '{}' has no graph of a design", file.task_kind),
                Place{file.path, 0, "task.kind"},
                "costs follow from graphs: tasks text, image, and recorded cells have them");
  DesignCost result;
  result.config = config;
  result.device = device;
  result.options = options;
  const graph::Graph form = graph::canonical_graph(*graph);
  result.training_batch = static_cast<double>(batch_of(form));
  result.graph = at_batch(form, options.batch);
  result.pass = pass_of(file, result.graph);
  cost::RooflineOptions rules;
  rules.type = options.type;
  rules.one_thread = options.one_thread;
  rules.alpha = options.alpha;
  result.inference = cost::roofline(result.graph, device, rules);
  cost::TrainingMemoryOptions training;
  training.optimizer_states = optimizer_states(file, config);
  result.training_memory = cost::predict_memory(form, training);
  result.inference_memory = cost::predict_memory(result.graph, training);
  // The graph is of float32; inference stores numbers in the type that was asked for.
  const double share = cost::type_bytes(options.type) / cost::type_bytes("f32");
  result.inference_memory.inference_peak *= share;
  result.inference_memory.weights *= share;
  result.inference_memory.kv_cache *= share;
  result.array = options.array ? options.array : device.systolic;
  for (const cost::OperatorCost& here : result.inference.operators) {
    if (result.array) {
      result.array_use.push_back(cost::array_use(cost::matrix_work(result.graph, here.node), *result.array));
      result.shape_changes.push_back(cost::shape_changes(result.graph, here.node, *result.array));
    }
    // Where the profile tells of no cache, nothing is known of what stays on chip.
    if (result.graph.node(here.node).op == "causal_attention" && device.memory.size() > 1) {
      result.buffer_bytes = device.memory[device.memory.size() - 2].bytes;
      result.attention.emplace_back(
          here.node, cost::attention_bounds(
                         cost::AttentionShape::of(result.graph, here.node, cost::type_bytes(options.type)),
                         result.buffer_bytes));
    }
  }
  return result;
}

Json DesignCost::json() const {
  Json json{
      {"config", config.json()},
      {"device", device.name},
      {"device_source", device.source},
      {"type", options.type},
      {"batch", options.batch},
      {"threads", options.one_thread ? Json(1)
                  : device.cores > 0 ? Json(device.cores)
                                     : Json()},
      {"parameters", inference.parameters},
      {"flops", inference.flops},
      {"bytes", inference.bytes},
      {"latency_s", inference.latency_s},
      {"latency_of", pass},
      {"latency_from", "roofline: a lower bound"},
      {"overhead_assumed", device.overhead_assumed},
      {"utilisation", inference.utilisation},
      {"energy_j", finite_or_null(inference.energy_j)},
      {"energy_from", std::isfinite(inference.energy_j) ? "modelled from power and utilisation" : "unknown"},
      {"memory", memory_json(training_memory)}};
  // At the two batches.
  json["memory"]["training_batch"] = training_batch;
  json["memory"]["inference_bytes"] = inference_memory.inference_peak;
  json["memory"]["kv_cache_bytes"] = inference_memory.kv_cache;
  json["memory"]["from"] = "predicted: what tensors hold";
  json["operators"] = Json::array();
  for (std::size_t i = 0; i < inference.operators.size(); ++i) {
    const cost::OperatorCost& here = inference.operators[i];
    const graph::Node& node = graph.node(here.node);
    Json entry{{"name", node.name},
               {"op", node.op},
               {"shape", node.shape},
               {"flops", here.flops},
               {"bytes", here.bytes()},
               {"weight_bytes", here.weight_bytes},
               {"intensity", here.intensity},
               {"weighted_intensity", here.weighted_intensity},
               {"seconds", here.seconds},
               {"bound", cost::bound_name(here.bound)},
               {"utilisation", here.utilisation}};
    if (array && array_use[i].cycles > 0.0) {
      entry["systolic"] = {{"cycles", array_use[i].cycles},
                           {"cells", array_use[i].cells},
                           {"utilisation", array_use[i].utilisation},
                           {"changes", Json::array()}};
      for (const cost::ShapeChange& change : shape_changes[i])
        entry["systolic"]["changes"].push_back({{"what", change.what},
                                                {"from", change.from},
                                                {"to", change.to},
                                                {"utilisation", change.utilisation},
                                                {"cycles", change.cycles},
                                                {"operations", change.operations}});
    }
    json["operators"].push_back(std::move(entry));
  }
  if (!attention.empty()) {
    json["attention"] = {{"buffer_bytes", buffer_bytes}, {"operators", Json::array()}};
    for (const auto& [node, bounds] : attention) {
      Json entry{{"name", graph.node(node).name}, {"cascades", Json::array()}};
      for (const cost::AttentionBound& bound : bounds)
        entry["cascades"].push_back({{"passes", bound.passes},
                                     {"row_bytes", bound.row_bytes},
                                     {"fits", bound.fits},
                                     {"traffic_bytes", bound.traffic_bytes}});
      json["attention"]["operators"].push_back(std::move(entry));
    }
  }
  return json;
}

std::string DesignCost::text() const {
  std::string out =
      fmt::format("{}\non {} ({}), {}, batch {}{}\n\n", config.shown(), device.name, device.source,
                  options.type, options.batch, options.one_thread ? ", one thread" : "");
  std::size_t name_width = 8;
  for (const cost::OperatorCost& here : inference.operators)
    name_width =
        std::max(name_width, graph.node(here.node).name.size() + graph.node(here.node).op.size() + 2);
  name_width = std::min<std::size_t>(name_width, 56);
  out += fmt::format("{:<{}}  {:>14}  {:>7}  {:>9}  {:>6}  {:>9}  {:>8}  {:>5}{}\n", "operator", name_width,
                     "output", "FLOPs", "bytes", "FLOP/B", "time", "bound", "used", array ? "  array" : "");
  for (std::size_t i = 0; i < inference.operators.size(); ++i) {
    const cost::OperatorCost& here = inference.operators[i];
    const graph::Node& node = graph.node(here.node);
    std::string name = fmt::format("{} ({})", node.name, node.op);
    if (name.size() > name_width) name = name.substr(0, name_width - 2) + "..";
    out += fmt::format("{:<{}}  {:>14}  {:>7}  {:>9}  {:>6.2f}  {:>9}  {:>8}  {:>4.0f}%", name, name_width,
                       graph::shape_text(node.shape), grouped(here.flops),
                       quantity_text("x_bytes", here.bytes()), here.intensity,
                       quantity_text("x_s", here.seconds), cost::bound_name(here.bound),
                       100.0 * here.utilisation);
    if (array)
      out += array_use[i].cycles > 0.0 ? fmt::format("  {:>4.0f}%", 100.0 * array_use[i].utilisation)
                                       : "      -";
    out += "\n";
  }
  double overhead_s = 0.0;
  for (const cost::OperatorCost& here : inference.operators)
    if (here.bytes() > 0.0) overhead_s += device.overhead_s;
  out += fmt::format(
      "\nof {}:\nparameters  {}\nFLOPs       {}\nbytes moved {}\nlatency     {} at least (roofline; {} of it "
      "overhead{})\n"
      "used        {:.1f}% of peak\nenergy      {}\n",
      pass, grouped(inference.parameters), grouped(inference.flops),
      quantity_text("x_bytes", inference.bytes), quantity_text("x_s", inference.latency_s),
      quantity_text("x_s", overhead_s), device.overhead_assumed ? ", assumed" : "",
      100.0 * inference.utilisation,
      std::isfinite(inference.energy_j) ? fmt::format("{:.3g} J (modelled)", inference.energy_j)
                                        : std::string("unknown: the profile has no power"));
  const auto bytes = [](double value) { return quantity_text("x_bytes", value); };
  out += fmt::format(
      "\nmemory of inference  {} (weights {}{})\nmemory of training   {} at batch {:.0f}: weights {}, "
      "gradients {}, "
      "optimiser {}, activations {}\n",
      bytes(inference_memory.inference_peak), bytes(inference_memory.weights),
      inference_memory.kv_cache > 0.0 ? ", beside it keys and values " + bytes(inference_memory.kv_cache)
                                      : "",
      bytes(training_memory.training_peak), training_batch, bytes(training_memory.weights),
      bytes(training_memory.gradients), bytes(training_memory.optimizer), bytes(training_memory.activations));
  if (array) {
    out += fmt::format("\nsystolic array {} x {}{}\n", array->rows, array->columns,
                       array->arrays > 1 ? fmt::format(", {} of them", array->arrays) : "");
    for (std::size_t i = 0; i < shape_changes.size(); ++i) {
      if (shape_changes[i].empty()) continue;
      const cost::ShapeChange& best = shape_changes[i].front();
      out += fmt::format(
          "  {}: {} {} -> {} raises its use from {:.0f}% to {:.0f}% ({:.2g} times the operations)\n",
          graph.node(inference.operators[i].node).name, best.what, best.from, best.to,
          100.0 * array_use[i].utilisation, 100.0 * best.utilisation, best.operations);
    }
  }
  for (const auto& [node, bounds] : attention) {
    out += fmt::format("\n{}, least traffic with {} on chip:", graph.node(node).name, bytes(buffer_bytes));
    for (const cost::AttentionBound& bound : bounds)
      out += fmt::format("  {} pass{} {}{}", bound.passes, bound.passes == 1 ? "" : "es",
                         bytes(bound.traffic_bytes), bound.fits ? "" : " (spills)");
    out += "\n";
  }
  return out;
}

}  // namespace hone::run
