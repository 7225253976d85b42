// Tasks of one's own: a program that hone asks what it is, and starts as its workers.
#include "hone/run/worker_main.h"

#include <cstdlib>

#include "../program.h"
#include "hone/base/files.h"
#include "hone/run/worker_arguments.h"
#include "hone/study/study.h"
#include "hone/task/program_description.h"

namespace hone::run {
namespace {

using test::Folder;
using test::Program;

const std::string kOwnTasks = std::string(HONE_PROGRAMS) + "/own_tasks";

std::string worker_study(const std::string& task, int trials = 20,
                         const std::string& space = "a = { real = [0, 1] }",
                         const std::string& objective = "value") {
  return "[study]\nminimize = [\"" + objective + "\"]\n[task]\nkind = \"program\"\n" + task + "\n[space]\n" +
         space +
         "\n[search]\nsearcher = \"random\"\nscheduler = { kind = \"fixed\", steps = 1 }\n[budget]\ntrials "
         "= " +
         std::to_string(trials) + "\nworkers = 2\n";
}

std::string own(const std::string& rest) { return "program = \"" + kOwnTasks + "\"\n" + rest; }

/// What is wrong with a study file, "" where nothing is.
std::string wrong(const Folder& folder, const std::string& text) {
  folder.write("s.toml", text);
  try {
    const StudyFile file = StudyFile::read(folder.file("s.toml"));
    prepare_task(file);
    return "";
  } catch (const Error& error) {
    const std::string what = error.what();
    const std::string path = folder.path() + "/";
    return what.starts_with(path) ? what.substr(path.size()) : what;
  }
}

void script(const Folder& folder, const std::string& name, const std::string& text) {
  folder.write(name, text);
  std::filesystem::permissions(folder.file(name), std::filesystem::perms::owner_all);
}

void expect_part(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << text << "' lacks '" << part << "'";
}

study::Study study_in(const Folder& folder) {
  study::Study study(study::open_store("sqlite:" + folder.file("s.hone/study.sqlite")));
  study.sync();
  return study;
}

TEST(OwnTask, IsSearchedByItsOwnProcesses) {
  const Folder folder;
  // A relative path, from a folder with a space in its name.
  std::filesystem::create_directory(folder.file("a b"));
  std::filesystem::create_symlink(kOwnTasks, folder.file("a b/mine"));
  folder.write("a b/s.toml", worker_study("program = \"./mine\"\nname = \"slope\"\noptions = { scale = 2 }"));
  Program search(folder, {"search", "a b/s.toml", "--json"});
  ASSERT_EQ(search.status(), 0) << search.err();
  const Json done = Json::parse(search.out());
  EXPECT_EQ(done["counts"]["completed"], 20);
  study::Study study(study::open_store("sqlite:" + folder.file("a b/s.hone/study.sqlite")));
  study.sync();
  EXPECT_EQ(study.header().data, "slope: 1");
  for (const auto& trial : study.trials()) {
    const double a = trial.config.real("a");
    EXPECT_DOUBLE_EQ(trial.last()->measures.find("value").value(), 2.0 * (a - 0.3) * (a - 0.3));
  }
  // Another worker joins by the store alone.
  Program more(folder, {"worker", "--store", "sqlite:a b/s.hone/study.sqlite", "--trials", "23"});
  EXPECT_EQ(more.status(), 0) << more.err();
  study.sync();
  EXPECT_EQ(study.count(study::TrialState::completed), 23);
}

TEST(OwnTask, WithTheFullInterfaces) {
  const Folder folder;
  const std::string flags = "a = { flag = true }\nb = { flag = true }\nc = { flag = true }";
  folder.write("s.toml",
               worker_study(own("name = \"ones\"\noptions = { width = 3 }"), 8, flags, "ones_of_3"));
  Program search(folder, {"search", "s.toml", "--json"});
  ASSERT_EQ(search.status(), 0) << search.err();
  expect_part(search.err(), "data: 3 flags to set");
  const study::Study study = study_in(folder);
  EXPECT_TRUE(study.header().data.starts_with("program ")) << "the program's own hash";
  EXPECT_EQ(study.size(), 8);
  EXPECT_EQ(study.front().members().front().values.front(), 0.0);

  const auto text = [&](const std::string& options, const std::string& objective = "ones_of_2") {
    return worker_study(own("name = \"ones\"\noptions = " + options), 8, flags, objective);
  };
  expect_part(wrong(folder, text("{ width = 2 }", "ones_of_3")),
              "s.toml:2: study.minimize: task 'program' does not report 'ones_of_3'");
  expect_part(wrong(folder, text("{ width = 2 }")), "s.toml:9: space.a: the space needs as many flags");
  expect_part(wrong(folder, text("{ width = 13 }")),
              "s.toml:7: task.options.width: 13 brings bad luck; take 12");
  expect_part(wrong(folder, text("{}")), "s.toml:7: task.options: 'width' is missing: how many flags");
}

TEST(OwnTask, MistakesInTheStudyFileHaveTheirPlace) {
  const Folder folder;
  EXPECT_EQ(wrong(folder, worker_study(own("name = \"slope\"\noptions = { scale = 4 }"))), "");
  expect_part(wrong(folder, worker_study(own(""))),
              "s.toml:5: task.program: " + kOwnTasks + " holds 2 tasks");
  expect_part(wrong(folder, worker_study(own("name = \"slop\""))), "s.toml:6: task.name");
  expect_part(wrong(folder, worker_study(own("name = \"slop\""))), "did you mean 'slope'?");
  const auto with = [&](const std::string& options) {
    return wrong(folder, worker_study(own("name = \"slope\"\noptions = " + options)));
  };
  expect_part(with("{ scal = 1 }"), "s.toml:7: task.options.scal: unknown key 'scal'; did you mean 'scale'?");
  expect_part(with("{ scale = 9 }"), "s.toml:7: task.options.scale: 9 is out of range; allowed: 0.5 to 4");
  expect_part(with("{ mood = \"clam\" }"), "did you mean 'calm'?");
  expect_part(with("[1]"), "s.toml:7: task.options: expected a table");
  expect_part(wrong(folder, worker_study(own("name = \"slope\""), 3, "a = { real = [0, 1] }", "valeu")),
              "did you mean 'value'?");
  expect_part(wrong(folder, worker_study("programm = \"x\"")), "did you mean 'program'?");
}

TEST(OwnTask, ProgramsThatAreNone) {
  const Folder folder;
  const auto with = [&](const std::string& program) {
    const std::string said = wrong(folder, worker_study("program = \"" + program + "\""));
    expect_part(said, "s.toml:5: task.program: ");
    return said;
  };
  expect_part(with("nowhere"), "there is no program 'nowhere'");
  std::filesystem::create_directory(folder.file("folder"));
  expect_part(with("folder"), "is a folder");
  folder.write("plain", "x");
  expect_part(with("plain"), "not executable");
  script(folder, "text", "no shebang and no program");
  expect_part(with("text"), "cannot be run: Exec format error");
  script(folder, "orphan", "#!/nowhere/sh\n");
  expect_part(with("orphan"), "cannot be run: No such file");
  script(folder, "chatter", "#!/bin/sh\necho hello\n");
  expect_part(with("chatter"), "printed no description of a task");
  script(folder, "array", "#!/bin/sh\necho '{\"hone\": \"" HONE_VERSION "\", \"tasks\": [{\"name\": 3}]}'\n");
  expect_part(with("array"), "describes no task");
  script(folder, "old", "#!/bin/sh\necho '{\"hone\": \"0.0.1\", \"tasks\": []}'\n");
  expect_part(with("old"), "was built with hone 0.0.1, and this is hone " HONE_VERSION);
  script(folder, "fails", "#!/bin/sh\necho no such option >&2\nexit 7\n");
  expect_part(with("fails"), "ended with status 7: no such option");
  script(folder, "dies", "#!/bin/sh\nkill -SEGV $$\n");
  expect_part(with("dies"), "was killed by signal 11");
  script(folder, "endless", "#!/bin/sh\nexec yes\n");
  expect_part(with("endless"), "prints without end");
  // What it leaves running is not waited for, and is ended.
  script(folder, "leaves", "#!/bin/sh\nsleep 60 &\necho $! >\"$0.child\"\necho hello\n");
  expect_part(with("leaves"), "printed no description of a task");
  const std::string stat = "/proc/" + std::to_string(std::stoi(folder.read("leaves.child"))) + "/stat";
  EXPECT_TRUE(test::wait_until([&] {  // gone, or a zombie where nobody reaps orphans
    std::string line;
    return !std::getline(std::ifstream(stat), line) || line.find(") Z ") != std::string::npos;
  }));
  ::setenv("HONE_DESCRIBE_TIME", "200 ms", 1);
  script(folder, "hangs", "#!/bin/sh\nsleep 60\n");
  const double began = test::seconds();
  expect_part(with("hangs"), "did not answer within 200");
  EXPECT_LT(test::seconds() - began, 30.0) << "it waits for no child of the program";
  ::unsetenv("HONE_DESCRIBE_TIME");
}

TEST(OwnTask, ACrashIsBlamedOnTheTrial) {
  const Folder folder;
  folder.write("s.toml", worker_study(own("name = \"slope\"\noptions = { crash = true }"), 8));
  Program search(folder, {"search", "s.toml", "--json"});
  ASSERT_EQ(search.status(), 0) << search.err();
  const study::Study study = study_in(folder);
  ASSERT_EQ(study.size(), 8);
  int crashed = 0;
  for (const auto& trial : study.trials()) {
    const bool crashes = trial.config.real("a") > 0.5;
    crashed += crashes ? 1 : 0;
    EXPECT_EQ(trial.state, crashes ? study::TrialState::failed : study::TrialState::completed) << trial.id;
    EXPECT_EQ(trial.lost > 0, crashes) << trial.id;
  }
  EXPECT_GT(crashed, 0);
  EXPECT_LT(crashed, 8);
}

TEST(OwnTask, LeavingFromATrialIsACrashWhateverTheStatus) {
  for (const char* status : {"0", "1", "2", "3"}) {
    const Folder folder;
    folder.write("s.toml", worker_study(own("name = \"slope\"\noptions = { mood = \"leaves with " +
                                            std::string(status) + "\" }"),
                                        6));
    Program search(folder, {"search", "s.toml", "--json"});
    ASSERT_EQ(search.status(), 0) << status << ": " << search.err();
    const study::Study study = study_in(folder);
    ASSERT_EQ(study.size(), 6) << status;
    int crashed = 0;
    for (const auto& trial : study.trials()) {
      const bool crashes = trial.config.real("a") > 0.5;
      crashed += crashes ? 1 : 0;
      EXPECT_EQ(trial.state, crashes ? study::TrialState::failed : study::TrialState::completed) << trial.id;
      if (!crashes) continue;
      EXPECT_EQ(trial.cause, "crash") << status;
      expect_part(trial.reason, "ended with status " + std::string(status));
    }
    EXPECT_GT(crashed, 0);
  }
}

TEST(OwnTask, AnExceptionFailsTheTrial) {
  const Folder folder;
  folder.write("s.toml", worker_study(own("name = \"slope\"\noptions = { mood = \"wild\" }"), 3));
  Program search(folder, {"search", "s.toml"});
  EXPECT_EQ(search.status(), 2) << search.err();
  const study::Study study = study_in(folder);
  EXPECT_EQ(study.count(study::TrialState::failed), 3);
  EXPECT_EQ(study.trial(0).reason, "the mood is wild");
}

TEST(OwnTask, WhatIsThrownNeedNotBeAnException) {
  const Folder folder;
  folder.write("s.toml", worker_study(own("name = \"slope\"\noptions = { mood = \"blunt\" }"), 8));
  Program search(folder, {"search", "s.toml"});
  EXPECT_EQ(search.status(), 0) << search.err();
  const study::Study study = study_in(folder);
  EXPECT_GT(study.count(study::TrialState::failed), 0);
  for (const auto& trial : study.trials()) {
    EXPECT_EQ(trial.lost, 0) << "no process was lost";
    const bool thrown = trial.config.real("a") > 0.5;
    EXPECT_EQ(trial.state, thrown ? study::TrialState::failed : study::TrialState::completed) << trial.id;
    EXPECT_EQ(trial.cause, thrown ? "error" : "");
  }
}

TEST(OwnTask, CtrlCStopsItsWorkers) {
  const Folder folder;
  folder.write("s.toml", worker_study(own("name = \"slope\"\noptions = { pause = \"100 ms\" }"), 1000));
  Program search(folder, {"search", "s.toml"});
  ASSERT_TRUE(test::wait_until([&] {
    if (!std::filesystem::exists(folder.file("s.hone/study.sqlite"))) return false;
    try {
      return study_in(folder).size() > 3;
    } catch (const Error&) {
      return false;  // the file is there, and the study is not yet
    }
  }));
  search.signal(SIGINT);
  EXPECT_EQ(search.status(), 3);
  EXPECT_EQ(study_in(folder).count(study::TrialState::running), 0);
}

TEST(OwnTask, AProgramBuiltAnewIsNoticed) {
  const Folder folder;
  const std::string flags = "a = { flag = true }\nb = { flag = true }";
  const auto begin = [&](const std::string& name, const std::string& task, const std::string& objective) {
    folder.write(name + ".toml", worker_study("program = \"mine\"\n" + task, 2, flags, objective));
    Program search(folder, {"search", name + ".toml"});
    const int status = search.status();
    return std::pair(status, search.err());
  };
  std::filesystem::copy(kOwnTasks, folder.file("mine"));
  const std::string ones = "name = \"ones\"\noptions = { width = 2 }";
  ASSERT_EQ(begin("s", ones, "ones_of_2").first, 0);
  EXPECT_EQ(begin("s", ones, "ones_of_2").first, 0);
  // A byte after the program's end changes nothing but its hash.
  std::ofstream(folder.file("mine"), std::ios::app | std::ios::binary) << "x";
  const auto [status, said] = begin("s", ones, "ones_of_2");
  EXPECT_EQ(status, 2);
  expect_part(said, "the program was built anew");
  EXPECT_EQ(Program(folder, {"front", "s.toml"}).status(), 0) << "what is known stays readable";
}

TEST(OwnTask, DescriptionsSurviveTheirText) {
  const Json answer = task::ask_program(kOwnTasks, {"describe"}, {});
  ASSERT_EQ(answer["tasks"].size(), 2u);
  const auto slope = task::ProgramDescription::from_json(answer["tasks"][0]);
  EXPECT_EQ(slope.json(), answer["tasks"][0]);
  EXPECT_TRUE(slope.complete);
  EXPECT_EQ(slope.fidelity_unit, "rounds");
  EXPECT_EQ(slope.needs.cores, 1);
  EXPECT_EQ(slope.needs.grace_s, 0.5);
  ASSERT_EQ(slope.measures.size(), 2u);
  EXPECT_FALSE(slope.measures[1].minimize);
  EXPECT_TRUE(slope.measures[1].timed);
  ASSERT_EQ(slope.options.size(), 4u);
  EXPECT_EQ(slope.options[0].high, 4.0);
  EXPECT_EQ(slope.options[2].type, OptionSpec::Type::duration);
  EXPECT_EQ(slope.options[2].high, std::numeric_limits<double>::infinity());
  EXPECT_FALSE(task::ProgramDescription::from_json(answer["tasks"][1]).complete);
}

TEST(OwnTask, ServingChecksWhatIsServed) {
  using task::OwnTask;
  const auto run = [](const task::Assignment&, task::Reporter&) { return task::Outcome{}; };
  EXPECT_THROW(task::serve_own_tasks({}), Error);
  EXPECT_THROW(task::serve_own_tasks({OwnTask{.measures = {{"m", ""}}, .run = run}}), Error) << "no name";
  EXPECT_THROW(task::serve_own_tasks({OwnTask{.name = "t", .run = run}}), Error) << "no measure";
  EXPECT_THROW(task::serve_own_tasks({OwnTask{.name = "t", .measures = {{"m", ""}}}}), Error)
      << "no way to run";
  const OwnTask good{.name = "t", .measures = {{"m", ""}}, .run = run};
  EXPECT_THROW(task::serve_own_tasks({good, good}), Error) << "one name twice";
  EXPECT_TRUE(task::own_tasks().empty());
}

TEST(WorkerArguments, ReadsItsFlags) {
  const auto given =
      read_worker_arguments({"--store", "memory:", "--name=w3", "--trials", "7", "--name", "w4"});
  EXPECT_EQ(given.store, "memory:");
  EXPECT_EQ(given.options.name, "w4");
  EXPECT_EQ(given.options.max_trials, 7);
  EXPECT_FALSE(read_worker_arguments({"--store", "x"}).options.max_trials);
  const auto placed = read_worker_arguments({"--store", "x", "--cores", "0,3", "--gpus=GPU-1,GPU-2"}).options;
  EXPECT_EQ(placed.cores, (std::vector<int>{0, 3}));
  EXPECT_EQ(placed.gpus, (std::vector<std::string>{"GPU-1", "GPU-2"}));
  const auto fails = [](const std::vector<std::string>& words, const std::string& says) {
    try {
      read_worker_arguments(words);
      ADD_FAILURE() << says;
    } catch (const Error& error) {
      expect_part(error.what(), says);
    }
  };
  fails({}, "--store is missing");
  fails({"--stor", "x"}, "did you mean '--store'?");
  fails({"--store"}, "--store needs a value");
  fails({"--store", "x", "--trials", "many"}, "--trials: expected an integer of 0 or more, found 'many'");
  fails({"--store", "x", "--trials", "-1"}, "found '-1'");
  fails({"--store", "x", "--cores", "0,99999999999"}, "--cores: expected");
}

}  // namespace
}  // namespace hone::run
