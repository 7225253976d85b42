#include "hone/graph/ops/rotary.h"

#include <cmath>
#include <map>
#include <tuple>

#include <c10/core/InferenceMode.h>

#include "hone/train/ops/fused.h"
#include "hone/train/sequence_kernel.h"

namespace hone::train::ops {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Angles t x base^(-2i / turned), double [length, turned / 2].
Tensor rotary_angles(std::int64_t length, std::int64_t turned, double base) {
  const auto options = torch::TensorOptions().dtype(torch::kFloat64);
  const Tensor frequency = at::pow(base, at::arange(0, turned, 2, options) / -static_cast<double>(turned));
  return at::outer(at::arange(length, options), frequency);
}

struct RotaryTables {
  Tensor cosine, sine;  ///< [length, turned / 2]
};

/// Tables of at least `length` positions, kept by the thread.
const RotaryTables& rotary_tables(std::int64_t length, std::int64_t turned, double base, const Tensor& like) {
  using TableKey = std::tuple<std::int64_t, double, int, int, int>;
  thread_local std::map<TableKey, RotaryTables> kept;
  if (kept.size() > 64) kept.clear();
  RotaryTables& tables =
      kept[{turned, base, static_cast<int>(like.device().type()), static_cast<int>(like.device().index()),
            static_cast<int>(like.scalar_type())}];
  if (!tables.cosine.defined() || tables.cosine.size(0) < length) {
    const c10::InferenceMode no_inference(false);  // tables made while decoding may serve training
    const at::NoGradGuard no_gradient;
    const std::int64_t positions = std::max<std::int64_t>(2 * length, 256);
    const Tensor angles = rotary_angles(positions, turned, base);
    tables.cosine = at::cos(angles).to(like.device(), like.scalar_type());
    tables.sine = at::sin(angles).to(like.device(), like.scalar_type());
  }
  return tables;
}

/// What one call turns: x [batch, length, heads x d] from position `offset` on, back where sign is -1.
struct Rotation {
  std::int64_t heads, turned, offset;
  double base, sign;
};

Tensor rotate_plain(const Tensor& x, const Rotation& r) {
  const std::int64_t length = x.size(1), d = x.size(2) / r.heads, half = r.turned / 2;
  const RotaryTables& tables = rotary_tables(r.offset + length, r.turned, r.base, x);
  const Tensor cosine = tables.cosine.narrow(0, r.offset, length).view({1, length, 1, half});
  const Tensor sine = tables.sine.narrow(0, r.offset, length).view({1, length, 1, half}) * r.sign;
  const Tensor view = x.reshape({x.size(0), length, r.heads, d});
  const Tensor first = view.narrow(3, 0, half), second = view.narrow(3, half, half);
  return at::cat({first * cosine - second * sine, second * cosine + first * sine,
                  view.narrow(3, r.turned, d - r.turned)},
                 3)
      .view(x.sizes());
}

Tensor rotate_fused(const Tensor& x, const Rotation& r) {
  const Tensor input = x.contiguous();
  const Tensor output = at::empty_like(input);
  const std::int64_t length = x.size(1);
  const RotaryTables& tables = rotary_tables(r.offset + length, r.turned, r.base, x);
  const std::int64_t first = r.offset * (r.turned / 2);
  rotate(input.data_ptr<float>(), output.data_ptr<float>(), x.size(0) * length, length, r.heads,
         x.size(2) / r.heads, r.turned, tables.cosine.data_ptr<float>() + first,
         tables.sine.data_ptr<float>() + first, static_cast<float>(r.sign));
  return output;
}

/// A rotation is linear and its transpose turns back, so its gradient is a rotation, as often as wanted.
class FusedRotation : public torch::autograd::Function<FusedRotation> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, std::int64_t heads, std::int64_t turned,
                        std::int64_t offset, double base, double sign) {
    context->saved_data["sizes"] = std::vector<std::int64_t>{heads, turned, offset};
    context->saved_data["reals"] = std::vector<double>{base, sign};
    return rotate_fused(x, {heads, turned, offset, base, sign});
  }
  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const auto sizes = context->saved_data["sizes"].toIntVector();
    const auto reals = context->saved_data["reals"].toDoubleVector();
    const Tensor& gradient = outputs[0];
    const Rotation back = {sizes[0], sizes[1], sizes[2], reals[0], -reals[1]};
    Tensor input_gradient =
        wants_gradient({&gradient})
            ? FusedRotation::apply(gradient, back.heads, back.turned, back.offset, back.base, back.sign)
            : rotate_fused(gradient, back);
    return {input_gradient, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

class RotaryLowering : public Lowering {
 public:
  Tensor run(const graph::Node& node, int, const std::vector<Tensor>& inputs, const std::vector<Tensor>&,
             Context& context) const override {
    const Tensor& x = inputs[0];
    const std::int64_t heads = node.attributes.integer("heads");
    const std::int64_t turned = graph::ops::rotary_width(x.size(2) / heads, node.attributes.real("fraction"));
    if (turned == 0) return x;
    const Rotation rotation = {heads, turned, context.offset, node.attributes.real("base"), 1.0};
    if (!kernel_serves(x)) return rotate_plain(x, rotation);
    if (wants_gradient({&x}))
      return FusedRotation::apply(x, heads, turned, context.offset, rotation.base, rotation.sign);
    return rotate_fused(x, rotation);
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, rotary) {
  using namespace hone::train::ops;
  registry.add("lowering",
               {.name = "rotary",
                .summary = "One pass over memory on the CPU, tables of angles kept by the thread.",
                .paper = "RoFormer: Enhanced Transformer with Rotary Position Embedding"},
               lowering_maker<RotaryLowering>());
}
