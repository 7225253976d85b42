#include "hone/graph/decoder.h"

#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::graph {

namespace {

std::int64_t or_default(int given, std::int64_t fallback) { return given == 0 ? fallback : given; }

void need_positive(const char* what, std::int64_t value) {
  if (value < 1) throw Error(fmt::format("a decoder's {} must be at least 1, not {}", what, value));
}

class Builder {
 public:
  Builder(const DecoderSpec& spec, int batch, int length) : spec_(spec) {
    need_positive("vocabulary", spec.vocabulary);
    need_positive("context", spec.context);
    need_positive("width", spec.width);
    need_positive("batch", batch);
    need_positive("length", length);
    if (length > spec.context)
      throw Error(
          fmt::format("a sequence of {} tokens is longer than the context of {}", length, spec.context));
    const int tokens = graph_.input("tokens", {batch, length}, DataType::int64);
    int x = graph_.add("embedding",
                       {{"vocabulary", std::int64_t{spec.vocabulary}}, {"width", std::int64_t{spec.width}}},
                       {tokens}, "embedding");
    const int table = graph_.node(x).parameters[0];
    if (spec.position == Position::learned)
      x = graph_.add("learned_position", {{"context", std::int64_t{spec.context}}}, {x}, "position");
    for (std::size_t i = 0; i < spec.layers.size(); ++i)
      x = layer(spec.layers[i], fmt::format("layer{}", i), x);
    x = norm(x, "final.norm", true);
    x = graph_.add("linear", {{"out", std::int64_t{spec.vocabulary}}, {"bias", false}}, {x}, "head",
                   spec.tied ? std::vector<int>{table} : std::vector<int>{});
    graph_.output(x);
  }
  Graph take() { return std::move(graph_); }

 private:
  int norm(int x, const std::string& name, bool affine) {
    return graph_.add(spec_.norm == Norm::layer ? "layer_norm" : "rms_norm", {{"affine", affine}}, {x}, name);
  }

  /// A linear map into `out` elements; `residual` where its result is added to the stream.
  int linear(int x, std::int64_t out, const std::string& name, bool residual) {
    const int id = graph_.add("linear", {{"out", out}, {"bias", spec_.bias}}, {x}, name);
    const double scale = residual ? 1.0 / std::sqrt(2.0 * static_cast<double>(spec_.layers.size())) : 1.0;
    graph_.set_init(graph_.node(id).parameters[0], {Init::Kind::normal, 0.02 * scale});
    return id;
  }

  int tokenized(int x, std::int64_t tokens, std::int64_t out, const std::string& name) {
    const int id = graph_.add("token_parameter_attention", {{"tokens", tokens}, {"out", out}}, {x}, name);
    const double scale =
        2.0 / (static_cast<double>(spec_.layers.size()) * std::sqrt(static_cast<double>(spec_.width)));
    graph_.set_init(graph_.node(id).parameters[0], {Init::Kind::normal, 0.02});
    graph_.set_init(graph_.node(id).parameters[1], {Init::Kind::normal, scale});
    return id;
  }

  int layer(const DecoderLayer& layer, const std::string& name, int x) {
    check(layer, name);
    const int attended = attention(layer, name, norm(x, name + ".attention.norm", !layer.tokenized));
    x = graph_.add("add", {}, {x, attended}, name + ".attention.residual");
    if (layer.feedforward == Feedforward::none) return x;
    const int fed = feedforward(layer, name, norm(x, name + ".feedforward.norm", !layer.tokenized));
    return graph_.add("add", {}, {x, fed}, name + ".feedforward.residual");
  }

  void check(const DecoderLayer& layer, const std::string& name) const {
    const auto wrong = [&](const std::string& what, const std::string& hint = {}) {
      return Error(fmt::format("{}: {}", name, what), {}, hint);
    };
    if (layer.heads < 1) throw wrong(fmt::format("{} heads", layer.heads), "a layer has at least one head");
    if (spec_.width % layer.heads != 0)
      throw wrong(fmt::format("the width of {} does not divide into {} heads", spec_.width, layer.heads),
                  "add the condition width % heads == 0 to the space");
    if (layer.kv_heads < 0 || (layer.kv_heads > 0 && layer.heads % layer.kv_heads != 0))
      throw wrong(
          fmt::format("{} heads do not divide into {} key and value heads", layer.heads, layer.kv_heads),
          "kv_heads must divide heads");
    if (layer.hidden < 0) throw wrong(fmt::format("a feed-forward of width {}", layer.hidden));
    if (layer.tokens < 0 || layer.ffn_tokens < 0) throw wrong("a negative number of parameter tokens");
    if (layer.tokenized && layer.feedforward == Feedforward::gated)
      throw wrong("a tokenized layer has no gated feed-forward", "its feed-forward is plain or none");
  }

  int attention(const DecoderLayer& layer, const std::string& name, int x) {
    const std::int64_t heads = layer.heads;
    const std::int64_t kv_heads = or_default(layer.kv_heads, heads);
    const std::int64_t width = spec_.width;
    const std::int64_t kv_width = width / heads * kv_heads;
    const auto project = [&](int from, std::int64_t out, const std::string& part, bool residual) {
      return layer.tokenized ? tokenized(from, or_default(layer.tokens, width), out, name + "." + part)
                             : linear(from, out, name + "." + part, residual);
    };
    int query = project(x, width, "query", false);
    int key = project(x, kv_width, "key", false);
    const int value = project(x, kv_width, "value", false);
    if (spec_.position == Position::rotary) {
      const double fraction = layer.rotary.value_or(layer.tokenized ? 0.25 : 1.0);
      query =
          graph_.add("rotary", {{"heads", heads}, {"fraction", fraction}}, {query}, name + ".query.rotary");
      key = graph_.add("rotary", {{"heads", kv_heads}, {"fraction", fraction}}, {key}, name + ".key.rotary");
    }
    const int mixed = graph_.add("causal_attention", {{"heads", heads}, {"kv_heads", kv_heads}},
                                 {query, key, value}, name + ".attention");
    return project(mixed, width, "output", true);
  }

  int feedforward(const DecoderLayer& layer, const std::string& name, int x) {
    const std::int64_t width = spec_.width;
    if (layer.tokenized || layer.feedforward == Feedforward::tokenized)
      return tokenized(x, or_default(layer.ffn_tokens, 4 * or_default(layer.tokens, width)), width,
                       name + ".feedforward");
    const std::int64_t hidden = or_default(layer.hidden, 4 * width);
    const bool gated = layer.feedforward == Feedforward::gated;
    int inner = linear(x, hidden, name + (gated ? ".gate" : ".up"), false);
    inner = graph_.add("activation", {{"kind", layer.activation}}, {inner}, name + ".activation");
    if (gated)
      inner = graph_.add("multiply", {}, {inner, linear(x, hidden, name + ".up", false)}, name + ".gated");
    return linear(inner, width, name + ".down", true);
  }

  const DecoderSpec& spec_;
  Graph graph_;
};

}  // namespace

Graph decoder(const DecoderSpec& spec, int batch, int length) { return Builder(spec, batch, length).take(); }

}  // namespace hone::graph
