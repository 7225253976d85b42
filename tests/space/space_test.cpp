#include "hone/space/space.h"

#include <cmath>
#include <limits>
#include <memory>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace hone::space {
namespace {

Config canonical_config(const std::string& json) { return Config::from_json(parse_json(json, "it")); }

std::string error(const Space& space, const std::string& json) {
  try {
    space.canonical(canonical_config(json));
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

Space nested() {
  return Space::Builder()
      .integer("tokens", 32, 1024, {.log = true, .when = "mixer == 'pattention'"})
      .choice("mixer", {"attention", "pattention"})
      .flag("shared", "tokens > 100")
      .build();
}

TEST(Space, CanonicalRoundsRealsToSixDigits) {
  const Space space = Space::Builder()
                          .real("x", -1, 1)
                          .real("lr", 1e-4, 3e-2, {.log = true})
                          .real("big", 1e6, 1e6 + 1)
                          .build();
  const auto canonical = [&](double x, double lr, double big) {
    return space.canonical(Config({{"x", x}, {"lr", lr}, {"big", big}})).shown();
  };
  EXPECT_EQ(canonical(0.1234567, 0.00123456789, 1e6), "x=0.123457 lr=0.00123457 big=1000000");
  EXPECT_EQ(canonical(-0.0, 1e-9, 1e6 + 0.1234567), "x=0 lr=0.0001 big=1000000.12346");
  EXPECT_EQ(canonical(7, 5, 0), "x=1 lr=0.03 big=1000000");
  EXPECT_EQ(canonical(1e-30, 0.0299999999, 2e9), "x=0 lr=0.03 big=1000001");
}

TEST(Space, CanonicalSnapsToResolutionAndGrid) {
  const Space space = Space::Builder()
                          .real("drop", 0.1, 0.5, {.resolution = 0.05})
                          .real("lr", 0.001, 0.1, {.log = true, .resolution = 0.5})
                          .integer("width", 32, 128, {.step = 32})
                          .choice("heads", {1, 2, 4})
                          .build();
  const auto canonical = [&](double drop, double lr, double width) {
    return space.canonical(Config({{"drop", drop}, {"lr", lr}, {"width", width}, {"heads", 2.0}})).shown();
  };
  EXPECT_EQ(canonical(0.26, 0.0016, 64), "drop=0.25 lr=0.0015 width=64 heads=2");
  EXPECT_EQ(canonical(0.1, 0.0024, 79), "drop=0.1 lr=0.00225 width=64 heads=2");
  EXPECT_EQ(canonical(9, 9, 1e15), "drop=0.5 lr=0.1 width=128 heads=2");
  EXPECT_EQ(space.parameter(0).cardinality(), 9);
  // 0.001 * 1.5^11 is 0.0865; high itself is the thirteenth value.
  EXPECT_EQ(space.parameter(1).cardinality(), 13);
  EXPECT_TRUE(std::holds_alternative<std::int64_t>(
      space.canonical(canonical_config(R"({"drop":0.1,"lr":0.1,"width":64.0,"heads":4.0})")).at("heads")));
}

TEST(Space, CanonicalOrdersAndDropsWhatIsInactive) {
  const Space space = nested();
  EXPECT_EQ(space.canonical(canonical_config(R"({"shared":true,"tokens":200,"mixer":"pattention"})")).shown(),
            "tokens=200 mixer=pattention shared=true");
  EXPECT_EQ(space.canonical(canonical_config(R"({"shared":true,"tokens":50,"mixer":"pattention"})")).shown(),
            "tokens=50 mixer=pattention");
  // A condition that hangs on an inactive parameter does not hold.
  EXPECT_EQ(space.canonical(canonical_config(R"({"shared":true,"tokens":200,"mixer":"attention"})")).shown(),
            "mixer=attention");
}

TEST(Space, CanonicalRefusesWhatIsWrong) {
  const Space space = nested();
  EXPECT_EQ(error(space, R"({"mixer":"pattention"})"),
            "the config lacks 'tokens'; it is integer 32 to 1024, log, active where mixer == 'pattention'");
  EXPECT_EQ(
      error(space, R"({"mixer":"patention"})"),
      "mixer: expected one of its choices, found 'patention'; did you mean 'pattention'? allowed: attention, "
      "pattention");
  EXPECT_EQ(error(space, R"({"mixer":"pattention","tokens":40.5})"),
            "tokens: expected an integer, found 40.5; it is integer 32 to 1024, log");
  EXPECT_EQ(error(space, R"({"mixer":"pattention","tokens":"many"})"),
            "tokens: expected an integer, found 'many'; it is integer 32 to 1024, log");
  EXPECT_EQ(error(space, R"({"mixer":"pattention","tokens":200,"shared":1})"),
            "shared: expected true or false, found 1; it is flag");
  EXPECT_EQ(error(space, R"({"mixr":"attention"})"),
            "unknown parameter 'mixr'; did you mean 'mixer'? allowed: tokens, mixer, shared");
  EXPECT_THROW(
      space.canonical(Config({{"mixer", std::string("attention")}, {"mixer", std::string("attention")}})),
      Error);
}

TEST(Space, PointsFollowTheScale) {
  const Space space = Space::Builder()
                          .real("x", 0, 10)
                          .real("lr", 1e-4, 1e-2, {.log = true})
                          .integer("n", 1, 4)
                          .choice("c", {"a", "b", "c"})
                          .flag("f")
                          .build();
  const Config c = canonical_config(R"({"x":2.5,"lr":0.001,"n":2,"c":"c","f":true})");
  const Point point = space.encode(c);
  ASSERT_EQ(point.size(), 5u);
  EXPECT_DOUBLE_EQ(point[0], 0.25);
  EXPECT_NEAR(point[1], 0.5, 1e-12);
  EXPECT_DOUBLE_EQ(point[2], 1.5 / 4);
  EXPECT_EQ(point[3], 2);
  EXPECT_EQ(point[4], 1);
  EXPECT_EQ(space.decode(point), c);
  EXPECT_EQ(space.decode({-1, -1, -1, -1, -1}).shown(), "x=0 lr=0.0001 n=1 c=a f=false");
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(space.decode({inf, 2, 1, 9, inf}).shown(), "x=10 lr=0.01 n=4 c=c f=true");
  EXPECT_THROW(space.decode({0, 0, 0, 0}), Error);
  EXPECT_THROW(space.decode({0, 0, NAN, 0, 0}), Error);
}

TEST(Space, PointsOfInactiveParametersAreIgnored) {
  const Space space = nested();
  const Point point = space.encode(canonical_config(R"({"mixer":"attention"})"));
  EXPECT_TRUE(std::isnan(point[0]) && std::isnan(point[2]));
  EXPECT_EQ(space.decode({0.7, 0, 1}).shown(), "mixer=attention");
  EXPECT_EQ(space.active({NAN, 0, NAN}), (std::vector<bool>{false, true, false}));
  EXPECT_EQ(space.active({0.9, 1, NAN}), (std::vector<bool>{true, true, true}));
  EXPECT_EQ(space.active({0.0, 1, NAN}), (std::vector<bool>{true, true, false}));
  EXPECT_TRUE(space.has_conditions());
}

/// A random space with every kind, scale, step, resolution, lists and conditions.
Space conditional_space(Rng& rng) {
  Space::Builder builder;
  std::vector<std::string> flags;
  const auto when = [&] {
    return flags.empty() || rng.below(3) > 0 ? std::string() : flags[rng.below(flags.size())];
  };
  const std::uint64_t n = 1 + rng.below(12);
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::string name = fmt::format("p{}", i);
    const bool log = rng.below(2) == 0;
    const double scale = std::pow(10.0, rng.uniform(-9, 9));
    switch (rng.below(6)) {
      case 0:
      case 1: {
        const double low = log ? scale : scale * rng.uniform(-1, 1);
        const double high = low + scale * std::pow(10.0, rng.uniform(-3, 5)) * rng.uniform();
        const double resolution = rng.below(2) ? 0.0
                                  : log        ? rng.uniform(0.001, 0.5)
                                               : (high - low) / rng.uniform(1.5, 1000);
        builder.real(name, low, high, {.log = log, .resolution = resolution, .when = when()});
        break;
      }
      case 2: {
        const auto low =
            static_cast<std::int64_t>(log ? 1 + rng.below(1 + rng.below(100000)) : rng.below(100));
        const auto span = static_cast<std::int64_t>(rng.below(2) ? rng.below(20) : rng.below(900000000000));
        const auto step = 1 + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(span / 3 + 1)));
        builder.integer(name, log ? low : low - 50, (log ? low : low - 50) + span,
                        {.log = log, .step = step, .when = when()});
        break;
      }
      case 3:
        builder.choice(name, {"a", 2, 0.25, true}, {.when = when()});
        break;
      case 4:
        builder.list(name, 3, {"x", "y", "none"}, when());
        break;
      default:
        builder.flag(name, when());
        flags.push_back(name);
    }
  }
  return builder.build();
}

