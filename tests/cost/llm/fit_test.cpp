#include "hone/cost/llm/fit.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/base/rng.h"

namespace hone::cost {
namespace {

/// Times of a made model: alpha(p) = 0.05 + 2e-4 p, beta = 0.02, overhead.
std::vector<LlmPoint> made(double noise, int repeats, double overhead = 0.0) {
  std::vector<LlmPoint> points;
  Rng rng(1, "points");
  for (const double p : {1.0, 64.0, 256.0, 1024.0})
    for (const double o : {1.0, 16.0, 64.0})
      for (int repeat = 0; repeat < repeats; ++repeat) {
        LlmPoint point{p, o, overhead + 0.05 + 2e-4 * p + 0.02 * (o - 1.0), std::nan(""), 1.0, 0, {}};
        point.seconds *= 1.0 + noise * std::abs(rng.normal());
        points.push_back(point);
      }
  return points;
}

TEST(LlmFit, RecoversExactTimes) {
  const LlmFit fit = fit_llm_runtime(made(0.0, 1));
  EXPECT_NEAR(fit.runtime.token_s, 0.02, 1e-12);
  ASSERT_EQ(fit.runtime.prompt_s.size(), 4u);
  EXPECT_NEAR(fit.runtime.prompt_s[2], 0.1012, 1e-12);
  EXPECT_LT(fit.mape, 1e-9);
  EXPECT_NEAR(fit.r2, 1.0, 1e-9);
  EXPECT_EQ(fit.cells, 12);
}

TEST(LlmFit, TakesTheFastestOfRepeats) {
  const LlmFit fastest = fit_llm_runtime(made(0.1, 8));
  const LlmFit median = fit_llm_runtime(made(0.1, 8), {.fastest = false});
  EXPECT_NEAR(fastest.runtime.token_s, 0.02, 0.0005);
  EXPECT_GT(median.runtime.token_s, fastest.runtime.token_s) << "contention only adds";
  EXPECT_GT(fastest.spread, 0.02);
  EXPECT_GT(fastest.token_error_s, 0.0);
  EXPECT_LT(std::abs(fastest.runtime.token_s - 0.02), 5.0 * fastest.token_error_s + 1e-4);
}

TEST(LlmFit, DoesNotBelieveOutliers) {
  auto points = made(0.002, 1);
  points[4].seconds *= 5.0;
  points[11].seconds *= 0.2;
  const LlmFit fit = fit_llm_runtime(points);
  EXPECT_NEAR(fit.runtime.token_s, 0.02, 0.0005);
  EXPECT_GE(fit.outliers, 2);
}

TEST(LlmFit, PromptsThatWereAskedOnceSayNothingOfNoise) {
  // Eight sizes with one output size, four with three: the eight are fitted exactly whatever the noise is.
  std::vector<LlmPoint> points;
  Rng rng(3, "noise");
  for (int p = 0; p < 12; ++p)
    for (const double o : p % 3 == 0 ? std::vector<double>{1, 16, 64} : std::vector<double>{1}) {
      const double prompt = 16.0 * (p + 1);
      const double seconds = 0.02 + 1e-4 * prompt + 0.02 * (o - 1);
      points.push_back({prompt, o, seconds * rng.uniform(0.98, 1.02), std::nan(""), 1, 0, {}});
    }
  const LlmFit fit = fit_llm_runtime(points);
  EXPECT_LE(fit.outliers, 1);
  EXPECT_GT(fit.token_error_s, 2e-5);
  EXPECT_LT(std::abs(fit.runtime.token_s - 0.02), 4.0 * fit.token_error_s);
}

/// The mean relative error of alpha over 200 seeds, `disturbed` cells of twelve three times as slow; 3%
/// noise.
double alpha_error(int disturbed, int repeats) {
  double sum = 0.0;
  constexpr int kSeeds = 200;
  for (int seed = 0; seed < kSeeds; ++seed) {
    Rng rng(static_cast<std::uint64_t>(seed), "alpha");
    std::vector<LlmPoint> points;
    std::vector<std::uint64_t> slow;
    while (std::ssize(slow) < disturbed)
      if (const std::uint64_t cell = rng.below(12); std::find(slow.begin(), slow.end(), cell) == slow.end())
        slow.push_back(cell);
    std::uint64_t cell = 0;
    for (const double p : {16.0, 128.0, 512.0, 1024.0})
      for (const double o : {1.0, 16.0, 64.0}) {
        const bool is_slow = std::find(slow.begin(), slow.end(), cell++) != slow.end();
        for (int repeat = 0; repeat < repeats; ++repeat)
          points.push_back(
              {p,
               o,
               (is_slow ? 3.0 : 1.0) * (0.05 + 2e-4 * p + 0.02 * (o - 1.0)) * (1.0 + 0.03 * rng.normal()),
               std::nan(""),
               1.0,
               0,
               {}});
      }
    const LlmRuntime runtime = fit_llm_runtime(points).runtime;
    for (std::size_t p = 0; p < 4; ++p)
      sum += std::abs(runtime.prompt_s[p] / (0.05 + 2e-4 * runtime.prompt_tokens[p]) - 1.0);
  }
  return sum / (4.0 * kSeeds);
}

TEST(LlmFit, KeepsGoodCells) {
  const double clean = alpha_error(0, 3), one = alpha_error(1, 3), two = alpha_error(2, 3);
  EXPECT_LT(clean, 0.035) << "least squares: 2.7%";
  EXPECT_LT(one, 0.045);
  EXPECT_LT(two, 0.28) << "two of three cells of one prompt cannot be told from the third";
}

/// The mean relative error of T(p, o) over 40 seeds, in shares: alpha(p) = 0.02 + 2e-4 p, beta = 0.03;
/// `slowed` of the requests wait for up to twice their time.
double request_error(const std::vector<double>& prompts, const std::vector<double>& outputs, double noise,
                     int repeats = 1, double slowed = 0.0) {
  double sum = 0.0, count = 0.0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Rng rng(seed, "requests");
    const auto truth = [](double p, double o) { return 0.02 + 2e-4 * p + 0.03 * (o - 1.0); };
    std::vector<LlmPoint> points;
    for (const double p : prompts)
      for (const double o : outputs)
        for (int repeat = 0; repeat < repeats; ++repeat) {
          double seconds = truth(p, o) * (1.0 + noise * rng.normal());
          if (rng.uniform() < slowed) seconds += rng.uniform(0.0, 2.0) * seconds;
          points.push_back({p, o, seconds, std::nan(""), 1.0, 0, {}});
        }
    const LlmRuntime runtime = fit_llm_runtime(points).runtime;
    for (const double p : prompts)
      for (const double o : outputs) {
        sum += std::abs(runtime.seconds(p, o) / truth(p, o) - 1.0);
        count += 1.0;
      }
  }
  return sum / count;
}

TEST(LlmFit, LeavesNothingOutOfCleanMeasurements) {
  std::vector<LlmPoint> points;
  constexpr double kMeasured[][3]{{16, 1, 0.02350},   {16, 64, 1.94093},  {128, 1, 0.04563},
                                  {128, 64, 1.92080}, {512, 1, 0.12106},  {512, 64, 2.01303},
                                  {1024, 1, 0.22250}, {1024, 64, 2.08441}};
  for (const auto& [p, o, seconds] : kMeasured) points.push_back({p, o, seconds, std::nan(""), 1, 0, {}});
  const LlmFit fit = fit_llm_runtime(points);
  EXPECT_EQ(fit.outliers, 0);
  EXPECT_NEAR(fit.runtime.prompt_s[0], 0.0235, 0.0005);
  EXPECT_LT(fit.mape, 0.01);
  const std::vector<double> four{16, 128, 512, 1024};
  const std::vector<double> many{1, 32, 64, 96, 128, 192, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1536};
  EXPECT_LT(request_error(many, {1, 64}, 0.01), 0.0065) << "least squares: 0.55%";
  EXPECT_LT(request_error(many, {1, 16, 64}, 0.01), 0.0045) << "least squares: 0.39%";
  EXPECT_LT(request_error(four, {1, 16, 64}, 0.02), 0.012) << "least squares: 0.96%";
}

TEST(LlmFit, ManyRepeatsUnderContentionAreNoWorseThanTheirFastest) {
  EXPECT_LT(request_error({1, 64, 128, 256, 512, 1024, 1536}, {1, 2, 4, 8, 16, 32, 64}, 0.005, 3, 0.5), 0.01);
}

TEST(LlmFit, ContentionSpreadEvenlyIsNoWorseThanForLeastSquares) {
  const std::vector<double> four{16, 128, 512, 1024};
  EXPECT_LT(request_error(four, {1, 16, 64}, 0.02, 1, 0.2), 0.1) << "least squares: 11.5%";
  EXPECT_LT(request_error(four, {1, 16, 64, 128, 256}, 0.02, 1, 0.2), 0.045) << "least squares: 8.2%";
}

TEST(LlmFit, TwoCellsOutvoteOneThatWasTooFast) {
  Rng rng(2, "fast");
  std::vector<LlmPoint> points;
  for (const double p : {16.0, 128.0, 512.0, 1024.0})
    for (const double o : {1.0, 16.0, 64.0}) {
      const double times = p == 512.0 && o == 1.0 ? 0.4 : 1.0;
      points.push_back({p,
                        o,
                        times * (0.1 + 2e-4 * p + 0.01 * (o - 1.0)) * (1.0 + 0.01 * rng.normal()),
                        std::nan(""),
                        1.0,
                        0,
                        {}});
    }
  const LlmFit fit = fit_llm_runtime(points);
  EXPECT_EQ(fit.outliers, 1);
  EXPECT_NEAR(fit.runtime.prompt_s[2], 0.2024, 0.02);
}

TEST(LlmFit, TwoErrorsHoldWhatFewCellsTell) {
  const auto covered = [](const std::vector<double>& prompts, const std::vector<double>& outputs) {
    int held = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      Rng rng(seed, "few cells");
      std::vector<LlmPoint> points;
      for (const double p : prompts)
        for (const double o : outputs)
          points.push_back({p,
                            o,
                            (0.02 + 2e-4 * p + 0.03 * (o - 1.0)) * (1.0 + 0.02 * rng.normal()),
                            std::nan(""),
                            1.0,
                            0,
                            {}});
      const LlmFit fit = fit_llm_runtime(points);
      held += std::abs(fit.runtime.token_s - 0.03) < 2.0 * fit.token_error_s ? 1 : 0;
    }
    return held / 200.0;
  };
  EXPECT_GT(covered({16, 128, 512, 1024}, {1, 64}), 0.9) << "3 degrees of freedom";
  EXPECT_GT(covered({16, 512}, {1, 16, 64}), 0.9) << "likewise";
  EXPECT_GT(covered({16, 128, 512, 1024}, {1, 16, 64}), 0.9);
}

