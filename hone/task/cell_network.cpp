#include "hone/task/cell_network.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::task {
namespace {

using graph::Graph;

/// The variances times fan-in with which weights start in the benchmarks' own code: LibTorch's default, and
/// that of He et al.
constexpr double kTorch = 1.0 / 3.0;
constexpr double kHe = 2.0;

/// What networks are made of, added to a graph. Zeros stay zeros: no operation without a trained shift is
/// built on one.
class Blocks {
 public:
  /// `spread`: a weight starts with a variance of spread / fan-in.
  Blocks(Graph& graph, double spread) : graph_(graph), spread_(spread) {}

  bool is_zero(int x) const { return graph_.node(x).op == "zero"; }
  std::int64_t channels(int x) const { return graph_.node(x).shape[1]; }
  bool odd(int x) const { return graph_.node(x).shape[2] % 2 != 0 || graph_.node(x).shape[3] % 2 != 0; }

  struct Window {
    std::int64_t kernel = 1, stride = 1, groups = 1, dilation = 1;
  };
  int conv(int x, std::int64_t out, const Window& window, const std::string& name) {
    if (is_zero(x) && window.stride == 1 && channels(x) == out) return x;
    const int id = graph_.add("conv2d",
                              {{"out", out},
                               {"kernel", window.kernel},
                               {"stride", window.stride},
                               {"groups", window.groups},
                               {"dilation", window.dilation}},
                              {x}, name);
    start(id, spread_);
    return id;
  }
  int linear(int x, std::int64_t out, const std::string& name) {
    const int id = graph_.add("linear", {{"out", out}, {"bias", true}}, {x}, name);
    start(id, kTorch);
    return id;
  }
  int norm(int x, const std::string& name) { return graph_.add("batch_norm", {}, {x}, name); }
  int relu(int x, const std::string& name) {
    return is_zero(x) ? x : graph_.add("activation", {{"kind", std::string("relu")}}, {x}, name);
  }
  int pool(const std::string& op, int x, std::int64_t kernel, std::int64_t stride, const std::string& name) {
    if (is_zero(x) && stride == 1) return x;
    return graph_.add(op, {{"kernel", kernel}, {"stride", stride}}, {x}, name);
  }
  /// Halves height and width, rounded up.
  int halved(const std::string& op, int x, const std::string& name) {
    return pool(op, x, odd(x) ? 3 : 2, 2, name);
  }
  int zero(int like, std::int64_t stride, const std::string& name) {
    return graph_.add("zero", {{"stride", stride}}, {like}, name);
  }
  int sum(const std::vector<int>& terms, const std::string& name) {
    return terms.size() == 1 ? terms.front() : graph_.add("add", {}, terms, name);
  }

  int relu_conv_norm(int x, std::int64_t out, const Window& window, const std::string& name) {
    return norm(conv(relu(x, name + ".relu"), out, window, name + ".conv"), name + ".norm");
  }
  int conv_norm_relu(int x, std::int64_t out, const Window& window, const std::string& name) {
    return relu(norm(conv(x, out, window, name + ".conv"), name + ".norm"), name + ".relu");
  }
  /// ReLU, a convolution of every channel by itself, one across channels, batch norm.
  int separable(int x, std::int64_t out, Window window, const std::string& name) {
    window.groups = channels(x);
    const int deep = conv(relu(x, name + ".relu"), channels(x), window, name + ".depthwise");
    return norm(conv(deep, out, {}, name + ".pointwise"), name + ".norm");
  }
  /// Half of the channels see the even rows and columns, half the odd ones.
  int factorized_reduce(int x, std::int64_t out, const std::string& name) {
    if (odd(x))
      throw Error("a reduction cell cannot halve an odd height or width", {},
                  "take images whose sides divide by 2 as often as stages follow one another");
    if (out % 2 != 0) throw Error("cells of darts take an even number of channels");
    const int y = relu(x, name + ".relu");
    const int even = conv(y, out / 2, {.stride = 2}, name + ".even");
    const int cropped =
        graph_.add("crop", {{"top", std::int64_t{1}}, {"left", std::int64_t{1}}}, {y}, name + ".crop");
    const int uneven = conv(cropped, out / 2, {.stride = 2}, name + ".odd");
    return norm(graph_.add("concat", {}, {even, uneven}, name + ".concat"), name + ".norm");
  }

