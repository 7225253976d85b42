// The power goes away at any moment: what was told more than a second or so before is there afterwards.
#include "power.h"

#include <mutex>

#include <sqlite3.h>

#include "../program.h"
#include "hone/base/clock.h"
#include "hone/base/json.h"
#include "hone/run/optimizer.h"
#include "random_journal.h"

namespace hone {
namespace {

using run::Optimizer;
using test::Folder;
using test::PowerMachine;

Optimizer::Setup power_setup() {
  Optimizer::Setup s;
  s.space = space::Space::Builder().real("x", 0, 1).real("y", 0, 1).build();
  s.objectives = {{"loss", true}};
  s.seed = 3;
  s.searcher = "random";
  s.scheduler = "asha";
  s.scheduler_options = {{"steps", {1, 3, 9}}, {"eta", 3}};
  return s;
}

study::Measures loss(const run::Job& job) {
  return {{"loss", job.config.real("x") + job.config.real("y") / static_cast<double>(job.to)}};
}

/// Longer than a disk and a busy machine take to do what is due each second.
constexpr double kPatience_s = 2.5;

struct Cut {
  std::string folder;
  bool all_kept = false;      // what was written reached the disk, in whatever order
  std::size_t must_have = 0;  // events acknowledged long enough before
  std::size_t acknowledged = 0;
};

/// What came back after the power did: opens, is a prefix, and no older than it may be. Returns how many
/// events were lost.
std::size_t check(const Cut& cut, const std::vector<std::string>& written) {
  const std::string url = "sqlite:" + cut.folder + "/s.sqlite";
  const auto store = study::open_store(url);
  const auto lines = test::journal_lines(*store);
  EXPECT_LE(lines.size(), written.size()) << cut.folder;
  for (std::size_t i = 0; i < std::min(lines.size(), written.size()); ++i)
    if (lines[i] != written[i]) {
      ADD_FAILURE() << cut.folder << ": event " << i + 1 << " is " << lines[i] << " instead of "
                    << written[i];
      break;
    }
  EXPECT_GE(lines.size(), cut.must_have) << cut.folder << ": of " << cut.acknowledged << " acknowledged";
  if (lines.empty()) return cut.acknowledged;
  study::Study whole(store), light(store, study::Study::Depth::light);
  whole.sync();
  light.sync();
  EXPECT_EQ(test::everything(light), test::everything(whole)) << cut.folder;
  // What ran then is run again, and the study goes on.
  run::give_back(whole, run::Blame::nobody, [](const study::HeldLease&) { return true; });
  auto s = power_setup();
  s.max_trials = whole.size() + 2;
  Optimizer optimizer(s, store);
  while (const auto job = optimizer.ask()) EXPECT_TRUE(optimizer.tell(*job, loss(*job)));
  EXPECT_TRUE(optimizer.finished());
  EXPECT_EQ(optimizer.study().count(study::TrialState::running), 0);
  EXPECT_EQ(optimizer.study().count(study::TrialState::waiting), 0);
  return cut.acknowledged - std::min(cut.acknowledged, lines.size());
}

TEST(Power, MayGoAwayAtAnyMoment) {
  const Folder folder;
  std::vector<Cut> cuts;
  std::vector<std::string> written;
  {
    const PowerMachine machine;
    std::filesystem::create_directory(folder.file("disk"));
    std::mt19937_64 random(7);
    std::vector<std::pair<double, std::size_t>> acknowledged;  // when, up to which event
    std::mutex mutex;
    double last_cut = 0.0;
    const auto cut_now = [&] {
      const std::lock_guard lock(mutex);
      if (monotonic_s() - last_cut < 0.06) return;
      last_cut = monotonic_s();
      Cut cut;
      cut.folder = folder.file("cut" + std::to_string(cuts.size()));
      const auto lost = static_cast<PowerMachine::Lost>(cuts.size() % 3);
      PowerMachine::cut(folder.file("disk"), cut.folder, lost, random);
      for (const auto& [when, head] : acknowledged) {
        if (monotonic_s() - when > kPatience_s) cut.must_have = std::max(cut.must_have, head);
        cut.acknowledged = std::max(cut.acknowledged, head);
      }
      cuts.push_back(cut);
    };
    const auto store = study::open_store("sqlite:" + folder.file("disk/s.sqlite"));
    Optimizer optimizer(power_setup(), store);
    PowerMachine::watch(cut_now, 31);
    const double began = monotonic_s();
    // Enough for several checkpoints of the log, which are the delicate moments.
    while (monotonic_s() - began < 4.5 && cuts.size() < 100) {
      const auto job = optimizer.ask();
      ASSERT_TRUE(job);
      ASSERT_TRUE(optimizer.tell(*job, loss(*job)));
      const auto head = static_cast<std::size_t>(store->head());
      {
        const std::lock_guard lock(mutex);
        acknowledged.emplace_back(monotonic_s(), head);
      }
      if (acknowledged.size() % 500 == 0) optimizer.study().save_views();
      if (acknowledged.size() > 400) ::usleep(500);
    }
    PowerMachine::watch(nullptr, 1);
    written = test::journal_lines(*store);
  }
  EXPECT_GE(cuts.size(), 12u);
  std::size_t most_lost = 0, kept = 0;
  for (const Cut& cut : cuts) {
    most_lost = std::max(most_lost, check(cut, written));
    kept = std::max(kept, cut.must_have);
    if (testing::Test::HasFailure()) break;
  }
  EXPECT_GT(most_lost, 0u) << "nothing was ever lost: the power was not really cut";
  EXPECT_GT(kept, 0u);
  std::printf("%zu cuts, %zu events, at most %zu lost\n", cuts.size(), written.size(), most_lost);
}

/// A result that no other commit follows: the worker trains for an hour, or the study has ended.
TEST(Power, TheLastResultIsSafeAfterASecond) {
  const Folder folder;
  const PowerMachine machine;
  std::filesystem::create_directory(folder.file("disk"));
  std::mt19937_64 random(1);
  const auto store = study::open_store("sqlite:" + folder.file("disk/s.sqlite"));
  Optimizer optimizer(power_setup(), store);
  for (int i = 0; i < 5; ++i) {
    const auto job = optimizer.ask();
    ASSERT_TRUE(job);
    ASSERT_TRUE(optimizer.tell(*job, loss(*job)));
  }
  const auto written = test::journal_lines(*store);
  const auto reached = [&](const std::string& to) {
    PowerMachine::cut(folder.file("disk"), folder.file(to), PowerMachine::Lost::unsynced, random);
    return test::journal_lines(*study::open_store("sqlite:" + folder.file(to) + "/s.sqlite")).size();
  };
  EXPECT_LT(reached("at once"), written.size()) << "it costs a second's patience, not a sync a commit";
  int tries = 0;
  EXPECT_TRUE(test::wait_until(
      [&] {
        ::usleep(200000);
        return reached("later" + std::to_string(tries++)) == written.size();
      },
      kPatience_s));
}

TEST(Power, TheNextSearchSaysWhatWasLost) {
  const Folder folder;
  folder.write(
      "s.toml",
      "[study]\nminimize = [\"value\"]\n[task]\nkind = \"function\"\n[space]\na = { real = [0, 1] }\nb = { "
      "real = [0, 1] }\n[search]\nsearcher = \"random\"\nscheduler = { kind = \"fixed\", steps = 1 "
      "}\n[budget]\ntrials = 5\nworkers = 1\n");
  ASSERT_EQ(test::Program(folder, {"search", "s.toml"}).status(), 0);
  const std::string path = folder.file("s.hone/study.sqlite");
  {
    // A session that never ended, of a machine that has been started again since.
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(database,
                           "DELETE FROM journal WHERE kind = 'ended'; DELETE FROM views WHERE name = 'study';"
                           "UPDATE journal SET payload = json_set(payload, '$.boot', 'another') WHERE kind = "
                           "'session'",
                           nullptr, nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(database);
  }
  test::Program again(folder, {"search", "s.toml", "--trials", "7"});
  EXPECT_EQ(again.status(), 0);
  EXPECT_NE(again.err().find("this machine went down while the study ran"), std::string::npos) << again.err();
  EXPECT_NE(again.err().find("at most the second before the end is lost"), std::string::npos) << again.err();
  test::Program third(folder, {"search", "s.toml", "--trials", "8"});
  EXPECT_EQ(third.status(), 0);
  EXPECT_EQ(third.err().find("went down"), std::string::npos) << "it is said once: " << third.err();
}

}  // namespace
}  // namespace hone
