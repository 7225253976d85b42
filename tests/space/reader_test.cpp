#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hone/space/space.h"

namespace hone::space {
namespace {

Space read(const std::string& body) {
  return Space::from_document(Node::parse_toml("[space]\n" + body, "study.toml")["space"]);
}

std::string error(const std::string& body) {
  try {
    read(body);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(SpaceReader, ReadsEveryForm) {
  const Space space = read(R"(
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
  const Space space = read("width = { int = [32, 100], step = 32 }");
  EXPECT_EQ(space.parameter(0).high, 96);
  EXPECT_EQ(space.parameter(0).remark, "the last value is 96: 100 is not on the grid 32 + i * 32");
  EXPECT_EQ(space.parameter(0).cardinality(), 3);
  EXPECT_EQ(read("width = { int = [32, 96], step = 32 }").parameter(0).remark, "");
}

TEST(SpaceReader, OneValueIsAConstant) {
  const Space space = read("a = [7]\nb = { int = [3, 3] }\nc = { real = [0.5, 0.5] }");
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
       "list"},
      {"lr = { real = [0, 1], step = 2 }",
       "study.toml:2: space.lr.step: unknown key 'step'; allowed: real, log, resolution, when, list"},
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
       "study.toml:3: space.where: in \"'z' in b\": 'b' is never 'z'; did you mean 'x'? allowed: x, y"},
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
  for (const auto& [body, expected] : table) EXPECT_EQ(error(body), expected) << body;
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
            "where: column 1 of \"b\": unknown name 'b'; did you mean 'a'? allowed: a");
}

}  // namespace
}  // namespace hone::space
