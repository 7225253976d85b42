#include "hone/cost/llm/runtime.h"

#include <cmath>

#include <gtest/gtest.h>

#include "../../program.h"
#include "hone/cost/llm/compare.h"

namespace hone::cost {
namespace {

LlmRuntime made_runtime() {
  LlmRuntime runtime;
  runtime.name = "m";
  runtime.prompt_tokens = {1, 100, 200};
  runtime.prompt_s = {0.1, 0.2, 0.5};
  runtime.token_s = 0.05;
  return runtime;
}

TEST(LlmRuntime, IsLinearInOutputTokens) {
  LlmRuntime runtime = made_runtime();
  runtime.overhead_s = 0.3;
  EXPECT_DOUBLE_EQ(runtime.seconds(100, 1), 0.5);
  EXPECT_DOUBLE_EQ(runtime.seconds(100, 11), 1.0);
  EXPECT_THROW(runtime.seconds(0, 1), Error);
  EXPECT_THROW(runtime.seconds(1, 0), Error);
}

TEST(LlmRuntime, InterpolatesPrompts) {
  const LlmRuntime runtime = made_runtime();
  EXPECT_DOUBLE_EQ(runtime.prompt_cost(150), 0.35);
  EXPECT_DOUBLE_EQ(runtime.prompt_cost(0.5), 0.1) << "flat below the first";
  EXPECT_DOUBLE_EQ(runtime.prompt_cost(300), 0.8) << "the last segment goes on";
  EXPECT_EQ(runtime.extrapolation(150), "");
  EXPECT_NE(runtime.extrapolation(300).find("beyond"), std::string::npos);
  // The published rule: the next larger size's time by the share of its tokens. Short prompts become cheap.
  EXPECT_DOUBLE_EQ(runtime.prompt_cost(10, PromptRule::published), 0.02);
  EXPECT_DOUBLE_EQ(runtime.prompt_cost(150, PromptRule::published), 0.375);
  EXPECT_DOUBLE_EQ(runtime.prompt_cost(300, PromptRule::published), 0.75);
}

TEST(LlmRuntime, GoesOnFlatWhereLongerPromptsTookLess) {
  LlmRuntime runtime;
  runtime.prompt_tokens = {1, 512, 1024};
  runtime.prompt_s = {0.1, 0.3, 0.2};
  runtime.token_s = 0.01;
  EXPECT_DOUBLE_EQ(runtime.prompt_cost(768), 0.25);
  EXPECT_DOUBLE_EQ(runtime.prompt_cost(1e6), 0.2);
  EXPECT_NE(runtime.extrapolation(1e6).find("its time is taken"), std::string::npos);
}

TEST(LlmRuntime, PromptsBelowALongFirstOneTakeLess) {
  LlmRuntime runtime;
  runtime.prompt_tokens = {512, 1024};
  runtime.prompt_s = {0.12, 0.22};
  runtime.token_s = 0.03;
  EXPECT_DOUBLE_EQ(runtime.prompt_cost(256), std::hypot(0.03, 0.07));
  EXPECT_DOUBLE_EQ(runtime.prompt_cost(256, PromptRule::linear), std::hypot(0.03, 0.07));
  EXPECT_NEAR(runtime.prompt_cost(1), 0.036, 1e-3) << "nearly an output token";
  EXPECT_NEAR(runtime.prompt_cost(511.999), 0.12, 1e-6) << "without a step";
  EXPECT_NE(runtime.extrapolation(1).find("the first segment goes on"), std::string::npos);
  runtime.token_s = 0.2;
  EXPECT_DOUBLE_EQ(runtime.prompt_cost(1), 0.12) << "no more than a longer one";
  runtime.token_s = 0.03;
  runtime.prompt_s = {0.12, 0.11};
  EXPECT_DOUBLE_EQ(runtime.prompt_cost(1), 0.12);
  runtime.prompt_tokens = {128, 256};
  runtime.prompt_s = {0.05, 0.07};
  EXPECT_DOUBLE_EQ(runtime.prompt_cost(1), 0.05) << "within a tile";
  EXPECT_NE(runtime.extrapolation(1).find("its time is taken"), std::string::npos);
}

TEST(LlmRuntime, FindsTilesWhereThereAreSteps) {
  LlmRuntime steps = made_runtime();
  steps.prompt_tokens.clear();
  steps.prompt_s.clear();
  for (int size = 64; size <= 1024; size += 64) {
    steps.prompt_tokens.push_back(size);
    steps.prompt_s.push_back(0.02 + 0.001 * std::ceil(size / 128.0) + 2e-6 * size);
  }
  choose_tile(steps);
  EXPECT_EQ(steps.tile, 128.0);
  const RuleErrors errors = rule_errors(steps);
  EXPECT_LT(errors.tiled, 0.6 * errors.linear);
  EXPECT_GT(errors.published_short, 0.2) << "the published rule fails for short prompts";
  LlmRuntime line = steps;
  for (std::size_t i = 0; i < line.prompt_s.size(); ++i)
    line.prompt_s[i] = 0.02 + 1e-5 * line.prompt_tokens[i];
  choose_tile(line);
  EXPECT_EQ(line.tile, 0.0);
}

TEST(LlmRuntime, ReadsWhatItWritesAndThePublishedForm) {
  const test::Folder folder;
  LlmRuntime runtime = made_runtime();
  runtime.overhead_s = 0.1;
  runtime.batch = 4;
  folder.write("one.json", runtime.json().dump());
  const auto one = read_llm_runtimes(folder.file("one.json"));
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].json(), runtime.json());
  folder.write("many.json", R"({"a/x": {"runtime_per_output_token": 0.02,
      "runtime_for_prompt_tokens": {"512": 0.2, "1": 0.1}, "overhead": 0.3},
      "b/x": {"runtime_per_output_token": 0.02, "runtime_for_prompt_tokens": {"1": 0.1, "512": 0.2},
      "overhead": 0.3},
      "c": {"runtime_per_output_token": 0.03, "runtime_for_prompt_tokens": {"1": 0.1}}})");
  const auto many = read_llm_runtimes(folder.file("many.json"));
  ASSERT_EQ(many.size(), 3u);
  EXPECT_EQ(many[0].prompt_tokens, (std::vector<double>{1, 512}));
  EXPECT_DOUBLE_EQ(many[2].prompt_cost(900), 0.1);
  EXPECT_EQ(measurement_groups(many), (std::vector<std::size_t>{0, 0, 2}));
}

