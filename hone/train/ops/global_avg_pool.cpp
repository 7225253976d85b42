#include "hone/train/ops/fused.h"

namespace hone::train::ops {
namespace {

class GlobalAvgPoolLowering : public Lowering {
 public:
  torch::Tensor run(const graph::Node&, int, const std::vector<torch::Tensor>& inputs,
                    const std::vector<torch::Tensor>&, Context&) const override {
    return at::mean(inputs[0], {2, 3});
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, global_avg_pool) {
  using namespace hone::train::ops;
  registry.add("lowering",
               {.name = "global_avg_pool",
                .summary = "at::mean over rows and columns.",
                .paper = "Network In Network"},
               lowering_maker<GlobalAvgPoolLowering>());
}
