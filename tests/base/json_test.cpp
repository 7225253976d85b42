#include "hone/base/json.h"

#include <cmath>

#include <gtest/gtest.h>

#include "hone/base/error.h"

namespace hone {
namespace {

std::string message_of(const std::string& text) {
  try {
    parse_json(text, "a.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Json, MalformedTextIsToldByLineAndColumn) {
  EXPECT_EQ(message_of("{\"a\": 1}"), "");
  EXPECT_EQ(message_of("{\"a\": 1,}"), "a.json:1:9: this is not valid JSON");
  EXPECT_EQ(message_of("{\n  \"a\": nan\n}"), "a.json:2:9: this is not valid JSON");
  EXPECT_EQ(message_of(" \n"), "a.json: it is empty, where a JSON document should be");
  EXPECT_NE(message_of("{\"a\": 1e999}").find("too large"), std::string::npos);
}

TEST(Json, MembersOfWhatOthersWrote) {
  const Json json{{"text", "a"}, {"number", 3}};
  EXPECT_EQ(json_text(json, "text"), "a");
  EXPECT_EQ(json_text(json, "number", "none"), "none");
  EXPECT_EQ(json_text(Json::array({1}), "text"), "");
  EXPECT_TRUE(finite_or_null(std::nan("")).is_null());
  EXPECT_EQ(finite_or_null(2.0), 2.0);
}

}  // namespace
}  // namespace hone