TEST(LlmFit, HoldsASizesOnlyCellAgainstItsNeighbours) {
  const auto fit_with = [](double times, double lone) {
    Rng rng(5, "neighbours");
    std::vector<LlmPoint> points;
    for (const double p : {16.0, 64.0, 128.0, 256.0, 384.0, 512.0, 768.0, 1024.0})
      for (const double o : p == lone ? std::vector<double>{1} : std::vector<double>{1, 16, 64})
        points.push_back(
            {p,
             o,
             (0.02 + 2e-4 * p + 0.03 * (o - 1.0)) * (1.0 + 0.01 * rng.normal()) * (p == lone ? times : 1.0),
             std::nan(""),
             1.0,
             0,
             {}});
    return fit_llm_runtime(points);
  };
  const LlmFit slow = fit_with(3.0, 384.0);
  EXPECT_EQ(slow.left_out_prompts, std::vector<double>{384.0});
  EXPECT_EQ(slow.outliers, 1);
  EXPECT_EQ(slow.runtime.prompt_tokens.size(), 7u);
  EXPECT_EQ(slow.prompt_error_s.size(), 7u);
  EXPECT_NEAR(slow.runtime.prompt_cost(384.0), 0.0968, 0.003);
  EXPECT_GT(slow.mape, 0.02) << "what was measured there counts";
  const LlmFit fast = fit_with(0.3, 384.0);
  EXPECT_EQ(fast.doubted_prompts, std::vector<double>{384.0});
  EXPECT_EQ(fast.outliers, 0);
  EXPECT_NEAR(fast.runtime.prompt_s[4], 0.3 * 0.0968, 0.003) << "nothing makes a request too fast";
  EXPECT_NEAR(fast.prompt_error_s[4], 0.7 * 0.0968, 0.005);
  for (const double sound : {0.8, 1.0, 1.25})
    EXPECT_EQ(fit_with(sound, 384.0).runtime.prompt_tokens.size(), 8u) << sound;
  EXPECT_EQ(fit_with(3.0, 1024.0).runtime.prompt_tokens.size(), 8u) << "the last has one neighbour";
}

