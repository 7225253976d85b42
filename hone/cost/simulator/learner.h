#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hone/base/json.h"
#include "hone/cost/simulator/simulate.h"
#include "hone/predict/forest.h"

namespace hone::cost::simulator {

/// Names of what the IPC of a whole run is predicted from: first what a portion's simulation says of the
/// function (the mix of its instructions, how far back what they use is, miss rates by level, bytes from
/// memory, wrong guesses, occupancies, where slots went, the portion's IPC), then the core's own numbers.
const std::vector<std::string>& ipc_feature_names();
/// In that order; all finite.
std::vector<double> ipc_features(const Simulated& portion, const Core& core);

/// One (function, core) pair that was simulated whole.
struct IpcSample {
  std::string family;                  ///< of the function: samples of one are held out together
  std::uint64_t kernel = 0, core = 0;  ///< numbers of generate_kernel and sampled_core
  std::vector<double> features;        ///< of the portion
  double portion_ipc = 0.0, ipc = 0.0;
  double instructions = 0.0, portion_instructions = 0.0;
  double portion_s = 0.0, whole_s = 0.0;  ///< what simulating took
};

/// How pairs are made, which a model's file says with it.
struct IpcPairOptions {
  std::uint64_t seed = 1;
  std::int64_t kernels = 200, cores_each = 3;
  /// The paper simulates "a small portion" and does not say how small.
  double portion = 0.05;
  std::uint64_t least = 10000;  ///< instructions of a portion
  /// Functions of so many instructions, so that a portion is not all and a whole run ends soon.
  double fewest = 1e5, most = 2e6;
};
Json ipc_options_json(const IpcPairOptions& options);

/// What a forest learns: the IPC of the whole run (the paper), or what it is above the portion's own.
enum class IpcTarget { ipc, correction };
/// "ipc", "correction"; throws Error for other names.
const char* ipc_target_name(IpcTarget target);
IpcTarget ipc_target_of(const std::string& name);

/// Core `number` of an endless sequence: each key drawn by itself from what is usual between a small core and
/// a large one. A pure function of (seed, number).
Core sampled_core(std::uint64_t seed, std::uint64_t number);

/// One pair, of kernel number `kernel` and core number `core`; no value where the function's length is not
/// between the options' or it could not be simulated. `going` is asked now and then; once it says false all
/// pairs of the kernel are dropped.
std::vector<IpcSample> make_pairs(const IpcPairOptions& options, std::uint64_t kernel,
                                  const std::function<bool()>& going = {});

/// One of a core's numbers that lies outside those of all cores that were learned from.
struct IpcOutside {
  const CoreKey* key;  ///< of core_keys()
  double value = 0.0, low = 0.0, high = 0.0;
};

/// The IPC of a whole run from its first portion, after "Accelerating Computer Architecture Simulation
/// through Machine Learning" (Ali and Akram, arXiv 2402.18746, 2024): a random forest, their best of several
/// regressors, on features of the application and of the micro-architecture that a short simulation gives.
/// Counts are taken per instruction, as there, so that a portion of any length says the same.
/// Deviations: the simulator, cores and functions are hone's own (theirs: gem5's O3CPU, NAS and GAP
/// benchmarks); features are those that this simulator has; the forest's size is not given there: 100 trees.
/// IpcTarget::correction is hone's own: near what the portion says, the trees have less to find out.
/// A plain value; predicting is thread safe.
class IpcModel {
 public:
  /// Throws Error (input) where there are fewer than 10 samples.
  static IpcModel fit(std::vector<IpcSample> samples, const IpcPairOptions& options, Json provenance = {},
                      IpcTarget target = IpcTarget::ipc);

  /// Never above the least of the core's widths (fetch, issue, retire).
  double predict(const Simulated& portion, const Core& core) const;
  double predict(const std::vector<double>& features) const;
  /// What of the core the forest takes for the nearest that it knows, in the order of core_keys(): of such a
  /// core the error is not known.
  std::vector<IpcOutside> outside(const Core& core) const;
  /// Root of the mean squared error of families that the forest was not fitted to; NaN where there was one.
  double rmse() const { return rmse_; }
  const IpcPairOptions& options() const { return options_; }
  IpcTarget target() const { return target_; }
  const Json& provenance() const { return provenance_; }
  std::size_t samples() const { return samples_.size(); }

  /// docs/formats.md. The samples are kept and the forest is grown from them when it is read.
  std::string text() const;
  void write(const std::string& path) const;
  /// Throws Error with the file where it is none, malformed, of another version or of other features.
  static IpcModel read(const std::string& path);
  static IpcModel parse(const std::string& text, const std::string& file);

 private:
  void grow();
  std::vector<IpcSample> samples_;
  IpcPairOptions options_;
  Json provenance_;
  IpcTarget target_ = IpcTarget::ipc;
  double rmse_ = 0.0;
  std::vector<double> low_, high_;
  std::shared_ptr<const predict::Forest> forest_;
};

/// What families that were held out say of a way to predict.
struct IpcScore {
  std::string name;
  double rmse = 0.0;         ///< of IPC
  double mean_error = 0.0;   ///< mean of |predicted / simulated - 1|
  double worst_tenth = 0.0;  ///< its 90% quantile
  double correlation = 0.0;  ///< of ranks
};
struct IpcEvaluation {
  /// "forest", "correction" (the forest of IpcTarget::correction), then "linear" regression, these three up
  /// to the core's width, the "portion"'s own IPC, and the "mean".
  std::vector<IpcScore> scores;
  bool by_family = true;
  std::size_t samples = 0, families = 0;
  double simulated_share = 0.0;  ///< of all instructions
  double speedup = 0.0;          ///< time of whole simulations over that of portions and predictions
};
/// By five folds: of families, or of single pairs, as the paper parts them, where a function's other cores
/// are known. Throws Error (input) where there are fewer than two families, or ten pairs.
IpcEvaluation evaluate_ipc(const std::vector<IpcSample>& samples, bool by_family = true);
Json ipc_evaluation_json(const IpcEvaluation& evaluation);

/// One line of a file of pairs, and back. Reading throws Error (at line `line` of `file`).
std::string ipc_sample_line(const IpcSample& sample);
IpcSample ipc_sample_of(const std::string& line, const std::string& file, int number);

}  // namespace hone::cost::simulator
