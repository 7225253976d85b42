#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hone/space/composition.h"

namespace hone::space {
namespace {

Space read_body(const std::string& body) {
  return Space::from_document(Node::parse_toml("[space]\n" + body, "study.toml")["space"]);
}

std::string body_error(const std::string& body) {
  try {
    read_body(body);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(SpaceReader, ReadsEveryForm) {
  const Space space = read_body(R"(
mixer  = ["attention", "pattention"]
layers = { int = [1, 4] }
width  = { int = [32, 128], step = 32 }
heads  = { choice = [1, 2, 4, 8] }
lr     = { real = [1e-4, 3e-2], log = true, resolution = 0.05 }
tied   = { flag = true }
bias   = "flag"
tokens = { int = [32, 1024], log = true, when = "mixer=='pattention'" }
block  = { list = 2, choice = ["attention", "none"], when = "tied" }
where  = ["width % heads == 0", "count(block,\"none\") < 2"]
)");
  EXPECT_EQ(space.text(),
            "mixer: choice 'attention', 'pattention'\n"
            "layers: integer 1 to 4\n"
            "width: integer 32 to 128, step 32\n"
            "heads: choice 1, 2, 4, 8\n"
            "lr: real 0.0001 to 0.03, resolution 0.05, log\n"
            "tied: flag\n"
            "bias: flag\n"
            "tokens: integer 32 to 1024, log, when mixer == 'pattention'\n"
            "block.0: choice 'attention', 'none', when tied\n"
            "block.1: choice 'attention', 'none', when tied\n"
            "where width % heads == 0\n"
            "where count(block, 'none') < 2\n");
  EXPECT_EQ(space.names().size(), 9u);
  EXPECT_EQ(space.names().back(), "block");
  EXPECT_EQ(space.parameter(*space.index("tokens")).place, (Place{"study.toml", 10, "space.tokens"}));
  EXPECT_EQ(space.parameter(9).list, "block");

  const Space built = Space::Builder()
                          .choice("mixer", {"attention", "pattention"})
                          .integer("layers", 1, 4)
                          .integer("width", 32, 128, {.step = 32})
                          .choice("heads", {1, 2, 4, 8})
                          .real("lr", 1e-4, 3e-2, {.log = true, .resolution = 0.05})
                          .flag("tied")
                          .flag("bias")
                          .integer("tokens", 32, 1024, {.log = true, .when = "mixer == 'pattention'"})
                          .list("block", 2, {"attention", "none"}, "tied")
                          .where("width % heads == 0")
                          .where("count(block, 'none') < 2")
                          .build();
  EXPECT_EQ(built.text(), space.text());
  EXPECT_EQ(built.key(), space.key());
  Rng a(1, "sample"), b(1, "sample");
  for (int i = 0; i < 50; ++i) EXPECT_EQ(built.sample(a), space.sample(b));
}

TEST(SpaceReader, PutsHighOnTheGridAndRemarksIt) {
  const Space space = read_body("width = { int = [32, 100], step = 32 }");
  EXPECT_EQ(space.parameter(0).high, 96);
  EXPECT_EQ(space.parameter(0).remark, "the last value is 96: 100 is not on the grid 32 + i * 32");
  EXPECT_EQ(space.parameter(0).cardinality(), 3);
  EXPECT_EQ(read_body("width = { int = [32, 96], step = 32 }").parameter(0).remark, "");
}

TEST(SpaceReader, OneValueIsAConstant) {
  const Space space = read_body("a = [7]\nb = { int = [3, 3] }\nc = { real = [0.5, 0.5] }");
  Rng rng(1, "sample");
  EXPECT_EQ(space.sample(rng).shown(), "a=7 b=3 c=0.5");
  EXPECT_EQ(space.decode(space.encode(space.sample(rng))).shown(), "a=7 b=3 c=0.5");
  EXPECT_EQ(space.cardinality(), 1);
}

TEST(SpaceReader, ErrorsSayWhereWhatAndWhatIsAllowed) {
  const std::string kHowTo =
      "write { real = [low, high] }, { int = [low, high] }, { choice = [a, b] } or { flag = true }";
  const std::vector<std::pair<std::string, std::string>> table = {
      {"a = [1, 2]\nwidth = { int = [32, 128], stpe = 32 }",
       "study.toml:3: space.width.stpe: unknown key 'stpe'; did you mean 'step'? allowed: int, log, step, "
       "when, "
       "list, default"},
      {"lr = { real = [0, 1], step = 2 }",
       "study.toml:2: space.lr.step: unknown key 'step'; reals take 'resolution', a step, or a ratio where "
       "log = true; allowed: real, log, resolution, when, list, default"},
      {"n = { int = [0, 8], resolution = 2 }",
       "study.toml:2: space.n.resolution: unknown key 'resolution'; integers take 'step'; allowed: int, log, "
       "step, when, list, default"},
      {"n = { integer = [1, 2] }",
       "study.toml:2: space.n.integer: unknown key 'integer'; did you mean 'int'?"},
      {"n = { chioce = [1, 2] }",
       "study.toml:2: space.n.chioce: unknown key 'chioce'; did you mean 'choice'?"},
      {"n = { log = true }", "study.toml:2: space.n: '{\"log\":true}' does not say what it is; " + kHowTo},
      {"n = { int = [1, 2], real = [1, 2] }",
       "study.toml:2: space.n.int: 'real' and 'int' exclude each other; " + kHowTo},
      {"n = 3", "study.toml:2: space.n: expected a parameter, found 3 (an integer); " + kHowTo +
                    "; a fixed value is a choice of one: [3]"},
      {"n = { int = 3 }",
       "study.toml:2: space.n.int: expected a range [low, high], found 3 (an integer); for "
       "single values write { choice = [...] }"},
      {"n = { int = [1, 2, 3] }",
       "study.toml:2: space.n.int: expected a range [low, high], found [1,2,3] (a "
       "list); for single values write { choice = [...] }"},
      {"n = { int = [1, 2.5] }", "study.toml:2: space.n.int[1]: expected an integer, found 2.5 (a number)"},
      {"n = { int = [4, 1] }", "study.toml:2: space.n: low 4 is above high 1; write [1, 4]"},
      {"n = { real = [0, inf] }",
       "study.toml:2: space.n: the range 0 to inf is not finite; give two numbers"},
      {"n = { real = [0, 1], log = true }",
       "study.toml:2: space.n: a log scale needs low above 0, found 0; raise low, or leave out log"},
      {"n = { int = [-1, 4], log = true }",
       "study.toml:2: space.n: a log scale needs low above 0, found -1; raise low, or leave out log"},
      {"n = { int = [1, 4], log = 1 }",
       "study.toml:2: space.n.log: expected true or false, found 1 (an integer)"},
      {"n = { int = [32, 128], step = 200 }",
       "study.toml:2: space.n: step 200 leaves only the value 32: 32 + 200 is next; a step is at most high - "
       "low, 96"},
      {"n = { int = [32, 128], step = 0 }", "study.toml:2: space.n: step must be at least 1, found 0"},
      {"n = { int = [0, 10000000000000] }",
       "study.toml:2: space.n: integers are searched up to 1e12 in size, found 0 to 10000000000000; use "
       "real, or "
       "count in a larger unit"},
      {"n = { real = [0, 1], resolution = 0 }",
       "study.toml:2: space.n.resolution: expected a number above 0, found 0 (an integer)"},
      {"n = { real = [0, 1], resolution = 2 }",
       "study.toml:2: space.n: resolution 2 is wider than the range, 1"},
      {"n = { real = [1, 2], log = true, resolution = 1e-9 }",
       "study.toml:2: space.n: resolution 1e-09 is too fine; on a log scale it is a ratio of 0.0001 or more: "
       "0.05 is 5%"},
      {"n = []", "study.toml:2: space.n: a choice needs at least one value, found an empty list"},
      {"n = [1, 2, 1.0]", "study.toml:2: space.n: the choice 1 stands there twice"},
      {"n = [9007199254740992, 9007199254740993]",
       "study.toml:2: space.n: 9007199254740992 and 9007199254740993 cannot be told apart; whole numbers are "
       "up to 2^53 only; write them as texts, in quotes"},
      {"n = ['a', 'b', 'a']", "study.toml:2: space.n: the choice 'a' stands there twice"},
      {"n = [[1], 2]", "study.toml:2: space.n[0]: expected a number, a flag or text, found [1] (a list)"},
      {"n = { flag = false }",
       "study.toml:2: space.n.flag: expected true, found false (a flag); for a fixed value write [false]"},
      {"n = { list = 0, choice = [1, 2] }", "study.toml:2: space.n: a list has 1 to 1000 entries, found 0"},
      {"learning-rate = { real = [0, 1] }",
       "study.toml:2: space.learning-rate: 'learning-rate' cannot be a parameter's name; letters, digits and "
       "_, "
       "not a digit first, no word of expressions (and, or, not, in, true, false, where); write "
       "'learning_rate'"},
      {"\"\u0448\u0438\u0440\u0438\u043d\u0430\" = [1, 2]",
       "study.toml:2: space.\u0448\u0438\u0440\u0438\u043d\u0430: '\u0448\u0438\u0440\u0438\u043d\u0430' "
       "cannot be "
       "a parameter's name; letters from a to z and A to Z, digits and _, not a digit first, no word of "
       "expressions (and, or, not, in, true, false, where); for example 'width'"},
      {"\"--\" = [1, 2]",
       "study.toml:2: space.--: '--' cannot be a parameter's name; letters, digits and _, not a digit first, "
       "no word of expressions (and, or, not, in, true, false, where); for example 'width'"},
      {"and = [1, 2]",
       "study.toml:2: space.and: 'and' cannot be a parameter's name; letters, digits and _, not a "
       "digit first, no word of expressions (and, or, not, in, true, false, where)"},
      {"",
       "study.toml:1: space: the space has no parameters; add one: lr = { real = [1e-4, 1e-1], log = true }"},
      // Expressions.
      {"width = [1, 2]\nwhere = 'widht > 1'",
       "study.toml:3: space.where: column 1 of \"widht > 1\": unknown name 'widht'; did you mean 'width'? "
       "allowed: "
       "width"},
      {"m = ['attention', 'none']\nwhere = [\n  'm != \"none\"',\n  'm == attention']",
       "study.toml:5: space.where[1]: column 6 of \"m == attention\": unknown name 'attention'; text stands "
       "in "
       "quotes: 'attention'"},
      {"m = ['attention', 'none']\nn = { int = [1, 2], when = \"m == 'atention'\" }",
       "study.toml:3: space.n.when: in \"m == 'atention'\": 'm' is never 'atention'; did you mean "
       "'attention'? "
       "allowed: attention, none"},
      {"m = [1, 2]\nwhere = \"m == '1'\"",
       "study.toml:3: space.where: in \"m == '1'\": 'm' is never '1'; its values are 1, 2"},
      {"b = { list = 2, choice = ['x', 'y'] }\nwhere = \"'z' in b\"",
       "study.toml:3: space.where: in \"'z' in b\": 'b' is never 'z'; allowed: x, y"},
      {"n = { int = [32, 128], step = 32 }\nwhere = 'n != 48'",
       "study.toml:3: space.where: in \"n != 48\": 'n' is never 48, which is not on its grid; it is integer "
       "32 to "
       "128, step 32"},
      {"n = { int = [1, 4] }\nwhere = 'n in [1, 7]'",
       "study.toml:3: space.where: in \"n in [1, 7]\": 'n' is never 7, which is out of its range; it is "
       "integer 1 "
       "to 4"},
      {"t = 'flag'\nwhere = 't == 1'",
       "study.toml:3: space.where: in \"t == 1\": 't' is never 1; it is a flag: true or false"},
      {"n = { int = [1, 4] }\nwhere = 'n'",
       "study.toml:3: space.where: column 1 of \"n\": expected a truth value, found 'n', a number; compare "
       "it with "
       "something: ==, <, in"},
      {"m = ['a', 'b']\nwhere = 'm + 1 > 2'",
       "study.toml:3: space.where: column 1 of \"m + 1 > 2\": expected a number, found 'm', text"},
      {"b = { list = 2, choice = ['x', 'y'] }\nn = { int = [1, 2], when = \"b == 'x'\" }",
       "study.toml:3: space.n.when: column 1 of \"b == 'x'\": expected a truth value or a number or text, "
       "found "
       "'b', a list; name one entry (b.0), or write count(b, value) or value in b"},
      {"n = { int = [1, 2], when = 'n > 1' }",
       "study.toml:2: space.n.when: 'n' hangs on itself; a condition names other parameters"},
      {"b = { list = 2, choice = ['x', 'y'], when = \"b.0 == 'x'\" }",
       "study.toml:2: space.b.when: 'b' hangs on itself; a condition names other parameters"},
      {"a = { flag = true, when = 'b' }\nb = { flag = true, when = 'c' }\nc = { flag = true, when = 'a' }",
       "study.toml:2: space.a.when: the conditions go round in a circle: a -> b -> c -> a; leave out one of "
       "them"},
      {"a = 'flag'\nwhere = 'a and'",
       "study.toml:3: space.where: column 6 of \"a and\": expected a value, found the end"},
      {"a = 'flag'\nwhere = 3",
       "study.toml:3: space.where: expected a constraint or a list of constraints, found 3 (an integer)"},
  };
  for (const auto& [body, expected] : table) EXPECT_EQ(body_error(body), expected) << body;
}

TEST(SpaceReader, ReadsNestedGroups) {
  const Space space = read_body(R"(
train = "flag"
width = [1, 2]
[space.optimizer]
when   = "train"
kind   = ["sgd", "adam"]
lr     = { real = [1e-4, 1e-1], log = true, default = 0.01 }
warmup = { int = [0, 100], when = "kind == 'adam' and width > 1" }
inner  = { depth = { int = [1, 3], when = "warmup > 10" }, width = { same_as = "lr" } }
where  = ["warmup < 50 or lr < 0.01", "inner.depth < 3"]
)");
  EXPECT_EQ(space.text(),
            "train: flag\n"
            "width: choice 1, 2\n"
            "optimizer.kind: choice 'sgd', 'adam', when train\n"
            "optimizer.lr: real 0.0001 to 0.1, log, default 0.01, when train\n"
            "optimizer.warmup: integer 0 to 100, when (train) and (optimizer.kind == 'adam' and width > 1)\n"
            "optimizer.inner.depth: integer 1 to 3, when (train) and (optimizer.warmup > 10)\n"
            "optimizer.inner.width: same as optimizer.lr, when train\n"
            "where optimizer.warmup < 50 or optimizer.lr < 0.01\n"
            "where optimizer.inner.depth < 3\n");
  EXPECT_EQ(read_body("g = { kind = ['a', 'b'], init = [1, 2], x = 'flag' }").names(),
            (std::vector<std::string>{"g.kind", "g.init", "g.x"}));
  EXPECT_EQ(read_body("g = { kind = ['a', 'b'], mode = [1, 2] }").names(),
            (std::vector<std::string>{"g.kind", "g.mode"}));
  EXPECT_EQ(read_body("g = { group = { choice = [1, 2], real = 'flag' } }").names(),
            (std::vector<std::string>{"g.choice", "g.real"}));
  EXPECT_EQ(space.parameter(4).place, (Place{"study.toml", 9, "space.optimizer.warmup"}));
  const Space built =
      Space::Builder()
          .flag("train")
          .choice("width", {1, 2})
          .group(
              "optimizer",
              Space::Builder()
                  .choice("kind", {"sgd", "adam"})
                  .real("lr", 1e-4, 1e-1, {.log = true, .fallback = 0.01})
                  .integer("warmup", 0, 100, {.when = "kind == 'adam' and width > 1"})
                  .group(
                      "inner",
                      Space::Builder().integer("depth", 1, 3, {.when = "warmup > 10"}).same_as("width", "lr"))
                  .where("warmup < 50 or lr < 0.01")
                  .where("inner.depth < 3"),
              "train")
          .build();
  EXPECT_EQ(built.text(), space.text());
  Rng a(1, "sample"), b(1, "sample");
  for (int i = 0; i < 50; ++i) {
    const Config config = built.sample(a);
    ASSERT_EQ(config, space.sample(b));
    ASSERT_EQ(space.decode(space.encode(config)), config);
    ASSERT_EQ(space.canonical(config), config);
    if (config.has("optimizer.lr")) {
      ASSERT_EQ(config.at("optimizer.inner.width"), config.at("optimizer.lr"));
    }
  }
}

TEST(SpaceReader, ReadsListsOfVariableLength) {
  const Space space = read_body(R"(
mixer  = { list = [1, 3], choice = ["a", "b"] }
blocks = { list = [0, 2], default = 1, width = { int = [1, 9] }, norm = { flag = true, when = "width > 3" } }
where  = ["count(mixer, 'a') <= 1", "length(blocks) + length(mixer) > 1", "blocks.0.width != blocks.1.width"]
)");
  EXPECT_EQ(space.text(),
            "mixer.length: integer 1 to 3\n"
            "mixer.0: choice 'a', 'b'\n"
            "mixer.1: choice 'a', 'b', when mixer.length > 1\n"
            "mixer.2: choice 'a', 'b', when mixer.length > 2\n"
            "blocks.length: integer 0 to 2, default 1\n"
            "blocks.0.width: integer 1 to 9, when blocks.length > 0\n"
            "blocks.0.norm: flag, when (blocks.length > 0) and (blocks.0.width > 3)\n"
            "blocks.1.width: integer 1 to 9, when blocks.length > 1\n"
            "blocks.1.norm: flag, when (blocks.length > 1) and (blocks.1.width > 3)\n"
            "where count(mixer, 'a') <= 1\n"
            "where length(blocks) + length(mixer) > 1\n"
            "where blocks.0.width != blocks.1.width\n");
  EXPECT_EQ(space.parameter(0).length_of, "mixer");
  // Mixers by length: 2, 3, 4 with at most one 'a'; blocks: none 1; one 3 + 6 * 2 = 15; two of different
  // width.
  const std::int64_t pairs = 15 * 15 - (3 + 6 * 4);
  EXPECT_EQ(space.count(), 9 * (1 + 15 + pairs) - 2);
  Rng rng(2, "lists");
  for (int i = 0; i < 300; ++i) {
    const Config config = space.sample(rng);
    ASSERT_EQ(static_cast<std::int64_t>(config.list("mixer").size()), config.integer("mixer.length"));
    ASSERT_EQ(config.has("blocks.1.width"), config.integer("blocks.length") == 2);
  }
}

TEST(SpaceReader, ReadsAlternativesAndDefinitions) {
  const Space space = read_body(R"(
optimizer = { choice = { sgd = { momentum = { use = "share" } }, adam = { beta2 = { real = [0.9, 0.9999] } }, none = {} }, default = "adam" }
encoder   = { use = "block" }
decoder   = { use = "block", list = [1, 2], when = "optimizer != 'none'" }
[space.define]
share = { real = [0.0, 1.0], resolution = 0.25 }
block = { width = { int = [1, 9] }, drop = { use = "share" }, where = "width > 2 or drop > 0.5" }
)");
  EXPECT_EQ(space.text(),
            "optimizer: choice 'sgd', 'adam', 'none', default 'adam'\n"
            "optimizer.sgd.momentum: real 0 to 1, resolution 0.25, when optimizer == 'sgd'\n"
            "optimizer.adam.beta2: real 0.9 to 0.9999, when optimizer == 'adam'\n"
            "encoder.width: integer 1 to 9\n"
            "encoder.drop: real 0 to 1, resolution 0.25\n"
            "decoder.length: integer 1 to 2, when optimizer != 'none'\n"
            "decoder.0.width: integer 1 to 9, when optimizer != 'none'\n"
            "decoder.0.drop: real 0 to 1, resolution 0.25, when optimizer != 'none'\n"
            "decoder.1.width: integer 1 to 9, when decoder.length > 1\n"
            "decoder.1.drop: real 0 to 1, resolution 0.25, when decoder.length > 1\n"
            "where encoder.width > 2 or encoder.drop > 0.5\n"
            "where decoder.0.width > 2 or decoder.0.drop > 0.5\n"
            "where decoder.1.width > 2 or decoder.1.drop > 0.5\n");
  const Space built =
      Space::Builder()
          .alternatives("optimizer",
                        {{"sgd", Space::Builder().real("momentum", 0, 1, {.resolution = 0.25})},
                         {"adam", Space::Builder().real("beta2", 0.9, 0.9999)},
                         {"none", {}}},
                        {.fallback = Value("adam")})
          .build();
  EXPECT_EQ(built.text(), space.text().substr(0, built.text().size()));
}

TEST(SpaceReader, OrdinalsAndTiesAreSearchedAsTheyShould) {
  const Space space = read_body(R"(
size  = { ordinal = ["small", "medium", "large"] }
batch = { ordinal = [16, 64, 256] }
width = { int = [1, 4] }
ffn   = { same_as = "width", when = "size != 'small'" }
deep  = { flag = true, when = "ffn > 2" }
where = "batch > 16 or size == 'large'"
)");
  const Config config = space.canonical(
      Config::from_json(parse_json(R"({"size":"medium","batch":64,"width":3,"deep":true})", "it")));
  EXPECT_EQ(config.shown(), "size=medium batch=64 width=3 ffn=3 deep=true");
  const Point point = space.encode(config);
  EXPECT_DOUBLE_EQ(point[0], 0.5);
  EXPECT_DOUBLE_EQ(point[1], 0.5);
  EXPECT_TRUE(std::isnan(point[3]));
  EXPECT_EQ(space.decode(point), config);
  EXPECT_EQ(space.decode({0.99, 0.0, 0.9, 0.1, 1}).shown(), "size=large batch=16 width=4 ffn=4 deep=true");
  EXPECT_EQ(space.active(point), (std::vector<bool>{true, true, true, false, true}));
  // size, batch, width, and deep where ffn is there and above 2: 3 * 4 + 2 * 3 * (2 + 2 * 2).
  EXPECT_EQ(space.cardinality(), 12 + 36);
  EXPECT_EQ(space.count(), 8 + 12 + 18);
  try {
    space.canonical(Config::from_json(parse_json(R"({"size":"large","batch":64,"width":1,"ffn":2})", "it")));
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "'ffn' is the same as 'width', but 2 is not 1; leave 'ffn' out");
  }
}

TEST(SpaceReader, ErrorsOfGroupsSayWhereAndWhat) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"n = { ordinal = [1, 3, 2] }",
       "study.toml:2: space.n: the ordered values go up and down at 2; write numbers ascending, or make it a "
       "choice"},
      {"a = { same_as = 'b' }", "study.toml:2: space.a: unknown parameter 'b'; allowed: a"},
      {"a = { same_as = 'b' }\nb = { same_as = 'a' }",
       "study.toml:2: space.a: 'a' is the same as itself; one of them must be decided"},
      {"a = { same_as = 'b', default = 3 }\nb = [3]",
       "study.toml:2: space.a.default: unknown key 'default'; allowed: same_as, when"},
      {"g = { x = { int = [1, 2], when = 'y > 1' } }",
       "study.toml:2: space.g.x.when: column 1 of \"y > 1\": unknown name 'y'; allowed: g.x"},
      {"[space.g]\nlearning-rate = [1, 2]",
       "study.toml:3: space.g.learning-rate: 'g.learning-rate' cannot be a parameter's name; letters, digits "
       "and _, "
       "not a digit first, no word of expressions (and, or, not, in, true, false, where); write "
       "'g.learning_rate'"},
      {"x = [1]\ng = { group = {} }",
       "study.toml:3: space.g.group: the group has no parameters; add one, or leave the group out"},
      {"g = { list = [3, 1], x = [1, 2] }",
       "study.toml:2: space.g: a list's length goes from 0 or more up to 1000, found 3 to 1"},
      {"g = { x = { int = [1, 2] }, default = 3 }",
       "study.toml:2: space.g.default: expected no default: this is a group, found 3 (an integer); give its "
       "members "
       "defaults"},
      {"o = { choice = { sgd = 3 } }",
       "study.toml:2: space.o.choice.sgd: expected a table of the alternative's own parameters, found 3 (an "
       "integer); "
       "{} where it has none"},
      {"o = { choice = { sgd = {}, adam = {} }, default = 'adma' }",
       "study.toml:2: space.o.default: the default: expected one of its choices, found 'adma'; did you mean "
       "'adam'? "
       "allowed: sgd, adam"},
      {"o = { use = 'blok' }\ndefine = { block = { x = [1, 2] } }",
       "study.toml:2: space.o.use: there is no definition 'blok'; did you mean 'block'? allowed: block"},
      {"o = { use = 'a' }\ndefine = { a = { x = { use = 'a' } } }",
       "study.toml:3: space.define.a.x.use: the definitions go round in a circle: a -> a; leave out one of "
       "them"},
      {"g = { list = 1000, a = { list = 1000, choice = [1, 2] } }",
       "study.toml:2: space.g.a: the space has more than 100000 parameters; lists of groups multiply: make "
       "them "
       "shorter"},
      {"b = { list = [1, 2], w = [1, 2] }\nwhere = \"count(b, 1) > 0\"",
       "study.toml:3: space.where: in \"count(b, 1) > 0\": 'b' is a list of groups; write length(b), or name "
       "a "
       "member: b.0..."},
  };
  for (const auto& [body, expected] : table) EXPECT_EQ(body_error(body), expected) << body;
}

