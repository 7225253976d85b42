#include "hone/cost/neural/layers.h"

#include <cmath>
#include <unsupported/Eigen/SpecialFunctions>

#include "hone/cost/neural/kernels.h"

namespace hone::cost {

using Eigen::Index;

Eigen::Map<const NeuralMatrix> NeuralWeights::matrix(const std::string& name) const {
  const NeuralWeight& weight = at(name);
  const Index columns = weight.shape.back();
  return {weight.values.data(), static_cast<Index>(weight.values.size()) / columns, columns};
}

Eigen::Map<const NeuralRow> NeuralWeights::row(const std::string& name) const {
  const NeuralWeight& weight = at(name);
  return {weight.values.data(), static_cast<Index>(weight.values.size())};
}

NeuralMatrix NeuralWeights::linear(const std::string& name, const NeuralMatrix& x) const {
  const auto weight = matrix(name + ".weight");
  NeuralMatrix out(x.rows(), weight.cols());
  product(x.data(), x.rows(), x.cols(), x.cols(), weight.data(), weight.cols(), row(name + ".bias").data(),
          out.data());
  return out;
}

NeuralMatrix NeuralWeights::embed(const std::vector<std::int32_t>& tokens) const {
  const auto table = matrix("embedding");
  NeuralMatrix x(static_cast<Index>(tokens.size()), table.cols());
  for (Index i = 0; i < x.rows(); ++i) x.row(i) = table.row(tokens[static_cast<std::size_t>(i)]);
  return x;
}

void gelu(NeuralMatrix& x) { x.array() *= 0.5f * (1.0f + (x.array() * static_cast<float>(M_SQRT1_2)).erf()); }

void normalise(NeuralMatrix& x) {
  for (Index i = 0; i < x.rows(); ++i) {
    auto row = x.row(i).array();
    row -= row.mean();
    row *= 1.0f / std::sqrt(row.square().mean() + 1e-5f);
  }
}

NeuralRow encode_attention(const NeuralWeights& weights, const std::vector<std::int32_t>& tokens,
                           const AttentionMaps& maps) {
  const NeuralShape& shape = weights.model().shape;
  const Index merge = shape.merge, width = shape.width, heads = shape.heads;
  const Index n = (static_cast<Index>(tokens.size()) + merge - 1) / merge;
  NeuralMatrix x;
  {
    NeuralMatrix all = NeuralMatrix::Zero(n * merge, width);
    all.topRows(static_cast<Index>(tokens.size())) = weights.embed(tokens);
    all.resize(n, merge * width);
    x = weights.linear("merge", all) + weights.matrix("position").topRows(n);
  }
  const Index part = width / heads;
  const float scale = 1.0f / std::sqrt(static_cast<float>(part));
  NeuralMatrix mixed(n, width), scores;
  for (std::int64_t l = 0; l < shape.layer_count(); ++l) {
    const NeuralMatrix input = maps.normalised(l, false, x);
    const NeuralMatrix query = maps.map(l, "query", input), key = maps.map(l, "key", input),
                       value = maps.map(l, "value", input);
    for (Index h = 0; h < heads; ++h) {
      scores.noalias() = query.middleCols(h * part, part) * key.middleCols(h * part, part).transpose();
      for (Index i = 0; i < n; ++i) {
        auto row = scores.row(i).array();
        row = ((row - row.maxCoeff()) * scale).exp();
        row *= 1.0f / row.sum();
      }
      mixed.middleCols(h * part, part).noalias() = scores * value.middleCols(h * part, part);
    }
    x += maps.map(l, "output", mixed);
    x += maps.feed(l, maps.normalised(l, true, x));
  }
  normalise(x);
  return x.colwise().mean();
}

}  // namespace hone::cost
