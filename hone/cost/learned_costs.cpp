#include "hone/cost/learned_costs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/cost/labels.h"
#include "hone/cost/model_inputs.h"

namespace hone::cost {
namespace {

/// What a line says further from all that was learned, in logarithms, is not believed.
constexpr double kBeyond = 1.0;

/// Of what few functions have, errors count by this power of how much it is.
constexpr double kMoreOfMore = 0.25;

/// A function's cost is the sum of its loops'; of rates, what is done in their time.
bool adds_up(const std::string& target) {
  return target == "run_s" || target == "mca_cycles" || target == "float_operations" ||
         target == "integer_operations" || target == "loaded_bytes" || target == "stored_bytes" ||
         target == "argument_bytes" || target == "bandwidth_utilisation" || target == "bytes_per_s" ||
         target == "flops_per_s" || target == "utilisation" || target.starts_with("spills") ||
         target.ends_with("instructions");
}
/// ... and does not grow with how often they run.
bool grows_with_code(const std::string& target) { return target == "code_instructions"; }

/// Rows' worth of evidence against what a leaf says, of what few functions have: one for fifty functions.
constexpr double kRidgeOfFew = 100.0;

/// Ensembles whose mean run times are learned by: where the estimate is near, much of what one of them says
/// is chance.
constexpr int kTimeMembers = 3;

/// Most functions have none, and what is said of those that have must not be theirs.
bool few_have(const std::string& target) { return target == "spills"; }

/// How a cost that adds up is learned, if it is no rate.
ErrorOf error_of(const std::string& target) {
  constexpr std::string_view kHit[] = {"argument_bytes",     "float_operations",    "loaded_bytes",
                                       "stored_bytes",       "instructions",        "load_instructions",
                                       "store_instructions", "vector_instructions", "branch_instructions"};
  if (target == "run_s") return ErrorOf::cost;
  return std::ranges::find(kHit, target) != std::end(kHit) ? ErrorOf::hit : ErrorOf::count;
}

/// Sums of two, loop by loop, in logarithms.
std::vector<double> sum_of(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> sums;
  for (std::size_t i = 0; i < a.size(); ++i) sums.push_back(log_of_sum(std::array{a[i], b[i]}));
  return sums;
}

/// Of targets that count one kind of instructions.
std::optional<mlir::InstructionKind> kind_of(const std::string& target) {
  constexpr std::pair<const char*, mlir::InstructionKind> kKindsOf[] = {
      {"load_instructions", mlir::InstructionKind::load},
      {"store_instructions", mlir::InstructionKind::store},
      {"scalar_float_instructions", mlir::InstructionKind::scalar},
      {"vector_instructions", mlir::InstructionKind::vector},
      {"integer_instructions", mlir::InstructionKind::integer},
      {"branch_instructions", mlir::InstructionKind::branch}};
  for (const auto& [name, kind] : kKindsOf)
    if (target == name) return kind;
  return std::nullopt;
}

/// Of cycles from tables, which know no memory.
bool is_in_cache(const std::string& target) { return target == "mca_cycles"; }
/// Costs that a machine takes to run code.
bool is_run(const std::string& target) { return target == "run_s" || is_in_cache(target); }

/// What the text says of each loop, in logarithms; of rates, of what is done in their time.
std::vector<double> estimates_of(const std::string& target, const mlir::LoopRows& loops) {
  if (grows_with_code(target)) return loops.sizes;
  if (target == "spills") return loops.spills;
  if (target == "spills_executed") return loops.moves;
  if (target == "float_operations") return loops.reals;
  if (target == "integer_operations") return loops.integers;
  if (target == "loaded_bytes") return loops.loaded;
  if (target == "stored_bytes") return loops.stored;
  if (target == "argument_bytes" || target == "bandwidth_utilisation") return loops.arguments;
  if (target == "bytes_per_s") return sum_of(loops.loaded, loops.stored);
  if (target == "flops_per_s" || target == "utilisation") return sum_of(loops.reals, loops.integers);
  if (const std::optional<mlir::InstructionKind> kind = kind_of(target))
    return loops.mix[static_cast<std::size_t>(*kind)];
  return loops.instructions;
}

/// What trees are given of a function's loops: what is said of each, and a row each, with what a machine says
/// of them if there is one.
struct LoopInputs {
  std::vector<double> estimates, with_machine;
  std::span<const double> rows;

