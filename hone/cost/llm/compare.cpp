#include "hone/cost/llm/compare.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "hone/base/files.h"
#include "hone/base/numbers.h"
#include "hone/cost/csv.h"
#include "hone/cost/llm/measured.h"
#include "hone/predict/score.h"

namespace hone::cost {
namespace {

const LlmRuntime* find(const std::vector<LlmRuntime>& runtimes, const std::string& name) {
  for (const LlmRuntime& runtime : runtimes)
    if (runtime.name == name) return &runtime;
  return nullptr;
}

std::vector<std::string> names_of(const LlmComparison& comparison) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const auto& runtime : comparison.idealized) add(runtime.name);
  for (const auto& runtime : comparison.denoised) add(runtime.name);
  for (const auto& point : comparison.raw) add(point.model);
  return names;
}

void set_accelerators(LlmRow& row, const LlmComparison& comparison) {
  const auto deployment = deployment_named(row.name, accelerator(comparison.accelerator));
  if (!deployment) return;
  row.assumed = deployment->model.assumed;
  row.accelerators = static_cast<double>(deployment->accelerators());
  row.derived = published_accelerators(row.name) == 0;
}

void mark_front(std::vector<LlmRow>& rows) {
  const bool dollars = std::any_of(rows.begin(), rows.end(),
                                   [](const LlmRow& row) { return std::isfinite(row.price.dollars); });
  const auto cost = [&](const LlmRow& row) { return dollars ? row.price.dollars : row.idealized_s; };
  for (LlmRow& row : rows) {
    if (!std::isfinite(row.quality) || !std::isfinite(cost(row))) continue;
    row.front = std::none_of(rows.begin(), rows.end(), [&](const LlmRow& other) {
      return other.quality >= row.quality && cost(other) <= cost(row) &&
             (other.quality > row.quality || cost(other) < cost(row));
    });
  }
}

}  // namespace

std::vector<LlmRow> compare_llms(const LlmComparison& comparison) {
  std::vector<LlmRow> rows;
  for (const std::string& name : names_of(comparison)) {
    LlmRow row;
    row.name = name;
    const LlmRuntime* idealized = find(comparison.idealized, name);
    const LlmRuntime* denoised = find(comparison.denoised, name);
    const auto seconds = [&](const LlmRuntime* runtime, double p, double o) {
      return runtime == nullptr ? kNaN : runtime->seconds(p, o, comparison.rule);
    };
    row.idealized_s = seconds(idealized, comparison.prompt_tokens, comparison.output_tokens);
    row.denoised_s = seconds(denoised, comparison.prompt_tokens, comparison.output_tokens);
    std::vector<double> raw, contention, api;
    for (const LlmPoint& point : comparison.raw) {
      if (point.model != name) continue;
      raw.push_back(point.seconds);
      const double best = seconds(denoised, point.prompt_tokens, point.output_tokens);
      const double ideal = seconds(idealized, point.prompt_tokens, point.output_tokens);
      if (std::isfinite(best)) contention.push_back(point.seconds / best);
      if (std::isfinite(ideal)) api.push_back((std::isfinite(best) ? best : point.seconds) / ideal);
    }
    row.raw_s = predict::median(raw);
    row.contention = predict::median(contention);
    row.api = api.empty() ? row.denoised_s / row.idealized_s : predict::median(api);
    set_accelerators(row, comparison);
    LlmRates rates = comparison.rates;
    rates.accelerators = row.accelerators > 0.0 ? row.accelerators : kNaN;
    row.price = llm_price(row.idealized_s, rates);
    for (const auto& [model, quality] : comparison.quality)
      if (model == name) row.quality = quality;
    rows.push_back(std::move(row));
  }
  mark_front(rows);
  return rows;
}

double llm_accelerators(const LlmRuntime& runtime) {
  const auto noted = runtime.provenance.find("accelerators");
  if (noted != runtime.provenance.end() && noted->is_number() && noted->get<double>() >= 1.0)
    return noted->get<double>();
  return static_cast<double>(published_accelerators(runtime.name));
}

