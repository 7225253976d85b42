// One-dimensional convolutions with max pooling over the embedded tokens, the best model of "ML-driven
// Hardware Cost Model for MLIR". The filters are three tokens wide, each layer is followed by max pooling
// over two positions, the last one by max pooling over all that is left.
#include <fmt/format.h>

#include "hone/cost/cost_method.h"
#include "hone/cost/neural/kernels.h"
#include "hone/cost/neural/layers.h"

namespace hone::cost {

NeuralRow encode_conv1d(const NeuralWeights& weights, const std::vector<std::int32_t>& tokens) {
  using Eigen::Index;
  const Index width = weights.model().shape.width;
  // A row of zeros before and one behind: three rows in succession are a filter's window.
  const auto framed = [&](Index n) {
    NeuralMatrix x(n + 2, width);
    x.row(0).setZero();
    x.row(n + 1).setZero();
    return x;
  };
  Index n = static_cast<Index>(tokens.size());
  NeuralMatrix x = framed(n);
  x.middleRows(1, n) = weights.embed(tokens);
  NeuralMatrix out;
  for (std::int64_t l = 0; l < weights.model().shape.layer_count(); ++l) {
    out.resize(n, width);
    product(x.data(), n, 3 * width, width, weights.matrix(fmt::format("conv.{}.weight", l)).data(), width,
            weights.row(fmt::format("conv.{}.bias", l)).data(), out.data());
    const Index half = (n + 1) / 2;
    x = framed(half);
    for (Index i = 0; i < half; ++i) {
      x.row(i + 1) = out.row(2 * i).cwiseMax(0.0f);
      if (2 * i + 1 < n) x.row(i + 1) = x.row(i + 1).cwiseMax(out.row(2 * i + 1));
    }
    n = half;
  }
  return x.middleRows(1, n).colwise().maxCoeff();
}

}  // namespace hone::cost

HONE_REGISTER(cost, mlir_conv1d) {
  hone::cost::add_cost_method(
      registry,
      {.name = "mlir_conv1d",
       .summary = "One-dimensional convolutions with max pooling over a function's MLIR tokens; all targets "
                  "at once.",
       .paper = "ML-driven Hardware Cost Model for MLIR",
       .traits = "any labelled target; 90% intervals; features of the text beside the tokens"});
}
