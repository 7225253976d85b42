#include <algorithm>

#include "hone/graph/ops/windows.h"

namespace hone::graph::ops {
namespace {

/// [N, C, H, W] -> [N, C, H - top - bottom, W - left - right]: rows and columns cut off the edges (a
/// factorized reduction reads an image and the same one without its first row and column).
class Crop : public Operator {
 public:
  Shape infer(const Attributes& attributes, const Shapes& inputs) const override {
    need_inputs("crop", inputs, 1);
    need_images("crop", inputs[0]);
    Shape shape = inputs[0];
    shape[2] -= attributes.integer("top") + attributes.integer("bottom");
    shape[3] -= attributes.integer("left") + attributes.integer("right");
    if (shape[2] < 1 || shape[3] < 1)
      throw Error(fmt::format("crop leaves nothing of {}", shape_text(inputs[0])));
    return shape;
  }
  void evaluate(const Call& call, Array& output) const override {
    const Array& x = *call.inputs[0];
    const std::int64_t rows = output.shape[2], columns = output.shape[3];
    const std::int64_t top = call.attributes.integer("top"), left = call.attributes.integer("left");
    for (std::int64_t line = 0; line < x.shape[0] * x.shape[1] * rows; ++line)
      std::copy_n(&x.values[(line / rows * x.shape[2] + line % rows + top) * x.shape[3] + left], columns,
                  &output.values[line * columns]);
  }
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    MlirValue x = call.inputs[0];
    const std::int64_t top = call.attributes.integer("top"), left = call.attributes.integer("left");
    x = writer.slice(x, 2, top, x.shape[2] - top - call.attributes.integer("bottom"));
    return writer.slice(x, 3, left, x.shape[3] - left - call.attributes.integer("right"));
  }
  double flops(const Attributes&, const Shapes&, const Shape&) const override { return 0.0; }
  bool identity(const Attributes& attributes, const Shapes&) const override {
    for (const auto& [name, value] : attributes.entries())
      if (attributes.integer(name) != 0) return false;
    return true;
  }
  bool zero(const Attributes&, const std::vector<bool>& zero_inputs) const override { return zero_inputs[0]; }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, crop) {
  using namespace hone::graph::ops;
  std::vector<hone::OptionSpec> options;
  for (const char* side : {"top", "left", "bottom", "right"}) {
    hone::OptionSpec spec = size_attribute(
        side, std::string(side == std::string("top") || side == std::string("bottom") ? "rows" : "columns") +
                  " cut off this edge");
    spec.low = 0;
    spec.fallback = 0;
    options.push_back(spec);
  }
  registry.add("operator",
               {.name = "crop",
                .summary = "Its input without some rows and columns at the edges.",
                .paper = "",
                .options = options,
                .type = "[batch, channels, height, width] -> [batch, channels, rows, columns]"},
               maker<Crop>());
}
