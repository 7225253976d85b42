#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hone/base/json.h"
#include "hone/identity/collisions.h"
#include "hone/identity/policy.h"
#include "hone/run/suite.h"
#include "hone/study/study.h"

namespace hone::run {

/// What to run on a problem.
struct Simulation {
  std::string searcher = "auto";
  Json searcher_options = Json::object();
  /// "fixed" without options gets { steps = the problem's horizon }.
  std::string scheduler = "fixed";
  Json scheduler_options = Json::object();
  std::uint64_t seed = 0;                      ///< of the study
  std::int64_t workers = 1;                    ///< 1 to 100,000
  std::optional<std::int64_t> trials = {};     ///< budget in new trials
  std::optional<std::int64_t> proposals = {};  ///< the same with repeats of known configs
  std::optional<double> time_s = {};           ///< budget in virtual seconds; what ends later is not seen
  std::optional<std::int64_t> fidelity =
      {};                       ///< budget in units of fidelity; see Optimizer::Setup::max_steps
  std::int64_t replicates = 1;  ///< see Optimizer::Setup
  /// How often a running trial reports: 0: at the scheduler's rungs and where else it
  /// wants to judge; n > 0: also every n units.
  std::int64_t report_every = 0;
  /// The measure that says what an evaluation costs, for searchers that spare it; "": its virtual seconds.
  std::string cost = {};
  /// What is done with candidates whose function is known, by the problem's probes (a problem without probes
  /// knows none). Its costs are told before the evaluation, and what they break a limit with is not
  /// evaluated.
  identity::Settings identity = identity::Policy::off;
  double probe_s = 0.0;  ///< virtual seconds that a functional key takes
  /// Limits are foreseen (Foresight), and costs that are known before evaluating are measured and judged
  /// first, also without keys.
  bool foresee = false;
  std::optional<std::int64_t> jobs = {};  ///< so many are begun at most; a guard, of which no searcher knows
  /// Asked before each proposal: where it says so, simulate() throws.
  std::function<bool()> interrupted = {};
};

/// One thing that became known, at the virtual time when it did.
struct Observation {
  double time_s = 0.0;
  std::int64_t trial = 0;
  std::int64_t fidelity = 0;        ///< at which the values are; of a failure, where it began
  study::Measures measures = {};    ///< empty where it failed
  study::TrialState state = {};     ///< after it; running: an intermediate report
  bool at_horizon = false;          ///< counts for regret
  bool reused = false;              ///< it took the results of another one of the same function
  std::int64_t spent_fidelity = 0;  ///< by all trials together up to now, that of failed ones included
};

/// What a simulation gave. A plain value.
struct Simulated {
  std::vector<Observation> observations;  ///< by time, then worker
  std::vector<space::Config> configs;     ///< by trial
  std::int64_t trials = 0;                ///< proposed
  double time_s = 0.0;                    ///< virtual time of the last observation
  bool exhausted = false;                 ///< nothing more to propose, before the budget was spent
  std::string journal_key;                ///< hash of the whole journal: equal for equal runs
  std::int64_t horizon = 1;
  study::Study::Saved saved;  ///< in virtual seconds
  /// Trials on the front, by the first objective, with what their evaluations count together.
  std::vector<std::pair<std::int64_t, study::Measures>> front;
  /// Of limits that were foreseen: what was predicted of a candidate, and what was measured then.
  std::vector<std::pair<double, double>> foreseen;
  std::int64_t costs_measured = 0;                 ///< candidates whose costs were measured before evaluating
  std::optional<identity::Collisions> collisions;  ///< with policy `count`
};

/// Runs a searcher and a scheduler against a problem with `workers` workers under a virtual clock: the real
/// Optimizer over a journal in memory, whose clock is the simulation's. An evaluation takes its recorded
/// seconds of virtual time and microseconds of real time; results, reports and prunings reach the engine in
/// the order in which they would have come, by virtual time and then by worker. What comes at the same
/// instant is told before anybody asks again. Asking takes no virtual time.
///
/// Deterministic: equal problem, simulation and binary give equal observations and an equal journal, bit for
/// bit. Needs a budget (trials, time_s or fidelity) or a finite space. Throws Error where the searcher or
/// scheduler is unknown or wants another problem (rungs beyond the horizon), and Error (environment)
/// "interrupted". Thread safe: several may run at once on one problem.
Simulated simulate(const Problem& problem, const Simulation& simulation);

/// The best first objective (as measured, within limits and at the horizon) after each observation that has
/// one: (virtual time, value), strictly improving. What anytime curves are made of.
struct Best {
  double time_s = 0.0;
  std::int64_t evaluations = 0;  ///< results at the horizon or failures up to then, the present one included
  double value = 0.0;
};
std::vector<Best> best_so_far(const Problem& problem, const Simulated& simulated);
/// The hypervolume of what was found up to each observation at the horizon that raised it, from
/// problem.reference().
std::vector<Best> hypervolume_so_far(const Problem& problem, const Simulated& simulated);

}  // namespace hone::run
