#pragma once

#include <functional>
#include <optional>
#include <string>

#include "hone/run/progress.h"
#include "hone/run/study_file.h"

namespace hone::run {

struct SuperviseOptions {
  std::string store_url;               ///< empty: the study's default
  std::int64_t workers = 0;            ///< 0: as the study file says, else as many as cores and GPUs allow
  std::optional<std::int64_t> trials;  ///< overrides the file's budget
  std::optional<std::int64_t> steps = {};  ///< likewise
  std::optional<double> time_s;  ///< seconds more for this session, instead of what the file's budget leaves
  std::string worker_program;    ///< see run::worker_program
  std::function<bool()> interrupted;                 ///< Ctrl-C
  std::function<void(const std::string&)> say = {};  ///< something that the user should know, a line or some
  std::function<bool()> killed;                      ///< a second Ctrl-C: do not wait for workers
};

struct SuperviseResult {
  enum class End { finished, budget, interrupted } end = End::finished;
  std::string why;  ///< in words: "the time budget is spent"
};

/// Runs a study on this machine: creates or resumes it, starts the workers (processes that die with this
/// one), restarts one that crashed, watches the budget, draws progress, and stops them when the time is up,
/// when the study is finished or when interrupted: they save their trials within two seconds, or the time
/// that the task needs for it. Each worker gets the cores and GPUs that the task wants for a trial, its own
/// as far as they go round. Throws Error where the store holds a different study (naming what changed), where
/// workers cannot start, where the machine lacks what a trial needs, or where trial after trial fails because
/// it does not report an objective.
SuperviseResult supervise(const StudyFile& file, const SuperviseOptions& options, Progress& progress);

/// How many workers run on this machine where neither the study file nor the command line says. Throws Error
/// where the machine is too small for what a trial needs.
std::int64_t workers_here(const StudyFile& file);

}  // namespace hone::run
