// hone cost mlir, features, learn, predict.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "../program.h"
#include "hone/base/json.h"
#include "hone/cost/labels.h"
#include "hone/cost/mlir/text.h"

namespace hone {
namespace {

const char* kKernel =
    "func.func @scale(%A: memref<64x32xf32>) {\n  affine.for %i = 0 to 64 {\n    affine.for %j = 0 to 32 {\n"
    "      %x = affine.load %A[%i, %j] : memref<64x32xf32>\n      %y = arith.mulf %x, %x : f32\n"
    "      affine.store %y, %A[%i, %j] : memref<64x32xf32>\n    }\n  }\n  return\n}\n";

TEST(CostMlir, FeaturesOfAFile) {
  const test::Folder folder;
  folder.write("k.mlir", kKernel);
  test::Program program(folder, {"cost", "features", "k.mlir", "--json"});
  ASSERT_EQ(program.status(), 0) << program.err();
  const Json json = Json::parse(program.out());
  EXPECT_EQ(json[0]["function"], "scale");
  EXPECT_EQ(json[0]["features"]["multiply_count"], 64.0 * 32.0);
  EXPECT_EQ(json[0]["loops"].size(), 2u);
  folder.write("bad.mlir", "func.func @f() {\n  return %x : f32\n}\n");
  test::Program bad(folder, {"cost", "features", "bad.mlir"});
  EXPECT_EQ(bad.status(), 2);
  EXPECT_EQ(bad.err(), "error: bad.mlir:2:10: nothing defines %x\n");
  folder.write("none.mlir", "// nothing\n");
  test::Program none(folder, {"cost", "features", "none.mlir"});
  EXPECT_EQ(none.status(), 2);
  EXPECT_NE(none.err().find("none.mlir: it holds no function"), std::string::npos) << none.err();
}

TEST(CostMlir, ADesignAsMlir) {
  const test::Folder folder;
  std::string text;
  for (int i = 0; i < 4000; ++i) text += fmt::format("{} ", i * 7919 % 100003);
  folder.write("a.txt", text);
  folder.write("s.toml",
               "[study]\nminimize = [\"bits_per_char\"]\n[task]\nkind = \"text\"\ndata = "
               "\"a.txt\"\n[space]\nwidth = { int = "
               "[8, 32], step = 8, default = 16 }\n[search]\nscheduler = { kind = \"fixed\", steps = 10 }\n");
  test::Program program(folder, {"cost", "mlir", "s.toml", "width=8", "--form", "affine"});
  ASSERT_EQ(program.status(), 0) << program.err();
  const cost::mlir::Module module = cost::mlir::parse(program.out(), "out");
  EXPECT_EQ(module.functions().size(), 1u);
  test::Program wrong(folder, {"cost", "mlir", "s.toml", "widht=8"});
  EXPECT_EQ(wrong.status(), 2);
}

TEST(CostMlir, LearnedAndPredicted) {
  const test::Folder folder;
  cost::LabelProvenance from;
  from.machine = "a machine";
  from.compiler = "a compiler";
  std::string lines = from.json().dump() + "\n";
  for (int i = 0; i < 60; ++i) {
    const int n = 8 + 2 * i;
    std::string text = kKernel;
    for (std::size_t at; (at = text.find("64")) != std::string::npos;)
      text.replace(at, 2, std::to_string(n == 64 ? 65 : n));
    cost::Label label;
    label.id = static_cast<std::uint64_t>(i);
    label.family = fmt::format("family{}", i % 6);
    label.group = label.family + "/0";
    label.text = text;
    label.targets = {{"run_s", 1e-9 * n * 32}};
    lines += label.json().dump() + "\n";
  }
  folder.write("labels.jsonl", lines);
  test::Program learn(folder, {"cost", "learn", "labels.jsonl", "--trees", "20", "--quiet"});
  ASSERT_EQ(learn.status(), 0) << learn.err();
  folder.write("k.mlir", kKernel);
  test::Program predict(folder, {"cost", "predict", "k.mlir", "--json"});
  ASSERT_EQ(predict.status(), 0) << predict.err();
  const Json json = Json::parse(predict.out());
  EXPECT_EQ(json["provenance"]["machine"], "a machine");
  const Json cost = json["functions"][0]["costs"]["run_s"];
  EXPECT_NEAR(cost["value"].get<double>(), 2.048e-6, 1e-6);
  EXPECT_LE(cost["low"].get<double>(), cost["value"].get<double>());
  EXPECT_EQ(json["functions"][0]["assumed"], Json::array());
  folder.write("open.mlir",
               "func.func @f(%A: memref<64xf32>, %n: index) {\n%z = arith.constant 0.0 : f32\n"
               "affine.for %i = 0 to %n {\naffine.store %z, %A[%i] : memref<64xf32>\n}\nreturn\n}\n");
  test::Program open(folder, {"cost", "predict", "open.mlir"});
  ASSERT_EQ(open.status(), 0) << open.err();
  EXPECT_NE(open.out().find("\n  assumed: 1 loop bound is not known, counted as 64\n"), std::string::npos)
      << open.out();
  EXPECT_EQ(json["held_out"], "families");
  // Of one label nothing can be held out.
  folder.write("one.jsonl", lines.substr(0, lines.find('\n', lines.find('\n') + 1) + 1));
  test::Program one(folder, {"cost", "learn", "one.jsonl", "--out", "one.json", "--trees", "5", "--quiet"});
  ASSERT_EQ(one.status(), 0) << one.err();
  test::Program unsure(folder, {"cost", "predict", "k.mlir", "--model", "one.json"});
  ASSERT_EQ(unsure.status(), 0) << unsure.err();
  EXPECT_NE(unsure.out().find("no error bar: too few functions were held out"), std::string::npos)
      << unsure.out();
  test::Program unsure_json(folder, {"cost", "predict", "k.mlir", "--model", "one.json", "--json"});
  EXPECT_TRUE(Json::parse(unsure_json.out())["functions"][0]["costs"]["run_s"]["low"].is_null());
  test::Program missing(folder, {"cost", "predict", "k.mlir", "--model", "nothing.json"});
  EXPECT_EQ(missing.status(), 2);
  EXPECT_NE(missing.err().find("hone cost learn"), std::string::npos) << missing.err();
  cost::Label label;
  label.id = 7;
  label.text = "func.func @f(%x: f33) {\n";
  label.targets = {{"run_s", 1.0}};
  folder.write("bad.jsonl", from.json().dump() + "\n" + label.json().dump() + "\n");
  test::Program bad(folder, {"cost", "learn", "bad.jsonl", "--quiet"});
  EXPECT_EQ(bad.status(), 2);
  EXPECT_NE(bad.err().find("bad.jsonl, label 7:1:"), std::string::npos) << bad.err();
}

}  // namespace
}  // namespace hone
