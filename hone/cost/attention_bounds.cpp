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

namespace {

/// Bytes that move where `rows` queries (over the heads that share keys) stay on chip until they are done:
/// queries and outputs once, keys and values once for every block of queries, of which a causal one reads
/// only those that it sees.
double moved(const AttentionShape& shape, double rows) {
  const double group = shape.heads / shape.kv_heads, all = shape.queries * group;
  const double blocks = std::ceil(all / std::clamp(rows, 1.0, all));
  // Blocks end at evenly spread queries; several of one query see the same keys.
  const double seen = shape.causal ? 0.5 * (1.0 + 1.0 / std::min(blocks, shape.queries)) : 1.0;
  const double keys_and_values = 2.0 * shape.kv_heads * shape.keys * shape.d;
  return shape.element_bytes *
         (2.0 * shape.heads * shape.queries * shape.d + keys_and_values * std::max(1.0, blocks * seen));
}

}  // namespace

std::vector<AttentionBound> attention_bounds(const AttentionShape& shape, double buffer_bytes) {
  const double pairs = shape.causal && shape.queries > 1.0 ? 0.5 * (1.0 + 1.0 / shape.keys) : 1.0;
  const double scores = shape.element_bytes * shape.heads * shape.queries * shape.keys * pairs;
  // The query and its output; the running maximum and sum, or the row of scores.
  const double short_row = shape.element_bytes * (2.0 * shape.d + 2.0);
  std::vector<AttentionBound> bounds;
  for (const int passes : {3, 2, 1}) {
    AttentionBound bound;
    bound.passes = passes;
    bound.row_bytes = passes == 1 ? short_row : shape.element_bytes * (2.0 * shape.d + shape.keys);
    const double rows = std::floor(buffer_bytes / bound.row_bytes);
    bound.fits = rows >= 1.0;
    // Where scores leave after every pass but the last and come back, a pass needs queries or outputs alone.
    // That may be worth it where rows fit, too, as more queries then share a reading of the keys.
    const double apart = passes == 1 ? short_row : shape.element_bytes * (shape.d + 2.0);
    bound.traffic_bytes = moved(shape, std::floor(buffer_bytes / apart)) + 2.0 * (passes - 1.0) * scores;
    if (bound.fits) bound.traffic_bytes = std::min(bound.traffic_bytes, moved(shape, rows));
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
