#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hone/cost/attention_bounds.h"
#include "hone/cost/graph_memory.h"
#include "hone/cost/roofline.h"
#include "hone/cost/systolic.h"
#include "hone/run/study_file.h"

namespace hone::run {

struct DesignCostOptions {
  std::string type = "f32";  ///< of numbers in inference
  std::int64_t batch = 1;    ///< of inference
  bool one_thread = false;
  double alpha = 0.5;                        ///< see RooflineOptions
  std::optional<cost::SystolicArray> array;  ///< in place of the device's own
};

/// What a design costs on a device, without a run: by its graph.
struct DesignCost {
  space::Config config;
  cost::DeviceProfile device;
  DesignCostOptions options;
  graph::Graph graph;  ///< of inference, at `batch`, in canonical form
  /// What the costs of inference are of: "one forward pass of the input 1x32", and of a text task that a
  /// trial's latency_s and flops are of one generated token instead.
  std::string pass;
  cost::GraphCost inference;
  cost::GraphMemory inference_memory;  ///< at that batch
  cost::GraphMemory training_memory;   ///< at the design's own batch
  double training_batch = 0.0;
  /// Systolic array: use of each operator (by the order of inference.operators; empty: no products) and
  /// changes of shape that would raise it.
  std::optional<cost::SystolicArray> array;
  std::vector<cost::ArrayUse> array_use;
  std::vector<std::vector<cost::ShapeChange>> shape_changes;
  /// Attention operators: node and bounds by passes, at the device's last cache (its last level before main
  /// memory); none where its profile has no cache.
  double buffer_bytes = 0.0;
  std::vector<std::pair<int, std::vector<cost::AttentionBound>>> attention;

  Json json() const;
  std::string text() const;
};

/// Throws Error where the study's task has no graph, or the config is no possible model.
DesignCost design_cost(const StudyFile& file, const space::Config& config, const cost::DeviceProfile& device,
                       const DesignCostOptions& options = {});

}  // namespace hone::run
