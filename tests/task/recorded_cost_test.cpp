// What rows of recorded tables cost, and what is sought in them.
#include <gtest/gtest.h>

#include "../program.h"
#include "hone/base/error.h"
#include "hone/run/study_file.h"
#include "hone/task/recorded.h"
#include "hone/task/task.h"
#include "made_table.h"

namespace hone::task {
namespace {

Recorded benchmark_of(const test::MadeTable& made, const RecordedUse& use = {}) {
  return Recorded("t", {std::make_shared<const Table>(Table::parse(made.description, made.rows, "t"))}, use);
}

TEST(Recorded, ARowWithoutItsCostTakesTheMedian) {
  auto made = test::made_grid();
  EXPECT_EQ(benchmark_of(made).note(), "");
  // Lines of tanh: 16, 32, 64 and 128 take 1.5, 2.5, 4.5 and 8.5 s, thrice; and so those of relu.
  const auto without = [&](std::size_t line) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < line; ++i) at = made.rows.find('\n', at) + 1;
    const std::size_t end = made.rows.find('\n', at);
    std::size_t comma = end;
    for (int i = 0; i < 2; ++i) comma = made.rows.rfind(',', comma - 1);
    made.rows.replace(comma, end - comma, line == 3 ? ",-1,-1" : line == 4 ? ",inf,nan" : ",,nan");
  };
  const Key whole = benchmark_of(made).data_key();
  without(3);
  EXPECT_EQ(benchmark_of(made).note(), "1 of 24 rows has no runtime_s: it takes the others' median, 2.50 s");
  without(4);
  without(8);
  without(20);
  for (const bool each_seed : {false, true}) {
    const Recorded recorded = benchmark_of(made, {.each_seed = each_seed});
    EXPECT_EQ(recorded.note(), "4 of 24 rows have no runtime_s: they take the others' median, 2.50 s");
    for (const std::size_t row : {2u, 3u, 7u, 19u}) {
      const auto seen = recorded.evaluate(recorded.table().config(row), 1, 1);
      EXPECT_EQ(seen.failure, "");
      EXPECT_EQ(seen.cost_s, 2.5);
      EXPECT_EQ(seen.measures.find("runtime_s"), 2.5);
    }
  }
  EXPECT_EQ(benchmark_of(made).at_row(6, 1).cost_s, 4.5) << "the others keep theirs";
  EXPECT_NE(benchmark_of(made).data_key(), whole);
  for (std::size_t line = 1; line <= 24; ++line) without(line);
  EXPECT_EQ(benchmark_of(made).note(), "no row has runtime_s: an evaluation takes 1 s");
  EXPECT_EQ(benchmark_of(made).at_row(6, 1).cost_s, 1.0);
}

TEST(Recorded, CostsByStepComeFromTheirRowsOtherSteps) {
  test::MadeTable made;
  made.description = R"({"space": {"x": [0, 1, 2]}, "metrics": {"loss": {"steps": 4},
 "runtime_s": {"steps": 4}}})";
  made.rows =
      "x,loss_0,loss_1,loss_2,loss_3,runtime_s_0,runtime_s_1,runtime_s_2,runtime_s_3\n"
      "0,4,3,2,1,10,20,30,40\n1,4,3,2,1,,8,nan,10\n2,4,3,2,1,,,nan,\n";
  const Recorded recorded = benchmark_of(made);
  EXPECT_EQ(recorded.note(), "1 of 3 rows has no runtime_s: it takes the others' median, 25.00 s");
  const std::vector<std::vector<double>> expected{{10, 20, 30, 40}, {4, 8, 12, 10}, {6.25, 12.5, 18.75, 25}};
  for (std::size_t row = 0; row < 3; ++row)
    for (std::int64_t step = 1; step <= 4; ++step)
      EXPECT_DOUBLE_EQ(recorded.at_row(row, step).cost_s, expected[row][static_cast<std::size_t>(step - 1)])
          << row << " " << step;
}

TEST(Recorded, WhatAnEvaluationTookIsNoObjective) {
  const auto objective = [](const std::string& metrics, const std::string& header, const std::string& cost) {
    const test::MadeTable made{fmt::format(R"({{"space": {{"x": [0, 1]}}, "metrics": {{{}}}}})", metrics),
                               "x," + header + "\n0,1,2\n1,2,1\n"};
    return benchmark_of(made, {.cost = cost}).objectives().front();
  };
  EXPECT_EQ(objective(R"("runtime_s": {}, "acc": {"goal": "max"})", "runtime_s,acc", "").name, "acc");
  EXPECT_FALSE(objective(R"("runtime_s": {}, "acc": {"goal": "max"})", "runtime_s,acc", "").minimize);
  EXPECT_EQ(objective(R"("acc": {}, "runtime_s": {})", "acc,runtime_s", "").name, "acc");
  EXPECT_EQ(objective(R"("train": {}, "acc": {})", "train,acc", "train").name, "acc");
  EXPECT_EQ(objective(R"("train": {}, "acc": {})", "train,acc", "").name, "train")
      << "nothing says it is one";
  // Where nothing but costs is measured, one of them is meant.
  EXPECT_EQ(objective(R"("runtime_s": {}, "power": {"unit": "W"})", "runtime_s,power", "").name, "runtime_s");
}

TEST(RecordedTask, SaysWhatColumnsAreCalledAndWhatIsNotRecorded) {
  const test::Folder folder;
  folder.write("t.json", R"({"title": "odd", "space": {"batch-size": [8, 16], "x": [0, 1]},
 "metrics": {"loss": {}, "runtime_s": {}}})");
  folder.write("t.csv", "batch-size,x,loss,runtime_s\n8,0,4,3\n8,1,3,\n16,0,2,5\n16,1,1,\n");
  const auto parse = [&](const std::string& space) {
    return run::StudyFile::parse(
        "[study]\nminimize = [\"loss\"]\n[task]\nkind = \"recorded\"\ntable = \"t\"\n" + space +
            "[search]\nscheduler = { kind = \"fixed\", steps = 1 }\n",
        folder.file("s.toml"));
  };
  const std::string about = parse("").task->prepare();
  EXPECT_EQ(
      about,
      "odd: 4 rows, every configuration of its space; the column 'batch-size' is batch_size; 2 of 4 rows "
      "have no runtime_s: they take the others' median, 4.00 s");
  EXPECT_NO_THROW(parse("[space]\nbatch_size = { choice = [8] }\nx = [0, 1]\n"));
  try {
    parse("[space]\n\"batch-size\" = { choice = [8] }\nx = [0, 1]\n");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("write 'batch_size'"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace hone::task
