#include <cmath>

#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {
namespace {

/// [.., in] -> [.., out]: TokenFormer's Pattention (section 3.2), attention of the input to n trainable
/// tokens, in the place of a linear map: y = Theta(x K^T) V with Theta(a)_i = gelu(a_i sqrt(n) / |a|_2).
/// Parameters keys [n, in] and values [n, out]; appending tokens grows it. A grown one keeps the scale it was
/// trained with in place of sqrt(n): the attribute tau.
class TokenParameterAttention : public Operator {
 public:
  Shape infer(const Attributes& attributes, const Shapes& inputs) const override {
    need_inputs("token_parameter_attention", inputs, 1);
    return with_last(inputs[0], attributes.integer("out"));
  }
  std::vector<Parameter> parameters(const Attributes& attributes, const Shapes& inputs) const override {
    const std::int64_t tokens = attributes.integer("tokens");
    return {{"keys", {tokens, inputs[0].back()}, kWeightInit},
            {"values", {tokens, attributes.integer("out")}, kWeightInit}};
  }
  double flops(const Attributes& attributes, const Shapes& inputs, const Shape& output) const override {
    // A score takes part in two products and costs a square and sum, a scaling and five operations of gelu.
    const auto in = static_cast<double>(inputs[0].back());
    return scores(attributes, inputs) * (2.0 * in + 2.0 * static_cast<double>(output.back()) + 8.0);
  }
  Attributes canonical_attributes(const Attributes& attributes, const Shapes&) const override {
    Attributes normal = attributes;
    const double published = std::sqrt(static_cast<double>(attributes.integer("tokens")));
    if (attributes.has("tau") && attributes.real("tau") == published) normal.erase("tau");
    return normal;
  }
  /// The scores, written once and read once.
  double scratch_bytes(const Attributes& attributes, const Shapes& inputs, const Shape&) const override {
    return 8.0 * scores(attributes, inputs);
  }

 private:
  static double scores(const Attributes& attributes, const Shapes& inputs) {
    return rows(inputs[0]) * static_cast<double>(attributes.integer("tokens"));
  }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, token_parameter_attention) {
  using namespace hone::graph::ops;
  hone::OptionSpec tau = real_attribute("tau", 0.0, 1e-6, 1e6, "scale of the scores; left out: sqrt(tokens)");
  tau.fallback = nullptr;
  tau.optional = true;
  registry.add(
      "operator",
      {.name = "token_parameter_attention",
       .summary = "Attention of the input to trainable key and value tokens, instead of a linear map; "
                  "grows by appending tokens.",
       .paper = "TokenFormer: Rethinking Transformer Scaling with Tokenized Model Parameters",
       .options = {size_attribute("tokens", "parameter tokens n"),
                   size_attribute("out", "elements of an output vector"), tau},
       .type = "[.., in] -> [.., out]"},
      maker<TokenParameterAttention>());
}
