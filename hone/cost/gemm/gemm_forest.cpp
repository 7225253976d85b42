#include "hone/cost/gemm/gemm_forest.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/cost/cost_method.h"

namespace hone::cost {
namespace {

GemmForest::Kernel kernel_of(const GemmRun& run) {
  return {run.config, run.type, run.sum_type, run.out_type};
}

/// Log value, its deviation among trees, and what it was measured as.
struct HeldOut {
  double log = 0.0, sd = 0.0, truth = 0.0;
  std::size_t fold = 0;
};

double floor_of(const std::vector<HeldOut>& all) {
  std::vector<double> off;
  for (const HeldOut& one : all) off.push_back(std::abs(one.log - std::log(one.truth)));
  return 0.5 * predict::median(off);
}

/// What 9 of 10 errors lie within, in units of what the forest says of its own.
double factor_of(const std::vector<HeldOut>& all, double floor) {
  std::vector<double> off;
  for (const HeldOut& one : all)
    off.push_back(std::abs(one.log - std::log(one.truth)) /
                  std::max(1e-12, std::sqrt(one.sd * one.sd + floor * floor)));
  return predict::quantile(off, 0.9);
}

GemmScore score_of(const std::string& target, const std::vector<HeldOut>& all, std::size_t folds) {
  std::vector<double> predicted, measured;
  for (const HeldOut& one : all) {
    predicted.push_back(std::exp(one.log));
    measured.push_back(one.truth);
  }
  // Each part by the error bars that the other parts would set.
  std::size_t within = 0;
  for (std::size_t fold = 0; fold < folds; ++fold) {
    std::vector<HeldOut> rest;
    for (const HeldOut& one : all)
      if (one.fold != fold) rest.push_back(one);
    if (rest.empty()) continue;
    const double floor = floor_of(rest), factor = factor_of(rest, floor);
    for (const HeldOut& one : all)
      if (one.fold == fold &&
          std::abs(one.log - std::log(one.truth)) <= factor * std::sqrt(one.sd * one.sd + floor * floor))
        ++within;
  }
  return {target, predict::accuracy(predicted, measured), predict::median_error(predicted, measured),
          static_cast<double>(within) / static_cast<double>(all.size())};
}

GemmFigure figure_of(double log, double sd, double floor, double factor) {
  const double off = factor * std::sqrt(sd * sd + floor * floor);
  return {std::exp(log), std::exp(log - off), std::exp(log + off)};
}

}  // namespace

Json GemmFigure::json() const {
  return {{"value", finite_or_null(value)}, {"low", finite_or_null(low)}, {"high", finite_or_null(high)}};
}

std::vector<GemmForest::Kernel> gemm_kernels(const std::vector<GemmRun>& runs) {
  std::map<GemmForest::Kernel, std::pair<std::size_t, std::size_t>> seen;  // how often, where first
  for (std::size_t i = 0; i < runs.size(); ++i) {
    auto& [times, first] = seen.try_emplace(kernel_of(runs[i]), 0, i).first->second;
    ++times;
  }
  std::vector<std::pair<GemmForest::Kernel, std::pair<std::size_t, std::size_t>>> order(seen.begin(),
                                                                                        seen.end());
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.second.first != b.second.first ? a.second.first > b.second.first
                                            : a.second.second < b.second.second;
  });
  std::vector<GemmForest::Kernel> kernels;
  for (auto& [kernel, at] : order) kernels.push_back(kernel);
  return kernels;
}