  LoopInputs(const std::string& of, const mlir::LoopRows& loops,
             const std::optional<mlir::SimpleMachine>& machine) {
    if (!machine) {
      estimates = estimates_of(of, loops);
      rows = loops.values;
      return;
    }
    const std::size_t columns = mlir::loop_feature_names().size();
    with_machine.reserve(loops.demands.size() * (columns + mlir::SimpleMachine::kColumns));
    for (std::size_t r = 0; r < loops.demands.size(); ++r) {
      const mlir::LoopDemand& loop = loops.demands[r];
      estimates.push_back(std::log(is_in_cache(of) ? machine->busy(loop) : machine->cycles(loop)));
      const auto begin = loops.values.begin() + static_cast<std::ptrdiff_t>(r * columns);
      with_machine.insert(with_machine.end(), begin, begin + static_cast<std::ptrdiff_t>(columns));
      const auto more = machine->columns(loop);
      with_machine.insert(with_machine.end(), more.begin(), more.end());
    }
    rows = with_machine;
  }
  LoopInputs(const LoopInputs&) = delete;
  LoopInputs& operator=(const LoopInputs&) = delete;
};

/// Columns of such a row.
std::size_t loop_columns(bool machine) {
  return mlir::loop_feature_names().size() + (machine ? mlir::SimpleMachine::kColumns : 0);
}

/// A machine for costs that functions have; for few of them, or none above 0, it is any.
mlir::SimpleMachine fit_machine(std::span<const CostSample* const> samples, bool in_cache,
                                const std::vector<double>& costs) {
  std::vector<mlir::SimpleMachine::Function> functions;
  for (std::size_t i = 0; i < samples.size(); ++i)
    if (costs[i] > 0.0 && std::isfinite(costs[i]))
      functions.push_back(
          {samples[i]->features.rows.demands, costs[i],
           samples[i]->weight * (samples[i]->disturbed && !in_cache ? kDisturbedWeight : 1.0)});
  return mlir::SimpleMachine::fit(functions, in_cache);
}

/// Timed, but not the time itself.
bool is_rate(const std::string& target) { return is_timed(target) && target != "run_s"; }

/// What is held out together: families, which go round the folds in the order of their names; of one family
/// its groups, and of one group its functions.
struct Folds {
  std::vector<int> fold;  ///< by sample
  int count = 0;          ///< 0: nothing is held out
  std::string of = "nothing";

  Folds(std::span<const CostSample> samples, int most) : fold(samples.size(), 0) {
    if (most < 2) return;
    const auto by = [&](const char* what, auto name) {
      std::map<std::string, int> parts;
      for (std::size_t i = 0; i < samples.size(); ++i) parts.emplace(name(i), 0);
      if (parts.size() < 2) return false;
      int next = 0;
      count = std::min(most, static_cast<int>(parts.size()));
      for (auto& [part, one] : parts) one = next++ % count;
      for (std::size_t i = 0; i < samples.size(); ++i) fold[i] = parts.at(name(i));
      of = what;
      return true;
    };
    if (!by("families", [&](std::size_t i) { return samples[i].family; }) &&
        !by("groups", [&](std::size_t i) { return samples[i].group; }))
      by("functions", [&](std::size_t i) { return fmt::format("{:09}", i); });
  }
};

}  // namespace

/// log(1 + x) of counts, which are whole and may be 0 (and of rates whose times are not known); log x of
/// times and of what is done in them.
double LearnedCosts::Target::to_log(double value) const {
  return logarithmic() ? std::log(std::max(value, 1e-12)) : std::log1p(std::max(value, 0.0));
}
double LearnedCosts::Target::from_log(double value) const {
  value = std::min(value, 80.0);
  if (logarithmic()) return std::exp(value);
  const double count = std::max(0.0, std::expm1(value));
  return is_timed(name) ? count : std::round(count);
}
bool LearnedCosts::Target::logarithmic() const { return time || name == kTime; }

LearnedCosts::LoopModel LearnedCosts::LoopModel::fit(const std::string& of, const Samples& samples,
                                                     const std::vector<double>& costs, ErrorOf error,
                                                     const LearnedCostOptions& options) {
  LoopModel model;
  if (is_run(of)) model.machine = fit_machine(samples, is_in_cache(of), costs);
  LoopTable table(loop_columns(model.machine.has_value()));
  // Where nothing is done no logarithm says how fast.
  const bool positive = error == ErrorOf::logarithm &&
                        std::any_of(costs.begin(), costs.end(), [](double cost) { return cost > 0.0; });
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (positive && costs[i] <= 0.0) continue;
    const double weight = samples[i]->weight * (few_have(of) ? std::pow(1.0 + costs[i], kMoreOfMore) : 1.0);
    const LoopInputs inputs(of, samples[i]->features.rows, model.machine);
    table.add(inputs.rows, inputs.estimates, costs[i], weight, samples[i]->disturbed);
  }
  // What few have is learned from few: the estimate is believed for longer.
  predict::BoostingOptions boosting = options.boosting;
  if (few_have(of))
    boosting.ridge =
        std::max(boosting.ridge, std::min(kRidgeOfFew, static_cast<double>(samples.size()) / 50.0));
  model.sums =
      LoopSums::fit(table, error, boosting, of == kTime ? options.members * kTimeMembers : options.members);
  return model;
}

