// MM-estimation (Yohai 1987, "High breakdown-point and high efficiency robust estimates for regression"):
// a scale from a start that withstands outliers, and with that scale held fixed the least biweight loss.
#include "hone/cost/llm/fit_line.h"

#include <algorithm>
#include <cmath>

#include "hone/base/error.h"
#include "hone/base/numbers.h"

namespace hone::cost {
namespace {

constexpr int kRounds = 30;
/// No scale is less: times are not told finer.
constexpr double kLeastScale = 1e-3;
/// So many cells a prompt size tell by themselves which of them are off.
constexpr double kMany = 4.0;
/// A share of the sizes of normal variables, and what it does not exceed, in standard deviations.
struct Quantile {
  double share, deviations;
};
constexpr Quantile kMedian{0.5, 0.6745}, kThird{1.0 / 3.0, 0.4307};

/// Values with their weights.
using Weighted = std::vector<std::pair<double, double>>;

/// The first of sorted values up to which they hold that share of the weight.
double quantile_of(const Weighted& values, double share) {
  double total = 0.0, below = 0.0;
  for (const auto& value : values) total += value.second;
  for (const auto& [value, weight] : values)
    if ((below += weight) >= share * total) return value;
  return values.back().first;
}

/// Calls `use` with the cells of each prompt size: the first and how many.
template <typename Cells, typename Use>
void each_prompt(Cells& cells, const Use& use) {
  for (std::size_t first = 0; first < cells.size();) {
    std::size_t end = first;
    while (end < cells.size() && cells[end].prompt == cells[first].prompt) ++end;
    use(&cells[first], end - first);
    first = end;
  }
}

/// Slopes within prompt sizes, ascending, each pair weighted by its distance.
Weighted slopes_of(const std::vector<LlmCell>& cells) {
  Weighted slopes;
  each_prompt(cells, [&](const LlmCell* own, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t j = 0; j < i; ++j)
        slopes.emplace_back((own[i].seconds - own[j].seconds) / (own[i].x - own[j].x),
                            std::abs(own[i].x - own[j].x));
  });
  if (slopes.empty())
    throw Error("no prompt size was measured with two different numbers of output tokens", {},
                "measure a prompt with, say, 1 and 64 output tokens, or give first_token_s");
  std::sort(slopes.begin(), slopes.end());
  return slopes;
}

/// Weighted least squares with one intercept a prompt size and one slope; relative residuals.
LlmLine least_squares(const std::vector<LlmCell>& cells, std::size_t prompts) {
  LlmLine line{std::vector<double>(prompts), std::vector<double>(prompts), std::vector<double>(prompts)};
  std::vector<double> mean(prompts);
  const auto weight = [](const LlmCell& cell) { return cell.weight / (cell.seconds * cell.seconds); };
  for (const LlmCell& cell : cells) {
    line.weight[cell.prompt] += weight(cell);
    line.middle[cell.prompt] += weight(cell) * cell.x;
    mean[cell.prompt] += weight(cell) * cell.seconds;
  }
  for (std::size_t p = 0; p < prompts; ++p) {
    line.middle[p] /= line.weight[p];
    mean[p] /= line.weight[p];
  }
  double covariance = 0.0;
  for (const LlmCell& cell : cells) {
    const double x = cell.x - line.middle[cell.prompt];
    covariance += weight(cell) * x * (cell.seconds - mean[cell.prompt]);
    line.distance += weight(cell) * x * x;
  }
  line.beta = line.distance > 0.0 ? covariance / line.distance : 0.0;
  for (std::size_t p = 0; p < prompts; ++p) line.alpha[p] = mean[p] - line.beta * line.middle[p];
  return line;
}

/// Least absolute relative residuals, by reweighting.
LlmLine least_absolute(std::vector<LlmCell> cells, std::size_t prompts) {
  LlmLine line = least_squares(cells, prompts);
  for (int round = 0; round < kRounds; ++round) {
    for (LlmCell& cell : cells) cell.weight = 1.0 / std::max(std::abs(line.relative_residual(cell)), 1e-4);
    line = least_squares(cells, prompts);
  }
  return line;
}

/// How many cells there are beyond one a prompt size.
double degrees_of(const std::vector<LlmCell>& cells, std::size_t prompts) {
  return static_cast<double>(cells.size() - prompts);
}

/// The standard deviation of an undisturbed cell, relative: from the differences between two cells of one
/// prompt size, which no intercept is needed for, so that no cell is fitted exactly.
double scale_of(const std::vector<LlmCell>& cells, std::size_t prompts, double slope) {
  Weighted differences;
  double repeated = 0.0;
  each_prompt(cells, [&](const LlmCell* own, std::size_t count) {
    if (count > 1) repeated += 1.0;
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t j = 0; j < i; ++j)
        differences.emplace_back(std::abs(own[i].seconds - own[j].seconds - slope * (own[i].x - own[j].x)) /
                                     std::hypot(own[i].seconds, own[j].seconds),
                                 2.0 / static_cast<double>(count));
  });
  std::sort(differences.begin(), differences.end());
  const double degrees = degrees_of(cells, prompts);
  // Of many cells with few outliers most pairs can hold one. Of two cells that differ either may be off, and
  // a scale too small would leave good ones out.
  const Quantile quantile = degrees >= (kMany - 1.0) * repeated ? kThird : kMedian;
  // The slope goes through one pair and makes its difference nothing; the quantile is of the rest. Few
  // differences may lie together by chance (as in Rousseeuw and Leroy, "Robust Regression and Outlier
  // Detection", 1987, of the least median of squares).
  const double share = (1.0 + quantile.share * (degrees - 1.0)) / degrees;
  const double few = 1.0 + 1.0 / (degrees - 1.0);
  return std::max(kLeastScale, few * quantile_of(differences, share) / quantile.deviations);
}

