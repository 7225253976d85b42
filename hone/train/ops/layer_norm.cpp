#include "hone/train/ops/fused.h"

namespace hone::train::ops {
namespace {

class LayerNormLowering : public Lowering {
 public:
  torch::Tensor run(const graph::Node& node, int, const std::vector<torch::Tensor>& inputs,
                    const std::vector<torch::Tensor>& parameters, Context&) const override {
    const bool affine = !parameters.empty();
    const std::int64_t width = inputs[0].size(-1);
    return at::layer_norm(inputs[0], width, affine ? parameters[0] : torch::Tensor(),
                          affine ? parameters[1] : torch::Tensor(), node.attributes.real("epsilon"));
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, layer_norm) {
  using namespace hone::train::ops;
  registry.add("lowering",
               {.name = "layer_norm", .summary = "at::layer_norm.", .paper = "Layer Normalization"},
               lowering_maker<LayerNormLowering>());
}
