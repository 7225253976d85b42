#include "hone/task/command_lines.h"

#include <cmath>

#include <gtest/gtest.h>

#include "../fire/mutate.h"
#include "hone/base/rng.h"

namespace hone::task {
namespace {

constexpr const char* kNotJson = "is not valid JSON, or has a number too large for a double";

std::vector<JsonLines::Line> read(const std::string& text, bool among_others = false) {
  JsonLines lines(among_others);
  auto found = lines.add(text);
  for (auto& line : lines.end()) found.push_back(std::move(line));
  return found;
}

JsonLines::Line one(const std::string& text) {
  const auto lines = read(text);
  EXPECT_EQ(lines.size(), 1u) << text;
  return lines.empty() ? JsonLines::Line{} : lines[0];
}

TEST(JsonLines, ReadsMeasures) {
  const auto line =
      one(R"({"fidelity": 10, "loss": 0.25, "ok": true, "note": "text", "list": [1], "t": {}})");
  EXPECT_EQ(line.problem, "");
  EXPECT_EQ(line.fidelity, 10);
  EXPECT_EQ(line.measures, (study::Measures{{"loss", 0.25}, {"ok", 1.0}}));
}

TEST(JsonLines, ReadsNanAsPythonAndCPrintIt) {
  for (const std::string text : {"NaN", "nan", "-nan", "null", "\"nan\""})
    EXPECT_TRUE(std::isnan(*one("{\"a\": " + text + "}").measures.find("a"))) << text;
  for (const std::string text : {"Infinity", "inf", "\"inf\""})
    EXPECT_EQ(one("{\"a\": " + text + "}").measures.find("a"), INFINITY) << text;
  for (const std::string text : {"-Infinity", "-inf", "\"-inf\""})
    EXPECT_EQ(one("{\"a\": " + text + "}").measures.find("a"), -INFINITY) << text;
  EXPECT_EQ(one(R"({"NaN \" inf": 2})").measures.find("NaN \" inf"), 2.0) << "names stay as they are";
}

TEST(JsonLines, ReadsSignatures) {
  EXPECT_EQ(one(R"({"signature": [1, -2.5, true]})").signature, (std::vector<double>{1, -2.5, 1}));
  EXPECT_NE(one(R"({"signature": 3})").problem, "");
  EXPECT_NE(one(R"({"signature": [1, "x"]})").problem, "");
}

TEST(JsonLines, SaysWhatIsWrong) {
  EXPECT_EQ(one("epoch 3").problem, "is not a JSON object");
  EXPECT_EQ(one("[1, 2]").problem, "is not a JSON object");
  EXPECT_EQ(one("{loss: 3}").problem, kNotJson);
  EXPECT_EQ(one("{\"a\": 1e999}").problem, kNotJson);
  EXPECT_EQ(one("{\"a\": 1} trailing").problem, kNotJson);
  EXPECT_EQ(one("{\"a\": \"\xff\xfe\"}").problem, kNotJson);
  EXPECT_EQ(one(std::string("{\"a\0\": 1}", 9)).problem, kNotJson);
  for (const std::string fidelity : {"-1", "0.5", "1e300", "NaN", "\"ten\"", "[1]"})
    EXPECT_EQ(one("{\"fidelity\": " + fidelity + "}").problem, "has a fidelity that is no whole number")
        << fidelity;
  EXPECT_NE(one("{\"\": 1}").problem, "");
  EXPECT_EQ(one("{\"a\\nb\": 1}").problem, "has a measure without a usable name") << "it would break tables";
  const auto line = one("\x1b[31mred\x07 \xc3\xa4 \xff");
  EXPECT_EQ(line.shown, "?[31mred? \xc3\xa4 ?");
  EXPECT_TRUE(line.measures.empty());
}

TEST(JsonLines, CountsLinesAndSkipsEmptyOnes) {
  const auto lines = read("\n  \r\n{\"a\":1}\r\nbad\n{\"a\":2}");
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].number, 3);
  EXPECT_EQ(lines[1].number, 4);
  EXPECT_NE(lines[1].problem, "");
  EXPECT_EQ(lines[2].measures.find("a"), 2.0) << "the last line may lack its newline";
}

