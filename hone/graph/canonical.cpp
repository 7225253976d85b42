// The canonical form of a graph: drop what computes nothing, colour nodes and parameters by what can be seen
// from them, order the operands of commutative operators by colour, number everything in one depth-first
// traversal from the outputs, and hash what it writes.
#include <algorithm>
#include <set>
#include <tuple>

#include "hone/graph/graph.h"
#include "hone/graph/operator.h"

namespace hone::graph {

namespace {

constexpr const char* kVersion = "hone.graph.1";  // enters every structural key

class Canonicalizer {
 public:
  explicit Canonicalizer(const Graph& graph) : graph_(graph), stands_for_(graph.nodes().size()) {
    drop_identities();
    find_live();
    label();
    refine();
    while (const int tied = traverse()) {
      // Equal colours: one may stand for the other, but later choices must agree with this one. Giving it a
      // colour of its own makes them agree.
      colour_[tied] = KeyBuilder().key(colour_[tied]).text("first").build();
      refine();
    }
  }

  Canonical result() {
    KeyBuilder builder;
    builder.text(kVersion);
    std::vector<int> number(graph_.nodes().size(), -1);
    Canonical canonical;
    canonical.parameter_position.assign(graph_.parameters().size(), -1);
    int next_parameter = 0;
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const int id = order_[i];
      number[id] = static_cast<int>(i);
      builder.key(label_[id]);
      for (int input : operands(id)) builder.integer(number[input]);
      for (int index : graph_.node(id).parameters) {
        int& position = canonical.parameter_position[index];
        if (position < 0) position = next_parameter++;
        builder.integer(position);
      }
    }
    for (int id : graph_.outputs()) builder.integer(number[stands_for_[id]]);
    canonical.key = builder.integer(static_cast<std::int64_t>(graph_.outputs().size())).build();
    return canonical;
  }

 private:
  bool is_input(int id) const { return graph_.node(id).op == "input"; }

  void drop_identities() {
    for (std::size_t id = 0; id < stands_for_.size(); ++id) {
      const Node& node = graph_.nodes()[id];
      const bool passes =
          node.op != "input" &&
          find_operator(node.op).identity(node.attributes, graph_.input_shapes(static_cast<int>(id)));
      stands_for_[id] = passes ? stands_for_[node.inputs[0]] : static_cast<int>(id);
    }
  }

  void find_live() {
    live_.assign(stands_for_.size(), false);
    for (int id : graph_.outputs()) live_[stands_for_[id]] = true;
    for (int id = static_cast<int>(live_.size()) - 1; id >= 0; --id)
      if (live_[id])
        for (int input : graph_.node(id).inputs) live_[stands_for_[input]] = true;
  }

  /// What a node is by itself: operator, attributes, parameters' shapes and starts. Inputs are told apart by
  /// their order.
  void label() {
    label_.resize(stands_for_.size());
    commutative_.assign(stands_for_.size(), false);
    operands_.resize(stands_for_.size());
    parameter_label_.resize(graph_.parameters().size());
    for (std::size_t i = 0; i < parameter_label_.size(); ++i) {
      const Parameter& parameter = graph_.parameters()[i];
      const bool normal = parameter.init.kind == Init::Kind::normal;
      KeyBuilder builder;
      builder.integer(static_cast<std::int64_t>(parameter.init.kind));
      builder.real(normal ? parameter.init.scale : 0.0);
      for (std::int64_t size : parameter.shape) builder.integer(size);
      parameter_label_[i] = builder.build();
    }
    int inputs = 0;
    for (int id = 0; id < static_cast<int>(stands_for_.size()); ++id) {
      if (!live_[id]) continue;
      const Node& node = graph_.node(id);
      KeyBuilder builder;
      builder.text(node.op);
      if (is_input(id)) {
        builder.integer(inputs++).integer(static_cast<std::int64_t>(node.type));
      } else {
        const Operator& rules = find_operator(node.op);
        commutative_[id] = rules.commutative();
        const Attributes normal = rules.canonical_attributes(node.attributes, graph_.input_shapes(id));
        for (const auto& [name, value] : normal.entries()) {
          builder.text(name).integer(static_cast<std::int64_t>(value.index()));
          if (const auto* real = std::get_if<double>(&value))
            builder.real(*real);
          else
            builder.text(value_text(value));
        }
        for (int index : node.parameters) builder.key(parameter_label_[index]);
        for (int input : node.inputs) operands_[id].push_back(stands_for_[input]);
      }
      label_[id] = builder.build();
    }
    colour_ = label_;
    parameter_colour_ = parameter_label_;
  }

  /// Refines colours by the colours around, upwards and downwards, until no class splits any more.
  void refine() {
    for (std::size_t classes = count_classes();;) {
      round();
      const std::size_t finer = count_classes();
      if (finer <= classes) return;
      classes = finer;
    }
  }

