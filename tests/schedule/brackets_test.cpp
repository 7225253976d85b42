#include "hone/schedule/brackets.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/schedule/hyperband_plan.h"
#include "simulation.h"

namespace hone::schedule {
namespace {

using study::Trial;
using study::TrialState;
using Stages = std::vector<Brackets::Stage>;
using Rungs = std::vector<std::int64_t>;
using Jobs = std::vector<std::pair<std::int64_t, std::int64_t>>;  // trial, fidelity

std::unique_ptr<Scheduler> made(const std::string& name, const Json& steps, Json more = Json::object(),
                                std::size_t objectives = 1) {
  more["steps"] = steps;
  return make_scheduler(name, problem_of(objectives), more);
}

double quality(std::int64_t trial) { return Rng(7, "quality", static_cast<std::uint64_t>(trial)).uniform(); }
std::vector<double> evaluate(const Trial& trial) { return {quality(trial.id)}; }

TEST(Hyperband, HasTheBracketsOfThePapersTable) {
  const Rungs rungs{1, 3, 9, 27, 81};
  EXPECT_EQ(made("hyperband", {1, 81})->rungs(), rungs);
  EXPECT_EQ(hyperband_bracket(rungs, 3, 4), (Stages{{81, 1}, {27, 3}, {9, 9}, {3, 27}, {1, 81}}));
  EXPECT_EQ(hyperband_bracket(rungs, 3, 3), (Stages{{34, 3}, {11, 9}, {3, 27}, {1, 81}}));
  EXPECT_EQ(hyperband_bracket(rungs, 3, 2), (Stages{{15, 9}, {5, 27}, {1, 81}}));
  EXPECT_EQ(hyperband_bracket(rungs, 3, 1), (Stages{{8, 27}, {2, 81}}));
  EXPECT_EQ(hyperband_bracket(rungs, 3, 0), (Stages{{5, 81}}));
}

TEST(Hyperband, LaysItsRungsFromTheLargestDown) {
  EXPECT_EQ(made("hyperband", {1, 100})->rungs(), (Rungs{1, 4, 11, 33, 100}));
  EXPECT_EQ(made("hyperband", {20, 180})->rungs(), (Rungs{20, 60, 180}));
  EXPECT_EQ(made("hyperband", {20, 179})->rungs(), (Rungs{60, 179}));
  EXPECT_EQ(made("hyperband", {5, 6, 7})->rungs(), (Rungs{5, 6, 7}));
  EXPECT_EQ(made("hyperband", {1, std::int64_t{1} << 62}, {{"eta", 2}})->rungs().size(), 63u);
  EXPECT_THROW(made("hyperband", {20, 40}), Error);
  EXPECT_THROW(made("hyperband", {20}), Error);
  EXPECT_THROW(made("hyperband", {20, 20}), Error);
}

TEST(Brackets, WhereTheOnesThatWentOnFailedTheNextBestDoes) {
  for (const char* name : {"hyperband", "successive_halving", "dehb", "iterative_deepening_hyperband"}) {
    Simulation simulation(made(name, {1, 9}));
    // Five trials and no more; the first that goes beyond the lowest rung crashes.
    int crashed = 0;
    for (int guard = 0; guard < 100; ++guard) {
      const auto job = simulation.scheduler->next(simulation.trials.size() < 5);
      if (!job) break;
      Trial& trial = simulation.start(*job);
      if (job->fidelity == 9 && crashed++ == 0)
        simulation.set_state(trial, TrialState::failed);
      else
        simulation.finish(trial, evaluate(trial));
    }
    const auto arrived = [](const Trial& trial) { return trial.state == TrialState::completed; };
    EXPECT_TRUE(std::any_of(simulation.trials.begin(), simulation.trials.end(), arrived)) << name;
    EXPECT_EQ(simulation.trials.size(), 5u) << name;
  }
}

/// Brackets one after the other as the paper writes them down, for trials numbered as they come.
Jobs plain_hyperband(const Rungs& rungs, std::int64_t eta, std::int64_t brackets) {
  Jobs jobs;
  std::int64_t next = 0;
  for (std::int64_t index = 0; index < brackets; ++index) {
    const auto n = static_cast<std::int64_t>(rungs.size());
    const Stages stages = hyperband_bracket(rungs, eta, n - 1 - index % n);
    std::vector<std::int64_t> members;
    for (std::int64_t i = 0; i < stages[0].n; ++i) members.push_back(next++);
    for (std::size_t stage = 0; stage < stages.size(); ++stage) {
      if (stage > 0) {
        std::sort(members.begin(), members.end(),
                  [](std::int64_t a, std::int64_t b) { return quality(a) < quality(b); });
        members.resize(static_cast<std::size_t>(stages[stage].n));
      }
      for (const std::int64_t trial : members) jobs.emplace_back(trial, stages[stage].fidelity);
    }
  }
  return jobs;
}

TEST(Hyperband, WithOneWorkerRunsAsThePaperWritesItDown) {
  Simulation simulation(made("hyperband", {1, 27}));
  Jobs jobs;
  const Jobs expected = plain_hyperband({1, 3, 9, 27}, 3, 6);
  while (jobs.size() < expected.size()) {
    const auto job = simulation.step(true, evaluate);
    ASSERT_TRUE(job);
    jobs.emplace_back(job->trial, job->fidelity);
  }
  EXPECT_EQ(jobs, expected);
}

/// Runs with several workers that end in random order until so many jobs were given out; the rest is waited
/// for.
void run_with(Simulation& simulation, std::size_t workers, std::size_t jobs, std::uint64_t seed,
              const std::function<void(Trial&, Rng&)>& end) {
  Rng rng(seed, "workers");
  std::vector<Trial*> running;
  for (std::size_t given = 0; given < jobs || !running.empty();) {
    while (running.size() < workers && given < jobs) {
      const auto job = simulation.scheduler->next(true);
      ASSERT_TRUE(job) << "a worker idles";
      running.push_back(&simulation.start(*job));
      ++given;
    }
    const auto which = static_cast<std::ptrdiff_t>(rng.below(running.size()));
    Trial* trial = running[static_cast<std::size_t>(which)];
    running.erase(running.begin() + which);
    end(*trial, rng);
  }
}

TEST(Hyperband, SeveralWorkersPromoteTheSameTrialsOfEveryBracket) {
  for (const std::size_t workers : {2u, 5u, 40u}) {
    Simulation simulation(made("hyperband", {1, 27}));
    run_with(simulation, workers, 1500, workers,
             [&](Trial& trial, Rng&) { simulation.finish(trial, evaluate(trial)); });
    // New trials are given out bracket by bracket, so who is in which follows from the order of their starts.
    const Rungs rungs{1, 3, 9, 27};
    std::int64_t next = 0;
    for (std::int64_t index = 0; index < 3; ++index) {
      const Stages stages = hyperband_bracket(rungs, 3, 3 - index);
      std::vector<std::int64_t> members;
      for (std::int64_t i = 0; i < stages[0].n; ++i) members.push_back(next++);
      std::sort(members.begin(), members.end(),
                [](std::int64_t a, std::int64_t b) { return quality(a) < quality(b); });
      for (std::size_t stage = 0; stage < stages.size(); ++stage)
        for (std::size_t i = 0; i < members.size(); ++i)
          EXPECT_EQ(
              simulation.trials[static_cast<std::size_t>(members[i])].at(stages[stage].fidelity) != nullptr,
              i < static_cast<std::size_t>(stages[stage].n))
              << "bracket " << index << " stage " << stage << " workers " << workers;
    }
  }
}

TEST(Brackets, WhatFailedOrWasReusedCountsAndNeverGoesOn) {
  Simulation simulation(made("successive_halving", {1, 3}, {{"eta", 3}, {"n", 6}}));
  std::vector<Trial*> trials;
  for (int i = 0; i < 6; ++i) {
    const auto job = simulation.scheduler->next(true);
    ASSERT_TRUE(job && job->trial < 0 && job->fidelity == 1);
    trials.push_back(&simulation.start(*job));
  }
  EXPECT_EQ(simulation.scheduler->next(false), std::nullopt) << "all still run";
  simulation.set_state(*trials[0], TrialState::failed);
  simulation.report(*trials[1], 1, {std::numeric_limits<double>::quiet_NaN()});
  simulation.set_state(*trials[1], TrialState::paused);
  simulation.report(*trials[2], 1, {0.1});
  simulation.set_state(*trials[2], TrialState::infeasible);
  trials[3]->same_as = 4;
  simulation.set_state(*trials[3], TrialState::completed);
  simulation.report(*trials[3], 1, {0.0});
  simulation.finish(*trials[4], {0.7});
  simulation.finish(*trials[5], {0.9});
  const auto first = simulation.scheduler->next(false);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->trial, 4);
  simulation.finish(simulation.start(*first), {0.7});
  const auto second = simulation.scheduler->next(true);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->trial, 5) << "two of six go on";
  Trial& last = simulation.start(*second);
  EXPECT_EQ(simulation.scheduler->next(false), std::nullopt);
  EXPECT_LT(simulation.scheduler->next(true)->trial, 0) << "the next bracket begins while this one waits";
  simulation.set_state(last, TrialState::waiting);  // interrupted: it keeps its place
  EXPECT_EQ(simulation.scheduler->next(false), std::nullopt);
}

