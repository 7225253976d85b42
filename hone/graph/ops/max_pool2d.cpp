#include <cmath>
#include <limits>

#include "hone/graph/ops/windows.h"

namespace hone::graph::ops {
namespace {

/// [N, C, H, W] -> [N, C, H', W'], H' = floor((H + 2 padding - kernel) / stride) + 1: channel by channel,
/// the largest value that a window covers of the image.
class MaxPool2d : public Operator {
 public:
  Shape infer(const Attributes& attributes, const Shapes& inputs) const override {
    need_inputs("max_pool2d", inputs, 1);
    need_images("max_pool2d", inputs[0]);
    return pool_window("max_pool2d", attributes).moved_over("max_pool2d", inputs[0], inputs[0][1]);
  }
  void evaluate(const Call& call, Array& output) const override {
    over_windows(*call.inputs[0], pool_window("max_pool2d", call.attributes), output, [](const auto& each) {
      double largest = -std::numeric_limits<double>::infinity();
      each([&](double value) {
        if (value > largest || std::isnan(value)) largest = value;
      });
      return largest;
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

HONE_REGISTER(operator, max_pool2d) {
  using namespace hone::graph::ops;
  registry.add("operator",
               {.name = "max_pool2d",
                .summary = "Largest value in a sliding window.",
                .paper = "Hierarchical models of object recognition in cortex",
                .options = window_attributes(false),
                .type = "[batch, channels, height, width] -> [batch, channels, rows, columns]"},
               maker<MaxPool2d>());
}