std::vector<std::size_t> gemm_folds(const std::vector<GemmRun>& runs, std::size_t folds, std::uint64_t seed,
                                    bool rows) {
  if (rows) {
    std::vector<std::size_t> order(runs.size()), fold(runs.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    Rng rng(seed, "gemm folds of rows");
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
    for (std::size_t i = 0; i < order.size(); ++i)
      fold[order[i]] = i % std::max<std::size_t>(1, std::min(folds, order.size()));
    return fold;
  }
  std::set<GemmShape> distinct;
  for (const GemmRun& run : runs) distinct.insert(run.shape);
  std::vector<GemmShape> shapes(distinct.begin(), distinct.end());
  Rng rng(seed, "gemm folds");
  for (std::size_t i = shapes.size(); i > 1; --i) std::swap(shapes[i - 1], shapes[rng.below(i)]);
  std::map<GemmShape, std::size_t> fold;
  for (std::size_t i = 0; i < shapes.size(); ++i)
    fold[shapes[i]] = i % std::max<std::size_t>(1, std::min(folds, shapes.size()));
  std::vector<std::size_t> list;
  for (const GemmRun& run : runs) list.push_back(fold[run.shape]);
  return list;
}

GemmChoices gemm_choices(const std::vector<GemmRun>& runs, const std::vector<double>& predicted,
                         const std::vector<GemmForest::Kernel>& kernels) {
  // What is the caller's to give is no choice: types, layouts, batch and beta.
  using Group = std::tuple<GemmShape, std::string, std::string, std::string, double, double, std::int64_t,
                           std::int64_t, std::int64_t>;
  std::map<Group, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const GemmRun& run = runs[i];
    groups[{run.shape, run.type, run.sum_type, run.out_type, run.batch, run.beta, run.config.column_a,
            run.config.column_b, run.config.column_c}]
        .push_back(i);
  }
  GemmChoices choices;
  double over = 0.0, gain = 0.0, middle = 0.0;
  for (const auto& [group, members] : groups) {
    if (members.size() < 2) continue;
    const auto least = [&](const auto& value) {
      return *std::min_element(members.begin(), members.end(),
                               [&](auto a, auto b) { return value(a) < value(b); });
    };
    const double chosen = runs[least([&](auto i) { return predicted[i]; })].runtime_s;
    const double best = runs[least([&](auto i) { return runs[i].runtime_s; })].runtime_s;
    ++choices.shapes;
    over += std::log(chosen / best);
    std::vector<double> times;
    for (const std::size_t i : members) times.push_back(runs[i].runtime_s);
    middle += std::log(predict::median(times) / chosen);
    choices.worst = choices.shapes == 1 ? chosen / best : std::max(choices.worst, chosen / best);
    const auto baseline = std::find_if(kernels.begin(), kernels.end(), [&](const auto& kernel) {
      const GemmRun& run = runs[members.front()];
      return kernel.type == run.type && kernel.sum_type == run.sum_type && kernel.out_type == run.out_type &&
             kernel.config.column_a == run.config.column_a && kernel.config.column_b == run.config.column_b &&
             kernel.config.column_c == run.config.column_c;
    });
    for (const std::size_t i : members)
      if (baseline != kernels.end() && kernel_of(runs[i]) == *baseline) {
        const double faster = runs[i].runtime_s / chosen;
        gain += std::log(faster);
        choices.most_gain = choices.with_baseline == 0 ? faster : std::max(choices.most_gain, faster);
        ++choices.with_baseline;
        break;
      }
  }
  if (choices.shapes > 0) {
    choices.over_best = std::exp(over / static_cast<double>(choices.shapes));
    choices.over_middle = std::exp(middle / static_cast<double>(choices.shapes));
  }
  if (choices.with_baseline > 0) choices.gain = std::exp(gain / static_cast<double>(choices.with_baseline));
  return choices;
}

std::vector<double> GemmForest::row(const GemmRun& run) const {
  return published_ ? published_gemm_features(run) : gemm_features(run, gpu_);
}

void GemmForest::grow(const std::vector<const GemmRun*>& runs, const GemmForestOptions& options) {
  std::vector<predict::Row> rows;
  std::vector<std::vector<double>> targets;
  for (const GemmRun* run : runs) {
    rows.push_back(row(*run));
    if (published_) {
      targets.push_back({run->runtime_s});
      if (power_) targets.back().push_back(run->power_w);
    } else {
      targets.push_back({std::log(gemm_flops(*run) / run->runtime_s)});
      if (power_) targets.back().push_back(std::log(run->power_w));
    }
  }
  forests_.clear();
  if (!published_) {
    predict::MultiForestOptions forest = options.forest;
    if (options.interrupted) forest.interrupted = options.interrupted;
    forests_.emplace_back(rows, targets, forest);
    return;
  }
  predict::MultiForestOptions forest;  // scikit-learn's defaults, 100 trees, depth 6
  forest.interrupted = options.interrupted;
  forest.max_depth = 6;
  forest.seed = options.forest.seed;
  for (std::size_t t = 0; t < targets.front().size(); ++t) {
    std::vector<double> values;
    for (const auto& one : targets) values.push_back(one[t]);
    const double low = predict::quantile(values, 0.01), high = predict::quantile(values, 0.99);
    std::vector<std::vector<double>> one;
    for (const double value : values) one.push_back({std::clamp(value, low, high)});
    forests_.emplace_back(rows, one, forest);
  }
}