TEST(Brackets, ADeletedTrialGivesItsPlaceBack) {
  Simulation simulation(made("successive_halving", {1, 2}, {{"n", 2}}));
  Trial& gone = simulation.start(*simulation.scheduler->next(true));
  Trial& kept = simulation.start(*simulation.scheduler->next(true));
  simulation.finish(gone, {0.0});
  simulation.set_state(gone, TrialState::deleted);
  simulation.finish(kept, {1.0});
  const auto job = simulation.scheduler->next(true);
  ASSERT_TRUE(job);
  EXPECT_LT(job->trial, 0);
  simulation.finish(simulation.start(*job), {2.0});
  EXPECT_EQ(simulation.scheduler->next(true)->trial, kept.id);
}

TEST(Brackets, WhereNoTrialsMayComeTheBestOfThoseThereGoOn) {
  Simulation simulation(made("hyperband", {1, 81}));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(simulation.step(true, evaluate));
  std::map<std::int64_t, int> reached;
  while (const auto job = simulation.step(false, evaluate)) ++reached[job->fidelity];
  EXPECT_EQ(reached, (std::map<std::int64_t, int>{{3, 3}, {9, 1}, {27, 1}, {81, 1}}));
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < 10; ++i)
    if (quality(i) < quality(best)) best = i;
  EXPECT_EQ(simulation.trials[static_cast<std::size_t>(best)].state, TrialState::completed);
  // Where more may come again they take the places that were left, and what went on counts.
  std::map<std::int64_t, std::set<std::int64_t>> at;
  while (simulation.trials.size() <= 81) ASSERT_TRUE(simulation.step(true, evaluate));
  for (const Trial& trial : simulation.trials)
    for (const auto& result : trial.results) at[result.fidelity].insert(trial.id);
  EXPECT_EQ(at[3].size(), 28u) << "27 of the first bracket, and the first trial of the second";
  EXPECT_EQ(at[9].size(), 9u);
  EXPECT_EQ(at[81].size(), 1u);
}

