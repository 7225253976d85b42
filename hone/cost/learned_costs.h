#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hone/base/json.h"
#include "hone/base/numbers.h"
#include "hone/cost/loop_sums.h"
#include "hone/cost/mlir/features.h"
#include "hone/cost/simple_machine.h"
#include "hone/predict/boosted_trees.h"
#include "hone/predict/ridge.h"

namespace hone::cost {

/// One labelled function as models learn from it.
struct CostSample {
  mlir::Features features;
  std::map<std::string, double> targets;
  std::string family;   ///< functions of one are kept together where the error is estimated
  std::string group;    ///< ... those of one group, where there is but one family
  double weight = 1.0;  ///< how much it counts
  /// The measurement of its run time was: of timed targets (is_timed) it teaches less, and is no measure.
  bool disturbed = false;
};

struct LearnedCostOptions {
  predict::BoostingOptions boosting = {.trees = 100, .learning_rate = 0.12};
  int members = 1;  ///< ensembles averaged, each with a seed of its own
  int folds = 5;    ///< of families, from which the error bars come; under 2: no error bars
  std::vector<std::string> targets = {};  ///< each once; empty: all that every sample has
  /// Told what is being done; false stops, and the model is then of the targets that were finished.
  std::function<bool(const std::string&)> progress = {};
};

/// A prediction of one target.
struct PredictedCost {
  std::string target;  ///< name with unit: "run_s"
  double value = 0.0;
  /// Of 10 functions of families never seen, 9 lie between these (LearnedCosts::held_out); NaN where too few
  /// were held out to say so.
  double low = 0.0, high = 0.0;
};

/// Costs of functions learned from labels, without Torch. Costs that add up (time, executed instructions,
/// bytes, code) are learned loop by loop (loop_sums.h), from what a simple machine says of each and what it
/// does (mlir/loop_features.h): kernels never seen are sums of loops that were. Of times the relative error
/// is made small, of counts that of the logarithm. Rates (operations and bytes a second, utilisation) are
/// what a function does, which needs no clock, over a time of which the reciprocal's error is made small.
/// The others (registers) are trees on the function's features, on what a linear model of their logarithms
/// leaves over. Error bars are conformal: the 90% quantile of the absolute logarithmic error on families that
/// a model was not fitted to (Lei et al., "Distribution-Free Predictive Inference for Regression", 2018);
/// where there is one family, on groups or single functions. A plain value; predicting is thread safe.
class LearnedCosts {
 public:
  static constexpr int kVersion = 5;

  /// Throws Error where there are no samples or no common targets.
  static LearnedCosts fit(std::span<const CostSample> samples, const LearnedCostOptions& options = {});

  std::vector<std::string> targets() const;
  /// Of one function's features; every target.
  std::vector<PredictedCost> predict(const mlir::Features& features) const;
  /// Of many functions, in their order: the same, in less time, for one target's model after the other is
  /// gone through while it is in the caches.
  std::vector<std::vector<PredictedCost>> predict(std::span<const mlir::Features> functions) const;
  double predict(const mlir::Features& features, std::size_t target) const;

  /// What the model was learned from: machine, compiler, date, number of functions, ... Written into the
  /// file.
  Json provenance = Json::object();

  /// What the error bars come from: "families", "groups", "functions", or "nothing", and there are none.
  std::string held_out = "families";

  /// The machine whose costs it says, by its provenance: of one that was read.
  const mlir::CodeTarget& target() const { return target_; }

  Json json() const;
  /// Throws Error where it is no model, of another version, or of features that this program does not have.
  /// `file`: whose content it is, for errors.
  static LearnedCosts from_json(const Json& json, const std::string& file = "");
  static LearnedCosts read(const std::string& path);

 private:
  static LearnedCosts parsed(const Json& json);
  using Samples = std::vector<const CostSample*>;
  /// A cost as the sum of loops', by trees on what is said of each: of what a machine takes to run them, by
  /// one that was fitted to the same costs.
  struct LoopModel {
    std::optional<mlir::SimpleMachine> machine;
    LoopSums sums;

    static LoopModel fit(const std::string& of, const Samples& samples, const std::vector<double>& costs,
                         ErrorOf error, const LearnedCostOptions& options);
    double log_cost(const std::string& of, const mlir::LoopRows& loops) const;
    void write(Json& object) const;
    static LoopModel read(const std::string& of, const Json& object);
  };
  using Time = std::shared_ptr<const LoopModel>;  ///< one for all rates
  struct Target {
    std::string name;
    bool additive = false;
    LoopModel loops;  ///< additive
    // Not additive: ensembles of trees on what the line leaves over. Logarithms that were learned from lie
    // between the last two; predictions at most kBeyond aside.
    predict::Ridge line;
    std::vector<predict::BoostedTrees> members;
    double lowest = -1e300, highest = 1e300;
    Time time;            ///< of rates: all this is of what is done in it
    double error = kNaN;  ///< 90% quantile of |log| error; NaN: not known

    double to_log(double value) const;  ///< the scale that errors are on and log_value() is of
    double from_log(double value) const;
    bool logarithmic() const;  ///< that scale is of logarithms, not of log(1 + x)
  };
  /// A function whose targets are asked for one after the other.
  class Asked;
  /// None where a sample has no time.
  static Time fit_time(const Samples& samples, const LearnedCostOptions& options);
  static Target fit_target(const std::string& name, const Samples& samples, const Time& time,
                           const LearnedCostOptions& options);
  static void fit_functions(Target& target, const Samples& samples, const std::vector<double>& costs,
                            const LearnedCostOptions& options);
  static double log_value(const Target& target, Asked& function);
  /// What rates are of: seconds of the same label.
  static constexpr const char* kTime = "run_s";
  static Json target_json(const Target& target);
  static Target target_from(const Json& json, std::size_t columns, const Time& time);

  std::vector<Target> targets_;
  mlir::CodeTarget target_;
};

}  // namespace hone::cost
