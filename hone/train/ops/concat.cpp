#include "hone/train/ops/fused.h"

namespace hone::train::ops {
namespace {

class ConcatLowering : public Lowering {
 public:
  torch::Tensor run(const graph::Node&, int, const std::vector<torch::Tensor>& inputs,
                    const std::vector<torch::Tensor>&, Context&) const override {
    return at::cat(inputs, 1);
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, concat) {
  using namespace hone::train::ops;
  registry.add("lowering",
               {.name = "concat", .summary = "at::cat.", .paper = "Going Deeper with Convolutions"},
               lowering_maker<ConcatLowering>());
}
