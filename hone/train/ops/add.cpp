#include "hone/train/ops/fused.h"

namespace hone::train::ops {
namespace {

class AddLowering : public Lowering {
 public:
  torch::Tensor run(const graph::Node&, int, const std::vector<torch::Tensor>& inputs,
                    const std::vector<torch::Tensor>&, Context&) const override {
    torch::Tensor sum = inputs[0];
    for (std::size_t i = 1; i < inputs.size(); ++i) sum = at::add(sum, inputs[i]);
    return sum;
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, add) {
  using namespace hone::train::ops;
  registry.add(
      "lowering",
      {.name = "add", .summary = "at::add.", .paper = "Deep Residual Learning for Image Recognition"},
      lowering_maker<AddLowering>());
}