GemmForest::Logs GemmForest::logs(const GemmRun& run) const {
  const auto input = row(run);
  std::vector<double> mean, sd;
  for (const predict::MultiForest& forest : forests_) {
    const auto estimate = forest.predict(input);
    mean.insert(mean.end(), estimate.mean.begin(), estimate.mean.end());
    sd.insert(sd.end(), estimate.sd.begin(), estimate.sd.end());
  }
  Logs logs;
  if (published_) {
    logs.runtime = std::log(mean[0]);
    logs.runtime_sd = sd[0] / mean[0];
    if (power_) {
      logs.power = std::log(mean[1]);
      logs.power_sd = sd[1] / mean[1];
    }
    return logs;
  }
  logs.runtime = std::log(gemm_flops(run)) - mean[0];
  logs.runtime_sd = sd[0];
  if (power_) {
    logs.power = mean[1];
    logs.power_sd = sd[1];
  }
  return logs;
}

void GemmForest::evaluate(const std::vector<GemmRun>& runs, const GemmForestOptions& options) {
  const auto fold_of = gemm_folds(runs, options.folds, options.forest.seed, options.rows_held_out);
  const std::size_t folds = *std::max_element(fold_of.begin(), fold_of.end()) + 1;
  if (options.folds < 2 || folds < 2) return;
  std::vector<double> predicted(runs.size(), 0.0);
  std::vector<HeldOut> runtime, rate, power, energy;
  for (std::size_t fold = 0; fold < folds; ++fold) {
    if (options.progress)
      options.progress(fmt::format("held-out {}, part {} of {}", options.rows_held_out ? "rows" : "shapes",
                                   fold + 1, folds));
    std::vector<const GemmRun*> rest;
    for (std::size_t i = 0; i < runs.size(); ++i)
      if (fold_of[i] != fold) rest.push_back(&runs[i]);
    grow(rest, options);
    for (std::size_t i = 0; i < runs.size(); ++i) {
      if (fold_of[i] != fold) continue;
      const Logs found = logs(runs[i]);
      predicted[i] = std::exp(found.runtime);
      runtime.push_back({found.runtime, found.runtime_sd, runs[i].runtime_s, fold});
      const double flops = gemm_flops(runs[i]);
      rate.push_back({std::log(flops) - found.runtime, found.runtime_sd, flops / runs[i].runtime_s, fold});
      if (!power_) continue;
      power.push_back({found.power, found.power_sd, runs[i].power_w, fold});
      energy.push_back({found.runtime + found.power, std::hypot(found.runtime_sd, found.power_sd),
                        runs[i].runtime_s * runs[i].power_w, fold});
    }
  }
  const auto calibrate = [&](std::size_t which, const std::vector<HeldOut>& all) {
    calibration_[which].floor = floor_of(all);
    calibration_[which].factor = factor_of(all, calibration_[which].floor);
  };
  const auto add = [&](const char* target, const std::vector<HeldOut>& all) {
    scores_.push_back(score_of(target, all, folds));
  };
  calibrate(0, runtime);
  add("runtime_s", runtime);
  add("flops_per_s", rate);
  if (power_) {
    calibrate(1, power);
    calibrate(2, energy);
    add("power_w", power);
    add("energy_j", energy);
  }
  if (!options.rows_held_out) choices_ = gemm_choices(runs, predicted, kernels_);
}

GemmForest GemmForest::learn(const std::vector<GemmRun>& runs, const GemmForestOptions& options) {
  if (runs.size() < 2)
    throw Error(fmt::format("{} measured product{} to learn from", runs.size(), runs.size() == 1 ? "" : "s"),
                {}, "some hundreds of them, of many shapes and configurations, are few");
  GemmForest forest;
  forest.published_ = options.published;
  forest.rows_held_out_ = options.rows_held_out;
  forest.gpu_ = options.gpu;
  forest.device_ = runs.front().device;
  forest.power_ = true;
  forest.least_ = forest.largest_ = runs.front().shape;
  std::set<GemmShape> shapes;
  std::vector<const GemmRun*> all;
  for (const GemmRun& run : runs) {
    if (run.device != forest.device_)
      throw Error(fmt::format("the tables are of several devices: '{}' and '{}'", forest.device_, run.device),
                  {}, "learn each device's by itself");
    forest.power_ = forest.power_ && std::isfinite(run.power_w);
    for (std::int64_t GemmShape::*size : {&GemmShape::m, &GemmShape::n, &GemmShape::k}) {
      forest.least_.*size = std::min(forest.least_.*size, run.shape.*size);
      forest.largest_.*size = std::max(forest.largest_.*size, run.shape.*size);
    }
    for (const auto& [range, value] : {std::pair{&forest.operations_, gemm_flops(run)},
                                       {&forest.batch_, run.batch},
                                       {&forest.beta_, run.beta}}) {
      range->least = std::fmin(range->least, value);
      range->largest = std::fmax(range->largest, value);
    }
    shapes.insert(run.shape);
    all.push_back(&run);
  }
  forest.runs_ = runs.size();
  forest.shapes_ = shapes.size();
  forest.kernels_ = gemm_kernels(runs);
  forest.evaluate(runs, options);
  if (options.progress) options.progress("all of them");
  forest.grow(all, options);
  return forest;
}

