#include "hone/run/summary.h"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "hone/base/files.h"
#include "hone/run/failures.h"
#include "hone/run/front_text.h"
#include "made_study.h"

namespace hone::run {
namespace {

using test::made_study;
using test::MadeStudy;

TEST(Status, EveryKeyIsInTheDocs) {
  const MadeStudy made = made_study(30, 2);
  const std::string page =
      read_file((std::filesystem::path(__FILE__).parent_path() / "../../docs/formats.md").string());
  const std::size_t begin = page.find("## What `hone status --json` prints");
  ASSERT_NE(begin, std::string::npos);
  const std::string section = page.substr(begin, page.find("\n## ", begin) - begin);
  const Json status = status_json(*made.study, made.file);
  for (const auto& [key, value] : status.items())
    EXPECT_NE(section.find(fmt::format("`{}`", key)), std::string::npos) << key;
}

TEST(Status, CountsStatesFailuresAndPace) {
  const MadeStudy made = made_study(1200, 2);
  const Json status = status_json(*made.study, made.file);
  EXPECT_EQ(status["trials"], 1200);
  EXPECT_EQ(status["counts"].size(), study::kTrialStates);
  EXPECT_EQ(status["counts"]["stale"], 1);
  EXPECT_EQ(status["counts"]["deleted"], 0);
  EXPECT_EQ(status["sessions"], 1);
  EXPECT_EQ(status["ended"], "the trial budget is spent");
  EXPECT_DOUBLE_EQ(status["budget"]["trials_share"], 1.0);
  EXPECT_GT(status["trials_per_hour"], 1000.0);
  EXPECT_EQ(status["workers"], Json::array());
  EXPECT_EQ(status["looked_back"], 1200);
  std::int64_t diverged = 0, infeasible = 0;
  for (const auto& failure : status["failures"]) {
    if (failure["cause"] == "diverged") diverged += failure["count"].get<std::int64_t>();
    if (failure["state"] == "infeasible") infeasible += failure["count"].get<std::int64_t>();
  }
  EXPECT_EQ(diverged, made.study->count(study::TrialState::failed));
  EXPECT_EQ(infeasible, made.study->count(study::TrialState::infeasible));
  EXPECT_GE(status["failures"][0]["count"].get<int>(), status["failures"].back()["count"].get<int>());

  const Json& trend = status["hypervolume_trend"];
  ASSERT_EQ(trend.size(), 4u);
  for (std::size_t k = 1; k < 4; ++k) EXPECT_GE(trend[k]["hypervolume"], trend[k - 1]["hypervolume"]);
  EXPECT_EQ(trend[3]["hypervolume"], status["hypervolume"]);

  const std::string text = status_text(*made.study, made.file);
  for (const char* part :
       {"1200 trials", "an hour", "1 stale", "failed, diverged: diverged: loss is nan at step 2",
        "after each quarter of the time", "used: 100% of the trials",
        "the last one ended: the trial budget is spent"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;

  StudyFile less = made.file;  // the command line gave more than the file
  less.budget.trials = 100;
  const std::string over = status_text(*made.study, less);
  EXPECT_NE(over.find("budget: 100 trials, used: 1200 of 100 trials"), std::string::npos) << over;
}

TEST(Status, TheTrendIsOfWhatWasFoundByThen) {
  const MadeStudy made = made_study(0, 2);
  study::Study& study = *made.study;
  Rng rng(1, "trend");
  const auto trial = [&](std::int64_t id, double bits, double latency) {
    study::EndRecord end;
    end.trial = id;
    end.attempt = 1;
    end.state = study::TrialState::completed;
    study.commit({study::TrialRecord{id, made.file.space.sample(rng), "tpe", 1},
                  study::StartRecord{id, 1, "w0.1", 180},
                  study::ResultRecord{id, 1, {180, {{"bits_per_char", bits}, {"latency_s", latency}}}}, end});
  };
  trial(0, 3.0, 0.4);
  trial(1, 2.0, 0.3);
  ::usleep(60000);
  trial(2, 1.0, 0.1);  // better than both
  const Json status = status_json(study, made.file);
  const Json& trend = status["hypervolume_trend"];
  ASSERT_EQ(trend.size(), 4u);
  for (const std::size_t k : {2u, 1u, 0u}) {
    EXPECT_EQ(trend[k]["members"], 1);
    EXPECT_GT(trend[k]["hypervolume"].get<double>(), 0.0);
    EXPECT_LT(trend[k]["hypervolume"].get<double>(), status["hypervolume"].get<double>());
  }
  EXPECT_EQ(trend[3]["hypervolume"], status["hypervolume"]);
}

TEST(Front, SaysThatAllBreakALimit) {
  const MadeStudy made = made_study(80, 2);
  ASSERT_FALSE(made.study->front().members().empty());
  std::int64_t reached = 0;
  for (const auto& trial : made.study->trials()) reached += trial.at(180) != nullptr ? 1 : 0;
  made.study->commit({study::RevisedRecord{
      made.file.path, "", {{"bits_per_char", 0.5, {}}}, 1, study::Aggregate::mean, {}, 180}});
  const std::string text = front_text(*made.study, made.file);
  EXPECT_EQ(text.substr(0, text.find('\n')),
            fmt::format("all {} trials that reached 180 steps break a limit", reached));
}

TEST(Status, ShowsWhoIsAtWorkAndWhatIsNoLonger) {
  const MadeStudy made = made_study(40, 1);
  auto& store = made.study->store();
  ASSERT_TRUE(store.acquire("trial/7", "w0.123", 60.0));
  ASSERT_TRUE(store.acquire("trial/9", "w1.123", -1.0)) << "one that has expired";
  ASSERT_TRUE(store.acquire("trial/abc", "w2.123", 60.0)) << "one that hone does not take";
  const Json status = status_json(*made.study, made.file);
  ASSERT_EQ(status["workers"].size(), 1u);
  EXPECT_EQ(status["workers"][0]["worker"], "w0.123");
  EXPECT_EQ(status["workers"][0]["trial"], 7);
  EXPECT_NE(status_text(*made.study, made.file).find("at work: w0.123 (trial 7)"), std::string::npos);
}

TEST(Status, AStudyOfNothingIsNoTrouble) {
  const MadeStudy made = made_study(0, 2);
  EXPECT_EQ(status_json(*made.study, made.file)["trials"], 0);
  EXPECT_NE(status_text(*made.study, made.file).find("0 trials"), std::string::npos);
  EXPECT_NE(front_text(*made.study, made.file).find("no trial has reached 180 steps yet"), std::string::npos);
}

TEST(Status, ReasonsLoseTheirNumbers) {
  EXPECT_EQ(kind_of_reason("latency_s is 3.10 ms, over the limit of 2.00 ms"),
            "latency_s is # ms, over the limit of # ms");
  EXPECT_EQ(kind_of_reason(""), "");
  EXPECT_EQ(kind_of_reason("limit: c1 is 0.25"), "limit: c1 is #") << "a digit of a name is none of a number";
  EXPECT_EQ(kind_of_reason("exit status 127: /usr/bin/python3.11: line 12, x_2 = -3e-5."),
            "exit status 127: /usr/bin/python3.11: line #, x_2 = -#.");
  EXPECT_EQ(kind_of_reason("at 0x7ffd3a: 2e7 > 1.5e+06"), "at #: # > #");
  EXPECT_EQ(kind_of_reason("killed by signal 9 after 3.5 s"), "killed by signal 9 after # s");
}

TEST(Status, AReasonStandsForItsLikeAsItWasWritten) {
  const MadeStudy made = made_study(0, 1);
  study::Study& study = *made.study;
  Rng rng(1, "reasons");
  for (const std::int64_t id : {0, 1, 2}) {
    study::EndRecord end;
    end.trial = id;
    end.attempt = 1;
    end.state = study::TrialState::failed;
    end.cause = "exit";
    end.reason = fmt::format("exit status {}: python3: line {}", id < 2 ? 2 : 1, 10 + id);
    study.commit({study::TrialRecord{id, made.file.space.sample(rng), "tpe", 1},
                  study::StartRecord{id, 1, "w0.1", 180}, end});
  }
  const Json failures = status_json(study, made.file)["failures"];
  ASSERT_EQ(failures.size(), 2u);
  EXPECT_EQ(failures[0]["count"], 2);
  EXPECT_EQ(failures[0]["reason"], "exit status 2: python3: line 11");
  EXPECT_EQ(failures[1]["reason"], "exit status 1: python3: line 12");
  const std::string text = failures_text(status_json(study, made.file), study.size());
  EXPECT_EQ(text.find('#'), std::string::npos) << text;
}

TEST(Front, WrapsWhereTheTerminalIsNarrow) {
  const MadeStudy made = made_study(600, 2);
  const std::string wide = front_text(*made.study, made.file),
                    narrow = front_text(*made.study, made.file, 60);
  const auto longest = [](const std::string& text) {
    std::size_t most = 0, at = 0;
    for (std::size_t end; at < text.size(); at = end + 1) {
      end = std::min(text.find('\n', at), text.size());
      most = std::max(most, end - at);
    }
    return most;
  };
  EXPECT_GT(longest(wide), 60u);
  EXPECT_LE(longest(narrow), 60u) << narrow;
  for (const char* column : {"bits_per_char", "latency_s", "parameters", "lr"}) {
    EXPECT_NE(wide.find(column), std::string::npos);
    EXPECT_NE(narrow.find(column), std::string::npos);
  }
  EXPECT_NE(wide.find("against the defaults (trial 0):\n  bits_per_char 2.8"), std::string::npos) << wide;
  EXPECT_NE(wide.find("all: "), std::string::npos) << "what all share is said once";
  EXPECT_EQ(wide.substr(0, wide.find('\n')).find("optimiser"), std::string::npos);
}

TEST(Table, KeepsTheFirstColumnInEveryBlock) {
  const std::vector<std::vector<std::string>> rows{{"id", "aaaa", "bbbb", "cccc"}, {"1", "x", "2", "z"}};
  EXPECT_EQ(table_text(rows), "id  aaaa  bbbb  cccc\n 1  x        2  z\n");
  EXPECT_EQ(table_text(rows, 14), "id  aaaa  bbbb\n 1  x        2\n\nid  cccc\n 1  z\n");
  EXPECT_EQ(table_text(rows, 1), "id  aaaa\n 1  x\n\nid  bbbb\n 1     2\n\nid  cccc\n 1  z\n")
      << "one column at least";
  EXPECT_EQ(table_text({}), "");
}

}  // namespace
}  // namespace hone::run
