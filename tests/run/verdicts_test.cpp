// What a scheduler said of a report holds where the process that was to act on it is gone.
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/base/rng.h"
#include "hone/run/optimizer.h"
#include "hone/run/worker.h"

namespace hone::run {
namespace {

using study::TrialState;
using Verdict = schedule::Scheduler::Verdict;

struct Judging {
  const char* name;
  const char* scheduler;
  Json options;
  bool stops;  // it ends trials on their way
};

std::vector<Judging> judgings() {
  return {{"asha_stopping", "asha", {{"steps", {1, 9}}, {"type", "stopping"}, {"measured", false}}, true},
          {"asha_stopping_measured", "asha", {{"steps", {1, 9}}, {"type", "stopping"}}, true},
          {"median", "median", {{"steps", 9}, {"min_trials", 3}}, true},
          {"curve_prediction", "curve_prediction", {{"steps", 9}, {"n_train", 8}}, true},
          {"asha", "asha", {{"steps", {1, 9}}}, false},
          {"hyperband", "hyperband", {{"steps", {1, 9}}}, false},
          {"successive_halving", "successive_halving", {{"steps", {1, 9}}, {"n", 9}}, false},
          {"fixed", "fixed", {{"steps", 9}}, false}};
}

void PrintTo(const Judging& one, std::ostream* stream) { *stream << one.name; }

Optimizer::Setup judging_setup(const Judging& one) {
  Optimizer::Setup setup;
  setup.space = space::Space::Builder().real("x", 0, 1).real("y", 0, 1).build();
  setup.objectives = {{"loss", true}};
  setup.searcher = "random";
  setup.scheduler = one.scheduler;
  setup.scheduler_options = one.options;
  setup.seed = 5;
  setup.max_trials = 40;
  return setup;
}

study::Measures measured(const space::Config& config, std::int64_t fidelity) {
  return {{"loss", config.real("x") + config.real("y") / static_cast<double>(fidelity)}};
}

/// Whoever ran something is gone.
void all_gone(const std::shared_ptr<study::Store>& store) {
  study::Study study(store, study::Study::Depth::light);
  study.sync();
  give_back(study, Blame::nobody, [](const study::HeldLease&) { return true; });
}

/// What a study came to: every trial's config, its state and the fidelities at which it was measured.
std::vector<std::string> outcome(const study::Study& study) {
  std::vector<std::string> lines;
  for (const study::Trial& trial : study.trials()) {
    std::vector<std::int64_t> fidelities;
    for (const study::Result& result : trial.results) fidelities.push_back(result.fidelity);
    lines.push_back(fmt::format("{}: {} {} at {}", trial.id, trial.config.shown(), state_name(trial.state),
                                fmt::join(fidelities, " ")));
  }
  lines.push_back(fmt::format("{} steps", study.spending().units()));
  return lines;
}

/// One process after the other works on a study; `dies`: whether it does, having been told this verdict.
/// `report_last`: the result at the target is reported, too, before it is told.
std::vector<std::string> study_of(const Judging& one, bool report_last,
                                  const std::function<bool(Verdict)>& dies) {
  const auto store = study::open_store("memory:");
  auto optimizer = std::make_unique<Optimizer>(judging_setup(one), store);
  for (int asks = 0; asks < 2000; ++asks) {
    const auto job = optimizer->ask();
    if (!job) {
      EXPECT_TRUE(optimizer->finished());
      return outcome(optimizer->study());
    }
    EXPECT_LT(job->from, job->to) << "trial " << job->trial << " is run though it has arrived";
    bool over = false;
    for (std::int64_t step = job->from + 1; !over && step <= job->to; ++step) {
      if (step < job->to || report_last) {
        const Verdict verdict = optimizer->report(*job, step, measured(job->config, step));
        if (dies(verdict)) {
          optimizer.reset();
          all_gone(store);
          optimizer = std::make_unique<Optimizer>(judging_setup(one), store);
          over = true;
        } else if (step < job->to && verdict != Verdict::go_on) {
          over = optimizer->end(*job, verdict == Verdict::stop ? TrialState::pruned : TrialState::paused, "");
        }
      }
      if (!over && step == job->to) over = optimizer->tell(*job, measured(job->config, step));
    }
  }
  ADD_FAILURE() << "it does not end";
  return {};
}

class Verdicts : public testing::TestWithParam<Judging> {};
INSTANTIATE_TEST_SUITE_P(Schedulers, Verdicts, testing::ValuesIn(judgings()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(Verdicts, HoldWhereverAProcessDies) {
  int stops = 0;
  const auto expected = study_of(GetParam(), false, [&](Verdict verdict) {
    stops += verdict == Verdict::stop ? 1 : 0;
    return false;
  });
  EXPECT_EQ(stops > 0, GetParam().stops);
  EXPECT_EQ(study_of(GetParam(), false, [](Verdict verdict) { return verdict == Verdict::stop; }), expected);
  EXPECT_EQ(study_of(GetParam(), false, [](Verdict) { return true; }), expected);
  Rng rng(1, "deaths");
  EXPECT_EQ(study_of(GetParam(), false, [&](Verdict) { return rng.uniform() < 0.2; }), expected);
}

TEST_P(Verdicts, WhoReportedAtItsTargetIsNotRunAgain) {
  const auto expected = study_of(GetParam(), true, [](Verdict) { return false; });
  EXPECT_EQ(study_of(GetParam(), true, [](Verdict) { return true; }), expected);
  Rng rng(3, "deaths");
  EXPECT_EQ(study_of(GetParam(), true, [&](Verdict) { return rng.uniform() < 0.2; }), expected);
}

TEST_P(Verdicts, AreThoseThatWereGivenWhoeverAsksNext) {
  const auto store = study::open_store("memory:");
  constexpr std::size_t kWorkers = 4;
  std::vector<std::unique_ptr<Optimizer>> optimizers;
  for (std::size_t i = 0; i < kWorkers; ++i)
    optimizers.push_back(std::make_unique<Optimizer>(judging_setup(GetParam()), store));
  struct Running {
    Job job;
    std::int64_t step;
  };
  std::vector<std::optional<Running>> running(kWorkers);
  std::map<std::int64_t, std::int64_t> stopped;  // at which fidelity, by trial
  int deaths = 0;
  Rng rng(2, "deaths");
  for (int turn = 0; turn < 20000; ++turn) {
    const auto i = static_cast<std::size_t>(rng.below(kWorkers));
    if (!running[i]) {
      if (const auto job = optimizers[i]->ask())
        running[i] = Running{*job, job->from};
      else if (optimizers[i]->finished())
        break;
      continue;
    }
    auto& [job, step] = *running[i];
    const study::Measures measures = measured(job.config, ++step);
    if (step == job.to) {
      EXPECT_TRUE(optimizers[i]->tell(job, measures));
      running[i].reset();
      continue;
    }
    const Verdict verdict = optimizers[i]->report(job, step, measures);
    if (verdict == Verdict::stop) stopped[job.trial] = step;
    if (rng.uniform() < 0.3) {  // its process dies, and another begins or none
      study::Study study(store, study::Study::Depth::light);
      give_back(study, Blame::nobody, [&, trial = job.trial](const study::HeldLease& held) {
        return held.lease.name == fmt::format("trial/{}", trial);
      });
      if (rng.below(2) == 0) optimizers[i] = std::make_unique<Optimizer>(judging_setup(GetParam()), store);
      deaths += verdict == Verdict::stop ? 1 : 0;
    } else if (verdict == Verdict::stop) {
      optimizers[i]->end(job, TrialState::pruned, "");
    } else {
      continue;
    }
    running[i].reset();
  }
  study::Study study(store);
  study.sync();
  EXPECT_EQ(deaths > 0, GetParam().stops);
  EXPECT_EQ(study.size(), 40);
  for (const study::Trial& trial : study.trials()) {
    const auto at = stopped.find(trial.id);
    EXPECT_EQ(trial.state == TrialState::pruned, at != stopped.end()) << trial.id;
    if (at == stopped.end()) continue;
    ASSERT_NE(trial.last(), nullptr);
    EXPECT_EQ(trial.last()->fidelity, at->second) << trial.id;
  }
}

TEST(VerdictsAtRest, AreForgottenWhereTheUserRunsTheTrialAgain) {
  const auto store = study::open_store("memory:");
  Optimizer::Setup setup = judging_setup(judgings().front());
  setup.max_trials = 2;
  Optimizer optimizer(setup, store);
  const auto good = *optimizer.ask(), bad = *optimizer.ask();
  EXPECT_EQ(optimizer.report(good, 1, {{"loss", 0.0}}), Verdict::go_on);
  EXPECT_EQ(optimizer.report(bad, 1, {{"loss", 1.0}}), Verdict::stop);
  all_gone(store);
  const auto again = *optimizer.ask();
  EXPECT_EQ(again.trial, good.trial);
  EXPECT_FALSE(optimizer.ask());
  const study::Trial& trial = optimizer.study().trial(bad.trial);
  EXPECT_EQ(trial.state, TrialState::pruned);
  EXPECT_EQ(trial.reason, "stopped at 1 by its last report");
  EXPECT_EQ(optimizer.study().spending().units(), 2);
  EXPECT_TRUE(optimizer.tell(again, {{"loss", 0.0}}));
  optimizer.study().commit({study::RetryRecord{bad.trial}});
  const auto retried = *optimizer.ask();
  EXPECT_EQ(retried.trial, bad.trial);
  EXPECT_EQ(retried.from, 1);
  EXPECT_EQ(optimizer.report(retried, 2, {{"loss", 1.0}}), Verdict::go_on) << "a rung judges once";
  EXPECT_TRUE(optimizer.give_back(retried));
  EXPECT_TRUE(optimizer.ask()) << "what came later counts";
}

TEST(VerdictsAtRest, OnlyARunSaysWhatBecomesOfAResultThatCannotStand) {
  Optimizer::Setup setup = judging_setup(judgings().back());
  setup.limits = {{"size_bytes", 10.0, std::nullopt}};
  setup.max_trials = 5;
  const auto store = study::open_store("memory:");
  Optimizer optimizer(setup, store);
  const std::vector<study::Measures> results{{{"loss", 1.0}, {"size_bytes", 5.0}},
                                             {{"loss", 1.0}, {"size_bytes", 11.0}},
                                             {{"loss", std::nan("")}, {"size_bytes", 5.0}},
                                             {{"size_bytes", 5.0}},
                                             {{"loss", 1.0}}};
  for (const study::Measures& measures : results) {
    const auto job = *optimizer.ask();
    optimizer.report(job, job.to, measures);
  }
  all_gone(store);
  const auto again = optimizer.ask(5);
  EXPECT_EQ(optimizer.study().trial(0).state, TrialState::completed);
  EXPECT_EQ(optimizer.study().trial(0).attempts, 1);
  ASSERT_EQ(again.size(), 4u);
  EXPECT_EQ(again.front().from, again.front().to);
  EXPECT_TRUE(optimizer.tell(again[0], results[1]));
  EXPECT_EQ(optimizer.study().trial(1).state, TrialState::infeasible);
  EXPECT_TRUE(optimizer.tell(again[1], results[2]));
  EXPECT_EQ(optimizer.study().trial(2).state, TrialState::failed);
}

TEST(Verdicts, ReplicatesAreNotStopped) {
  for (const char* scheduler : {"median", "curve_prediction"}) {
    Optimizer::Setup setup;
    setup.space = space::Space::Builder().real("x", 0, 1).build();
    setup.objectives = {{"loss", true}};
    setup.searcher = "random";
    setup.scheduler = scheduler;
    setup.scheduler_options = {{"steps", 5}};
    setup.scheduler_options[std::string(scheduler) == "median" ? "min_trials" : "n_train"] = 6;
    setup.replicates = 4;
    setup.max_trials = 40;
    Optimizer optimizer(setup);
    std::int64_t stopped = 0, replicates = 0;
    while (const auto job = optimizer.ask()) {
      const bool replicate = optimizer.study().trial(job->trial).of >= 0;
      replicates += replicate ? 1 : 0;
      // Unlucky ones are far worse than what they repeat.
      const double luck = replicate ? 10.0 : 0.0;
      bool over = false;
      for (std::int64_t step = 1; !over && step <= job->to; ++step)
        over = optimizer.report(*job, step, {{"loss", job->config.real("x") + luck + 1.0 / step}}) ==
               Verdict::stop;
      EXPECT_FALSE(replicate && over);
      if (over) {
        ++stopped;
        optimizer.end(*job, TrialState::pruned, "");
      } else {
        optimizer.tell(*job, {});
      }
    }
    EXPECT_GT(replicates, 0) << scheduler;
    EXPECT_GT(stopped, 0) << scheduler;
  }
}

TEST(VerdictsAtRest, TrialsOfALaterSpaceAreLeftToThoseWhoKnowIt) {
  const auto setup = [](bool later) {
    Optimizer::Setup setup;
    auto builder = space::Space::Builder();
    builder.real("x", 0, 1);
    if (later) builder.real("z", 0, 1);
    setup.space = builder.build();
    setup.objectives = {{"loss", true}};
    setup.searcher = "random";
    setup.scheduler = "curve_prediction";
    setup.scheduler_options = {{"steps", 9}, {"n_train", 6}};
    setup.revision = later ? 1 : 0;
    return setup;
  };
  const auto store = study::open_store("memory:");
  study::StudyRecord header;
  header.text = "before";
  header.file = "study.toml";
  header.objectives = {{"loss", true}};
  header.horizon = 9;
  study::Study::create(*store, header);
  Optimizer before(setup(false), store);
  for (int i = 0; i < 8; ++i) {
    const Job job = *before.ask();
    const double x = job.config.real("x");
    for (int step = 1; step < 9; ++step) before.report(job, step, {{"loss", x + 1.0 / step}});
    before.tell(job, {{"loss", x}});
  }
  const Job own = *before.ask();
  before.report(own, 1, {{"loss", 0.1}});
  {
    study::Study study(store);
    study.sync();
    study::RevisedRecord revised;
    revised.file = "study.toml";
    revised.text = "after";
    study.commit({revised});
  }
  Optimizer after(setup(true), store);
  const Job other = *after.ask();
  after.report(other, 1, {{"loss", 0.5}});
  EXPECT_NO_THROW(before.report(own, 2, {{"loss", 0.05}}));
  EXPECT_TRUE(before.tell(own, {{"loss", 0.01}}));
  EXPECT_TRUE(before.outdated());
}

class CurveTask : public task::Task {
 public:
  std::vector<task::MeasureInfo> measures() const override { return {{"loss", "what is minimised"}}; }
  std::string fidelity_unit() const override { return "steps"; }
  void check(const space::Space&) const override {}
};

/// Reports at every step; where `dies` it takes its process along when it is told to stop.
class CurveEvaluator : public task::Evaluator {
 public:
  static constexpr int kStatus = 9;
  explicit CurveEvaluator(bool dies) : dies_(dies) {}
  task::Outcome run(const task::Assignment& assignment, task::Reporter& reporter) override {
    task::Outcome outcome;
    for (std::int64_t step = assignment.from + 1; step <= assignment.to; ++step) {
      outcome.fidelity = step;
      outcome.measures = measured(assignment.trial.config, step);
      if (step == assignment.to) break;
      const auto verdict = reporter.report(step, outcome.measures);
      if (verdict == task::Reporter::Verdict::go_on) continue;
      if (dies_) ::_exit(kStatus);
      outcome.ending = task::Ending::stopped;
      break;
    }
    return outcome;
  }

 private:
  bool dies_;
};

TEST_P(Verdicts, HoldWhereAWorkersProcessDies) {
  StudyFile file;
  file.name = "curves";
  file.task = std::make_shared<CurveTask>();
  file.task_kind = "curves";
  file.objectives = {{"loss", true}};
  file.space = judging_setup(GetParam()).space;
  file.searcher = "random";
  file.searcher_options = Options(methods().need("searcher", "random").info.options);
  file.scheduler = GetParam().scheduler;
  file.scheduler_options =
      Options(methods().need("scheduler", file.scheduler).info.options, GetParam().options);
  file.identity = identity::Policy::off;
  file.budget.trials = 24;

  auto memory = study::open_store("memory:");
  study::Study::create(*memory, file.header());
  CurveEvaluator evaluator(false);
  EXPECT_EQ(work(file, memory, evaluator, WorkerOptions{}), WorkEnd::finished);
  study::Study expected(memory);
  expected.sync();
  EXPECT_EQ(expected.count(TrialState::pruned) > 0, GetParam().stops);

  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) /
                                       fmt::format("hone-verdicts-{}-{}", ::getpid(), GetParam().name);
  std::filesystem::create_directories(folder);
  const std::string url = "sqlite:" + (folder / "study.sqlite").string();
  study::Study::create(*study::open_store(url), file.header());
  int deaths = 0;
  for (int status = -1; status != 0 && deaths < 200; deaths += status != 0 ? 1 : 0) {
    const pid_t child = ::fork();
    if (child == 0) {
      CurveEvaluator deadly(true);
      WorkerOptions options;
      options.name = process_name("w0");
      try {
        ::_exit(work(file, study::open_store(url), deadly, options) == WorkEnd::finished ? 0 : 1);
      } catch (const std::exception&) {
        ::_exit(1);
      }
    }
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status) && (status == 0 || WEXITSTATUS(status) == CurveEvaluator::kStatus))
        << status;
    study::Study study(study::open_store(url), study::Study::Depth::light);
    study.sync();
    give_back(study, Blame::nobody, [](const study::HeldLease& held) { return orphaned(held.holder); });
  }
  EXPECT_EQ(deaths, expected.count(TrialState::pruned)) << "no trial is stopped twice";
  study::Study study(study::open_store(url));
  study.sync();
  EXPECT_EQ(outcome(study), outcome(expected));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace hone::run