TEST(Space, RandomSpacesRoundTrip) {
  Rng rng(11, "spaces");
  for (int s = 0; s < 400; ++s) {
    const Space space = conditional_space(rng);
    for (int i = 0; i < 50; ++i) {
      const Config c = space.sample(rng);
      const Point point = space.encode(c);
      ASSERT_EQ(space.decode(point), c) << space.text() << c.shown();
      ASSERT_EQ(space.canonical(c), c) << space.text() << c.shown();
      const Config back = canonical_config(c.json().dump());
      ASSERT_EQ(back, c) << c.shown();
      ASSERT_EQ(back.key(), c.key());
      const std::vector<bool> active = space.active(point);
      for (std::size_t p = 0; p < space.size(); ++p) {
        ASSERT_EQ(active[p], c.has(space.parameter(p).name));
        ASSERT_EQ(active[p], !std::isnan(point[p]));
        if (!active[p]) continue;
        const Parameter& parameter = space.parameter(p);
        if (parameter.kind == ParameterKind::real || parameter.kind == ParameterKind::integer) {
          ASSERT_GE(point[p], 0.0);
          ASSERT_LE(point[p], 1.0);
          ASSERT_GE(c.real(parameter.name), parameter.low);
          ASSERT_LE(c.real(parameter.name), parameter.high);
        }
      }
      // Any assignment becomes canonical once.
      Point noise = point;
      for (double& x : noise) x = rng.uniform(-0.2, 1.2);
      const Config decoded = space.decode(noise);
      ASSERT_EQ(space.decode(space.encode(decoded)), decoded) << space.text() << decoded.shown();
      ASSERT_EQ(space.canonical(decoded), decoded) << space.text() << decoded.shown();
    }
  }
}

