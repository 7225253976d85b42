#include "hone/cost/graph_memory.h"

#include <gtest/gtest.h>

#include "hone/graph/decoder.h"

namespace hone::cost {
namespace {

using graph::DataType;

TEST(GraphMemory, WhatLivesWhen) {
  // x [4, 10] -> linear 20 -> relu -> linear 5.
  graph::Graph graph;
  const int x = graph.input("x", {4, 10}, DataType::float32);
  const int a = graph.add("linear", {{"out", std::int64_t{20}}}, {x}, "a");
  const int b = graph.add("activation", {{"kind", std::string("relu")}}, {a}, "b");
  graph.output(graph.add("linear", {{"out", std::int64_t{5}}}, {b}, "c"));
  const GraphMemory memory = predict_memory(graph);
  const double weights = 4.0 * (200.0 + 100.0), in = 160.0, hidden = 320.0, out = 80.0;
  EXPECT_DOUBLE_EQ(memory.weights, weights);
  EXPECT_DOUBLE_EQ(memory.optimizer, 2.0 * weights);
  // Inference: the input, one hidden layer before and one after the activation.
  EXPECT_DOUBLE_EQ(memory.inference_peak, weights + in + 2.0 * hidden);
  // After the forward pass: the input, the activation's output, the loss's logarithms.
  EXPECT_DOUBLE_EQ(memory.activations, in + hidden + out);
  EXPECT_GE(memory.training_peak, 3.0 * weights + in + hidden + 3.0 * out);
  TrainingMemoryOptions plain;
  plain.optimizer_states = 0;
  EXPECT_DOUBLE_EQ(predict_memory(graph, plain).training_peak, memory.training_peak - 2.0 * weights);
}

TEST(GraphMemory, GrowsWithTheBatchAndKeepsKeysAndValues) {
  graph::DecoderSpec spec;
  spec.vocabulary = 64;
  spec.context = 32;
  spec.width = 32;
  spec.layers = {graph::DecoderLayer{.heads = 4}, graph::DecoderLayer{.heads = 4, .kv_heads = 1}};
  const GraphMemory one = predict_memory(graph::decoder(spec, 1, 32));
  const GraphMemory four = predict_memory(graph::decoder(spec, 4, 32));
  EXPECT_DOUBLE_EQ(one.weights, four.weights);
  EXPECT_DOUBLE_EQ(4.0 * one.activations, four.activations);
  // Keys and values of 32 positions: four heads of 8, and one.
  EXPECT_DOUBLE_EQ(one.kv_cache, 4.0 * 2.0 * 32.0 * (32.0 + 8.0));
}

}  // namespace
}  // namespace hone::cost