TEST(JsonLines, AmongOtherTextOnlyObjectsCount) {
  const auto lines = read("epoch 1\n[3]\n {\"a\": 1}\ndone\n", true);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].number, 3);
  EXPECT_EQ(lines[0].measures.find("a"), 1.0);
}

TEST(JsonLines, LongLinesAreDroppedAndTheNextOneIsRead) {
  JsonLines lines(false, 100);
  EXPECT_TRUE(lines.add(std::string(1 << 20, '{')).empty());
  const auto found = lines.add("}\n{\"a\": 1}\n");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].problem, "is longer than 100 bytes");
  EXPECT_EQ(found[1].measures.find("a"), 1.0);
}

TEST(JsonLines, DeepNestingIsNoDanger) {
  EXPECT_EQ(one("{\"a\": " + std::string(100000, '[') + std::string(100000, ']') + "}").problem, "");
  EXPECT_NE(one(std::string(200000, '[')).problem, "");
}

TEST(JsonLines, AnyCutGivesTheSameLines) {
  const std::string text = "{\"a\": 1, \"fidelity\": 2}\nbad\n\n{\"b\": NaN}\n{\"signature\": [1, 2]}";
  const auto whole = read(text);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    JsonLines lines;
    auto parts = lines.add(std::string_view(text).substr(0, cut));
    for (auto& line : lines.add(std::string_view(text).substr(cut))) parts.push_back(line);
    for (auto& line : lines.end()) parts.push_back(line);
    ASSERT_EQ(parts.size(), whole.size()) << cut;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      EXPECT_EQ(parts[i].number, whole[i].number);
      EXPECT_EQ(parts[i].problem, whole[i].problem);
      EXPECT_EQ(parts[i].fidelity, whole[i].fidelity);
      EXPECT_EQ(parts[i].measures.json(), whole[i].measures.json());
    }
  }
}

/// Random mutations of good lines: nothing throws, what is shown is printable, and a good line after the bad
/// ones is always read. HONE_FUZZ=N for more.
TEST(JsonLines, SurvivesMutations) {
  const std::int64_t rounds = test::fuzz_inputs(200000);
  const std::vector<std::string> seeds{R"({"fidelity": 10, "loss": 0.3})",
                                       R"({"signature": [1.5, -2e-3, 0]})",
                                       R"({"a": -Infinity, "b": NaN})",
                                       R"({"a\u00e4\"": 1e308, "deep": [[{"x": [null, true]}]]})",
                                       "plain text",
                                       "{}",
                                       R"({"fidelity": 1e15})"};
  const std::string pieces[] = {"{",
                                "}",
                                "[",
                                "]",
                                "\"",
                                "\\",
                                "\n",
                                "\\u",
                                "\\ud800",
                                "1e999",
                                "-",
                                "NaN",
                                "null",
                                ",",
                                ":",
                                "\"fidelity\":",
                                "\xff",
                                "\xf0\x9f",
                                std::string(1, '\0'),
                                "99999999999999999999"};
  Rng rng(1, "fuzz");
  JsonLines lines(false, 300);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(rng.below(n)); };
  for (std::int64_t round = 0; round < rounds; ++round) {
    std::string text = seeds[below(std::size(seeds))];
    for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
      const std::size_t at = below(text.size() + 1);
      switch (below(4)) {
        case 0:
          text.insert(at, pieces[below(std::size(pieces))]);
          break;
        case 1:
          text.erase(at, below(8));
          break;
        case 2:
          if (at < text.size()) text[at] = static_cast<char>(below(256));
          break;
        default:
          text.insert(at, text.substr(0, below(text.size() + 1)));
      }
    }
    for (const auto& line : lines.add(text)) {
      EXPECT_GE(line.number, 1);
      for (const char c : line.shown) ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\t');
      const bool nothing = line.measures.empty() && line.signature.empty() && !line.fidelity;
      ASSERT_TRUE(line.problem.empty() || nothing);
      for (const auto& [name, value] : line.measures.entries()) ASSERT_FALSE(name.empty());
      ASSERT_GE(line.fidelity.value_or(0), 0);
    }
    const auto after = lines.add("\n{\"good\": 1}\n");
    ASSERT_FALSE(after.empty());
    ASSERT_EQ(after.back().measures.find("good"), 1.0) << text;
  }
}

}  // namespace
}  // namespace hone::task
