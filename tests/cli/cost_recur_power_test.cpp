// hone cost recur and power limits: how they are profiled, and that they are put back whatever happens.
#include <csignal>
#include <cstdlib>
#include <map>

#include <sys/resource.h>

#include "../program.h"
#include "hone/base/json.h"
#include "hone/cost/recurring/journal.h"

namespace hone {
namespace {

using test::Folder;
using test::Program;
using test::wait_until;

/// Reports for ever, and leaves a mark once it runs.
constexpr const char* kEndlessScript =
    "echo '{\"fidelity\": 1, \"accuracy\": 0.1}' >&3\ntouch mark\nsleep 600\n";
constexpr const char* kEndlessJob =
    "[command]\nrun = [\"sh\", \"job.sh\"]\n[recur]\nbatch_sizes = [8, 16]\ndefault = 16\n"
    "target = { metric = \"accuracy\", min = 0.9 }\npower_w = 50\nbeta = inf\n"
    "[power]\nlimits_w = [50, 40]\nset = [\"sh\", \"-c\", \"echo {watts} >limit\"]\nget = [\"cat\", "
    "\"limit\"]\n";

TEST(CostRecurPower, ProfilesPowerLimitsOnceAndPutsTheLimitBack) {
  const Folder folder;
  folder.write("limit", "270\n");
  // Half of the power takes a quarter more steps' energy away than time: the lowest is the cheapest.
  folder.write(
      "job.sh",
      "i=0; e=0\nwhile [ $i -lt 40 ]; do\n  i=$((i + 1)); e=$((e + $(cat limit))); sleep 0.01\n"
      "  printf '{\"fidelity\": %d, \"loss\": %d, \"joules\": %d}\\n' $i $((40 - i)) $e >&3\ndone\n");
  folder.write(
      "job.toml",
      "[command]\nrun = [\"sh\", \"job.sh\"]\n[recur]\nbatch_sizes = [16]\ndefault = 16\neta = 1\n"
      "energy = \"joules\"\ntarget = { metric = \"loss\", max = 0 }\n"
      "[power]\nlimits_w = [100, 200, 300]\nset = [\"sh\", \"-c\", \"echo {watts} >l && mv l limit\"]\n"
      "get = [\"cat\", \"limit\"]\nslice = \"1 ms\"\n");
  Program run(folder, {"cost", "recur", "job.toml", "--times", "2", "--quiet"});
  ASSERT_EQ(run.status(), 0) << run.err();
  EXPECT_EQ(folder.read("limit"), "270\n");
  const auto history = cost::RecurringJournal::read(folder.file("job.hone/recurrences.jsonl"));
  ASSERT_EQ(history.ended.size(), 2u);
  const auto& slices = history.profiles.at(16).slices();
  ASSERT_EQ(slices.size(), 3u);
  EXPECT_EQ(slices[0].limit_w, 300.0);
  EXPECT_EQ(slices[2].limit_w, 100.0);
  EXPECT_GT(slices[0].average_power_w / slices[0].throughput,
            slices[2].average_power_w / slices[2].throughput);
  EXPECT_EQ(history.ended[1].power_limit_w, 100.0);
  EXPECT_LE(history.ended[1].zeus.energy_j, history.ended[0].zeus.energy_j);  // nothing to profile any more
  EXPECT_TRUE(history.limits_before.empty());
}

TEST(CostRecurPower, WhatWasReportedWhileALimitWasBeingSetIsNotProfiled) {
  const Folder folder;
  // A step every 50 ms whatever the limit; reports wait in their pipe while the command that sets one sleeps.
  folder.write("job.py",
               "import os, time\nbegan = time.monotonic()\nfor i in range(1, 61):\n"
               "  time.sleep(max(0, began + 0.05 * i - time.monotonic()))\n"
               "  os.write(3, b'{\"fidelity\": %d, \"loss\": %d}\\n' % (i, 60 - i))\n");
  folder.write("job.toml",
               "[command]\nrun = [\"python3\", \"job.py\"]\n[recur]\nbatch_sizes = [16]\ndefault = 16\n"
               "power_w = 50\ntarget = { metric = \"loss\", max = 0 }\n"
               "[power]\nlimits_w = [50, 49, 48]\nset = [\"sh\", \"-c\", \"sleep 0.5; echo {watts}\"]\n"
               "slice = \"0.3 s\"\n");
  Program run(folder, {"cost", "recur", "job.toml", "--quiet"});
  ASSERT_EQ(run.status(), 0) << run.err();
  const auto history = cost::RecurringJournal::read(folder.file("job.hone/recurrences.jsonl"));
  const auto& slices = history.profiles.at(16).slices();
  ASSERT_EQ(slices.size(), 3u);
  for (const auto& slice : slices) {
    EXPECT_GT(slice.throughput, 14.0) << slice.limit_w;
    EXPECT_LT(slice.throughput, 26.0) << slice.limit_w;
  }
}

TEST(CostRecurPower, ControlCPutsTheLimitBackAndCountsAsNothing) {
  const Folder folder;
  folder.write("limit", "45\n");
  folder.write("job.sh", kEndlessScript);
  folder.write("job.toml", kEndlessJob);
  Program run(folder, {"cost", "recur", "job.toml"});
  ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(folder.file("mark")); }));
  EXPECT_EQ(folder.read("limit"), "50\n");
  run.signal(SIGINT);
  EXPECT_EQ(run.status(), 3) << run.err();
  EXPECT_EQ(folder.read("limit"), "45\n");
  EXPECT_TRUE(cost::RecurringJournal::read(folder.file("job.hone/recurrences.jsonl")).ended.empty());
}

