#include "hone/base/display.h"

#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

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

/// A terminal of a test's own, and what TERM says of it.
TEST(Display, ADumbTerminalsCursorIsNotMoved) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(terminal, 0);
  const char* const was = std::getenv("TERM");
  const std::string before = was == nullptr ? "" : was;
  ::setenv("TERM", "xterm", 1);
  EXPECT_TRUE(moves_cursor(terminal));
  const int file = ::open("/dev/null", O_RDWR);
  EXPECT_FALSE(moves_cursor(file));
  ::close(file);
  for (const char* kind : {"dumb", ""}) {
    ::setenv("TERM", kind, 1);
    EXPECT_FALSE(moves_cursor(terminal)) << kind;
  }
  ::unsetenv("TERM");
  EXPECT_FALSE(moves_cursor(terminal));
  if (was != nullptr) ::setenv("TERM", before.c_str(), 1);
  ::close(terminal);
}

}  // namespace
}  // namespace hone
