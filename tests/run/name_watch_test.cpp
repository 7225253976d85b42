#include "hone/run/name_watch.h"

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "made_study.h"

namespace hone::run {
namespace {

using study::TrialState;

/// A search of which trials fail, one after the other.
class NamesWatched : public testing::Test {
 protected:
  void SetUp() override {
    made_.file.budget.failures = 20;
    watch_ = std::make_unique<NameWatch>(study(), made_.file, [](const std::string&) {});
  }
  study::Study& study() { return *made_.study; }
  std::int64_t begin() {
    const std::int64_t id = study().size();
    study().commit({study::TrialRecord{id, space::Config({{"width", Value(id)}}), "random", 7},
                    study::StartRecord{id, 1, "w0.1", 180}});
    return id;
  }
  void report(std::int64_t id, std::int64_t steps) {
    study().commit({study::ResultRecord{id, 1, {steps, {{"bits_per_char", 2.0}}}}});
  }
  void end(std::int64_t id, TrialState state) {
    study().commit({study::EndRecord{id, 1, state, "exit status 7", 0.1, -1, {}}});
  }
  void fail(int n) {
    for (int i = 0; i < n; ++i) end(begin(), TrialState::failed);
  }

  test::MadeStudy made_ = test::made_study(0, 1);
  std::unique_ptr<NameWatch> watch_;
};

TEST_F(NamesWatched, WhereAllFailTheSearchEnds) {
  fail(19);
  EXPECT_NO_THROW(watch_->look());
  fail(1);
  EXPECT_THROW(watch_->look(), Error);
}

TEST_F(NamesWatched, QuickFailuresDoNotOutrunWhatStillRuns) {
  fail(3);
  const std::int64_t slow = begin();
  fail(40);
  EXPECT_NO_THROW(watch_->look()) << "nobody knows yet what becomes of it";
  report(slow, 180);
  end(slow, TrialState::completed);
  EXPECT_NO_THROW(watch_->look());
  fail(40);
  EXPECT_NO_THROW(watch_->look());
}

TEST_F(NamesWatched, WhatRanLongAndFailedTooEndsTheSearch) {
  const std::int64_t slow = begin();
  fail(40);
  EXPECT_NO_THROW(watch_->look());
  end(slow, TrialState::failed);
  EXPECT_THROW(watch_->look(), Error);
}

TEST_F(NamesWatched, OneBegunLaterIsNotWaitedForUnlessItReported) {
  fail(20);
  const std::int64_t late = begin();
  report(late, 20);
  EXPECT_NO_THROW(watch_->look());
  end(late, TrialState::failed);
  begin();
  EXPECT_THROW(watch_->look(), Error);
}

TEST_F(NamesWatched, WhatWasMeasuredAndBreaksALimitWorked) {
  const std::int64_t large = begin();
  report(large, 180);
  end(large, TrialState::infeasible);
  fail(40);
  EXPECT_NO_THROW(watch_->look());
  end(begin(), TrialState::infeasible);
  fail(40);
  EXPECT_NO_THROW(watch_->look());
}

TEST_F(NamesWatched, WhatWasTurnedAwayUnmeasuredProvesNothing) {
  end(begin(), TrialState::infeasible);
  fail(20);
  EXPECT_THROW(watch_->look(), Error);
}

}  // namespace
}  // namespace hone::run
