// hone cost fit, llm, llms, estimate, probe as people use them.
#include <cstdlib>

#include <fmt/format.h>

#include "../cost/llm/api.h"
#include "../program.h"
#include "hone/base/json.h"

namespace hone {
namespace {

using test::Folder;
using test::Program;

TEST(CostProgram, FitsAndPredictsARequest) {
  const Folder folder;
  folder.write(
      "points.csv",
      "prompt_tokens,output_tokens,seconds\n16,1,0.1\n16,64,0.73\n512,1,0.2\n512,64,0.83\n512,128,1.47\n");
  Program fit(folder, {"cost", "fit", "points.csv", "-o", "m.json", "--json"});
  ASSERT_EQ(fit.status(), 0) << fit.err();
  EXPECT_NEAR(Json::parse(fit.out())["runtime_per_output_token"].get<double>(), 0.01, 1e-6);
  Program text(folder, {"cost", "fit", "points.csv", "-o", "m.json"});
  EXPECT_EQ(text.status(), 0);
  EXPECT_NE(text.out().find("output token  10 ms"), std::string::npos) << text.out();
  Program cost(folder, {"cost", "llm", "m.json", "-p", "512", "-o", "101", "--gpus", "4", "--price-per-hour",
                        "3.6", "--power-w", "100", "--carbon", "360", "--json"});
  ASSERT_EQ(cost.status(), 0) << cost.err();
  const Json json = Json::parse(cost.out());
  EXPECT_NEAR(json["seconds"].get<double>(), 1.2, 1e-6);
  EXPECT_NEAR(json["dollars"].get<double>(), 0.0048, 1e-8);
  EXPECT_NEAR(json["energy_j"].get<double>(), 480.0, 1e-3);
  EXPECT_NEAR(json["co2_g"].get<double>(), 0.048, 1e-6);
  Program beyond(folder, {"cost", "llm", "m.json", "-p", "4096", "-o", "1"});
  EXPECT_EQ(beyond.status(), 0);
  EXPECT_NE(beyond.out().find("beyond the largest prompt"), std::string::npos);
}

TEST(CostProgram, NeverOverwritesWhatItReads) {
  const Folder folder;
  const std::string points =
      "prompt_tokens,output_tokens,seconds\n16,1,0.1\n16,64,0.73\n512,1,0.2\n512,64,0.83\n";
  folder.write("points.csv", points);
  std::filesystem::create_hard_link(folder.file("points.csv"), folder.file("other.csv"));
  std::filesystem::create_symlink("points.csv", folder.file("link.csv"));
  for (const std::string output : {"points.csv", "./points.csv", "other.csv", "link.csv"}) {
    Program fit(folder, {"cost", "fit", "points.csv", "-o", output});
    EXPECT_EQ(fit.status(), 2) << output;
    EXPECT_NE(fit.err().find("would be overwritten"), std::string::npos) << fit.err();
    EXPECT_EQ(folder.read("points.csv"), points);
  }
  ASSERT_EQ(Program(folder, {"cost", "fit", "points.csv", "-o", "m.json"}).status(), 0);
  const std::string model = folder.read("m.json");
  EXPECT_EQ(Program(folder, {"cost", "estimate", "opt-30b", "--measured", "m.json", "-f", "m.json"}).status(),
            2);
  EXPECT_EQ(folder.read("m.json"), model);
  EXPECT_EQ(Program(folder, {"cost", "fit", "points.csv", "-o", "m.json"}).status(), 0) << "a model is";
}

TEST(CostProgram, ComparesModels) {
  const Folder folder;
  folder.write("ideal.json", R"({"together/bloom": {"runtime_per_output_token": 0.06,
    "runtime_for_prompt_tokens": {"1": 0.07, "512": 0.2}}, "gooseai/gpt-j-6b": {"runtime_per_output_token": 0.02,
    "runtime_for_prompt_tokens": {"1": 0.02, "512": 0.04}}})");
  folder.write("api.json", R"({"together/bloom": {"runtime_per_output_token": 0.03,
    "runtime_for_prompt_tokens": {"1": 0.03, "512": 0.1}, "overhead": 0.2}})");
  folder.write("quality.csv", "model,quality\ntogether/bloom,0.6\ngooseai/gpt-j-6b,0.5\n");
  Program llms(folder, {"cost", "llms", "ideal.json", "api.json", "-p", "512", "-o", "11", "--price-per-hour",
                        "4.096", "--quality", "quality.csv", "--json"});
  ASSERT_EQ(llms.status(), 0) << llms.err();
  const Json models = Json::parse(llms.out())["models"];
  ASSERT_EQ(models.size(), 2u);
  EXPECT_EQ(models[1]["name"], "together/bloom");
  EXPECT_EQ(models[1]["accelerators"], 8.0);
  EXPECT_NEAR(models[1]["denoised_over_idealized"].get<double>(), 0.6 / 0.8, 1e-9);
  EXPECT_NEAR(models[1]["dollars"].get<double>(), 0.8 * 8 * 4.096 / 3600, 1e-9);
  EXPECT_EQ(models[0]["front"], true);
  EXPECT_EQ(Program(folder, {"cost", "llms", "ideal.json"}).status(), 0);
  Program stacks(folder, {"cost", "llms", "--compare", "ideal.json", "api.json"});
  ASSERT_EQ(stacks.status(), 0) << stacks.err();
  EXPECT_NE(stacks.out().find("0.50x"), std::string::npos) << stacks.out();
}

