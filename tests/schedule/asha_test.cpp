#include <algorithm>
#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/base/rng.h"
#include "hone/schedule/rung.h"
#include "hone/schedule/scheduler.h"
#include "hone/study/front.h"

namespace hone::schedule {
namespace {

using study::Change;
using study::Trial;
using study::TrialState;

Problem problem(std::size_t objectives) {
  Problem problem;
  for (std::size_t i = 0; i < objectives; ++i)
    problem.objectives.push_back({std::string(1, 'a' + char(i)), true});
  return problem;
}

/// A study in miniature: runs what the scheduler asks for, one job at a time or several at once.
struct AshaRun {
  explicit AshaRun(std::unique_ptr<Scheduler> made, std::size_t objectives = 1)
      : scheduler(std::move(made)), names(problem(objectives).objectives) {}

  Trial& create(std::int64_t target) {
    Trial trial;
    trial.id = static_cast<std::int64_t>(trials.size());
    trial.target = target;
    trials.push_back(trial);
    tell(Change::Kind::created, trials.back());
    return trials.back();
  }
  void tell(Change::Kind kind, const Trial& trial) { scheduler->update({kind, &trial, nullptr}); }
  void set_state(Trial& trial, TrialState state) {
    trial.state = state;
    tell(Change::Kind::state, trial);
  }
  void start(Trial& trial, std::int64_t target) {
    trial.state = TrialState::running;
    trial.target = target;
    tell(Change::Kind::started, trial);
  }
  void result(Trial& trial, const std::vector<double>& values) {
    study::Result result{trial.target, {}};
    for (std::size_t i = 0; i < values.size(); ++i) result.measures.set(names[i].name, values[i]);
    trial.results.push_back(result);
    scheduler->update({Change::Kind::result, &trial, &trial.results.back()});
  }
  void finish(Trial& trial, const std::vector<double>& values) {
    result(trial, values);
    set_state(trial, scheduler->reached(trial, trial.target));
  }
  /// Takes one job and runs it to its end; false where there was none.
  template <typename Evaluate>
  bool step(bool may_create, const Evaluate& evaluate) {
    const auto job = scheduler->next(may_create);
    if (!job) return false;
    Trial& trial = job->trial < 0 ? create(job->fidelity) : trials[static_cast<std::size_t>(job->trial)];
    start(trial, job->fidelity);
    finish(trial, evaluate(trial));
    return true;
  }