TEST(Brackets, ACheaperJobIsGivenWhereTheBudgetEnds) {
  Simulation simulation(made("hyperband", {1, 9}));
  std::int64_t left = 60;
  while (left > 0) {
    simulation.scheduler->allow(left);
    const std::int64_t before = simulation.units;
    if (!simulation.step(true, evaluate)) break;
    left -= simulation.units - before;
    ASSERT_GE(left, 0);
  }
  EXPECT_LT(left, 9);
}

TEST(Brackets, SeveralObjectivesPromoteTheFront) {
  Simulation simulation(made("successive_halving", {1, 3}, {{"eta", 3}, {"n", 9}}, 2), 2);
  const std::vector<std::vector<double>> values{{3, 9}, {1, 5}, {9, 9}, {2, 3}, {4, 8},
                                                {5, 1}, {6, 6}, {7, 7}, {8, 8}};
  for (const auto& row : values) simulation.step(true, [&](const Trial&) { return row; });
  std::set<std::int64_t> promoted;
  while (const auto job = simulation.step(
             false, [&](const Trial& trial) { return values[static_cast<std::size_t>(trial.id)]; }))
    promoted.insert(job->trial);
  EXPECT_EQ(promoted, (std::set<std::int64_t>{1, 3, 5}));
}

TEST(SuccessiveHalving, DropsHalfUntilOneIsLeft) {
  Simulation simulation(made("successive_halving", {1, 8}));
  std::map<std::int64_t, int> reached;
  for (int i = 0; i < 8 + 4 + 2 + 1; ++i) ++reached[simulation.step(true, evaluate)->fidelity];
  EXPECT_EQ(reached, (std::map<std::int64_t, int>{{1, 8}, {2, 4}, {4, 2}, {8, 1}}));
  EXPECT_EQ(simulation.step(true, evaluate)->trial, 8) << "and the next bracket begins";
}

