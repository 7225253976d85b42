#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "hone/base/rng.h"
#include "hone/graph/decoder.h"
#include "hone/graph/graph.h"

namespace hone::graph {
namespace {

using Int = std::int64_t;

Key key_of(const Graph& graph) { return canonical(graph).key; }

DecoderSpec small() {
  DecoderSpec spec{.vocabulary = 11, .context = 8, .width = 16};
  spec.layers = {{.heads = 4}, {.tokenized = true, .heads = 2, .tokens = 10}};
  return spec;
}

/// A graph written anew with its nodes in another topological order, operands of commutative operators
/// swapped at random, identities and dead nodes strewn in, and other names.
Graph scrambled(const Graph& graph, Rng& rng) {
  Graph fresh;
  const std::size_t n = graph.nodes().size();
  std::vector<int> place(n, -1), parameter(graph.parameters().size(), -1);
  for (std::size_t placed = 0; placed < n;) {
    const auto id = static_cast<std::size_t>(rng.below(n));
    const Node& node = graph.nodes()[id];
    const auto ready = [&](int input) { return place[static_cast<std::size_t>(input)] >= 0; };
    if (place[id] >= 0 || !std::all_of(node.inputs.begin(), node.inputs.end(), ready)) continue;
    const std::string name = "n" + std::to_string(rng.below(1u << 30));
    if (node.op == "input") {
      place[id] = fresh.input(name, node.shape, node.type);
      ++placed;
      continue;
    }
    std::vector<int> inputs, shared;
    for (int input : node.inputs) inputs.push_back(place[static_cast<std::size_t>(input)]);
    if ((node.op == "add" || node.op == "multiply") && rng.below(2) == 0)
      std::reverse(inputs.begin(), inputs.end());
    for (int index : node.parameters) shared.push_back(parameter[static_cast<std::size_t>(index)]);
    int made = fresh.add(node.op, node.attributes, inputs, name, shared);
    for (std::size_t i = 0; i < node.parameters.size(); ++i) {
      const int index = node.parameters[i];
      parameter[static_cast<std::size_t>(index)] = fresh.node(made).parameters[i];
      fresh.set_init(fresh.node(made).parameters[i],
                     graph.parameters()[static_cast<std::size_t>(index)].init);
    }
    if (rng.below(4) == 0) fresh.add("activation", {}, {made}, "dead");
    if (rng.below(4) == 0) made = fresh.add("identity", {}, {made}, "skip");
    place[id] = made;
    ++placed;
  }
  for (int id : graph.outputs()) fresh.output(place[static_cast<std::size_t>(id)]);
  return fresh;
}

TEST(Canonical, SpellingDoesNotMatter) {
  DecoderSpec gated = small();
  gated.layers[0].feedforward = Feedforward::gated;
  gated.norm = Norm::rms;
  Rng rng(1, "scramble");
  for (const DecoderSpec& spec : {small(), gated}) {
    const Graph graph = decoder(spec, 2, 8);
    const Canonical one = canonical(graph);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(key_of(scrambled(graph, rng)), one.key);
  }
}

TEST(Canonical, BatchAndLengthDoNotEnter) {
  EXPECT_EQ(key_of(decoder(small(), 2, 8)), key_of(decoder(small(), 1, 3)));
}

TEST(Canonical, NearMissesDiffer) {
  std::vector<DecoderSpec> specs(1, small());
  const auto with = [&](auto change) {
    DecoderSpec spec = small();
    change(spec);
    specs.push_back(spec);
  };
  with([](DecoderSpec& spec) { spec.vocabulary = 12; });
  with([](DecoderSpec& spec) { spec.width = 8; });
  with([](DecoderSpec& spec) { spec.tied = false; });
  with([](DecoderSpec& spec) { spec.bias = true; });
  with([](DecoderSpec& spec) { spec.norm = Norm::rms; });
  with([](DecoderSpec& spec) { spec.position = Position::learned; });
  with([](DecoderSpec& spec) { spec.position = Position::learned, spec.context = 9; });
  with([](DecoderSpec& spec) { spec.position = Position::none; });
  with([](DecoderSpec& spec) { std::swap(spec.layers[0], spec.layers[1]); });
  with([](DecoderSpec& spec) { spec.layers.pop_back(); });
  with([](DecoderSpec& spec) { spec.layers[0].heads = 2; });
  with([](DecoderSpec& spec) { spec.layers[0].kv_heads = 1; });
  with([](DecoderSpec& spec) { spec.layers[0].activation = "relu"; });
  with([](DecoderSpec& spec) { spec.layers[0].hidden = 63; });
  with([](DecoderSpec& spec) { spec.layers[0].feedforward = Feedforward::gated; });
  with([](DecoderSpec& spec) { spec.layers[0].feedforward = Feedforward::none; });
  with([](DecoderSpec& spec) { spec.layers[0].rotary = 0.5; });
  with([](DecoderSpec& spec) { spec.layers[1].tokens = 11; });
  with([](DecoderSpec& spec) { spec.layers[1].ffn_tokens = 11; });
  std::set<Key> keys;
  for (const DecoderSpec& spec : specs) keys.insert(key_of(decoder(spec, 2, 8)));
  EXPECT_EQ(keys.size(), specs.size());
}

TEST(Canonical, WhatCannotMatterHasOneSpelling) {
  DecoderSpec spec = small();
  spec.layers[0].kv_heads = 4;  // of 4 heads: what 0 means
  EXPECT_EQ(key_of(decoder(spec, 2, 8)), key_of(decoder(small(), 2, 8)));
  // A quarter and a third of eight elements are one pair each.
  spec = small();
  spec.layers[1].rotary = 0.33;
  EXPECT_EQ(key_of(decoder(spec, 2, 8)), key_of(decoder(small(), 2, 8)));
  // Nothing turned is no rotary at all.
  for (DecoderLayer& layer : spec.layers) layer.rotary = 0.0;
  DecoderSpec none = small();
  none.position = Position::none;
  EXPECT_EQ(key_of(decoder(spec, 2, 8)), key_of(decoder(none, 2, 8)));
}

TEST(Canonical, AScaleThatIsPublishedNeedNotBeSaid) {
  const auto graph = [](std::optional<double> tau) {
    Graph g;
    Attributes attributes = {{"tokens", Int{9}}, {"out", Int{4}}};
    if (tau) attributes.set("tau", *tau);
    g.output(
        g.add("token_parameter_attention", attributes, {g.input("x", {2, 5, 4}, DataType::float32)}, "p"));
    return key_of(g);
  };
  EXPECT_EQ(graph({}), graph(3.0));
  EXPECT_NE(graph({}), graph(2.0));
}

TEST(Canonical, ALayerOfIdentityIsNoLayer) {
  const auto stack = [](bool with_none) {
    Graph graph;
    int x = graph.input("x", {2, 5, 4}, DataType::float32);
    x = graph.add("linear", {{"out", Int{4}}}, {x}, "a");
    if (with_none) x = graph.add("identity", {}, {graph.add("identity", {}, {x}, "none")}, "none");
    x = graph.add("linear", {{"out", Int{4}}}, {x}, "b");
    graph.output(with_none ? graph.add("identity", {}, {x}, "none") : x);
    return graph;
  };
  EXPECT_EQ(key_of(stack(true)), key_of(stack(false)));
}

TEST(Canonical, SharingMatters) {
  const auto twice = [](bool shared_weight, bool shared_node, double scale = 0.02) {
    Graph graph;
    const int x = graph.input("x", {2, 5, 4}, DataType::float32);
    const int a = graph.add("linear", {{"out", Int{4}}}, {x}, "a");
    graph.set_init(graph.node(a).parameters[0], {Init::Kind::normal, scale});
    int b = a;
    if (!shared_node) {
      b = graph.add("linear", {{"out", Int{4}}}, {x}, "b",
                    shared_weight ? graph.node(a).parameters : std::vector<int>{});
      graph.set_init(graph.node(b).parameters[0], {Init::Kind::normal, scale});
    }
    graph.output(graph.add("add", {}, {a, b}, "sum"));
    return key_of(graph);
  };
  const std::set<Key> keys = {twice(false, false), twice(true, false), twice(true, true, 0.03)};
  EXPECT_EQ(keys.size(), 3u);
  EXPECT_EQ(twice(true, false), twice(true, true));  // the same map of the same input, written twice
}

TEST(Canonical, OperandsThatLookAlikeAreToldApartByTheirOtherUses) {
  // p(x) + q(x), then the weight of p again: which operand came first is no part of the structure, that the
  // last map shares with one of them is.
  const auto graph = [](bool swap, int shared) {
    Graph g;
    const int x = g.input("x", {2, 5, 4}, DataType::float32);
    const int p = g.add("linear", {{"out", Int{4}}}, {x}, "p");
    const int q = g.add("linear", {{"out", Int{4}}}, {x}, "q");
    const int sum = g.add("add", {}, swap ? std::vector<int>{q, p} : std::vector<int>{p, q}, "sum");
    const std::vector<int> weight = shared == 0   ? g.node(p).parameters
                                    : shared == 1 ? g.node(q).parameters
                                                  : std::vector<int>{};
    g.output(g.add("linear", {{"out", Int{4}}}, {sum}, "r", weight));
    return g;
  };
  EXPECT_EQ(key_of(graph(false, 0)), key_of(graph(true, 0)));
  EXPECT_EQ(key_of(graph(false, 0)), key_of(graph(false, 1)));
  EXPECT_NE(key_of(graph(false, 0)), key_of(graph(false, 2)));
}

TEST(Canonical, TiesAreBrokenAlikeEverywhere) {
  // (p(x) + q(x)), then p2(p's weights) * q2(q's weights) in either order: a symmetry that must be broken
  // once for both places. The crossed graph, where the pairs of weights do not match, is another structure.
  const auto graph = [](bool swap_sum, bool swap_product, bool one_weight) {
    Graph g;
    const int x = g.input("x", {2, 5, 4}, DataType::float32);
    const int p = g.add("linear", {{"out", Int{4}}}, {x}, "p");
    const int q = g.add("linear", {{"out", Int{4}}}, {x}, "q");
    const int sum = g.add("add", {}, swap_sum ? std::vector<int>{q, p} : std::vector<int>{p, q}, "sum");
    const int p2 = g.add("linear", {{"out", Int{4}}}, {sum}, "p2", g.node(p).parameters);
    const int q2 = g.add("linear", {{"out", Int{4}}}, {sum}, "q2", g.node(one_weight ? p : q).parameters);
    const int product =
        g.add("multiply", {}, swap_product ? std::vector<int>{q2, p2} : std::vector<int>{p2, q2}, "product");
    g.output(product);
    return key_of(g);
  };
  const Key one = graph(false, false, false);
  EXPECT_EQ(graph(true, false, false), one);
  EXPECT_EQ(graph(false, true, false), one);
  EXPECT_EQ(graph(true, true, false), one);
  EXPECT_NE(graph(false, false, true), one);
}

TEST(Canonical, OutputsAndInputsHaveAnOrder) {
  const auto graph = [](bool swap_inputs, bool swap_outputs) {
    Graph g;
    const int a = g.input("a", {2, 4}, DataType::float32);
    const int b = g.input("b", {2, 4}, DataType::float32);
    const int f = g.add("activation", {}, {swap_inputs ? b : a}, "f");
    const int sum = g.add("add", {}, {f, swap_inputs ? a : b}, "sum");
    g.output(swap_outputs ? f : sum);
    g.output(swap_outputs ? sum : f);
    return key_of(g);
  };
  const std::set<Key> keys = {graph(false, false), graph(true, false), graph(false, true)};
  EXPECT_EQ(keys.size(), 3u);
}

TEST(Canonical, NumbersParametersByStructure) {
  const Graph graph = decoder(small(), 2, 8);
  const Canonical one = canonical(graph);
  std::vector<int> sorted = one.parameter_position;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) EXPECT_EQ(sorted[i], static_cast<int>(i));
  // In every spelling the same position holds a parameter of the same shape and start.
  const auto by_position = [](const Graph& g) {
    const Canonical canon = canonical(g);
    std::vector<std::pair<Shape, double>> list(g.parameters().size());
    std::size_t used = 0;
    for (std::size_t i = 0; i < list.size(); ++i)
      if (canon.parameter_position[i] >= 0) {
        list[static_cast<std::size_t>(canon.parameter_position[i])] = {g.parameters()[i].shape,
                                                                       g.parameters()[i].init.scale};
        ++used;
      }
    list.resize(used);
    return list;
  };
  Rng rng(2, "scramble");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(by_position(scrambled(graph, rng)), by_position(graph));
}

TEST(Canonical, DeadParametersHaveNoPosition) {
  Graph graph;
  const int x = graph.input("x", {2, 5, 4}, DataType::float32);
  graph.add("linear", {{"out", Int{9}}}, {x}, "dead");
  graph.output(graph.add("linear", {{"out", Int{4}}}, {x}, "live"));
  EXPECT_EQ(canonical(graph).parameter_position, (std::vector<int>{-1, 0}));
}

TEST(Canonical, DeadParametersDoNotTouchTies) {
  // Two branches of one look are a tie; where their sum puts them beside a third must not depend on what is
  // dead.
  const auto graph = [](double epsilon, bool dead) {
    Graph g;
    const int x = g.input("x", {2, 5, 4}, DataType::float32);
    const auto map = [&] { return g.add("linear", {{"out", Int{4}}}, {x}, "map"); };
    const int norm = g.add("layer_norm", {{"affine", false}, {"epsilon", epsilon}}, {x}, "norm");
    const int p = map(), q = map();
    if (dead) map();
    g.output(g.add("add", {}, {norm, p, q}, "sum"));
    return key_of(g);
  };
  for (int i = 1; i <= 20; ++i) EXPECT_EQ(graph(0.01 * i, false), graph(0.01 * i, true)) << i;
}

}  // namespace
}  // namespace hone::graph
