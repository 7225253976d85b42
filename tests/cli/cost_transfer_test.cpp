// hone cost transfer as people use it.
#include <filesystem>

#include "../program.h"
#include "hone/base/json.h"
#include "hone/base/rng.h"

namespace hone {
namespace {

using test::Folder;
using test::Program;

double cost_of(const std::string& op) {
  return op == "nor_conv_3x3" ? 3.0 : op == "nor_conv_1x1" ? 1.0 : 0.1;
}

/// A table of 200 cells on two devices.
void write_table(const Folder& folder) {
  std::filesystem::create_directories(folder.file("latency"));
  const std::vector<std::string> ops{"none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3"};
  std::string rows = "op_0_1,op_0_2,op_1_2,op_0_3,op_1_3,op_2_3,a,b\n";
  Rng rng(1, "cells");
  for (int i = 0; i < 200; ++i) {
    double sum = 1.0;
    for (int e = 0; e < 6; ++e) {
      const std::string& op = ops[rng.below(4)];
      sum += cost_of(op);
      rows += op + ",";
    }
    rows += std::to_string(sum) + "," + std::to_string(7.0 * sum) + "\n";
  }
  folder.write("latency/cells.csv", rows);
  folder.write("latency/cells.json", R"({"metrics": {"a": {"unit": "ms"}, "b": {"unit": "ms"}}})");
}

TEST(CostTransfer, ChoosesAndPredicts) {
  const Folder folder;
  write_table(folder);
  Program choose(folder, {"cost", "transfer", "--tables", "latency", "--choose", "12"});
  ASSERT_EQ(choose.status(), 0) << choose.err();
  std::istringstream lines(choose.out());
  std::string line, measured;
  std::getline(lines, line);
  EXPECT_EQ(line, "op_0_1,op_0_2,op_1_2,op_0_3,op_1_3,op_2_3");
  measured = line + ",latency\n";
  int count = 0;
  while (std::getline(lines, line)) {
    double sum = 1.0;
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) sum += cost_of(cell);
    measured += line + "," + (++count == 3 ? std::string("crashed") : std::to_string(0.002 * sum)) + "\n";
  }
  EXPECT_EQ(count, 12);
  folder.write("board.csv", measured);
  Program predict(folder, {"cost", "transfer", "--tables", "latency", "--measured", "board.csv", "--out",
                           "p.csv", "--choose", "5", "--json"});
  ASSERT_EQ(predict.status(), 0) << predict.err();
  const Json json = Json::parse(predict.out());
  EXPECT_EQ(json["measurements"], 11);
  EXPECT_EQ(json["measure_next"].size(), 5u);
  std::istringstream predicted(folder.read("p.csv"));
  std::getline(predicted, line);
  EXPECT_NE(line.find("op_2_3,latency,sd"), std::string::npos);
  int near = 0, all = 0;
  while (std::getline(predicted, line)) {
    double sum = 1.0, latency = 0.0;
    std::istringstream cells(line);
    std::string cell;
    for (int c = 0; c < 6 && std::getline(cells, cell, ','); ++c) sum += cost_of(cell);
    std::getline(cells, cell, ',');
    latency = std::stod(cell);
    near += std::abs(latency / (0.002 * sum) - 1.0) < 0.05 ? 1 : 0;
    ++all;
  }
  EXPECT_EQ(all, 200);
  Program document(folder, {"cost", "transfer", "--tables", "latency", "--measured", "board.csv", "--json"});
  const Json predictions = Json::parse(document.out())["predictions"];
  ASSERT_EQ(predictions.size(), 200u);
  EXPECT_TRUE(predictions[0].contains("op_0_1"));
  EXPECT_GT(predictions[0]["latency"].get<double>(), 0.0);
  EXPECT_GT(near, 190);
}

TEST(CostTransfer, ANumberWithAUnitIsNoFailure) {
  const Folder folder;
  write_table(folder);
  Program choose(folder, {"cost", "transfer", "--tables", "latency", "--choose", "1"});
  std::istringstream lines(choose.out());
  std::string header, design;
  std::getline(lines, header);
  std::getline(lines, design);
  folder.write("m.csv", header + ",latency\n" + design + ",12 ms\n");
  Program program(folder, {"cost", "transfer", "--tables", "latency", "--measured", "m.csv"});
  EXPECT_EQ(program.status(), 2);
  EXPECT_NE(program.err().find("m.csv:2: latency: '12 ms' is not a number"), std::string::npos)
      << program.err();
}

TEST(CostTransfer, ErrorsNameWhatIsWrong) {
  const Folder folder;
  write_table(folder);
  const auto fails = [&](const std::vector<std::string>& more, const std::string& part) {
    std::vector<std::string> words{"cost", "transfer", "--tables", "latency"};
    words.insert(words.end(), more.begin(), more.end());
    Program program(folder, words);
    EXPECT_EQ(program.status(), 2);
    EXPECT_NE(program.err().find(part), std::string::npos) << program.err();
  };
  fails({}, "nothing to do");
  fails({"--family", "cels", "--choose", "2"}, "did you mean 'cells'");
  folder.write("m.csv", "op_0_1,latency\nnone,3\n");
  fails({"--measured", "m.csv"}, "no column 'op_0_2'");
  folder.write("m.csv", "op_0_1,op_0_2,op_1_2,op_0_3,op_1_3,op_2_3,latency\na,b,c,d,e,f,1\n");
  fails({"--measured", "m.csv"}, "m.csv:2: no table has this design");
  const std::string table = folder.read("latency/cells.csv");
  fails({"--measured", "m.csv", "--out", "latency/cells.csv"}, "would be overwritten");
  EXPECT_EQ(folder.read("latency/cells.csv"), table);
}

}  // namespace
}  // namespace hone
