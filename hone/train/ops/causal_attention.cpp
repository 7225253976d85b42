#include <cmath>
#include <cstring>
#include <map>
#include <tuple>

#include <c10/core/InferenceMode.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/train/ops/fused.h"
#include "hone/train/sequence_kernel.h"

namespace hone::train::ops {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Sizes of one call: queries [batch, length, kv_heads x group x d].
struct AttentionSizes {
  std::int64_t batch, length, kv_heads, group, d;
  float scale() const { return 1.0f / std::sqrt(static_cast<float>(d)); }
};

AttentionSizes attention_sizes(const Tensor& query, std::int64_t heads, std::int64_t kv_heads) {
  return {query.size(0), query.size(1), kv_heads, heads / kv_heads, query.size(2) / heads};
}

/// [batch, length, kv_heads x group x d] -> [batch x kv_heads, length x group, d]: one block a key head, the
/// queries that share it as rows. No copy for one key head or one position.
Tensor pack_heads(const Tensor& x, const AttentionSizes& s, std::int64_t group) {
  if (s.kv_heads == 1) return x.reshape({s.batch, s.length * group, s.d});
  return x.reshape({s.batch, s.length, s.kv_heads, group * s.d})
      .transpose(1, 2)
      .reshape({s.batch * s.kv_heads, s.length * group, s.d});
}

Tensor unpack_heads(const Tensor& x, const AttentionSizes& s, std::int64_t group) {
  const std::int64_t width = s.kv_heads * group * s.d;
  if (s.kv_heads == 1) return x.reshape({s.batch, s.length, width});
  return x.view({s.batch, s.kv_heads, s.length, group * s.d})
      .transpose(1, 2)
      .reshape({s.batch, s.length, width});
}

/// 0 where a query may look, -inf elsewhere: [length x group, offset + length].
Tensor causal_mask(const AttentionSizes& s, std::int64_t offset, const torch::TensorOptions& options) {
  const c10::InferenceMode no_inference(false);  // so that a mask made while decoding may serve training
  const auto long_options = options.dtype(torch::kInt64);
  const Tensor position = at::arange(s.length * s.group, long_options).div(s.group, "floor").add(offset);
  const Tensor hidden = at::arange(offset + s.length, long_options).unsqueeze(0) > position.unsqueeze(1);
  return at::zeros(hidden.sizes(), options).masked_fill(hidden, -kInfinity);
}

Tensor cached_mask(const AttentionSizes& s, std::int64_t offset, const Tensor& like) {
  using MaskKey = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::string, int>;
  thread_local std::map<MaskKey, Tensor> masks;
  if (masks.size() > 16) masks.clear();
  Tensor& mask =
      masks[{s.length, s.group, offset, like.device().str(), static_cast<int>(like.scalar_type())}];
  if (!mask.defined())
    mask = causal_mask(s, offset, torch::TensorOptions(like.device()).dtype(like.scalar_type()));
  return mask;
}

/// Packed queries, keys and values (offset + length rows) to packed outputs, from ATen's operators.
Tensor attend_plain(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionSizes& s,
                    std::int64_t offset) {
  const Tensor scores =
      at::baddbmm(cached_mask(s, offset, query), query, key.transpose(1, 2), 1, 1.0 / std::sqrt(s.d));
  return at::bmm(at::softmax(scores, -1), value);
}

/// The same with the fused softmax; also returns the weights.
Tensor attend_fused(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionSizes& s,
                    std::int64_t offset, Tensor* weights) {
  *weights = at::bmm(query, key.transpose(1, 2));
  causal_softmax(weights->data_ptr<float>(), weights->size(0) * weights->size(1), weights->size(2), s.length,
                 s.group, offset, s.scale());
  return at::bmm(*weights, value);
}

Tensor attention_plain(const variable_list& inputs, std::int64_t heads, std::int64_t kv_heads) {
  const AttentionSizes s = attention_sizes(inputs[0], heads, kv_heads);
  return unpack_heads(attend_plain(pack_heads(inputs[0], s, s.group), pack_heads(inputs[1], s, 1),
                                   pack_heads(inputs[2], s, 1), s, 0),
                      s, s.group);
}

/// One autograd node for the whole: nothing but packed inputs and weights is kept, no mask is added.
class FusedCausalAttention : public torch::autograd::Function<FusedCausalAttention> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& query, const Tensor& key, const Tensor& value,
                        std::int64_t heads, std::int64_t kv_heads) {
    const AttentionSizes s = attention_sizes(query, heads, kv_heads);
    const Tensor q = pack_heads(query, s, s.group), k = pack_heads(key, s, 1), v = pack_heads(value, s, 1);
    Tensor weights;
    const Tensor output = unpack_heads(attend_fused(q, k, v, s, 0, &weights), s, s.group);
    context->save_for_backward({query, key, value, q, k, v, weights});
    context->saved_data["heads"] = heads;
    context->saved_data["kv_heads"] = kv_heads;
    return output;
  }

  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const variable_list saved = context->get_saved_variables();
    const std::int64_t heads = context->saved_data["heads"].toInt();
    const std::int64_t kv_heads = context->saved_data["kv_heads"].toInt();
    if (at::GradMode::is_enabled()) {
      variable_list result = plain_gradients(
          [&](const variable_list& inputs) { return attention_plain(inputs, heads, kv_heads); },
          {saved[0], saved[1], saved[2]}, outputs[0]);
      result.resize(5);
      return result;
    }
    const AttentionSizes s = attention_sizes(saved[0], heads, kv_heads);
    const Tensor &q = saved[3], &k = saved[4], &v = saved[5], &weights = saved[6];
    const Tensor gradient = pack_heads(outputs[0], s, s.group);
    const Tensor scores = at::bmm(gradient, v.transpose(1, 2));
    causal_softmax_backward(weights.data_ptr<float>(), scores.data_ptr<float>(),
                            scores.size(0) * scores.size(1), scores.size(2), s.length, s.group, 0, s.scale());
    return {unpack_heads(at::bmm(scores, k), s, s.group),
            unpack_heads(at::bmm(scores.transpose(1, 2), q), s, 1),
            unpack_heads(at::bmm(weights.transpose(1, 2), gradient), s, 1), Tensor(), Tensor()};
  }
};