/// Whatever stands in the file: a space that works, or an Error.
TEST(SpaceReader, SurvivesMutatedDocuments) {
  const std::vector<std::string> seeds = {
      "a = [1, 2]\nb = { int = [1, 9], step = 2, when = \"a == 1\", default = 3 }\nc = { real = [0.1, 2.0], "
      "log = true }\n"
      "d = { list = [1, 3], choice = [\"x\", \"y\"] }\nwhere = [\"b * 2 < 10 or 'x' in d\", \"length(d) > "
      "1\"]\n",
      "g = { x = { flag = true }, y = { ordinal = [1, 2, 4] }, when = \"h == 'p'\", list = [0, 2] }\n"
      "h = { choice = { p = { z = [1, 2] }, q = {} } }\nt = { same_as = \"h.p.z\" }\n",
      "net = { sequence = [\"a\", { repeat = { use = \"m\" }, times = [1, 2] }, { optional = { one_of = "
      "[\"b\", \"c\"] } }] }\n"
      "op = { operator = \"[.., a] -> [.., b]\" }\ndefine = { m = { module = \"m\", w = { int = [1, 4] }, "
      "body = { optional = \"z\" } } }\n"};
  static const std::vector<std::string> kPieces = {
      "{",       "}",     "[",    "]",     "=",    ",",          "\"",       ".",      "-1",
      "0",       "1e300", "nan",  "when",  "list", "choice",     "use",      "where",  "same_as",
      "default", "int",   "real", " and ", " % ",  "length(",    "sequence", "repeat", "times",
      "define",  "m",     "a",    "\n",    "true", "9999999999", "module"};
  Rng rng(17, "mutations");
  int spaces = 0, errors = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string text = seeds[rng.below(seeds.size())];
    for (std::uint64_t edits = 1 + rng.below(3); edits > 0; --edits) {
      const std::size_t at = rng.below(text.size());
      switch (rng.below(4)) {
        case 0:
          text.erase(at, 1 + rng.below(4));
          break;
        case 1:
          text.insert(at, kPieces[rng.below(kPieces.size())]);
          break;
        case 2:
          text[at] = static_cast<char>(32 + rng.below(95));
          break;
        default:
          text.insert(at, text.substr(rng.below(text.size()), rng.below(12)));
      }
      if (text.empty()) text = "a";
    }
    try {
      const Space space = read_body(text);
      Rng draws(1, "draws");
      const Config config = space.sample(draws);
      ASSERT_EQ(space.decode(space.encode(config)), config) << text;
      ASSERT_EQ(space.canonical(config), config) << text;
      ASSERT_TRUE(space.feasible(config)) << text;
      for (const std::string& name : space.compositions()) modules(space, config, name);
      ++spaces;
    } catch (const Error& error) {
      ASSERT_NE(error.fault(), Fault::internal) << text << error.what();
      ++errors;
    }
  }
  EXPECT_GT(spaces, 100);
  EXPECT_GT(errors, 1000);
}

