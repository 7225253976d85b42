// hone cost simulate, simulate-learn.
#include <algorithm>
#include <csignal>

#include <gtest/gtest.h>

#include "../program.h"
#include "hone/base/json.h"

namespace hone {
namespace {

const char* const kSimulatedKernel = R"(func.func @sum(%a: memref<20000xf64>, %r: memref<1xf64>) {
  affine.for %i = 0 to 20000 {
    %x = affine.load %a[%i] : memref<20000xf64>
    %s = affine.load %r[0] : memref<1xf64>
    %t = arith.addf %s, %x : f64
    affine.store %t, %r[0] : memref<1xf64>
  }
  return
})";

TEST(CostSimulate, TellsCyclesOfEachCore) {
  const test::Folder folder;
  folder.write("k.mlir", kSimulatedKernel);
  folder.write("mine.toml", "base = \"big\"\nunits.fp_add.latency = 2\n");
  test::Program program(folder, {"cost", "simulate", "k.mlir", "--core", "mine.toml", "--json"});
  ASSERT_EQ(program.status(), 0) << program.err();
  const Json json = Json::parse(program.out());
  EXPECT_EQ(json[0]["function"], "sum");
  EXPECT_FALSE(json[0]["predicted"].get<bool>());
  EXPECT_NEAR(json[0]["cycles"].get<double>(), 40000.0, 2000.0);
  EXPECT_EQ(json[0]["description"]["units"]["fp_add"]["latency"], 2);
  test::Program explored(folder,
                         {"cost", "simulate", "k.mlir", "--explore", "units.fp_add.latency=3,6", "--json"});
  ASSERT_EQ(explored.status(), 0) << explored.err();
  const Json two = Json::parse(explored.out());
  ASSERT_EQ(two.size(), 2u);
  EXPECT_NEAR(two[1]["cycles"].get<double>() / two[0]["cycles"].get<double>(), 2.0, 0.1);
  test::Program text(folder, {"cost", "simulate", "k.mlir", "--portion", "0.5"});
  ASSERT_EQ(text.status(), 0) << text.err();
  EXPECT_NE(text.out().find("(the portion's own)"), std::string::npos) << text.out();
  EXPECT_NE(text.out().find("memory bound"), std::string::npos) << text.out();
}

TEST(CostSimulate, WrongInputIsTold) {
  const test::Folder folder;
  folder.write("k.mlir", kSimulatedKernel);
  folder.write("bad.toml", "clock_ghz = 3\nreorder_bufer = 5\n");
  const auto fails = [&](std::vector<std::string> more, const std::string& says) {
    std::vector<std::string> words{"cost", "simulate", "k.mlir"};
    words.insert(words.end(), more.begin(), more.end());
    test::Program program(folder, words);
    EXPECT_EQ(program.status(), 2);
    EXPECT_NE(program.err().find(says), std::string::npos) << program.err();
  };
  fails({"--core", "bad.toml"}, "bad.toml:2");
  fails({"--core", "bigg"}, "did you mean 'big'");
  fails({"--explore", "reorder_bufer=3"}, "did you mean 'reorder_buffer'");
  fails({"--explore", "reorder_buffer"}, "--explore");
  fails({"--portion", "2"}, "--portion");
  fails({"--model", "bad.toml"}, "bad.toml");
}

