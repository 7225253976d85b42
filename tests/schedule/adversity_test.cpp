#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/base/rng.h"
#include "simulation.h"

namespace hone::schedule {
namespace {

using study::Trial;
using study::TrialState;
using Verdict = Scheduler::Verdict;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<std::pair<std::string, Json>> every_scheduler() {
  const Json rungs{{"steps", {1, 27}}};
  std::vector<std::pair<std::string, Json>> all = {{"asha", Json{{"steps", {1, 27}}, {"type", "stopping"}}}};
  for (const std::string& name : methods().names("scheduler")) {
    const bool ladder = name != "fixed" && name != "median" && name != "curve_prediction";
    all.emplace_back(name, ladder ? rungs : Json{{"steps", 27}});
  }
  return all;
}

/// Several workers, and all that may go wrong with their trials.
class Trouble {
 public:
  Trouble(const std::string& name, const Json& options, std::size_t objectives, std::uint64_t seed)
      : name_(name),
        options_(options),
        objectives_(objectives),
        rng_(seed, "trouble"),
        simulation(make_scheduler(name, problem_of(objectives), options), objectives) {}

  /// Whether anything ran.
  bool step(bool may_create, std::size_t workers) {
    restart();
    std::optional<Scheduler::Job> alike;
    std::int64_t left = 0;
    while (running_.size() < workers) {
      const auto job = simulation.scheduler->next(may_create);
      EXPECT_TRUE(left == 0 || job == alike) << name_ << ": not alike";
      if (!job) break;
      check(*job, may_create);
      if (testing::Test::HasFatalFailure()) return false;
      if (left == 0 && job->trial < 0) {
        alike = job;
        left = simulation.scheduler->alike();
      }
      left = std::max<std::int64_t>(0, left - 1);
      running_.push_back(simulation.start(*job).id);
    }
    if (running_.empty()) return false;
    const std::size_t which = rng_.below(running_.size());
    Trial& trial = simulation.trials[static_cast<std::size_t>(running_[which])];
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(which));
    end(trial);
    return true;
  }
  bool idle() const { return running_.empty(); }

  void check(const Scheduler::Job& job, bool may_create) {
    const auto rungs = simulation.scheduler->rungs();
    ASSERT_TRUE(std::find(rungs.begin(), rungs.end(), job.fidelity) != rungs.end()) << name_;
    if (job.trial < 0) {
      ASSERT_TRUE(may_create) << name_;
      return;
    }
    const Trial& trial = simulation.trials.at(static_cast<std::size_t>(job.trial));
    // At the maximum of before one is completed, and goes on all the same.
    ASSERT_TRUE(trial.state == TrialState::paused || (raised_ && trial.state == TrialState::completed))
        << name_ << ", trial " << trial.id << ' ' << study::state_name(trial.state);
    ASSERT_GT(job.fidelity, trial.last()->fidelity) << name_;
  }

  /// The study goes on with a larger maximum.
  void raise(const Json& options) {
    options_ = options;
    raised_ = true;
    simulation.go_on_with(make_scheduler(name_, problem_of(objectives_), options_));
  }

  /// Another one, told the same, answers the same.
  void compare_with_replay() {
    const auto other = make_scheduler(name_, problem_of(objectives_), options_);
    for (const auto& told : simulation.log)
      other->update({told.kind, &told.trial, told.result ? &*told.result : nullptr});
    for (const bool may_create : {true, false})
      ASSERT_EQ(other->next(may_create), simulation.scheduler->next(may_create)) << name_;
  }

 private:
  /// What was interrupted is found waiting and run again.
  void restart() {
    for (const std::int64_t id : std::exchange(waiting_, {})) {
      Trial& trial = simulation.trials[static_cast<std::size_t>(id)];
      if (trial.state != TrialState::waiting) continue;
      running_.push_back(simulation.start({id, trial.target}).id);
    }
  }

  std::vector<double> values() {
    std::vector<double> values;
    for (std::size_t i = 0; i < objectives_; ++i) {
      const auto fate = rng_.below(20);
      values.push_back(fate == 0 ? 1e308 : fate == 1 ? -1e308 : fate == 2 ? 0.5 : rng_.uniform());
    }
    return values;
  }

  void end(Trial& trial) {
    for (const std::int64_t step : simulation.scheduler->watched()) {
      if (step >= trial.target || trial.at(step) != nullptr) continue;
      simulation.report(trial, step, values());
      if (simulation.scheduler->judge(trial, step) == Verdict::stop)
        return simulation.set_state(trial, TrialState::pruned);
    }
    switch (rng_.below(12)) {
      case 0:
        return simulation.set_state(trial, TrialState::failed);
      case 1:
        return simulation.set_state(trial, TrialState::infeasible);
      case 2:
        waiting_.push_back(trial.id);
        return simulation.set_state(trial, TrialState::waiting);
      case 3:
        return simulation.set_state(trial, TrialState::stale);
      case 4:
        simulation.finish(trial, values());
        return simulation.set_state(trial, TrialState::deleted);
      default:
        return simulation.finish(trial, values());
    }
  }

  std::string name_;
  Json options_;
  std::size_t objectives_;
  bool raised_ = false;
  Rng rng_;
  std::vector<std::int64_t> running_, waiting_;

