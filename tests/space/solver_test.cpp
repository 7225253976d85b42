#include "hone/space/solver.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/space/space.h"

namespace hone::space {
namespace {

std::string message(const Space& space) {
  Rng rng(1, "none");
  try {
    space.sample(rng);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// A random expression over numeric parameters p0... and choices c0...
std::string random_constraint(Rng& rng, const std::vector<std::string>& numbers,
                              const std::vector<std::string>& texts) {
  const auto number = [&] { return numbers[rng.below(numbers.size())]; };
  static const char* kCompare[] = {"==", "!=", "<", "<=", ">", ">="};
  static const char* kTerms[] = {"{} + {}",     "{} * {}",     "{} - {}",
                                 "max({}, {})", "min({}, {})", "abs({} - {})"};
  const std::string compare = kCompare[rng.below(6)];
  switch (rng.below(6)) {
    case 0:
      return fmt::format("{} % ({} + 1) {} {}", number(), number(), compare, rng.below(3));
    case 1:
      if (!texts.empty())
        return fmt::format("{} == '{}' or {} {} {}", texts[rng.below(texts.size())], rng.below(2) ? "x" : "y",
                           number(), compare, number());
      [[fallthrough]];
    case 2:
      return fmt::format("not ({} {} {}) or {} + 0 in [0, 2, 3]", number(), compare, number(), number());
    default:
      return fmt::format(fmt::runtime(std::string(kTerms[rng.below(6)]) + " {} {}"), number(), number(),
                         compare, rng.below(2) ? number() : fmt::format("{}", rng.below(8)));
  }
}

/// A small finite space with conditions, ties, lists and constraints, and the product of its scales.
Space random_space(Rng& rng) {
  Space::Builder builder;
  std::vector<std::string> numbers, texts;
  const auto when = [&]() -> std::string {
    if (numbers.empty() || rng.below(3) > 0) return "";
    if (!texts.empty() && rng.below(2)) return texts[rng.below(texts.size())] + " != 'x'";
    return fmt::format("{} > {}", numbers[rng.below(numbers.size())], rng.below(3));
  };
  const std::uint64_t n = 2 + rng.below(4);
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::string name = fmt::format("p{}", i);
    const std::string condition = when();
    switch (rng.below(6)) {
      case 0:
        builder.choice(name, {"x", "y", "z"}, {.when = condition});
        texts.push_back(name);
        continue;
      case 1:
        builder.ordinal(name, {1, 2, 4}, {.when = condition});
        break;
      case 2:
        builder.real(name, 0, 1, {.resolution = 0.25, .when = condition});
        continue;
      case 3:
        if (numbers.empty()) continue;
        builder.same_as(name, numbers[rng.below(numbers.size())], condition);
        break;
      default:
        builder.integer(name, 0, 1 + static_cast<std::int64_t>(rng.below(5)),
                        {.log = false, .step = 1, .when = condition});
    }
    numbers.push_back(name);
  }
  if (numbers.empty()) {
    builder.integer("p", 0, 4);
    numbers.push_back("p");
  }
  if (rng.below(3) == 0) builder.list("v", 0, 2, {"x", "y"}).where("count(v, 'x') != 1 or length(v) == 1");
  for (std::uint64_t c = rng.below(4); c > 0; --c) builder.where(random_constraint(rng, numbers, texts));
  return builder.build();
}

/// Every distinct feasible config by trying every assignment, with its probability under rejection.
std::map<std::string, double> brute_force(const Space& space) {
  std::map<std::string, double> found;
  std::uint64_t total = 1;
  for (const Parameter& parameter : space.parameters())
    total *= static_cast<std::uint64_t>(parameter.cardinality());
  double sum = 0;
  for (std::uint64_t number = 0; number < total; ++number) {
    Point point;
    std::uint64_t rest = number;
    for (const Parameter& parameter : space.parameters()) {
      const auto n = static_cast<std::uint64_t>(parameter.cardinality());
      const auto k = static_cast<double>(rest % n);
      const bool index = parameter.kind == ParameterKind::choice || parameter.kind == ParameterKind::flag;
      point.push_back(index ? k : (k + 0.5) / static_cast<double>(n));
      rest /= n;
    }
    const Config config = space.decode(point);
    if (!space.feasible(config)) continue;
    found[config.shown()] += 1;
    sum += 1;
  }
  for (auto& [config, p] : found) p /= sum;
  return found;
}

TEST(Solver, CountsWhatTryingEverythingFinds) {
  Rng rng(21, "solver spaces");
  int constrained = 0, empty = 0;
  for (int s = 0; s < 400; ++s) {
    const Space space = random_space(rng);
    const auto all = brute_force(space);
    ASSERT_EQ(space.count(), static_cast<std::int64_t>(all.size())) << space.text();
    constrained += space.constraints().empty() ? 0 : 1;
    empty += all.empty() ? 1 : 0;
    if (space.constraints().empty()) {
      ASSERT_EQ(space.cardinality(), static_cast<std::int64_t>(all.size())) << space.text();
    }
  }
  EXPECT_GT(constrained, 200);
  EXPECT_GT(empty, 5);
}

TEST(Solver, ListsEveryConfigOnce) {
  Rng rng(22, "solver lists");
  for (int s = 0; s < 200; ++s) {
    const Space space = random_space(rng);
    const auto all = brute_force(space);
    // What the sampler does where chance fails, here directly.
    const Space::Plan plan(space.parameters(), space.constraints(), {});
    const Solver solver(plan);
    ASSERT_TRUE(solver.listed()) << space.text();
    std::set<std::string> found;
    Cells cells(plan.parameters.size());
    for (std::int64_t k = 0; k < *solver.count(); ++k) {
      solver.assign(k, cells);
      found.insert(plan.config(cells).shown());
    }
    ASSERT_EQ(found.size(), all.size()) << space.text();
    for (const auto& [config, p] : all) ASSERT_TRUE(found.count(config)) << space.text() << config;
  }
}

/// Draws by `draw` against the probabilities of rejection: chi-square over its degrees of freedom.
template <typename Draw>
double misfit(const std::map<std::string, double>& expected, int n, Draw draw) {
  std::map<std::string, double> counts;
  for (int i = 0; i < n; ++i) ++counts[draw()];
  double sum = 0;
  for (const auto& [config, p] : expected) sum += std::pow(counts[config] - n * p, 2) / (n * p);
  EXPECT_EQ(counts.size(), expected.size());
  return sum / static_cast<double>(expected.size() - 1);
}

TEST(Solver, DrawsFromListsAsRejectionWould) {
  const Space space = Space::Builder()
                          .integer("a", 0, 5)
                          .choice("kind", {"x", "y"})
                          .integer("b", 0, 5, {.when = "kind == 'y'"})
                          .same_as("c", "a")
                          .where("a * b <= 6 and a + c >= 4")
                          .build();
  const auto expected = brute_force(space);
  const Space::Plan plan(space.parameters(), space.constraints(), {});
  const Solver solver(plan);
  const Component& component = solver.components().at(0);
  const auto listing = component.list(component.root(), Work{1000}, 100000);
  ASSERT_TRUE(listing.complete);
  EXPECT_LT(listing.boxes.size(), expected.size());  // boxes, not single configs
  Rng rng(5, "lists");
  EXPECT_LT(misfit(expected, 20000,
                   [&] {
                     const double pick = rng.uniform() * listing.sums.back();
                     const auto box = std::upper_bound(listing.sums.begin(), listing.sums.end() - 1, pick);
                     Cells cells(plan.parameters.size());
                     component.draw(listing.boxes[static_cast<std::size_t>(box - listing.sums.begin())], rng,
                                    cells);
                     return plan.config(cells).shown();
                   }),
            1.8);
}

TEST(Solver, ADescentsWeightIsItsMassOverItsChance) {
  // Self-normalised over many descents, the weighted leaves are what rejection draws.
  const Space space = Space::Builder()
                          .integer("a", 1, 100)
                          .integer("b", 1, 100)
                          .integer("c", 1, 40, {.log = true})
                          .where("a * b == 60 or a == 97 and b <= 3")
                          .build();
  const Space::Plan plan(space.parameters(), space.constraints(), {});
  const Solver solver(plan);
  const Component* pair = nullptr;
  for (const Component& component : solver.components())
    if (!component.constraints().empty()) pair = &component;
  ASSERT_NE(pair, nullptr);
  Rng rng(6, "descents");
  std::map<std::string, double> weights;
  double sum = 0;
  for (int i = 0; i < 6000; ++i) {
    Work work{1000};
    double log_chance = 0;
    const auto leaf = pair->descend(pair->root(), rng, work, log_chance);
    if (!leaf) continue;
    const double weight = std::exp(pair->log_mass(*leaf) - log_chance);
    Cells cells(plan.parameters.size());
    pair->draw(*leaf, rng, cells);
    weights[plan.config(cells).shown()] += weight;
    sum += weight;
  }
  // 12 divisors of 60, all up to 100, and three more.
  EXPECT_EQ(weights.size(), 15u);
  for (const auto& [config, weight] : weights) EXPECT_NEAR(weight / sum, 1 / 15., 0.02) << config;
}

TEST(Solver, FindsNeedles) {
  // One in 10^6 / 16, by factors; all are met.
  const Space factors =
      Space::Builder().integer("a", 1, 1000000).integer("b", 1, 1000000).where("a * b == 1001 * 997").build();
  std::set<std::string> found;
  Rng rng(3, "factors");
  for (int i = 0; i < 300; ++i) {
    const Config config = factors.sample(rng);
    ASSERT_EQ(config.integer("a") * config.integer("b"), 1001 * 997);
    found.insert(config.shown());
  }
  EXPECT_EQ(found.size(), 16u);
  EXPECT_EQ(factors.count(), 16);
  EXPECT_TRUE(factors.is_enumerable());
}

TEST(Solver, FollowsChainsOfEqualities) {
  Space::Builder builder;
  for (int i = 0; i < 10; ++i) builder.integer(fmt::format("n{}", i), 0, 999999999);
  for (int i = 1; i < 10; ++i) builder.where(fmt::format("n{} == n{} + {}", i, i - 1, i));
  const Space space = builder.where("n0 % 1000003 == 17").where("n9 > 999000000").build();
  Rng rng(4, "chain");
  for (int i = 0; i < 3; ++i) {
    const Config config = space.sample(rng);
    ASSERT_EQ(config.integer("n9"), config.integer("n0") + 45);
    ASSERT_EQ(config.integer("n0") % 1000003, 17);
  }
}

TEST(Solver, MixesIntegersChoicesAndReals) {
  const Space space = Space::Builder()
                          .integer("width", 1, 4096)
                          .integer("heads", 1, 512)
                          .integer("layers", 1, 512)
                          .choice("norm", {"rms", "layer", "none"})
                          .real("lr", 1e-6, 1, {.log = true})
                          .real("decay", 0, 1)
                          .where("width % heads == 0 and width * layers <= 4096 and heads > 60")
                          .where("norm == 'none' and layers > 30")
                          .where("lr * width < 0.0001 and lr > 0.0000012")
                          .where("decay == 2 * lr")
                          .build();
  Rng rng(7, "mixed");
  for (int i = 0; i < 5; ++i) {
    const Config config = space.sample(rng);
    ASSERT_TRUE(space.feasible(config)) << config.shown();
    ASSERT_EQ(config.real("decay"), 2 * config.real("lr"));
  }
}

TEST(Solver, NamesTheConstraintsThatExcludeEachOther) {
  EXPECT_EQ(message(Space::Builder()
                        .integer("a", 1, 1000000)
                        .integer("b", 1, 1000000)
                        .real("x", 0, 1)
                        .where("a + b > 1000000")
                        .where("a * b < 1000")
                        .where("x < 0.5")
                        .where("a >= 1000")
                        .build()),
            "where: no config satisfies the constraints: 'a * b < 1000' and 'a >= 1000' exclude each other; "
            "loosen one of them, or widen what they mention: a, b");
  EXPECT_EQ(message(Space::Builder().real("x", 0, 1).where("1 == 2").build()),
            "where: no config satisfies the constraints: '1 == 2' holds for none; remove it");
  EXPECT_EQ(
      message(Space::Builder().integer("a", 2, 30000).integer("b", 2, 30000).where("a * b == 65537").build()),
      "where: no config satisfies the constraints: 'a * b == 65537' holds for none; loosen it, or widen "
      "what it mentions: a, b");
}

TEST(Solver, CountsFarBeyondWhatCanBeTried) {
  Space::Builder chain;  // ascending sequences of 12 numbers from 1 to 60: binomial(71, 12)
  for (int i = 0; i < 12; ++i) chain.integer(fmt::format("n{}", i), 1, 60);
  for (int i = 1; i < 12; ++i) chain.where(fmt::format("n{} <= n{}", i - 1, i));
  EXPECT_EQ(chain.build().count(), 12802736917880);
  Space::Builder many;  // independent pairs
  for (int i = 0; i < 8; ++i)
    many.integer(fmt::format("a{}", i), 1, 100)
        .integer(fmt::format("b{}", i), 1, 100)
        .where(fmt::format("a{0} * b{0} <= 50", i));
  // Pairs with a product up to 50: the sum of floor(50 / a), 207.
  EXPECT_EQ(many.build().count(), 3371031134626313601);
  EXPECT_EQ(Space::Builder().real("x", 0, 1).integer("n", 1, 10).where("n > 3").build().count(),
            std::nullopt);
  EXPECT_EQ(Space::Builder().flag("f").real("x", 0, 1, {.when = "f"}).where("not f").build().count(), 1);
}

TEST(Solver, FindsTheLastConfigsOfAVastGrid) {
  const Space space = Space::Builder()
                          .integer("a", 1, 100000)
                          .integer("b", 1, 100000)
                          .flag("f")
                          .where("a * b == 9699690")
                          .where("f or a < b")
                          .build();
  ASSERT_TRUE(space.is_enumerable());
  std::set<Key> known;
  Rng rng(8, "last");
  while (const auto config = space.unseen(rng, [&](const Config& c) { return known.count(c.key()) > 0; })) {
    ASSERT_TRUE(space.feasible(*config));
    ASSERT_TRUE(known.insert(config->key()).second);
  }
  EXPECT_EQ(static_cast<std::int64_t>(known.size()), space.count());
  EXPECT_GT(known.size(), 200u);
}

}  // namespace
}  // namespace hone::space
