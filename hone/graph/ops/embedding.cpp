#include <algorithm>
#include <cmath>

#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {
namespace {

/// int64 [B, T] -> [B, T, width]: row x of a table. Parameter weight [vocabulary, width].
class Embedding : public Operator {
 public:
  Shape infer(const Attributes& attributes, const Shapes& inputs) const override {
    need_inputs("embedding", inputs, 1);
    Shape shape = inputs[0];
    shape.push_back(attributes.integer("width"));
    return shape;
  }
  bool takes(DataType type) const override { return type == DataType::int64; }
  std::vector<Parameter> parameters(const Attributes& attributes, const Shapes&) const override {
    return {{"weight", {attributes.integer("vocabulary"), attributes.integer("width")}, kWeightInit}};
  }
  void evaluate(const Call& call, Array& output) const override {
    const std::vector<double>&tokens = call.inputs[0]->values, &table = call.parameters[0]->values;
    const std::int64_t vocabulary = call.attributes.integer("vocabulary");
    const std::int64_t width = call.attributes.integer("width");
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (!(tokens[i] >= 0.0 && tokens[i] < static_cast<double>(vocabulary)) ||
          tokens[i] != std::floor(tokens[i]))
        throw Error(fmt::format("{} is not in the vocabulary of {}", tokens[i], vocabulary), {},
                    "tokens are numbered from 0");
      const auto row = static_cast<std::int64_t>(tokens[i]) * width;
      std::copy_n(table.begin() + row, width, output.values.begin() + static_cast<std::int64_t>(i) * width);
    }
  }
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    const MlirValue &tokens = call.inputs[0], &table = call.parameters[0];
    Shape shape = tokens.shape;
    shape.push_back(table.shape[1]);
    return writer.map(shape, {MlirWriter::whole(tokens)},
                      [&](MlirBody& body) { return body.lookup(table, body.in(0), shape.size() - 1); });
  }
  double flops(const Attributes&, const Shapes&, const Shape&) const override { return 0.0; }
  /// A lookup reads one row a token, at most the whole table.
  double parameter_bytes(const Attributes& attributes, const Shapes& inputs, const Shape&) const override {
    const double read = std::min(count(inputs[0]), static_cast<double>(attributes.integer("vocabulary")));
    return 4.0 * read * static_cast<double>(attributes.integer("width"));
  }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, embedding) {
  using namespace hone::graph::ops;
  registry.add("operator",
               {.name = "embedding",
                .summary = "A trainable vector for every token of the vocabulary.",
                .paper = "A Neural Probabilistic Language Model",
                .options = {size_attribute("vocabulary", "number of distinct tokens"),
                            size_attribute("width", "elements of a vector")},
                .type = "integer [..] -> [.., width]"},
               maker<Embedding>());
}
