#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {
namespace {

/// [B, T, width] -> [B, T, width]: adds row t of a table to position t. Parameter weight [context, width].
class LearnedPosition : public Operator {
 public:
  Shape infer(const Attributes& attributes, const Shapes& inputs) const override {
    need_inputs("learned_position", inputs, 1);
    need_sequence("learned_position", inputs[0]);
    const std::int64_t context = attributes.integer("context");
    if (inputs[0][1] > context)
      throw Error(
          fmt::format("learned_position knows {} positions, but the sequence has {}", context, inputs[0][1]));
    return inputs[0];
  }
  std::vector<Parameter> parameters(const Attributes& attributes, const Shapes& inputs) const override {
    return {{"weight", {attributes.integer("context"), inputs[0].back()}, kWeightInit}};
  }
  void evaluate(const Call& call, Array& output) const override {
    const std::vector<double>&x = call.inputs[0]->values, &table = call.parameters[0]->values;
    const auto sequence = static_cast<std::size_t>(output.shape[1] * output.shape[2]);
    for (std::size_t i = 0; i < x.size(); ++i) output.values[i] = x[i] + table[i % sequence];
  }
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    const MlirValue& x = call.inputs[0];
    const MlirValue rows = writer.slice(call.parameters[0], 0, 0, x.shape[1]);
    return writer.map(x.shape, {MlirWriter::whole(x), {rows, {"d1", "d2"}}},
                      [](MlirBody& body) { return body.add(body.in(0), body.in(1)); });
  }
  double flops(const Attributes&, const Shapes&, const Shape& output) const override { return count(output); }
  /// Only the rows of the positions there are.
  double parameter_bytes(const Attributes&, const Shapes& inputs, const Shape&) const override {
    return 4.0 * static_cast<double>(inputs[0][1] * inputs[0][2]);
  }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, learned_position) {
  using namespace hone::graph::ops;
  registry.add("operator",
               {.name = "learned_position",
                .summary = "Adds a trainable vector of the position.",
                .paper = "Convolutional Sequence to Sequence Learning",
                .options = {size_attribute("context", "most positions there can be")},
                .type = "[batch, time, width] -> [batch, time, width]"},
               maker<LearnedPosition>());
}
