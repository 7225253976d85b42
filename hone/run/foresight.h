#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hone/cost/forecast.h"
#include "hone/graph/graph.h"
#include "hone/search/surrogate.h"
#include "hone/study/objective.h"
#include "hone/study/trial.h"

namespace hone::run {

/// A limit whose measure is predicted, until it is measured.
struct Foreseen {
  study::Limit limit;
  bool before = false;  ///< measured before training; false: only an evaluation tells
};

/// Says of candidates which limits they will break, by what trials so far came to: a cost::Forecast for each
/// limit, over the space's parameters and, where a task knows the model of a config, what the model's
/// canonical graph holds (operations, bytes, parameters, nodes, longest path).
///
/// Where the cost is measured before training, a candidate is turned away unmeasured only where it breaks the
/// limit with a probability over kSure. Where only an evaluation tells, it is turned away where breaking is
/// likelier than keeping; but in doubt (up to kDoubt) it is evaluated as long as those that broke a limit
/// stay below the share `risk` of all evaluated. So that a forecast that is wrong is found out, after 32, 64,
/// 128, ... candidates turned away in a row the next is let through; and as long as nothing measured has kept
/// the limits, so that it is not known where they can be kept, every fourth that would be turned away.
///
/// A function of the journal's changes, in order. Not thread safe.
class Foresight {
 public:
  static constexpr double kSure = 0.99;
  static constexpr double kDoubt = 0.9;

  using GraphOf = std::function<std::optional<graph::Graph>(const space::Config&)>;
  /// `horizon`: the fidelity whose results count. `graph_of` may be empty, and may throw Error.
  Foresight(const space::Space& space, std::vector<Foreseen> foreseen, std::int64_t horizon, GraphOf graph_of,
            double risk = 0.015);
  ~Foresight();
  Foresight(const Foresight&) = delete;
  Foresight& operator=(const Foresight&) = delete;

  bool empty() const { return foreseen_.empty(); }
  /// One step of the study: what it measured is learned.
  void update(const study::Change& change);

  struct Judgement {
    study::Measures predicted =
        {};  ///< by study::predicted_name(), for the limits that `known` does not tell
    /// Why the candidate is turned away, for people: "latency_s will be 3.1 ms ..."; "" where it is not.
    std::string violation = {};
  };
  /// `known`: what is known of the candidate already.
  Judgement judge(const space::Config& config, const study::Measures& known);

 private:
  struct One;
  std::vector<double> row(const space::Config& config) const;
  /// Whether the trial tells all that is foreseen and keeps the limits on it.
  bool keeps(const study::Change& change) const;

  search::Moves moves_;
  search::Coding coding_;
  std::int64_t horizon_;
  GraphOf graph_of_;
  double risk_;
  std::vector<std::unique_ptr<One>> foreseen_;
  std::int64_t evaluated_ = 0, broken_ = 0;  ///< of those whose cost only an evaluation told
  std::int64_t in_a_row_ = 0;                ///< turned away since the last that was let through
  std::int64_t let_through_at_ = 32;
  bool kept_ = false;  ///< something measured has kept all foreseen limits
};

}  // namespace hone::run
