// Trials of real programs: shell scripts that report, hang, fork, crash and flood.
#include <algorithm>
#include <cmath>

#include "command_bench.h"
#include "hone/run/process.h"

namespace hone::task {
namespace {

using test::CommandBench;
using test::measure;
using Verdict = Reporter::Verdict;

TEST(CommandEvaluator, ReportsAndResult) {
  CommandBench bench(R"(for i in 1 2 3; do echo "{\"fidelity\": $i, \"loss\": 0.$i}" >&$HONE_REPORT_FD; done
echo "{\"extra\": $HONE_SEED}" >&3
echo to the log
sleep 0.05)");
  const Outcome outcome = bench.run(3);
  EXPECT_EQ(outcome.ending, Ending::reached);
  EXPECT_EQ(outcome.fidelity, 3);
  EXPECT_EQ(measure(outcome, "loss"), 0.3);
  EXPECT_EQ(measure(outcome, "extra"), 3.0);
  EXPECT_GT(measure(outcome, "seconds"), 0.0);
  EXPECT_LT(measure(outcome, "seconds"), 30.0);
  EXPECT_GE(measure(outcome, "cpu_s"), 0.0);
  EXPECT_GT(measure(outcome, "memory_bytes"), 1e5);
  ASSERT_EQ(bench.listener.reports.size(), 2u) << "those below the target";
  EXPECT_EQ(bench.listener.reports[1].fidelity, 2);
  EXPECT_NE(bench.log().find("--- attempt 1, worker w0, from 0 to 3\nto the log\n--- exit status 0 after"),
            std::string::npos)
      << bench.log();
  EXPECT_FALSE(std::filesystem::exists(bench.folder.file("s.hone/trials/7/checkpoint"))) << "empty, so gone";
}

TEST(CommandEvaluator, MeasuresProcessorTimeAndMemoryOfTheWholeTree) {
  CommandBench bench(R"((i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done) &
sh -c 'head -c 60000000 /dev/zero | tail -c 60000000 | { sleep 0.2; cat >/dev/null; }'
wait)");
  const Outcome outcome = bench.run();
  EXPECT_EQ(outcome.ending, Ending::reached) << outcome.reason;
  EXPECT_GT(measure(outcome, "cpu_s"), 0.05);
  EXPECT_GT(measure(outcome, "memory_bytes"), 50e6);
  EXPECT_LT(measure(outcome, "memory_bytes"), 400e6);
}

TEST(CommandEvaluator, GetsTheConfigOnStandardInput) {
  CommandBench bench("read line; printf '%s' \"$line\" > got; echo '{\"a\": 1}' >&3", {{"stdin", "json"}});
  EXPECT_EQ(bench.run().ending, Ending::reached);
  EXPECT_EQ(Json::parse(bench.folder.read("got")), bench.config.json());
}

TEST(CommandEvaluator, TakesAFinalLineFromStandardOutput) {
  CommandBench bench(
      "echo epoch 1; echo '{\"fidelity\": 1, \"loss\": 3}'; echo '{\"loss\": 2}'; echo bye >&2",
      {{"report", "stdout"}});
  const Outcome outcome = bench.run(2);
  EXPECT_EQ(measure(outcome, "loss"), 2.0);
  EXPECT_EQ(bench.listener.reports.size(), 1u);
  for (const char* line : {"epoch 1", "{\"loss\": 2}", "bye"})
    EXPECT_NE(bench.log().find(line), std::string::npos) << bench.log();
  EXPECT_EQ(bench.log().find("report line"), std::string::npos);
}

TEST(CommandEvaluator, MalformedReportsAreNotedAndLoseNothing) {
  CommandBench bench(R"(echo garbage >&3; printf '{"loss": \377}\n' >&3; echo '{"loss": 4}' >&3
i=0; while [ $i -lt 50 ]; do echo "[$i]" >&3; i=$((i+1)); done)");
  const Outcome outcome = bench.run();
  EXPECT_EQ(measure(outcome, "loss"), 4.0);
  EXPECT_NE(bench.log().find("--- report line 1 is not a JSON object: garbage"), std::string::npos)
      << bench.log();
  EXPECT_NE(bench.log().find("--- report line 2 is not valid JSON"), std::string::npos);
  EXPECT_NE(bench.log().find("--- 32 more reports were not taken"), std::string::npos) << bench.log();
}

TEST(CommandEvaluator, ReportsBeyondTheTargetAreNotTheResult) {
  // A program that goes on beyond what it was asked for: its value at the target counts, and the log says why
  // the others do not.
  CommandBench bench("for e in 1 2 3 4 5; do echo \"{\\\"fidelity\\\": $e, \\\"loss\\\": 1$e}\" >&3; done");
  const Outcome outcome = bench.run(3);
  EXPECT_EQ(measure(outcome, "loss"), 13.0);
  EXPECT_EQ(bench.listener.reports.size(), 2u);
  EXPECT_NE(bench.log().find("report line 4 is of fidelity 4, and this run was to go to 3 (HONE_FIDELITY)"),
            std::string::npos)
      << bench.log();
  CommandBench late("echo '{\"fidelity\": 9, \"loss\": 1}' >&3", {{"metrics", {"loss"}}});
  EXPECT_EQ(late.run(3).reason,
            "it did not report loss | its report line 1 is of fidelity 9, and this run was to go to 3 "
            "(HONE_FIDELITY)");
}

TEST(CommandEvaluator, AMissingMetricFails) {
  CommandBench bench("echo '{\"fidelity\": 3, \"loss\": 1}' >&3", {{"metrics", {"loss"}}});
  const Outcome outcome = bench.run(9);
  EXPECT_EQ(outcome.ending, Ending::failed);
  EXPECT_EQ(outcome.cause, "missing");
  EXPECT_EQ(outcome.reason, "it did not report loss; its reports end at 3 of 9 steps");
}

TEST(CommandEvaluator, FailuresHaveCauses) {
  const auto fail = [](const std::string& script, const Json& options = Json::object()) {
    CommandBench bench(script, options);
    const Outcome outcome = bench.run();
    EXPECT_EQ(outcome.ending, Ending::failed) << script;
    return outcome;
  };
  Outcome outcome = fail("echo '{\"loss\": 1}' >&3; echo first; echo the reason >&2; exit 3");
  EXPECT_EQ(outcome.cause, "exit");
  EXPECT_EQ(outcome.reason, "exit status 3: first | the reason");
  outcome = fail("kill -SEGV $$");
  EXPECT_EQ(outcome.cause, "signal");
  EXPECT_EQ(outcome.reason, "killed by SIGSEGV");
  outcome = fail("sh -c 'kill -KILL $$'; exit $?");
  EXPECT_EQ(outcome.cause, "exit");
  EXPECT_EQ(outcome.reason.substr(0, 39), "exit status 137 (as shells say SIGKILL)") << outcome.reason;
  outcome = fail("kill -KILL $PPID; sleep 10");
  EXPECT_EQ(outcome.cause, "crash") << "its keeper was killed";
}

TEST(CommandEvaluator, OverItsTime) {
  CommandBench bench("trap '' TERM; echo started; sleep 100 & wait; sleep 100",
                     {{"time", "300 ms"}, {"grace", "200 ms"}});
  const double began = test::seconds();
  const Outcome outcome = bench.run();
  EXPECT_EQ(outcome.ending, Ending::failed);
  EXPECT_EQ(outcome.cause, "time");
  EXPECT_LT(test::seconds() - began, 30.0);
}

TEST(CommandEvaluator, OverItsMemoryInAGrandchild) {
  // sort reads all of its input before it writes: its memory grows with it.
  CommandBench bench("yes 0123456789012345678901234567890123456789 | sort -S 2G > /dev/null",
                     {{"memory", "80 MB"}});
  const Outcome outcome = bench.run();
  EXPECT_EQ(outcome.ending, Ending::failed);
  EXPECT_EQ(outcome.cause, "memory");
  EXPECT_NE(outcome.reason.find("over its memory limit of 80.0 MB"), std::string::npos) << outcome.reason;
}

TEST(CommandEvaluator, StopsAndPausesWithASignalOfItsOwn) {
  for (const bool pause : {false, true}) {
    CommandBench bench(R"(trap 'echo saved > $HONE_CHECKPOINT/state; echo caught USR1; exit 0' USR1
trap 'echo caught TERM; exit 0' TERM
i=0; while :; do i=$((i+1)); echo "{\"fidelity\": $i, \"loss\": 1}" >&3; sleep 0.02; done)",
                       {{"pause_signal", "SIGUSR1"}});
    bench.listener.judge = [&](std::int64_t fidelity) {
      return fidelity < 3 ? Verdict::go_on : pause ? Verdict::pause : Verdict::stop;
    };
    const Outcome outcome = bench.run(1000);
    EXPECT_EQ(outcome.ending, pause ? Ending::paused : Ending::stopped);
    EXPECT_EQ(outcome.fidelity, 3);
    EXPECT_EQ(bench.listener.reports.size(), 3u) << "nothing is decided twice";
    EXPECT_NE(bench.log().find(pause ? "caught USR1" : "caught TERM"), std::string::npos) << bench.log();
    EXPECT_EQ(std::filesystem::exists(bench.folder.file("s.hone/trials/7/checkpoint/state")), pause);
  }
}

TEST(CommandEvaluator, AnInterruptedTrialGoesOnFromItsCheckpoint) {
  CommandBench bench(R"(i=0; [ -f $HONE_CHECKPOINT/i ] && i=$(cat $HONE_CHECKPOINT/i)
echo "begins at $i, told $HONE_FROM"
trap 'echo $i > $HONE_CHECKPOINT/i; exit 0' TERM
while [ $i -lt $HONE_FIDELITY ]; do i=$((i+1)); echo "{\"fidelity\": $i, \"loss\": $i}" >&3; sleep 0.02; done)");
  bench.listener.interrupt = [&] { return bench.listener.reports.size() >= 4; };
  Outcome outcome = bench.run(12);
  ASSERT_EQ(outcome.ending, Ending::interrupted);
  const std::int64_t reached = outcome.fidelity;
  EXPECT_GE(reached, 4);
  EXPECT_LT(reached, 12);
  bench.listener.interrupt = nullptr;
  outcome = bench.run(12, reached);
  EXPECT_EQ(outcome.ending, Ending::reached);
  EXPECT_EQ(measure(outcome, "loss"), 12.0);
  const std::string again = "begins at " + std::to_string(reached) + ", told " + std::to_string(reached);
  EXPECT_NE(bench.log().find(again), std::string::npos) << bench.log();
  EXPECT_EQ(bench.listener.reports.size(), 11u) << "no fidelity twice";
}

TEST(CommandEvaluator, WithoutACheckpointItBeginsAgain) {
  CommandBench bench("echo told $HONE_FROM; echo '{\"loss\": 1}' >&3");
  EXPECT_EQ(bench.run(10, 5).ending, Ending::reached);
  EXPECT_NE(bench.log().find("told 0"), std::string::npos) << bench.log();
}

TEST(CommandEvaluator, AResultThatCameBeforeTheInterruptionStands) {
  CommandBench bench("trap 'exit 0' TERM; echo '{\"loss\": 1}' >&3; touch said; sleep 10 & wait");
  bench.listener.interrupt = [&] { return std::filesystem::exists(bench.folder.file("said")); };
  EXPECT_EQ(bench.run().ending, Ending::reached);
}

TEST(CommandEvaluator, WhoIgnoresTheSignalIsKilled) {
  CommandBench bench("trap '' TERM; touch ready; while :; do sleep 1; done", {{"grace", "200 ms"}});
  bench.listener.interrupt = [&] { return std::filesystem::exists(bench.folder.file("ready")); };
  const double began = test::seconds();
  EXPECT_EQ(bench.run().ending, Ending::interrupted);
  EXPECT_LT(test::seconds() - began, 30.0);
  EXPECT_NE(bench.log().find("interrupted, killed by SIGKILL"), std::string::npos) << bench.log();
}

TEST(CommandEvaluator, NobodyOutlivesTheTrial) {
  CommandBench bench(R"(setsid sh -c 'trap "" TERM HUP; echo $$ > runaway; sleep 1000' &
(sh -c 'trap "" TERM; echo $$ > orphan; sleep 1000' &)
while [ ! -s runaway ] || [ ! -s orphan ]; do sleep 0.01; done
echo '{"loss": 1}' >&3)");
  const double began = test::seconds();
  EXPECT_EQ(bench.run().ending, Ending::reached);
  EXPECT_LT(test::seconds() - began, 30.0) << "they hold the pipes open, and are not waited for";
  for (const char* name : {"runaway", "orphan"}) {
    const int pid = test::number_in(bench.folder, name);
    ASSERT_GT(pid, 0);
    EXPECT_FALSE(test::alive(pid)) << name;
  }
}

TEST(CommandEvaluator, AForkingSwarmEndsToo) {
  CommandBench bench(
      R"(swarm() { if [ $1 -gt 0 ]; then swarm $(($1-1)) & swarm $(($1-1)) & fi; echo x >> swarm; exec sleep 1000; }
swarm 6 & sleep 0.5; echo '{"loss": 1}' >&3; exit 0)");
  EXPECT_EQ(bench.run().ending, Ending::reached);
  // Every process of the swarm ran in this folder: none is left that does.
  int left = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::error_code code;
    const auto folder = std::filesystem::read_symlink(entry.path() / "cwd", code);
    if (!code && folder == bench.folder.path()) ++left;
  }
  EXPECT_EQ(left, 0);
  EXPECT_GT(bench.folder.read("swarm").size(), 20u);
}

TEST(CommandEvaluator, AFloodIsCapped) {
  CommandBench bench(
      "echo the beginning; head -c 200000000 /dev/zero | tr '\\0' x; echo; echo the end; echo '{\"loss\": "
      "1}' >&3",
      {{"output", "64 KiB"}});
  EXPECT_EQ(bench.run().ending, Ending::reached);
  const std::string log = bench.log();
  EXPECT_LT(log.size(), 70000u);
  EXPECT_NE(log.find("the beginning"), std::string::npos);
  EXPECT_NE(log.find("the end"), std::string::npos);
  EXPECT_NE(log.find("bytes are left out here"), std::string::npos);
}

TEST(CommandEvaluator, AFloodOfReportsIsHeardToItsEnd) {
  CommandBench bench("yes '{\"fidelity\": 1, \"loss\": 2}' | head -n 300000 >&3; echo '{\"loss\": 5}' >&3");
  const Outcome outcome = bench.run(2);
  EXPECT_EQ(measure(outcome, "loss"), 5.0);
  EXPECT_EQ(bench.listener.reports.size(), 1u);
}

TEST(CommandEvaluator, WhatIsReportedInVainIsTold) {
  const auto reason = [](const std::string& script, Json options = Json::object()) {
    options["metrics"] = {"loss"};
    return CommandBench(script, std::move(options)).run().reason;
  };
  EXPECT_EQ(
      reason("echo '{\"loss\": \"0.5\", \"a\": 1}' >&3"),
      "it did not report loss; it reported a | the loss that it reported is no number but text, a list or a "
      "table");
  EXPECT_EQ(
      reason("echo \"{'loss': 0.5}\" >&3; echo \"{'loss': 0.4}\" >&3"),
      "it did not report loss | its report line 1 is not valid JSON, or has a number too large for a double: "
      "{'loss': 0.5}");
  EXPECT_EQ(reason("echo '{\"fidelity\": 1.5, \"loss\": 0.5}' >&3"),
            "it did not report loss | its report line 1 has a fidelity that is no whole number: "
            "{\"fidelity\": 1.5, \"loss\": 0.5}");
  EXPECT_EQ(reason("echo 'epoch 1'; echo '{\"loss\": 0.5}'"),
            "it did not report loss | its output has lines of JSON with loss: report = \"stdout\" under "
            "[task] reads "
            "them");
  EXPECT_EQ(reason("echo '{\"los\": 0.5, \"name\": \"x\"}' >&3"), "it did not report loss; it reported los");
  const auto named = reported_by(reason("echo '{\"loss\": \"x\", \"a\": 1, \"b\": 2}' >&3"), "loss");
  EXPECT_EQ(named, (std::vector<std::string>{"a", "b"}));
}

TEST(CommandEvaluator, ProbesForASignature) {
  CommandBench bench("[ -n \"$HONE_PROBE\" ] && [ $1 = --short ] && echo '{\"signature\": [1.5, 2]}' >&3",
                     {{"probe", true}, {"probe_arguments", {"--short"}}});
  EXPECT_EQ(bench.evaluator->probe(bench.config), (std::vector<double>{1.5, 2.0}));
  CommandBench failing("echo '{\"signature\": [1]}' >&3; [ -z \"$HONE_PROBE\" ] || { echo no data; exit 1; }",
                       {{"probe", true}});
  EXPECT_TRUE(failing.evaluator->probe(failing.config).empty());
  failing.run();
  EXPECT_NE(failing.log().find("--- the probe failed: exit status 1: no data"), std::string::npos)
      << failing.log();
  CommandBench without("echo '{\"signature\": [1]}' >&3");
  EXPECT_TRUE(without.evaluator->probe(without.config).empty());

  // The canonical batch: 3 steps of 10 examples with 2 numbers each.
  const std::string sums = "awk 'NF == 2 { print $1 + $2 }'";
  CommandBench batch(sums, {{"probe", true}, {"probe_batch", "text"}, {"probe_numbers", 2}});
  EXPECT_EQ(batch.evaluator->probe(batch.config).size(), 30u);
  CommandBench wordy("echo loss 3", {{"probe", true}, {"probe_batch", "json"}});
  EXPECT_TRUE(wordy.evaluator->probe(wordy.config).empty());
  EXPECT_THROW(CommandBench(sums, {{"stdin", "json"}, {"probe_batch", "text"}}), Error);
}

TEST(CommandEvaluator, RunsOnItsCores) {
  cpu_set_t mine;
  ASSERT_EQ(::sched_getaffinity(0, sizeof mine, &mine), 0);
  int last = 0;
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &mine)) last = core;
  CommandBench bench(
      "grep Cpus_allowed_list /proc/self/status | cut -f2 > cores; echo $OMP_NUM_THREADS > threads");
  bench.cores = {last};
  bench.run();
  EXPECT_EQ(bench.folder.read("cores"), std::to_string(last) + "\n");
  EXPECT_EQ(bench.folder.read("threads"), "1\n");
}

