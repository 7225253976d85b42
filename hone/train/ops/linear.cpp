#include "hone/train/ops/fused.h"
#include "hone/train/sequence_kernel.h"

namespace hone::train::ops {
namespace {

class LinearLowering : public Lowering {
 public:
  torch::Tensor run(const graph::Node&, int, const std::vector<torch::Tensor>& inputs,
                    const std::vector<torch::Tensor>& parameters, Context&) const override {
    const torch::Tensor &x = inputs[0], &weight = parameters[0];
    const torch::Tensor bias = parameters.size() > 1 ? parameters[1] : torch::Tensor();
    // One vector: a general product of matrices would spend more on packing than on multiplying.
    if (x.numel() == weight.size(1) && kernel_serves(x) && x.is_contiguous() && weight.is_contiguous() &&
        !wants_gradient({&x, &weight, &bias})) {
      std::vector<std::int64_t> shape = x.sizes().vec();
      shape.back() = weight.size(0);
      torch::Tensor y = at::empty(shape, x.options());
      matrix_vector(weight.data_ptr<float>(), bias.defined() ? bias.data_ptr<float>() : nullptr,
                    x.data_ptr<float>(), y.data_ptr<float>(), weight.size(0), weight.size(1));
      return y;
    }
    return at::linear(x, weight, bias);
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, linear) {
  using namespace hone::train::ops;
  registry.add("lowering",
               {.name = "linear",
                .summary = "One product of matrices, with the bias added in it.",
                .paper = "Using the Output Embedding to Improve Language Models"},
               lowering_maker<LinearLowering>());
}
