#include "hone/identity/collisions.h"

#include <cmath>

#include <gtest/gtest.h>

namespace hone::identity {
namespace {

TEST(ClopperPearson, PublishedAndClosedForms) {
  EXPECT_EQ(clopper_pearson(0, 0), std::pair(0.0, 1.0));
  const auto none = clopper_pearson(0, 10);
  EXPECT_EQ(none.first, 0.0);
  EXPECT_NEAR(none.second, 1.0 - std::pow(0.025, 0.1), 1e-12);
  EXPECT_NEAR(clopper_pearson(10, 10).first, std::pow(0.025, 0.1), 1e-12);
  const auto half = clopper_pearson(5, 10);
  EXPECT_NEAR(half.first, 0.1870860, 1e-6);
  EXPECT_NEAR(half.second, 0.8129140, 1e-6);
  const auto rare = clopper_pearson(1, 100);
  EXPECT_NEAR(rare.first, 0.000253146, 1e-8);
  EXPECT_NEAR(rare.second, 0.0544594, 1e-6);
  EXPECT_NEAR(clopper_pearson(0, 1'000'000).second, -std::log(0.025) / 1e6, 1e-9);
}

class Meter : public testing::Test {
 protected:
  Meter() {
    study::StudyRecord header;
    header.name = "meter";
    header.objectives = {{"loss"}, {"latency_s"}};
    header.costs = {"latency_s"};
    header.replicates = 2;
    const auto store = study::open_store("memory:");
    study::Study::create(*store, header);
    study_ = std::make_unique<study::Study>(store);
  }
  void evaluate(Key key, double loss, std::int64_t of = -1) {
    const std::int64_t id = study_->size();
    study::TrialRecord trial{id, space::Config({{"x", Value(static_cast<double>(id))}}), "random", 1};
    trial.of = of;
    trial.replicate = of < 0 ? 0 : 1;
    std::vector<study::Record> records{trial, study::StartRecord{id, 1, "w0", 1}};
    if (!key.none()) records.push_back(study::KeysRecord{id, {{}, key}, {}, 0.25});
    records.push_back(
        study::ResultRecord{id, 1, {1, {{"loss", loss}, {"latency_s", static_cast<double>(id)}}}});
    study::EndRecord end;
    end.trial = id;
    end.attempt = 1;
    end.spent_s = 2.25;
    records.push_back(end);
    study_->commit(records);
  }
  std::unique_ptr<study::Study> study_;
};

TEST_F(Meter, CountsEqualKeysWithDifferentResults) {
  EXPECT_EQ(collisions(*study_).pairs, 0);
  const Key a{1, 1}, b{2, 2};
  evaluate(a, 1.0);
  evaluate(a, 1.0);
  evaluate(b, 3.0);
  evaluate(a, 1.5);
  evaluate({}, 9.0);
  evaluate(b, 3.0);
  const Collisions found = collisions(*study_);
  EXPECT_EQ(found.pairs, 3);
  EXPECT_EQ(found.different, 1);
  EXPECT_EQ(found.collisions, 1) << "without replicates any difference counts";
  EXPECT_EQ(std::pair(found.low, found.high), clopper_pearson(1, 3));
  ASSERT_EQ(found.measures.size(), 1u) << "what a candidate costs need not be equal";
  EXPECT_EQ(found.measures[0].largest, 0.5);
  EXPECT_EQ(found.examples, (std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 3}}));
  EXPECT_DOUBLE_EQ(found.evaluation_s, 6.0) << "the probe would have been paid all the same";
}

TEST_F(Meter, ReplicatesSayWhatNoiseIs) {
  const Key a{1, 1}, b{2, 2};
  evaluate(a, 1.0);
  evaluate({}, 1.2, 0);  // a replicate: deviation 0.1414
  evaluate(a, 1.5);
  evaluate(b, 1.0);
  evaluate(b, 2.0);
  const Collisions found = collisions(*study_);
  EXPECT_NEAR(found.measures[0].noise, 0.2 / std::sqrt(2.0), 1e-12);
  EXPECT_EQ(found.pairs, 2);
  EXPECT_EQ(found.different, 2);
  EXPECT_EQ(found.collisions, 1) << "0.5 is within three deviations of a difference (0.6), 1.0 is not";
}

}  // namespace
}  // namespace hone::identity
