#include <cmath>
#include <numbers>

#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {
namespace {

double gelu(double x) { return 0.5 * x * std::erfc(-x / std::numbers::sqrt2); }
double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

/// y = f(x), element by element: gelu x Phi(x), exact; relu max(x, 0); silu x / (1 + exp(-x)); tanh; sigmoid
/// 1 / (1 + exp(-x)); relu_squared max(x, 0)^2 (So et al., "Primer: Searching for Efficient Transformers for
/// Language Modeling").
class Activation : public Operator {
 public:
  Shape infer(const Attributes&, const Shapes& inputs) const override {
    need_inputs("activation", inputs, 1);
    return inputs[0];
  }
  void evaluate(const Call& call, Array& output) const override {
    const std::string& kind = call.attributes.text("kind");
    const auto map = [&](auto f) {
      const std::vector<double>& x = call.inputs[0]->values;
      for (std::size_t i = 0; i < x.size(); ++i) output.values[i] = f(x[i]);
    };
    if (kind == "gelu")
      map(gelu);
    else if (kind == "relu")
      map([](double x) { return x > 0.0 || std::isnan(x) ? x : 0.0; });
    else if (kind == "silu")
      map([](double x) { return x * sigmoid(x); });
    else if (kind == "tanh")
      map([](double x) { return std::tanh(x); });
    else if (kind == "sigmoid")
      map(sigmoid);
    else
      map([](double x) { return x > 0.0 || std::isnan(x) ? x * x : 0.0; });
  }
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    const std::string& kind = call.attributes.text("kind");
    const MlirValue& x = call.inputs[0];
    return writer.map(x.shape, {MlirWriter::whole(x)}, [&](MlirBody& body) {
      const std::string value = body.in(0);
      if (kind == "gelu") return mlir_gelu(body, value);
      if (kind == "tanh") return body.unary("math.tanh", value);
      if (kind == "silu") return body.multiply(value, mlir_sigmoid(body, value));
      if (kind == "sigmoid") return mlir_sigmoid(body, value);
      const std::string positive = body.binary("arith.maximumf", value, body.real(0.0));
      return kind == "relu" ? positive : body.multiply(positive, positive);
    });
  }
  double flops(const Attributes& attributes, const Shapes&, const Shape& output) const override {
    const std::string& kind = attributes.text("kind");
    const double each = kind == "gelu"           ? 5.0
                        : kind == "silu"         ? 4.0
                        : kind == "sigmoid"      ? 3.0
                        : kind == "relu_squared" ? 2.0
                                                 : 1.0;
    return each * count(output);
  }
  bool zero(const Attributes& attributes, const std::vector<bool>& zero_inputs) const override {
    return zero_inputs[0] && attributes.text("kind") != "sigmoid";
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
  kind.allowed = {"gelu", "relu", "silu", "tanh", "sigmoid", "relu_squared"};
  registry.add("operator",
               {.name = "activation",
                .summary = "An elementwise nonlinearity: gelu, relu, silu, tanh, sigmoid or relu_squared.",
                .paper = "Gaussian Error Linear Units (GELUs)",
                .options = {kind},
                .type = "[..] -> [..]"},
               maker<Activation>());
}
