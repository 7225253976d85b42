#include "hone/base/error.h"
#include "hone/train/ops/fused.h"

namespace hone::train::ops {
namespace {

class EmbeddingLowering : public Lowering {
 public:
  torch::Tensor run(const graph::Node&, int, const std::vector<torch::Tensor>& inputs,
                    const std::vector<torch::Tensor>& parameters, Context&) const override {
    try {
      return at::embedding(parameters[0], inputs[0]);
    } catch (const c10::IndexError&) {
      throw Error("a token is not in the vocabulary of " + std::to_string(parameters[0].size(0)), {},
                  "tokens are numbered from 0");
    }
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, embedding) {
  using namespace hone::train::ops;
  registry.add(
      "lowering",
      {.name = "embedding", .summary = "at::embedding.", .paper = "A Neural Probabilistic Language Model"},
      lowering_maker<EmbeddingLowering>());
}
