// Costs of kernels learned from labels, on families that were not learned from.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <future>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "hone/cost/labels.h"
#include "hone/cost/learn_labels.h"
#include "hone/cost/loop_sums.h"
#include "hone/predict/ridge.h"
#include "hone/run/cost_bench.h"

namespace hone::run {
namespace {

constexpr int kFolds = 5;

struct Baselines {
  double mean = 0.0;  ///< of the logarithms
  predict::Ridge line;
};

bool seconds(const std::string& target) { return target == "run_s"; }
double to_log(const std::string& target, double value) {
  return seconds(target) ? std::log(std::max(value, 1e-12)) : std::log1p(std::max(value, 0.0));
}
double from_log(const std::string& target, double value) {
  value = std::min(value, 80.0);
  return seconds(target) ? std::exp(value) : std::max(0.0, std::expm1(value));
}

/// Logarithms of how often operations of each kind run: what regression on operation counts is given.
std::vector<double> operation_counts(const cost::CostSample& sample) {
  std::vector<double> counts;
  const std::vector<std::string>& names = cost::mlir::feature_names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[i];
    const bool counted = name.ends_with("_count") && !name.ends_with("stride_count") &&
                         name != "still_count" && name != "indirect_count";
    if (counted) counts.push_back(std::log1p(sample.features.values[i]));
  }
  return counts;
}

double feature(const cost::CostSample& sample, const char* name) { return sample.features.at(name); }

/// Operations at the measured peak, or every byte once from memory, whichever takes longer.
double roofline_s(const cost::CostSample& sample, const std::map<std::string, double>& measured) {
  const auto rate = [&](const char* name) {
    const auto found = measured.find(name);
    return found == measured.end() ? 1e11 : std::max(1.0, found->second);
  };
  const double compute =
      feature(sample, "flops_f64") / rate("f64_flops_per_s") +
      (feature(sample, "flops") - feature(sample, "flops_f64")) / rate("f32_flops_per_s") +
      (feature(sample, "integer_count") + feature(sample, "integer_multiply_count")) / rate("i32_ops_per_s");
  return std::max(compute, feature(sample, "footprint_bytes") / rate("bytes_per_s"));
}

/// How near a model of times could come that knew the compiled code, for comparison only: trees on logarithms
/// of the targets that no clock is needed for (instructions by kind, spills, ...), all of them by the
/// machine-code analyser's cycles, in the manner of the model that is compared (cost/loop_sums.h).
class CompiledReference {
 public:
  /// `counts`: targets that every sample has, kCycles among them.
  CompiledReference(const std::vector<cost::CostSample>& training, std::vector<std::string> counts)
      : counts_(std::move(counts)) {
    cost::LoopTable table(1 + counts_.size());
    for (const auto& sample : training) {
      const std::vector<double> row = logarithms(sample);
      table.add(row, {row.data(), 1}, sample.targets.at("run_s"), sample.weight, sample.disturbed);
    }
    seconds_ = cost::LoopSums::fit(table, cost::ErrorOf::cost, {.trees = 300, .learning_rate = 0.08});
  }

  double seconds(const cost::CostSample& sample) const {
    const std::vector<double> row = logarithms(sample);
    return from_log("run_s", seconds_.log_cost(row, {row.data(), 1}));
  }

  static constexpr const char* kCycles = "mca_cycles";

 private:
  std::vector<double> logarithms(const cost::CostSample& sample) const {
    const auto logarithm = [&](const std::string& target) {
      return std::log1p(std::max(sample.targets.at(target), 0.0));
    };
    std::vector<double> row = {logarithm(kCycles)};
    for (const std::string& target : counts_) row.push_back(logarithm(target) - row[0]);
    return row;
  }

  std::vector<std::string> counts_;
  cost::LoopSums seconds_;
};

using Predictions = std::map<std::string, std::vector<double>>;

class KernelComparison {
 public:
  KernelComparison(const std::string& file, const CostBenchOptions& options)
      : options_(options), set_(cost::read_labels(file)) {
    name_ = kernel_suite(file);
    samples_ = cost::cost_samples(set_, [&](std::size_t done, std::size_t all) {
      if (options_.progress) options_.progress(fmt::format("{}: {} of {} functions read", name_, done, all));
      return !stopped();
    });
  }

