#include "hone/graph/ops/rotary.h"

#include <algorithm>
#include <cmath>

#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {

std::int64_t rotary_width(std::int64_t head_dim, double fraction) {
  if (fraction == 0.0) return 0;
  if (fraction == 1.0 && head_dim % 2 != 0) return -1;
  if (head_dim < 2) return -1;
  const auto pairs = static_cast<std::int64_t>(std::floor(fraction * static_cast<double>(head_dim) / 2.0));
  return 2 * std::max<std::int64_t>(pairs, 1);
}

namespace {

/// [B, T, heads x d] -> the same shape: in every head the first r = rotary_width(d, fraction) elements are
/// turned by the position t: elements i and i + r/2 form a pair, turned by t x base^(-2i/r) (eq. 34 of the
/// paper, with the halves paired as GPT-NeoX does); the rest pass.
class Rotary : public Operator {
 public:
  Shape infer(const Attributes& attributes, const Shapes& inputs) const override {
    need_inputs("rotary", inputs, 1);
    need_sequence("rotary", inputs[0]);
    const std::int64_t heads = attributes.integer("heads");
    const std::int64_t width = inputs[0].back();
    if (width % heads != 0)
      throw Error(fmt::format("rotary: {} elements do not divide into {} heads", width, heads));
    if (rotary_width(width / heads, attributes.real("fraction")) < 0)
      throw Error(fmt::format("rotary turns pairs, but a head has {} elements", width / heads), {},
                  "choose heads so that width / heads is even");
    return inputs[0];
  }
  double flops(const Attributes& attributes, const Shapes&, const Shape& output) const override {
    // A pair takes four products and two sums.
    const std::int64_t heads = attributes.integer("heads");
    const std::int64_t turned = rotary_width(output.back() / heads, attributes.real("fraction"));
    return 3.0 * rows(output) * static_cast<double>(heads * turned);
  }
  void evaluate(const Call& call, Array& output) const override {
    const Array& x = *call.inputs[0];
    const std::int64_t heads = call.attributes.integer("heads"), length = x.shape[1];
    const std::int64_t d = x.shape[2] / heads, turned = rotary_width(d, call.attributes.real("fraction"));
    const double base = call.attributes.real("base");
    output.values = x.values;
    for (std::int64_t i = 0; i < turned / 2; ++i) {
      const double frequency = std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(turned));
      for (std::int64_t t = 0; t < length; ++t) {
        const double angle = static_cast<double>(t) * frequency;
        const double cosine = std::cos(angle), sine = std::sin(angle);
        for (std::int64_t b = 0; b < x.shape[0]; ++b)
          for (std::int64_t head = 0; head < heads; ++head) {
            const std::int64_t first = ((b * length + t) * heads + head) * d + i, second = first + turned / 2;
            output.values[first] = x.values[first] * cosine - x.values[second] * sine;
            output.values[second] = x.values[second] * cosine + x.values[first] * sine;
          }
      }
    }
  }
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    const MlirValue& x = call.inputs[0];
    const std::int64_t heads = call.attributes.integer("heads"), d = x.shape[2] / heads;
    const std::int64_t turned = rotary_width(d, call.attributes.real("fraction")), half = turned / 2;
    if (turned == 0) return x;
    // Cosines and sines of every position and pair, once.
    const auto table = [&](const char* function) {
      return writer.map({x.shape[1], half}, {}, [&](MlirBody& body) {
        const double step = -2.0 / static_cast<double>(turned) * std::log(call.attributes.real("base"));
        const std::string frequency =
            body.unary("math.exp",
                       body.binary("arith.mulf", body.index(1, "f64"), body.real(step, "f64"), "f64"), "f64");
        const std::string angle = body.binary("arith.mulf", body.index(0, "f64"), frequency, "f64");
        return body.narrow(body.unary(function, angle, "f64"));
      });
    };
    const MlirOperand cosine{table("math.cos"), {"d1", "d3"}}, sine{table("math.sin"), {"d1", "d3"}};
    const MlirValue split = writer.split(x, 2, {heads, d});
    const MlirOperand first = MlirWriter::whole(writer.slice(split, 3, 0, half));
    const MlirOperand second = MlirWriter::whole(writer.slice(split, 3, half, half));
    const auto turn = [&](const char* operation, const MlirOperand& one, const MlirOperand& other) {
      return writer.map(first.value.shape, {one, cosine, other, sine}, [&](MlirBody& body) {
        return body.binary(operation, body.multiply(body.in(0), body.in(1)),
                           body.multiply(body.in(2), body.in(3)));
      });
    };
    std::vector<MlirValue> parts = {turn("arith.subf", first, second), turn("arith.addf", second, first)};
    if (turned < d) parts.push_back(writer.slice(split, 3, turned, d - turned));
    return writer.merge(writer.concat(parts, 3), 2, 2);
  }
  bool identity(const Attributes& attributes, const Shapes&) const override {
    return attributes.real("fraction") == 0.0;
  }
  bool zero(const Attributes&, const std::vector<bool>& zero_inputs) const override { return zero_inputs[0]; }
  Attributes canonical_attributes(const Attributes& attributes, const Shapes& inputs) const override {
    Attributes normal = attributes;
    const std::int64_t heads = attributes.integer("heads");
    const std::int64_t turned = rotary_width(inputs[0].back() / heads, attributes.real("fraction"));
    normal.erase("fraction");
    normal.set("turned", turned);
    // One pair turns by t x base^0: the base is not seen.
    if (turned == 2) normal.erase("base");
    return normal;
  }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, rotary) {
  using namespace hone::graph::ops;
  registry.add(
      "operator",
      {.name = "rotary",
       .summary = "Turns the elements of queries and keys, pair by pair, by an angle of the position.",
       .paper = "RoFormer: Enhanced Transformer with Rotary Position Embedding",
       .options = {size_attribute("heads", "heads that the width divides into"),
                   real_attribute("fraction", 1.0, 0.0, 1.0, "how much of a head is turned"),
                   real_attribute("base", 10000.0, 1.0, 1e9, "of the angles' geometric series")},
       .type = "[batch, time, width] -> [batch, time, width]"},
      maker<Rotary>());
}