TEST(CostProgram, ComparesStacksOfDifferentBatches) {
  const Folder folder;
  for (const std::string batch : {"1", "16"})
    ASSERT_EQ(Program(folder, {"cost", "estimate", "llama2-7b", "--gpus", batch == "1" ? "1" : "2", "--batch",
                               batch, "-f", "b" + batch + ".json"})
                  .status(),
              0);
  const std::vector<std::string> ask{"cost", "llms", "--compare", "b1.json", "b16.json"};
  auto machine = ask;
  machine.insert(machine.end(), {"--price-per-hour", "3.6", "--json"});
  Program compared(folder, machine);
  ASSERT_EQ(compared.status(), 0) << compared.err();
  const Json one = Json::parse(compared.out())[0];
  EXPECT_EQ(one["first_batch"], 1.0);
  EXPECT_EQ(one["second_batch"], 16.0);
  EXPECT_GT(one["request"].get<double>(), 1.0);
  EXPECT_NEAR(one["cost"].get<double>(), one["request"].get<double>() * 2 / 16, 1e-9) << "on 2, shared by 16";
  const double dollars = one["first"]["dollars"].get<double>();
  EXPECT_NEAR(dollars, one["first_s"].get<double>() * 1e-3, 1e-9);
  EXPECT_NEAR(one["second"]["dollars"].get<double>() / dollars, one["cost"].get<double>(), 1e-9);
  auto priced = ask;
  priced.insert(priced.end(), {"--price-per-hour", "3.6"});
  Program text(folder, priced);
  for (const char* says : {"1 / 16", "1 / 2", "USD", "the batches differ"})
    EXPECT_NE(text.out().find(says), std::string::npos) << says << " in " << text.out();
}

