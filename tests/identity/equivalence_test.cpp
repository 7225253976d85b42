#include "hone/identity/equivalence.h"

#include <cmath>
#include <limits>
#include <unordered_set>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/identity/signature.h"

namespace hone::identity {
namespace {

TEST(Signature, ForgivesTheLastDigitsAndNothingElse) {
  const std::vector<double> probe{1.2345678, -0.0, 3e-20, 1e10};
  const auto key = functional_key(probe, "data");
  ASSERT_TRUE(key);
  EXPECT_EQ(functional_key({1.2345678 * (1 + 1e-9), 0.0, 3e-20 * (1 + 1e-9), 1e10}, "data"), key);
  EXPECT_NE(functional_key({1.2345678, 0.0, 3e-20, 1.01e10}, "data"), key);
  EXPECT_NE(functional_key({-1.2345678, 0.0, 3e-20, 1e10}, "data"), key);
  EXPECT_NE(functional_key({1e10, 0.0, 3e-20, 1.2345678}, "data"), key) << "order matters: no sum is hashed";
  EXPECT_NE(functional_key(probe, "other data"), key) << "what the probe cannot see enters literally";
}

TEST(Signature, RefusesWhatCannotBeHashed) {
  EXPECT_FALSE(functional_key({}, ""));
  EXPECT_FALSE(functional_key({1.0, std::numeric_limits<double>::quiet_NaN()}, ""));
  EXPECT_FALSE(functional_key({std::numeric_limits<double>::infinity()}, ""));
  EXPECT_THROW((void)functional_key({1.0}, "", 0), Error);
}

TEST(Signature, FewerBitsMeanFewerKeys) {
  Rng rng(1, "bits");
  std::vector<double> values(2000);
  for (double& value : values) value = rng.uniform(1.0, 2.0);
  std::size_t last = 0;
  for (int bits : {1, 3, 5, 8, 20}) {
    std::unordered_set<Key> keys;
    for (double value : values) keys.insert(*functional_key({value}, "", bits));
    EXPECT_GE(keys.size(), last);
    EXPECT_LE(keys.size(), std::size_t{1} << bits);
    last = keys.size();
  }
  EXPECT_GT(last, 1990u);
}

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
  tell(0, Kind::keys, TrialState::running);
  tell(1, Kind::keys, TrialState::running);
  EXPECT_EQ(cache.claimant(function, 9, 0), -1);
  EXPECT_EQ(cache.claimant(function, 9, 1), 0);
  EXPECT_EQ(cache.claimant(function, 20, 1), -1) << "not as far as that";
  tell(0, Kind::state, TrialState::waiting);
  EXPECT_EQ(cache.claimant(function, 9, 1), -1);
  tell(0, Kind::started, TrialState::running);
  EXPECT_EQ(cache.claimant(function, 9, 0), 1) << "it began anew, however old its key";
  tell(0, Kind::keys, TrialState::running);
  tell(1, Kind::keys, TrialState::running);
  EXPECT_EQ(cache.claimant(function, 9, 0), 1) << "a claim does not grow younger while it runs";
  EXPECT_EQ(cache.claimant(function, 9, 1), -1);
  tell(2, Kind::started, TrialState::running);
  EXPECT_EQ(cache.claimant(function, 20, 0), -1) << "a younger one";
  tell(1, Kind::state, TrialState::completed);
  EXPECT_EQ(cache.claimant(function, 9, 2), 0);
}

}  // namespace
}  // namespace hone::identity
