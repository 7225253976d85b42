#include "hone/cost/simulator/learner.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/base/rng.h"
#include "hone/cost/cost_method.h"
#include "hone/cost/kernels/generator.h"
#include "hone/cost/mlir/text.h"
#include "hone/predict/ridge.h"
#include "hone/predict/score.h"

namespace hone::cost::simulator {
namespace {

constexpr int kFolds = 5;
constexpr double kSixDigits = 1e-5;  ///< how near a number in a file is to what it was, relatively

predict::ForestOptions forest_options() {
  predict::ForestOptions options;
  options.trees = 100;
  options.features = 0.4;
  options.seed = 1;
  return options;
}

std::size_t feature_at(const std::string& name) {
  const std::vector<std::string>& names = ipc_feature_names();
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

/// Of a row of features.
double portion_ipc_of(const std::vector<double>& features) {
  static const std::size_t at = feature_at("portion_ipc");
  return features[at];
}

/// The IPC that no run is above on the core of a row of features: what enters, begins or leaves in a cycle.
double most_ipc_of(const std::vector<double>& features) {
  static const std::size_t fetch = feature_at("core.fetch_width"), issue = feature_at("core.issue_width"),
                           retire = feature_at("core.retire_width");
  return std::min({features[fetch], features[issue], features[retire]});
}

double per(std::uint64_t count, double all) { return all > 0.0 ? static_cast<double>(count) / all : 0.0; }

/// The columns of samples brought to [0, 1], which the forest wants.
std::vector<double> scaled(const std::vector<double>& row, const std::vector<double>& low,
                           const std::vector<double>& high) {
  std::vector<double> result(row.size());
  for (std::size_t k = 0; k < row.size(); ++k)
    result[k] = high[k] > low[k] ? std::clamp((row[k] - low[k]) / (high[k] - low[k]), 0.0, 1.0) : 0.0;
  return result;
}

struct Ranges {
  std::vector<double> low, high;
  explicit Ranges(const std::vector<const IpcSample*>& samples) {
    low = high = samples.front()->features;
    for (const IpcSample* one : samples)
      for (std::size_t k = 0; k < low.size(); ++k) {
        low[k] = std::min(low[k], one->features[k]);
        high[k] = std::max(high[k], one->features[k]);
      }
  }
};

predict::Forest grown(const std::vector<const IpcSample*>& samples, const Ranges& ranges, IpcTarget target) {
  std::vector<predict::Row> rows;
  std::vector<double> targets;
  for (const IpcSample* one : samples) {
    rows.push_back(scaled(one->features, ranges.low, ranges.high));
    targets.push_back(target == IpcTarget::ipc ? one->ipc : one->ipc - portion_ipc_of(one->features));
  }
  return {std::vector<predict::Feature>(ranges.low.size()), rows, targets, forest_options()};
}

double predicted(const predict::Forest& forest, IpcTarget target, const std::vector<double>& features,
                 const std::vector<double>& low, const std::vector<double>& high) {
  double said = forest.predict(scaled(features, low, high));
  if (target == IpcTarget::correction) {
    // Nothing runs at no pace at all.
    const double portion = portion_ipc_of(features);
    said = std::max(said + portion, 0.1 * portion);
  }
  return std::min(said, most_ipc_of(features));
}

/// By sample, a fold of its family's: families go to the folds one after the other, the largest first.
std::vector<int> folds_of(const std::vector<IpcSample>& samples, bool by_family) {
  std::vector<int> result;
  if (!by_family) {
    for (std::size_t i = 0; i < samples.size(); ++i)
      result.push_back(static_cast<int>(Rng(1, "folds of pairs", i).below(kFolds)));
    return result;
  }
  std::map<std::string, int> sizes;
  for (const IpcSample& one : samples) ++sizes[one.family];
  std::vector<std::pair<int, std::string>> order;
  for (const auto& [name, size] : sizes) order.emplace_back(-size, name);
  std::sort(order.begin(), order.end());
  std::map<std::string, int> fold;
  for (std::size_t i = 0; i < order.size(); ++i) fold[order[i].second] = static_cast<int>(i) % kFolds;
  for (const IpcSample& one : samples) result.push_back(fold[one.family]);
  return result;
}

IpcScore score_of(std::string name, const std::vector<double>& predicted, const std::vector<double>& truth) {
  IpcScore score;
  score.name = std::move(name);
  std::vector<double> errors;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    score.rmse += (predicted[i] - truth[i]) * (predicted[i] - truth[i]);
    errors.push_back(std::abs(predicted[i] / truth[i] - 1.0));
  }
  const auto n = static_cast<double>(truth.size());
  score.rmse = std::sqrt(score.rmse / n);
  score.mean_error = std::accumulate(errors.begin(), errors.end(), 0.0) / n;
  score.worst_tenth = predict::quantile(errors, 0.9);
  score.correlation = predict::rank_correlation(predicted, truth);
  return score;
}

}  // namespace

const std::vector<std::string>& ipc_feature_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (std::size_t k = 0; k < kKinds; ++k)
      list.push_back(fmt::format("share_{}", kind_name(static_cast<Kind>(k))));
    for (std::size_t k = 0; k < 9; ++k) list.push_back(fmt::format("distance_{}", k));
    for (int k = 1; k <= 3; ++k) {
      list.push_back(fmt::format("l{}_miss_rate", k));
      list.push_back(fmt::format("l{}_misses_per_instruction", k));
    }
    for (const char* name :
         {"memory_bytes_per_instruction", "mispredicted_share", "mispredicted_per_instruction",
          "taken_per_instruction", "forwarded_per_instruction", "reorder_occupancy", "scheduler_occupancy",
          "retiring", "front_end", "bad_speculation", "core_bound", "memory_bound", "portion_ipc"})
      list.emplace_back(name);
    for (const CoreKey& key : core_keys()) list.push_back("core." + key.name);
    return list;
  }();
  return names;
}

