#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/cost/machine_lock.h"
#include "hone/cost/memory.h"
#include "hone/learn/training.h"
#include "hone/task/command_log.h"
#include "hone/task/task.h"

namespace hone::learn {

// What a probe of a design trains, whatever the task.
inline constexpr std::int64_t kProbeSteps = 3;
inline constexpr std::uint64_t kProbeSeed = 20260101;

/// After so many everything that a step needs has been there: gradients, the optimiser's state, tables.
constexpr std::int64_t kFirstSteps = 2;

/// The memory that a design takes to train, whatever earlier trials left and the allocator keeps. Made before
/// the design is built. One at a time a process.
class TrainingMemory {
 public:
  /// By how many bytes memory has grown, after kFirstSteps steps.
  double measured() const { return static_cast<double>(whole_.growth_bytes()); }
  /// The same with steps that are taken for its sake, whatever else was done before.
  double measured_by(const std::function<void()>& steps) const {
    const cost::PeakMemory apart;
    steps();
    const std::uint64_t peak = apart.peak_bytes();
    return peak > whole_.start_bytes() ? static_cast<double>(peak - whole_.start_bytes()) : 0.0;
  }
  /// The allocator is free to keep what it likes, since nothing is measured any more.
  void done() { returned_.reset(); }

 private:
  std::optional<cost::LargeBlocksReturned> returned_{std::in_place};
  cost::PeakMemory whole_;
};

/// What differs between tasks when a trial is trained.
struct TrainingRun {
  std::int64_t steps_per_unit = 1;  ///< of fidelity
  double nats = 1.0;                ///< of a unit of the curve's losses: ln 2 for bits
  /// Why training ends at a step whose loss is finite; "" where it goes on. May be empty.
  std::function<std::string(double loss, std::int64_t step)> fault = {};
  /// The measures of what was trained, but for memory_bytes and train_s, given the mean loss of the last
  /// steps in the curve's unit. Not finite where it has diverged. Asked under the machine's lock.
  std::function<study::Measures(double tail, const std::function<bool()>& interrupted)> judge;
};

/// A killed worker loses no more than this.
constexpr double kSaveEvery_s = 30.0;

/// A checkpoint that cannot be used is put aside, so that the trial starts anew rather than fail, and its log
/// says why.
inline void put_aside(const task::Assignment& assignment, const Error& error) {
  constexpr std::int64_t kLogBytes = std::int64_t{1} << 20;
  const std::string aside = assignment.checkpoint + ".unusable";
  std::error_code code;
  std::filesystem::rename(assignment.checkpoint, aside, code);
  if (assignment.folder.empty()) return;
  std::filesystem::create_directories(assignment.folder, code);
  const study::Trial& trial = assignment.trial;
  task::CommandLog log(assignment.folder + "/output.log", kLogBytes);
  log.note(fmt::format(
      "attempt {}, worker {}, from 0 to {}: it begins anew, for its checkpoint is put aside ({}): {}",
      trial.attempts, trial.worker.substr(0, trial.worker.find('.')), assignment.to, aside, error.what()));
  log.finish();
}

/// Trains from the trial's checkpoint, where it has one, to where it is assigned, and judges. What is trained
/// is of no use afterwards. `memory` is older than the training.
///
/// The memory that the trial takes is measured over the first kFirstSteps steps of the first run that takes
/// so many, and later ones find it in the checkpoint; where no run did, over further steps at the end.
inline task::Outcome run_training(Training& training, const task::Assignment& assignment,
                                  task::Reporter& reporter, cost::MachineLock& lock, TrainingMemory& memory,
                                  const TrainingRun& run) {
  const auto interrupted = [&] { return reporter.interrupted(); };
  if (!assignment.checkpoint.empty() && std::filesystem::exists(assignment.checkpoint)) {
    try {
      training.load(assignment.checkpoint);
    } catch (const Error& error) {
      put_aside(assignment, error);
    }
  }
  task::Outcome outcome;
  const double began = monotonic_s();
  const double before = training.train_s;
  const std::int64_t first = training.steps();
  const std::int64_t last = assignment.to * run.steps_per_unit;
  const std::int64_t every = std::max<std::int64_t>(1, assignment.horizon * run.steps_per_unit / 60);
  // Loss since the last point of the curve, and that point: a run that is resumed reports the same ones.
  double recent = training.notes.value("recent", 0.0);
  std::int64_t recent_steps = training.notes.value("recent_steps", std::int64_t{0});
  double tail = training.notes.value("tail", 0.0);
  // Points of the curve that no journal has yet: a worker that is killed leaves them in the checkpoint.
  Json unsaid = training.notes.value("curve", Json::array());
  for (const Json& point : unsaid) outcome.curve.emplace_back(point.at(0), point.at(1));
  std::optional<double> memory_bytes;
  if (const auto noted = training.notes.find("memory_bytes"); noted != training.notes.end()) {
    memory_bytes = noted->get<double>();
    memory.done();
  }
  const auto save = [&] {
    training.train_s = before + monotonic_s() - began;
    training.notes = {{"recent", recent}, {"recent_steps", recent_steps}, {"tail", tail}, {"curve", unsaid}};
    if (memory_bytes) training.notes["memory_bytes"] = *memory_bytes;
    training.save(assignment.checkpoint);
  };
  const auto finish = [&](task::Ending ending) {
    training.train_s = before + monotonic_s() - began;
    unsaid = Json::array();
    if (!assignment.checkpoint.empty() && (training.steps() != first || !outcome.curve.empty())) save();
    outcome.ending = ending;
    outcome.fidelity = training.steps() / run.steps_per_unit;
    return outcome;
  };
  const auto diverged = [&](const std::string& reason) {
    outcome.ending = task::Ending::failed;
    outcome.cause = "diverged";
    outcome.fidelity = (training.steps() + run.steps_per_unit - 1) / run.steps_per_unit;
    outcome.reason = reason;
    return outcome;
  };
  double saved = began;
  while (training.steps() < last) {
    if (interrupted()) return finish(task::Ending::interrupted);
    train::Trainer::Step step;
    {
      const cost::Working working(lock, interrupted);
      if (!working.held()) return finish(task::Ending::interrupted);
      step = training.step();
    }
    if (!memory_bytes && training.steps() == first + kFirstSteps) {
      memory_bytes = memory.measured();
      memory.done();
    }
    if (!step.finite)
      return diverged(fmt::format("diverged: loss or gradient is not finite at step {}", training.steps()));
    if (run.fault)
      if (const std::string fault = run.fault(step.loss, training.steps()); !fault.empty())
        return diverged(fault);
    recent += step.loss;
    ++recent_steps;
    if (!assignment.checkpoint.empty() && monotonic_s() - saved > kSaveEvery_s) {
      save();
      saved = monotonic_s();
    }
    if (training.steps() % every == 0 || training.steps() == last) {
      tail = recent / static_cast<double>(recent_steps) / run.nats;
      const double reached = static_cast<double>(training.steps()) / static_cast<double>(run.steps_per_unit);
      outcome.curve.emplace_back(reached, tail);
      unsaid.push_back({reached, tail});
      recent = 0.0;
      recent_steps = 0;
    }
  }
  study::Measures measures;
  {
    const cost::Working working(lock, interrupted);
    if (!working.held()) return finish(task::Ending::interrupted);
    measures = run.judge(tail, interrupted);
  }
  if (interrupted()) return finish(task::Ending::interrupted);
  finish(task::Ending::reached);
  for (const auto& [name, value] : measures.entries())
    if (!std::isfinite(value)) return diverged("diverged: validation loss is not finite");
  if (!memory_bytes) {
    // All that is to be kept has been saved.
    const cost::Working working(lock, interrupted);
    if (!working.held()) {
      outcome.ending = task::Ending::interrupted;
      return outcome;
    }
    memory_bytes = memory.measured_by([&] {
      for (std::int64_t i = 0; i < kFirstSteps; ++i) training.step();
    });
  }
  outcome.measures = std::move(measures);
  outcome.measures.set("memory_bytes", *memory_bytes);
  outcome.measures.set("train_s", training.train_s);
  return outcome;
}

}  // namespace hone::learn
