// What a program may get wrong with an Optimizer: each is said, and nothing is lost.
#include <filesystem>
#include <limits>

#include <gtest/gtest.h>
#include <unistd.h>

#include "hone/base/error.h"
#include "hone/run/optimizer.h"

namespace hone::run {
namespace {

using study::TrialState;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Optimizer::Setup plain_setup(std::int64_t max_trials = 9) {
  Optimizer::Setup setup;
  setup.space = space::Space::Builder().real("x", 0, 1).build();
  setup.objectives = {{"loss"}};
  setup.searcher = "random";
  setup.max_trials = max_trials;
  return setup;
}

/// What the Error says, with its hint; "" where none is thrown.
template <typename Function>
std::string refusal(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void expect_refused(const std::string& said, const std::string& part) {
  EXPECT_NE(said.find(part), std::string::npos) << "'" << said << "' lacks '" << part << "'";
}

/// Begins a study with `begin`, and says why it cannot be gone on with `go_on`.
std::string why_not(Optimizer::Setup begin, Optimizer::Setup go_on, int trials = 2) {
  const auto store = study::open_store("memory:");
  {
    Optimizer optimizer(std::move(begin), store);
    for (int i = 0; i < trials; ++i) {
      const auto job = optimizer.ask();
      optimizer.tell(*job, {{"loss", 1.0}});
    }
  }
  const std::int64_t head = store->head();
  const std::string said = refusal([&] { Optimizer(std::move(go_on), store).ask(); });
  EXPECT_TRUE(said.empty() || store->head() == head) << "nothing is written";
  return said;
}

TEST(OptimizerMisuse, AStudyGoesOnOnlyWithWhatDecidesItsResults) {
  EXPECT_EQ(why_not(plain_setup(), plain_setup(20)), "") << "a budget may change";
  auto other = plain_setup();
  other.searcher = "sobol";
  EXPECT_EQ(why_not(plain_setup(), other), "") << "and the searcher";

  other = plain_setup();
  other.scheduler_options = {{"steps", 10}};
  expect_refused(why_not(plain_setup(), other),
                 "another horizon: its trials end at 1, those of this setup at 10");
  expect_refused(why_not(other, plain_setup()), "another horizon");
  other = plain_setup();
  other.limits = {{.name = "loss", .max = 0.5, .min = {}}};
  expect_refused(why_not(plain_setup(), other), "other limits");
  expect_refused(why_not(plain_setup(), other), "give this study a store of its own");
  other = plain_setup();
  other.replicates = 3;
  expect_refused(why_not(plain_setup(), other), "1 replicates, and this setup has 3");
  other = plain_setup();
  other.aggregate = study::Aggregate::worst;
  expect_refused(why_not(plain_setup(), other), "another aggregate");
  other = plain_setup();
  other.objectives = {{"loss"}, {"size"}};
  expect_refused(why_not(plain_setup(), other), "other objectives");
}

TEST(OptimizerMisuse, AStudyGoesOnInTheSameSpaceOrAWiderOne) {
  const auto in = [](space::Space space, const std::string& searcher) {
    auto setup = plain_setup();
    setup.space = std::move(space);
    setup.searcher = searcher;
    return setup;
  };
  using Builder = space::Space::Builder;
  for (const char* searcher : {"random", "tpe"}) {
    const auto of_another = why_not(plain_setup(), in(Builder().choice("c", {"u", "v"}).build(), searcher));
    expect_refused(of_another, "another space: ");
    expect_refused(of_another, "x=");
    expect_refused(why_not(plain_setup(), in(Builder().choice("x", {"u", "v"}).build(), searcher)),
                   "another space");
    expect_refused(why_not(plain_setup(), in(Builder().real("x", 0, 1).integer("n", 1, 9).build(), searcher)),
                   "a new parameter needs a default");
  }
  EXPECT_EQ(why_not(plain_setup(), in(Builder().real("x", -1, 2).build(), "tpe")), "");

  const auto store = study::open_store("memory:");
  Optimizer first(plain_setup(), store);
  const auto begun = first.ask();
  first.tell(*begun, {{"loss", 1.0}});
  const auto wider = Builder().real("x", 0, 1).integer("n", 1, 9, {.fallback = 4}).build();
  Optimizer second(in(wider, "tpe"), store);
  EXPECT_EQ(second.study().trial(0).config.integer("n"), 4) << "as where a study file's space is widened";
  EXPECT_TRUE(second.ask());
  // The first, which is still there, learns that its space is no longer the study's.
  expect_refused(refusal([&] { first.ask(); }), "another space");
}

TEST(OptimizerMisuse, WantsAStoreAndALeaseThatSomebodyCanHold) {
  expect_refused(refusal([] { Optimizer(plain_setup(), nullptr); }), "needs a store");
  for (const double lease_s : {0.0, -1.0, kNan, std::numeric_limits<double>::infinity()}) {
    auto setup = plain_setup();
    setup.lease_s = lease_s;
    expect_refused(refusal([&] { Optimizer(setup, study::open_store("memory:")); }), "lease");
  }
}

TEST(OptimizerMisuse, AMethodWithoutOptionsSaysSo) {
  auto setup = plain_setup();
  setup.searcher_options = {{"n_startup", 20}};
  expect_refused(refusal([&] { Optimizer{setup}; }), "unknown key 'n_startup'; it has no options");
}

TEST(OptimizerMisuse, SecondsAreNumbers) {
  Optimizer optimizer(plain_setup());
  const auto job = *optimizer.ask();
  const std::int64_t head = optimizer.study().store().head();
  for (const double s : {kNan, -5.0, std::numeric_limits<double>::infinity()}) {
    expect_refused(refusal([&] { optimizer.tell(job, {{"loss", 1.0}}, s); }), "cannot have taken");
    expect_refused(refusal([&] { optimizer.tell({{job, {{"loss", 1.0}}, s}}); }), "cannot have taken");
    expect_refused(refusal([&] { optimizer.tell(job, {{"loss", kNan}}, s); }), "cannot have taken");
    expect_refused(refusal([&] { optimizer.end(job, TrialState::failed, "why", s); }), "cannot have taken");
    expect_refused(refusal([&] { optimizer.refuse(job, {{"loss", 1.0}}, "why", s); }), "cannot have taken");
    expect_refused(refusal([&] { optimizer.give_back(job, s); }), "cannot have taken");
    expect_refused(refusal([&] { optimizer.keys(job, {}, {}, s); }), "cannot have taken");
  }
  EXPECT_EQ(optimizer.study().store().head(), head);
  EXPECT_TRUE(optimizer.tell(job, {{"loss", 1.0}}, 2.0)) << "the lease is still held";
}

TEST(OptimizerMisuse, WhatItCostIsNumbers) {
  auto setup = plain_setup();
  setup.max_spend = {{"dollars", 10.0}};
  Optimizer optimizer(setup);
  const auto job = *optimizer.ask();
  const std::int64_t head = optimizer.study().store().head();
  const auto end = [&](const study::Measures& spent, const study::Measures& took = {}) {
    return optimizer.end(job, TrialState::failed, "why", 0.0, {}, false, "", 1, spent, took);
  };
  for (const double wrong : {kNan, -5.0, std::numeric_limits<double>::infinity()}) {
    expect_refused(refusal([&] { end({{"loss", 1.0}, {"dollars", wrong}}); }), "of dollars");
    const study::Measures took{{"seconds", wrong}};
    const study::Measures loss{{"loss", 1.0}};
    expect_refused(refusal([&] { end({}, took); }), "of seconds");
    expect_refused(refusal([&] { optimizer.tell(job, loss, 0.0, {}, took); }), "of seconds");
    expect_refused(refusal([&] { optimizer.tell(job, {{"loss", kNan}}, 0.0, {}, took); }), "of seconds");
    expect_refused(refusal([&] { optimizer.tell({{job, loss, 0.0, {}, took}}); }), "of seconds");
    expect_refused(refusal([&] { optimizer.refuse(job, loss, "why", 0.0, {}, took); }), "of seconds");
    expect_refused(refusal([&] { optimizer.give_back(job, 0.0, {}, took); }), "of seconds");
  }
  EXPECT_EQ(optimizer.study().store().head(), head);
  EXPECT_TRUE(end({{"loss", -2.5}, {"dollars", 0.0}, {"grad_norm", kNan}})) << "the lease is still held";
  EXPECT_EQ(optimizer.study().spending().total("dollars"), 0.0);
}

TEST(OptimizerMisuse, AnAttemptEndsAsSomethingThatItCanBe) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("hone-misuse-" + std::to_string(::getpid()) + ".sqlite"))
          .string();
  {
    Optimizer optimizer(plain_setup(), study::open_store("sqlite:" + path));
    const auto job = *optimizer.ask();
    expect_refused(refusal([&] { optimizer.end(job, static_cast<TrialState>(99), ""); }),
                   "99 is no state of a trial");
    expect_refused(refusal([&] { optimizer.end(job, TrialState::running, ""); }), "does not end as running");
    expect_refused(refusal([&] { optimizer.end(job, TrialState::completed, ""); }), "has no result at 1");
    optimizer.report(job, 1, {{"loss", 1.0}});
    EXPECT_TRUE(optimizer.end(job, TrialState::completed, "")) << "its result was reported";
  }
  Optimizer again(plain_setup(), study::open_store("sqlite:" + path));
  EXPECT_EQ(again.study().trial(0).state, TrialState::completed);
  for (const char* ending : {"", "-wal", "-shm"}) std::filesystem::remove(path + ending);
}

TEST(OptimizerMisuse, TrialsHangOnOthersThatAreThereAndNotInCircles) {
  Optimizer optimizer(plain_setup(2));
  const auto a = *optimizer.ask(), b = *optimizer.ask();
  const auto each = [&](const Job& job, std::int64_t other) {
    return std::vector<std::string>{refusal([&] { optimizer.same(job, other); }),
                                    refusal([&] { optimizer.join(job, other); }),
                                    refusal([&] { optimizer.wait_behind(job, other); })};
  };
  for (const std::int64_t nobody : {99, -1})
    for (const std::string& said : each(a, nobody)) {
      expect_refused(said, "there is no trial " + std::to_string(nobody));
      EXPECT_EQ(said.find("damaged"), std::string::npos) << said;
    }
  for (const std::string& said : each(a, a.trial)) expect_refused(said, "what it has itself");

  ASSERT_TRUE(optimizer.wait_behind(a, b.trial));
  expect_refused(refusal([&] { optimizer.wait_behind(b, a.trial); }), "one of them must be evaluated");
  EXPECT_TRUE(optimizer.tell(b, {{"loss", 1.0}})) << "its lease is still held";
  const auto again = optimizer.ask();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->trial, a.trial);
  EXPECT_TRUE(optimizer.same(*again, b.trial));
  EXPECT_FALSE(optimizer.ask());
  EXPECT_TRUE(optimizer.finished());

  Optimizer twins(plain_setup(2));
  const auto c = *twins.ask(), d = *twins.ask();
  ASSERT_TRUE(twins.same(c, d.trial));
  expect_refused(refusal([&] { twins.same(d, c.trial); }), "hangs on trial");
  EXPECT_TRUE(twins.tell(d, {{"loss", 1.0}}));
}

}  // namespace
}  // namespace hone::run
