#include <cmath>

#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {
namespace {

/// [N, channels, ..] -> the same shape: (x - mean) / sqrt(variance + epsilon) a channel, then, where affine,
/// times weight [channels] plus bias [channels]. In training mean and (biased) variance are those of the
/// batch; in inference they are the stored moments mean and variance [channels], which start at 0 and 1 and
/// which every training pass moves by `momentum` towards the batch's (the variance's unbiased form), as
/// LibTorch does.
class BatchNorm : public Operator {
 public:
  Shape infer(const Attributes&, const Shapes& inputs) const override {
    need_inputs("batch_norm", inputs, 1);
    if (inputs[0].size() < 2)
      throw Error(fmt::format("batch_norm takes [batch, channels, ..], not {}", shape_text(inputs[0])));
    return inputs[0];
  }
  std::vector<Parameter> parameters(const Attributes& attributes, const Shapes& inputs) const override {
    if (!attributes.flag("affine")) return {};
    const Shape channels = {inputs[0][1]};
    return {{"weight", channels, {Init::Kind::ones, 0.0}}, {"bias", channels, {}}};
  }
  std::vector<Parameter> moments(const Attributes&, const Shapes& inputs) const override {
    const Shape channels = {inputs[0][1]};
    return {{"mean", channels, {}}, {"variance", channels, {Init::Kind::ones, 0.0}}};
  }
  void evaluate(const Call& call, Array& output) const override {
    const Array& x = *call.inputs[0];
    const std::int64_t batch = x.shape[0], channels = x.shape[1];
    const std::int64_t plane = element_count(x.shape) / (batch * channels);
    const double epsilon = call.attributes.real("epsilon");
    for (std::int64_t c = 0; c < channels; ++c) {
      const auto each = [&](auto act) {
        for (std::int64_t n = 0; n < batch; ++n)
          for (std::int64_t i = (n * channels + c) * plane, end = i + plane; i < end; ++i) act(i);
      };
      double mean = 0.0, variance = 0.0;
      if (call.moments.empty()) {
        each([&](std::int64_t i) { mean += x.values[i]; });
        mean /= static_cast<double>(batch * plane);
        each([&](std::int64_t i) { variance += (x.values[i] - mean) * (x.values[i] - mean); });
        variance /= static_cast<double>(batch * plane);
      } else {
        mean = call.moments[0]->values[c];
        variance = call.moments[1]->values[c];
      }
      const bool affine = !call.parameters.empty();
      const double scale = (affine ? call.parameters[0]->values[c] : 1.0) / std::sqrt(variance + epsilon);
      const double shift = affine ? call.parameters[1]->values[c] : 0.0;
      each([&](std::int64_t i) { output.values[i] = (x.values[i] - mean) * scale + shift; });
    }
  }
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    const MlirValue& x = call.inputs[0];
    const MlirOperand values = MlirWriter::whole(x);
    const MlirOperand channel{{}, {"d0"}};
    MlirOperand mean = channel, variance = channel;
    if (call.moments.empty()) {
      // Channels first, so that the sums run over what is left.
      Shape domain = {x.shape[1], x.shape[0]};
      domain.insert(domain.end(), x.shape.begin() + 2, x.shape.end());
      MlirOperand turned = values;
      std::swap(turned.at[0], turned.at[1]);
      const double count = static_cast<double>(element_count(x.shape)) / static_cast<double>(x.shape[1]);
      const auto divided = [&](const MlirValue& sum) {
        return writer.map(sum.shape, {MlirWriter::whole(sum)},
                          [&](MlirBody& body) { return body.divide(body.in(0), body.real(count)); });
      };
      mean.value = divided(writer.reduce(domain, domain.size() - 1, 0.0, {turned},
                                         [](MlirBody& body) { return body.add(body.out(), body.in(0)); }));
      variance.value =
          divided(writer.reduce(domain, domain.size() - 1, 0.0, {turned, mean}, [](MlirBody& body) {
            const std::string centred = body.subtract(body.in(0), body.in(1));
            return body.add(body.out(), body.multiply(centred, centred));
          }));
    } else {
      mean.value = call.moments[0];
      variance.value = call.moments[1];
    }
    const bool affine = !call.parameters.empty();
    std::vector<MlirOperand> operands = {variance};
    if (affine) operands.push_back({call.parameters[0], {"d0"}});
    const MlirValue scale = writer.map({x.shape[1]}, operands, [&](MlirBody& body) {
      const std::string root =
          body.unary("math.rsqrt", body.add(body.in(0), body.real(call.attributes.real("epsilon"))));
      return affine ? body.multiply(root, body.in(1)) : root;
    });
    operands = {values, {mean.value, {"d1"}}, {scale, {"d1"}}};
    if (affine) operands.push_back({call.parameters[1], {"d1"}});
    return writer.map(x.shape, operands, [&](MlirBody& body) {
      const std::string scaled = body.multiply(body.subtract(body.in(0), body.in(1)), body.in(2));
      return affine ? body.add(scaled, body.in(3)) : scaled;
    });
  }
  double flops(const Attributes&, const Shapes&, const Shape& output) const override {
    return 2.0 * count(output);  // in inference: one multiply-add
  }
  /// Without affine: the batch's mean is 0, and a stored mean that only ever saw zeros is 0 too.
  bool zero(const Attributes& attributes, const std::vector<bool>& zero_inputs) const override {
    return zero_inputs[0] && !attributes.flag("affine");
  }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, batch_norm) {
  using namespace hone::graph::ops;
  registry.add(
      "operator",
      {.name = "batch_norm",
       .summary = "Every channel brought to mean 0 and variance 1 over the batch (in inference: by stored "
                  "moments), then scaled and shifted if affine.",
       .paper =
           "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
       .options = {flag_attribute("affine", true, "trainable weight and bias"),
                   real_attribute("epsilon", 1e-5, 1e-12, 1.0, "added to the variance"),
                   real_attribute("momentum", 0.1, 0.0, 1.0, "weight of a batch in the stored moments")},
       .type = "[batch, channels, height, width] -> [batch, channels, height, width]"},
      maker<BatchNorm>());
}
