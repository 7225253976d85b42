#include <cmath>
#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "../program.h"
#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/run/cost_bench.h"

namespace hone::run {
namespace {

using test::Folder;

/// Products whose speed hangs on the tile and the least size, with a row of noise here and there.
std::string products_table(int shapes) {
  std::string text = "m,n,k,tile_m,tile_n,tile_k,runtime_s,power_w\n";
  Rng rng(1, "shapes");
  for (int s = 0; s < shapes; ++s) {
    const auto size = [&] { return static_cast<int>(16.0 * std::exp(3.5 * rng.uniform())); };
    const int m = size(), n = size(), k = size();
    for (const int tile : {16, 32, 64, 128}) {
      const double rate = 1e9 * tile / (1.0 + (tile > 64 ? 3.0 : 0.0)) * m / (m + 50.0);
      text += fmt::format("{},{},{},{},{},32,{:.6g},{:.4g}\n", m, n, k, tile, tile, 2.0 * m * n * k / rate,
                          50.0 + 0.2 * tile + 5.0 * rng.uniform());
    }
  }
  return text;
}

TEST(GemmScores, ShapesThatWereHeldOutOfEveryTable) {
  const Folder folder;
  std::filesystem::create_directories(folder.file("gemm"));
  folder.write("gemm/a.csv", products_table(40));
  folder.write("gemm/b.csv", products_table(1));
  folder.write("gemm/notes.txt", "no table");
  std::vector<std::string> skipped;
  CostBenchOptions options;
  options.skipped = [&](const std::string& why) { skipped.push_back(why); };
  const auto scores = gemm_scores(folder.path(), options);
  EXPECT_EQ(skipped, std::vector<std::string>{"gemm/b.csv: it has no two shapes"});
  ASSERT_FALSE(scores.empty());
  const auto of = [&](const std::string& target, const std::string& model) {
    for (const CostScore& score : scores)
      if (score.target == target && score.model == model) return score;
    ADD_FAILURE() << target << " by " << model;
    return CostScore{};
  };
  const CostScore forest = of("runtime_s", "gemm_forest");
  EXPECT_EQ(forest.suite, "gemm a, shapes held out");
  EXPECT_EQ(forest.accuracy.samples, 160);
  EXPECT_LT(forest.accuracy.mape, 0.15);
  for (const char* other : {"gemm_forest, as published", "linear regression", "roofline, fitted", "mean"})
    EXPECT_LT(forest.accuracy.mape, of("runtime_s", other).accuracy.mape) << other;
  EXPECT_LT(of("power_w", "gemm_forest").accuracy.mape, of("power_w", "mean").accuracy.mape);
  for (const auto& [name, value] : forest.more)
    if (name == "chosen_over_best") {
      EXPECT_LT(value, 0.05);
    }
  EXPECT_TRUE(gemm_scores(folder.path() + "/none", options).empty());
  folder.write("gemm/c.csv", "m,n,k,runtime_s\n1,1\n");
  try {
    (void)gemm_scores(folder.path(), options);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("c.csv:2"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace hone::run
