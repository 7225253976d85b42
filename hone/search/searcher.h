#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hone/base/numbers.h"
#include "hone/base/options.h"
#include "hone/base/registry.h"
#include "hone/base/rng.h"
#include "hone/search/prior.h"
#include "hone/space/space.h"
#include "hone/study/journal.h"
#include "hone/study/objective.h"
#include "hone/study/trial.h"

namespace hone::search {

/// The key under which what a config computes is known to the study: its functional key; where it has none
/// its structural one; nullopt: it is known by itself alone. Deterministic, and the same in every process
/// that read the same journal. May take as long as a task's probe: ask for it in `ask` only, a bounded number
/// of times.
using SignatureOf = std::function<std::optional<Key>(const space::Config&)>;

/// What a searcher is made for. Lives as long as the searcher.
struct Problem {
  space::Space space;
  std::vector<study::Objective> objectives;
  std::uint64_t seed = 0;
  std::vector<study::Limit> limits = {};  ///< on measures of a result; costs may be known before it
  /// Measures that say what a candidate costs rather than how good it is: see breaks_limits.
  std::vector<std::string> costs = {};
  std::int64_t horizon = 1;              ///< the largest fidelity: where the front is
  std::vector<std::int64_t> rungs = {};  ///< fidelities at which trials rest, ascending; empty: horizon alone
  /// Trials may rest or be stopped below the horizon, so that most results are of lower fidelities.
  bool partial = false;
  std::optional<std::int64_t> max_trials = {};  ///< the study's budget, where it is one of trials
  /// The measure that says what a trial's evaluation costs; "": the seconds it took (Trial::spent_s).
  std::string cost = {};
  Prior prior = {};                         ///< where the user believes good values lie
  std::vector<study::WarmStudy> warm = {};  ///< earlier studies; bring their configs here by space.adopt
  SignatureOf signature = {};               ///< may be empty: every config is known by itself alone
};

/// What the evaluations of a trial cost so far: problem.cost's value in its last result, or its seconds. NaN
/// where it is not known (yet). Trial::spent_s is told with the change of state that follows a result.
double cost_of(const Problem& problem, const study::Trial& trial);
/// By how much a result breaks the limits: one number a limit, in the limit's unit, above 0 where it is
/// broken, NaN where the measure is missing. A limit with max and min gives the larger of its two.
std::vector<double> violations(const Problem& problem, const study::Measures& measures);
/// Whether a limit's measure is there, but says nothing: it is NaN or infinite.
bool lacks_limit(const Problem& problem, const study::Measures& measures);
/// Those of the violations by which a trial with this result is out, however far it goes; 0 in place of
/// others. At the horizon every limit counts. Below it those on costs do (problem.costs, and what was known
/// of the trial before training): a dearer design stays dear, while quality may still come.
std::vector<double> lasting_violations(const Problem& problem, const study::Trial& trial,
                                       const study::Result& result);
/// Whether there are any.
bool breaks_limits(const Problem& problem, const study::Trial& trial, const study::Result& result);

/// Proposes configs. A searcher is a pure function of the changes it was told, in order, and of the seed: the
/// same journal gives the same proposals in any process. It keeps its own incremental state; ask never walks
/// the history. Not thread safe.
class Searcher {
 public:
  virtual ~Searcher() = default;

  /// One step of the study, each exactly once, in the journal's order. Results carry Measures; orient them
  /// with study::oriented(problem.objectives, ...). A trial that failed, is infeasible or whose values are
  /// NaN is never a good one.
  virtual void update(const study::Change& change) = 0;

  /// Whether what it proposes depends on results. One that does not may be asked for several at once.
  virtual bool learns() const { return true; }

  /// The fidelity at which the next asks' trials will begin; 0: as usual. Set by the engine before ask.
  void aim_at(std::int64_t fidelity) { aim_ = fidelity; }

  /// A feasible canonical config for trial `number`. `attempt` counts repeated asks for the same number (the
  /// last proposal was a config already known): it must lead to another draw. nullopt: the searcher has
  /// nothing more to propose (a grid or a finite space is exhausted).
  virtual std::optional<space::Config> ask(std::int64_t number, int attempt) = 0;

  /// The log of the improvement that the model expected of the last proposal, in deviations of the results as
  /// it models them; NaN: not known.
  virtual double log_expected() const { return kNaN; }

 protected:
  std::int64_t aim() const { return aim_; }

 private:
  std::int64_t aim_ = 0;
};

/// Kind "searcher" in the registry.
using MakeSearcher = std::function<std::unique_ptr<Searcher>(const Problem&, const Options&)>;

/// Makes a registered searcher, guided by problem.prior and problem.warm where there are any. Throws Error
/// (at `place`) where the name is unknown.
std::unique_ptr<Searcher> make_searcher(const std::string& name, const Problem& problem,
                                        const Options& options, const Place& place = {});
/// The same with default options overridden by `given`.
std::unique_ptr<Searcher> make_searcher(const std::string& name, const Problem& problem,
                                        const Json& given = Json::object());

}  // namespace hone::search
