#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {
namespace {

/// y = (x - mean) / sqrt(variance + epsilon) over the last dimension (biased variance), then, where affine,
/// times weight [width] plus bias [width].
class LayerNorm : public Operator {
 public:
  Shape infer(const Attributes&, const Shapes& inputs) const override {
    need_inputs("layer_norm", inputs, 1);
    return inputs[0];
  }
  std::vector<Parameter> parameters(const Attributes& attributes, const Shapes& inputs) const override {
    if (!attributes.flag("affine")) return {};
    const Shape width = {inputs[0].back()};
    return {{"weight", width, {Init::Kind::ones, 0.0}}, {"bias", width, {}}};
  }
  double flops(const Attributes& attributes, const Shapes&, const Shape& output) const override {
    // Sum, centre, square and sum, scale; and the affine multiply-add.
    return (attributes.flag("affine") ? 7.0 : 5.0) * count(output);
  }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, layer_norm) {
  using namespace hone::graph::ops;
  registry.add(
      "operator",
      {.name = "layer_norm",
       .summary = "Every vector brought to mean 0 and variance 1, then scaled and shifted if affine.",
       .paper = "Layer Normalization",
       .options = {flag_attribute("affine", true, "trainable weight and bias"),
                   real_attribute("epsilon", 1e-5, 1e-12, 1.0, "added to the variance")},
       .type = "[..] -> [..]"},
      maker<LayerNorm>());
}
