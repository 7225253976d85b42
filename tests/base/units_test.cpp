#include "hone/base/units.h"

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/registry.h"

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
  EXPECT_EQ(read("train_s", "\"2 hours\""), 7200.0);
  EXPECT_EQ(read("train_s", "\"1 week\""), 604800.0);
  EXPECT_NE(refusal("train_s", "\"3 minuts\"").find("did you mean 'minute"), std::string::npos);
  EXPECT_NE(refusal("train_s", "\"1e400 s\"").find("beyond what can be counted with"), std::string::npos);
  EXPECT_NE(refusal("memory_bytes", "\"2 gb\"").find("did you mean 'GB'?"), std::string::npos);
  EXPECT_EQ(refusal("memory_bytes", "\"2 h\"").find("did you mean"), std::string::npos)
      << "of one letter any other would be near";
}

TEST(Suggestions, KnowExchangedLettersAndCase) {
  EXPECT_EQ(nearest("lgo", {"int", "log", "real"}), "log");
  EXPECT_EQ(nearest("rnu", {"run", "data"}), "run");
  EXPECT_EQ(nearest("nope", {"tpe", "nsga2"}), "") << "half of its letters are others";
  EXPECT_EQ(nearest("lrae", {"lrate", "lr"}), "lrate");
  EXPECT_EQ(nearest("mb", {"B", "kB", "MB"}), "MB");
  EXPECT_EQ(nearest("h", {"B", "kB"}), "");
  EXPECT_EQ(nearest("layer", {"layers", "width"}), "layers");
  EXPECT_EQ(nearest("something", {"layers", "width"}), "");
}

TEST(Suggestions, AMissingKeyIsSoughtAmongThoseThatStandThere) {
  const Node task = Node::parse_toml("[task]\ndata = 1\nkidn = \"function\"", "s.toml")["task"];
  try {
    task.need("kind");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.place().line, 3);
    EXPECT_NE(std::string(error.what()).find("'kidn' stands here: did you mean 'kind'?"), std::string::npos)
        << error.what();
  }
}

TEST(Suggestions, AMethodOfAnotherKindIsNamedAsSuch) {
  try {
    methods().need("searcher", "asha");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("scheduler = \"asha\""), std::string::npos) << error.what();
  }
}

TEST(Units, AnAmountOfOneIsSingular) {
  EXPECT_EQ(amount_of(1, "steps"), "1 step");
  EXPECT_EQ(amount_of(0, "steps"), "0 steps");
  EXPECT_EQ(amount_of(180, "epochs"), "180 epochs");
  EXPECT_EQ(amount_of(1, "mass"), "1 mass");
}

}  // namespace
}  // namespace hone
