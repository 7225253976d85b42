#include "hone/base/units.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(Units, TimesTakeTheUnitThatShowsThem) {
  EXPECT_EQ(quantity_text("run_s", 1.41e-9), "1.41 ns");
  EXPECT_EQ(quantity_text("run_s", 4.08e-7), "408 ns");
  EXPECT_EQ(quantity_text("run_s", 2.5e-6), "2.5 us");
  EXPECT_EQ(quantity_text("run_s", 0.0), "0.0 us");
  EXPECT_EQ(quantity_text("run_s", 0.002), "2.00 ms");
  EXPECT_EQ(quantity_text("run_s", 3.0), "3.00 s");
}

TEST(Units, QuantitiesTakeUnitsByTheirNames) {
  const auto read = [](const std::string& name, const std::string& value) {
    return read_quantity(name, Node::parse_toml("x = " + value, "s.toml")["x"]);
  };
  EXPECT_EQ(read("train_s", "\"2 min\""), 120.0);
  EXPECT_EQ(read("seconds", "\"2 h\""), 7200.0);
  EXPECT_EQ(read("seconds", "2"), 2.0);
  EXPECT_EQ(read("memory_bytes", "\"2 MB\""), 2e6);
  EXPECT_EQ(read("loss", "0.5"), 0.5);
  EXPECT_EQ(quantity_text("seconds", 0.92), "920.00 ms");
  EXPECT_TRUE(is_cost_name("seconds"));
  EXPECT_TRUE(is_cost_name("cpu_s"));
  EXPECT_FALSE(is_cost_name("parseconds"));
  const auto refusal = [&](const std::string& name, const std::string& value) -> std::string {
    try {
      read(name, value);
    } catch (const Error& error) {
      return error.what();
    }
    return "taken";
  };
  EXPECT_NE(refusal("wait", "\"2 s\"").find("write 2; names that end in _s take \"2 s\""), std::string::npos)
      << refusal("wait", "\"2 s\"");
  EXPECT_NE(refusal("wait", "\"soon\"").find("expected a number"), std::string::npos);
  EXPECT_NE(refusal("seconds", "\"2 x\"").find("unknown unit 'x'"), std::string::npos);
}

}  // namespace
}  // namespace hone