std::vector<double> ipc_features(const Simulated& portion, const Core& core) {
  std::vector<double> row;
  const auto all = static_cast<double>(portion.instructions);
  for (const std::uint64_t count : portion.kinds) row.push_back(per(count, all));
  for (const std::uint64_t count : portion.distances) row.push_back(per(count, all));
  for (std::size_t k = 0; k < 3; ++k) {
    row.push_back(portion.miss_rate(k));
    row.push_back(per(portion.memory.missed[k], all));
  }
  row.push_back(all > 0.0 ? portion.memory.memory_bytes / all : 0.0);
  row.push_back(portion.mispredicted_share());
  row.push_back(per(portion.mispredicted, all));
  row.push_back(per(portion.taken, all));
  row.push_back(per(portion.forwarded, all));
  row.push_back(portion.reorder_occupancy() / core.reorder_buffer);
  row.push_back(portion.scheduler_occupancy() / core.scheduler);
  const TopDown& down = portion.top_down;
  for (const double share :
       {down.retiring, down.front_end, down.bad_speculation, down.core_bound, down.memory_bound})
    row.push_back(share);
  row.push_back(portion.ipc());
  for (const CoreKey& key : core_keys()) row.push_back(key.get(core));
  return row;
}

const char* ipc_target_name(IpcTarget target) { return target == IpcTarget::ipc ? "ipc" : "correction"; }

IpcTarget ipc_target_of(const std::string& name) {
  if (name == "ipc") return IpcTarget::ipc;
  if (name == "correction") return IpcTarget::correction;
  throw Error("a forest learns 'ipc' or 'correction'", {}, suggest(name, {"ipc", "correction"}));
}