/// Contention only adds: a cell that took too little is as unlikely as so many that took too long. Fewer than
/// two, so that two cells of one size that differ by their noise still outvote a third that took too little.
constexpr double kTooFast = 1.5;

/// Tukey's biweight loss, 1 for a cell that counts nothing, kTooFast for one that would have to be too fast.
double loss_of(double residual, double scale) {
  if (residual < -kBiweight * scale) return kTooFast;
  const double u = std::min(1.0, std::abs(residual) / (kBiweight * scale)), v = 1.0 - u * u;
  return 1.0 - v * v * v;
}

/// Losses that differ by less are equal.
constexpr double kEqual = 1e-9;

/// Sets the weights of one prompt size's cells to those at the intercept of least loss. Intercepts that fit
/// as many cells as well are as likely, but contention only adds: the lowest counts.
void weigh(LlmCell* cells, std::size_t count, double slope, double scale) {
  const auto residual = [&](const LlmCell& cell, double alpha) {
    return (cell.seconds - alpha - slope * cell.x) / cell.seconds;
  };
  const auto loss_at = [&](double alpha) {
    double loss = 0.0;
    for (std::size_t i = 0; i < count; ++i) loss += loss_of(residual(cells[i], alpha), scale);
    return loss;
  };
  const auto reweigh = [&](double alpha) {
    for (std::size_t i = 0; i < count; ++i) {
      const double u = std::abs(residual(cells[i], alpha)) / (kBiweight * scale);
      cells[i].weight = u < 1.0 ? (1.0 - u * u) * (1.0 - u * u) : 0.0;
    }
  };
  const auto middle = [&] {
    double sum = 0.0, weights = 0.0;
    for (std::size_t i = 0; i < count; ++i) {
      const double weight = cells[i].weight / (cells[i].seconds * cells[i].seconds);
      sum += weight * (cells[i].seconds - slope * cells[i].x);
      weights += weight;
    }
    return sum / weights;  // NaN where all count nothing
  };
  double best_loss = HUGE_VAL, best = kNaN;
  const auto offer = [&](double alpha) {
    const double loss = loss_at(alpha);
    if (!(loss <= best_loss + kEqual) || (loss > best_loss - kEqual && alpha >= best)) return;
    best_loss = loss;
    best = alpha;
  };
  const auto descended = [&](double alpha) {
    for (int round = 0; round < kRounds; ++round) {
      reweigh(alpha);
      const double next = middle();
      if (!(std::abs(next - alpha) > 1e-12 * std::abs(alpha))) break;
      alpha = next;
    }
    return alpha;
  };
  // Each cell alone, and all of them together.
  for (std::size_t i = 0; i < count; ++i) offer(cells[i].seconds - slope * cells[i].x);
  offer(descended(best));
  for (std::size_t i = 0; i < count; ++i) cells[i].weight = 1.0;
  offer(descended(middle()));
  reweigh(best);
}

/// Biweight least squares from a slope on, at one scale.
LlmLine descend(std::vector<LlmCell>& cells, std::size_t prompts, double slope, double scale) {
  LlmLine line;
  for (int round = 0; round < kRounds; ++round) {
    each_prompt(cells, [&](LlmCell* own, std::size_t count) { weigh(own, count, slope, scale); });
    line = least_squares(cells, prompts);
    // What is left does not determine a slope: nothing is left out.
    if (!(line.distance > 0.0)) {
      for (LlmCell& cell : cells) cell.weight = 1.0;
      line = least_squares(cells, prompts);
      break;
    }
    if (std::abs(line.beta - slope) <= 1e-12 * std::abs(slope)) break;
    slope = line.beta;
  }
  line.scale = scale;
  return line;
}

double loss_of(const std::vector<LlmCell>& cells, const LlmLine& line) {
  double loss = 0.0;
  for (const LlmCell& cell : cells) loss += loss_of(line.relative_residual(cell), line.scale);
  return loss;
}

}  // namespace

LlmLine robust_line(std::vector<LlmCell>& cells, std::size_t prompts) {
  const Weighted slopes = slopes_of(cells);
  // With hardly more cells than unknowns nothing tells which of them is off.
  if (degrees_of(cells, prompts) < 4.0) {
    LlmLine line = least_squares(cells, prompts);
    line.scale = kNaN;
    return line;
  }
  // Either start may be drawn away: the lower loss counts, at the smaller scale.
  const double starts[]{quantile_of(slopes, 0.5), least_absolute(cells, prompts).beta};
  const double scale = std::min(scale_of(cells, prompts, starts[0]), scale_of(cells, prompts, starts[1]));
  LlmLine best;
  double best_loss = HUGE_VAL;
  std::vector<LlmCell> weighed;
  for (const double slope : starts) {
    std::vector<LlmCell> own = cells;
    LlmLine line = descend(own, prompts, slope, scale);
    const double loss = loss_of(own, line);
    if (loss >= best_loss) continue;
    best_loss = loss;
    best = std::move(line);
    weighed = std::move(own);
  }
  cells = std::move(weighed);
  return best;
}

}  // namespace hone::cost
