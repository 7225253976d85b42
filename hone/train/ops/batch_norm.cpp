#include "hone/base/error.h"
#include "hone/train/ops/fused.h"

namespace hone::train::ops {
namespace {

class BatchNormLowering : public Lowering {
 public:
  torch::Tensor run(const graph::Node& node, int, const std::vector<torch::Tensor>& inputs,
                    const std::vector<torch::Tensor>& parameters, Context& context) const override {
    const bool affine = !parameters.empty();
    const torch::Tensor& x = inputs[0];
    if (context.training && x.numel() == x.size(1))
      throw Error("batch_norm cannot train on one number a channel", {},
                  "give it a larger batch or larger images");
    return at::batch_norm(x, affine ? parameters[0] : torch::Tensor(),
                          affine ? parameters[1] : torch::Tensor(), context.moments.at(0),
                          context.moments.at(1), context.training, node.attributes.real("momentum"),
                          node.attributes.real("epsilon"), false);
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, batch_norm) {
  using namespace hone::train::ops;
  registry.add(
      "lowering",
      {.name = "batch_norm",
       .summary = "at::batch_norm, with the moments of the model.",
       .paper =
           "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift"},
      lowering_maker<BatchNormLowering>());
}
