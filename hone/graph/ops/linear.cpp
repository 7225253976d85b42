#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {
namespace {

/// [.., in] -> [.., out]: y = x W^T + b. Parameters weight [out, in] and, with bias, bias [out].
class Linear : public Operator {
 public:
  Shape infer(const Attributes& attributes, const Shapes& inputs) const override {
    need_inputs("linear", inputs, 1);
    return with_last(inputs[0], attributes.integer("out"));
  }
  std::vector<Parameter> parameters(const Attributes& attributes, const Shapes& inputs) const override {
    const std::int64_t out = attributes.integer("out");
    std::vector<Parameter> made = {{"weight", {out, inputs[0].back()}, kWeightInit}};
    if (attributes.flag("bias")) made.push_back({"bias", {out}, {}});
    return made;
  }
  void evaluate(const Call& call, Array& output) const override {
    const Array &x = *call.inputs[0], &weight = *call.parameters[0];
    const std::int64_t out = weight.shape[0], in = weight.shape[1];
    for (std::int64_t row = 0, n = element_count(x.shape) / in; row < n; ++row)
      for (std::int64_t j = 0; j < out; ++j) {
        double sum = call.parameters.size() > 1 ? call.parameters[1]->values[j] : 0.0;
        for (std::int64_t i = 0; i < in; ++i) sum += x.values[row * in + i] * weight.values[j * in + i];
        output.values[row * out + j] = sum;
      }
  }
  bool zero(const Attributes& attributes, const std::vector<bool>& zero_inputs) const override {
    return zero_inputs[0] && !attributes.flag("bias");
  }
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    // One dimension a dimension of the output, then the sum's.
    const MlirValue &x = call.inputs[0], &weight = call.parameters[0];
    Shape domain = with_last(x.shape, weight.shape[0]);
    const std::string out = fmt::format("d{}", domain.size() - 1), in = fmt::format("d{}", domain.size());
    domain.push_back(weight.shape[1]);
    MlirOperand input = MlirWriter::whole(x);
    input.at.back() = in;
    const auto body = [](MlirBody& body) {
      return body.add(body.out(), body.multiply(body.in(0), body.in(1)));
    };
    const std::vector<MlirOperand> operands = {input, {weight, {out, in}}};
    if (call.parameters.size() > 1)
      return writer.reduce(domain, 1, MlirOperand{call.parameters[1], {out}}, operands, body);
    return writer.reduce(domain, 1, 0.0, operands, body);
  }
  double flops(const Attributes& attributes, const Shapes& inputs, const Shape& output) const override {
    return 2.0 * count(inputs[0]) * static_cast<double>(output.back()) +
           (attributes.flag("bias") ? count(output) : 0.0);
  }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, linear) {
  using namespace hone::graph::ops;
  registry.add("operator",
               {.name = "linear",
                .summary = "A linear map of the last dimension; its weight may be the embedding's (tied).",
                .paper = "Using the Output Embedding to Improve Language Models",
                .options = {size_attribute("out", "elements of an output vector"),
                            flag_attribute("bias", false, "adds a trainable vector")},
                .type = "[.., in] -> [.., out]"},
               maker<Linear>());
}
