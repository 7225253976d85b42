// How many jobs a worker takes together goes by the clock; what comes of a study does not.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/base/rng.h"
#include "hone/run/optimizer.h"

namespace hone::run {
namespace {

using study::TrialState;

Optimizer::Setup batched_setup(const std::string& scheduler, const Json& options) {
  Optimizer::Setup setup;
  setup.space = space::Space::Builder().real("x", 0, 1).build();
  setup.objectives = {{"loss", true}};
  setup.seed = 1;
  setup.searcher = "random";
  setup.scheduler = scheduler;
  setup.scheduler_options = options;
  setup.max_trials = 60;
  return setup;
}

/// The trials of a study that one worker runs, `size` telling how many jobs it takes together.
std::vector<std::string> trials_of(const Optimizer::Setup& setup, const std::function<std::int64_t()>& size) {
  Optimizer optimizer(setup);
  const auto measures = [](const Job& job, std::int64_t fidelity) {
    const double noise = Rng(job.seed, "noise", static_cast<std::uint64_t>(job.trial)).uniform();
    return study::Measures{{"loss", job.config.real("x") + 0.3 * noise + 1.0 / static_cast<double>(fidelity)},
                           {"dollars", noise * static_cast<double>(fidelity)}};
  };
  for (;;) {
    const auto jobs = optimizer.ask_alike(size());
    if (jobs.empty()) break;
    std::vector<Optimizer::Told> told;
    for (const Job& job : jobs) {
      bool ends = false;
      for (const std::int64_t fidelity : optimizer.scheduler().watched()) {
        if (fidelity <= job.from || fidelity >= job.to || ends) continue;
        ends = optimizer.report(job, fidelity, measures(job, fidelity)) == schedule::Scheduler::Verdict::stop;
        if (ends) optimizer.end(job, TrialState::pruned, "stopped");
      }
      if (!ends) told.push_back({job, measures(job, job.to)});
    }
    optimizer.tell(told);
  }
  EXPECT_TRUE(optimizer.finished());
  std::vector<std::string> trials;
  for (const study::Trial& trial : optimizer.study().trials()) {
    std::string text =
        fmt::format("{} of {} {}", trial.config.real("x"), trial.of, study::state_name(trial.state));
    for (const study::Result& result : trial.results)
      text += fmt::format(" {}: {}", result.fidelity, *result.measures.find("loss"));
    trials.push_back(std::move(text));
  }
  return trials;
}

void expect_the_same(const Optimizer::Setup& setup) {
  const auto one = trials_of(setup, [] { return 1; });
  EXPECT_GT(one.size(), 10u);
  EXPECT_EQ(trials_of(setup, [] { return 7; }), one);
  EXPECT_EQ(trials_of(setup, [] { return 128; }), one);
  Rng rng(2, "sizes");
  EXPECT_EQ(trials_of(setup, [&] { return 1 + static_cast<std::int64_t>(rng.below(20)); }), one);
}

TEST(Batches, DoNotChangeAStudyUnderAnyScheduler) {
  const Json rungs{{"steps", {1, 9}}};
  for (const auto& [scheduler, options] : std::vector<std::pair<std::string, Json>>{
           {"fixed", {{"steps", 9}}},
           {"asha", rungs},
           {"asha", {{"steps", {1, 9}}, {"eager", false}, {"measured", false}, {"distinct", false}}},
           {"asha", {{"steps", {1, 9}}, {"type", "stopping"}}},
           {"mobster", rungs},
           {"successive_halving", rungs},
           {"hyperband", rungs},
           {"bohb", rungs},
           {"dehb", rungs},
           {"iterative_deepening_hyperband", rungs},
           {"median", {{"steps", 9}}},
           {"curve_prediction", {{"steps", 9}}}}) {
    SCOPED_TRACE(scheduler + options.dump());
    auto setup = batched_setup(scheduler, options);
    expect_the_same(setup);
    setup.max_trials.reset();
    setup.max_steps = 150;
    expect_the_same(setup);
  }
}

TEST(Batches, DoNotChangeWhoIsEvaluatedAgain) {
  auto setup = batched_setup("fixed", {{"steps", 1}});
  setup.replicates = 3;
  expect_the_same(setup);
}

TEST(Batches, DoNotChangeHowFarABudgetOfMoneyGoes) {
  auto setup = batched_setup("fixed", {{"steps", 2}});
  setup.max_spend = {{"dollars", 20.0}};
  expect_the_same(setup);
}

}  // namespace
}  // namespace hone::run
