#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "../program.h"
#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/run/cost_bench.h"
#include "hone/run/latency_features.h"
#include "hone/run/latency_tables.h"
#include "hone/task/cell_spaces.h"

namespace hone::run {
namespace {

using test::Folder;

/// A table of cells of NAS-Bench-201 on two devices: one executes everything, one only what is read.
void write_cells(const Folder& folder) {
  std::filesystem::create_directories(folder.file("latency"));
  const std::vector<std::string> ops{"none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3"};
  std::string rows = "op_0_1,op_0_2,op_1_2,op_0_3,op_1_3,op_2_3,server,phone\n";
  Rng rng(1, "cells");
  for (int i = 0; i < 300; ++i) {
    std::vector<std::size_t> cell;
    for (int e = 0; e < 6; ++e) {
      cell.push_back(rng.below(4));
      rows += ops[cell.back()] + ",";
    }
    const auto cost = [](std::size_t op) { return op == 3 ? 3.0 : op == 2 ? 1.0 : 0.0; };
    double all = 1.0, read = 1.0;
    for (const std::size_t op : cell) all += cost(op);
    const bool two = cell[5] != 0, one = cell[4] != 0 || (two && cell[2] != 0);
    read += cost(cell[3]) + cost(cell[4]) + cost(cell[5]) + (two ? cost(cell[1]) + cost(cell[2]) : 0.0) +
            (one ? cost(cell[0]) : 0.0);
    rows += std::to_string(all * (1.0 + 0.02 * rng.normal())) + "," +
            (i == 7 ? "nan" : std::to_string(read * (1.0 + 0.02 * rng.normal()))) + "\n";
  }
  folder.write("latency/cells.csv", rows);
  folder.write("latency/cells.json", R"({"metrics": {"server": {"unit": "ms"}, "phone": {"unit": "ms"}}})");
}

void write_stack(const Folder& folder, const std::string& name, double per_flop) {
  std::string rows =
      "encoder_embed_dim,encoder_layer_num,encoder_ffn_avg,latency_mean_encoder,latency_std_encoder\n";
  Rng rng(2, name);
  for (int i = 0; i < 150; ++i) {
    const double width = 64.0 * static_cast<double>(1 + rng.below(4)),
                 layers = static_cast<double>(1 + rng.below(6)),
                 inner = 128.0 * static_cast<double>(1 + rng.below(6));
    const double time =
        (1.0 + per_flop * layers * (width * inner + width * width)) * (1.0 + 0.03 * rng.normal());
    rows += std::to_string(width) + "," + std::to_string(layers) + "," + std::to_string(inner) + "," +
            std::to_string(time) + "," + std::to_string(0.03 * time) + "\n";
  }
  folder.write("latency/" + name + ".csv", rows);
  folder.write("latency/" + name + ".json", R"({"title": "stacks"})");
}

double rank_of(const std::vector<CostScore>& scores, const std::string& suite, const std::string& target,
               const std::string& model) {
  for (const auto& score : scores)
    if (score.suite == suite && score.target == target && score.model == model)
      return score.accuracy.spearman;
  ADD_FAILURE() << suite << ", " << target << ", " << model;
  return std::nan("");
}

TEST(DeviceScores, AnUnseenDeviceAgainstBaselines) {
  const Folder folder;
  write_cells(folder);
  write_stack(folder, "stacks_fast", 1e-6);
  write_stack(folder, "stacks_slow", 1e-5);
  CostBenchOptions options;
  options.seeds = 2;
  const auto scores = device_scores(folder.path(), options);
  EXPECT_GT(rank_of(scores, "cells, 20 chosen samples", "phone", "transfer"), 0.97);
  EXPECT_GT(rank_of(scores, "cells, 20 chosen samples", "phone", "transfer"),
            rank_of(scores, "cells, 20 chosen samples", "phone", "linear regression"));
  EXPECT_GT(rank_of(scores, "cells, 20 random samples", "server", "transfer"), 0.97);
  EXPECT_GT(rank_of(scores, "stacks, 20 chosen samples", "slow encoder", "transfer"), 0.95);
  double learned = 0.0, noise = 0.0;
  for (const auto& score : scores)
    if (score.suite == "stacks, 70% measured" && score.target == "fast encoder") {
      if (score.model == "learned") learned = score.accuracy.mape;
      if (score.model == "noise: spread within a measurement") noise = score.accuracy.mape;
    }
  EXPECT_NEAR(noise, 0.03 * std::sqrt(2.0 / M_PI), 1e-4);
  EXPECT_LT(learned, 1.5 * noise);
}

TEST(DeviceScores, RecordedDevices) {
  const char* data = std::getenv("HONE_DATA");
  if (data == nullptr) GTEST_SKIP() << "HONE_DATA is not set";
  CostBenchOptions options;
  options.seeds = 2;
  const auto scores = device_scores(data, options);
  const std::string suite = "nasbench201_devices, 20 chosen samples";
  const auto rank = [&](const std::string& device, const std::string& model) {
    return rank_of(scores, suite, device, model);
  };
  EXPECT_GT(rank("pixel3", "transfer"), 0.95);
  EXPECT_GT(rank("pixel3", "transfer"), rank("pixel3", "linear regression") + 0.03);
  EXPECT_GT(rank("titan_rtx_32", "transfer"), 0.995);
  EXPECT_GT(rank("gold_6226", "transfer"), 0.987);
  for (const auto& learned : scores) {
    if (learned.suite != "transformers_wmt14ende, 70% measured" || learned.model != "learned") continue;
    for (const auto& noise : scores) {
      if (noise.suite != learned.suite || noise.target != learned.target) continue;
      if (noise.model != "noise: designs measured again") continue;
      EXPECT_LT(learned.accuracy.mape, 1.5 * noise.accuracy.mape) << learned.target;
    }
  }
}

TEST(DeviceScores, TablesOfTheSameColumnsAreOneFamily) {
  const Folder folder;
  write_cells(folder);
  write_stack(folder, "stacks_fast", 1e-6);
  write_stack(folder, "stacks_slow", 1e-5);
  const auto families = read_latency_tables(folder.file("latency"));
  ASSERT_EQ(families.size(), 2u);
  EXPECT_EQ(families[0].series.size(), 2u);
  EXPECT_EQ(families[0].series[1].order.size(), 299u) << "one is not a number";
  EXPECT_EQ(families[1].name, "stacks");
  EXPECT_EQ(families[1].series[0].name(), "fast encoder");
  EXPECT_EQ(families[1].designs.size(), families[1].series[0].latency.size());
  const LatencyFeatures cells = latency_features(families[0]);
  ASSERT_EQ(cells.designs.views.size(), 2u);
  EXPECT_EQ(cells.designs.views[0].columns,
            (std::vector<std::string>{"nor_conv_1x1", "nor_conv_3x3", "skip_connect"}));
  EXPECT_GE((cells.designs.views[0].work - cells.designs.views[1].work).minCoeff(), 0.0);
}

TEST(DeviceScores, MalformedTablesAreErrors) {
  const auto message = [](const std::string& rows, const std::string& description) {
    const Folder folder;
    std::filesystem::create_directories(folder.file("latency"));
    folder.write("latency/t.csv", rows);
    if (!description.empty()) folder.write("latency/t.json", description);
    try {
      read_latency_tables(folder.file("latency"));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_NE(message("a,b\n1,2\n", "").find("t.json"), std::string::npos);
  EXPECT_NE(message("a,b\n1,2\n", "{}").find("no latency in the table"), std::string::npos);
  EXPECT_NE(message("a,b\n1,2\n", R"({"metrics": {"c": {}}})").find("'c' is not a column"),
            std::string::npos);
  EXPECT_NE(message("a,b\n1\n", R"({"metrics": {"b": {}}})").find("t.csv:2"), std::string::npos);
  EXPECT_NE(message("b\n1\n", R"({"metrics": {"b": {}}})").find("no column that describes"),
            std::string::npos);
}

}  // namespace
}  // namespace hone::run
