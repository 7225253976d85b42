#include "hone/base/display.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(Display, CountsColumnsNotBytes) {
  EXPECT_EQ(display_width(""), 0u);
  EXPECT_EQ(display_width("loss 0.5"), 8u);
  EXPECT_EQ(display_width("Größe"), 5u);
  EXPECT_EQ(display_width("e\u0301"), 1u) << "an accent stands over its letter";
  EXPECT_EQ(display_width("損失"), 4u);
  EXPECT_EQ(display_width("\xff\xc3"), 2u) << "bytes that are no UTF-8";
}

TEST(Display, CutsBetweenCharacters) {
  EXPECT_EQ(cut_to_width("Größe", 3), "Grö");
  EXPECT_EQ(cut_to_width("Größe", 9), "Größe");
  EXPECT_EQ(cut_to_width("損失", 3), "損") << "half of a wide one does not fit";
  EXPECT_EQ(cut_to_width("e\u0301a", 1), "e\u0301");
  EXPECT_EQ(cut_to_width("ab", 0), "");
  EXPECT_EQ(cut_to_width("a\xff\xe2\x82", 3), "a\xff\xe2");
}

}  // namespace
}  // namespace hone
