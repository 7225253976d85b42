#include "hone/graph/ops/windows.h"
#include "hone/train/ops/fused.h"

namespace hone::train::ops {
namespace {

class MaxPool2dLowering : public Lowering {
 public:
  torch::Tensor run(const graph::Node& node, int, const std::vector<torch::Tensor>& inputs,
                    const std::vector<torch::Tensor>&, Context&) const override {
    const auto window = graph::ops::Window::of(node.attributes);
    return at::max_pool2d(inputs[0], window.kernel, window.stride, window.padding);
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, max_pool2d) {
  using namespace hone::train::ops;
  registry.add("lowering",
               {.name = "max_pool2d",
                .summary = "at::max_pool2d.",
                .paper = "Hierarchical models of object recognition in cortex"},
               lowering_maker<MaxPool2dLowering>());
}
