#include "hone/train/ops/fused.h"

namespace hone::train::ops {
namespace {

class LinearLowering : public Lowering {
 public:
  torch::Tensor run(const graph::Node&, int, const std::vector<torch::Tensor>& inputs,
                    const std::vector<torch::Tensor>& parameters, Context&) const override {
    return at::linear(inputs[0], parameters[0], parameters.size() > 1 ? parameters[1] : torch::Tensor());
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
