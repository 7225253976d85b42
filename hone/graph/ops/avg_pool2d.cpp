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
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    const Window window = pool_window(name_, call.attributes);
    const MlirValue& x = call.inputs[0];
    const Shape shape = window.moved_over(name_, x.shape, x.shape[1]);
    const MlirValue sums = mlir_pool(writer, x, window, shape, 0.0, "arith.addf");
    const auto kernel = static_cast<double>(window.kernel), padding = static_cast<double>(window.padding);
    return writer.map(shape, {MlirWriter::whole(sums)}, [&](MlirBody& body) {
      if (window.padding == 0) return body.divide(body.in(0), body.real(kernel * kernel));
      // What a window covers along a side: min(first + kernel, size) - max(first, 0).
      const auto covered = [&](std::size_t dim) {
        const std::string first =
            body.subtract(body.multiply(body.index(dim), body.real(static_cast<double>(window.stride))),
                          body.real(padding));
        const std::string end = body.binary("arith.minimumf", body.add(first, body.real(kernel)),
                                            body.real(static_cast<double>(x.shape[dim])));
        return body.subtract(end, body.binary("arith.maximumf", first, body.real(0.0)));
      };
      const std::string rows = covered(2);
      return body.divide(body.in(0), body.multiply(rows, covered(3)));
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
