#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hone/base/numbers.h"

namespace hone::cost {

/// Batch sizes of a training job that recurs, chosen by *Zeus: Understanding and Optimizing GPU Energy
/// Consumption of DNN Training* (You, Chung, Chowdhury, NSDI 2023), section 4. Everything here is a pure
/// function of the recorded runs, the options and a seed.
struct ZeusOptions {
  std::vector<std::int64_t> batch_sizes;  ///< positive, each once; any order
  std::int64_t default_batch = 0;         ///< one of them: what the job would run with otherwise
  double eta = 0.5;                       ///< 0: time alone counts, 1: energy alone
  double max_power_w = 0.0;  ///< the highest power limit of the device, watts: what a second weighs in joules
  double beta = 2.0;         ///< a run is stopped at this many times the least cost so far; infinity: never
  int rounds = 2;            ///< of pruning exploration
  std::int64_t window = 0;   ///< latest costs of an arm that count; 0: all
  std::uint64_t seed = 1;
  /// The Gaussian belief about an arm's mean cost before any was seen; precision 0: a flat one.
  double prior_mean = 0.0, prior_precision = 0.0;

  /// Throws Error on what is out of range, with the option's name.
  void check() const;
};

/// Cost of a run: eta x energy + (1 - eta) x maximum power x time, in joules (section 3.1, equation 2).
double zeus_cost(double eta, double max_power_w, double energy_j, double seconds);

/// Why a run had its batch size.
enum class ZeusStage {
  explore,     ///< pruning exploration (Algorithm 3)
  concurrent,  ///< exploration waits for a run that is not over: the best that is known
  sample,      ///< Thompson sampling (Algorithm 1)
};
const char* stage_name(ZeusStage stage);
std::optional<ZeusStage> stage_from_name(const std::string& name);

/// One run of the job, over or not.
struct ZeusRun {
  std::int64_t run = 0;  ///< its number
  std::int64_t batch_size = 0;
  ZeusStage stage = ZeusStage::explore;
  bool over = false;
  bool reached = false;          ///< the target
  double energy_j = 0.0;         ///< up to the target, or to where it was given up
  double seconds = 0.0;          ///< likewise
  double threshold = kInfinity;  ///< the cost at which it would be stopped, as of its start
  /// The options by which the threshold was reckoned; NaN: not known, taken as those of now.
  double eta = kNaN, max_power_w = kNaN;
};

/// What is believed of a batch size.
struct ZeusArm {
  std::int64_t batch_size = 0;
  bool alive = true;                   ///< not pruned
  std::string pruned_because;          ///< "run 3 did not reach the target", ...; "" where it is alive
  std::vector<double> costs;           ///< that count, the latest `window`, oldest first
  std::int64_t runs = 0, reached = 0;  ///< all that are over
  double mean_cost = kNaN;             ///< of `costs`
  // The belief about its mean cost: normal with this mean and standard deviation (Algorithm 2).
  double belief_mean = kNaN, belief_sd = kInfinity;
};

/// Where the optimiser stands.
struct ZeusState {
  std::vector<ZeusArm> arms;  ///< by batch size, smallest first
  bool exploring = true;
  int round = 1;                  ///< of exploration, from 1
  std::int64_t expected = 0;      ///< the batch size that exploration asks for; 0: it is over
  bool expected_runs = false;     ///< a run of exploration is at it
  std::int64_t best = 0;          ///< of the least cost of those alive; the default where nothing reached
  double least_cost = kInfinity;  ///< see zeus_state
  double threshold = kInfinity;   ///< a run is stopped there: beta x least_cost, where that is above 0
  bool default_failed = false;    ///< the default's latest run did not reach, and nothing else ever has
  const ZeusArm& arm(std::int64_t batch_size) const;
};

/// `runs` in the order in which they ended, those that are not over anywhere.
///
/// Exploration (Algorithm 3): from the default batch size downward to the first that does not reach the
/// target within the threshold, then upward likewise; what was not reached in a round is pruned, as is what
/// lies beyond it; the next round begins at the round's cheapest. A run advances it that was started for it;
/// others are observations alone. As in the authors' code an arm's belief has the population variance of its
/// own costs. Where we differ:
///   - a default batch size that does not reach before any other did prunes nothing: it is asked for again;
///   - where a later round prunes everything (costs are noisy), the arms of the round before stay;
///   - a run that did not reach counts at no less than the cost at which it would have been stopped: one that
///     ended early without a result is not cheap; where it had no threshold, or one of another eta or maximum
///     power, at beta times the least until then (twice where beta is infinite);
///   - a least cost of 0 or less is no threshold: it would stop every run at once;
///   - the least cost is that of single runs that reached, and with a window the least of the costs within
///     the arms' windows, so that a drift to dearer data does not stop every run for ever.
ZeusState zeus_state(const ZeusOptions& options, const std::vector<ZeusRun>& runs);

struct ZeusChoice {
  std::int64_t batch_size = 0;
  ZeusStage stage = ZeusStage::explore;
  double threshold = kInfinity;
  std::map<std::int64_t, double> sampled;  ///< each arm's draw, where the stage is `sample`
  std::string why;                         ///< one sentence
};

/// The batch size of run number `run`. Thompson sampling draws each arm's mean cost from its belief and takes
/// the least; an arm with fewer than two costs goes before, in an order by chance. Draws depend on the seed,
/// `run` and the batch size alone. The options must have passed check().
ZeusChoice zeus_choose(const ZeusOptions& options, const std::vector<ZeusRun>& runs, std::int64_t run);

}  // namespace hone::cost
