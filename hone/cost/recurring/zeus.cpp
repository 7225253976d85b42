#include "hone/cost/recurring/zeus.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/cost/cost_method.h"

namespace hone::cost {
namespace {

constexpr double kUnstoppedCharge = 2.0;  ///< where beta is infinite: the paper's default

/// Pruning exploration as a machine that is fed results one at a time (Algorithm 3).
class Exploration {
 public:
  explicit Exploration(const ZeusOptions& options) : rounds_(options.rounds), start_(options.default_batch) {
    alive_ = options.batch_sizes;
    std::sort(alive_.begin(), alive_.end());
    begin_round();
  }

  std::int64_t expected() const { return done_ ? 0 : expected_; }
  int round() const { return round_; }
  bool over() const { return done_; }
  const std::vector<std::int64_t>& alive() const { return alive_; }
  const std::map<std::int64_t, std::string>& pruned() const { return pruned_; }

  void hear(const ZeusRun& run, double cost) {
    if (run.reached) {
      good_.push_back(run.batch_size);
      if (cost < best_cost_) {
        best_cost_ = cost;
        start_ = run.batch_size;
      }
      next_in_direction();
      return;
    }
    prune(run);
    if (down_) {
      turn_up();
    } else {
      end_round();
    }
  }

 private:
  std::size_t place_of(std::int64_t batch) const {
    return static_cast<std::size_t>(std::find(alive_.begin(), alive_.end(), batch) - alive_.begin());
  }

  void begin_round() {
    good_.clear();
    best_cost_ = kInfinity;
    down_ = true;
    origin_ = place_of(start_);
    at_ = origin_;
    expected_ = alive_[at_];
  }
  void next_in_direction() {
    if (down_) {
      if (at_ == 0) return turn_up();
      expected_ = alive_[--at_];
    } else {
      if (at_ + 1 == alive_.size()) return end_round();
      expected_ = alive_[++at_];
    }
  }
  void turn_up() {
    down_ = false;
    at_ = origin_;
    next_in_direction();
  }
  void end_round() {
    if (good_.empty()) {  // everything failed in a round after the first: what was good before stays
      pruned_ = pruned_before_;
    } else {
      std::sort(good_.begin(), good_.end());
      alive_ = good_;
    }
    pruned_before_ = pruned_;
    if (round_ == rounds_ || good_.empty()) {
      done_ = true;
      return;
    }
    ++round_;
    begin_round();
  }
  void prune(const ZeusRun& run) {
    for (std::size_t i = 0; i < alive_.size(); ++i) {
      const bool beyond = down_ ? i <= at_ : i >= at_;
      if (!beyond || std::find(good_.begin(), good_.end(), alive_[i]) != good_.end()) continue;
      pruned_[alive_[i]] =
          i == at_
              ? fmt::format("run {} did not reach the target within its threshold", run.run)
              : fmt::format("beyond {}, which did not reach the target (run {})", run.batch_size, run.run);
    }
  }

