#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/schedule/asha_stopping.h"
#include "hone/schedule/rung.h"
#include "hone/schedule/scheduler.h"
#include "hone/study/front.h"

namespace hone::schedule {
namespace {

/// Asynchronous successive halving (Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys
/// 2020, algorithm 2): whenever something may run, the best trial among the top 1/eta of the highest rung
/// that has one not yet promoted goes on; where there is none a new trial starts at the lowest rung. Several
/// objectives as in Schmucker et al., "Multi-objective Asynchronous Successive Halving", 2021: by
/// non-dominated rank; here ties are broken by crowding distance.
///
/// A rung counts the trials that have a result there, also if the result is NaN or the trial failed or became
/// infeasible later; those rank last and are never promoted, except that what was promoted keeps its place.
/// A trial whose result was reused (same_as) neither counts nor is promoted: its original stands for it, with
/// the better of their values where one costs less, and what the original gains it gains. That a trial was
/// promoted is read from its target, so an interrupted trial keeps its promotion; running it again is the
/// business of whoever finds it waiting.
///
/// Where the study was begun with other rungs, trials may rest between two of these: they count in the lower
/// one, by the result that they have. Those that rest below the first are a rung of their own there.
class Asha : public Scheduler {
 public:
  Asha(const Problem& problem, std::vector<std::int64_t> steps, std::int64_t eta)
      : objectives_(problem.objectives),
        steps_(std::move(steps)),
        rungs_(steps_.size(), Rung(eta)),
        below_(eta) {}

  void update(const study::Change& change) override {
    const study::Trial& trial = *change.trial;
    if (trial.state == study::TrialState::deleted) {
      for (Rung& rung : rungs_) rung.remove(trial.id);
      below_.remove(trial.id);
      return;
    }
    if (change.kind == study::Change::Kind::result)
      for (std::size_t i = 0; i < steps_.size(); ++i) {
        if (steps_[i] != change.result->fidelity) continue;
        auto values = study::oriented(objectives_, change.result->measures);
        if (trial.same_as < 0)
          rungs_[i].report(trial.id, std::move(values));
        else if (rungs_[i].has(trial.same_as) && study::dominates(values, rungs_[i].values(trial.same_as)))
          rungs_[i].report(trial.same_as, std::move(values));
      }
    if (trial.state == study::TrialState::paused && trial.same_as < 0 && trial.last() != nullptr) {
      const auto above = std::lower_bound(steps_.begin(), steps_.end(), trial.last()->fidelity);
      if (above != steps_.end() && *above != trial.last()->fidelity) {
        Rung& rung =
            above == steps_.begin() ? below_ : rungs_[static_cast<std::size_t>(above - steps_.begin()) - 1];
        rung.report(trial.id, study::oriented(objectives_, trial.last()->measures));
      }
    }
    settle(below_, trial, trial.target >= steps_[0]);
    for (std::size_t i = 0; i < steps_.size(); ++i)
      settle(rungs_[i], trial, trial.target >= (i + 1 < steps_.size() ? steps_[i + 1] : steps_[i] + 1));
  }

  std::optional<Job> next(bool may_create) override {
    for (std::size_t i = steps_.size() - 1; i-- > 0;) {
      if (!affordable(steps_[i + 1] - steps_[i])) continue;
      if (const auto trial = rungs_[i].best()) return Job{*trial, steps_[i + 1]};
    }
    if (affordable(steps_[0]))
      if (const auto trial = below_.best()) return Job{*trial, steps_[0]};
    if (may_create && affordable(steps_[0])) return Job{-1, steps_[0]};
    return std::nullopt;
  }

  std::int64_t alike() const override { return std::numeric_limits<std::int64_t>::max(); }

  Verdict judge(const study::Trial&, std::int64_t) override { return Verdict::go_on; }

  study::TrialState reached(const study::Trial&, std::int64_t fidelity) const override {
    return fidelity >= horizon() ? study::TrialState::completed : study::TrialState::paused;
  }

  std::int64_t horizon() const override { return steps_.back(); }
  std::vector<std::int64_t> rungs() const override { return steps_; }

