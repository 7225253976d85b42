#include "hone/train/ops/fused.h"

namespace hone::train::ops {
namespace {

class CropLowering : public Lowering {
 public:
  torch::Tensor run(const graph::Node& node, int, const std::vector<torch::Tensor>& inputs,
                    const std::vector<torch::Tensor>&, Context&) const override {
    const graph::Attributes& cut = node.attributes;
    const std::int64_t top = cut.integer("top"), left = cut.integer("left");
    return inputs[0]
        .narrow(2, top, inputs[0].size(2) - top - cut.integer("bottom"))
        .narrow(3, left, inputs[0].size(3) - left - cut.integer("right"));
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, crop) {
  using namespace hone::train::ops;
  registry.add("lowering", {.name = "crop", .summary = "A view; nothing is copied.", .paper = ""},
               lowering_maker<CropLowering>());
}
