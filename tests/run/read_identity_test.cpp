#include "hone/run/read_identity.h"

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/run/identity_notes.h"
#include "twin_task.h"

namespace hone::run {
namespace {

using identity::Policy;

identity::Settings read(const std::string& value) {
  return read_identity(
      Node::parse_toml("\n[search]\nidentity = " + value + "\n", "s.toml")["search"]["identity"]);
}

TEST(ReadIdentity, ANameOrATable) {
  EXPECT_EQ(read("\"count\""), identity::Settings(Policy::count));
  EXPECT_EQ(read("{}"), identity::Settings(Policy::reuse));
  const auto forget = read("{ policy = \"forget\", forget = 0.25, mantissa_bits = 7, entries = 500 }");
  EXPECT_EQ(forget.policy, Policy::forget);
  EXPECT_EQ(forget.forget, 0.25);
  EXPECT_EQ(forget.mantissa_bits, 7);
  EXPECT_EQ(forget.entries, 500);
  EXPECT_FALSE(forget.relative || forget.absolute);
  const auto rounded = read("{ relative = 1e-6, absolute = 0 }");
  EXPECT_EQ(rounded.relative, 1e-6);
  EXPECT_EQ(rounded.absolute, 0.0);
  const auto average = read("{ policy = \"average\", evaluations = 9, give_up = 0 }");
  EXPECT_EQ(average.evaluations, 9);
  EXPECT_EQ(average.give_up, 0);
}

TEST(ReadIdentity, MistakesAreNamedWithLineAndKey) {
  struct Mistake {
    std::string value;
    std::vector<std::string> says;
  };
  for (const Mistake& mistake : {
           Mistake{"\"reus\"", {"s.toml:3", "did you mean 'reuse'"}},
           Mistake{"7", {"s.toml:3", "a policy's name, or a table"}},
           Mistake{"{ policy = \"averge\" }", {"s.toml:3", "identity.policy", "did you mean 'average'"}},
           Mistake{"{ polcy = \"average\" }", {"s.toml:3", "did you mean 'policy'"}},
           Mistake{"{ policy = \"reuse\", forget = 0.1 }",
                   {"s.toml:3", "identity.forget", "belongs to policy 'forget'"}},
           Mistake{"{ policy = \"forget\", forget = 1.5 }", {"identity.forget", "from 0 to 1", "1.5"}},
           Mistake{"{ policy = \"count\", evaluations = 3 }", {"belongs to policy 'average'"}},
           Mistake{"{ policy = \"average\", evaluations = 0 }", {"identity.evaluations", "from 1 to 1000"}},
           Mistake{"{ mantissa_bits = 53 }", {"identity.mantissa_bits", "from 1 to 52"}},
           Mistake{"{ relative = 0.2 }", {"identity.relative", "from 0 to 0.1"}},
           Mistake{"{ absolute = -1 }", {"identity.absolute", "from 0 to 0.1"}},
           Mistake{"{ entries = 0 }", {"identity.entries"}},
           Mistake{"{ give_up = -1 }", {"identity.give_up"}},
       }) {
    try {
      read(mistake.value);
      ADD_FAILURE() << mistake.value;
    } catch (const Error& error) {
      for (const auto& part : mistake.says)
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
            << mistake.value << ": " << error.what();
    }
  }
}

std::string notes(const StudyFile& file) {
  std::string text;
  for (const auto& note : identity_notes(file)) text += note + '\n';
  return text;
}

TEST(IdentityNotes, SayWhatHolds) {
  identity::Settings settings(Policy::forget);
  auto file = test::twin_study(std::make_shared<test::TwinTask>(), settings, {});
  EXPECT_NE(notes(file).find("10 bits"), std::string::npos);
  EXPECT_NE(notes(file).find("forgets the result with probability 0.1"), std::string::npos);
  EXPECT_NE(notes(file).find("its own seed"), std::string::npos);
  EXPECT_NE(notes(file).find("after 1000 known functions in a row"), std::string::npos);
  file.searcher = "genetic";
  file.searcher_options = Options(methods().need("searcher", "genetic").info.options, Json{{"tabu", true}});
  EXPECT_NE(notes(file).find("by the functional key"), std::string::npos);
  file.identity = Policy::off;
  EXPECT_NE(notes(file).find("since identity is off"), std::string::npos);
}

}  // namespace
}  // namespace hone::run
