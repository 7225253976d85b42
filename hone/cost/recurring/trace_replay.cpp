#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/cost/recurring/power_profile.h"
#include "hone/cost/recurring/trace.h"

namespace hone::cost {
namespace {

using Point = RecurringTrace::Point;

/// A trace that is played.
class TraceWorld {
 public:
  TraceWorld(const RecurringTrace& trace, const ReplayOptions& options) : trace_(trace), options_(options) {}

  double cost(double energy_j, double seconds) const {
    return zeus_cost(options_.zeus.eta, options_.zeus.max_power_w, energy_j, seconds);
  }
  const RecurringTrace::Batch& batch(std::int64_t size) const { return trace_.batches.at(size); }

  std::vector<double> limits() const {
    std::vector<double> list;
    for (const auto& [limit, point] : trace_.batches.begin()->second.by_limit) list.push_back(limit);
    return list;
  }

  double best_limit(std::int64_t size) const {
    PowerProfile profile;
    for (const auto& [limit, point] : batch(size).by_limit)
      profile.add({limit, point.average_power_w, 1.0 / point.seconds_per_epoch});
    return profile.best(limits(), options_.zeus.eta, options_.zeus.max_power_w)->limit_w;
  }

  /// What reaching the target costs in expectation, with all the runs that do not.
  double expected(std::int64_t size, double limit) const {
    double epochs = 0.0, reached = 0.0;
    for (const double one : batch(size).epochs) {
      if (one <= options_.max_epochs) reached += 1.0;
      epochs += std::min(one, options_.max_epochs);
    }
    const Point& point = batch(size).by_limit.at(limit);
    return epochs / reached * cost(point.average_power_w * point.seconds_per_epoch, point.seconds_per_epoch);
  }

  /// Run number `run` of a policy. Policies of one seed meet the same luck in the same run.
  ZeusRun play(std::int64_t run, std::int64_t size, double limit, bool profiled, double threshold) const {
    const RecurringTrace::Batch& one = batch(size);
    Rng rng(options_.zeus.seed, "zeus-replay", static_cast<std::uint64_t>(run),
            static_cast<std::uint32_t>(size));
    const double wanted = one.epochs[rng.below(one.epochs.size())];
    ZeusRun result;
    result.run = run;
    result.batch_size = size;
    result.over = true;
    result.threshold = threshold;
    result.reached = wanted <= options_.max_epochs;
    const double epochs = std::min(wanted, options_.max_epochs);
    // The first epoch is shared by all limits where they are profiled.
    Point first = one.by_limit.at(limit);
    double first_energy = first.average_power_w * first.seconds_per_epoch;
    if (profiled) {
      double energy = 0.0, seconds = 0.0;
      for (const auto& [watts, point] : one.by_limit) {
        energy += point.average_power_w * point.seconds_per_epoch;
        seconds += point.seconds_per_epoch;
      }
      const auto n = static_cast<double>(one.by_limit.size());
      first_energy = energy / n;
      first.seconds_per_epoch = seconds / n;
    }
    const Point& point = one.by_limit.at(limit);
    const double head = std::min(epochs, 1.0), rest = epochs - head;
    result.energy_j = head * first_energy + rest * point.average_power_w * point.seconds_per_epoch;
    result.seconds = head * first.seconds_per_epoch + rest * point.seconds_per_epoch;
    const double whole = cost(result.energy_j, result.seconds);
    if (whole > threshold) {  // given up on the way: energy and time up to there, in proportion
      result.energy_j *= threshold / whole;
      result.seconds *= threshold / whole;
      result.reached = false;
    }
    return result;
  }

 private:
  const RecurringTrace& trace_;
  const ReplayOptions& options_;
};

/// Adds up a policy's recurrences.
class Account {
 public:
  Account(std::string policy, const TraceWorld& world, double best_cost)
      : world_(world), best_cost_(best_cost) {
    totals_.policy = std::move(policy);
  }
  void begin() { recurrence_ = {}; }
  void add(const ZeusRun& run) {
    ++totals_.runs;
    ++totals_.chosen[run.batch_size];
    if (!run.reached) ++totals_.unreached;
    recurrence_[0] += run.energy_j;
    recurrence_[1] += run.seconds;
    recurrence_[2] += world_.cost(run.energy_j, run.seconds);
  }
  void end() {
    totals_.energy_j += recurrence_[0];
    totals_.seconds += recurrence_[1];
    totals_.cost += recurrence_[2];
    totals_.regret += recurrence_[2] - best_cost_;
    totals_.regrets.push_back(totals_.regret);
    all_.push_back(recurrence_);
  }
  ReplayTotals totals() {
    const std::size_t last = std::min<std::size_t>(5, all_.size());
    for (std::size_t i = all_.size() - last; i < all_.size(); ++i) {
      totals_.last_energy_j += all_[i][0] / static_cast<double>(last);
      totals_.last_seconds += all_[i][1] / static_cast<double>(last);
      totals_.last_cost += all_[i][2] / static_cast<double>(last);
    }
    return totals_;
  }

