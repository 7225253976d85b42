#include "hone/study/spending.h"

#include <gtest/gtest.h>

namespace hone::study {
namespace {

Result energy_at(std::int64_t fidelity, double joules) { return {fidelity, Measures{{"energy_j", joules}}}; }

Trial trial_to(std::int64_t target, std::int64_t id = 0) {
  Trial trial;
  trial.id = id;
  trial.target = target;
  return trial;
}

/// The result is paid for, and then the trial's.
void take(Spending& spending, Trial& trial, const Result& result) {
  spending.take(trial, result);
  trial.results.push_back(result);
}

EndRecord failure() {
  EndRecord end;
  end.state = TrialState::failed;
  return end;
}

TEST(Spending, ATrialThatGoesOnPaysForWhatIsNewAlone) {
  Spending spending;
  Trial trial = trial_to(9);
  take(spending, trial, energy_at(3, 6.0));
  EXPECT_EQ(spending.units(), 3);
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 6.0);
  take(spending, trial, energy_at(9, 20.0));  // so far: 14 since the last
  EXPECT_EQ(spending.units(), 9);
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 20.0);
  spending.take(trial, energy_at(9, 50.0));  // told again
  EXPECT_EQ(spending.units(), 9);
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 20.0);
  spending.take(trial_to(3, 1), energy_at(3, 4.0));
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 24.0);
  EXPECT_DOUBLE_EQ(spending.expected("energy_j", 6), 12.0) << "at two joules a unit";
}

TEST(Spending, AMeasureThatFewResultsHaveIsPaidOnce) {
  Spending spending;
  Trial trial = trial_to(9);
  const Measures nothing_paid{{"loss", 1.0}};
  for (const Result& result : {energy_at(3, 6.0), Result{6, nothing_paid}, Result{9, nothing_paid}})
    take(spending, trial, result);
  spending.take(trial, energy_at(9, 20.0));  // what it lacked
  EXPECT_EQ(spending.units(), 9);
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 20.0);
}

TEST(Spending, WhatIsLostCountsInFullAtTheMeanPrice) {
  Spending spending;
  Trial trial = trial_to(9);
  take(spending, trial, energy_at(3, 6.0));
  EndRecord end = failure();
  end.lost = true;
  spending.take(trial, end);
  EXPECT_EQ(spending.lost(), 6);
  EXPECT_EQ(spending.units(), 9);
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 18.0);
  const Spending back = Spending::from_json(spending.json());
  EXPECT_EQ(back.json(), spending.json());
}

TEST(Spending, WhatAFailureDoesNotTellCountsAtTheMeanPrice) {
  Spending spending;
  const Trial bad = trial_to(9, 1);
  spending.take(trial_to(9), energy_at(9, 18.0));
  EndRecord end = failure();
  end.reached = 4;
  spending.take(bad, end);
  EXPECT_EQ(spending.units(), 13);
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 26.0) << "two joules a unit";
  EXPECT_DOUBLE_EQ(spending.expected("energy_j", 1), 2.0) << "which makes no unit cheaper";
  end.spent = {{"energy_j", 1.0}};
  spending.take(bad, end);
  EXPECT_EQ(spending.units(), 17);
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 19.0 / 13.0 * 17.0) << "told the second time";
}

TEST(Spending, WhatALaterPartToldIsNoRefund) {
  Spending spending;
  Trial trial = trial_to(9);
  take(spending, trial, energy_at(3, 60.0));
  EndRecord end = failure();
  end.reached = 4;
  end.spent = {{"energy_j", 1.0}};
  spending.take(trial, end);
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 61.0);
}

TEST(Spending, WhatIsLostButToldCountsOnce) {
  Spending spending;
  Trial trial = trial_to(9);
  EndRecord end = failure();
  end.spent = {{"energy_j", 5.0}};
  spending.take(trial, end);
  EXPECT_EQ(spending.lost(), 9);
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 5.0);
}

TEST(Spending, WhatIsKnownOrNeverTrainedIsFree) {
  Spending spending;
  Trial trial = trial_to(9);
  EndRecord end;
  end.same_as = 4;
  spending.take(trial, end);
  end.same_as = -1;
  end.state = TrialState::infeasible;
  end.untrained = true;
  spending.take(trial, end);
  EXPECT_EQ(spending.units(), 0);
  end.state = TrialState::failed;
  end.untrained = false;
  end.reached = 4;
  end.spent = {{"energy_j", 5.0}};
  spending.take(trial, end);
  EXPECT_EQ(spending.units(), 4) << "it said how far it got";
  EXPECT_EQ(spending.lost(), 0);
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 5.0);
}

}  // namespace
}  // namespace hone::study
