#include "hone/run/simulator.h"

#include <map>

#include <gtest/gtest.h>

#include "../task/made_table.h"
#include "hone/base/error.h"
#include "hone/task/functions/function.h"
#include "hone/task/recorded.h"

namespace hone::run {
namespace {

using study::TrialState;

Problem problem_of(const test::MadeTable& made) {
  auto table = std::make_shared<const task::Table>(task::Table::parse(made.description, made.rows, "made"));
  return Problem(std::make_shared<const task::Recorded>("made", std::vector{table}, task::RecordedUse{}),
                 "tables");
}

Simulation random_of(std::int64_t trials, std::int64_t workers = 1) {
  Simulation simulation;
  simulation.searcher = "random";
  simulation.trials = trials;
  simulation.workers = workers;
  return simulation;
}

TEST(Simulator, OneWorkerAddsUpTheRecordedSeconds) {
  const Problem problem = problem_of(test::made_grid());
  const Simulated simulated = simulate(problem, random_of(10));
  ASSERT_EQ(simulated.observations.size(), 10u);
  double time_s = 0.0;
  for (std::size_t i = 0; i < 10; ++i) {
    const Observation& seen = simulated.observations[i];
    EXPECT_EQ(seen.trial, static_cast<std::int64_t>(i));
    EXPECT_EQ(seen.state, TrialState::completed);
    EXPECT_TRUE(seen.at_horizon);
    time_s += *seen.measures.find("runtime_s");
    EXPECT_DOUBLE_EQ(seen.time_s, time_s);
    EXPECT_EQ(problem.evaluate(simulated.configs[i], 0, 1).measures, seen.measures);
  }
}

TEST(Simulator, TheSameTwiceAndWorkersWorkAtOnce) {
  const Problem problem = problem_of(test::made_curves());
  for (const char* searcher : {"random", "tpe"}) {
    Simulation simulation = random_of(60, 7);
    simulation.searcher = searcher;
    simulation.scheduler = "asha";
    simulation.scheduler_options = {{"steps", {1, 3, 9}}};
    const Simulated first = simulate(problem, simulation), second = simulate(problem, simulation);
    EXPECT_EQ(first.journal_key, second.journal_key);
    ASSERT_EQ(first.observations.size(), second.observations.size());
    for (std::size_t i = 0; i < first.observations.size(); ++i) {
      EXPECT_EQ(first.observations[i].time_s, second.observations[i].time_s);
      EXPECT_EQ(first.observations[i].measures, second.observations[i].measures);
      EXPECT_GE(first.observations[i].time_s, first.observations[i == 0 ? 0 : i - 1].time_s);
    }
    EXPECT_EQ(first.trials, 60);
    simulation.seed = 2;
    EXPECT_NE(simulate(problem, simulation).journal_key, first.journal_key);
    simulation.workers = 1;
    EXPECT_GT(simulate(problem, simulation).time_s, 3.0 * first.time_s);
  }
}

TEST(Simulator, PromotionsPayOnlyForWhatIsNew) {
  const Problem problem = problem_of(test::made_curves());
  Simulation simulation = random_of(30);
  simulation.scheduler = "asha";
  simulation.scheduler_options = {{"steps", {1, 3, 9}}, {"measured", false}};
  const Simulated simulated = simulate(problem, simulation);
  std::map<std::int64_t, std::int64_t> reached;
  double before_s = 0.0;
  std::int64_t spent = 0;
  for (const Observation& seen : simulated.observations) {
    if (seen.state == TrialState::failed) {
      spent += 4 - reached[seen.trial];
      EXPECT_EQ(seen.spent_fidelity, spent);
    } else {
      EXPECT_DOUBLE_EQ(seen.time_s - before_s, static_cast<double>(seen.fidelity - reached[seen.trial]));
      spent += seen.fidelity - reached[seen.trial];
      reached[seen.trial] = seen.fidelity;
      EXPECT_EQ(seen.spent_fidelity, spent);
      EXPECT_EQ(seen.state, seen.fidelity == 9 ? TrialState::completed : TrialState::paused);
    }
    before_s = seen.time_s;
  }
  EXPECT_EQ(reached.size(), 30u);
}

TEST(Simulator, DivergedTrialsFailAtTheirStep) {
  const Problem problem = problem_of(test::made_curves());
  const Simulated simulated = simulate(problem, random_of(40));
  std::size_t failed = 0;
  double before_s = 0.0;
  for (const Observation& seen : simulated.observations) {
    const bool diverges = simulated.configs[static_cast<std::size_t>(seen.trial)].real("lr") > 0.5;
    if (seen.state == TrialState::failed) {
      ++failed;
      EXPECT_TRUE(seen.measures.empty());
      EXPECT_DOUBLE_EQ(seen.time_s - before_s, 4.0);
    } else {
      EXPECT_FALSE(diverges);
      EXPECT_DOUBLE_EQ(seen.time_s - before_s, 9.0);
    }
    before_s = seen.time_s;
  }
  EXPECT_GT(failed, 0u);
}

TEST(Simulator, BudgetsOfTimeAndFidelity) {
  const Problem problem = problem_of(test::made_curves());
  Simulation simulation = random_of(0, 3);
  simulation.trials = {};
  simulation.time_s = 40.0;
  const Simulated timed = simulate(problem, simulation);
  EXPECT_LE(timed.time_s, 40.0);
  EXPECT_GE(timed.time_s, 30.0);
  simulation.time_s = {};
  simulation.fidelity = 90;
  const Simulated bounded = simulate(problem, simulation);
  EXPECT_LE(bounded.observations.back().spent_fidelity, 90);
  EXPECT_GT(bounded.observations.back().spent_fidelity, 81);
  EXPECT_FALSE(bounded.exhausted);
  simulation.fidelity = {};
  EXPECT_THROW(simulate(problem, simulation), Error);
  simulation.trials = 5;
  simulation.scheduler_options = {{"steps", 10}};
  EXPECT_THROW(simulate(problem, simulation), Error);
}

TEST(Simulator, ABudgetOfProposalsCountsRepeats) {
  const Problem problem = problem_of(test::made_grid());
  Simulation simulation = random_of(0, 4);
  simulation.trials = {};
  simulation.proposals = 30;
  const Simulated simulated = simulate(problem, simulation);
  EXPECT_LT(simulated.trials, 24);
  EXPECT_GT(simulated.saved.repeated_config, 0);
  EXPECT_GE(simulated.trials + simulated.saved.repeated_config, 30);
  EXPECT_FALSE(simulated.exhausted);
}

TEST(Simulator, AFiniteTableIsExhausted) {
  const Problem problem = problem_of(test::made_grid());
  Simulation simulation = random_of(0, 4);
  simulation.trials = {};
  const Simulated simulated = simulate(problem, simulation);
  EXPECT_EQ(simulated.trials, 24);
  EXPECT_TRUE(simulated.exhausted);
  const auto best = best_so_far(problem, simulated);
  ASSERT_FALSE(best.empty());
  EXPECT_EQ(best.back().value, *problem.optimum());
  EXPECT_EQ(problem.normalised_regret(best.back().value), 0.0);
  EXPECT_EQ(problem.normalised_regret(problem.median()), 1.0);
  for (std::size_t i = 1; i < best.size(); ++i) EXPECT_LT(best[i].value, best[i - 1].value);
}

TEST(Simulator, RegretsOfLimitsCountUpFromTheOptimum) {
  // Next to none of g01's configs keep the limits, and most values are far below the best one that does.
  for (const char* name : {"g01", "g06", "g08"}) {
    const Problem problem(task::make_function(name), "constrained");
    EXPECT_GT(problem.median(), *problem.optimum()) << name;
    EXPECT_GT(problem.normalised_regret(*problem.optimum() + 1.0), 0.0) << name;
  }
}

TEST(Simulator, ReportsOnTheWay) {
  const Problem problem = problem_of(test::made_curves());
  Simulation simulation = random_of(5);
  simulation.report_every = 2;
  const Simulated simulated = simulate(problem, simulation);
  std::map<std::int64_t, std::vector<std::int64_t>> reported;
  for (const Observation& seen : simulated.observations)
    if (seen.state != TrialState::failed) reported[seen.trial].push_back(seen.fidelity);
  bool whole = false;
  for (const auto& [trial, fidelities] : reported)
    whole = whole || fidelities == std::vector<std::int64_t>{2, 4, 6, 8, 9};
  EXPECT_TRUE(whole);
}

TEST(Simulator, FunctionsOfEverySuite) {
  for (const Suite& suite : function_suites(5)) {
    ASSERT_FALSE(suite.problems.empty()) << suite.name;
    const Problem& problem = suite.problems[suite.problems.size() / 2];
    const Simulated simulated = simulate(problem, random_of(20, 3));
    EXPECT_EQ(simulated.trials, 20) << problem.name();
    EXPECT_GT(simulated.time_s, 0.0) << problem.name();
    if (problem.objectives().size() > 1) {
      const auto volume = hypervolume_so_far(problem, simulated);
      ASSERT_FALSE(volume.empty());
      EXPECT_LT(volume.back().value, *problem.best_hypervolume());
    }
  }
}

/// Cells of three operations with recorded accuracies, and latencies of their own beside them.
Problem cells_problem(const std::vector<std::string>& objectives) {
  const auto [quality, latency] = test::made_cells({"none", "skip_connect", "nor_conv_3x3"});
  std::vector<std::shared_ptr<const task::Table>> tables;
  for (const auto& made : {quality, latency})
    tables.push_back(
        std::make_shared<const task::Table>(task::Table::parse(made.description, made.rows, "made")));
  task::RecordedUse use;
  use.objectives = objectives;
  return Problem(std::make_shared<const task::Recorded>("cells", std::move(tables), use), "tables");
}

TEST(Simulator, AFunctionIsEvaluatedOnceAndItsCheapestStructureIsOnTheFront) {
  const Problem problem = cells_problem({"acc", "phone"});
  Simulation simulation = random_of(729, 3);
  simulation.identity = identity::Policy::reuse;
  simulation.probe_s = 0.25;
  const Simulated simulated = simulate(problem, simulation);
  EXPECT_EQ(simulated.journal_key, simulate(problem, simulation).journal_key);
  std::map<std::string, std::int64_t> evaluated;
  std::map<std::string, double> cheapest;
  std::int64_t reused = 0;
  const auto function = [&](std::int64_t trial) {
    return fmt::format(
        "{}", fmt::join(problem.benchmark()->probe(simulated.configs[static_cast<std::size_t>(trial)]), " "));
  };
  const auto phone = [&](std::int64_t trial) {
    return *problem.benchmark()->costs(simulated.configs[static_cast<std::size_t>(trial)]).find("phone");
  };
  for (const Observation& seen : simulated.observations) {
    const std::string what = function(seen.trial);
    if (seen.reused)
      ++reused;
    else
      ++evaluated[what];
    EXPECT_EQ(*seen.measures.find("phone"), phone(seen.trial)) << "a latency is the structure's own";
    const auto known = cheapest.emplace(what, phone(seen.trial)).first;
    known->second = std::min(known->second, phone(seen.trial));
  }
  EXPECT_GT(reused, 300);
  for (const auto& [what, n] : evaluated) EXPECT_EQ(n, 1);
  ASSERT_FALSE(simulated.front.empty());
  bool known_without_training = false;
  for (const auto& [trial, measures] : simulated.front) {
    EXPECT_EQ(*measures.find("phone"), cheapest[function(trial)]);
    for (const Observation& seen : simulated.observations)
      known_without_training = known_without_training || (seen.trial == trial && seen.reused);
  }
  EXPECT_TRUE(known_without_training) << "a cheaper structure of a known function";
  EXPECT_EQ(simulated.saved.same_structure + simulated.saved.same_function, reused);
  EXPECT_DOUBLE_EQ(simulated.saved.evaluation_s, static_cast<double>(reused)) << "a second each";
  EXPECT_DOUBLE_EQ(simulated.saved.probe_s, 0.25 * 729);
}

TEST(Simulator, EveryPolicyIsTheSameTwice) {
  const Problem problem = cells_problem({"acc"});
  for (const auto& name : identity::policy_names()) {
    Simulation simulation = random_of(200, 4);
    simulation.searcher = "regularized_evolution";
    simulation.searcher_options = {{"population", 20}, {"sample", 5}, {"functional_change", true}};
    simulation.identity = identity::policy_from_name(name);
    simulation.identity.evaluations = 3;
    simulation.probe_s = 0.125;
    const Simulated simulated = simulate(problem, simulation);
    EXPECT_EQ(simulated.journal_key, simulate(problem, simulation).journal_key) << name;
    EXPECT_EQ(simulated.trials, 200) << name;
    EXPECT_EQ(simulated.collisions.has_value(), name == "count");
    if (name == "count") {
      EXPECT_GT(simulated.collisions->pairs, 50);
      EXPECT_EQ(simulated.saved.evaluations() - simulated.saved.repeated_config, 0);
    } else if (name != "off") {
      EXPECT_GT(simulated.saved.same_structure + simulated.saved.same_function, 20) << name;
    }
  }
}

TEST(Simulator, KnownFunctionsInARowEndARunThatCostsNothing) {
  const Problem problem = cells_problem({"acc"});
  Simulation simulation = random_of(0, 2);
  simulation.trials = {};
  simulation.fidelity = 100000;
  simulation.identity = identity::Policy::reuse;
  simulation.identity.give_up = 40;
  const Simulated simulated = simulate(problem, simulation);
  EXPECT_TRUE(simulated.exhausted);
  EXPECT_LT(simulated.trials, 729);
}

TEST(Simulator, SharedTables) {
  const char* folder = std::getenv("HONE_DATA");
  if (folder == nullptr) GTEST_SKIP() << "HONE_DATA is not set";
  std::vector<std::string> left_out;
  const auto suites = recorded_suites(folder, &left_out);
  EXPECT_EQ(find_problem(suites, "fcnet_naval_propulsion").horizon(), 1);
  EXPECT_EQ(simulate(find_problem(suites, "nasbench201_cifar10"), random_of(100, 4)).trials, 100);
}

}  // namespace
}  // namespace hone::run
