#include "hone/base/error.h"
#include "hone/train/ops/fused.h"

namespace hone::train::ops {
namespace {

class ActivationLowering : public Lowering {
 public:
  torch::Tensor run(const graph::Node& node, int, const std::vector<torch::Tensor>& inputs,
                    const std::vector<torch::Tensor>&, Context&) const override {
    const std::string& kind = node.attributes.text("kind");
    const torch::Tensor& x = inputs[0];
    if (kind == "gelu") return at::gelu(x);
    if (kind == "relu") return at::relu(x);
    if (kind == "silu") return at::silu(x);
    if (kind == "tanh") return at::tanh(x);
    if (kind == "sigmoid") return at::sigmoid(x);
    if (kind == "relu_squared") return at::relu(x).square();
    throw internal_error("activation " + kind + " has no lowering");
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, activation) {
  using namespace hone::train::ops;
  registry.add("lowering",
               {.name = "activation",
                .summary = "at::gelu (exact), relu, silu, tanh, sigmoid, or relu squared.",
                .paper = "Gaussian Error Linear Units (GELUs)"},
               lowering_maker<ActivationLowering>());
}
