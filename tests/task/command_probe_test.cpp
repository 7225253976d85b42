#include "hone/task/command_probe.h"

#include <cmath>

#include <gtest/gtest.h>

#include "../program.h"
#include "hone/base/error.h"

namespace hone::task {
namespace {

identity::Prober prober_of_three() {
  identity::ProbeSettings settings;
  settings.inputs = {{"x", {3}}};
  settings.examples = 4;
  settings.steps = 2;
  return identity::Prober(settings);
}

TEST(CommandProbe, TheBatchIsReadAsJsonOrAsLines) {
  const auto prober = prober_of_three();
  const std::string json = batch_input(prober, BatchForm::json);
  const Json first = Json::parse(json.substr(0, json.find('\n')));
  EXPECT_EQ(first["step"], 0);
  ASSERT_EQ(first["inputs"]["x"].size(), 4u);
  EXPECT_EQ(first["inputs"]["x"][1][2].get<double>(), prober.batches()[0].example(1)[2]) << "exactly";
  const std::string text = batch_input(prober, BatchForm::text);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2 * (4 + 1));
}

TEST(CommandProbe, WhatAProgramPrints) {
  const auto values = [](const std::string& text) {
    ProbeNumbers numbers;
    for (std::size_t i = 0; i < text.size(); i += 3) numbers.add(std::string_view(text).substr(i, 3));
    numbers.end();
    return numbers.values();
  };
  EXPECT_EQ(values("1 2,3\n[4.5, -1e-3]\n+7"), (std::vector<double>{1, 2, 3, 4.5, -1e-3, 7}));
  EXPECT_EQ(values("hello\n{\"signature\": [1, 2]}\n"), (std::vector<double>{1, 2}));
  EXPECT_TRUE(std::isnan(values("-nan")[0]));
  EXPECT_TRUE(std::isinf(values("1e999 inf")[0]));
  EXPECT_EQ(values("1e-999"), (std::vector<double>{0}));
  EXPECT_TRUE(values("").empty());
  EXPECT_THROW(values("loss 3"), Error);
}

TEST(CommandProbe, ARunThatFailsSaysWhy) {
  const auto prober = prober_of_three();
  const auto said = [&](std::vector<std::string> run) -> std::string {
    try {
      prober.floats(command_candidate({std::move(run)}));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(said({"sh", "-c", "echo wrong >&2; exit 3"}).find("status 3: wrong"), std::string::npos);
  EXPECT_NE(said({"hone-no-such-program"}).find("in PATH"), std::string::npos);
  EXPECT_NE(said({"sh", "-c", "echo three"}).find("'three'"), std::string::npos);
  EXPECT_EQ(prober.floats(command_candidate({{"sh", "-c", "echo $HONE_PROBE $HONE_SEED"}})),
            (std::vector<double>{1, 0}));
  EXPECT_EQ(prober.floats(command_candidate({{"sh", "-c", "echo '{\"signature\": [5]}' >&3; echo text"}})),
            (std::vector<double>{5}));
}

}  // namespace
}  // namespace hone::task
