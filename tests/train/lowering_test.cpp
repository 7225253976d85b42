#include "hone/train/lowering.h"

#include <cmath>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/graph/evaluate.h"
#include "hone/graph/graph.h"
#include "hone/graph/operator.h"

namespace hone::train {
namespace {

using graph::Attributes;
using graph::DataType;
using torch::Tensor;
using Int = std::int64_t;

/// One operator on inputs of given shapes, with random inputs and parameters in double.
struct Case {
  std::string op;
  Attributes attributes;
  std::vector<graph::Shape> shapes;

  graph::Graph graph() const {
    graph::Graph made;
    std::vector<int> inputs;
    for (std::size_t i = 0; i < shapes.size(); ++i)
      inputs.push_back(made.input(fmt::format("x{}", i), shapes[i], DataType::float32));
    made.output(made.add(op, attributes, inputs, op));
    return made;
  }
};

std::vector<Case> cases() {
  const graph::Shape x = {2, 5, 8};
  std::vector<Case> all = {
      {"linear", {{"out", Int{3}}, {"bias", true}}, {x}},
      {"linear", {{"out", Int{3}}}, {{7, 4}}},
      {"layer_norm", {}, {x}},
      {"layer_norm", {{"affine", false}}, {x}},
      {"rms_norm", {}, {{2, 3, 37}}},
      {"rms_norm", {{"affine", false}, {"epsilon", 0.1}}, {x}},
      {"add", {}, {x, x}},
      {"multiply", {}, {x, x}},
      {"identity", {}, {x}},
      {"rotary", {{"heads", Int{2}}}, {x}},
      {"rotary", {{"heads", Int{2}}, {"fraction", 0.5}, {"base", 100.0}}, {x}},
      {"learned_position", {{"context", Int{6}}}, {x}},
      {"causal_attention", {{"heads", Int{1}}}, {x, x, x}},
      {"causal_attention", {{"heads", Int{4}}}, {{2, 19, 8}, {2, 19, 8}, {2, 19, 8}}},
      {"causal_attention", {{"heads", Int{4}}, {"kv_heads", Int{1}}}, {x, {2, 5, 2}, {2, 5, 2}}},
      {"causal_attention", {{"heads", Int{4}}, {"kv_heads", Int{2}}}, {x, {2, 5, 4}, {2, 5, 4}}},
      {"token_parameter_attention", {{"tokens", Int{6}}, {"out", Int{3}}}, {x}},
  };
  for (const char* kind : {"gelu", "relu", "silu", "tanh", "sigmoid", "relu_squared"})
    all.push_back({"activation", {{"kind", std::string(kind)}}, {x}});
  const graph::Shape image = {3, 4, 7, 9};
  const auto images = [&](const std::string& op, Attributes attributes) {
    all.push_back({op, std::move(attributes), {image}});
  };
  images("conv2d", {{"out", Int{5}}, {"kernel", Int{3}}});
  images("conv2d", {{"out", Int{5}}, {"kernel", Int{3}}, {"stride", Int{2}}, {"bias", true}});
  images("conv2d", {{"out", Int{6}}, {"kernel", Int{3}}, {"groups", Int{2}}, {"dilation", Int{2}}});
  images("conv2d", {{"out", Int{4}}, {"kernel", Int{5}}, {"groups", Int{4}}, {"stride", Int{3}}});
  images("conv2d", {{"out", Int{2}}, {"kernel", Int{1}}, {"stride", Int{2}}});
  images("conv2d", {{"out", Int{3}}, {"kernel", Int{2}}, {"padding", Int{2}}, {"stride", Int{2}}});
  images("conv2d", {{"out", Int{3}}, {"kernel", Int{4}}, {"padding", Int{0}}});
  for (const char* op : {"avg_pool2d", "max_pool2d"}) {
    images(op, {{"kernel", Int{3}}});
    images(op, {{"kernel", Int{3}}, {"stride", Int{2}}});
    images(op, {{"kernel", Int{2}}, {"stride", Int{2}}, {"padding", Int{0}}});
    images(op, {{"kernel", Int{2}}, {"stride", Int{2}}, {"padding", Int{1}}});
    images(op, {{"kernel", Int{5}}, {"stride", Int{3}}, {"padding", Int{1}}});
  }
  images("global_avg_pool", {});
  images("batch_norm", {});
  images("batch_norm", {{"affine", false}, {"epsilon", 0.1}});
  all.push_back({"batch_norm", {}, {{6, 5}}});
  images("slice_channels", {{"begin", Int{1}}, {"channels", Int{2}}});
  images("crop", {{"top", Int{1}}, {"left", Int{2}}, {"right", Int{1}}});
  all.push_back({"concat", {}, {image, {3, 1, 7, 9}, image}});
  all.push_back({"concat", {}, {{3, 2}, {3, 5}}});
  all.push_back({"add", {}, {image, image, image}});
  all.push_back({"multiply", {}, {image, image, image}});
  return all;
}

struct Outcome {
  Tensor output;
  std::vector<Tensor> gradients;  ///< of sum(output * probe) by inputs, then parameters
  std::vector<Tensor> second;     ///< of the sum of the squared gradients
};

std::vector<Tensor> random_leaves(const Case& one) {
  torch::manual_seed(3);
  const graph::Graph made = one.graph();
  std::vector<Tensor> leaves;
  for (const graph::Shape& shape : one.shapes) leaves.push_back(torch::randn(shape, torch::kFloat64));
  for (const graph::Parameter& parameter : made.parameters())
    leaves.push_back(torch::randn(parameter.shape, torch::kFloat64));
  return leaves;
}

Tensor lowered(const Case& one, const std::vector<Tensor>& leaves) {
  const graph::Graph made = one.graph();
  const int id = made.outputs()[0];
  const auto lowering = methods().maker<MakeLowering>("lowering", one.op)();
  const auto split = leaves.begin() + static_cast<std::ptrdiff_t>(one.shapes.size());
  Context context;
  context.training = true;
  for (const graph::Parameter& moment :
       graph::find_operator(one.op).moments(made.node(id).attributes, made.input_shapes(id)))
    context.moments.push_back(torch::zeros(moment.shape, leaves[0].scalar_type()));
  return lowering->run(made.node(id), id, {leaves.begin(), split}, {split, leaves.end()}, context);
}

Tensor probe_like(const Tensor& output) {
  const Tensor steps = torch::arange(output.numel(), torch::kFloat64);
  return torch::cos(steps).view(output.sizes()).to(output.scalar_type());
}

Outcome differentiate(const Case& one, torch::ScalarType type, bool twice) {
  std::vector<Tensor> leaves;
  for (const Tensor& leaf : random_leaves(one)) leaves.push_back(leaf.to(type).detach().requires_grad_());
  Outcome result;
  result.output = lowered(one, leaves);
  const Tensor loss = (result.output * probe_like(result.output)).sum();
  result.gradients = torch::autograd::grad({loss}, leaves, {}, twice, twice, true);
  if (!twice) return result;
  Tensor squares = torch::zeros({}, type);
  for (const Tensor& gradient : result.gradients) squares = squares + (gradient * gradient).sum();
  if (!squares.requires_grad()) return result;
  result.second = torch::autograd::grad({squares}, leaves, {}, false, false, true);
  return result;
}

std::string named(const Case& one) { return fmt::format("{} {}", one.op, one.attributes.text_list()); }

double distance(const Tensor& a, const Tensor& b) {
  return (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

TEST(Lowering, EveryOperatorHasOne) {
  for (const std::string& name : methods().names("operator"))
    EXPECT_NE(methods().find("lowering", name), nullptr) << name;
  for (const std::string& name : methods().names("lowering"))
    EXPECT_NE(methods().find("operator", name), nullptr) << name;
}

TEST(Lowering, GivesTheShapeThatTheOperatorSays) {
  for (const Case& one : cases()) {
    const graph::Graph made = one.graph();
    EXPECT_EQ(lowered(one, random_leaves(one)).sizes().vec(), made.node(made.outputs()[0]).shape)
        << named(one);
  }
}

TEST(Lowering, GradientsAreThoseOfFiniteDifferences) {
  const double h = 1e-5;
  for (const Case& one : cases()) {
    const Outcome exact = differentiate(one, torch::kFloat64, false);
    std::vector<Tensor> leaves = random_leaves(one);
    const Tensor probe = probe_like(exact.output);
    const auto loss = [&] { return (lowered(one, leaves) * probe).sum().item<double>(); };
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      double* data = leaves[i].data_ptr<double>();
      for (Int j = 0; j < leaves[i].numel(); j += 3) {
        const double start = data[j];
        data[j] = start + h;
        const double above = loss();
        data[j] = start - h;
        const double below = loss();
        data[j] = start;
        EXPECT_NEAR(exact.gradients[i].contiguous().data_ptr<double>()[j], (above - below) / (2 * h), 1e-6)
            << named(one) << " input " << i << " element " << j;
      }
    }
  }
}

TEST(Lowering, KernelsAgreeWithThePlainFormInDouble) {
  for (const Case& one : cases()) {
    const Outcome fast = differentiate(one, torch::kFloat32, false),
                  exact = differentiate(one, torch::kFloat64, false);
    EXPECT_LT(distance(fast.output, exact.output), 5e-6) << named(one);
    for (std::size_t i = 0; i < exact.gradients.size(); ++i)
      EXPECT_LT(distance(fast.gradients[i], exact.gradients[i]), 3e-5) << named(one) << " gradient " << i;
    // Without gradients another path runs.
    const at::NoGradGuard guard;
    std::vector<Tensor> leaves;
    for (const Tensor& leaf : random_leaves(one)) leaves.push_back(leaf.to(torch::kFloat32));
    EXPECT_LT(distance(lowered(one, leaves), exact.output), 5e-6) << named(one);
  }
}

graph::Array array_of(const Tensor& tensor) {
  const Tensor values = tensor.detach().to(torch::kFloat64).contiguous();
  const double* data = values.data_ptr<double>();
  return {values.sizes().vec(), {data, data + values.numel()}};
}

Tensor tensor_of(const graph::Array& array) {
  return torch::from_blob(const_cast<double*>(array.values.data()), array.shape, torch::kFloat64).clone();
}

TEST(Lowering, IsWhatTheReferenceInterpreterComputes) {
  std::vector<Case> all = cases();
  all.push_back({"zero", {}, {{2, 5, 8}}});
  all.push_back({"zero", {{"stride", Int{2}}}, {{2, 3, 7, 9}}});
  all.push_back({"zero", {{"shape", std::string("=x4")}}, {{2, 5, 8}}});
  all.push_back({"zero", {{"shape", std::string("4x2x3")}}, {{2, 3, 7, 9}}});
  std::set<std::string> seen = {"embedding"};  // the one that takes no reals
  for (const Case& one : all) {
    seen.insert(one.op);
    const std::vector<Tensor> leaves = random_leaves(one);
    std::vector<graph::Array> inputs, parameters;
    for (std::size_t i = 0; i < leaves.size(); ++i)
      (i < one.shapes.size() ? inputs : parameters).push_back(array_of(leaves[i]));
    const std::vector<graph::Array> found = graph::evaluate(one.graph(), inputs, parameters);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_LT(distance(lowered(one, leaves), tensor_of(found[0])), 1e-12) << named(one);
  }
  for (const std::string& name : methods().names("operator")) EXPECT_TRUE(seen.contains(name)) << name;

  graph::Graph lookup;
  lookup.output(lookup.add("embedding", {{"vocabulary", Int{7}}, {"width", Int{3}}},
                           {lookup.input("tokens", {2, 3}, DataType::int64)}, "e"));
  const Tensor table = torch::randn({7, 3}, torch::kFloat64);
  const graph::Array tokens = {{2, 3}, {0, 6, 2, 2, 5, 1}};
  const auto found = graph::evaluate(lookup, {tokens}, {array_of(table)});
  EXPECT_LT(distance(at::embedding(table, tensor_of(tokens).to(torch::kInt64)), tensor_of(found[0])), 1e-15);
}

TEST(Lowering, GradientsOfGradientsAreRight) {
  for (const Case& one : cases()) {
    const Outcome fast = differentiate(one, torch::kFloat32, true),
                  exact = differentiate(one, torch::kFloat64, true);
    ASSERT_EQ(fast.second.size(), exact.second.size()) << named(one);
    for (std::size_t i = 0; i < exact.second.size(); ++i) {
      ASSERT_EQ(fast.second[i].defined(), exact.second[i].defined()) << named(one);
      if (!exact.second[i].defined()) continue;
      const double size = 1.0 + exact.second[i].abs().max().item<double>();
      EXPECT_LT(distance(fast.second[i], exact.second[i]) / size, 1e-4) << named(one) << " gradient " << i;
    }
  }
}

TEST(Lowering, AttentionIsTheFormula) {
  const Int b = 2, t = 5, heads = 4, d = 3;
  for (const Int kv_heads : {4, 2, 1}) {
    const Case one = {"causal_attention",
                      {{"heads", heads}, {"kv_heads", kv_heads}},
                      {{b, t, heads * d}, {b, t, kv_heads * d}, {b, t, kv_heads * d}}};
    const std::vector<Tensor> x = random_leaves(one);
    const Tensor found = lowered(one, x);
    for (Int i = 0; i < b; ++i)
      for (Int head = 0; head < heads; ++head)
        for (Int position = 0; position < t; ++position) {
          const Int kv = head / (heads / kv_heads);
          const Tensor q = x[0][i][position].narrow(0, head * d, d);
          const Tensor k = x[1][i].narrow(0, 0, position + 1).narrow(1, kv * d, d);
          const Tensor v = x[2][i].narrow(0, 0, position + 1).narrow(1, kv * d, d);
          const Tensor weights = torch::softmax(torch::mv(k, q) / std::sqrt(static_cast<double>(d)), 0);
          EXPECT_LT(distance(found[i][position].narrow(0, head * d, d), torch::mv(v.t(), weights)), 1e-12);
        }
  }
}

TEST(Lowering, RotaryIsTheFormula) {
  const Int t = 6, heads = 2, d = 8;
  const Case one = {"rotary", {{"heads", heads}, {"fraction", 0.5}, {"base", 50.0}}, {{1, t, heads * d}}};
  const Tensor x = random_leaves(one)[0];
  const Tensor found = lowered(one, {x});
  for (Int position = 0; position < t; ++position)
    for (Int head = 0; head < heads; ++head)
      for (Int i = 0; i < d; ++i) {
        const auto at = [&](Int j) { return x[0][position][head * d + j].item<double>(); };
        const double angle =
            static_cast<double>(position) * std::pow(50.0, -2.0 * static_cast<double>(i % 2) / 4.0);
        const double expected = i < 2   ? at(i) * std::cos(angle) - at(i + 2) * std::sin(angle)
                                : i < 4 ? at(i) * std::cos(angle) + at(i - 2) * std::sin(angle)
                                        : at(i);
        EXPECT_NEAR(found[0][position][head * d + i].item<double>(), expected, 1e-12);
      }
}

TEST(Lowering, NormsAreTheFormula) {
  const Case rms = {"rms_norm", {{"epsilon", 0.1}}, {{3, 7}}};
  const std::vector<Tensor> x = random_leaves(rms);
  const Tensor found = lowered(rms, x);
  for (Int row = 0; row < 3; ++row) {
    double squares = 0;
    for (Int j = 0; j < 7; ++j) squares += std::pow(x[0][row][j].item<double>(), 2);
    for (Int j = 0; j < 7; ++j)
      EXPECT_NEAR(found[row][j].item<double>(),
                  x[0][row][j].item<double>() * x[1][j].item<double>() / std::sqrt(squares / 7 + 0.1), 1e-12);
  }
}

}  // namespace
}  // namespace hone::train
