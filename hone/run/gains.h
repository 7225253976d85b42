#pragma once

#include <string>
#include <vector>

#include "hone/run/effects.h"
#include "hone/run/posterior.h"
#include "hone/run/study_file.h"
#include "hone/study/study.h"

namespace hone::run {

/// What beat the defaults by what, in one objective.
struct Gain {
  std::string objective;
  bool minimize = true;
  double before = 0.0;     ///< the defaults' value at the horizon, as the study shows it (Shown::measures)
  double after = 0.0;      ///< the best of the shown front in this objective
  std::int64_t trial = 0;  ///< whose that is; may be the defaults' own
  struct Step {
    std::string parameter;
    std::string from, to;  ///< as a person reads them; "-": inactive
    double change = 0.0;   ///< what the effect model expects of setting it, after those before it
  };
  std::vector<Step> steps;  ///< the parameters that differ; by the model's path where there is one
  bool estimated = false;   ///< whether the changes are known
  /// The change of the objective relative to the defaults' value; NaN where that is 0.
  double relative() const;
};

/// The trial of the defaults: the first with origin "default"; -1: none. `most`: look at the first so many.
std::int64_t default_trial(const study::Study& study, std::int64_t most);

/// One objective's gain of the shown front over trial `from`, which must have a result at the horizon; the
/// front must not be empty. `model`: of this objective; null: without estimates.
Gain gain_over(const Shown& shown, std::int64_t from, std::size_t objective, const EffectModel* model,
               const space::Space& space);

/// "seconds 1.31 s -> 920 ms (-30%): mostly opt=O3 (-18%), march=native (-9%)"
std::string gain_text(const Gain& gain);

/// Members of the shown front that are better than trial `from` in every objective.
std::vector<std::int64_t> better_everywhere(const Shown& shown, std::int64_t from);

}  // namespace hone::run
