#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "hone/base/numbers.h"
#include "hone/cost/llm/runtime.h"

namespace hone::cost {

/// One measured request.
struct LlmPoint {
  double prompt_tokens = 0.0;
  double output_tokens = 0.0;
  double seconds = 0.0;
  double first_token_s = kNaN;  ///< until the first output token, where it was streamed
  double batch = 1.0;
  int line = 0;               ///< of the file it stands in
  std::string model = {};     ///< where the file names one
  std::string hardware = {};  ///< likewise
};

/// Reads points from a CSV file with a header (prompt_tokens, output_tokens, seconds; first_token_s, batch,
/// model and hardware where there are such; other columns are ignored) or, told by its first character, from
/// lines of JSON objects with the same keys (those that have "failed" or "asked" are skipped). Throws Error
/// with the line of what is malformed: no number, none positive, a token count that is not whole.
std::vector<LlmPoint> read_llm_points(const std::string& path);
/// The same from text; `name` is for messages.
std::vector<LlmPoint> parse_llm_points(const std::string& text, const std::string& name);

struct LlmFitOptions {
  std::string name = "model";
  /// Of repeats of the same request: the fastest, which no contention disturbed; else their median.
  bool fastest = true;
  /// Tell apart what a request costs beyond its tokens: one prompt token is then taken to cost what one
  /// output token does, as the published denoised runtimes have it.
  bool separate_overhead = false;
  double batch = 0.0;         ///< only points of this batch; 0: all, which must then be of one
  std::string model = {};     ///< only points of this model; "": all, which must then be of one
  std::string hardware = {};  ///< likewise
};

struct LlmFit {
  LlmRuntime runtime;  ///< provenance holds all below
  std::int64_t points = 0;
  std::int64_t cells = 0;     ///< different (prompt, output) sizes among them
  std::int64_t outliers = 0;  ///< cells that the fit gave no weight
  /// The standard error of token_s, wider by Student's t where few cells tell of it, so that twice as much to
  /// either side is 95% sure. Not in it is how far the fastest of repeats lies below what is usual. NaN where
  /// no cell is left to tell.
  double token_error_s = 0.0;
  std::vector<double>
      prompt_error_s;   ///< of prompt_s, likewise; of doubted sizes the gap to their neighbours
  double r2 = 0.0;      ///< over the cells
  double mape = 0.0;    ///< over the cells
  double scale = kNaN;  ///< relative standard deviation of a cell that is no outlier; NaN where too few tell
  /// Prompt sizes whose only cell contradicts their neighbours, by at least 35% of its time: those that took
  /// too long, which the runtime leaves to interpolation and `outliers` counts; and those that took too
  /// little, which it keeps.
  std::vector<double> left_out_prompts, doubted_prompts;
  double spread = 0.0;  ///< median over repeated cells of (slowest - fastest) / fastest; NaN without repeats
};

/// Fits alpha at every prompt size (sizes within 2% are one) and one beta for all: MM-estimation (Yohai 1987)
/// of relative residuals with Tukey's biweight, so that single disturbed measurements do not count. How far
/// an undisturbed cell is off is told by the differences between cells of one prompt size at a slope that
/// withstands outliers, and held fixed. Then each prompt size takes the alpha of least loss, the lowest of
/// several; since contention only adds, a cell that would have to be too fast costs as much as 1.5 that are
/// too slow. Beta is what all that counts has in common; of two starts, the median slope between cells of one
/// size, weighted by their distance, and least absolute residuals, the one that ends lower. Nothing is left
/// out with fewer than four cells beyond one a prompt size. An alpha below 0 is 0. Throws Error where the
/// points are of several models, hardwares or batches, of which no option chooses one (with the line of the
/// first that differs, and the names), and where there are too few: at least one prompt size must have two
/// output sizes, or a first token's time.
LlmFit fit_llm_runtime(const std::vector<LlmPoint>& points, const LlmFitOptions& options = {});

}  // namespace hone::cost
