#include "hone/cost/llm/fit.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "hone/base/numbers.h"
#include "hone/predict/score.h"

namespace hone::cost {
namespace {

constexpr int kRounds = 30;
/// The least scale of residuals, as a share of the repeats' median spread.
constexpr double kOfSpread = 0.6;
/// By so much must the second start's loss be lower.
constexpr double kClearly = 1.2;

/// All measurements of one (prompt, output) size as one value.
struct Cell {
  std::size_t prompt = 0;  ///< index of its prompt size
  double x = 0.0;          ///< output tokens - 1
  double seconds = 0.0;
  double weight = 1.0;  ///< robustness weight, 0 to 1
};

/// The median slope within prompt sizes, each pair weighted by its distance.
double starting_slope(const std::vector<Cell>& cells) {
  std::vector<std::pair<double, double>> slopes;
  double total = 0.0;
  for (std::size_t i = 0; i < cells.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      if (cells[i].prompt != cells[j].prompt) continue;
      const double distance = std::abs(cells[i].x - cells[j].x);
      slopes.emplace_back((cells[i].seconds - cells[j].seconds) / (cells[i].x - cells[j].x), distance);
      total += distance;
    }
  if (slopes.empty())
    throw Error("no prompt size was measured with two different numbers of output tokens", {},
                "measure a prompt with, say, 1 and 64 output tokens, or give first_token_s");
  std::sort(slopes.begin(), slopes.end());
  double below = 0.0;
  for (const auto& [slope, weight] : slopes)
    if ((below += weight) >= 0.5 * total) return slope;
  return slopes.back().first;
}

/// alpha at each prompt size and beta, with what their errors are made of.
struct Line {
  std::vector<double> alpha, weight, middle;
  double beta = 0.0, distance = 0.0;
};

/// Weighted least squares with one intercept a prompt size and one slope; relative residuals.
Line least_squares(const std::vector<Cell>& cells, std::size_t prompts) {
  Line line{std::vector<double>(prompts), std::vector<double>(prompts), std::vector<double>(prompts), 0.0,
            0.0};
  std::vector<double> mean(prompts);
  const auto weight = [](const Cell& cell) { return cell.weight / (cell.seconds * cell.seconds); };
  for (const Cell& cell : cells) {
    line.weight[cell.prompt] += weight(cell);
    line.middle[cell.prompt] += weight(cell) * cell.x;
    mean[cell.prompt] += weight(cell) * cell.seconds;
  }
  for (std::size_t p = 0; p < prompts; ++p) {
    line.middle[p] /= line.weight[p];
    mean[p] /= line.weight[p];
  }
  double covariance = 0.0;
  for (const Cell& cell : cells) {
    const double x = cell.x - line.middle[cell.prompt];
    covariance += weight(cell) * x * (cell.seconds - mean[cell.prompt]);
    line.distance += weight(cell) * x * x;
  }
  line.beta = line.distance > 0.0 ? covariance / line.distance : 0.0;
  for (std::size_t p = 0; p < prompts; ++p) line.alpha[p] = mean[p] - line.beta * line.middle[p];
  return line;
}

double relative_residual(const Cell& cell, const Line& line) {
  return (cell.seconds - line.alpha[cell.prompt] - line.beta * cell.x) / cell.seconds;
}

/// Residuals of cells, relative and without their sign.
std::vector<double> sizes_of(const std::vector<Cell>& cells, const Line& line) {
  std::vector<double> sizes;
  for (const Cell& cell : cells) sizes.push_back(std::abs(relative_residual(cell, line)));
  return sizes;
}

/// What a line is off by where nothing disturbs, as a standard deviation; `least` at least.
double scale_of(const std::vector<Cell>& cells, const Line& line, std::size_t prompts, double least) {
  std::vector<double> telling;
  std::vector<int> of_prompt(prompts, 0);
  for (const Cell& cell : cells) ++of_prompt[cell.prompt];
  // The only cell of a prompt is fitted exactly and says nothing of how far others are off.
  double degrees = -1.0;
  for (const Cell& cell : cells)
    if (of_prompt[cell.prompt] > 1) telling.push_back(std::abs(relative_residual(cell, line)));
  for (const int count : of_prompt) degrees += count - 1;
  return std::max(
      least, 1.4826 * predict::median(telling) * std::sqrt(static_cast<double>(telling.size()) / degrees));
}

/// Where cells count nothing, in scales.
constexpr double kBiweight = 4.685;

/// Biweight: cells further than kBiweight scales count nothing. Each prompt keeps its best cell.
void reweigh(std::vector<Cell>& cells, const Line& line, std::size_t prompts, double scale) {
  const std::vector<double> sizes = sizes_of(cells, line);
  std::vector<double> nearest(prompts, HUGE_VAL);
  for (std::size_t i = 0; i < cells.size(); ++i)
    nearest[cells[i].prompt] = std::min(nearest[cells[i].prompt], sizes[i]);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const double u = sizes[i] / (kBiweight * scale);
    cells[i].weight = u < 1.0 ? (1.0 - u * u) * (1.0 - u * u) : 0.0;
    if (sizes[i] <= nearest[cells[i].prompt]) cells[i].weight = std::max(cells[i].weight, 1e-3);
  }
}

/// The sum of Tukey's biweight loss, 1 for a cell that counts nothing.
double biweight_loss(const std::vector<Cell>& cells, const Line& line, double scale) {
  double loss = 0.0;
  for (const double size : sizes_of(cells, line)) {
    const double u = std::min(1.0, size / (kBiweight * scale));
    loss += 1.0 - std::pow(1.0 - u * u, 3);
  }
  return loss;
}

/// Slopes between pairs, and medians of what they leave.
Line line_of_pairs(const std::vector<Cell>& cells, std::size_t prompts) {
  Line line{std::vector<double>(prompts), {}, {}, starting_slope(cells), 0.0};
  for (std::size_t p = 0; p < prompts; ++p) {
    std::vector<double> rests;
    for (const Cell& cell : cells)
      if (cell.prompt == p) rests.push_back(cell.seconds - line.beta * cell.x);
    line.alpha[p] = predict::median(rests);
  }
  return line;
}

/// Least absolute relative residuals, by reweighting from `start` on.
Line least_absolute(std::vector<Cell> cells, std::size_t prompts, Line start) {
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<double> sizes = sizes_of(cells, start);
    for (std::size_t i = 0; i < cells.size(); ++i) cells[i].weight = 1.0 / std::max(sizes[i], 1e-4);
    start = least_squares(cells, prompts);
  }
  return start;
}

