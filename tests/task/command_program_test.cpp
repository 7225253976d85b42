// Command studies as people run them: hone search, its workers, and what is left when they are stopped or
// killed.
#include "command_bench.h"
#include "hone/study/study.h"

namespace hone::task {
namespace {

using test::Folder;
using test::Program;

std::string study_text(const std::string& task, const std::string& budget = "trials = 4\nworkers = 2\n",
                       const std::string& steps = "1") {
  return "[study]\nminimize = [\"loss\"]\n[task]\nkind = \"command\"\nrun = [\"sh\", \"run.sh\"]\n" + task +
         "[space]\nlr = { real = [0, 1] }\n[search]\nsearcher = \"random\"\nscheduler = { kind = \"fixed\", "
         "steps = " +
         steps + " }\n[budget]\n" + budget;
}

study::Study study_in(const Folder& folder) {
  study::Study study(study::open_store("sqlite:" + folder.file("s.hone/study.sqlite")));
  study.sync();
  return study;
}

int parent_of(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  return std::atoi(text.c_str() + text.rfind(')') + 4);
}

TEST(CommandProgram, SearchesAndSaysWhyTrialsFail) {
  const Folder folder;
  folder.write("run.sh", R"([ $HONE_TRIAL = 0 ] && { echo no luck >&2; exit 3; }
[ $HONE_TRIAL = 1 ] && kill -SEGV $$
[ $HONE_TRIAL = 2 ] && { echo nothing; exit 0; }
echo "{\"loss\": $HONE_PARAM_LR}" >&3)");
  folder.write("s.toml", study_text(""));
  Program search(folder, {"search", "s.toml", "--json"});
  ASSERT_EQ(search.status(), 0) << search.err();
  EXPECT_EQ(Json::parse(search.out())["counts"]["failed"], 3);
  const study::Study study = study_in(folder);
  EXPECT_EQ(study.trial(0).cause, "exit");
  EXPECT_EQ(study.trial(0).reason, "exit status 3: no luck");
  EXPECT_EQ(study.trial(1).cause, "signal");
  EXPECT_EQ(study.trial(2).cause, "missing");
  EXPECT_EQ(study.trial(3).state, study::TrialState::completed);
  ASSERT_TRUE(study.trial(3).last() != nullptr);
  EXPECT_TRUE(study.trial(3).last()->measures.find("seconds"));
  EXPECT_NE(folder.read("s.hone/trials/0/output.log").find("no luck"), std::string::npos);

  folder.write("run.sh", "echo changed");
  Program refused(folder, {"search", "s.toml", "--trials", "9"});
  EXPECT_EQ(refused.status(), 2);
  EXPECT_NE(refused.err().find("'run.sh' has changed"), std::string::npos) << refused.err();
}

TEST(CommandProgram, AMissingProgramIsToldWithItsLine) {
  const Folder folder;
  std::string text = study_text("");
  text.replace(text.find("\"sh\", \"run.sh\""), 14, "\"./absent\"");
  folder.write("s.toml", text);
  Program search(folder, {"search", "s.toml"});
  EXPECT_EQ(search.status(), 2);
  EXPECT_NE(search.err().find("s.toml:5: task.run: there is no program './absent'"), std::string::npos)
      << search.err();
  EXPECT_FALSE(std::filesystem::exists(folder.file("s.hone")));
}

/// The worst program: what it starts leaves its session, ignores signals and lives on.
constexpr const char* kClinging = R"(trap '' TERM HUP INT
echo $PPID > keeper.$HONE_ATTEMPT
setsid sh -c 'trap "" TERM HUP INT; echo $$ > runaway.'$HONE_ATTEMPT'; sleep 1000' &
(sh -c 'trap "" TERM; sleep 1000' &)
echo $$ > program.$HONE_ATTEMPT
while :; do sleep 1; done)";

bool all_dead(const Folder& folder, const std::string& attempt) {
  for (const std::string name : {"keeper.", "runaway.", "program."})
    if (test::alive(test::number_in(folder, name + attempt))) return false;
  return true;
}

bool started(const Folder& folder, const std::string& attempt) {
  for (const std::string name : {"keeper.", "runaway.", "program."})
    if (test::number_in(folder, name + attempt) == 0) return false;
  return true;
}

TEST(CommandProgram, TheTreeDiesWithItsWorkerAndWithTheSearch) {
  const Folder folder;
  folder.write("run.sh", kClinging);
  folder.write("s.toml", study_text("grace = \"300 ms\"\n", "trials = 1\nworkers = 1\n"));
  Program search(folder, {"search", "s.toml"});
  ASSERT_TRUE(test::wait_until([&] { return started(folder, "1"); })) << search.err();
  const int worker = parent_of(test::number_in(folder, "keeper.1"));
  ASSERT_GT(worker, 1);
  ::kill(worker, SIGKILL);
  EXPECT_TRUE(test::wait_until([&] { return all_dead(folder, "1"); }, 5.0));
  // The supervisor starts another worker, and the trial runs again.
  ASSERT_TRUE(test::wait_until([&] { return started(folder, "2"); }));
  EXPECT_FALSE(all_dead(folder, "2"));
  search.signal(SIGKILL);
  EXPECT_TRUE(test::wait_until([&] { return all_dead(folder, "2"); }, 5.0));
  const std::string log = folder.read("s.hone/trials/0/output.log");
  EXPECT_NE(log.find("--- attempt 2, worker w0, from 0 to 1"), std::string::npos) << log;
}

TEST(CommandProgram, TheTreeDiesWithItsKeeper) {
  const Folder folder;
  folder.write("run.sh", "sleep 1000 & echo $! > child.1; echo $$ > program.1; echo $PPID > keeper.1; wait");
  folder.write("s.toml", study_text("", "trials = 1\nworkers = 1\n"));
  Program search(folder, {"search", "s.toml"});
  ASSERT_TRUE(test::wait_until([&] { return test::number_in(folder, "keeper.1") > 0; }));
  ::kill(test::number_in(folder, "keeper.1"), SIGKILL);
  EXPECT_EQ(search.status(), 2) << search.err();
  EXPECT_FALSE(test::alive(test::number_in(folder, "program.1")));
  EXPECT_TRUE(test::wait_until([&] { return !test::alive(test::number_in(folder, "child.1")); }, 5.0));
  EXPECT_EQ(study_in(folder).trial(0).cause, "crash");
}

TEST(CommandProgram, AfterCtrlCTheTrialGoesOnWhereItWas) {
  const Folder folder;
  folder.write("run.sh", R"(i=0; [ -f $HONE_CHECKPOINT/i ] && i=$(cat $HONE_CHECKPOINT/i)
trap 'sleep 1.8; echo $i > $HONE_CHECKPOINT/i; exit 0' TERM
echo $i >> begun
while [ $i -lt $HONE_FIDELITY ]; do i=$((i+1)); echo "{\"fidelity\": $i, \"loss\": $i}" >&3; sleep 0.05; done)");
  folder.write("s.toml", study_text("", "trials = 1\nworkers = 1\n", "30"));
  {
    Program search(folder, {"search", "s.toml"});
    ASSERT_TRUE(test::wait_until([&] {
      return std::filesystem::exists(folder.file("s.hone/study.sqlite")) && folder.read("begun") == "0\n" &&
             study_in(folder).size() == 1 && study_in(folder).trial(0).results.size() >= 3;
    }));
    search.signal(SIGINT);
    EXPECT_EQ(search.status(), 3) << search.err();
  }
  // Saving took longer than a worker usually gets, and was waited for.
  ASSERT_TRUE(std::filesystem::exists(folder.file("s.hone/trials/0/checkpoint/i")));
  const std::int64_t reached = study_in(folder).trial(0).last()->fidelity;
  Program again(folder, {"search", "s.toml"});
  ASSERT_EQ(again.status(), 0) << again.err();
  EXPECT_EQ(folder.read("begun"), "0\n" + std::to_string(reached) + "\n");
  EXPECT_EQ(study_in(folder).trial(0).last()->fidelity, 30);
}

TEST(CommandProgram, WorkersGetCoresOfTheirOwn) {
  const Folder folder;
  folder.write(
      "run.sh",
      "grep Cpus_allowed_list /proc/self/status | cut -f2 >> cores; sleep 0.2; echo '{\"loss\": 1}' >&3");
  folder.write("s.toml", study_text("cores = 1\n", "trials = 6\n"));
  ASSERT_EQ(Program(folder, {"search", "s.toml"}).status(), 0);
  std::istringstream lines(folder.read("cores"));
  for (std::string line; std::getline(lines, line);)
    EXPECT_EQ(line.find_first_not_of("0123456789"), std::string::npos) << line << " is more than one core";
  folder.write("t.toml", study_text("cores = 1000\n"));
  Program refused(folder, {"search", "t.toml"});
  EXPECT_EQ(refused.status(), 2);
  EXPECT_NE(refused.err().find("t.toml:6: task.cores: a trial needs 1000 cores"), std::string::npos)
      << refused.err();
}

TEST(CommandProgram, WorkersGetGpusOfTheirOwn) {
  const Folder folder;
  folder.write("run.sh", "echo $CUDA_VISIBLE_DEVICES >> gpus; sleep 0.3; echo '{\"loss\": 1}' >&3");
  folder.write("s.toml", study_text("gpus = 1\n", "trials = 6\nworkers = 2\n"));
  ::setenv("CUDA_VISIBLE_DEVICES", "3, GPU-7", 1);
  Program search(folder, {"search", "s.toml"});
  EXPECT_EQ(search.status(), 0) << search.err();
  Program refused(folder, {"search", "s.toml", "--workers", "3", "--trials", "9"});
  EXPECT_EQ(refused.status(), 2);
  EXPECT_NE(refused.err().find("3 workers with 1 GPUs each"), std::string::npos) << refused.err();
  ::unsetenv("CUDA_VISIBLE_DEVICES");
  EXPECT_NE(folder.read("gpus").find("3\n"), std::string::npos);
  EXPECT_NE(folder.read("gpus").find("GPU-7\n"), std::string::npos);
  EXPECT_EQ(folder.read("gpus").find(','), std::string::npos);
}

TEST(CommandProgram, TheSameSignatureIsNotRunAgain) {
  const Folder folder;
  folder.write("run.sh", R"(if [ -n "$HONE_PROBE" ]; then echo '{"signature": [1, 2]}' >&3; exit; fi
echo run >> runs; echo '{"loss": 1}' >&3)");
  folder.write("s.toml", study_text("probe = true\n", "trials = 6\nworkers = 1\n"));
  Program search(folder, {"search", "s.toml"});
  ASSERT_EQ(search.status(), 0) << search.err();
  EXPECT_EQ(folder.read("runs"), "run\n");
  EXPECT_EQ(study_in(folder).count(study::TrialState::completed), 6);
  // A time is not taken over.
  std::string text = study_text("probe = true\n", "trials = 3\nworkers = 1\n");
  text.replace(text.find("\"loss\""), 6, "\"loss\", \"seconds\"");
  folder.write("t.toml", text);
  ASSERT_EQ(Program(folder, {"search", "t.toml"}).status(), 0);
  EXPECT_EQ(folder.read("runs"), "run\nrun\nrun\nrun\n");
}

TEST(CommandProgram, SmallAndLargeSignaturesAreToldApart) {
  const auto runs = [](const std::string& signature, const std::string& search) {
    const Folder folder;
    folder.write("run.sh", "if [ -n \"$HONE_PROBE\" ]; then echo \"{\\\"signature\\\": [" + signature +
                               "]}\" >&3; exit; fi\necho run >> runs; echo '{\"loss\": 1}' >&3");
    folder.write("s.toml",
                 "[study]\nminimize = [\"loss\"]\n[task]\nkind = \"command\"\nrun = [\"sh\", \"run.sh\"]\n"
                 "probe = true\n[space]\nk = { int = [1, 6] }\n[search]\nsearcher = \"random\"\n" +
                     search + "[budget]\nworkers = 1\n");
    Program program(folder, {"search", "s.toml"});
    EXPECT_EQ(program.status(), 0) << program.err();
    const std::string lines = folder.read("runs");
    return std::count(lines.begin(), lines.end(), '\n');
  };
  EXPECT_EQ(runs("${HONE_PARAM_K}e-7, -${HONE_PARAM_K}e-9", ""), 6);
  EXPECT_EQ(runs("4000${HONE_PARAM_K}", ""), 6);
  EXPECT_EQ(runs("2, 1e-1${HONE_PARAM_K}", ""), 4) << "1e-14 to 1e-16 are nothing beside 2";
  EXPECT_EQ(runs("4000${HONE_PARAM_K}", "identity = { mantissa_bits = 10, relative = 2e-6 }\n"), 1);
}

TEST(CommandProgram, ProbesThatGiveNothingAreCounted) {
  const auto said = [](const std::string& probe) {
    const Folder folder;
    folder.write("run.sh", "if [ -n \"$HONE_PROBE\" ]; then " + probe + "; fi\necho '{\"loss\": 1}' >&3");
    folder.write("s.toml", study_text("probe = true\n", "trials = 4\nworkers = 1\n"));
    Program search(folder, {"search", "s.toml"});
    EXPECT_EQ(search.status(), 0) << search.err();
    Program status(folder, {"status", "s.toml"}), json(folder, {"status", "s.toml", "--json"});
    const Json without = Json::parse(json.out())["saved"]["unhashable"];
    const std::string reason = without.is_null() ? "" : without["reason"].get<std::string>();
    if (!without.is_null()) {
      EXPECT_EQ(without["count"], 4);
      EXPECT_EQ(without["trial"], 0);
    }
    for (const std::string& text : {search.err(), status.out()})
      EXPECT_EQ(text.find("the probe of 4 trials gave no functional key") != std::string::npos,
                !reason.empty() && text.find(reason) != std::string::npos)
          << text;
    return reason;
  };
  EXPECT_EQ(said("echo no data; exit 1"), "the probe failed: exit status 1: no data");
  EXPECT_EQ(said("echo '{\"signature\": [1, NaN]}' >&3; exit 0"),
            "the probe failed: its signature holds NaN or infinity");
  EXPECT_EQ(said("exit 0"), "the probe failed: it printed no signature");
  EXPECT_EQ(said("echo '{\"signature\": [1, 2]}' >&3; exit 0"), "");
}

TEST(CommandProgram, UnneededCheckpointsAreRemoved) {
  const Folder folder;
  folder.write("run.sh", "echo x > $HONE_CHECKPOINT/x; echo \"{\\\"loss\\\": $HONE_PARAM_LR}\" >&3");
  folder.write("s.toml", study_text("", "trials = 8\nworkers = 1\n"));
  ASSERT_EQ(Program(folder, {"search", "s.toml"}).status(), 0);
  const study::Study study = study_in(folder);
  ASSERT_EQ(study.front().members().size(), 1u);
  for (const auto& trial : study.trials())
    EXPECT_EQ(
        std::filesystem::exists(folder.file("s.hone/trials/" + std::to_string(trial.id) + "/checkpoint")),
        trial.id == study.front().members()[0].trial);
}

TEST(CommandProgram, ThePythonHelperReports) {
  if (std::system("python3 -c pass >/dev/null 2>&1") != 0) GTEST_SKIP() << "there is no python3";
  const Folder folder;
  folder.write("train.py", R"(import json, os
def report(**values):
    os.write(int(os.environ.get("HONE_REPORT_FD", 1)), (json.dumps(values) + "\n").encode())
config = json.loads(os.environ.get("HONE_CONFIG", "{}"))

for step in range(int(os.environ["HONE_FROM"]) + 1, int(os.environ["HONE_FIDELITY"]) + 1):
    report(fidelity=step, loss=config["lr"] if step > 1 else float("inf"))
)");
  std::string text = study_text("", "trials = 2\nworkers = 1\n", "3");
  text.replace(text.find("\"sh\", \"run.sh\""), 14, "\"python3\", \"train.py\"");
  folder.write("s.toml", text);
  Program search(folder, {"search", "s.toml"});
  ASSERT_EQ(search.status(), 0) << search.err();
  EXPECT_EQ(study_in(folder).count(study::TrialState::completed), 2);
}

TEST(CommandProgram, InitWritesAStudyThatRuns) {
  const Folder folder;
  ASSERT_EQ(Program(folder, {"init", "s.toml", "--template", "command"}).status(), 0);
  Program search(folder, {"search", "s.toml", "--trials", "3"});
  EXPECT_EQ(search.status(), 0) << search.err();
  EXPECT_EQ(study_in(folder).count(study::TrialState::failed), 0);
  folder.write("mine.sh", "mine");
  EXPECT_EQ(Program(folder, {"init", "mine.toml", "--template", "command"}).status(), 2);
  EXPECT_EQ(folder.read("mine.sh"), "mine") << "it must not overwrite";
  // --force keeps what was there, each time.
  for (const std::string content : {"mine", "mine, too"}) {
    folder.write("mine.sh", content);
    Program force(folder, {"init", "mine.toml", "--template", "command", "--force"});
    EXPECT_EQ(force.status(), 0) << force.err();
    EXPECT_EQ(folder.read("mine.sh"), folder.read("s.sh"));
    const std::string kept = content == "mine" ? "mine.sh.old" : "mine.sh.old2";
    EXPECT_EQ(folder.read(kept), content);
    EXPECT_NE(force.out().find("kept the mine.sh that was there as " + kept), std::string::npos)
        << force.out();
  }
  EXPECT_EQ(Program(folder, {"init", "mine.toml", "--template", "command", "--force"}).status(), 0);
  EXPECT_FALSE(std::filesystem::exists(folder.file("mine.sh.old3"))) << "nothing was lost, nothing is kept";
}

TEST(CommandProgram, ALimitThatNoTrialReportsIsSaid) {
  const Folder folder;
  folder.write("run.sh", "echo \"{\\\"loss\\\": $HONE_PARAM_LR, \\\"size_bytes\\\": 5}\" >&3");
  const std::string text = study_text("", "trials = 5\nworkers = 1\n") + "[limits]\nsize_byte = 3\n";
  folder.write("s.toml", text);
  Program search(folder, {"search", "s.toml"});
  ASSERT_EQ(search.status(), 0) << search.err();
  const auto says = [](const std::string& in, const std::string& part) {
    EXPECT_NE(in.find(part), std::string::npos) << part << "\n in: " << in;
  };
  for (const char* part :
       {"warning: ", "s.toml:15: limits.size_byte: no trial reports 'size_byte', so it limits nothing",
        "what they report: loss, size_bytes, seconds", "did you mean 'size_bytes'?", "correct the name"})
    says(search.err(), part);
  says(search.out(), "warning: ");
  Program status(folder, {"status", "s.toml", "--json"});
  const Json document = Json::parse(status.out());
  ASSERT_EQ(document["unreported"].size(), 1u) << status.out();
  EXPECT_EQ(document["unreported"][0]["name"], "size_byte");
  EXPECT_EQ(document["unreported"][0]["role"], "limit");
  says(Program(folder, {"status", "s.toml"}).out(), "warning: ");
  // What it says to do helps: the trials are judged by the limit.
  std::string corrected = text;
  corrected.replace(corrected.find("size_byte "), 10, "size_bytes ");
  folder.write("s.toml", corrected);
  Program again(folder, {"search", "s.toml"});
  ASSERT_EQ(again.status(), 0) << again.err();
  EXPECT_EQ(again.err().find("warning: "), std::string::npos) << again.err();
  EXPECT_EQ(study_in(folder).count(study::TrialState::infeasible), 5);
}

TEST(CommandProgram, AnObjectiveThatNoTrialReportsEndsTheSearch) {
  const Folder folder;
  folder.write("run.sh", "echo \"{\\\"losses\\\": 1, \\\"other\\\": 5}\" >&3");
  folder.write("s.toml", study_text("", "trials = 1000\nworkers = 1\n"));
  Program search(folder, {"search", "s.toml"});
  EXPECT_EQ(search.status(), 2) << search.err();
  for (const char* part :
       {"error: ", "s.toml:2: study.minimize: no trial reports 'loss', and without it all ",
        "what they report: losses, other, seconds, ", "did you mean 'losses'?", "another name"})
    EXPECT_NE(search.err().find(part), std::string::npos) << part << "\n in: " << search.err();
  const study::Study study = study_in(folder);
  EXPECT_LT(study.size(), 1000);
  EXPECT_EQ(study.trial(0).reason.find("it did not report loss; it reported losses, "), 0u)
      << study.trial(0).reason;
}

TEST(CommandProgram, AStudyWhoseRunsAllFailGivesUp) {
  const auto run = [](const std::string& script, const std::string& budget) {
    const Folder folder;
    folder.write("run.sh", script);
    folder.write("s.toml", study_text("", "workers = 1\n" + budget));
    Program search(folder, {"search", "s.toml"});
    const int status = search.status();
    return std::tuple(status, study_in(folder).count(study::TrialState::failed), search.err());
  };
  const auto [status, failed, said] = run("echo no data; exit 7", "trials = 400\n");
  EXPECT_EQ(status, 2) << said;
  EXPECT_GE(failed, 20);
  EXPECT_LT(failed, 400);
  EXPECT_NE(said.find("and none was completed; the first, trial 0: exit status 7: no data"),
            std::string::npos)
      << said;
  EXPECT_EQ(std::get<1>(run("exit 7", "trials = 30\nfailures = 0\n")), 30) << "it was asked for";
  const auto some = run("[ $HONE_TRIAL = 3 ] || exit 7; echo '{\"loss\": 1}' >&3", "trials = 30\n");
  EXPECT_EQ(std::get<0>(some), 0) << "one came through: " << std::get<2>(some);
}

TEST(CommandProgram, ALineThatIsRefusedIsNoMistypedName) {
  const Folder folder;
  folder.write("run.sh", "echo \"{'loss': 0.5}\" >&3");
  folder.write("s.toml", study_text("", "trials = 1000\nworkers = 1\n"));
  Program search(folder, {"search", "s.toml"});
  EXPECT_EQ(search.status(), 2) << search.err();
  EXPECT_NE(search.err().find("no trial reports 'loss' so that it can be read"), std::string::npos)
      << search.err();
  EXPECT_NE(search.err().find("is not valid JSON"), std::string::npos) << search.err();
  EXPECT_EQ(search.err().find("correct the name"), std::string::npos) << search.err();
}

TEST(CommandProgram, CtrlCEndsAProbe) {
  const Folder folder;
  folder.write("run.sh", "[ -n \"$HONE_PROBE\" ] || exit 1; echo $$ > probe; sleep 1000");
  folder.write("s.toml", study_text("probe = true\n", "trials = 1\nworkers = 1\n"));
  Program search(folder, {"search", "s.toml"});
  ASSERT_TRUE(test::wait_until([&] { return test::number_in(folder, "probe") > 0; })) << search.err();
  search.signal(SIGINT);
  EXPECT_EQ(search.status(), 3) << search.err();
  EXPECT_EQ(study_in(folder).count(study::TrialState::waiting), 1) << "given back by its worker";
  EXPECT_EQ(study_in(folder).trial(0).lost + study_in(folder).trial(0).vanished, 0);
}

TEST(CommandProgram, WithoutAUnitItNeedsNoScheduler) {
  const Folder folder;
  folder.write("run.sh", "echo \"{\\\"loss\\\": $HONE_FIDELITY}\" >&3");
  const auto text = [](const std::string& task) {
    return "[study]\nminimize = [\"loss\"]\n[task]\nkind = \"command\"\nrun = [\"sh\", \"run.sh\"]\n" + task +
           "[space]\nlr = { real = [0, 1] }\n[budget]\ntrials = 2\nworkers = 1\n";
  };
  folder.write("s.toml", text(""));
  Program search(folder, {"search", "s.toml"});
  ASSERT_EQ(search.status(), 0) << search.err();
  const study::Study study = study_in(folder);
  EXPECT_EQ(study.count(study::TrialState::completed), 2);
  EXPECT_EQ(study.trial(0).last()->fidelity, 1);
  folder.write("t.toml", text("unit = \"epochs\"\n"));
  Program counted(folder, {"search", "t.toml"});
  EXPECT_EQ(counted.status(), 2);
  EXPECT_NE(counted.err().find("task 'command' counts epochs"), std::string::npos) << counted.err();
  EXPECT_NE(counted.err().find("scheduler = { kind = \"fixed\", steps = 100 }"), std::string::npos)
      << counted.err();
}

}  // namespace
}  // namespace hone::task
