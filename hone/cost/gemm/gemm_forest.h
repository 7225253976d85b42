#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hone/base/json.h"
#include "hone/cost/gemm/features.h"
#include "hone/predict/multi_forest.h"
#include "hone/predict/score.h"

namespace hone::cost {

struct GemmForestOptions {
  predict::MultiForestOptions forest = {.min_leaf = 2, .features = 0.5, .seed = 1};
  /// As the authors' program does it: nine features, seconds and watts as they are (clipped to their 1st and
  /// 99th hundredth), a forest a target, 100 trees of depth 6 over all features. Else what hone adds: all
  /// features, one tree structure for all targets, and logarithms of what is learned: of the operations a
  /// second in place of seconds, which span many factors of ten and grow with the sizes as no tree can follow
  /// beyond what it saw, and of watts.
  bool published = false;
  std::optional<Gpu> gpu;  ///< for occupancy; none: its features are 0
  std::size_t folds = 5;   ///< parts of all shapes that are held out in turn; under 2: none
  /// Rows are held out rather than shapes, as the paper does it: other configurations of the same shape are
  /// then learned from, which is easier, and says nothing of shapes that are new.
  bool rows_held_out = false;
  std::function<void(const std::string&)> progress = {};  ///< what is being done; may be empty
  /// Asked before every tree; may be empty. Where it says so, learning ends with Error.
  std::function<bool()> interrupted = {};
};

/// Lies within low and high for 9 of 10 products of shapes (of rows, where GemmForest::rows_held_out()) that
/// were held out; both NaN where none were.
struct GemmFigure {
  double value = kNaN, low = kNaN, high = kNaN;
  Json json() const;  ///< {"value", "low", "high"}
};

struct GemmPrediction {
  GemmFigure runtime_s, power_w, energy_j;  ///< the last two NaN where no power was learned
  double flops_per_s = 0.0;
};

/// How near a forest came on shapes (or rows) that it was not shown.
struct GemmScore {
  std::string target;  ///< "runtime_s", "flops_per_s", "power_w", "energy_j"
  predict::Accuracy accuracy;
  double median_error = kNaN;  ///< relative
  double in_interval = kNaN;   ///< share of measured values that lay in intervals that the other parts set
};

/// What came of choosing among the configurations that were measured of a held-out shape.
struct GemmChoices {
  std::size_t shapes = 0;     ///< with two configurations or more of one type
  double over_best = kNaN;    ///< the chosen one's measured time by the best one's, geometric mean; 1 at best
  double worst = kNaN;        ///< the same, the worst shape's
  double over_middle = kNaN;  ///< the middle one's time by the chosen one's, geometric mean
  std::size_t with_baseline = 0;  ///< shapes of which the baseline was measured too
  double gain = kNaN;             ///< the baseline's time by the chosen one's, geometric mean
  double most_gain = kNaN;        ///< the same, the best shape's
};

/// What is to be least.
enum class GemmGoal { time, energy, weighted };

/// Learns the runtime and power of matrix products from measured ones by a random forest of several targets,
/// and chooses tiles by it ("Understanding GEMM Performance and Energy on NVIDIA Ada Lovelace: A Machine
/// Learning-Based Analytical Approach", Liu and Halim, 2024). Where it departs from the paper is said at
/// GemmForestOptions::published. A plain value; const methods are thread safe.
class GemmForest {
 public:
  /// A way to compute a product that was measured: everything but the shape and its results.
  struct Kernel {
    GemmConfig config;
    std::string type, sum_type, out_type = {};
    auto operator<=>(const Kernel&) const = default;
  };

  /// Throws Error where there are fewer than 2 runs, or runs of several devices. Power is learned where all
  /// runs have it.
  static GemmForest learn(const std::vector<GemmRun>& runs, const GemmForestOptions& options);

  /// Of a run's shape, config, types, batch and beta; what was measured of it is not looked at.
  GemmPrediction predict(const GemmRun& run) const;
  bool power() const { return power_; }

