// Every scheduler that there is, under a random journal: failures, NaN, reused results, deleted and retried
// trials, attempts that are interrupted, killed or vanish, several workers, several objectives, and budgets.
#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/run/optimizer.h"

namespace hone::run {
namespace {

using study::TrialState;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Options under which a scheduler works on fidelities from 1 to 9.
Json options_of(const Registry::Method& method) {
  Json options = Json::object();
  for (const OptionSpec& spec : method.info.options) {
    if (spec.name == "steps")
      options["steps"] = spec.type == OptionSpec::Type::integers ? Json{1, 9} : Json(9);
    if (spec.name == "n_train") options["n_train"] = 6;
    if (spec.name == "min_trials") options["min_trials"] = 2;
  }
  return options;
}

struct Case {
  std::string scheduler;
  Json options;
};
std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto* method : methods().of("scheduler"))
    all.push_back({method->info.name, options_of(*method)});
  Json stopping{{"steps", {1, 9}}, {"type", "stopping"}};
  all.push_back({"asha", stopping});
  for (const char* variant : {"preserving", "discarding"})
    all.push_back({"iterative_deepening_hyperband", {{"steps", {1, 9}}, {"variant", variant}}});
  return all;
}

Optimizer::Setup setup_for(const Case& one, std::size_t objectives) {
  Optimizer::Setup setup;
  setup.space = space::Space::Builder().real("x", 0, 1).integer("n", 1, 1000).build();
  for (std::size_t i = 0; i < objectives; ++i)
    setup.objectives.push_back({i == 0 ? "loss" : "size_bytes", true});
  setup.searcher = "random";
  setup.scheduler = one.scheduler;
  setup.scheduler_options = one.options;
  setup.seed = 3;
  return setup;
}

study::Measures measured(const Job& job, std::int64_t fidelity) {
  const double x = job.config.real("x");
  return {{"loss", x + 1.0 / static_cast<double>(fidelity)},
          {"size_bytes", static_cast<double>(job.config.integer("n"))},
          {"dollars", 0.25 * static_cast<double>(fidelity)}};
}

struct Ran {
  std::vector<std::string> jobs;  // trial, from, to, as they were given out
  std::int64_t units = 0;         // that results reached
};

