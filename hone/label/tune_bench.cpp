#include "hone/label/tune_bench.h"

#include <algorithm>
#include <cmath>

#include "hone/base/clock.h"
#include "hone/base/error.h"

namespace hone::label {

bool TuneBench::take_original(const std::string& given) {
  program_ = backend_.compile(frontend_.lower(given, file_));
  need_memory(program_->arguments(), file_, 3);
  result_.extents = extents_text(program_->arguments());
  expected_ = std::make_unique<Memory>(program_->arguments(), options_.seed);
  if (!need_runnable(*program_, *expected_, file_, options_.interrupted, options_.call_seconds)) {
    result_.interrupted = true;
    return false;
  }
  program_->call(expected_->pointers());
  work_ = std::make_unique<Memory>(program_->arguments(), options_.seed);
  TuneTrial trial;
  trial.seconds = best_seconds_ = time(*program_);
  if (std::isnan(trial.seconds)) {
    result_.interrupted = true;
    return false;
  }
  result_.trials.push_back(trial);
  return true;
}

double TuneBench::time(const Program& program) {
  work_->fill(options_.seed);
  RunOptions run;
  run.rounds = 1;
  run.repeats = 3;
  run.max_seconds = 0.4;
  run.quiet = options_.quiet;
  run.processor = true;
  return time_program(program, *work_, run, options_.interrupted).seconds;
}

TuneBench::Timed TuneBench::take(const std::string& text, TuneTrial trial) {
  trial.seconds = kNaN;
  // Known, and not compiled again.
  const auto [known, fresh] = texts_.try_emplace(text, kInfinity);
  if (!fresh) return {known->second};
  bool different = false;
  try {
    auto program = backend_.compile(frontend_.lower(text, file_));
    if (program->same_code(*program_)) {  // whatever a stopwatch says
      trial.seconds = known->second = result_.trials.front().seconds;
      result_.trials.push_back(trial);
      return {trial.seconds};
    }
    work_->fill(options_.seed);
    // What never comes back, or crashes, may not take the search along.
    const TrialCall went = trial_call(*program, *work_, std::max(2.0, 20.0 * result_.trials.front().seconds),
                                      options_.interrupted);
    if (went.interrupted) return {};
    trial.failed = went.failed;
    if (!trial.failed.empty()) {
      result_.trials.push_back(trial);
      return {};
    }
    const auto call = [&] {
      const double start = thread_s();
      program->call(work_->pointers());
      return thread_s() - start;
    };
    const double first = call();
    trial.difference = work_->difference(*expected_);
    if (!(trial.difference <= options_.tolerance)) {
      trial.failed = "different";
      different = true;
    } else {
      // What is several times slower need not be timed well; but a first call meets cold caches and pages
      // that the trial's process shared, and a second one caches that are full of what was compared.
      const double hopeless = kHopeless * best_seconds_ + 1e-4;
      trial.seconds = first;
      for (int again = 0; again < 2 && trial.seconds > hopeless; ++again)
        trial.seconds = std::min(trial.seconds, call());
      if (trial.seconds <= hopeless) trial.seconds = time(*program);
    }
    known->second = trial.failed.empty() ? trial.seconds : kInfinity;
    if (known->second < best_seconds_) best_seconds_ = known->second;
    if (known->second < result_.trials.front().seconds)
      finalists_.add({known->second, text, trial.recipe, std::move(program)});
  } catch (const Error& error) {
    trial.failed = error.what();
  }
  result_.trials.push_back(trial);
  return {known->second, different};
}

}  // namespace hone::label
