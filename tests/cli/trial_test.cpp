// hone trial and hone store, as people type them.
#include <algorithm>
#include <set>
#include <sstream>

#include "../program.h"
#include "hone/base/json.h"
#include "hone/study/study.h"

namespace hone {
namespace {

using test::Folder;
using test::Program;

std::string study_text(const std::string& step, int trials) {
  return "[study]\nminimize = [\"f1\", \"f2\"]\nseed = 3\n[task]\nkind = \"function\"\nfunction = \"zdt1\"\n"
         "step_s = \"" +
         step +
         "\"\n[space]\na = { real = [0, 1] }\nb = { real = [0, 1] }\n[search]\nsearcher = \"random\"\n"
         "scheduler = { kind = \"fixed\", steps = 3 }\n[budget]\ntrials = " +
         std::to_string(trials) + "\nworkers = 2\n";
}

TEST(TrialProgram, EnqueuesIntoARunningSearch) {
  const Folder folder;
  folder.write("s.toml", study_text("20 ms", 40));
  Program search(folder, {"search", "s.toml", "--quiet"});
  const auto size = [&]() -> std::int64_t {
    try {
      study::Study study(study::open_store("sqlite:" + folder.file("s.hone/study.sqlite")));
      study.sync();
      return study.size();
    } catch (const std::exception&) {
      return 0;
    }
  };
  ASSERT_TRUE(test::wait_until([&] { return size() > 3; }));
  for (int i = 0; i < 5; ++i) {
    Program enqueue(folder,
                    {"trial", "enqueue", "s.toml", "a=0.25", "b=0." + std::to_string(i + 1), "--json"});
    ASSERT_EQ(enqueue.status(), 0) << enqueue.err();
    EXPECT_EQ(Json::parse(enqueue.out()).at("enqueued").at(0).at("config").at("a"), 0.25);
  }
  Program again(folder, {"trial", "enqueue", "s.toml", "a=0.25", "b=0.1"});
  EXPECT_EQ(again.status(), 2);
  EXPECT_NE(again.err().find("is trial"), std::string::npos) << again.err();
  Program nobody(folder, {"trial", "enqueue", "s.toml", "--like", "-1"});
  EXPECT_EQ(nobody.status(), 2);
  EXPECT_NE(nobody.err().find("--like: expected a whole number of 0 or more, found '-1'"), std::string::npos)
      << nobody.err();
  Program check(folder, {"store", "check", "s.toml"});
  EXPECT_EQ(check.status(), 0) << check.out();
  ASSERT_EQ(search.status(), 0) << search.err();
  study::Study study(study::open_store("sqlite:" + folder.file("s.hone/study.sqlite")));
  study.sync();
  EXPECT_EQ(study.count(study::TrialState::completed), 40) << "enqueued ones count to the budget";
  std::int64_t of_users = 0;
  for (const auto& trial : study.trials()) of_users += trial.origin == "user" ? 1 : 0;
  EXPECT_EQ(of_users, 5);
}

TEST(TrialProgram, ListsShowsExportsRetriesAndDeletes) {
  const Folder folder;
  folder.write("s.toml", study_text("0 s", 30));
  Program search(folder, {"search", "s.toml", "--quiet"});
  ASSERT_EQ(search.status(), 0) << search.err();
  Program list(folder,
               {"trial", "list", "s.toml", "--where", "a < 0.5", "--sort", "f1", "--limit", "3", "--json"});
  ASSERT_EQ(list.status(), 0) << list.err();
  const Json listed = Json::parse(list.out());
  ASSERT_EQ(listed.at("trials").size(), 3u);
  const auto f1 = [&](std::size_t i) {
    return listed["trials"][i]["results"][0]["measures"]["f1"].get<double>();
  };
  EXPECT_LE(f1(0), f1(1));
  EXPECT_LE(f1(1), f1(2));
  Program wrong(folder, {"trial", "list", "s.toml", "--state", "fialed"});
  EXPECT_EQ(wrong.status(), 2);
  EXPECT_NE(wrong.err().find("failed"), std::string::npos) << wrong.err();

  std::filesystem::create_directories(folder.file("s.hone/trials/7"));
  folder.write("s.hone/trials/7/output.log", "one\ntwo\nthree\n");
  Program show(folder, {"trial", "show", "s.toml", "7"});
  ASSERT_EQ(show.status(), 0) << show.err();
  EXPECT_NE(show.out().find("three"), std::string::npos) << show.out();
  Program output(folder, {"trial", "show", "s.toml", "7", "--output"});
  EXPECT_EQ(output.out(), "one\ntwo\nthree\n");
  folder.write("s.hone/trials/7/output.log", std::string("a\0b\x1b[2J\rc\nlast\n", 15));
  Program wild(folder, {"trial", "show", "s.toml", "7"});
  EXPECT_TRUE(wild.out().ends_with("\na?b?[2J?c\nlast\n")) << wild.out();
  Program events(folder, {"trial", "show", "s.toml", "7", "--events"});
  EXPECT_EQ(Json::parse(events.out().substr(0, events.out().find('\n'))).at("payload").at("trial"), 7);

  Program csv(folder, {"trial", "export", "s.toml", "-o", "t.csv"});
  ASSERT_EQ(csv.status(), 0) << csv.err();
  const std::string table = folder.read("t.csv");
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 31);
  Program nowhere(folder, {"trial", "export", "s.toml", "-o", "no/such/t.csv"});
  EXPECT_EQ(nowhere.status(), 1);

