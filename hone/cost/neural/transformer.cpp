// An encoder of pre-normalised attention blocks over the tokens of "ML-driven Hardware Cost Model for MLIR".
// `merge` successive tokens make one position, which keeps a prediction well under a millisecond; positions
// have learned vectors; what is predicted comes from the mean over positions.
#include <fmt/format.h>

#include "hone/cost/cost_method.h"
#include "hone/cost/neural/layers.h"

namespace hone::cost {
namespace {

class LinearMaps : public AttentionMaps {
 public:
  explicit LinearMaps(const NeuralWeights& weights) : weights_(weights) {}

  NeuralMatrix normalised(std::int64_t block, bool feed, const NeuralMatrix& x) const override {
    const std::string name = fmt::format("block.{}.{}", block, feed ? "feed_norm" : "attention_norm");
    NeuralMatrix out = x;
    normalise(out);
    out.array().rowwise() *= weights_.row(name + ".scale").array();
    out.rowwise() += weights_.row(name + ".shift");
    return out;
  }
  NeuralMatrix map(std::int64_t block, const char* name, const NeuralMatrix& x) const override {
    return weights_.linear(fmt::format("block.{}.{}", block, name), x);
  }
  NeuralMatrix feed(std::int64_t block, const NeuralMatrix& x) const override {
    NeuralMatrix wide = weights_.linear(fmt::format("block.{}.widen", block), x);
    gelu(wide);
    return weights_.linear(fmt::format("block.{}.narrow", block), wide);
  }

 private:
  const NeuralWeights& weights_;
};

}  // namespace

NeuralRow encode_transformer(const NeuralWeights& weights, const std::vector<std::int32_t>& tokens) {
  return encode_attention(weights, tokens, LinearMaps(weights));
}

}  // namespace hone::cost

HONE_REGISTER(cost, mlir_transformer) {
  hone::cost::add_cost_method(
      registry, {.name = "mlir_transformer",
                 .summary = "Transformer encoder over a function's MLIR tokens; all targets at once.",
                 .paper = "Attention Is All You Need",
                 .traits = "any labelled target; 90% intervals; features of the text beside the tokens"});
}
