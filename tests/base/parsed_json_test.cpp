#include "hone/base/parsed_json.h"

#include <cmath>

#include <gtest/gtest.h>

#include "hone/base/error.h"

namespace hone {
namespace {

TEST(ParsedJson, GivesMembersOrWhatStandsForAbsentOnes) {
  simdjson::dom::parser parser;
  const std::string text = R"({"n": -3, "x": 2.5, "whole": 4, "s": "a\tb", "f": true, "bad": "nano",
                               "nan": "nan", "low": "-inf"})";
  const ParsedObject object(parser.parse(text).value());
  EXPECT_EQ(object.integer("n"), -3);
  EXPECT_EQ(object.integer("m", 7), 7);
  EXPECT_EQ(object.real("x", 0.0), 2.5);
  EXPECT_EQ(object.real("whole", 0.0), 4.0);
  EXPECT_EQ(object.real("y", 1.5), 1.5);
  EXPECT_EQ(object.text("s"), "a\tb");
  EXPECT_EQ(object.text("t", "none"), "none");
  EXPECT_TRUE(object.flag("f"));
  EXPECT_FALSE(object.flag("g"));
  EXPECT_TRUE(std::isnan(object.real("nan", 0.0)));
  EXPECT_EQ(object.real("low", 0.0), -std::numeric_limits<double>::infinity());
  // Of another kind, or not there.
  EXPECT_THROW(object.real("bad", 0.0), Error);
  EXPECT_THROW(object.integer("x"), simdjson::simdjson_error);
  EXPECT_THROW(object.text("n"), simdjson::simdjson_error);
  EXPECT_THROW(object.flag("s"), simdjson::simdjson_error);
  EXPECT_THROW(object.need("absent"), simdjson::simdjson_error);
}

}  // namespace
}  // namespace hone
