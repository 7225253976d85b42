#include "hone/run/cost_bench.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace hone::run {
namespace {

std::string figure(double value, const char* form) {
  return std::isfinite(value) ? fmt::format(fmt::runtime(form), value) : "-";
}

/// How noisy measurements are, and what is said by one who knows what no text says, are no models.
bool is_model(const CostScore& score) {
  return !score.model.starts_with("noise: ") && !score.model.starts_with("known: ");
}

}  // namespace

Json scores_json(const std::vector<CostScore>& scores) {
  Json list = Json::array();
  for (const CostScore& score : scores) {
    list.push_back({{"suite", score.suite},
                    {"target", score.target},
                    {"model", score.model},
                    {"samples", score.accuracy.samples},
                    {"mape", finite_or_null(score.accuracy.mape)},
                    {"spearman", finite_or_null(score.accuracy.spearman)},
                    {"r2", finite_or_null(score.accuracy.r2)}});
    for (const auto& [name, value] : score.more) list.back()[name] = finite_or_null(value);
  }
  return list;
}

std::string scores_text(const std::vector<CostScore>& scores) {
  std::string text;
  std::size_t target_width = 6, model_width = 5;
  for (const CostScore& score : scores) {
    target_width = std::max(target_width, score.target.size());
    model_width = std::max(model_width, score.model.size());
  }
  std::string suite;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const CostScore& score = scores[i];
    if (i == 0 || score.suite != suite) {
      suite = score.suite;
      text += fmt::format("{}{}\n  {:<{}}  {:<{}}  {:>7}  {:>7}  {:>8}  {:>7}\n", i == 0 ? "" : "\n", suite,
                          "target", target_width, "model", model_width, "samples", "error", "rank", "R^2");
    }
    const auto better = [&](const CostScore& other) {
      return !is_model(score) || (other.suite == score.suite && other.target == score.target &&
                                  is_model(other) && other.accuracy.mape < score.accuracy.mape);
    };
    text += fmt::format("  {:<{}}  {:<{}}  {:>7}  {:>7}  {:>8}  {:>7}{}\n", score.target, target_width,
                        score.model, model_width, score.accuracy.samples,
                        figure(100.0 * score.accuracy.mape, "{:.2f}%"),
                        figure(score.accuracy.spearman, "{:.4f}"), figure(score.accuracy.r2, "{:.4f}"),
                        std::none_of(scores.begin(), scores.end(), better) ? "  *" : "");
    std::string more;
    for (const auto& [name, value] : score.more)
      more += fmt::format("{}{} {}", more.empty() ? "    " : ", ", name, figure(100.0 * value, "{:.1f}%"));
    if (!more.empty()) text += more + "\n";
  }
  return text;
}

}  // namespace hone::run
