#include "hone/cost/llm/calibrate.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "../../program.h"
#include "hone/base/rng.h"
#include "hone/cost/llm/measured.h"

namespace hone::cost {
namespace {

/// Deployments as a stack of other constants would serve them, 1% noise.
std::vector<MeasuredDeployment> made(const LlmStack& truth, const std::vector<std::string>& models) {
  std::vector<MeasuredDeployment> all;
  Rng rng(3, "steps");
  for (const std::string& name : models) {
    MeasuredDeployment one;
    one.name = name;
    one.deployment.model = need_architecture(name);
    one.deployment.accelerator = accelerator("a100-80gb");
    one.deployment = fitted(one.deployment, 1, 2048, 2048);
    one.group = all.size();
    one.steps.push_back({true, 1, 128, 0.0, 0.0});
    one.steps.push_back({true, 16, 512, 0.0, 0.0});
    for (const double prompt : {1.0, 64.0, 256.0, 512.0, 1024.0, 2048.0})
      one.steps.push_back({false, 1, prompt, 0.0, prompt});
    for (auto& step : one.steps)
      step.seconds = llm_step(one.deployment, truth, step).seconds * (1.0 + 0.01 * rng.normal());
    all.push_back(std::move(one));
  }
  return all;
}

LlmStack other_stack() {
  LlmStack truth;
  truth.launch_s = 0.3e-3;
  truth.memory_share = 0.7;
  truth.matrix_share = 0.45;
  truth.sequence_s = 0.4e-3;
  return truth;
}

TEST(LlmCalibration, LearnsAStackAndPredictsAModelNobodyMeasured) {
  const LlmStack truth = other_stack();
  const auto all = made(truth, {"gpt-j-6b", "gpt-neox-20b", "opt-66b", "opt-13b", "bloom-176b", "yalm-100b"});
  std::vector<double> learned, default_errors;
  for (std::size_t out = 0; out < all.size(); ++out) {
    auto train = all;
    train.erase(train.begin() + static_cast<std::ptrdiff_t>(out));
    const LlmCalibration calibration = LlmCalibration::fit(train);
    for (const auto& step : all[out].steps) {
      const double known = llm_step(all[out].deployment, truth, step).seconds;
      learned.push_back(std::abs(calibration.predict(all[out].deployment, step).seconds / known - 1.0));
      default_errors.push_back(
          std::abs(llm_step(all[out].deployment, LlmStack{}, step).seconds / known - 1.0));
      EXPECT_LT(learned.back(), 0.25) << all[out].name << " " << step.tokens;
    }
  }
  std::sort(learned.begin(), learned.end());
  std::sort(default_errors.begin(), default_errors.end());
  EXPECT_LT(learned[learned.size() / 2], 0.04);
  EXPECT_GT(default_errors[default_errors.size() / 2], 0.15);
  EXPECT_NEAR(LlmCalibration::fit(all).stack().launch_s, truth.launch_s, 0.1e-3);
}

TEST(LlmCalibration, IsNearWhatWasMeasuredAndLessSureElsewhere) {
  auto all = made(other_stack(), {"gpt-j-6b", "gpt-neox-20b", "opt-66b"});
  // One deployment is its own way slow.
  for (auto& step : all[1].steps) step.seconds *= 1.3;
  const LlmCalibration calibration = LlmCalibration::fit(all);
  for (const auto& one : all)
    for (const auto& step : one.steps)
      EXPECT_NEAR(calibration.predict(one.deployment, step).seconds / step.seconds, 1.0, 0.025);
  LlmDeployment unseen = all[0].deployment;
  unseen.model = need_architecture("opt-30b");
  EXPECT_GT(calibration.predict(unseen, {true, 1, 128}).spread,
            3.0 * calibration.predict(all[0].deployment, {true, 1, 128}).spread);
}

TEST(LlmCalibration, IsLessSureWhereTheConstantsDecideThatNothingTold) {
  // Launches are almost free, and all but one model are so wide that none of them tells how free.
  LlmStack truth;
  truth.launch_s = 0.02e-3;
  truth.launch_shared_s = 0.01e-3;
  truth.kernel_s = 0.03e-3;
  const auto all = made(truth, {"llama2-7b", "llama2-13b", "llama2-70b", "llama3-8b", "opt-13b", "opt-30b",
                                "opt-66b", "gpt-neox-20b", "falcon-40b", "gpt2-xl"});
  std::vector<double> wide;
  for (std::size_t out = 0; out < all.size(); ++out) {
    auto train = all;
    train.erase(train.begin() + static_cast<std::ptrdiff_t>(out));
    const auto predicted = LlmCalibration::fit(train).predict(all[out].deployment, all[out].steps[0]);
    const double error = std::abs(std::log(predicted.seconds / all[out].steps[0].seconds));
    EXPECT_LT(error, 3.0 * predicted.spread) << all[out].name;
    if (all[out].name == "gpt2-xl")
      EXPECT_GT(predicted.spread, 2.0 * *std::max_element(wide.begin(), wide.end()));
    else
      wide.push_back(predicted.spread);
  }
  EXPECT_LT(*std::max_element(wide.begin(), wide.end()), 0.25);
  // An accelerator that nobody measured.
  LlmDeployment other = all[0].deployment;
  other.accelerator = accelerator("h100-80gb");
  const auto calibration = LlmCalibration::fit(all);
  EXPECT_GT(calibration.predict(other, {false, 1, 2048}).spread,
            calibration.predict(all[0].deployment, {false, 1, 2048}).spread);
}

TEST(LlmCalibration, LearnsThatHostAndDeviceTakeTurns) {
  LlmStack truth;
  truth.overlap = 1.0;
  const std::vector<std::string> models{"opt-1.3b",  "opt-2.7b",   "opt-6.7b", "opt-13b",   "opt-30b",
                                        "llama2-7b", "llama2-13b", "gpt-j-6b", "llama2-70b"};
  const auto all = made(truth, models);
  EXPECT_LT(LlmCalibration::fit(all).stack().overlap, 2.0);
  double sum = 0.0;
  for (std::size_t out = 0; out < all.size(); ++out) {
    auto train = all;
    train.erase(train.begin() + static_cast<std::ptrdiff_t>(out));
    const auto& step = all[out].steps[0];
    sum +=
        std::abs(LlmCalibration::fit(train).predict(all[out].deployment, step).seconds / step.seconds - 1.0);
  }
  EXPECT_LT(sum / static_cast<double>(all.size()), 0.05);
}

TEST(LlmCalibration, SpreadsAreAsWideAsMeasuredDeploymentsShow) {
  const std::vector<std::string> models{"gpt-j-6b", "gpt-neox-20b", "opt-66b",   "opt-13b",
                                        "opt-30b",  "opt-6.7b",     "llama2-7b", "llama2-13b"};
  const auto exact = made(LlmStack{}, models);
  auto unlike = exact;
  Rng rng(11, "unlike");
  for (auto& one : unlike) {
    const double times = std::exp(0.4 * rng.normal());
    for (auto& step : one.steps) step.seconds *= times;
  }
  LlmDeployment unseen = exact[0].deployment;
  unseen.model = need_architecture("llama3-8b");
  for (const bool decode : {false, true}) {
    const LlmStepMeasure step{decode, 1, 256};
    const double known = LlmCalibration::fit(exact).predict(unseen, step).spread;
    const double believed = LlmCalibration::fit(exact, {.spreads = false}).predict(unseen, step).spread;
    const double wide = LlmCalibration::fit(unlike).predict(unseen, step).spread;
    EXPECT_LT(known, 0.7 * believed) << decode;
    EXPECT_GT(wide, 1.3 * believed) << decode;
    // What was measured is known as well as ever.
    EXPECT_EQ(LlmCalibration::fit(unlike).predict(exact[1].deployment, step).spread,
              LlmCalibration::fit(unlike, {.spreads = false}).predict(exact[1].deployment, step).spread);
  }
  auto few = exact;
  few.resize(3);
  const LlmStepMeasure step{true, 1, 256};
  EXPECT_EQ(LlmCalibration::fit(few).predict(unseen, step).spread,
            LlmCalibration::fit(few, {.spreads = false}).predict(unseen, step).spread)
      << "three tell nothing of others";
}

TEST(LlmCalibration, CountsCopiesOnce) {
  auto all = made(other_stack(), {"gpt-j-6b", "gpt-neox-20b", "opt-66b"});
  const double once = LlmCalibration::fit(all).stack().launch_s;
  for (int copy = 0; copy < 20; ++copy) all.push_back(all[0]);
  EXPECT_NEAR(LlmCalibration::fit(all).stack().launch_s, once, 1e-9);
}

TEST(LlmCalibration, RefusesNothingAndTheImpossible) {
  EXPECT_THROW(LlmCalibration::fit({}), Error);
  auto all = made(other_stack(), {"gpt-j-6b"});
  all[0].steps[0].seconds = std::nan("");
  EXPECT_THROW(LlmCalibration::fit(all), Error);
}

const char* kTable =
    "model,hardware,prompt_size,batch_size,token_size,prompt_time,token_time,e2e_time,tensor_parallel\n"
    "llama2-70b,a100-80gb,512,1,128,200,50,6550,2\n"
    "llama2-70b,a100-80gb,512,1,128,210,52,6814,2\n"
    "llama2-70b,a100-80gb,512,1,128,190,48,6286,2\n"
    "llama2-70b,a100-80gb,512,64,128,900,60,99999,2\n"
    "llama2-70b,a100-80gb-pcap,512,1,128,260,50,6610,2\n"
    "who-knows,a100-80gb,512,1,128,200,50,6550,2\n";

TEST(ServingTable, BecomesDeployments) {
  const test::Folder folder;
  folder.write("t.csv", kTable);
  const auto rows = read_serving_table(folder.file("t.csv"));
  ASSERT_TRUE(rows.has_value());
  ASSERT_EQ(rows->size(), 6u);
  ServingRest rest;
  const auto measured = measured_deployments(*rows, {}, &rest);
  ASSERT_EQ(measured.size(), 2u);
  EXPECT_EQ(rest.unknown, std::vector<std::string>{"who-knows"});
  EXPECT_EQ(rest.unlike, 1) << "its parts do not add up";
  EXPECT_EQ(measured[0].group, measured[1].group) << "token times are copies";
  ASSERT_EQ(measured[0].steps.size(), 2u);
  EXPECT_DOUBLE_EQ(measured[0].steps[0].seconds, 0.2) << "the median";
  EXPECT_EQ(measured[0].deployment.tensor_parallel, 2);
  folder.write("other.csv", "a,b\n1,2\n");
  EXPECT_FALSE(read_serving_table(folder.file("other.csv")).has_value());
  folder.write("bad.csv", std::string(kTable) + "llama2-70b,a100-80gb,512,1,128,fast,50,6550,2\n");
  EXPECT_THROW(read_serving_table(folder.file("bad.csv")), Error);
  for (const char* count : {"0.5", "1e300"}) {
    folder.write("bad.csv", fmt::format("{}llama2-70b,a100-80gb,{},1,128,512,50,6550,2\n", kTable, count));
    EXPECT_THROW(read_serving_table(folder.file("bad.csv")), Error) << count << " accelerators";
  }
}

TEST(ServingTable, RefusesWhatNoAcceleratorCanDo) {
  const test::Folder folder;
  const std::string header = std::string(kTable).substr(0, std::string(kTable).find('\n') + 1);
  const std::string good = "llama2-7b,a100-80gb,512,1,128,40,20,2580,1\n";
  const auto fails = [&](const std::string& row, const std::string& says) {
    folder.write("t.csv", header + good + row);
    try {
      measured_deployments(*read_serving_table(folder.file("t.csv")));
      ADD_FAILURE() << row << " was taken";
    } catch (const Error& error) {
      EXPECT_NE((error.message() + error.hint()).find(says), std::string::npos) << error.what();
      EXPECT_EQ(error.place().line, 3) << row;
      EXPECT_EQ(error.place().file, folder.file("t.csv"));
    }
  };
  fails("llama2-7b,a100-80gb,512,1,128,0.04,0.02,2.58,1\n", "milliseconds");
  fails("llama2-7b,a100-80gb,512,1,128,40,1,167,1\n", "token_time of 1 ms is impossible");
  fails("llama2-7b,a100-80gb,512,1,128,3,20,2543,1\n", "prompt_time of 3 ms is impossible");
  fails("llama2-7b,a100-80gb,512,1,128,40,20,2580,5\n", "cannot be split over 5 x 1");
  // As fast as weights of 8 bits are read.
  folder.write("t.csv", header + "llama2-7b,a100-80gb,512,1,128,40,4,548,1\n");
  EXPECT_EQ(measured_deployments(*read_serving_table(folder.file("t.csv"))).size(), 1u);
}

TEST(ServingTable, TellsOfTimesThatAreHardlyMilliseconds) {
  const test::Folder folder;
  const std::string header = std::string(kTable).substr(0, std::string(kTable).find('\n') + 1);
  const auto times = [&](const std::string& row) {
    folder.write("t.csv", header + row);
    return times_the_roofline(measured_deployments(*read_serving_table(folder.file("t.csv"))));
  };
  EXPECT_LT(times("llama2-7b,a100-80gb,512,1,128,40,20,2580,1\n"), 5.0);
  EXPECT_GT(times("llama2-7b,a100-80gb,512,1,128,40000,20000,2580000,1\n"), kFarFromRoofline);
  EXPECT_TRUE(std::isnan(times_the_roofline({})));
}

TEST(ServingTable, IsReadAsSpreadsheetsWriteIt) {
  const test::Folder folder;
  folder.write(
      "t.csv",
      "\xEF\xBB\xBF\"model\",\"hardware\",\"prompt_size\",\"batch_size\",\"token_size\",\"prompt_time\","
      "\"token_time\",\"tensor_parallel\",\"note\"\r\n"
      "\"llama2-70b\",\"a100-80gb\",\"512\",\"1\",\"128\",\"200\",\"50\",\"2\",\"cold, first\"\r\n");
  const auto rows = read_serving_table(folder.file("t.csv"));
  ASSERT_TRUE(rows.has_value());
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ(rows->front().model, "llama2-70b");
  EXPECT_DOUBLE_EQ(rows->front().token_s, 0.05);
  EXPECT_EQ(rows->front().tensor_parallel, 2);
}

TEST(ServingTable, CountsTheRowsThatItLeavesOut) {
  const test::Folder folder;
  folder.write("t.csv", std::string(kTable) + "llama2-70b,a100-80gb,4096,64,128,90000,60,97620,2\n" +
                            "llama2-70b,a100-80gb,4096,64,128,90000,61,97747,2\n");
  ServingRest rest;
  measured_deployments(*read_serving_table(folder.file("t.csv")), {}, &rest);
  EXPECT_EQ(rest.swapped, 2) << "of two rows, not of what they hold";
  EXPECT_EQ(rest.text(),
            "1 row whose parts do not add up to its e2e_time, 2 rows that do not fit the memory, names that "
            "are not known (who-knows)");
  EXPECT_EQ(ServingRest{}.text(), "");
}

TEST(ServingTable, NamesTheColumnsThatItLacks) {
  const test::Folder folder;
  for (const auto& [header, lacking] : std::initializer_list<std::pair<const char*, const char*>>{
           {"model,hardware,tensor_parallel,batch_size,prompt_size,token_size,prompt_time,e2e_time",
            "column token_time"},
           {"Model,hardware,batch_size,prompt_size,token_size,prompt_time,token_time",
            "columns model, tensor_parallel"}}) {
    folder.write("t.csv", fmt::format("{}\n", header));
    try {
      read_serving_table(folder.file("t.csv"));
      ADD_FAILURE() << header << " was read";
    } catch (const Error& error) {
      EXPECT_NE(error.message().find(lacking), std::string::npos) << error.what();
      EXPECT_EQ(error.place().file, folder.file("t.csv"));
    }
  }
  // A table of points beside it has the model's name too.
  folder.write("points.csv", "model,prompt_tokens,output_tokens,seconds\n");
  EXPECT_FALSE(read_serving_table(folder.file("points.csv")).has_value());
}

TEST(DeploymentNotes, SayWhatNamesDoNot) {
  const test::Folder folder;
  folder.write("deployments.json",
               R"({"x/y": {"architecture": "opt-30b", "accelerators": 4, "tensor_parallel": 2,
    "accelerator": "h100"}, "z": {"architecture": {"layers": 2, "width": 64, "heads": 2, "vocabulary": 100}},
    "bad": {"accelerators": 3, "tensor_parallel": 2, "architecture": "opt-30b"},
    "odd": {"tensor_parallel": 5, "architecture": "opt-30b"}})");
  const auto notes = DeploymentNotes::read(folder.file("deployments.json"));
  const Accelerator device = accelerator("a100");
  const auto noted = deployment_named("x/y", device, notes);
  ASSERT_TRUE(noted.has_value());
  EXPECT_EQ(noted->model.name, "opt-30b");
  EXPECT_EQ(noted->pipeline_parallel, 2);
  EXPECT_EQ(noted->accelerator.name, "h100-80gb");
  EXPECT_EQ(deployment_named("z", device, notes)->model.layers, 2);
  EXPECT_THROW(deployment_named("bad", device, notes), Error);
  EXPECT_THROW(deployment_named("odd", device, notes), Error) << "56 heads over 5";
  EXPECT_FALSE(deployment_named("unknown", device, notes).has_value());
  EXPECT_EQ(deployment_named("microsoft/TNLGv2_530B", device)->accelerators(), 24);
  EXPECT_EQ(deployment_named("somebody/model-30b", device)->model.assumed, true);
}

}  // namespace
}  // namespace hone::cost
