#include <filesystem>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/graph/evaluate.h"
#include "hone/train/model.h"
#include "hone/train/trainer.h"

namespace hone::train {
namespace {

using graph::Graph;
using torch::Tensor;
using Int = std::int64_t;

/// Stem, a cell with a skip and a pool, a strided reduction, head. `respelled`: the same, written otherwise.
Graph small_net(Int batch, bool respelled = false) {
  Graph g;
  int x = g.input("image", {batch, 3, 9, 7}, graph::DataType::float32);
  const auto conv = [&](int from, Int out, Int kernel, Int stride, const std::string& name) {
    from = g.add("activation", {{"kind", std::string("relu")}}, {from}, name + ".relu");
    from = g.add("conv2d", {{"out", out}, {"kernel", kernel}, {"stride", stride}}, {from}, name + ".conv");
    return g.add("batch_norm", {}, {from}, name + ".norm");
  };
  x = conv(x, 6, 3, 1, "stem");
  const auto pool = [&] { return g.add("avg_pool2d", {{"kernel", Int{3}}}, {x}, "pool"); };
  int pooled = respelled ? pool() : 0;
  const int a = conv(x, 6, 3, 1, "a"), b = conv(x, 6, 1, 1, "b");
  if (respelled) {
    const int nothing = g.add("zero", {}, {conv(x, 6, 3, 1, "unused")}, "zero");
    const int inner = g.add("add", {}, {b, nothing}, "inner");
    x = g.add("add", {}, {g.add("identity", {}, {pooled}, "skip"), g.add("add", {}, {inner, x, a}, "in")},
              "sum");
  } else {
    pooled = pool();
    x = g.add("add", {}, {g.add("add", {}, {a, b}, "ab"), g.add("add", {}, {x, pooled}, "xp")}, "sum");
  }
  x = conv(x, 10, 3, 2, "down");
  x = g.add("concat", {}, {x, g.add("max_pool2d", {{"kernel", Int{3}}}, {x}, "max")}, "both");
  x = g.add("global_avg_pool", {}, {x}, "pool");
  g.output(g.add("linear", {{"out", Int{4}}, {"bias", true}}, {x}, "head"));
  return g;
}

Tensor some_images(Int batch) {
  torch::manual_seed(2);
  return torch::randn({batch, 3, 9, 7});
}

Tensor loss_of(Model& model, const Tensor& images) {
  const Tensor labels = at::arange(images.size(0), torch::kInt64).remainder(4);
  return at::cross_entropy_loss(model.forward(images), labels);
}

std::vector<double> train(Model& model, int steps) {
  TrainerOptions options;
  options.schedule.peak = 0.01;
  Trainer trainer(model.parameters(), model.parameter_names(), options);
  const Tensor images = some_images(8);
  std::vector<double> losses;
  for (int i = 0; i < steps; ++i)
    losses.push_back(trainer.step([&](Int) { return loss_of(model, images); }).loss);
  return losses;
}

TEST(ImageModel, TrainsTheSameAtASeed) {
  Model one(small_net(8), 5), two(small_net(8), 5), other(small_net(8), 6);
  const std::vector<double> losses = train(one, 2);
  EXPECT_EQ(losses, train(two, 2));
  EXPECT_NE(losses, train(other, 2));
  for (std::size_t i = 0; i < one.parameters().size(); ++i)
    EXPECT_TRUE(torch::equal(one.parameters()[i], two.parameters()[i]));
  for (std::size_t i = 0; i < one.moments().size(); ++i)
    EXPECT_TRUE(torch::equal(one.moments()[i], two.moments()[i]));
  const std::vector<double> more = train(two, 60);
  EXPECT_LT(more.back(), 0.5 * losses[0]);
}

TEST(ImageModel, SpellingDoesNotChangeABit) {
  ASSERT_EQ(graph::canonical(small_net(8)).key, graph::canonical(small_net(8, true)).key);
  Model one(small_net(8), 5), other(small_net(8, true), 5);
  EXPECT_EQ(one.parameter_names(), other.parameter_names());
  EXPECT_EQ(train(one, 3), train(other, 3));
  for (std::size_t i = 0; i < one.parameters().size(); ++i)
    EXPECT_TRUE(torch::equal(one.parameters()[i], other.parameters()[i]));
}

TEST(ImageModel, OfZerosAloneGivesZeros) {
  Graph g;
  int x = g.input("image", {2, 3, 8, 8}, graph::DataType::float32);
  x = g.add("zero", {{"stride", Int{2}}}, {x}, "none");
  x = g.add("conv2d", {{"out", Int{4}}, {"kernel", Int{3}}}, {x}, "conv");
  g.output(g.add("global_avg_pool", {}, {x}, "pool"));
  Model model(g, 1);
  EXPECT_TRUE(model.parameters().empty());
  EXPECT_TRUE(torch::equal(model.forward(torch::randn({5, 3, 8, 8})), torch::zeros({5, 4})));
}

TEST(ImageModel, StartsFromTheInterpretersParametersAndComputesTheSame) {
  const Graph graph = small_net(8);
  Model model(graph, 5);
  const std::vector<graph::Array> parameters = graph::initial_parameters(graph, 5);
  const std::vector<int> positions = graph::canonical(graph).parameter_position;
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const Tensor ours = model.parameters()[static_cast<std::size_t>(positions[i])].detach();
    ASSERT_EQ(ours.sizes().vec(), parameters[i].shape);
    for (Int k = 0; k < ours.numel(); ++k)
      ASSERT_EQ(ours.data_ptr<float>()[k], parameters[i].values[static_cast<std::size_t>(k)]);
  }
  const Tensor images = some_images(8);
  const graph::Array input = {{8, 3, 9, 7},
                              {images.data_ptr<float>(), images.data_ptr<float>() + images.numel()}};
  const auto close = [&](const graph::EvaluateOptions& options) {
    const Tensor found = model.forward(images).detach().contiguous();
    const std::vector<double> expected = graph::evaluate(graph, {input}, parameters, options)[0].values;
    ASSERT_EQ(found.numel(), static_cast<Int>(expected.size()));
    for (std::size_t k = 0; k < expected.size(); ++k)
      EXPECT_NEAR(found.data_ptr<float>()[k], expected[k], 2e-5 * (1.0 + std::abs(expected[k])));
  };
  close({});
  // In inference with the moments that the pass above has moved.
  model.set_training(false);
  graph::EvaluateOptions options;
  options.training = false;
  options.moments.resize(graph.nodes().size());
  for (std::size_t i = 0; i < model.moments().size(); ++i) {
    const std::string& name = model.moment_names()[i];
    for (std::size_t id = 0; id < graph.nodes().size(); ++id)
      if (graph.nodes()[id].op == "batch_norm" && name.starts_with(graph.nodes()[id].name + ".")) {
        const Tensor& moment = model.moments()[i];
        options.moments[id].push_back(
            {moment.sizes().vec(), {moment.data_ptr<float>(), moment.data_ptr<float>() + moment.numel()}});
      }
  }
  close(options);
}

TEST(ImageModel, KeepsMomentsInCheckpoints) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "image_moments.ckpt";
  Model model(small_net(8), 5);
  ASSERT_EQ(model.moments().size(), 8u);
  EXPECT_EQ(model.moments()[0].abs().max().item<float>(), 0.0f);
  train(model, 3);
  EXPECT_GT(model.moments()[0].abs().max().item<float>(), 0.0f);
  Checkpoint checkpoint;
  model.save_moments(checkpoint);
  checkpoint.save(path.string());
  Model again(small_net(8), 5);
  again.load_moments(Checkpoint::load(path.string()));
  for (std::size_t i = 0; i < model.moments().size(); ++i)
    EXPECT_TRUE(torch::equal(model.moments()[i], again.moments()[i])) << model.moment_names()[i];
  EXPECT_EQ(model.moment_names(), again.moment_names());
  EXPECT_THROW(again.load_moments(Checkpoint()), Error);
  std::filesystem::remove(path);

  // Moments decide in inference, which leaves them alone: any batch then gives an image the same logits.
  again.set_training(false);
  const Tensor images = some_images(8);
  const at::NoGradGuard guard;
  const Tensor whole = again.forward(images), one = again.forward(images.narrow(0, 3, 1));
  EXPECT_LT((whole.narrow(0, 3, 1) - one).abs().max().item<float>(), 1e-5);
  EXPECT_TRUE(torch::equal(model.moments()[0], again.moments()[0]));
}

TEST(ImageModel, RefusesToNormaliseOneNumber) {
  Graph g;
  g.output(g.add("batch_norm", {}, {g.input("x", {1, 4}, graph::DataType::float32)}, "norm"));
  Model model(g, 1);
  EXPECT_THROW(model.forward(torch::randn({1, 4})), Error);
  EXPECT_NO_THROW(model.forward(torch::randn({2, 4})));
  model.set_training(false);
  EXPECT_NO_THROW(model.forward(torch::randn({1, 4})));
}

}  // namespace
}  // namespace hone::train
