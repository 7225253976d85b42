#include "hone/cost/gemm/table.h"

#include <cmath>

#include <gtest/gtest.h>

#include "hone/base/error.h"

namespace hone::cost {
namespace {

// The columns of cutlass_profiler 2.x and of a newer one.
const std::string kProfile =
    "Problem,Provider,OperationKind,Operation,Disposition,Status,gemm_kind,m,n,k,A,B,C,alpha,beta,"
    "split_k_slices,batch_count,op_class,accum,cta_m,cta_n,cta_k,stages,warps_m,warps_n,warps_k,inst_m,inst_"
    "n,"
    "inst_k,min_cc,max_cc,Bytes,Flops,Flops/Byte,Runtime,GB/s,GFLOPs";
const std::string kRow =
    "1,CUTLASS,gemm,cutlass_simt_sgemm_128x64_8x2_nt,passed,success,universal,1024,512,256,f32:column,f32:"
    "row,"
    "f32:column,1,0,1,1,simt,f32,128,64,8,2,4,2,1,1,1,1,50,1024,3670016,268435456,73,0.25,14.7,1073.7";

std::string gemm_table_error(const std::string& text) {
  try {
    (void)parse_gemm_table(text, "t.csv");
  } catch (const Error& error) {
    return error.what();
  }
  return "read";
}

TEST(GemmTable, ReadsWhatCutlassProfilerWrites) {
  std::string tensor = kRow;
  tensor.replace(tensor.find("f32:column"), 10, "f16:row");
  tensor.replace(tensor.find("simt,f32"), 8, "tensorop,f32");
  const GemmTable table = parse_gemm_table(kProfile + "\n" + kRow + "\n" + tensor + "\n", "t.csv");
  EXPECT_TRUE(table.cutlass);
  EXPECT_FALSE(table.power);
  ASSERT_EQ(table.runs.size(), 2U);
  const GemmRun& run = table.runs[0];
  EXPECT_EQ(run.shape, (GemmShape{1024, 512, 256}));
  EXPECT_DOUBLE_EQ(run.runtime_s, 0.25e-3) << "the profiler's Runtime is in milliseconds";
  EXPECT_EQ(run.type, "f32");
  EXPECT_EQ(run.config.text(),
            "tile_m=128 tile_n=64 tile_k=8 stages=2 warps_m=4 warps_n=2 warps_k=1 inst_m=1 inst_n=1 inst_k=1 "
            "split_k=1 column_a=1 column_c=1");
  EXPECT_EQ(GemmConfig::parse(run.config.text(), "here"), run.config);
  EXPECT_TRUE(std::isnan(run.power_w));
  EXPECT_EQ(run.line, 2);
  EXPECT_EQ(table.runs[1].type, "f16");
  EXPECT_EQ(table.runs[1].config.tensor, 1);
  EXPECT_EQ(table.runs[1].config.column_a, 0);
}

TEST(GemmTable, TheTypeOfCIsReadWhereItIsAnother) {
  std::string bytes = kRow;
  bytes.replace(bytes.find("f32:column,f32:row,f32:column"), 29, "s8:row,s8:column,s32:row");
  const GemmTable table = parse_gemm_table(kProfile + "\n" + bytes + "\n" + kRow + "\n", "t.csv");
  EXPECT_EQ(table.runs[0].type, "i8");
  EXPECT_EQ(table.runs[0].out_type, "i32");
  EXPECT_EQ(table.runs[1].out_type, "") << "as A and B";
  const GemmTable own = parse_gemm_table("m,n,k,type,out_type,runtime_s\n1,1,1,f16,f32,1\n", "t.csv");
  EXPECT_EQ(own.runs[0].out_type, "f32");
  EXPECT_NE(gemm_table_error("m,n,k,out_type,runtime_s\n1,1,1,f33,1\n").find("t.csv:2: out_type: 'f33'"),
            std::string::npos);
}

TEST(GemmTable, APowerColumnThatSomebodyJoinedIsRead) {
  for (const std::string name : {"power_w", "Power", "Power [W]"}) {
    const GemmTable table =
        parse_gemm_table(kProfile + "," + name + "\n" + kRow + ",70.5\r\n" + kRow + ",\n", "t.csv");
    ASSERT_EQ(table.runs.size(), 2U) << name;
    EXPECT_TRUE(table.power);
    EXPECT_EQ(table.runs[0].power_w, 70.5);
    EXPECT_TRUE(std::isnan(table.runs[1].power_w));
  }
}

TEST(GemmTable, KernelsThatFailedAreCountedAndLeftOut) {
  std::string failed = kRow, wrong = kRow, idle = kRow;
  failed.replace(failed.find("success"), 7, "error_not_supported");
  wrong.replace(wrong.find("passed"), 6, "incorrect");
  idle.replace(idle.find(",0.25,"), 6, ",,");
  const GemmTable table =
      parse_gemm_table(kProfile + "\n" + failed + "\n" + wrong + "\n" + kRow + "\n" + idle + "\n", "t.csv");
  EXPECT_EQ(table.runs.size(), 1U);
  EXPECT_EQ(table.failed, 3U);
}

TEST(GemmTable, ErrorsSayWhereInTheFile) {
  std::string text = kRow;
  text.replace(text.find("1024,512"), 8, "1024,big");
  EXPECT_EQ(gemm_table_error(kProfile + "\n" + kRow + "\n" + text).substr(0, 31),
            "t.csv:3: n: 'big' is not a numb");
  text = kRow;
  text.replace(text.find("CUTLASS,gemm"), 12, "CUTLASS,conv2d");
  EXPECT_NE(gemm_table_error(kProfile + "\n" + text).find("t.csv:2: OperationKind: 'conv2d'"),
            std::string::npos);
  text = kRow;
  text.replace(text.find("f32:column"), 3, "f33");
  EXPECT_NE(gemm_table_error(kProfile + "\n" + text).find("t.csv:2: A: 'f33'"), std::string::npos);
  EXPECT_NE(gemm_table_error(kProfile + "\n1,2,3\n").find("t.csv:2: 3 cells where the header has 37"),
            std::string::npos);
  EXPECT_NE(gemm_table_error("").find("empty"), std::string::npos);
  EXPECT_NE(gemm_table_error("m,n,k,runtime\n1,1,1,1\n").find("did you mean 'runtime_s'"), std::string::npos);
  EXPECT_NE(gemm_table_error("m,n,k,tile_m\n").find("runtime_s is missing"), std::string::npos);
  EXPECT_NE(gemm_table_error("m,n,runtime_s\n").find("the column k is missing"), std::string::npos);
  EXPECT_NE(gemm_table_error("m,n,k,m,runtime_s\n").find("t.csv:1: m: this column stands there twice"),
            std::string::npos);
  EXPECT_NE(gemm_table_error("m,n,k,runtime_s\n1,1,1,-2\n").find("t.csv:2: runtime_s: '-2' is not above 0"),
            std::string::npos);
  EXPECT_NE(gemm_table_error("m,n,k,runtime_s,power_w\n1,1,1,1,70 W\n").find("power_w: '70 W'"),
            std::string::npos);
}

TEST(GemmTable, BytesThatAreNoTextAreNotRepeated) {
  for (const std::string& text : {std::string("m,n,k\x1b[31m,runtime_s\n"),
                                  std::string("\x7f"
                                              "ELF\x02\n"),
                                  std::string("m,n,k,runtime_s\n1,1,1,\x07\n")}) {
    const std::string error = gemm_table_error(text);
    EXPECT_NE(error.find("this is no text: it has the byte 0x"), std::string::npos) << error;
    for (const char c : error) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << error;
  }
}

TEST(GemmTable, MoreWarpsThanAnyBlockHasAreRefused) {
  EXPECT_NE(gemm_table_error("m,n,k,warps_k,runtime_s\n8,8,8,131072,1\n")
                .find("t.csv:2: warps_k: '131072' is not a whole number from 0 to 1024"),
            std::string::npos);
  std::string text = kRow;
  text.replace(text.find(",2,4,2,1,"), 9, ",2,4096,2,1,");
  EXPECT_NE(gemm_table_error(kProfile + "\n" + text + "\n").find("t.csv:2: warps_m: '4096'"),
            std::string::npos);
}

TEST(GemmTable, ItsOwnComesBackAndALineThatWasCutOffIsNone) {
  GemmRun run;
  run.shape = {10, 20, 30};
  run.config = GemmConfig::parse("tile_m=16,tile_n=32,reg_m=4", "here");
  run.type = run.sum_type = "f64";
  run.runtime_s = 1.25e-6;
  run.spread = 0.05;
  run.device = "cpu X";
  for (const bool power : {false, true}) {
    run.power_w = power ? 12.5 : kNaN;
    const std::string text =
        gemm_table_header(power) + gemm_table_line(run, power) + gemm_table_line(run, power);
    const GemmTable table = parse_gemm_table(text, "t.csv");
    ASSERT_EQ(table.runs.size(), 2U);
    EXPECT_EQ(table.power, power);
    EXPECT_EQ(table.runs[1].config, run.config);
    EXPECT_EQ(table.runs[1].runtime_s, run.runtime_s);
    EXPECT_EQ(table.runs[1].type, "f64");
    EXPECT_EQ(table.runs[1].device, "cpu X");
    for (std::size_t cut = 1; cut < gemm_table_line(run, power).size(); ++cut)
      EXPECT_LE(parse_gemm_table(text.substr(0, text.size() - cut), "t.csv").runs.size(), 2U) << cut;
    EXPECT_EQ(parse_gemm_table(text.substr(0, text.size() - 12), "t.csv").runs.size(), 1U);
  }
}

}  // namespace
}  // namespace hone::cost