Json ipc_options_json(const IpcPairOptions& options) {
  return {{"seed", options.seed},       {"kernels", options.kernels},    {"cores_each", options.cores_each},
          {"portion", options.portion}, {"least", options.least},        {"fewest", options.fewest},
          {"most", options.most},       {"generator", kGeneratorVersion}};
}

Core sampled_core(std::uint64_t seed, std::uint64_t number) {
  Rng rng(seed, "simulated cores", number);
  Core core;
  core.name = fmt::format("sampled {}", number);
  const auto one_of = [&](std::initializer_list<double> list) {
    return *(list.begin() + rng.below(list.size()));
  };
  core.clock_ghz = one_of({1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0});
  core.fetch_width = one_of({2.0, 3.0, 4.0, 5.0, 6.0, 8.0});
  core.retire_width = core.fetch_width;
  core.issue_width = core.fetch_width + one_of({1.0, 2.0, 4.0});
  core.reorder_buffer = one_of({40.0, 64.0, 96.0, 128.0, 192.0, 224.0, 320.0, 512.0});
  core.scheduler = std::floor(core.reorder_buffer * one_of({0.25, 0.35, 0.5}));
  core.load_queue = std::floor(core.reorder_buffer * one_of({0.25, 0.35, 0.45}));
  core.store_queue = std::floor(core.reorder_buffer * one_of({0.2, 0.3}));
  core.vector_bytes = one_of({16.0, 32.0, 64.0});
  core.mispredict_cycles = one_of({8.0, 11.0, 14.0, 17.0, 20.0});
  core.predictor = one_of({1.0, 2.0});
  core.predictor_entries = one_of({512.0, 2048.0, 8192.0, 65536.0});
  core.history_bits = one_of({6.0, 10.0, 14.0});
  const auto units = [&](Kind kind, std::initializer_list<double> count,
                         std::initializer_list<double> latency, std::initializer_list<double> interval) {
    core.units[static_cast<std::size_t>(kind)] = {one_of(count), one_of(latency), one_of(interval)};
  };
  units(Kind::integer, {2.0, 3.0, 4.0, 6.0}, {1.0}, {1.0});
  units(Kind::multiply, {1.0, 2.0}, {3.0, 4.0}, {1.0});
  units(Kind::divide, {1.0}, {12.0, 18.0, 24.0}, {6.0, 12.0});
  units(Kind::fp_add, {1.0, 2.0, 3.0, 4.0}, {2.0, 3.0, 4.0}, {1.0});
  units(Kind::fp_multiply, {1.0, 2.0, 3.0, 4.0}, {3.0, 4.0, 5.0}, {1.0});
  units(Kind::fp_divide, {1.0, 2.0}, {11.0, 13.0, 18.0}, {4.0, 6.0, 10.0});
  units(Kind::vector, {1.0, 2.0, 3.0, 4.0}, {1.0, 2.0}, {1.0});
  units(Kind::load, {1.0, 2.0, 3.0}, {1.0}, {1.0});
  units(Kind::store, {1.0, 2.0}, {1.0}, {1.0});
  units(Kind::branch, {1.0, 2.0}, {1.0}, {1.0});
  core.caches[0] = {one_of({16384.0, 32768.0, 65536.0, 131072.0}), one_of({4.0, 8.0}),
                    one_of({3.0, 4.0, 5.0}), one_of({6.0, 12.0, 16.0}),
                    // What all its loads ask for.
                    core.units[static_cast<std::size_t>(Kind::load)].count * core.vector_bytes};
  core.caches[1] = {one_of({131072.0, 262144.0, 524288.0, 1048576.0, 2097152.0}), one_of({8.0, 16.0}),
                    one_of({10.0, 13.0, 16.0}), one_of({16.0, 32.0, 48.0}), one_of({32.0, 64.0})};
  core.caches[2] = {one_of({0.0, 4194304.0, 8388608.0, 33554432.0}), 16.0, one_of({30.0, 40.0, 55.0}),
                    one_of({32.0, 64.0}), one_of({16.0, 32.0})};
  core.memory_latency_ns = one_of({60.0, 80.0, 100.0, 130.0});
  core.memory_gb_per_s = one_of({6.0, 12.0, 20.0, 40.0});
  core.prefetcher = one_of({0.0, 1.0, 2.0});
  core.prefetch_lines = one_of({1.0, 2.0, 4.0, 8.0});
  return core;
}

