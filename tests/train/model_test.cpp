#include "hone/train/model.h"

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/graph/decoder.h"

namespace hone::train {
namespace {

using graph::decoder;
using graph::DecoderSpec;
using graph::Feedforward;
using torch::Tensor;

DecoderSpec with_layers(std::vector<graph::DecoderLayer> layers) {
  DecoderSpec spec{.vocabulary = 13, .context = 24, .width = 16};
  spec.layers = std::move(layers);
  return spec;
}

std::vector<DecoderSpec> specs() {
  std::vector<DecoderSpec> all = {
      with_layers({}),
      with_layers({{.heads = 4}}),
      with_layers({{.heads = 4}, {.heads = 2, .feedforward = Feedforward::none}}),
      with_layers({{.heads = 4, .kv_heads = 1}}),
      with_layers({{.heads = 4, .kv_heads = 2, .feedforward = Feedforward::gated, .activation = "silu"}}),
      with_layers({{.tokenized = true, .heads = 2, .tokens = 9}}),
      with_layers({{.tokenized = true, .heads = 4, .kv_heads = 1, .tokens = 9}, {.heads = 1}}),
  };
  for (std::size_t i = 0, n = all.size(); i < n; ++i) {
    DecoderSpec learned = all[i];
    learned.position = graph::Position::learned;
    learned.bias = true;
    all.push_back(learned);
    DecoderSpec rms = all[i];
    rms.norm = graph::Norm::rms;
    rms.tied = false;
    all.push_back(rms);
  }
  DecoderSpec none = all[1];
  none.position = graph::Position::none;
  all.push_back(none);
  return all;
}

Tensor some_tokens(std::int64_t batch, std::int64_t length) {
  torch::manual_seed(5);
  return torch::randint(0, 13, {batch, length}, torch::kInt64);
}

/// Weights large enough that a mistake shows in the logits.
void enlarge(Model& model) {
  const at::NoGradGuard guard;
  for (Tensor parameter : model.parameters())
    if (parameter.dim() == 2) parameter.mul_(10.0);
}

double largest_difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

TEST(Model, DecodesWhatItComputes) {
  for (const DecoderSpec& spec : specs()) {
    // The graph is made for 12 positions: the cache has to grow on the way to 20.
    Model model(decoder(spec, 2, 12), 1);
    enlarge(model);
    const Tensor tokens = some_tokens(2, 20);
    const Tensor whole = model.forward(tokens).detach();
    EXPECT_GT(whole.abs().max().item<double>(), 0.1);
    for (const std::vector<std::int64_t>& pieces :
         {std::vector<std::int64_t>(20, 1), std::vector<std::int64_t>{3, 1, 1, 5, 1, 1, 8}}) {
      Model::Decode state = model.start_decode();
      std::vector<Tensor> logits;
      for (std::int64_t piece : pieces)
        logits.push_back(model.decode(tokens.narrow(1, state.position, piece), state));
      EXPECT_EQ(state.position, 20);
      EXPECT_LT(largest_difference(torch::cat(logits, 1), whole), 1e-4) << model.graph().text();
    }
  }
}

TEST(Model, SeesNoFuture) {
  for (const DecoderSpec& spec : specs()) {
    Model model(decoder(spec, 1, 12), 1);
    enlarge(model);
    const Tensor tokens = some_tokens(1, 12);
    Tensor changed = tokens.clone();
    changed[0][8] = (changed[0][8] + 1) % 13;
    const Tensor before = model.forward(tokens), after = model.forward(changed);
    EXPECT_LT(largest_difference(before.narrow(1, 0, 8), after.narrow(1, 0, 8)), 1e-6);
    EXPECT_GT(largest_difference(before.narrow(1, 8, 1), after.narrow(1, 8, 1)), 1e-3);
  }
}

TEST(Model, StartsByStructureAndSeed) {
  const DecoderSpec spec = specs()[6];
  const Tensor tokens = some_tokens(2, 12);
  const Tensor one = Model(decoder(spec, 2, 12), 1).forward(tokens);
  EXPECT_TRUE(torch::equal(one, Model(decoder(spec, 7, 3), 1).forward(tokens)));
  EXPECT_FALSE(torch::equal(one, Model(decoder(spec, 2, 12), 2).forward(tokens)));

  // The same structure spelled otherwise: operands swapped, an identity, a dead branch, another order.
  const auto spelled = [](bool otherwise) {
    graph::Graph g;
    const int tokens = g.input("tokens", {2, 12}, graph::DataType::int64);
    int x = g.add("embedding", {{"vocabulary", std::int64_t{13}}, {"width", std::int64_t{8}}}, {tokens}, "e");
    if (otherwise) g.add("linear", {{"out", std::int64_t{5}}}, {x}, "dead");
    if (otherwise) x = g.add("identity", {}, {x}, "nothing");
    int a, b;
    if (otherwise) {
      b = g.add("linear", {{"out", std::int64_t{8}}}, {x}, "b");
      a = g.add("activation", {}, {g.add("linear", {{"out", std::int64_t{8}}}, {x}, "a")}, "f");
    } else {
      a = g.add("activation", {}, {g.add("linear", {{"out", std::int64_t{8}}}, {x}, "a")}, "f");
      b = g.add("linear", {{"out", std::int64_t{8}}}, {x}, "b");
    }
    const int product =
        g.add("multiply", {}, otherwise ? std::vector<int>{b, a} : std::vector<int>{a, b}, "p");
    g.output(g.add("linear", {{"out", std::int64_t{13}}}, {product}, "head"));
    return g;
  };
  Model plain(spelled(false), 4), other(spelled(true), 4);
  EXPECT_TRUE(torch::equal(plain.forward(tokens), other.forward(tokens)));
  ASSERT_EQ(plain.parameters().size(), 4u);
  ASSERT_EQ(other.parameters().size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(torch::equal(plain.parameters()[i], other.parameters()[i]));
  EXPECT_EQ(plain.parameter_names(), other.parameter_names());
}

TEST(Model, StartsAsTheSpecSays) {
  DecoderSpec spec{.vocabulary = 200, .context = 16, .width = 64};
  spec.layers.assign(2, {.tokenized = true, .heads = 4, .tokens = 128});
  Model model(decoder(spec, 1, 16), 9);
  ASSERT_EQ(model.parameters().size(), 1 + 2 * 10 + 2u);
  for (std::size_t i = 0; i < model.parameters().size(); ++i) {
    const std::string& name = model.parameter_names()[i];
    const Tensor& value = model.parameters()[i];
    EXPECT_TRUE(value.requires_grad());
    const auto ends = [&](const std::string& end) { return name.size() > end.size() && name.ends_with(end); };
    if (name == "final.norm.weight") {
      EXPECT_TRUE(value.eq(1).all().item<bool>());
    } else if (name == "final.norm.bias") {
      EXPECT_TRUE(value.eq(0).all().item<bool>());
    } else {
      const double deviation = ends(".values") ? 2.0 / (2 * 8.0) : 0.02;
      EXPECT_NEAR(value.std().item<double>(), deviation, 0.05 * deviation) << name;
      EXPECT_NEAR(value.mean().item<double>(), 0.0, 0.05 * deviation) << name;
    }
  }
  // The numbers themselves are the documented stream's.
  const auto first = model.parameters()[0].flatten()[0].item<float>();
  EXPECT_FLOAT_EQ(first, static_cast<float>(0.02 * Rng(9, "init", 0).normal()));
}

TEST(Model, IsTheTransformerWrittenByHand) {
  DecoderSpec spec = with_layers({{.heads = 2}});
  spec.position = graph::Position::learned;
  spec.bias = true;
  Model model(decoder(spec, 2, 6), 3);
  enlarge(model);
  const auto p = [&](const std::string& name) {
    for (std::size_t i = 0; i < model.parameter_names().size(); ++i)
      if (model.parameter_names()[i] == name) return model.parameters()[i];
    ADD_FAILURE() << name;
    return Tensor();
  };
  const Tensor tokens = some_tokens(2, 6);
  const auto norm = [&](const Tensor& x, const std::string& name) {
    const Tensor centred = x - x.mean(-1, true);
    return centred / (centred.square().mean(-1, true) + 1e-5).sqrt() * p(name + ".weight") +
           p(name + ".bias");
  };
  const auto map = [&](const Tensor& x, const std::string& name) {
    return torch::matmul(x, p(name + ".weight").t()) + p(name + ".bias");
  };
  Tensor x = p("embedding.weight").index_select(0, tokens.flatten()).view({2, 6, 16}) +
             p("position.weight").narrow(0, 0, 6);
  const Tensor h = norm(x, "layer0.attention.norm");
  const auto split = [](const Tensor& y) { return y.view({2, 6, 2, 8}).transpose(1, 2); };
  const Tensor q = split(map(h, "layer0.query")), k = split(map(h, "layer0.key")),
               v = split(map(h, "layer0.value"));
  Tensor scores = torch::matmul(q, k.transpose(-1, -2)) / std::sqrt(8.0);
  scores = scores.masked_fill(torch::ones({6, 6}, torch::kBool).triu(1), -1e30);
  const Tensor mixed = torch::matmul(torch::softmax(scores, -1), v).transpose(1, 2).reshape({2, 6, 16});
  x = x + map(mixed, "layer0.output");
  x = x + map(torch::gelu(map(norm(x, "layer0.feedforward.norm"), "layer0.up")), "layer0.down");
  const Tensor expected = torch::matmul(norm(x, "final.norm"), p("embedding.weight").t());
  EXPECT_LT(largest_difference(model.forward(tokens), expected), 2e-5);

  // And so are its gradients.
  const Tensor target = some_tokens(2, 6).flatten();
  const auto gradients = [&](const Tensor& logits) {
    const Tensor loss = torch::nn::functional::cross_entropy(logits.view({12, 13}), target);
    return torch::autograd::grad({loss}, model.parameters());
  };
  const auto ours = gradients(model.forward(tokens)), theirs = gradients(expected);
  for (std::size_t i = 0; i < ours.size(); ++i)
    EXPECT_LT(largest_difference(ours[i], theirs[i]), 2e-5) << model.parameter_names()[i];
}

TEST(Model, SaysWhatIsWrong) {
  DecoderSpec spec = with_layers({{.heads = 2}});
  spec.position = graph::Position::learned;
  Model model(decoder(spec, 1, 12), 1);
  EXPECT_NO_THROW(model.forward(some_tokens(3, 24)));
  EXPECT_THROW(model.forward(some_tokens(3, 25)), Error);  // beyond the context
  EXPECT_THROW(model.forward(some_tokens(3, 4).to(torch::kFloat32)), Error);
  EXPECT_THROW(model.forward(some_tokens(3, 4)[0]), Error);
  EXPECT_THROW(model.forward(some_tokens(3, 4) + 13), Error);  // not in the vocabulary
  Model::Decode state = model.start_decode();
  model.decode(some_tokens(2, 4), state);
  EXPECT_THROW(model.decode(some_tokens(1, 1), state), Error);  // another batch
  EXPECT_THROW(Model(graph::Graph(), 1), Error);
}

TEST(Model, TrainsAfterDecoding) {
  // What decoding keeps (tables, masks) must serve training, which cannot use tensors of inference mode.
  for (const DecoderSpec& spec : specs()) {
    Model model(decoder(spec, 2, 12), 1);
    Model::Decode state = model.start_decode();
    model.decode(some_tokens(2, 5), state);
    model.forward(some_tokens(2, 12)).square().sum().backward();
    for (const Tensor& parameter : model.parameters()) EXPECT_TRUE(parameter.grad().defined());
  }
}

}  // namespace
}  // namespace hone::train
