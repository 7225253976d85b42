// What is reported at a job's target, and what is told with its end: together they are the result.
#include <cmath>
#include <limits>
#include <memory>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/run/optimizer.h"
#include "hone/run/worker.h"

namespace hone::run {
namespace {

using study::TrialState;

Optimizer::Setup three_steps() {
  Optimizer::Setup setup;
  setup.space = space::Space::Builder().real("x", 0, 1).build();
  setup.objectives = {{"loss", true}};
  setup.searcher = "random";
  setup.scheduler_options = {{"steps", 3}};
  return setup;
}

/// The processes that ran something are gone.
void drop_workers(const std::shared_ptr<study::Store>& store) {
  study::Study study(store, study::Study::Depth::light);
  give_back(study, Blame::nobody, [](const study::HeldLease&) { return true; });
}

TEST(TargetReports, TheEndAddsWhatTheyLack) {
  Optimizer::Setup setup = three_steps();
  setup.objectives.push_back({"size", true});
  const auto store = study::open_store("memory:");
  Optimizer optimizer(setup, store);
  Job job = *optimizer.ask();
  optimizer.report(job, 3, {{"loss", 0.5}});
  EXPECT_EQ(optimizer.best(), nullptr);
  EXPECT_TRUE(optimizer.tell(job, {{"loss", 0.5}, {"size", 7.0}, {"dollars", 2.0}}));
  ASSERT_NE(optimizer.best(), nullptr) << "it is on the front";
  EXPECT_EQ(optimizer.best()->results.size(), 1u);
  EXPECT_DOUBLE_EQ(optimizer.study().spending().total("dollars"), 2.0);
  EXPECT_EQ(optimizer.study().spending().units(), 3);
  // What was reported need not be told again.
  job = *optimizer.ask();
  optimizer.report(job, 3, {{"loss", 0.4}});
  EXPECT_THROW(optimizer.tell(job, {{"dollars", 1.0}}), Error) << "a size is missing";
  EXPECT_EQ(optimizer.tell({{job, {{"size", 8.0}, {"dollars", 1.0}}}}), 1u);
  EXPECT_EQ(optimizer.study().front().members().size(), 2u);
  EXPECT_DOUBLE_EQ(optimizer.study().spending().total("dollars"), 3.0);

  // Whoever reads the journal knows the same of it, whole or a trial at a time.
  study::Study whole(store), light(store, study::Study::Depth::light);
  whole.sync();
  light.sync();
  for (const study::Study* study : {&whole, &light}) {
    EXPECT_EQ(study->front().members().size(), 2u);
    EXPECT_EQ(study->spending().json(), optimizer.study().spending().json());
    for (const std::int64_t id : {0, 1})
      EXPECT_EQ(study->trial(id).last()->measures, optimizer.study().trial(id).last()->measures);
  }
}

TEST(TargetReports, ThoseWhoTakeTheResultsHaveWhatCameWithTheEnd) {
  Optimizer optimizer(three_steps());
  const Job first = *optimizer.ask(), other = *optimizer.ask();
  optimizer.report(first, 3, {{"loss", 0.5}});
  optimizer.same(other, first.trial);
  EXPECT_FALSE(optimizer.study().trial(other.trial).last()->measures.find("dollars"));
  optimizer.tell(first, {{"dollars", 2.0}});
  EXPECT_EQ(optimizer.study().trial(other.trial).last()->measures.find("dollars"), 2.0);
  EXPECT_DOUBLE_EQ(optimizer.study().spending().total("dollars"), 2.0);
  EXPECT_EQ(optimizer.study().saved().fidelity, 3);
}

TEST(TargetReports, WhatContradictsThemIsNotTaken) {
  Optimizer optimizer(three_steps());
  const Job job = *optimizer.ask();
  optimizer.report(job, 3, {{"loss", std::nan("")}});
  EXPECT_THROW(optimizer.tell(job, {{"loss", 0.1}}), Error);
  EXPECT_THROW(optimizer.refuse(job, {{"loss", 0.1}}, "too large"), Error);
  EXPECT_EQ(optimizer.study().trial(job.trial).state, TrialState::running);
  EXPECT_TRUE(optimizer.tell(job, {{"loss", std::nan("")}, {"dollars", 1.0}}));
  EXPECT_EQ(optimizer.study().trial(job.trial).state, TrialState::failed);
  EXPECT_EQ(optimizer.study().trial(job.trial).cause, "nan");
  EXPECT_DOUBLE_EQ(optimizer.study().spending().total("dollars"), 1.0);
  EXPECT_FALSE(optimizer.tell(job, {{"loss", 0.1}})) << "that attempt is over: it is kept as late";
}

TEST(TargetReports, LimitsAreThoseOfWhatStands) {
  Optimizer::Setup setup = three_steps();
  setup.limits = {{"size_bytes", 10.0, std::nullopt}};
  Optimizer optimizer(setup);
  const Job job = *optimizer.ask();
  optimizer.report(job, 3, {{"loss", 0.5}, {"size_bytes", 11.0}});
  EXPECT_TRUE(optimizer.tell(job, {{"dollars", 1.0}}));
  EXPECT_EQ(optimizer.study().trial(job.trial).state, TrialState::infeasible);
}

TEST(TargetReports, MaxSpendCountsWhatComesWithTheEnd) {
  for (const bool dies : {false, true}) {
    Optimizer::Setup setup = three_steps();
    setup.max_spend = {{"dollars", 2.5}};
    setup.max_trials = 20;
    const auto store = study::open_store("memory:");
    auto optimizer = std::make_unique<Optimizer>(setup, store);
    double paid = 0.0;
    for (int asks = 0; asks < 40; ++asks) {
      const auto job = optimizer->ask();
      if (!job) break;
      if (job->from < job->to) {
        optimizer->report(*job, 3, {{"loss", 0.1}});
        paid += 1.0;
        if (dies && asks % 2 == 0) {
          optimizer.reset();
          drop_workers(store);
          optimizer = std::make_unique<Optimizer>(setup, store);
          continue;
        }
      }
      EXPECT_TRUE(optimizer->tell(*job, {{"loss", 0.1}, {"dollars", 1.0}}));
    }
    EXPECT_EQ(paid, 3.0);
    EXPECT_DOUBLE_EQ(optimizer->study().spending().total("dollars"), 3.0);
    EXPECT_EQ(optimizer->study().spending().units(), 9);
    EXPECT_EQ(optimizer->study().count(TrialState::completed), 3);
  }
}

TEST(TargetReports, WhoMeasuresAgainWhatALostAttemptReportedAddsToIt) {
  Optimizer::Setup setup = three_steps();
  setup.max_spend = {{"dollars", 100.0}};
  const auto store = study::open_store("memory:");
  Optimizer optimizer(setup, store);
  const Job lost = *optimizer.ask();
  optimizer.report(lost, 3, {{"loss", 0.5}});
  drop_workers(store);
  const Job again = *optimizer.ask();
  EXPECT_EQ(again.trial, lost.trial);
  EXPECT_EQ(again.from, again.to);
  EXPECT_TRUE(optimizer.tell(again, {{"loss", 0.6}, {"dollars", 1.0}}));
  const study::Trial& trial = optimizer.study().trial(again.trial);
  EXPECT_EQ(trial.state, TrialState::completed);
  EXPECT_EQ(trial.last()->measures, (study::Measures{{"loss", 0.5}, {"dollars", 1.0}}));
}

class LossTask : public task::Task {
 public:
  std::vector<task::MeasureInfo> measures() const override { return {{"loss", "what is minimised"}}; }
  std::string fidelity_unit() const override { return "steps"; }
  void check(const space::Space&) const override {}
};

/// Reports its loss at the target, and tells with the end what it cost and how large it is.
class ReportsAtItsTarget : public task::Evaluator {
 public:
  task::Outcome run(const task::Assignment& assignment, task::Reporter& reporter) override {
    for (std::int64_t step = assignment.from + 1; step <= assignment.to; ++step)
      if (reporter.report(step, {{"loss", 1.0 / static_cast<double>(step)}}) !=
          task::Reporter::Verdict::go_on)
        return {task::Ending::stopped, "", step};
    task::Outcome outcome;
    outcome.measures = {{"size", 7.0}, {"dollars", 1.0}};
    return outcome;
  }
};

TEST(TargetReports, ATasksCountWithWhatItReturns) {
  StudyFile file;
  file.name = "losses";
  file.task = std::make_shared<LossTask>();
  file.task_kind = "losses";
  file.objectives = {{"loss", true}, {"size", true}};
  file.space = three_steps().space;
  file.searcher = "random";
  file.searcher_options = Options(methods().need("searcher", "random").info.options);
  file.scheduler = "median";
  file.scheduler_options =
      Options(methods().need("scheduler", "median").info.options, {{"steps", 3}, {"min_trials", 1}});
  file.identity = identity::Policy::off;
  file.budget.trials = 6;
  const auto store = study::open_store("memory:");
  study::Study::create(*store, file.header());
  ReportsAtItsTarget evaluator;
  EXPECT_EQ(work(file, store, evaluator, WorkerOptions{}), WorkEnd::finished);
  study::Study study(store);
  study.sync();
  EXPECT_EQ(study.count(TrialState::completed), 6);
  EXPECT_DOUBLE_EQ(study.spending().total("dollars"), 6.0);
  EXPECT_EQ(study.trial(0).last()->measures.find("size"), 7.0);
  EXPECT_EQ(study.trial(0).last()->measures.find("loss"), 1.0 / 3.0);
  EXPECT_EQ(study.trial(0).results.size(), 3u);
}

}  // namespace
}  // namespace hone::run