 private:
  const TraceWorld& world_;
  double best_cost_;
  ReplayTotals totals_;
  std::array<double, 3> recurrence_{};
  std::vector<std::array<double, 3>> all_;
};

Error never_reached(std::int64_t size, int tries) {
  return Error(
      fmt::format("the target was not reached in {} tries, the last with batch size {}", tries, size), {},
      "the default batch size must reach it, at less than beta times the least cost: raise beta where runs "
      "differ more");
}

ReplayTotals play_zeus(const TraceWorld& world, const ReplayOptions& options, double best_cost) {
  Account account("zeus", world, best_cost);
  std::vector<ZeusRun> runs;
  for (std::int64_t recurrence = 0; recurrence < options.recurrences; ++recurrence) {
    account.begin();
    for (int tries = 1;; ++tries) {
      const auto number = static_cast<std::int64_t>(runs.size());
      const ZeusChoice choice = zeus_choose(options.zeus, runs, number);
      const bool known = std::any_of(runs.begin(), runs.end(),
                                     [&](const ZeusRun& run) { return run.batch_size == choice.batch_size; });
      ZeusRun run = world.play(number, choice.batch_size, world.best_limit(choice.batch_size), !known,
                               choice.threshold);
      run.stage = choice.stage;
      account.add(run);
      runs.push_back(run);
      if (run.reached) break;
      if (tries == options.tries) throw never_reached(choice.batch_size, tries);
    }
    account.end();
  }
  return account.totals();
}

ReplayTotals play_default(const TraceWorld& world, const ReplayOptions& options, double best_cost) {
  Account account("default", world, best_cost);
  std::int64_t number = 0;
  for (std::int64_t recurrence = 0; recurrence < options.recurrences; ++recurrence) {
    account.begin();
    for (int tries = 1;; ++tries) {
      const ZeusRun run =
          world.play(number++, options.zeus.default_batch, options.zeus.max_power_w, false, kInfinity);
      account.add(run);
      if (run.reached) break;
      if (tries == options.tries) throw never_reached(run.batch_size, tries);
    }
    account.end();
  }
  return account.totals();
}

ReplayTotals play_grid(const TraceWorld& world, const ReplayOptions& options, double best_cost) {
  Account account("grid", world, best_cost);
  // The default first, as whoever searches has it; then by batch size, limits from high to low.
  std::vector<std::pair<std::int64_t, double>> grid;
  std::vector<double> limits = world.limits();
  std::sort(limits.rbegin(), limits.rend());
  std::vector<std::int64_t> sizes = options.zeus.batch_sizes;
  std::sort(sizes.begin(), sizes.end());
  std::stable_partition(sizes.begin(), sizes.end(),
                        [&](std::int64_t size) { return size == options.zeus.default_batch; });
  for (const std::int64_t size : sizes)
    for (const double limit : limits) grid.emplace_back(size, limit);
  std::size_t at = 0;
  std::pair<std::int64_t, double> best{options.zeus.default_batch, options.zeus.max_power_w};
  double least = kInfinity;
  std::int64_t number = 0;
  for (std::int64_t recurrence = 0; recurrence < options.recurrences; ++recurrence) {
    account.begin();
    for (int tries = 1;; ++tries) {
      const bool searching = at < grid.size();
      const auto [size, limit] = searching ? grid[at] : best;
      const ZeusRun run = world.play(number++, size, limit, false, kInfinity);
      account.add(run);
      if (searching) {
        ++at;
        if (!run.reached) {
          while (at < grid.size() && grid[at].first == size) ++at;
        } else if (const double cost = world.cost(run.energy_j, run.seconds); cost < least) {
          least = cost;
          best = {size, limit};
        }
      }
      if (run.reached) break;
      if (tries == options.tries) throw never_reached(size, tries);
    }
    account.end();
  }
  return account.totals();
}

}  // namespace

const ReplayTotals& ReplayResult::of(const std::string& policy) const {
  for (const ReplayTotals& one : policies)
    if (one.policy == policy) return one;
  throw internal_error("there is no policy " + policy);
}

Json ReplayResult::json() const {
  Json json{{"recurrences", recurrences},
            {"best", {{"batch_size", best_batch}, {"power_limit_w", best_limit_w}, {"cost", best_cost}}},
            {"policies", Json::array()}};
  for (const ReplayTotals& one : policies) {
    Json chosen = Json::object();
    for (const auto& [size, runs] : one.chosen) chosen[std::to_string(size)] = runs;
    json["policies"].push_back(
        {{"policy", one.policy},
         {"energy_j", one.energy_j},
         {"seconds", one.seconds},
         {"cost", one.cost},
         {"regret", one.regret},
         {"runs", one.runs},
         {"unreached", one.unreached},
         {"last", {{"energy_j", one.last_energy_j}, {"seconds", one.last_seconds}, {"cost", one.last_cost}}},
         {"runs_by_batch_size", chosen},
         {"cumulative_regret", one.regrets}});
  }
  return json;
}

ReplayResult replay_trace(const RecurringTrace& trace, ReplayOptions options) {
  ZeusOptions& zeus = options.zeus;
  if (zeus.batch_sizes.empty())
    for (const auto& [size, batch] : trace.batches) zeus.batch_sizes.push_back(size);
  for (const std::int64_t size : zeus.batch_sizes)
    if (!trace.batches.contains(size))
      throw Error(fmt::format("the trace holds nothing of batch size {}", size));
  zeus.max_power_w = trace.max_power_w();
  zeus.check();
  if (options.max_epochs <= 0.0) options.max_epochs = trace.max_epochs();
  if (options.max_epochs <= 0.0) throw Error("no line of the trace reaches the target");
  if (options.recurrences <= 0)
    options.recurrences = 2 * static_cast<std::int64_t>(zeus.batch_sizes.size() *
                                                        trace.batches.begin()->second.by_limit.size());
  const TraceWorld world(trace, options);
  ReplayResult result;
  result.recurrences = options.recurrences;
  result.best_cost = kInfinity;
  for (const std::int64_t size : zeus.batch_sizes)
    for (const double limit : world.limits())
      if (const double cost = world.expected(size, limit); cost < result.best_cost) {
        result.best_cost = cost;
        result.best_batch = size;
        result.best_limit_w = limit;
      }
  for (const auto& play : {play_zeus, play_default, play_grid})
    result.policies.push_back(play(world, options, result.best_cost));
  return result;
}

}  // namespace hone::cost