  std::unique_ptr<Scheduler> scheduler;
  std::vector<study::Objective> names;
  std::vector<Trial> trials;
};

/// As in the paper.
std::unique_ptr<Scheduler> make_asha(std::vector<std::int64_t> steps, std::size_t objectives = 1,
                                     int eta = 3) {
  return make_scheduler("asha", problem(objectives),
                        Json{{"steps", steps}, {"eta", eta}, {"eager", false}, {"measured", false}});
}

TEST(Fixed, RunsEveryTrialToTheEnd) {
  AshaRun simulation(make_scheduler("fixed", problem(1), Json{{"steps", 50}}));
  EXPECT_EQ(simulation.scheduler->horizon(), 50);
  EXPECT_EQ(simulation.scheduler->rungs(), std::vector<std::int64_t>{50});
  const auto job = simulation.scheduler->next(true);
  ASSERT_TRUE(job.has_value());
  EXPECT_EQ(job->trial, -1);
  EXPECT_EQ(job->fidelity, 50);
  EXPECT_FALSE(simulation.scheduler->next(false).has_value());
  EXPECT_EQ(simulation.scheduler->reached(Trial{}, 50), TrialState::completed);
  EXPECT_EQ(simulation.scheduler->judge(Trial{}, 10), Scheduler::Verdict::go_on);
  EXPECT_EQ(make_scheduler("fixed", problem(1))->horizon(), 1);
}

TEST(Schedulers, ThoseThatPauseNoneRunOnWhatAnEarlierOnePaused) {
  for (const auto& [name, options] : {std::pair<const char*, Json>{"fixed", {{"steps", 50}}},
                                      {"median", {{"steps", 50}}},
                                      {"curve_prediction", {{"steps", 50}}},
                                      {"asha", {{"steps", {10, 50}}, {"type", "stopping"}}}}) {
    SCOPED_TRACE(name);
    AshaRun simulation(make_scheduler(name, problem(1), options));
    for (int i = 0; i < 2; ++i) {
      Trial& trial = simulation.create(9);
      simulation.start(trial, 9);
      simulation.finish(trial, {0.5});
      simulation.set_state(trial, TrialState::paused);
    }
    const auto job = simulation.scheduler->next(true);
    ASSERT_TRUE(job.has_value());
    EXPECT_EQ(job->trial, 0);
    EXPECT_EQ(job->fidelity, 50);
    simulation.start(simulation.trials[0], 50);
    EXPECT_EQ(simulation.scheduler->next(false)->trial, 1);
    simulation.start(simulation.trials[1], 50);
    EXPECT_FALSE(simulation.scheduler->next(false).has_value());
    EXPECT_EQ(simulation.scheduler->next(true)->trial, -1);
  }
}

TEST(Asha, TwoStepsAreTheEndsOfAGeometricLadder) {
  using Rungs = std::vector<std::int64_t>;
  EXPECT_EQ(make_asha({20, 180})->rungs(), (Rungs{20, 60, 180}));
  EXPECT_EQ(make_asha({1, 100})->rungs(), (Rungs{1, 3, 9, 27, 100}));
  EXPECT_EQ(make_asha({20, 40})->rungs(), (Rungs{20, 40}));
  EXPECT_EQ(make_asha({20, 200})->rungs(), (Rungs{20, 60, 200}));
  EXPECT_EQ(make_asha({10, 11, 12})->rungs(), (Rungs{10, 11, 12}));
  EXPECT_EQ(make_asha({1, std::int64_t{1} << 62}, 1, 2)->rungs().size(), 63u);
  EXPECT_EQ(make_asha({20, 180})->horizon(), 180);
  EXPECT_THROW(make_asha({20}), Error);
  EXPECT_THROW(make_asha({20, 20}), Error);
  EXPECT_THROW(make_asha({20, 60, 50}), Error);
  EXPECT_THROW(make_asha({0, 60}), Error);
  EXPECT_THROW(make_scheduler("asha", problem(1), Json{{"steps", {1, 9}}, {"eta", 1}}), Error);
}

TEST(Asha, PromotesAThirdOfEveryRungAndOnlyTheBest) {
  AshaRun simulation(make_asha({1, 3, 9}));
  Rng rng(1, "asha");
  std::vector<double> quality(1000);
  for (double& value : quality) value = rng.uniform();
  const auto evaluate = [&](const Trial& trial) {
    return std::vector<double>{quality[static_cast<std::size_t>(trial.id)]};
  };
  simulation.trials.reserve(1000);
  while (simulation.trials.size() < 900) ASSERT_TRUE(simulation.step(true, evaluate));
  while (simulation.step(false, evaluate)) {
  }
  std::map<std::int64_t, std::vector<double>> reached;
  for (const Trial& trial : simulation.trials)
    for (const auto& result : trial.results) reached[result.fidelity].push_back(evaluate(trial)[0]);
  EXPECT_EQ(reached[1].size(), 900u);
  // Promotions made early can turn out wrong; they are few (Li et al., section 3.2: of order sqrt(n)).
  EXPECT_GE(reached[3].size(), 300u);
  EXPECT_LE(reached[3].size(), 300u + 60u);
  EXPECT_GE(reached[9].size(), 100u);
  EXPECT_LE(reached[9].size(), 100u + 60u);
  for (const Trial& trial : simulation.trials) {
    const bool top = trial.results.back().fidelity == 9;
    EXPECT_EQ(trial.state, top ? TrialState::completed : TrialState::paused);
  }
  // The true best third is all promoted once the budget of new trials is used up.
  auto sorted = reached[1];
  std::sort(sorted.begin(), sorted.end());
  for (const Trial& trial : simulation.trials)
    EXPECT_TRUE(evaluate(trial)[0] > sorted[299] || trial.results.size() >= 2) << trial.id;
}

TEST(Asha, TakesTheHighestRungFirst) {
  AshaRun simulation(make_asha({1, 3, 9}));
  simulation.trials.reserve(20);
  const auto evaluate = [](const Trial& trial) { return std::vector<double>{double(trial.id)}; };
  std::vector<std::pair<std::int64_t, std::int64_t>> jobs;
  for (int i = 0; i < 13; ++i) {
    const auto job = simulation.scheduler->next(true);
    ASSERT_TRUE(job.has_value());
    jobs.emplace_back(job->trial, job->fidelity);
    simulation.step(true, evaluate);
  }
  const std::vector<std::pair<std::int64_t, std::int64_t>> expected{
      {-1, 1}, {-1, 1}, {-1, 1}, {0, 3},  {-1, 1}, {-1, 1}, {-1, 1},
      {1, 3},  {-1, 1}, {-1, 1}, {-1, 1}, {2, 3},  {0, 9}};
  EXPECT_EQ(jobs, expected);
}

TEST(Asha, OfSeveralRungsWithCandidatesTheHighestIsFirst) {
  AshaRun simulation(make_asha({1, 3, 9}));
  simulation.trials.reserve(20);
  for (int i = 0; i < 12; ++i) {
    const auto job = simulation.scheduler->next(true);
    ASSERT_TRUE(job.has_value());
    simulation.start(simulation.create(job->fidelity), job->fidelity);
  }
  for (Trial& trial : simulation.trials) simulation.finish(trial, {double(trial.id)});
  const auto evaluate = [](const Trial& trial) { return std::vector<double>{double(trial.id)}; };
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(simulation.step(true, evaluate));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(simulation.trials[i].target, 3);
  // Of three at 3 the best may go on, and of twelve at 1 a fourth.
  const auto job = simulation.scheduler->next(true);
  ASSERT_TRUE(job.has_value());
  EXPECT_EQ(job->trial, 0);
  EXPECT_EQ(job->fidelity, 9);
}

TEST(Asha, AskingTwiceChangesNothingAndAPromotedTrialIsPromotedOnce) {
  AshaRun simulation(make_asha({1, 3}));
  simulation.trials.reserve(20);
  for (int i = 0; i < 3; ++i) {
    Trial& trial = simulation.create(1);
    simulation.start(trial, 1);
    simulation.finish(trial, {double(i)});
  }
  for (int i = 0; i < 2; ++i) {
    const auto job = simulation.scheduler->next(false);
    ASSERT_TRUE(job.has_value());
    EXPECT_EQ(job->trial, 0);
    EXPECT_EQ(job->fidelity, 3);
  }
  simulation.start(simulation.trials[0], 3);
  EXPECT_FALSE(simulation.scheduler->next(false).has_value());
  // Interrupted: it waits, with its promotion, and nobody takes its place.
  simulation.set_state(simulation.trials[0], TrialState::waiting);
  EXPECT_FALSE(simulation.scheduler->next(false).has_value());
}

TEST(Asha, RunningFailedInfeasibleReusedAndNaNAreNotPromoted) {
  AshaRun simulation(make_asha({1, 3}));
  simulation.trials.reserve(20);
  const auto add = [&](double value) -> Trial& {
    Trial& trial = simulation.create(1);
    simulation.start(trial, 1);
    simulation.result(trial, {value});
    return trial;
  };
  Trial& failed = add(0.0);
  Trial& infeasible = add(0.1);
  Trial& nan = add(kNaN);
  Trial& resting = add(5.0);
  Trial& second = add(6.0);
  EXPECT_FALSE(simulation.scheduler->next(false).has_value());  // all still run
  simulation.set_state(failed, TrialState::failed);
  simulation.set_state(infeasible, TrialState::infeasible);
  simulation.set_state(nan, TrialState::paused);
  simulation.set_state(second, TrialState::paused);
  EXPECT_FALSE(simulation.scheduler->next(false).has_value());  // one of five may go: it still runs
  simulation.set_state(resting, TrialState::paused);
  ASSERT_TRUE(simulation.scheduler->next(false).has_value());
  EXPECT_EQ(simulation.scheduler->next(false)->trial, resting.id);
  simulation.start(resting, 3);
  EXPECT_FALSE(simulation.scheduler->next(false).has_value());

  // A reused result does not count: still five.
  Trial& reused = simulation.create(1);
  reused.same_as = resting.id;
  simulation.start(reused, 1);
  simulation.result(reused, {-1.0});
  simulation.set_state(reused, TrialState::paused);
  EXPECT_FALSE(simulation.scheduler->next(false).has_value());
  // The sixth makes the quota two.
  Trial& sixth = add(9.0);
  simulation.set_state(sixth, TrialState::paused);
  ASSERT_TRUE(simulation.scheduler->next(false).has_value());
  EXPECT_EQ(simulation.scheduler->next(false)->trial, second.id);
}

TEST(Asha, ATrialKnownAsReusedLaterNoLongerCounts) {
  AshaRun simulation(make_asha({1, 3}));
  simulation.trials.reserve(20);
  for (int i = 0; i < 3; ++i) {
    Trial& trial = simulation.create(1);
    simulation.start(trial, 1);
    simulation.finish(trial, {double(i)});
  }
  ASSERT_TRUE(simulation.scheduler->next(false).has_value());
  simulation.trials[0].same_as = 1;
  simulation.tell(Change::Kind::keys, simulation.trials[0]);
  EXPECT_EQ(simulation.scheduler->next(true)->trial, -1) << "two are too few for the quota";
}

TEST(Asha, MaximisesWhereTheObjectiveSaysSo) {
  Problem maximise;
  maximise.objectives = {{"a", false}};
  AshaRun simulation(make_scheduler("asha", maximise, Json{{"steps", {1, 3}}}));
  simulation.trials.reserve(3);
  for (double value : {0.1, 0.9, 0.5}) {
    Trial& trial = simulation.create(1);
    simulation.start(trial, 1);
    simulation.finish(trial, {value});
  }
  EXPECT_EQ(simulation.scheduler->next(false)->trial, 1);
}

/// The promotion order of a rung written down plainly: sort everybody, take the first ready one of the quota.
std::optional<std::int64_t> plain_best(const std::vector<std::vector<double>>& values,
                                       const std::vector<bool>& ready, std::size_t eta) {
  const auto rank = study::non_dominated_rank(values);
  std::vector<double> crowding(values.size(), 0.0);
  for (int level = 0; level <= *std::max_element(rank.begin(), rank.end()); ++level) {
    std::vector<std::vector<double>> members;
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < values.size(); ++i)
      if (rank[i] == level && !std::isnan(values[i][0])) {
        members.push_back(values[i]);
        rows.push_back(i);
      }
    const auto distance = study::crowding_distance(members);
    for (std::size_t i = 0; i < rows.size() && values[0].size() > 1; ++i) crowding[rows[i]] = distance[i];
  }
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isnan(values[i][0])) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return rank[a] != rank[b] ? rank[a] < rank[b] : crowding[a] > crowding[b];
  });
  for (std::size_t i = 0; i < order.size() && i < values.size() / eta; ++i)
    if (ready[order[i]]) return static_cast<std::int64_t>(order[i]);
  return std::nullopt;
}

