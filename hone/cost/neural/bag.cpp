// Fully connected layers on a bag of words, the first model of "ML-driven Hardware Cost Model for MLIR". A
// count enters as its log1p, since kernels differ in length by orders of magnitude.
#include <cmath>
#include <map>

#include "hone/cost/cost_method.h"
#include "hone/cost/neural/layers.h"

namespace hone::cost {

NeuralRow encode_bag(const NeuralWeights& weights, const std::vector<std::int32_t>& tokens) {
  std::map<std::int32_t, int> counts;
  for (const std::int32_t token : tokens) ++counts[token];
  const auto table = weights.matrix("bag.weight");
  NeuralRow sum = weights.row("bag.bias");
  for (const auto& [token, count] : counts) sum += std::log1p(static_cast<float>(count)) * table.row(token);
  return sum.cwiseMax(0.0f);
}

}  // namespace hone::cost

HONE_REGISTER(cost, mlir_bag) {
  hone::cost::add_cost_method(
      registry,
      {.name = "mlir_bag",
       .summary = "Fully connected net on the bag of a function's MLIR tokens; all targets at once.",
       .paper = "ML-driven Hardware Cost Model for MLIR",
       .traits = "any labelled target; 90% intervals; features of the text beside the tokens"});
}
