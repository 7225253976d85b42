#include "hone/run/progress.h"

#include <string>

#include <gtest/gtest.h>

#include "hone/base/display.h"
#include "made_study.h"

namespace hone::run {
namespace {

std::string drawn(bool terminal, int columns, const study::Study& study) {
  std::string text;
  Progress([&](const std::string& part) { text += part; }, terminal, columns)
      .draw(study, {}, study.first_time_s() + 60.0, true);
  return text;
}

TEST(Progress, LinesFitIntoTheTerminalsColumns) {
  const auto made = test::made_study(60, 2);
  std::string text = drawn(true, 40, *made.study);
  int lines = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos;
       text.erase(0, end + 1), end = text.find('\n')) {
    const std::string clear = "\r\x1b[K";
    ASSERT_EQ(text.substr(0, clear.size()), clear);
    EXPECT_LE(display_width(text.substr(clear.size(), end - clear.size())), 39u);
    ++lines;
  }
  EXPECT_EQ(lines, 4);
}

/// Its reference point moves with what is found, so that it would fall while the front grows.
TEST(Progress, SaysNoHypervolume) {
  const auto made = test::made_study(60, 2);
  const std::string text = drawn(false, 200, *made.study);
  EXPECT_NE(text.find("front "), std::string::npos);
  EXPECT_EQ(text.find("hypervolume"), std::string::npos);
}

}  // namespace
}  // namespace hone::run