std::vector<LlmRatio> compare_stacks(const std::vector<LlmRuntime>& first,
                                     const std::vector<LlmRuntime>& second, double prompt_tokens,
                                     double output_tokens, PromptRule rule) {
  std::vector<LlmRatio> ratios;
  for (const LlmRuntime& a : first) {
    // Two single models are compared whatever they are called.
    const LlmRuntime* b = first.size() == 1 && second.size() == 1 ? &second.front() : find(second, a.name);
    if (b == nullptr) continue;
    LlmRatio ratio;
    ratio.name = a.name == b->name ? a.name : a.name + " / " + b->name;
    ratio.first_s = a.seconds(prompt_tokens, output_tokens, rule);
    ratio.second_s = b->seconds(prompt_tokens, output_tokens, rule);
    ratio.first_batch = a.batch;
    ratio.second_batch = b->batch;
    ratio.first_accelerators = llm_accelerators(a);
    ratio.second_accelerators = llm_accelerators(*b);
    ratio.request = ratio.second_s / ratio.first_s;
    if ((ratio.first_accelerators > 0.0) == (ratio.second_accelerators > 0.0))
      ratio.cost = ratio.request * std::max(1.0, ratio.second_accelerators) /
                   std::max(1.0, ratio.first_accelerators) * a.batch / b->batch;
    ratio.token = b->token_s / a.token_s;
    ratio.prompt = b->prompt_cost(prompt_tokens, rule) / a.prompt_cost(prompt_tokens, rule);
    ratios.push_back(std::move(ratio));
  }
  return ratios;
}

std::vector<std::pair<std::string, double>> read_llm_quality(const std::string& path) {
  std::istringstream lines(std::string(without_mark(read_file(path))));
  std::vector<std::pair<std::string, double>> quality;
  std::map<std::string, int> seen;  // models, and where
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    const Place place{path, number, ""};
    const auto cells = csv_cells(line);
    if (!cells || cells->size() < 2) throw Error("this line is not 'model,quality'", place);
    if (number == 1) {
      if (*cells != std::vector<std::string>{"model", "quality"})
        throw Error("the header must be 'model,quality'", place);
      continue;
    }
    const std::string& text = cells->back();
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !std::isfinite(value))
      throw Error(fmt::format("'{}' is not a number", text), place);
    // A name that was not quoted may hold commas all the same.
    const std::string model = fmt::format("{}", fmt::join(cells->begin(), cells->end() - 1, ","));
    if (const auto [first, fresh] = seen.emplace(model, number); !fresh)
      throw Error(fmt::format("'{}' has a quality in line {} already", model, first->second), place);
    quality.emplace_back(model, value);
  }
  if (quality.empty()) throw Error("there are no models", Place{path, 0, ""});
  return quality;
}

RuleErrors rule_errors(const LlmRuntime& runtime) {
  RuleErrors errors;
  const std::size_t n = runtime.prompt_tokens.size();
  if (n < 3) return errors;
  double sums[3]{}, shorts = 0.0, count = 0.0, short_count = 0.0;
  for (std::size_t out = 0; out < n; ++out) {
    const double size = runtime.prompt_tokens[out], known = runtime.prompt_s[out];
    if (!(known > 0.0)) continue;
    LlmRuntime rest = runtime;
    rest.prompt_tokens.erase(rest.prompt_tokens.begin() + static_cast<std::ptrdiff_t>(out));
    rest.prompt_s.erase(rest.prompt_s.begin() + static_cast<std::ptrdiff_t>(out));
    choose_tile(rest);
    const PromptRule rules[]{PromptRule::linear, PromptRule::tiled, PromptRule::published};
    for (int i = 0; i < 3; ++i) sums[i] += std::abs(rest.prompt_cost(size, rules[i]) / known - 1.0);
    if (size < kShortPrompt) {
      shorts += std::abs(rest.prompt_cost(size, PromptRule::published) / known - 1.0);
      short_count += 1.0;
    }
    count += 1.0;
  }
  if (count == 0.0) return errors;
  errors.linear = sums[0] / count;
  errors.tiled = sums[1] / count;
  errors.published = sums[2] / count;
  if (short_count > 0.0) errors.published_short = shorts / short_count;
  return errors;
}

}  // namespace hone::cost
