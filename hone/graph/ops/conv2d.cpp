#include <cmath>

#include "hone/graph/ops/windows.h"

namespace hone::graph::ops {
namespace {

/// [N, in, H, W] -> [N, out, H', W']: cross-correlation of every image with out filters, H' = floor((H + 2
/// padding - dilation (kernel - 1) - 1) / stride) + 1. With groups g, the channels of input and output divide
/// into g parts, and each part of the output sees its part of the input (g = in = out: depthwise). Parameters
/// weight [out, in / g, kernel, kernel] and, with bias, bias [out]. Weights start N(0, 2 / fan-in), fan-in =
/// in / g x kernel^2 (He et al., "Delving Deep into Rectifiers: Surpassing Human-Level Performance on
/// ImageNet Classification", 2015, eq. 10).
class Conv2d : public Operator {
 public:
  Shape infer(const Attributes& attributes, const Shapes& inputs) const override {
    need_inputs("conv2d", inputs, 1);
    need_images("conv2d", inputs[0]);
    const std::int64_t out = attributes.integer("out"), groups = attributes.integer("groups");
    if (inputs[0][1] % groups != 0 || out % groups != 0)
      throw Error(fmt::format("conv2d: {} channels in and {} out do not divide into {} groups", inputs[0][1],
                              out, groups));
    return Window::of(attributes).moved_over("conv2d", inputs[0], out);
  }
  std::vector<Parameter> parameters(const Attributes& attributes, const Shapes& inputs) const override {
    const std::int64_t out = attributes.integer("out"), kernel = attributes.integer("kernel");
    const std::int64_t depth = inputs[0][1] / attributes.integer("groups");
    const double deviation = std::sqrt(2.0 / static_cast<double>(depth * kernel * kernel));
    std::vector<Parameter> made = {{"weight", {out, depth, kernel, kernel}, {Init::Kind::normal, deviation}}};
    if (attributes.flag("bias")) made.push_back({"bias", {out}, {}});
    return made;
  }
  void evaluate(const Call& call, Array& output) const override {
    const Array& x = *call.inputs[0];
    const Window window = Window::of(call.attributes);
    const std::int64_t in = x.shape[1], height = x.shape[2], width = x.shape[3];
    const std::int64_t out = output.shape[1], rows = output.shape[2], columns = output.shape[3];
    const std::int64_t groups = call.attributes.integer("groups");
    const std::int64_t depth = in / groups, filters = out / groups;
    const double* weight = call.parameters[0]->values.data();
    for (std::int64_t n = 0; n < x.shape[0]; ++n)
      for (std::int64_t o = 0; o < out; ++o) {
        double* plane = &output.values[(n * out + o) * rows * columns];
        if (call.parameters.size() > 1) std::fill_n(plane, rows * columns, call.parameters[1]->values[o]);
        for (std::int64_t c = 0; c < depth; ++c) {
          const double* image = &x.values[(n * in + o / filters * depth + c) * height * width];
          const double* taps = weight + (o * depth + c) * window.kernel * window.kernel;
          for (std::int64_t k = 0; k < window.kernel * window.kernel; ++k)
            add_tap(window, k, taps[k], image, height, width, plane, rows, columns);
        }
      }
  }
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    const Window window = Window::of(call.attributes);
    const std::int64_t groups = call.attributes.integer("groups"), out = call.attributes.integer("out");
    MlirValue x = call.inputs[0];
    const Shape shape = window.moved_over("conv2d", x.shape, out);
    const std::int64_t depth = x.shape[1] / groups;
    if (window.padding > 0) x = writer.pad(x, 2, window.padding, window.padding, 0.0);
    x = writer.split(x, 1, {groups, depth});
    const MlirValue weight = writer.split(call.parameters[0], 0, {groups, out / groups});
    // batch, group, filter, row, column; channel, and the taps' row and column.
    const Shape domain = {shape[0], groups, out / groups,  shape[2],
                          shape[3], depth,  window.kernel, window.kernel};
    const std::vector<MlirOperand> operands = {
        {x, {"d0", "d1", "d5", window.at("d3", "d6"), window.at("d4", "d7")}},
        {weight, {"d1", "d2", "d5", "d6", "d7"}}};
    const auto body = [](MlirBody& body) {
      return body.add(body.out(), body.multiply(body.in(0), body.in(1)));
    };
    const MlirValue sums =
        call.parameters.size() > 1
            ? writer.reduce(
                  domain, 3,
                  MlirOperand{writer.split(call.parameters[1], 0, {groups, out / groups}), {"d1", "d2"}},
                  operands, body)
            : writer.reduce(domain, 3, 0.0, operands, body);
    return writer.merge(sums, 1, 2);
  }
  double flops(const Attributes& attributes, const Shapes& inputs, const Shape& output) const override {
    const auto kernel = static_cast<double>(attributes.integer("kernel"));
    const auto depth = static_cast<double>(inputs[0][1] / attributes.integer("groups"));
    return count(output) * (2.0 * depth * kernel * kernel + (attributes.flag("bias") ? 1.0 : 0.0));
  }
  Attributes canonical_attributes(const Attributes& attributes, const Shapes&) const override {
    Attributes normal = with_padding(attributes);
    if (attributes.integer("kernel") == 1) normal.erase("dilation");
    return normal;
  }
  bool zero(const Attributes& attributes, const std::vector<bool>& zero_inputs) const override {
    return zero_inputs[0] && !attributes.flag("bias");
  }

 private:
  /// One tap of a filter over a whole plane: the inner loop runs along rows.
  static void add_tap(const Window& window, std::int64_t k, double tap, const double* image,
                      std::int64_t height, std::int64_t width, double* plane, std::int64_t rows,
                      std::int64_t columns) {
    std::int64_t top, bottom, left, right;
    window.inside(k / window.kernel, height, rows, top, bottom);
    window.inside(k % window.kernel, width, columns, left, right);
    const std::int64_t down = k / window.kernel * window.dilation - window.padding;
    const std::int64_t across = k % window.kernel * window.dilation - window.padding;
    for (std::int64_t row = top; row < bottom; ++row) {
      const double* from = image + (row * window.stride + down) * width + across;
      double* to = plane + row * columns;
      if (window.stride == 1)
        for (std::int64_t column = left; column < right; ++column) to[column] += tap * from[column];
      else
        for (std::int64_t column = left; column < right; ++column)
          to[column] += tap * from[column * window.stride];
    }
  }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, conv2d) {
  using namespace hone::graph::ops;
  std::vector<hone::OptionSpec> options = window_attributes(true);
  options.insert(options.begin(), size_attribute("out", "channels of the output"));
  hone::OptionSpec groups = size_attribute("groups", "parts that the channels divide into");
  groups.fallback = 1;
  options.push_back(groups);
  options.push_back(flag_attribute("bias", false, "adds a trainable number to every channel"));
  registry.add("operator",
               {.name = "conv2d",
                .summary = "Convolution of images: strided, dilated, grouped or depthwise.",
                .paper = "Gradient-Based Learning Applied to Document Recognition",
                .options = options,
                .type = "[batch, in, height, width] -> [batch, out, rows, columns]"},
               maker<Conv2d>());
}