TEST(CommandEvaluator, SeesOnlyItsOwnDescriptors) {
  const int leaked = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  CommandBench bench;
  bench.make({{"run", {"ls", "/proc/self/fd"}}});
  bench.run();
  ::close(leaked);
  // 4 is the folder that ls reads.
  EXPECT_NE(bench.log().find("from 0 to 1\n0\n1\n2\n3\n4\n---"), std::string::npos) << bench.log();
}

TEST(CommandEvaluator, WhatCannotStartIsTheMachinesFault) {
  CommandBench bench;
  bench.make({{"run", {"./broken"}}});
  bench.folder.write("broken", "#!/no/such/interpreter\n");
  ::chmod(bench.folder.file("broken").c_str(), 0755);
  try {
    bench.run();
    FAIL() << "it ran";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::environment);
    EXPECT_NE(std::string(error.what()).find("the interpreter that its first line names is not there"),
              std::string::npos)
        << error.what();
  }
  std::filesystem::remove(bench.folder.file("broken"));
  EXPECT_THROW(bench.run(), Error);
  bench.make({{"run", {"./{mixer.0}"}}});
  const Outcome outcome = bench.run();
  EXPECT_EQ(outcome.ending, Ending::failed) << "a program that a parameter names fails alone";
  EXPECT_EQ(outcome.cause, "error");
}

