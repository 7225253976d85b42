// What a scheduler takes per trial that it is asked for and told (next, started, result, state), on a study
// that already holds n trials: one table, a row for every scheduler of the program or those named, medians
// and means in microseconds over 500 jobs. One worker, random values, every job runs to its end.
//
//   --objectives M   1
//   --most N         100,000
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "hone/base/rng.h"
#include "hone/schedule/scheduler.h"

namespace {

using namespace hone;

double now_us() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

class Study {
 public:
  Study(const std::string& name, std::size_t objectives) : rng_(1, "bench") {
    for (std::size_t i = 0; i < objectives; ++i)
      problem_.objectives.push_back({std::string(1, static_cast<char>('a' + i)), true});
    const bool ladder = name != "fixed" && name != "median" && name != "curve_prediction";
    scheduler_ =
        schedule::make_scheduler(name, problem_, ladder ? Json{{"steps", {1, 81}}} : Json{{"steps", 81}});
  }

  std::size_t trials() const { return trials_.size(); }

  /// Runs one job; what the scheduler took.
  double step() {
    study::Trial fresh;
    fresh.id = static_cast<std::int64_t>(trials_.size());
    double start = now_us();
    const auto job = scheduler_->next(true);
    double us = now_us() - start;
    if (!job) return us;
    if (job->trial < 0) trials_.push_back(fresh);
    study::Trial& trial = job->trial < 0 ? trials_.back() : trials_[static_cast<std::size_t>(job->trial)];
    study::Result result{job->fidelity, {}};
    for (const study::Objective& objective : problem_.objectives)
      result.measures.set(objective.name, rng_.uniform());
    using Kind = study::Change::Kind;
    start = now_us();
    if (job->trial < 0) scheduler_->update({Kind::created, &trial, nullptr});
    trial.state = study::TrialState::running;
    trial.target = job->fidelity;
    scheduler_->update({Kind::started, &trial, nullptr});
    trial.results.push_back(std::move(result));
    scheduler_->update({Kind::result, &trial, &trial.results.back()});
    trial.state = scheduler_->reached(trial, job->fidelity);
    scheduler_->update({Kind::state, &trial, nullptr});
    return us + now_us() - start;
  }

 private:
  schedule::Problem problem_;
  std::unique_ptr<schedule::Scheduler> scheduler_;
  Rng rng_;
  std::deque<study::Trial> trials_;
};

void measure(const std::string& name, std::size_t objectives, std::size_t most) {
  Study study(name, objectives);
  std::string line = fmt::format("{:<32}", name);
  for (std::size_t n = 100; n <= most; n *= 10) {
    while (study.trials() < n) study.step();
    std::vector<double> times;
    double sum = 0.0;
    for (int i = 0; i < 500; ++i) sum += times.emplace_back(study.step());
    std::sort(times.begin(), times.end());
    line += fmt::format(" | {:>9.2f} {:>9.2f}", times[times.size() / 2], sum / 500.0);
  }
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> names;
  std::size_t objectives = 1, most = 100000;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--most" && i + 1 < argc)
      most = static_cast<std::size_t>(std::stoull(argv[++i]));
    else if (word == "--objectives" && i + 1 < argc)
      objectives = static_cast<std::size_t>(std::stoull(argv[++i]));
    else
      names.push_back(word);
  }
  if (names.empty()) names = methods().names("scheduler");
  std::string line = fmt::format("{:<32}", "microseconds: median, mean");
  for (std::size_t n = 100; n <= most; n *= 10) line += fmt::format(" | {:>19}", fmt::format("n = {}", n));
  fmt::print("{}\n", line);
  for (const std::string& name : names) measure(name, objectives, most);
  return 0;
}
