#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hone/base/json.h"
#include "hone/base/numbers.h"
#include "hone/run/landscape.h"

namespace hone::run {

/// A search over a landscape with a cache before the evaluations.
struct Replay {
  std::string searcher = "regularized_evolution";
  Json searcher_options = Json::object();
  /// Evolution as it was published, which proposes a config again as it comes, instead of a searcher of hone
  /// behind hone's engine, which passes none on twice. Options population (100), sample (10) and changes (1).
  bool published = false;
  std::string policy = "reuse";  ///< off, reuse, forget, average, count; config: reuse by config alone
  double forget = 0.1;           ///< of `forget`: the probability that a use drops the entry
  std::int64_t evaluations = 5;  ///< of `average`: so many a function
  LandscapeProbe probe = {};
  bool recorded_noise = false;  ///< an evaluation is one of the recorded seeds, rather than their mean
  double noise = 0.0;  ///< standard deviation of what is added to an evaluation, in the metric's unit
  std::int64_t proposals = 2000;
  std::uint64_t seed = 0;
};

struct Replayed {
  std::int64_t proposals = 0;
  std::int64_t evaluations = 0;  ///< paid
  /// Proposals that took a known result; repeats of a config, which hone's engine never passes on, among
  /// them under every policy.
  std::int64_t hits = 0;
  std::int64_t collisions = 0;  ///< hits whose function is another than that of the design known
  /// True value (Landscape::value) of the design that is held for the best at the end: by its result; under
  /// `average` by its function's posterior mean.
  double quality = kInfinity;
  /// (evaluations paid, true value of the design held for the best), at every change.
  std::vector<std::pair<std::int64_t, double>> curve;

  /// Evaluations paid until the design held for the best was at least so good; infinite: never.
  double evaluations_to(double value) const;
};

/// Runs it: one worker, the real engine under the virtual clock. A function of its arguments.
Replayed replay(const Landscape& landscape, const Replay& replay);

}  // namespace hone::run
