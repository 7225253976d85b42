#include "hone/graph/ops/windows.h"

namespace hone::graph::ops {
namespace {

/// [N, C, H, W] -> [N, C, H', W'], H' = floor((H + 2 padding - kernel) / stride) + 1: channel by channel,
/// the mean of what a window covers of the image; the border does not count.
class AvgPool2d : public Operator {
 public:
  Shape infer(const Attributes& attributes, const Shapes& inputs) const override {
    need_inputs("avg_pool2d", inputs, 1);
    need_images("avg_pool2d", inputs[0]);
    return pool_window("avg_pool2d", attributes).moved_over("avg_pool2d", inputs[0], inputs[0][1]);
  }
  void evaluate(const Call& call, Array& output) const override {
    over_windows(*call.inputs[0], pool_window("avg_pool2d", call.attributes), output, [](const auto& each) {
      double sum = 0.0, n = 0.0;
      each([&](double value) { sum += value, n += 1.0; });
      return sum / n;
    });
  }
  double flops(const Attributes& attributes, const Shapes&, const Shape& output) const override {
    const auto kernel = static_cast<double>(attributes.integer("kernel"));
    return kernel * kernel * count(output);
  }
  Attributes canonical_attributes(const Attributes& attributes, const Shapes&) const override {
    return with_padding(attributes);
  }
  bool identity(const Attributes& attributes, const Shapes&) const override {
    return Window::of(attributes).whole();
  }
  bool zero(const Attributes&, const std::vector<bool>& zero_inputs) const override { return zero_inputs[0]; }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, avg_pool2d) {
  using namespace hone::graph::ops;
  registry.add("operator",
               {.name = "avg_pool2d",
                .summary = "Mean over a sliding window; what lies beyond the edge does not count.",
                .paper = "Gradient-Based Learning Applied to Document Recognition",
                .options = window_attributes(false),
                .type = "[batch, channels, height, width] -> [batch, channels, rows, columns]"},
               maker<AvgPool2d>());
}
