#include "hone/train/ops/token_parameter_attention.h"

#include <cmath>
#include <memory>
#include <vector>

#include <ATen/Parallel.h>

#include "hone/base/registry.h"
#include "hone/train/lowering.h"
#include "hone/train/theta_kernel.h"

namespace hone::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

double effective_tau(double tau, const Tensor& keys) {
  return tau > 0.0 ? tau : std::sqrt(static_cast<double>(keys.size(0)));
}

/// Rows a thread takes at a time: about 32 K entries.
std::int64_t theta_grain(std::int64_t n) {
  return std::max<std::int64_t>(1, 32768 / std::max<std::int64_t>(n, 1));
}

/// [rows, n] scores to Theta, which may reuse the scores' memory.
void run_theta_forward(const Tensor& scores, double tau, const Tensor& output, float* scale) {
  const std::int64_t n = scores.size(1);
  const float* in = scores.data_ptr<float>();
  float* out = output.data_ptr<float>();
  at::parallel_for(0, scores.size(0), theta_grain(n), [&](std::int64_t begin, std::int64_t end) {
    theta_forward(in + begin * n, end - begin, n, static_cast<float>(tau), out + begin * n,
                  scale == nullptr ? nullptr : scale + begin);
  });
}

void run_theta_backward(const Tensor& scores, const Tensor& scale, double tau, const Tensor& gradient) {
  const std::int64_t n = scores.size(1);
  const float* in = scores.data_ptr<float>();
  const float* scales = scale.data_ptr<float>();
  float* out = gradient.data_ptr<float>();
  at::parallel_for(0, scores.size(0), theta_grain(n), [&](std::int64_t begin, std::int64_t end) {
    theta_backward(in + begin * n, scales + begin, end - begin, n, static_cast<float>(tau), out + begin * n);
  });
}

/// x: [rows, in], float32, CPU.
class FusedAttention : public torch::autograd::Function<FusedAttention> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& keys, const Tensor& values,
                        double tau) {
    const Tensor scores = at::mm(x, keys.t()).contiguous();
    const Tensor weights = at::empty_like(scores);
    const Tensor scale = at::empty({scores.size(0)}, scores.options());
    run_theta_forward(scores, tau, weights, scale.data_ptr<float>());
    context->save_for_backward({x, keys, values, scores, weights, scale});
    context->saved_data["tau"] = tau;
    return at::mm(weights, values);
  }

  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &keys = saved[1], &values = saved[2];
    const double tau = context->saved_data["tau"].toDouble();
    const Tensor& gradient = outputs[0];
    if (at::GradMode::is_enabled()) return differentiable_backward(x, keys, values, tau, gradient);
    variable_list result(4);
    if (context->needs_input_grad(0) || context->needs_input_grad(1)) {
      const Tensor score_gradient = at::mm(gradient, values.t()).contiguous();
      run_theta_backward(saved[3], saved[5], tau, score_gradient);
      if (context->needs_input_grad(0)) result[0] = at::mm(score_gradient, keys);
      if (context->needs_input_grad(1)) result[1] = at::mm(score_gradient.t(), x);
    }
    if (context->needs_input_grad(2)) result[2] = at::mm(saved[4].t(), gradient);
    return result;
  }

 private:
  /// Where somebody will differentiate the gradient: through the plain form, run again.
  static variable_list differentiable_backward(const Tensor& x, const Tensor& keys, const Tensor& values,
                                               double tau, const Tensor& gradient) {
    const variable_list all = {x, keys, values};
    variable_list wanted;
    for (const Tensor& tensor : all)
      if (tensor.requires_grad()) wanted.push_back(tensor);
    const Tensor output = token_parameter_attention_plain(x, keys, values, tau);
    const variable_list found = torch::autograd::grad({output}, wanted, {gradient}, true, true);
    variable_list result(4);
    std::size_t next = 0;
    for (std::size_t i = 0; i < all.size(); ++i)
      if (all[i].requires_grad()) result[i] = found[next++];
    return result;
  }
};

bool fused_serves(const Tensor& tensor) {
  return tensor.device().is_cpu() && tensor.scalar_type() == torch::kFloat32;
}

class TokenParameterAttention : public Lowering {
 public:
  Tensor run(const graph::Node& node, int, const std::vector<Tensor>& inputs,
             const std::vector<Tensor>& parameters, Context&) const override {
    const double tau = node.attributes.has("tau") ? node.attributes.real("tau") : 0.0;
    return token_parameter_attention(inputs[0], parameters[0], parameters[1], tau);
  }
};

}  // namespace

Tensor theta(const Tensor& scores, double tau) {
  const Tensor norm = at::linalg_vector_norm(scores, 2, at::IntArrayRef{-1}, true);
  // Dividing by one where the norm is zero keeps NaN out of the gradient; the outer zero stops the rest of
  // it.
  const Tensor empty = norm == 0;
  return at::gelu(scores * (tau / norm.masked_fill(empty, 1.0)).masked_fill(empty, 0.0));
}

Tensor token_parameter_attention_plain(const Tensor& x, const Tensor& keys, const Tensor& values,
                                       double tau) {
  return at::matmul(theta(at::matmul(x, keys.t()), effective_tau(tau, keys)), values);
}

Tensor token_parameter_attention(const Tensor& x, const Tensor& keys, const Tensor& values, double tau) {
  if (!fused_serves(x) || !fused_serves(keys) || !fused_serves(values))
    return token_parameter_attention_plain(x, keys, values, tau);
  tau = effective_tau(tau, keys);
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = values.size(1);
  const Tensor rows = x.reshape({-1, x.size(-1)});
  const bool training =
      at::GradMode::is_enabled() && (x.requires_grad() || keys.requires_grad() || values.requires_grad());
  if (training) return FusedAttention::apply(rows, keys, values, tau).view(shape);
  const Tensor scores = at::mm(rows, keys.t()).contiguous();
  run_theta_forward(scores, tau, scores, nullptr);
  return at::mm(scores, values).view(shape);
}

}  // namespace hone::train

HONE_REGISTER(lowering, token_parameter_attention) {
  registry.add(
      "lowering",
      hone::MethodInfo{"token_parameter_attention",
                       "attention to parameter tokens, with fused kernels on the CPU",
                       "TokenFormer: Rethinking Transformer Scaling with Tokenized Model Parameters"},
      hone::train::MakeLowering(
          [] { return std::make_shared<const hone::train::TokenParameterAttention>(); }));
}
