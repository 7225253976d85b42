#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "hone/graph/decoder.h"
#include "hone/graph/evaluate.h"
#include "tests/graph/random_graphs.h"

namespace hone::graph {
namespace {

using Int = std::int64_t;

Key key(const Graph& graph) { return canonical(graph).key; }

std::vector<Array> some_inputs(const Graph& graph) {
  std::vector<Array> inputs;
  Rng rng(11, "inputs");
  for (const Node& node : graph.nodes()) {
    if (node.op != "input") continue;
    Array array{node.shape, {}};
    for (Int i = 0; i < element_count(node.shape); ++i) array.values.push_back(rng.normal());
    inputs.push_back(std::move(array));
  }
  return inputs;
}

std::vector<double> outputs(const Graph& graph) {
  std::vector<double> values;
  for (const Array& output : evaluate(graph, some_inputs(graph), initial_parameters(graph, 3)))
    values.insert(values.end(), output.values.begin(), output.values.end());
  return values;
}

/// Largest difference relative to the largest value; infinity where sizes differ.
double distance(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return INFINITY;
  double largest = 1.0, most = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(a[i]));
    most = std::max(most, std::abs(a[i] - b[i]));
  }
  return most / largest;
}

/// x, and what `make` builds on it.
template <typename Make>
Graph on_images(Make make) {
  Graph g;
  const int x = g.input("x", kImages, DataType::float32);
  g.output(make(g, x));
  return g;
}

int conv(Graph& g, int x, bool bias = false) {
  return g.add("conv2d", {{"out", Int{4}}, {"kernel", Int{3}}, {"bias", bias}}, {x}, "conv");
}
int zero(Graph& g, int x) { return g.add("zero", {}, {x}, "zero"); }
int add(Graph& g, std::vector<int> terms) { return g.add("add", {}, std::move(terms), "sum"); }

TEST(CanonicalAlgebra, RespellingsHaveOneKeyAndOneFunction) {
  Rng rng(1, "graphs");
  int zeros = 0;
  for (int i = 0; i < 250; ++i) {
    const Graph graph = random_graph(rng, 2 + static_cast<int>(rng.below(14)));
    const Canonical one = canonical(graph);
    const std::vector<double> expected = outputs(graph);
    zeros += std::all_of(expected.begin(), expected.end(), [](double value) { return value == 0.0; });
    for (int k = 0; k < 4; ++k) {
      const Graph other = respelled(graph, rng);
      ASSERT_EQ(key(other), one.key) << graph.text() << "\n" << other.text();
      EXPECT_LT(distance(outputs(other), expected), 1e-7) << graph.text() << "\n" << other.text();
    }
    const Graph normal = canonical_graph(graph);
    ASSERT_EQ(key(normal), one.key) << graph.text() << "\n" << normal.text();
    ASSERT_EQ(normal.node(normal.outputs()[0]).shape, graph.node(graph.outputs()[0]).shape);
    EXPECT_LT(distance(outputs(normal), expected), 1e-7) << graph.text() << "\n" << normal.text();
  }
  EXPECT_GT(zeros, 3);
  EXPECT_LT(zeros, 100);
}

TEST(CanonicalAlgebra, CanonicalGraphsOfRespellingsAreOneGraph) {
  Rng rng(2, "graphs");
  for (int i = 0; i < 60; ++i) {
    const Graph graph = random_graph(rng, 12);
    const auto anonymous = [](const Graph& g) {
      Json json = canonical_graph(g).json();
      for (Json& node : json["nodes"]) node["name"] = node["op"] == "input" ? node["name"] : Json("");
      for (Json& parameter : json["parameters"]) parameter["name"] = "";
      return json.dump();
    };
    const std::string expected = anonymous(graph);
    for (int k = 0; k < 4; ++k) {
      const Graph other = respelled(graph, rng);
      ASSERT_EQ(anonymous(other), expected) << graph.text() << "\n" << other.text();
    }
  }
}