TEST(CostRecurPower, ControlCIsHeardWhileAPowerCommandHangs) {
  const std::string set = "echo {watts} >limit", get = "\"cat\", \"limit\"";
  for (const std::string hangs : {"get", "first set", "later set"}) {
    const Folder folder;
    folder.write("limit", "45\n");
    folder.write("job.sh",
                 "for i in 1 2 3 4 5 6 7 8 9; do echo \"{\\\"fidelity\\\": $i, \\\"accuracy\\\": 0.1}\" >&3; "
                 "sleep 0.02; done\nsleep 600\n");
    // It hangs at 40 W, which is the second limit, at 50 W, which is the first, or where it asks.
    folder.write("set.sh", "if [ $1 = " +
                               std::string(hangs == "first set"   ? "50"
                                           : hangs == "later set" ? "40"
                                                                  : "0") +
                               " ]; then touch hangs; exec sleep 60; fi\necho $1 >limit\n");
    folder.write("get.sh", hangs == "get" ? "touch hangs; exec sleep 60\n" : "cat limit\n");
    std::string job = kEndlessJob;
    const std::string by_hand = "\"-c\", \"" + set + "\"";
    job.replace(job.find(by_hand), by_hand.size(), "\"set.sh\", \"{watts}\"");
    job.replace(job.find(get), get.size(), "\"sh\", \"get.sh\"");
    folder.write("job.toml", job + "slice = \"1 ms\"\n");
    Program run(folder, {"cost", "recur", "job.toml", "--json"});
    ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(folder.file("hangs")); })) << hangs;
    const auto journal = folder.file("job.hone/recurrences.jsonl");
    {  // Nobody is kept from the journal meanwhile.
      cost::RecurringJournal other(journal);
      const double began = test::seconds();
      const cost::RecurringJournal::Hold hold(other);
      EXPECT_LT(test::seconds() - began, 5.0) << hangs;
    }
    const double began = test::seconds();
    run.signal(SIGINT);
    EXPECT_EQ(run.status(), 3) << hangs << ": " << run.err();
    EXPECT_LT(test::seconds() - began, 8.0) << hangs;
    EXPECT_EQ(Json::parse(run.out())["runs"].size(), hangs == "get" ? 0u : 1u) << hangs;
    EXPECT_EQ(folder.read("limit"), "45\n") << hangs;
    const auto history = cost::RecurringJournal::read(journal);
    EXPECT_EQ(history.others.size(), hangs == "get" ? 0u : 1u);
    for (const auto& one : history.others) EXPECT_EQ(one.ending, cost::RunEnding::interrupted);
  }
}

TEST(CostRecurPower, AKilledRunIsGivenUpAndTheNextPutsItsLimitBack) {
  const Folder folder;
  folder.write("limit", "45\n");
  folder.write("job.sh", kEndlessScript);
  folder.write("job.toml", kEndlessJob);
  const auto journal = folder.file("job.hone/recurrences.jsonl");
  {
    Program run(folder, {"cost", "recur", "job.toml"});
    ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(folder.file("mark")); }));
    run.signal(SIGKILL);
    EXPECT_EQ(run.status(), -SIGKILL);
  }
  EXPECT_EQ(folder.read("limit"), "50\n");
  EXPECT_TRUE(cost::RecurringJournal::read(journal).running.empty());
  std::filesystem::remove(folder.file("mark"));
  Program again(folder, {"cost", "recur", "job.toml"});
  ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(folder.file("mark")); }));
  EXPECT_EQ(cost::RecurringJournal::read(journal).running.size(), 1u);
  again.signal(SIGTERM);
  EXPECT_EQ(again.status(), 3);
  EXPECT_EQ(folder.read("limit"), "45\n");
  EXPECT_EQ(cost::RecurringJournal::read(journal).others.size(), 2u);
}

