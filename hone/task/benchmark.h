#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hone/base/key.h"
#include "hone/graph/graph.h"
#include "hone/space/space.h"
#include "hone/study/objective.h"

namespace hone::task {

/// What evaluating a config from nothing up to a fidelity gives.
struct Evaluation {
  study::Measures measures = {};  ///< empty where it failed
  double cost_s = 1.0;         ///< seconds from nothing up to this fidelity, as recorded; finite, 0 or more
  std::string failure = {};    ///< "" where it succeeded; else why, for people: "diverged at step 7"
  std::int64_t failed_at = 0;  ///< the fidelity at which it failed; 0: nobody knows
  bool infinite = false;       ///< it failed for an infinite value, not for want of one
};

/// A problem whose answers are known without training: a recorded table, or a function with a formula.
/// Immutable and thread safe; evaluating takes microseconds.
class Benchmark {
 public:
  virtual ~Benchmark() = default;

  virtual const std::string& name() const = 0;   ///< "fcnet_naval_propulsion", "bbob_f15"
  virtual const std::string& title() const = 0;  ///< for people, with its source where it has one
  virtual const space::Space& space() const = 0;
  virtual const std::vector<study::Objective>& objectives() const = 0;
  virtual const std::vector<study::Limit>& limits() const = 0;
  /// The largest fidelity that can be told apart: 1 where there is but one.
  virtual std::int64_t horizon() const = 0;

  /// `config` must be canonical in space(). `seed` chooses among recorded seeds or draws the noise, where the
  /// benchmark has such. `fidelity` from 1 to horizon(). Throws Error on anything else.
  virtual Evaluation evaluate(const space::Config& config, std::uint64_t seed,
                              std::int64_t fidelity) const = 0;

  /// The first objective's best value at the horizon within the limits, as the objective is (not oriented),
  /// without noise; nullopt: unknown. For several objectives see hypervolume().
  virtual std::optional<double> optimum() const = 0;
  /// The first objective's median at the horizon over the space, where it is known without drawing; nullopt
  /// else.
  virtual std::optional<double> median() const { return std::nullopt; }

  /// The floats of a config's functional signature, as Evaluator::probe gives them: configs whose floats are
  /// equal have values that differ by noise alone. Empty: it has none.
  virtual std::vector<double> probe(const space::Config& /*config*/) const { return {}; }
  /// The measures that are known of a config before it is evaluated, and belong to it alone: what computes
  /// the same may differ in them (latencies).
  virtual study::Measures costs(const space::Config& /*config*/) const { return {}; }
  /// The model that a config describes, whose canonical form is its structural key; nullopt: nobody knows it.
  virtual std::optional<graph::Graph> graph(const space::Config& /*config*/) const { return std::nullopt; }

  /// Several objectives: points of the true front, oriented so that less is better, dense enough to measure
  /// against; empty where it is not known.
  virtual std::vector<std::vector<double>> front() const { return {}; }
  /// Several objectives: the customary point from which hypervolume is measured, oriented; empty: none.
  virtual std::vector<double> reference() const { return {}; }

  /// What one should know of its answers, for people: of costs that were not recorded, say. Empty: nothing.
  virtual std::string note() const { return {}; }

  /// Identifies the recorded values that evaluate() answers from; none of a function, whose values are the
  /// program's.
  virtual Key data_key() const { return {}; }
};

}  // namespace hone::task
