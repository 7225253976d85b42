#include "hone/identity/probe.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/task/command_probe.h"

namespace hone::identity {
namespace {

using Values = std::vector<double>;

ProbeSettings of_four() {
  ProbeSettings settings;
  settings.inputs = {{"x", {4}}};
  return settings;
}

TEST(Prober, TheBatchesAreFixedOnce) {
  const Prober a(of_four()), b(of_four());
  ASSERT_EQ(a.batches().size(), 3u);
  EXPECT_EQ(a.batches()[0].tensor("x").shape, (graph::Shape{10, 4}));
  EXPECT_EQ(a.batches()[2].tensor("x").values, b.batches()[2].tensor("x").values);
  EXPECT_NE(a.batches()[0].tensor("x").values, a.batches()[1].tensor("x").values);
  ProbeSettings more = of_four();
  more.inputs.push_back({"tokens", {2}, 7});
  more.steps = 5;
  const Prober c(more);
  EXPECT_EQ(c.batches()[2].tensor("x").values, a.batches()[2].tensor("x").values);
  for (const double token : c.batches()[4].tensor("tokens").values)
    EXPECT_TRUE(token >= 0 && token < 7 && token == std::floor(token));
  EXPECT_EQ(c.batches()[0].example(3).size(), 6u);
  EXPECT_THROW(c.batches()[0].tensor("y"), Error);
  more.examples = 0;
  EXPECT_THROW(Prober{more}, Error);
}

TEST(Prober, RandomSourcesAreResetBeforeEachCandidate) {
  std::uint64_t own = 0;
  ProbeSettings settings = of_four();
  settings.reset = [&](std::uint64_t seed) { own = seed; };
  const Prober prober(settings);
  const Candidate noisy = example_candidate([&](const Values& x, Rng& rng) {
    own = own * 6364136223846793005U + 1;
    return Values{x[0] + rng.normal() + static_cast<double>(own >> 40)};
  });
  const auto first = prober(noisy);
  EXPECT_EQ(prober(noisy), first);
  prober(example_candidate([](const Values& x, Rng& rng) { return Values{x[0] * rng.uniform()}; }));
  EXPECT_EQ(prober(noisy), first) << "whatever ran in between";
}

TEST(Prober, WhatLearnsStartsAnewAndGoesOnOverItsSteps) {
  const Prober prober(of_four());
  const Candidate learner = batch_candidate([weight = 0.0](const ProbeBatch& batch, Rng&) mutable {
    for (std::int64_t i = 0; i < batch.examples; ++i) {
      const Values x = batch.example(i);
      weight += 0.1 * (x[1] - weight * x[0]) * x[0];
    }
    return Values{weight};
  });
  const Values floats = prober.floats(learner);
  ASSERT_EQ(floats.size(), 3u);
  EXPECT_NE(floats[0], floats[1]);
  EXPECT_EQ(prober.floats(learner), floats);
}

TEST(Prober, NoKeyWithoutNumbers) {
  const Prober prober(of_four());
  EXPECT_FALSE(prober(example_candidate([](const Values& x, Rng&) { return Values{std::log(x[0])}; })));
  EXPECT_FALSE(prober(example_candidate([](const Values&, Rng&) { return Values{}; })));
}

graph::Graph sum_graph(bool other_way, bool dead) {
  graph::Graph graph;
  const int a = graph.input("a", {4, 8}, graph::DataType::float32);
  const int b = graph.input("b", {4, 8}, graph::DataType::float32);
  const int c = graph.input("c", {4, 8}, graph::DataType::float32);
  if (dead) graph.add("activation", {{"kind", std::string("gelu")}}, {b}, "dead");
  const int first = other_way ? graph.add("add", {}, {c, b}, "cb") : graph.add("add", {}, {a, b}, "ab");
  const int sum = graph.add("add", {}, {first, other_way ? a : c}, "sum");
  const int out = graph.add("linear", {{"out", std::int64_t{3}}}, {sum}, "map");
  graph.output(out);
  return graph;
}

TEST(Prober, GraphsOfOneFunctionAgree) {
  ProbeSettings settings;
  settings.inputs = {{"a", {8}}, {"b", {8}}, {"c", {8}}};
  const Prober prober(settings);
  const auto plain = prober(graph_candidate(sum_graph(false, false)));
  ASSERT_TRUE(plain);
  EXPECT_EQ(prober.floats(graph_candidate(sum_graph(false, false))).size(), 3u * 10u * 3u);
  EXPECT_TRUE(shares_key(*plain, *prober(graph_candidate(sum_graph(true, true)))));
  graph::Graph other = sum_graph(false, false);
  other.set_init(0, {graph::Init::Kind::normal, 0.5});
  EXPECT_FALSE(shares_key(*plain, *prober(graph_candidate(other)))) << "it starts otherwise";
  ProbeSettings lacking;
  lacking.inputs = {{"a", {8}}, {"b", {8}}};
  EXPECT_THROW(Prober(lacking).floats(graph_candidate(sum_graph(false, false))), Error);
}

/// The function of this test: tanh(a + b + c) * 0.5 + max(a, d), however it is written.
TEST(Prober, OneFunctionHasOneKeyHoweverItIsWritten) {
  const Prober prober(of_four());
  const auto key = [&](ExampleFunction function) { return prober(example_candidate(std::move(function))); };
  const auto plain = key([](const Values& x, Rng&) {
    return Values{std::tanh(x[0] + x[1] + x[2]) * 0.5 + std::max(x[0], x[3])};
  });
  ASSERT_TRUE(plain);
  EXPECT_TRUE(shares_key(*plain, *key([](const Values& x, Rng&) {
    const double dead = std::exp(x[3]) * 7.0;
    (void)dead;
    const double half = std::tanh(x[2] + (x[1] + x[0])) / 2.0;
    return Values{x[3] > x[0] ? x[3] + half : half + x[0]};
  })));
  EXPECT_TRUE(shares_key(*plain, *key([](const Values& x, Rng&) {
    const auto f = [&](std::size_t i) { return static_cast<float>(x[i]); };
    const float e = std::exp(2.0F * ((f(0) + f(2)) + f(1)));
    return Values{static_cast<double>(0.5F * ((e - 1.0F) / (e + 1.0F)) + std::max(f(3), f(0)))};
  }))) << "in float32, tanh by exp";

  const std::string awk =
      "function tanh(v) { if (v > 20) return 1; if (v < -20) return -1; e = exp(2 * v); return (e - 1) / (e "
      "+ "
      "1) }\n"
      "NF == 4 { m = $4; if ($1 > m) m = $1; s = $3; s += $1; s += $2; printf \"%.9g\\n\", m + tanh(s) / 2 }";
  task::ProbeCommand program{{"awk", awk}};
  program.form = task::BatchForm::text;
  const auto command = prober(task::command_candidate(program));
  ASSERT_TRUE(command);
  EXPECT_TRUE(shares_key(*plain, *command)) << "another program";

  const std::vector<ExampleFunction> others{
      [](const Values& x, Rng&) {
        return Values{std::tanh(x[0] + x[1] + x[2]) * 0.505 + std::max(x[0], x[3])};
      },
      [](const Values& x, Rng&) { return Values{std::tanh(x[0] + x[1]) * 0.5 + std::max(x[0], x[3])}; },
      [](const Values& x, Rng&) { return Values{std::tanh(x[0] + x[1] + x[2]) * 0.5 + (x[0] + x[3])}; },
      [](const Values& x, Rng&) {
        return Values{std::tanh(x[0] + x[1] - x[2]) * 0.5 + std::max(x[0], x[3])};
      },
      [](const Values& x, Rng&) { return Values{std::sin(x[0] + x[1] + x[2]) * 0.5 + std::max(x[0], x[3])}; },
      [](const Values& x, Rng&) { return Values{std::tanh(x[0] + x[1] + x[2]) * 0.5 + x[3]}; },
      [](const Values& x, Rng&) {
        return Values{std::tanh(x[0] + x[1] + x[2]) * 0.5 + std::max(x[0], x[3]) + 1e-3};
      }};
  std::set<Key> keys{plain->key};
  for (const auto& other : others) {
    const auto signature = key(other);
    EXPECT_FALSE(shares_key(*plain, *signature));
    keys.insert(signature->key);
  }
  EXPECT_EQ(keys.size(), 1 + others.size());
}

}  // namespace
}  // namespace hone::identity