TEST(LlmRuntime, RefusesWhatIsNoModel) {
  const test::Folder folder;
  for (const std::string text :
       {"[]", "{", "{}", R"({"a": 3})", R"({"a": {"runtime_per_output_token": -1}})",
        R"({"a": {"runtime_per_output_token": 1, "runtime_for_prompt_tokens": {}}})",
        R"({"a": {"runtime_per_output_token": 1, "runtime_for_prompt_tokens": {"x": 1}}})",
        R"({"a": {"runtime_per_output_token": 1, "runtime_for_prompt_tokens": {"1": "fast"}}})",
        R"({"a": {"runtime_per_output_token": 1, "runtime_for_prompt_tokens": {"1": 1, "1.0": 2}}})",
        R"({"name": 7, "runtime_per_output_token": 1, "runtime_for_prompt_tokens": {"1": 1}})"}) {
    folder.write("bad.json", text);
    EXPECT_THROW(read_llm_runtimes(folder.file("bad.json")), Error) << text;
  }
}

TEST(LlmCompare, PutsRawDenoisedAndIdealizedSideBySide) {
  LlmComparison comparison;
  comparison.idealized = {made_runtime()};
  LlmRuntime api = made_runtime();
  api.token_s = 0.025;
  api.overhead_s = 0.1;
  comparison.denoised = {api};
  comparison.raw = {{100, 11, 1.1, std::nan(""), 1, 0, "m"}, {100, 1, 0.6, std::nan(""), 1, 0, "m"}};
  comparison.prompt_tokens = 100;
  comparison.output_tokens = 11;
  const auto rows = compare_llms(comparison);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_DOUBLE_EQ(rows[0].idealized_s, 0.7);
  EXPECT_DOUBLE_EQ(rows[0].denoised_s, 0.55);
  EXPECT_NEAR(rows[0].contention, 2.0, 1e-12) << "twice the API's best";
  EXPECT_TRUE(std::isnan(rows[0].price.dollars)) << "no price was said";
}

TEST(LlmCompare, MarksTheFrontOfCostAndQuality) {
  LlmComparison comparison;
  for (const auto& [name, token] : {std::pair{"cheap", 0.01}, {"worse", 0.02}, {"good", 0.03}}) {
    LlmRuntime runtime = made_runtime();
    runtime.name = name;
    runtime.token_s = token;
    comparison.idealized.push_back(runtime);
  }
  comparison.quality = {{"cheap", 0.5}, {"worse", 0.4}, {"good", 0.6}};
  const auto rows = compare_llms(comparison);
  EXPECT_TRUE(rows[0].front);
  EXPECT_FALSE(rows[1].front);
  EXPECT_TRUE(rows[2].front);
  const auto ratios =
      compare_stacks({comparison.idealized[0]}, {comparison.idealized[2]}, 100, 1, PromptRule::linear);
  ASSERT_EQ(ratios.size(), 1u);
  EXPECT_NEAR(ratios[0].token, 3.0, 1e-12);
  EXPECT_NEAR(ratios[0].prompt, 1.0, 1e-12);
}

TEST(LlmCompare, ReadsQualityAsSpreadsheetsWriteIt) {
  const test::Folder folder;
  folder.write("q.csv", "\xEF\xBB\xBF\"model\",\"quality\"\r\n\"a, large\",\"0.5\"\r\nb,0.25\r\n");
  const auto quality = read_llm_quality(folder.file("q.csv"));
  ASSERT_EQ(quality.size(), 2u);
  EXPECT_EQ(quality[0], std::pair(std::string("a, large"), 0.5));
  EXPECT_EQ(quality[1], std::pair(std::string("b"), 0.25));
}

TEST(LlmPrice, IsTimeTimesAcceleratorsTimesRate) {
  const LlmPrice price = llm_price(36.0, {8.0, 4.0, 400.0, 500.0});
  EXPECT_DOUBLE_EQ(price.dollars, 0.32);
  EXPECT_DOUBLE_EQ(price.joules, 115200.0);
  EXPECT_DOUBLE_EQ(price.grams_co2, 16.0);
  const LlmPrice shared = llm_price(36.0, {8.0, 4.0, 400.0, 500.0, 16.0});
  EXPECT_DOUBLE_EQ(shared.seconds, 36.0) << "a request waits for its batch";
  EXPECT_DOUBLE_EQ(shared.dollars, 0.02) << "and pays for its part of it";
}

}  // namespace
}  // namespace hone::cost
