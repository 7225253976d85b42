#include "hone/run/job.h"

#include <cmath>
#include <new>
#include <stdexcept>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/units.h"

namespace hone::run {

using study::TrialState;

namespace {

class JobReporter final : public task::Reporter {
 public:
  JobReporter(Optimizer& optimizer, const Job& job, std::function<bool()> interrupted)
      : optimizer_(optimizer), job_(job), interrupted_(std::move(interrupted)) {}
  Verdict report(std::int64_t fidelity, const study::Measures& measures) override {
    // A task that began again tells what stands already.
    if (fidelity <= job_.from) return Verdict::go_on;
    // The task's fault, not the design's.
    if (fidelity > job_.to)
      throw std::runtime_error(
          fmt::format("its task reported at {}, and was to run to {}", fidelity, job_.to));
    // There it ends, whatever is said of it, and its end may tell more.
    if (fidelity == job_.to) {
      last_.merge(measures);
      return Verdict::go_on;
    }
    switch (optimizer_.report(job_, fidelity, measures)) {
      case schedule::Scheduler::Verdict::go_on:
        return Verdict::go_on;
      case schedule::Scheduler::Verdict::pause:
        return Verdict::pause;
      case schedule::Scheduler::Verdict::stop:
        break;
    }
    return Verdict::stop;
  }
  bool interrupted() override { return interrupted_ && interrupted_(); }
  /// A result at the target, with what was reported there.
  study::Measures with_last(const study::Measures& measures) const {
    study::Measures all = measures;
    for (const auto& [name, value] : last_.entries())
      if (!all.find(name)) all.add(name, value);
    return all;
  }

