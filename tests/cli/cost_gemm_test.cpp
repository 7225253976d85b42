// hone cost gemm as people use it.
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "../program.h"
#include "hone/base/json.h"
#include "hone/base/rng.h"

namespace hone {
namespace {

using test::Folder;
using test::Program;

/// A table in the profiler's columns with a power column joined: larger tiles are faster and draw more.
std::string profiled_table() {
  std::string text =
      "OperationKind,Operation,Disposition,Status,m,n,k,A,B,C,accum,op_class,cta_m,cta_n,cta_k,stages,warps_"
      "m,"
      "warps_n,warps_k,Runtime,power_w\n";
  Rng rng(1, "shapes");
  for (int s = 0; s < 12; ++s) {
    const auto size = [&] { return 64 << rng.below(5); };
    const int m = size(), n = size(), k = size();
    for (const int tile : {32, 64, 128}) {
      const double rate = 1e9 * tile;  // operations a millisecond
      text += fmt::format(
          "gemm,k{0},passed,success,{1},{2},{3},f32:row,f32:row,f32:row,f32,simt,{0},{0},8,2,2,2,1,{4},{5}\n",
          tile, m, n, k, 2.0 * m * n * k / rate + 0.001, 40 + tile);
    }
  }
  return text + "gemm,k0,failed,error,1,1,1,f32:row,f32:row,f32:row,f32,simt,1,1,1,1,1,1,1,,\n";
}

TEST(CostGemm, LearnsPredictsAndChooses) {
  const Folder folder;
  folder.write("gpu.csv", profiled_table());
  Program learn(
      folder, {"cost", "gemm", "learn", "gpu.csv", "--gpu", "rtx4070", "--trees", "20", "--out", "gpu.json"});
  ASSERT_EQ(learn.status(), 0) << learn.err();
  EXPECT_NE(learn.out().find("36 products of 12 shapes, 3 configurations"), std::string::npos) << learn.out();
  EXPECT_NE(learn.out().find("power_w"), std::string::npos);
  EXPECT_NE(learn.out().find("left out: 1 row that says it failed"), std::string::npos) << learn.out();

  Program predict(folder,
                  {"cost", "gemm", "predict", "gpu.json", "-m", "256", "-n", "256", "-k", "256", "--config",
                   "tile_m=64,tile_n=64,tile_k=8,stages=2,warps_m=2,warps_n=2,warps_k=1", "--json"});
  ASSERT_EQ(predict.status(), 0) << predict.err();
  const Json predicted = Json::parse(predict.out());
  EXPECT_GT(predicted["runtime_s"]["value"].get<double>(), predicted["runtime_s"]["low"].get<double>());
  EXPECT_GT(predicted["energy_j"]["value"].get<double>(), 0.0);

  Program choose(folder,
                 {"cost", "gemm", "choose", "gpu.json", "-m", "1000", "-n", "1000", "-k", "900", "--json"});
  ASSERT_EQ(choose.status(), 0) << choose.err();
  const Json chosen = Json::parse(choose.out());
  EXPECT_NE(chosen["config"].get<std::string>().find("tile_m=128"), std::string::npos);
  EXPECT_GT(chosen["times_as_fast"].get<double>(), 1.5);
  EXPECT_EQ(chosen["next"].size(), 2U);
  Program fixed(folder,
                {"cost", "gemm", "choose", "gpu.json", "-m", "1000", "-n", "1000", "-k", "900", "--goal",
                 "energy", "--fixed", "tile_m=64", "--baseline", "tile_m=32,tile_n=32,tile_k=8"});
  ASSERT_EQ(fixed.status(), 0) << fixed.err();
  EXPECT_NE(fixed.out().find("the least energy of 1 configurations"), std::string::npos) << fixed.out();
  Program published(folder, {"cost", "gemm", "learn", "gpu.csv", "--published", "--out", "p.json", "--json"});
  ASSERT_EQ(published.status(), 0) << published.err();
  EXPECT_EQ(Json::parse(published.out())["importance"].size(), 9U);
  EXPECT_EQ(Json::parse(published.out())["interrupted"], false);
}

/// Whether a process has taken Ctrl-C into its own hands.
bool listens(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("SigCgt:"))
      return (std::stoull(line.substr(7), nullptr, 16) >> (SIGINT - 1) & 1U) != 0;
  return false;
}

TEST(CostGemm, LearningThatIsStoppedWritesNothing) {
  const Folder folder;
  std::string text = "m,n,k,tile_m,runtime_s\n";
  for (int row = 0; row < 6000; ++row)
    text += fmt::format("{},{},{},{},{}\n", 16 + row % 97, 16 + row % 89, 16 + row % 83, 16 + row % 7,
                        1e-6 * (1 + row % 101));
  folder.write("t.csv", text);
  Program learn(
      folder, {"cost", "gemm", "learn", "t.csv", "--trees", "2000", "--out", "t.json", "--json", "--quiet"});
  ASSERT_TRUE(test::wait_until([&] { return listens(learn.pid()); }));
  learn.signal(SIGINT);
  const double asked = test::seconds();
  EXPECT_EQ(learn.status(), 3) << learn.err();
  EXPECT_LT(test::seconds() - asked, 20.0) << "all of them would take minutes";
  EXPECT_EQ(Json::parse(learn.out())["interrupted"], true);
  EXPECT_FALSE(std::filesystem::exists(folder.file("t.json")));
}

/// Rows stored by columns are twice as fast; the first configuration is the one most often measured.
std::string table_of_layouts() {
  std::string text = "m,n,k,tile_m,column_a,runtime_s\n";
  for (int size = 16; size <= 512; size *= 2)
    for (const auto& [tile, column, factor] :
         {std::tuple{32, 0, 4.0}, {64, 0, 2.0}, {32, 1, 2.0}, {64, 1, 1.0}})
      text +=
          fmt::format("{0},{0},{0},{1},{2},{3}\n", size, tile, column, factor * 1e-9 * size * size * size);
  return text;
}

TEST(CostGemm, CountsRowsThatFailedAndChoicesThatAShapeIs) {
  const Folder folder;
  const std::string failed = "gemm,k0,failed,error,1,1,1,f32:row,f32:row,f32:row,f32,simt,1,1,1,1,1,1,1,,\n";
  folder.write("gpu.csv", profiled_table() + failed);
  folder.write("t.csv", table_of_layouts());
  Program rows(folder, {"cost", "gemm", "learn", "gpu.csv", "--trees", "5", "--out", "gpu.json", "--quiet"});
  ASSERT_EQ(rows.status(), 0) << rows.err();
  EXPECT_NE(rows.out().find("left out: 2 rows that say they failed"), std::string::npos) << rows.out();
  EXPECT_NE(rows.out().find("of 12 held-out shapes: "), std::string::npos) << rows.out();
  Program layouts(folder, {"cost", "gemm", "learn", "t.csv", "--trees", "5", "--out", "t.json", "--quiet"});
  ASSERT_EQ(layouts.status(), 0) << layouts.err();
  EXPECT_NE(layouts.out().find("of 12 groups of a held-out shape, layout and type: "), std::string::npos)
      << layouts.out();
}

TEST(CostGemm, TheLayoutOfTheDataIsNoChoice) {
  const Folder folder;
  folder.write("t.csv", table_of_layouts());
  Program learn(folder, {"cost", "gemm", "learn", "t.csv", "--trees", "20", "--out", "t.json", "--quiet"});
  ASSERT_EQ(learn.status(), 0) << learn.err();
  const auto choose = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"cost", "gemm", "choose", "t.json", "-m", "128", "-n", "128", "-k", "128"});
    more.emplace_back("--json");
    Program program(folder, more);
    EXPECT_EQ(program.status(), 0) << program.err();
    return Json::parse(program.out());
  };
  const Json usual = choose({});
  EXPECT_EQ(usual["config"], "tile_m=64");
  EXPECT_EQ(usual["baseline"]["config"], "tile_m=32");
  EXPECT_EQ(usual["next"].size(), 1U);
  const Json any = choose({"--any-layout"});
  EXPECT_EQ(any["config"], "tile_m=64 column_a=1");
  EXPECT_GT(any["times_as_fast"].get<double>(), usual["times_as_fast"].get<double>());
  const Json fixed = choose({"--fixed", "column_a=1"});
  EXPECT_EQ(fixed["config"], "tile_m=64 column_a=1");
  EXPECT_EQ(fixed["baseline"]["config"], "tile_m=32 column_a=1") << "of the layout that is asked for";
  EXPECT_EQ(choose({"--fixed", "column_a=1", "--baseline", "tile_m=64"})["baseline"]["config"],
            "tile_m=64 column_a=1");
}