TEST(Brackets, TrialsOfTheUsersOwnTakePlacesOrWaitForABracket) {
  Simulation simulation(made("hyperband", {1, 9}));
  // Before anything: begun at the first rung, it is in the first bracket.
  simulation.finish(simulation.start({-1, 1}), {0.0});
  for (int i = 0; i < 8; ++i) ASSERT_EQ(simulation.step(true, evaluate)->fidelity, 1);
  EXPECT_EQ(simulation.scheduler->next(true)->trial, 0) << "nine are there, and it is the best";
  // At a fidelity where no bracket has a place: the third bracket begins with it.
  simulation.finish(simulation.start({-1, 9}), {0.5});
  std::map<std::int64_t, int> fresh;
  while (simulation.trials.size() < 9 + 1 + 5 + 2) {
    const auto job = simulation.step(true, evaluate);
    if (job->trial + 1 == static_cast<std::int64_t>(simulation.trials.size()) &&
        simulation.trials.back().results.size() == 1)
      ++fresh[job->fidelity];
  }
  EXPECT_EQ(fresh, (std::map<std::int64_t, int>{{3, 5}, {9, 2}})) << "two of the third bracket's three";
}

// ---- iterative deepening ------------------------------------------------------------------------------

std::map<std::int64_t, std::int64_t> new_trials_by_fidelity(const Simulation& simulation) {
  std::map<std::int64_t, std::int64_t> fresh;
  for (const Trial& trial : simulation.trials) ++fresh[trial.results.front().fidelity];
  return fresh;
}

TEST(IterativeDeepening, ARaisedMaximumUsesAllThatWasEvaluated) {
  for (const char* variant : {"efficient", "preserving", "discarding"}) {
    const Json options{{"variant", variant}};
    Simulation simulation(made("iterative_deepening_hyperband", {1, 9}, options));
    // One round: brackets of 9, 5 and 3 trials.
    while (simulation.trials.size() < 17 || simulation.scheduler->next(false))
      simulation.step(true, evaluate);
    EXPECT_EQ(new_trials_by_fidelity(simulation),
              (std::map<std::int64_t, std::int64_t>{{1, 9}, {3, 5}, {9, 3}}));
    const std::int64_t before = simulation.units;
    simulation.go_on_with(made("iterative_deepening_hyperband", {1, 27}, options));
    // With the larger maximum: 27, 12, 6 and 4.
    while (simulation.trials.size() < 27 + 12 + 6 + 4 || simulation.scheduler->next(false))
      simulation.step(true, evaluate);
    EXPECT_EQ(new_trials_by_fidelity(simulation),
              (std::map<std::int64_t, std::int64_t>{{1, 27}, {3, 12}, {9, 6}, {27, 4}}))
        << variant;
    // Nothing was paid twice.
    std::int64_t needed = 0;
    for (const Trial& trial : simulation.trials) needed += trial.last()->fidelity;
    EXPECT_EQ(simulation.units, needed) << variant;
    EXPECT_GT(before, 0);
    // Each bracket's best at the top got there.
    std::map<std::int64_t, std::int64_t> at_top;
    for (const Trial& trial : simulation.trials)
      if (trial.last()->fidelity == 27) ++at_top[trial.results.front().fidelity];
    EXPECT_EQ(at_top[27], 4);
    EXPECT_GE(at_top[1], 1);
    EXPECT_GE(at_top[3], 1);
  }
}