TEST(LlmFit, TellsOfWhatItReturns) {
  // The line passes below 0 at no output tokens: what is returned does not, and is off by that.
  std::vector<LlmPoint> points;
  for (const double o : {2.0, 16.0, 64.0})
    points.push_back({16, o, 0.02 * (o - 1.0) - 0.015, std::nan(""), 1, 0, {}});
  const LlmFit fit = fit_llm_runtime(points);
  ASSERT_EQ(fit.runtime.prompt_s[0], 0.0);
  double off = 0.0;
  for (const LlmPoint& point : points)
    off +=
        std::abs(fit.runtime.seconds(point.prompt_tokens, point.output_tokens) / point.seconds - 1.0) / 3.0;
  EXPECT_GT(off, 0.01);
  EXPECT_NEAR(fit.mape, off, 1e-9);
}

TEST(LlmFit, WhatNothingTellsOfHasNoError) {
  const LlmFit fit =
      fit_llm_runtime({{100, 1, 1.0, std::nan(""), 1, 0, {}}, {100, 11, 2.0, std::nan(""), 1, 0, {}}});
  EXPECT_TRUE(std::isnan(fit.token_error_s));
  EXPECT_TRUE(std::isnan(fit.prompt_error_s[0]));
}

TEST(LlmFit, UsesTheFirstTokensTime) {
  std::vector<LlmPoint> points{{100, 32, 0.72, 0.1, 1, 0, {}}, {200, 32, 0.77, 0.15, 1, 0, {}}};
  const LlmFit fit = fit_llm_runtime(points);
  EXPECT_NEAR(fit.runtime.token_s, 0.02, 1e-9);
  EXPECT_NEAR(fit.runtime.prompt_s[0], 0.1, 1e-9);
}