TEST(CanonicalAlgebra, WhatComputesOtherwiseHasAnotherKey) {
  Rng rng(3, "graphs");
  std::map<Key, std::pair<std::vector<double>, std::string>> known;
  int same = 0, different = 0;
  for (int i = 0; i < 400; ++i) {
    // Small graphs, so that some are the same by chance, and their near relatives.
    const Graph graph = random_graph(rng, 1 + static_cast<int>(rng.below(6)));
    const std::vector<double> values = outputs(graph);
    const auto [at, fresh] = known.try_emplace(key(graph), values, graph.text());
    (fresh ? different : same) += 1;
    EXPECT_LT(distance(at->second.first, values), 1e-7) << at->second.second << "\n" << graph.text();
  }
  EXPECT_GT(same, 20);
  EXPECT_GT(different, 100);
}

TEST(CanonicalAlgebra, ZerosLeaveSums) {
  const Key plain = key(on_images([](Graph& g, int x) { return add(g, {x, conv(g, x)}); }));
  const auto with = [&](auto term) {
    return key(on_images([&](Graph& g, int x) { return add(g, {term(g, x), x, conv(g, x)}); })) == plain;
  };
  EXPECT_TRUE(with([](Graph& g, int x) { return zero(g, x); }));
  EXPECT_TRUE(with([](Graph& g, int x) { return conv(g, zero(g, x)); }));
  EXPECT_FALSE(with([](Graph& g, int x) { return conv(g, zero(g, x), true); }));
  for (const char* kind : {"relu", "gelu", "silu", "tanh", "relu_squared", "sigmoid"}) {
    const auto term = [&](Graph& g, int x) {
      return g.add("activation", {{"kind", std::string(kind)}}, {zero(g, x)}, "f");
    };
    EXPECT_EQ(with(term), std::string(kind) != "sigmoid") << kind;
  }
  for (const char* pool : {"avg_pool2d", "max_pool2d"})
    EXPECT_TRUE(with([&](Graph& g, int x) { return g.add(pool, {{"kernel", Int{3}}}, {zero(g, x)}, "p"); }));
  for (bool affine : {false, true})
    EXPECT_EQ(with([&](Graph& g, int x) {
                return g.add("batch_norm", {{"affine", affine}}, {zero(g, x)}, "n");
              }),
              !affine);
  EXPECT_TRUE(with([](Graph& g, int x) { return g.add("multiply", {}, {conv(g, x), zero(g, x)}, "m"); }));
  EXPECT_TRUE(with([](Graph& g, int x) {
    const int both = g.add("concat", {}, {zero(g, x), zero(g, x)}, "c");
    return g.add("slice_channels", {{"begin", Int{2}}, {"channels", Int{4}}}, {both}, "s");
  }));
  EXPECT_FALSE(with([](Graph& g, int x) {
    const int both = g.add("concat", {}, {zero(g, x), x}, "c");
    return g.add("slice_channels", {{"begin", Int{2}}, {"channels", Int{4}}}, {both}, "s");
  }));
}

TEST(CanonicalAlgebra, WhatOnlyFeedsAZeroHasNoPosition) {
  const Graph graph = on_images([](Graph& g, int x) {
    const int unused = zero(g, conv(g, x));
    return add(g, {conv(g, x), conv(g, unused)});
  });
  EXPECT_EQ(canonical(graph).parameter_position, (std::vector<int>{-1, 0, -1}));
}

TEST(CanonicalAlgebra, AGraphOfZerosHasACanonicalForm) {
  const Graph one = on_images(zero);
  const Graph two = on_images([](Graph& g, int x) {
    return conv(g, add(g, {zero(g, x), zero(g, conv(g, x))}));
  });
  EXPECT_EQ(key(one), key(two));
  const Graph normal = canonical_graph(two);
  EXPECT_EQ(normal.nodes().size(), 2u);
  EXPECT_EQ(normal.node(normal.outputs()[0]).shape, kImages);
  // Of other channels, of another size, of a vector: other functions.
  const Graph wider = on_images([](Graph& g, int x) {
    return g.add("concat", {}, {zero(g, x), zero(g, x)}, "c");
  });
  const Graph smaller = on_images([](Graph& g, int x) {
    return g.add("zero", {{"stride", Int{2}}}, {x}, "z");
  });
  const Graph pooled =
      on_images([](Graph& g, int x) { return g.add("global_avg_pool", {}, {zero(g, x)}, "p"); });
  EXPECT_EQ((std::set<Key>{key(one), key(wider), key(smaller), key(pooled)}).size(), 4u);
  for (const Graph& graph : {wider, smaller, pooled}) {
    EXPECT_EQ(key(canonical_graph(graph)), key(graph));
    EXPECT_EQ(outputs(canonical_graph(graph)), outputs(graph));
  }

  // Of a language model too, at any batch and length.
  const auto tokens = [](Int batch, Int length) {
    Graph g;
    const int e = g.add("embedding", {{"vocabulary", Int{7}}, {"width", Int{4}}},
                        {g.input("tokens", {batch, length}, DataType::int64)}, "e");
    const int head = g.add("linear", {{"out", Int{7}}}, {zero(g, e)}, "head");
    g.output(head);
    return g;
  };
  EXPECT_EQ(key(tokens(2, 5)), key(tokens(3, 6)));
  const Graph nothing = canonical_graph(tokens(2, 5));
  EXPECT_EQ(nothing.with_input("tokens", {3, 6}).node(nothing.outputs()[0]).shape, (Shape{3, 6, 7}));
}

