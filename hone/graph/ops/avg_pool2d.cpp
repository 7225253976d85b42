#include "hone/graph/ops/windows.h"

namespace hone::graph::ops {
namespace {

/// The mean of what a window covers; the border does not count.
class AvgPool2d : public Pool {
 public:
  AvgPool2d() : Pool("avg_pool2d") {}

  void evaluate(const Call& call, Array& output) const override {
    over_windows(*call.inputs[0], pool_window(name_, call.attributes), output, [](const auto& each) {
      double sum = 0.0, n = 0.0;
      each([&](double value) { sum += value, n += 1.0; });
      return sum / n;
    });
  }
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