TEST(LlmFit, TellsOverheadApart) {
  const LlmFit fit = fit_llm_runtime(made(0.0, 1, 0.3), {.separate_overhead = true});
  // One prompt token costs what an output token does: 0.02 of the 0.0502 of alpha(1).
  EXPECT_NEAR(fit.runtime.overhead_s, 0.3302, 1e-9);
  EXPECT_NEAR(fit.runtime.prompt_s[0], 0.02, 1e-9);
  EXPECT_NEAR(fit.runtime.seconds(64, 16), 0.3 + 0.0628 + 0.3, 1e-9);
}

TEST(LlmFit, MergesSizesThatAreNearlyOne) {
  std::vector<LlmPoint> points{{510, 1, 0.1, std::nan(""), 1, 0, {}},
                               {512, 11, 0.3, std::nan(""), 1, 0, {}},
                               {600, 1, 0.2, std::nan(""), 1, 0, {}}};
  EXPECT_EQ(fit_llm_runtime(points).runtime.prompt_tokens, (std::vector<double>{510, 600}));
}

TEST(LlmFit, SaysWhatIsTooLittle) {
  const std::vector<LlmPoint> one{{100, 1, 0.1, std::nan(""), 1, 0, {}},
                                  {200, 1, 0.2, std::nan(""), 1, 0, {}}};
  EXPECT_THROW(fit_llm_runtime(one), Error);
  const std::vector<LlmPoint> falling{{100, 1, 0.2, std::nan(""), 1, 0, {}},
                                      {100, 9, 0.1, std::nan(""), 1, 0, {}}};
  EXPECT_THROW(fit_llm_runtime(falling), Error);
  std::vector<LlmPoint> batches = made(0.0, 1);
  batches[3].batch = 8.0;
  EXPECT_THROW(fit_llm_runtime(batches), Error);
  EXPECT_EQ(fit_llm_runtime(batches, {.batch = 1.0}).points, 11);
}