GemmPrediction GemmForest::predict(const GemmRun& run) const {
  const Logs found = logs(run);
  const auto figure = [&](std::size_t which, double log, double sd) {
    return figure_of(log, sd, calibration_[which].floor, calibration_[which].factor);
  };
  GemmPrediction prediction;
  prediction.runtime_s = figure(0, found.runtime, found.runtime_sd);
  prediction.flops_per_s = gemm_flops(run) / prediction.runtime_s.value;
  if (power_) {
    prediction.power_w = figure(1, found.power, found.power_sd);
    prediction.energy_j =
        figure(2, found.runtime + found.power, std::hypot(found.runtime_sd, found.power_sd));
  }
  return prediction;
}

const GemmForest::Kernel& GemmForest::baseline(const std::string& type, const Place& place) const {
  std::set<std::string> types;
  for (const Kernel& kernel : kernels_) {
    if (type.empty() || kernel.type == type) return kernel;
    types.insert(kernel.type);
  }
  throw Error(fmt::format("no product of {} was measured", type), place,
              fmt::format("there are {}", fmt::join(types, ", ")));
}

std::vector<GemmForest::Candidate> GemmForest::choose(const GemmRun& shape, GemmGoal goal, double weight,
                                                      const std::function<bool(const Kernel&)>& may) const {
  if (goal != GemmGoal::time && !power_)
    throw Error("energy cannot be told where no power was measured", {},
                "choose by time, or learn from a table with a column power_w in every row");
  std::vector<Candidate> list;
  for (const Kernel& kernel : kernels_) {
    if (may && !may(kernel)) continue;
    GemmRun run = shape;
    run.config = kernel.config;
    run.type = kernel.type;
    run.sum_type = kernel.sum_type;
    run.out_type = kernel.out_type;
    Candidate candidate{kernel, predict(run)};
    const double time = candidate.predicted.runtime_s.value, energy = candidate.predicted.energy_j.value;
    candidate.score = goal == GemmGoal::time     ? time
                      : goal == GemmGoal::energy ? energy
                                                 : std::pow(time, weight) * std::pow(energy, 1.0 - weight);
    list.push_back(std::move(candidate));
  }
  if (list.empty())
    throw Error("no configuration that was measured is as asked for", {},
                "--fixed and --type say which may be chosen");
  std::stable_sort(list.begin(), list.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score < b.score; });
  const double best = list.front().score;
  for (Candidate& candidate : list) candidate.score /= best;
  return list;
}

std::vector<std::pair<std::string, double>> GemmForest::importance() const {
  const auto& names = published_ ? published_gemm_feature_names() : gemm_feature_names();
  std::vector<std::pair<std::string, double>> list;
  for (std::size_t f = 0; f < names.size(); ++f) {
    double sum = 0.0;
    for (const auto& forest : forests_) sum += forest.importance()[f] / static_cast<double>(forests_.size());
    list.emplace_back(names[f], sum);
  }
  std::stable_sort(list.begin(), list.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return list;
}

std::vector<std::string> GemmForest::beyond(const GemmRun& run) const {
  std::vector<std::string> list;
  for (const auto& [name, size] : {std::pair{"m", &GemmShape::m}, {"n", &GemmShape::n}, {"k", &GemmShape::k}})
    if (run.shape.*size < least_.*size || run.shape.*size > largest_.*size) list.emplace_back(name);
  for (const auto& [name, value, range] : {std::tuple{"operations", gemm_flops(run), operations_},
                                           {"batch", run.batch, batch_},
                                           {"beta", run.beta, beta_}})
    if (value < range.least || value > range.largest) list.emplace_back(name);
  if (std::find(kernels_.begin(), kernels_.end(), kernel_of(run)) == kernels_.end())
    list.emplace_back("configuration");
  return list;
}

}  // namespace hone::cost

HONE_REGISTER(cost, gemm_forest) {
  using namespace hone;
  cost::add_cost_method(
      registry,
      MethodInfo{.name = "gemm_forest",
                 .summary = "Runtime, power and energy of matrix products from their sizes and tiles "
                            "by a random forest, to choose tiles.",
                 .paper = "Understanding GEMM Performance and Energy on NVIDIA Ada Lovelace: A "
                          "Machine Learning-Based Analytical Approach",
                 .traits = "seconds, watts, joules; 90% intervals; learned from tables of "
                           "cutlass_profiler or of hone's own product on the CPU"});
}