TEST(CostGemm, SaysWhereItReckonsBeyondWhatWasMeasured) {
  const Folder folder;
  folder.write("t.csv", table_of_layouts());
  Program learn(folder, {"cost", "gemm", "learn", "t.csv", "--trees", "5", "--out", "t.json", "--quiet"});
  ASSERT_EQ(learn.status(), 0) << learn.err();
  const auto beyond = [&](std::vector<std::string> more, const char* model = "t.json") {
    more.insert(more.begin(), {"cost", "gemm", "predict", model, "-n", "128", "-k", "128", "--json"});
    Program program(folder, more);
    EXPECT_EQ(program.status(), 0) << program.err();
    const Json json = Json::parse(program.out());
    EXPECT_EQ(json["within_measured"], json["beyond"].empty());
    return json["beyond"].dump();
  };
  EXPECT_EQ(beyond({"-m", "128"}), "[]");
  EXPECT_EQ(beyond({"-m", "1024"}), R"(["m"])");
  EXPECT_EQ(beyond({"-m", "128", "--batch", "16"}), R"(["batch"])");
  EXPECT_EQ(beyond({"-m", "128", "--batch", "1000"}), R"(["operations","batch"])");
  EXPECT_EQ(beyond({"-m", "128", "--beta", "1"}), R"(["beta"])");
  EXPECT_EQ(beyond({"-m", "128", "--config", "column_a=1"}), "[]") << "the tile is the baseline's";
  EXPECT_EQ(beyond({"-m", "128", "--config", "tile_m=48"}), R"(["configuration"])");
  Program words(folder, {"cost", "gemm", "predict", "t.json", "-m", "128", "-n", "128", "-k", "128",
                         "--batch", "16", "--config", "tile_m=48"});
  EXPECT_EQ(words.status(), 0);
  EXPECT_NE(words.err().find("measured in batch;"), std::string::npos) << words.err();
  EXPECT_NE(words.err().find("this configuration was not measured"), std::string::npos) << words.err();
  // Of what choices are compared with too.
  for (const auto& [baseline, measured] : {std::pair{"tile_m=32", true}, {"tile_m=48", false}}) {
    const std::vector<std::string> choose{"cost", "gemm", "choose", "t.json", "-m",         "128",
                                          "-n",   "128",  "-k",     "128",    "--baseline", baseline};
    Program plain(folder, choose);
    EXPECT_EQ(plain.status(), 0);
    EXPECT_EQ(plain.err().find("the baseline was not measured") == std::string::npos, measured)
        << plain.err();
    auto with_json = choose;
    with_json.emplace_back("--json");
    Program document(folder, with_json);
    const Json json = Json::parse(document.out());
    EXPECT_EQ(json["within_measured"], true);
    EXPECT_EQ(json["baseline"]["within_measured"], measured);
    EXPECT_EQ(json["baseline"]["beyond"].dump(), measured ? "[]" : R"(["configuration"])");
  }
  // As it was written before there were ranges.
  Json old = Json::parse(folder.read("t.json"));
  old.erase("ranges");
  folder.write("old.json", old.dump());
  EXPECT_EQ(beyond({"-m", "128", "--batch", "16"}, "old.json"), "[]");
  EXPECT_EQ(beyond({"-m", "8"}, "old.json"), R"(["m"])");
}

