#include "hone/graph/ops/windows.h"
#include "hone/train/ops/fused.h"

namespace hone::train::ops {
namespace {

class Conv2dLowering : public Lowering {
 public:
  torch::Tensor run(const graph::Node& node, int, const std::vector<torch::Tensor>& inputs,
                    const std::vector<torch::Tensor>& parameters, Context&) const override {
    const auto window = graph::ops::Window::of(node.attributes);
    return at::conv2d(inputs[0], parameters[0], parameters.size() > 1 ? parameters[1] : torch::Tensor(),
                      {window.stride, window.stride}, at::IntArrayRef{window.padding, window.padding},
                      {window.dilation, window.dilation}, node.attributes.integer("groups"));
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, conv2d) {
  using namespace hone::train::ops;
  registry.add("lowering",
               {.name = "conv2d",
                .summary = "at::conv2d.",
                .paper = "Gradient-Based Learning Applied to Document Recognition"},
               lowering_maker<Conv2dLowering>());
}
