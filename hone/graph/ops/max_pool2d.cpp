#include <cmath>

#include "hone/base/numbers.h"
#include "hone/graph/ops/windows.h"

namespace hone::graph::ops {
namespace {

/// The largest value that a window covers.
class MaxPool2d : public Pool {
 public:
  MaxPool2d() : Pool("max_pool2d") {}

  void evaluate(const Call& call, Array& output) const override {
    over_windows(*call.inputs[0], pool_window(name_, call.attributes), output, [](const auto& each) {
      double largest = -kInfinity;
      each([&](double value) {
        if (value > largest || std::isnan(value)) largest = value;
      });
      return largest;
    });
  }
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    const Window window = pool_window(name_, call.attributes);
    const MlirValue& x = call.inputs[0];
    return mlir_pool(writer, x, window, window.moved_over(name_, x.shape, x.shape[1]), -kInfinity,
                     "arith.maximumf");
  }
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