TEST(CostGemm, SaysWhatItsErrorBarsAreOf) {
  const Folder folder;
  folder.write("gpu.csv", profiled_table());
  for (const auto& [more, held_out] : std::vector<std::pair<std::vector<std::string>, Json>>{
           {{}, "shapes"}, {{"--hold-out", "rows"}, "rows"}, {{"--folds", "0"}, nullptr}}) {
    std::vector<std::string> learn{"cost", "gemm",  "learn",    "gpu.csv", "--trees",
                                   "5",    "--out", "gpu.json", "--quiet"};
    learn.insert(learn.end(), more.begin(), more.end());
    ASSERT_EQ(Program(folder, learn).status(), 0);
    for (const char* command : {"predict", "choose"}) {
      std::vector<std::string> words{"cost", "gemm", command, "gpu.json", "-m",
                                     "256",  "-n",   "256",   "-k",       "256"};
      Program plain(folder, words);
      EXPECT_EQ(plain.status(), 0);
      EXPECT_EQ(plain.err().find("new shapes do worse") != std::string::npos,
                held_out == "rows" && std::string(command) == "predict")
          << plain.err();
      words.emplace_back("--json");
      Program document(folder, words);
      EXPECT_EQ(Json::parse(document.out())["held_out"], held_out) << command;
    }
  }
}

