// The program as people use it: real processes, a real store.
#include "../program.h"

#include "../task/made_table.h"
#include "hone/base/json.h"
#include "hone/run/study_file.h"
#include "hone/study/study.h"

namespace hone {
namespace {

using test::Folder;
using test::Program;

std::string study_text(int trials, const std::string& step, int workers = 2) {
  return "[study]\nminimize = [\"value\"]\nseed = 3\n[task]\nkind = \"function\"\nfunction = "
         "\"branin\"\nstep_s = \"" +
         step +
         "\"\n[space]\na = { real = [0, 1] }\nb = { real = [0, 1] }\n[search]\nsearcher = "
         "\"random\"\nscheduler = { kind = "
         "\"asha\", steps = [1, 3, 9], eta = 3 }\n[budget]\ntrials = " +
         std::to_string(trials) + "\nworkers = " + std::to_string(workers) + "\n";
}

std::int64_t completed_trials(const Folder& folder) {
  try {
    study::Study study(study::open_store("sqlite:" + folder.file("s.hone/study.sqlite")));
    study.sync();
    std::int64_t with_result = 0;
    for (const auto& trial : study.trials()) with_result += trial.results.empty() ? 0 : 1;
    return with_result;
  } catch (const std::exception&) {
    return 0;
  }
}

TEST(Program, InitWritesARecordedTableThatIsSearched) {
  const Folder folder;
  ASSERT_EQ(Program(folder, {"init", "s.toml", "--template", "recorded"}).status(), 0);
  Program search(folder, {"search", "s.toml", "--json"});
  ASSERT_EQ(search.status(), 0) << search.err();
  const Json done = Json::parse(search.out());
  EXPECT_EQ(done["counts"]["completed"], 16);
  EXPECT_GT(done["front"].size(), 1u);
  // One's own table is searched where it stands, and nothing is written beside the study.
  std::filesystem::create_directories(folder.file("far"));
  EXPECT_EQ(Program(folder, {"init", "far/t.toml", "--task", "recorded", "--data", "s.csv"}).status(), 0);
  EXPECT_NE(folder.read("far/t.toml").find("table = \"../s.csv\""), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder.file("far/t.csv")));
  EXPECT_EQ(Program(folder, {"search", "far/t.toml", "--trials", "3"}).status(), 0);
  // Neither table nor description is overwritten, and then nothing is written at all.
  folder.write("u.json", "mine");
  EXPECT_EQ(Program(folder, {"init", "u.toml", "--task", "recorded"}).status(), 2);
  EXPECT_EQ(folder.read("u.json"), "mine");
  EXPECT_FALSE(std::filesystem::exists(folder.file("u.csv")));
}

TEST(Program, InitReadsTheTableThatIsThere) {
  const Folder folder;
  const auto curves = test::made_curves(), grid = test::made_grid();
  folder.write("c.json", curves.description);
  folder.write("c.csv", curves.rows);
  folder.write("g.json", grid.description);
  folder.write("g.csv", grid.rows);
  const auto written = [&](const std::string& table) {
    const std::string name = "of_" + table + ".toml";
    Program init(folder, {"init", name, "--template", "recorded", "--data", table});
    EXPECT_EQ(init.status(), 0) << init.err();
    Program search(folder, {"search", name, "--trials", "4"});
    EXPECT_EQ(search.status(), 0) << search.err();
    return folder.read(name);
  };
  const std::string of_curves = written("c"), of_grid = written("g.csv");
  EXPECT_NE(of_curves.find("minimize = [\"loss\"]\nseed"), std::string::npos) << of_curves;
  EXPECT_NE(of_curves.find("scheduler = { kind = \"fixed\", steps = 9 }"), std::string::npos) << of_curves;
  EXPECT_NE(of_curves.find("trials = 50\n"), std::string::npos) << of_curves;
  EXPECT_NE(of_grid.find("minimize = [\"loss\"]\nseed"), std::string::npos) << "its seconds are a cost";
  EXPECT_NE(of_grid.find("# activation = [\"tanh\", \"relu\"]\n"), std::string::npos) << of_grid;
  folder.write("odd.json", R"({"space": {"batch-size": [8, 16]}, "metrics": {"loss": {}}})");
  folder.write("odd.csv", "batch-size,loss\n8,2\n16,1\n");
  const std::string odd = written("odd");
  EXPECT_NE(odd.find("# batch_size = { choice = [8, 16] }\n"), std::string::npos) << "as it is searched";
  folder.write("n.txt", "no table");
  for (const char* none : {"n.txt", "nowhere.csv"}) {
    Program init(folder, {"init", "n.toml", "--template", "recorded", "--data", none});
    EXPECT_EQ(init.status(), 2);
    EXPECT_NE(init.err().find("a recorded table is"), std::string::npos) << init.err();
    EXPECT_FALSE(std::filesystem::exists(folder.file("n.toml")));
  }
}

TEST(Program, ACostAwareSearchOfATableIsRepeatable) {
  const Folder folder;
  const auto grid = test::made_grid();
  folder.write("g.json", grid.description);
  folder.write("g.csv", grid.rows);
  std::vector<std::string> runs;
  for (const char* name : {"a", "b"}) {
    folder.write(std::string(name) + ".toml",
                 "[study]\nname = \"g\"\nminimize = [\"loss\"]\n[task]\nkind = \"recorded\"\ntable = \"g\"\n"
                 "[search]\nsearcher = \"carbs\"\n[budget]\ntrials = 20\nworkers = 1\n");
    ASSERT_EQ(Program(folder, {"search", std::string(name) + ".toml"}).status(), 0);
    study::Study study(study::open_store("sqlite:" + folder.file(std::string(name) + ".hone/study.sqlite")));
    study.sync();
    std::string configs;
    for (const auto& trial : study.trials()) configs += trial.config.shown() + '\n';
    runs.push_back(configs);
  }
  EXPECT_EQ(runs[0], runs[1]);
}

TEST(Program, WritesATemplateOfImages) {
  const Folder folder;
  ASSERT_EQ(Program(folder, {"init", "i.toml", "--task", "image"}).status(), 0);
  Program plan(folder, {"search", "i.toml", "--explain"});
  EXPECT_EQ(plan.status(), 0) << plan.err();
  EXPECT_NE(plan.out().find("15625"), std::string::npos) << plan.out();
  EXPECT_NE(plan.out().find("16"), std::string::npos);
}

TEST(Program, SearchesLooksAndReports) {
  const Folder folder;
  EXPECT_EQ(Program(folder, {"init", "s.toml", "--task", "function"}).status(), 0);
  EXPECT_EQ(Program(folder, {"init", "s.toml"}).status(), 2) << "it must not overwrite";
  Program search(folder, {"search", "s.toml", "--trials", "30", "--json"});
  ASSERT_EQ(search.status(), 0) << search.err();
  const Json done = Json::parse(search.out());
  EXPECT_EQ(done["trials"], 30);
  EXPECT_EQ(done["counts"]["completed"], 30);
  ASSERT_EQ(done["front"].size(), 1u);

  Program status(folder, {"status", "s.toml", "--json"});
  ASSERT_EQ(status.status(), 0);
  EXPECT_EQ(Json::parse(status.out())["trials"], 30);
  Program front(folder, {"front", "s.toml", "--json"});
  ASSERT_EQ(front.status(), 0);
  EXPECT_EQ(Json::parse(front.out())[0]["config"].size(), 6u);
  EXPECT_EQ(Program(folder, {"front", "s.toml"}).status(), 0);
  Program report(folder, {"report", "s.toml", "-o", "page.html"});
  ASSERT_EQ(report.status(), 0) << report.err();
  const std::string page = folder.read("page.html");
  EXPECT_NE(page.find("</html>"), std::string::npos);

  Program again(folder, {"search", "s.toml", "--trials", "30"});
  EXPECT_EQ(again.status(), 0) << again.err();
  EXPECT_EQ(completed_trials(folder), 30) << "a finished budget starts nothing new";
}

TEST(Program, AnswersMistakes) {
  const Folder folder;
  const auto fails = [&](const std::vector<std::string>& arguments, const std::string& says, int status = 2) {
    Program program(folder, arguments);
    EXPECT_EQ(program.status(), status) << program.err();
    EXPECT_NE(program.err().find(says), std::string::npos) << program.err();
    EXPECT_EQ(program.out(), "");
  };
  fails({"search", "missing.toml"}, "error: missing.toml: there is no such file");
  folder.write("s.toml", study_text(3, "0"));
  fails({"status", "s.toml"}, "has not begun; run: hone search s.toml\n");
  fails({"front", "s.toml", "--store", "sqlite:no pe"}, "run: hone search s.toml --store 'sqlite:no pe'\n");
  // A URL of no store is told as such, not as a study that has not begun.
  fails({"front", "s.toml", "--store", "foo:bar"}, "error: store: unknown store 'foo'");
  fails({"status", "s.toml", "--store", "mysql://host/study"}, "error: store: unknown store 'mysql'");
  fails({"report", "s.toml", "--store", "sqlite:"}, "'sqlite:' names no file");
  fails({"search", "s.toml", "--explain", "--store", "foo:bar"}, "error: store: unknown store 'foo'");
  fails({"serch", "s.toml"}, "serch");
  fails({"search", "s.toml", "--workers", "none"}, "none");
  fails({"search", "s.toml", "--time", "soon"}, "soon");
  fails({"worker", "--store", "sqlite:typo.sqlite"}, "there is no study there");
  EXPECT_FALSE(std::filesystem::exists(folder.file("typo.sqlite")));
  fails({"methods", "tpee"}, "did you mean 'tpe'?");
  fails({"methods", "tpe", "--kind", "scheduler"}, "there is no scheduler 'tpe'; 'tpe' is a searcher");
  fails({"search", "s.toml", "--store", ""}, "--store: names no store");
  fails({"search", "s.toml", "--store", "memory:"}, "a store in memory is gone with its program");
  fails({"worker", "--store", "memory:"}, "a store in memory is gone with its program");
  fails({"search", "s.toml", "--time", "0"}, "--time: a search needs some time");
  fails({"train", "s.toml", "--trial", "1e3"}, "--trial: expected a whole number of 0 or more, found '1e3'");
  // A number that is none, an option that is none and one given twice are told as what they are.
  fails({"search", "s.toml", "--trials", "1e3"},
        "--trials: expected a whole number from 1 to 1073741824, found '1e3'");
  fails({"search", "s.toml", "--workers", "0"},
        "--workers: expected a whole number from 1 to 1024, found '0'");
  fails({"trial", "show", "s.toml", "abc"}, "ID: expected a whole number");
  fails({"search", "s.toml", "--trials", "1", "--trials", "2"},
        "--trials is given 2 times, and can be given once");
  fails({"--bogus"}, "error: there is no option '--bogus' without a command");
  fails({"init", "new.toml", "--template", "foo"}, "--template: ");
  fails({"init", "new.toml", "--task", "foo"}, "--task: ");
  std::string text = study_text(3, "0");
  text.replace(text.find("real"), 4, "reel");
  folder.write("bad.toml", text);
  fails({"search", "bad.toml"}, "error: bad.toml:9: space.a");
  const std::string head =
      "[study]\nminimize=[\"bits_per_char\"]\n[task]\nkind=\"text\"\ndata=\"d.txt\"\n[space]\n"
      "lr={real=[1e-4,1e-2]}\n[search]\nscheduler={kind=\"fixed\",steps=5}\n";
  std::string nowhere = head;
  folder.write("text.toml", nowhere.replace(nowhere.find("d.txt"), 5, "nowhere.txt"));
  fails({"search", "text.toml"}, "error: text.toml:5: task.data: there is no file or folder 'nowhere.txt'");
  folder.write("data.toml", head);
  folder.write("d.txt", "");
  fails({"search", "data.toml"}, "task.data");
  folder.write("d.txt", std::string("ELF\0\1\2", 6) + std::string(9000, 'x'));
  fails({"search", "data.toml"}, "binary");
  folder.write("store.toml", study_text(3, "0"));
  folder.write("not.sqlite", std::string(9000, 'x'));
  fails({"search", "store.toml", "--store", "sqlite:not.sqlite"}, "not a store");
}

TEST(Program, RefusesAStudyThatChanged) {
  const Folder folder;
  folder.write("s.toml", study_text(6, "0"));
  ASSERT_EQ(Program(folder, {"search", "s.toml"}).status(), 0);
  std::string text = study_text(9, "0");
  folder.write("s.toml", text);
  EXPECT_EQ(Program(folder, {"search", "s.toml"}).status(), 0) << "a new budget is welcome";
  EXPECT_EQ(completed_trials(folder), 9);
  text.replace(text.find("b = { real = [0, 1] }"), 21, "b = { real = [0, 2] }");
  text.replace(text.find("trials = 9"), 10, "trials = 12");
  folder.write("s.toml", text);
  Program wider(folder, {"search", "s.toml"});
  EXPECT_EQ(wider.status(), 0) << "so is a wider space";
  EXPECT_NE(wider.err().find("space: b: high 1 -> 2"), std::string::npos) << wider.err();
  EXPECT_NE(wider.err().find("budget: was 9 trials, is 12 trials"), std::string::npos) << wider.err();
  EXPECT_EQ(completed_trials(folder), 12);
  text.replace(text.find("b = { real = [0, 2] }"), 21, "b = { real = [1, 2] }");
  folder.write("s.toml", text);
  Program refused(folder, {"search", "s.toml"});
  EXPECT_EQ(refused.status(), 2);
  EXPECT_NE(refused.err().find("space: b"), std::string::npos) << refused.err();
  EXPECT_EQ(completed_trials(folder), 12);
}

TEST(Program, RefusesTextThatChanged) {
  const Folder folder;
  folder.write("s.toml",
               "[study]\nminimize=[\"bits_per_char\"]\n[task]\nkind=\"text\"\ndata=\"d.txt\"\n[space]\n"
               "lr={real=[1e-4,1e-2]}\n[search]\nscheduler={kind=\"fixed\",steps=5}\n[budget]\ntrials=1\n");
  std::string text;
  for (int i = 0; i < 4000; ++i) text += "line " + std::to_string(i * 7919) + "\n";
  folder.write("d.txt", text);
  // The first event of the journal is what a search of this study would have written.
  const auto file = run::StudyFile::read(folder.file("s.toml"));
  { study::Study::create(*study::open_store(file.default_store()), file.header()); }
  folder.write("d.txt", text + "and one line more\n");
  Program refused(folder, {"search", "s.toml"});
  EXPECT_EQ(refused.status(), 2);
  EXPECT_NE(refused.err().find("its data is not what it was"), std::string::npos) << refused.err();
}

TEST(Program, AStudyMayMove) {
  const Folder folder;
  std::filesystem::create_directory(folder.file("a"));
  folder.write("a/s.toml", study_text(6, "0"));
  ASSERT_EQ(Program(folder, {"search", "a/s.toml"}).status(), 0);
  std::filesystem::rename(folder.file("a"), folder.file("b"));
  EXPECT_EQ(Program(folder, {"front", "b/s.toml"}).status(), 0);
  Program more(folder, {"search", "b/s.toml", "--trials", "9"});
  EXPECT_EQ(more.status(), 0) << more.err();
  EXPECT_FALSE(std::filesystem::exists(folder.file("a")));
}

TEST(Program, StoppedFromOutsideIsNotFinished) {
  const Folder folder;
  folder.write("s.toml", study_text(3000, "20 ms"));  // a minute, so that it is not over before it is told
  Program search(folder, {"search", "s.toml"});
  ASSERT_TRUE(test::wait_until([&] { return completed_trials(folder) >= 3; }));
  search.signal(SIGTERM);
  EXPECT_EQ(search.status(), 3);
  EXPECT_NE(search.err().find("go on with"), std::string::npos);
}

TEST(Program, CtrlCStopsSoonAndTheNextRunGoesOn) {
  const Folder folder;
  folder.write("s.toml", study_text(3000, "20 ms"));  // a minute: much longer than it may take to stop
  {
    Program search(folder, {"search", "s.toml"});
    ASSERT_TRUE(test::wait_until([&] { return completed_trials(folder) >= 5; }));
    const double asked = test::seconds();
    search.signal(SIGINT);
    EXPECT_EQ(search.status(), 3);
    EXPECT_LT(test::seconds() - asked, 10.0);
    EXPECT_NE(search.err().find("go on with: hone search s.toml"), std::string::npos) << search.err();
  }
  study::Study stopped(study::open_store("sqlite:" + folder.file("s.hone/study.sqlite")));
  stopped.sync();
  EXPECT_EQ(stopped.count(study::TrialState::running), 0) << "every trial was given back";
  EXPECT_LT(stopped.size(), 3000);
  const std::int64_t all = stopped.size() + 20;
  Program resumed(folder, {"search", "s.toml", "--trials", std::to_string(all)});
  EXPECT_EQ(resumed.status(), 0) << resumed.err();
  EXPECT_EQ(completed_trials(folder), all);
}

TEST(Program, ASearchEndsWithItsBudgetWhileAnotherGoesOn) {
  const Folder folder;
  folder.write("s.toml", study_text(10, "20 ms", 1));
  Program other(folder, {"search", "s.toml", "--trials", "1000000", "--quiet"});
  ASSERT_TRUE(test::wait_until([&] { return completed_trials(folder) >= 3; }));
  Program search(folder, {"search", "s.toml", "--trials", "5"});
  EXPECT_EQ(search.status(), 0) << search.err();
  other.signal(SIGINT);
  EXPECT_EQ(other.status(), 3) << other.err();
  study::Study study(study::open_store("sqlite:" + folder.file("s.hone/study.sqlite")));
  study.sync();
  EXPECT_EQ(study.sessions(), 2);
  EXPECT_EQ(study.last_end(), "interrupted");
  EXPECT_EQ(study.count(study::TrialState::running), 0);
}

TEST(Program, WorkersDieWithTheirSupervisorAndNothingIsLost) {
  const Folder folder;
  folder.write("s.toml", study_text(30, "15 ms"));
  std::int64_t before = 0;
  {
    Program search(folder, {"search", "s.toml"});
    ASSERT_TRUE(test::wait_until([&] { return completed_trials(folder) >= 5; }));
    search.signal(SIGKILL);
    EXPECT_EQ(search.status(), -SIGKILL);
    before = completed_trials(folder);
  }
  ::usleep(300000);
  const std::int64_t after = completed_trials(folder);
  EXPECT_LE(after, before + 2) << "workers outlived their supervisor";
  Program resumed(folder, {"search", "s.toml"});
  EXPECT_EQ(resumed.status(), 0) << resumed.err();
  EXPECT_EQ(completed_trials(folder), 30);
}

TEST(Program, OneWorkerAndOneSeedGiveTheSameStudy) {
  std::vector<std::string> studies;
  for (int run = 0; run < 2; ++run) {
    const Folder folder;
    folder.write("s.toml", study_text(25, "0", 1));
    ASSERT_EQ(Program(folder, {"search", "s.toml"}).status(), 0);
    study::Study study(study::open_store("sqlite:" + folder.file("s.hone/study.sqlite")));
    study.sync();
    std::string text;
    for (const auto& trial : study.trials()) {
      text += trial.config.shown();
      for (const auto& result : trial.results) text += result.measures.json().dump();
    }
    studies.push_back(text);
  }
  EXPECT_EQ(studies[0], studies[1]);
}

TEST(Program, WatchesUntilItIsStopped) {
  const Folder folder;
  folder.write("s.toml", study_text(5, "0"));
  ASSERT_EQ(Program(folder, {"search", "s.toml"}).status(), 0);
  Program watch(folder, {"status", "s.toml", "--watch"});
  const auto said = [&] {
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
      if (folder.read(entry.path().filename().string()).find("s: 5 trials") != std::string::npos) return true;
    return false;
  };
  EXPECT_TRUE(test::wait_until(said));
  watch.signal(SIGINT);
  EXPECT_EQ(watch.status(), 0);
  EXPECT_EQ(Program(folder, {"status", "s.toml", "--watch", "--json"}).status(), 2);
}

TEST(Program, ListsItsMethods) {
  const Folder folder;
  Program methods(folder, {"methods", "--json"});
  ASSERT_EQ(methods.status(), 0);
  const Json list = Json::parse(methods.out());
  const auto has = [&](const std::string& kind, const std::string& name) {
    for (const auto& method : list)
      if (method["kind"] == kind && method["name"] == name) return true;
    return false;
  };
  for (const char* name : {"random", "sobol", "tpe"}) EXPECT_TRUE(has("searcher", name)) << name;
  for (const char* name : {"fixed", "asha"}) EXPECT_TRUE(has("scheduler", name)) << name;
  for (const char* name : {"memory", "sqlite"}) EXPECT_TRUE(has("store", name)) << name;
  EXPECT_TRUE(has("task", "text"));
  EXPECT_TRUE(has("operator", "token_parameter_attention"));
  EXPECT_NE(Program(folder, {"--help"}).out().find("hone search first.toml"), std::string::npos);
  Program stores(folder, {"methods", "--kind", "store", "--json"});
  ASSERT_EQ(stores.status(), 0);
  const Json of_a_kind = Json::parse(stores.out());
  EXPECT_GE(of_a_kind.size(), 2u);
  EXPECT_LT(of_a_kind.size(), list.size());
  for (const auto& method : of_a_kind) EXPECT_EQ(method["kind"], "store");
  EXPECT_EQ(Program(folder, {"methods", "--kind", "store"}).out().find("searcher"), std::string::npos);
  EXPECT_NE(Program(folder, {"methods", "--kind", "store", "--markdown"}).out().find("| store | `sqlite` |"),
            std::string::npos);
  Program misspelt(folder, {"methods", "--kind", "sheduler"});
  EXPECT_EQ(misspelt.status(), 2);
  EXPECT_NE(misspelt.err().find("did you mean 'scheduler'"), std::string::npos) << misspelt.err();
}

}  // namespace
}  // namespace hone
