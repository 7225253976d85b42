#include "hone/space/expression.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hone/base/rng.h"

namespace hone::space {
namespace {

using Truth = Expression::Truth;

Expression::Bound value(Value held) { return {true, false, std::move(held), {}}; }

Expression::Bound lookup(const std::string& name) {
  if (name == "width") return value(std::int64_t{64});
  if (name == "heads") return value(std::int64_t{8});
  if (name == "lr") return value(0.5);
  if (name == "mixer") return value(std::string("attention"));
  if (name == "tied") return value(true);
  if (name == "zero") return value(std::int64_t{0});
  if (name == "block.0") return value(std::string("a"));
  if (name == "block") return {true, true, {}, {std::string("a"), std::string("b"), std::string("a")}};
  if (name == "empty") return {true, true, {}, {}};
  if (name == "goneblock") return {false, true, {}, {}};
  return {};  // "gone" and all others are inactive
}

Truth truth(const std::string& text) { return Expression::parse(text, {}).evaluate(lookup); }

std::string error(const std::string& text) {
  try {
    truth(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Expression, FollowsTheTable) {
  const std::vector<std::pair<const char*, Truth>> table = {
      {"width % heads == 0", Truth::yes},
      {"1 + 2 * 3 == 7", Truth::yes},
      {"(1 + 2) * 3 == 9", Truth::yes},
      {"10 - 4 - 3 == 3", Truth::yes},
      {"64 / 4 / 2 == 8", Truth::yes},
      {"7 / 2 == 3.5", Truth::yes},
      {"-2 * -3 == 6", Truth::yes},
      {"2 - -3 == 5", Truth::yes},
      {"7 % 3 == 1 and -7 % 3 == 2 and 7 % -3 == -2", Truth::yes},
      {"9007199254740993 == 9007199254740992", Truth::no},
      {"9223372036854775807 + 1 == 9223372036854775808", Truth::yes},
      {"true or true and false", Truth::yes},
      {"(true or true) and false", Truth::no},
      {"not false and false", Truth::no},
      {"not (false and false)", Truth::yes},
      {"not width == 64", Truth::no},
      {"not not tied", Truth::yes},
      {"1 < 2", Truth::yes},
      {"2 <= 1", Truth::no},
      {"2 >= 2.0", Truth::yes},
      {"1 == 1.0", Truth::yes},
      {"'1' == 1", Truth::no},
      {"'1' != 1", Truth::yes},
      {"true == 1", Truth::no},
      {"mixer == \"attention\"", Truth::yes},
      {"mixer in ['pattention', 'attention']", Truth::yes},
      {"mixer not in ['pattention', 'attention']", Truth::no},
      {"width in [32, 32 * 2]", Truth::yes},
      {"width in []", Truth::no},
      {"'b' in block", Truth::yes},
      {"'c' not in block", Truth::yes},
      {"'c' in empty", Truth::no},
      {"count(block, 'a') == 2", Truth::yes},
      {"count(block, block.0) == 2", Truth::yes},
      {"length(block) == 3 and length(empty) == 0", Truth::yes},
      {"min(3, 1, 2) == 1 and max(3, 1.5) == 3", Truth::yes},
      {"abs(-3) == 3 and abs(-0.5) == lr", Truth::yes},
      {"log2(width) == 6", Truth::yes},
      {"floor(7 / 2) % 2 == 1", Truth::yes},
      {".5 == lr and 5e-1 == lr and 1e3 == 1000", Truth::yes},
      // What hangs on an inactive parameter is neither, unless the other side alone decides.
      {"gone", Truth::inactive},
      {"gone == 1", Truth::inactive},
      {"gone != 1", Truth::inactive},
      {"gone + 1 < 3", Truth::inactive},
      {"not gone", Truth::inactive},
      {"false and gone", Truth::no},
      {"gone and false", Truth::no},
      {"true and gone", Truth::inactive},
      {"true or gone", Truth::yes},
      {"gone or true", Truth::yes},
      {"gone or false", Truth::inactive},
      {"gone in [1, 2]", Truth::inactive},
      {"width in [gone, 64]", Truth::yes},
      {"width in [gone, 65]", Truth::inactive},
      {"width not in [gone, 65]", Truth::inactive},
      {"count(goneblock, 'a') == 0", Truth::inactive},
      {"length(goneblock) == 0", Truth::inactive},
      {"'a' in goneblock", Truth::inactive},
      {"min(gone, 1) == 1", Truth::inactive},
      // The right side is not evaluated where the left decides.
      {"zero != 0 and width % zero == 0", Truth::no},
      {"zero == 0 or width % zero == 0", Truth::yes},
  };
  for (const auto& [text, expected] : table) EXPECT_EQ(truth(text), expected) << text;
}

TEST(Expression, SyntaxErrorsGiveColumnAndWhatWasExpected) {
  const std::vector<std::pair<const char*, const char*>> table = {
      {"width % == 0", "column 9 of \"width % == 0\": expected a value, found '=='"},
      {"width >", "column 8 of \"width >\": expected a value, found the end"},
      {"(width > 1", "column 11 of \"(width > 1\": expected an operator or ')', found the end"},
      {"width > 1)", "column 10 of \"width > 1)\": expected an operator or the end, found ')'"},
      {"width heads", "column 7 of \"width heads\": expected an operator or the end, found 'heads'"},
      {"1 < width < 3",
       "column 11 of \"1 < width < 3\": expected 'and', 'or' or the end, found '<'; comparisons do not "
       "chain: "
       "write a < b and b < c"},
      {"width = 3", "column 7 of \"width = 3\": '=' is not known here; write '=='"},
      {"tied && tied", "column 6 of \"tied && tied\": '&&' is not known here; write 'and'"},
      {"mixer == 'att", "column 10 of \"mixer == 'att\": this text is not closed; expected another '"},
      {"width in 3", "column 10 of \"width in 3\": expected a list: [a, b] or the name of a list, found '3'"},
      {"width not 3", "column 11 of \"width not 3\": expected 'in' after 'not', found '3'"},
      {"width in [1, 2", "column 15 of \"width in [1, 2\": expected ',' or ']', found the end"},
      {"[1] == 2", "column 1 of \"[1] == 2\": expected a value, found '['; a list stands only right of 'in'"},
      {"coutn(block, 1) > 0",
       "column 1 of \"coutn(block, 1) > 0\": unknown function 'coutn'; did you mean 'count'? allowed: min, "
       "max, abs, log2, floor, count, length"},
      {"count(block) > 0",
       "column 1 of \"count(block) > 0\": count takes 2 arguments, found 1; write count(LIST, value)"},
      {"abs() > 0", "column 1 of \"abs() > 0\": abs takes 1 argument, found 0; write abs(x)"},
      {"width > 3x", "column 9 of \"width > 3x\": expected a number, found '3x...'"},
      {"width $ 3", "column 7 of \"width $ 3\": '$' means nothing here"},
      {"1e999 > 1", "column 1 of \"1e999 > 1\": this number is too large or too small to be held"},
      {"  ", "the expression is empty; write one as 'width >= 64'"},
  };
  for (const auto& [text, expected] : table) EXPECT_EQ(error(text), expected);
  EXPECT_NE(error(std::string(200, '(') + "1").find("nested deeper than 100"), std::string::npos);
  std::string chain = "1";
  for (int i = 0; i < 3000; ++i) chain += " + 1";
  EXPECT_NE(error(chain + " > 2").find("longer than 2000 words"), std::string::npos);
}

TEST(Expression, PlaceStandsBeforeTheMessage) {
  try {
    Expression::parse("width >", Place{"study.toml", 7, "space.where"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "study.toml:7: space.where: column 8 of \"width >\": expected a value, found the end");
    EXPECT_EQ(error.place().line, 7);
  }
}

TEST(Expression, TypesThatDoNotFitAreErrors) {
  const std::vector<std::pair<const char*, const char*>> table = {
      {"mixer + 1 == 2", "expected a number, found 'attention'"},
      {"mixer < 2", "expected a number, found 'attention'"},
      {"tied + 1 == 2", "expected a number, found true"},
      {"width", "expected a truth value, found 64"},
      {"width and tied", "expected a truth value, found 64"},
      {"not mixer", "expected a truth value, found 'attention'"},
      {"block == 'a'", "'block' is a list; name one entry, as block.0"},
      {"1 in width", "'width' is no list"},
      {"width % zero == 0", "remainder by zero; guard it: n != 0 and m % n == 0"},
      {"width % lr == 0", "% takes integers, found 0.5"},
  };
  for (const auto& [text, expected] : table)
    EXPECT_NE(error(text).find(expected), std::string::npos) << text << "\n  " << error(text);
}

TEST(Expression, TellsItsNamesComparisonsAndCanonicalText) {
  const auto e = Expression::parse(
      "mixer==\"a\" and ( 3 != width or lr in [ 1,-2, heads ] ) and 'x' in block and count(block,'y')>1 "
      "and mixer != 'b'",
      {});
  EXPECT_EQ(e.names(), (std::vector<std::string>{"mixer", "width", "lr", "heads", "block"}));
  std::string found;
  for (const auto& [name, literal] : e.comparisons()) found += name + "=" + value_quoted(literal) + " ";
  EXPECT_EQ(found, "mixer='a' width=3 lr=1 lr=-2 block='x' block='y' mixer='b' ");
  EXPECT_EQ(
      e.canonical(),
      "mixer == 'a' and (3 != width or lr in [1, - 2, heads]) and 'x' in block and count(block, 'y') > 1 "
      "and mixer != 'b'");
  // The canonical text is a fixed point and means the same.
  EXPECT_EQ(Expression::parse(e.canonical(), {}).canonical(), e.canonical());
  EXPECT_FALSE(static_cast<bool>(Expression()));
  EXPECT_EQ(Expression().evaluate(lookup), Truth::yes);
}

TEST(Expression, RandomWordsNeverCrash) {
  const std::vector<std::string> words = {
      "width", "heads", "lr",    "mixer",  "tied",  "block", "block.0", "gone",
      "empty", "zero",  "1",     "0",      "2.5",   "-",     "+",       "*",
      "/",     "%",     "==",    "!=",     "<",     "<=",    ">",       ">=",
      "and",   "or",    "not",   "in",     "(",     ")",     "[",       "]",
      ",",     "'a'",   "\"b\"", "true",   "false", "min",   "max",     "abs",
      "log2",  "floor", "count", "length", "=",     "'",     "1e400",   "9223372036854775807",
      "\xff",  "$",     ".",     "1.e",    "&&",    "!"};
  Rng rng(5, "fuzz");
  int parsed = 0, evaluated = 0;
  for (int i = 0; i < 100000; ++i) {
    std::string text;
    const std::uint64_t n = 1 + rng.below(12);
    // Most of the sequences leave out the words that no expression can hold.
    const std::uint64_t vocabulary = rng.below(4) == 0 ? words.size() : 44;
    for (std::uint64_t w = 0; w < n; ++w) text += words[rng.below(vocabulary)] + (rng.below(8) ? " " : "");
    try {
      const auto expression = Expression::parse(text, {});
      ++parsed;
      ASSERT_EQ(Expression::parse(expression.canonical(), {}).canonical(), expression.canonical()) << text;
      expression.comparisons();
      expression.evaluate(lookup);
      ++evaluated;
    } catch (const Error& error) {
      ASSERT_STRNE(error.what(), "");
    }
  }
  // The sequences do reach the evaluator, with and without errors.
  EXPECT_GT(parsed, 2000);
  EXPECT_GT(evaluated, 200);
  EXPECT_LT(evaluated, parsed);
}

}  // namespace
}  // namespace hone::space