TEST(CostProgram, KnowsWhatServesARequest) {
  const Folder folder;
  folder.write("ideal.json", R"({"together/bloom": {"runtime_per_output_token": 0.06,
    "runtime_for_prompt_tokens": {"1": 0.07, "512": 0.2}}})");
  const std::vector<std::string> ask{"cost", "llm", "ideal.json",       "-p",  "512",
                                     "-o",   "11",  "--price-per-hour", "3.6", "--json"};
  const Json json = Json::parse(Program(folder, ask).out());
  EXPECT_EQ(json["accelerators"], 8.0) << "as it was published";
  EXPECT_NEAR(json["dollars"].get<double>(), 0.8 * 8 * 1e-3, 1e-9);
  ASSERT_EQ(Program(folder, {"cost", "estimate", "opt-30b", "--gpus", "2", "--batch", "4", "-f", "m.json"})
                .status(),
            0);
  auto estimated = ask;
  estimated[2] = "m.json";
  const Json other = Json::parse(Program(folder, estimated).out());
  EXPECT_EQ(other["accelerators"], 2.0);
  EXPECT_NEAR(other["dollars"].get<double>(), other["seconds"].get<double>() * 2 * 1e-3 / 4, 1e-12)
      << "a quarter of what the batch of four costs";
}

TEST(CostProgram, EstimatesAModelNobodyMeasured) {
  const Folder folder;
  Program estimate(folder, {"cost", "estimate", "opt-175b", "--json", "-f", "m.json"});
  ASSERT_EQ(estimate.status(), 0) << estimate.err();
  const Json json = Json::parse(estimate.out());
  EXPECT_EQ(json["accelerators"], 8);
  EXPECT_EQ(json["memory"]["fits"], true);
  EXPECT_GT(json["token_s"].get<double>(), 0.03);
  EXPECT_LT(json["token_s"].get<double>(), 0.15);
  EXPECT_EQ(Program(folder, {"cost", "llm", "m.json", "-p", "100", "-o", "10"}).status(), 0);
  Program crowded(folder, {"cost", "estimate", "opt-175b", "--tensor", "2"});
  EXPECT_EQ(crowded.status(), 0);
  EXPECT_NE(crowded.out().find("DOES NOT FIT"), std::string::npos);
}

TEST(CostProgram, ShowsThePartThatIsLargest) {
  const Folder folder;
  const std::vector<std::string> ask{"cost",    "estimate", "llama3-8b", "--on", "h100-80gb", "--gpus", "1",
                                     "--batch", "256",      "-p",        "512",  "-o",        "512"};
  Program text(folder, ask);
  EXPECT_NE(text.out().find("bound by sequences (host"), std::string::npos) << text.out();
  EXPECT_NE(text.out().find("sequences 51.2 ms"), std::string::npos) << text.out();
  auto machine = ask;
  machine.emplace_back("--json");
  const Json token = Json::parse(Program(folder, machine).out())["token"];
  EXPECT_NEAR(token["sequences_s"].get<double>(), 0.0512, 1e-9);
  EXPECT_EQ(token["bound"], "sequences");
}

TEST(CostProgram, EstimatesStacksThatCaptureGraphs) {
  const Folder folder;
  const std::vector<std::string> ask{"cost", "estimate", "llama2-70b", "--gpus", "8"};
  const auto with = [&](const std::vector<std::string>& more) {
    auto command = ask;
    command.insert(command.end(), more.begin(), more.end());
    return command;
  };
  Program eager(folder, ask);
  EXPECT_NE(eager.out().find("--stack graphs"), std::string::npos) << eager.out();
  EXPECT_EQ(eager.out().find("may be 2x off"), std::string::npos) << "they are off by more";
  const Json slow = Json::parse(Program(folder, with({"--json"})).out());
  const Json fast = Json::parse(Program(folder, with({"--stack", "graphs", "--json"})).out());
  EXPECT_LT(fast["token_s"].get<double>(), 0.5 * slow["token_s"].get<double>());
  EXPECT_EQ(fast["stack"]["start"], "graphs");
  EXPECT_EQ(slow["stack"]["start"], "eager");
  EXPECT_EQ(Program(folder, with({"--stack", "lazy"})).status(), 2);
}

