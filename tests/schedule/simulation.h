#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hone/schedule/scheduler.h"

namespace hone::schedule {

/// A study in miniature: trials that a scheduler asks for, run by hand, with all that it was told kept for
/// another.
struct Simulation {
  explicit Simulation(std::unique_ptr<Scheduler> made, std::size_t objectives = 1)
      : scheduler(std::move(made)) {
    for (std::size_t i = 0; i < objectives; ++i)
      names.push_back({std::string(1, static_cast<char>('a' + i)), true});
  }

  void tell(study::Change::Kind kind, const study::Trial& trial, const study::Result* result = nullptr) {
    log.push_back({kind, trial, result == nullptr ? std::nullopt : std::optional(*result)});
    scheduler->update({kind, &trial, result});
  }
  study::Trial& start(const Scheduler::Job& job) {
    if (job.trial < 0) {
      study::Trial fresh;
      fresh.id = static_cast<std::int64_t>(trials.size());
      trials.push_back(fresh);
      tell(study::Change::Kind::created, trials.back());
    }
    study::Trial& trial = job.trial < 0 ? trials.back() : trials[static_cast<std::size_t>(job.trial)];
    units += job.fidelity - (trial.last() == nullptr ? 0 : trial.last()->fidelity);
    trial.state = study::TrialState::running;
    trial.target = job.fidelity;
    ++trial.attempts;
    tell(study::Change::Kind::started, trial);
    return trial;
  }
  void set_state(study::Trial& trial, study::TrialState state) {
    trial.state = state;
    tell(state == study::TrialState::deleted ? study::Change::Kind::deleted : study::Change::Kind::state,
         trial);
  }
  void report(study::Trial& trial, std::int64_t fidelity, const std::vector<double>& values) {
    study::Result result{fidelity, {}};
    for (std::size_t i = 0; i < values.size(); ++i) result.measures.set(names[i].name, values[i]);
    trial.results.push_back(result);
    tell(study::Change::Kind::result, trial, &result);
  }
  void finish(study::Trial& trial, const std::vector<double>& values) {
    report(trial, trial.target, values);
    set_state(trial, scheduler->reached(trial, trial.target));
  }
  /// Takes one job and runs it to its end; nullopt where there is none.
  template <typename Evaluate>
  std::optional<Scheduler::Job> step(bool may_create, const Evaluate& evaluate) {
    const auto job = scheduler->next(may_create);
    if (!job) return std::nullopt;
    study::Trial& trial = start(*job);
    finish(trial, evaluate(trial));
    return Scheduler::Job{trial.id, job->fidelity};
  }
  /// Tells another scheduler all that this one was told, and goes on with it.
  void go_on_with(std::unique_ptr<Scheduler> other) {
    scheduler = std::move(other);
    for (const auto& told : log)
      scheduler->update({told.kind, &told.trial, told.result ? &*told.result : nullptr});
  }

  struct Told {
    study::Change::Kind kind;
    study::Trial trial;
    std::optional<study::Result> result;
  };
  std::unique_ptr<Scheduler> scheduler;
  std::vector<study::Objective> names;
  std::deque<study::Trial> trials;
  std::vector<Told> log;
  std::int64_t units = 0;
};

inline Problem problem_of(std::size_t objectives) {
  Problem problem;
  for (std::size_t i = 0; i < objectives; ++i)
    problem.objectives.push_back({std::string(1, static_cast<char>('a' + i)), true});
  return problem;
}

}  // namespace hone::schedule
