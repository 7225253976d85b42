#include "hone/study/spending.h"

#include <cmath>

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

/// A trial whose first attempt took 30 to fidelity 9, and whose second one goes to 27.
class SecondPart : public testing::Test {
 protected:
  SecondPart() {
    trial.target = 9;
    finish(energy_at(9, 30.0), 30.0);
    trial.from = 9;
    trial.target = 27;
  }
  void finish(const Result& result, double took) {
    spending.take(trial, result);
    trial.results.push_back(result);
    EndRecord end;
    end.took = {{"energy_j", took}};
    spending.take(trial, end);
  }
  void give_back(double took) {
    EndRecord end;
    end.state = TrialState::waiting;
    end.took = {{"energy_j", took}};
    spending.take(trial, end);
  }
  Spending spending;
  Trial trial;
};

TEST_F(SecondPart, WhatGoesOnSaysWhatItCostSoFar) {
  finish(energy_at(27, 90.0), 60.0);
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 90.0);
  EXPECT_DOUBLE_EQ(spending.expected("energy_j", 27), 90.0);
}

TEST_F(SecondPart, WhatBeganAnewCostWhatTheFirstPartDidToo) {
  for (const double alone : {10.0, 30.0, 60.0, 90.0}) {
    Spending before = spending;
    Trial whole = trial;
    finish(energy_at(27, alone), alone);
    EXPECT_DOUBLE_EQ(spending.total("energy_j"), 30.0 + alone);
    EXPECT_DOUBLE_EQ(spending.expected("energy_j", 27), 30.0 + alone) << "27 units, whatever they took";
    spending = before;
    trial = whole;
  }
}

TEST_F(SecondPart, InterruptedPartsCountOnce) {
  give_back(20.0);
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 50.0);
  give_back(15.0);
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 65.0);
  finish(energy_at(27, 90.0), 25.0);
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 90.0);
  EXPECT_EQ(Spending::from_json(spending.json()).json(), spending.json());
}

TEST_F(SecondPart, WhatWasStoppedOrPausedOnItsWayTellsItsPrice) {
  const Result on_its_way{15, {{"loss", 0.5}}};
  for (const TrialState state : {TrialState::pruned, TrialState::paused}) {
    Spending one = spending;
    Trial stopped = trial;
    one.take(stopped, on_its_way);
    stopped.results.push_back(on_its_way);
    EndRecord end;
    end.state = state;
    end.took = {{"energy_j", 50.0}};
    one.take(stopped, end);
    EXPECT_EQ(one.units(), 15);
    EXPECT_DOUBLE_EQ(one.total("energy_j"), 80.0) << "and not at the mean price once more";
    // The last part of the one that was paused.
    stopped.from = 15;
    one.take(stopped, energy_at(27, 200.0));
    stopped.results.push_back(energy_at(27, 200.0));
    end.state = TrialState::completed;
    end.took = {{"energy_j", 120.0}};
    one.take(stopped, end);
    EXPECT_DOUBLE_EQ(one.total("energy_j"), 200.0);
    EXPECT_DOUBLE_EQ(one.expected("energy_j", 27), 200.0);
  }
}

TEST_F(SecondPart, WhatAnAttemptTookGoesBeforeWhatItSaysThatItCost) {
  EndRecord end;
  end.state = TrialState::failed;
  end.reached = 20;
  end.spent = {{"energy_j", 70.0}};
  end.took = {{"energy_j", 70.0}};  // it had begun anew
  spending.take(trial, end);
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 100.0);
}

TEST_F(SecondPart, OneThatBeganAtItsTargetToldTheRest) {
  const Result reported{27, {{"loss", 0.5}}};
  spending.take(trial, reported);
  trial.results.push_back(reported);
  trial.from = 27;
  spending.take(trial, energy_at(27, 90.0));
  trial.results.back().measures.set("energy_j", 90.0);
  EndRecord end;
  end.took = {{"energy_j", 60.0}};
  spending.take(trial, end);
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 90.0);
}

TEST(Spending, NothingCostsLessThanNothing) {
  Spending spending;
  Trial trial;
  trial.target = 9;
  EndRecord end;
  end.state = TrialState::failed;
  end.reached = 3;
  end.spent = {{"energy_j", 6.0}};
  spending.take(trial, end);
  for (const double wrong : {-100.0, std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    Spending one = spending;
    end.spent = {{"energy_j", wrong}};
    one.take(trial, end);
    EXPECT_DOUBLE_EQ(one.total("energy_j"), 12.0) << wrong << ": at the mean price";
    end.took = {{"energy_j", wrong}};
    one.take(trial, end);
    EXPECT_DOUBLE_EQ(one.total("energy_j"), 18.0) << wrong;
    end.took = {};
    Trial other;
    other.target = 3;
    one.take(other, energy_at(2, wrong));
    other.results.push_back(energy_at(2, wrong));
    one.take(other, energy_at(3, 6.0));
    EXPECT_DOUBLE_EQ(one.total("energy_j"), 24.0) << wrong;
  }
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

TEST(Spending, APartThatWasBrokenOffSaysNothingOfAUnitsPrice) {
  Spending spending;
  Trial done = trial_to(9);
  take(spending, done, energy_at(9, 18.0));
  EndRecord end;
  end.state = TrialState::waiting;
  end.took = {{"energy_j", 200.0}};
  spending.take(trial_to(9, 1), end);
  EXPECT_DOUBLE_EQ(spending.total("energy_j"), 218.0);
  EXPECT_DOUBLE_EQ(spending.expected("energy_j", 9), 18.0);
  EXPECT_DOUBLE_EQ(Spending::from_json(spending.json()).total("energy_j"), 218.0);
}

TEST(Spending, WhatAnEarlierAttemptToldAtTheTargetStays) {
  Spending spending;
  Trial trial = trial_to(9);
  take(spending, trial, energy_at(9, 90.0));
  trial.from = 9;  // given out again, to tell the rest
  EndRecord end;
  end.state = TrialState::completed;
  end.took = {{"energy_j", 2.0}};
  spending.take(trial, end);
  EXPECT_GE(spending.total("energy_j"), 90.0);
}

}  // namespace
}  // namespace hone::study