TEST(CostGemm, MeasuresThisMachineAndVerifies) {
  const Folder folder;
  const std::vector<std::string> measure{"cost", "gemm",      "measure", "--out",     "cpu.csv", "--shapes",
                                         "3",    "--configs", "3",       "--largest", "32",      "--json"};
  Program first(folder, measure);
  ASSERT_EQ(first.status(), 0) << first.err();
  const Json json = Json::parse(first.out());
  EXPECT_EQ(json["shapes"], 3);
  if (json["power"] == false) {
    EXPECT_EQ(folder.read("cpu.csv").find("power_w"), std::string::npos);
    EXPECT_NE(first.err().find("power is not measured"), std::string::npos);
  }
  Program again(folder, measure);
  ASSERT_EQ(again.status(), 0);
  EXPECT_EQ(Json::parse(again.out())["rows"], 0);
  Program learn(folder,
                {"cost", "gemm", "learn", "cpu.csv", "--trees", "10", "--out", "cpu.json", "--quiet"});
  ASSERT_EQ(learn.status(), 0) << learn.err();
  Program choose(folder,
                 {"cost", "gemm", "choose", "cpu.json", "-m", "20", "-n", "20", "-k", "20", "--verify"});
  ASSERT_EQ(choose.status(), 0) << choose.err();
  EXPECT_NE(choose.out().find("measured: "), std::string::npos) << choose.out();
  // What is predicted is told before a large product is measured, which Ctrl-C ends.
  Program large(folder,
                {"cost", "gemm", "choose", "cpu.json", "-m", "4000", "-n", "4000", "-k", "4000", "--verify"});
  EXPECT_TRUE(test::wait_until(
      [&] { return large.out_so_far().find("times as fast as the baseline") != std::string::npos; }));
  large.signal(SIGINT);
  EXPECT_EQ(large.status(), 3) << large.err();
  EXPECT_EQ(large.out().find("measured: "), std::string::npos) << large.out();
  EXPECT_NE(large.err().find("stopped before both were measured"), std::string::npos) << large.err();
  for (const char* baseline : {"reg_m=3", "tile_m=0"}) {
    Program none(folder, {"cost", "gemm", "choose", "cpu.json", "-m", "20", "-n", "20", "-k", "20",
                          "--verify", "--baseline", baseline});
    EXPECT_EQ(none.status(), 2) << none.err();
    EXPECT_EQ(none.out(), "") << baseline;
  }
}

TEST(CostGemm, CtrlCKeepsWhatIsFinished) {
  const Folder folder;
  Program program(folder, {"cost", "gemm", "measure", "--out", "cpu.csv", "--configs", "2", "--largest", "16",
                           "--time", "10 min"});
  // The file is there, and its own, from the beginning; rows come with the first shape.
  ASSERT_TRUE(test::wait_until([&] { return !folder.read("cpu.csv").empty(); }, 60.0));
  Program second(folder, {"cost", "gemm", "measure", "--out", "cpu.csv", "--time", "1 s"});
  EXPECT_EQ(second.status(), 2);
  EXPECT_NE(second.err().find("cpu.csv: another measurement is writing this table"), std::string::npos)
      << second.err();
  program.signal(SIGINT);
  EXPECT_EQ(program.status(), 3) << program.err();
  EXPECT_NE(program.err().find("the same command goes on"), std::string::npos);
  const std::string text = folder.read("cpu.csv");
  ASSERT_FALSE(text.empty());
  EXPECT_EQ(text.back(), '\n');
}

