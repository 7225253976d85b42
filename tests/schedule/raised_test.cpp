// The largest fidelity is raised where a study has more trials than the brackets of one round have places.
#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/base/rng.h"
#include "simulation.h"

namespace hone::schedule {
namespace {

using study::Trial;
using study::TrialState;

std::unique_ptr<Scheduler> deepening(std::int64_t largest, const std::string& variant = "efficient",
                                     std::size_t objectives = 1) {
  return make_scheduler("iterative_deepening_hyperband", problem_of(objectives),
                        Json{{"steps", {1, largest}}, {"variant", variant}});
}

/// So many trials and no more, run to their end; each has one value at all fidelities.
class Raised {
 public:
  Raised(std::int64_t largest, const std::string& variant, std::uint64_t seed, std::size_t trials = 60)
      : simulation(deepening(largest, variant)), variant_(variant), seed_(seed), trials_(trials) {
    run();
  }

  double value(const Trial& trial) const {
    return Rng(seed_, "value", static_cast<std::uint64_t>(trial.id)).uniform();
  }
  void raise(std::int64_t largest) {
    simulation.go_on_with(deepening(largest, variant_));
    largest_ = largest;
  }
  /// To the end; which trials came to the new maximum.
  std::set<std::int64_t> run() {
    std::set<std::int64_t> arrived;
    for (int jobs = 0; const auto job = next(); ++jobs) {
      EXPECT_LT(jobs, 1000) << "it does not end";
      Trial& trial = simulation.start(*job);
      simulation.finish(trial, {value(trial)});
      if (trial.target == largest_) arrived.insert(trial.id);
    }
    return arrived;
  }
  std::optional<Scheduler::Job> next() {
    return simulation.scheduler->next(simulation.trials.size() < trials_);
  }
  /// The best of those that have a result at the fidelity.
  std::int64_t best_at(std::int64_t fidelity) const {
    std::int64_t best = -1;
    for (const Trial& trial : simulation.trials)
      if (trial.at(fidelity) != nullptr &&
          (best < 0 || value(trial) < value(simulation.trials[static_cast<std::size_t>(best)])))
        best = trial.id;
    return best;
  }

  Simulation simulation;

 private:
  std::string variant_;
  std::uint64_t seed_;
  std::size_t trials_;
  std::int64_t largest_ = 0;  // once it was raised
};

TEST(RaisedMaximum, TheBestAtTheOldOneGoesOnWhereNothingNewMayCome) {
  for (const char* variant : {"efficient", "preserving", "discarding"})
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      SCOPED_TRACE(fmt::format("{}, seed {}", variant, seed));
      Raised raised(9, variant, seed);
      for (const std::int64_t largest : {27, 81}) {
        const std::int64_t best = raised.best_at(largest / 3);
        raised.raise(largest);
        const auto arrived = raised.run();
        EXPECT_TRUE(arrived.contains(best)) << largest << ": trial " << best;
        EXPECT_LT(arrived.size(), raised.simulation.trials.size() / 6) << "not all that got far";
      }
    }
}

TEST(RaisedMaximum, AlsoWhereTheNextBracketIsBeyondTheBudgetOfSteps) {
  int waited = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Raised raised(9, "efficient", seed);
    const std::int64_t best = raised.best_at(9);
    raised.raise(27);
    Scheduler& scheduler = *raised.simulation.scheduler;
    auto job = scheduler.next(true);
    for (; job->trial >= 0; job = scheduler.next(true)) {
      Trial& trial = raised.simulation.start(*job);
      raised.simulation.finish(trial, {raised.value(trial)});
    }
    ASSERT_EQ(job, (Scheduler::Job{-1, 27})) << "those that went on by themselves have";
    if (raised.simulation.trials[static_cast<std::size_t>(best)].at(27) != nullptr) continue;
    ++waited;
    for (const std::int64_t left : {18, 26}) {
      scheduler.allow(left);
      EXPECT_EQ(scheduler.next(true), (Scheduler::Job{best, 27})) << "seed " << seed;
    }
    scheduler.allow(17);
    EXPECT_EQ(scheduler.next(true), (Scheduler::Job{-1, 1})) << "what is left takes no arrival";
  }
  EXPECT_GT(waited, 0);
}

TEST(RaisedMaximum, WhileNewOnesMayComeTrialsWaitForTheirBracket) {
  Raised raised(9, "efficient", 3);
  raised.raise(27);
  std::map<std::int64_t, std::int64_t> fresh;
  // Brackets of 27, 12 and 6 are full, and the next has 4 places at 27; then comes one of 27 at 1, for which
  // trials wait.
  for (int jobs = 0; jobs < 300 && fresh[1] == 0; ++jobs) {
    const auto job = raised.simulation.scheduler->next(true);
    ASSERT_TRUE(job);
    fresh[job->trial < 0 ? job->fidelity : 0] += 1;
    Trial& trial = raised.simulation.start(*job);
    raised.simulation.finish(trial, {raised.value(trial)});
  }
  EXPECT_EQ(fresh[27], 4);
  EXPECT_EQ(fresh[3] + fresh[9], 0);
}