std::vector<IpcSample> make_pairs(const IpcPairOptions& options, std::uint64_t kernel,
                                  const std::function<bool()>& going) {
  // One of each group of eight, the same computation in other schedules.
  const GeneratedKernel generated = generate_kernel(options.seed, kernel * 8);
  std::vector<IpcSample> samples;
  const mlir::Module module = mlir::parse(generated.text, generated.group);
  if (module.functions().empty()) return samples;
  for (std::int64_t k = 0; k < options.cores_each; ++k) {
    const std::uint64_t number =
        kernel * static_cast<std::uint64_t>(options.cores_each) + static_cast<std::uint64_t>(k);
    const Core core = sampled_core(options.seed, number);
    const mlir::Nest nest = mlir::nest(module, module.functions().front());
    if (nest.steps.empty() && nest.accesses.empty()) return samples;
    const Program program = program_of(module, module.functions().front(), core);
    if (program.instructions() < options.fewest || program.instructions() > options.most) continue;
    SimulateOptions how;
    how.portion = options.portion;
    how.least = options.least;
    how.most = static_cast<std::uint64_t>(2.0 * options.most);
    bool stopped = false;
    if (going) how.going = [&](std::uint64_t) { return !(stopped = stopped || !going()); };
    const PortionAndWhole both = simulate_both(program, core, how);
    if (stopped) return {};
    if (!both.finished) continue;
    IpcSample sample;
    sample.family = generated.family;
    sample.kernel = kernel, sample.core = number;
    sample.features = ipc_features(both.portion, core);
    sample.portion_ipc = both.portion.ipc();
    sample.ipc = both.whole.ipc();
    sample.instructions = static_cast<double>(both.whole.instructions);
    sample.portion_instructions = static_cast<double>(both.portion.instructions);
    sample.portion_s = both.portion_s, sample.whole_s = both.whole_s;
    samples.push_back(std::move(sample));
  }
  return samples;
}

void IpcModel::grow() {
  std::vector<const IpcSample*> all;
  for (const IpcSample& one : samples_) all.push_back(&one);
  const Ranges ranges(all);
  low_ = ranges.low, high_ = ranges.high;
  forest_ = std::make_shared<const predict::Forest>(grown(all, ranges, target_));
}

IpcModel IpcModel::fit(std::vector<IpcSample> samples, const IpcPairOptions& options, Json provenance,
                       IpcTarget target) {
  if (samples.size() < 10)
    throw Error(fmt::format("{} simulated pairs are too few to learn from", samples.size()), {},
                "at least 10; more kernels or more cores give more");
  IpcModel model;
  model.options_ = options;
  model.target_ = target;
  model.provenance_ = provenance.is_object() ? std::move(provenance) : Json::object();
  std::set<std::string> families;
  for (const IpcSample& one : samples) families.insert(one.family);
  model.rmse_ =
      families.size() > 1 ? evaluate_ipc(samples).scores[target == IpcTarget::ipc ? 0 : 1].rmse : kNaN;
  model.samples_ = std::move(samples);
  model.grow();
  return model;
}

double IpcModel::predict(const std::vector<double>& features) const {
  return predicted(*forest_, target_, features, low_, high_);
}

double IpcModel::predict(const Simulated& portion, const Core& core) const {
  return predict(ipc_features(portion, core));
}