TEST(CostRecurPower, AKilledRunsLimitIsPutBackThoughTheNextCannotSetOne) {
  const Folder folder;
  folder.write("limit", "45\n");
  folder.write("job.sh", kEndlessScript);
  folder.write(
      "set.sh",
      "[ -e busy ] && exit 1\n[ -e once ] && rm once && echo device busy && exit 1\necho $1 >limit\n");
  std::string job = kEndlessJob;
  const std::string set = "\"-c\", \"echo {watts} >limit\"";
  job.replace(job.find(set), set.size(), "\"set.sh\", \"{watts}\"");
  folder.write("job.toml", job);
  const auto journal = folder.file("job.hone/recurrences.jsonl");
  {
    Program run(folder, {"cost", "recur", "job.toml"});
    ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(folder.file("mark")); }));
    run.signal(SIGKILL);
  }
  EXPECT_EQ(folder.read("limit"), "50\n");
  folder.write("busy", "");
  Program never(folder, {"cost", "recur", "job.toml"});
  EXPECT_EQ(never.status(), 1);
  // It could not be put back: the journal still knows it, of one run.
  EXPECT_EQ(cost::RecurringJournal::read(journal).limits_before,
            (std::map<std::int64_t, Json>{{1, Json(45.0)}}));
  std::filesystem::remove(folder.file("busy"));
  folder.write("once", "");
  Program next(folder, {"cost", "recur", "job.toml"});
  EXPECT_EQ(next.status(), 1);
  EXPECT_NE(next.err().find("device busy"), std::string::npos) << next.err();
  EXPECT_EQ(folder.read("limit"), "45\n");
  EXPECT_TRUE(cost::RecurringJournal::read(journal).limits_before.empty());
}

TEST(CostRecurPower, AFirstLimitThatTookEffectIsPutBackThoughItWasNotSet) {
  for (const bool hangs : {true, false}) {
    const Folder folder;
    folder.write("limit", "45\n");
    folder.write("job.sh", kEndlessScript);
    // At 50 W, which is the first limit, it has its effect and then hangs, or says that it failed.
    folder.write("set.sh", std::string("echo $1 >limit\n[ $1 = 50 ] || exit 0\ntouch hangs\n") +
                               (hangs ? "exec sleep 60\n" : "exit 1\n"));
    std::string job = kEndlessJob;
    const std::string set = "\"-c\", \"echo {watts} >limit\"";
    job.replace(job.find(set), set.size(), "\"set.sh\", \"{watts}\"");
    folder.write("job.toml", job);
    Program run(folder, {"cost", "recur", "job.toml"});
    ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(folder.file("hangs")); }));
    if (hangs) run.signal(SIGINT);
    EXPECT_EQ(run.status(), hangs ? 3 : 1) << run.err();
    EXPECT_EQ(folder.read("limit"), "45\n") << hangs;
    EXPECT_TRUE(
        cost::RecurringJournal::read(folder.file("job.hone/recurrences.jsonl")).limits_before.empty());
  }
}

TEST(CostRecurPower, OfSeveralPackagesThoseThatWereSetArePutBack) {
  // One that nobody may write, not even root.
  const std::string fixed = "/proc/sys/kernel/ngroups_max";
  if (!std::filesystem::exists(fixed)) GTEST_SKIP() << fixed;
  const Folder folder;
  for (const char* zone : {"cap/intel-rapl:0", "cap/intel-rapl:1"}) {
    std::filesystem::create_directories(folder.file(zone));
    folder.write(std::string(zone) + "/name", "package-0\n");
  }
  folder.write("cap/intel-rapl:0/constraint_0_power_limit_uw", "90000000\n");
  std::filesystem::create_symlink(fixed, folder.file("cap/intel-rapl:1/constraint_0_power_limit_uw"));
  folder.write("job.sh", kEndlessScript);
  std::string job = kEndlessJob;
  job.erase(job.find("set = "));
  folder.write("job.toml", job + "via = \"powercap\"\npowercap = \"cap\"\n");
  Program run(folder, {"cost", "recur", "job.toml"});
  EXPECT_EQ(run.status(), 1);
  EXPECT_NE(run.err().find("cap/intel-rapl:1/constraint_0_power_limit_uw cannot be written"),
            std::string::npos)
      << run.err();
  EXPECT_EQ(folder.read("cap/intel-rapl:0/constraint_0_power_limit_uw"), "90000000");
  EXPECT_TRUE(cost::RecurringJournal::read(folder.file("job.hone/recurrences.jsonl")).limits_before.empty());
}