/// A bracket of n trials, values by trial and rung (worse later than it looked), of which the first were
/// there before the maximum was raised; who was evaluated where.
std::map<std::int64_t, std::set<std::int64_t>> raised(const char* variant) {
  // The first bracket of [1, 3]: three trials, of which trial 0 goes on. Raised to [1, 9] it has nine, three
  // of which go on to 3. Trial 0 is then only the seventh of nine.
  const std::vector<double> at_one{0.6, 0.8, 0.9, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7};
  const auto value = [&](const Trial& trial) {
    if (trial.id >= 9) return std::vector<double>{1.0};
    // At 3 trial 0 is the best.
    const double shown = at_one[static_cast<std::size_t>(trial.id)];
    return std::vector<double>{trial.target >= 3 && trial.id == 0 ? 0.0 : shown};
  };
  Simulation simulation(made("iterative_deepening_hyperband", {1, 3}, {{"variant", variant}}));
  for (int i = 0; i < 4; ++i) simulation.step(true, value);
  simulation.go_on_with(made("iterative_deepening_hyperband", {1, 9}, {{"variant", variant}}));
  while (simulation.trials.size() <= 9) simulation.step(true, value);
  std::map<std::int64_t, std::set<std::int64_t>> at;
  for (const Trial& trial : simulation.trials)
    for (const auto& result : trial.results)
      if (trial.id < 9) at[result.fidelity].insert(trial.id);
  return at;
}

TEST(IterativeDeepening, TheVariantsDifferInWhoGoesOn) {
  using At = std::map<std::int64_t, std::set<std::int64_t>>;
  const std::set<std::int64_t> all{0, 1, 2, 3, 4, 5, 6, 7, 8};
  // Efficient: trial 0 has gone on and takes one of three places.
  EXPECT_EQ(raised("efficient"), (At{{1, all}, {3, {0, 3, 4}}, {9, {0}}}));
  // Preserving: the best three go on; of all with a result at 3 trial 0 is the best.
  EXPECT_EQ(raised("preserving"), (At{{1, all}, {3, {0, 3, 4, 5}}, {9, {0}}}));
  // Discarding: trial 0 is not among the best three, and is dropped.
  EXPECT_EQ(raised("discarding"), (At{{1, all}, {3, {0, 3, 4, 5}}, {9, {3}}}));
}

TEST(IterativeDeepening, SaysWhichMaximaArePossible) {
  EXPECT_THROW(made("iterative_deepening_hyperband", {1, 10}), Error);
  EXPECT_THROW(made("iterative_deepening_hyperband", {1, 3, 9}), Error);
  EXPECT_THROW(made("iterative_deepening_hyperband", {1, 9}, {{"longest", 3}}), Error);
  const auto scheduler = made("iterative_deepening_hyperband", {2, 18}, {{"longest", 162}});
  EXPECT_EQ(scheduler->horizon(), 18);
  EXPECT_EQ(scheduler->schedule_horizon(), 162);
  EXPECT_TRUE(scheduler->raisable());
  Trial done;
  done.state = TrialState::completed;
  EXPECT_TRUE(scheduler->resumable(done)) << "its checkpoint is needed where the maximum is raised";
  EXPECT_FALSE(made("hyperband", {1, 9})->resumable(done));
}

// ---- DEHB ---------------------------------------------------------------------------------------------

TEST(Dehb, PromotesInTheFirstRoundAndMakesNewTrialsAfterIt) {
  Simulation simulation(made("dehb", {1, 9}));
  const auto value = [](const Trial& trial) { return std::vector<double>{quality(trial.id)}; };
  Jobs jobs;
  std::size_t fresh = 0;
  for (int i = 0; i < 2 * (9 + 3 + 1 + 5 + 1 + 3); ++i) {
    const std::size_t before = simulation.trials.size();
    const auto job = simulation.step(true, value);
    ASSERT_TRUE(job);
    fresh = simulation.trials.size() - before;
    jobs.emplace_back(fresh, job->fidelity);
  }
  Jobs expected;
  const auto add = [&](std::int64_t n, std::int64_t is_new, std::int64_t fidelity) {
    for (std::int64_t i = 0; i < n; ++i) expected.emplace_back(is_new, fidelity);
  };
  for (const std::int64_t is_new : {0, 1}) {
    add(9, 1, 1), add(3, is_new, 3), add(1, is_new, 9);
    add(5, 1, 3), add(1, is_new, 9);
    add(3, 1, 9);
  }
  EXPECT_EQ(jobs, expected);
}

