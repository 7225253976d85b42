#pragma once

#include <algorithm>
#include <cstdint>

#include "hone/graph/ops/shapes.h"

// What convolution and pooling share: a square window that slides over the rows and columns of images [batch,
// channels, height, width].
namespace hone::graph::ops {

inline void need_images(const char* op, const Shape& shape) {
  if (shape.size() != 4)
    throw Error(fmt::format("{} takes [batch, channels, height, width], not {}", op, shape_text(shape)));
}

/// A window's attributes, with what was left out filled in.
struct Window {
  std::int64_t kernel = 1, stride = 1, padding = 0, dilation = 1;

  /// padding left out: dilation x (kernel - 1) / 2, rounded down, which keeps height and width at stride 1
  /// for odd kernels.
  static Window of(const Attributes& attributes) {
    Window window;
    window.kernel = attributes.integer("kernel");
    window.stride = attributes.integer("stride");
    if (attributes.has("dilation")) window.dilation = attributes.integer("dilation");
    window.padding =
        attributes.has("padding") ? attributes.integer("padding") : window.dilation * (window.kernel - 1) / 2;
    return window;
  }
  /// From the first tap to the last.
  std::int64_t covered() const { return dilation * (kernel - 1) + 1; }
  bool whole() const { return kernel == 1 && stride == 1 && padding == 0; }

  /// Windows along a side of `size`.
  std::int64_t places(const char* op, std::int64_t size) const {
    const std::int64_t room = size + 2 * padding - covered();
    if (room < 0)
      throw Error(fmt::format("{}: a window of {} does not fit into {} with a border of {}", op, covered(),
                              size, padding),
                  {}, "choose a smaller kernel or dilation, or more padding");
    return room / stride + 1;
  }
  /// The position of a tap as an affine expression over the place and the tap, the border counted.
  std::string at(const char* place, const char* tap) const {
    return fmt::format("{} * {} + {} * {}", place, stride, tap, dilation);
  }
  Shape moved_over(const char* op, const Shape& images, std::int64_t channels) const {
    return {images[0], channels, places(op, images[2]), places(op, images[3])};
  }
  /// The places from `first` to before `last` at which tap k of the window lies inside a side of `size`.
  void inside(std::int64_t k, std::int64_t size, std::int64_t places, std::int64_t& first,
              std::int64_t& last) const {
    const std::int64_t shift = k * dilation - padding;  // position = place x stride + shift
    first = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
    last = size - shift <= 0 ? 0 : std::min(places, (size - shift + stride - 1) / stride);
  }
};

/// The attributes with padding always said.
inline Attributes with_padding(Attributes attributes) {
  attributes.set("padding", Window::of(attributes).padding);
  return attributes;
}

inline std::vector<OptionSpec> window_attributes(bool dilated) {
  OptionSpec kernel = size_attribute("kernel", "height and width of the window");
  OptionSpec stride = size_attribute("stride", "step between windows");
  stride.fallback = 1;
  OptionSpec padding = size_attribute(
      "padding", dilated ? "border of zeros; left out: dilation x (kernel - 1) / 2, rounded down"
                         : "border that belongs to no image; left out: (kernel - 1) / 2, rounded down");
  padding.low = 0;
  padding.optional = true;
  for (OptionSpec* spec : {&kernel, &stride, &padding}) spec->high = 4096;
  std::vector<OptionSpec> specs = {kernel, stride, padding};
  if (dilated) {
    OptionSpec dilation = size_attribute("dilation", "distance between the window's taps");
    dilation.fallback = 1;
    dilation.high = 4096;
    specs.push_back(dilation);
  }
  return specs;
}

/// A pool's window has to touch the image everywhere.
inline Window pool_window(const char* op, const Attributes& attributes) {
  const Window window = Window::of(attributes);
  if (2 * window.padding > window.kernel)
    throw Error(fmt::format("{}: a border of {} is more than half of a window of {}", op, window.padding,
                            window.kernel));
  return window;
}

/// [N, C, H, W] -> [N, C, H', W'], H' = floor((H + 2 padding - kernel) / stride) + 1: channel by channel,
/// what a window covers of the image.
class Pool : public Operator {
 public:
  explicit Pool(const char* name) : name_(name) {}

  Shape infer(const Attributes& attributes, const Shapes& inputs) const override {
    need_inputs(name_, inputs, 1);
    need_images(name_, inputs[0]);
    return pool_window(name_, attributes).moved_over(name_, inputs[0], inputs[0][1]);
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

 protected:
  const char* name_;
};

/// The windows of padded images, folded by an operation of two reals.
inline MlirValue mlir_pool(MlirWriter& writer, const MlirValue& images, const Window& window,
                           const Shape& shape, double start, const char* operation) {
  MlirValue x = images;
  if (window.padding > 0) x = writer.pad(x, 2, window.padding, window.padding, start);
  return writer.reduce({shape[0], shape[1], shape[2], shape[3], window.kernel, window.kernel}, 2, start,
                       {{x, {"d0", "d1", window.at("d2", "d4"), window.at("d3", "d5")}}},
                       [&](MlirBody& body) { return body.binary(operation, body.out(), body.in(0)); });
}

/// Fills every place of `output` with reduce(each), each(f) calling f on what the window covers there.
template <typename Reduce>
void over_windows(const Array& x, const Window& window, Array& output, Reduce reduce) {
  const std::int64_t height = x.shape[2], width = x.shape[3];
  std::size_t next = 0;
  for (std::int64_t plane = 0; plane < x.shape[0] * x.shape[1]; ++plane)
    for (std::int64_t row = 0; row < output.shape[2]; ++row)
      for (std::int64_t column = 0; column < output.shape[3]; ++column) {
        const std::int64_t top = row * window.stride - window.padding;
        const std::int64_t left = column * window.stride - window.padding;
        output.values[next++] = reduce([&](auto act) {
          for (std::int64_t i = std::max<std::int64_t>(top, 0); i < std::min(top + window.kernel, height);
               ++i)
            for (std::int64_t j = std::max<std::int64_t>(left, 0); j < std::min(left + window.kernel, width);
                 ++j)
              act(x.values[(plane * height + i) * width + j]);
        });
      }
}

}  // namespace hone::graph::ops
