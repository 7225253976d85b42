#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "hone/base/numbers.h"

namespace hone::search {

/// What a search thread spent and got for it: speed, estimated cost of improvement, priority (Wang et
/// al., "Economical Hyperparameter Optimization With Blended Search Strategy", ICLR 2021, section 3.2).
struct Progress {
  double cost = 0.0, cost_best = 0.0, cost_before = 0.0;  // spent; at the best; at the one before
  double best = kInfinity,
         before = kInfinity;  // losses
  double speed = 0.0, improvement_cost = 0.0, priority = 0.0;
  std::int64_t running = 0;
  std::vector<double> best_values = {}, before_values = {};  ///< by objective

  void begun(double spent, double loss, const std::vector<double>& values) {
    cost = cost_best = spent;
    best = before = loss;
    best_values = before_values = values;
  }
  void finished(double spent, double loss, const std::vector<double>& values) {
    cost += spent;
    if (std::isfinite(loss) && (loss < best || !std::isfinite(best))) {
      cost_before = std::exchange(cost_best, cost);
      before = std::isfinite(best) ? best : loss;
      best = loss;
      before_values = best_values.empty() ? values : best_values;
      best_values = values;
    }
    const auto share = static_cast<double>(std::max<std::int64_t>(1, running));
    speed = before > best ? (before - best) / share / std::max(cost - cost_before, 1e-9) : 0.0;
    running = std::max<std::int64_t>(0, running - 1);
  }
  /// Of several objectives: what a loss is depends on the ranges that were seen.
  template <typename LossOf>
  void measure_anew(const LossOf& loss_of) {
    if (best_values.empty()) return;
    best = loss_of(best_values);
    before = loss_of(before_values);
  }
  /// One that has none of its own takes the speed of the fastest, and keeps it until its next result: the
  /// others slow down meanwhile, and so a new thread comes to its turns.
  void lend(double fastest) {
    if (!(speed > 0.0)) speed = fastest;
  }
  void estimate(double target) {
    improvement_cost = std::max(cost - cost_best, cost_best - cost_before);
    if (best > target && speed > 0.0)
      improvement_cost = std::max(improvement_cost, 2.0 * (best - target) / speed);
  }
  void prioritise(double least_cost) {
    priority = (speed > 0.0 && std::isfinite(least_cost) ? least_cost * speed : 0.0) - best;
  }
};

}  // namespace hone::search