TEST(CostProgram, SaysWhatOfTheMeasurementsIsLeftOut) {
  const Folder folder;
  const std::string header =
      "model,hardware,prompt_size,batch_size,token_size,prompt_time,token_time,e2e_time,tensor_parallel\n";
  std::filesystem::create_directories(folder.file("llm"));
  folder.write("llm/s.csv", header + "llama2-7b,a100-80gb,512,1,128,40,20,9580,1\n");
  folder.write("good.csv", header + "llama2-7b,a100-80gb,512,1,128,40,20,2580,1\n");
  Program text(folder, {"cost", "estimate", "llama2-7b", "--measured", "llm/s.csv"});
  ASSERT_EQ(text.status(), 0) << text.err();
  EXPECT_NE(text.out().find("left out of what was measured: 1 row whose parts do not add up"),
            std::string::npos)
      << text.out();
  EXPECT_NE(text.out().find("not calibrated"), std::string::npos) << text.out();
  Program both(folder, {"cost", "estimate", "llama2-7b", "--measured", "llm/s.csv", "good.csv", "--json"});
  ASSERT_EQ(both.status(), 0) << both.err();
  const Json json = Json::parse(both.out());
  EXPECT_EQ(json["calibrated_on"], Json::array({"good.csv"}));
  EXPECT_EQ(json["rows_left_out"]["parts_unlike_request"], 1);
  EXPECT_EQ(json["rows_left_out"]["beyond_memory"], 0);
  EXPECT_EQ(json["doubts"], Json::array());
  // Microseconds.
  folder.write("micro.csv", header + "llama2-7b,a100-80gb,512,1,128,40000,20000,2580000,1\n");
  Program micro(folder, {"cost", "estimate", "llama2-7b", "--measured", "micro.csv"});
  EXPECT_NE(micro.out().find("warning: micro.csv: steps take"), std::string::npos) << micro.out();
  Program bench(folder, {"bench", "cost", "--data", folder.path()});
  EXPECT_EQ(bench.status(), 2);
  EXPECT_NE(bench.err().find("llm/s.csv: all is left out: 1 row whose parts"), std::string::npos)
      << bench.err();
}

TEST(CostProgram, FewerBitsTakeLessMemory) {
  const Folder folder;
  const auto memory = [&](std::vector<std::string> more) {
    std::vector<std::string> command{"cost", "estimate", "opt-175b", "--tensor", "8", "--json"};
    command.insert(command.end(), more.begin(), more.end());
    Program estimate(folder, command);
    EXPECT_EQ(estimate.status(), 0) << estimate.err();
    return Json::parse(estimate.out()).at("memory");
  };
  const Json full = memory({}), weights = memory({"--weight-bits", "4"}), keys = memory({"--kv-bits", "8"});
  const auto bytes = [](const Json& of, const char* name) { return of.at(name).get<double>(); };
  EXPECT_DOUBLE_EQ(bytes(weights, "weights_bytes"), bytes(full, "weights_bytes") / 4.0) << "of 16 bits";
  EXPECT_DOUBLE_EQ(bytes(weights, "kv_cache_bytes"), bytes(full, "kv_cache_bytes"));
  EXPECT_DOUBLE_EQ(bytes(keys, "kv_cache_bytes"), bytes(full, "kv_cache_bytes") / 2.0);
  EXPECT_DOUBLE_EQ(bytes(keys, "weights_bytes"), bytes(full, "weights_bytes"));
  EXPECT_EQ(Program(folder, {"cost", "estimate", "opt-175b", "--kv-bits", "0"}).status(), 2);
}