  /// An operation of a cell by its name.
  int apply(const std::string& op, int x, std::int64_t out, std::int64_t stride, const std::string& name) {
    if (op.starts_with("nor_conv")) return relu_conv_norm(x, out, {kernel(op), stride}, name);
    if (op == "projection") return conv_norm_relu(x, out, {1, stride}, name);
    if (op.ends_with("-bn-relu")) return conv_norm_relu(x, out, {kernel(op), stride}, name);
    if (op == "avg_pool_3x3") return pool("avg_pool2d", x, 3, stride, name);
    if (op == "max_pool_3x3" || op == "maxpool3x3") return pool("max_pool2d", x, 3, stride, name);
    if (op.starts_with("sep_conv")) {
      const int once = separable(x, channels(x), {.kernel = kernel(op), .stride = stride}, name + ".first");
      return separable(once, out, {.kernel = kernel(op)}, name + ".second");
    }
    if (op.starts_with("dil_conv"))
      return separable(x, out, {.kernel = kernel(op), .stride = stride, .dilation = 2}, name);
    if (op == "factorized_reduce") return factorized_reduce(x, out, name);
    throw internal_error(fmt::format("a cell has an operation '{}' that no network knows", op));
  }

 private:
  /// 3 of nor_conv_3x3.
  static std::int64_t kernel(const std::string& op) { return op[op.find_first_of("0123456789")] - '0'; }

  void start(int id, double spread) {
    const int weight = graph_.node(id).parameters[0];
    const graph::Shape& shape = graph_.parameters()[static_cast<std::size_t>(weight)].shape;
    const double fan_in = static_cast<double>(graph::element_count(shape) / shape[0]);
    graph_.set_init(weight, {graph::Init::Kind::normal, std::sqrt(spread / fan_in)});
  }

  Graph& graph_;
  double spread_;
};

/// How many channels the states of a NAS-Bench-101 cell have: those that are concatenated share the output's,
/// the others have as many as the widest that uses them.
std::vector<std::int64_t> vertex_channels(const Cell& cell, std::int64_t out) {
  const std::size_t n = static_cast<std::size_t>(cell.inputs) + cell.states.size();
  const auto parts = static_cast<std::int64_t>(cell.outputs.size());
  if (out < parts)
    throw Error(fmt::format("{} channels cannot be divided among {} vertices", out, parts), {},
                "take more channels");
  std::vector<std::int64_t> channels(n, 0);
  std::vector<bool> shares(n, false);
  for (std::int64_t i = 0; i < parts; ++i) {
    const auto id = static_cast<std::size_t>(cell.outputs[static_cast<std::size_t>(i)]);
    channels[id] = out / parts + (i < out % parts ? 1 : 0);
    shares[id] = true;
  }
  for (const CellTerm& term : cell.added) channels[static_cast<std::size_t>(term.from)] = out;
  for (std::size_t id = n; id-- > static_cast<std::size_t>(cell.inputs);)
    for (const CellTerm& term : cell.states[id - static_cast<std::size_t>(cell.inputs)].terms)
      if (const auto from = static_cast<std::size_t>(term.from); !shares[from])
        channels[from] = std::max(channels[from], channels[id]);
  return channels;
}

class Builder {
 public:
  Builder(Graph& graph, CellKind kind)
      : graph_(graph), blocks_(graph, kind == CellKind::nasbench101 ? kHe : kTorch), kind_(kind) {}

  /// A canonical cell on its inputs. Returns the node of its output.
  int cell(const Cell& cell, const std::vector<int>& inputs, std::int64_t out, bool reduces,
           const std::string& name) {
    std::vector<int> value = inputs;
    std::vector<std::int64_t> channels(inputs.size() + cell.states.size(), out);
    if (kind_ == CellKind::nasbench101) channels = vertex_channels(cell, out);
    std::map<std::pair<std::vector<int>, std::int64_t>, int> sums;  // what several operations share
    const auto sum_of = [&](const std::vector<CellTerm>& terms, std::int64_t wanted,
                            const std::string& what) {
      std::vector<int> ids;
      for (const CellTerm& term : terms) ids.push_back(value[static_cast<std::size_t>(term.from)]);
      const auto known = sums.find({ids, wanted});
      if (known != sums.end()) return known->second;
      const auto key = std::make_pair(ids, wanted);
      for (int& id : ids)
        if (kind_ == CellKind::nasbench101 && id != inputs.front() && blocks_.channels(id) > wanted)
          id = graph_.add("slice_channels", {{"channels", wanted}}, {id}, what + ".slice");
      const int id = ids.empty() ? blocks_.zero(inputs.front(), reduces ? 2 : 1, what + ".zero")
                                 : blocks_.sum(ids, what);
      sums.emplace(key, id);
      return id;
    };
    for (std::size_t i = 0; i < cell.states.size(); ++i) {
      const CellState& state = cell.states[i];
      const std::string what = fmt::format("{}.state{}", name, inputs.size() + i);
      const std::int64_t wanted = channels[inputs.size() + i];
      const int sum = sum_of(state.terms, wanted, state.op.empty() ? what : what + ".sum");
      const bool on_input = !state.terms.empty() && state.terms.front().from < cell.inputs;
      value.push_back(
          state.op.empty() ? sum : blocks_.apply(state.op, sum, wanted, reduces && on_input ? 2 : 1, what));
    }
    std::vector<int> parts;
    for (const int output : cell.outputs) parts.push_back(value[static_cast<std::size_t>(output)]);
    int result = parts.size() == 1 ? parts.front() : graph_.add("concat", {}, parts, name + ".concat");
    if (!cell.added.empty())
      result = blocks_.sum({result, sum_of(cell.added, out, name + ".added")}, name + ".output");
    return result;
  }