 public:
  Simulation simulation;
};

TEST(EveryScheduler, GoesOnUnderFailuresAndComesToAnEnd) {
  for (const auto& [name, options] : every_scheduler())
    for (const std::size_t objectives : {1u, 2u})
      for (const std::size_t workers : {1u, 7u}) {
        SCOPED_TRACE(fmt::format("{}, {} objectives, {} workers", name, objectives, workers));
        Trouble trouble(name, options, objectives, workers);
        for (int i = 0; i < 400; ++i) {
          ASSERT_TRUE(trouble.step(true, workers));
          if (i % 20 == 19) trouble.compare_with_replay();
          if (HasFatalFailure()) return;
        }
        // No more new ones: what rests goes on as far as it may, and then nothing runs.
        int more = 0;
        while (trouble.step(false, workers)) ASSERT_LT(++more, 2000);
        if (HasFatalFailure()) return;
        EXPECT_TRUE(trouble.idle());
        EXPECT_FALSE(trouble.simulation.scheduler->next(false));
        trouble.compare_with_replay();
      }
}

TEST(EveryScheduler, ARaisedMaximumUnderFailures) {
  const auto steps = [](const char* variant, std::int64_t largest) {
    return Json{{"steps", {1, largest}}, {"variant", variant}};
  };
  for (const char* variant : {"efficient", "preserving", "discarding"})
    for (const std::size_t objectives : {1u, 2u})
      for (const std::size_t workers : {1u, 7u})
        for (const bool more : {false, true}) {
          SCOPED_TRACE(fmt::format("{}, {} objectives, {} workers, {}", variant, objectives, workers, more));
          Trouble trouble("iterative_deepening_hyperband", steps(variant, 9), objectives, workers);
          for (int i = 0; i < 150; ++i) ASSERT_TRUE(trouble.step(true, workers));
          for (const std::int64_t largest : {27, 81}) {
            trouble.raise(steps(variant, largest));
            for (int i = 0; i < (more ? 150 : 0); ++i) ASSERT_TRUE(trouble.step(true, workers));
            for (int i = 0; trouble.step(false, workers); ++i) {
              ASSERT_LT(i, 1000);
              if (i % 5 == 0) trouble.compare_with_replay();
              if (HasFatalFailure()) return;
            }
            EXPECT_TRUE(trouble.idle());
            const auto& trials = trouble.simulation.trials;
            EXPECT_TRUE(std::any_of(trials.begin(), trials.end(), [&](const Trial& trial) {
              return trial.state == TrialState::completed && trial.at(largest) != nullptr;
            })) << largest;
          }
        }
}

TEST(EveryScheduler, TrialsThatAnotherLeftAtRestGoOnWhereAllRunToTheEnd) {
  for (const auto& [name, options] : every_scheduler()) {
    const bool to_the_end = make_scheduler(name, problem_of(1), options)->rungs().size() == 1;
    if (!to_the_end) continue;
    Simulation simulation(make_scheduler("asha", problem_of(1), Json{{"steps", {1, 5, 27}}}));
    for (int i = 0; i < 12; ++i)
      ASSERT_TRUE(
          simulation.step(true, [](const Trial& trial) { return std::vector<double>{1.0 * trial.id}; }));
    simulation.go_on_with(make_scheduler(name, problem_of(1), options));
    std::int64_t paused = 0;
    for (const Trial& trial : simulation.trials) paused += trial.state == TrialState::paused ? 1 : 0;
    ASSERT_GT(paused, 5) << name;
    // Those that rest at 5 are cheaper than the oldest, and than a new one.
    simulation.scheduler->allow(22);
    const auto cheap = simulation.scheduler->next(true);
    ASSERT_TRUE(cheap) << name;
    EXPECT_EQ(simulation.trials[static_cast<std::size_t>(cheap->trial)].last()->fidelity, 5) << name;
    simulation.scheduler->allow(1);
    EXPECT_FALSE(simulation.scheduler->next(true)) << name;
    simulation.scheduler->allow(1000);
    while (simulation.step(false, [](const Trial&) { return std::vector<double>{0.5}; })) --paused;
    EXPECT_EQ(paused, 0) << name;
  }
}

TEST(EveryScheduler, AnInfiniteValueIsNoGoodOne) {
  for (const std::size_t objectives : {1u, 2u}) {
    for (const std::string name : {"asha", "hyperband", "successive_halving"}) {
      Simulation simulation(make_scheduler(name, problem_of(objectives), Json{{"steps", {1, 3}}}),
                            objectives);
      for (int i = 0; i < 30; ++i) {
        const auto job = simulation.scheduler->next(true);
        ASSERT_TRUE(job);
        Trial& trial = simulation.start(*job);
        EXPECT_FALSE(job->trial >= 0 && trial.results[0].measures.find("a") == -kInfinity) << name;
        const double value = trial.id % 3 == 0 ? -kInfinity : static_cast<double>(trial.id);
        simulation.finish(trial, std::vector<double>(objectives, value));
      }
    }
  }
}

TEST(CurvePrediction, StopsNobodyWhereItsPredictionIsNoNumber) {
  Simulation simulation(
      make_scheduler("curve_prediction", problem_of(1), Json{{"steps", 10}, {"n_train", 6}}));
  for (int i = 0; i < 12; ++i) {
    Trial& trial = simulation.start(*simulation.scheduler->next(true));
    for (std::int64_t step = 1; step < 10; ++step)
      simulation.report(trial, step, {i % 2 == 0 ? 1e308 : -1e308 + static_cast<double>(step)});
    simulation.finish(trial, {i % 2 == 0 ? 1e308 : -1e308});
  }
  Trial& trial = simulation.start(*simulation.scheduler->next(true));
  simulation.report(trial, 1, {0.0});
  EXPECT_EQ(simulation.scheduler->judge(trial, 1), Verdict::go_on);
}

}  // namespace
}  // namespace hone::schedule
