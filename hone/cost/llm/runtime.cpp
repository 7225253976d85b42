#include "hone/cost/llm/runtime.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "hone/base/files.h"
#include "hone/base/numbers.h"
#include "hone/cost/cost_method.h"

namespace hone::cost {
namespace {

/// Prompts of one tile of products take nearly the same time.
constexpr double kFlatTokens = 128.0;

double coordinate(double p, double tile, double share) {
  return tile > 0.0 ? (1.0 - share) * p + share * std::ceil(p / tile) * tile : p;
}

double interpolated(const std::vector<double>& x, const std::vector<double>& y, double p, double tile,
                    double share) {
  if (p <= x.front() || x.size() == 1) return y.front();
  std::size_t i = 0;
  while (i + 2 < x.size() && x[i + 1] <= p) ++i;
  const double low = coordinate(x[i], tile, share), high = coordinate(x[i + 1], tile, share);
  const double slope = (y[i + 1] - y[i]) / (high - low);
  // A longer prompt that took less is noise, which goes on nowhere.
  if (p > x.back()) return y.back() + std::max(slope, 0.0) * (coordinate(p, tile, share) - high);
  return y[i] + slope * (coordinate(p, tile, share) - low);
}

double positive(const Json& json, const std::string& key, const Place& place, bool zero) {
  const auto found = json.find(key);
  if (found == json.end()) throw Error(fmt::format("{} is missing", key), place);
  const double value = found->is_number() ? found->get<double>() : kNaN;
  if (!std::isfinite(value) || value < 0.0 || (value == 0.0 && !zero))
    throw Error(fmt::format("{} is not a positive number of seconds", key), place);
  return value;
}

/// The prompt size of a key; keys are texts in JSON.
double size_of(const std::string& key, const Place& place) {
  char* end = nullptr;
  const double size = std::strtod(key.c_str(), &end);
  if (end == key.c_str() || *end != '\0' || !(size >= 1.0) || size > 1e9)
    throw Error(fmt::format("'{}' is no number of prompt tokens", key), place);
  return size;
}

}  // namespace

PromptRule prompt_rule_named(const std::string& name) {
  if (name == "linear") return PromptRule::linear;
  if (name == "tiled") return PromptRule::tiled;
  if (name == "published") return PromptRule::published;
  throw Error(fmt::format("there is no rule '{}'", name), {},
              suggest(name, {"linear", "tiled", "published"}));
}

double LlmRuntime::prompt_cost(double p, PromptRule rule) const {
  if (rule == PromptRule::published) {
    for (std::size_t i = 0; i < prompt_tokens.size(); ++i)
      if (p <= prompt_tokens[i]) return prompt_s[i] * p / prompt_tokens[i];
    return prompt_s.back() * p / prompt_tokens.back();
  }
  if (p < prompt_tokens.front() && falls_below_first()) {
    const double slope = (prompt_s[1] - prompt_s[0]) / (prompt_tokens[1] - prompt_tokens[0]);
    // Launches and weights take what they do for an output token; the products overlap with them in part.
    return std::min(prompt_s[0],
                    std::hypot(token_s, std::max(0.0, prompt_s[0] + slope * (p - prompt_tokens[0]))));
  }
  const bool tiles = rule == PromptRule::tiled;
  return interpolated(prompt_tokens, prompt_s, p, tiles ? tile : 0.0, tile_share);
}

bool LlmRuntime::falls_below_first() const {
  return prompt_tokens.front() > kFlatTokens && prompt_s.size() > 1 && prompt_s[1] > prompt_s[0];
}

double LlmRuntime::seconds(double p, double o, PromptRule rule) const {
  if (!(p >= 1.0) || !(o >= 1.0))
    throw Error(fmt::format("{} prompt and {} output tokens: both are 1 at least", p, o));
  return overhead_s + prompt_cost(p, rule) + token_s * (o - 1.0);
}

std::string LlmRuntime::extrapolation(double p) const {
  if (p < prompt_tokens.front())
    return fmt::format("below the smallest prompt measured ({:.0f} tokens): {}", prompt_tokens.front(),
                       falls_below_first() ? "the first segment goes on, towards an output token's time"
                                           : "its time is taken");
  const std::size_t n = prompt_tokens.size();
  if (p > prompt_tokens.back())
    return fmt::format(
        "beyond the largest prompt measured ({:.0f} tokens): {}", prompt_tokens.back(),
        n > 1 && prompt_s[n - 1] > prompt_s[n - 2] ? "the last segment goes on" : "its time is taken");
  return "";
}

Json LlmRuntime::json() const {
  Json prompts = Json::object();
  for (std::size_t i = 0; i < prompt_tokens.size(); ++i)
    prompts[fmt::format("{:.15g}", prompt_tokens[i])] = prompt_s[i];
  return {{"format", "hone llm runtime 1"},
          {"name", name},
          {"origin", origin},
          {"runtime_per_output_token", token_s},
          {"runtime_for_prompt_tokens", prompts},
          {"overhead", overhead_s},
          {"batch", batch},
          {"tile", tile},
          {"tile_share", tile_share},
          {"provenance", provenance}};
}

LlmRuntime LlmRuntime::of_json(const std::string& name, const Json& json, const Place& place) {
  if (!json.is_object()) throw Error("a model's runtime is a JSON object", place);
  LlmRuntime runtime;
  runtime.name = name;
  runtime.token_s = positive(json, "runtime_per_output_token", place, true);
  if (json.contains("overhead")) runtime.overhead_s = positive(json, "overhead", place, true);
  const auto prompts = json.find("runtime_for_prompt_tokens");
  if (prompts == json.end() || !prompts->is_object() || prompts->empty())
    throw Error("runtime_for_prompt_tokens is missing or empty", place);
  std::map<double, double> sizes;
  for (const auto& [key, value] : prompts->items()) {
    static_cast<void>(value);
    if (!sizes.emplace(size_of(key, place), positive(*prompts, key, place, true)).second)
      throw Error(fmt::format("the prompt size {} stands there twice", key), place);
  }
  for (const auto& [size, seconds] : sizes) {
    runtime.prompt_tokens.push_back(size);
    runtime.prompt_s.push_back(seconds);
  }
  if (json.contains("batch")) runtime.batch = positive(json, "batch", place, false);
  runtime.origin = json_text(json, "origin", runtime.origin);
  if (json.contains("provenance")) runtime.provenance = json["provenance"];
  if (json.contains("tile") && json.contains("tile_share")) {
    runtime.tile = positive(json, "tile", place, true);
    runtime.tile_share = std::min(1.0, positive(json, "tile_share", place, true));
    if (runtime.tile_share >= 1.0) runtime.tile_share = 0.95;  // sizes within one tile stay apart
  } else {
    choose_tile(runtime);
  }
  return runtime;
}

void choose_tile(LlmRuntime& runtime) {
  const auto& x = runtime.prompt_tokens;
  const auto& y = runtime.prompt_s;
  runtime.tile = runtime.tile_share = 0.0;
  if (x.size() < 6) return;
  const auto error = [&](double tile, double share) {
    double sum = 0.0;
    for (std::size_t i = 1; i + 1 < x.size(); ++i) {
      const double low = coordinate(x[i - 1], tile, share), high = coordinate(x[i + 1], tile, share);
      const double guess =
          y[i - 1] + (y[i + 1] - y[i - 1]) * (coordinate(x[i], tile, share) - low) / (high - low);
      if (y[i] > 0.0) sum += std::abs(guess / y[i] - 1.0);
    }
    return sum;
  };
  double best = 0.9 * error(0.0, 0.0);
  for (const double tile : {64.0, 128.0, 256.0})
    for (const double share : {0.3, 0.45, 0.6, 0.75})
      if (const double tried = error(tile, share); tried < best) {
        best = tried;
        runtime.tile = tile;
        runtime.tile_share = share;
      }
}

std::vector<LlmRuntime> read_llm_runtimes(const std::string& path) {
  const Json json = parse_json(read_file(path), path);
  if (!json.is_object()) throw Error("a file of runtimes is a JSON object", Place{path, 0, ""});
  if (json.contains("runtime_per_output_token")) {
    const Json name = json.value("name", Json("model"));
    if (!name.is_string()) throw Error("the name is no text", Place{path, 0, "name"});
    return {LlmRuntime::of_json(name.get<std::string>(), json, Place{path, 0, ""})};
  }
  std::vector<LlmRuntime> runtimes;
  for (const auto& [name, entry] : json.items())
    runtimes.push_back(LlmRuntime::of_json(name, entry, Place{path, 0, name}));
  if (runtimes.empty()) throw Error("it holds no model", Place{path, 0, ""});
  return runtimes;
}

std::vector<std::size_t> measurement_groups(const std::vector<LlmRuntime>& runtimes) {
  std::vector<std::size_t> groups(runtimes.size());
  for (std::size_t i = 0; i < runtimes.size(); ++i) {
    groups[i] = i;
    for (std::size_t j = 0; j < i; ++j)
      if (runtimes[j].token_s == runtimes[i].token_s && runtimes[j].overhead_s == runtimes[i].overhead_s &&
          runtimes[j].prompt_tokens == runtimes[i].prompt_tokens &&
          runtimes[j].prompt_s == runtimes[i].prompt_s) {
        groups[i] = groups[j];
        break;
      }
  }
  return groups;
}

}  // namespace hone::cost

HONE_REGISTER(cost, idealized_runtime) {
  using namespace hone;
  cost::add_cost_method(
      registry,
      MethodInfo{
          .name = "idealized_runtime",
          .summary = "Time of a language model's request from its prompt and output tokens, fitted to "
                     "few measured ones.",
          .paper = "Cheaply Evaluating Inference Efficiency Metrics for Autoregressive Transformer APIs",
          .traits = "seconds, dollars, joules, grams of CO2; idealized and denoised; prompt sizes "
                    "between measured ones interpolated"});
}
