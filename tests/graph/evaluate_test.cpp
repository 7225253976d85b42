#include "hone/graph/evaluate.h"

#include <cmath>

#include <gtest/gtest.h>

#include "hone/base/error.h"

namespace hone::graph {
namespace {

using Int = std::int64_t;

Graph on_images(const Shape& shape, const std::string& op, const Attributes& attributes) {
  Graph g;
  g.output(g.add(op, attributes, {g.input("x", shape, DataType::float32)}, op));
  return g;
}

Shape shape_of(const Shape& shape, const std::string& op, const Attributes& attributes) {
  const Graph g = on_images(shape, op, attributes);
  return g.node(g.outputs()[0]).shape;
}

TEST(Evaluate, ImageOperatorsHaveTheirShapes) {
  const Shape x = {2, 4, 7, 9};
  EXPECT_EQ(shape_of(x, "conv2d", {{"out", Int{6}}, {"kernel", Int{3}}}), (Shape{2, 6, 7, 9}));
  EXPECT_EQ(shape_of(x, "conv2d", {{"out", Int{6}}, {"kernel", Int{5}}, {"dilation", Int{2}}}),
            (Shape{2, 6, 7, 9}));
  EXPECT_EQ(shape_of(x, "conv2d", {{"out", Int{6}}, {"kernel", Int{3}}, {"stride", Int{2}}}),
            (Shape{2, 6, 4, 5}));
  EXPECT_EQ(shape_of(x, "conv2d", {{"out", Int{6}}, {"kernel", Int{3}}, {"padding", Int{0}}}),
            (Shape{2, 6, 5, 7}));
  EXPECT_EQ(shape_of(x, "avg_pool2d", {{"kernel", Int{3}}, {"stride", Int{2}}}), (Shape{2, 4, 4, 5}));
  EXPECT_EQ(shape_of(x, "max_pool2d", {{"kernel", Int{2}}, {"stride", Int{2}}}), (Shape{2, 4, 3, 4}));
  EXPECT_EQ(shape_of(x, "zero", {{"stride", Int{2}}}), (Shape{2, 4, 4, 5}));
  EXPECT_EQ(shape_of(x, "global_avg_pool", {}), (Shape{2, 4}));
  EXPECT_EQ(shape_of(x, "slice_channels", {{"begin", Int{1}}, {"channels", Int{3}}}), (Shape{2, 3, 7, 9}));
  EXPECT_EQ(shape_of(x, "crop", {{"top", Int{1}}, {"right", Int{2}}}), (Shape{2, 4, 6, 7}));

  EXPECT_THROW(shape_of(x, "conv2d", {{"out", Int{6}}, {"kernel", Int{3}}, {"groups", Int{4}}}), Error);
  EXPECT_THROW(shape_of(x, "conv2d", {{"out", Int{6}}, {"kernel", Int{9}}, {"padding", Int{0}}}), Error);
  EXPECT_THROW(shape_of({2, 4, 7}, "conv2d", {{"out", Int{6}}, {"kernel", Int{3}}}), Error);
  EXPECT_THROW(shape_of(x, "avg_pool2d", {{"kernel", Int{2}}, {"padding", Int{2}}}), Error);
  EXPECT_THROW(shape_of(x, "slice_channels", {{"begin", Int{2}}, {"channels", Int{3}}}), Error);
  EXPECT_THROW(shape_of(x, "crop", {{"top", Int{3}}, {"bottom", Int{4}}}), Error);
  EXPECT_THROW(shape_of(x, "zero", {{"shape", std::string("4xx")}}), Error);
  EXPECT_THROW(shape_of({2, 4}, "zero", {{"stride", Int{2}}}), Error);
}

TEST(Evaluate, CountsTheWorkOfAConvolution) {
  const Graph g = on_images({2, 4, 7, 9}, "conv2d",
                            {{"out", Int{6}}, {"kernel", Int{3}}, {"stride", Int{2}}, {"groups", Int{2}}});
  EXPECT_DOUBLE_EQ(g.work().flops, 2.0 * (2 * 6 * 4 * 5) * 2 * 9);
  EXPECT_DOUBLE_EQ(g.work().bytes, 4.0 * (2 * 4 * 7 * 9 + 6 * 2 * 9 + 2 * 6 * 4 * 5));
  EXPECT_DOUBLE_EQ(g.parameters()[0].init.scale, std::sqrt(2.0 / (2 * 9)));
}

TEST(Evaluate, AConvolutionByHand) {
  const Graph g = on_images({1, 1, 2, 3}, "conv2d", {{"out", Int{1}}, {"kernel", Int{3}}, {"bias", true}});
  const Array x = {{1, 1, 2, 3}, {1, 2, 3, 4, 5, 6}};
  const Array weight = {{1, 1, 3, 3}, {1, 10, 100, 1000, 1e4, 1e5, 1e6, 1e7, 1e8}}, bias = {{1}, {0.5}};
  const std::vector<double> found = evaluate(g, {x}, {weight, bias})[0].values;
  // Row 0: what is left of the window, the window's own row, the row below.
  EXPECT_EQ(found[0], 1e4 * 1 + 1e5 * 2 + 1e7 * 4 + 1e8 * 5 + 0.5);
  EXPECT_EQ(found[1], 1e3 * 1 + 1e4 * 2 + 1e5 * 3 + 1e6 * 4 + 1e7 * 5 + 1e8 * 6 + 0.5);
  EXPECT_EQ(found[5], 1 * 2 + 10 * 3 + 1e3 * 5 + 1e4 * 6 + 0.5);
}

TEST(Evaluate, PoolsDoNotCountTheBorder) {
  const Array x = {{1, 1, 2, 2}, {-1, -2, -3, -6}};
  EXPECT_EQ(evaluate(on_images(x.shape, "avg_pool2d", {{"kernel", Int{3}}}), {x}, {})[0].values,
            (std::vector<double>{-3, -3, -3, -3}));
  EXPECT_EQ(evaluate(on_images(x.shape, "max_pool2d", {{"kernel", Int{3}}}), {x}, {})[0].values,
            (std::vector<double>{-1, -1, -1, -1}));
}

TEST(Evaluate, BatchNormUsesTheBatchInTrainingAndMomentsInInference) {
  const Graph g = on_images({2, 1, 1, 2}, "batch_norm", {{"affine", false}, {"epsilon", 1e-12}});
  const Array x = {{2, 1, 1, 2}, {1, 1, 3, 3}};
  const auto near = [](const std::vector<double>& found, const std::vector<double>& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-9);
  };
  near(evaluate(g, {x}, {})[0].values, {-1, -1, 1, 1});
  EvaluateOptions inference;
  inference.training = false;
  near(evaluate(g, {x}, {}, inference)[0].values, x.values);  // moments start at 0 and 1
  inference.moments = {{}, {{{1}, {1.0}}, {{1}, {4.0}}}};
  near(evaluate(g, {x}, {}, inference)[0].values, {0, 0, 1, 1});
  inference.moments = {{}, {{{1}, {1.0}}}};
  EXPECT_THROW(evaluate(g, {x}, {}, inference), Error);
}

TEST(Evaluate, SaysWhatIsMissingOrDoesNotFit) {
  Graph g;
  const int tokens = g.input("tokens", {1, 2}, DataType::int64);
  g.output(g.add("embedding", {{"vocabulary", Int{3}}, {"width", Int{2}}}, {tokens}, "e"));
  const std::vector<Array> table = initial_parameters(g, 1);
  const auto text = [&](const std::vector<Array>& inputs, const std::vector<Array>& parameters) {
    try {
      evaluate(g, inputs, parameters);
    } catch (const Error& error) {
      return error.message();
    }
    return std::string("no error");
  };
  EXPECT_EQ(text({{{1, 2}, {0, 2}}}, table), "no error");
  EXPECT_EQ(text({}, table), "the graph's input 'tokens' is missing");
  EXPECT_EQ(text({{{1, 2}, {0, 2}}, {{1}, {0}}}, table), "the graph has 1 inputs, but 2 are given");
  EXPECT_EQ(text({{{2, 1}, {0, 2}}}, table), "input 'tokens' has shape 1x2, not 2x1");
  EXPECT_EQ(text({{{1, 2}, {0}}}, table), "input 'tokens' of shape 1x2 comes with 1 numbers");
  EXPECT_EQ(text({{{1, 2}, {0, 3}}}, table), "3 is not in the vocabulary of 3");
  EXPECT_EQ(text({{{1, 2}, {0, NAN}}}, table), "nan is not in the vocabulary of 3");
  EXPECT_EQ(text({{{1, 2}, {0, 2}}}, {}), "the graph has 1 parameters, but 0 are given");
}

TEST(Evaluate, StartsByStructureAndSeed) {
  const auto graph = [](bool swap) {
    Graph g;
    const int x = g.input("x", {2, 5, 4}, DataType::float32);
    const auto branch = [&](bool nonlinear) {
      const int map = g.add("linear", {{"out", Int{4}}}, {x}, nonlinear ? "f" : "g");
      return nonlinear ? g.add("activation", {}, {map}, "act") : map;
    };
    const int a = branch(swap), b = branch(!swap);
    g.output(g.add("add", {}, {a, b}, "sum"));
    return g;
  };
  const std::vector<Array> one = initial_parameters(graph(false), 7),
                           other = initial_parameters(graph(true), 7);
  EXPECT_EQ(one[0], other[1]);
  EXPECT_EQ(one[1], other[0]);
  EXPECT_NE(one[0], one[1]);
  EXPECT_NE(one, initial_parameters(graph(false), 8));
}

}  // namespace
}  // namespace hone::graph
