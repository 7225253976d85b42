#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {
namespace {

/// y = x: a place in a design where nothing was put.
class Identity : public Operator {
 public:
  Shape infer(const Attributes&, const Shapes& inputs) const override {
    need_inputs("identity", inputs, 1);
    return inputs[0];
  }
  MlirValue mlir(MlirWriter&, const MlirCall& call) const override { return call.inputs[0]; }
  double flops(const Attributes&, const Shapes&, const Shape&) const override { return 0.0; }
  void evaluate(const Call& call, Array& output) const override { output.values = call.inputs[0]->values; }
  bool identity(const Attributes&, const Shapes&) const override { return true; }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, identity) {
  using namespace hone::graph::ops;
  registry.add("operator",
               {.name = "identity",
                .summary = "Its input, unchanged; costs nothing.",
                .paper = "",
                .type = "[..] -> [..]"},
               maker<Identity>());
}
