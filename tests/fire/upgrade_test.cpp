// Files that the first format wrote are read, brought up to date and gone on with.
#include <sqlite3.h>
#include <sys/stat.h>

#include "../program.h"
#include "child.h"
#include "hone/run/study_file.h"
#include "hone/run/worker.h"
#include "random_journal.h"

namespace hone {
namespace {

using test::Folder;
using test::Program;

std::string study_text(int trials) {
  return fmt::format(
      "[study]\nname = \"old\"\nminimize = [\"value\"]\nseed = 3\n[task]\nkind = \"function\"\nfunction = "
      "\"branin\"\n[space]\na = {{ real = [0, 1] }}\nb = {{ real = [0, 1] }}\n[search]\nsearcher = "
      "\"random\"\nscheduler = {{ kind = \"asha\", steps = [1, 3], eta = 3 }}\n[budget]\ntrials = "
      "{}\nworkers = 1\n",
      trials);
}

/// A store of format 1: four trials, of which one was promoted, one failed and one is running.
void write_format_1(const std::string& path, const std::string& study_path, const std::string& text) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  const auto run = [&](const std::string& sql) {
    char* message = nullptr;
    ASSERT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK) << sql << message;
  };
  run("PRAGMA journal_mode=WAL; PRAGMA application_id = 1752133221; PRAGMA user_version = 1;"
      "CREATE TABLE journal (sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, version INTEGER NOT NULL, "
      "time_s "
      "REAL NOT NULL, payload TEXT NOT NULL) STRICT;"
      "CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, token INTEGER NOT NULL, expires_s "
      "REAL "
      "NOT NULL) STRICT, WITHOUT ROWID;");
  double time = 1.7e9;
  const auto event = [&](const char* kind, const Json& payload) {
    sqlite3_stmt* insert = nullptr;
    sqlite3_prepare_v2(database, "INSERT INTO journal (kind, version, time_s, payload) VALUES (?, 1, ?, ?)",
                       -1, &insert, nullptr);
    const std::string json = payload.dump();
    sqlite3_bind_text(insert, 1, kind, -1, SQLITE_TRANSIENT);
    sqlite3_bind_double(insert, 2, time += 0.25);
    sqlite3_bind_text(insert, 3, json.c_str(), -1, SQLITE_TRANSIENT);
    ASSERT_EQ(sqlite3_step(insert), SQLITE_DONE);
    sqlite3_finalize(insert);
  };
  event("study", {{"name", "old"},
                  {"file", study_path},
                  {"seed", 3},
                  {"objectives", {{{"name", "value"}, {"minimize", true}}}},
                  {"horizon", 3},
                  {"data", ""},
                  {"unshared", Json::array()},
                  {"text", text}});
  event("session", {{"workers", 1}, {"budget", "4 trials"}});
  for (int trial = 0; trial < 4; ++trial) {
    event("trial", {{"trial", trial},
                    {"config", {{"a", 0.125 * trial}, {"b", 0.5}}},
                    {"origin", "random"},
                    {"seed", 3},
                    {"repeats", 0}});
    event("start", {{"trial", trial}, {"attempt", 1}, {"worker", "w0.1"}, {"to", 1}});
    if (trial == 3) break;
    if (trial == 2) {
      event("end",
            {{"trial", 2}, {"attempt", 1}, {"state", "failed"}, {"reason", "it broke"}, {"spent_s", 0.1}});
      continue;
    }
    event("keys", {{"trial", trial}, {"structural", Key{7, 8}.hex()}, {"costs", {{"bytes", 64.0}}}});
    event("result",
          {{"trial", trial}, {"attempt", 1}, {"fidelity", 1}, {"measures", {{"value", 9.5 - trial}}}});
    event("end",
          {{"trial", trial}, {"attempt", 1}, {"state", "paused"}, {"spent_s", 0.1}, {"curve", {{1.0, 2.0}}}});
  }
  run("INSERT INTO leases VALUES ('trial/3', 'w0.999999999', 1, 1.7e9 + 60), ('ask', 'w0.999999999', 9, 0)");
  sqlite3_close(database);
}

TEST(Upgrade, AStoreOfTheFirstFormatGoesOn) {
  const Folder folder;
  const std::string text = study_text(8);
  folder.write("s.toml", text);
  std::filesystem::create_directory(folder.file("s.hone"));
  const std::string path = folder.file("s.hone/study.sqlite");
  ASSERT_NO_FATAL_FAILURE(write_format_1(path, folder.file("s.toml"), text));
  const auto old = [&] {
    std::vector<std::string> lines;
    sqlite3* database = nullptr;
    sqlite3_open(path.c_str(), &database);
    sqlite3_exec(
        database, "SELECT kind || payload FROM journal ORDER BY sequence",
        [](void* to, int, char** row, char**) {
          static_cast<std::vector<std::string>*>(to)->push_back(row[0]);
          return 0;
        },
        &lines, nullptr);
    sqlite3_close(database);
    return lines;
  };
  const auto before = old();
  {
    const auto store = study::open_store("sqlite:" + path);
    study::Study whole(store), light(store, study::Study::Depth::light);
    whole.sync();
    light.sync();
    EXPECT_EQ(whole.size(), 4);
    EXPECT_EQ(whole.trial(1).last()->measures.find("value"), 8.5);
    EXPECT_EQ(whole.trial(2).reason, "it broke");
    EXPECT_EQ(whole.count(study::TrialState::running), 1);
    EXPECT_EQ(test::everything(light), test::everything(whole)) << "the index by trial was made";
  }
  Program search(folder, {"search", "s.toml"});
  ASSERT_EQ(search.status(), 0) << search.err();
  const auto after = old();
  ASSERT_GT(after.size(), before.size());
  EXPECT_TRUE(std::equal(before.begin(), before.end(), after.begin())) << "the old events stay as they were";
  const auto store = study::open_store("sqlite:" + path);
  study::Study study(store);
  study.sync();
  EXPECT_EQ(study.size(), 8);
  EXPECT_EQ(study.count(study::TrialState::running), 0);
  EXPECT_EQ(study.count(study::TrialState::waiting), 0);
  EXPECT_EQ(study.trial(3).attempts, 2) << "what ran then was run again";
}

TEST(Upgrade, AReadOnlyOneIsReadAsItIs) {
  const Folder folder;
  const std::string text = study_text(8);
  folder.write("s.toml", text);
  std::filesystem::create_directory(folder.file("s.hone"));
  const std::string path = folder.file("s.hone/study.sqlite");
  ASSERT_NO_FATAL_FAILURE(write_format_1(path, folder.file("s.toml"), text));
  const int status = test::in_child([&] {
    if (!test::read_only(folder.path())) ::_exit(test::kCannot);
    const auto store = study::open_store("sqlite:" + path);
    study::Study whole(store), light(store, study::Study::Depth::light);
    whole.sync();
    light.sync();
    EXPECT_EQ(whole.size(), 4);
    EXPECT_EQ(test::everything(light), test::everything(whole));
    EXPECT_THROW(study::Study(store).commit({study::EndedRecord{"no"}}), Error);
  });
  if (status == test::kCannot) GTEST_SKIP() << "nothing can be mounted here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace hone