  int network(const CellNetwork& net, int images) {
    const auto first = static_cast<std::int64_t>(net.channels);
    int x = blocks_.conv(images, kind_ == CellKind::darts ? 3 * first : first, {.kernel = 3}, "stem.conv");
    x = blocks_.norm(x, "stem.norm");
    if (kind_ == CellKind::nasbench101) x = blocks_.relu(x, "stem.relu");
    int before = x;  // the output of the cell before the last one, which DARTS wants
    bool reduced = false;
    for (int stage = 0; stage < net.stages; ++stage) {
      const std::int64_t out = first << stage;
      const std::string name = fmt::format("stage{}", stage);
      const auto add = [&](const Cell& form, bool reduces, const std::string& what) {
        std::vector<int> inputs{x};
        if (kind_ == CellKind::darts) {
          inputs = {reduced ? blocks_.factorized_reduce(before, out, what + ".input0")
                            : blocks_.relu_conv_norm(before, out, {}, what + ".input0"),
                    blocks_.relu_conv_norm(x, out, {}, what + ".input1")};
        }
        before = x;
        x = cell(form, inputs, out, reduces, what);
        reduced = reduces;
      };
      if (stage > 0) {
        if (kind_ == CellKind::darts) add(net.cells[1], true, name + ".reduction");
        if (kind_ == CellKind::nasbench201) x = residual(x, out, name + ".reduction");
        if (kind_ == CellKind::nasbench101) x = blocks_.halved("max_pool2d", x, name + ".reduction");
      }
      for (int i = 0; i < net.cells_per_stage; ++i)
        add(net.cells[0], false, fmt::format("{}.cell{}", name, i));
    }
    if (kind_ == CellKind::nasbench201) x = blocks_.relu(blocks_.norm(x, "last.norm"), "last.relu");
    x = graph_.add("global_avg_pool", {}, {x}, "pool");
    return blocks_.linear(x, net.classes, "head");
  }

 private:
  /// NAS-Bench-201's block between stages.
  int residual(int x, std::int64_t out, const std::string& name) {
    const int once = blocks_.relu_conv_norm(x, out, {.kernel = 3, .stride = 2}, name + ".a");
    const int twice = blocks_.relu_conv_norm(once, out, {.kernel = 3}, name + ".b");
    const int shortcut =
        blocks_.conv(blocks_.halved("avg_pool2d", x, name + ".pool"), out, {}, name + ".project");
    return blocks_.sum({twice, shortcut}, name);
  }

  Graph& graph_;
  Blocks blocks_;
  CellKind kind_;
};

void need(const char* what, std::int64_t value) {
  if (value < 1) throw Error(fmt::format("a network's {} must be at least 1, not {}", what, value));
}

}  // namespace

Graph cell_network(const CellNetwork& network, std::int64_t batch) {
  need("batch", batch);
  need("channels", network.channels);
  need("stages", network.stages);
  need("cells_per_stage", network.cells_per_stage);
  need("classes", network.classes);
  if (network.image.size() != 3) throw internal_error("an image has channels, height and width");
  CellNetwork canonical_network = network;
  for (Cell& cell : canonical_network.cells) cell = canonical(cell);
  Graph graph;
  const int images = graph.input("images", {batch, network.image[0], network.image[1], network.image[2]},
                                 graph::DataType::float32);
  graph.output(Builder(graph, network.kind).network(canonical_network, images));
  return graph;
}

Graph cell_graph(CellKind kind, const Cell& cell, std::int64_t batch, int channels, int side) {
  Graph graph;
  std::vector<int> inputs;
  for (int i = 0; i < cell.inputs; ++i)
    inputs.push_back(graph.input(cell.inputs == 1 ? "x" : fmt::format("x{}", i),
                                 {batch, channels, side, side}, graph::DataType::float32));
  graph.output(Builder(graph, kind).cell(canonical(cell), inputs, channels, false, "cell"));
  return graph;
}

}  // namespace hone::task