/// Runs a study to its end with so many workers. fresh: each request is made by an optimizer that has just
/// read the journal.
Ran torture(const Case& one, std::size_t objectives, std::size_t workers, std::uint64_t seed, bool fresh,
            const std::function<void(Optimizer::Setup&)>& bound, std::shared_ptr<study::Store> store) {
  auto setup = setup_for(one, objectives);
  bound(setup);
  auto optimizer = std::make_unique<Optimizer>(setup, store);
  Rng rng(seed, "torture", workers);
  std::vector<std::optional<Job>> running(workers);
  std::vector<std::int64_t> done;  // trials to delete or retry
  std::map<std::int64_t, int> retried;
  Ran ran;
  int idle = 0;
  for (int turn = 0;; ++turn) {
    if (turn > 20000) {
      ADD_FAILURE() << one.scheduler << " does not end";
      return ran;
    }
    const auto i = static_cast<std::size_t>(rng.below(workers));
    if (!running[i]) {
      if (fresh) optimizer = std::make_unique<Optimizer>(setup, store);
      running[i] = optimizer->ask();
      if (!running[i]) {
        const bool nobody =
            std::none_of(running.begin(), running.end(), [](const auto& job) { return job.has_value(); });
        if (nobody) {
          EXPECT_TRUE(optimizer->finished()) << one.scheduler;
          if (++idle > 3) return ran;
        }
        continue;
      }
      idle = 0;
      ran.jobs.push_back(fmt::format("{} {} {}", running[i]->trial, running[i]->from, running[i]->to));
      continue;
    }
    const Job job = *running[i];
    running[i].reset();
    const double fate = rng.uniform();
    if (fate < 0.03) {
      optimizer->give_back(job);
    } else if (fate < 0.06) {  // its worker was killed, or vanished
      const bool killed = rng.below(2) == 0;
      give_back(optimizer->study(), killed ? Blame::trial : Blame::unknown,
                [&](const study::HeldLease& held) {
                  return held.lease.name == fmt::format("trial/{}", job.trial);
                });
    } else if (fate < 0.10) {
      optimizer->end(job, TrialState::failed, "it crashed", 0.0, {}, false, "exit");
    } else if (fate < 0.13) {
      auto measures = measured(job, job.to);
      measures.set("loss", kNaN);
      optimizer->tell(job, measures);
    } else if (fate < 0.16 && job.from == 0) {
      optimizer->end(job, TrialState::infeasible, "over a limit", 0.0, {}, true, "limit");
    } else if (fate < 0.20 && job.from == 0 && job.trial > 0 &&
               optimizer->study().trial(job.trial - 1).same_as < 0 &&
               optimizer->study().trial(job.trial - 1).state != TrialState::deleted &&
               optimizer->study().trial(job.trial - 1).at(job.to) != nullptr) {
      optimizer->same(job, job.trial - 1);
    } else {
      bool ends = false;
      for (std::int64_t fidelity = job.from + 1; fidelity < job.to && !ends; ++fidelity) {
        if (rng.below(3) == 0) continue;
        const auto verdict = optimizer->report(job, fidelity, measured(job, fidelity));
        if (verdict == schedule::Scheduler::Verdict::stop)
          optimizer->end(job, TrialState::pruned, "stopped");
        else if (verdict == schedule::Scheduler::Verdict::pause)
          optimizer->end(job, TrialState::paused, "");
        ends = verdict != schedule::Scheduler::Verdict::go_on;
      }
      if (!ends) optimizer->tell(job, measured(job, job.to));
    }
    if (rng.below(25) == 0) {
      const auto id =
          static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(optimizer->study().size())));
      const TrialState state = optimizer->study().trial(id).state;
      if (state == TrialState::failed && retried[id]++ < 2)
        optimizer->study().commit({study::RetryRecord{id}});
      else if (state != TrialState::running && optimizer->study().followers(id).empty())
        optimizer->study().commit({study::DeleteRecord{id}});
    }
  }
}

TEST(Schedulers, EveryOneSurvivesARandomJournal) {
  for (const Case& one : cases())
    for (const std::size_t objectives : {1u, 2u})
      for (const std::size_t workers : {1u, 3u, 8u}) {
        SCOPED_TRACE(fmt::format("{} {} {} {}", one.scheduler, one.options.dump(), objectives, workers));
        const auto store = study::open_store("memory:");
        const auto bound = [](Optimizer::Setup& setup) { setup.max_trials = 60; };
        torture(one, objectives, workers, 1, false, bound, store);
        study::Study study(store);
        study.sync();
        EXPECT_EQ(study.size(), 60) << "all trials of the budget came";
        EXPECT_EQ(study.count(TrialState::running), 0);
        EXPECT_EQ(study.count(TrialState::waiting), 0) << "none is stuck";
        EXPECT_GT(study.front().members().size(), 0u) << "some trial got to the end";
        EXPECT_EQ(study.spending().running(), 0);
        for (const auto& member : study.front().members()) {
          const TrialState state = study.trial(member.trial).state;
          EXPECT_TRUE(state == TrialState::completed || state == TrialState::paused)
              << study::state_name(state);
        }
      }
}

TEST(Schedulers, EveryOneIsAFunctionOfTheJournal) {
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.scheduler + one.options.dump());
    const auto bound = [](Optimizer::Setup& setup) { setup.max_trials = 30; };
    const Ran known = torture(one, 1, 4, 2, false, bound, study::open_store("memory:"));
    const Ran read = torture(one, 1, 4, 2, true, bound, study::open_store("memory:"));
    EXPECT_EQ(known.jobs, read.jobs);
  }
}