TEST(CanonicalAlgebra, HowOftenATermGoesInMatters) {
  std::set<Key> keys;
  for (int n = 1; n <= 4; ++n)
    keys.insert(key(on_images([&](Graph& g, int x) { return add(g, std::vector<int>(n, x)); })));
  EXPECT_EQ(keys.size(), 4u);
  EXPECT_TRUE(keys.contains(key(on_images([](Graph& g, int x) {
    const int twice = add(g, {x, x});
    return add(g, {twice, twice});
  }))));
  // Doubled forty times: no explosion, and still not doubled forty-one times.
  const auto doubled = [](int times) {
    return on_images([&](Graph& g, int x) {
      for (int i = 0; i < times; ++i) x = add(g, {x, x});
      return x;
    });
  };
  EXPECT_NE(key(doubled(40)), key(doubled(41)));
  EXPECT_LT(canonical_graph(doubled(40)).nodes().size(), 60u);
}

TEST(CanonicalAlgebra, SumsAndProductsOfBranchesThatLookAlike) {
  // Eight branches of one look, each with weights of its own; four of them share theirs with a second place.
  const auto graph = [](const std::vector<int>& order, int shared) {
    return on_images([&](Graph& g, int x) {
      std::vector<int> branches;
      for (int i = 0; i < 8; ++i) branches.push_back(conv(g, x));
      std::vector<int> terms, factors;
      for (int i : order) terms.push_back(branches[static_cast<std::size_t>(i)]);
      const int sum = add(g, terms);
      for (int i : order)
        if (i < shared)
          factors.push_back(g.add("conv2d", {{"out", Int{4}}, {"kernel", Int{3}}}, {sum}, "again",
                                  g.node(branches[static_cast<std::size_t>(i)]).parameters));
      return g.add("multiply", {}, factors, "product");
    });
  };
  std::vector<int> order = {0, 1, 2, 3, 4, 5, 6, 7};
  const Key one = key(graph(order, 4));
  Rng rng(5, "order");
  for (int k = 0; k < 20; ++k) {
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
    EXPECT_EQ(key(graph(order, 4)), one);
    EXPECT_NE(key(graph(order, 5)), one);
  }
}

TEST(CanonicalAlgebra, AResidualSumTakesInTheSumBeforeIt) {
  // In canonical form the second sum has three terms; it still is computed from the first in one addition.
  Graph g;
  const int x = g.input("x", kImages, DataType::float32);
  const int first = add(g, {x, conv(g, x)});
  g.output(add(g, {first, conv(g, first)}));
  const Graph normal = canonical_graph(g);
  EXPECT_EQ(normal.nodes().size(), g.nodes().size());
  EXPECT_DOUBLE_EQ(normal.work().flops, g.work().flops);
  const Graph flat = on_images([](Graph& h, int y) {
    const int a = conv(h, y), one = add(h, {y, a});
    return add(h, {y, a, conv(h, one)});
  });
  EXPECT_EQ(key(flat), key(g));
  EXPECT_DOUBLE_EQ(canonical_graph(flat).work().flops, g.work().flops);

  DecoderSpec spec{.vocabulary = 11, .context = 8, .width = 16};
  spec.layers.assign(6, {.heads = 4});
  const Graph model = decoder(spec, 2, 8);
  EXPECT_DOUBLE_EQ(canonical_graph(model).work().flops, model.work().flops);
  EXPECT_EQ(canonical_graph(model).nodes().size(), model.nodes().size());
}

}  // namespace
}  // namespace hone::graph
