#pragma once

#include <string>
#include <vector>

#include "hone/base/error.h"
#include "hone/base/json.h"

namespace hone::cost {

/// How the cost of a prompt whose size was not measured follows from those that were.
enum class PromptRule {
  /// Between the neighbours; below the first flat, or where that has more than 128 tokens and the second
  /// takes
  /// longer the root of the squares' sum of an output token's time and the first segment's line, no more than
  /// the first; beyond the last by the last segment's slope, flat where that falls.
  linear,
  /// Likewise, in a coordinate that mixes the size with the size rounded up to whole tiles of matrix
  /// products (LlmRuntime::tile), where that fits the measured sizes better.
  tiled,
  published,  ///< the next larger size's, scaled by the share of its tokens; beyond the last likewise
};
PromptRule prompt_rule_named(const std::string& name);  ///< throws Error

/// T(p, o) = overhead + alpha(p) + beta (o - 1), seconds for p prompt tokens and o >= 1 output tokens:
/// alpha(p) is the time at o = 1, beta the time of each further output token. Idealized where alpha and beta
/// were measured on known accelerators without contention (overhead 0), denoised where they are what an API
/// takes at its best. Source: *Cheaply Evaluating Inference Efficiency Metrics for Autoregressive Transformer
/// APIs*. A plain value.
struct LlmRuntime {
  std::string name;
  std::vector<double> prompt_tokens;  ///< ascending, at least one
  std::vector<double> prompt_s;       ///< alpha at them
  double token_s = 0.0;               ///< beta
  double overhead_s = 0.0;
  double batch = 1.0;                ///< sequences that run at once; times are of the whole batch
  double tile = 0.0;                 ///< tokens of a tile; 0: `tiled` is `linear`
  double tile_share = 0.0;           ///< 0 to 1: how much of the coordinate is the rounded size
  std::string origin = "published";  ///< "fitted", "published", "estimated"
  Json provenance = Json::object();  ///< what it was fitted to and how well

  /// alpha(p) for p > 0.
  double prompt_cost(double p, PromptRule rule = PromptRule::tiled) const;
  /// T(p, o). Throws Error unless p >= 1 and o >= 1.
  double seconds(double p, double o, PromptRule rule = PromptRule::tiled) const;
  /// "below the smallest prompt measured (16)", "beyond the largest ..."; "" where p lies between.
  std::string extrapolation(double p) const;

  Json json() const;
  /// Throws Error at `place` where the text is no model.
  static LlmRuntime of_json(const std::string& name, const Json& json, const Place& place);

 private:
  bool falls_below_first() const;  ///< whether shorter prompts than the first are taken to be cheaper
};

/// Chooses tile and tile_share so that each measured size is best predicted from the others (leave one out,
/// mean relative error); keeps plain interpolation unless that is better by a tenth at least. Needs 6 sizes.
void choose_tile(LlmRuntime& runtime);

/// Reads one model that `hone cost fit` wrote, or a file of many by name in the published form:
/// {"NAME": {"runtime_per_output_token": s, "runtime_for_prompt_tokens": {"1": s, ...}, "overhead": s}}.
/// Throws Error naming file and model.
std::vector<LlmRuntime> read_llm_runtimes(const std::string& path);

/// Names whose constants are the same numbers: copies of one measurement, which count once. By index of the
/// first of them.
std::vector<std::size_t> measurement_groups(const std::vector<LlmRuntime>& runtimes);

}  // namespace hone::cost