TEST(Space, RealsPrintShortly) {
  const Space space = Space::Builder()
                          .real("a", 0, 1, {.resolution = 0.01})
                          .real("b", 1e-7, 1e7, {.log = true})
                          .real("c", -3, 1000)
                          .real("d", 1e-4, 1, {.log = true, .resolution = 0.05})
                          .build();
  Rng rng(2, "short");
  for (int i = 0; i < 2000; ++i)
    for (const auto& [name, value] : space.sample(rng).entries())
      ASSERT_LE(value_text(value).size(), 12u) << name << " " << value_text(value);
}

TEST(Space, CardinalityCountsConditions) {
  EXPECT_EQ(Space::Builder().integer("n", 1, 4).flag("f").build().cardinality(), 8);
  EXPECT_EQ(Space::Builder().real("x", 0, 1).build().cardinality(), std::nullopt);
  EXPECT_EQ(Space::Builder().real("x", 0, 1, {.resolution = 0.25}).build().cardinality(), 5);
  EXPECT_EQ(Space::Builder().list("b", 4, {1, 2, 3}).build().cardinality(), 81);
  // attention: 1; pattention with tokens 32..100: 69, and above: 924 * 2.
  EXPECT_EQ(nested().cardinality(), 1 + 69 + 924 * 2);
  EXPECT_EQ(Space::Builder().flag("f").real("x", 0, 1, {.when = "f"}).build().cardinality(), std::nullopt);
  EXPECT_EQ(Space().cardinality(), 1);
  // Independent groups are counted apart, however many there are: (1 + 3)^20.
  Space::Builder many;
  for (int i = 0; i < 20; ++i)
    many.flag(fmt::format("f{}", i))
        .choice(fmt::format("c{}", i), {1, 2, 3}, {.when = fmt::format("f{}", i)});
  EXPECT_EQ(many.build().cardinality(), std::int64_t{1} << 40);
  Space::Builder vast;
  for (int i = 0; i < 4; ++i) vast.integer(fmt::format("n{}", i), 0, 999999999);
  EXPECT_EQ(vast.build().cardinality(), std::nullopt);
}

