#include "hone/task/command_log.h"

#include <fmt/format.h>

#include "../program.h"

namespace hone::task {
namespace {

TEST(CommandLog, AppendsAttempts) {
  const test::Folder folder;
  for (int attempt = 1; attempt <= 2; ++attempt) {
    CommandLog log(folder.file("log"), 10000);
    log.note(fmt::format("attempt {}", attempt));
    log.add("no newline");
    log.note("ended");
  }
  EXPECT_EQ(folder.read("log"),
            "--- attempt 1\nno newline\n--- ended\n--- attempt 2\nno newline\n--- ended\n");
}

TEST(CommandLog, KeepsHeadAndTail) {
  for (const std::size_t piece : {std::size_t{7}, std::size_t{1000}, std::size_t{50000}}) {
    const test::Folder folder;
    folder.write("log", "earlier\n");
    std::string all;
    for (int i = 0; i < 20000; ++i) all += fmt::format("line {}\n", i);
    {
      CommandLog log(folder.file("log"), 4096);
      for (std::size_t at = 0; at < all.size(); at += piece) {
        log.add(std::string_view(all).substr(at, piece));
        ASSERT_LT(std::filesystem::file_size(folder.file("log")), 8 + 4096 + 2048 + 200) << piece;
      }
      EXPECT_EQ(log.last_lines(2), "line 19998\nline 19999");
    }
    const std::string text = folder.read("log");
    EXPECT_LE(text.size(), 8 + 4096 + 100u);
    EXPECT_TRUE(text.starts_with("earlier\nline 0\nline 1\n"));
    EXPECT_TRUE(text.ends_with("line 19998\nline 19999\n"));
    const std::size_t at = text.find("\n--- ");
    ASSERT_NE(at, std::string::npos);
    // What is said to be left out, with what is kept, is everything.
    const std::int64_t left_out = std::stoll(text.substr(at + 5));
    const std::size_t marker_end = text.find("here ---\n") + 9;
    EXPECT_EQ(static_cast<std::size_t>(left_out) + (at - 8) + (text.size() - marker_end), all.size());
  }
}

TEST(CommandLog, DropsTheOldestAttempts) {
  const test::Folder folder;
  for (int attempt = 0; attempt < 100; ++attempt) {
    CommandLog log(folder.file("log"), 1024);
    log.note(fmt::format("attempt {}", attempt));
    log.add(std::string(1000, 'x') + "\n");
  }
  const std::string text = folder.read("log");
  EXPECT_LT(text.size(), 12 * 1024u);
  EXPECT_NE(text.find("older attempts are left out"), std::string::npos);
  EXPECT_NE(text.find("--- attempt 99\n"), std::string::npos);
}

TEST(CommandLog, WithoutAFileKnowsTheLastLines) {
  CommandLog log("", 1024);
  log.add("a\n\n  \nb\nc");
  log.note("mine");
  EXPECT_EQ(log.last_lines(2), "b\nc");
  CommandLog nowhere("/nonexistent/folder/log", 1024);
  nowhere.add("said\n");
  EXPECT_EQ(nowhere.last_lines(3), "said");
}

}  // namespace
}  // namespace hone::task