TEST(Schedulers, EveryOneKeepsToABudgetOfSteps) {
  for (const Case& one : cases())
    for (const std::size_t workers : {1u, 5u}) {
      SCOPED_TRACE(fmt::format("{} {} {}", one.scheduler, one.options.dump(), workers));
      const auto store = study::open_store("memory:");
      const auto bound = [](Optimizer::Setup& setup) { setup.max_steps = 200; };
      torture(one, 1, workers, 3, false, bound, store);
      study::Study study(store);
      study.sync();
      EXPECT_LE(study.spending().units(), 200);
      EXPECT_GT(study.spending().units(), 200 - 9) << "what is left takes no further job";
      EXPECT_EQ(study.count(TrialState::running), 0);
      // The views of a light study say the same.
      study.save_views();
      study::Study light(store, study::Study::Depth::light);
      light.sync();
      EXPECT_EQ(light.spending().json(), study.spending().json());
    }
}

TEST(Schedulers, ARaisedMaximumMovesTheFrontAndUsesAllThatWasEvaluated) {
  const Case before{"iterative_deepening_hyperband", {{"steps", {1, 9}}}};
  const Case after{"iterative_deepening_hyperband", {{"steps", {1, 27}}}};
  const auto store = study::open_store("memory:");
  auto setup = setup_for(before, 1);
  setup.max_trials = 17;  // one round: 9, 5 and 3
  Optimizer first(setup, store);
  std::int64_t paid = 0;
  while (const auto job = first.ask()) {
    paid += job->to - job->from;
    first.tell(*job, measured(*job, job->to));
  }
  EXPECT_EQ(first.study().count(TrialState::completed), 1 + 1 + 3);
  EXPECT_EQ(first.study().front().members().size(), 1u);
  first.study().commit({study::RevisedRecord{"", "", {}, 1, study::Aggregate::mean, {"deeper"}, 27}});
  EXPECT_TRUE(first.outdated());
  EXPECT_EQ(first.study().header().horizon, 27);
  EXPECT_TRUE(first.study().front().members().empty()) << "nobody is at 27 yet";

  setup = setup_for(after, 1);
  setup.max_trials = 27 + 12 + 6 + 4;
  Optimizer second(setup, store);
  while (const auto job = second.ask()) {
    paid += job->to - job->from;
    ASSERT_TRUE(second.tell(*job, measured(*job, job->to)));
  }
  EXPECT_EQ(second.study().size(), 49);
  EXPECT_EQ(second.study().spending().units(), paid);
  std::int64_t needed = 0;
  for (const auto& trial : second.study().trials()) needed += trial.last()->fidelity;
  EXPECT_EQ(paid, needed) << "nothing was evaluated twice";
  ASSERT_EQ(second.study().front().members().size(), 1u);
  second.study().save_views();
  study::Study light(store, study::Study::Depth::light);
  light.sync();
  EXPECT_EQ(light.header().horizon, 27);
  EXPECT_EQ(light.front().members().at(0).trial, second.study().front().members().at(0).trial);
}

/// Asks and tells to the end; how many units that took.
std::int64_t run_out(Optimizer& optimizer) {
  std::int64_t units = 0;
  while (const auto job = optimizer.ask()) {
    units += job->to - job->from;
    optimizer.tell(*job, measured(*job, job->to));
  }
  EXPECT_TRUE(optimizer.finished());
  return units;
}

Optimizer::Setup deepening(std::int64_t largest, const std::string& variant, std::int64_t max_trials) {
  auto setup = setup_for(
      {"iterative_deepening_hyperband", {{"steps", {1, largest}}, {"variant", variant}, {"longest", 81}}}, 1);
  setup.max_trials = max_trials;
  return setup;
}

