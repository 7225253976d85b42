// Descriptions of language models: hone's own, and config.json files of the Transformers library, whose words
// differ from model to model.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/cost/llm/architecture.h"

namespace hone::cost {
namespace {

/// A description's values, each under whichever of its names is there.
class ConfigReader {
 public:
  ConfigReader(const Json& json, const Place& place) : json_(json), place_(place) {}

  /// The first of `keys` that is there; else `fallback`, or an Error where that is negative.
  std::int64_t integer(std::initializer_list<const char*> keys, std::int64_t fallback) const {
    for (const char* key : keys) {
      const Json* found = find(key);
      if (found == nullptr) continue;
      if (!found->is_number() || found->get<double>() != std::floor(found->get<double>()) ||
          std::abs(found->get<double>()) > 1e15)
        throw Error(fmt::format("{} is not a whole number", key), place_);
      return static_cast<std::int64_t>(found->get<double>());
    }
    if (fallback < 0)
      throw Error(
          fmt::format("{} is missing", *keys.begin()), place_,
          "needed: layers, width, heads, vocabulary (or Transformers' names for them), of experts how "
          "many a token goes through");
    return fallback;
  }
  bool flag(const char* key, bool fallback) const {
    const Json* found = find(key);
    if (found == nullptr) return fallback;
    if (!found->is_boolean()) throw Error(fmt::format("{} is not true or false", key), place_);
    return found->get<bool>();
  }
  /// Of two numbers of a config. Throws Error where it is beyond what any model has.
  std::int64_t product(std::int64_t a, std::int64_t b) const {
    if (a < 0 || b < 0 || static_cast<double>(a) * static_cast<double>(b) > 1e15)
      throw Error(fmt::format("a width of {} x {} is one that no model has", a, b), place_);
    return a * b;
  }
  std::string text(const char* key) const {
    const Json* found = find(key);
    return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
  }
  /// Nothing where it is absent or null.
  const Json* find(const char* key) const {
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }

