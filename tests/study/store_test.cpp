#include "hone/study/store.h"

#include <filesystem>
#include <fstream>
#include <set>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../program.h"
#include "hone/base/error.h"

namespace hone::study {
namespace {

using test::Folder;

/// Both stores keep the same promises.
class AnyStore : public testing::TestWithParam<const char*> {
 protected:
  std::shared_ptr<Store> open() {
    return open_store(std::string(GetParam()) == "memory" ? "memory:" : "sqlite:" + folder_.file("s.sqlite"));
  }
  Folder folder_;
};

std::vector<Event> all(Store& store, std::int64_t after = 0) {
  std::vector<Event> events;
  store.read(after, [&](const Event& event) { events.push_back(event); });
  return events;
}

TEST_P(AnyStore, KeepsEventsInOrder) {
  const auto store = open();
  EXPECT_EQ(store->head(), 0);
  const auto receipt = store->commit({.events = {{0, "a", 1, 0, "{\"x\":1}"}, {0, "b", 3, 0, "{}"}},
                                      .need = {},
                                      .take = {},
                                      .release = {},
                                      .drop = {}});
  EXPECT_TRUE(receipt.done);
  EXPECT_EQ(receipt.first, 1);
  const auto events = all(*store);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].sequence, 1);
  EXPECT_EQ(events[0].payload, "{\"x\":1}");
  EXPECT_EQ(events[1].kind, "b");
  EXPECT_EQ(events[1].version, 3);
  EXPECT_GE(events[1].time_s, events[0].time_s);
  EXPECT_EQ(all(*store, 1).size(), 1u);
  EXPECT_EQ(store->head(), 2);
}

TEST_P(AnyStore, LeasesExcludeExpireAndFence) {
  const auto store = open();
  const auto first = store->acquire("ask", "w0", 0.05);
  ASSERT_TRUE(first);
  EXPECT_FALSE(store->acquire("ask", "w1", 10));
  EXPECT_TRUE(store->renew(*first, 0.05));
  const double until = store->now_s() + 0.08;
  while (store->now_s() < until) ::usleep(1000);
  const auto second = store->acquire("ask", "w1", 10);
  ASSERT_TRUE(second) << "an expired lease is there for the taking";
  EXPECT_GT(second->token, first->token);
  EXPECT_FALSE(store->renew(*first, 10));

  Store::Commit late;
  late.events = {{0, "late", 1, 0, "{}"}};
  late.need = {*first};
  EXPECT_FALSE(store->commit(late).done) << "the older token may not write";
  EXPECT_EQ(store->head(), 0);

  Store::Commit good;
  good.events = {{0, "good", 1, 0, "{}"}};
  good.need = {*second};
  good.release = {*second};
  EXPECT_TRUE(store->commit(good).done);
  const auto third = store->acquire("ask", "w2", 10);
  ASSERT_TRUE(third);
  EXPECT_GT(third->token, second->token) << "tokens rise over a release";
  store->release(*second);
  EXPECT_FALSE(store->acquire("ask", "w3", 10)) << "a stale release frees nothing";
}

TEST_P(AnyStore, ListsAndDropsLeases) {
  const auto store = open();
  Store::Commit commit;
  commit.take.push_back({{"trial/7", 1}, "w0", 10});
  commit.take.push_back({{"trial/8", 4}, "w1", 10});
  commit.take.push_back({{"ask", 1}, "w1", 10});
  EXPECT_TRUE(store->commit(commit).done);
  const auto held = store->leases("trial/");
  ASSERT_EQ(held.size(), 2u);
  EXPECT_EQ(held[1].lease.token, 4);
  EXPECT_EQ(held[1].holder, "w1");
  Store::Commit drop;
  drop.need = {{"trial/7", 1}};
  drop.drop = {"trial/7"};
  EXPECT_TRUE(store->commit(drop).done);
  EXPECT_FALSE(store->commit(drop).done) << "what was dropped is no longer held";
  EXPECT_EQ(store->leases("trial/").size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Stores, AnyStore, testing::Values("memory", "sqlite"),
                         [](const auto& info) { return std::string(info.param); });

TEST(SqliteStore, SurvivesReopening) {
  const Folder folder;
  const std::string url = "sqlite:" + folder.file("deep/er/s.sqlite");
  {
    const auto store = open_store(url);
    store->commit({.events = {{0, "a", 1, 0, "1"}}, .need = {}, .take = {}, .release = {}, .drop = {}});
  }
  const auto store = open_store(url);
  EXPECT_EQ(store->head(), 1);
  EXPECT_EQ(store->url(), url);
}

TEST(SqliteStore, LosesNothingToAKilledWriter) {
  const Folder folder;
  const std::string url = "sqlite:" + folder.file("s.sqlite");
  { open_store(url); }
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto store = open_store(url);
    for (std::int64_t i = 1;; ++i) {
      if (!store
               ->commit({.events = {{0, "e", 1, 0, std::to_string(i)}},
                         .need = {},
                         .take = {},
                         .release = {},
                         .drop = {}})
               .done)
        ::_exit(1);
      if (::write(pipe_ends[1], &i, sizeof i) != sizeof i) ::_exit(1);
    }
  }
  std::int64_t acknowledged = 0;
  while (acknowledged < 500)
    ASSERT_EQ(::read(pipe_ends[0], &acknowledged, sizeof acknowledged),
              static_cast<ssize_t>(sizeof acknowledged));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(pipe_ends[1]);
  std::int64_t more = 0;
  while (::read(pipe_ends[0], &more, sizeof more) == sizeof more) acknowledged = more;
  ::close(pipe_ends[0]);
  const auto store = open_store(url);
  EXPECT_GE(store->head(), acknowledged);
  EXPECT_LE(store->head(), acknowledged + 1) << "only what was never acknowledged may be there beyond";
}

