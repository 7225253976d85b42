#include "hone/graph/ops/windows.h"
#include "hone/train/ops/fused.h"

namespace hone::train::ops {
namespace {

class AvgPool2dLowering : public Lowering {
 public:
  torch::Tensor run(const graph::Node& node, int, const std::vector<torch::Tensor>& inputs,
                    const std::vector<torch::Tensor>&, Context&) const override {
    const auto window = graph::ops::Window::of(node.attributes);
    return at::avg_pool2d(inputs[0], window.kernel, window.stride, window.padding, false, false);
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, avg_pool2d) {
  using namespace hone::train::ops;
  registry.add("lowering",
               {.name = "avg_pool2d",
                .summary = "at::avg_pool2d, borders not counted.",
                .paper = "Gradient-Based Learning Applied to Document Recognition"},
               lowering_maker<AvgPool2dLowering>());
}
