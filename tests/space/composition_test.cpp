#include "hone/space/composition.h"

#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace hone::space {
namespace {

Space read_table(const std::string& body) {
  return Space::from_document(Node::parse_toml("[space]\n" + body, "study.toml")["space"]);
}

std::string shown(const std::vector<Module>& modules) {
  std::string text;
  for (const Module& module : modules) {
    text += text.empty() ? "" : " ";
    text += module.name;
    if (!module.parameters.entries().empty()) text += "[" + module.parameters.shown() + "]";
    for (const auto& [name, body] : module.bodies) text += fmt::format("({}: {})", name, shown(body));
  }
  return text;
}

const char* kNet = R"(
[space.net]
sequence = [
  "stem",
  { repeat = { use = "block" }, times = [1, 3] },
  { optional = { module = "dropout", rate = { real = [0.0, 0.5], resolution = 0.1 } } },
  { one_of = [ "pool", { module = "flatten", order = ["c", "f"] } ] },
]
[space.define.block]
one_of = { plain = { use = "conv" }, residual = { module = "residual", body = { sequence = [ { use = "conv" }, "relu" ] } } }
[space.define.conv]
module = "conv"
filters = { ordinal = [16, 32, 64] }
kernel = [3, 5]
where = "filters * kernel < 300"
)";

TEST(Composition, CompilesToFlatParameters) {
  EXPECT_EQ(read_table(kNet).text(),
            "net.1.times: integer 1 to 3\n"
            "net.1.0: choice 'plain', 'residual'\n"
            "net.1.0.plain.filters: ordinal 16, 32, 64, when net.1.0 == 'plain'\n"
            "net.1.0.plain.kernel: choice 3, 5, when net.1.0 == 'plain'\n"
            "net.1.0.residual.body.0.filters: ordinal 16, 32, 64, when net.1.0 == 'residual'\n"
            "net.1.0.residual.body.0.kernel: choice 3, 5, when net.1.0 == 'residual'\n"
            "net.1.1: choice 'plain', 'residual', when net.1.times > 1\n"
            "net.1.1.plain.filters: ordinal 16, 32, 64, when net.1.1 == 'plain'\n"
            "net.1.1.plain.kernel: choice 3, 5, when net.1.1 == 'plain'\n"
            "net.1.1.residual.body.0.filters: ordinal 16, 32, 64, when net.1.1 == 'residual'\n"
            "net.1.1.residual.body.0.kernel: choice 3, 5, when net.1.1 == 'residual'\n"
            "net.1.2: choice 'plain', 'residual', when net.1.times > 2\n"
            "net.1.2.plain.filters: ordinal 16, 32, 64, when net.1.2 == 'plain'\n"
            "net.1.2.plain.kernel: choice 3, 5, when net.1.2 == 'plain'\n"
            "net.1.2.residual.body.0.filters: ordinal 16, 32, 64, when net.1.2 == 'residual'\n"
            "net.1.2.residual.body.0.kernel: choice 3, 5, when net.1.2 == 'residual'\n"
            "net.2.used: flag\n"
            "net.2.body.rate: real 0 to 0.5, resolution 0.1, when net.2.used\n"
            "net.3: choice 'pool', 'flatten'\n"
            "net.3.flatten.order: choice 'c', 'f', when net.3 == 'flatten'\n"
            "where net.1.0.plain.filters * net.1.0.plain.kernel < 300\n"
            "where net.1.0.residual.body.0.filters * net.1.0.residual.body.0.kernel < 300\n"
            "where net.1.1.plain.filters * net.1.1.plain.kernel < 300\n"
            "where net.1.1.residual.body.0.filters * net.1.1.residual.body.0.kernel < 300\n"
            "where net.1.2.plain.filters * net.1.2.plain.kernel < 300\n"
            "where net.1.2.residual.body.0.filters * net.1.2.residual.body.0.kernel < 300\n"
            "modules net: sequence(stem, repeat(one_of(plain: conv, residual: residual(body: sequence(conv, "
            "relu))), 1 to 3), optional(dropout), one_of(pool: pool, flatten: flatten))\n");
}

