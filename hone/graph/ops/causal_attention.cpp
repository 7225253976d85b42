#include <algorithm>
#include <cmath>

#include "hone/base/numbers.h"
#include "hone/graph/ops/shapes.h"

namespace hone::graph::ops {
namespace {

/// q [B, T, heads x d], k and v [B, T, kv_heads x d] -> [B, T, heads x d]: softmax(q k^T / sqrt(d)) v in
/// every head, position t seeing positions 0 to t. Head h reads keys and values of head h / (heads /
/// kv_heads): kv_heads = heads is multi-head, 1 multi-query ("Fast Transformer Decoding: One Write-Head is
/// All You Need"), between them grouped-query attention ("GQA: Training Generalized Multi-Query Transformer
/// Models from Multi-Head Checkpoints"). kv_heads = 0 means heads.
class CausalAttention : public Operator {
 public:
  Shape infer(const Attributes& attributes, const Shapes& inputs) const override {
    need_inputs("causal_attention", inputs, 3);
    for (const Shape& shape : inputs) need_sequence("causal_attention", shape);
    const std::int64_t heads = attributes.integer("heads");
    const std::int64_t kv_heads = key_heads(attributes);
    if (heads % kv_heads != 0)
      throw Error(fmt::format("causal_attention: {} heads do not divide into {} key and value heads", heads,
                              kv_heads),
                  {}, "kv_heads must divide heads");
    const Shape& query = inputs[0];
    if (query[2] % heads != 0)
      throw Error(
          fmt::format("causal_attention: a width of {} does not divide into {} heads", query[2], heads));
    const Shape expected = with_last(query, query[2] / heads * kv_heads);
    for (std::size_t i : {1, 2})
      if (inputs[i] != expected)
        throw Error(
            fmt::format("causal_attention: with {} queries and {} key and value heads, {} must be {}, not {}",
                        shape_text(query), kv_heads, i == 1 ? "keys" : "values", shape_text(expected),
                        shape_text(inputs[i])));
    return query;
  }
  void evaluate(const Call& call, Array& output) const override {
    const Array &query = *call.inputs[0], &key = *call.inputs[1], &value = *call.inputs[2];
    const std::int64_t heads = call.attributes.integer("heads"), kv_heads = key_heads(call.attributes);
    const std::int64_t batch = query.shape[0], length = query.shape[1], width = query.shape[2];
    const std::int64_t kv_width = key.shape[2], d = width / heads;
    const double scale = 1.0 / std::sqrt(static_cast<double>(d));
    std::vector<double> weights(static_cast<std::size_t>(length));
    for (std::int64_t b = 0; b < batch; ++b)
      for (std::int64_t head = 0; head < heads; ++head) {
        const std::int64_t shift = head / (heads / kv_heads) * d;
        for (std::int64_t t = 0; t < length; ++t) {
          const double* q = &query.values[(b * length + t) * width + head * d];
          double highest = 0.0, total = 0.0;
          for (std::int64_t u = 0; u <= t; ++u) {
            const double* k = &key.values[(b * length + u) * kv_width + shift];
            double score = 0.0;
            for (std::int64_t i = 0; i < d; ++i) score += q[i] * k[i];
            weights[u] = score * scale;
            highest = u == 0 ? weights[u] : std::max(highest, weights[u]);
          }
          for (std::int64_t u = 0; u <= t; ++u) total += weights[u] = std::exp(weights[u] - highest);
          double* y = &output.values[(b * length + t) * width + head * d];
          for (std::int64_t u = 0; u <= t; ++u) {
            const double* v = &value.values[(b * length + u) * kv_width + shift];
            for (std::int64_t i = 0; i < d; ++i) y[i] += weights[u] / total * v[i];
          }
        }
      }
  }
  MlirValue mlir(MlirWriter& writer, const MlirCall& call) const override {
    const std::int64_t heads = call.attributes.integer("heads"), kv_heads = key_heads(call.attributes);
    const std::int64_t length = call.inputs[0].shape[1], d = call.inputs[0].shape[2] / heads;
    const std::int64_t batch = call.inputs[0].shape[0], group = heads / kv_heads;
    // Dimensions: batch, key head, query head of it, position t, position u, element.
    const MlirValue query = writer.split(call.inputs[0], 2, {kv_heads, group, d});
    const MlirValue key = writer.split(call.inputs[1], 2, {kv_heads, d});
    const MlirValue value = writer.split(call.inputs[2], 2, {kv_heads, d});
    const auto product = [](MlirBody& body) {
      return body.add(body.out(), body.multiply(body.in(0), body.in(1)));
    };
    const MlirValue scores =
        writer.reduce({batch, kv_heads, group, length, length, d}, 1, 0.0,
                      {{query, {"d0", "d3", "d1", "d2", "d5"}}, {key, {"d0", "d4", "d1", "d5"}}}, product);
    const MlirValue masked = writer.map(scores.shape, {MlirWriter::whole(scores)}, [&](MlirBody& body) {
      const std::string scaled =
          body.multiply(body.in(0), body.real(1.0 / std::sqrt(static_cast<double>(d))));
      return body.select("ole", body.index(4), body.index(3), scaled, body.real(-kInfinity));
    });
    MlirOperand row = MlirWriter::whole(masked);
    row.at.pop_back();
    row.value = writer.reduce(masked.shape, 1, -kInfinity, {MlirWriter::whole(masked)}, [](MlirBody& body) {
      return body.binary("arith.maximumf", body.out(), body.in(0));
    });
    const MlirValue weights = writer.map(masked.shape, {MlirWriter::whole(masked), row}, [](MlirBody& body) {
      return body.unary("math.exp", body.subtract(body.in(0), body.in(1)));
    });
    row.value = writer.reduce(masked.shape, 1, 0.0, {MlirWriter::whole(weights)},
                              [](MlirBody& body) { return body.add(body.out(), body.in(0)); });
    const MlirValue shares = writer.map(masked.shape, {MlirWriter::whole(weights), row},
                                        [](MlirBody& body) { return body.divide(body.in(0), body.in(1)); });
    // batch, position t, key head, query head, element; position u.
    const MlirValue mixed =
        writer.reduce({batch, length, kv_heads, group, d, length}, 1, 0.0,
                      {{shares, {"d0", "d2", "d3", "d1", "d5"}}, {value, {"d0", "d5", "d2", "d4"}}}, product);
    return writer.merge(mixed, 2, 3);
  }
  /// Weights sum to one, whatever queries and keys are.
  bool zero(const Attributes&, const std::vector<bool>& zero_inputs) const override { return zero_inputs[2]; }
  double flops(const Attributes& attributes, const Shapes& inputs, const Shape&) const override {
    // A pair takes a product with the key and one with the value; its score is scaled, compared, shifted,
    // exponentiated, summed and divided.
    const double head_dim = static_cast<double>(inputs[0][2] / attributes.integer("heads"));
    return pairs(attributes, inputs) * (4.0 * head_dim + 6.0);
  }
  /// The scores, written once and read once.
  double scratch_bytes(const Attributes& attributes, const Shapes& inputs, const Shape&) const override {
    return 8.0 * pairs(attributes, inputs);
  }
  Attributes canonical_attributes(const Attributes& attributes, const Shapes&) const override {
    Attributes normal = attributes;
    normal.set("kv_heads", key_heads(attributes));
    return normal;
  }

