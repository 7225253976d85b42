#include <algorithm>
#include <cmath>

#include "hone/base/numbers.h"
#include "hone/schedule/arrivals.h"
#include "hone/schedule/asha_stopping.h"
#include "hone/schedule/hyperband_plan.h"
#include "hone/schedule/rung.h"
#include "hone/schedule/rung_trust.h"
#include "hone/schedule/scheduler.h"
#include "hone/schedule/twins.h"
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
/// Beyond the paper, each an option:
/// - `eager`: the best trial of a rung goes on also while a share 1/eta of its trials is none. The first
///   results at the largest fidelity come eta and more times earlier by that, and few trials are ever the
///   best of a rung when they arrive (the logarithm of their number).
/// - `measured` (one objective): trials begin above the highest rung whose order tells too little of the
///   next one's (RungTrust), and what rests below is not promoted as long as new ones come. That is
///   Hyper-Tune's choice of the first fidelity by measured precision (Li et al., "Hyper-Tune: Towards
///   Efficient Hyper-parameter Tuning at Scale", VLDB 2022, section 4.1), with the recall of the best weighed
///   against cost in place of draws by the ranking losses of models. It is measured on trials that pass a
///   rung unjudged: all at those below the first, and at the first one in RungTrust::every(), which begins a
///   rung higher; the first kFirst trials all begin above the lowest rung. Only rungs are measured whose next
///   one is at most 1 / eta^2 of the whole, so that probes stay cheap. Where trials do not report on their
///   way there is nothing to measure, and all rungs are trusted.
/// - `distinct` (one objective): while trials with exactly the same value at a rung were found to be the
///   same at the next one, too (Twins), one of them stands for the others, which are not promoted and do not
///   count there. Else the best third of a rung fills with the same config over again.
///
/// Beyond the paper, too: where no new trial may come, nothing runs and none is completed at the horizon
/// (what was promoted failed there or broke a limit, or there were too few trials for the quota), the best
/// that rests on the highest rung goes on, whatever the quota: so that there is a front. Of n trials
/// floor(n / eta^i) may be lost on the way to rung i and 16 more, whoever sent them; then it is given up, see
/// Arrivals.
///
/// Where the study was begun with other rungs, trials may rest between two of these: they count in the lower
/// one, by the result that they have. Those that rest below the first are a rung of their own there.
class Asha : public Scheduler {
 public:
  struct Beyond {
    bool measured, eager, distinct;
  };
  Asha(const Problem& problem, std::vector<std::int64_t> steps, std::int64_t eta, const Beyond& beyond)
      : objectives_(problem.objectives),
        steps_(std::move(steps)),
        eta_(eta),
        rungs_(steps_.size(), Rung(eta, beyond.eager ? 1 : 0)),
        arrivals_(steps_.back()),
        below_(eta) {
    if (beyond.distinct && objectives_.size() == 1) twins_.resize(steps_.size() - 1);
    if (!beyond.measured || objectives_.size() > 1) return;
    for (std::size_t i = 0; i + 1 < steps_.size() && steps_[i + 1] <= steps_.back() / (eta * eta); ++i)
      // Trust is lost slowly, since few pass a trusted rung unjudged, and won quickly: it takes evidence.
      trust_.emplace_back(steps_[i], steps_[i + 1], eta, 1.0 / static_cast<double>(eta));
  }

