// The encoder of neural/transformer.cpp made of "TokenFormer: Rethinking Transformer Scaling with Tokenized
// Model Parameters": every linear map of a block and its feed-forward net is attention to trainable tokens
// (section 3.2), Theta(x K^T) V with Theta(a)_i = gelu(a_i sqrt(n) / |a|_2); layer norms have no parameters.
#include <cmath>

#include <fmt/format.h>

#include "hone/cost/cost_method.h"
#include "hone/cost/neural/kernels.h"
#include "hone/cost/neural/layers.h"

namespace hone::cost {
namespace {

class TokenMaps : public AttentionMaps {
 public:
  explicit TokenMaps(const NeuralWeights& weights) : weights_(weights) {}

  NeuralMatrix normalised(std::int64_t, bool, const NeuralMatrix& x) const override {
    NeuralMatrix out = x;
    normalise(out);
    return out;
  }
  NeuralMatrix map(std::int64_t block, const char* name, const NeuralMatrix& x) const override {
    const std::string whole = fmt::format("block.{}.{}", block, name);
    const auto keys = weights_.matrix(whole + ".keys"), values = weights_.matrix(whole + ".values");
    const NeuralMatrix turned = keys.transpose();
    NeuralMatrix scores(x.rows(), keys.rows()), out(x.rows(), values.cols());
    product(x.data(), x.rows(), x.cols(), x.cols(), turned.data(), keys.rows(), nullptr, scores.data());
    const float tau = std::sqrt(static_cast<float>(keys.rows()));
    for (Eigen::Index i = 0; i < scores.rows(); ++i) {
      const float norm = scores.row(i).norm();
      scores.row(i) *= norm > 0.0f ? tau / norm : 0.0f;
    }
    gelu(scores);
    product(scores.data(), scores.rows(), scores.cols(), scores.cols(), values.data(), values.cols(), nullptr,
            out.data());
    return out;
  }
  NeuralMatrix feed(std::int64_t block, const NeuralMatrix& x) const override {
    return map(block, "feed", x);
  }

 private:
  const NeuralWeights& weights_;
};

}  // namespace

NeuralRow encode_tokenformer(const NeuralWeights& weights, const std::vector<std::int32_t>& tokens) {
  return encode_attention(weights, tokens, TokenMaps(weights));
}

}  // namespace hone::cost

HONE_REGISTER(cost, mlir_tokenformer) {
  hone::cost::add_cost_method(
      registry,
      {.name = "mlir_tokenformer",
       .summary =
           "Encoder whose linear maps are attention to parameter tokens, over a function's MLIR tokens; "
           "all targets at once.",
       .paper = "TokenFormer: Rethinking Transformer Scaling with Tokenized Model Parameters",
       .traits = "any labelled target; 90% intervals; features of the text beside the tokens"});
}
