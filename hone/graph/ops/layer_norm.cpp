#include <cmath>

#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {
namespace {

/// y = (x - mean) / sqrt(variance + epsilon) over the last dimension (biased variance), then, where affine,
/// times weight [width] plus bias [width].
class LayerNorm : public Operator {
 public:
  Shape infer(const Attributes&, const Shapes& inputs) const override {
    need_inputs("layer_norm", inputs, 1);
    return inputs[0];
  }
  std::vector<Parameter> parameters(const Attributes& attributes, const Shapes& inputs) const override {
    if (!attributes.flag("affine")) return {};
    const Shape width = {inputs[0].back()};
    return {{"weight", width, {Init::Kind::ones, 0.0}}, {"bias", width, {}}};
  }
  void evaluate(const Call& call, Array& output) const override {
    const Array& x = *call.inputs[0];
    const auto width = static_cast<std::size_t>(x.shape.back());
    const double epsilon = call.attributes.real("epsilon");
    for (std::size_t row = 0; row < x.values.size(); row += width) {
      double mean = 0.0, squares = 0.0;
      for (std::size_t i = 0; i < width; ++i) mean += x.values[row + i];
      mean /= static_cast<double>(width);
      for (std::size_t i = 0; i < width; ++i)
        squares += (x.values[row + i] - mean) * (x.values[row + i] - mean);
      const double scale = 1.0 / std::sqrt(squares / static_cast<double>(width) + epsilon);
      for (std::size_t i = 0; i < width; ++i) {
        const double normal = (x.values[row + i] - mean) * scale;
        output.values[row + i] = call.parameters.empty()
                                     ? normal
                                     : normal * call.parameters[0]->values[i] + call.parameters[1]->values[i];
      }
    }
  }
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    const MlirValue& x = call.inputs[0];
    const auto width = static_cast<double>(x.shape.back());
    const MlirOperand values = MlirWriter::whole(x);
    const std::string last = values.at.back();
    MlirOperand row = values;
    row.at.pop_back();
    row.value = writer.reduce(x.shape, 1, 0.0, {values},
                              [](MlirBody& body) { return body.add(body.out(), body.in(0)); });
    const MlirOperand sum = row;
    row.value = writer.reduce(x.shape, 1, 0.0, {values, sum}, [&](MlirBody& body) {
      const std::string centred = body.subtract(body.in(0), body.divide(body.in(1), body.real(width)));
      return body.add(body.out(), body.multiply(centred, centred));
    });
    std::vector<MlirOperand> operands = {values, sum, row};
    for (const MlirValue& parameter : call.parameters) operands.push_back({parameter, {last}});
    return writer.map(x.shape, operands, [&](MlirBody& body) {
      const std::string centred = body.subtract(body.in(0), body.divide(body.in(1), body.real(width)));
      const std::string variance = body.divide(body.in(2), body.real(width));
      const std::string scale =
          body.unary("math.rsqrt", body.add(variance, body.real(call.attributes.real("epsilon"))));
      const std::string normal = body.multiply(centred, scale);
      return call.parameters.empty() ? normal : body.add(body.multiply(normal, body.in(3)), body.in(4));
    });
  }
  bool zero(const Attributes& attributes, const std::vector<bool>& zero_inputs) const override {
    return zero_inputs[0] && !attributes.flag("affine");
  }
  double flops(const Attributes& attributes, const Shapes&, const Shape& output) const override {
    // Sum, centre, square and sum, scale; and the affine multiply-add.
    return (attributes.flag("affine") ? 7.0 : 5.0) * count(output);
  }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, layer_norm) {
  using namespace hone::graph::ops;
  registry.add(
      "operator",
      {.name = "layer_norm",
       .summary = "Every vector brought to mean 0 and variance 1, then scaled and shifted if affine.",
       .paper = "Layer Normalization",
       .options = {flag_attribute("affine", true, "trainable weight and bias"),
                   real_attribute("epsilon", 1e-5, 1e-12, 1.0, "added to the variance")},
       .type = "[..] -> [..]"},
      maker<LayerNorm>());
}