  void update(const study::Change& change) override {
    const study::Trial& trial = *change.trial;
    arrivals_.update(trial);
    if (trial.state == study::TrialState::deleted) {
      for (Rung& rung : rungs_) rung.remove(trial.id);
      below_.remove(trial.id);
      for (std::size_t i = 0; i < twins_.size(); ++i) leave(i, trial.id);
      return;
    }
    if (change.kind == study::Change::Kind::created) ++created_;
    if (change.kind == study::Change::Kind::result && !trust_.empty() && trial.same_as < 0)
      measure(trial, *change.result);
    if (trial.done())
      for (RungTrust& trust : trust_) trust.forget(trial.id);
    if (change.kind == study::Change::Kind::result)
      for (std::size_t i = 0; i < steps_.size(); ++i) {
        if (steps_[i] != change.result->fidelity) continue;
        auto values = study::oriented(objectives_, change.result->measures);
        if (trial.same_as < 0)
          report(i, trial, std::move(values));
        else if (i < twins_.size() && twins_[i].waits(trial.same_as) &&
                 values[0] < twins_[i].value(trial.same_as)) {
          const bool ready = twins_[i].ready(trial.same_as);
          leave(i, trial.same_as);
          count(i, {trial.same_as, values[0], ready});
        } else if (rungs_[i].has(trial.same_as) && study::dominates(values, rungs_[i].values(trial.same_as)))
          rungs_[i].report(trial.same_as, std::move(values));
      }
    if (trial.state == study::TrialState::paused && trial.same_as < 0 && trial.last() != nullptr) {
      const auto above = std::lower_bound(steps_.begin(), steps_.end(), trial.last()->fidelity);
      if (above != steps_.end() && *above != trial.last()->fidelity) {
        const auto lower = static_cast<std::size_t>(above - steps_.begin());
        if (lower > 0 && lower <= twins_.size()) leave(lower - 1, trial.id);
        Rung& rung = lower == 0 ? below_ : rungs_[lower - 1];
        rung.report(trial.id, study::oriented(objectives_, trial.last()->measures));
      }
    }
    settle(below_, trial, trial.target >= steps_[0]);
    const bool lost = trial.state == study::TrialState::failed ||
                      trial.state == study::TrialState::infeasible ||
                      trial.state == study::TrialState::pruned || trial.same_as >= 0;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const bool promoted = trial.target >= (i + 1 < steps_.size() ? steps_[i + 1] : steps_[i] + 1);
      settle(rungs_[i], trial, promoted);
      if (i >= twins_.size()) continue;
      if (lost)
        leave(i, trial.id);
      else
        twins_[i].set_ready(trial.id, !promoted && trial.state == study::TrialState::paused);
    }
  }

  std::optional<Job> next(bool may_create) override {
    // What rests below the first rung goes on once nothing new may come.
    const std::size_t first = this->first(), lowest = may_create ? first : 0;
    for (std::size_t i = steps_.size() - 1; i-- > lowest;) {
      if (!affordable(steps_[i + 1] - steps_[i])) continue;
      if (const auto trial = rungs_[i].best()) return Job{*trial, steps_[i + 1]};
    }
    if (affordable(steps_[0]))
      if (const auto trial = below_.best()) return Job{*trial, steps_[0]};
    if (may_create)
      if (const auto job = fresh(first)) return job;
    return last_resort();
  }

  Verdict judge(const study::Trial&, std::int64_t) override { return Verdict::go_on; }

  study::TrialState reached(const study::Trial&, std::int64_t fidelity) const override {
    return fidelity >= horizon() ? study::TrialState::completed : study::TrialState::paused;
  }

  std::int64_t horizon() const override { return steps_.back(); }
  std::vector<std::int64_t> rungs() const override { return steps_; }
  std::vector<std::int64_t> watched() const override {
    return {steps_.begin(), steps_.begin() + static_cast<std::ptrdiff_t>(trust_.size())};
  }

 private:
  void report(std::size_t i, const study::Trial& trial, std::vector<double> values) {
    const double value = values.empty() ? kNaN : values[0];
    if (i > 0 && i <= twins_.size()) {
      twins_[i - 1].above(trial.id, value, rungs_[i - 1].within(trial.id));
      for (std::size_t j = i - 1; j < twins_.size(); ++j)
        while (const auto twin = twins_[j].release(alike_below(j))) count(j, *twin);
    }
    if (i < twins_.size()) {
      if (twins_[i].value(trial.id) != value) leave(i, trial.id);  // told another before
      if (twins_[i].here(trial.id, value, trial.target > steps_[i], alike_below(i)))
        return rungs_[i].remove(trial.id);
    }
    rungs_[i].report(trial.id, std::move(values));
  }

  bool alike_below(std::size_t i) const {
    bool alike = false;
    for (std::size_t j = 0; j < i; ++j) alike = twins_[j].alike(alike);
    return alike;
  }

  /// A trial counts no longer among the twins of a rung: the next of them does.
  void leave(std::size_t i, std::int64_t trial) {
    if (const auto next = twins_[i].leave(trial)) count(i, *next);
  }

  void count(std::size_t i, const Twins::Waiting& twin) {
    rungs_[i].report(twin.trial, {twin.value});
    rungs_[i].set_ready(twin.trial, twin.ready);
  }

  std::optional<Job> last_resort() {
    if (!arrivals_.idle() || arrivals_.any()) return std::nullopt;
    std::vector<std::int64_t> quota{created_};
    while (quota.size() < steps_.size()) quota.push_back(quota.back() / eta_);
    for (std::size_t i = steps_.size() - 1; i-- > 0;) {
      // What rests lower would have to pass here, too.
      if (arrivals_.given_up(steps_[i], steps_[i + 1], quota[i + 1])) return std::nullopt;
      if (!affordable(steps_.back() - steps_[i])) continue;
      if (const auto trial = rungs_[i].best_of_all()) return Job{*trial, steps_[i + 1]};
    }
    if (const auto trial = below_.best_of_all(); trial && affordable(horizon()))
      return Job{*trial, steps_[0]};
    return std::nullopt;
  }

  /// The rung at which trials begin.
  std::size_t first() const {
    std::size_t first = !trust_.empty() && created_ < kFirst ? 1 : 0;
    for (std::size_t i = first; i < trust_.size(); ++i)
      if (!trust_[i].trusted()) first = i + 1;
    return first;
  }

  std::optional<Job> fresh(std::size_t first) {
    if (first < trust_.size()) {
      const std::int64_t every = trust_[first].every(kProbes);
      const bool is_probe = created_ % every == every - 1;
      if (is_probe && affordable(steps_[first + 1])) return Job{-1, steps_[first + 1]};
    }
    for (std::size_t i = first + 1; i-- > 0;)
      if (affordable(steps_[i])) return Job{-1, steps_[i]};
    return std::nullopt;
  }

  /// Tells the rungs that a report passes what it says of them.
  void measure(const study::Trial& trial, const study::Result& result) {
    const double value = study::oriented(objectives_, result.measures).front();
    for (std::size_t i = 0; i <= trust_.size(); ++i) {
      if (result.fidelity != steps_[i]) continue;
      if (i > 0) trust_[i - 1].goes_on(trial.id, value);
      if (i < trust_.size() && trial.target > result.fidelity) trust_[i].passes(trial.id, value);
    }
  }

  static constexpr std::int64_t kFirst = 12, kProbes = 36;

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
  std::int64_t eta_;
  std::vector<Rung> rungs_;
  std::vector<RungTrust> trust_;  // of the rungs that are measured, from the lowest up
  std::vector<Twins> twins_;      // of each rung but the last; empty: not distinct
  std::int64_t created_ = 0;      // trials
  Arrivals arrivals_;
  Rung below_;  // those that rest below the first rung
};

/// The rungs that the option `steps` means. Throws Error.
std::vector<std::int64_t> rungs_of(const Options& options) {
  const auto steps = ascending_steps(options, "asha");
  const auto eta = options.integer("eta");
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
  std::vector<OptionSpec> options = schedule::rung_options(3);
  options.push_back({.name = "type",
                     .type = OptionSpec::Type::text,
                     .fallback = "promotion",
                     .summary =
                         "promotion: trials rest at a rung until they are promoted; stopping: they run on "
                         "unless they report there that they are not among the best",
                     .allowed = {"promotion", "stopping"}});
  for (OptionSpec& more : schedule::beyond_options()) options.push_back(std::move(more));
  registry.add(
      "scheduler",
      MethodInfo{
          .name = "asha",
          .summary = "Asynchronous successive halving: the best 1/eta of every rung go on to the next.",
          .paper = "A System for Massively Parallel Hyperparameter Tuning",
          .options = std::move(options),
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
        return std::make_unique<schedule::Asha>(problem, schedule::rungs_of(options), options.integer("eta"),
                                                schedule::Asha::Beyond{.measured = options.flag("measured"),
                                                                       .eager = options.flag("eager"),
                                                                       .distinct = options.flag("distinct")});
      }));
}