 private:
  Optimizer& optimizer_;
  const Job& job_;
  study::Measures last_;  // reported at the target
  std::function<bool()> interrupted_;
};

/// Whether something can have cost that much.
bool is_cost(double value) { return std::isfinite(value) && value >= 0.0; }

/// What is wrong with how far a run says that it got; "" where nothing is, or where it does not say. One that
/// found a checkpoint of an earlier attempt may be ahead of the stop, though not of the target.
std::string wrong_fidelity(const task::Outcome& outcome, std::int64_t stop, std::int64_t target,
                           const std::string& unit) {
  const bool right = outcome.fidelity == 0 || (outcome.fidelity >= stop && outcome.fidelity <= target);
  if (outcome.ending != task::Ending::reached || right) return "";
  return fmt::format("it was to be evaluated at {} {}, and says that it reached {}", stop, unit,
                     outcome.fidelity);
}

/// Runs a trial to its target; a task that reports nothing by itself is stopped and measured on the way where
/// the scheduler wants to judge.
task::Outcome run_in_stages(const StudyFile& file, const Optimizer& optimizer, task::Evaluator& evaluator,
                            task::Assignment assignment, task::Reporter& reporter) {
  std::vector<std::int64_t> stops;
  if (!file.task->reports())
    for (const std::int64_t stop : optimizer.scheduler().watched())
      if (stop > assignment.from && stop < assignment.to) stops.push_back(stop);
  stops.push_back(assignment.to);
  const std::int64_t began = assignment.from;
  study::Curve curve;
  study::Measures took;
  for (const std::int64_t stop : stops) {
    assignment.to = stop;
    task::Outcome outcome = evaluator.run(assignment, reporter);
    curve.insert(curve.end(), outcome.curve.begin(), outcome.curve.end());
    for (const auto& [name, value] : outcome.took.entries())
      if (is_cost(value)) took.set(name, took.find(name).value_or(0.0) + value);
    if (const std::string wrong = wrong_fidelity(outcome, stop, stops.back(), file.task->fidelity_unit());
        !wrong.empty()) {
      outcome.ending = task::Ending::failed;
      outcome.cause = "error";
      outcome.reason = wrong;
      outcome.fidelity = began;  // nobody knows
    }
    bool ends = outcome.ending != task::Ending::reached || stop == stops.back();
    if (!ends) {
      const auto verdict = reporter.report(stop, outcome.measures);
      ends = verdict != task::Reporter::Verdict::go_on;
      if (verdict == task::Reporter::Verdict::stop) outcome.ending = task::Ending::stopped;
      if (verdict == task::Reporter::Verdict::pause) outcome.ending = task::Ending::paused;
    }
    if (ends) {
      outcome.curve = std::move(curve);
      outcome.took = std::move(took);
      return outcome;
    }
    assignment.from = stop;
  }
  return {};  // there is always a last stop
}

/// What a run without a result told that it cost, less what a budget cannot count: that is then taken at the
/// mean price.
study::Measures costs_told(const StudyFile& file, const study::Measures& told) {
  study::Measures costs;
  for (const auto& [name, value] : told.entries())
    if (!file.budget.spend.find(name) || is_cost(value)) costs.add(name, value);
  return costs;
}

}  // namespace

std::optional<Optimizer::Told> run_job(const StudyFile& file, Optimizer& optimizer,
                                       task::Evaluator& evaluator, Signer& signer, const Job& job,
                                       const WorkerOptions& options,
                                       const std::function<bool()>& interrupted) {
  // What proposing it took is its own.
  const double began = monotonic_s() - signer.unbilled_s();
  const auto spent = [&] { return monotonic_s() - began; };
  bool begun = false;
  try {
    const study::Trial& trial = optimizer.study().trial(job.trial);
    // A replicate is there to be evaluated, whatever is known.
    if (trial.of < 0 && settle_without_running(file, optimizer, evaluator, signer, job, began, interrupted))
      return std::nullopt;
    const task::Assignment assignment{trial,
                                      job.from,
                                      job.to,
                                      optimizer.scheduler().schedule_horizon(),
                                      checkpoint_path(optimizer.study().store(), job.trial),
                                      trial_folder(optimizer.study().store(), job.trial),
                                      options.cores,
                                      options.gpus};
    JobReporter reporter(optimizer, job, interrupted);
    begun = true;
    task::Outcome outcome = run_in_stages(file, optimizer, evaluator, assignment, reporter);
    // A task that cannot tell how far it got says where it began: then nobody knows.
    const auto reached = outcome.fidelity > job.from ? std::optional(outcome.fidelity) : std::nullopt;
    switch (outcome.ending) {
      case task::Ending::reached: {
        outcome.measures = reporter.with_last(outcome.measures);
        const study::Measures all = optimizer.whole_result(job, outcome.measures);
        std::string missing;
        for (const auto& objective : file.objectives)
          if (!all.find(objective.name)) missing = objective.name;
        if (!missing.empty())
          optimizer.end(job, TrialState::failed, task::missing_reason(missing, all, outcome.unread), spent(),
                        outcome.curve, false, "missing", job.to, costs_told(file, all), outcome.took);
        else if (const std::string violation = broken_limit(file, all, job.to >= optimizer.horizon());
                 !violation.empty())
          optimizer.refuse(job, outcome.measures, violation, spent(), outcome.curve, outcome.took);
        else
          return Optimizer::Told{job, std::move(outcome.measures), spent(), std::move(outcome.curve),
                                 std::move(outcome.took)};
        break;
      }
      case task::Ending::stopped:
        optimizer.end(job, TrialState::pruned,
                      "stopped at " + amount_of(outcome.fidelity, file.task->fidelity_unit()), spent(),
                      outcome.curve, false, "", reached, {}, outcome.took);
        break;
      case task::Ending::paused:
        optimizer.end(job, TrialState::paused, "", spent(), outcome.curve, false, "", {}, {}, outcome.took);
        break;
      case task::Ending::interrupted:
        optimizer.give_back(job, spent(), outcome.curve, outcome.took);
        break;
      case task::Ending::failed:
        optimizer.end(job, TrialState::failed, outcome.reason, spent(), outcome.curve, false, outcome.cause,
                      reached, costs_told(file, outcome.measures), outcome.took);
        break;
    }
  } catch (const Error& error) {
    if (error.fault() == Fault::environment) {
      // The machine's fault, not the trial's: it waits for a better day.
      optimizer.give_back(job, spent());
      throw;
    }
    const bool infeasible = error.fault() == Fault::input;
    // A design that no model can be made of costs nothing.
    optimizer.end(job, infeasible ? TrialState::infeasible : TrialState::failed, error.what(), spent(), {},
                  false, infeasible ? "" : "error",
                  infeasible && !begun ? std::optional(job.from) : std::nullopt);
  } catch (const std::bad_alloc&) {
    optimizer.end(job, TrialState::failed, "out of memory", spent(), {}, false, "memory");
  } catch (const std::exception& error) {
    const std::string what = error.what();
    optimizer.end(job, TrialState::failed, what.substr(0, what.find('\n')), spent(), {}, false, "error");
  } catch (...) {
    optimizer.end(job, TrialState::failed, "threw what is no std::exception", spent(), {}, false, "error");
  }
  return std::nullopt;
}

}  // namespace hone::run
