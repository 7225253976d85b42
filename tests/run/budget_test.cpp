#include <cmath>

#include <gtest/gtest.h>

#include "hone/run/optimizer.h"

namespace hone::run {
namespace {

using study::TrialState;

Optimizer::Setup setup(const std::string& scheduler, Json options) {
  Optimizer::Setup s;
  s.space = space::Space::Builder().real("x", 0, 1).build();
  s.objectives = {{"loss", true}};
  s.searcher = "random";
  s.scheduler = scheduler;
  s.scheduler_options = std::move(options);
  return s;
}
study::Measures result(const Job& job, double dollars = 1.0) {
  return {{"loss", job.config.real("x")}, {"dollars", dollars}};
}

TEST(Budget, StepsAreSpentExactly) {
  auto s = setup("fixed", {{"steps", 7}});
  s.max_steps = 30;
  Optimizer optimizer(s);
  int jobs = 0;
  while (const auto job = optimizer.ask()) {
    optimizer.tell(*job, result(*job));
    ++jobs;
  }
  EXPECT_EQ(jobs, 4);
  EXPECT_TRUE(optimizer.finished());
  EXPECT_EQ(optimizer.study().spending().units(), 28);
}

TEST(Budget, RunningJobsAndBatchesCountInFull) {
  auto s = setup("fixed", {{"steps", 7}});
  s.max_steps = 30;
  Optimizer optimizer(s);
  const auto first = optimizer.ask(3);
  ASSERT_EQ(first.size(), 3u);
  EXPECT_EQ(optimizer.study().spending().running(), 21);
  const auto second = optimizer.ask(3);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_TRUE(optimizer.ask(3).empty());
  EXPECT_FALSE(optimizer.finished()) << "a running one may give something back";
  // One ends early, without having done anything: there is room for another.
  optimizer.end(first[0], TrialState::infeasible, "too large", 0.0, {}, true, "limit");
  EXPECT_EQ(optimizer.ask(3).size(), 1u);
  EXPECT_TRUE(optimizer.ask(3).empty());
}

TEST(Budget, WhatAPromotedTrialHasAlreadyIsNotPaidAgain) {
  auto s = setup("asha", {{"steps", {1, 3, 9}}});
  s.max_steps = 100;
  Optimizer optimizer(s);
  std::int64_t paid = 0;
  while (const auto job = optimizer.ask()) {
    paid += job->to - job->from;
    ASSERT_LE(paid, 100);
    optimizer.tell(*job, result(*job));
    ASSERT_EQ(optimizer.study().spending().units(), paid);
  }
  EXPECT_EQ(paid, 100) << "the cheapest job is one step";
}

TEST(Budget, FailuresPayWhatIsKnownOrAllAndInterruptionsNothing) {
  auto s = setup("fixed", {{"steps", 10}});
  Optimizer optimizer(s);
  const auto& spending = optimizer.study().spending();
  auto job = *optimizer.ask();
  optimizer.report(job, 4, result(job, 0.4));
  EXPECT_EQ(spending.units(), 4);
  EXPECT_EQ(spending.running(), 6);
  optimizer.give_back(job);
  EXPECT_EQ(spending.units(), 4);
  EXPECT_EQ(spending.running(), 0);
  job = *optimizer.ask();
  EXPECT_EQ(job.from, 4);
  optimizer.tell(job, result(job, 1.0));
  EXPECT_EQ(spending.units(), 10);
  EXPECT_DOUBLE_EQ(spending.total("dollars"), 1.0) << "a result says what its trial cost so far";

  job = *optimizer.ask();
  optimizer.end(job, TrialState::failed, "diverged", 0.0, {}, false, "diverged", 3);
  EXPECT_EQ(spending.units(), 13);
  job = *optimizer.ask();
  optimizer.end(job, TrialState::failed, "crashed");
  EXPECT_EQ(spending.units(), 23);
  EXPECT_EQ(spending.lost(), 10);
  job = *optimizer.ask();
  optimizer.tell(job, {{"loss", std::nan("")}, {"dollars", 1.6}});
  EXPECT_EQ(spending.units(), 33);
  EXPECT_EQ(spending.lost(), 10) << "it got to its end";
  EXPECT_NEAR(spending.total("dollars"), 2.6 * (1.0 + 13.0 / 20.0), 1e-12)
      << "the lost ones, and those of which no price was told, at the mean price";

  // A worker that was killed: nobody knows how far it got.
  job = *optimizer.ask();
  give_back(optimizer.study(), Blame::trial, [](const study::HeldLease&) { return true; });
  EXPECT_EQ(spending.lost(), 20);
  // Pruned: up to its last report.
  job = *optimizer.ask();
  optimizer.report(job, 2, result(job, 0.2));
  optimizer.end(job, TrialState::pruned, "stopped");
  EXPECT_EQ(spending.units(), 45);
  // Retried: paid again from where its results end.
  optimizer.study().commit({study::RetryRecord{job.trial}});
  job = *optimizer.ask();
  optimizer.tell(job, result(job, 1.0));
  EXPECT_EQ(spending.units(), 53);
  // Reused: nothing.
  const std::int64_t twin = job.trial;
  job = *optimizer.ask();
  optimizer.same(job, twin);
  EXPECT_EQ(optimizer.study().trial(job.trial).last()->fidelity, 10);
  EXPECT_EQ(spending.units(), 53);
  EXPECT_EQ(spending.running(), 0);
}

TEST(Budget, WhatEndsWithoutAResultPaysAllTheSame) {
  for (const TrialState state :
       {TrialState::infeasible, TrialState::pruned, TrialState::paused, TrialState::failed}) {
    auto s = setup("fixed", {{"steps", 10}});
    s.max_steps = 100;
    Optimizer optimizer(s);
    int jobs = 0;
    for (std::optional<Job> job; jobs < 50 && (job = optimizer.ask()); ++jobs)
      optimizer.end(*job, state, "it told nothing");
    EXPECT_EQ(jobs, 10) << study::state_name(state);
    EXPECT_TRUE(optimizer.finished());
    EXPECT_EQ(optimizer.study().spending().lost(), 100);
  }
}

TEST(Budget, StoppedAndPausedJobsPayForTheirReports) {
  Optimizer optimizer(setup("fixed", {{"steps", 10}}));
  const auto& spending = optimizer.study().spending();
  for (const TrialState state : {TrialState::pruned, TrialState::paused}) {
    const auto job = *optimizer.ask();
    optimizer.report(job, 2, result(job));
    optimizer.end(job, state, "stopped");
  }
  EXPECT_EQ(spending.units(), 4);
  // What an earlier attempt reported says nothing of this one.
  optimizer.study().commit({study::RetryRecord{0}});
  const auto again = *optimizer.ask();
  EXPECT_EQ(again.from, 2);
  optimizer.end(again, TrialState::pruned, "stopped");
  EXPECT_EQ(spending.units(), 12);
  EXPECT_EQ(spending.lost(), 8);
  // The paused one goes on, and says how far it got; a new one is infeasible after its report.
  auto job = *optimizer.ask();
  EXPECT_EQ(job.from, 2);
  optimizer.end(job, TrialState::infeasible, "too large", 0.0, {}, false, "", 3);
  EXPECT_EQ(spending.units(), 13);
  job = *optimizer.ask();
  optimizer.report(job, 4, result(job));
  optimizer.end(job, TrialState::infeasible, "too large");
  EXPECT_EQ(spending.units(), 23);
  EXPECT_EQ(spending.running(), 0);
  study::Study light(optimizer.study().store_pointer(), study::Study::Depth::light);
  optimizer.study().save_views();
  light.sync();
  EXPECT_EQ(light.spending().json(), spending.json());
}

TEST(Budget, ProposalsAreNotOvershot) {
  for (const char* searcher : {"random", "tpe", "local_search"})
    for (const std::int64_t most : {25, 40, 60}) {
      auto s = setup("fixed", {{"steps", 1}});
      s.space = space::Space::Builder().integer("i", 1, 30).build();
      s.searcher = searcher;
      s.max_proposals = most;
      Optimizer optimizer(s);
      while (true) {
        const auto jobs = optimizer.ask_alike(8);
        if (jobs.empty()) break;
        for (const auto& job : jobs)
          optimizer.tell(job, {{"loss", static_cast<double>(job.config.integer("i"))}});
      }
      EXPECT_TRUE(optimizer.finished());
      EXPECT_LE(optimizer.study().proposals(), most) << searcher;
      EXPECT_GT(optimizer.study().proposals(), most / 3) << searcher;
    }
}

TEST(Budget, ReplicatesPay) {
  auto s = setup("fixed", {{"steps", 5}});
  s.replicates = 3;
  s.max_steps = 20;
  Optimizer optimizer(s);
  int jobs = 0;
  while (const auto job = optimizer.ask()) {
    optimizer.tell(*job, result(*job));
    ++jobs;
  }
  EXPECT_EQ(jobs, 4);
  EXPECT_EQ(optimizer.study().spending().units(), 20);
}

TEST(Budget, NoJobStartsOnceTheSpendingIsReached) {
  auto s = setup("fixed", {{"steps", 2}});
  s.max_spend = {{"dollars", 3.5}};
  Optimizer optimizer(s);
  int jobs = 0;
  while (const auto job = optimizer.ask()) {
    optimizer.tell(*job, result(*job));
    ++jobs;
  }
  EXPECT_EQ(jobs, 4) << "3 dollars leave something, 4 do not";
  EXPECT_TRUE(optimizer.finished());
  EXPECT_DOUBLE_EQ(optimizer.study().spending().total("dollars"), 4.0);
}

TEST(Budget, FailedJobsArePaidWhetherToldOrNot) {
  for (const bool told : {false, true}) {
    auto s = setup("fixed", {{"steps", 2}});
    s.max_spend = {{"dollars", 20.0}};
    Optimizer optimizer(s);
    int jobs = 0;
    while (const auto job = optimizer.ask()) {
      if (++jobs % 2 == 0)
        optimizer.tell(*job, result(*job));
      else
        optimizer.end(*job, TrialState::failed, "it broke", 1.0, {}, false, "exit", 2,
                      told ? study::Measures{{"dollars", 1.0}} : study::Measures{});
    }
    EXPECT_EQ(jobs, 20);
    EXPECT_DOUBLE_EQ(optimizer.study().spending().total("dollars"), 20.0);
  }
}

TEST(Budget, WhatRunsIsExpectedToCostWhatOthersDid) {
  auto s = setup("fixed", {{"steps", 2}});
  s.max_spend = {{"dollars", 3.5}};
  Optimizer optimizer(s);
  const auto first = *optimizer.ask();
  optimizer.tell(first, result(first));
  // One dollar is spent: three more may run, the last of which is expected to go over the bound.
  EXPECT_EQ(optimizer.ask(10).size(), 3u);
  EXPECT_TRUE(optimizer.ask(10).empty());
  EXPECT_FALSE(optimizer.finished());
}

TEST(Budget, AJobMayBeToldThroughAnotherOptimizer) {
  auto s = setup("asha", {{"steps", {1, 3}}});
  s.max_steps = 20;
  auto store = study::open_store("memory:");
  Optimizer asks(s, store), tells(s, store), reports(s, store);
  int jobs = 0;
  while (const auto job = asks.ask()) {
    ++jobs;
    if (jobs % 4 == 0) {
      EXPECT_TRUE(tells.end(*job, TrialState::failed, "it broke"));
    } else if (jobs % 4 == 1) {
      EXPECT_TRUE(tells.tell(*job, result(*job)));
    } else if (jobs % 4 == 2) {
      EXPECT_EQ(tells.tell({{*job, result(*job), 1.0, {}}}), 1u);
    } else {
      reports.report(*job, job->to, result(*job));
      EXPECT_TRUE(tells.tell(*job, result(*job)));
    }
  }
  EXPECT_GT(jobs, 8);
  asks.study().sync();
  EXPECT_EQ(asks.study().spending().units(), 20);
}

TEST(Budget, WhatAnAttemptTookCountsHoweverItEnded) {
  auto s = setup("asha", {{"steps", {9, 27}}, {"eta", 3}});
  auto store = study::open_store("memory:");
  Optimizer optimizer(s, store);
  const auto& spending = optimizer.study().spending();
  const auto seconds = [](double value) { return study::Measures{{"seconds", value}}; };
  auto job = *optimizer.ask();
  optimizer.give_back(job, 0.0, {}, seconds(5.0));
  EXPECT_DOUBLE_EQ(spending.total("seconds"), 5.0);
  job = *optimizer.ask();
  optimizer.tell(job, {{"loss", 0.1}, {"seconds", 30.0}}, 0.0, {}, seconds(25.0));
  EXPECT_DOUBLE_EQ(spending.total("seconds"), 30.0);
  double expected = 30.0;
  for (std::int64_t went_on = 0; went_on == 0;) {
    job = *optimizer.ask();
    went_on = job.from;
    if (went_on > 0) break;
    // Others are worse, in both ways of telling.
    const study::Measures result{{"loss", 0.9}, {"seconds", 1.0}};
    if (job.trial % 2 == 0)
      optimizer.tell(job, result, 0.0, {}, seconds(1.0));
    else
      optimizer.tell({{job, result, 0.0, {}, seconds(1.0)}});
    expected += 1.0;
  }
  EXPECT_EQ(job.trial, 0);
  optimizer.tell(job, {{"loss", 0.1}, {"seconds", 60.0}}, 0.0, {}, seconds(60.0));  // it began anew
  expected += 60.0;
  EXPECT_DOUBLE_EQ(spending.total("seconds"), expected);
  EXPECT_EQ(optimizer.study().trial(0).last()->measures.find("seconds"), 60.0) << "its objective";
  while ((job = *optimizer.ask()).from > 0) {
    optimizer.refuse(job, {{"loss", 0.1}, {"seconds", 2.0}}, "too large", 0.0, {}, seconds(2.0));
    expected += 2.0;
  }
  optimizer.end(job, TrialState::failed, "it broke", 0.0, {}, false, "", 4, seconds(3.0), seconds(3.0));
  EXPECT_DOUBLE_EQ(spending.total("seconds"), expected + 3.0);

  study::Study whole(store), light(store, study::Study::Depth::light);
  whole.sync();
  EXPECT_EQ(whole.spending().json(), spending.json()) << "from the journal";
  optimizer.study().save_views();
  light.sync();
  EXPECT_EQ(light.spending().json(), spending.json());
}

TEST(Budget, ALargerBudgetGoesOn) {
  auto s = setup("fixed", {{"steps", 5}});
  s.max_steps = 10;
  auto store = study::open_store("memory:");
  Optimizer small(s, store);
  while (const auto job = small.ask()) small.tell(*job, result(*job));
  s.max_steps = 25;
  Optimizer large(s, store);
  int jobs = 0;
  while (const auto job = large.ask()) {
    large.tell(*job, result(*job));
    ++jobs;
  }
  EXPECT_EQ(jobs, 3);
}

}  // namespace
}  // namespace hone::run
