// Somebody sets the clock, forward or back, while a study runs.
#include "hone/base/clock.h"

#include "../program.h"
#include "hone/run/optimizer.h"
#include "random_journal.h"

namespace hone {
namespace {

using run::Optimizer;
using test::Folder;

/// Leaves the clock right.
class WrongClock {
 public:
  ~WrongClock() { set_wall_wrong_by(0.0); }
  void set(double seconds) const { set_wall_wrong_by(seconds); }
};

Optimizer::Setup setup(double lease_s = 60.0) {
  Optimizer::Setup s;
  s.space = space::Space::Builder().real("x", 0, 1).build();
  s.objectives = {{"loss", true}};
  s.searcher = "random";
  s.lease_s = lease_s;
  return s;
}

class Clock : public testing::TestWithParam<const char*> {
 protected:
  std::shared_ptr<study::Store> open() {
    // A store in memory is one; a file is opened anew, as another process would.
    if (std::string(GetParam()) == "sqlite") return study::open_store("sqlite:" + folder_.file("s.sqlite"));
    if (!memory_) memory_ = study::open_store("memory:");
    return memory_;
  }
  void expect_times_rise() {
    double before = 0.0;
    open()->read(0, [&](const study::Event& event) {
      EXPECT_GE(event.time_s, before) << event.sequence;
      before = event.time_s;
    });
  }
  const Folder folder_;
  const WrongClock clock_;
  std::shared_ptr<study::Store> memory_;
};

TEST_P(Clock, TimesRiseAndBudgetsDoNotJump) {
  const double began = monotonic_s();
  for (const double wrong : {0.0, 86400.0, -86400.0, 3e8, 0.0, -5.0}) {
    clock_.set(wrong);
    const auto store = open();
    Optimizer optimizer(setup(), store);
    auto& study = optimizer.study();
    study.commit({study::SessionRecord{1, "1 h", "b"}});
    const auto job = optimizer.ask();
    ASSERT_TRUE(job);
    clock_.set(wrong + 7200.0);
    EXPECT_TRUE(optimizer.tell(*job, {{"loss", 1.0}}));
    clock_.set(wrong - 7200.0);
    study.commit({study::EndedRecord{"enough"}});
  }
  expect_times_rise();
  study::Study study(open());
  study.sync();
  EXPECT_LT(study.elapsed_s(study.last_time_s()), monotonic_s() - began + 0.1);
  EXPECT_NEAR(study.last_time_s(), (clock_.set(0.0), wall_s()), 5.0)
      << "and it is about the time that it was";
}

TEST_P(Clock, ALivingWorkerKeepsItsLease) {
  const auto store = open();
  Optimizer worker(setup(), store);
  const auto job = worker.ask();
  ASSERT_TRUE(job);
  for (const double wrong : {86400.0, -86400.0}) {
    clock_.set(wrong);
    auto s = setup();
    s.max_trials = 1;
    s.worker = "other.1";
    Optimizer other(s, open());
    EXPECT_FALSE(other.ask()) << "the trial was taken from a worker that lives";
    EXPECT_FALSE(other.finished());
    EXPECT_TRUE(worker.renew(*job));
  }
  EXPECT_TRUE(worker.tell(*job, {{"loss", 1.0}}));
}

TEST_P(Clock, ADeadWorkersLeaseStillExpires) {
  for (const double wrong : {86400.0, -86400.0}) {
    clock_.set(0.0);
    Optimizer dead(setup(0.2), open());
    const auto job = dead.ask();
    ASSERT_TRUE(job);
    clock_.set(wrong);
    auto s = setup(60.0);
    s.max_trials = dead.study().size();
    Optimizer alive(s, open());
    std::optional<run::Job> again;
    ASSERT_TRUE(test::wait_until([&] { return (again = alive.ask()).has_value(); }, 10.0));
    EXPECT_EQ(again->trial, job->trial);
    EXPECT_FALSE(dead.tell(*job, {{"loss", 0.0}}));
    EXPECT_TRUE(alive.tell(*again, {{"loss", 1.0}}));
  }
  expect_times_rise();
}

INSTANTIATE_TEST_SUITE_P(Stores, Clock, testing::Values("memory", "sqlite"),
                         [](const auto& info) { return std::string(info.param); });

/// The file comes from a machine whose clock was ahead, or the machine was started again with its clock back.
TEST(ClockOfAFile, GoesOnFromTheJournal) {
  const Folder folder;
  const WrongClock clock;
  const std::string url = "sqlite:" + folder.file("s.sqlite");
  clock.set(1e6);
  {
    const auto store = study::open_store(url);
    test::RandomJournal journal(store, 1);
    // As a start of the machine would leave it.
    store->save_view("clock", {0, "{\"boot\":\"another\",\"zero_s\":12.5}"});
  }
  clock.set(0.0);
  const auto store = study::open_store(url);
  EXPECT_GT(store->now_s(), wall_s() + 0.99e6);
  study::Study study(store);
  study.sync();
  const double last = study.last_time_s();
  EXPECT_TRUE(study.commit({study::EndedRecord{"so"}}));
  EXPECT_GE(study.last_time_s(), last);
  for (const char* broken : {"", "{", "[]", "{\"boot\":3}", "{\"zero_s\":\"soon\"}"}) {
    store->save_view("clock", {0, broken});
    EXPECT_GE(study::open_store(url)->now_s(), last) << broken;
  }
}

}  // namespace
}  // namespace hone
