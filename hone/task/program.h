#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/task/task.h"

namespace hone::task {

/// How a trial is evaluated by a function alone. It takes (const Assignment&, Reporter&) and, where it wants
/// the task's options, (const Assignment&, Reporter&, const Options&), and returns an Outcome. Called in a
/// worker process, one trial at a time, many trials a process. An exception out of it fails the trial: see
/// hone/run/worker.h.
class OwnRun {
 public:
  using Function = std::function<Outcome(const Assignment&, Reporter&, const Options&)>;

  OwnRun() = default;
  template <typename F>
  requires(std::is_invocable_r_v<Outcome, F&, const Assignment&, Reporter&, const Options&>)
      OwnRun(F function)
      : function_(std::move(function)) {}
  template <typename F>
  requires(std::is_invocable_r_v<Outcome, F&, const Assignment&, Reporter&>) OwnRun(F function)
      : function_([function = std::move(function)](const Assignment& assignment, Reporter& reporter,
                                                   const Options&) mutable -> Outcome {
          return function(assignment, reporter);
        }) {}

  explicit operator bool() const { return static_cast<bool>(function_); }
  Outcome operator()(const Assignment& assignment, Reporter& reporter, const Options& options) const {
    return function_(assignment, reporter, options);
  }

 private:
  Function function_;
};

/// A task of one's own in C++. A program that hands some of them to hone::worker_main is named by a study
/// file as [task] kind = "program", program = "./mine". Either `run` says how a trial is evaluated, and
/// `measures` and `fidelity_unit` what comes out; or make_task and make_evaluator give the full interfaces of
/// hone/task/task.h (a graph, costs before training, a probe), and those answer instead.
struct OwnTask {
  std::string name = {};     ///< what [task] name = "..." says where a program holds several
  std::string summary = {};  ///< one sentence
  std::vector<MeasureInfo> measures = {};
  std::vector<OptionSpec> options = {};  ///< what [task] options = {...} takes
  std::string fidelity_unit = "steps";   ///< what Assignment::from and to count
  std::string fidelity_note = {};        ///< what a user must know to choose the scheduler's steps
  Task::Needs needs = {};                ///< cores and GPUs of a trial's own, and its time to save
  /// What results depend on beside config, seed and options: a version, a hash of the data. A study goes on
  /// only where it is the same. "": the hash of the program's file, so that a program built anew begins anew.
  std::string identity = {};
  /// Throws Error where the space's parameters mean nothing to the task. Empty: any space will do.
  std::function<void(const space::Space&)> check = {};
  OwnRun run = {};
  MakeTask make_task = {};
  MakeEvaluator make_evaluator = {};
};

/// Makes this process the one that evaluates these tasks: the task kind "program" is then one of them, made
/// here, whatever file the study names. Throws Error where a task lacks a name, a measure or a way to run, or
/// two have one name. Once, before any study file is read.
void serve_own_tasks(std::vector<OwnTask> tasks);
const std::vector<OwnTask>& own_tasks();  ///< those served here; empty in every other program

/// What PROGRAM describe prints: {"hone": VERSION, "tasks": [...]}; docs/formats.md has it in prose.
Json describe_own_tasks();
/// What PROGRAM describe NAME OPTIONS FOLDER prints: {"hone": VERSION, "task": {...}}, the task with these
/// options. Throws Error.
Json describe_own_task(const std::string& name, const Json& options, const std::string& folder);

}  // namespace hone::task
