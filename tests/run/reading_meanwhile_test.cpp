// Others go on while an optimizer reads the journal for the first time.
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "hone/run/optimizer.h"

namespace hone::run {
namespace {

using study::TrialState;

/// A store in which something happens before the n-th look at it.
class Meanwhile final : public study::Store {
 public:
  Meanwhile(std::shared_ptr<study::Store> store, int n, std::function<void()> happens)
      : store_(std::move(store)), n_(n), happens_(std::move(happens)) {}
  bool has_happened() const { return n_ <= 0; }

  Receipt commit(const Commit& commit) override { return store_->commit(commit); }
  void read(std::int64_t sequence, const std::function<void(const study::Event&)>& take) override {
    look();
    store_->read(sequence, take);
  }
  std::optional<study::Event> first() override { return store_->first(); }
  std::int64_t head() override { return store_->head(); }
  void read_trial(std::int64_t trial, std::int64_t last,
                  const std::function<void(const study::Event&)>& take) override {
    store_->read_trial(trial, last, take);
  }
  void save_view(const std::string& name, const View& view) override { store_->save_view(name, view); }
  std::optional<View> view(const std::string& name) override { return store_->view(name); }
  std::optional<study::Lease> acquire(const std::string& name, const std::string& holder,
                                      double seconds) override {
    return store_->acquire(name, holder, seconds);
  }
  bool renew(const study::Lease& lease, double seconds) override { return store_->renew(lease, seconds); }
  void release(const study::Lease& lease) override { store_->release(lease); }
  std::vector<study::HeldLease> leases(const std::string& prefix) override {
    look();
    return store_->leases(prefix);
  }
  double now_s() override { return store_->now_s(); }
  std::string url() const override { return store_->url(); }

 private:
  void look() {
    if (n_ > 0 && --n_ == 0) happens_();
  }

  std::shared_ptr<study::Store> store_;
  int n_;
  std::function<void()> happens_;
};

Optimizer::Setup stopping_at(bool stops, std::int64_t trials) {
  Optimizer::Setup setup;
  setup.space = space::Space::Builder().real("x", 0, 1).build();
  setup.objectives = {{"loss", true}};
  setup.searcher = "random";
  setup.scheduler = "asha";
  setup.scheduler_options = {{"steps", {1, 3, 9}}, {"measured", false}};
  if (stops) setup.scheduler_options["type"] = "stopping";
  setup.max_trials = trials;
  return setup;
}

/// What some process may do to a trial before it is gone: begin it where it has not, and report what it is to
/// be stopped by. In three steps, each of which may come before or during the reading.
enum class Deed { begins, reports, goes };

/// Trial 1 rests at 1, and is promoted by a scheduler that stops it at its next report. `at`: before which
/// looks the deeds are done.
TrialState what_becomes_of_it(int begins, int reports, int goes) {
  const auto store = study::open_store("memory:");
  {
    Optimizer promoting(stopping_at(false, 2), store);
    const Job first = *promoting.ask(), second = *promoting.ask();
    promoting.tell(first, {{"loss", 0.1}});
    promoting.tell(second, {{"loss", 0.2}});
  }
  auto other = std::make_unique<Optimizer>(stopping_at(true, 2), store);
  const Job first = *other->ask();
  other->report(first, 3, {{"loss", 0.1}});
  other->tell(first, {{"loss", 0.1}});
  std::optional<Job> job;
  const auto act = [&](Deed deed) {
    if (deed == Deed::begins) {
      job = other->ask();
      EXPECT_EQ(job->trial, 1);
    } else if (deed == Deed::reports) {
      EXPECT_EQ(other->report(*job, 3, {{"loss", 5.0}}), schedule::Scheduler::Verdict::stop);
    } else {
      give_back(other->study(), Blame::nobody, [](const study::HeldLease&) { return true; });
    }
  };
  std::shared_ptr<study::Store> seen = store;
  for (const auto& [deed, look] :
       {std::pair{Deed::goes, goes}, {Deed::reports, reports}, {Deed::begins, begins}})
    seen = std::make_shared<Meanwhile>(seen, look, [&act, deed = deed] { act(deed); });
  Optimizer reader(stopping_at(true, 2), seen);
  (void)reader.ask();
  return reader.study().trial(1).state;
}

TEST(ReadingMeanwhile, MissesNoVerdictWhateverOthersDoMeanwhile) {
  // The reader looks at the journal and its leases a few times: each deed before any of them.
  constexpr int kLooks = 4;
  for (int begins = 1; begins <= kLooks; ++begins)
    for (int reports = begins; reports <= kLooks; ++reports)
      for (int goes = reports; goes <= kLooks; ++goes)
        EXPECT_EQ(what_becomes_of_it(begins, reports, goes), TrialState::pruned)
            << begins << " " << reports << " " << goes;
}

}  // namespace
}  // namespace hone::run
