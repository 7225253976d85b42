#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <string>
#include <vector>

#include "hone/cost/neural/model.h"

namespace hone::cost {

/// [positions, width], row-major float32, as in the weights file.
using NeuralMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using NeuralRow = Eigen::Matrix<float, 1, Eigen::Dynamic>;

/// The weights of a checked model by name. Thread safe.
class NeuralWeights {
 public:
  explicit NeuralWeights(const NeuralModel& model) : model_(model) {}
  const NeuralModel& model() const { return model_; }

  const NeuralWeight& at(const std::string& name) const { return model_.weights.at(name); }
  Eigen::Map<const NeuralMatrix> matrix(const std::string& name) const;
  Eigen::Map<const NeuralRow> row(const std::string& name) const;

  /// x W + b of the weights NAME.weight and NAME.bias.
  NeuralMatrix linear(const std::string& name, const NeuralMatrix& x) const;
  /// A token's vector a row.
  NeuralMatrix embed(const std::vector<std::int32_t>& tokens) const;

 private:
  const NeuralModel& model_;
};

/// x times half of 1 + erf(x / sqrt 2), in place.
void gelu(NeuralMatrix& x);
/// Rows to mean 0 and variance 1 (plus 1e-5), in place.
void normalise(NeuralMatrix& x);

// What each kind makes of a function's tokens: [shape.encoded_width()].
NeuralRow encode_bag(const NeuralWeights& weights, const std::vector<std::int32_t>& tokens);
NeuralRow encode_conv1d(const NeuralWeights& weights, const std::vector<std::int32_t>& tokens);
NeuralRow encode_lstm(const NeuralWeights& weights, const std::vector<std::int32_t>& tokens);
NeuralRow encode_transformer(const NeuralWeights& weights, const std::vector<std::int32_t>& tokens);
NeuralRow encode_tokenformer(const NeuralWeights& weights, const std::vector<std::int32_t>& tokens);

/// What both attention models are made of: blocks x += output(attention(query, key, value of normalised x)),
/// x += feed(normalised x) over positions of `merge` tokens, and the mean of the normalised result. Block
/// gives the maps: Matrix query(l, x) and so on, already normalised as the kind does it.
struct AttentionMaps {
  virtual ~AttentionMaps() = default;
  virtual NeuralMatrix normalised(std::int64_t block, bool feed, const NeuralMatrix& x) const = 0;
  virtual NeuralMatrix map(std::int64_t block, const char* name, const NeuralMatrix& x) const = 0;
  virtual NeuralMatrix feed(std::int64_t block, const NeuralMatrix& x) const = 0;
};
NeuralRow encode_attention(const NeuralWeights& weights, const std::vector<std::int32_t>& tokens,
                           const AttentionMaps& maps);

}  // namespace hone::cost
