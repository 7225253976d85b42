#include "hone/graph/ops/zero.h"

#include <charconv>

#include "hone/graph/ops/windows.h"

namespace hone::graph::ops {

Shape zero_shape(const Attributes& attributes, const Shape& input) {
  const std::int64_t stride = attributes.integer("stride");
  Shape shape = input;
  if (stride > 1) {
    need_images("zero with a stride", input);
    for (std::size_t i : {2, 3}) shape[i] = (shape[i] + stride - 1) / stride;
  }
  if (!attributes.has("shape")) return shape;
  const Shape strided = shape;
  const std::string& text = attributes.text("shape");
  shape = {input[0]};
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('x', at), text.size());
    const std::string size = text.substr(at, end - at);
    std::int64_t number = 0;
    const auto read = std::from_chars(size.data(), size.data() + size.size(), number);
    if (size == "=" && shape.size() < strided.size())
      shape.push_back(strided[shape.size()]);
    else if (!size.empty() && read.ec == std::errc() && read.ptr == size.data() + size.size() && number > 0)
      shape.push_back(number);
    else
      throw Error(fmt::format("zero: shape = \"{}\" names no sizes", text), {},
                  "write the sizes after the first as \"64x8x8\", = for the input's own: \"=x64\"");
    at = end + 1;
  }
  return shape;
}

std::string zero_shape_text(const Shape& wanted, const Shape& input) {
  std::string text;
  for (std::size_t i = 1; i < wanted.size(); ++i) {
    const bool length = i == 1 && wanted.size() == 3 && input.size() > 1 && input[1] == wanted[1];
    if (i > 1) text += 'x';
    text += length ? "=" : std::to_string(wanted[i]);
  }
  return text;
}

namespace {

/// y = 0: a connection that is none. At stride 1 of its input's shape; at stride s on [N, C, H, W] of that of
/// every s-th row and column, [N, C, ceil(H / s), ceil(W / s)]; with `shape` of another one, of which the
/// first size is the input's. The input's values are not read.
class Zero : public Operator {
 public:
  Shape infer(const Attributes& attributes, const Shapes& inputs) const override {
    need_inputs("zero", inputs, 1);
    return zero_shape(attributes, inputs[0]);
  }
  bool takes(DataType) const override { return true; }
  void evaluate(const Call&, Array&) const override {}
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    return writer.map(zero_shape(call.attributes, call.inputs[0].shape), {},
                      [](MlirBody& body) { return body.real(0.0); });
  }
  double flops(const Attributes&, const Shapes&, const Shape&) const override { return 0.0; }
  bool zero(const Attributes&, const std::vector<bool>&) const override { return true; }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, zero) {
  using namespace hone::graph::ops;
  hone::OptionSpec stride = size_attribute("stride", "images shrink by it, rounded up");
  stride.fallback = 1;
  hone::OptionSpec shape;
  shape.name = "shape";
  shape.type = hone::OptionSpec::Type::text;
  shape.optional = true;
  shape.summary =
      "sizes of the output after the first, \"64x8x8\"; = is the input's own; left out: by stride";
  registry.add("operator",
               {.name = "zero",
                .summary = "Zeros, whatever its input holds: a connection that is none.",
                .paper = "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
                .options = {stride, shape},
                .type = "[batch, channels, height, width] -> [batch, channels, rows, columns]"},
               maker<Zero>());
}