TEST(CommandEvaluator, AProbeHasItsWorkersCoresAndGpus) {
  const int core = run::usable_cores().back();
  CommandBench bench(
      "{ echo $HONE_CORES; echo $CUDA_VISIBLE_DEVICES; grep Cpus_allowed_list /proc/self/status; } > seen\n"
      "echo '{\"signature\": [1]}' >&3",
      {{"probe", true}, {"gpus", 2}, {"cores", 1}});
  EXPECT_EQ(bench.evaluator->probe_at(bench.config, {.cores = {core}, .gpus = {"4", "6"}}).size(), 1u);
  EXPECT_EQ(bench.folder.read("seen"), fmt::format("1\n4,6\nCpus_allowed_list:\t{}\n", core));
}

TEST(CommandEvaluator, AProbeEndsWhereItIsInterrupted) {
  CommandBench bench("echo '{\"signature\": [1]}' >&3; echo ready > ready; while :; do sleep 0.05; done",
                     {{"probe", true}});
  const auto ready = [&] { return std::filesystem::exists(bench.folder.file("ready")); };
  EXPECT_TRUE(bench.evaluator->probe_at(bench.config, {.interrupted = ready}).empty());
  // It says nothing about the candidate.
  bench.listener.interrupt = [] { return true; };
  bench.run();
  EXPECT_EQ(bench.log().find("probe failed"), std::string::npos) << bench.log();
}

}  // namespace
}  // namespace hone::task
