// What a user may do to the model-based searchers through ask and tell: values that no model likes, results
// in any order, twice, of nobody's trials, and spaces at the edges.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/run/optimizer.h"

namespace hone::run {
namespace {

using study::TrialState;
using Builder = space::Space::Builder;

const char* const kSearchers[] = {"auto", "gp", "tpe", "ehvi", "smac", "turbo"};

space::Space wide() {
  Builder builder;
  for (int i = 0; i < 125; ++i)
    builder.real(fmt::format("r{}", i), 1e-6, 1.0, {.log = true})
        .integer(fmt::format("i{}", i), 0, 9)
        .choice(fmt::format("c{}", i), {"a", "b", "c"})
        .flag(fmt::format("f{}", i));
  return builder.build();
}

space::Space categories() {
  Builder builder;
  for (int i = 0; i < 6; ++i) builder.choice(fmt::format("c{}", i), {"a", "b", "c", "d"});
  return builder.build();
}

space::Space plain() {
  return Builder().real("x", 0.0, 1.0).real("y", 1e-8, 1e8, {.log = true}).integer("n", 1, 9).build();
}

/// One config of 10^6.
space::Space needle() {
  return Builder().integer("a", 1, 1000).integer("b", 1, 1000).where("a * 1000 + b == 123456").build();
}

Optimizer::Setup setup(const std::string& searcher, space::Space space, std::size_t objectives = 1) {
  Optimizer::Setup s;
  s.space = std::move(space);
  for (std::size_t i = 0; i < objectives; ++i) s.objectives.push_back({fmt::format("f{}", i), i % 2 == 0});
  s.seed = 11;
  s.searcher = searcher;
  return s;
}

class Adversity : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Searchers, Adversity, testing::ValuesIn(kSearchers),
                         [](const auto& info) { return std::string(info.param); });

/// A batch at a time, told in random order, with whatever a double can be.
void fuzz(Optimizer& optimizer, std::size_t objectives, int rounds, std::uint64_t seed) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kOdd[] = {kNaN, kInfinity, -kInfinity, 1e308, -1e308, 1.7e308, 5e-324, 0.0,
                             -0.0, 1e-300,    1.0,        1.0,   1e15,   -1e15,   1e-17,  2.0};
  std::vector<Job> finished;
  for (int round = 0; round < rounds; ++round) {
    Rng rng(seed, "fuzz", static_cast<std::uint64_t>(round));
    std::vector<Job> jobs = optimizer.ask(static_cast<std::int64_t>(1 + rng.below(4)));
    for (std::size_t i = jobs.size(); i > 1; --i) std::swap(jobs[i - 1], jobs[rng.below(i)]);
    for (const Job& job : jobs) {
      ASSERT_TRUE(optimizer.study().trial(job.trial).config == job.config);
      study::Measures measures;
      for (std::size_t k = 0; k < objectives; ++k)
        measures.set(fmt::format("f{}", k),
                     rng.below(2) == 0 ? kOdd[rng.below(std::size(kOdd))] : rng.uniform(-1.0, 1.0));
      const auto fate = rng.below(8);
      if (fate == 0) {
        EXPECT_TRUE(optimizer.end(job, TrialState::failed, "no luck"));
      } else if (fate == 1) {
        EXPECT_TRUE(optimizer.give_back(job));
        continue;
      } else {
        EXPECT_TRUE(optimizer.tell(job, measures));
      }
      finished.push_back(job);
    }
    if (finished.empty()) continue;
    // Again, and of an attempt that never was: both too late.
    Job again = finished[rng.below(finished.size())];
    EXPECT_FALSE(optimizer.tell(again, {{"f0", 1e9}, {"f1", 1e9}}));
    again.attempt += 7;
    EXPECT_FALSE(optimizer.tell(again, {{"f0", -1e9}, {"f1", 1e9}}));
    again.trial = 1000000;
    EXPECT_THROW(optimizer.tell(again, {{"f0", 0.0}, {"f1", 0.0}}), Error);
  }
}