TEST(CostProgram, ProbesAnApi) {
  const Folder folder;
  test::SmallServer server([](const test::ServerRequest& request) { return test::model_reply(request); });
  ::setenv("HONE_TEST_KEY", "sk-hidden-123456", 1);
  const std::vector<std::string> ask{
      "cost", "probe",     server.url(), "--model", "m",         "--prompts",     "16,64",  "--outputs",
      "1,4",  "--repeats", "2",          "--json",  "--key-env", "HONE_TEST_KEY", "--file", "p.jsonl"};
  auto within = ask;
  within.insert(within.end(), {"--budget", "1 USD", "--price-in", "0.01", "--price-out", "0.03"});
  Program probe(folder, within);
  ASSERT_EQ(probe.status(), 0) << probe.err();
  EXPECT_EQ(Json::parse(probe.out())["measured"], 8);
  EXPECT_EQ(Program(folder, {"cost", "fit", "p.jsonl", "-o", "m.json"}).status(), 0);
  EXPECT_EQ((folder.read("p.jsonl") + folder.read("m.json") + probe.err() + probe.out()).find("hidden"),
            std::string::npos);
  auto tight = ask;
  tight.back() = "q.jsonl";
  tight.insert(tight.end(), {"--max-tokens", "400"});
  Program stopped(folder, tight);
  EXPECT_EQ(stopped.status(), 3) << "stopped with everything saved";
  EXPECT_LE(Json::parse(stopped.out())["tokens"].get<int>(), 400);
  ::unsetenv("HONE_TEST_KEY");
}

TEST(CostProgram, AProbeThatFailedInPartSaysSo) {
  const Folder folder;
  std::atomic<int> asked{0};
  test::SmallServer server([&](const test::ServerRequest& request) {
    test::ServerReply reply = test::model_reply(request);
    if (++asked == 1) reply.status = 503;
    return reply;
  });
  Program probe(folder, {"cost", "probe", server.url(), "--model", "m", "--prompts", "16", "--outputs", "1,4",
                         "--repeats", "1", "--retries", "0", "--max-tokens", "10000"});
  EXPECT_EQ(probe.status(), 3) << probe.err();
  EXPECT_NE(probe.out().find("1 requests are left, the last failed: status 503"), std::string::npos)
      << probe.out();
}

TEST(CostProgram, OutputThatIsLostIsAnError) {
  const Folder folder;
  const auto full = [&](const std::string& arguments) {
    return std::system(
        fmt::format("cd {} && {}/hone {} > /dev/full 2> err", folder.path(), HONE_PROGRAMS, arguments)
            .c_str());
  };
  for (const char* arguments : {"cost estimate opt-30b --json", "cost devices", "--help", "--version"}) {
    const int status = full(arguments);
    EXPECT_EQ(WEXITSTATUS(status), 1) << arguments;
    EXPECT_NE(folder.read("err").find("standard output cannot be written: No space left"), std::string::npos)
        << folder.read("err");
  }
}

TEST(CostProgram, WhereResultsGoIsCheckedFirst) {
  const Folder folder;
  folder.write("points.csv", "prompt_tokens,output_tokens,seconds\n16,1,0.1\n16,64,0.73\n");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"cost", "fit", "points.csv", "-o", "none/m.json"},
        {"cost", "estimate", "opt-30b", "-f", "none/m.json"},
        {"cost", "learn", "labels.jsonl", "--out", "none/m.json"},
        {"cost", "tune", "points.csv", "--out", "none/m.json"}}) {
    Program program(folder, arguments);
    EXPECT_EQ(program.status(), 2) << arguments[1];
    EXPECT_NE(program.err().find("none/m.json: cannot be written"), std::string::npos) << program.err();
    EXPECT_EQ(program.out(), "");
  }
}