  int rounds_, round_ = 1;
  std::vector<std::int64_t> alive_, good_;
  std::map<std::int64_t, std::string> pruned_, pruned_before_;
  std::int64_t start_, expected_ = 0;
  std::size_t origin_ = 0, at_ = 0;
  double best_cost_ = kInfinity;
  bool down_ = true, done_ = false;
};

double own_cost(const ZeusOptions& options, const ZeusRun& run) {
  return zeus_cost(options.eta, options.max_power_w, run.energy_j, run.seconds);
}

/// What a run that did not reach counts at least; `least`: the cost of the cheapest that had.
double least_charge(const ZeusOptions& options, const ZeusRun& run, double least) {
  const auto same = [](double then, double now) { return std::isnan(then) || then == now; };
  // A maximum power that weighs nothing may change.
  const bool same_unit =
      same(run.eta, options.eta) && (options.eta >= 1.0 || same(run.max_power_w, options.max_power_w));
  if (same_unit && std::isfinite(run.threshold)) return run.threshold;
  return (std::isfinite(options.beta) ? options.beta : kUnstoppedCharge) * least;
}

void believe(const ZeusOptions& options, ZeusArm& arm) {
  const auto n = static_cast<double>(arm.costs.size());
  if (arm.costs.empty()) {
    arm.belief_mean = options.prior_mean;
    arm.belief_sd = options.prior_precision > 0.0 ? 1.0 / std::sqrt(options.prior_precision) : kInfinity;
    return;
  }
  double sum = 0.0, squares = 0.0;
  for (const double cost : arm.costs) sum += cost;
  arm.mean_cost = sum / n;
  for (const double cost : arm.costs) squares += (cost - arm.mean_cost) * (cost - arm.mean_cost);
  const double variance = squares / n;
  if (variance <= 0.0) {  // one cost, or equal ones: taken at their word
    arm.belief_mean = arm.mean_cost;
    arm.belief_sd = 0.0;
    return;
  }
  const double precision = options.prior_precision + n / variance;
  arm.belief_mean = (options.prior_precision * options.prior_mean + sum / variance) / precision;
  arm.belief_sd = 1.0 / std::sqrt(precision);
}

}  // namespace

void ZeusOptions::check() const {
  const auto wrong = [](const char* key, const std::string& what) { return Error(what, Place{"", 0, key}); };
  if (batch_sizes.empty()) throw wrong("batch_sizes", "names no batch size");
  std::set<std::int64_t> seen;
  for (const std::int64_t batch : batch_sizes) {
    if (batch < 1) throw wrong("batch_sizes", fmt::format("{} is no batch size", batch));
    if (!seen.insert(batch).second) throw wrong("batch_sizes", fmt::format("{} stands there twice", batch));
  }
  if (!seen.contains(default_batch))
    throw wrong("default", fmt::format("{} is not among the batch sizes", default_batch));
  if (!(eta >= 0.0 && eta <= 1.0)) throw wrong("eta", "must be from 0 (time) to 1 (energy)");
  if (!(beta > 1.0)) throw wrong("beta", "must be above 1: the best run itself has 1");
  if (!(max_power_w >= 0.0) || !std::isfinite(max_power_w) || (eta < 1.0 && max_power_w == 0.0))
    throw wrong("max_power_w", "must be a number of watts above 0");
  if (window < 0 || window == 1) throw wrong("window", "must be 0 (all) or at least 2: a spread needs two");
  if (rounds < 1) throw wrong("rounds", "must be at least 1");
  if (!(prior_precision >= 0.0)) throw wrong("prior_precision", "must be 0 or more");
}

double zeus_cost(double eta, double max_power_w, double energy_j, double seconds) {
  return eta * energy_j + (1.0 - eta) * max_power_w * seconds;
}

const char* stage_name(ZeusStage stage) {
  return stage == ZeusStage::explore ? "explore" : stage == ZeusStage::concurrent ? "concurrent" : "sample";
}

std::optional<ZeusStage> stage_from_name(const std::string& name) {
  for (const ZeusStage stage : {ZeusStage::explore, ZeusStage::concurrent, ZeusStage::sample})
    if (name == stage_name(stage)) return stage;
  return std::nullopt;
}

const ZeusArm& ZeusState::arm(std::int64_t batch_size) const {
  for (const ZeusArm& one : arms)
    if (one.batch_size == batch_size) return one;
  throw internal_error(fmt::format("there is no arm {}", batch_size));
}

ZeusState zeus_state(const ZeusOptions& options, const std::vector<ZeusRun>& runs) {
  ZeusState state;
  std::map<std::int64_t, ZeusArm> arms;
  for (const std::int64_t batch : options.batch_sizes) arms[batch].batch_size = batch;
  Exploration exploration(options);
  state.best = options.default_batch;
  bool any_reached = false;
  double least_reached = kInfinity;
  std::map<std::int64_t, std::vector<double>>
      reached;  // of an arm, its costs that count: NaN: without the target
  for (const ZeusRun& run : runs) {
    if (!run.over) continue;
    const auto found = arms.find(run.batch_size);
    if (found == arms.end()) continue;  // it is no longer among the job's batch sizes
    double cost = own_cost(options, run);
    if (run.reached) {
      any_reached = true;
      least_reached = std::min(least_reached, cost);
    } else if (any_reached) {
      cost = std::max(cost, least_charge(options, run, least_reached));
    }
    ZeusArm& arm = found->second;
    ++arm.runs;
    if (run.reached) ++arm.reached;
    state.default_failed = !any_reached && run.batch_size == options.default_batch;
    if (any_reached) arm.costs.push_back(cost);
    if (any_reached) reached[run.batch_size].push_back(run.reached ? cost : kNaN);
    if (any_reached && run.stage == ZeusStage::explore && run.batch_size == exploration.expected())
      exploration.hear(run, cost);
  }
  const auto in_window = [&](std::vector<double>& costs) {
    if (options.window > 0 && costs.size() > static_cast<std::size_t>(options.window))
      costs.erase(costs.begin(), costs.end() - static_cast<std::ptrdiff_t>(options.window));
  };
  for (auto& [batch, arm] : arms) {
    in_window(arm.costs);
    in_window(reached[batch]);
    arm.alive =
        std::find(exploration.alive().begin(), exploration.alive().end(), batch) != exploration.alive().end();
    if (const auto why = exploration.pruned().find(batch); why != exploration.pruned().end()) {
      arm.alive = false;
      arm.pruned_because = why->second;
    }
    believe(options, arm);
  }
  state.exploring = !exploration.over();
  state.round = exploration.round();
  state.expected = exploration.expected();
  for (const ZeusRun& run : runs)
    if (!run.over && run.stage == ZeusStage::explore && run.batch_size == state.expected)
      state.expected_runs = true;
  // The cheapest of those that may be chosen: of costs that reached, and where there are none of the others.
  double least_alive = kInfinity;
  for (const bool charges : {false, true}) {
    if (std::isfinite(least_alive)) break;
    for (const auto& [batch, arm] : arms)
      for (const double cost : charges ? arm.costs : reached[batch])
        if (arm.alive && cost < least_alive) {
          least_alive = cost;
          state.best = batch;
        }
  }
  state.least_cost = options.window > 0 && any_reached ? least_alive : least_reached;
  if (state.least_cost > 0.0) state.threshold = options.beta * state.least_cost;
  for (auto& [batch, arm] : arms) state.arms.push_back(std::move(arm));
  return state;
}

ZeusChoice zeus_choose(const ZeusOptions& options, const std::vector<ZeusRun>& runs, std::int64_t run) {
  const ZeusState state = zeus_state(options, runs);
  ZeusChoice choice;
  choice.threshold = state.threshold;
  if (state.exploring) {
    choice.stage = state.expected_runs ? ZeusStage::concurrent : ZeusStage::explore;
    choice.batch_size = state.expected_runs ? state.best : state.expected;
    choice.why =
        state.expected_runs
            ? fmt::format("another run explores batch size {}: until it is over, the cheapest so far",
                          state.expected)
            : fmt::format("pruning exploration, round {} of {}", state.round, options.rounds);
    return choice;
  }
  choice.stage = ZeusStage::sample;
  // An arm that lacks a spread goes first; of several any.
  double first = kInfinity, least = kInfinity;
  bool lacking = false;
  for (const ZeusArm& arm : state.arms) {
    if (!arm.alive) continue;
    Rng rng(options.seed, "zeus", static_cast<std::uint64_t>(run),
            static_cast<std::uint32_t>(arm.batch_size));
    const double draw = arm.belief_mean + (std::isfinite(arm.belief_sd) ? arm.belief_sd : 0.0) * rng.normal();
    choice.sampled[arm.batch_size] = draw;
    if (arm.costs.size() < 2) {
      const double turn = rng.uniform();
      if (!lacking || turn < first) {
        first = turn;
        choice.batch_size = arm.batch_size;
      }
      lacking = true;
    } else if (!lacking && draw < least) {
      least = draw;
      choice.batch_size = arm.batch_size;
    }
  }
  choice.why = lacking ? "Thompson sampling: an arm with fewer than two costs goes first"
                       : "Thompson sampling: the least of the mean costs drawn from the arms' beliefs";
  return choice;
}

}  // namespace hone::cost

HONE_REGISTER(cost, zeus) {
  using namespace hone;
  cost::add_cost_method(
      registry,
      MethodInfo{
          .name = "zeus",
          .summary = "Energy against time of training jobs that recur: batch size and power limit.",
          .paper = "Zeus: Understanding and Optimizing GPU Energy Consumption of DNN Training",
          .traits = "joules; pruning exploration, Gaussian Thompson sampling, power profiled just in time"});
}
