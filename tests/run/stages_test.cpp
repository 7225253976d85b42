#include <array>

#include <gtest/gtest.h>

#include "hone/run/worker.h"

namespace hone::run {
namespace {

/// A task that reports nothing on its way.
class QuietTask : public task::Task {
 public:
  std::vector<task::MeasureInfo> measures() const override { return {{"loss", "what is minimised"}}; }
  std::string fidelity_unit() const override { return "steps"; }
  void check(const space::Space&) const override {}
  bool reports() const override { return false; }
};

class QuietEvaluator : public task::Evaluator {
 public:
  task::Outcome run(const task::Assignment& assignment, task::Reporter&) override {
    runs.push_back({assignment.trial.id, assignment.from, assignment.to});
    task::Outcome outcome;
    outcome.fidelity = assignment.to;
    outcome.measures = {{"loss", assignment.trial.config.real("x")}};
    outcome.curve = {{static_cast<double>(assignment.to), 1.0}};
    return outcome;
  }
  std::vector<std::array<std::int64_t, 3>> runs;
};

/// Says that it reached what its config says, whatever it was to reach.
class FarEvaluator : public task::Evaluator {
 public:
  task::Outcome run(const task::Assignment& assignment, task::Reporter&) override {
    return {.fidelity = assignment.trial.config.integer("reached"), .measures = {{"loss", 1.0}}};
  }
};

TEST(Stages, ARunThatReachesAnotherFidelityThanItWasToHasFailed) {
  StudyFile file;
  file.name = "far";
  file.task = std::make_shared<QuietTask>();
  file.task_kind = "quiet";
  file.objectives = {{"loss", true}};
  file.space = space::Space::Builder().integer("reached", -2, 15).build();
  file.searcher = "random";
  file.searcher_options = Options(methods().need("searcher", "random").info.options);
  file.scheduler = "fixed";
  file.scheduler_options = Options(methods().need("scheduler", "fixed").info.options, Json{{"steps", 10}});
  file.identity = identity::Policy::off;
  auto store = study::open_store("memory:");
  study::Study::create(*store, file.header());
  FarEvaluator evaluator;
  EXPECT_EQ(work(file, store, evaluator, WorkerOptions{}), WorkEnd::finished);
  study::Study study(store);
  study.sync();
  ASSERT_EQ(study.size(), 18);
  for (const study::Trial& trial : study.trials()) {
    const std::int64_t reached = trial.config.integer("reached");
    const bool right = reached == 0 || reached == 10;  // 0: it does not say
    EXPECT_EQ(trial.state, right ? study::TrialState::completed : study::TrialState::failed) << reached;
    EXPECT_EQ(trial.reason, right ? ""
                                  : "it was to be evaluated at 10 steps, and says that it reached " +
                                        std::to_string(reached));
  }
}

TEST(Stages, ATaskThatReportsNothingIsMeasuredWhereTheSchedulerJudges) {
  StudyFile file;
  file.name = "quiet";
  file.task = std::make_shared<QuietTask>();
  file.task_kind = "quiet";
  file.objectives = {{"loss", true}};
  file.space = space::Space::Builder().real("x", 0, 1).build();
  file.searcher = "random";
  file.searcher_options = Options(methods().need("searcher", "random").info.options);
  file.scheduler = "asha";
  file.scheduler_options = Options(methods().need("scheduler", "asha").info.options,
                                   Json{{"steps", {1, 3, 9}}, {"type", "stopping"}});
  file.identity = identity::Policy::off;
  file.budget.trials = 30;
  auto store = study::open_store("memory:");
  study::Study::create(*store, file.header());
  QuietEvaluator evaluator;
  EXPECT_EQ(work(file, store, evaluator, WorkerOptions{}), WorkEnd::finished);

  study::Study study(store);
  study.sync();
  EXPECT_EQ(study.size(), 30);
  EXPECT_GT(study.count(study::TrialState::pruned), 10);
  EXPECT_GT(study.count(study::TrialState::completed), 0);
  std::size_t at = 0;
  std::int64_t units = 0;
  for (const study::Trial& trial : study.trials()) {
    const bool pruned = trial.state == study::TrialState::pruned;
    std::int64_t from = 0;
    for (const std::int64_t stop : {1, 3, 9}) {
      ASSERT_LT(at, evaluator.runs.size());
      EXPECT_EQ(evaluator.runs[at++], (std::array<std::int64_t, 3>{trial.id, from, stop}));
      ASSERT_NE(trial.at(stop), nullptr);
      from = stop;
      if (pruned && trial.last()->fidelity == stop) break;
    }
    EXPECT_EQ(trial.curve.size(), trial.results.size()) << "the curve of all stages";
    units += trial.last()->fidelity;
  }
  EXPECT_EQ(study.spending().units(), units);
}

}  // namespace
}  // namespace hone::run