  void round() {
    const int n = static_cast<int>(stands_for_.size());
    std::vector<Key> up(n), down(n);
    std::vector<std::vector<std::pair<int, int>>> consumers(n);  // (consumer, slot)
    for (int id = 0; id < n; ++id) {
      if (!live_[id]) continue;
      std::vector<Key> below;
      for (std::size_t i = 0; i < operands_[id].size(); ++i) {
        below.push_back(up[operands_[id][i]]);
        consumers[operands_[id][i]].push_back({id, commutative_[id] ? 0 : static_cast<int>(i)});
      }
      if (commutative_[id]) std::sort(below.begin(), below.end());
      KeyBuilder builder;
      builder.key(colour_[id]);
      for (const Key& key : below) builder.key(key);
      for (int index : graph_.node(id).parameters) builder.key(parameter_colour_[index]);
      up[id] = builder.build();
    }
    std::vector<std::vector<Key>> parameter_uses(parameter_colour_.size());
    for (int id = n - 1; id >= 0; --id) {
      if (!live_[id]) continue;
      std::vector<Key> above;
      for (const auto& [consumer, slot] : consumers[id])
        above.push_back(KeyBuilder().key(up[consumer]).key(down[consumer]).integer(slot).build());
      for (std::size_t i = 0; i < graph_.outputs().size(); ++i)
        if (stands_for_[graph_.outputs()[i]] == id)
          above.push_back(KeyBuilder().text("output").integer(static_cast<std::int64_t>(i)).build());
      std::sort(above.begin(), above.end());
      KeyBuilder builder;
      for (const Key& key : above) builder.key(key);
      down[id] = builder.build();
      colour_[id] = KeyBuilder().key(up[id]).key(down[id]).build();
      const std::vector<int>& used = graph_.node(id).parameters;
      for (std::size_t i = 0; i < used.size(); ++i)
        parameter_uses[used[i]].push_back(
            KeyBuilder().key(colour_[id]).integer(static_cast<std::int64_t>(i)).build());
    }
    for (std::size_t i = 0; i < parameter_uses.size(); ++i) {
      std::sort(parameter_uses[i].begin(), parameter_uses[i].end());
      KeyBuilder builder;
      builder.key(parameter_colour_[i]);
      for (const Key& key : parameter_uses[i]) builder.key(key);
      parameter_colour_[i] = builder.build();
    }
  }

  std::size_t count_classes() const {
    std::set<Key> nodes, parameters(parameter_colour_.begin(), parameter_colour_.end());
    for (std::size_t id = 0; id < live_.size(); ++id)
      if (live_[id]) nodes.insert(colour_[id]);
    return nodes.size() + parameters.size();
  }

  std::vector<int> operands(int id) const {
    std::vector<int> sorted = operands_[id];
    if (commutative_[id])
      std::sort(sorted.begin(), sorted.end(),
                [&](int a, int b) { return std::tie(colour_[a], a) < std::tie(colour_[b], b); });
    return sorted;
  }

  /// Fills order_ (operands before their users) depth first from the outputs. Returns the first of two
  /// different operands of one commutative operator with equal colours, 0 where there are none. (Node 0 can
  /// only be an input, which has a colour of its own.)
  int traverse() {
    order_.clear();
    std::vector<bool> entered(live_.size(), false), done(live_.size(), false);
    std::vector<int> stack;
    for (int output : graph_.outputs()) {
      stack.push_back(stands_for_[output]);
      while (!stack.empty()) {
        const int id = stack.back();
        if (done[id] || entered[id]) {
          if (!done[id]) order_.push_back(id);
          done[id] = true;
          stack.pop_back();
          continue;
        }
        entered[id] = true;
        const std::vector<int> below = operands(id);
        if (commutative_[id])
          for (std::size_t i = 1; i < below.size(); ++i)
            if (below[i] != below[i - 1] && colour_[below[i]] == colour_[below[i - 1]]) return below[i - 1];
        for (std::size_t i = below.size(); i-- > 0;)
          if (!done[below[i]]) stack.push_back(below[i]);
      }
    }
    return 0;
  }

  const Graph& graph_;
  std::vector<int> stands_for_;  ///< the node whose output a node's output is
  std::vector<bool> live_;
  std::vector<bool> commutative_;
  std::vector<std::vector<int>> operands_;
  std::vector<Key> label_;
  std::vector<Key> parameter_label_;
  std::vector<Key> colour_;
  std::vector<Key> parameter_colour_;
  std::vector<int> order_;
};

}  // namespace

Canonical canonical(const Graph& graph) { return Canonicalizer(graph).result(); }

}  // namespace hone::graph
