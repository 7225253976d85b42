#include "hone/cost/gemm/product.h"

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"

namespace hone::cost {
namespace {

TEST(CpuGemm, EveryTileAndEveryLoopComputesTheProduct) {
  Rng rng(1, "tiles");
  for (const std::string type : {"f32", "f64"}) {
    const double most = type == "f32" ? 2e-6 : 1e-14;
    for (const GemmShape& shape :
         {GemmShape{1, 1, 1}, {7, 5, 3}, {64, 64, 64}, {65, 127, 33}, {3, 200, 70}, {130, 2, 129}}) {
      CpuGemm product(shape, type);
      product.run(cpu_gemm_default(type));
      EXPECT_LT(product.error(), most) << type << " by default";
      for (const auto& [reg_m, reg_n] : cpu_gemm_registers(type)) {
        GemmConfig config;
        config.tile_m = static_cast<std::int64_t>(1 + rng.below(70));
        config.tile_n = static_cast<std::int64_t>(1 + rng.below(150));
        config.tile_k = static_cast<std::int64_t>(1 + rng.below(80));
        config.reg_m = reg_m;
        config.reg_n = reg_n;
        product.run(config);
        EXPECT_LT(product.error(), most)
            << type << " " << shape.m << " x " << shape.n << " x " << shape.k << ", " << config.text();
      }
    }
  }
}

TEST(CpuGemm, LargeOnesAreInterruptedAmidThem) {
  CpuGemm product({600, 600, 600}, "f32");
  int asked = 0;
  EXPECT_FALSE(product.run(cpu_gemm_default("f32"), [&] { return ++asked == 2; }));
  EXPECT_EQ(asked, 2);
  EXPECT_TRUE(product.run(cpu_gemm_default("f32"), [&] { return ++asked < 0; }));
  EXPECT_LT(product.error(), 2e-6);
  CpuGemm small({100, 100, 100}, "f32");
  EXPECT_TRUE(small.run(cpu_gemm_default("f32"), [] { return true; })) << "too short to ask";
}

TEST(CpuGemm, WhatItCannotComputeIsAnError) {
  EXPECT_THROW(CpuGemm({1, 1, 1}, "f16"), Error);
  EXPECT_THROW(CpuGemm({0, 1, 1}, "f32"), Error);
  EXPECT_THROW(CpuGemm({100000, 100000, 100000}, "f32"), Error);
  CpuGemm product({8, 8, 8}, "f32");
  GemmConfig config = cpu_gemm_default("f32");
  config.reg_m = 3;
  EXPECT_THROW(product.run(config), Error);
  config = cpu_gemm_default("f32");
  config.tile_k = 0;
  EXPECT_THROW(product.run(config), Error);
  // The same, asked without computing anything.
  EXPECT_THROW(need_cpu_gemm({8, 8, 8}, config, "f32"), Error);
  EXPECT_THROW(need_cpu_gemm({100000, 100000, 100000}, cpu_gemm_default("f32"), "f32"), Error);
  for (const std::string type : {"f32", "f64"})
    for (const auto& [reg_m, reg_n] : cpu_gemm_registers(type)) {
      config = cpu_gemm_default(type);
      config.reg_m = reg_m;
      config.reg_n = reg_n;
      EXPECT_NO_THROW(need_cpu_gemm({8, 8, 8}, config, type));
      config.reg_m = 3;
      EXPECT_THROW(need_cpu_gemm({8, 8, 8}, config, type), Error);
    }
}

TEST(GemmConfig, ReadsWhatPeopleType) {
  const GemmConfig config = GemmConfig::parse("tile_m=64, tile_n=32 tile_k=8", "--config");
  EXPECT_EQ(config.tile_n, 32);
  EXPECT_EQ(config.stages, 0);
  const auto fails = [](const std::string& text, const std::string& part) {
    try {
      (void)GemmConfig::parse(text, "--config");
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  fails("tile=64", "--config: a configuration has no 'tile'");
  fails("tilem=64", "did you mean 'tile_m'");
  fails("tile_m=x", "'x' is no number for tile_m");
  fails("tile_m", "'' is no number");
  fails("tile_m=-1", "no number");
  fails("tile_m=64,warps_n=131072", "--config: warps_n is at most 1024, not 131072");
  fails("tile_m=1000001", "tile_m is at most 1000000");
  fails(" , ", "there is no configuration");
}

}  // namespace
}  // namespace hone::cost