TEST(LlmFit, NeverMixesModels) {
  const std::string text =
      "prompt_tokens,output_tokens,seconds,model,hardware\n16,1,0.1,a,x\n16,64,0.73,a,x\n"
      "16,1,0.2,b,x\n16,64,1.46,b,x\n16,1,0.4,b,y\n16,64,2.92,b,y\n";
  const auto points = parse_llm_points(text, "p.csv");
  const auto says = [&](const LlmFitOptions& options) {
    try {
      fit_llm_runtime(points, options);
    } catch (const Error& error) {
      return fmt::format("{} {} {}", error.place().line, error.message(), error.hint());
    }
    return std::string();
  };
  EXPECT_EQ(says({}), "4 points of model 'a' and of 'b' are not one runtime choose one with --model: a, b");
  EXPECT_EQ(says({.model = "b"}),
            "6 points of hardware 'x' and of 'y' are not one runtime choose one with --hardware: x, y");
  EXPECT_NE(says({.model = "c"}).find("no points of model 'c'"), std::string::npos);
  EXPECT_NEAR(fit_llm_runtime(points, {.model = "a"}).runtime.token_s, 0.01, 1e-9);
  EXPECT_NEAR(fit_llm_runtime(points, {.model = "b", .hardware = "y"}).runtime.token_s, 0.04, 1e-9);
}

TEST(LlmPoints, AreReadFromBothForms) {
  const auto csv = parse_llm_points(
      "model,output_tokens,prompt_tokens,seconds,note\na,1,16,0.5,x\r\nb,2,\"32\",1e-1,\n\n", "p.csv");
  ASSERT_EQ(csv.size(), 2u);
  EXPECT_EQ(csv[1].prompt_tokens, 32.0);
  EXPECT_EQ(csv[1].seconds, 0.1);
  EXPECT_EQ(csv[0].model, "a");
  EXPECT_EQ(csv[1].line, 3);
  EXPECT_EQ(parse_llm_points("\xEF\xBB\xBFprompt_tokens,output_tokens,seconds\n1,1,1\n", "p.csv").size(), 1u)
      << "as spreadsheets write it";
  const auto quoted = parse_llm_points(
      "\"prompt_tokens\",\"output_tokens\",\"seconds\",\"model\"\n\"16\",\"1\",\"0.5\",\"a, \"\"b\"\"\"\n",
      "p.csv");
  ASSERT_EQ(quoted.size(), 1u);
  EXPECT_EQ(quoted[0].model, "a, \"b\"");
  EXPECT_EQ(quoted[0].prompt_tokens, 16.0);
  const auto lines = parse_llm_points(
      "{\"prompt_tokens\": 3, \"output_tokens\": 4, \"seconds\": 2, \"first_token_s\": 0.5}\n"
      "{\"failed\": \"status 500\"}\n",
      "p.jsonl");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].first_token_s, 0.5);
}

TEST(LlmPoints, NameTheLineOfWhatIsMalformed) {
  const std::string head = "prompt_tokens,output_tokens,seconds\n1,1,1\n";
  const auto says = [](const std::string& text, const std::string& what) {
    try {
      parse_llm_points(text, "p");
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
    }
  };
  says(head + "1,2\n", "p:3");
  says(head + "1,2,fast\n", "p:3: seconds: 'fast'");
  says(head + "1,2,-1\n", "p:3");
  says(head + "1,2,nan\n", "p:3");
  says(head + "1,2,\"1\n", "p:3: a quoted cell does not end");
  says(head + "1.5,2,1\n", "whole");
  says(head + "0,2,1\n", "p:3");
  says("prompt,seconds\n", "prompt_tokens");
  says("", "no points");
  says("{\"prompt_tokens\": 1}\n", "p:1");
  says("{\"prompt_tokens\": 1,\n", "p:1");
  says("{\"prompt_tokens\": \"x\", \"output_tokens\": 1, \"seconds\": 1}", "number");
}

}  // namespace
}  // namespace hone::cost