TEST_P(Adversity, BearsAnyValueInAnyOrder) {
  for (const std::size_t objectives : {1u, 2u}) {
    auto s = setup(GetParam(), plain(), objectives);
    s.scheduler = "asha";
    s.scheduler_options = {{"steps", {1, 3, 9}}};
    s.limits = {{"f0", 1e300, {}}};
    const auto store = study::open_store("memory:");
    Optimizer optimizer(s, store);
    fuzz(optimizer, objectives, 20, objectives);
    if (HasFatalFailure()) return;
    for (const auto& trial : optimizer.study().trials()) EXPECT_TRUE(s.space.feasible(trial.config));
    // Who reads the journal anew goes on alike.
    Optimizer again(s, store);
    const auto job = again.ask();
    ASSERT_TRUE(job);
    EXPECT_TRUE(s.space.feasible(job->config));
  }
}

TEST_P(Adversity, EndsSpacesThatHoldLittle) {
  struct Case {
    space::Space space;
    std::int64_t configs;
  };
  const Case cases[] = {{Builder().build(), 1},
                        {Builder().choice("only", {"one"}).integer("n", 5, 5).build(), 1},
                        {needle(), 1},
                        {Builder().flag("a").flag("b").where("a or b").build(), 3}};
  for (const auto& [space, configs] : cases) {
    auto s = setup(GetParam(), space);
    s.max_trials = 50;
    Optimizer optimizer(s);
    while (const auto job = optimizer.ask()) EXPECT_TRUE(optimizer.tell(*job, {{"f0", 1.0}}));
    EXPECT_TRUE(optimizer.finished());
    EXPECT_EQ(optimizer.study().size(), configs);
  }
}

TEST_P(Adversity, ABeliefInFourConfigsEndsNoEndlessSpace) {
  const space::Space space = Builder()
                                 .choice("kind", {"a", "b"})
                                 .integer("k", 1, 4, {.when = "kind == 'a'"})
                                 .real("x", 0.0, 1.0, {.when = "kind == 'b'"})
                                 .build();
  for (const std::int64_t batch : {1, 8}) {
    auto s = setup(GetParam(), space);
    s.max_trials = 20;
    s.prior = search::Prior::read(Node::parse_toml("kind = { a = 1, b = 0 }", "prior.toml"), space);
    Optimizer optimizer(s);
    for (auto jobs = optimizer.ask(batch); !jobs.empty(); jobs = optimizer.ask(batch))
      for (const auto& job : jobs) EXPECT_TRUE(optimizer.tell(job, {{"f0", 1.0}}));
    EXPECT_EQ(optimizer.study().size(), 20);
  }
}

TEST_P(Adversity, TakesFiveHundredParametersAndCategoriesAlone) {
  for (const bool is_wide : {true, false}) {
    auto s = setup(GetParam(), is_wide ? wide() : categories());
    s.max_trials = is_wide ? 14 : 40;
    Optimizer optimizer(s);
    std::set<std::string> seen;
    while (const auto job = optimizer.ask()) {
      EXPECT_TRUE(s.space.feasible(job->config));
      EXPECT_TRUE(seen.insert(job->config.shown()).second);
      double sum = 0.0;
      for (const auto& [name, value] : job->config.entries())
        if (const auto* text = std::get_if<std::string>(&value)) sum += *text == "b" ? 0.0 : 1.0;
      EXPECT_TRUE(optimizer.tell(*job, {{"f0", sum}}));
    }
    EXPECT_EQ(optimizer.study().size(), *s.max_trials);
  }
}

TEST_P(Adversity, GoesOnWhereNothingCanBeLearnt) {
  // A constant, one that differs by rounding alone, failures only, and all against the limit.
  for (const int way : {0, 1, 2, 3}) {
    auto s = setup(GetParam(), plain(), 2);
    s.max_trials = 24;
    if (way == 3) s.limits = {{"f0", 0.0, {}}};
    Optimizer optimizer(s);
    std::set<std::string> seen;
    while (const auto job = optimizer.ask()) {
      EXPECT_TRUE(seen.insert(job->config.shown()).second);
      const double f = way == 1 ? 1.0 + 1e-16 * job->config.real("x") : 1.0;
      if (way == 2)
        EXPECT_TRUE(optimizer.end(*job, TrialState::failed, "always"));
      else
        EXPECT_TRUE(optimizer.tell(*job, {{"f0", f}, {"f1", f}}));
    }
    EXPECT_EQ(seen.size(), 24u);
    EXPECT_EQ(optimizer.best() == nullptr, way >= 2);
  }
}

}  // namespace
}  // namespace hone::run
