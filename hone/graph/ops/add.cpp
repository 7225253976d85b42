#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {
namespace {

/// y = a + b, element by element; both of one shape.
class Add : public Operator {
 public:
  Shape infer(const Attributes&, const Shapes& inputs) const override {
    need_inputs("add", inputs, 2);
    if (inputs[0] != inputs[1])
      throw Error(fmt::format("add takes two inputs of one shape, not {} and {}", shape_text(inputs[0]),
                              shape_text(inputs[1])));
    return inputs[0];
  }
  double flops(const Attributes&, const Shapes&, const Shape& output) const override { return count(output); }
  bool commutative() const override { return true; }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, add) {
  using namespace hone::graph::ops;
  registry.add("operator",
               {.name = "add",
                .summary = "Sum of two inputs, element by element; in models: residual connections.",
                .paper = "Deep Residual Learning for Image Recognition",
                .type = "[..], [..] -> [..]"},
               maker<Add>());
}
