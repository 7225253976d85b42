#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/space/composition.h"
#include "hone/space/space.h"

namespace hone::space {
namespace {

Space read(const std::string& body) {
  return Space::from_document(Node::parse_toml("[space]\n" + body, "study.toml")["space"]);
}
Config config(const std::string& json) { return Config::from_json(parse_json(json, "it")); }

std::string shown(const std::optional<Config>& config) { return config ? config->shown() : "none"; }

TEST(Defaults, MakeAConfig) {
  EXPECT_EQ(shown(read("n = { int = [1, 9] }").default_config()), "none");
  const Space space = read(R"(
width = { int = [32, 128], step = 32, default = 96 }
depth = { int = [1, 9] }
size  = { ordinal = ["small", "medium", "large"] }
mixer = { choice = ["a", "b"], default = "b" }
rate  = { real = [0.01, 1.0], log = true }
tied  = { flag = true }
extra = { int = [1, 5], when = "mixer == 'a'", default = 2 }
ffn   = { same_as = "width" }
)");
  EXPECT_EQ(shown(space.default_config()), "width=96 depth=5 size=medium mixer=b rate=0.1 tied=false ffn=96");
  // What the middle violates, solving puts right, with the defaults as they are.
  EXPECT_EQ(shown(read("a = { int = [1, 1000000], default = 12345 }\nb = { int = [1, 1000000] }\n"
                       "c = { int = [1, 9] }\nwhere = 'a * b == 12345 * 77'")
                      .default_config()),
            "a=12345 b=77 c=5");
}

TEST(Defaults, AreCheckedWithTheirPlace) {
  const auto error = [](const std::string& body) -> std::string {
    try {
      read(body);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(error("n = { int = [1, 9], default = 12 }"),
            "study.toml:2: space.n.default: the default 12 is out of its range; it is integer 1 to 9");
  EXPECT_EQ(
      error("n = { int = [32, 128], step = 32, default = 48 }"),
      "study.toml:2: space.n.default: the default 48 is not on its grid; it is integer 32 to 128, step 32");
  EXPECT_EQ(
      error("m = { choice = ['attention', 'none'], default = 'atention' }"),
      "study.toml:2: space.m.default: the default: expected one of its choices, found 'atention'; did you "
      "mean 'attention'? allowed: attention, none");
  EXPECT_EQ(error("x = { real = [0, 1], resolution = 0.25, default = 0.3 }"),
            "study.toml:2: space.x.default: the default 0.3 is not on its grid; it is real 0 to 1, "
            "resolution 0.25");
  EXPECT_EQ(error("x = { real = [0, 1], default = 'a' }"),
            "study.toml:2: space.x.default: the default: expected a number, found 'a'; it is real 0 to 1");
  EXPECT_EQ(
      error("a = { int = [1, 9], default = 3 }\nb = { int = [1, 9], default = 4 }\nwhere = 'a >= b'"),
      "study.toml:2: space.a: no config has all the defaults: 'a >= b' does not hold beside them; change a "
      "default");
}

TEST(Adopt, KeepsWhatFits) {
  const Space old = read("mixer = ['a', 'b']\nwidth = { int = [32, 128], step = 32 }");
  const Space wider = read(R"(
mixer = ["b", "a", "c"]
width = { int = [16, 256], step = 16 }
rate  = { real = [0.0, 1.0], default = 0.25 }
only  = [7]
tokens = { int = [1, 9], when = "mixer == 'c'" }
twice = { same_as = "width" }
)");
  Rng rng(1, "old");
  for (int i = 0; i < 50; ++i) {
    const Config was = old.sample(rng);
    const auto is = wider.adopt(was);
    ASSERT_TRUE(is);
    EXPECT_EQ(is->shown(), fmt::format("mixer={} width={} rate=0.25 only=7 twice={}", was.text("mixer"),
                                       was.integer("width"), was.integer("width")));
    EXPECT_EQ(wider.adopt(*is), is);
    EXPECT_EQ(old.adopt(was), was);
  }
  EXPECT_EQ(shown(wider.adopt(config(R"({"mixer":"c","width":64})"))), "none");  // tokens has no default
  EXPECT_EQ(shown(wider.adopt(config(R"({"mixer":"a","width":60})"))), "none");  // off the grid
  EXPECT_EQ(shown(wider.adopt(config(R"({"mixer":"d","width":64})"))), "none");  // no choice
  EXPECT_EQ(shown(wider.adopt(config(R"({"mixer":"a","width":64,"x":1})"))), "none");  // unknown
  EXPECT_EQ(shown(wider.adopt(config(R"({"mixer":"a","width":64,"tokens":3})"))),
            "mixer=a width=64 rate=0.25 only=7 twice=64");  // inactive: dropped
  EXPECT_EQ(shown(read("n = { int = [1, 9] }\nwhere = 'n > 3'").adopt(config(R"({"n":2})"))), "none");
}

std::string compared(const std::string& older, const std::string& newer) {
  const Extension found = extension(read(older), read(newer));
  std::string text;
  for (const std::string& change : found.changes) text += change + "; ";
  EXPECT_EQ(found.compatible, found.obstacle.empty());
  return text + (found.compatible ? "compatible" : "obstacle " + found.obstacle);
}

TEST(Extension, SaysWhatChanged) {
  const std::string n = "n = { int = [32, 128], step = 32 }";
  EXPECT_EQ(compared(n, n), "compatible");
  EXPECT_EQ(compared(n, "n = { int = [32, 256], step = 32 }"), "n: high 128 -> 256; compatible");
  EXPECT_EQ(compared(n, "n = { int = [16, 128], step = 16 }"),
            "n: low 32 -> 16; n: step 32 -> 16; compatible");
  EXPECT_EQ(compared(n, "n = { int = [32, 128], step = 48 }"),
            "n: step 32 -> 48; obstacle n: it no longer has the value 64");
  EXPECT_EQ(compared(n, "n = { ordinal = [32, 64, 96, 128] }"), "n: integer -> ordinal; compatible");
  EXPECT_EQ(compared("lr = { real = [1e-4, 1], log = true }", "lr = { real = [1e-3, 1], log = true }"),
            "lr: low 0.0001 -> 0.001; obstacle lr: its low end rose from 0.0001 to 0.001");
  EXPECT_EQ(compared("lr = { real = [1e-4, 1], log = true }", "lr = { real = [1e-5, 1] }"),
            "lr: low 0.0001 -> 1e-05; lr: now on a linear scale; compatible");
  EXPECT_EQ(compared("m = ['a', 'b']", "m = ['b', 'c', 'a']"), "m: added 'c'; compatible");
  EXPECT_EQ(compared("m = ['a', 'b']", "m = ['b', 'c']"),
            "m: added 'c'; m: removed 'a'; obstacle m: it no longer has the value 'a'");
  EXPECT_EQ(compared("m = ['a', 'b']\n" + n, "m = ['a', 'b']"), "n: removed; obstacle n: it was removed");
  EXPECT_EQ(compared(n, n + "\nx = { int = [1, 9], default = 3 }"),
            "x: new, integer 1 to 9, default 3; compatible");
  EXPECT_EQ(compared(n, n + "\nx = { int = [1, 9] }"),
            "x: new, integer 1 to 9; obstacle x: it is new and has no default");
  // An end may have more digits than values do.
  EXPECT_EQ(compared("x = { real = [0, 0.87654321] }", "x = { real = [0, 0.97654321] }"),
            "x: high 0.87654321 -> 0.97654321; compatible");
  EXPECT_EQ(compared("x = { real = [1000000, 1000001] }", "x = { real = [0, 2000000] }"),
            "x: low 1000000 -> 0; x: high 1000001 -> 2000000; obstacle x: it no longer has the value "
            "1000001");
  EXPECT_EQ(compared("x = { real = [100000, 100001] }", "x = { real = [0, 200000] }"),
            "x: low 100000 -> 0; x: high 100001 -> 200000; compatible");
  EXPECT_EQ(compared("x = { real = [1e-4, 1e-1], log = true }", "x = { real = [1e-4, 1], log = true }"),
            "x: high 0.1 -> 1; compatible");
}

TEST(Extension, KnowsWhatOldConfigsCannotReach) {
  // A new parameter behind a new choice, and a constraint on it, touch no older config.
  EXPECT_EQ(compared("m = ['a', 'b']",
                     "m = ['a', 'b', 'c']\nk = { int = [1, 9], when = \"m == 'c'\" }\n"
                     "where = \"m != 'c' or k > 3\""),
            "m: added 'c'; k: new, integer 1 to 9; where m != 'c' or k > 3: new; compatible");
  // Looser and provably redundant constraints.
  EXPECT_EQ(compared("n = { int = [1, 9] }\nwhere = 'n < 5'", "n = { int = [1, 9] }\nwhere = 'n < 7'"),
            "where n < 5: removed; where n < 7: new; compatible");
  EXPECT_EQ(compared("n = { int = [1, 9] }", "n = { int = [1, 12] }\nwhere = 'n != 10'"),
            "n: high 9 -> 12; where n != 10: new; compatible");
  EXPECT_EQ(compared("n = { int = [1, 9] }", "n = { int = [1, 9] }\nwhere = 'n != 4'"),
            "where n != 4: new; obstacle where n != 4: it is new and excludes n=4");
  EXPECT_EQ(compared("n = [3]\nf = 'flag'", "n = { choice = [3], when = 'f' }\nf = 'flag'"),
            "n: condition none -> f; obstacle n: it is no longer active in n=3 f=false");
  EXPECT_EQ(compared("n = [3]\nf = 'flag'\nx = { real = [0, 1] }",
                     "n = { choice = [3], when = 'f' }\nf = 'flag'\nx = { real = [0, 1] }"),
            "n: condition none -> f; obstacle n: its condition changed, and may leave it out");
  EXPECT_EQ(compared("n = { int = [1, 9], when = 'f' }\nf = 'flag'",
                     "n = { int = [1, 9], default = 2 }\nf = 'flag'"),
            "n: default none -> 2; n: condition f -> none; compatible");
  EXPECT_EQ(compared("x = { real = [0, 1] }", "x = { real = [0, 2] }\nwhere = 'x < 1.5'"),
            "x: high 1 -> 2; where x < 1.5: new; compatible");
  EXPECT_EQ(compared("x = { real = [0, 1] }", "x = { real = [0, 1] }\nwhere = 'x < 0.5'"),
            "where x < 0.5: new; obstacle where x < 0.5: it is new and may exclude what was tried");
}

TEST(Extension, ComparesModules) {
  const std::string old = "net = { repeat = { one_of = ['a', 'b'] }, times = [1, 2] }";
  EXPECT_EQ(
      extension(read(old), read("net = { repeat = { one_of = ['a', 'b', 'c'] }, times = [1, 4] }")).obstacle,
      "");
  EXPECT_EQ(extension(read(old),
                      read("net = { repeat = { one_of = ['a', { module = 'b', n = { int = [1, 3], default = "
                           "2 } }] }, times = [1, 2] }"))
                .obstacle,
            "");
  EXPECT_EQ(extension(read(old), read("net = { repeat = { one_of = { a = 'a', b = 'x' } }, times = [1, 2] }"))
                .obstacle,
            "'net.0.b' was b and is x");
}

/// Whatever the comparison calls compatible is, on every config that the older space draws.
TEST(Extension, CompatibleMeansThatEveryConfigIsAdopted) {
  Rng rng(5, "extensions");
  int compatible = 0;
  for (int s = 0; s < 400; ++s) {
    const auto space = [&](bool newer) {
      Space::Builder builder;
      const auto low = static_cast<std::int64_t>(rng.below(3));
      builder.integer("n", low, low + 2 + static_cast<std::int64_t>(rng.below(4)));
      std::vector<Value> values = {"a", "b"};
      if (rng.below(2)) values.emplace_back("c");
      builder.choice("m", values);
      const std::string when = rng.below(2) ? "m == 'a'" : rng.below(2) ? "n > 1" : "";
      if (rng.below(2) || newer)
        builder.integer(
            "k", 0, 3,
            {.when = when, .fallback = rng.below(2) ? std::optional<std::int64_t>(1) : std::nullopt});
      if (rng.below(3) == 0) builder.where(fmt::format("n != {}", low + 2));
      return builder.build();
    };
    std::optional<Space> older, newer;
    try {
      older = space(false);
      newer = space(true);
    } catch (const Error&) {
      continue;  // a default that a constraint excludes
    }
    const Extension found = extension(*older, *newer);
    compatible += found.compatible ? 1 : 0;
    bool all = true;
    Rng draws(6, "draws", static_cast<std::uint64_t>(s));
    older->unseen(draws, [&](const Config& old) {
      const auto adopted = newer->adopt(old);
      bool kept = adopted.has_value();
      for (const auto& [name, value] : old.entries())
        kept = kept && adopted->has(name) && adopted->at(name) == value;
      all = all && kept;
      return true;
    });
    ASSERT_EQ(found.compatible, all) << older->text() << "---\n" << newer->text() << found.obstacle;
  }
  EXPECT_GT(compatible, 20);
}

}  // namespace
}  // namespace hone::space