TEST(SpaceReader, AConstraintUnderAnotherNameIsNoChoice) {
  const std::string head = "width = { int = [32, 128], step = 32 }\nheads = [1, 2]\ntied = \"flag\"\n";
  for (const char* wrong : {"wher = [\"width % heads == 0\"]", "wehre = [\"tied\"]", "Where = [\"tied\"]",
                            "where_ = [\"width > 32\", \"heads < 2\"]", "wher = \"width > 32\""}) {
    const std::string says = body_error(head + wrong);
    EXPECT_NE(says.find("study.toml:5"), std::string::npos) << wrong << ": " << says;
    EXPECT_NE(says.find("did you mean 'where'?"), std::string::npos) << wrong << ": " << says;
  }
  EXPECT_NE(body_error(head + "constraints = [\"width > 32\"]").find("constraints stand under where"),
            std::string::npos);
  EXPECT_NE(body_error(head + "[space.block]\nrate = { real = [0, 1] }\nwher = [\"rate < 0.5\"]")
                .find("did you mean 'where'?"),
            std::string::npos);
  for (const char* right :
       {"mixer = [\"attention\"]", "there = [\"here\", \"elsewhere\"]", "token = [\"<unk>\"]",
        "op = [\"a < b\", \"a > b\"]", "wher = { choice = [\"tied\"] }", "where = [\"width > 32\"]"})
    EXPECT_EQ(body_error(head + right), "no error") << right;
}

TEST(SpaceReader, BuilderErrorsNameTheParameter) {
  const auto message = [](auto build) -> std::string {
    try {
      build();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message([] { Space::Builder().real("lr", 1, 0).build(); }),
            "lr: low 1 is above high 0; write [0, 1]");
  EXPECT_EQ(message([] { Space::Builder().flag("a").flag("a").build(); }), "a: 'a' is declared twice");
  EXPECT_EQ(message([] {
              Space::Builder().list("a", 2, {1, 2}).flag("a").build();
            }),
            "a: 'a' is declared twice");
  EXPECT_EQ(message([] { Space::Builder().flag("a").where("b").build(); }),
            "where: column 1 of \"b\": unknown name 'b'; allowed: a");
}

}  // namespace
}  // namespace hone::space