 private:
  static void settle(Rung& rung, const study::Trial& trial, bool promoted) {
    if (!rung.has(trial.id)) return;
    const bool lost =
        trial.state == study::TrialState::failed || trial.state == study::TrialState::infeasible;
    if (trial.same_as >= 0)
      rung.remove(trial.id);
    else if (lost && !promoted)
      rung.disqualify(trial.id);
    else
      rung.set_ready(trial.id, !promoted && trial.state == study::TrialState::paused);
  }

  std::vector<study::Objective> objectives_;
  std::vector<std::int64_t> steps_;
  std::vector<Rung> rungs_;
  Rung below_;  // those that rest below the first rung
};

/// The rungs that the option `steps` means. Throws Error.
std::vector<std::int64_t> rungs_of(const Options& options) {
  const auto steps = options.integers("steps");
  const auto eta = options.integer("eta");
  if (steps.size() < 2)
    throw Error("asha needs at least two fidelities in steps", options.place("steps"),
                "give [smallest, largest], or take scheduler 'fixed' for a single one");
  for (std::size_t i = 1; i < steps.size(); ++i)
    if (steps[i] <= steps[i - 1])
      throw Error(fmt::format("steps must ascend, but {} comes after {}", steps[i], steps[i - 1]),
                  options.place("steps"));
  if (steps.size() > 2) return steps;
  std::vector<std::int64_t> rungs;
  // A rung less than a factor sqrt(eta) below the last would cost nearly as much and sieve again.
  const double enough = static_cast<double>(steps[1]) / std::sqrt(static_cast<double>(eta));
  for (auto rung = steps[0]; rungs.empty() || static_cast<double>(rung) <= enough; rung *= eta) {
    rungs.push_back(rung);
    if (rung > steps[1] / eta) break;  // the next is beyond the last, or beyond 64 bits
  }
  rungs.push_back(steps[1]);
  return rungs;
}

}  // namespace
}  // namespace hone::schedule

HONE_REGISTER(scheduler, asha) {
  using namespace hone;
  registry.add(
      "scheduler",
      MethodInfo{
          .name = "asha",
          .summary = "Asynchronous successive halving: the best 1/eta of every rung go on to the next.",
          .paper = "A System for Massively Parallel Hyperparameter Tuning",
          .options = {{.name = "steps",
                       .type = OptionSpec::Type::integers,
                       .fallback = nullptr,
                       .summary = "fidelities of the rungs, ascending; two values: the smallest and the "
                                  "largest, rungs a factor eta apart between them",
                       .low = 1},
                      {.name = "eta",
                       .type = OptionSpec::Type::integer,
                       .fallback = 3,
                       .summary = "of eta trials one is promoted",
                       .low = 2,
                       .high = 1000},
                      {.name = "type",
                       .type = OptionSpec::Type::text,
                       .fallback = "promotion",
                       .summary =
                           "promotion: trials rest at a rung until they are promoted; stopping: they run "
                           "on unless they report there that they are not among the best",
                       .allowed = {"promotion", "stopping"}},
                      {.name = "measured",
                       .type = OptionSpec::Type::flag,
                       .fallback = true,
                       .summary = "of type stopping: a rung judges only while its order tells something of "
                                  "the next one's, which trials that are let go on show"}},
          .abilities = {.objectives = "several",
                        .constraints = "avoided",
                        .batch = "asynchronous",
                        .fidelity = "rungs a factor eta apart",
                        .ask = "O(log n); several objectives: O(n / eta)",
                        .trials = "any number"}},
      schedule::MakeScheduler([](const schedule::Problem& problem,
                                 const Options& options) -> std::unique_ptr<schedule::Scheduler> {
        if (options.text("type") == "stopping")
          return std::make_unique<schedule::StoppingAsha>(problem, schedule::rungs_of(options),
                                                          options.integer("eta"), options.flag("measured"));
        return std::make_unique<schedule::Asha>(problem, schedule::rungs_of(options), options.integer("eta"));
      }));
}