  Program unsure(folder, {"trial", "delete", "s.toml", "7"});
  EXPECT_EQ(unsure.status(), 2) << "nobody confirms it";
  Program remove(folder, {"trial", "delete", "s.toml", "7", "--yes"});
  ASSERT_EQ(remove.status(), 0) << remove.err();
  EXPECT_FALSE(std::filesystem::exists(folder.file("s.hone/trials/7")));
  Program retry(folder, {"trial", "retry", "s.toml", "7"});
  EXPECT_EQ(retry.status(), 2);
  Program rest(folder, {"trial", "list", "s.toml", "--limit", "100", "--json"});
  EXPECT_EQ(Json::parse(rest.out()).at("matching"), 29);
}

TEST(TrialProgram, ListsAndExportsTheFrontAlone) {
  const Folder folder;
  folder.write("s.toml", study_text("0 s", 30));
  ASSERT_EQ(Program(folder, {"search", "s.toml", "--quiet"}).status(), 0);
  const auto said = [&](const std::vector<std::string>& command) {
    Program program(folder, command);
    EXPECT_EQ(program.status(), 0) << program.err();
    return program.out();
  };
  const auto ids = [](const Json& trials) {
    std::set<std::int64_t> found;
    for (const Json& trial : trials) found.insert(trial.at("trial").get<std::int64_t>());
    return found;
  };
  const auto lines = [](const std::string& text) {
    Json all = Json::array();
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) all.push_back(Json::parse(line));
    return all;
  };
  const auto front = ids(Json::parse(said({"front", "s.toml", "--json"})));
  ASSERT_GT(front.size(), 1u);
  ASSERT_LT(front.size(), 30u);
  EXPECT_EQ(ids(Json::parse(said({"trial", "list", "s.toml", "--front", "--json"})).at("trials")), front);
  const std::string table = said({"trial", "export", "s.toml", "--front"});
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 1 + static_cast<std::ptrdiff_t>(front.size()));
  EXPECT_EQ(ids(lines(said({"trial", "export", "s.toml", "--front", "--format", "jsonl"}))), front);
  const Json all = lines(said({"trial", "export", "s.toml", "--format", "jsonl"}));
  ASSERT_EQ(all.size(), 30u);
  for (const Json& trial : all) EXPECT_EQ(trial.at("results").size(), 1u);
  Program unknown(folder, {"trial", "export", "s.toml", "--format", "xml"});
  EXPECT_EQ(unknown.status(), 2);
  EXPECT_NE(unknown.err().find("--format"), std::string::npos) << unknown.err();
}

TEST(TrialProgram, AdviceNamesTheStoreThatWasGiven) {
  const Folder folder;
  folder.write("s.toml", study_text("0 s", 3));
  ASSERT_EQ(Program(folder, {"search", "s.toml", "--store", "sqlite:x.sqlite", "--quiet"}).status(), 0);
  Program enqueue(folder, {"trial", "enqueue", "s.toml", "--store", "sqlite:x.sqlite", "a=0.25", "b=0.5"});
  ASSERT_EQ(enqueue.status(), 0) << enqueue.err();
  EXPECT_NE(enqueue.err().find("run by: hone search s.toml --store sqlite:x.sqlite\n"), std::string::npos)
      << enqueue.err();
}

TEST(TrialProgram, ASpaceOfOneConfigEndsTheSearch) {
  const Folder folder;
  std::string text = study_text("0 s", 20);
  for (const char* range : {"a = { real = [0, 1] }", "b = { real = [0, 1] }"})
    text.replace(text.find(range) + 14, 1, "1");
  folder.write("s.toml", text);
  Program search(folder, {"search", "s.toml"});
  EXPECT_EQ(search.status(), 0);
  EXPECT_NE(search.err().find("every config of the space (1) is known"), std::string::npos) << search.err();
  Program list(folder, {"trial", "list", "s.toml", "--json"});
  EXPECT_EQ(Json::parse(list.out()).at("matching"), 1) << list.out();
}

