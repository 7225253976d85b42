// A study that goes on with other rungs: no trial is sent back, and none is paid twice.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/base/rng.h"
#include "hone/run/optimizer.h"

namespace hone::run {
namespace {

using study::TrialState;

struct Ladder {
  std::string scheduler;
  Json options;
};

/// Ladders up to fidelity 81, few of whose rungs are the others'.
std::vector<Ladder> ladders() {
  std::vector<Ladder> all;
  for (const char* name : {"hyperband", "successive_halving", "bohb", "dehb", "asha", "mobster"}) {
    all.push_back({name, {{"steps", {1, 81}}, {"eta", 3}}});
    all.push_back({name, {{"steps", {1, 81}}, {"eta", 2}}});
    all.push_back({name, {{"steps", {2, 7, 33, 81}}}});
  }
  all.push_back({"iterative_deepening_hyperband", {{"steps", {1, 81}}}});
  all.push_back({"median", {{"steps", 81}}});
  return all;
}

Optimizer::Setup setup_on(const Ladder& ladder, std::int64_t trials) {
  Optimizer::Setup setup;
  setup.space = space::Space::Builder().real("x", 0, 1).build();
  setup.objectives = {{"loss", true}};
  setup.seed = 1;
  setup.searcher = "random";
  setup.scheduler = ladder.scheduler;
  setup.scheduler_options = ladder.options;
  setup.max_trials = trials;
  return setup;
}

TEST(ChangedRungs, NoTrialIsSentBack) {
  const std::vector<Ladder> all = ladders();
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Rng rng(seed, "ladders");
    const auto store = study::open_store("memory:");
    std::string way;
    std::map<std::int64_t, std::int64_t> at;  // by trial
    for (std::int64_t trials = 30; trials <= 120; trials += 30) {
      const Ladder& ladder = all[rng.below(all.size())];
      way += fmt::format(" {} {}", ladder.scheduler, ladder.options.dump());
      SCOPED_TRACE(way);
      Optimizer optimizer(setup_on(ladder, trials), store);
      // Some leave off in the middle.
      for (std::int64_t left = rng.below(3) == 0 ? 25 : 2000; left > 0; --left) {
        const auto job = optimizer.ask();
        if (!job) break;
        ASSERT_GT(job->to, job->from);
        ASSERT_EQ(job->from, at[job->trial]);
        if (rng.below(20) == 0) {
          optimizer.end(*job, TrialState::failed, "diverged");
          continue;
        }
        at[job->trial] = job->to;
        optimizer.tell(*job, {{"loss", job->config.real("x")}});
      }
    }
  }
}

TEST(ChangedRungs, WhoWaitsBelowTheHorizonGoesOnToIt) {
  std::vector<Ladder> next{{"fixed", {{"steps", 9}}},
                           {"median", {{"steps", 9}}},
                           {"curve_prediction", {{"steps", 9}}},
                           {"asha", {{"steps", {1, 9}}, {"type", "stopping"}}},
                           {"asha", {{"steps", {3, 9}}}}};
  for (const Ladder& ladder : next)
    for (const bool reported : {false, true}) {
      SCOPED_TRACE(ladder.scheduler + ladder.options.dump());
      const auto store = study::open_store("memory:");
      {
        Optimizer before(setup_on({"asha", {{"steps", {1, 9}}, {"measured", false}}}, 1), store);
        const Job job = *before.ask();
        EXPECT_EQ(job.to, 1);
        if (reported) before.report(job, 1, {{"loss", 0.5}});
        give_back(before.study(), Blame::nobody, [](const study::HeldLease&) { return true; });
      }
      Optimizer optimizer(setup_on(ladder, 1), store);
      for (int asks = 0; asks < 5; ++asks) {
        const auto job = optimizer.ask();
        if (!job) break;
        optimizer.tell(*job, {{"loss", 0.5}});
      }
      EXPECT_TRUE(optimizer.finished());
      ASSERT_NE(optimizer.best(), nullptr);
      EXPECT_EQ(optimizer.best()->state, TrialState::completed);
      EXPECT_EQ(optimizer.best()->last()->fidelity, 9);
      EXPECT_EQ(optimizer.study().spending().units(), 9);
    }
}

TEST(ChangedRungs, ABracketGoesOnFromWhereItsTrialsAre) {
  const auto store = study::open_store("memory:");
  const auto run = [&](const Ladder& ladder, std::int64_t trials) {
    Optimizer optimizer(setup_on(ladder, trials), store);
    while (const auto job = optimizer.ask()) {
      EXPECT_GT(job->to, job->from) << "trial " << job->trial;
      optimizer.tell(*job, {{"loss", job->config.real("x")}});
    }
  };
  run({"hyperband", {{"steps", {1, 81}}, {"eta", 3}}}, 90);
  run({"hyperband", {{"steps", {1, 81}}, {"eta", 2}}}, 200);
  study::Study study(store);
  study.sync();
  std::int64_t needed = 0;
  for (const auto& trial : study.trials()) {
    needed += trial.last()->fidelity;
    for (std::size_t i = 1; i < trial.results.size(); ++i)
      EXPECT_GT(trial.results[i].fidelity, trial.results[i - 1].fidelity) << "trial " << trial.id;
  }
  EXPECT_EQ(study.spending().units(), needed);
  ASSERT_EQ(study.front().members().size(), 1u);
}

}  // namespace
}  // namespace hone::run