TEST(Dehb, AStageBeginsWhenTheOneBelowHasEnded) {
  Simulation simulation(made("dehb", {1, 3}));
  for (int i = 0; i < 3 + 1 + 2; ++i) ASSERT_TRUE(simulation.step(true, evaluate));
  // The second round's first bracket: three at 1, one at 3.
  std::vector<Trial*> running;
  for (int i = 0; i < 3; ++i) {
    const auto job = simulation.scheduler->next(true);
    ASSERT_EQ(job->fidelity, 1);
    running.push_back(&simulation.start(*job));
  }
  EXPECT_EQ(simulation.scheduler->alike(), 1);
  // It waits for its first stage, so the next bracket begins: two at 3.
  for (int i = 0; i < 2; ++i) simulation.start(*simulation.scheduler->next(true));
  EXPECT_EQ(simulation.scheduler->next(true)->fidelity, 1) << "and the one after that";
  for (Trial* trial : running) simulation.finish(*trial, {1.0});
  const auto job = simulation.scheduler->next(true);
  EXPECT_EQ(job->trial, -1);
  EXPECT_EQ(job->fidelity, 3);
}

TEST(Brackets, WhatAshaLeftAtRestGoesOn) {
  // Nine trials rest at 3 of asha's rungs; the new ones are 2, 6, 17 and 51.
  for (const char* name : {"hyperband", "bohb", "dehb"}) {
    SCOPED_TRACE(name);
    Simulation simulation(made("asha", Json{3, 51}, {{"measured", false}}));
    for (int i = 0; i < 9; ++i) {
      Trial& trial = simulation.start({-1, 3});
      simulation.finish(trial, evaluate(trial));
    }
    std::vector<std::int64_t> best(9);
    std::iota(best.begin(), best.end(), 0);
    std::sort(best.begin(), best.end(), [](auto a, auto b) { return quality(a) < quality(b); });
    simulation.go_on_with(made(name, Json{1, 51}));
    Jobs jobs;
    while (const auto job = simulation.step(false, evaluate)) jobs.emplace_back(job->trial, job->fidelity);
    // The best third of them, the best of which goes on to the end.
    const Jobs expected{{best[0], 6}, {best[0], 17}, {best[0], 51}, {best[1], 6}, {best[2], 6}};
    EXPECT_EQ(jobs, expected);
  }
}

TEST(Brackets, WhatRestsBelowTheLowestRungGoesOnToIt) {
  Simulation simulation(made("asha", Json{1, 51}, {{"measured", false}}));
  for (int i = 0; i < 3; ++i) {
    Trial& trial = simulation.start({-1, 1});
    simulation.finish(trial, {static_cast<double>(i)});
  }
  simulation.go_on_with(made("hyperband", Json{1, 51}));
  EXPECT_EQ(simulation.scheduler->next(true), (Scheduler::Job{0, 2}));
  simulation.scheduler->allow(1);
  EXPECT_FALSE(simulation.scheduler->next(false).has_value()) << "not affordable";
  simulation.scheduler->allow(100);
  simulation.set_state(simulation.trials[0], TrialState::deleted);
  ASSERT_TRUE(simulation.scheduler->next(false).has_value());
  EXPECT_EQ(simulation.scheduler->next(false)->trial, 1) << "the best of those that are left";
}

TEST(Brackets, WhoLostABracketThatIsOverIsNoStray) {
  Simulation simulation(made("hyperband", {1, 9}));
  // The first bracket: 9 trials, 3 of them go on, then 1.
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(simulation.step(true, evaluate));
  std::int64_t at_rest = 0;
  for (const Trial& trial : simulation.trials) at_rest += trial.state == TrialState::paused ? 1 : 0;
  EXPECT_GE(at_rest, 6);
  std::int64_t went_on = 0;
  while (simulation.step(false, evaluate)) ++went_on;
  EXPECT_LE(went_on, 4) << "the bracket that the budget ended in";
}

}  // namespace
}  // namespace hone::schedule
