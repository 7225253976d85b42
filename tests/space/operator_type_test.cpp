#include "hone/space/operator_type.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "hone/space/composition.h"

namespace hone::space {
namespace {

bool fits(const std::string& type, const std::string& wanted) {
  return OperatorType::parse(type).fits(OperatorType::parse(wanted));
}

std::string type_error(const std::string& text) {
  try {
    operators_of_type(OperatorType::parse(text));
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(OperatorType, UnifiesDimensions) {
  const std::string sequence = "[batch, time, width] -> [batch, time, width]";
  EXPECT_TRUE(fits("[..] -> [..]", sequence));
  EXPECT_TRUE(fits("[b, t, w] -> [b, t, w]", sequence));
  EXPECT_TRUE(fits("[.., in] -> [.., out]", sequence));  // out may be chosen as width
  EXPECT_TRUE(fits("[a, .., b] -> [a, .., b]", sequence));
  EXPECT_FALSE(fits("[a, .., b] -> [b, .., a]", sequence));
  EXPECT_FALSE(fits("[a, .., a] -> [a, .., a]", sequence));  // batch and width need not be the same
  EXPECT_FALSE(fits("[b, w] -> [b, w]", sequence));
  EXPECT_FALSE(fits("[..], [..] -> [..]", sequence));
  EXPECT_FALSE(fits("integer [..] -> [..]", sequence));
  EXPECT_FALSE(fits("[b, t, 64] -> [b, t, 64]", sequence));
  EXPECT_TRUE(fits("[b, t, w] -> [b, t, w]", "[2, 16, 64] -> [2, 16, 64]"));
  EXPECT_TRUE(fits("[b, t, 64] -> [b, t, 64]", "[2, 16, 64] -> [2, 16, 64]"));
  EXPECT_FALSE(fits("[b, t, w] -> [b, t, w]", "[2, 16, 64] -> [2, 16, 32]"));
  EXPECT_TRUE(fits("[.., in] -> [.., out]", "[2, 16, 64] -> [2, 16, 32]"));
  // What only the wanted output has may become anything, but one thing.
  EXPECT_TRUE(fits("[b, t, w] -> [b, t, w]", "[b, t, w] -> [b, t, any]"));
  EXPECT_TRUE(fits("[b, t, w] -> [b, w]", "[b, t, w] -> [b, any]"));
  EXPECT_FALSE(fits("[b, t, w] -> [t, w]", "[b, t, w] -> [any, any]"));
  EXPECT_FALSE(fits("[b, t, w] -> [b]", "[b, t, w] -> [b, any]"));
  // Any number of dimensions is only taken by what takes any.
  EXPECT_TRUE(fits("[..] -> [..]", "[..] -> [..]"));
  EXPECT_TRUE(fits("[..] -> [..]", "[.., w] -> [.., w]"));
  EXPECT_FALSE(fits("[b, t, w] -> [b, t, w]", "[.., w] -> [.., w]"));
  EXPECT_TRUE(fits("[..], [..] -> [..]", "[b, w], [b, w] -> [b, w]"));
  EXPECT_FALSE(fits("[..], [..] -> [..]", "[b, w], [b, v] -> [b, w]"));
}

TEST(OperatorType, ReadsAndShows) {
  EXPECT_EQ(OperatorType::parse(" integer[ .. ],[ b,3 ]->[ b ]").text(), "integer [..], [b, 3] -> [b]");
  EXPECT_EQ(OperatorType::parse("[] -> real []").text(), "[] -> []");
  for (const std::string bad : {"", "[b] [c]", "[b] ->", "-> [b]", "[b -> [b]", "[b,] -> [b]",
                                "[.., ..] -> [b]", "[b] -> [b] x", "[3x] -> [b]", "[b] -> [b], [c]"})
    EXPECT_THROW(OperatorType::parse(bad), Error) << bad;
}

TEST(OperatorType, FindsTheRegisteredOperators) {
  const auto has = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const auto map = operators_of_type(OperatorType::parse("[batch, time, width] -> [batch, time, wider]"));
  for (const char* name : {"linear", "token_parameter_attention", "identity", "rms_norm", "rotary"})
    EXPECT_TRUE(has(map, name)) << name;
  for (const char* name : {"add", "embedding", "causal_attention"}) EXPECT_FALSE(has(map, name)) << name;
  const auto any_rank = operators_of_type(OperatorType::parse("[.., width] -> [.., width]"));
  EXPECT_TRUE(has(any_rank, "layer_norm"));
  EXPECT_FALSE(has(any_rank, "rotary"));
  const auto sums = operators_of_type(OperatorType::parse("[b, t, w], [b, t, w] -> [b, t, w]"));
  EXPECT_TRUE(has(sums, "add"));
  EXPECT_TRUE(has(sums, "multiply"));
  EXPECT_FALSE(has(sums, "linear"));
  EXPECT_EQ(operators_of_type(OperatorType::parse("integer [batch, time] -> [batch, time, width]")),
            std::vector<std::string>{"embedding"});
}

TEST(OperatorType, NamesNearTypesWhereNoneFits) {
  EXPECT_EQ(type_error("integer [b, t] -> [b, w]").substr(0, 90),
            "no operator has the type integer [b, t] -> [b, w]; near are embedding: integer [..] -> [..");
}

TEST(OperatorType, EveryRegisteredTypeIsWellFormed) {
  std::size_t typed = 0;
  for (const Registry::Method* method : methods().of("operator")) {
    if (method->info.type.empty()) continue;
    ++typed;
    const OperatorType type = OperatorType::parse(method->info.type);
    EXPECT_EQ(type.text(), method->info.type) << method->info.name;
    EXPECT_TRUE(type.fits(type)) << method->info.name;
  }
  EXPECT_GE(typed, 12u);
}

TEST(OperatorType, StandsInASpace) {
  const auto read = [](const std::string& body) {
    return Space::from_document(Node::parse_toml("[space]\n" + body, "study.toml")["space"]);
  };
  const Space space = read(
      "op = { operator = 'integer [b, t] -> [b, t, w]' }\n"
      "net = { sequence = ['a', { operator = 'integer [b, t] -> [b, t, w]' }] }");
  EXPECT_EQ(space.text(),
            "op: choice 'embedding'\n"
            "net.1: choice 'embedding'\n"
            "modules net: sequence(a, one_of(embedding: embedding))\n");
  try {
    read("op = { operator = '[b, t -> [b]' }");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(
        error.what(),
        "study.toml:2: space.op.operator: column 7 of \"[b, t -> [b]\": expected ',' or ']'; write it as "
        "[batch, time, width] -> [batch, time, width]");
  }
}

}  // namespace
}  // namespace hone::space
