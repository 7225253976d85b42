// Cost models of language models over llm/: what one measured deployment says of its other sizes, and what
// some say of another.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include <fmt/format.h>

#include "hone/cost/llm/fit.h"
#include "hone/run/llm_folds.h"

namespace hone::run {
namespace {

namespace fs = std::filesystem;

/// Runtimes without copies: whole requests of T(p, o) where one prompt size is left out. Needs no hardware.
std::vector<CostScore> size_scores(const std::string& suite, const std::vector<cost::LlmRuntime>& runtimes) {
  const auto groups = cost::measurement_groups(runtimes);
  struct Way {
    const char* name;
    std::vector<double> predicted, requests;
  };
  std::vector<Way> ways{{"interpolated", {}, {}},
                        {"linear", {}, {}},
                        {"published rule", {}, {}},
                        {"mean", {}, {}},
                        {"regression on tokens", {}, {}}};
  std::vector<double> measured, measured_requests;
  for (std::size_t i = 0; i < runtimes.size(); ++i) {
    const cost::LlmRuntime& whole = runtimes[i];
    const std::size_t n = whole.prompt_tokens.size();
    if (groups[i] != i || n < 3) continue;
    for (std::size_t out = 0; out < n; ++out) {
      const double size = whole.prompt_tokens[out], known = whole.prompt_s[out];
      cost::LlmRuntime rest = whole;
      rest.prompt_tokens.erase(rest.prompt_tokens.begin() + static_cast<std::ptrdiff_t>(out));
      rest.prompt_s.erase(rest.prompt_s.begin() + static_cast<std::ptrdiff_t>(out));
      choose_tile(rest);
      double x = 0.0, y = 0.0, xx = 0.0, xy = 0.0;
      const double m = static_cast<double>(n - 1);
      for (std::size_t j = 0; j + 1 < n; ++j) {
        x += rest.prompt_tokens[j] / m;
        y += rest.prompt_s[j] / m;
      }
      for (std::size_t j = 0; j + 1 < n; ++j) {
        xx += (rest.prompt_tokens[j] - x) * (rest.prompt_tokens[j] - x);
        xy += (rest.prompt_tokens[j] - x) * (rest.prompt_s[j] - y);
      }
      const double predictions[]{rest.prompt_cost(size), rest.prompt_cost(size, cost::PromptRule::linear),
                                 rest.prompt_cost(size, cost::PromptRule::published), y,
                                 y + (xx > 0.0 ? xy / xx : 0.0) * (size - x)};
      const double further = whole.overhead_s + 63.0 * whole.token_s;
      for (std::size_t way = 0; way < ways.size(); ++way) {
        ways[way].predicted.push_back(predictions[way]);
        ways[way].requests.push_back(predictions[way] + further);
      }
      measured.push_back(known);
      measured_requests.push_back(known + further);
    }
  }
  std::vector<CostScore> scores;
  if (measured.empty()) return scores;
  for (const Way& way : ways)
    scores.push_back({suite, "prompt_s", way.name, predict::accuracy(way.predicted, measured)});
  for (const Way& way : ways)
    scores.push_back({suite, "request_s", way.name, predict::accuracy(way.requests, measured_requests)});
  return scores;
}

void append(std::vector<CostScore>& all, std::vector<CostScore> more) {
  for (auto& one : more) all.push_back(std::move(one));
}

void skipped(const fs::path& file, const std::string& why, const CostBenchOptions& options) {
  if (options.skipped) options.skipped(fmt::format("llm/{}: {}", file.filename().string(), why));
}

/// A size as a key that sorts.
std::string sized(const char* what, double size) { return fmt::format("{} {:06.0f}", what, size); }

std::vector<CostScore> runtime_scores(const fs::path& file, const cost::DeploymentNotes& notes,
                                      const CostBenchOptions& options) {
  const std::string name = file.stem().string();
  const auto runtimes = cost::read_llm_runtimes(file.string());
  std::vector<CostScore> scores = size_scores(name + ", a prompt size left out", runtimes);
  // Denoised runtimes are of unknown hardware.
  if (std::any_of(runtimes.begin(), runtimes.end(),
                  [](const auto& runtime) { return runtime.overhead_s > 0.0; }))
    return scores;
  const auto all = cost::measured_deployments(runtimes, cost::accelerator("a100-80gb"), notes);
  std::vector<cost::MeasuredDeployment> measured;
  for (const auto& one : all)  // copies count once
    if (std::none_of(measured.begin(), measured.end(),
                     [&](const auto& other) { return other.group == one.group; }))
      measured.push_back(one);
  if (measured.size() < 3) {
    if (scores.empty()) skipped(file, "it holds fewer than 3 prompt sizes, and 3 deployments", options);
    return scores;
  }
  append(scores, fold_scores(name + ", in sample", measured, {}, options));
  append(scores, fold_scores(
                     name + ", a prompt size left out everywhere", measured,
                     [](const auto&, const auto& step) {
                       return step.decode ? std::string() : sized("prompt", step.tokens);
                     },
                     options));
  append(scores,
         fold_scores(
             name + ", a model left out", measured,
             [](const auto& one, const auto&) { return fmt::format("group {:04}", one.group); }, options));
  return scores;
}

/// T(p, o) fitted to whole requests of every deployment at one batch, against what they took.
std::vector<CostScore> request_scores(const std::string& suite, const std::vector<cost::ServingRow>& rows,
                                      double batch) {
  std::map<std::string, std::vector<cost::LlmPoint>> points;
  for (const auto& row : rows) {
    const double sum = row.prompt_s + (row.output_tokens - 1.0) * row.token_s;
    if (row.batch != batch || row.request_s <= row.prompt_s || std::abs(sum / row.request_s - 1.0) > 0.05)
      continue;
    points[fmt::format("{} on {} {}", row.model, row.tensor_parallel, row.hardware)].push_back(
        {row.prompt_tokens, row.output_tokens, row.request_s, row.prompt_s, row.batch, 0});
  }
  std::vector<double> predicted, measured, mean;
  double sum = 0.0;
  for (const auto& [name, own] : points) {
    const cost::LlmRuntime runtime = cost::fit_llm_runtime(own, {.name = name, .fastest = false}).runtime;
    for (const auto& point : own) {
      predicted.push_back(runtime.seconds(point.prompt_tokens, point.output_tokens));
      measured.push_back(point.seconds);
      sum += point.seconds;
    }
  }
  if (measured.empty()) return {};
  mean.assign(measured.size(), sum / static_cast<double>(measured.size()));
  return {{suite, "whole request_s", "fitted T(p, o)", predict::accuracy(predicted, measured)},
          {suite, "whole request_s", "mean", predict::accuracy(mean, measured)}};
}

/// The value that most steps have.
double most_common(const std::vector<cost::MeasuredDeployment>& measured,
                   const std::function<double(const cost::LlmStepMeasure&)>& of) {
  std::map<double, int> counts;
  for (const auto& one : measured)
    for (const auto& step : one.steps) ++counts[of(step)];
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

std::vector<CostScore> table_scores(const fs::path& file, const std::vector<cost::ServingRow>& rows,
                                    const cost::DeploymentNotes& notes, const CostBenchOptions& options) {
  const std::string name = file.stem().string();
  cost::ServingRest rest;
  const auto measured = cost::measured_deployments(rows, notes, &rest);
  std::vector<CostScore> scores;
  if (measured.empty()) {
    const std::string left_out = rest.text();
    skipped(file, left_out.empty() ? "it has no rows" : "all is left out: " + left_out, options);
    return scores;
  }
  using Of = const cost::MeasuredDeployment&;
  using At = const cost::LlmStepMeasure&;
  append(scores, fold_scores(name + ", in sample", measured, {}, options));
  append(scores, request_scores(name + ", whole requests, in sample", rows,
                                most_common(measured, [](At step) { return step.batch; })));
  // Sizes vary at one batch, and batches at one size: along each of the two axes what the other one holds
  // stays known.
  const double batch = most_common(measured, [](At step) { return step.batch; });
  const double prompt = most_common(measured, [](At step) { return step.prompt; });
  append(scores,
         fold_scores(
             name + ", a prompt size left out", measured,
             [=](Of, At step) { return step.batch == batch ? sized("prompt", step.prompt) : std::string(); },
             options));
  append(scores,
         fold_scores(
             name + ", a batch left out", measured,
             [=](Of, At step) { return step.prompt == prompt ? sized("batch", step.batch) : std::string(); },
             options));
  append(scores, fold_scores(
                     name + ", a tensor parallelism left out", measured,
                     [](Of one, At) {
                       return one.deployment.model.name +
                              sized(" over", static_cast<double>(one.deployment.tensor_parallel));
                     },
                     options));
  append(scores, fold_scores(
                     name + ", a model left out", measured,
                     [](Of one, At) { return one.deployment.model.name; }, options));
  return scores;
}

}  // namespace

std::vector<CostScore> llm_scores(const std::string& folder, const CostBenchOptions& options) {
  std::vector<CostScore> scores;
  const fs::path place = fs::path(folder) / "llm";
  if (!fs::is_directory(place)) return scores;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(place)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  const auto notes = cost::DeploymentNotes::read((place / "deployments.json").string());
  for (const fs::path& file : files) {
    if (options.interrupted && options.interrupted()) break;
    if (file.extension() == ".json" && file.filename().string().find("runtimes") != std::string::npos)
      append(scores, runtime_scores(file, notes, options));
    else if (file.extension() == ".csv")
      if (const auto rows = cost::read_serving_table(file.string()))
        append(scores, table_scores(file, *rows, notes, options));
  }
  return scores;
}

}  // namespace hone::run