TEST(Schedulers, AProgramRaisesTheMaximumByTheSetupThatItGoesOnWith) {
  for (const char* variant : {"efficient", "preserving", "discarding"}) {
    SCOPED_TRACE(variant);
    const auto store = study::open_store("memory:");
    std::int64_t paid = 0;
    for (const std::int64_t largest : {9, 27, 81}) {
      Optimizer optimizer(deepening(largest, variant, 60), store);
      EXPECT_EQ(optimizer.study().revision(), largest == 9 ? 0 : largest == 27 ? 1 : 2);
      EXPECT_EQ(optimizer.study().header().horizon, largest);
      EXPECT_EQ(optimizer.best(), nullptr) << "nobody is there yet";
      // The best at the maximum so far, in a bracket or not.
      const study::Trial* best = nullptr;
      for (const study::Trial& trial : optimizer.study().trials())
        if (const auto* result = trial.at(largest / 3); result != nullptr)
          if (best == nullptr || result->measures.find("loss") < best->at(largest / 3)->measures.find("loss"))
            best = &trial;
      paid += run_out(optimizer);
      ASSERT_NE(optimizer.best(), nullptr);
      EXPECT_EQ(optimizer.best()->last()->fidelity, largest);
      EXPECT_TRUE(best == nullptr || best->at(largest) != nullptr) << "trial " << best->id;
      EXPECT_EQ(optimizer.study().spending().units(), paid);
    }
    study::Study study(store);
    study.sync();
    EXPECT_EQ(study.size(), 60);
    std::int64_t needed = 0;
    for (const auto& trial : study.trials()) needed += trial.last()->fidelity;
    EXPECT_EQ(paid, needed) << "nothing was evaluated twice";
  }
}

TEST(Schedulers, WhatRunsWhileAProgramRaisesTheMaximumIsUsed) {
  const auto store = study::open_store("memory:");
  Optimizer before(deepening(9, "efficient", 60), store);
  std::vector<Job> running;
  for (int i = 0; i < 5; ++i) running.push_back(*before.ask());
  // Two others raise it; the second finds it raised.
  Optimizer after(deepening(27, "efficient", 60), store), other(deepening(27, "efficient", 60), store);
  EXPECT_EQ(after.study().revision(), 1);
  EXPECT_FALSE(after.outdated());
  EXPECT_TRUE(before.outdated() || before.study().sync());
  EXPECT_FALSE(before.ask()) << "it would decide by the smaller one";
  EXPECT_FALSE(before.finished());
  for (const Job& job : running) EXPECT_TRUE(before.tell(job, measured(job, job.to)));
  while (const auto job = after.ask()) ASSERT_TRUE(after.tell(*job, measured(*job, job->to)));
  EXPECT_TRUE(after.finished());
  EXPECT_FALSE(other.ask());
  EXPECT_TRUE(other.finished());
  EXPECT_EQ(after.study().revision(), 1);
  ASSERT_NE(after.best(), nullptr);
  EXPECT_EQ(after.best()->last()->fidelity, 27);
}

TEST(Schedulers, WhoGoesOnToARaisedMaximumIsReadFromTheJournal) {
  const auto jobs_of = [](bool fresh) {
    const auto store = study::open_store("memory:");
    {
      Optimizer before(deepening(9, "efficient", 60), store);
      run_out(before);
    }
    std::vector<std::string> jobs;
    auto optimizer = std::make_unique<Optimizer>(deepening(27, "efficient", 60), store);
    for (;;) {
      if (fresh) optimizer = std::make_unique<Optimizer>(deepening(27, "efficient", 60), store);
      const auto job = optimizer->ask();
      if (!job) return jobs;
      jobs.push_back(fmt::format("{} {} {}", job->trial, job->from, job->to));
      if (jobs.size() % 4 == 1)
        optimizer->end(*job, TrialState::failed, "it crashed", 0.0, {}, false, "exit");
      else
        optimizer->tell(*job, measured(*job, job->to));
    }
  };
  const auto known = jobs_of(false);
  EXPECT_GT(known.size(), 6u);
  EXPECT_EQ(known, jobs_of(true));
}