TEST(RaisedMaximum, WhoGoesOnIsAFunctionOfTheJournal) {
  for (const char* variant : {"efficient", "preserving", "discarding"}) {
    Raised raised(9, variant, 5);
    raised.raise(27);
    Rng rng(5, "fates");
    while (const auto job = raised.next()) {
      const auto other = deepening(27, variant);
      for (const auto& told : raised.simulation.log)
        other->update({told.kind, &told.trial, told.result ? &*told.result : nullptr});
      ASSERT_EQ(other->next(false), job) << variant;
      // Asking decides nothing: neither what may come, nor what is asked again.
      const auto with_new = raised.simulation.scheduler->next(true);
      ASSERT_EQ(other->next(true), with_new) << variant;
      ASSERT_EQ(raised.next(), job) << variant;
      Trial& trial = raised.simulation.start(*job);
      if (rng.below(4) == 0)
        raised.simulation.set_state(trial, TrialState::failed);
      else
        raised.simulation.finish(trial, {raised.value(trial)});
    }
  }
}

/// How many of so many trials are lost on the way to a new maximum where none but `survivor` gets there.
std::int64_t lost_beyond(std::size_t trials, std::int64_t survivor) {
  Raised raised(9, "efficient", 11, trials);
  raised.raise(27);
  std::int64_t lost = 0;
  while (const auto job = raised.next()) {
    Trial& trial = raised.simulation.start(*job);
    if (job->fidelity == 27 && trial.id != survivor) {
      raised.simulation.set_state(trial, TrialState::failed);
      ++lost;
    } else {
      raised.simulation.finish(trial, {raised.value(trial)});
    }
  }
  return lost;
}

TEST(RaisedMaximum, WhereAllFailThereItIsGivenUp) {
  // Three brackets are begun, which have 1 + 1 + 2 places at 27, and 16 more are tried. Of those that waited
  // for brackets the best third was.
  EXPECT_LE(lost_beyond(60, -1), 4 + 16 + 4);
  EXPECT_GE(lost_beyond(60, -1), 4);
  EXPECT_LE(lost_beyond(600, -1), 4 + 16 + 60);
}

TEST(RaisedMaximum, WhereTheChosenOnesFailOneThatWaitsForABracketIsTriedToo) {
  // Who rests at 9 when the maximum is raised, the brackets' places being taken by the first ones.
  Raised before(9, "efficient", 11);
  std::int64_t last = -1;
  for (const Trial& trial : before.simulation.trials)
    if (trial.at(9) != nullptr && trial.results.size() == 1) last = trial.id;
  ASSERT_GE(last, 0);
  Raised raised(9, "efficient", 11);
  raised.raise(27);
  while (const auto job = raised.next()) {
    Trial& trial = raised.simulation.start(*job);
    if (job->fidelity == 27 && trial.id != last)
      raised.simulation.set_state(trial, TrialState::failed);
    else
      raised.simulation.finish(trial, {raised.value(trial)});
  }
  EXPECT_NE(raised.simulation.trials[static_cast<std::size_t>(last)].at(27), nullptr);
}

TEST(RaisedMaximum, OfSeveralObjectivesOneOfTheFrontGoesOn) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    Simulation simulation(deepening(9, "efficient", 2), 2);
    const auto values = [&](const Trial& trial) {
      Rng rng(seed, "values", static_cast<std::uint64_t>(trial.id));
      const double first = rng.uniform();
      return std::vector<double>{first, rng.uniform()};
    };
    while (simulation.step(simulation.trials.size() < 60, values)) {
    }
    simulation.go_on_with(deepening(27, "efficient", 2));
    // One that waits for a bracket is better than all others in both.
    Trial* ideal = nullptr;
    for (Trial& trial : simulation.trials)
      if (trial.at(9) != nullptr && trial.results.size() == 1) ideal = &trial;
    ASSERT_NE(ideal, nullptr);
    for (auto& told : simulation.log)
      if (told.trial.id == ideal->id) {
        for (auto& result : told.trial.results)
          for (const char* name : {"a", "b"}) result.measures.set(name, -1.0);
        if (told.result)
          for (const char* name : {"a", "b"}) told.result->measures.set(name, -1.0);
      }
    simulation.go_on_with(deepening(27, "efficient", 2));
    while (simulation.step(false, values)) {
    }
    EXPECT_NE(ideal->at(27), nullptr) << "seed " << seed;
  }
}

}  // namespace
}  // namespace hone::schedule
