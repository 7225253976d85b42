#include "hone/base/files.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "../program.h"
#include "hone/base/error.h"

namespace hone {
namespace {

TEST(Files, ProgramsAreFoundAsExecvpFindsThem) {
  const test::Folder folder;
  std::filesystem::create_directories(folder.file("one/tool"));  // a folder of that name is no program
  std::filesystem::create_directories(folder.file("two"));
  folder.write("two/tool", "#!/bin/sh\n");
  folder.write("two/data", "");
  std::filesystem::permissions(folder.file("two/tool"), std::filesystem::perms::owner_all);
  const char* given = std::getenv("PATH");
  const std::string before = given == nullptr ? "" : given;
  ::setenv("PATH", (folder.file("one") + "::two").c_str(), 1);
  EXPECT_EQ(program_on_path("tool", folder.path()), folder.file("two/tool"));
  EXPECT_EQ(program_on_path("tool"), "") << "relative folders start where the process is";
  EXPECT_EQ(program_on_path("data", folder.path()), "") << "not executable";
  ::setenv("PATH", before.c_str(), 1);
  EXPECT_NE(program_on_path("sh"), "");
}

TEST(Files, WhatIsReadIsNotWritten) {
  const test::Folder folder;
  folder.write("read", "1");
  folder.write("other", "1");
  std::filesystem::create_symlink("read", folder.file("link"));
  EXPECT_THROW(need_other_file(folder.file("link"), {"", folder.file("read")}), Error);
  EXPECT_NO_THROW(need_other_file(folder.file("other"), {"", folder.file("read"), folder.path()}));
  EXPECT_NO_THROW(need_other_file(folder.file("new"), {folder.file("new")})) << "there is nothing to lose";
  EXPECT_NO_THROW(need_other_file("/dev/null", {"/dev/null"}));
}

TEST(Files, WhatCannotBeWrittenIsToldBefore) {
  const test::Folder folder;
  folder.write("file", "");
  EXPECT_NO_THROW(need_writable(folder.file("new")));
  EXPECT_NO_THROW(need_writable(folder.file("file")));
  EXPECT_NO_THROW(need_writable("new"));
  EXPECT_NO_THROW(need_writable("/dev/null"));
  EXPECT_FALSE(std::filesystem::exists(folder.file("new"))) << "nothing is made";
  for (const std::string& path : {folder.path(), folder.file("none/x"), folder.file("file/x")}) try {
      need_writable(path);
      ADD_FAILURE() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.place().file, path);
      EXPECT_EQ(error.fault(), Fault::input);
    }
}

}  // namespace
}  // namespace hone