TEST(SqliteStore, SeveralProcessesWriteWithoutLoss) {
  const Folder folder;
  const std::string url = "sqlite:" + folder.file("s.sqlite");
  { open_store(url); }
  constexpr int kProcesses = 4, kEvents = 300;
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        const auto store = open_store(url);
        for (int i = 0; i < kEvents; ++i)
          store->commit({.events = {{0, "e", 1, 0, std::to_string(p) + "/" + std::to_string(i)}},
                         .need = {},
                         .take = {},
                         .release = {},
                         .drop = {}});
        ::_exit(0);
      } catch (...) {
        ::_exit(1);
      }
    }
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  const auto store = open_store(url);
  std::set<std::string> seen;
  for (const Event& event : all(*store)) seen.insert(event.payload);
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kProcesses * kEvents));
}

TEST(SqliteStore, SeveralProcessesMakeItAtOnce) {
  const Folder folder;
  for (int round = 0; round < 60; ++round) {
    const std::string url = "sqlite:" + folder.file(std::to_string(round));
    std::vector<pid_t> children;
    for (int p = 0; p < 3; ++p) {
      const pid_t child = ::fork();
      if (child == 0) {
        try {
          open_store(url);
          ::_exit(0);
        } catch (...) {
          ::_exit(1);
        }
      }
      children.push_back(child);
    }
    for (pid_t child : children) {
      int status = 0;
      ::waitpid(child, &status, 0);
      EXPECT_EQ(status, 0) << "round " << round;
    }
  }
}

TEST(SqliteStore, SaysWhatIsWrongWithAFile) {
  const Folder folder;
  std::ofstream(folder.file("text.sqlite")) << std::string(5000, 'x');
  try {
    open_store("sqlite:" + folder.file("text.sqlite"));
    FAIL() << "a text file was opened as a store";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_NE(std::string(error.what()).find("text.sqlite"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("not a store"), std::string::npos) << error.what();
  }
  const std::string other = folder.file("other.sqlite");
  sqlite3* database = nullptr;
  sqlite3_open(other.c_str(), &database);
  sqlite3_exec(database, "CREATE TABLE people (name TEXT)", nullptr, nullptr, nullptr);
  sqlite3_close(database);
  const auto size = std::filesystem::file_size(other);
  EXPECT_THROW(open_store("sqlite:" + other), Error) << "another program's file";
  EXPECT_EQ(std::filesystem::file_size(other), size) << "it was left as it was";
  EXPECT_THROW(open_store("postgres:x"), Error);
  for (const char* nothing : {"", "sqlite:"}) {
    EXPECT_THROW(open_store(nothing), Error) << "no file is named";
    EXPECT_THROW(open_existing_store(nothing), Error);
    EXPECT_THROW(store_exists(nothing), Error);
  }
  EXPECT_THROW(store_exists("postgres:x"), Error) << "no store is of that scheme";
  EXPECT_TRUE(store_exists("sqlite:" + other));
  EXPECT_FALSE(store_exists(folder.file("nowhere.sqlite")));
  EXPECT_TRUE(store_exists("memory:"));
}

}  // namespace
}  // namespace hone::study