 private:
  const Json& json_;
  const Place& place_;
};

/// Models of pictures and text have the language model's config within their own; MPT and DBRX have some of
/// theirs in parts.
Json flattened(const Json& json) {
  Json flat = json;
  for (const char* part : {"text_config", "llm_config", "language_config"})
    if (const auto found = json.find(part); found != json.end() && found->is_object()) flat.update(*found);
  for (const char* part : {"attn_config", "ffn_config"})
    if (const auto found = json.find(part); found != json.end() && found->is_object())
      for (const auto& [key, value] : found->items())
        if (!flat.contains(key)) flat[key] = value;
  return flat;
}

/// Throws Error where a key tells of layers that are none of a transformer as LlmArchitecture describes it.
void refuse_others(const Json& json, const Place& place) {
  const auto refuse = [&](const std::string& key, const std::string& why) {
    throw Error(fmt::format("{} tells of {}, whose costs are not known", key, why), place,
                "described can be: transformers with attention in every layer");
  };
  const auto says = [](const Json& value) {
    return !(value.is_null() || value == false || value == 0 || (value.is_array() && value.empty()));
  };
  static const std::vector<std::pair<const char*, const char*>> kBeginnings{
      {"mamba", "state space layers"},     {"ssm", "state space layers"},
      {"rwkv", "recurrent layers"},        {"lru_", "recurrent layers"},
      {"slstm", "recurrent layers"},       {"mlstm", "recurrent layers"},
      {"linear_attn", "linear attention"}, {"linear_conv", "linear attention"},
      {"linear_key", "linear attention"},  {"linear_num", "linear attention"},
      {"zero_expert", "empty experts"}};
  static const std::vector<std::pair<const char*, const char*>> kKeys{
      {"state_size", "state space layers"},
      {"d_state", "state space layers"},
      {"attention_hidden_size", "recurrent layers"},
      {"attn_type_list", "linear attention"},
      {"conv_L_cache", "convolutions in place of attention"},
      {"attn_layer_period", "layers without attention"},
      {"attn_layer_indices", "layers without attention"},
      {"full_attn_idxs", "layers without attention"},
      {"hybrid_override_pattern", "layers of several kinds"},
      {"block_configs", "layers of several shapes"},
      {"expert_layer_period", "experts in some layers"},
      {"moe_layer_start_index", "experts in some layers"},
      {"num_sparse_encoder_layers", "experts in some layers"},
      {"num_kv_shared_layers", "caches that layers share"},
      {"use_cla", "caches that layers share"}};
  for (const auto& [key, value] : json.items()) {
    if (!says(value)) continue;
    for (const auto& [beginning, why] : kBeginnings)
      if (key.starts_with(beginning)) refuse(key, why);
    for (const auto& [name, why] : kKeys)
      if (key == name) refuse(key, why);
  }
  for (const char* key : {"layer_types", "layers_block_type", "block_types", "_block_types"}) {
    const auto kinds = json.find(key);
    if (kinds == json.end() || !kinds->is_array()) continue;
    for (const Json& kind : *kinds)
      if (const std::string name = kind.is_string() ? kind.get<std::string>() : "attention";
          name.find("attention") == std::string::npos || name.starts_with("linear"))
        refuse(key, fmt::format("layers of the kind '{}'", name));
  }
  if (const auto type = json.find("model_type"); type != json.end() && type->is_string())
    for (const char* other : {"mamba", "rwkv", "xlstm", "jamba"})
      if (type->get<std::string>().find(other) != std::string::npos)
        refuse("model_type", fmt::format("'{}'", type->get<std::string>()));
}

/// How many layers have no experts, by whichever rule the config has.
std::int64_t layers_without_experts(const ConfigReader& config, std::int64_t layers, const Place& place) {
  const std::int64_t first = config.integer({"first_k_dense_replace"}, 0);
  const std::int64_t every = config.integer({"moe_layer_freq"}, 1);  // counted from layer 0
  const std::int64_t step = config.integer({"decoder_sparse_step", "interleave_moe_layer_step"}, 1);
  if (every < 1 || step < 1) throw Error("experts in every layer after none: the step is below 1", place);
  std::vector<std::int64_t> named;
  if (const Json* list = config.find("mlp_only_layers"); list != nullptr && list->is_array())
    for (const Json& layer : *list)
      if (layer.is_number_integer()) named.push_back(layer.get<std::int64_t>());
  std::int64_t dense = 0;
  for (std::int64_t layer = 0; layer < std::min<std::int64_t>(layers, 10000); ++layer)
    if (layer < first || layer % every != 0 || (layer + 1) % step != 0 ||
        std::find(named.begin(), named.end(), layer) != named.end())
      ++dense;
  return dense;
}

void read_experts(const ConfigReader& config, LlmArchitecture& read, const Place& place) {
  read.experts = config.integer(
      {"experts", "num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"}, 1);
  const std::int64_t plain_width = read.ffn_width;
  // Hone's own descriptions may leave it out; in a config its absence means a word that is not known here.
  const bool own = config.find("experts") != nullptr;
  read.active_experts = config.integer({"active_experts", "num_experts_per_tok", "num_experts_per_token",
                                        "experts_per_token", "moe_top_k", "moe_topk", "moe_k"},
                                       own || read.experts == 1 ? 1 : -1);
  read.shared_width = config.integer({"shared_width"}, 0);
  read.dense_layers = config.integer({"dense_layers"}, 0);
  read.dense_width = config.integer({"dense_width"}, read.dense_layers > 0 ? plain_width : 0);
  if (read.experts == 1 || own) return;
  read.ffn_width = config.integer({"moe_intermediate_size"}, plain_width);
  const std::int64_t shared = config.integer(
      {"n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts"}, 0);
  read.shared_width = config.integer({"shared_expert_intermediate_size", "shared_intermediate_size"},
                                     config.product(shared, read.ffn_width));
  // Llama 4 has one expert for every token beside those, and never says so.
  if (config.find("interleave_moe_layer_step") != nullptr) read.shared_width = read.ffn_width;
  read.dense_layers = layers_without_experts(config, read.layers, place);
  if (read.dense_layers > 0) read.dense_width = config.integer({"intermediate_size_mlp"}, plain_width);
}

/// Configs within others leave out what is their model's default.
bool gated_by_default(const std::string& type) {
  for (const char* family : {"llama", "mistral", "mixtral", "qwen2", "qwen3", "deepseek", "cohere", "dbrx"})
    if (type.starts_with(family)) return true;
  return false;
}

void read_latent_attention(const ConfigReader& config, LlmArchitecture& read) {
  read.kv_rank = config.integer({"kv_rank", "kv_lora_rank"}, 0);
  const bool latent = read.kv_rank > 0;
  read.query_rank = config.integer({"query_rank", "q_lora_rank"}, 0);
  read.rotary_width = config.integer({"rotary_width", "qk_rope_head_dim"}, latent ? -1 : 0);
  read.value_width = config.integer({"value_width", "v_head_dim"}, latent ? -1 : 0);
  if (latent) read.head_width = config.integer({"head_width", "qk_nope_head_dim"}, -1);
}

}  // namespace

LlmArchitecture architecture_of_json(const Json& json, const Place& place) {
  if (!json.is_object()) throw Error("an architecture is a JSON object", place);
  // A description of our own has our words alone; a config.json of Transformers has many others.
  static const std::vector<std::string> kOwn{
      "name",         "layers",         "width",       "heads",   "kv_heads",   "head_width",
      "ffn_width",    "gated",          "vocabulary",  "tied",    "experts",    "active_experts",
      "shared_width", "dense_layers",   "dense_width", "kv_rank", "query_rank", "rotary_width",
      "value_width",  "encoder_layers", "parameters",  "source",  "assumed"};
  if (json.contains("layers") && json.contains("width"))
    for (const auto& [key, value] : json.items())
      if (std::find(kOwn.begin(), kOwn.end(), key) == kOwn.end())
        throw Error(fmt::format("an architecture has no '{}'", key), place, suggest(key, kOwn));
  const Json flat = flattened(json);
  refuse_others(flat, place);
  const ConfigReader config(flat, place);
  const std::string type = config.text("model_type");
  LlmArchitecture read;
  read.name = config.text("name").empty() ? config.text("_name_or_path") : config.text("name");
  if (read.name.empty()) read.name = type.empty() ? "architecture" : type;
  read.layers = config.integer({"layers", "num_hidden_layers", "n_layer", "n_layers", "num_layers"}, -1);
  read.width = config.integer({"width", "hidden_size", "n_embd", "d_model"}, -1);
  read.heads = config.integer({"heads", "num_attention_heads", "n_head", "n_heads", "num_heads"}, -1);
  // Falcon's first architecture has one head of keys whatever num_kv_heads says.
  const bool one_key =
      (config.flag("multi_query", false) && !config.flag("new_decoder_architecture", false)) ||
      config.text("attn_type") == "multiquery_attention";
  read.kv_heads =
      one_key ? 1
              : config.integer({"kv_heads", "num_key_value_heads", "num_kv_heads", "n_head_kv", "kv_n_heads"},
                               read.heads);
  read.head_width =
      config.integer({"head_width", "head_dim", "d_kv"}, read.heads > 0 ? read.width / read.heads : 0);
  read.ffn_width =
      config.integer({"ffn_width", "intermediate_size", "ffn_dim", "n_inner", "d_ff", "ffn_hidden_size"},
                     config.product(config.integer({"expansion_ratio"}, 4), read.width));
  read.vocabulary = config.integer({"vocabulary", "vocab_size"}, -1);
  const std::string activation = config.text("hidden_act");
  read.gated = config.flag("gated", activation == "silu" || activation == "swiglu" ||
                                        config.flag("is_gated_act", false) || type.starts_with("gemma") ||
                                        (activation.empty() && gated_by_default(type)));
  // What a config leaves out is its model's default.
  const bool tied = !read.gated || type.starts_with("gemma") || type.starts_with("cohere");
  read.tied = config.flag("tied", config.flag("tie_word_embeddings", tied));
  read_experts(config, read, place);
  read_latent_attention(config, read);
  read.encoder_layers = config.integer({"encoder_layers"}, 0);
  if (config.flag("is_encoder_decoder", false)) {  // Transformers counts the encoder's layers first
    read.encoder_layers = read.layers;
    read.layers = config.integer({"num_decoder_layers"}, read.layers);
  }
  read.source = config.text("source").empty() ? place.file : config.text("source");
  read.assumed = config.flag("assumed", false);
  read.check(place);
  return read;
}

}  // namespace hone::cost
