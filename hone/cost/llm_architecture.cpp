#include "hone/cost/llm_architecture.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "hone/base/files.h"

namespace hone::cost {
namespace {

double real(std::int64_t value) { return static_cast<double>(value); }

}  // namespace

double LlmArchitecture::attention_parameters() const {
  return 2.0 * real(width) * real(heads) * real(head_width) +
         2.0 * real(width) * real(kv_heads) * real(head_width);
}

double LlmArchitecture::expert_parameters() const {
  return (gated ? 3.0 : 2.0) * real(width) * real(ffn_width);
}

double LlmArchitecture::decoder_attention() const {
  return attention_parameters() * (encoder_layers > 0 ? 2.0 : 1.0);
}

double LlmArchitecture::parameters() const {
  return real(layers) * (decoder_attention() + real(experts) * expert_parameters()) +
         real(encoder_layers) * (attention_parameters() + real(experts) * expert_parameters()) +
         (tied ? 1.0 : 2.0) * real(vocabulary) * real(width);
}

double LlmArchitecture::active_parameters() const {
  return real(layers) * (decoder_attention() + real(active_experts) * expert_parameters()) +
         real(vocabulary) * real(width);
}

double LlmArchitecture::kv_bytes(double bytes_per_value) const {
  return (encoder_layers > 0 ? 4.0 : 2.0) * real(layers) * real(kv_heads) * real(head_width) *
         bytes_per_value;
}

void LlmArchitecture::check(const Place& place) const {
  const auto need = [&](std::int64_t value, const char* what, std::int64_t most) {
    if (value < 1 || value > most)
      throw Error(fmt::format("{} is {}, which no model has", what, value), place,
                  "allowed: 1 to " + std::to_string(most));
  };
  need(layers, "layers", 10000);
  need(width, "width", 10000000);
  need(heads, "heads", 100000);
  need(kv_heads, "kv_heads", heads);
  need(head_width, "head_width", 1000000);
  need(ffn_width, "ffn_width", 100000000);
  need(vocabulary, "vocabulary", 100000000);
  need(experts, "experts", 100000);
  need(active_experts, "active_experts", experts);
  if (encoder_layers != 0) need(encoder_layers, "encoder_layers", 10000);
}

Json LlmArchitecture::json() const {
  return {{"name", name},
          {"layers", layers},
          {"width", width},
          {"heads", heads},
          {"kv_heads", kv_heads},
          {"head_width", head_width},
          {"ffn_width", ffn_width},
          {"gated", gated},
          {"vocabulary", vocabulary},
          {"tied", tied},
          {"experts", experts},
          {"active_experts", active_experts},
          {"encoder_layers", encoder_layers},
          {"parameters", parameters()},
          {"source", source},
          {"assumed", assumed}};
}

LlmArchitecture architecture_of_size(double parameters) {
  if (!(parameters >= 1e7 && parameters <= 1e13))
    throw Error(fmt::format("a model of {} parameters is outside what can be guessed", parameters), {},
                "describe it in a JSON file: layers, width, heads, ffn_width, vocabulary");
  // Between the published shapes of one family of sizes, by the logarithm of the size.
  struct Shape {
    double parameters, layers, width;
  };
  static constexpr Shape kShapes[]{
      {1.25e8, 12, 768},  {3.5e8, 24, 1024},  {1.3e9, 24, 2048},  {2.7e9, 32, 2560},    {6.7e9, 32, 4096},
      {1.3e10, 40, 5120}, {3.0e10, 48, 7168}, {6.6e10, 64, 9216}, {1.75e11, 96, 12288}, {5.3e11, 105, 20480}};
  constexpr std::size_t kCount = std::size(kShapes);
  std::size_t i = 0;
  while (i + 2 < kCount && kShapes[i + 1].parameters < parameters) ++i;
  const double at = (std::log(parameters) - std::log(kShapes[i].parameters)) /
                    (std::log(kShapes[i + 1].parameters) - std::log(kShapes[i].parameters));
  const auto between = [&](double a, double b) {
    return std::exp(std::log(a) + at * (std::log(b) - std::log(a)));
  };
  LlmArchitecture guess;
  guess.name = fmt::format("{:.3g} parameters", parameters);
  guess.layers = std::max<std::int64_t>(1, std::llround(between(kShapes[i].layers, kShapes[i + 1].layers)));
  guess.vocabulary = 50257;
  // The width that gives exactly so many parameters at that depth.
  const double a = 12.0 * real(guess.layers), b = real(guess.vocabulary);
  const double width = (-b + std::sqrt(b * b + 4.0 * a * parameters)) / (2.0 * a);
  // Heads of about 128 that the accelerators of a machine can share; the inner width makes up for the
  // rounding.
  const auto eights = [](double value) { return 8 * std::max<std::int64_t>(1, std::llround(value / 8.0)); };
  guess.heads = guess.kv_heads = eights(width / 128.0);
  guess.head_width = eights(width / real(guess.heads));
  guess.width = guess.heads * guess.head_width;
  const double layer =
      (parameters - b * real(guess.width)) / real(guess.layers) - guess.attention_parameters();
  guess.ffn_width = std::max(guess.width, eights(layer / (2.0 * real(guess.width))));
  guess.source = "guessed from its size alone";
  guess.assumed = true;
  return guess;
}

std::optional<double> parameters_in_name(const std::string& name) {
  for (std::size_t i = name.size(); i-- > 0;) {
    const char unit = static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
    if (unit != 'b' && unit != 'm') continue;
    if (i + 1 < name.size() && std::isalnum(static_cast<unsigned char>(name[i + 1])) != 0) continue;
    std::size_t begin = i;
    while (begin > 0 &&
           (std::isdigit(static_cast<unsigned char>(name[begin - 1])) != 0 || name[begin - 1] == '.'))
      --begin;
    if (begin == i || (begin > 0 && std::isalpha(static_cast<unsigned char>(name[begin - 1])) != 0)) continue;
    const double value = std::strtod(name.substr(begin, i - begin).c_str(), nullptr);
    if (value > 0.0) return value * (unit == 'b' ? 1e9 : 1e6);
  }
  return std::nullopt;
}

LlmArchitecture architecture_of_json(const Json& json, const Place& place) {
  if (!json.is_object()) throw Error("an architecture is a JSON object", place);
  const auto integer = [&](std::initializer_list<const char*> keys, std::int64_t fallback) -> std::int64_t {
    for (const char* key : keys) {
      const auto found = json.find(key);
      if (found == json.end() || found->is_null()) continue;
      if (!found->is_number() || found->get<double>() != std::floor(found->get<double>()) ||
          std::abs(found->get<double>()) > 1e15)
        throw Error(fmt::format("{} is not a whole number", key), place);
      return static_cast<std::int64_t>(found->get<double>());
    }
    if (fallback < 0)
      throw Error(fmt::format("{} is missing", *keys.begin()), place,
                  "needed: layers, width, heads, vocabulary (or Transformers' names for them)");
    return fallback;
  };
  const auto flag = [&](const char* key, bool fallback) {
    const auto found = json.find(key);
    if (found == json.end() || found->is_null()) return fallback;
    if (!found->is_boolean()) throw Error(fmt::format("{} is not true or false", key), place);
    return found->get<bool>();
  };
  const auto text = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  // A description of our own has our words alone; a config.json of Transformers has many others.
  static const std::vector<std::string> kOwn{"name",           "layers",     "width",     "heads",
                                             "kv_heads",       "head_width", "ffn_width", "gated",
                                             "vocabulary",     "tied",       "experts",   "active_experts",
                                             "encoder_layers", "parameters", "source",    "assumed"};
  if (json.contains("layers") && json.contains("width"))
    for (const auto& [key, value] : json.items())
      if (std::find(kOwn.begin(), kOwn.end(), key) == kOwn.end())
        throw Error(fmt::format("an architecture has no '{}'", key), place, suggest(key, kOwn));
  LlmArchitecture read;
  read.name = text("name").empty() ? text("_name_or_path") : text("name");
  if (read.name.empty()) read.name = text("model_type").empty() ? "architecture" : text("model_type");
  read.layers = integer({"layers", "num_hidden_layers", "n_layer", "num_layers"}, -1);
  read.width = integer({"width", "hidden_size", "n_embd", "d_model"}, -1);
  read.heads = integer({"heads", "num_attention_heads", "n_head", "n_heads", "num_heads"}, -1);
  // Falcon's first architecture has one head of keys whatever num_kv_heads says.
  const bool one_key = flag("multi_query", false) && !flag("new_decoder_architecture", false);
  read.kv_heads =
      one_key ? 1 : integer({"kv_heads", "num_key_value_heads", "num_kv_heads", "n_head_kv"}, read.heads);
  read.head_width = integer({"head_width", "head_dim", "d_kv"}, read.heads > 0 ? read.width / read.heads : 0);
  read.experts = integer({"experts", "num_local_experts", "num_experts", "n_routed_experts"}, 1);
  read.ffn_width = integer({"ffn_width", "intermediate_size", "ffn_dim", "n_inner", "d_ff"}, 4 * read.width);
  if (read.experts > 1) read.ffn_width = integer({"ffn_width", "moe_intermediate_size"}, read.ffn_width);
  read.vocabulary = integer({"vocabulary", "vocab_size"}, -1);
  read.active_experts = integer({"active_experts", "num_experts_per_tok"}, 1);
  const std::string activation = text("hidden_act"), type = text("model_type");
  read.gated = flag("gated", activation == "silu" || activation == "swiglu" || flag("is_gated_act", false) ||
                                 type.starts_with("gemma"));
  read.tied = flag("tied", flag("tie_word_embeddings", !read.gated || type.starts_with("gemma")));
  read.encoder_layers = integer({"encoder_layers"}, 0);
  if (flag("is_encoder_decoder", false)) {  // Transformers counts the encoder's layers first
    read.encoder_layers = read.layers;
    read.layers = integer({"num_decoder_layers"}, read.layers);
  }
  read.source = text("source").empty() ? place.file : text("source");
  read.assumed = flag("assumed", false);
  read.check(place);
  return read;
}

LlmArchitecture need_architecture(const std::string& name_or_file, const Place& place) {
  if (const auto known = find_architecture(name_or_file)) return *known;
  if (std::filesystem::is_regular_file(name_or_file))
    return architecture_of_json(parse_json(read_file(name_or_file), name_or_file),
                                Place{name_or_file, 0, ""});
  if (const auto size = parameters_in_name(name_or_file)) {
    LlmArchitecture guess = architecture_of_size(*size);
    guess.name = name_or_file;
    return guess;
  }
  std::vector<std::string> names;
  for (const auto& known : known_architectures()) names.push_back(known.name);
  throw Error(fmt::format("unknown model '{}'", name_or_file), place,
              suggest(name_or_file, names) + "; or a JSON file that describes it");
}

}  // namespace hone::cost
