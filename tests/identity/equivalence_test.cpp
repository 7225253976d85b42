#include "hone/identity/equivalence.h"

#include <gtest/gtest.h>

namespace hone::identity {
namespace {

TEST(EquivalenceCache, KnowsQualityByFunctionAndCostByStructure) {
  EquivalenceCache cache;
  study::Trial a;
  a.id = 0;
  a.keys = {Key{1, 1}, Key{9, 9}};
  a.costs = {{"latency_s", 0.5}};
  EXPECT_EQ(cache.known(Key{9, 9}, 20), -1);
  cache.update({study::Change::Kind::keys, &a, nullptr});
  EXPECT_EQ(cache.known(Key{9, 9}, 20), -1) << "it has no result yet";
  const study::Result result{20, {{"loss", 1.0}}};
  cache.update({study::Change::Kind::result, &a, &result});
  EXPECT_EQ(cache.known(Key{9, 9}, 20), 0);
  EXPECT_EQ(cache.known(Key{9, 9}, 60), -1) << "not at this fidelity";
  EXPECT_EQ(cache.known(Key{9, 8}, 20), -1);
  ASSERT_NE(cache.costs(Key{1, 1}), nullptr);
  EXPECT_EQ(cache.costs(Key{1, 1})->find("latency_s"), 0.5);
  EXPECT_EQ(cache.costs(Key{2, 1}), nullptr);

  study::Trial twin = a;
  twin.id = 1;
  twin.same_as = 0;
  twin.keys.functional = Key{7, 7};
  cache.update({study::Change::Kind::keys, &twin, nullptr});
  cache.update({study::Change::Kind::result, &twin, &result});
  EXPECT_EQ(cache.known(Key{7, 7}, 20), -1) << "a mirrored result is not an evaluation";
}

TEST(EquivalenceCache, TheOldestClaimOfThoseThatRunHolds) {
  using Kind = study::Change::Kind;
  using study::TrialState;
  const Key function{5, 5};
  EquivalenceCache cache;
  std::vector<study::Trial> trials(3);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    trials[i].id = static_cast<std::int64_t>(i);
    trials[i].target = i == 2 ? 20 : 9;
    trials[i].keys.functional = function;
  }
  const auto tell = [&](std::size_t i, Kind kind, TrialState state) {
    trials[i].state = state;
    cache.update({kind, &trials[i], nullptr});
  };
  // The trial for which trial i waits; -1: it is evaluated itself.
  const auto claimant = [&](std::int64_t fidelity, std::size_t i) {
    const Verdict verdict = cache.verdict(trials[i], fidelity);
    return verdict.what == Verdict::What::wait ? verdict.trial : -1;
  };
  tell(0, Kind::keys, TrialState::running);
  tell(1, Kind::keys, TrialState::running);
  EXPECT_EQ(claimant(9, 0), -1);
  EXPECT_EQ(claimant(9, 1), 0);
  EXPECT_EQ(claimant(20, 1), -1) << "not as far as that";
  tell(0, Kind::state, TrialState::waiting);
  EXPECT_EQ(claimant(9, 1), -1);
  tell(0, Kind::started, TrialState::running);
  EXPECT_EQ(claimant(9, 0), 1) << "it began anew, however old its key";
  tell(0, Kind::keys, TrialState::running);
  tell(1, Kind::keys, TrialState::running);
  EXPECT_EQ(claimant(9, 0), 1) << "a claim does not grow younger while it runs";
  EXPECT_EQ(claimant(9, 1), -1);
  tell(2, Kind::started, TrialState::running);
  EXPECT_EQ(claimant(20, 0), -1) << "a younger one";
  tell(1, Kind::state, TrialState::completed);
  EXPECT_EQ(claimant(9, 2), 0);
}

}  // namespace
}  // namespace hone::identity
