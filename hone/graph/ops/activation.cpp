#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {
namespace {

/// y = f(x), element by element: gelu x Phi(x), exact; relu max(x, 0); silu x / (1 + exp(-x)); tanh;
/// relu_squared max(x, 0)^2 (So et al., "Primer: Searching for Efficient Transformers for Language
/// Modeling").
class Activation : public Operator {
 public:
  Shape infer(const Attributes&, const Shapes& inputs) const override {
    need_inputs("activation", inputs, 1);
    return inputs[0];
  }
  double flops(const Attributes& attributes, const Shapes&, const Shape& output) const override {
    const std::string& kind = attributes.text("kind");
    const double each = kind == "gelu" ? 5.0 : kind == "silu" ? 4.0 : kind == "relu_squared" ? 2.0 : 1.0;
    return each * count(output);
  }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, activation) {
  using namespace hone::graph::ops;
  hone::OptionSpec kind;
  kind.name = "kind";
  kind.type = hone::OptionSpec::Type::text;
  kind.fallback = "gelu";
  kind.summary = "which function";
  kind.allowed = {"gelu", "relu", "silu", "tanh", "relu_squared"};
  registry.add("operator",
               {.name = "activation",
                .summary = "An elementwise nonlinearity: gelu, relu, silu, tanh or relu_squared.",
                .paper = "Gaussian Error Linear Units (GELUs)",
                .options = {kind},
                .type = "[..] -> [..]"},
               maker<Activation>());
}
