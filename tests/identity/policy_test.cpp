#include "hone/identity/policy.h"

#include <deque>

#include <gtest/gtest.h>

#include "../processor_time.h"
#include "hone/base/error.h"
#include "hone/identity/equivalence.h"

namespace hone::identity {
namespace {

using Kind = study::Change::Kind;
using What = Verdict::What;
using study::TrialState;

constexpr Key kFunction{5, 5};

/// A journal in miniature: trials that tell their keys, run and end, as a cache is told them.
class Told {
 public:
  explicit Told(Settings settings, std::uint64_t seed = 1, bool by_structure = false)
      : cache(settings, seed, by_structure) {}

  study::Trial& begin(Key functional = kFunction, Key structural = {}, std::vector<Key> near = {}) {
    study::Trial& trial = trials.emplace_back();
    trial.id = static_cast<std::int64_t>(trials.size()) - 1;
    trial.state = TrialState::running;
    trial.target = 1;
    trial.keys = {structural, functional, std::move(near)};
    tell(Kind::keys, trial);
    return trial;
  }
  void finish(study::Trial& trial, std::int64_t same_as = -1) {
    trial.same_as = same_as;
    trial.results = {{1, {{"loss", 1.0}}}};
    tell(Kind::result, trial, &trial.results.back());
    trial.state = TrialState::completed;
    tell(Kind::state, trial);
  }
  /// Does what the policy says of a further candidate.
  Verdict next(Key functional = kFunction) {
    study::Trial& trial = begin(functional);
    const Verdict verdict = cache.verdict(trial, 1);
    finish(trial, verdict.what == What::reuse ? verdict.trial : -1);
    return verdict;
  }
  void tell(Kind kind, const study::Trial& trial, const study::Result* result = nullptr) {
    cache.update({kind, &trial, result});
  }

