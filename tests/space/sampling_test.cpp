#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "hone/space/space.h"

namespace hone::space {
namespace {

std::map<std::string, double> counts(const Space& space, const std::string& name, int n, int seed) {
  Rng rng(static_cast<std::uint64_t>(seed), "counts");
  std::map<std::string, double> counts;
  for (int i = 0; i < n; ++i) {
    const Config config = space.sample(rng);
    if (const Value* value = config.find(name)) ++counts[value_text(*value)];
  }
  return counts;
}

/// Chi-square of counts against probabilities, over its degrees of freedom; near 1 where they fit.
double misfit(const std::map<std::string, double>& counts, const std::map<std::string, double>& expected,
              int n) {
  double sum = 0;
  for (const auto& [name, p] : expected) {
    const auto found = counts.find(name);
    const double k = found == counts.end() ? 0 : found->second;
    sum += (k - n * p) * (k - n * p) / (n * p);
  }
  return sum / static_cast<double>(expected.size() - 1);
}

TEST(Sampling, IsUniformOverEachScale) {
  const Space space = Space::Builder()
                          .choice("c", {"a", "b", "c"})
                          .flag("f")
                          .integer("n", 10, 50, {.step = 10})
                          .integer("m", 1, 4, {.log = true})
                          .real("g", 0, 1, {.resolution = 0.5})
                          .real("x", -1, 3)
                          .real("lr", 1e-4, 1, {.log = true})
                          .build();
  const int n = 40000;
  EXPECT_LT(misfit(counts(space, "c", n, 1), {{"a", 1 / 3.}, {"b", 1 / 3.}, {"c", 1 / 3.}}, n), 5);
  EXPECT_LT(misfit(counts(space, "f", n, 2), {{"true", 0.5}, {"false", 0.5}}, n), 8);
  EXPECT_LT(
      misfit(counts(space, "n", n, 3), {{"10", 0.2}, {"20", 0.2}, {"30", 0.2}, {"40", 0.2}, {"50", 0.2}}, n),
      5);
  EXPECT_LT(misfit(counts(space, "g", n, 4), {{"0", 1 / 3.}, {"0.5", 1 / 3.}, {"1", 1 / 3.}}, n), 5);
  const double span = std::log(9.0);  // from 0.5 to 4.5
  EXPECT_LT(misfit(counts(space, "m", n, 5),
                   {{"1", std::log(3.0) / span},
                    {"2", std::log(5 / 3.) / span},
                    {"3", std::log(7 / 5.) / span},
                    {"4", std::log(9 / 7.) / span}},
                   n),
            5);
  Rng rng(6, "reals");
  std::map<std::string, double> linear, log;
  for (int i = 0; i < n; ++i) {
    const Config config = space.sample(rng);
    ++linear[std::to_string(static_cast<int>(std::floor(config.real("x"))))];
    ++log[std::to_string(static_cast<int>(std::floor(std::log10(config.real("lr")))))];
  }
  linear["2"] += linear["3"];  // rounding reaches high itself
  EXPECT_LT(misfit(linear, {{"-1", 0.25}, {"0", 0.25}, {"1", 0.25}, {"2", 0.25}}, n), 5);
  log["-1"] += log["0"];
  EXPECT_LT(misfit(log, {{"-4", 0.25}, {"-3", 0.25}, {"-2", 0.25}, {"-1", 0.25}}, n), 5);
}

TEST(Sampling, LogIntegersWithAWideStepReachTheirEnds) {
  const Space space = Space::Builder().integer("n", 1, 41, {.log = true, .step = 10}).build();
  const auto found = counts(space, "n", 20000, 7);
  EXPECT_EQ(found.size(), 5u);
  // The first cell is 0.5 to 6, of 0.5 to 46.
  EXPECT_NEAR(found.at("1") / 20000, std::log(12.0) / std::log(92.0), 0.02);
  EXPECT_GT(found.at("41"), 20000 * 0.03);
}

TEST(Sampling, RepeatsByStream) {
  const Space space = Space::Builder().real("x", 0, 1).integer("n", 1, 1000, {.log = true}).flag("f").build();
  Rng a(3, "ask", 5), b(3, "ask", 5), c(3, "ask", 6);
  const Config first = space.sample(a);
  EXPECT_EQ(first, space.sample(b));
  EXPECT_NE(first, space.sample(c));
}

TEST(Sampling, SatisfiesConstraintsAndConditions) {
  const Space space = Space::Builder()
                          .choice("mixer", {"attention", "pattention"})
                          .integer("width", 32, 128, {.step = 32})
                          .choice("heads", {1, 2, 3, 4, 8})
                          .integer("tokens", 32, 1024, {.log = true, .when = "mixer == 'pattention'"})
                          .where("width % heads == 0")
                          .where("tokens >= 2 * width")
                          .build();
  Rng rng(8, "constraints");
  int with_tokens = 0;
  for (int i = 0; i < 3000; ++i) {
    const Config config = space.sample(rng);
    ASSERT_EQ(config.integer("width") % config.integer("heads"), 0);
    ASSERT_TRUE(space.feasible(config));
    ASSERT_EQ(config.has("tokens"), config.text("mixer") == "pattention");
    if (!config.has("tokens")) continue;
    ++with_tokens;
    ASSERT_GE(config.integer("tokens"), 2 * config.integer("width"));
  }
  EXPECT_GT(with_tokens, 500);
}

TEST(Sampling, FindsARareConfig) {
  const Space space = Space::Builder()
                          .integer("a", 1, 400)
                          .integer("b", 1, 500)
                          .where("a * 1000 + b == 123321 or a * 1000 + b == 77400")
                          .build();
  Rng rng(9, "rare");
  std::set<std::string> found;
  for (int i = 0; i < 30; ++i) found.insert(space.sample(rng).shown());
  EXPECT_EQ(found, (std::set<std::string>{"a=123 b=321", "a=77 b=400"}));
  // What was enumerated before does not show: a fresh space draws the same from the same stream.
  Rng again(9, "rare"), fresh(9, "rare");
  const Space other = Space::Builder()
                          .integer("a", 1, 400)
                          .integer("b", 1, 500)
                          .where("a * 1000 + b == 123321 or a * 1000 + b == 77400")
                          .build();
  EXPECT_EQ(space.sample(again), other.sample(fresh));
}

TEST(Sampling, EnumerationKeepsTheDistribution) {
  const Space space =
      Space::Builder().integer("m", 1, 4, {.log = true}).integer("b", 1, 40000).where("b == 7").build();
  const int n = 1500;
  const double span = std::log(9.0);
  EXPECT_LT(misfit(counts(space, "m", n, 10),
                   {{"1", std::log(3.0) / span},
                    {"2", std::log(5 / 3.) / span},
                    {"3", std::log(7 / 5.) / span},
                    {"4", std::log(9 / 7.) / span}},
                   n),
            5);
}

TEST(Sampling, NamesTheConstraintThatExcludesEverything) {
  const auto message = [](const Space& space) -> std::string {
    Rng rng(1, "none");
    try {
      space.sample(rng);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(
      message(Space::Builder()
                  .real("x", 0, 1)
                  .integer("width", 32, 128)
                  .where("x >= 0")
                  .where("width < 10")
                  .build()),
      "where: no config satisfies the constraints: 'width < 10' holds for none; loosen it, or widen what "
      "it mentions: width");
  EXPECT_EQ(
      message(Space::Builder().integer("width", 32, 33).flag("f").where("f").where("width < 10").build()),
      "where: no config satisfies the constraints: 'width < 10' rejected 4 of 4 assignments, which are all; "
      "loosen it, or widen what it mentions: width");
  // No single one excludes everything: the worst is named.
  EXPECT_EQ(message(Space::Builder().integer("n", 1, 10).where("n < 5").where("n > 8").build()),
            "where: no config satisfies the constraints: 'n > 8' rejected 8 of 10 assignments, which are "
            "all; loosen "
            "it, or widen what it mentions: n");
}

TEST(Sampling, NotFoundIsNotImpossible) {
  // There is none, but showing it takes going through millions of pairs.
  const Space space = Space::Builder()
                          .integer("a", 1, 40000000)
                          .integer("b", 1, 40000000)
                          .where("(a * a + b * b) % 4 == 3")
                          .build();
  Rng rng(1, "none");
  try {
    space.sample(rng);
    FAIL() << "found one";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()),
              "where: no config that satisfies the constraints was found, and there may be some: 100000 "
              "draws and 8 "
              "attempts at solving, each up to 62000 boxes of values, met none: '(a * a + b * b) % 4 == 3' "
              "rejected "
              "100000 of 100000 draws; loosen it, or widen what it mentions: a, b");
  }
}

}  // namespace
}  // namespace hone::space
