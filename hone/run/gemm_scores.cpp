// Cost models of matrix products over gemm/: shapes that were not learned from, with all their
// configurations.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/cost/gemm/gemm_forest.h"
#include "hone/predict/ridge.h"
#include "hone/run/cost_bench.h"

namespace hone::run {
namespace {

constexpr std::size_t kGemmFolds = 5;
constexpr std::uint64_t kGemmSeed = 1;

/// Logarithms of what the forest is given, for a line.
std::vector<double> gemm_logs(const cost::GemmRun& run) {
  auto row = cost::gemm_features(run, std::nullopt);
  for (double& value : row) value = std::log1p(std::max(0.0, value));
  return row;
}

/// What is held against the forest: the mean of the logarithms; ridge regression on logarithms of its
/// features; operations at the highest rate seen or least bytes at the highest seen, whichever takes longer,
/// times what products took against that in the mean.
struct GemmRivals {
  double mean = 0.0, peak = 0.0, bandwidth = 0.0, above = 0.0;
  predict::Ridge line;

  double roof(const cost::GemmRun& run) const {
    return std::log(std::max(cost::gemm_flops(run) / peak, cost::gemm_bytes(run) / bandwidth));
  }
};

GemmRivals gemm_rivals(const std::vector<const cost::GemmRun*>& runs, double (*value)(const cost::GemmRun&)) {
  GemmRivals rivals;
  std::vector<double> rows, targets;
  std::size_t columns = 0;
  for (const cost::GemmRun* run : runs) {
    const auto row = gemm_logs(*run);
    columns = row.size();
    rows.insert(rows.end(), row.begin(), row.end());
    targets.push_back(std::log(value(*run)));
    rivals.mean += targets.back() / static_cast<double>(runs.size());
    rivals.peak = std::max(rivals.peak, cost::gemm_flops(*run) / run->runtime_s);
    rivals.bandwidth = std::max(rivals.bandwidth, cost::gemm_bytes(*run) / run->runtime_s);
  }
  rivals.line = predict::Ridge::fit(rows, columns, targets);
  for (std::size_t i = 0; i < runs.size(); ++i)
    rivals.above += (targets[i] - rivals.roof(*runs[i])) / static_cast<double>(runs.size());
  return rivals;
}

double gemm_runtime(const cost::GemmRun& run) { return run.runtime_s; }
double gemm_power(const cost::GemmRun& run) { return run.power_w; }
double gemm_energy(const cost::GemmRun& run) { return run.runtime_s * run.power_w; }

void add_rivals(const std::string& suite, const char* target, double (*value)(const cost::GemmRun&),
                const std::vector<cost::GemmRun>& runs, std::vector<CostScore>& scores) {
  const auto fold_of = cost::gemm_folds(runs, kGemmFolds, kGemmSeed);
  std::vector<double> mean(runs.size()), line(runs.size()), roof(runs.size()), measured;
  for (const auto& run : runs) measured.push_back(value(run));
  for (std::size_t fold = 0; fold < kGemmFolds; ++fold) {
    std::vector<const cost::GemmRun*> rest;
    for (std::size_t i = 0; i < runs.size(); ++i)
      if (fold_of[i] != fold) rest.push_back(&runs[i]);
    if (rest.size() == runs.size()) continue;
    const GemmRivals rivals = gemm_rivals(rest, value);
    for (std::size_t i = 0; i < runs.size(); ++i) {
      if (fold_of[i] != fold) continue;
      mean[i] = std::exp(rivals.mean);
      line[i] = std::exp(rivals.line.predict(gemm_logs(runs[i])));
      roof[i] = std::exp(rivals.roof(runs[i]) + rivals.above);
    }
  }
  const auto kernels = cost::gemm_kernels(runs);
  const auto add = [&](const char* model, const std::vector<double>& predicted, bool chooses) {
    CostScore score{suite, target, model, predict::accuracy(predicted, measured)};
    score.more.emplace_back("median_error", predict::median_error(predicted, measured));
    if (chooses && value == gemm_runtime) {
      const cost::GemmChoices choices = cost::gemm_choices(runs, predicted, kernels);
      score.more.emplace_back("chosen_over_best", choices.over_best - 1.0);
      score.more.emplace_back("faster_than_middle", choices.over_middle - 1.0);
      score.more.emplace_back("faster_than_baseline", choices.gain - 1.0);
    }
    scores.push_back(std::move(score));
  };
  add("linear regression", line, true);
  // Neither knows of tiles: it would choose any.
  if (value == gemm_runtime) add("roofline, fitted", roof, false);
  add("mean", mean, false);
}

void add_forest(const std::string& suite, const std::vector<cost::GemmRun>& runs, bool published,
                const CostBenchOptions& options, std::vector<CostScore>& scores) {
  cost::GemmForestOptions learn;
  learn.published = published;
  learn.folds = kGemmFolds;
  learn.forest.seed = kGemmSeed;
  learn.interrupted = options.interrupted;
  learn.progress = [&](const std::string& what) {
    if (options.progress) options.progress(fmt::format("{}: {}", suite, what));
  };
  const auto forest = cost::GemmForest::learn(runs, learn);
  for (const cost::GemmScore& one : forest.scores()) {
    if (one.target == "flops_per_s") continue;
    CostScore score{suite, one.target, published ? "gemm_forest, as published" : "gemm_forest", one.accuracy};
    score.more = {{"median_error", one.median_error}, {"in_interval", one.in_interval}};
    if (one.target == "runtime_s") {
      score.more.emplace_back("chosen_over_best", forest.choices().over_best - 1.0);
      score.more.emplace_back("faster_than_middle", forest.choices().over_middle - 1.0);
      score.more.emplace_back("faster_than_baseline", forest.choices().gain - 1.0);
    }
    scores.push_back(std::move(score));
  }
}

}  // namespace

std::vector<CostScore> gemm_scores(const std::string& folder, const CostBenchOptions& options) {
  std::vector<CostScore> scores;
  std::vector<std::filesystem::path> files;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(folder) / "gemm", code))
    if (entry.path().extension() == ".csv") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    if (options.interrupted && options.interrupted()) break;
    const auto runs = cost::read_gemm_table(file.string()).runs;
    const std::string suite = files.size() == 1
                                  ? std::string("gemm, shapes held out")
                                  : fmt::format("gemm {}, shapes held out", file.stem().string());
    const auto fold_of = cost::gemm_folds(runs, kGemmFolds, kGemmSeed);
    if (std::count(fold_of.begin(), fold_of.end(), 0U) == static_cast<std::ptrdiff_t>(fold_of.size())) {
      if (options.skipped)
        options.skipped(fmt::format("gemm/{}: it has no two shapes", file.filename().string()));
      continue;
    }
    std::vector<CostScore> of_file;
    try {
      add_forest(suite, runs, false, options, of_file);
      add_forest(suite, runs, true, options, of_file);
    } catch (const Error& error) {
      if (options.interrupted && options.interrupted()) break;
      throw Error(error.message(), Place{file.string(), 0, ""}, error.hint(), error.fault());
    }
    add_rivals(suite, "runtime_s", gemm_runtime, runs, of_file);
    if (std::all_of(runs.begin(), runs.end(), [](const auto& run) { return std::isfinite(run.power_w); })) {
      add_rivals(suite, "power_w", gemm_power, runs, of_file);
      add_rivals(suite, "energy_j", gemm_energy, runs, of_file);
    }
    const auto order = [](const CostScore& score) {
      return score.target == "runtime_s" ? 0 : score.target == "power_w" ? 1 : 2;
    };
    std::stable_sort(of_file.begin(), of_file.end(),
                     [&](const CostScore& a, const CostScore& b) { return order(a) < order(b); });
    std::move(of_file.begin(), of_file.end(), std::back_inserter(scores));
  }
  return scores;
}

}  // namespace hone::run
