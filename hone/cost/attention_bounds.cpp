#include "hone/cost/attention_bounds.h"

#include <algorithm>
#include <cmath>

#include "hone/base/error.h"
#include "hone/cost/cost_method.h"

namespace hone::cost {

AttentionShape AttentionShape::of(const graph::Graph& graph, int id, double element_bytes) {
  const graph::Node& node = graph.node(id);
  if (node.op != "causal_attention") throw internal_error("bounds of attention want an attention");
  const auto inputs = graph.input_shapes(id);
  const auto heads = node.attributes.integer("heads"), given = node.attributes.integer("kv_heads");
  const auto batch = static_cast<double>(inputs[0][0]);
  AttentionShape shape;
  shape.heads = batch * static_cast<double>(heads);
  shape.kv_heads = batch * static_cast<double>(given == 0 ? heads : given);
  shape.queries = static_cast<double>(inputs[0][1]);
  shape.keys = static_cast<double>(inputs[1][1]);
  shape.d = static_cast<double>(inputs[0][2] / heads);
  shape.element_bytes = element_bytes;
  shape.causal = true;
  return shape;
}

std::vector<AttentionBound> attention_bounds(const AttentionShape& shape, double buffer_bytes) {
  const double seen = shape.causal && shape.queries > 1.0 ? 0.5 * (1.0 + 1.0 / shape.keys) : 1.0;
  std::vector<AttentionBound> bounds;
  for (const int passes : {3, 2, 1}) {
    AttentionBound bound;
    bound.passes = passes;
    // The query and its output; the running maximum and sum, or the row of scores.
    bound.row_bytes = shape.element_bytes * (2.0 * shape.d + (passes == 1 ? 2.0 : shape.keys));
    const double at_once = std::min(std::floor(buffer_bytes / bound.row_bytes), shape.queries);
    bound.fits = at_once >= 1.0;
    bound.queries_at_once = bound.fits ? at_once : 0.0;
    const double group = shape.heads / shape.kv_heads;
    // Queries that share keys and values may go together.
    const double blocks =
        bound.fits ? std::ceil(shape.queries * group /
                               std::min(at_once * group, std::floor(buffer_bytes / bound.row_bytes)))
                   : shape.queries * group;
    // With several blocks a causal one reads only the keys that it sees.
    const double again = blocks > 1.0 ? blocks * seen : 1.0;
    const double kv = 2.0 * shape.kv_heads * shape.keys * shape.d;
    bound.traffic_bytes = shape.element_bytes * (2.0 * shape.heads * shape.queries * shape.d + kv * again);
    if (!bound.fits) {
      // Keys and values by whatever tiles; the scores leave after every pass but the last, and come back.
      const double scores = shape.heads * shape.queries * shape.keys * seen;
      bound.traffic_bytes = shape.element_bytes * (2.0 * shape.heads * shape.queries * shape.d + kv +
                                                   2.0 * (passes - 1.0) * scores);
    }
    bounds.push_back(bound);
  }
  return bounds;
}

}  // namespace hone::cost

HONE_REGISTER(cost, attention_passes) {
  using namespace hone;
  cost::add_cost_method(
      registry,
      MethodInfo{.name = "attention_passes",
                 .summary = "Least traffic of attention by passes over the keys, given the memory on chip.",
                 .paper = "FuseMax: Leveraging Extended Einsums to Optimize Attention Accelerator Design",
                 .traits = "bytes; cascades of three passes, two and one"});
}