TEST(Composition, TheBuilderGivesTheSame) {
  const Composition conv = module("conv", Space::Builder()
                                              .ordinal("filters", {16, 32, 64})
                                              .choice("kernel", {3, 5})
                                              .where("filters * kernel < 300"));
  const Composition block = one_of(
      {{"plain", conv}, {"residual", module("residual", {}, {{"body", sequence({conv, module("relu")})}})}});
  const Composition net =
      sequence({module("stem"), repeat(block, 1, 3),
                optional(module("dropout", Space::Builder().real("rate", 0, 0.5, {.resolution = 0.1}))),
                one_of({{"pool", module("pool")},
                        {"flatten", module("flatten", Space::Builder().choice("order", {"c", "f"}))}})});
  const Space built = Space::Builder().compose("net", net).build();
  EXPECT_EQ(built.text(), read_table(kNet).text());
  EXPECT_EQ(built.compositions(), std::vector<std::string>{"net"});
}

TEST(Composition, ResolvesToModulesInOrder) {
  const Space space = read_table(kNet);
  const auto resolved = [&](const std::string& json) {
    return shown(modules(space, space.canonical(Config::from_json(parse_json(json, "it"))), "net"));
  };
  EXPECT_EQ(
      resolved(R"({"net.1.times":1,"net.1.0":"plain","net.1.0.plain.filters":32,"net.1.0.plain.kernel":5,
                         "net.2.used":false,"net.3":"pool"})"),
      "stem conv[filters=32 kernel=5] pool");
  EXPECT_EQ(
      resolved(R"({"net.1.times":2,"net.1.0":"plain","net.1.0.plain.filters":16,"net.1.0.plain.kernel":3,
                         "net.1.1":"residual","net.1.1.residual.body.0.filters":64,
                         "net.1.1.residual.body.0.kernel":3,"net.2.used":true,"net.2.body.rate":0.2,
                         "net.3":"flatten","net.3.flatten.order":"f"})"),
      "stem conv[filters=16 kernel=3] residual(body: conv[filters=64 kernel=3] relu) dropout[rate=0.2] "
      "flatten[order=f]");
  try {
    modules(space, Config(), "nett");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "the space has no composition 'nett'; did you mean 'net'? allowed: net");
  }
  EXPECT_THROW(modules(space, Config(), "net"), Error);
}

TEST(Composition, EveryDrawResolves) {
  const Space space = read_table(kNet);
  Rng rng(3, "modules");
  std::set<std::string> structures;
  for (int i = 0; i < 500; ++i) {
    const Config config = space.sample(rng);
    const std::vector<Module> found = modules(space, config, "net");
    std::size_t parameters = 0;
    std::vector<const Module*> open;
    for (const Module& module : found) open.push_back(&module);
    while (!open.empty()) {
      const Module& module = *open.back();
      open.pop_back();
      parameters += module.parameters.entries().size();
      for (const auto& [name, value] : module.parameters.entries())
        EXPECT_EQ(config.at(module.path + "." + name), value);
      for (const auto& [name, body] : module.bodies)
        for (const Module& inner : body) open.push_back(&inner);
    }
    // What is no module's parameter is a decision: times, used, and a choice a block and at the end.
    const auto decisions = 3 + static_cast<std::size_t>(config.integer("net.1.times"));
    EXPECT_EQ(parameters + decisions, config.entries().size());
    structures.insert(shown(found));
  }
  EXPECT_GT(structures.size(), 100u);
}

TEST(Composition, TiedRepeatsShareTheirParameters) {
  const Space space = read_table(R"(
net = { repeat = { module = "layer", width = { int = [1, 9] } }, times = [0, 3], tied = true }
)");
  EXPECT_EQ(space.text(),
            "net.times: integer 0 to 3\n"
            "net.body.width: integer 1 to 9, when net.times > 0\n"
            "modules net: repeat(layer, 0 to 3, tied)\n");
  EXPECT_EQ(shown(modules(
                space, Config({{"net.times", std::int64_t{2}}, {"net.body.width", std::int64_t{7}}}), "net")),
            "layer[width=7] layer[width=7]");
  EXPECT_EQ(modules(space, Config({{"net.times", std::int64_t{0}}}), "net").size(), 0u);
}

