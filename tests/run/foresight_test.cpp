#include "hone/run/foresight.h"

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/run/cost_bench.h"
#include "hone/run/cost_pairs.h"
#include "hone/run/front_text.h"
#include "hone/run/summary.h"
#include "hone/run/unkept_limits.h"
#include "twin_task.h"

namespace hone::run {
namespace {

using study::TrialState;

class Foreseeing : public testing::Test {
 protected:
  /// 400 designs, half of which are too slow.
  StudyFile file(std::int64_t trials = 300) const {
    StudyFile file = test::twin_study(task_, identity::Policy::off, {}, 40);
    file.limits = {{"latency_s", 5.5e-3, {}}};
    file.budget.trials = trials;
    return file;
  }
  void run(const StudyFile& file) {
    store_ = study::open_store("memory:");
    study::Study::create(*store_, file.header());
    evaluator_ = std::make_unique<test::TwinEvaluator>(task_);
    work(file, store_, *evaluator_, WorkerOptions{});
    study_ = std::make_unique<study::Study>(store_);
    study_->sync();
  }
  bool slow(std::int64_t trial) const {
    return test::TwinTask::latency_s(study_->trial(trial).config) > 5.5e-3;
  }

  std::shared_ptr<test::TwinTask> task_ = std::make_shared<test::TwinTask>();
  std::shared_ptr<study::Store> store_;
  std::unique_ptr<test::TwinEvaluator> evaluator_;
  std::unique_ptr<study::Study> study_;
};

TEST_F(Foreseeing, WhatIsSureToBreakALimitIsNotEvenMeasured) {
  run(file());
  ASSERT_EQ(study_->size(), 300);
  EXPECT_LT(evaluator_->costed, 220);
  std::int64_t foreseen = 0;
  for (const study::Trial& trial : study_->trials()) {
    EXPECT_EQ(trial.state, slow(trial.id) ? TrialState::infeasible : TrialState::completed) << trial.id;
    if (trial.costs.find("latency_s")) continue;
    ++foreseen;
    EXPECT_EQ(trial.cause, "limit");
    EXPECT_NE(trial.reason.find("latency_s will be"), std::string::npos) << trial.reason;
    EXPECT_NE(trial.reason.find("over the limit of 5.50 ms"), std::string::npos) << trial.reason;
    EXPECT_TRUE(trial.costs.find("latency_s_predicted"));
  }
  EXPECT_GT(foreseen, 80);
  for (const std::int64_t id : evaluator_->runs) EXPECT_FALSE(slow(id)) << "measured before training";
  // Predictions stand beside what was measured then.
  const auto pairs = cost_pairs(*study_, file());
  const auto found = std::find_if(pairs.begin(), pairs.end(), [](const CostPair& pair) {
    return pair.predicted == "latency_s_predicted" && pair.measured == "latency_s";
  });
  ASSERT_NE(found, pairs.end());
  EXPECT_TRUE(found->same_quantity);
  EXPECT_GT(found->rank, 0.9);
  EXPECT_LT(found->off, 0.05);
}

TEST_F(Foreseeing, WhereOnlyARunTellsFewThatBreakTheLimitAreRun) {
  task_->timed_in_training = true;
  run(file(400));
  std::int64_t broke = 0, late = 0;
  for (const std::int64_t id : evaluator_->runs) {
    broke += slow(id);
    late += slow(id) && id >= 60;
  }
  EXPECT_GT(broke, 0) << "some have to be seen first";
  EXPECT_LT(broke, 30);
  EXPECT_LT(late, 10);
  // And none that keeps it was lost.
  for (const study::Trial& trial : study_->trials())
    EXPECT_TRUE(slow(trial.id) || trial.state == TrialState::completed) << trial.id << ": " << trial.reason;
}

TEST_F(Foreseeing, ALimitMaySayThatItIsMeasured) {
  StudyFile measured = file();
  measured.predicts["latency_s"] = false;
  run(measured);
  EXPECT_EQ(evaluator_->costed, 300);
  for (const study::Trial& trial : study_->trials()) EXPECT_FALSE(trial.costs.find("latency_s_predicted"));
}

TEST_F(Foreseeing, GoesOnFromTheJournal) {
  StudyFile first = file(150);
  run(first);
  const int before = evaluator_->costed;
  first.budget.trials = 300;
  test::TwinEvaluator again(task_);
  work(first, store_, again, WorkerOptions{});
  EXPECT_LT(again.costed, 110) << "it knows what was measured, after " << before;
}

TEST(Foresight, IsFoundOutWhereItIsWrong) {
  // The first designs are all slow but one; a region that they do not tell of is not. Nothing is turned away
  // for ever.
  const auto space = space::Space::Builder().real("x", 0.0, 1.0).build();
  Foresight foresight(space, {{{"seconds_s", 1.0, {}}, false}}, 1, {});
  study::Trial trial;
  for (int i = 0; i < 40; ++i) {
    trial.id = i;
    trial.config = space.decode({0.2 + 0.001 * i});
    study::Result result;
    result.fidelity = 1;
    result.measures.set("seconds_s", i == 0 ? 0.9 : 9.0);
    foresight.update({study::Change::Kind::result, &trial, &result});
  }
  int turned_away = 0;
  for (; turned_away < 1000; ++turned_away)
    if (foresight.judge(space.decode({0.21}), {}).violation.empty()) break;
  EXPECT_EQ(turned_away, 31);
  for (turned_away = 0; turned_away < 1000; ++turned_away)
    if (foresight.judge(space.decode({0.21}), {}).violation.empty()) break;
  EXPECT_EQ(turned_away, 31) << "then 64 in a row";
}

TEST(Foresight, ALimitFromBelowIsForeseenToo) {
  const auto space = space::Space::Builder().real("x", 0.0, 1.0).build();
  Foresight foresight(space, {{{"rows_per_s", {}, 5.0}, false}}, 1, {});
  for (int i = 0; i < 60; ++i) {
    study::Trial trial;
    trial.id = i;
    const double x = i / 60.0;
    trial.config = space.decode({x});
    study::Result result;
    result.fidelity = 1;
    result.measures.set("rows_per_s", 1.0 + 9.0 * x);
    foresight.update({study::Change::Kind::result, &trial, &result});
  }
  const std::string violation = foresight.judge(space.decode({0.1}), {}).violation;
  EXPECT_NE(violation.find("under the limit of"), std::string::npos) << violation;
  EXPECT_EQ(foresight.judge(space.decode({0.9}), {}).violation, "");
}

TEST(Foresight, APlateauDoesNotHideWhatKeepsTheLimit) {
  // All that is seen at first costs the same and too much; one design in twenty does not.
  const auto space = space::Space::Builder().real("x", 0.0, 1.0).real("y", 0.0, 1.0).build();
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    Foresight foresight(space, {{{"build_s", 5.0, {}}, false}}, 1, {});
    Rng rng(seed, "plateau");
    int evaluated = 0, kept = 0, late = 0;
    for (int i = 0; i < 400; ++i) {
      study::Trial trial;
      trial.id = i;
      const double x = rng.uniform();
      trial.config = space.decode({x, rng.uniform()});
      if (!foresight.judge(trial.config, {}).violation.empty()) continue;
      study::Result result;
      result.fidelity = 1;
      result.measures.set("build_s", x < 0.95 ? 10.0 : 1.0);
      foresight.update({study::Change::Kind::result, &trial, &result});
      ++evaluated;
      kept += x >= 0.95;
      late += i >= 200 && x < 0.95;
    }
    EXPECT_GT(kept, 0) << seed;
    EXPECT_LT(late, 20) << "once some keep it";
    EXPECT_LT(evaluated, 200) << "most of what breaks the limit is turned away all the same";
  }
}

TEST_F(Foreseeing, ThatNothingKeepsTheLimitIsSaid) {
  StudyFile none = file(120);
  none.limits = {{"latency_s", 1e-6, {}}};
  run(none);
  const std::string warning = unkept_limits(*study_);
  EXPECT_NE(warning.find("latency_s"), std::string::npos) << warning;
  EXPECT_NE(status_text(*study_, none).find(warning), std::string::npos);
  EXPECT_NE(front_text(*study_, none, 100).find(warning), std::string::npos);
  study::Study light(store_, study::Study::Depth::light);
  light.sync();
  EXPECT_EQ(unkept_limits(light), warning) << "hone status reads a study lightly";
  EXPECT_GE(evaluator_->costed, 16 + 104 / 4) << "every fourth is measured all the same";
  EXPECT_LT(evaluator_->costed, 60);
  run(file(120));
  EXPECT_EQ(unkept_limits(*study_), "");
  study_->save_views();
  study::Study kept(store_, study::Study::Depth::light);
  kept.sync();
  EXPECT_EQ(unkept_limits(kept), "");
}

TEST(LoopScores, RecordedTables) {
  const char* folder = std::getenv("HONE_DATA");
  if (folder == nullptr) GTEST_SKIP() << "HONE_DATA is not set";
  CostBenchOptions options;
  options.seeds = 1;
  options.interrupted = [n = 0]() mutable { return n++ > 0; };  // the first table only
  const auto scores = loop_scores(folder, options);
  ASSERT_FALSE(scores.empty());
  std::map<std::string, double> more(scores[0].more.begin(), scores[0].more.end());
  EXPECT_LE(more.at("infeasible_share"), 0.02);
  EXPECT_LE(more.at("time_share"), 0.5);
  EXPECT_EQ(more.at("front_share"), 1.0);
}

}  // namespace
}  // namespace hone::run
