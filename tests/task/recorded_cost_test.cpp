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

}  // namespace
}  // namespace hone::task