TEST(Composition, StandsInGroupsAndUnderConditions) {
  const Space space = read_table(R"(
deep = "flag"
[space.model]
when = "deep"
width = { int = [1, 9] }
net = { sequence = [ { module = "layer", scale = { same_as = "width" } }, { one_of = ["a", "b"] } ], when = "width > 3" }
)");
  EXPECT_EQ(space.text(),
            "deep: flag\n"
            "model.width: integer 1 to 9, when deep\n"
            "model.net.0.scale: same as model.width, when (deep) and (model.width > 3)\n"
            "model.net.1: choice 'a', 'b', when (deep) and (model.width > 3)\n"
            "modules model.net: sequence(layer, one_of(a: a, b: b))\n");
  const Config config = space.canonical(
      Config::from_json(parse_json(R"({"deep":true,"model.width":5,"model.net.1":"b"})", "it")));
  EXPECT_EQ(config.shown(), "deep=true model.width=5 model.net.0.scale=5 model.net.1=b");
  EXPECT_EQ(shown(modules(space, config, "model.net")), "layer[scale=5] b");
}

TEST(Composition, ErrorsSayWhereAndWhat) {
  const auto error = [](const std::string& body) -> std::string {
    try {
      read_table(body);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  const std::string kHowTo =
      "a module is \"relu\" or { module = \"conv\", ... }; put together with { sequence = [...] }, { "
      "optional = ... "
      "}, { repeat = ..., times = [1, 4] }, { one_of = [...] }";
  EXPECT_EQ(error("net = { sequence = [3] }"),
            "study.toml:2: space.net.sequence[0]: expected a module, found 3 (an integer); " + kHowTo);
  EXPECT_EQ(error("net = { sequence = [{ modul = 'conv' }] }"),
            "study.toml:2: space.net.sequence[0]: '{\"modul\":\"conv\"}' is no module; " + kHowTo);
  EXPECT_EQ(error("net = { repeat = 'a', times = [3, 1] }"),
            "study.toml:2: space.net.times: a repeat goes from 0 or more up to 1000, found 3 to 1");
  EXPECT_EQ(error("net = { repeat = 'a' }"), "study.toml:2: space.net: 'times' is missing");
  EXPECT_EQ(error("net = { sequence = ['a'], tmies = 3 }"),
            "study.toml:2: space.net.tmies: unknown key 'tmies'; allowed: sequence, when");
  EXPECT_EQ(error("net = { sequence = [{ use = 'blok' }] }\ndefine = { block = { module = 'a' } }"),
            "study.toml:2: space.net.sequence[0].use: there is no definition 'blok'; did you mean 'block'? "
            "allowed: "
            "block");
  EXPECT_EQ(error("net = { use = 'a' }\ndefine = { a = { sequence = [{ use = 'b' }] }, b = { optional = { "
                  "use = 'a' } "
                  "} }"),
            "study.toml:3: space.define.b.optional.use: the definitions go round in a circle: a -> b -> a; "
            "leave out "
            "one of them");
  EXPECT_EQ(error("net = { one_of = ['a', { sequence = ['b', 'c'] }] }"),
            "study.toml:2: space.net.one_of[1]: this alternative has no name; name the alternatives: { "
            "one_of = { deep "
            "= ..., wide = ... } }");
  EXPECT_EQ(
      error("net = { repeat = { repeat = { repeat = 'a', times = 500 }, times = 500 }, times = 500 }"),
      "study.toml:2: space.net: 'net' has more than 100000 modules; repeats in repeats multiply: make them "
      "shorter");
}

}  // namespace
}  // namespace hone::space
