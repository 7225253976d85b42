#pragma once

#include <string>
#include <vector>

#include "hone/base/numbers.h"
#include "hone/cost/llm/fit.h"
#include "hone/cost/llm/price.h"

namespace hone::cost {

/// One model in a comparison: what a request takes as it is measured at the API (raw), at the API's best
/// (denoised) and on known accelerators without contention (idealized). NaN where it is not known.
struct LlmRow {
  std::string name;
  bool assumed = false;  ///< its size was never published by its maker
  double raw_s = kNaN, denoised_s = kNaN, idealized_s = kNaN;
  /// raw / denoised: what contention adds. denoised / idealized: below 1 the API runs better software,
  /// hardware or more accelerators than the idealized measurement; above 1 it does worse.
  double contention = kNaN, api = kNaN;
  LlmPrice price = {};        ///< of the idealized time
  double accelerators = 0.0;  ///< 0: not known
  bool derived = false;       ///< `accelerators` is the fewest that hold the model, not what was published
  double quality = kNaN;
  bool front = false;  ///< no other model is as good for less and none better for as much
};

struct LlmComparison {
  std::vector<LlmRuntime> idealized, denoised;
  std::vector<LlmPoint> raw;  ///< with the models' names
  double prompt_tokens = 512.0, output_tokens = 128.0;
  PromptRule rule = PromptRule::tiled;
  LlmRates rates = {};  ///< `accelerators` is replaced by each model's own
  std::string accelerator = "a100-80gb";
  std::vector<std::pair<std::string, double>> quality;  ///< by model; more is better
};

/// A row for every model that any of the lists names. Where raw points are given, raw and its ratios are
/// medians over the model's own requests, each against T of its own sizes; the other columns are at the sizes
/// asked for. The front is of quality against dollars, or against idealized seconds where there is no price.
std::vector<LlmRow> compare_llms(const LlmComparison& comparison);

/// What one stack takes relative to another for each model that both have. Times are of a whole batch.
struct LlmRatio {
  std::string name;
  double first_s = 0.0, second_s = 0.0;
  double first_batch = 1.0, second_batch = 1.0;
  double first_accelerators = 0.0, second_accelerators = 0.0;  ///< 0: not known
  double request = 0.0, token = 0.0, prompt = 0.0;             ///< second / first
  /// Of the accelerators' time for one request of the batch, and so of its money: second / first. Where
  /// neither stack tells its accelerators they are taken to have as many; NaN where only one does.
  double cost = kNaN;
};
/// Accelerators that serve a runtime: what its provenance says, else what was published; 0: not known.
double llm_accelerators(const LlmRuntime& runtime);
std::vector<LlmRatio> compare_stacks(const std::vector<LlmRuntime>& first,
                                     const std::vector<LlmRuntime>& second, double prompt_tokens,
                                     double output_tokens, PromptRule rule);

/// Reads "model,quality" lines with that header. Throws Error with the line of what is malformed.
std::vector<std::pair<std::string, double>> read_llm_quality(const std::string& path);

/// Mean relative error of each rule when one prompt size is left out in turn: how far each can be trusted
/// between measured sizes. NaN with fewer than 3 sizes.
struct RuleErrors {
  double linear = kNaN, tiled = kNaN, published = kNaN;
  double published_short = kNaN;  ///< of the sizes below kShortPrompt tokens alone
};
constexpr double kShortPrompt = 256.0;
RuleErrors rule_errors(const LlmRuntime& runtime);

}  // namespace hone::cost
