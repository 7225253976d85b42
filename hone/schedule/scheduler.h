#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hone/base/options.h"
#include "hone/base/registry.h"
#include "hone/space/space.h"
#include "hone/study/objective.h"
#include "hone/study/trial.h"

namespace hone::schedule {

/// What a scheduler is made for.
struct Problem {
  std::vector<study::Objective> objectives;
  std::uint64_t seed = 0;
  /// What configs are of, for those that look at them. Null: they do without. Used only while one is made.
  const space::Space* space = nullptr;
};

/// Decides how much each trial may spend. Like a searcher it is a pure function of the changes it was told.
/// Fidelity is one integer resource (steps, epochs, rows). Not thread safe.
class Scheduler {
 public:
  enum class Verdict { go_on, pause, stop };
  /// What to run next: trial -1 is a new one.
  struct Job {
    std::int64_t trial = -1;
    std::int64_t fidelity = 0;  ///< run until here
    bool operator==(const Job&) const = default;
  };

  virtual ~Scheduler() = default;

  virtual void update(const study::Change& change) = 0;

  /// What should run now. `may_create`: new trials are within the budget; where they are not, a promotion or
  /// nullopt (nothing to promote at present; a running trial's result may change that). A study's scheduler
  /// may change, the horizon staying: trials that rest where this one has no rung must be able to go on too.
  virtual std::optional<Job> next(bool may_create) = 0;

  /// How many resource units the next job may take; without bound at first. A method that has a cheaper job
  /// gives that instead. Set by the engine before next.
  void allow(std::int64_t units) { allowed_ = units; }

  /// For how many new trials in a row next's answer, which was a new trial, stays the same whatever they come
  /// to, so that they may start together: 1 or more. 1 also where what one comes to decides how another is
  /// judged.
  virtual std::int64_t alike() const { return 1; }

  /// What becomes of a running trial that just reported at `fidelity` (below its target; at the target it
  /// ends anyway), no replicate: those run to their end. The change itself was told by update before. It is
  /// asked after every report of every worker, before anything later is told, and often nobody needs the
  /// answer: asking decides nothing.
  virtual Verdict judge(const study::Trial& trial, std::int64_t fidelity) = 0;

  /// The state of a trial that reached `fidelity`, its target: paused (it may be promoted) or completed.
  virtual study::TrialState reached(const study::Trial& trial, std::int64_t fidelity) const = 0;

  /// The largest fidelity it will ever give: the horizon of learning-rate schedules, and where the front is.
  virtual std::int64_t horizon() const = 0;
  /// The horizon that learning-rate schedules are laid out for: horizon(), unless that may be raised.
  virtual std::int64_t schedule_horizon() const { return horizon(); }
  /// Whether the horizon may be raised while a study goes on: results below it do not depend on it.
  virtual bool raisable() const { return false; }
  /// All fidelities at which trials rest, ascending; the last is horizon().
  virtual std::vector<std::int64_t> rungs() const = 0;
  /// The fidelities below the horizon at which judge wants to be asked, ascending: a task that tells nothing
  /// on its way is stopped and measured there.
  virtual std::vector<std::int64_t> watched() const { return {}; }
  /// Whether the trial may be run further, so that its checkpoint must stay.
  virtual bool resumable(const study::Trial& trial) const { return !trial.done(); }

 protected:
  bool affordable(std::int64_t units) const { return units <= allowed_; }
  std::int64_t allowed() const { return allowed_; }

 private:
  std::int64_t allowed_ = std::numeric_limits<std::int64_t>::max();
};

/// Kind "scheduler" in the registry.
using MakeScheduler = std::function<std::unique_ptr<Scheduler>(const Problem&, const Options&)>;

std::unique_ptr<Scheduler> make_scheduler(const std::string& name, const Problem& problem,
                                          const Options& options, const Place& place = {});
std::unique_ptr<Scheduler> make_scheduler(const std::string& name, const Problem& problem,
                                          const Json& given = Json::object());

}  // namespace hone::schedule