TEST(Space, CardinalityIsTheNumberOfDistinctConfigs) {
  Rng rng(4, "count");
  for (int s = 0; s < 60; ++s) {
    Space::Builder builder;
    const std::uint64_t n = 2 + rng.below(5);
    std::uint64_t total = 1;
    std::vector<std::uint64_t> sizes;
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::uint64_t size = 2 + rng.below(2);
      std::string when;
      if (i > 0 && rng.below(3) > 0) when = fmt::format("p{} {} 1", rng.below(i), rng.below(2) ? "==" : "<");
      if (i > 1 && rng.below(3) == 0) when = fmt::format("p{} == 1 or p{} == 0", rng.below(i), rng.below(i));
      builder.integer(fmt::format("p{}", i), 0, static_cast<std::int64_t>(size) - 1, {.when = when});
      sizes.push_back(size);
      total *= size;
    }
    const Space space = builder.build();
    std::set<Key> distinct;
    for (std::uint64_t number = 0; number < total; ++number) {
      Point point;
      std::uint64_t rest = number;
      for (const std::uint64_t size : sizes) {
        point.push_back((static_cast<double>(rest % size) + 0.5) / static_cast<double>(size));
        rest /= size;
      }
      distinct.insert(space.decode(point).key());
    }
    ASSERT_EQ(space.cardinality(), static_cast<std::int64_t>(distinct.size())) << space.text();
  }
}

TEST(Space, FeasibleHoldsWhereAConstraintHangsOnAnInactiveParameter) {
  const Space space =
      Space::Builder().flag("deep").integer("layers", 1, 8, {.when = "deep"}).where("layers >= 4").build();
  EXPECT_TRUE(space.feasible(canonical_config(R"({"deep":false})")));
  EXPECT_TRUE(space.feasible(canonical_config(R"({"deep":true,"layers":4})")));
  EXPECT_FALSE(space.feasible(canonical_config(R"({"deep":true,"layers":3})")));
}

TEST(Space, ConditionsMayHangOnEachOtherAtAnyLength) {
  // Declared last to first, so that the order must be found.
  Space::Builder builder;
  const int n = 3000;
  for (int i = n; i > 0; --i) builder.flag(fmt::format("f{}", i), fmt::format("f{}", i - 1));
  const Space space = builder.flag("f0").build();
  Point point(space.size(), 1.0);
  EXPECT_EQ(space.decode(point).entries().size(), space.size());
  point.back() = 0.0;
  EXPECT_EQ(space.decode(point).shown(), "f0=false");
}

TEST(Space, BuilderRefusesWhatAStudyCouldNotKeep) {
  const auto says = [](const auto& build) -> std::string {
    try {
      build();
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  };
  const std::string text = says([] { Space::Builder().choice("c", {"b", "\xff"}).build(); });
  EXPECT_NE(text.find("value 1 of the choice 'c' is not UTF-8"), std::string::npos) << text;
  EXPECT_EQ(says([] { Space::Builder().choice("c", {"b", "\xc3\xa9"}).build(); }), "");
  const std::string range = says([] { Space::Builder().integer("n", INT64_MIN, INT64_MAX).build(); });
  EXPECT_NE(range.find("found -9.2233"), std::string::npos) << range;
  EXPECT_NE(range.find(" to 9.2233"), std::string::npos) << range;
}

TEST(Space, CopiesOutliveTheirOrigin) {
  auto space = std::make_unique<Space>(nested());
  const Space copy = *space;
  space.reset();
  Rng rng(1, "copy");
  const Config c = copy.sample(rng);
  EXPECT_EQ(copy.decode(copy.encode(c)), c);
}

TEST(Space, TextAndKeyAreGolden) {
  EXPECT_EQ(nested().text(),
            "tokens: integer 32 to 1024, log, when mixer == 'pattention'\n"
            "mixer: choice 'attention', 'pattention'\n"
            "shared: flag, when tokens > 100\n");
  EXPECT_EQ(nested().key(), hash_key(nested().text()));
  EXPECT_EQ(nested().key().hex(), "fc201ede9fceae125c41eafe1940cdf2");
  EXPECT_EQ(Space().size(), 0u);
  EXPECT_EQ(Space().text(), "");
}

TEST(Scale, NarrowRangesFarFromZeroAndWideOnesKeepTheirValues) {
  const auto distinct = [](double low, double high, bool log) {
    const Space space = Space::Builder().real("x", low, high, {.log = log}).build();
    Rng rng(1, "draws");
    std::set<double> values;
    for (int i = 0; i < 50; ++i) values.insert(space.sample(rng).real("x"));
    return values;
  };
  EXPECT_GT(distinct(1e15, 1e15 + 10, false).size(), 8u);
  EXPECT_GT(distinct(1.0, 1.0 + 1e-12, false).size(), 40u);
  const auto wide = distinct(1e-160, 1e160, true);
  EXPECT_GT(wide.size(), 40u);
  EXPECT_LT(*wide.begin(), 1e-100);
  EXPECT_GT(*wide.rbegin(), 1e100);
}

}  // namespace
}  // namespace hone::space
