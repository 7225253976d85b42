// Many processes on one study: nothing is lost or doubled, a deadly config is quarantined, the same function
// is evaluated once.
#include <set>

#include "../program.h"
#include "child.h"
#include "hone/base/error.h"
#include "hone/run/optimizer.h"
#include "random_journal.h"

namespace hone {
namespace {

using run::Optimizer;
using study::TrialState;
using test::Folder;

Optimizer::Setup setup(const std::string& worker, std::int64_t trials) {
  Optimizer::Setup s;
  s.space = space::Space::Builder().real("x", 0, 1).real("y", 0, 1).build();
  s.objectives = {{"loss", true}};
  s.seed = 5;
  s.searcher = "random";
  s.max_trials = trials;
  s.worker = worker;
  return s;
}

TEST(Crowd, EightProcessesTellIntoOneFile) {
  const Folder folder;
  const std::string url = "sqlite:" + folder.file("s.sqlite");
  constexpr std::int64_t kTrials = 1600;
  constexpr int kProcesses = 8;
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        std::ofstream told(folder.file("told" + std::to_string(p)));
        // Also making the study is a race.
        Optimizer optimizer(setup(run::process_name("p"), kTrials), study::open_store(url));
        for (bool one = true;; one = !one) {
          const auto jobs = optimizer.ask_alike(one ? 1 : 16);
          if (jobs.empty() && optimizer.finished()) break;
          std::vector<Optimizer::Told> results;
          for (const auto& job : jobs) results.push_back({job, {{"loss", job.config.real("x")}}, 0.0, {}});
          if (optimizer.tell(results) != results.size()) ::_exit(2);
          for (const auto& job : jobs) told << job.trial << "\n";
        }
        told.flush();
        ::_exit(0);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "process %d: %s\n", p, error.what());
        ::_exit(1);
      }
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  const auto store = study::open_store(url);
  study::Study study(store);
  study.sync();
  EXPECT_EQ(study.size(), kTrials) << "and their numbers have no gaps, or this would not have been read";
  EXPECT_EQ(study.count(TrialState::completed), kTrials);
  EXPECT_EQ(study.late(), 0);
  std::set<std::int64_t> told;
  for (int p = 0; p < kProcesses; ++p) {
    std::ifstream stream(folder.file("told" + std::to_string(p)));
    for (std::int64_t trial = 0; stream >> trial;) EXPECT_TRUE(told.insert(trial).second) << trial;
  }
  EXPECT_EQ(told.size(), static_cast<std::size_t>(kTrials));
  std::int64_t results = 0;
  store->read(0, [&](const study::Event& event) { results += event.kind == "done"; });
  EXPECT_EQ(results, kTrials);
  for (const auto& trial : study.trials())
    EXPECT_EQ(trial.last()->measures.find("loss"), trial.config.real("x")) << trial.id;
}

TEST(Crowd, AConfigThatKillsItsWorkersIsQuarantined) {
  const Folder folder;
  const std::string url = "sqlite:" + folder.file("s.sqlite");
  constexpr std::int64_t kTrials = 30, kDeadly = 3;
  int deaths = 0, workers = 0;
  for (bool finished = false; !finished && workers < 20; ++workers) {
    const std::string name = "w" + std::to_string(workers) + ".1";
    const pid_t child = ::fork();
    if (child == 0) {
      ::signal(SIGSEGV, SIG_DFL);
      try {
        Optimizer optimizer(setup(name, kTrials), study::open_store(url));
        for (;;) {
          // Also where several are taken at once: what may be deadly takes no other along.
          const auto jobs = optimizer.ask_alike(8);
          if (jobs.empty()) ::_exit(optimizer.finished() ? 0 : 3);
          for (const auto& job : jobs) {
            if (job.trial == kDeadly) ::raise(SIGSEGV);
            optimizer.tell(job, {{"loss", job.config.real("x")}});
          }
        }
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        ::_exit(1);
      }
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    finished = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    ASSERT_TRUE(finished || WIFSIGNALED(status)) << status;
    if (finished) break;
    ++deaths;
    // As the supervisor does.
    study::Study study(study::open_store(url));
    study.sync();
    run::give_back(
        study, run::Blame::trial, [&](const study::HeldLease& held) { return held.holder == name; },
        "was killed by signal 11 (Segmentation fault)");
  }
  study::Study study(study::open_store(url));
  study.sync();
  EXPECT_EQ(study.size(), kTrials);
  EXPECT_EQ(study.trial(kDeadly).state, TrialState::failed);
  EXPECT_EQ(study.trial(kDeadly).cause, "crash");
  EXPECT_NE(study.trial(kDeadly).reason.find("signal 11"), std::string::npos) << study.trial(kDeadly).reason;
  EXPECT_EQ(study.count(TrialState::failed), 1) << "others were with it in hand, and are innocent";
  EXPECT_EQ(study.count(TrialState::completed), kTrials - 1);
  EXPECT_LE(deaths, 9) << "one that was in hand with it is tried alone";
}

class Claims : public testing::Test {
 protected:
  std::shared_ptr<study::Store> open() { return study::open_store("sqlite:" + folder_.file("s.sqlite")); }
  std::unique_ptr<Optimizer> optimizer(const std::string& name, double lease_s = 60.0) {
    auto s = setup(name, 2);
    s.lease_s = lease_s;
    return std::make_unique<Optimizer>(s, open());
  }
  /// The trial for whose evaluation the job is to wait; -1: none, and the claim is its own.
  static std::int64_t claimant(const Optimizer& optimizer, const run::Job& job) {
    const identity::Verdict verdict = optimizer.verdict(job);
    return verdict.what == identity::Verdict::What::wait ? verdict.trial : -1;
  }
  const study::Keys keys_{Key{1, 1}, Key{2, 2}};
  const Folder folder_;
};

TEST_F(Claims, OneEvaluatesAndTheOtherTakesTheResult) {
  const auto first = optimizer("a.1"), second = optimizer("b.1");
  const auto a = first->ask(), b = second->ask();
  ASSERT_TRUE(a && b);
  // Both have keys before either looks: the order of the journal decides.
  ASSERT_TRUE(second->keys(*b, keys_, {}));
  ASSERT_TRUE(first->keys(*a, keys_, {}));
  first->study().sync();
  second->study().sync();
  EXPECT_EQ(claimant(*second, *b), -1) << "its keys were first";
  EXPECT_EQ(claimant(*first, *a), b->trial);
  ASSERT_TRUE(first->wait_behind(*a, b->trial));
  EXPECT_FALSE(first->ask()) << "it waits";
  EXPECT_FALSE(first->finished());
  ASSERT_TRUE(second->tell(*b, {{"loss", 0.25}}));
  const auto again = first->ask();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->trial, a->trial);
  const std::int64_t known = first->cache().known(keys_.functional, again->to);
  ASSERT_EQ(known, b->trial);
  ASSERT_TRUE(first->same(*again, known));
  EXPECT_FALSE(first->ask());
  EXPECT_TRUE(first->finished());
  EXPECT_EQ(first->study().trial(a->trial).last()->measures.find("loss"), 0.25);
  EXPECT_EQ(first->study().saved().same_structure, 1);
}