TEST(TrialProgram, AFileThatCannotBeWrittenIsRefusedBeforeTheWork) {
  const Folder folder;
  folder.write("s.toml", study_text("0 s", 3));
  ASSERT_EQ(Program(folder, {"search", "s.toml", "--quiet"}).status(), 0);
  for (const std::string& path : {folder.path(), std::string("no/such/page.html")})
    for (const auto& command : {std::vector<std::string>{"report", "s.toml", "-o", path},
                                std::vector<std::string>{"identity", "s.toml", "--out", path},
                                std::vector<std::string>{"cost", "mlir", "s.toml", "--out", path}}) {
      Program program(folder, command);
      EXPECT_EQ(program.status(), 2) << command[0] << ' ' << path;
      EXPECT_NE(program.err().find(path), std::string::npos) << program.err();
    }
}

TEST(TrialProgram, ResultsDoNotOverwriteTheStudy) {
  const Folder folder;
  folder.write("s.toml", study_text("0 s", 3));
  ASSERT_EQ(Program(folder, {"search", "s.toml", "--quiet"}).status(), 0);
  const std::string file = folder.read("s.toml");
  for (const std::string path : {"s.toml", "s.hone/../s.toml", "s.hone/study.sqlite"})
    for (auto command : {std::vector<std::string>{"report", "s.toml", "-o"},
                         std::vector<std::string>{"trial", "export", "s.toml", "-o"},
                         std::vector<std::string>{"identity", "s.toml", "--samples", "5", "--out"}}) {
      command.push_back(path);
      Program program(folder, command);
      EXPECT_EQ(program.status(), 2) << command[0] << ' ' << path;
      EXPECT_NE(program.err().find("would be overwritten"), std::string::npos) << program.err();
    }
  EXPECT_EQ(folder.read("s.toml"), file);
  EXPECT_EQ(Program(folder, {"status", "s.toml"}).status(), 0);
}

TEST(TrialProgram, TrainAndGenerateSayWhatIsWrongWithWhatWasAsked) {
  const Folder folder;
  folder.write("s.toml", study_text("0 s", 3));
  ASSERT_EQ(Program(folder, {"search", "s.toml", "--quiet"}).status(), 0);
  const auto said = [&](const std::vector<std::string>& command) {
    Program program(folder, command);
    EXPECT_NE(program.status(), 0) << program.out();
    return program.err();
  };
  for (const char* command : {"train", "generate"}) {
    const std::string none = said({command, "s.toml"});
    EXPECT_NE(none.find("task.kind"), std::string::npos) << none;
    EXPECT_EQ(none.find("hone train"), std::string::npos) << none;
    EXPECT_NE(said({command, "s.toml", "--trial", "-5"}).find("--trial"), std::string::npos);
  }
  EXPECT_NE(said({"generate", "m.model", "--temperature", "nan"}).find("--temperature"), std::string::npos);
}

TEST(StoreProgram, ChecksAndMends) {
  const Folder folder;
  folder.write("s.toml", study_text("0 s", 300));
  Program search(folder, {"search", "s.toml", "--quiet"});
  ASSERT_EQ(search.status(), 0) << search.err();
  Program sound(folder, {"store", "check", "s.toml", "--json"});
  ASSERT_EQ(sound.status(), 0) << sound.out();
  EXPECT_EQ(Json::parse(sound.out()).at("trials"), 300);
  // The first page: file header, format, schema.
  std::fstream(folder.file("s.hone/study.sqlite"), std::ios::in | std::ios::out | std::ios::binary)
      << std::string(4096, '\x01');
  Program status(folder, {"status", "s.toml"});
  EXPECT_EQ(status.status(), 2);
  EXPECT_NE(status.err().find("hone store check"), std::string::npos) << status.err();
  Program broken(folder, {"store", "check", "s.toml"});
  EXPECT_EQ(broken.status(), 2);
  Program mend(folder, {"store", "check", "s.toml", "--mend"});
  EXPECT_EQ(mend.status(), 0) << mend.out() << mend.err();
  Program again(folder, {"status", "s.toml", "--json"});
  ASSERT_EQ(again.status(), 0) << again.err();
  EXPECT_EQ(Json::parse(again.out()).at("trials"), 300);
}

}  // namespace
}  // namespace hone