 private:
  static std::int64_t key_heads(const Attributes& attributes) {
    const std::int64_t given = attributes.integer("kv_heads");
    return given == 0 ? attributes.integer("heads") : given;
  }
  /// Query and key pairs over batch and heads: the lower triangle with its diagonal.
  static double pairs(const Attributes& attributes, const Shapes& inputs) {
    const auto length = static_cast<double>(inputs[0][1]);
    return static_cast<double>(inputs[0][0] * attributes.integer("heads")) * length * (length + 1.0) / 2.0;
  }
};

}  // namespace
}  // namespace hone::graph::ops

HONE_REGISTER(operator, causal_attention) {
  using namespace hone::graph::ops;
  hone::OptionSpec kv_heads = size_attribute("kv_heads", "heads of keys and values; 0: as many as heads");
  kv_heads.low = 0;
  kv_heads.fallback = 0;
  registry.add("operator",
               {.name = "causal_attention",
                .summary = "Softmax attention to this and earlier positions: multi-head, grouped-query, or "
                           "multi-query (Fast Transformer Decoding: One Write-Head is All You Need).",
                .paper = "Attention Is All You Need",
                .options = {size_attribute("heads", "heads of queries"), kv_heads},
                .traits = "multi-head, grouped-query, multi-query",
                .type = "[batch, time, width], [batch, time, kv], [batch, time, kv] -> [batch, time, width]"},
               maker<CausalAttention>());
}
