#include "hone/space/names.h"

#include <gtest/gtest.h>

#include "hone/base/rng.h"

namespace hone::space {
namespace {

TEST(Names, NamesStayAndOtherTextsBecomeNames) {
  for (const char* name : {"lr", "_", "a.b", "layers.0.width", "p_1", "C"}) {
    EXPECT_TRUE(is_name(name)) << name;
    EXPECT_EQ(name_from(name, "c1"), name);
  }
  for (const auto& [text, name] : std::vector<std::pair<std::string, std::string>>{{"x-y", "x_y"},
                                                                                   {"x y", "x_y"},
                                                                                   {"lr (log)", "lr__log_"},
                                                                                   {"-x", "_x"},
                                                                                   {"1st", "p_1st"},
                                                                                   {"0", "p_0"},
                                                                                   {"1.5", "p_1_5"},
                                                                                   {"true", "p_true"},
                                                                                   {"a.", "a_"},
                                                                                   {"a.true", "a_true"},
                                                                                   {"", "c1"},
                                                                                   {"%", "c1"},
                                                                                   {"..", "c1"},
                                                                                   {"gr\u00f6\u00dfe", "c1"},
                                                                                   {"\xff", "c1"}}) {
    EXPECT_FALSE(is_name(text)) << text;
    EXPECT_EQ(name_from(text, "c1"), name) << text;
  }
}

TEST(Names, WhateverTheTextItIsAName) {
  Rng rng(1, "names");
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (std::uint64_t n = rng.below(6); n > 0; --n) text += static_cast<char>(rng.below(256));
    EXPECT_TRUE(is_name(name_from(text, "c1"))) << text;
  }
}

}  // namespace
}  // namespace hone::space
