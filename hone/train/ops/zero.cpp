#include "hone/graph/ops/zero.h"

#include "hone/train/ops/fused.h"

namespace hone::train::ops {
namespace {

class ZeroLowering : public Lowering {
 public:
  torch::Tensor run(const graph::Node& node, int, const std::vector<torch::Tensor>& inputs,
                    const std::vector<torch::Tensor>&, Context&) const override {
    const auto type = inputs[0].is_floating_point() ? inputs[0].scalar_type() : torch::kFloat32;
    return at::zeros(graph::ops::zero_shape(node.attributes, inputs[0].sizes().vec()),
                     inputs[0].options().dtype(type));
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, zero) {
  using namespace hone::train::ops;
  registry.add("lowering",
               {.name = "zero",
                .summary = "New zeros.",
                .paper = "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search"},
               lowering_maker<ZeroLowering>());
}
