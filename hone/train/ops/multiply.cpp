#include "hone/train/ops/fused.h"

namespace hone::train::ops {
namespace {

class MultiplyLowering : public Lowering {
 public:
  torch::Tensor run(const graph::Node&, int, const std::vector<torch::Tensor>& inputs,
                    const std::vector<torch::Tensor>&, Context&) const override {
    torch::Tensor product = inputs[0];
    for (std::size_t i = 1; i < inputs.size(); ++i) product = at::mul(product, inputs[i]);
    return product;
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, multiply) {
  using namespace hone::train::ops;
  registry.add("lowering",
               {.name = "multiply", .summary = "at::mul.", .paper = "GLU Variants Improve Transformer"},
               lowering_maker<MultiplyLowering>());
}
