#include <cmath>
#include <numbers>

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
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    const MlirValue &x = call.inputs[0], &keys = call.parameters[0], &values = call.parameters[1];
    const std::int64_t tokens = keys.shape[0];
    const double tau =
        call.attributes.has("tau") ? call.attributes.real("tau") : std::sqrt(static_cast<double>(tokens));
    const auto product = [](MlirBody& body) {
      return body.add(body.out(), body.multiply(body.in(0), body.in(1)));
    };
    const std::size_t rank = x.shape.size();
    const std::string last = fmt::format("d{}", rank - 1), sum = fmt::format("d{}", rank);
    // Scores, their squares' sum a row, and what the values are weighted with.
    Shape domain = with_last(x.shape, tokens);
    domain.push_back(keys.shape[1]);
    MlirOperand input = MlirWriter::whole(x);
    input.at.back() = sum;
    const MlirValue scores = writer.reduce(domain, 1, 0.0, {input, {keys, {last, sum}}}, product);
    const MlirOperand all = MlirWriter::whole(scores);
    MlirOperand row = all;
    row.at.pop_back();
    row.value = writer.reduce(scores.shape, 1, 0.0, {all}, [](MlirBody& body) {
      return body.add(body.out(), body.multiply(body.in(0), body.in(0)));
    });
    const MlirValue weights = writer.map(scores.shape, {all, row}, [&](MlirBody& body) {
      const std::string nothing = body.real(0.0), one = body.real(1.0);
      const std::string norm =
          body.unary("math.sqrt", body.select("oeq", body.in(1), nothing, one, body.in(1)));
      return mlir_gelu(body, body.divide(body.multiply(body.in(0), body.real(tau)), norm));
    });
    domain = with_last(x.shape, values.shape[1]);
    domain.push_back(tokens);
    MlirOperand weighted = MlirWriter::whole(weights);
    weighted.at.back() = sum;
    return writer.reduce(domain, 1, 0.0, {weighted, {values, {sum, last}}}, product);
  }
  void evaluate(const Call& call, Array& output) const override {
    const Array &x = *call.inputs[0], &keys = *call.parameters[0], &values = *call.parameters[1];
    const std::int64_t n = keys.shape[0], in = keys.shape[1], out = values.shape[1];
    const Attributes& attributes = call.attributes;
    const double tau = attributes.has("tau") ? attributes.real("tau") : std::sqrt(static_cast<double>(n));
    std::vector<double> scores(static_cast<std::size_t>(n));
    for (std::int64_t row = 0, rows = element_count(x.shape) / in; row < rows; ++row) {
      double squares = 0.0;
      for (std::int64_t k = 0; k < n; ++k) {
        scores[k] = 0.0;
        for (std::int64_t i = 0; i < in; ++i) scores[k] += x.values[row * in + i] * keys.values[k * in + i];
        squares += scores[k] * scores[k];
      }
      if (squares == 0.0) continue;
      for (std::int64_t k = 0; k < n; ++k) {
        const double scaled = scores[k] * tau / std::sqrt(squares);
        const double weight = 0.5 * scaled * std::erfc(-scaled / std::numbers::sqrt2);
        for (std::int64_t j = 0; j < out; ++j)
          output.values[row * out + j] += weight * values.values[k * out + j];
      }
    }
  }
  bool zero(const Attributes&, const std::vector<bool>& zero_inputs) const override { return zero_inputs[0]; }
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
