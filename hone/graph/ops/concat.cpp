#include <algorithm>

#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {
namespace {

/// [N, c1, ..], [N, c2, ..], .. -> [N, c1 + c2 + .., ..]: the channels of one input after those of the other.
class Concat : public Operator {
 public:
  Shape infer(const Attributes&, const Shapes& inputs) const override {
    if (inputs.empty()) throw Error("concat takes one input or more");
    Shape shape = inputs[0];
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].size() < 2)
        throw Error(fmt::format("concat takes [batch, channels, ..], not {}", shape_text(inputs[i])));
      if (i == 0) continue;
      Shape other = inputs[i];
      if (other.size() == shape.size()) other[1] = shape[1];
      if (other != shape)
        throw Error(fmt::format("concat takes inputs that differ in their channels alone, not {} and {}",
                                shape_text(inputs[0]), shape_text(inputs[i])));
      shape[1] += inputs[i][1];
    }
    return shape;
  }
  void evaluate(const Call& call, Array& output) const override {
    std::size_t to = 0;
    for (std::int64_t n = 0; n < output.shape[0]; ++n)
      for (const Array* x : call.inputs) {
        const std::size_t part = x->values.size() / static_cast<std::size_t>(output.shape[0]);
        std::copy_n(x->values.begin() + static_cast<std::ptrdiff_t>(part) * n, part,
                    output.values.begin() + static_cast<std::ptrdiff_t>(to));
        to += part;
      }
  }
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    return call.inputs.size() == 1 ? call.inputs[0] : writer.concat(call.inputs, 1);
  }
  double flops(const Attributes&, const Shapes&, const Shape&) const override { return 0.0; }
  bool associative() const override { return true; }
  bool identity(const Attributes&, const Shapes& inputs) const override { return inputs.size() == 1; }
  bool zero(const Attributes&, const std::vector<bool>& zero_inputs) const override {
    return std::all_of(zero_inputs.begin(), zero_inputs.end(), [](bool zero) { return zero; });
  }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, concat) {
  using namespace hone::graph::ops;
  registry.add(
      "operator",
      {.name = "concat",
       .summary = "Its inputs' channels, one after the other.",
       .paper = "Going Deeper with Convolutions",
       .type = "[batch, a, height, width], [batch, b, height, width] -> [batch, channels, height, width]"},
      maker<Concat>());
}