TEST(CostGemm, TheBenchReadsItsTables) {
  const Folder folder;
  std::filesystem::create_directories(folder.file("data/gemm"));
  folder.write("data/gemm/gpu.csv", profiled_table());
  Program bench(folder, {"bench", "cost", "--data", "data", "--json"});
  ASSERT_EQ(bench.status(), 0) << bench.err();
  std::set<std::string> models;
  for (const Json& row : Json::parse(bench.out())) {
    EXPECT_EQ(row["suite"], "gemm, shapes held out");
    models.insert(row["target"].get<std::string>() + " " + row["model"].get<std::string>());
  }
  for (const char* one :
       {"runtime_s gemm_forest", "runtime_s gemm_forest, as published", "runtime_s mean",
        "runtime_s linear regression", "runtime_s roofline, fitted", "power_w gemm_forest", "energy_j mean"})
    EXPECT_TRUE(models.contains(one)) << one;
}

TEST(CostGemm, ErrorsNameWhatIsWrong) {
  const Folder folder;
  folder.write("gpu.csv", profiled_table());
  const auto fails = [&](const std::vector<std::string>& more, const std::string& part) {
    std::vector<std::string> words{"cost", "gemm"};
    words.insert(words.end(), more.begin(), more.end());
    Program program(folder, words);
    EXPECT_EQ(program.status(), 2) << part;
    EXPECT_NE(program.err().find(part), std::string::npos) << program.err();
  };
  fails({"learn", "none.csv", "--out", "x.json"}, "none.csv");
  fails({"learn", "gpu.csv", "--out", "gpu.csv"}, "gpu.csv");
  fails({"learn", "gpu.csv", "--gpu", "rtx4071", "--out", "x.json"}, "did you mean 'rtx4070'");
  folder.write("bad.csv", "m,n,k,runtime_s\n4,4,4,fast\n");
  fails({"learn", "bad.csv", "--out", "x.json"}, "bad.csv:2: runtime_s: 'fast' is not a number");
  fails({"predict", "gpu.csv", "-m", "1", "-n", "1", "-k", "1"}, "gpu.csv");
  Program learn(folder, {"cost", "gemm", "learn", "gpu.csv", "--trees", "5", "--out", "gpu.json", "--quiet"});
  ASSERT_EQ(learn.status(), 0) << learn.err();
  fails({"predict", "gpu.json", "-m", "8", "-n", "8", "-k", "8", "--config", "tilem=3"},
        "did you mean 'tile_m'");
  fails({"choose", "gpu.json", "-m", "8", "-n", "8", "-k", "8", "--verify"}, "--verify measures only where");
  fails({"choose", "gpu.json", "-m", "8", "-n", "8", "-k", "8", "--verify", "--batch", "2"},
        "--verify: one product without beta");
  fails({"choose", "gpu.json", "-m", "8", "-n", "8", "-k", "8", "--verify", "--beta", "1"},
        "--verify: one product without beta");
  fails({"choose", "gpu.json", "-m", "8", "-n", "8", "-k", "8", "--beta", "nan"}, "--beta");
  fails({"predict", "gpu.json", "-m", "8", "-n", "8", "-k", "8", "--beta", "inf"}, "--beta");
  fails({"choose", "gpu.json", "-m", "8", "-n", "8", "-k", "8", "--type", "f16"},
        "gpu.json: no product of f16");
  fails({"choose", "gpu.json", "-m", "0", "-n", "8", "-k", "8"}, "-m");
  folder.write("one.csv", "m,n,k,runtime_s\n4,4,4,1\n");
  fails({"learn", "one.csv", "--out", "x.json"}, "one.csv: one measured product");
  folder.write("two.csv", "m,n,k,runtime_s,device\n4,4,4,1,a\n4,4,8,1,b\n");
  fails({"learn", "two.csv", "--out", "x.json"}, "two.csv:3: device: this row is of 'b'");
  Json unknown = Json::parse(folder.read("gpu.json"));
  unknown["provenance"]["gpu"] = "1.3x10";
  folder.write("unknown.json", unknown.dump());
  fails({"predict", "unknown.json", "-m", "8", "-n", "8", "-k", "8"},
        "unknown.json: hone does not know the GPU");
  fails({"measure", "--out", "gpu.csv"}, "gpu.csv");
  fails({"measure", "--out", "x.csv", "--time", "soon"}, "--time");
  EXPECT_EQ(folder.read("gpu.csv"), profiled_table());
}

}  // namespace
}  // namespace hone
