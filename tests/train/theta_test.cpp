#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "hone/base/rng.h"
#include "hone/train/kernel_math.h"
#include "hone/train/ops/token_parameter_attention.h"
#include "hone/train/theta_kernel.h"

namespace hone::train {
namespace {

torch::Tensor random_tensor(std::vector<std::int64_t> shape, std::uint64_t seed, double scale = 1.0) {
  torch::Tensor tensor = torch::empty(shape, torch::kFloat64);
  Rng rng(seed, "test");
  double* out = tensor.data_ptr<double>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) out[i] = scale * rng.normal();
  return tensor;
}

/// Largest difference, relative to the largest entry of `expected`.
double relative_distance(const torch::Tensor& found, const torch::Tensor& expected) {
  const torch::Tensor e = expected.to(torch::kFloat64);
  return ((found.to(torch::kFloat64) - e).abs().max() / e.abs().max().clamp_min(1e-30)).item<double>();
}

double gelu(double u) { return 0.5 * u * std::erfc(-u / std::sqrt(2.0)); }

TEST(KernelMath, FollowsTheStandardLibrary) {
  double worst_exp = 0, worst_cdf = 0;
  for (int i = -400000; i <= 400000; ++i) {
    const float x = static_cast<float>(i) * 2.5e-5f;
    const float gauss = exp_of_negative(-0.5f * x * x);
    const double exact = std::exp(-0.5 * static_cast<double>(x) * x);
    worst_exp = std::max(worst_exp, std::abs(gauss - exact) / exact);
    const double cdf = 0.5 * std::erfc(-static_cast<double>(x) / std::sqrt(2.0));
    worst_cdf = std::max(worst_cdf, std::abs(normal_cdf(x, gauss) - cdf));
  }
  // The argument -x*x/2 is itself rounded: at 50 one unit in the last place moves exp by 4e-6.
  EXPECT_LT(worst_exp, 5e-6);
  EXPECT_LT(worst_cdf, 3e-7);
  double worst = 0;
  for (int i = 0; i <= 870000; ++i) {
    const float y = -1e-4f * static_cast<float>(i);
    const double exact = std::exp(static_cast<double>(y));
    worst = std::max(worst, std::abs(exp_of_negative(y) - exact) / exact);
  }
  EXPECT_LT(worst, 2e-7);
  EXPECT_LT(exp_of_negative(-1e30f), 2e-38f);
  EXPECT_TRUE(std::isnan(exp_of_negative(std::nanf(""))));
}

TEST(Theta, KernelFollowsTheFormulaAtEveryLength) {
  for (const std::int64_t n : {1, 2, 7, 16, 31, 32, 33, 64, 100, 513}) {
    const std::int64_t rows = 5;
    const torch::Tensor scores = random_tensor({rows, n}, static_cast<std::uint64_t>(n), 3.0);
    const torch::Tensor in = scores.to(torch::kFloat32);
    torch::Tensor out = torch::empty_like(in);
    std::vector<float> scale(rows);
    const float tau = std::sqrt(static_cast<float>(n));
    theta_forward(in.data_ptr<float>(), rows, n, tau, out.data_ptr<float>(), scale.data());
    for (std::int64_t i = 0; i < rows; ++i) {
      double squares = 0;
      for (std::int64_t j = 0; j < n; ++j) squares += std::pow(in[i][j].item<double>(), 2);
      EXPECT_NEAR(scale[static_cast<std::size_t>(i)], tau / std::sqrt(squares),
                  1e-6 * tau / std::sqrt(squares));
      for (std::int64_t j = 0; j < n; ++j) {
        const double u = in[i][j].item<double>() * tau / std::sqrt(squares);
        EXPECT_NEAR(out[i][j].item<double>(), gelu(u), 1e-6 * std::max(1.0, std::abs(u)))
            << n << " " << i << " " << j;
      }
    }
    // In place gives the same bits.
    torch::Tensor same = in.clone();
    theta_forward(same.data_ptr<float>(), rows, n, tau, same.data_ptr<float>(), nullptr);
    EXPECT_TRUE(torch::equal(same, out));
  }
}

TEST(Theta, RowsOutsideFloatsSquaresKeepTheirDirection) {
  for (const float size : {1e-25f, 1e-18f, 1e25f}) {
    std::vector<float> row = {size, -2 * size, 0.0f, 2 * size}, out(4), gradient = {1, 2, 3, 4};
    float scale = 0;
    theta_forward(row.data(), 1, 4, 2.0f, out.data(), &scale);
    EXPECT_NEAR(out[0], gelu(2.0 / 3), 2e-6);
    EXPECT_NEAR(out[1], gelu(-4.0 / 3), 2e-6);
    EXPECT_EQ(out[2], 0.0f);
    theta_backward(row.data(), &scale, 1, 4, 2.0f, gradient.data());
    double radial = 0;  // no gradient along the row itself: its length does not matter
    for (int j = 0; j < 4; ++j) radial += static_cast<double>(gradient[j] / scale) * row[j] * scale;
    EXPECT_NEAR(radial, 0.0, 1e-5);
    EXPECT_TRUE(std::isfinite(gradient[0]));
  }
}

TEST(Theta, AZeroRowGivesZeroAndPassesNoGradient) {
  std::vector<float> row(40, 0.0f), out(40, 1.0f), gradient(40, 1.0f);
  float scale = 1;
  theta_forward(row.data(), 1, 40, 6.0f, out.data(), &scale);
  theta_backward(row.data(), &scale, 1, 40, 6.0f, gradient.data());
  EXPECT_EQ(out, std::vector<float>(40, 0.0f));
  EXPECT_EQ(gradient, std::vector<float>(40, 0.0f));

  torch::Tensor scores = torch::zeros({2, 3}, torch::kFloat64).requires_grad_();
  const torch::Tensor plain = theta(scores, 2.0);
  plain.sum().backward();
  EXPECT_TRUE(torch::equal(plain.detach(), torch::zeros({2, 3}, torch::kFloat64)));
  EXPECT_TRUE(torch::equal(scores.grad(), torch::zeros({2, 3}, torch::kFloat64)));
}

TEST(Theta, NotFiniteScoresSpoilTheirRowOnly) {
  const float bad[] = {std::numeric_limits<float>::infinity(), std::nanf("")};
  for (const float value : bad) {
    std::vector<float> scores(12, 1.0f), out(12);
    scores[2] = value;
    theta_forward(scores.data(), 3, 4, 2.0f, out.data(), nullptr);
    EXPECT_TRUE(std::isnan(out[2]));
    for (std::size_t j = 4; j < 12; ++j) EXPECT_NEAR(out[j], gelu(1.0), 1e-6);
  }
}

struct Gradients {
  torch::Tensor output, x, keys, values;
};

template <typename Attention>
Gradients differentiate(Attention attention, const torch::Tensor& x, const torch::Tensor& keys,
                        const torch::Tensor& values, torch::ScalarType type, double tau) {
  const auto leaf = [&](const torch::Tensor& t) { return t.to(type).clone().requires_grad_(); };
  Gradients result;
  const torch::Tensor a = leaf(x), k = leaf(keys), v = leaf(values);
  result.output = attention(a, k, v, tau);
  const torch::Tensor direction = random_tensor(result.output.sizes().vec(), 99).to(type);
  const auto found = torch::autograd::grad({(result.output * direction).sum()}, {a, k, v});
  result.x = found[0], result.keys = found[1], result.values = found[2];
  return result;
}

TEST(TokenParameterAttention, FusedFollowsThePlainFormInDouble) {
  for (const std::int64_t n : {1, 5, 48, 333}) {
    for (const double tau : {0.0, 3.5}) {
      const torch::Tensor x = random_tensor({3, 4, 24}, 1), keys = random_tensor({n, 24}, 2, 0.3),
                          values = random_tensor({n, 10}, 3, 0.3);
      const Gradients fused = differentiate(token_parameter_attention, x, keys, values, torch::kFloat32, tau);
      const Gradients plain =
          differentiate(token_parameter_attention_plain, x, keys, values, torch::kFloat64, tau);
      EXPECT_EQ(fused.output.sizes(), (at::IntArrayRef{3, 4, 10}));
      EXPECT_LT(relative_distance(fused.output, plain.output), 2e-6) << n;
      EXPECT_LT(relative_distance(fused.values, plain.values), 2e-6) << n;
      if (n == 1) continue;  // a single token's score has no direction to turn: its gradient is zero
      EXPECT_LT(relative_distance(fused.x, plain.x), 1e-5) << n;
      EXPECT_LT(relative_distance(fused.keys, plain.keys), 1e-5) << n;
      torch::NoGradGuard inference;
      EXPECT_LT(relative_distance(token_parameter_attention(x.to(torch::kFloat32), keys.to(torch::kFloat32),
                                                            values.to(torch::kFloat32), tau),
                                  plain.output),
                2e-6);
    }
  }
}

TEST(TokenParameterAttention, GradientsAreThoseOfFiniteDifferences) {
  std::vector<torch::Tensor> in = {random_tensor({3, 6}, 1), random_tensor({7, 6}, 2),
                                   random_tensor({7, 4}, 3)};
  const auto value = [&] {
    const torch::Tensor y = token_parameter_attention(in[0], in[1], in[2]);
    return (y * random_tensor({3, 4}, 99)).sum().item<double>();
  };
  const Gradients found = differentiate(token_parameter_attention, in[0], in[1], in[2], torch::kFloat64, 0.0);
  const torch::Tensor gradients[] = {found.x, found.keys, found.values};
  for (std::size_t t = 0; t < in.size(); ++t) {
    double* entries = in[t].data_ptr<double>();
    const torch::Tensor flat = gradients[t].contiguous().view(-1);
    for (std::int64_t i = 0; i < in[t].numel(); ++i) {
      const double kept = entries[i], h = 1e-6;
      entries[i] = kept + h;
      const double above = value();
      entries[i] = kept - h;
      const double below = value();
      entries[i] = kept;
      EXPECT_NEAR(flat[i].item<double>(), (above - below) / (2 * h), 1e-7) << t << " " << i;
    }
  }
}

TEST(TokenParameterAttention, GradientsOfGradientsFollowThePlainForm) {
  const torch::Tensor x = random_tensor({5, 8}, 1), keys = random_tensor({9, 8}, 2),
                      values = random_tensor({9, 3}, 3);
  const auto second = [&](auto attention, torch::ScalarType type) {
    const torch::Tensor a = x.to(type).clone().requires_grad_(), k = keys.to(type).clone().requires_grad_(),
                        v = values.to(type).clone();
    const auto first = torch::autograd::grad({attention(a, k, v, 0.0).square().sum()}, {k}, {}, true, true);
    return torch::autograd::grad({first[0].square().sum()}, {a, k});
  };
  const auto fused = second(token_parameter_attention, torch::kFloat32);
  const auto plain = second(token_parameter_attention_plain, torch::kFloat64);
  EXPECT_LT(relative_distance(fused[0], plain[0]), 1e-4);
  EXPECT_LT(relative_distance(fused[1], plain[1]), 1e-4);
}

TEST(TokenParameterAttention, NewTokensWithZeroKeysLeaveTheOutputWhereTauStays) {
  const torch::Tensor x = random_tensor({6, 8}, 1).to(torch::kFloat32),
                      keys = random_tensor({12, 8}, 2).to(torch::kFloat32),
                      values = random_tensor({12, 8}, 3).to(torch::kFloat32);
  const torch::Tensor grown_keys = torch::cat({keys, torch::zeros({20, 8})}),
                      grown_values = torch::cat({values, random_tensor({20, 8}, 4).to(torch::kFloat32)});
  const double tau = std::sqrt(12.0);
  const torch::Tensor before = token_parameter_attention(x, keys, values);
  EXPECT_LT(relative_distance(token_parameter_attention(x, grown_keys, grown_values, tau), before), 1e-6);
  EXPECT_GT(relative_distance(token_parameter_attention(x, grown_keys, grown_values), before), 1e-2);
}

}  // namespace
}  // namespace hone::train
