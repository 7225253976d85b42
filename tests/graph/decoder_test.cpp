#include "hone/graph/decoder.h"

#include <cmath>

#include <gtest/gtest.h>

#include "hone/base/error.h"

namespace hone::graph {
namespace {

const Parameter* find(const Graph& graph, const std::string& name) {
  for (const Parameter& parameter : graph.parameters())
    if (parameter.name == name) return &parameter;
  return nullptr;
}

int count_op(const Graph& graph, const std::string& op) {
  int count = 0;
  for (const Node& node : graph.nodes()) count += node.op == op;
  return count;
}

TEST(Decoder, HasTheParametersOfGpt2) {
  DecoderSpec spec{.vocabulary = 50257, .context = 1024, .width = 768};
  spec.layers.assign(12, {.heads = 12});
  spec.position = Position::learned;
  spec.bias = true;
  const Graph graph = decoder(spec, 1, 1024);
  EXPECT_EQ(graph.parameter_count(), 124439808);
  EXPECT_EQ(graph.node(graph.outputs()[0]).shape, (Shape{1, 1024, 50257}));
  EXPECT_DOUBLE_EQ(find(graph, "layer3.query.weight")->init.scale, 0.02);
  EXPECT_DOUBLE_EQ(find(graph, "layer3.output.weight")->init.scale, 0.02 / std::sqrt(24.0));
  EXPECT_DOUBLE_EQ(find(graph, "layer3.down.weight")->init.scale, 0.02 / std::sqrt(24.0));
}

TEST(Decoder, HasTheParametersOfTokenFormer) {
  // The published series (12 layers, width 768): 124M, 354M, 757M, 1.4B.
  const struct {
    int tokens, ffn_tokens;
    double millions, tolerance;
  } kSeries[] = {{576, 2304, 124, 1}, {2140, 8560, 354, 1}, {4850, 19400, 757, 4}, {8620, 34480, 1400, 100}};
  for (const auto& [tokens, ffn_tokens, millions, tolerance] : kSeries) {
    DecoderSpec spec{.vocabulary = 50304, .context = 1024, .width = 768};
    spec.layers.assign(12, {.tokenized = true, .heads = 12, .tokens = tokens, .ffn_tokens = ffn_tokens});
    const Graph graph = decoder(spec, 1, 1024);
    const std::int64_t expected = 2ll * 12 * 768 * (4 * tokens + ffn_tokens) + 50304ll * 768 + 2 * 768;
    EXPECT_EQ(graph.parameter_count(), expected);
    EXPECT_NEAR(static_cast<double>(expected) / 1e6, millions, tolerance);
    EXPECT_DOUBLE_EQ(find(graph, "layer0.query.keys")->init.scale, 0.02);
    EXPECT_DOUBLE_EQ(find(graph, "layer0.feedforward.values")->init.scale, 2.0 / (12.0 * std::sqrt(768.0)));
    EXPECT_EQ(count_op(graph, "linear"), 1);
    EXPECT_EQ(count_op(graph, "token_parameter_attention"), 5 * 12);
    EXPECT_EQ(find(graph, "layer0.attention.norm.weight"), nullptr);
    EXPECT_NE(find(graph, "final.norm.weight"), nullptr);
    for (const Node& node : graph.nodes())
      if (node.op == "rotary") {
        EXPECT_DOUBLE_EQ(node.attributes.real("fraction"), 0.25);
      }
  }
}

TEST(Decoder, ZeroLayersIsAModel) {
  const Graph graph = decoder({.vocabulary = 11, .context = 8, .width = 6}, 2, 8);
  EXPECT_EQ(graph.parameter_count(), 11 * 6 + 2 * 6);
  EXPECT_EQ(graph.node(graph.outputs()[0]).shape, (Shape{2, 8, 11}));
  const Graph untied = decoder({.vocabulary = 11, .context = 8, .width = 6, .tied = false}, 2, 8);
  EXPECT_EQ(untied.parameter_count(), 2 * 11 * 6 + 2 * 6);
}

TEST(Decoder, MixesLayersAndCountsTheirParts) {
  DecoderSpec spec{.vocabulary = 11, .context = 8, .width = 16};
  spec.layers = {
      {.heads = 4, .kv_heads = 1, .feedforward = Feedforward::gated, .hidden = 24, .activation = "silu"},
      {.tokenized = true, .heads = 2, .feedforward = Feedforward::none, .tokens = 10},
      {.heads = 2, .feedforward = Feedforward::none}};
  spec.norm = Norm::rms;
  const Graph graph = decoder(spec, 2, 8);
  const std::int64_t gated = 16 * 16 * 2 + 2 * 16 * 4 + 3 * 16 * 24 + 2 * 16;
  const std::int64_t tokenized = 4 * 10 * 32;
  const std::int64_t plain = 4 * 16 * 16 + 16;
  EXPECT_EQ(graph.parameter_count(), 11 * 16 + gated + tokenized + plain + 16);
  EXPECT_EQ(count_op(graph, "rms_norm"), 5);
  EXPECT_EQ(count_op(graph, "layer_norm"), 0);
  EXPECT_EQ(count_op(graph, "multiply"), 1);
  spec.position = Position::none;
  EXPECT_EQ(count_op(decoder(spec, 2, 8), "rotary"), 0);
}

TEST(Decoder, RefusesImpossibleModels) {
  const DecoderSpec good{.vocabulary = 11, .context = 8, .width = 12, .layers = {{.heads = 2}}};
  EXPECT_NO_THROW(decoder(good, 1, 8));
  const auto refuses = [&](auto change, int length = 8) {
    DecoderSpec spec = good;
    change(spec);
    EXPECT_THROW(decoder(spec, 1, length), Error);
  };
  refuses([](DecoderSpec& spec) { spec.layers[0].heads = 5; });
  refuses([](DecoderSpec& spec) { spec.layers[0].heads = 4; });  // a whole head of three elements to turn
  refuses([](DecoderSpec& spec) { spec.layers[0].heads = 0; });
  refuses([](DecoderSpec& spec) { spec.layers[0].kv_heads = 3; });
  refuses([](DecoderSpec& spec) { spec.layers[0].activation = "step"; });
  refuses([](DecoderSpec& spec) { spec.layers[0] = {.tokenized = true, .feedforward = Feedforward::gated}; });
  refuses([](DecoderSpec& spec) { spec.layers[0] = {.tokenized = true, .tokens = -1}; });
  refuses([](DecoderSpec& spec) { spec.vocabulary = 0; });
  refuses([](DecoderSpec& spec) { spec.width = -4; });
  refuses([](DecoderSpec&) {}, 9);
  DecoderSpec odd = good;
  odd.layers[0].heads = 4;
  odd.position = Position::learned;  // nothing turns, so three elements are fine
  EXPECT_NO_THROW(decoder(odd, 1, 8));
}

}  // namespace
}  // namespace hone::graph