  EquivalenceCache cache;
  std::deque<study::Trial> trials;
};

Settings with(Policy policy) { return policy; }

TEST(Policy, HasANameAndSaysWhatItGoesBy) {
  for (const auto& name : policy_names()) {
    EXPECT_EQ(policy_name(policy_from_name(name)), name);
    EXPECT_FALSE(policy_about(policy_from_name(name)).empty());
  }
  EXPECT_THROW((void)policy_from_name("forgt"), Error);
  Settings settings(Policy::forget);
  EXPECT_EQ(settings.text(), "forget, forget = 0.1");
  settings.mantissa_bits = 7;
  EXPECT_EQ(settings.text(), "forget, forget = 0.1, mantissa_bits = 7");
  EXPECT_EQ(Settings(Policy::reuse).text(), "reuse");
  // A task's rounding, but for what the study sets.
  EXPECT_EQ(Settings().rounding(Quantisation::reported()), Quantisation::reported());
  settings.relative = 1e-5;
  settings.absolute = 0.0;
  EXPECT_EQ(settings.rounding(Quantisation::reported()), (Quantisation{7, 1e-5, 0.0, 0.0}));
  EXPECT_EQ(settings.text(), "forget, forget = 0.1, mantissa_bits = 7, relative = 1e-05, absolute = 0");
}

TEST(Policy, KeysOfCommandsThatAnEarlierVersionProbedCanBeKept) {
  Settings settings(Policy::reuse);
  settings.mantissa_bits = 10;
  settings.relative = 2e-6;
  settings.absolute = 1e-6;
  // What that version hashed: floats to 10 bits, and no tolerances beside them.
  const Key earlier = KeyBuilder()
                          .text("function 2")
                          .text("data")
                          .integer(10)
                          .integer(3)
                          .real(1.25)
                          .real(0.0)
                          .real(40000.0)
                          .build();
  const std::vector<double> probe{1.25, 1e-7, 40001.0};
  const auto kept = signature(probe, "data", settings.rounding(Quantisation::reported()));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->key, earlier);
  EXPECT_NE(signature(probe, "data", Quantisation::reported())->key, earlier);
}

TEST(Reuse, AFunctionIsEvaluatedOnce) {
  Told told(with(Policy::reuse));
  EXPECT_EQ(told.next(), (Verdict{What::evaluate, -1}));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(told.next(), (Verdict{What::reuse, 0}));
  EXPECT_EQ(told.next(Key{6, 6}), (Verdict{What::evaluate, -1}));
}

TEST(Count, EverythingIsEvaluated) {
  Told told(with(Policy::count));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(told.next(), (Verdict{What::evaluate, -1}));
  EXPECT_EQ(told.cache.known(kFunction, 1), 0) << "known all the same";
}

TEST(Forget, EveryUseDrawsWhetherTheEntryGoes) {
  Settings settings(Policy::forget);
  settings.forget = 1.0;
  Told always(settings);
  for (std::int64_t i = 0; i < 10; ++i)
    EXPECT_EQ(always.next(), i % 2 == 0 ? (Verdict{What::evaluate, -1}) : (Verdict{What::reuse, i - 1})) << i;
  settings.forget = 0.0;
  Told never(settings);
  never.next();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(never.next(), (Verdict{What::reuse, 0}));

  settings.forget = 0.1;
  Told told(settings), again(settings), other(settings, 2);
  int evaluations = 0, differences = 0;
  for (int i = 0; i < 5000; ++i) {
    const Verdict verdict = told.next();
    EXPECT_EQ(again.next(), verdict) << "it depends on the seed and the journal alone";
    evaluations += verdict.what == What::evaluate ? 1 : 0;
    differences += other.next() == verdict ? 0 : 1;
  }
  // Between two evaluations lie 10 uses on average.
  EXPECT_NEAR(evaluations, 5000 / 11.0, 60.0);
  EXPECT_GT(differences, 100);
}

TEST(Forget, WhatIsForgottenStandsForNobodyEvenWhenItGoesOn) {
  Settings settings(Policy::forget);
  settings.forget = 1.0;
  Told told(settings);
  told.next();
  ASSERT_EQ(told.next(), (Verdict{What::reuse, 0}));
  study::Trial& first = told.trials[0];
  first.results.push_back({3, {{"loss", 0.5}}});  // it was promoted
  told.tell(Kind::result, first, &first.results.back());
  EXPECT_EQ(told.cache.known(kFunction, 1), -1);
  EXPECT_EQ(told.cache.known(kFunction, 3), -1);
  // A follower's state may be told again as limits change: that is no use.
  told.next();
  told.tell(Kind::state, told.trials[1]);
  EXPECT_EQ(told.cache.known(kFunction, 1), 2);
}

TEST(Average, UpToSoManyEvaluations) {
  Settings settings(Policy::average);
  settings.evaluations = 3;
  Told told(settings);
  EXPECT_EQ(told.next(), (Verdict{What::evaluate, -1}));
  EXPECT_EQ(told.next(), (Verdict{What::evaluate, 0})) << "a further evaluation of the first one's function";
  EXPECT_EQ(told.next(), (Verdict{What::evaluate, 0}));
  EXPECT_EQ(told.next(), (Verdict{What::reuse, 0}));
  EXPECT_EQ(told.next(), (Verdict{What::reuse, 0}));
}

TEST(Average, WhatRunsCounts) {
  Settings settings(Policy::average);
  settings.evaluations = 2;
  Told told(settings);
  study::Trial& first = told.begin();
  study::Trial& second = told.begin();
  study::Trial& third = told.begin();
  EXPECT_EQ(told.cache.verdict(first, 1), (Verdict{What::evaluate, -1}));
  EXPECT_EQ(told.cache.verdict(second, 1), (Verdict{What::evaluate, 0}));
  EXPECT_EQ(told.cache.verdict(third, 1), (Verdict{What::wait, 0})) << "nothing is known yet";
  told.finish(first);
  EXPECT_EQ(told.cache.verdict(third, 1), (Verdict{What::reuse, 0})) << "the other evaluation is under way";
  second.state = TrialState::failed;
  told.tell(Kind::state, second);
  EXPECT_EQ(told.cache.verdict(third, 1), (Verdict{What::evaluate, 0})) << "it takes the place of the failed";
}

TEST(NearKeys, ACandidateIsKnownUnderAnyOfThem) {
  Told told(with(Policy::reuse));
  const Key a{1, 1}, b{2, 2}, c{3, 3};
  EXPECT_EQ(told.cache.resolve({b, {a}, 1}), b) << "nobody proposed either";
  told.begin(a, {}, {c});
  EXPECT_EQ(told.cache.resolve({b, {c, a}, 1}), a);
  EXPECT_EQ(told.cache.resolve({a, {b}, 1}), a);
  // Two that told their keys before either saw the other: the older claim stands, whatever key it is under.
  study::Trial& later = told.begin(b, {}, {a});
  EXPECT_EQ(told.cache.verdict(later, 1), (Verdict{What::wait, 0}));
  EXPECT_EQ(told.cache.verdict(told.trials[0], 1), (Verdict{What::evaluate, -1}));
  told.finish(told.trials[0]);
  EXPECT_EQ(told.cache.verdict(later, 1), (Verdict{What::reuse, 0}));
}

TEST(ByStructure, TheSameFunctionUnderAnotherStructureIsEvaluated) {
  Told told(with(Policy::reuse), 1, true);
  const Key one{1, 1}, two{2, 2};
  told.finish(told.begin(kFunction, one));
  EXPECT_EQ(told.cache.verdict(told.begin(kFunction, two), 1), (Verdict{What::evaluate, -1}));
  EXPECT_EQ(told.cache.verdict(told.begin(kFunction, one), 1), (Verdict{What::reuse, 0}));
  EXPECT_EQ(told.cache.verdict(told.begin(kFunction, {}), 1), (Verdict{What::evaluate, -1}));
}

TEST(Memory, TheLeastRecentlyProposedFunctionGoes) {
  Settings settings;
  settings.entries = 2;
  Told told(settings);
  const Key a{1, 1}, b{2, 2}, c{3, 3}, d{4, 4};
  told.next(a);
  told.next(b);
  EXPECT_EQ(told.next(a).what, What::reuse);
  told.next(c);
  EXPECT_EQ(told.cache.size(), 2u);
  EXPECT_EQ(told.next(a).what, What::reuse) << "it was proposed after b";
  EXPECT_EQ(told.next(b).what, What::evaluate);
  // What runs stays, over the bound if need be.
  study::Trial& runs = told.begin(d);
  for (const Key& key : {a, b, c, a, b}) told.next(key);
  study::Trial& other = told.begin(d);
  EXPECT_EQ(told.cache.verdict(other, 1), (Verdict{What::wait, runs.id}));
}

TEST(Memory, ManyTrialsOfOneFunctionCostWhatFewDo) {
  Told told(with(Policy::reuse)), counting(with(Policy::count));
  ASSERT_EQ(told.next().what, What::evaluate);
  const auto run = [&](int n) {
    int wrong = 0;
    for (int i = 0; i < n; ++i) {
      wrong += told.next().what != What::reuse ? 1 : 0;
      wrong += counting.next().what != What::evaluate ? 1 : 0;
    }
    EXPECT_EQ(wrong, 0);
  };
  run(1000);
  const double early = test::fastest(4, [&] { run(1000); });
  run(45000);  // work that grew with what is known would be ten times as much
  EXPECT_LT(test::fastest(4, [&] { run(1000); }), 4.0 * early);
  EXPECT_EQ(told.cache.size(), 1u);
}

TEST(Deleted, TheNextOneStandsForTheFunction) {
  Told told(with(Policy::reuse));
  study::Trial& first = told.begin();
  study::Trial& second = told.begin();
  told.finish(first);
  told.finish(second);
  EXPECT_EQ(told.cache.known(kFunction, 1), 0);
  first.state = TrialState::deleted;
  told.tell(Kind::deleted, first);
  EXPECT_EQ(told.cache.known(kFunction, 1), 1);
  second.state = TrialState::deleted;
  told.tell(Kind::deleted, second);
  EXPECT_EQ(told.cache.known(kFunction, 1), -1);
}

}  // namespace
}  // namespace hone::identity
