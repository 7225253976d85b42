#pragma once

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hone/predict/forest.h"
#include "hone/space/space.h"
#include "hone/study/study.h"

namespace hone::run {

/// What one parameter does to a measure.
struct Effect {
  std::size_t parameter = 0;  ///< index in the space
  double share = 0.0;         ///< of the measure's variance over the space: by this parameter alone
  double total = 0.0;         ///< and together with others; total - share is interaction
  std::int64_t active = 0;    ///< observations in which the parameter is active
  /// The marginal effect: the measure's mean over all other parameters at one value.
  struct Level {
    Value value;
    double position = 0.0;    ///< along the parameter's scale, as space::Point has it
    double mean = 0.0;        ///< in the measure's unit
    double spread = 0.0;      ///< standard deviation over the forest's trees
    std::int64_t trials = 0;  ///< observations nearest to this value
  };
  std::vector<Level> shape;  ///< along the scale; of a conditional parameter: where it is active
};

/// How the parameters of a space explain a measure: a random forest over the observations, taken apart by
/// functional analysis of variance (Hutter et al., "An Efficient Approach for Assessing Hyperparameter
/// Importance", 2014) for main effects and marginals, by Jansen's estimator (Saltelli et al., "Variance based
/// sensitivity analysis of model output. Design and estimator for the total sensitivity index", 2010, table
/// 2) for total effects. Variances are those of the forest's mean, so that what single trees see in noise
/// counts little, over the whole space with every parameter uniform on its scale.
///
/// Choices of ascending numbers are ordered, others are categories. Where a parameter is inactive the forest
/// sees a random value, so its share counts only where it is active; its shape comes from a forest over the
/// observations in which it is. Values beyond three interquartile ranges from the quartiles are clipped:
/// else a few diverged trials are all that there is to explain.
class EffectModel {
 public:
  struct Observation {
    const space::Config* config = nullptr;  ///< of the space; needed during construction only
    double value = 0.0;                     ///< finite
  };
  static constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t kFewest = 20;  ///< observations, for a model at all
  static constexpr std::size_t kMost = 3000;  ///< beyond them a random choice is looked at

  /// Observations whose config does not fit the space are left out.
  EffectModel(space::Space space, const std::vector<Observation>& observations, std::uint64_t seed);

  /// Why nothing can be said; "" where something can.
  const std::string& lacking() const { return lacking_; }
  std::int64_t observations() const { return static_cast<std::int64_t>(points_.size()); }
  std::int64_t clipped() const { return clipped_; }
  /// Of the variance of trials that trees have not seen: how far the rest can be trusted.
  double explained() const { return forest_ ? forest_->explained() : 0.0; }
  /// By descending total effect. Empty where lacking(). Total effects are those of the `most_totals`
  /// parameters with the largest shares, the others' are taken for their shares; shapes are those of the
  /// first `most_shapes`.
  std::vector<Effect> effects(std::size_t most_totals = kAll, std::size_t most_shapes = kAll) const;

  /// What the forest expects of a config.
  double predict(const space::Config& config) const;
  /// From one config to another by setting the parameters in which they differ one after another, each time
  /// the one that the forest expects most of (Biedenkapp et al., "Efficient Parameter Importance Analysis via
  /// Ablation with Surrogates", 2017): parameter and change of the measure, in that order.
  std::vector<std::pair<std::size_t, double>> path(const space::Config& from, const space::Config& to,
                                                   bool minimize) const;

 private:
  predict::Row row(const space::Point& point) const;
  std::vector<Effect::Level> levels(std::size_t parameter) const;

  space::Space space_;
  std::uint64_t seed_;
  std::string lacking_;
  std::int64_t clipped_ = 0;
  std::vector<predict::Feature> features_;
  std::vector<double> scale_, shift_;  // a point's entry to a row's: (entry + shift) * scale
  std::vector<space::Point> points_;
  std::vector<double> values_;
  std::shared_ptr<const predict::Forest> forest_;
};

/// The observations of one measure in a study: one a trial, at the highest fidelity that half of the trials
/// that have it reached, or 1,000 did (at one and the same, since others would not compare); for a measure
/// that is known before training, of all trials.
struct Measured {
  std::int64_t fidelity = 0;  ///< 0: known before training
  std::int64_t trials = 0;    ///< that have the measure at all
  std::vector<EffectModel::Observation> observations;
};
Measured measured(const study::Study& study, const std::string& measure);

}  // namespace hone::run
