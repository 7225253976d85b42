#include "hone/graph/ops/windows.h"

namespace hone::graph::ops {
namespace {

/// [N, C, H, W] -> [N, C]: the mean of every channel.
class GlobalAvgPool : public Operator {
 public:
  Shape infer(const Attributes&, const Shapes& inputs) const override {
    need_inputs("global_avg_pool", inputs, 1);
    need_images("global_avg_pool", inputs[0]);
    return {inputs[0][0], inputs[0][1]};
  }
  void evaluate(const Call& call, Array& output) const override {
    const Array& x = *call.inputs[0];
    const std::int64_t plane = x.shape[2] * x.shape[3];
    for (std::size_t i = 0; i < output.values.size(); ++i) {
      double sum = 0.0;
      for (std::int64_t k = 0; k < plane; ++k) sum += x.values[i * static_cast<std::size_t>(plane) + k];
      output.values[i] = sum / static_cast<double>(plane);
    }
  }
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    const MlirValue& x = call.inputs[0];
    const MlirValue sum = writer.reduce(x.shape, 2, 0.0, {MlirWriter::whole(x)},
                                        [](MlirBody& body) { return body.add(body.out(), body.in(0)); });
    const auto plane = static_cast<double>(x.shape[2] * x.shape[3]);
    return writer.map(sum.shape, {MlirWriter::whole(sum)},
                      [&](MlirBody& body) { return body.divide(body.in(0), body.real(plane)); });
  }
  double flops(const Attributes&, const Shapes& inputs, const Shape&) const override {
    return count(inputs[0]);
  }
  bool zero(const Attributes&, const std::vector<bool>& zero_inputs) const override { return zero_inputs[0]; }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, global_avg_pool) {
  using namespace hone::graph::ops;
  registry.add("operator",
               {.name = "global_avg_pool",
                .summary = "Mean of every channel over the whole image.",
                .paper = "Network In Network",
                .type = "[batch, channels, height, width] -> [batch, channels]"},
               maker<GlobalAvgPool>());
}
