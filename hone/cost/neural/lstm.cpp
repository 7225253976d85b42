// A long short-term memory over the embedded tokens, the recurrent model of "ML-driven Hardware Cost Model
// for MLIR": its last state. Gates stand in the order input, forget, cell, output.
#include "hone/cost/cost_method.h"
#include "hone/cost/neural/kernels.h"
#include "hone/cost/neural/layers.h"

namespace hone::cost {

NeuralRow encode_lstm(const NeuralWeights& weights, const std::vector<std::int32_t>& tokens) {
  using Eigen::Index;
  const Index width = weights.model().shape.width;
  const NeuralMatrix embedded = weights.embed(tokens);
  const auto input = weights.matrix("lstm.input"), recurrent = weights.matrix("lstm.recurrent");
  NeuralMatrix gates(embedded.rows(), 4 * width);
  product(embedded.data(), embedded.rows(), width, width, input.data(), 4 * width,
          weights.row("lstm.bias").data(), gates.data());
  NeuralRow state = NeuralRow::Zero(width), cell = NeuralRow::Zero(width), from(4 * width);
  const auto sigmoid = [](const auto& x) { return ((-x.array()).exp() + 1.0f).inverse(); };
  for (Index i = 0; i < gates.rows(); ++i) {
    product(state.data(), 1, width, width, recurrent.data(), 4 * width, gates.row(i).data(), from.data());
    cell = (sigmoid(from.segment(width, width)) * cell.array() +
            sigmoid(from.head(width)) * from.segment(2 * width, width).array().tanh())
               .matrix();
    state = (sigmoid(from.tail(width)) * cell.array().tanh()).matrix();
  }
  return state;
}

}  // namespace hone::cost

HONE_REGISTER(cost, mlir_lstm) {
  hone::cost::add_cost_method(
      registry, {.name = "mlir_lstm",
                 .summary = "Long short-term memory over a function's MLIR tokens; all targets at once.",
                 .paper = "ML-driven Hardware Cost Model for MLIR",
                 .traits = "any labelled target; 90% intervals; features of the text beside the tokens"});
}