/// A job that was killed under 50 W, with 45 W before it, and that ends at once from now on.
void kill_under_a_limit(const Folder& folder, const std::string& job) {
  folder.write("job.sh", kEndlessScript);
  folder.write("job.toml", job);
  Program run(folder, {"cost", "recur", "job.toml"});
  EXPECT_TRUE(wait_until([&] { return std::filesystem::exists(folder.file("mark")); }));
  run.signal(SIGKILL);
  EXPECT_EQ(run.status(), -SIGKILL);
  folder.write("job.sh", "echo '{\"accuracy\": 0.95}' >&3\n");
}

TEST(CostRecurPower, ALimitThatWasSetAnotherWayIsNamedAndNotPutBack) {
  const Folder folder;
  folder.write("limit", "45\n");
  std::filesystem::create_directories(folder.file("cap/intel-rapl:0"));
  folder.write("cap/intel-rapl:0/name", "package-0\n");
  folder.write("cap/intel-rapl:0/constraint_0_power_limit_uw", "90000000\n");
  const std::string by_command = kEndlessJob;
  const std::string by_files =
      by_command.substr(0, by_command.find("set = ")) + "via = \"powercap\"\npowercap = \"cap\"\n";
  const auto journal = folder.file("job.hone/recurrences.jsonl");
  const auto runs_well = [&](const std::string& job, bool warns, const std::string& part) {
    folder.write("job.toml", job);
    Program run(folder, {"cost", "recur", "job.toml", "--quiet"});
    EXPECT_EQ(run.status(), 0) << run.err();
    EXPECT_EQ(run.err().find("warning: ") != std::string::npos, warns) << run.err();
    EXPECT_NE(run.err().find(part), std::string::npos) << run.err();
  };
  kill_under_a_limit(folder, by_command);
  runs_well(by_files, true, "run 0 was killed under a power limit; before it there was 45 W, via command");
  EXPECT_TRUE(cost::RecurringJournal::read(journal).limits_before.empty());
  EXPECT_EQ(folder.read("cap/intel-rapl:0/constraint_0_power_limit_uw"), "90000000");
  runs_well(by_files, false, "");  // it is told once
  EXPECT_EQ(cost::RecurringJournal::read(journal).ended.size(), 2u);

  std::filesystem::remove(folder.file("mark"));
  folder.write("limit", "45\n");
  kill_under_a_limit(folder, by_files);
  runs_well(by_command, true, "before it there was 90 W of files [\"");
  EXPECT_EQ(folder.read("limit"), "45\n");
  EXPECT_TRUE(cost::RecurringJournal::read(journal).limits_before.empty());
}

TEST(CostRecurPower, WithoutPowerALimitThatWasNotPutBackIsNamed) {
  const Folder folder;
  folder.write("limit", "45\n");
  const std::string job = kEndlessJob, without = job.substr(0, job.find("[power]"));
  kill_under_a_limit(folder, job);
  folder.write("job.toml", without);
  for (int i = 0; i < 2; ++i) {  // as long as it stays
    Program run(folder, {"cost", "recur", "job.toml", "--quiet"});
    EXPECT_EQ(run.status(), 0);
    EXPECT_NE(run.err().find("there was 45 W, via command; the job file has no [power]"), std::string::npos)
        << run.err();
  }
  Program status(folder, {"cost", "recur", "job.toml", "--status"});
  EXPECT_NE(status.out().find("the job file has no [power] any more"), std::string::npos) << status.out();
  EXPECT_EQ(status.out().find("the next run does so"), std::string::npos) << status.out();
  folder.write("job.toml", job);
  Program told(folder, {"cost", "recur", "job.toml", "--status"});
  EXPECT_NE(told.out().find("(45 W, via command before it); the next run does so"), std::string::npos)
      << told.out();
  Program again(folder, {"cost", "recur", "job.toml", "--quiet"});
  EXPECT_EQ(again.status(), 0) << again.err();
  EXPECT_EQ(folder.read("limit"), "45\n");
}

TEST(CostRecurPower, ALimitThatAnotherJobMayHaveLeftIsTold) {
  const Folder folder;
  folder.write("job.sh", "echo '{\"accuracy\": 0.95}' >&3\n");
  folder.write("job.toml", kEndlessJob);
  for (const auto& [limit, warns] : std::map<std::string, bool>{{"40", true}, {"45", false}, {"50", false}}) {
    folder.write("limit", limit + "\n");
    Program run(folder, {"cost", "recur", "job.toml", "--quiet"});
    EXPECT_EQ(run.status(), 0) << run.err();
    EXPECT_EQ(run.err().find("warning: the power limit is 40 W before anything was set") != std::string::npos,
              warns)
        << run.err();
    EXPECT_EQ(folder.read("limit"), limit + "\n");
  }
}