  /// Kernels of the table, by how often they were measured, then as in the table; the first of a type is the
  /// baseline: what is compared with where nobody says otherwise.
  const std::vector<Kernel>& kernels() const { return kernels_; }
  /// The first kernel's of that type; "": of any. Throws Error at `place` where there is none, with the types
  /// there are.
  const Kernel& baseline(const std::string& type, const Place& place = {}) const;

  struct Candidate {
    Kernel kernel;
    GemmPrediction predicted;
    double score = 0.0;  ///< relative to the first candidate's: 1.1 is a tenth more
  };
  /// Kernels that `may` allows (empty: all) for a shape, the best first. Weighted: time^weight x
  /// energy^(1 - weight), with `weight` in [0, 1]. Throws Error where energy is asked for and no power was
  /// learned, and where no kernel may.
  std::vector<Candidate> choose(const GemmRun& shape, GemmGoal goal, double weight = 0.5,
                                const std::function<bool(const Kernel&)>& may = {}) const;

  const std::vector<GemmScore>& scores() const { return scores_; }
  /// Of shapes that were held out; none where rows were.
  const GemmChoices& choices() const { return choices_; }
  bool rows_held_out() const { return rows_held_out_; }
  const std::string& device() const { return device_; }
  std::size_t runs() const { return runs_; }
  std::size_t shapes() const { return shapes_; }
  const std::optional<Gpu>& gpu() const { return gpu_; }
  bool published() const { return published_; }
  /// Feature names with the share of variance that splits on them removed, the largest first.
  std::vector<std::pair<std::string, double>> importance() const;
  /// In which of m, n, k, "operations", "batch" and "beta" a run lies below the least or above the largest
  /// measured one, and "configuration" where its kernel is not among kernels(); empty: in none. Operations,
  /// batch and beta are not known of files that an earlier hone wrote.
  std::vector<std::string> beyond(const GemmRun& run) const;

  /// docs/formats.md, "Learned matrix products". Read back, it predicts the same.
  Json json() const;
  static GemmForest from_json(const Json& json, const Place& place);
  static GemmForest load(const std::string& path);

 private:
  struct Logs {
    double runtime = 0.0, power = 0.0;  ///< natural logarithms
    double runtime_sd = 0.0, power_sd = 0.0;
  };
  /// 90% intervals: log value +- factor x sqrt(sd^2 + floor^2); factor NaN: not known.
  struct Calibration {
    double floor = 0.0, factor = kNaN;
  };

  GemmForest() = default;
  std::vector<double> row(const GemmRun& run) const;
  void grow(const std::vector<const GemmRun*>& runs, const GemmForestOptions& options);
  Logs logs(const GemmRun& run) const;
  void evaluate(const std::vector<GemmRun>& runs, const GemmForestOptions& options);

  std::vector<predict::MultiForest> forests_;  ///< one, or one a target
  bool published_ = false, power_ = false, rows_held_out_ = false;
  std::optional<Gpu> gpu_;
  Calibration calibration_[3];  ///< runtime, power, energy
  std::vector<Kernel> kernels_;
  std::vector<GemmScore> scores_;
  GemmChoices choices_;
  std::string device_;
  std::size_t runs_ = 0, shapes_ = 0;
  GemmShape least_, largest_;
  struct Range {
    double least = kNaN, largest = kNaN;  ///< NaN: not known
  };
  Range operations_, batch_, beta_;
};

/// The fold of each run, 0 to folds - 1 (fewer where there are fewer shapes): all runs of a shape in one,
/// shapes by chance at a seed. With `rows` runs by chance, each for itself.
std::vector<std::size_t> gemm_folds(const std::vector<GemmRun>& runs, std::size_t folds, std::uint64_t seed,
                                    bool rows = false);

/// What came of choosing by `predicted` times (one a run) among measured ones of a shape and type.
GemmChoices gemm_choices(const std::vector<GemmRun>& runs, const std::vector<double>& predicted,
                         const std::vector<GemmForest::Kernel>& kernels);
/// The kernels of runs, as GemmForest::kernels() has them.
std::vector<GemmForest::Kernel> gemm_kernels(const std::vector<GemmRun>& runs);

}  // namespace hone::cost
