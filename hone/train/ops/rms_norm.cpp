#include "hone/train/ops/fused.h"
#include "hone/train/sequence_kernel.h"

namespace hone::train::ops {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Tensor rms_norm_plain(const Tensor& x, const Tensor& weight, double epsilon) {
  const Tensor normal = x * at::rsqrt(at::mean(x * x, {-1}, true) + epsilon);
  return weight.defined() ? normal * weight : normal;
}

const float* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<float>() : nullptr;
}

Tensor rms_norm_fused(const Tensor& x, const Tensor& weight, double epsilon, float* inverse) {
  const std::int64_t n = x.size(-1);
  const Tensor output = at::empty_like(x);
  rms_norm_forward(x.data_ptr<float>(), data_or_null(weight), x.numel() / n, n, static_cast<float>(epsilon),
                   output.data_ptr<float>(), inverse);
  return output;
}

/// x: contiguous; weight: [n] or undefined.
class FusedRmsNorm : public torch::autograd::Function<FusedRmsNorm> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, double epsilon) {
    const Tensor inverse = at::empty({x.numel() / x.size(-1)}, x.options());
    const Tensor output = rms_norm_fused(x, weight, epsilon, inverse.data_ptr<float>());
    context->save_for_backward({x, weight, inverse});
    context->saved_data["epsilon"] = epsilon;
    return output;
  }
  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1];
    if (at::GradMode::is_enabled()) {
      const double epsilon = context->saved_data["epsilon"].toDouble();
      variable_list result = plain_gradients(
          [&](const variable_list& inputs) { return rms_norm_plain(inputs[0], inputs[1], epsilon); },
          {x, weight}, outputs[0]);
      result.resize(3);
      return result;
    }
    const Tensor gradient = outputs[0].contiguous();
    const Tensor input_gradient = at::empty_like(x);
    Tensor weight_gradient;
    if (weight.defined()) weight_gradient = at::zeros_like(weight);
    const std::int64_t n = x.size(-1);
    rms_norm_backward(x.data_ptr<float>(), data_or_null(weight), saved[2].data_ptr<float>(),
                      gradient.data_ptr<float>(), x.numel() / n, n, input_gradient.data_ptr<float>(),
                      weight.defined() ? weight_gradient.data_ptr<float>() : nullptr);
    return {input_gradient, weight_gradient, Tensor()};
  }
};

class RmsNormLowering : public Lowering {
 public:
  Tensor run(const graph::Node& node, int, const std::vector<Tensor>& inputs,
             const std::vector<Tensor>& parameters, Context&) const override {
    const double epsilon = node.attributes.real("epsilon");
    const Tensor weight = parameters.empty() ? Tensor() : parameters[0];
    if (!kernel_serves(inputs[0])) return rms_norm_plain(inputs[0], weight, epsilon);
    const Tensor x = inputs[0].contiguous();
    if (wants_gradient({&x, &weight})) return FusedRmsNorm::apply(x, weight, epsilon);
    return rms_norm_fused(x, weight, epsilon, nullptr);
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, rms_norm) {
  using namespace hone::train::ops;
  registry.add("lowering",
               {.name = "rms_norm",
                .summary = "Two passes over a row that is in cache, forward and backward, on the CPU.",
                .paper = "Root Mean Square Layer Normalization"},
               lowering_maker<RmsNormLowering>());
}