double LearnedCosts::LoopModel::log_cost(const std::string& of, const mlir::LoopRows& loops) const {
  const LoopInputs inputs(of, loops, machine);
  return sums.log_cost(inputs.rows, inputs.estimates);
}

void LearnedCosts::LoopModel::write(Json& object) const {
  if (machine) object["machine"] = machine->json();
  sums.write(object);
}

LearnedCosts::LoopModel LearnedCosts::LoopModel::read(const std::string& of, const Json& object) {
  LoopModel model;
  if (is_run(of)) model.machine = mlir::SimpleMachine::from_json(object.at("machine"));
  model.sums = LoopSums::read(object, loop_columns(model.machine.has_value()));
  return model;
}

LearnedCosts::Time LearnedCosts::fit_time(const Samples& samples, const LearnedCostOptions& options) {
  std::vector<double> times;
  for (const CostSample* sample : samples) {
    const auto found = sample->targets.find(kTime);
    if (found == sample->targets.end()) return nullptr;
    times.push_back(found->second);
  }
  return std::make_shared<const LoopModel>(
      LoopModel::fit(kTime, samples, times, ErrorOf::reciprocal, options));
}

LearnedCosts::Target LearnedCosts::fit_target(const std::string& name, const Samples& samples,
                                              const Time& time, const LearnedCostOptions& options) {
  Target target;
  target.name = name;
  target.time = time;
  std::vector<double> costs;
  for (const CostSample* sample : samples)
    costs.push_back(sample->targets.at(name) * (time ? sample->targets.at(kTime) : 1.0));
  // A rate without its time is no sum.
  target.additive = adds_up(name) && (time || !is_rate(name));
  if (target.additive)
    target.loops = LoopModel::fit(name, samples, costs, time ? ErrorOf::logarithm : error_of(name), options);
  else
    fit_functions(target, samples, costs, options);
  return target;
}

void LearnedCosts::fit_functions(Target& target, const Samples& samples, const std::vector<double>& costs,
                                 const LearnedCostOptions& options) {
  std::vector<double> rows, weights, left;
  for (const double cost : costs) left.push_back(target.to_log(cost));
  const bool noisy = is_rate(target.name) && !target.time;
  for (const CostSample* sample : samples) {
    const std::vector<double> inputs = model_inputs(sample->features);
    rows.insert(rows.end(), inputs.begin(), inputs.end());
    weights.push_back(sample->weight * (noisy && sample->disturbed ? 0.5 : 1.0));
  }
  const auto [lowest, highest] = std::minmax_element(left.begin(), left.end());
  target.lowest = *lowest;
  target.highest = *highest;
  const std::size_t columns = rows.size() / samples.size();
  // A line goes on beyond what was seen: of the function's sums only, not of one loop's properties.
  const std::size_t sums = columns - mlir::loop_feature_names().size();
  std::vector<double> straight;
  for (std::size_t r = 0; r < left.size(); ++r)
    straight.insert(straight.end(), rows.begin() + static_cast<std::ptrdiff_t>(r * columns),
                    rows.begin() + static_cast<std::ptrdiff_t>(r * columns + sums));
  target.line = predict::Ridge::fit(straight, sums, left, 0.01 * static_cast<double>(left.size()));
  for (std::size_t r = 0; r < left.size(); ++r) left[r] -= target.line.predict({&rows[r * columns], sums});
  for (int member = 0; member < std::max(1, options.members); ++member) {
    predict::BoostingOptions boosting = options.boosting;
    boosting.seed += static_cast<std::uint64_t>(member);
    target.members.push_back(predict::BoostedTrees::fit(rows, columns, left, boosting, weights));
  }
}

/// Makes once what several targets need.
class LearnedCosts::Asked {
 public:
  explicit Asked(const mlir::Features& features) : features_(&features) {}
  const mlir::LoopRows& loops() const { return features_->rows; }
  const std::vector<double>& inputs() {
    if (inputs_.empty()) inputs_ = model_inputs(*features_);
    return inputs_;
  }
  /// The logarithm of the time by the one model that all rates have.
  double time(const LoopModel& model) {
    if (!time_) time_ = model.log_cost(kTime, loops());
    return *time_;
  }

 private:
  const mlir::Features* features_;
  std::vector<double> inputs_;
  std::optional<double> time_;
};

double LearnedCosts::log_value(const Target& target, Asked& function) {
  const double time = target.time ? function.time(*target.time) : 0.0;
  if (target.additive) {
    const double sum = target.loops.log_cost(target.name, function.loops());
    return target.logarithmic() ? sum - time : log_of_sum(std::array{0.0, sum});
  }
  const std::vector<double>& inputs = function.inputs();
  double sum = 0.0;
  for (const predict::BoostedTrees& member : target.members) sum += member.predict(inputs);
  return std::clamp(target.line.predict({inputs.data(), target.line.weights().size()}) +
                        sum / static_cast<double>(std::max<std::size_t>(1, target.members.size())),
                    target.lowest - kBeyond, target.highest + kBeyond) -
         time;
}