/// Keys or values of a decode, [batch x kv_heads, capacity, d], of which the first `used` positions hold.
void append_to_cache(Tensor& cache, const Tensor& fresh, const AttentionSizes& s, std::int64_t used,
                     std::int64_t first_capacity) {
  const std::int64_t needed = used + s.length;
  if (!cache.defined() || cache.size(1) < needed) {
    std::int64_t capacity = cache.defined() ? 2 * cache.size(1) : first_capacity;
    if (capacity < needed) capacity = needed;
    const Tensor larger = at::empty({s.batch * s.kv_heads, capacity, s.d}, fresh.options());
    if (cache.defined()) larger.narrow(1, 0, used).copy_(cache.narrow(1, 0, used));
    cache = larger;
  }
  const std::int64_t capacity = cache.size(1);
  if (!kernel_serves(fresh)) {
    cache.view({s.batch, s.kv_heads, capacity, s.d})
        .narrow(2, used, s.length)
        .copy_(fresh.view({s.batch, s.length, s.kv_heads, s.d}).transpose(1, 2));
    return;
  }
  const float* from = fresh.data_ptr<float>();
  float* to = cache.data_ptr<float>();
  for (std::int64_t b = 0; b < s.batch; ++b)
    for (std::int64_t t = 0; t < s.length; ++t)
      for (std::int64_t head = 0; head < s.kv_heads; ++head, from += s.d)
        std::memcpy(to + ((b * s.kv_heads + head) * capacity + used + t) * s.d, from,
                    static_cast<std::size_t>(s.d) * sizeof(float));
}

Tensor attend_cached(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionSizes& s,
                     std::int64_t offset, std::int64_t first_capacity, std::vector<Tensor>& cache) {
  cache.resize(2);
  if (offset > 0 && (!cache[0].defined() || cache[0].size(0) != s.batch * s.kv_heads))
    throw Error("a decode keeps its batch: it cannot go on with another");
  append_to_cache(cache[0], key.contiguous(), s, offset, first_capacity);
  append_to_cache(cache[1], value.contiguous(), s, offset, first_capacity);
  const std::int64_t seen = offset + s.length;
  if (s.length == 1 && kernel_serves(query)) {
    thread_local std::vector<float> scratch;
    if (static_cast<std::int64_t>(scratch.size()) < seen) scratch.resize(static_cast<std::size_t>(2 * seen));
    const Tensor q = query.contiguous();
    const Tensor output = at::empty_like(q);
    const std::int64_t width = s.kv_heads * s.group * s.d, stride = cache[0].size(1) * s.d;
    for (std::int64_t b = 0; b < s.batch; ++b)
      attend_one(q.data_ptr<float>() + b * width, cache[0].data_ptr<float>() + b * s.kv_heads * stride,
                 cache[1].data_ptr<float>() + b * s.kv_heads * stride, output.data_ptr<float>() + b * width,
                 scratch.data(), s.kv_heads, s.group, s.d, seen, stride);
    return output;
  }
  const Tensor q = pack_heads(query, s, s.group);
  const Tensor k = cache[0].narrow(1, 0, seen), v = cache[1].narrow(1, 0, seen);
  if (!kernel_serves(query)) return unpack_heads(attend_plain(q, k, v, s, offset), s, s.group);
  Tensor weights;
  return unpack_heads(attend_fused(q, k, v, s, offset, &weights), s, s.group);
}

class CausalAttentionLowering : public Lowering {
 public:
  Tensor run(const graph::Node& node, int node_id, const std::vector<Tensor>& inputs,
             const std::vector<Tensor>&, Context& context) const override {
    const std::int64_t heads = node.attributes.integer("heads");
    const std::int64_t given = node.attributes.integer("kv_heads");
    const std::int64_t kv_heads = given == 0 ? heads : given;
    const Tensor &query = inputs[0], &key = inputs[1], &value = inputs[2];
    const AttentionSizes s = attention_sizes(query, heads, kv_heads);
    if (context.decoding)
      return attend_cached(query, key, value, s, context.offset, node.shape[1],
                           (*context.cache)[static_cast<std::size_t>(node_id)]);
    if (!kernel_serves(query)) return attention_plain(inputs, heads, kv_heads);
    if (wants_gradient({&query, &key, &value}))
      return FusedCausalAttention::apply(query, key, value, heads, kv_heads);
    Tensor weights;
    return unpack_heads(attend_fused(pack_heads(query, s, s.group), pack_heads(key, s, 1),
                                     pack_heads(value, s, 1), s, 0, &weights),
                        s, s.group);
  }
};

}  // namespace
}  // namespace hone::train::ops

HONE_REGISTER(lowering, causal_attention) {
  using namespace hone::train::ops;
  registry.add(
      "lowering",
      {.name = "causal_attention",
       .summary = "Batched products around a fused causal softmax; a key and value cache while decoding.",
       .paper = "Attention Is All You Need"},
      lowering_maker<CausalAttentionLowering>());
}
