// Damage done to real files, as disks, copies and hands do it.
#include "hone/study/check.h"

#include <algorithm>
#include <fstream>

#include <sqlite3.h>

#include "../program.h"
#include "hone/base/error.h"
#include "hone/study/study.h"

namespace hone::study {
namespace {

using test::Folder;

StudyRecord header() { return {"s", "/x/s.toml", "text = 1\n", 7, {{"loss", true}, {"cost", true}}, 9}; }

space::Config config(std::int64_t i) {
  return space::Config({{"width", Value(i)}, {"note", Value(std::string(300, 'x'))}});
}

/// A store of `n` completed trials (two events each after the header: 1, 2-3, 4-5, ...).
std::string store_of(const Folder& folder, std::int64_t n, bool views = true) {
  const std::string path = folder.file("s.sqlite");
  auto store = open_store("sqlite:" + path);
  Study::create(*store, header());
  Study study(store);
  study.sync();
  for (std::int64_t i = 0; i < n; ++i) {
    study.commit({TrialRecord{i, config(i), "random", 7}, StartRecord{i, 1, "w0.1", 9}});
    study.commit({ResultRecord{i, 1, {9, {{"loss", 100.0 - static_cast<double>(i)}, {"cost", double(i)}}}},
                  EndRecord{i, 1, TrialState::completed, "", 0.5, -1, {}}});
  }
  if (views) study.save_views();
  return path;
}

void sql(const std::string& path, const std::string& text) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  char* error = nullptr;
  EXPECT_EQ(sqlite3_exec(database, text.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
  sqlite3_free(error);
  sqlite3_close(database);
}

void overwrite(const std::string& path, std::int64_t at, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(at);
  file << bytes;
}

bool has(const CheckReport& report, const std::string& kind) {
  return std::any_of(report.problems.begin(), report.problems.end(),
                     [&](const Defect& problem) { return problem.kind == kind; });
}

std::string kinds(const CheckReport& report) {
  std::string text;
  for (const Defect& problem : report.problems) text += problem.kind + ": " + problem.what + "\n";
  return text;
}

/// Mends, and looks at what came of it through the study itself.
std::unique_ptr<Study> mended(const std::string& path, MendReport& report,
                              const std::function<StudyRecord()>& first = {}) {
  report = mend_store(path, first);
  EXPECT_TRUE(report.after.sound) << kinds(report.after);
  EXPECT_TRUE(std::filesystem::exists(report.copy));
  auto study = std::make_unique<Study>(open_store("sqlite:" + path));
  study->sync();
  return study;
}

TEST(StoreCheck, FindsNothingWhereNothingIs) {
  const Folder folder;
  const std::string path = store_of(folder, 50);
  const CheckReport report = check_store(path);
  EXPECT_TRUE(report.sound) << kinds(report);
  EXPECT_EQ(report.events, 101);
  EXPECT_EQ(report.n_trials, 50);
  EXPECT_EQ(report.trials.at("completed"), 50);
  EXPECT_EQ(report.format, 2);
  const MendReport mend = mend_store(path);
  EXPECT_TRUE(mend.copy.empty()) << "a sound store is left as it is";
}

TEST(StoreCheck, LooksAtOneMomentWhileOthersWrite) {
  const Folder folder;
  const std::string path = store_of(folder, 20);
  Study study(open_store("sqlite:" + path));
  study.sync();
  Store::Commit take;
  take.take = {{{"trial/20", 1}, "w0.1", 60.0}};
  study.commit({TrialRecord{20, config(20), "random", 7}, StartRecord{20, 1, "w0.1", 9}}, take);
  const CheckReport report = check_store(path);
  EXPECT_TRUE(report.sound) << kinds(report);
  EXPECT_EQ(report.held, 1);
  EXPECT_EQ(report.trials.at("running"), 1);
}

TEST(StoreCheck, RefusesToMendWhatSomebodyHasOpen) {
  const Folder folder;
  const std::string path = store_of(folder, 5);
  sql(path, "UPDATE journal SET payload = '{' WHERE sequence = 3");
  const auto open = open_store("sqlite:" + path);
  EXPECT_THROW(mend_store(path), Error);
  EXPECT_FALSE(std::filesystem::exists(path + ".before-mend"));
}

TEST(StoreCheck, SetsMalformedEventsAside) {
  const Folder folder;
  const std::string path = store_of(folder, 20);
  sql(path,
      "UPDATE journal SET payload = substr(payload, 1, 40) WHERE sequence = 7");  // the result of trial 2
  const CheckReport report = check_store(path);
  EXPECT_TRUE(has(report, "event")) << kinds(report);
  EXPECT_THROW(Study(open_store("sqlite:" + path)).sync(), Error);
  MendReport mend;
  const auto study = mended(path, mend);
  EXPECT_EQ(mend.set_aside, 1);
  EXPECT_EQ(mend.waiting_again, std::vector<std::int64_t>{2}) << "it runs, and nobody knows its end";
  EXPECT_EQ(study->trial(2).state, TrialState::waiting);
  EXPECT_EQ(study->count(TrialState::completed), 19);
  EXPECT_EQ(mend.after.set_aside, 1);
}

TEST(StoreCheck, DeletesTrialsWhoseProposalIsLost) {
  const Folder folder;
  const std::string path = store_of(folder, 20);
  sql(path, "DELETE FROM journal WHERE sequence = 6; DELETE FROM views");  // the proposal of trial 2
  const CheckReport report = check_store(path);
  EXPECT_TRUE(has(report, "gap")) << kinds(report);
  EXPECT_TRUE(has(report, "lost")) << kinds(report);
  MendReport mend;
  const auto study = mended(path, mend);
  EXPECT_EQ(mend.lost_trials, std::vector<std::int64_t>{2});
  ASSERT_EQ(study->size(), 20) << "numbers stay";
  EXPECT_EQ(study->trial(2).state, TrialState::deleted);
  EXPECT_EQ(study->trial(19).results.front().measures.find("loss"), 81.0);
  Study light(study->store_pointer(), Study::Depth::light);
  light.sync();
  EXPECT_EQ(light.trial(2).state, TrialState::deleted);
  // The study goes on.
  EXPECT_TRUE(light.commit({TrialRecord{20, config(20), "random", 7}}));
}

TEST(StoreCheck, KeepsNumbersWhereTheLastTrialIsLost) {
  const Folder folder;
  const std::string path = store_of(folder, 5, false);
  sql(path, "UPDATE journal SET payload = '!' WHERE sequence = 10");  // the proposal of trial 4, the last
  MendReport mend;
  const auto study = mended(path, mend);
  EXPECT_EQ(mend.lost_trials, std::vector<std::int64_t>{4});
  EXPECT_EQ(study->size(), 5);
}

TEST(StoreCheck, FindsWhatContradictsItself) {
  const Folder folder;
  const std::string path = store_of(folder, 10, false);
  sql(path,
      "UPDATE journal SET payload = replace(payload, '\"trial\":3', '\"trial\":77') WHERE sequence = 8;"
      "INSERT INTO journal VALUES (22, 'start', 1, 2e9, "
      "'{\"trial\":500,\"attempt\":1,\"worker\":\"w\",\"to\":9}',"
      " 500);"
      "INSERT INTO journal VALUES (23, 'trial', 1, 2e9, "
      "'{\"trial\":1,\"config\":{},\"origin\":\"x\",\"seed\":1}', 1)");
  const CheckReport report = check_store(path);
  EXPECT_TRUE(has(report, "order")) << kinds(report);
  MendReport mend;
  const auto study = mended(path, mend);
  EXPECT_EQ(mend.lost_trials, std::vector<std::int64_t>{3});
  EXPECT_EQ(study->size(), 10);
  EXPECT_EQ(study->trial(9).state, TrialState::completed);
}

TEST(StoreCheck, MakesTheHeaderAnew) {
  const Folder folder;
  const std::string path = store_of(folder, 5, false);
  sql(path, "DELETE FROM journal WHERE sequence = 1");
  EXPECT_TRUE(has(check_store(path), "header"));
  EXPECT_THROW(mend_store(path), Error) << "without a study file nobody knows it";
  EXPECT_FALSE(check_store(path).sound) << "what failed changed nothing";
  MendReport mend;
  const auto study = mended(path, mend, header);
  EXPECT_EQ(study->header(), header());
  EXPECT_EQ(study->count(TrialState::completed), 5);
}

TEST(StoreCheck, AnEventFarBeyondTheOthersIsDamageAndNotAGap) {
  for (const char* far : {"16777216", "9223372036854775807"}) {
    const Folder folder;
    const std::string path = store_of(folder, 5, false);  // 11 events
    sql(path, "UPDATE journal SET sequence = " + std::string(far) + " WHERE sequence = 11");
    const auto report = check_store(path);
    ASSERT_TRUE(has(report, "event")) << kinds(report);
    EXPECT_FALSE(has(report, "gap")) << kinds(report);
    EXPECT_NE(report.problems.at(0).what.find("1 event (" + std::string(far) + ") numbered more than"),
              std::string::npos)
        << report.problems.at(0).what;
    MendReport mend;
    const auto study = mended(path, mend);
    EXPECT_EQ(mend.set_aside, 1);
    EXPECT_EQ(mend.lost, 0);
    EXPECT_EQ(study->count(TrialState::completed), 4);
    EXPECT_EQ(study->trial(4).state, TrialState::waiting) << "its result is lost";
  }
}

TEST(StoreCheck, GapsAreRanges) {
  const Folder folder;
  const std::string path = store_of(folder, 10, false);
  sql(path, "DELETE FROM journal WHERE sequence IN (5, 12, 13, 14)");
  const auto report = check_store(path);
  ASSERT_TRUE(has(report, "gap")) << kinds(report);
  EXPECT_NE(report.problems.at(0).what.find("4 events (5, 12 to 14) missing"), std::string::npos)
      << report.problems.at(0).what;
}

TEST(StoreCheck, AStudyWithoutObjectivesIsDamaged) {
  const Folder folder;
  const std::string path = store_of(folder, 3, false);
  sql(path, "UPDATE journal SET payload = json_set(payload, '$.objectives', json('[]')) WHERE sequence = 1");
  EXPECT_THROW(Study(open_store("sqlite:" + path)), Error);
  EXPECT_TRUE(has(check_store(path), "header"));
  MendReport mend;
  EXPECT_EQ(mended(path, mend, header)->header(), header());
}

TEST(StoreCheck, FindsOrphansAndGarbageAmongLeases) {
  const Folder folder;
  const std::string path = store_of(folder, 10);
  {
    Study study(open_store("sqlite:" + path));
    study.sync();
    study.commit({TrialRecord{10, config(10), "random", 7}, StartRecord{10, 1, "w0.1", 9}});
  }
  sql(path,
      "INSERT INTO leases VALUES ('trial/3', 'w0.1', 1, 1.0), ('trial/x', 'w', 1, 2e9), ('ask', 'w', 4, "
      "1e15)");
  const CheckReport report = check_store(path);
  EXPECT_TRUE(has(report, "orphan")) << kinds(report);
  EXPECT_EQ(std::count_if(report.problems.begin(), report.problems.end(),
                          [](const Defect& problem) { return problem.kind == "lease"; }),
            3)
      << kinds(report);
  MendReport mend;
  const auto study = mended(path, mend);
  EXPECT_EQ(mend.waiting_again, std::vector<std::int64_t>{10});
  EXPECT_EQ(study->waiting(), std::deque<std::int64_t>{10});
  EXPECT_TRUE(study->store().acquire("ask", "me", 1.0));
}

TEST(StoreCheck, ViewsOfBeforeUnhashableTrialsWereCountedAreSound) {
  const Folder folder;
  const std::string path = store_of(folder, 10);
  const auto view = open_store("sqlite:" + path)->view("study");
  ASSERT_TRUE(view);
  // As an earlier program writes them.
  Json views = Json::parse(view->payload);
  views.erase("unhashable");
  open_store("sqlite:" + path)->save_view("study", {view->sequence, views.dump()});
  const CheckReport report = check_store(path);
  EXPECT_TRUE(report.sound) << kinds(report);
}

TEST(StoreCheck, UnhashableTrialsAreKeptInTheViews) {
  const Folder folder;
  const std::string path = store_of(folder, 10, false);
  {
    Study study(open_store("sqlite:" + path));
    study.sync();
    KeysRecord keys;
    keys.trial = 10;
    keys.unhashable = "NaN in its probe";
    study.commit({TrialRecord{10, config(10), "random", 7}, StartRecord{10, 1, "w0.1", 9}, keys,
                  EndRecord{10, 1, TrialState::failed, "", 0.5, -1, {}}});
    study.save_views();
  }
  Study light(open_store("sqlite:" + path), Study::Depth::light);
  light.sync();
  EXPECT_EQ(light.unhashable().count, 1);
  EXPECT_EQ(light.unhashable().reason, "NaN in its probe");
  EXPECT_TRUE(check_store(path).sound) << kinds(check_store(path));
}

TEST(StoreCheck, ComparesViewsWithTheJournal) {
  const Folder folder;
  const std::string path = store_of(folder, 10);
  sql(path, "UPDATE views SET payload = replace(payload, '\"size\":10', '\"size\":9')");
  const CheckReport report = check_store(path);
  EXPECT_TRUE(has(report, "view")) << kinds(report);
  ASSERT_FALSE(report.problems.empty());
  EXPECT_NE(report.problems.front().what.find("size"), std::string::npos);
  MendReport mend;
  EXPECT_EQ(mended(path, mend)->size(), 10);
}

TEST(StoreCheck, ViewsOfAnotherVersionAreNoFault) {
  const Folder folder;
  const std::string path = store_of(folder, 10);
  sql(path, "UPDATE views SET payload = replace(payload, '\"version\":', '\"version\":1000')");
  const CheckReport report = check_store(path);
  EXPECT_TRUE(report.problems.empty()) << kinds(report);
  ASSERT_EQ(report.remarks.size(), 1u);
  EXPECT_NE(report.remarks.front().find("another hone's"), std::string::npos) << report.remarks.front();
}

TEST(StoreCheck, SeesThatTheEndIsMissing) {
  const Folder folder;
  const std::string path = store_of(folder, 10);
  sql(path, "DELETE FROM journal WHERE sequence > 15");  // as where a log was not copied along
  EXPECT_TRUE(has(check_store(path), "view"));
  MendReport mend;
  EXPECT_EQ(mended(path, mend)->size(), 7);
}

TEST(StoreCheck, FilesEventsAnew) {
  const Folder folder;
  const std::string path = store_of(folder, 10);
  sql(path, "UPDATE journal SET trial = 8 WHERE sequence = 5; DROP INDEX journal_trial");
  const CheckReport report = check_store(path);
  EXPECT_TRUE(has(report, "column")) << kinds(report);
  EXPECT_TRUE(has(report, "index")) << kinds(report);
  MendReport mend;
  const auto study = mended(path, mend);
  Study light(study->store_pointer(), Study::Depth::light);
  light.sync();
  EXPECT_EQ(light.trial(1).state, TrialState::completed);
}

/// How many of 400 trials are whole after page `page` was overwritten with `bytes`.
void damage_page(std::int64_t page, const std::string& bytes, std::int64_t at_least) {
  const Folder folder;
  const std::string path = store_of(folder, 400);
  constexpr std::int64_t kPage = 4096;
  ASSERT_GT(static_cast<std::int64_t>(std::filesystem::file_size(path)), (page + 1) * kPage);
  overwrite(path, page * kPage, bytes);
  const CheckReport report = check_store(path);
  EXPECT_FALSE(report.sound);
  MendReport mend;
  const auto study = mended(path, mend, header);
  EXPECT_GE(study->count(TrialState::completed), at_least) << kinds(mend.before);
  for (const Trial& trial : study->trials())
    EXPECT_TRUE(trial.state != TrialState::completed || trial.config == config(trial.id));
}

TEST(StoreCheck, SalvagesAroundAZeroedPage) { damage_page(20, std::string(4096, '\0'), 370); }
TEST(StoreCheck, SalvagesAroundBytesInTheMiddle) { damage_page(31, std::string(900, '\xa5'), 370); }

TEST(StoreCheck, SalvagesWithoutTheFilesFirstPage) {
  // With its header and schema SQLite knows nothing any more; the pages hold the rows all the same.
  damage_page(0, std::string(4096, '\x17'), 380);
}

TEST(StoreCheck, SalvagesFromLeavesThatTheTreeHasLost) {
  const Folder folder;
  const std::string path = store_of(folder, 400);
  // The journal's root is an interior page: without it nothing of the tree can be reached.
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  sqlite3_stmt* select = nullptr;
  sqlite3_prepare_v2(database, "SELECT rootpage FROM sqlite_master WHERE name = 'journal'", -1, &select,
                     nullptr);
  ASSERT_EQ(sqlite3_step(select), SQLITE_ROW);
  const std::int64_t root = sqlite3_column_int64(select, 0);
  sqlite3_finalize(select);
  sqlite3_close(database);
  overwrite(path, (root - 1) * 4096, std::string(4096, '\0'));
  MendReport mend;
  const auto study = mended(path, mend);
  EXPECT_EQ(study->count(TrialState::completed), 400) << "every leaf is there still";
  EXPECT_EQ(mend.lost, 0);
}

TEST(StoreCheck, SalvagesATruncatedFile) {
  const Folder folder;
  const std::string path = store_of(folder, 400);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_FALSE(check_store(path).sound);
  MendReport mend;
  EXPECT_GE(mended(path, mend)->count(TrialState::completed), 150);
}

TEST(StoreCheck, RefusesWhatIsNoStore) {
  const Folder folder;
  EXPECT_THROW(check_store(folder.file("none.sqlite")), Error);
  sql(folder.file("other.sqlite"), "CREATE TABLE cake (slices INTEGER)");
  EXPECT_THROW(check_store(folder.file("other.sqlite")), Error);
  folder.write("noise.sqlite", std::string(20000, '?'));
  EXPECT_FALSE(check_store(folder.file("noise.sqlite")).sound);
  EXPECT_THROW(mend_store(folder.file("noise.sqlite")), Error);
  EXPECT_EQ(folder.read("noise.sqlite"), std::string(20000, '?'));
}

}  // namespace
}  // namespace hone::study
