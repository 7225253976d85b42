#include <cmath>

#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {
namespace {

/// y = x / sqrt(mean(x^2) + epsilon) over the last dimension, times weight [width] where affine.
class RmsNorm : public Operator {
 public:
  Shape infer(const Attributes&, const Shapes& inputs) const override {
    need_inputs("rms_norm", inputs, 1);
    return inputs[0];
  }
  std::vector<Parameter> parameters(const Attributes& attributes, const Shapes& inputs) const override {
    if (!attributes.flag("affine")) return {};
    return {{"weight", {inputs[0].back()}, {Init::Kind::ones, 0.0}}};
  }
  void evaluate(const Call& call, Array& output) const override {
    const Array& x = *call.inputs[0];
    const auto width = static_cast<std::size_t>(x.shape.back());
    const double epsilon = call.attributes.real("epsilon");
    for (std::size_t row = 0; row < x.values.size(); row += width) {
      double squares = 0.0;
      for (std::size_t i = 0; i < width; ++i) squares += x.values[row + i] * x.values[row + i];
      const double scale = 1.0 / std::sqrt(squares / static_cast<double>(width) + epsilon);
      for (std::size_t i = 0; i < width; ++i)
        output.values[row + i] =
            x.values[row + i] * scale * (call.parameters.empty() ? 1.0 : call.parameters[0]->values[i]);
    }
  }
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    const MlirValue& x = call.inputs[0];
    const auto width = static_cast<double>(x.shape.back());
    const MlirOperand values = MlirWriter::whole(x);
    MlirOperand squares = values;
    squares.at.pop_back();
    squares.value = writer.reduce(x.shape, 1, 0.0, {values}, [](MlirBody& body) {
      return body.add(body.out(), body.multiply(body.in(0), body.in(0)));
    });
    std::vector<MlirOperand> operands = {values, squares};
    for (const MlirValue& parameter : call.parameters) operands.push_back({parameter, {values.at.back()}});
    return writer.map(x.shape, operands, [&](MlirBody& body) {
      const std::string mean = body.divide(body.in(1), body.real(width));
      const std::string scale =
          body.unary("math.rsqrt", body.add(mean, body.real(call.attributes.real("epsilon"))));
      const std::string normal = body.multiply(body.in(0), scale);
      return call.parameters.empty() ? normal : body.multiply(normal, body.in(2));
    });
  }
  bool zero(const Attributes&, const std::vector<bool>& zero_inputs) const override { return zero_inputs[0]; }
  double flops(const Attributes& attributes, const Shapes&, const Shape& output) const override {
    return (attributes.flag("affine") ? 4.0 : 3.0) * count(output);
  }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, rms_norm) {
  using namespace hone::graph::ops;
  registry.add("operator",
               {.name = "rms_norm",
                .summary = "Every vector brought to root mean square 1, then scaled if affine.",
                .paper = "Root Mean Square Layer Normalization",
                .options = {flag_attribute("affine", true, "trainable weight"),
                            real_attribute("epsilon", 1e-5, 1e-12, 1.0, "added to the mean square")},
                .type = "[..] -> [..]"},
               maker<RmsNorm>());
}
