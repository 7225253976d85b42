#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hone/task/benchmark.h"

namespace hone::run {

/// A problem to compare searchers and schedulers on: a recorded table, learning curves, or a function. What
/// regret is measured against comes with it. A cheap value: copies share everything. Thread safe.
class Problem {
 public:
  explicit Problem(std::shared_ptr<const task::Benchmark> benchmark, std::string suite = {});
  /// The same problem under another name.
  Problem renamed(std::string name) const;

  const std::string& name() const { return name_; }  ///< the benchmark's, unless it was renamed
  /// Whether a user may mean it by `name`: its own name, the benchmark's, or that as SUITE/NAME.
  bool is_called(const std::string& name) const;
  const std::string& title() const { return benchmark_->title(); }
  const std::string& suite() const { return suite_; }  ///< "tables", "curves", "bbob", ...
  const space::Space& space() const { return benchmark_->space(); }
  const std::vector<study::Objective>& objectives() const { return benchmark_->objectives(); }
  const std::vector<study::Limit>& limits() const { return benchmark_->limits(); }
  /// The largest fidelity. 1: there is but one, and scheduler "fixed" with steps = 1 is the one to take.
  std::int64_t horizon() const { return benchmark_->horizon(); }

  /// See task::Benchmark::evaluate. cost_s counts from nothing: what going on from one fidelity to another
  /// costs is the difference.
  task::Evaluation evaluate(const space::Config& config, std::uint64_t seed, std::int64_t fidelity) const {
    return benchmark_->evaluate(config, seed, fidelity);
  }

  /// The first objective's best value at the horizon, within the limits, without noise: exact for tables (all
  /// rows are looked at), by definition for functions. nullopt: nobody knows it.
  std::optional<double> optimum() const { return benchmark_->optimum(); }
  /// The first objective's median at the horizon: over all rows of a table (a failed one counts as worst, but
  /// where that would make it infinite those alone count that did not fail; of two in the middle the mean);
  /// of a function over 10,000 uniform draws at a fixed seed, those within the limits (with fewer than 10 of
  /// them, over all, each as far above the optimum as it is from it). Computed when first asked for, then
  /// remembered. Infinite where all fail.
  double median() const;
  /// (value - optimum) / (median - optimum): 0 at the optimum, 1 at a typical random config, above 1 worse
  /// than that, in either direction of the objective; NaN where the optimum is unknown. `value`: the first
  /// objective's, as measured. What has no value yet (nothing finished) counts as infinity: pass NaN.
  double normalised_regret(double value) const;

  /// Several objectives: where hypervolume is measured from, oriented; and the volume that the true front
  /// has. reference(): the benchmark's own, else the worst of 10,000 draws a tenth of the range further. The
  /// volume is nullopt where the front is not known. Computed when first asked for.
  const std::vector<double>& reference() const;
  std::optional<double> best_hypervolume() const;

  const std::shared_ptr<const task::Benchmark>& benchmark() const { return benchmark_; }

 private:
  struct Known;  ///< what is computed once
  std::shared_ptr<const task::Benchmark> benchmark_;
  std::string suite_, name_;
  std::shared_ptr<Known> known_;
};

/// A named group of problems.
struct Suite {
  std::string name;
  std::string summary;
  std::vector<Problem> problems;
};

/// The built-in suites of functions, in this order:
///   classic      branin, hartmann3, hartmann6, ackley, levy, ... : one objective, real parameters
///   bbob         the 24 noiseless BBOB functions in `dimension` dimensions, instance 1
///   mixed        integers, ordinals, choices
///   conditional  with parameters that depend on others' values
///   constrained  with limits
///   several      several objectives with known fronts (ZDT, DTLZ, WFG)
///   fidelity     with cheap approximations
/// Making them is cheap (a few milliseconds with few parameters). `dimension` is for functions that exist in
/// any.
std::vector<Suite> function_suites(std::int64_t dimension = 5);

/// The suites of a folder of recorded benchmarks: every NAME.json with NAME.csv.gz or NAME.csv beside it, in
/// the folder and its subfolders, sorted by path. "curves": those with metrics by step; "tables": the rest.
/// A table of a subfolder that has the very space of another and the unit ms or s (latencies of devices) is
/// joined to it as well: suite "devices", problem TABLE+METRIC, with two objectives, and TABLE+DEVICE.METRIC
/// where several devices' files measure one metric. Files of one name in
/// different subfolders are called by their paths. What is no table with metrics is left out and named, with
/// why, in `left_out`; so are malformed tables and two that cannot be joined. Without `devices` none are
/// joined. Reads everything at once. Throws Error where the folder is missing, and where a table is malformed
/// and nobody takes `left_out`.
std::vector<Suite> recorded_suites(const std::string& folder, std::vector<std::string>* left_out = nullptr,
                                   bool devices = true);

/// Calls problems that share their name with others SUITE/NAME, so that results of all are told apart.
void name_apart(std::vector<Suite>& suites);

/// A problem by name among suites ("hartmann6", "bbob_f15", "tables/branin"), the first that is_called so.
/// Throws Error with the name that was meant.
const Problem& find_problem(const std::vector<Suite>& suites, const std::string& name);

}  // namespace hone::run
