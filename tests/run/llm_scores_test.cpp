#include <gtest/gtest.h>

#include "../program.h"
#include "hone/cost/llm/measured.h"
#include "hone/run/cost_bench.h"

namespace hone::run {
namespace {

/// A folder with runtimes of a made stack, two of them copies under other names, and a denoised file.
void write_runtimes(const test::Folder& folder) {
  std::filesystem::create_directories(folder.file("llm"));
  cost::LlmStack stack;
  stack.launch_s = 0.9e-3;
  Json all = Json::object();
  for (const std::string name :
       {"gpt-j-6b", "copy/gptj_6b", "gpt-neox-20b", "opt-66b", "opt-13b", "opt-175b", "bloom"}) {
    const auto deployment = *cost::deployment_named(name, cost::accelerator("a100-80gb"));
    Json prompts = Json::object();
    for (int size = 1; size <= 2048; size *= 2)
      prompts[std::to_string(size)] = cost::prompt_step(deployment, stack, 1, size).seconds;
    all[name] = {{"runtime_per_output_token", cost::decode_step(deployment, stack, 1, 128).seconds},
                 {"runtime_for_prompt_tokens", prompts}};
  }
  folder.write("llm/made_runtimes.json", all.dump());
  all["opt-66b"]["overhead"] = 0.2;
  folder.write("llm/api_runtimes.json", all.dump());
  folder.write("llm/readme.csv", "a,b\n1,2\n");
}

const CostScore* find(const std::vector<CostScore>& scores, const std::string& suite,
                      const std::string& target, const std::string& model) {
  for (const auto& score : scores)
    if (score.suite == suite && score.target == target && score.model == model) return &score;
  return nullptr;
}

TEST(LlmScores, HoldModelsAndSizesOut) {
  const test::Folder folder;
  EXPECT_TRUE(llm_scores(folder.path(), {}).empty());
  write_runtimes(folder);
  const auto scores = llm_scores(folder.path(), {});
  const auto* left_out =
      find(scores, "made_runtimes, a model left out", "token_s, median error", "calibrated");
  ASSERT_NE(left_out, nullptr);
  EXPECT_EQ(left_out->accuracy.samples, 6) << "the copy is no further sample";
  EXPECT_LT(left_out->accuracy.mape, 0.05);
  const auto* roofline = find(scores, "made_runtimes, a model left out", "token_s", "roofline");
  ASSERT_NE(roofline, nullptr);
  EXPECT_GT(roofline->accuracy.mape, 0.3);
  const auto* size = find(scores, "made_runtimes, a prompt size left out", "prompt_s", "published rule");
  const auto* line = find(scores, "made_runtimes, a prompt size left out", "prompt_s", "linear");
  ASSERT_NE(size, nullptr);
  ASSERT_NE(line, nullptr);
  EXPECT_GT(size->accuracy.mape, line->accuracy.mape);
  EXPECT_NE(find(scores, "api_runtimes, a prompt size left out", "request_s", "interpolated"), nullptr);
  EXPECT_EQ(find(scores, "api_runtimes, in sample", "token_s", "calibrated"), nullptr) << "hardware unknown";
}

TEST(LlmScores, ReadAServingTable) {
  const test::Folder folder;
  std::filesystem::create_directories(folder.file("llm"));
  std::string table =
      "model,hardware,prompt_size,batch_size,token_size,prompt_time,token_time,tensor_parallel\n";
  for (const std::string model : {"llama2-70b", "opt-66b"})
    for (const int tensor : {4, 8})
      for (const int prompt : {128, 256, 512, 1024, 2048})
        for (const int batch : {1, 2, 4, 8}) {
          if (batch > 1 && prompt != 512) continue;
          auto deployment = *cost::deployment_named(model, cost::accelerator("a100-80gb"));
          deployment.tensor_parallel = tensor;
          deployment.pipeline_parallel = 1;
          table += fmt::format("{},a100-80gb,{},{},128,{},{},{}\n", model, prompt, batch,
                               1e3 * cost::prompt_step(deployment, {}, batch, prompt).seconds,
                               1e3 * cost::decode_step(deployment, {}, batch, prompt + 64).seconds, tensor);
        }
  folder.write("llm/serving.csv", table);
  const auto scores = llm_scores(folder.path(), {});
  for (const char* suite : {"serving, a prompt size left out", "serving, a batch left out",
                            "serving, a tensor parallelism left out", "serving, a model left out"}) {
    const auto* score = find(scores, suite, "token_s", "calibrated");
    ASSERT_NE(score, nullptr) << suite;
    EXPECT_LT(score->accuracy.mape, 0.1) << suite;
  }
  folder.write("llm/serving.csv", table + "llama2-70b,a100-80gb,1,1,1,0,1,1\n");
  EXPECT_THROW(llm_scores(folder.path(), {}), Error);
}

}  // namespace
}  // namespace hone::run
