#include <algorithm>

#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {
namespace {

/// y = a * b * .., element by element; one input or more, all of one shape.
class Multiply : public Operator {
 public:
  Shape infer(const Attributes&, const Shapes& inputs) const override {
    need_alike("multiply", inputs);
    return inputs[0];
  }
  void evaluate(const Call& call, Array& output) const override {
    output.values = call.inputs[0]->values;
    for (std::size_t k = 1; k < call.inputs.size(); ++k) {
      const std::vector<double>& x = call.inputs[k]->values;
      for (std::size_t i = 0; i < x.size(); ++i) output.values[i] *= x[i];
    }
  }
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    return mlir_fold(writer, call.inputs, "arith.mulf");
  }
  double flops(const Attributes&, const Shapes& inputs, const Shape& output) const override {
    return static_cast<double>(inputs.size() - 1) * count(output);
  }
  bool commutative() const override { return true; }
  bool associative() const override { return true; }
  bool zero(const Attributes&, const std::vector<bool>& zero_inputs) const override {
    return std::any_of(zero_inputs.begin(), zero_inputs.end(), [](bool zero) { return zero; });
  }
  bool identity(const Attributes&, const Shapes& inputs) const override { return inputs.size() == 1; }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, multiply) {
  using namespace hone::graph::ops;
  registry.add("operator",
               {.name = "multiply",
                .summary = "Product of its inputs, element by element; in models: gates.",
                .paper = "GLU Variants Improve Transformer",
                .type = "[..], [..] -> [..]"},
               maker<Multiply>());
}