TEST(CostProgram, AnswersMistakes) {
  const Folder folder;
  folder.write("bad.csv", "prompt_tokens,output_tokens,seconds\n1,1,1\n1,x,1\n");
  folder.write("few.csv", "prompt_tokens,output_tokens,seconds\n1,1,1\n");
  folder.write("two.json", R"({"a": {"runtime_per_output_token": 1, "runtime_for_prompt_tokens": {"1": 1}},
    "b": {"runtime_per_output_token": 1, "runtime_for_prompt_tokens": {"1": 1}}})");
  const auto fails = [&](const std::vector<std::string>& arguments, const std::string& says) {
    Program program(folder, arguments);
    EXPECT_EQ(program.status(), 2) << program.err();
    EXPECT_NE(program.err().find(says), std::string::npos) << program.err();
    EXPECT_EQ(program.out(), "");
  };
  fails({"cost", "fit", "none.csv"}, "none.csv");
  fails({"cost", "fit", "bad.csv"}, "bad.csv:3");
  fails({"cost", "fit", "few.csv"}, "few.csv: no prompt size");
  fails({"cost", "llm", "two.json", "-p", "1", "-o", "1"}, "choose one with --name");
  fails({"cost", "llm", "two.json", "-p", "1", "-o", "1", "--name", "c"}, "there is no model 'c'");
  fails({"cost", "llm", "two.json", "-p", "1", "-o", "1", "--name", "a", "--rule", "best"}, "no rule 'best'");
  folder.write("odd.json",
               R"({"name": 5, "runtime_per_output_token": 1, "runtime_for_prompt_tokens": {"1": 1}})");
  fails({"cost", "llm", "odd.json", "-p", "1", "-o", "1"}, "odd.json: name: the name is no text");
  folder.write("cut.json", "{\n \"a\": 1,\n}\n");
  fails({"cost", "llm", "cut.json", "-p", "1", "-o", "1"}, "cut.json:3:1: this is not valid JSON");
  fails({"cost", "llm", "/dev/zero", "-p", "1", "-o", "1"}, "device");
  fails({"cost", "llm", "two.json", "-p", "1", "-o", "1", "--carbon", "400"}, "--power-w");
  fails({"cost", "tune", "two.json", "--tolerance", "nan"}, "from 0 to 1, found 'nan'");
  fails({"cost", "tune", "two.json", "--call-seconds", "nan"}, "found 'nan'");
  fails({"cost", "tune", "two.json", "--seed", "-1"}, "of 0 or more, found '-1'");
  fails({"cost", "llms", "two.json", "two.json"}, "an idealized runtime in another file too");
  fails({"cost", "estimate", "gpt2", "--stages", "2"}, "--tensor");
  fails({"cost", "estimate", "gpt2", "--tensor", "5"}, "cannot be split");
  fails({"cost", "estimate", "gpt2", "--batch", "1.5"}, "whole number from 1");
  fails({"cost", "estimate", "gpt2", "-o", "1.5"}, "whole number from 1");
  fails({"cost", "estimate", "gpt2", "--power-cap", "1"}, "a100-80gb cannot be held to 1 W");
  fails({"cost", "estimate", "gpt2", "--power-cap", "401"}, "draws 400 W at most");
  fails({"cost", "estimate", "gpt2", "--tensor", "2", "--gpus", "2"}, "--gpus");
  folder.write("other.jsonl", "{\"model\": 5}\n");
  fails({"cost", "probe", "http://127.0.0.1:1/v1", "--model", "m", "--max-tokens", "100", "--file",
         "other.jsonl"},
        "other.jsonl:1");
  fails({"cost", "llms"}, "nothing to compare");
  fails({"cost", "llms", "two.json", "--quality", "bad.csv"}, "model,quality");
  folder.write("twice.csv", "model,quality\na,0.5\nb,0.6\na,0.7\n");
  fails({"cost", "llms", "two.json", "--quality", "twice.csv"}, "twice.csv:4: 'a' has a quality in line 2");
  fails({"cost", "estimate", "no-such-model"}, "unknown model");
  fails({"cost", "estimate", "gpt2", "--on", "abacus"}, "unknown accelerator");
  fails({"cost", "estimate", "gpt2", "--measured", "bad.csv"}, "header");
  fails({"cost", "probe", "http://127.0.0.1:1/v1", "--model", "m"}, "spending limit");
  fails({"cost", "probe", "nowhere", "--model", "m", "--max-tokens", "100"}, "no URL");
  fails({"cost", "probe", "http://127.0.0.1:1/v1", "--model", "m", "--budget", "much"}, "no sum of money");
}

}  // namespace
}  // namespace hone
