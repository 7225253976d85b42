// One function, f(a, b, c) = tanh(a + b + c) b + relu(a), as a graph, as an imperative program, as C++ and as
// another program: one key. And what is nearly that function: others.
#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "hone/identity/probe.h"
#include "hone/task/command_probe.h"

namespace hone::identity {
namespace {

using graph::Attributes;
using graph::Graph;
using Values = std::vector<double>;

constexpr std::size_t kWidth = 4;

Prober prober() {
  ProbeSettings settings;
  settings.inputs = {{"r0", {kWidth}}, {"r1", {kWidth}}, {"r2", {kWidth}}};
  return Prober(settings);
}

Candidate graph_of(const std::string& squash, const std::string& gate, bool all_terms, bool mirrored) {
  Graph graph;
  std::vector<int> in;
  for (const char* name : {"r0", "r1", "r2"})
    in.push_back(graph.input(name, {2, kWidth}, graph::DataType::float32));
  const auto add = [&](int x, int y) {
    return graph.add("add", {}, mirrored ? std::vector<int>{y, x} : std::vector<int>{x, y}, "");
  };
  const auto act = [&](const std::string& kind, int x) {
    return graph.add("activation", Attributes{{"kind", kind}}, {x}, "");
  };
  if (mirrored) act("gelu", act("silu", in[2]));  // dead
  const int two = mirrored ? add(in[1], in[2]) : add(in[0], in[1]);
  const int sum = all_terms ? add(two, mirrored ? in[0] : in[2]) : two;
  const int left = graph.add("multiply", {}, {act(squash, sum), in[1]}, "");
  graph.output(add(left, act(gate, in[0])));
  return graph_candidate(std::move(graph));
}

Candidate program_of(const std::string& text) { return program_candidate(graph::Program::parse(text)); }

const std::string kInputs = "input r0 float32 2x4\ninput r1 float32 2x4\ninput r2 float32 2x4\n";

/// The plain function, with what its test changes.
struct Plain {
  double factor = 1.0, shift = 0.0;
  Values operator()(const Values& x, Rng&) const {
    Values y;
    for (std::size_t i = 0; i < kWidth; ++i) {
      const double a = x[i], b = x[kWidth + i], c = x[2 * kWidth + i];
      y.push_back(factor * std::tanh(c + (a + b)) * b + std::max(0.0, a) + shift);
    }
    return y;
  }
};

Candidate awk_of(const std::string& squashed) {
  const std::string text =
      "function tanh(v) { if (v > 20) return 1; if (v < -20) return -1; e = exp(-2 * v); return (1 - e) / (1 "
      "+ e) }\n"
      "NF == 12 { for (i = 1; i <= 4; ++i) { unused = $i ^ 2; y = " +
      squashed + " * $(i + 4); if ($i > 0) y += $i; printf \"%.9g%s\", y, i < 4 ? \" \" : \"\\n\" } }";
  return task::command_candidate({.run = {"awk", text}, .form = task::BatchForm::text});
}

TEST(UnifiedSignature, FourFormsOfOneFunctionShareAKey) {
  const Prober probe = prober();
  const auto first = probe(graph_of("tanh", "relu", true, false));
  ASSERT_TRUE(first);
  const std::vector<std::pair<const char*, Candidate>> same{
      {"another graph", graph_of("tanh", "relu", true, true)},
      {"program",
       program_of(kInputs +
                  "r3 = add r1, r2\nr4 = activation r0 [kind=relu]\nr5 = multiply r3, r3\nr3 = add r0, "
                  "r3\nr3 = activation r3 [kind=tanh]\nr3 = multiply r1, r3\nr3 = add r4, r3\noutput r3\n")},
      {"function", example_candidate(Plain())},
      {"command", awk_of("tanh($(i + 8) + $i + $(i + 4))")},
      {"float32", batch_candidate([](const ProbeBatch& batch, Rng&) {
         Values y;
         const auto &a = batch.tensor("r0").values, &b = batch.tensor("r1").values,
                    &c = batch.tensor("r2").values;
         for (std::size_t i = 0; i < a.size(); ++i) {
           const auto f = [](double v) { return static_cast<float>(v); };
           y.push_back(static_cast<double>(std::max(0.0F, f(a[i])) +
                                           f(b[i]) * std::tanh(f(a[i]) + (f(b[i]) + f(c[i])))));
         }
         return y;
       })}};
  for (const auto& [name, candidate] : same) {
    const auto signature = probe(candidate);
    ASSERT_TRUE(signature) << name;
    EXPECT_TRUE(shares_key(*first, *signature)) << name;
  }
}

TEST(UnifiedSignature, NearMissesHaveKeysOfTheirOwn) {
  const Prober probe = prober();
  std::vector<std::optional<Signature>> signatures{probe(graph_of("tanh", "relu", true, false))};
  for (const Candidate& other :
       {graph_of("tanh", "relu", false, false), graph_of("sigmoid", "relu", true, false),
        graph_of("tanh", "silu", true, false),
        program_of(kInputs + "r3 = add r0, r1\nr3 = add r3, r2\nr3 = "
                             "activation r3 [kind=tanh]\nr3 = multiply r0, "
                             "r3\nr4 = activation r0 [kind=relu]\nr3 = add "
                             "r3, r4\noutput r3\n"),
        example_candidate(Plain{1.01, 0.0}), example_candidate(Plain{1.0, 1e-3}),
        awk_of("tanh($(i + 8) + $i - $(i + 4))"), awk_of("tanh($(i + 8) + $i)")})
    signatures.push_back(probe(other));
  const auto classes = function_classes(signatures);
  EXPECT_EQ(std::set<std::size_t>(classes.begin(), classes.end()).size(), signatures.size());
}

TEST(UnifiedSignature, ParametersStartByPositionInGraphsAndPrograms) {
  ProbeSettings settings;
  settings.inputs = {{"r0", {6}}};
  const Prober probe(settings);
  Graph graph;
  const int x = graph.input("image", {1, 6}, graph::DataType::float32);
  const int hidden = graph.add("linear", Attributes{{"out", std::int64_t{5}}}, {x}, "first");
  const int bent = graph.add("activation", Attributes{{"kind", std::string("gelu")}}, {hidden}, "bend");
  graph.output(graph.add("linear", Attributes{{"out", std::int64_t{3}}}, {bent}, "second"));
  const std::string code =
      "input r0 float32 1x6\nr7 = linear r0 [out=9]\nr1 = linear r0 [out=5]\nr1 = activation r1 "
      "[kind=gelu]\nr0 = "
      "linear r1 [out=3]\noutput r0\n";
  const auto a = probe(graph_candidate(graph)), b = probe(program_of(code));
  ASSERT_TRUE(a && b);
  EXPECT_TRUE(shares_key(*a, *b)) << "dead instructions and names change no start";
  EXPECT_EQ(probe.floats(graph_candidate(graph)).size(), 3u * 10u * 3u);
}

}  // namespace
}  // namespace hone::identity
