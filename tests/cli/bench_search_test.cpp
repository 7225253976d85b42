// hone bench search as people use it on tables of their own.
#include <filesystem>

#include <fmt/format.h>

#include "../program.h"
#include "hone/base/json.h"

namespace hone {
namespace {

using test::Folder;
using test::Program;

constexpr const char* kDescription =
    R"({"columns": ["x", "loss"], "space": {"x": [0, 1, 2, 3, 4, 5, 6, 7]}, "metrics": {"loss": {"goal": "min"}}})";

/// Eight rows whose losses are x + `least`.
std::string rows(double least) {
  std::string text = "x,loss\n";
  for (int x = 0; x < 8; ++x) text += fmt::format("{},{}\n", x, x + least);
  return text;
}

TEST(BenchSearch, TellsTablesOfOneNameApartAndWhatItLeavesOut) {
  const Folder folder;
  for (const char* at : {"data/a", "data/b"}) {
    std::filesystem::create_directories(folder.file(at));
    folder.write(fmt::format("{}/t.json", at), kDescription);
  }
  folder.write("data/a/t.csv", rows(1.0));
  folder.write("data/b/t.csv", rows(100.0));
  folder.write("data/lonely.json", kDescription);
  folder.write("data/broken.json", kDescription);
  folder.write("data/broken.csv", rows(1.0) + "1,2,3\n");
  folder.write("data/other.json", "{\"notes\": 1}");
  Program run(folder, {"bench", "search", "--data", "data", "--searchers", "grid", "--trials", "8", "--seeds",
                       "1", "--out", "o", "--json", "--quiet"});
  ASSERT_EQ(run.status(), 0) << run.err();
  const Json json = Json::parse(run.out());
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["table"], "a/t");
  EXPECT_EQ(json[1]["table"], "b/t");
  for (const Json& one : json) EXPECT_EQ(one["regret"].back(), 0.0) << "a grid comes to the best of eight";
  EXPECT_NE(run.err().find("left out: "), std::string::npos) << run.err();
  EXPECT_NE(run.err().find("lonely.json: there are no rows beside it"), std::string::npos) << run.err();
  EXPECT_NE(run.err().find("left out: data/broken.csv:10: 3 cells, but the header has 2"), std::string::npos)
      << run.err();
  EXPECT_EQ(run.err().find("other.json"), std::string::npos) << run.err();
}

TEST(BenchSearch, ASearcherAndTheSchedulerOfItsNameAreTwo) {
  const Folder folder;
  const auto figures = [&](const std::string& searchers, const std::string& schedulers) {
    Program run(folder, {"bench",        "search",  "--suite",  "fidelity", "--problems",  "branin_fidelity",
                         "--workers",    "4",       "--trials", "8",        "--seeds",     "1",
                         "--out",        "o",       "--json",   "--quiet",  "--searchers", searchers,
                         "--schedulers", schedulers});
    EXPECT_EQ(run.status(), 0) << run.err();
    std::map<std::string, Json> regrets;
    for (const Json& one : Json::parse(run.out())) regrets[one["searcher"]] = one["regret"];
    return regrets;
  };
  const auto alone = figures("bohb", "fixed"), brackets = figures("random", "bohb");
  const auto both = figures("bohb", "fixed,bohb,fixed:steps=1");
  ASSERT_EQ(both.size(), 3u);
  EXPECT_EQ(both.at("bohb+fixed"), alone.at("bohb+fixed"));
  EXPECT_EQ(both.at("bohb"), brackets.at("bohb"));
  EXPECT_NE(both.at("bohb+fixed"), both.at("bohb"));
  EXPECT_NE(both.at("bohb+fixed"), both.at("bohb+fixed:steps=1"));
}

TEST(BenchSearch, ProblemsOfOneNameAreToldApart) {
  const Folder folder;
  std::filesystem::create_directories(folder.file("data/devices"));
  folder.write("data/branin.json", kDescription);
  folder.write("data/branin.csv", rows(1.0));
  for (const char* device : {"phone", "laptop"}) {
    folder.write(
        fmt::format("data/devices/{}.json", device),
        R"({"space": {"x": [0, 1, 2, 3, 4, 5, 6, 7]}, "metrics": {"latency": {"unit": "ms", "goal": "min"}}})");
    std::string text = "x,latency\n";
    for (int x = 0; x < 8; ++x) text += fmt::format("{},{}\n", x, device[0] == 'p' ? 9 - x : 1 + (x * 3) % 8);
    folder.write(fmt::format("data/devices/{}.csv", device), text);
  }
  const auto seeds_of = [&](const std::vector<std::string>& which) {
    std::vector<std::string> words{"bench", "search",  "--data", "data",  "--searchers", "random", "--trials",
                                   "4",     "--seeds", "2",      "--out", "o",           "--json", "--quiet"};
    words.insert(words.end(), which.begin(), which.end());
    Program run(folder, words);
    EXPECT_EQ(run.status(), 0) << run.err();
    std::map<std::string, Json> seeds;
    for (const Json& one : Json::parse(run.out())) seeds[one["table"]] = one["seeds"];
    return seeds;
  };
  using Seeds = std::map<std::string, Json>;
  EXPECT_EQ(seeds_of({"--suite", "tables,devices,classic", "--problems",
                      "tables/branin,classic/branin,branin+phone.latency,branin+laptop.latency"}),
            (Seeds{{"tables/branin", 2},
                   {"classic/branin", 2},
                   {"branin+phone.latency", 2},
                   {"branin+laptop.latency", 2}}));
  EXPECT_EQ(seeds_of({"--problems", "branin"}), (Seeds{{"tables/branin", 2}, {"classic/branin", 2}}));
}

TEST(BenchSearch, TwoTablesThatCannotBeJoinedDisturbNoOther) {
  const Folder folder;
  std::filesystem::create_directories(folder.file("data/devices"));
  constexpr const char* kSpace =
      R"("space": {"x": [0, 1, 2, 3, 4, 5, 6, 7]}, "metrics": {"loss": {"goal": "min"})";
  folder.write("data/t.json",
               fmt::format(R"({{{}, "latency_ms": {{"goal": "min", "unit": "ms"}}}}}})", kSpace));
  folder.write(
      "data/devices/d.json",
      R"({"space": {"x": [0, 1, 2, 3, 4, 5, 6, 7]}, "metrics": {"latency_ms": {"goal": "min", "unit": "ms"}}})");
  std::string both = "x,loss,latency_ms\n", device = "x,latency_ms\n";
  for (int x = 0; x < 8; ++x) {
    both += fmt::format("{},{},{}\n", x, x, 9 - x);
    device += fmt::format("{},{}\n", x, x);
  }
  folder.write("data/t.csv", both);
  folder.write("data/devices/d.csv", device);
  const auto run = [&](const char* suite) {
    return Program(folder, {"bench", "search", "--data", "data", "--suite", suite, "--searchers", "random",
                            "--trials", "4", "--seeds", "1", "--out", "o", "--json", "--quiet"});
  };
  Program tables = run("tables");
  EXPECT_EQ(tables.status(), 0) << tables.err();
  EXPECT_EQ(tables.err(), "");
  Program all = run("tables,devices");
  EXPECT_EQ(all.status(), 0) << all.err();
  EXPECT_EQ(
      all.err(),
      "left out: data/t.json with data/devices/d.json: two tables beside each other measure 'latency_ms'\n");
}

TEST(BenchSearch, WhatIsLeftOutSaysWhy) {
  const Folder folder;
  std::filesystem::create_directories(folder.file("data"));
  folder.write(
      "data/t.json",
      R"({"space": {"x": [0, 1, 2, 3]}, "metrics": {"loss": {"goal": "min"}, "runtime_s": {"unit": "s"}}})");
  folder.write("data/t.csv", "x,loss,runtime_s\n0,4,0\n1,3,0\n2,2,0\n3,1,0\n");
  folder.write("data/large.json",
               R"({"space": {"n-1": [9007199254740992, 9007199254740993]}, "metrics": {"loss": {}}})");
  folder.write("data/large.csv", "n-1,loss\n9007199254740992,1\n9007199254740993,2\n");
  Program run(folder, {"bench", "search", "--data", "data", "--workers", "4", "--searchers", "random",
                       "--out", "o", "--quiet"});
  EXPECT_EQ(run.status(), 2);
  EXPECT_NE(run.err().find("left out: t: its evaluations take no time"), std::string::npos) << run.err();
  EXPECT_NE(
      run.err().find("left out: data/large.json: space.n-1: 9007199254740992 and 9007199254740993 cannot"),
      std::string::npos)
      << run.err();
  EXPECT_NE(run.err().find("nothing to compare on; what was left out is said above"), std::string::npos)
      << run.err();
}

TEST(BenchSearch, PeersThatAreAskedForByDefaultAndNotThereAreLeftOutWithAWord) {
  const Folder folder;
  const auto said = [&](std::vector<std::string> more) {
    std::vector<std::string> words{"bench",  "search",   "--suite", "classic", "--problems",
                                   "branin", "--trials", "2",       "--seeds", "1",
                                   "--out",  "o",        "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    Program run(folder, words);
    EXPECT_EQ(run.status(), 0) << run.err();
    return run.out() + run.err();
  };
  constexpr const char* kLine = "peers: there are no adapters in bench/peers; give --peers";
  const std::string text = said({});
  EXPECT_NE(text.find(std::string("Left out:\n  ") + kLine), std::string::npos) << text;
  EXPECT_NE(folder.read("o/report.html").find("there are no adapters in bench/peers"), std::string::npos);
  EXPECT_NE(said({"--json"}).find(std::string("left out: ") + kLine), std::string::npos);
  EXPECT_EQ(said({"--searchers", "random"}).find("adapters"), std::string::npos) << "nobody asked for them";
}

TEST(BenchSearch, TablesAsTheyComeAreCompared) {
  const Folder folder;
  std::filesystem::create_directories(folder.file("data/devices"));
  constexpr const char* kSpace = R"("space": {"batch-size": [0, 1, 2, 3], "1x1_conv": ["no", "yes"]})";
  folder.write("data/t.json",
               fmt::format(R"({{{}, "metrics": {{"runtime_s": {{}}, "acc": {{"goal": "max"}}}}}})", kSpace));
  folder.write("data/devices/phone.json",
               fmt::format(R"({{{}, "metrics": {{"latency": {{"unit": "ms"}}}}}})", kSpace));
  // What takes longest is the most accurate; a third of the times were lost.
  std::string text = "batch-size,1x1_conv,acc,runtime_s\n", device = "1x1_conv,batch-size,latency\n";
  for (int x = 0; x < 8; ++x) {
    const char* conv = x % 2 == 0 ? "no" : "yes";
    text += fmt::format("{}, {} ,{}\n", fmt::format("{},{}", x / 2, conv), x,
                        x % 3 == 2 ? std::string() : fmt::format("{}", 1000 * x));
    device += fmt::format("{},{},{}\n", conv, x / 2, 9 - x);
  }
  folder.write("data/t.csv", text);
  folder.write("data/devices/phone.csv", device);
  for (const char* workers : {"1", "2"}) {
    Program run(folder, {"bench", "search", "--data", "data", "--suite", "tables,devices", "--searchers",
                         "random,cfo", "--trials", "8", "--seeds", "1", "--workers", workers, "--out", "o",
                         "--json", "--quiet"});
    ASSERT_EQ(run.status(), 0) << run.err();
    const Json json = Json::parse(run.out());
    std::map<std::string, double> regrets;
    for (const Json& one : json)
      if (one["searcher"] == "random") regrets[one["table"]] = one["regret"].back();
    ASSERT_EQ(regrets.size(), 2u) << json.dump();
    EXPECT_TRUE(regrets.contains("t+latency"));
    EXPECT_TRUE(workers[0] != '1' || regrets.at("t") == 0.0)
        << "all eight were seen, and accuracy is sought: " << regrets.at("t");
    EXPECT_NE(run.err().find("t: 2 of 8 rows have no runtime_s: they take the others' median, 3500.00 s\n"),
              std::string::npos)
        << run.err();
    EXPECT_EQ(run.err().find("left out: "), std::string::npos) << run.err();
  }
}

TEST(BenchSearch, AWrongOptionIsToldBeforeAnythingRuns) {
  const Folder folder;
  for (const auto& [flag, value, hint] :
       {std::tuple("--searchers", "tpe:gama=1", "did you mean 'gamma'"),
        std::tuple("--schedulers", "asha:etta=3", "did you mean 'eta'"),
        std::tuple("--schedulers", "asha:foo=1", "steps"),
        std::tuple("--schedulers", "hyperband,asha:eta=2.5", "'asha:eta=2.5': eta: ")}) {
    Program wrong(folder, {"bench", "search", "--suite", "fidelity", "--workers", "2", "--trials", "2",
                           "--out", "o", flag, value});
    EXPECT_EQ(wrong.status(), 2);
    EXPECT_NE(wrong.err().find(hint), std::string::npos) << wrong.err();
  }
  // Steps come from the problem.
  Program runs(folder,
               {"bench", "search", "--suite", "fidelity", "--workers", "2", "--trials", "2", "--seeds", "1",
                "--out", "o", "--searchers", "random", "--schedulers", "asha", "--quiet"});
  EXPECT_EQ(runs.status(), 0) << runs.err();
}

}  // namespace
}  // namespace hone
