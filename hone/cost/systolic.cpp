#include "hone/cost/systolic.h"

#include <algorithm>
#include <cmath>

#include "hone/cost/cost_method.h"

namespace hone::cost {
namespace {

double up(std::int64_t a, std::int64_t b) { return static_cast<double>((a + b - 1) / b); }

}  // namespace

double MatrixWork::operations() const {
  return static_cast<double>(count) * static_cast<double>(m) * static_cast<double>(k) *
         static_cast<double>(n);
}

std::vector<MatrixWork> matrix_work(const graph::Graph& graph, int id) {
  const graph::Node& node = graph.node(id);
  const auto inputs = graph.input_shapes(id);
  if (node.op == "linear") {
    const std::int64_t in = inputs[0].back();
    return {{1, graph::element_count(inputs[0]) / in, in, node.shape.back()}};
  }
  if (node.op == "conv2d") {
    const std::int64_t groups = node.attributes.integer("groups"), kernel = node.attributes.integer("kernel");
    return {{groups, node.shape[0] * node.shape[2] * node.shape[3], inputs[0][1] / groups * kernel * kernel,
             node.shape[1] / groups}};
  }
  if (node.op == "causal_attention") {
    const std::int64_t heads = node.attributes.integer("heads"), length = inputs[0][1];
    const std::int64_t d = inputs[0][2] / heads;
    return {{inputs[0][0] * heads, length, d, length}, {inputs[0][0] * heads, length, length, d}};
  }
  if (node.op == "token_parameter_attention") {
    const std::int64_t in = inputs[0].back(), rows = graph::element_count(inputs[0]) / in;
    const std::int64_t tokens = node.attributes.integer("tokens");
    return {{1, rows, in, tokens}, {1, rows, tokens, node.shape.back()}};
  }
  return {};
}

ArrayUse array_use(const std::vector<MatrixWork>& works, const SystolicArray& array) {
  ArrayUse use;
  double operations = 0.0, held = 0.0, tiles_all = 0.0;
  const double cells = static_cast<double>(array.rows) * array.columns;
  for (const MatrixWork& work : works) {
    if (work.count <= 0 || work.m <= 0 || work.k <= 0 || work.n <= 0) continue;
    const double tiles = static_cast<double>(work.count) * up(work.k, array.rows) * up(work.n, array.columns);
    const double turns = std::ceil(tiles / array.arrays);
    use.cycles +=
        turns * std::max<double>(static_cast<double>(work.m), array.rows) + array.rows + array.columns - 2;
    operations += work.operations();
    held += static_cast<double>(work.count) * static_cast<double>(work.k) * static_cast<double>(work.n);
    tiles_all += tiles;
  }
  if (use.cycles > 0.0) {
    use.cells = held / (tiles_all * cells);
    use.utilisation = operations / (use.cycles * cells * array.arrays);
  }
  return use;
}

std::vector<ShapeChange> shape_changes(const graph::Graph& graph, int id, const SystolicArray& array) {
  const graph::Node& node = graph.node(id);
  const auto works = matrix_work(graph, id);
  std::vector<ShapeChange> changes;
  if (works.empty()) return changes;
  const ArrayUse now = array_use(works, array);
  double operations = 0.0;
  for (const MatrixWork& work : works) operations += work.operations();
  const auto consider = [&](const std::string& what, std::int64_t from, std::int64_t to,
                            const std::vector<MatrixWork>& changed) {
    const ArrayUse use = array_use(changed, array);
    if (use.utilisation < now.utilisation + 0.01) return;
    double after = 0.0;
    for (const MatrixWork& work : changed) after += work.operations();
    changes.push_back({what, from, to, use.utilisation, use.cycles, after / operations});
  };
  const auto filled = [](std::int64_t size, std::int64_t side) { return (size + side - 1) / side * side; };
  const MatrixWork& first = works.front();
  if (node.op == "linear" || node.op == "conv2d") {
    const std::int64_t groups = first.count;
    auto changed = works;
    if (const std::int64_t n = filled(first.n, array.columns); n != first.n && 2 * n <= 3 * first.n) {
      changed[0].n = n;
      consider("out", first.n * groups, n * groups, changed);
    }
    const std::int64_t window =
        node.op == "conv2d" ? node.attributes.integer("kernel") * node.attributes.integer("kernel") : 1;
    // The nearest number of input channels whose windows fill whole tiles, or nearly.
    const std::int64_t in = filled(first.k, array.rows) / window;
    if (in > first.k / window && 2 * in <= 3 * (first.k / window)) {
      changed = works;
      changed[0].k = in * window;
      consider("in", first.k / window * groups, in * groups, changed);
    }
    // Half the groups: twice the channels in each.
    for (std::int64_t fewer = groups / 2; fewer >= 1 && groups % fewer == 0; fewer /= 2) {
      changed = works;
      changed[0] = {fewer, first.m, first.k * (groups / fewer), first.n * (groups / fewer)};
      consider("groups", groups, fewer, changed);
    }
  }
  for (const std::int64_t times : {2, 4, 8}) {
    auto changed = works;
    const std::int64_t batch = node.shape.front();
    for (MatrixWork& work : changed)
      if (node.op == "causal_attention")
        work.count *= times;
      else
        work.m *= times;
    consider("batch", batch, batch * times, changed);
  }
  // A batch is the caller's to choose; what comes first is a change of the design.
  std::stable_sort(changes.begin(), changes.end(), [](const ShapeChange& a, const ShapeChange& b) {
    const bool batch_a = a.what == "batch", batch_b = b.what == "batch";
    return batch_a != batch_b ? batch_b : a.utilisation > b.utilisation;
  });
  return changes;
}

}  // namespace hone::cost

HONE_REGISTER(cost, systolic_utilisation) {
  using namespace hone;
  cost::add_cost_method(
      registry,
      MethodInfo{
          .name = "systolic_utilisation",
          .summary = "Use of a systolic array by a model, and which change of a shape would raise it.",
          .paper =
              "DRACO: Co-Optimizing Hardware Utilization, and Performance of DNNs on Systolic Accelerator",
          .traits = "cycles; weights stay in place"});
}
