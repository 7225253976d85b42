#include <algorithm>

#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {
namespace {

/// [N, C, ..] -> [N, channels, ..]: the channels from `begin` on (NAS-Bench-101 cuts a vertex's channels so
/// that its edges agree).
class SliceChannels : public Operator {
 public:
  Shape infer(const Attributes& attributes, const Shapes& inputs) const override {
    need_inputs("slice_channels", inputs, 1);
    Shape shape = inputs[0];
    const std::int64_t begin = attributes.integer("begin"), channels = attributes.integer("channels");
    if (shape.size() < 2)
      throw Error(fmt::format("slice_channels takes [batch, channels, ..], not {}", shape_text(shape)));
    if (begin + channels > shape[1])
      throw Error(fmt::format("slice_channels: there are no channels {} to {} of {}", begin,
                              begin + channels - 1, shape[1]));
    shape[1] = channels;
    return shape;
  }
  void evaluate(const Call& call, Array& output) const override {
    const Array& x = *call.inputs[0];
    const auto images = static_cast<std::size_t>(x.shape[0]);
    const std::size_t taken = output.values.size() / images, all = x.values.size() / images;
    const std::size_t skipped = taken / static_cast<std::size_t>(output.shape[1]) *
                                static_cast<std::size_t>(call.attributes.integer("begin"));
    for (std::size_t n = 0; n < images; ++n)
      std::copy_n(x.values.data() + n * all + skipped, taken, output.values.data() + n * taken);
  }
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    return writer.slice(call.inputs[0], 1, call.attributes.integer("begin"),
                        call.attributes.integer("channels"));
  }
  double flops(const Attributes&, const Shapes&, const Shape&) const override { return 0.0; }
  bool identity(const Attributes& attributes, const Shapes& inputs) const override {
    return attributes.integer("channels") == inputs[0][1];
  }
  bool zero(const Attributes&, const std::vector<bool>& zero_inputs) const override { return zero_inputs[0]; }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, slice_channels) {
  using namespace hone::graph::ops;
  hone::OptionSpec begin = size_attribute("begin", "the first channel taken, from 0");
  begin.low = 0;
  begin.fallback = 0;
  registry.add("operator",
               {.name = "slice_channels",
                .summary = "Some neighbouring channels of its input.",
                .paper = "NAS-Bench-101: Towards Reproducible Neural Architecture Search",
                .options = {size_attribute("channels", "how many are taken"), begin},
                .type = "[batch, in, height, width] -> [batch, out, height, width]"},
               maker<SliceChannels>());
}
