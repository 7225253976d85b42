// hone cost recur as people use it: jobs are small shell scripts that take known numbers of steps.
#include <array>
#include <set>

#include "../program.h"
#include "hone/base/json.h"
#include "hone/cost/recurring/journal.h"

namespace hone {
namespace {

using test::Folder;
using test::Program;

/// Joules are the script's own, so that nothing hangs on the clock: 32 is the cheapest, 128 never reaches.
constexpr const char* kRecurScript =
    "case $1 in 8) need=7;; 16) need=6;; 32) need=4;; 64) need=7;; *) need=99;; esac\n"
    "i=0\n"
    "while [ $i -lt 30 ]; do\n"
    "  i=$((i + 1)); a=0.5; [ $i -ge $need ] && a=0.95\n"
    "  printf '{\"fidelity\": %d, \"accuracy\": %s, \"joules\": %d}\\n' $i $a $((i * 100)) "
    ">&$HONE_REPORT_FD\n"
    "  [ $i -ge $need ] && exit 0\n"
    "  [ $i -ge 15 ] && sleep 0.3\n"
    "done\n";

constexpr const char* kRecurJob =
    "[command]\nrun = [\"sh\", \"job.sh\", \"{batch_size}\"]\n"
    "[recur]\nbatch_sizes = [8, 16, 32, 64, 128]\ndefault = 64\n"
    "target = { metric = \"accuracy\", min = 0.9 }\neta = 1\nenergy = \"joules\"\nmax_power_w = 100\n";

std::vector<std::int64_t> recur_order(const Folder& folder, const std::string& journal) {
  std::vector<std::int64_t> order;
  for (const auto& run : cost::RecurringJournal::read(folder.file(journal)).ended)
    order.push_back(run.zeus.batch_size);
  return order;
}

TEST(CostRecur, ExploresStopsEarlyAndSettlesOnTheCheapest) {
  const Folder folder;
  folder.write("job.sh", kRecurScript);
  folder.write("job.toml", kRecurJob);
  Program explain(folder, {"cost", "recur", "job.toml", "--explain", "--json"});
  ASSERT_EQ(explain.status(), 0) << explain.err();
  EXPECT_EQ(Json::parse(explain.out())["batch_size"], 64);
  Program fresh(folder, {"cost", "recur", "job.toml", "--status", "--json"});
  EXPECT_TRUE(Json::parse(fresh.out())["arms"][0]["belief"]["mean_j"].is_null()) << fresh.out();
  EXPECT_FALSE(std::filesystem::exists(folder.file("job.hone")));  // nothing ran, nothing was written
  Program run(folder, {"cost", "recur", "job.toml", "--times", "14", "--json", "--quiet"});
  ASSERT_EQ(run.status(), 0) << run.err();
  const Json json = Json::parse(run.out());
  EXPECT_EQ(json["status"]["recurrences"], 14);
  EXPECT_EQ(json["status"]["best_batch_size"], 32);
  EXPECT_EQ(json["status"]["stage"], "sample");
  const auto order = recur_order(folder, "job.hone/recurrences.jsonl");
  ASSERT_GE(order.size(), 15u);
  // Its retry is the next that exploration asks for: after 128 the second round, from the cheapest.
  EXPECT_EQ((std::vector<std::int64_t>(order.begin(), order.begin() + 9)),
            (std::vector<std::int64_t>{64, 32, 16, 8, 128, 32, 16, 8, 64}));
  for (std::size_t i = 9; i < order.size(); ++i) EXPECT_EQ(order[i], 32);  // costs without noise
  EXPECT_EQ(json["runs"][4]["ending"], "stopped");
  EXPECT_LT(json["status"]["energy_j"].get<double>(), json["status"]["default_energy_j"].get<double>());
  for (const Json& arm : json["status"]["arms"]) EXPECT_EQ(arm["pruned"], arm["batch_size"] == 128);
  Program status(folder, {"cost", "recur", "job.toml", "--status"});
  EXPECT_NE(status.out().find("pruned: run 4 did not reach the target"), std::string::npos) << status.out();
  EXPECT_NE(status.out().find("reported by the command as joules"), std::string::npos);
}

TEST(CostRecur, APowerLimitThatCannotBeSetStopsItAndCountsAsNothing) {
  const Folder folder;
  folder.write("job.sh", kRecurScript);
  folder.write(
      "job.toml",
      std::string(kRecurJob) +
          "[power]\nlimits_w = [100, 50]\nset = [\"sh\", \"-c\", \"echo no right to {watts}; exit 4\"]\n");
  Program run(folder, {"cost", "recur", "job.toml"});
  EXPECT_EQ(run.status(), 1);
  EXPECT_NE(run.err().find("no right to 100"), std::string::npos) << run.err();
  const auto history = cost::RecurringJournal::read(folder.file("job.hone/recurrences.jsonl"));
  EXPECT_TRUE(history.ended.empty());
  EXPECT_EQ(history.others.size(), 1u);
}

TEST(CostRecur, ACommandThatReportsNothingOrFailsIsTold) {
  const Folder folder;
  const auto job = [](const std::string& script) {
    return "[command]\nrun = [\"sh\", \"-c\", \"" + script +
           "\"]\n[recur]\nbatch_sizes = [8, 16]\ndefault = 16\ntarget = { metric = \"accuracy\", min = 0.9 "
           "}\n";
  };
  folder.write("silent.toml", job("true"));
  Program silent(folder, {"cost", "recur", "silent.toml"});
  EXPECT_EQ(silent.status(), 2);
  EXPECT_NE(silent.err().find("without having reported accuracy: it reported nothing"), std::string::npos)
      << silent.err();
  folder.write("broken.toml", job("echo no data; exit 3"));
  Program broken(folder, {"cost", "recur", "broken.toml"});
  EXPECT_EQ(broken.status(), 2);
  EXPECT_NE(broken.err().find("default batch size 16 did not reach the target: exit status 3: no data"),
            std::string::npos)
      << broken.err();
  // Put right, it begins where it was: with the default.
  folder.write("broken.sh", "echo '{\"accuracy\": 0.95}' >&3\n");
  Program explain(folder, {"cost", "recur", "broken.toml", "--explain", "--json"});
  EXPECT_EQ(Json::parse(explain.out())["batch_size"], 16);
  folder.write("broken.toml", job("exit 4"));
  Program other(folder, {"cost", "recur", "broken.toml"});
  EXPECT_EQ(other.status(), 2);
  EXPECT_NE(other.err().find("give the job file another name"), std::string::npos) << other.err();
  // What tells of the next run does not tell of one that would be refused.
  for (const char* look : {"--status", "--explain"}) {
    Program refused(folder, {"cost", "recur", "broken.toml", look});
    EXPECT_EQ(refused.status(), 2) << look;
    EXPECT_NE(refused.err().find("give the job file another name"), std::string::npos) << refused.err();
  }
}

TEST(CostRecur, ACrashSpeaksAgainstItsBatchSizeAndASignalOfSomebodysDoesNot) {
  for (const std::string signal : {"ABRT", "SEGV", "FPE", "TERM", "KILL"}) {
    const bool crash = signal != "TERM" && signal != "KILL";
    const Folder folder;
    folder.write("job.sh", "[ $1 -ge 64 ] && kill -" + signal +
                               " $$\necho '{\"fidelity\": 1, \"accuracy\": 0.95, \"joules\": 50}' >&3\n");
    folder.write("job.toml",
                 "[command]\nrun = [\"sh\", \"job.sh\", \"{batch_size}\"]\n[recur]\nbatch_sizes = [32, 64]\n"
                 "default = 32\nenergy = \"joules\"\nbeta = inf\neta = 1\n"
                 "target = { metric = \"accuracy\", min = 0.9 }\n");
    Program run(folder, {"cost", "recur", "job.toml", "--times", "3", "--quiet"});
    EXPECT_EQ(run.status(), crash ? 0 : 2) << signal << ": " << run.err();
    const auto history = cost::RecurringJournal::read(folder.file("job.hone/recurrences.jsonl"));
    ASSERT_GE(history.ended.size(), 1u);
    if (crash) {
      ASSERT_EQ(history.ended.size(), 4u) << signal;
      EXPECT_EQ(history.ended[1].ending, cost::RunEnding::failed);
    } else {
      EXPECT_NE(run.err().find("counts as nothing: killed by SIG" + signal), std::string::npos) << run.err();
    }
  }
}

TEST(CostRecur, JoulesThatDoNotComeOrCannotBeGiveNoCost) {
  const std::string target = "target = { metric = \"accuracy\", min = 0.9 }\n";
  for (const auto& [reports, aim, part] : std::vector<std::array<std::string, 3>>{
           {R"({"accuracy": 0.95, "joule": 50})", target,
            "recur.energy: run 0 counts as nothing: it reached its target without having reported joules"},
           {R"({"accuracy": 0.95}'; echo '{"joules": 50})", target, "without having reported joules"},
           {R"({"accuracy": 0.95})", "", "without having reported joules"},
           {R"({"accuracy": 0.95, "joules": -50})", target,
            "recur.energy: run 0 counts as nothing: its report line 1 says joules: -50 J is below 0"},
           {R"({"joules": 50}'; echo '{"accuracy": 0.95, "joules": 40})", target,
            "its report line 2 says joules: 40 J comes after 50 J"}}) {
    const Folder folder;
    folder.write("job.sh", "( echo '" + reports + "' ) >&3\n");
    folder.write("job.toml",
                 "[command]\nrun = [\"sh\", \"job.sh\"]\n[recur]\nbatch_sizes = [32, 64]\ndefault = 64\n"
                 "eta = 1\nenergy = \"joules\"\n" +
                     aim);
    Program run(folder, {"cost", "recur", "job.toml", "--quiet"});
    EXPECT_EQ(run.status(), 2) << part;
    EXPECT_NE(run.err().find(part), std::string::npos) << run.err();
    // Put right, the job goes on: nothing was held against anything.
    folder.write("job.sh", "echo '{\"accuracy\": 0.95, \"joules\": 50}' >&3\n");
    Program again(folder, {"cost", "recur", "job.toml", "--quiet"});
    EXPECT_EQ(again.status(), 0) << again.err();
    const auto history = cost::RecurringJournal::read(folder.file("job.hone/recurrences.jsonl"));
    EXPECT_EQ(history.ended.size(), 1u);
    EXPECT_EQ(history.others.size(), 1u);
  }
}

TEST(CostRecur, WhereEveryRunIsStoppedTheCureIsNamed) {
  const Folder folder;
  // Each run is dearer than the threshold by far, but for the first.
  folder.write("job.sh",
               "joules=500; [ -e ran ] || joules=50; touch ran\n"
               "echo \"{\\\"fidelity\\\": 1, \\\"joules\\\": $joules}\" >&3\nsleep 0.3\n"
               "echo \"{\\\"fidelity\\\": 2, \\\"accuracy\\\": 0.95, \\\"joules\\\": $joules}\" >&3\n");
  folder.write("job.toml",
               "[command]\nrun = [\"sh\", \"job.sh\"]\n[recur]\nbatch_sizes = [16]\ndefault = 16\ntries = 2\n"
               "eta = 1\nenergy = \"joules\"\ntarget = { metric = \"accuracy\", min = 0.9 }\n");
  Program run(folder, {"cost", "recur", "job.toml", "--times", "2", "--json", "--quiet"});
  EXPECT_EQ(run.status(), 2);
  EXPECT_NE(run.err().find("the target was not reached in 2 runs"), std::string::npos) << run.err();
  EXPECT_NE(run.err().find("window = 10"), std::string::npos) << run.err();
}

TEST(CostRecur, JoulesOfLongBeforeTheTargetAreTold) {
  for (const bool stale : {true, false}) {
    const Folder folder;
    folder.write("job.sh", std::string("i=0; while [ $i -lt 20 ]; do i=$((i + 1))\n") +
                               (stale ? "[ $i -eq 1 ] && " : "") +
                               "echo \"{\\\"joules\\\": $((i * 10))}\" >&3\n"
                               "[ $i -eq 20 ] && a=0.95 || a=0.5\n"
                               "echo \"{\\\"fidelity\\\": $i, \\\"accuracy\\\": $a}\" >&3; done\n");
    folder.write("job.toml",
                 "[command]\nrun = [\"sh\", \"job.sh\"]\n[recur]\nbatch_sizes = [16]\ndefault = 16\neta = 1\n"
                 "energy = \"joules\"\ntarget = { metric = \"accuracy\", min = 0.9 }\n");
    Program run(folder, {"cost", "recur", "job.toml", "--quiet"});
    EXPECT_EQ(run.status(), 0) << run.err();
    EXPECT_EQ(run.err().find("run 0 reached its target at 20, and the latest joules came at 1 or before") !=
                  std::string::npos,
              stale)
        << run.err();
  }
}

TEST(CostRecur, WithoutATargetTheExitStatusSays) {
  const Folder folder;
  folder.write("job.toml",
               "[command]\nrun = [\"sh\", \"-c\", \"test {batch_size} -lt 32\"]\n"
               "[recur]\nbatch_sizes = [8, 16, 32]\ndefault = 16\nbeta = inf\npower_w = 50\n");
  Program run(folder, {"cost", "recur", "job.toml", "--times", "5", "--json", "--quiet"});
  ASSERT_EQ(run.status(), 0) << run.err();
  const Json json = Json::parse(run.out());
  EXPECT_EQ(json["runs"][2]["ending"], "failed");
  EXPECT_EQ(json["runs"][2]["batch_size"], 32);
  EXPECT_TRUE(json["status"]["arms"][2]["pruned"].get<bool>());
}

TEST(CostRecur, RunsThatEndedAreToldWhereALaterOneFails) {
  const Folder folder;
  folder.write("job.sh", "[ -e ran ] && exit 0\ntouch ran\necho '{\"accuracy\": 0.95}' >&3\n");
  folder.write("job.toml",
               "[command]\nrun = [\"sh\", \"job.sh\"]\n[recur]\nbatch_sizes = [16]\ndefault = 16\n"
               "target = { metric = \"accuracy\", min = 0.9 }\npower_w = 50\n");
  Program run(folder, {"cost", "recur", "job.toml", "--times", "3", "--json", "--quiet"});
  EXPECT_EQ(run.status(), 2);
  const Json json = Json::parse(run.out());
  ASSERT_EQ(json["runs"].size(), 2u);
  EXPECT_EQ(json["runs"][0]["ending"], "reached");
  EXPECT_EQ(json["runs"][1]["ending"], "wrong");
  EXPECT_NE(json["error"].get<std::string>().find("run 1 counts as nothing"), std::string::npos);
  EXPECT_EQ(json["status"]["recurrences"], 1);
  EXPECT_NE(run.err().find("run 1 counts as nothing"), std::string::npos) << run.err();
  std::filesystem::remove(folder.file("ran"));
  Program text(folder, {"cost", "recur", "job.toml", "--times", "2", "--quiet"});
  EXPECT_EQ(text.status(), 2);
  EXPECT_NE(text.out().find("run 2, batch size 16: reached"), std::string::npos) << text.out();
  EXPECT_NE(text.out().find("run 3, batch size 16: wrong"), std::string::npos) << text.out();
}

TEST(CostRecur, AProgressThatNeverComesIsTold) {
  const Folder folder;
  folder.write("job.sh", "echo '{\"step\": 3, \"accuracy\": 0.95}' >&3\n");
  const auto job = [](const std::string& progress) {
    return "[command]\nrun = [\"sh\", \"job.sh\"]\n[recur]\nbatch_sizes = [16]\ndefault = 16\nprogress = \"" +
           progress +
           "\"\nmax_progress = 9\ntarget = { metric = \"accuracy\", min = 0.9 }\npower_w = 50\n"
           "[power]\nlimits_w = [50, 40]\nset = [\"true\", \"{watts}\"]\n";
  };
  folder.write("job.toml", job("steps"));
  Program run(folder, {"cost", "recur", "job.toml"});
  EXPECT_EQ(run.status(), 0);
  const std::string part =
      "no report named 'steps' came in run 0: power limits are not profiled and max_progress gives no run "
      "up; "
      "it reports accuracy, step";
  EXPECT_NE(run.err().find(part), std::string::npos) << run.err();
  Program status(folder, {"cost", "recur", "job.toml", "--status"});
  EXPECT_NE(status.out().find(part), std::string::npos) << status.out();
  Program json(folder, {"cost", "recur", "job.toml", "--status", "--json"});
  EXPECT_TRUE(Json::parse(json.out())["warning"].is_string());
  folder.write("job.toml", job("step"));
  Program right(folder, {"cost", "recur", "job.toml"});
  EXPECT_EQ(right.err().find("no report named"), std::string::npos) << right.err();
  Program again(folder, {"cost", "recur", "job.toml", "--status", "--json"});
  EXPECT_TRUE(Json::parse(again.out())["warning"].is_null());
}

TEST(CostRecur, ReportsOnTheOutputAreTold) {
  const Folder folder;
  folder.write("job.sh", "echo begins\necho '{\"accuracy\": 0.95}'\n");
  const std::string job =
      "run = [\"sh\", \"job.sh\"]\n[recur]\nbatch_sizes = [16]\ndefault = 16\n"
      "target = { metric = \"accuracy\", min = 0.9 }\npower_w = 50\n";
  folder.write("job.toml", "[command]\n" + job);
  Program run(folder, {"cost", "recur", "job.toml"});
  EXPECT_EQ(run.status(), 2);
  EXPECT_NE(run.err().find("it reported nothing; its output holds reports: write them to the descriptor "
                           "HONE_REPORT_FD, or say [command] report = \"stdout\""),
            std::string::npos)
      << run.err();
  folder.write("job.toml", "[command]\nreport = \"stdout\"\n" + job);
  Program right(folder, {"cost", "recur", "job.toml"});
  EXPECT_EQ(right.status(), 0) << right.err();
}

TEST(CostRecur, TwoProcessesAtOnceShareOneJob) {
  const Folder folder;
  folder.write("job.sh", kRecurScript);
  folder.write("job.toml", kRecurJob);
  {
    Program a(folder, {"cost", "recur", "job.toml", "--times", "8", "--quiet"});
    Program b(folder, {"cost", "recur", "job.toml", "--times", "8", "--quiet"});
    EXPECT_EQ(a.status(), 0) << a.err();
    EXPECT_EQ(b.status(), 0) << b.err();
  }
  const auto history = cost::RecurringJournal::read(folder.file("job.hone/recurrences.jsonl"));
  std::set<std::int64_t> runs, recurrences;
  for (const auto& run : history.ended) {
    EXPECT_TRUE(runs.insert(run.zeus.run).second);
    recurrences.insert(run.recurrence);
  }
  EXPECT_EQ(recurrences.size(), 16u);
  EXPECT_TRUE(history.running.empty());
  // What exploration asked for was run once each, in its order, whatever ran beside it.
  std::vector<std::int64_t> explored;
  for (const auto& run : history.ended)
    if (run.zeus.stage == cost::ZeusStage::explore) explored.push_back(run.zeus.batch_size);
  const std::vector<std::int64_t> order{64, 32, 16, 8, 128, 32, 16, 8, 64};
  ASSERT_LE(explored.size(), order.size());
  EXPECT_TRUE(std::equal(explored.begin(), explored.end(), order.begin()));
}

TEST(CostRecur, ReplaysATraceAndNamesWhatIsWrong) {
  const Folder folder;
  folder.write(
      "t.csv",
      "batch_size,power_limit_w,epochs,seconds_per_epoch,average_power_w\n"
      "16,100,4,12,98\n16,200,5,10,180\n32,100,3,9,99\n32,200,3,7,190\n64,100,,8,100\n64,200,,6,195\n");
  Program replay(folder, {"cost", "recur", "--replay", "t.csv", "--default", "16", "--eta", "1", "--json"});
  ASSERT_EQ(replay.status(), 0) << replay.err();
  const Json json = Json::parse(replay.out());
  EXPECT_EQ(json["best"]["batch_size"], 32);
  EXPECT_EQ(json["recurrences"], 12);
  EXPECT_EQ(json["policies"].size(), 3u);
  Program unstopped(folder, {"cost", "recur", "--replay", "t.csv", "--default", "16", "--beta", "inf"});
  EXPECT_EQ(unstopped.status(), 0) << unstopped.err();
  Program text(folder, {"cost", "recur", "--replay", "t.csv", "--default", "16"});
  EXPECT_NE(text.out().find("zeus against the default"), std::string::npos) << text.out();
  for (const auto& [arguments, part] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"cost", "recur", "--replay", "t.csv"}, "--default 32"},
           {{"cost", "recur", "--replay", "t.csv", "--default", "24"}, "24 is not among the batch sizes"},
           {{"cost", "recur", "--replay", "t.csv", "--default", "64"},
            "the default batch size must reach it"},
           {{"cost", "recur", "--replay", "none.csv", "--default", "64"}, "none.csv: cannot be read"},
           {{"cost", "recur"}, "names no job"},
           {{"cost", "recur", "job.toml", "--eta", "1"}, "--replay"},
           {{"cost", "recur", "job.toml", "--explain", "--status"}, "excludes"}}) {
    Program wrong(folder, arguments);
    EXPECT_EQ(wrong.status(), 2) << part;
    EXPECT_NE(wrong.err().find(part), std::string::npos) << wrong.err();
  }
}

}  // namespace
}  // namespace hone