TEST(CostSimulate, LearnsGoesOnAndPredicts) {
  const test::Folder folder;
  folder.write("k.mlir", kSimulatedKernel);
  const std::vector<std::string> options{"--out",  "ipc.json", "--fewest", "20000",  "--most",
                                         "150000", "--least",  "2000",     "--json", "--quiet"};
  const auto learn = [&](const std::string& kernels) {
    std::vector<std::string> words{"cost", "simulate-learn", "--kernels", kernels};
    words.insert(words.end(), options.begin(), options.end());
    return words;
  };
  test::Program first(folder, learn("40"));
  ASSERT_EQ(first.status(), 0) << first.err();
  const Json json = Json::parse(first.out());
  EXPECT_EQ(json["held_out"][0]["predictor"], "forest");
  test::Program again(folder, learn("40"));
  ASSERT_EQ(again.status(), 0) << again.err();
  EXPECT_EQ(Json::parse(again.out())["held_out"], json["held_out"]);
  // Ended between a function's pairs and the line that says that they are all: they are made again, once.
  const std::string all = folder.read("ipc.json.pairs");
  const std::size_t begin_of_last = all.rfind("{\"family\"");
  folder.write("ipc.json.pairs", all.substr(0, all.find('\n', begin_of_last) + 1));
  test::Program after(folder, learn("40"));
  ASSERT_EQ(after.status(), 0) << after.err();
  EXPECT_EQ(Json::parse(after.out())["pairs"], json["pairs"]);
  const std::string made_again = folder.read("ipc.json.pairs");
  EXPECT_EQ(std::count(made_again.begin(), made_again.end(), '\n'), std::count(all.begin(), all.end(), '\n'));
  std::vector<std::string> other = learn("40");
  other.insert(other.end(), {"--seed", "2"});
  test::Program wrong(folder, other);
  EXPECT_EQ(wrong.status(), 2);
  EXPECT_NE(wrong.err().find("ipc.json.pairs:1"), std::string::npos) << wrong.err();
  test::Program predicted(folder, {"cost", "simulate", "k.mlir", "--model", "ipc.json", "--json"});
  ASSERT_EQ(predicted.status(), 0) << predicted.err();
  const Json said = Json::parse(predicted.out());
  EXPECT_TRUE(said[0]["predicted"].get<bool>());
  EXPECT_EQ(said[0]["predicted_by"], "forest");
  EXPECT_LT(said[0]["simulated_share"].get<double>(), 0.2);
  // A core unlike all that were learned from: no more than it can, and what of it is unlike them.
  folder.write("narrow.toml",
               "fetch_width = 1\nissue_width = 1\nretire_width = 1\n"
               "branch.predictor = \"perfect\"\n");
  test::Program narrow(
      folder, {"cost", "simulate", "k.mlir", "--core", "narrow.toml", "--model", "ipc.json", "--json"});
  ASSERT_EQ(narrow.status(), 0) << narrow.err();
  const Json of_narrow = Json::parse(narrow.out())[0];
  EXPECT_LE(of_narrow["ipc"].get<double>(), 1.0);
  const Json first_outside{{"key", "fetch_width"}, {"value", 1.0}, {"learned", {2.0, 8.0}}};
  EXPECT_EQ(of_narrow["outside"][0], first_outside) << of_narrow["outside"];
  EXPECT_NE(of_narrow["outside"].dump().find("\"perfect\""), std::string::npos) << of_narrow["outside"];
  test::Program told(folder, {"cost", "simulate", "k.mlir", "--core", "narrow.toml", "--model", "ipc.json"});
  EXPECT_NE(told.out().find("fetch_width 1 (learned: 2 to 8)"), std::string::npos) << told.out();
  test::Program table(folder, {"cost", "simulate", "k.mlir", "--model", "ipc.json", "--explore",
                               "fetch_width=1,4", "--quiet"});
  EXPECT_NE(table.out().find("not learned: fetch_width"), std::string::npos) << table.out();
  // The forest says nothing of a part that is shorter than what it was taught with.
  std::string text = kSimulatedKernel;
  for (std::size_t at = 0; (at = text.find("20000", at)) != std::string::npos; at += 10)
    text.replace(at, 5, "4000000000");
  folder.write("long.mlir", text);
  test::Program stopped(folder, {"cost", "simulate", "long.mlir", "--model", "ipc.json", "--json"});
  ::usleep(2000000);
  stopped.signal(SIGINT);
  ASSERT_EQ(stopped.status(), 3) << stopped.err();
  const Json part = Json::parse(stopped.out());
  EXPECT_TRUE(part[0]["stopped"].get<bool>());
  EXPECT_EQ(part[0]["predicted_by"], "portion");
}

TEST(CostSimulate, PairsAreTaughtOnceHoweverManyRunsWroteThem) {
  const test::Folder folder;
  const auto learn = [&](const std::string& kernels, const std::string& out) {
    return std::vector<std::string>{
        "cost",    "simulate-learn", "--kernels", kernels, "--fewest", "20000", "--most", "150000",
        "--least", "2000",           "--pairs",   "pairs", "--out",    out,     "--json", "--quiet"};
  };
  {
    test::Program first(folder, learn("100000", "a.json"));
    ASSERT_TRUE(
        test::wait_until([&] { return folder.read("pairs").find("{\"done\":3}") != std::string::npos; }));
    test::Program second(folder, learn("40", "b.json"));
    EXPECT_EQ(second.status(), 2);
    EXPECT_NE(second.err().find("pairs: another run"), std::string::npos) << second.err();
    first.signal(SIGINT);
    EXPECT_EQ(first.status(), 3) << first.err();
  }
  test::Program all(folder, learn("40", "a.json"));
  ASSERT_EQ(all.status(), 0) << all.err();
  // As two runs at once of an earlier hone left it.
  const std::string once = folder.read("pairs");
  folder.write("pairs", once + once.substr(once.find('\n') + 1));
  test::Program twice(folder, learn("40", "a.json"));
  ASSERT_EQ(twice.status(), 0) << twice.err();
  EXPECT_EQ(Json::parse(twice.out())["pairs"], Json::parse(all.out())["pairs"]);
  EXPECT_EQ(Json::parse(twice.out())["held_out"], Json::parse(all.out())["held_out"]);
}

TEST(CostSimulate, AnotherPairsFileIsLeftAsItIs) {
  const test::Folder folder;
  for (const std::string text : {"one line of notes, without an end", "[1, 2, 3]", "two\nlines"}) {
    folder.write("notes.txt", text);
    test::Program program(folder,
                          {"cost", "simulate-learn", "--pairs", "notes.txt", "--kernels", "1", "--quiet"});
    EXPECT_EQ(program.status(), 2);
    EXPECT_NE(program.err().find("holds no simulated pairs"), std::string::npos) << program.err();
    EXPECT_EQ(folder.read("notes.txt"), text);
  }
}

TEST(CostSimulate, AFunctionThatHoldsNothingDoesNotEndTheOthers) {
  const test::Folder folder;
  const std::string nothing = "func.func @nothing() { return }\n";
  folder.write("k.mlir", nothing + kSimulatedKernel);
  folder.write("nothing.mlir", nothing);
  test::Program both(folder, {"cost", "simulate", "k.mlir", "--json", "--quiet"});
  ASSERT_EQ(both.status(), 0) << both.err();
  const Json json = Json::parse(both.out());
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0], (Json{{"function", "nothing"}, {"instructions", 0}}));
  EXPECT_EQ(json[1]["function"], "sum");
  EXPECT_NE(both.err().find("nothing"), std::string::npos);
  test::Program alone(folder, {"cost", "simulate", "nothing.mlir"});
  EXPECT_EQ(alone.status(), 2);
  EXPECT_NE(alone.err().find("nothing.mlir"), std::string::npos) << alone.err();
}

}  // namespace
}  // namespace hone
