// hone cost devices, calibrate and design as people use them.
#include <cstdlib>

#include "../program.h"
#include "hone/base/json.h"

namespace hone {
namespace {

using test::Folder;
using test::Program;

TEST(CostDevices, ListsAndShows) {
  const Folder folder;
  ::setenv("XDG_CACHE_HOME", folder.path().c_str(), 1);
  Program list(folder, {"cost", "devices", "--json"});
  ASSERT_EQ(list.status(), 0) << list.err();
  EXPECT_GT(Json::parse(list.out()).size(), 8u);
  Program text(folder, {"cost", "devices"});
  EXPECT_NE(text.out().find("this machine was not calibrated"), std::string::npos);
  Program wrong(folder, {"cost", "devices", "a100"});
  EXPECT_EQ(wrong.status(), 2);
  EXPECT_NE(wrong.err().find("allowed: this,"), std::string::npos) << wrong.err();
  folder.write("board.json", R"({"name": "board", "peak": {"f32": 1e9}, "memory": [{"name": "DRAM"}]})");
  Program malformed(folder, {"cost", "devices", "board.json"});
  EXPECT_EQ(malformed.status(), 2);
  EXPECT_NE(malformed.err().find("board.json: memory.0.read"), std::string::npos) << malformed.err();
  ::unsetenv("XDG_CACHE_HOME");
}

TEST(CostDevices, DesignOfAStudy) {
  const Folder folder;
  ::setenv("XDG_CACHE_HOME", folder.path().c_str(), 1);
  std::string text;
  for (int i = 1; i < 3000; ++i) text += std::to_string(i * 7919) + (i % 9 == 0 ? "\n" : " ");
  folder.write("text.txt", text);
  folder.write("s.toml",
               "[study]\nminimize = [\"bits_per_char\"]\n[task]\nkind = \"text\"\ndata = \"text.txt\"\n"
               "context = 32\nbatch = 4\n[space]\nwidth = { int = [32, 64], step = 32, default = 32 }\n"
               "lr = { real = [1e-3, 1e-2], log = true, default = 1e-2 }\n"
               "[search]\nscheduler = { kind = \"fixed\", steps = 2 }\n");
  Program design(folder,
                 {"cost", "design", "s.toml", "--device", "a100-sxm-80gb", "--array", "64x64", "--json"});
  ASSERT_EQ(design.status(), 0) << design.err();
  const Json json = Json::parse(design.out());
  EXPECT_EQ(json["config"]["width"], 32);
  EXPECT_GT(json["latency_s"].get<double>(), 0.0);
  EXPECT_GT(json["energy_j"].get<double>(), 0.0);
  // A pass over a whole sequence, where a trial's latency is of one token.
  EXPECT_NE(json["latency_of"].get<std::string>().find("the input 1x32"), std::string::npos)
      << json["latency_of"];
  EXPECT_NE(json["latency_of"].get<std::string>().find("one generated token"), std::string::npos);
  EXPECT_GT(json["memory"]["training_bytes"].get<double>(), json["memory"]["inference_bytes"].get<double>());
  Program half(folder, {"cost", "design", "s.toml", "--device", "a100-sxm-80gb", "--type", "f16", "--json"});
  const Json halved = Json::parse(half.out())["memory"];
  for (const char* held : {"inference_bytes", "kv_cache_bytes"})
    EXPECT_DOUBLE_EQ(halved[held].get<double>(), 0.5 * json["memory"][held].get<double>()) << held;
  EXPECT_EQ(halved["training_bytes"], json["memory"]["training_bytes"]);
  EXPECT_GT(json["operators"].size(), 5u);
  EXPECT_FALSE(json["attention"]["operators"].empty());
  Program wide(folder, {"cost", "design", "s.toml", "width=64", "--device", "a100-sxm-80gb", "--json"});
  ASSERT_EQ(wide.status(), 0) << wide.err();
  EXPECT_GT(Json::parse(wide.out())["flops"].get<double>(), json["flops"].get<double>());
  Program shown(folder, {"cost", "design", "s.toml", "--device", "tpu-v3", "--type", "bf16"});
  EXPECT_EQ(shown.status(), 0) << shown.err();
  EXPECT_NE(shown.out().find("systolic array 128 x 128"), std::string::npos) << shown.out();
  EXPECT_NE(shown.out().find("of one forward pass of the input 1x32"), std::string::npos) << shown.out();
  Program uncalibrated(folder, {"cost", "design", "s.toml"});
  EXPECT_EQ(uncalibrated.status(), 2);
  EXPECT_NE(uncalibrated.err().find("hone cost calibrate"), std::string::npos) << uncalibrated.err();
  for (const char* array : {"64", "64x64foo", "64x", "0x64", "64x64x1x1", "64x-1"})
    EXPECT_EQ(Program(folder, {"cost", "design", "s.toml", "--device", "t4", "--array", array}).status(), 2)
        << array;
  Program own(folder,
              {"cost", "design", "s.toml", "--device", "tpu-v3", "--type", "bf16", "--array", "32x16x2"});
  EXPECT_NE(own.out().find("systolic array 32 x 16, 2 of them"), std::string::npos) << own.out();
  Program both(folder, {"cost", "design", "s.toml", "--device", "t4", "--trial", "0", "width=64"});
  EXPECT_EQ(both.status(), 2);
  // One thread: a type that was not measured is computed in a wider one; without caches nothing is known of
  // what stays on chip.
  folder.write("board.json", R"({"name": "board", "peak": {"f32": 4e9}, "peak_one_thread": {"f32": 1e9},
    "memory": [{"name": "DRAM", "bytes": 1e9, "read": 4e9, "read_one_thread": 1e9}]})");
  Program one(folder, {"cost", "design", "s.toml", "--device", "board.json", "--one-thread", "--type", "f16",
                       "--json"});
  ASSERT_EQ(one.status(), 0) << one.err();
  EXPECT_FALSE(Json::parse(one.out()).contains("attention"));
  Program unknown(folder, {"cost", "design", "s.toml", "--device", "t4", "--one-thread"});
  EXPECT_EQ(unknown.status(), 2);
  EXPECT_NE(unknown.err().find("of one thread"), std::string::npos) << unknown.err();
  Program value(folder, {"cost", "design", "s.toml", "--device", "t4", "width=33"});
  EXPECT_EQ(value.status(), 2);
  EXPECT_NE(value.err().find("width"), std::string::npos) << value.err();
  ::unsetenv("XDG_CACHE_HOME");
}

TEST(CostDevices, WhatIsNotGivenOfADesignTakesTheFirstValue) {
  const Folder folder;
  std::string text;
  for (int i = 1; i < 3000; ++i) text += std::to_string(i * 7919) + (i % 9 == 0 ? "\n" : " ");
  folder.write("text.txt", text);
  folder.write("s.toml",
               "[study]\nminimize = [\"bits_per_char\"]\n[task]\nkind = \"text\"\ndata = \"text.txt\"\n"
               "context = 32\nbatch = 4\n[space]\nwidth = { int = [32, 64], step = 32 }\n"
               "norm = [\"rms\", \"layer\"]\nlr = { real = [1e-3, 1e-2], log = true }\n"
               "[search]\nscheduler = { kind = \"fixed\", steps = 2 }\n");
  Program design(folder, {"cost", "design", "s.toml", "width=64", "--device", "t4", "--json"});
  ASSERT_EQ(design.status(), 0) << design.err();
  const Json config = Json::parse(design.out())["config"];
  EXPECT_EQ(config["width"], 64);
  EXPECT_EQ(config["norm"], "rms");
  EXPECT_EQ(config["lr"], 1e-3);
  EXPECT_EQ(Program(folder, {"cost", "mlir", "s.toml", "--config", R"({"width": 64})"}).status(), 0);
}

TEST(CostDevices, CalibrationSaysAtOnceThatItCannotSave) {
  const Folder folder;
  Program nowhere(folder, {"cost", "calibrate", "--out", "none/board.json"});
  EXPECT_EQ(nowhere.status(), 2);
  EXPECT_NE(nowhere.err().find("none/board.json: cannot be written"), std::string::npos) << nowhere.err();
  EXPECT_EQ(Program(folder, {"cost", "calibrate", "--out", "."}).status(), 2);
}

TEST(CostDevices, ATaskWithoutAGraphSaysSo) {
  const Folder folder;
  folder.write("s.toml",
               "[study]\nminimize = [\"loss\"]\n[task]\nkind = \"command\"\nrun = \"echo {x}\"\n[space]\n"
               "x = { int = [1, 5], default = 2 }\n[search]\nscheduler = { kind = \"fixed\", steps = 1 }\n");
  Program design(folder, {"cost", "design", "s.toml", "--device", "t4"});
  EXPECT_EQ(design.status(), 2);
  EXPECT_NE(design.err().find("has no graph"), std::string::npos) << design.err();
}

}  // namespace
}  // namespace hone