std::vector<IpcOutside> IpcModel::outside(const Core& core) const {
  std::vector<IpcOutside> list;
  const std::size_t first = low_.size() - core_keys().size();  // the core's numbers come last
  for (std::size_t k = 0; k < core_keys().size(); ++k) {
    const CoreKey& key = core_keys()[k];
    const double value = key.get(core), low = low_[first + k], high = high_[first + k];
    // A file's numbers have six digits.
    if (value < low - kSixDigits * std::abs(low) || value > high + kSixDigits * std::abs(high))
      list.push_back({&key, value, low, high});
  }
  return list;
}

IpcEvaluation evaluate_ipc(const std::vector<IpcSample>& samples, bool by_family) {
  IpcEvaluation evaluation;
  evaluation.by_family = by_family;
  evaluation.samples = samples.size();
  std::set<std::string> families;
  for (const IpcSample& one : samples) families.insert(one.family);
  evaluation.families = families.size();
  if (by_family && families.size() < 2)
    throw Error("one family of functions says nothing of others", {}, "pairs of at least two families");
  if (samples.size() < 10) throw Error("these pairs are too few", {}, "at least 10");
  const std::vector<int> folds = folds_of(samples, by_family);
  std::vector<double> forest(samples.size()), corrected(samples.size()), linear(samples.size()),
      mean(samples.size()), portion(samples.size()), truth(samples.size());
  double predicting_s = 0.0;
  for (int fold = 0; fold < kFolds; ++fold) {
    std::vector<const IpcSample*> seen;
    for (std::size_t i = 0; i < samples.size(); ++i)
      if (folds[i] != fold) seen.push_back(&samples[i]);
    if (seen.size() == samples.size()) continue;
    const Ranges ranges(seen);
    const predict::Forest trees = grown(seen, ranges, IpcTarget::ipc);
    const predict::Forest above = grown(seen, ranges, IpcTarget::correction);
    std::vector<double> rows, targets;
    for (const IpcSample* one : seen) {
      rows.insert(rows.end(), one->features.begin(), one->features.end());
      targets.push_back(one->ipc);
    }
    const auto line = predict::Ridge::fit(rows, ranges.low.size(), targets);
    const double average =
        std::accumulate(targets.begin(), targets.end(), 0.0) / static_cast<double>(targets.size());
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (folds[i] != fold) continue;
      const double begin = monotonic_s();
      const std::vector<double>& row = samples[i].features;
      forest[i] = predicted(trees, IpcTarget::ipc, row, ranges.low, ranges.high);
      predicting_s += monotonic_s() - begin;
      corrected[i] = predicted(above, IpcTarget::correction, row, ranges.low, ranges.high);
      linear[i] = std::min(line.predict(row), most_ipc_of(row));
      mean[i] = average;
      portion[i] = samples[i].portion_ipc;
      truth[i] = samples[i].ipc;
    }
  }
  evaluation.scores = {score_of("forest", forest, truth), score_of("correction", corrected, truth),
                       score_of("linear", linear, truth), score_of("portion", portion, truth),
                       score_of("mean", mean, truth)};
  double whole = 0.0, part = 0.0, instructions = 0.0, simulated = 0.0;
  for (const IpcSample& one : samples) {
    whole += one.whole_s, part += one.portion_s;
    instructions += one.instructions, simulated += one.portion_instructions;
  }
  evaluation.simulated_share = instructions > 0.0 ? simulated / instructions : 0.0;
  evaluation.speedup = part + predicting_s > 0.0 ? whole / (part + predicting_s) : 0.0;
  return evaluation;
}

}  // namespace hone::cost::simulator

HONE_REGISTER(cost, simulated_ipc) {
  using namespace hone;
  cost::add_cost_method(
      registry,
      MethodInfo{
          .name = "simulated_ipc",
          .summary =
              "Cycles of a function on a core that need not exist, from its first portion's simulation.",
          .paper = "Accelerating Computer Architecture Simulation through Machine Learning",
          .traits = "IPC; an out-of-order core with caches; a random forest; also whole, without learning"});
}
