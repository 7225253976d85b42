#include "hone/base/error.h"
#include "hone/train/ops/fused.h"

namespace hone::train::ops {
namespace {

class LearnedPositionLowering : public Lowering {
 public:
  torch::Tensor run(const graph::Node&, int, const std::vector<torch::Tensor>& inputs,
                    const std::vector<torch::Tensor>& parameters, Context& context) const override {
    const torch::Tensor& table = parameters[0];
    const std::int64_t length = inputs[0].size(1);
    if (context.offset + length > table.size(0))
      throw Error("a sequence of " + std::to_string(context.offset + length) +
                  " tokens is longer than the context of " + std::to_string(table.size(0)));
    return at::add(inputs[0], table.narrow(0, context.offset, length));
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, learned_position) {
  using namespace hone::train::ops;
  registry.add("lowering",
               {.name = "learned_position",
                .summary = "Adds the rows of the positions at hand.",
                .paper = "Convolutional Sequence to Sequence Learning"},
               lowering_maker<LearnedPositionLowering>());
}