/// Biweight least squares from `line` on; the cells' weights are those of the last round.
Line descend(std::vector<Cell>& cells, std::size_t prompts, Line line, double least) {
  for (int round = 0; round < kRounds; ++round) {
    reweigh(cells, line, prompts, scale_of(cells, line, prompts, least));
    line = least_squares(cells, prompts);
    if (line.distance > 0.0) continue;
    // What is left does not determine a slope: nothing is left out.
    for (Cell& cell : cells) cell.weight = 1.0;
    return least_squares(cells, prompts);
  }
  return line;
}

/// `spread`: how far repeats of one request lie apart, NaN where nothing is repeated.
Line robust_line(std::vector<Cell>& cells, std::size_t prompts, double spread) {
  const Line start = line_of_pairs(cells, prompts);
  // With hardly more cells than unknowns nothing tells which of them is off.
  if (cells.size() < prompts + 4) return least_squares(cells, prompts);
  // Two thirds of the cells of a prompt with few are fitted nearly exactly: a scale of a per mille at least,
  // and no finer than repeats tell.
  const double least = std::isnan(spread) ? 1e-3 : std::max(1e-3, kOfSpread * spread);
  // Each start may end where few cells are fitted exactly and good ones left out: the better end counts.
  std::vector<Cell> others = cells;
  const Line other = descend(others, prompts, least_absolute(cells, prompts, start), least);
  const Line line = descend(cells, prompts, start, least);
  const double scale =
      std::min(scale_of(cells, line, prompts, least), scale_of(cells, other, prompts, least));
  if (biweight_loss(cells, line, scale) <= kClearly * biweight_loss(cells, other, scale)) return line;
  cells = std::move(others);
  return other;
}

struct Gathered {
  std::vector<double> prompts;
  std::vector<Cell> cells;
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
  Gathered all = gather(points, options);
  const std::size_t prompts = all.prompts.size();
  Line line = robust_line(all.cells, prompts, predict::median(all.spreads));
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
  for (const Cell& cell : all.cells) mean += cell.seconds / static_cast<double>(all.cells.size());
  for (const Cell& cell : all.cells) {
    const double off = relative_residual(cell, line) * cell.seconds;
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
