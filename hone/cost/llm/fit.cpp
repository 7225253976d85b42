#include "hone/cost/llm/fit.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "hone/base/numbers.h"
#include "hone/cost/llm/fit_line.h"
#include "hone/predict/score.h"

namespace hone::cost {
namespace {

struct Gathered {
  std::vector<double> prompts;
  std::vector<LlmCell> cells;
  std::vector<double> spreads;
  double batch = 1.0;
  std::int64_t points = 0;
};

/// Sizes that differ by 2% at most are one: a text of so many words is not always so many tokens.
std::map<double, double> merged_sizes(const std::vector<LlmPoint>& points) {
  std::map<double, double> sizes;
  for (const LlmPoint& point : points) sizes[point.prompt_tokens] = point.prompt_tokens;
  double first = 0.0;
  for (auto& [size, merged] : sizes) {
    if (first == 0.0 || size > 1.02 * first) first = size;
    merged = first;
  }
  return sizes;
}

/// Throws Error where the points chosen are of several models, or none is of the one chosen. `option`
/// chooses.
void need_one(const std::vector<LlmPoint>& points, std::string LlmPoint::*name, const std::string& chosen,
              const std::string& option) {
  const auto named = [](const std::string& given) { return given.empty() ? "none" : "'" + given + "'"; };
  std::vector<std::string> names;
  const LlmPoint* other = nullptr;
  for (const LlmPoint& point : points) {
    if (std::find(names.begin(), names.end(), point.*name) != names.end()) continue;
    if (names.size() == 1) other = &point;
    names.push_back(point.*name);
  }
  if (!chosen.empty()) {
    if (std::find(names.begin(), names.end(), chosen) == names.end())
      throw Error(fmt::format("there are no points of {} '{}'", option, chosen), {}, suggest(chosen, names));
    return;
  }
  if (other == nullptr) return;
  throw Error(
      fmt::format("points of {} {} and of {} are not one runtime", option, named(names[0]), named(names[1])),
      Place{"", other->line, option},
      fmt::format("choose one with --{}: {}", option, fmt::join(names, ", ")));
}

/// The points that the options choose.
std::vector<LlmPoint> chosen_of(std::vector<LlmPoint> points, const LlmFitOptions& options) {
  need_one(points, &LlmPoint::model, options.model, "model");
  std::erase_if(points,
                [&](const auto& one) { return !options.model.empty() && one.model != options.model; });
  need_one(points, &LlmPoint::hardware, options.hardware, "hardware");
  std::erase_if(
      points, [&](const auto& one) { return !options.hardware.empty() && one.hardware != options.hardware; });
  return points;
}

Gathered gather(const std::vector<LlmPoint>& points, const LlmFitOptions& options) {
  const auto sizes = merged_sizes(points);
  Gathered all;
  std::map<std::pair<double, double>, std::vector<double>> repeats;
  for (const LlmPoint& point : points) {
    if (options.batch > 0.0 && point.batch != options.batch) continue;
    if (all.points > 0 && point.batch != all.batch)
      throw Error(
          fmt::format("points of batch {} and of batch {} are not one runtime", all.batch, point.batch), {},
          "choose one with --batch");
    all.batch = point.batch;
    ++all.points;
    const double prompt = sizes.at(point.prompt_tokens);
    repeats[{prompt, point.output_tokens}].push_back(point.seconds);
    if (!std::isnan(point.first_token_s) && point.output_tokens > 1.0)
      repeats[{prompt, 1.0}].push_back(point.first_token_s);
  }
  if (all.points == 0) throw Error(fmt::format("there are no points of batch {}", options.batch));
  for (auto& [size, seconds] : repeats) {
    if (all.prompts.empty() || all.prompts.back() != size.first) all.prompts.push_back(size.first);
    const auto [least, most] = std::minmax_element(seconds.begin(), seconds.end());
    if (seconds.size() > 1) all.spreads.push_back((*most - *least) / *least);
    all.cells.push_back({all.prompts.size() - 1, size.second - 1.0,
                         options.fastest ? *least : predict::median(seconds), 1.0});
  }
  return all;
}

}  // namespace

LlmFit fit_llm_runtime(const std::vector<LlmPoint>& points, const LlmFitOptions& options) {
  Gathered all = gather(chosen_of(points, options), options);
  const std::size_t prompts = all.prompts.size();
  LlmLine line = robust_line(all.cells, prompts);
  LlmFit fit;
  fit.points = all.points;
  fit.cells = static_cast<std::int64_t>(all.cells.size());
  fit.spread = predict::median(all.spreads);
  LlmRuntime& runtime = fit.runtime;
  runtime.name = options.name;
  runtime.origin = "fitted";
  runtime.batch = all.batch;
  runtime.prompt_tokens = all.prompts;
  if (line.beta < 0.0)
    throw Error("the time falls with more output tokens", {},
                "more repeats, or output sizes further apart, so that noise does not decide");
  runtime.token_s = line.beta;
  // What is written is also what errors are told of.
  for (double& alpha : line.alpha) alpha = std::max(alpha, 0.0);
  runtime.prompt_s = line.alpha;
  if (options.separate_overhead) {
    runtime.overhead_s =
        std::max(0.0, *std::min_element(runtime.prompt_s.begin(), runtime.prompt_s.end()) - line.beta);
    for (double& alpha : runtime.prompt_s) alpha -= runtime.overhead_s;
  }
  choose_tile(runtime);

  double residual = 0.0, weighted = 0.0, total = 0.0, mean = 0.0, relative = 0.0, counted_cells = 0.0;
  for (const LlmCell& cell : all.cells) mean += cell.seconds / static_cast<double>(all.cells.size());
  for (const LlmCell& cell : all.cells) {
    const double off = line.relative_residual(cell) * cell.seconds;
    residual += off * off;
    total += (cell.seconds - mean) * (cell.seconds - mean);
    relative += std::abs(off / cell.seconds);
    weighted += cell.weight * off * off / (cell.seconds * cell.seconds);
    counted_cells += cell.weight > 0.05 ? 1.0 : 0.0;
  }
  fit.outliers = fit.cells - static_cast<std::int64_t>(counted_cells);
  fit.r2 = total > 0.0 ? 1.0 - residual / total : kNaN;
  fit.mape = relative / static_cast<double>(all.cells.size());
  const double degrees = counted_cells - static_cast<double>(prompts) - 1.0;
  const double variance = degrees > 0.0 ? weighted / degrees : kNaN;
  fit.token_error_s = std::sqrt(variance / line.distance);
  for (std::size_t p = 0; p < prompts; ++p)
    fit.prompt_error_s.push_back(
        std::sqrt(variance / line.weight[p] + variance / line.distance * line.middle[p] * line.middle[p]));

  Json errors = Json::array();
  for (const double error : fit.prompt_error_s) errors.push_back(real_to_json(error));
  runtime.provenance = {{"points", fit.points},
                        {"cells", fit.cells},
                        {"outliers", fit.outliers},
                        {"of_repeats", options.fastest ? "fastest" : "median"},
                        {"spread_of_repeats", real_to_json(fit.spread)},
                        {"r2", real_to_json(fit.r2)},
                        {"mape", fit.mape},
                        {"error_per_output_token", real_to_json(fit.token_error_s)},
                        {"error_for_prompt_tokens", errors}};
  return fit;
}

}  // namespace hone::cost