TEST(Schedulers, AMaximumIsRaisedOnlyWhereThatIsSound) {
  const auto store = study::open_store("memory:");
  {
    Optimizer optimizer(deepening(9, "efficient", 60), store);
    run_out(optimizer);
  }
  const std::int64_t head = store->head();
  const auto refused = [&](const Optimizer::Setup& setup) {
    EXPECT_THROW(Optimizer(setup, store), Error) << setup.scheduler;
    EXPECT_EQ(store->head(), head) << "nothing is written";
  };
  refused(deepening(3, "efficient", 60));
  auto other = setup_for({"hyperband", {{"steps", {1, 27}}}}, 1);
  refused(other);
  other = deepening(27, "efficient", 60);
  other.limits = {{.name = "loss", .max = 0.5, .min = {}}};
  refused(other);
  other = deepening(27, "efficient", 60);
  other.space = space::Space::Builder().real("x", 0, 0.5).integer("n", 1, 2).build();
  refused(other);
  other = deepening(27, "efficient", 60);
  other.interrupted = [] { return true; };
  ASSERT_TRUE(store->acquire("ask", "somebody", 60.0));
  refused(other);

  // What a study file says is changed there.
  const auto of_file = study::open_store("memory:");
  study::StudyRecord header;
  header.text = "[study]";
  header.objectives = {{"loss"}};
  header.horizon = 9;
  study::Study::create(*of_file, header);
  EXPECT_THROW(Optimizer(deepening(27, "efficient", 60), of_file), Error);
  EXPECT_EQ(of_file->head(), 1);
}

TEST(Schedulers, TheSearcherThatOneBringsAlongWorksWithIt) {
  int found = 0;
  for (const auto* method : methods().of("scheduler")) {
    if (method->info.searcher.empty()) continue;
    ++found;
    SCOPED_TRACE(method->info.name);
    ASSERT_NE(methods().find("searcher", method->info.searcher), nullptr);
    auto setup = setup_for({method->info.name, options_of(*method)}, 1);
    setup.searcher = method->info.searcher;
    setup.max_trials = 70;
    Optimizer optimizer(setup);
    std::vector<Job> running;
    Rng rng(4, "brought");
    for (;;) {
      while (running.size() < 3) {
        auto job = optimizer.ask();
        if (!job) break;
        running.push_back(std::move(*job));
      }
      if (running.empty()) break;
      const auto which = static_cast<std::ptrdiff_t>(rng.below(running.size()));
      const Job job = running[static_cast<std::size_t>(which)];
      running.erase(running.begin() + which);
      ASSERT_TRUE(optimizer.tell(job, measured(job, job.to)));
    }
    EXPECT_TRUE(optimizer.finished());
    EXPECT_EQ(optimizer.study().size(), 70);
    // The last ones are better than what chance gives, 0.5.
    double mean = 0.0;
    for (std::int64_t id = 40; id < 70; ++id) mean += optimizer.study().trial(id).config.real("x") / 30.0;
    EXPECT_LT(mean, 0.45);
  }
  EXPECT_EQ(found, 3);
}

TEST(Schedulers, EveryOneCanBeMadeFromItsRegistration) {
  std::set<std::string> names;
  for (const auto* method : methods().of("scheduler")) {
    EXPECT_FALSE(method->info.abilities.objectives.empty()) << method->info.name;
    names.insert(method->info.name);
  }
  for (const char* name : {"asha", "bohb", "curve_prediction", "dehb", "fixed", "hyperband",
                           "iterative_deepening_hyperband", "median", "mobster", "successive_halving"})
    EXPECT_TRUE(names.contains(name)) << name;
}

}  // namespace
}  // namespace hone::run
