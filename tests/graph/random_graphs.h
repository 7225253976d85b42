#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "hone/base/rng.h"
#include "hone/graph/graph.h"

// Random graphs of image operators, and other spellings of a graph.
namespace hone::graph {

inline const Shape kImages = {2, 4, 6, 5};

/// One operator on images that keep their shape, of random operands among `from`.
inline int add_random_operator(Graph& g, const std::vector<int>& from, Rng& rng) {
  using Int = std::int64_t;
  const auto some = [&] { return from[rng.below(from.size())]; };
  const std::string name = "n" + std::to_string(g.nodes().size());
  const auto conv = [&](Int kernel, bool bias) {
    std::vector<int> shared;
    if (!bias && rng.below(3) == 0)  // the weights of another one
      for (const Node& node : g.nodes())
        if (node.op == "conv2d" && !node.attributes.flag("bias") &&
            node.attributes.integer("kernel") == kernel)
          shared = node.parameters;
    return g.add("conv2d", {{"out", Int{4}}, {"kernel", kernel}, {"bias", bias}}, {some()}, name, shared);
  };
  switch (rng.below(13)) {
    case 0:
      return conv(1, rng.below(4) == 0);
    case 1:
    case 2:
      return conv(3, rng.below(4) == 0);
    case 3: {
      static const std::vector<std::string> kinds = {"relu", "gelu", "tanh", "sigmoid"};
      return g.add("activation", {{"kind", kinds[rng.below(4)]}}, {some()}, name);
    }
    case 4:
      return g.add("avg_pool2d", {{"kernel", Int{3}}}, {some()}, name);
    case 5:
      return g.add("max_pool2d", {{"kernel", Int{3}}}, {some()}, name);
    case 6:
      return g.add("batch_norm", {{"affine", rng.below(2) == 0}}, {some()}, name);
    case 7:
      return g.add("zero", {}, {some()}, name);
    case 8:
      return g.add("multiply", {}, {some(), some()}, name);
    case 9: {
      const int both = g.add("concat", {}, {some(), some(), some()}, name);
      return g.add("slice_channels", {{"begin", static_cast<Int>(rng.below(9))}, {"channels", Int{4}}},
                   {both}, name + ".slice");
    }
    default: {
      std::vector<int> terms;
      for (std::uint64_t i = 0, n = 1 + rng.below(4); i < n; ++i) terms.push_back(some());
      return g.add("add", {}, terms, name);
    }
  }
}

inline Graph random_graph(Rng& rng, int operators) {
  Graph g;
  std::vector<int> nodes = {g.input("x", kImages, DataType::float32)};
  if (rng.below(3) == 0) nodes.push_back(g.input("y", kImages, DataType::float32));
  for (int i = 0; i < operators; ++i) nodes.push_back(add_random_operator(g, nodes, rng));
  const int last = nodes.back();
  if (rng.below(2) == 0)
    g.output(g.add("global_avg_pool", {}, {last}, "pool"));
  else
    g.output(last);
  return g;
}

/// The same graph written otherwise: nodes in another topological order, operands permuted and sums nested
/// anew, with zeros, identities, sums of one, repeated operators and dead branches strewn in, other names.
class Respelling {
 public:
  Respelling(const Graph& from, Rng& rng)
      : from_(from), rng_(rng), place_(from.nodes().size(), -1), parameter_(from.parameters().size(), -1) {
    for (const Node& node : from.nodes())  // inputs keep their order
      if (node.op == "input")
        place_[static_cast<std::size_t>(&node - from.nodes().data())] =
            made_.input(node.name, node.shape, node.type);
    for (std::size_t left = from.nodes().size(); left > 0;) {
      const auto id = static_cast<std::size_t>(rng.below(from.nodes().size()));
      if (from.nodes()[id].op == "input" && !seen_input(id)) --left;
      if (place_[id] >= 0 || !ready(from.nodes()[id])) continue;
      place_[id] = dressed(write(from.nodes()[id]));
      --left;
    }
    for (int id : from.outputs()) made_.output(place_[static_cast<std::size_t>(id)]);
  }
  Graph take() { return std::move(made_); }

 private:
  bool seen_input(std::size_t id) {
    const bool seen = std::find(seen_.begin(), seen_.end(), id) != seen_.end();
    if (!seen) seen_.push_back(id);
    return seen;
  }
  bool ready(const Node& node) const {
    return std::all_of(node.inputs.begin(), node.inputs.end(),
                       [&](int input) { return place_[static_cast<std::size_t>(input)] >= 0; });
  }
  std::string name() { return "s" + std::to_string(rng_.below(1u << 30)); }

  int write(const Node& node) {
    std::vector<int> inputs;
    for (int input : node.inputs) inputs.push_back(place_[static_cast<std::size_t>(input)]);
    if (node.op == "add" && rng_.below(2) == 0) inputs.push_back(made_.add("zero", {}, {inputs[0]}, name()));
    if (node.op == "add" && node.shape.size() == 4 && rng_.below(3) == 0) {  // a branch that comes to nothing
      const int zero = made_.add("zero", {}, {inputs[0]}, name());
      const int conv =
          made_.add("conv2d", {{"out", node.shape[1]}, {"kernel", std::int64_t{3}}}, {zero}, name());
      inputs.push_back(made_.add("activation", {}, {conv}, name()));
    }
    if (node.op == "add" || node.op == "multiply") return nested(node.op, inputs);
    const int made = plain(node, inputs);
    return node.op != "zero" && rng_.below(6) == 0 ? plain(node, inputs) : made;
  }

  int plain(const Node& node, const std::vector<int>& inputs) {
    std::vector<int> shared;
    for (int index : node.parameters) shared.push_back(parameter_[static_cast<std::size_t>(index)]);
    const int made = made_.add(node.op, node.attributes, inputs, name(), shared);
    for (std::size_t i = 0; i < node.parameters.size(); ++i) {
      const auto index = static_cast<std::size_t>(node.parameters[i]);
      parameter_[index] = made_.node(made).parameters[i];
      made_.set_init(parameter_[index], from_.parameters()[index].init);
    }
    return made;
  }

  int nested(const std::string& op, std::vector<int> inputs) {
    for (std::size_t i = inputs.size(); i > 1; --i) std::swap(inputs[i - 1], inputs[rng_.below(i)]);
    while (inputs.size() > 2 && rng_.below(2) == 0) {
      const std::size_t n = 1 + rng_.below(inputs.size() - 1);
      const std::vector<int> part(inputs.end() - static_cast<std::ptrdiff_t>(n), inputs.end());
      inputs.resize(inputs.size() - n);
      inputs.insert(inputs.begin() + static_cast<std::ptrdiff_t>(rng_.below(inputs.size() + 1)),
                    made_.add(op, {}, part, name()));
    }
    return made_.add(op, {}, inputs, name());
  }

  int dressed(int id) {
    if (rng_.below(5) == 0) made_.add("activation", {}, {id}, name());  // read by nobody
    if (rng_.below(5) == 0) id = made_.add("identity", {}, {id}, name());
    if (rng_.below(8) == 0) id = made_.add("concat", {}, {id}, name());
    if (rng_.below(8) == 0) id = made_.add("add", {}, {id, made_.add("zero", {}, {id}, name())}, name());
    return id;
  }

  const Graph& from_;
  Rng& rng_;
  Graph made_;
  std::vector<int> place_, parameter_;
  std::vector<std::size_t> seen_;
};

inline Graph respelled(const Graph& graph, Rng& rng) { return Respelling(graph, rng).take(); }

}  // namespace hone::graph