LearnedCosts LearnedCosts::fit(std::span<const CostSample> samples, const LearnedCostOptions& options) {
  if (samples.empty()) throw Error("there are no labelled functions to learn from");
  std::vector<std::string> names;
  for (const std::string& name : options.targets)
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  if (names.empty())
    for (const auto& [name, value] : samples[0].targets)
      if (std::all_of(samples.begin(), samples.end(),
                      [&](const CostSample& sample) { return sample.targets.count(name) > 0; }))
        names.push_back(name);
  if (names.empty()) throw Error("the labelled functions have no target in common");
  for (const std::string& name : names)
    for (const CostSample& sample : samples)
      if (sample.targets.count(name) == 0) {
        std::vector<std::string> known;
        for (const auto& [other, value] : sample.targets) known.push_back(other);
        throw Error(fmt::format("a labelled function has no target '{}'", name), {}, suggest(name, known));
      }

  LearnedCosts model;
  const Folds folds(samples, options.folds);
  model.held_out = folds.of;
  const auto go_on = [&](const std::string& what) { return !options.progress || options.progress(what); };
  Samples all;
  for (const CostSample& sample : samples) all.push_back(&sample);
  // Rates have one time: of all functions, and of those outside each fold.
  std::vector<Time> times(static_cast<std::size_t>(folds.count) + 1);
  const auto time_of = [&](std::size_t part, const std::string& name, const Samples& of,
                           const LearnedCostOptions& how) {
    if (!is_rate(name)) return Time();
    if (!times[part]) times[part] = fit_time(of, how);
    return times[part];
  };
  for (const std::string& name : names) {
    if (!go_on("learning " + name)) return model;
    Target target = fit_target(name, all, time_of(0, name, all, options), options);
    if (folds.count > 0) {
      std::vector<double> errors;
      // Disturbed times are no measure, unless there is no other.
      const bool undisturbed = is_timed(name) && std::any_of(samples.begin(), samples.end(),
                                                             [](const auto& one) { return !one.disturbed; });
      LearnedCostOptions fewer = options;
      fewer.members = 1;
      for (int fold = 0; fold < folds.count; ++fold) {
        if (!go_on(fmt::format("learning {}: how wrong it is, part {} of {}", name, fold + 1, folds.count)))
          return model;
        Samples kept, out;
        for (std::size_t i = 0; i < samples.size(); ++i)
          (folds.fold[i] == fold ? out : kept).push_back(&samples[i]);
        if (kept.empty()) continue;
        const Time time = time_of(static_cast<std::size_t>(fold) + 1, name, kept, fewer);
        const Target part = fit_target(name, kept, time, fewer);
        for (const CostSample* sample : out) {
          const double value = sample->targets.at(name);
          if ((undisturbed && sample->disturbed) || (part.time && value <= 0.0))
            continue;  // of 0: no logarithm
          Asked asked(sample->features);
          errors.push_back(std::abs(part.to_log(value) - log_value(part, asked)));
        }
      }
      std::sort(errors.begin(), errors.end());
      // The conformal rank: the least that covers 9 of 10 of one more; fewer than nine never do.
      const auto rank = static_cast<std::size_t>(std::ceil(0.9 * static_cast<double>(errors.size() + 1)));
      if (rank <= errors.size()) target.error = errors[rank - 1];
    }
    model.targets_.push_back(std::move(target));
  }
  return model;
}

std::vector<std::string> LearnedCosts::targets() const {
  std::vector<std::string> names;
  for (const Target& target : targets_) names.push_back(target.name);
  return names;
}

double LearnedCosts::predict(const mlir::Features& features, std::size_t target) const {
  Asked asked(features);
  return targets_[target].from_log(log_value(targets_[target], asked));
}

std::vector<PredictedCost> LearnedCosts::predict(const mlir::Features& features) const {
  return std::move(predict(std::span(&features, 1))[0]);
}

std::vector<std::vector<PredictedCost>> LearnedCosts::predict(
    std::span<const mlir::Features> functions) const {
  std::vector<Asked> asked(functions.begin(), functions.end());
  std::vector<std::vector<PredictedCost>> lists(functions.size());
  for (const Target& target : targets_)
    for (std::size_t i = 0; i < functions.size(); ++i) {
      const double value = log_value(target, asked[i]);
      const auto off = [&](double by) { return std::isnan(by) ? kNaN : target.from_log(value + by); };
      lists[i].push_back({target.name, target.from_log(value), off(-target.error), off(target.error)});
    }
  return lists;
}

}  // namespace hone::cost
