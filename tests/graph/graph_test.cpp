#include "hone/graph/graph.h"

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/registry.h"
#include "hone/graph/decoder.h"
#include "hone/graph/operator.h"

namespace hone::graph {
namespace {

std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

int sequence(Graph& graph, std::int64_t width) { return graph.input("x", {2, 5, width}, DataType::float32); }

TEST(Attributes, AreSortedTypedAndCompare) {
  Attributes attributes = {{"out", std::int64_t{8}}, {"bias", true}};
  EXPECT_EQ(attributes, (Attributes{{"bias", true}, {"out", std::int64_t{8}}}));
  EXPECT_EQ(attributes.text_list(), "bias=true out=8");
  EXPECT_EQ(attributes.integer("out"), 8);
  EXPECT_DOUBLE_EQ(attributes.real("out"), 8.0);
  EXPECT_THROW(attributes.flag("out"), Error);
  EXPECT_THROW(attributes.integer("in"), Error);
  attributes.erase("out");
  EXPECT_FALSE(attributes.has("out"));
}

TEST(Graph, ChecksAttributesAndCompletesThem) {
  Graph graph;
  const int x = sequence(graph, 8);
  const int y = graph.add("linear", {{"out", 4.0}}, {x}, "map");
  EXPECT_EQ(graph.node(y).attributes, (Attributes{{"bias", false}, {"out", std::int64_t{4}}}));
  EXPECT_NE(error_of([&] { graph.add("linear", {}, {x}, "map"); }).find("needs the attribute out"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              graph.add("linear", {{"oat", std::int64_t{4}}, {"out", std::int64_t{4}}}, {x}, "map");
            }).find("did you mean 'out'"),
            std::string::npos);
  EXPECT_THROW(graph.add("linear", {{"out", std::int64_t{0}}}, {x}, "map"), Error);
  EXPECT_THROW(graph.add("linear", {{"out", 4.5}}, {x}, "map"), Error);
  EXPECT_THROW(graph.add("activation", {{"kind", std::string("swoosh")}}, {x}, "map"), Error);
  EXPECT_NE(error_of([&] { graph.add("lineer", {}, {x}, "map"); }).find("'linear'"), std::string::npos);
  EXPECT_EQ(graph.nodes().size(), 2u);  // a failed add leaves the graph as it was
  EXPECT_EQ(graph.parameters().size(), 1u);
}

TEST(Graph, RefusesWhatDoesNotFit) {
  Graph graph;
  const int x = sequence(graph, 8);
  const int flat = graph.input("flat", {6, 8}, DataType::float32);
  const int tokens = graph.input("tokens", {2, 5}, DataType::int64);
  EXPECT_THROW(graph.add("add", {}, {x, flat}, "sum"), Error);
  EXPECT_THROW(graph.add("add", {}, {}, "sum"), Error);
  EXPECT_THROW(graph.add("add", {}, {x, 9}, "sum"), Error);
  EXPECT_THROW(graph.add("activation", {}, {tokens}, "f"), Error);
  EXPECT_THROW(
      graph.add("embedding", {{"vocabulary", std::int64_t{3}}, {"width", std::int64_t{3}}}, {x}, "e"), Error);
  EXPECT_THROW(graph.add("rotary", {{"heads", std::int64_t{3}}}, {x}, "r"), Error);
  EXPECT_THROW(graph.add("rotary", {{"heads", std::int64_t{8}}}, {x}, "r"), Error);  // heads of one element
  EXPECT_THROW(graph.add("rotary", {{"heads", std::int64_t{2}}}, {flat}, "r"), Error);
  EXPECT_THROW(graph.add("learned_position", {{"context", std::int64_t{4}}}, {x}, "p"), Error);
  EXPECT_THROW(graph.add("causal_attention", {{"heads", std::int64_t{4}}, {"kv_heads", std::int64_t{3}}},
                         {x, x, x}, "a"),
               Error);
  EXPECT_THROW(graph.add("causal_attention", {{"heads", std::int64_t{4}}, {"kv_heads", std::int64_t{1}}},
                         {x, x, x}, "a"),
               Error);
  EXPECT_THROW(graph.input("x", {2}, DataType::float32), Error);  // the name is taken
  EXPECT_THROW(graph.input("y", {2, 0}, DataType::float32), Error);
  EXPECT_THROW(graph.input("y", {1 << 20, 1 << 20, 1 << 20}, DataType::float32), Error);
  EXPECT_THROW(graph.output(17), Error);
}

TEST(Graph, SharesParametersThatFit) {
  Graph graph;
  const int tokens = graph.input("tokens", {2, 5}, DataType::int64);
  const int e =
      graph.add("embedding", {{"vocabulary", std::int64_t{7}}, {"width", std::int64_t{4}}}, {tokens}, "e");
  const int table = graph.node(e).parameters[0];
  const int head = graph.add("linear", {{"out", std::int64_t{7}}, {"bias", true}}, {e}, "head", {table, -1});
  EXPECT_EQ(graph.node(head).parameters, (std::vector<int>{0, 1}));
  EXPECT_EQ(graph.parameter_count(), 7 * 4 + 7);
  EXPECT_THROW(graph.add("linear", {{"out", std::int64_t{6}}}, {e}, "head", {table}), Error);
  EXPECT_THROW(graph.add("linear", {{"out", std::int64_t{7}}}, {e}, "head", {5}), Error);
  EXPECT_THROW(graph.add("linear", {{"out", std::int64_t{7}}, {"bias", true}}, {e}, "head", {table}), Error);
}

TEST(Graph, CountsWork) {
  const std::int64_t b = 2, t = 5, in = 8, out = 6, n = 3;
  Graph graph;
  const int x = graph.input("x", {b, t, in}, DataType::float32);
  const int linear = graph.add("linear", {{"out", out}, {"bias", true}}, {x}, "l");
  EXPECT_DOUBLE_EQ(graph.work(linear).flops, 2.0 * b * t * in * out + b * t * out);
  EXPECT_DOUBLE_EQ(graph.work(linear).bytes, 4.0 * (b * t * in + in * out + out + b * t * out));
  const int tokens = graph.add("token_parameter_attention", {{"tokens", n}, {"out", out}}, {x}, "p");
  EXPECT_DOUBLE_EQ(graph.work(tokens).flops, b * t * n * (2.0 * in + 2.0 * out + 8.0));
  double pairs = 0;
  for (int i = 0; i < t; ++i)
    for (int j = 0; j <= i; ++j) ++pairs;
  for (std::int64_t kv_heads : {4, 2, 1}) {
    Graph attention;
    const int q = attention.input("q", {b, t, in}, DataType::float32);
    const int k = attention.input("k", {b, t, in / 4 * kv_heads}, DataType::float32);
    const int a = attention.add("causal_attention", {{"heads", std::int64_t{4}}, {"kv_heads", kv_heads}},
                                {q, k, k}, "a");
    EXPECT_DOUBLE_EQ(attention.work(a).flops, b * 4 * pairs * (4.0 * (in / 4) + 6.0));
    EXPECT_DOUBLE_EQ(attention.work(a).bytes,
                     4.0 * (2 * b * t * in + 2 * b * t * in / 4 * kv_heads) + 8.0 * b * 4 * pairs);
  }
  Graph lookup;
  const int ids = lookup.input("tokens", {b, t}, DataType::int64);
  const int e = lookup.add("embedding", {{"vocabulary", std::int64_t{1000}}, {"width", in}}, {ids}, "e");
  EXPECT_DOUBLE_EQ(lookup.work(e).flops, 0.0);
  EXPECT_DOUBLE_EQ(lookup.work(e).bytes, 8.0 * b * t + 4.0 * b * t * in * 2);  // rows read and written
  EXPECT_DOUBLE_EQ(lookup.work().bytes, lookup.work(e).bytes);
}

TEST(Graph, TakesAnotherInputShape) {
  DecoderSpec spec{
      .vocabulary = 11, .context = 8, .width = 8, .layers = {{.heads = 2}}, .position = Position::learned};
  const Graph graph = decoder(spec, 2, 4);
  EXPECT_EQ(graph.with_input("tokens", {3, 8}).text(), decoder(spec, 3, 8).text());
  EXPECT_THROW(graph.with_input("tokens", {3, 9}), Error);
  EXPECT_THROW(graph.with_input("token", {3, 8}), Error);
  Graph wide;
  wide.output(wide.add("linear", {{"out", std::int64_t{2}}}, {sequence(wide, 8)}, "l"));
  EXPECT_THROW(wide.with_input("x", {2, 5, 9}), Error);
}

TEST(Graph, GoesThroughJson) {
  DecoderSpec spec{
      .vocabulary = 11, .context = 8, .width = 8, .layers = {{.heads = 2}, {.tokenized = true, .heads = 2}}};
  spec.layers[0].feedforward = Feedforward::gated;
  spec.bias = true;
  const Graph graph = decoder(spec, 2, 4);
  const Graph again = Graph::from_json(parse_json(graph.json().dump(), "graph"));
  EXPECT_EQ(again.text(), graph.text());
  EXPECT_EQ(again.json(), graph.json());
  EXPECT_EQ(canonical(again).key, canonical(graph).key);
}

TEST(Graph, RefusesMalformedJson) {
  const Graph graph = decoder({.vocabulary = 11, .context = 8, .width = 8, .layers = {{.heads = 2}}}, 2, 4);
  const Json good = graph.json();
  const auto broken = [&](const std::function<void(Json&)>& act) {
    Json json = good;
    act(json);
    EXPECT_THROW(Graph::from_json(json), Error) << json.dump();
  };
  EXPECT_THROW(Graph::from_json(Json::array()), Error);
  broken([](Json& json) { json.erase("nodes"); });
  broken([](Json& json) { json["nodes"][1]["op"] = "embeding"; });
  broken([](Json& json) { json["nodes"][1]["inputs"] = {7}; });
  broken([](Json& json) { json["nodes"][1]["parameters"] = {3}; });
  broken([](Json& json) { json["nodes"][1]["attributes"]["width"] = "wide"; });
  broken([](Json& json) { json["nodes"][0]["type"] = "float64"; });
  broken([](Json& json) { json["parameters"][0]["shape"] = {1, 2}; });
  broken([](Json& json) { json["parameters"][0]["init"] = "random"; });
  broken([](Json& json) { json["parameters"].erase(0); });
  broken([](Json& json) { json["outputs"] = {400}; });
}

TEST(Operators, SayWhatTheyAre) {
  const auto names = methods().names("operator");
  EXPECT_EQ(names.size(), 21u);
  for (const std::string& name : names) {
    EXPECT_FALSE(methods().need("operator", name).info.summary.empty());
    EXPECT_NO_THROW(find_operator(name));
  }
  EXPECT_EQ(methods().need("operator", "token_parameter_attention").info.paper,
            "TokenFormer: Rethinking Transformer Scaling with Tokenized Model Parameters");
}

}  // namespace
}  // namespace hone::graph
