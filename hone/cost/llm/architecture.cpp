#include "hone/cost/llm/architecture.h"

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
  if (kv_rank > 0) {
    const double queries = real(heads) * real(head_width + rotary_width);
    return (query_rank > 0 ? real(query_rank) * (real(width) + queries) : real(width) * queries) +
           real(width) * real(kv_rank + rotary_width) +
           real(kv_rank) * real(heads) * real(head_width + value_width) +
           real(heads) * real(value_width) * real(width);
  }
  return 2.0 * real(width) * real(heads) * real(head_width) +
         2.0 * real(width) * real(kv_heads) * real(head_width);
}

double LlmArchitecture::expert_parameters() const {
  return (gated ? 3.0 : 2.0) * real(width) * real(ffn_width);
}

double LlmArchitecture::feed_forward_parameters(double experts_counted, bool encoder) const {
  const double matrices = gated ? 3.0 : 2.0;
  const double layer = experts_counted * expert_parameters() + matrices * real(width) * real(shared_width);
  return encoder ? real(encoder_layers) * layer
                 : real(layers - dense_layers) * layer +
                       real(dense_layers) * matrices * real(width) * real(dense_width);
}

double LlmArchitecture::decoder_attention() const {
  return attention_parameters() * (encoder_layers > 0 ? 2.0 : 1.0);
}

double LlmArchitecture::parameters() const {
  return real(layers) * decoder_attention() + feed_forward_parameters(real(experts)) +
         real(encoder_layers) * attention_parameters() + feed_forward_parameters(real(experts), true) +
         (tied ? 1.0 : 2.0) * real(vocabulary) * real(width);
}

double LlmArchitecture::active_parameters() const {
  return real(layers) * decoder_attention() + feed_forward_parameters(real(active_experts)) +
         real(vocabulary) * real(width);
}

double LlmArchitecture::kv_bytes(double bytes_per_value) const {
  const double values = kv_rank > 0 ? real(kv_rank + rotary_width) : 2.0 * real(kv_heads) * real(head_width);
  return (encoder_layers > 0 ? 2.0 : 1.0) * real(layers) * values * bytes_per_value;
}

double LlmArchitecture::cache_shares() const { return kv_rank > 0 ? 1.0 : real(kv_heads); }

double LlmArchitecture::attended_width() const {
  return kv_rank > 0 ? 0.5 * real(heads) * real(head_width + rotary_width + value_width)
                     : real(heads) * real(head_width);
}

double LlmArchitecture::decoded_width() const {
  return kv_rank > 0 ? 0.5 * real(heads) * real(2 * kv_rank + rotary_width) : attended_width();
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
  if (shared_width != 0) need(shared_width, "shared_width", 100000000);
  if (dense_layers != 0) {
    need(dense_layers, "dense_layers", layers);
    need(dense_width, "dense_width", 100000000);
  }
  if (kv_rank != 0) {
    need(kv_rank, "kv_rank", 10000000);
    need(value_width, "value_width", 1000000);
    if (query_rank != 0) need(query_rank, "query_rank", 10000000);
    if (rotary_width != 0) need(rotary_width, "rotary_width", 1000000);
  } else if (query_rank != 0 || rotary_width != 0 || value_width != 0) {
    throw Error("query_rank, rotary_width and value_width are of latent attention", place,
                "give its kv_rank, else leave them out");
  }
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
          {"shared_width", shared_width},
          {"dense_layers", dense_layers},
          {"dense_width", dense_width},
          {"kv_rank", kv_rank},
          {"query_rank", query_rank},
          {"rotary_width", rotary_width},
          {"value_width", value_width},
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
