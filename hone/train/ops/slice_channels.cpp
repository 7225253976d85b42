#include "hone/train/ops/fused.h"

namespace hone::train::ops {
namespace {

class SliceChannelsLowering : public Lowering {
 public:
  torch::Tensor run(const graph::Node& node, int, const std::vector<torch::Tensor>& inputs,
                    const std::vector<torch::Tensor>&, Context&) const override {
    return inputs[0].narrow(1, node.attributes.integer("begin"), node.attributes.integer("channels"));
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, slice_channels) {
  using namespace hone::train::ops;
  registry.add("lowering",
               {.name = "slice_channels",
                .summary = "A view; nothing is copied.",
                .paper = "NAS-Bench-101: Towards Reproducible Neural Architecture Search"},
               lowering_maker<SliceChannelsLowering>());
}