  void run(std::vector<CostScore>& scores) {
    std::set<std::string> families;
    for (const auto& sample : samples_) families.insert(sample.family);
    if (families.size() < kFolds) return;
    std::map<std::string, int> fold;
    for (const std::string& family : families) fold[family] = static_cast<int>(fold.size()) % kFolds;
    for (const auto& [target, first] : samples_[0].targets) {
      if (stopped()) return;
      if (complete(target)) compare(target, fold, scores);
    }
  }

 private:
  bool stopped() const { return options_.interrupted && options_.interrupted(); }

  /// Whether every function has the target.
  bool complete(const std::string& target) const {
    return std::all_of(samples_.begin(), samples_.end(),
                       [&](const auto& sample) { return sample.targets.count(target) > 0; });
  }

  /// Targets that no clock is needed for.
  std::vector<std::string> counts() const {
    std::vector<std::string> counts;
    for (const auto& [target, value] : samples_[0].targets)
      if (!cost::is_timed(target) && complete(target)) counts.push_back(target);
    return counts;
  }

  void compare(const std::string& target, const std::map<std::string, int>& fold,
               std::vector<CostScore>& scores) {
    if (options_.progress) options_.progress(fmt::format("{}: {}", name_, target));
    // Folds do not depend on each other.
    std::vector<std::future<Predictions>> parts;
    for (int out = 0; out < kFolds; ++out)
      parts.push_back(std::async(std::launch::async, [&, out] { return predictions(target, fold, out); }));
    Predictions all;
    for (auto& part : parts)
      for (const auto& [model, values] : part.get())
        all[model].insert(all[model].end(), values.begin(), values.end());
    if (stopped()) return;
    const std::vector<double> measured = std::move(all["measured"]);
    all.erase("measured");
    for (const auto& [model, values] : all)
      scores.push_back({name_,
                        target,
                        model,
                        predict::accuracy(values, measured),
                        {{"median_error", predict::median_error(values, measured)}}});
  }

  /// What each model says of one fold, learned from the others, and what was measured.
  Predictions predictions(const std::string& target, const std::map<std::string, int>& fold, int out) const {
    std::vector<cost::CostSample> training;
    std::vector<const cost::CostSample*> test;
    for (const auto& sample : samples_) {
      if (fold.at(sample.family) != out)
        training.push_back(sample);
      else if (!(sample.disturbed && cost::is_timed(target)))
        test.push_back(&sample);
    }
    cost::LearnedCostOptions options;
    options.targets = {target};
    options.folds = 0;
    const cost::LearnedCosts trees = cost::LearnedCosts::fit(training, options);
    const Baselines baselines = fit(training, target);
    std::optional<CompiledReference> compiled;
    if (seconds(target) && complete(CompiledReference::kCycles)) compiled.emplace(training, counts());
    Predictions predicted;
    for (const cost::CostSample* sample : test) {
      predicted["measured"].push_back(sample->targets.at(target));
      predicted["boosted trees"].push_back(trees.predict(sample->features, std::size_t{0}));
      predicted["mean"].push_back(from_log(target, baselines.mean));
      predicted["linear on operation counts"].push_back(
          from_log(target, baselines.line.predict(operation_counts(*sample))));
      if (seconds(target)) predicted["roofline"].push_back(roofline_s(*sample, set_.provenance.measured));
      if (compiled) predicted["known: the compiled code's counts"].push_back(compiled->seconds(*sample));
    }
    return predicted;
  }

  static Baselines fit(const std::vector<cost::CostSample>& training, const std::string& target) {
    Baselines baselines;
    std::vector<double> rows, values;
    for (const auto& sample : training) {
      const std::vector<double> counts = operation_counts(sample);
      rows.insert(rows.end(), counts.begin(), counts.end());
      values.push_back(to_log(target, sample.targets.at(target)));
      baselines.mean += values.back() / static_cast<double>(training.size());
    }
    baselines.line = predict::Ridge::fit(rows, rows.size() / values.size(), values);
    return baselines;
  }

  const CostBenchOptions& options_;
  cost::LabelSet set_;
  std::string name_;
  std::vector<cost::CostSample> samples_;
};

}  // namespace

std::string kernel_suite(const std::string& labels) {
  return std::filesystem::path(labels).stem().string() + ", families held out";
}

std::vector<CostScore> kernel_scores(const std::string& folder, const CostBenchOptions& options) {
  std::vector<CostScore> scores;
  for (const std::string& file : cost::label_files(folder))
    if (!options.interrupted || !options.interrupted()) KernelComparison(file, options).run(scores);
  return scores;
}

}  // namespace hone::run
