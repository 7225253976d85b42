// hone identity and hone bench identity as people use them.
#include <filesystem>

#include "../program.h"
#include "../task/made_table.h"
#include "hone/base/json.h"

namespace hone {
namespace {

using test::Folder;
using test::Program;

class IdentityProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto [quality, latency] = test::made_cells({"none", "skip_connect", "nor_conv_3x3"});
    std::filesystem::create_directories(folder_.file("data/latency"));
    folder_.write("data/cells.json", quality.description);
    folder_.write("data/cells.csv", quality.rows);
    folder_.write("data/latency/phone.json", latency.description);
    folder_.write("data/latency/phone.csv", latency.rows);
    folder_.write("s.toml",
                  "[study]\nmaximize = [\"acc\"]\n[task]\nkind = \"recorded\"\ntable = \"data/cells.csv\"\n"
                  "[search]\nscheduler = { kind = \"fixed\", steps = 1 }\n");
  }
  Folder folder_;
};

TEST_F(IdentityProgram, CountsClassesAndProposals) {
  Program counts(folder_, {"identity", "s.toml", "--searcher", "random,regularized_evolution", "--proposals",
                           "200", "--out", "page.html", "--json", "--quiet"});
  ASSERT_EQ(counts.status(), 0) << counts.err();
  const Json json = Json::parse(counts.out());
  EXPECT_EQ(json["literal"], 729);
  EXPECT_LT(json["functional"]["classes"].get<int>(), 400);
  EXPECT_EQ(json["classes"].size(), 5u);
  ASSERT_EQ(json["proposals"].size(), 2u);
  EXPECT_EQ(json["proposals"][1]["curve"].back()["proposals"], 200);
  EXPECT_NE(folder_.read("page.html").find("</html>"), std::string::npos);
  Program text(folder_, {"identity", "s.toml", "--limit", "100", "--samples", "50"});
  ASSERT_EQ(text.status(), 0) << text.err();
  EXPECT_NE(text.out().find("50 designs drawn of 729"), std::string::npos) << text.out();
  Program wrong(folder_, {"identity", "s.toml", "--searcher", "randm"});
  EXPECT_EQ(wrong.status(), 2);
  EXPECT_NE(wrong.err().find("did you mean 'random'"), std::string::npos) << wrong.err();
  folder_.write("bad.toml", "[study]\nmaximize = [\"acc\"]\n[task]\nkind = \"recorded\"\ntbale = \"x\"\n");
  Program bad(folder_, {"identity", "bad.toml"});
  EXPECT_EQ(bad.status(), 2);
  EXPECT_NE(bad.err().find("bad.toml:5: task.tbale"), std::string::npos) << bad.err();
}

TEST_F(IdentityProgram, FewerBitsOfTheMantissaTellFewerFunctionsApart) {
  folder_.write("near.toml",
                "[study]\nminimize = [\"loss\"]\n[task]\nkind = \"command\"\nrun = [\"sh\", \"-c\", \"echo "
                "{x}\"]\nprobe = true\nprobe_batch = \"text\"\n[space]\nx = { int = [1000, 1019] }\n");
  const auto classes = [&](const std::string& bits) {
    Program counts(folder_, {"identity", "near.toml", "--bits", bits, "--json", "--quiet"});
    EXPECT_EQ(counts.status(), 0) << counts.err();
    return Json::parse(counts.out())["functional"]["classes"].get<int>();
  };
  EXPECT_EQ(classes("1"), 1);
  EXPECT_EQ(classes("20"), 20);
  EXPECT_EQ(Program(folder_, {"identity", "near.toml", "--bits", "53"}).status(), 2) << "a double has 52";
}

TEST_F(IdentityProgram, StudiesTheHash) {
  Program study(folder_, {"bench", "identity", "--data", "data", "--seeds", "1", "--proposals", "50", "--out",
                          "o", "--json"});
  ASSERT_EQ(study.status(), 0) << study.err();
  const Json json = Json::parse(study.out());
  EXPECT_EQ(json["tables"][0]["table"], "cells");
  EXPECT_EQ(json["gain"].size(), 1u);
  EXPECT_NE(folder_.read("o/identity.html").find("</html>"), std::string::npos);
  EXPECT_EQ(Program(folder_, {"bench", "identity", "--data", "nowhere"}).status(), 2);
}

TEST_F(IdentityProgram, AnInterruptedCountTellsWhatItHas) {
  folder_.write(
      "slow.toml",
      "[study]\nminimize = [\"loss\"]\n[task]\nkind = \"command\"\nrun = [\"sh\", \"-c\", \": > begun; sleep "
      "0.02; echo {x}\"]\nprobe = true\nprobe_batch = \"text\"\n[space]\nx = { int = [1, 5000] }\n");
  Program slow(folder_, {"identity", "slow.toml", "--json"});
  EXPECT_TRUE(test::wait_until([&] { return std::filesystem::exists(folder_.file("begun")); }));
  slow.signal(SIGINT);
  EXPECT_EQ(slow.status(), 3) << slow.err();
  const Json json = Json::parse(slow.out());
  EXPECT_TRUE(json["interrupted"].get<bool>());
  EXPECT_LT(json["literal"].get<int>(), 5000);
}

}  // namespace
}  // namespace hone
