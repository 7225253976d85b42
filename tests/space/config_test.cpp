#include "hone/space/config.h"

#include <gtest/gtest.h>

#include "hone/base/error.h"

namespace hone::space {
namespace {

Config sample() {
  return Config({{"mixer", std::string("attention")},
                 {"width", std::int64_t{64}},
                 {"lr", 0.0001},
                 {"tied", true},
                 {"drop", 0.0},
                 {"block.0", std::string("a")},
                 {"block.1", std::string("b")}});
}

TEST(Config, GettersReturnTheirTypes) {
  const Config config = sample();
  EXPECT_EQ(config.text("mixer"), "attention");
  EXPECT_EQ(config.integer("width"), 64);
  EXPECT_EQ(config.real("lr"), 0.0001);
  EXPECT_EQ(config.real("width"), 64.0);
  EXPECT_TRUE(config.flag("tied"));
  EXPECT_FALSE(config.has("heads"));
  EXPECT_EQ(config.list("block"), (std::vector<Value>{std::string("a"), std::string("b")}));
  EXPECT_TRUE(config.list("width").empty());
  EXPECT_EQ(config.shown(), "mixer=attention width=64 lr=0.0001 tied=true drop=0 block.0=a block.1=b");
}

TEST(Config, GettersNameWhatIsWrong) {
  const auto error = [](auto get) -> std::string {
    try {
      get(sample());
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(
      error([](const Config& c) { c.at("widht"); }),
      "the config has no active parameter 'widht'; did you mean 'width'? allowed: mixer, width, lr, tied, "
      "drop, block.0, block.1");
  EXPECT_EQ(error([](const Config& c) { c.integer("lr"); }), "'lr' is 0.0001, not an integer");
  EXPECT_EQ(error([](const Config& c) { c.real("mixer"); }), "'mixer' is 'attention', not a number");
  EXPECT_EQ(error([](const Config& c) { c.flag("width"); }), "'width' is 64, not a flag");
  EXPECT_EQ(error([](const Config& c) { c.text("tied"); }), "'tied' is true, not text");
  EXPECT_EQ(error([](const Config&) { Config::from_json(parse_json("[1]", "it")); }),
            "a config is a JSON object of parameters, found [1]");
  EXPECT_EQ(error([](const Config&) { Config::from_json(parse_json("{\"a\":{}}", "it")); }),
            "a: '{}' is not a value: a flag, number or text is");
}

TEST(Config, JsonKeepsOrderTypesAndKey) {
  const Config config = sample();
  EXPECT_EQ(
      config.json().dump(),
      "{\"mixer\":\"attention\",\"width\":64,\"lr\":0.0001,\"tied\":true,\"drop\":0.0,\"block.0\":\"a\","
      "\"block.1\":\"b\"}");
  const Config back = Config::from_json(parse_json(config.json().dump(), "it"));
  EXPECT_EQ(back, config);
  EXPECT_EQ(back.key(), config.key());
}

TEST(Config, KeyIsThatOfTheJsonText) {
  EXPECT_EQ(sample().key(), hash_key(sample().json().dump()));
  // Journals hold keys: this one must never change.
  EXPECT_EQ(sample().key().hex(), "8ce05266ccff939fa17412ff91847c83");
  const auto one = [](Value value) { return Config({{"x", std::move(value)}}).key(); };
  EXPECT_NE(one(std::int64_t{1}), one(1.0));
  EXPECT_NE(one(std::int64_t{1}), one(true));
  EXPECT_NE(one(std::string("1")), one(std::int64_t{1}));
  EXPECT_EQ(one(0.0), one(-0.0));
  EXPECT_EQ(one(1e-5), hash_key("{\"x\":1e-05}"));
  EXPECT_EQ(one(-2.0), hash_key("{\"x\":-2.0}"));
  EXPECT_EQ(one(std::string("a\"b\\c")), hash_key("{\"x\":\"a\\\"b\\\\c\"}"));
  EXPECT_EQ(one(std::string("a\nb")), hash_key("{\"x\":\"a\\u000ab\"}"));
  EXPECT_EQ(Config().key(), hash_key("{}"));
}

}  // namespace
}  // namespace hone::space
