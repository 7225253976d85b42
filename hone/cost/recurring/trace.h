#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "hone/base/json.h"
#include "hone/cost/recurring/zeus.h"

namespace hone::cost {

/// What was measured of a job beforehand: the epochs that its batch sizes need, and what an epoch takes under
/// each power limit (Zeus, section 6.1: the training trace and the power trace).
struct RecurringTrace {
  struct Point {
    double seconds_per_epoch = 0.0;
    double average_power_w = 0.0;
  };
  struct Batch {
    std::vector<double> epochs;        ///< a repeat each; infinity: it did not reach the target
    std::map<double, Point> by_limit;  ///< power limit in watts; all batches have the same limits
  };
  std::map<std::int64_t, Batch> batches;

  double max_power_w() const;  ///< the highest limit
  double max_epochs() const;   ///< the most that any repeat needed: where others are given up

  /// A CSV with the columns batch_size, power_limit_w, epochs, seconds_per_epoch, average_power_w in any
  /// order. A line is a repeat of one batch size under one limit; `epochs` may also hold several, with ';'
  /// between them. Empty, inf or nan: the target was not reached. Lines of one batch size and limit are
  /// averaged.
  /// Throws Error naming file and line on what is malformed, and where a batch size lacks a limit.
  static RecurringTrace parse(const std::string& text, const std::string& file);
  static RecurringTrace read(const std::string& path);
  std::string csv() const;
};

struct ReplayOptions {
  ZeusOptions zeus;  ///< batch sizes and maximum power are taken from the trace where they are empty and 0
  std::int64_t recurrences = 0;  ///< 0: twice the batch sizes times the power limits, as the paper has it
  int tries = 20;                ///< of one recurrence, until it reaches the target
  double max_epochs = 0.0;       ///< 0: the trace's own
};

/// What one policy came to.
struct ReplayTotals {
  std::string policy;  ///< "zeus", "default", "grid"
  double energy_j = 0.0, seconds = 0.0, cost = 0.0;
  /// Sum over the recurrences of what was paid beyond the expected cost of the best batch size and limit.
  double regret = 0.0;
  std::int64_t runs = 0, unreached = 0;
  // Means over the last five recurrences: what it has settled on (the paper's figure 6).
  double last_energy_j = 0.0, last_seconds = 0.0, last_cost = 0.0;
  std::map<std::int64_t, std::int64_t> chosen;  ///< runs by batch size
  std::vector<double> regrets;                  ///< cumulative, after each recurrence
};

struct ReplayResult {
  std::int64_t recurrences = 0;
  std::int64_t best_batch = 0;
  double best_limit_w = 0.0, best_cost = 0.0;  ///< expected, of the best batch size and limit
  std::vector<ReplayTotals> policies;          ///< zeus, default, grid
  const ReplayTotals& of(const std::string& policy) const;
  Json json() const;
};

/// Plays the recurrences of a job against its trace, a policy after the other: Zeus; the default batch size
/// at the highest limit; grid search with pruning, which tries one batch size and limit a recurrence, leaves
/// out a batch size that did not reach, and keeps the cheapest. Each run draws one of its batch size's
/// repeats. Zeus profiles limits over the first epoch of a batch size's first run, all limits in equal parts.
/// A run is given up at its threshold exactly, as a real one is that is watched (the authors' simulator: at
/// the last whole epoch before). Throws Error where the default never reaches the target.
ReplayResult replay_trace(const RecurringTrace& trace, ReplayOptions options);

/// Traces made by formula whose shape follows the paper's measurements (section 2): energy and time to
/// accuracy convex over batch size, more epochs for larger batches beyond a point, the largest ones that do
/// not reach the target, throughput that falls slower than power does under a limit; repeats differ by
/// `noise` (standard deviation over mean; the paper reports up to 14% for time to accuracy).
struct SyntheticJob {
  std::string name;
  std::vector<std::int64_t> batch_sizes;
  std::int64_t default_batch = 0, best_epochs_at = 0;
  double epochs = 0.0;          ///< at the batch size that needs fewest
  double epoch_s = 0.0;         ///< of a very large batch at full power
  double overhead_batch = 0.0;  ///< batch size at which half of the time is overhead
  double fails_from = 0.0;      ///< batch sizes from here do not reach the target
  double noise = 0.14;
};
const std::vector<SyntheticJob>& synthetic_jobs();
/// `repeats` a batch size; limits from 100 to 250 W in steps of 25 as on the paper's V100.
RecurringTrace synthetic_trace(const SyntheticJob& job, int repeats, std::uint64_t seed);

}  // namespace hone::cost