TEST(Rung, AnswersLikeSortingEverybodyForOneObjectiveAndSeveral) {
  Rng rng(2, "rung");
  for (std::size_t objectives = 1; objectives <= 3; ++objectives)
    for (int round = 0; round < 20; ++round) {
      Rung rung(3);
      std::vector<std::vector<double>> values;
      std::vector<bool> ready;
      for (int i = 0; i < 60; ++i) {
        std::vector<double> row(objectives);
        // One objective on a coarse grid (ties by trial), several fine (crowding depends on ties' order).
        for (double& value : row) value = objectives == 1 ? double(rng.below(8)) : rng.uniform();
        if (rng.below(10) == 0) row[0] = kNaN;
        values.push_back(row);
        ready.push_back(rng.below(2) == 0);
        rung.report(i, row);
        rung.set_ready(i, ready.back());
        for (auto best = rung.best(); best && rng.below(3) == 0; best = rung.best()) {
          ready[static_cast<std::size_t>(*best)] = false;
          rung.set_ready(*best, false);
        }
        ASSERT_EQ(rung.best(), plain_best(values, ready, 3)) << objectives << ' ' << round << ' ' << i;
      }
    }
}

TEST(Rung, DependsOnWhatItHoldsAndNotOnTheOrder) {
  Rng rng(3, "order");
  for (std::size_t objectives = 1; objectives <= 3; ++objectives)
    for (int round = 0; round < 10; ++round) {
      std::vector<std::vector<double>> values(50, std::vector<double>(objectives));
      for (auto& row : values)
        for (double& value : row) value = double(rng.below(6));
      std::vector<std::vector<std::int64_t>> promoted;
      for (int order = 0; order < 3; ++order) {
        std::vector<std::int64_t> ids(values.size());
        for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int64_t>(i);
        for (std::size_t i = ids.size(); i > 1; --i) std::swap(ids[i - 1], ids[rng.below(i)]);
        Rung rung(2);
        for (const auto id : ids) {
          rung.report(id, values[static_cast<std::size_t>(id)]);
          rung.set_ready(id, true);
        }
        rung.disqualify(7);
        rung.remove(11);
        auto& list = promoted.emplace_back();
        while (const auto best = rung.best()) {
          list.push_back(*best);
          rung.set_ready(*best, false);
        }
        EXPECT_EQ(rung.size(), 49);
        EXPECT_EQ(list.size(), 24u);
      }
      EXPECT_EQ(promoted[0], promoted[1]);
      EXPECT_EQ(promoted[0], promoted[2]);
    }
}

TEST(Asha, SeveralObjectivesPromoteTheFront) {
  AshaRun simulation(make_asha({1, 3}, 2), 2);
  simulation.trials.reserve(40);
  // Nine trials, three of them on the front.
  const std::vector<std::vector<double>> values{{3, 9}, {1, 5}, {9, 9}, {2, 3}, {4, 8},
                                                {5, 1}, {6, 6}, {7, 7}, {8, 8}};
  for (const auto& row : values) {
    Trial& trial = simulation.create(1);
    simulation.start(trial, 1);
    simulation.finish(trial, row);
  }
  std::vector<std::int64_t> promoted;
  while (const auto job = simulation.scheduler->next(false)) {
    promoted.push_back(job->trial);
    simulation.start(simulation.trials[static_cast<std::size_t>(job->trial)], job->fidelity);
  }
  std::sort(promoted.begin(), promoted.end());
  EXPECT_EQ(promoted, (std::vector<std::int64_t>{1, 3, 5}));
}

}  // namespace
}  // namespace hone::schedule