TEST_F(Claims, TheOtherTakesOverFromAWorkerThatDied) {
  const auto second = optimizer("b.1");
  std::int64_t claimed = -1;
  {
    const std::string mine = run::process_mark();
    const auto first = optimizer("a.999999999" + mine.substr(mine.find('-')));  // no such process
    const auto a = first->ask();
    ASSERT_TRUE(a);
    ASSERT_TRUE(first->keys(*a, keys_, {}));
    claimed = a->trial;
    const auto b = second->ask();
    ASSERT_TRUE(b);
    ASSERT_TRUE(second->keys(*b, keys_, {}));
    ASSERT_EQ(claimant(*second, *b), claimed);
    ASSERT_TRUE(second->wait_behind(*b, claimed));
  }
  EXPECT_FALSE(second->ask());
  EXPECT_FALSE(second->finished()) << "the claim's holder may still bring its result";
  {
    study::Study study(open());
    study.sync();
    run::give_back(study, run::Blame::unknown,
                   [](const study::HeldLease& held) { return run::orphaned(held.holder); });
  }
  // The claimed trial itself comes back first, and whoever takes it evaluates for both.
  const auto over = second->ask();
  ASSERT_TRUE(over);
  EXPECT_EQ(over->trial, claimed);
  EXPECT_EQ(claimant(*second, *over), -1);
  ASSERT_TRUE(second->tell(*over, {{"loss", 0.5}}));
  const auto mine = second->ask();
  ASSERT_TRUE(mine);
  ASSERT_TRUE(second->same(*mine, second->cache().known(keys_.functional, mine->to)));
  EXPECT_FALSE(second->ask());
  EXPECT_TRUE(second->finished());
  EXPECT_EQ(second->study().count(TrialState::completed), 2);
}

TEST_F(Claims, AClaimThatFailsLeavesItsPlace) {
  const auto first = optimizer("a.1"), second = optimizer("b.1");
  const auto a = first->ask(), b = second->ask();
  ASSERT_TRUE(a && b);
  ASSERT_TRUE(first->keys(*a, keys_, {}));
  ASSERT_TRUE(second->keys(*b, keys_, {}));
  ASSERT_TRUE(second->wait_behind(*b, a->trial));
  ASSERT_TRUE(first->end(*a, TrialState::failed, "it broke", 0.0, {}, false, "exit"));
  const auto again = second->ask();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->trial, b->trial);
  EXPECT_EQ(claimant(*second, *again), -1);
  EXPECT_EQ(second->cache().known(keys_.functional, again->to), -1);
  EXPECT_TRUE(second->tell(*again, {{"loss", 1.0}}));
}

/// It ends between the look and the wait: nobody waits for what is over.
TEST_F(Claims, WaitingForWhatHasJustEnded) {
  const auto first = optimizer("a.1"), second = optimizer("b.1");
  const auto a = first->ask(), b = second->ask();
  ASSERT_TRUE(a && b);
  ASSERT_TRUE(first->keys(*a, keys_, {}));
  ASSERT_TRUE(second->keys(*b, keys_, {}));
  ASSERT_EQ(claimant(*second, *b), a->trial);
  ASSERT_TRUE(first->tell(*a, {{"loss", 1.0}}));
  ASSERT_TRUE(second->wait_behind(*b, a->trial));
  const auto again = second->ask();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->trial, b->trial);
}

}  // namespace
}  // namespace hone
