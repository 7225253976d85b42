#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {
namespace {

/// y = a * b, element by element; both of one shape.
class Multiply : public Operator {
 public:
  Shape infer(const Attributes&, const Shapes& inputs) const override {
    need_inputs("multiply", inputs, 2);
    if (inputs[0] != inputs[1])
      throw Error(fmt::format("multiply takes two inputs of one shape, not {} and {}", shape_text(inputs[0]),
                              shape_text(inputs[1])));
    return inputs[0];
  }
  double flops(const Attributes&, const Shapes&, const Shape& output) const override { return count(output); }
  bool commutative() const override { return true; }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, multiply) {
  using namespace hone::graph::ops;
  registry.add("operator",
               {.name = "multiply",
                .summary = "Product of two inputs, element by element; in models: gates.",
                .paper = "GLU Variants Improve Transformer",
                .type = "[..], [..] -> [..]"},
               maker<Multiply>());
}