TEST(CostRecurPower, WhoPutsTheLimitBackDoesSoForTheDeadToo) {
  const Folder folder;
  folder.write("limit", "45\n");
  folder.write("job.sh", "touch mark$HONE_TRIAL\nsleep 600\n");
  folder.write("job.toml", kEndlessJob);
  const auto begun = [&](const char* mark) {
    return wait_until([&] { return std::filesystem::exists(folder.file(mark)); });
  };
  Program a(folder, {"cost", "recur", "job.toml"});
  ASSERT_TRUE(begun("mark0"));
  Program b(folder, {"cost", "recur", "job.toml"});
  ASSERT_TRUE(begun("mark1"));
  a.signal(SIGKILL);
  EXPECT_EQ(a.status(), -SIGKILL);
  b.signal(SIGTERM);
  EXPECT_EQ(b.status(), 3) << b.err();
  EXPECT_EQ(folder.read("limit"), "45\n");
  EXPECT_TRUE(cost::RecurringJournal::read(folder.file("job.hone/recurrences.jsonl")).limits_before.empty());
}

TEST(CostRecurPower, TheLimitIsPutBackThoughTheJournalCannotBeWritten) {
  const Folder folder;
  folder.write("limit", "45\n");
  folder.write("job.sh", kEndlessScript);
  folder.write("job.toml", kEndlessJob);
  Program run(folder, {"cost", "recur", "job.toml", "--quiet"});
  ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(folder.file("mark")); }));
  EXPECT_EQ(folder.read("limit"), "50\n");
  const auto size = std::filesystem::file_size(folder.file("job.hone/recurrences.jsonl"));
  const rlimit full{size, size};
  ASSERT_EQ(::prlimit(run.pid(), RLIMIT_FSIZE, &full, nullptr), 0);
  run.signal(SIGINT);
  EXPECT_EQ(run.status(), 1);
  EXPECT_NE(run.err().find("cannot be written"), std::string::npos) << run.err();
  EXPECT_NE(run.out().find("run 0, batch size 16 at 50 W: interrupted"), std::string::npos) << run.out();
  EXPECT_EQ(folder.read("limit"), "45\n");
}

TEST(CostRecurPower, ASliceThatCannotBeWrittenEndsNoTraining) {
  const Folder folder;
  folder.write("limit", "45\n");
  folder.write(
      "job.sh",
      "echo '{\"fidelity\": 1, \"accuracy\": 0.1}' >&3\ntouch mark\n"
      "while [ ! -e full ]; do sleep 0.01; done\n"
      "for i in 2 3 4 5 6; do echo \"{\\\"fidelity\\\": $i, \\\"accuracy\\\": 0.1}\" >&3; sleep 0.05; done\n"
      "echo '{\"fidelity\": 7, \"accuracy\": 0.95}' >&3\n");
  folder.write("job.toml", std::string(kEndlessJob) + "slice = \"1 ms\"\n");
  Program run(folder, {"cost", "recur", "job.toml"});
  ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(folder.file("mark")); }));
  const auto size = std::filesystem::file_size(folder.file("job.hone/recurrences.jsonl"));
  const rlimit full{size, size};
  ASSERT_EQ(::prlimit(run.pid(), RLIMIT_FSIZE, &full, nullptr), 0);
  folder.write("full", "");
  EXPECT_EQ(run.status(), 1);  // its end could not be written either
  EXPECT_NE(run.out().find("W: reached"), std::string::npos) << run.out();
  EXPECT_EQ(folder.read("limit"), "45\n");
}

TEST(CostRecurPower, GoesOnWhenNobodyReadsWhatItSays) {
  const Folder folder;
  folder.write("limit", "45\n");
  folder.write("job.sh", "sleep 0.2; echo '{\"fidelity\": 1, \"accuracy\": 0.95}' >&3\n");
  folder.write("job.toml", kEndlessJob);
  const std::string line = "cd '" + folder.path() + "' && '" + HONE_PROGRAMS +
                           "/hone' cost recur job.toml --times 2 2>&1 | head -n 1 >said";
  ASSERT_EQ(std::system(line.c_str()), 0);
  EXPECT_EQ(folder.read("limit"), "45\n");
  EXPECT_EQ(cost::RecurringJournal::read(folder.file("job.hone/recurrences.jsonl")).ended.size(), 2u);
}

}  // namespace
}  // namespace hone
