#include "hone/cost/llm/fit.h"

#include <algorithm>
#include <map>

#include <boost/math/distributions/students_t.hpp>
#include <fmt/format.h>

#include "hone/base/numbers.h"
#include "hone/cost/llm/fit_line.h"
#include "hone/predict/score.h"

namespace hone::cost {
namespace {

/// A cell of less weight is an outlier.
constexpr double kCounts = 0.05;

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

/// Neighbours say where a size's alpha lies to within so much of its time: of published runtimes at every
/// interior size to 26% at worst.
constexpr double kNeighbours = 0.35;

/// A prompt size of which a single cell tells, against what its neighbours say.
struct Contradiction {
  std::size_t prompt;
  double between;  ///< alpha by interpolation
  double off;      ///< of the cell from it, as a share of the cell's time
};

/// The line goes through a size's only cell whatever it says; only its neighbours tell that it was disturbed.
/// They do where they have two cells at least that count, and a third such size agrees with them. The first
/// and the last size have none on one side.
std::vector<Contradiction> contradictions_of(const std::vector<LlmCell>& cells, const LlmLine& line,
                                             const std::vector<double>& sizes) {
  if (!std::isfinite(line.scale)) return {};
  std::vector<int> count(sizes.size()), counted(sizes.size());
  for (const LlmCell& cell : cells) {
    ++count[cell.prompt];
    counted[cell.prompt] += cell.weight > kCounts ? 1 : 0;
  }
  std::vector<std::size_t> sound;
  for (std::size_t p = 0; p < sizes.size(); ++p)
    if (counted[p] > 1) sound.push_back(p);
  if (sound.size() < 3) return {};
  const auto between = [&](std::size_t low, std::size_t high, std::size_t p) {
    return line.alpha[low] +
           (line.alpha[high] - line.alpha[low]) * (sizes[p] - sizes[low]) / (sizes[high] - sizes[low]);
  };
  std::vector<Contradiction> found;
  for (const LlmCell& cell : cells) {
    const std::size_t p = cell.prompt;
    const auto above = std::upper_bound(sound.begin(), sound.end(), p);
    if (count[p] > 1 || above == sound.begin() || above == sound.end()) continue;
    const std::size_t low = *(above - 1), high = *above;
    const bool third_below = above - 1 != sound.begin();
    const std::size_t middle = third_below ? low : high;
    const double said = third_below ? between(*(above - 2), high, low) : between(low, *(above + 1), high);
    if (!(std::abs(said - line.alpha[middle]) <= kNeighbours * line.alpha[middle])) continue;
    const double expected = between(low, high, p), off = (line.alpha[p] - expected) / cell.seconds;
    // The mean of two alphas adds half of one's variance.
    if (std::abs(off) > std::max(kNeighbours, kBiweight * std::sqrt(1.5) * line.scale))
      found.push_back({p, expected, off});
  }
  return found;
}

/// What the biweight leaves of a normal variable's square on average: 1 - 6 / c^2 + 15 / c^4.
constexpr double kBiweightShare = 0.758;

/// How much wider than two standard errors 95% of what few degrees of freedom tell spreads.
double widening(double degrees) {
  using Normal = boost::math::normal;
  constexpr double kShare = 0.975;
  return quantile(boost::math::students_t(degrees), kShare) / quantile(Normal(), kShare);
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
  fit.scale = line.scale;
  LlmRuntime& runtime = fit.runtime;
  runtime.name = options.name;
  runtime.origin = "fitted";
  runtime.batch = all.batch;
  if (line.beta < 0.0)
    throw Error("the time falls with more output tokens", {},
                "more repeats, or output sizes further apart, so that noise does not decide");
  runtime.token_s = line.beta;
  // Contention only adds: a size that took too long is left to its neighbours, one that took too little is
  // kept.
  std::vector<double> gap(prompts);
  std::vector<bool> left_out(prompts);
  for (const Contradiction& one : contradictions_of(all.cells, line, all.prompts)) {
    gap[one.prompt] = std::abs(line.alpha[one.prompt] - one.between);
    left_out[one.prompt] = one.off > 0.0;
    (left_out[one.prompt] ? fit.left_out_prompts : fit.doubted_prompts).push_back(all.prompts[one.prompt]);
    if (left_out[one.prompt]) line.alpha[one.prompt] = one.between;
  }
  for (LlmCell& cell : all.cells)
    if (left_out[cell.prompt]) cell.weight = 0.0;
  // What is written is also what errors are told of.
  for (double& alpha : line.alpha) alpha = std::max(alpha, 0.0);
  for (std::size_t p = 0; p < prompts; ++p)
    if (!left_out[p]) {
      runtime.prompt_tokens.push_back(all.prompts[p]);
      runtime.prompt_s.push_back(line.alpha[p]);
    }
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
    counted_cells += cell.weight > kCounts ? 1.0 : 0.0;
  }
  fit.outliers = fit.cells - static_cast<std::int64_t>(counted_cells);
  fit.r2 = total > 0.0 ? 1.0 - residual / total : kNaN;
  fit.mape = relative / static_cast<double>(all.cells.size());
  const double degrees = counted_cells - static_cast<double>(runtime.prompt_tokens.size()) - 1.0;
  double variance = kNaN;
  if (degrees > 0.0) {
    // The biweight makes residuals smaller, and few may lie near the line by chance: what cells of one size
    // differ by is believed at least.
    variance = weighted / degrees;
    if (std::isfinite(line.scale)) variance = std::max(variance / kBiweightShare, line.scale * line.scale);
    variance *= std::pow(widening(degrees), 2.0);
  }
  fit.token_error_s = std::sqrt(variance / line.distance);
  for (std::size_t p = 0; p < prompts; ++p)
    if (!left_out[p]) {
      const double own =
          std::sqrt(variance / line.weight[p] + variance / line.distance * line.middle[p] * line.middle[p]);
      // Where nothing tells of it, it is not 0.
      fit.prompt_error_s.push_back(std::isnan(own) ? own : std::max(gap[p], own));
    }

  Json errors = Json::array();
  for (const double error : fit.prompt_error_s) errors.push_back(real_to_json(error));
  runtime.provenance = {{"points", fit.points},
                        {"cells", fit.cells},
                        {"outliers", fit.outliers},
                        {"of_repeats", options.fastest ? "fastest" : "median"},
                        {"spread_of_repeats", real_to_json(fit.spread)},
                        {"r2", real_to_json(fit.r2)},
                        {"mape", fit.mape},
                        {"scale", real_to_json(fit.scale)},
                        {"prompt_sizes_left_out", fit.left_out_prompts},
                        {"prompt_sizes_doubted", fit.doubted_prompts},
                        {"error_per_output_token", real_to_json(fit.token_error_s)},
                        {"error_for_prompt_tokens", errors}};
  return fit;
}

}  // namespace hone::cost
