#include "hone/base/appended_file.h"

#include <csignal>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "../program.h"
#include "hone/base/error.h"

namespace hone {
namespace {

/// Files may not become longer than so many bytes while it lives, as on a disk that is full.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : before_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &limit_);
    rlimit less = limit_;
    less.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &less);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, before_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  void (*before_)(int);
  rlimit limit_{};
};

TEST(AppendedFile, HasAllOfALineOrNothing) {
  const test::Folder folder;
  folder.write("lines", "one\n");
  AppendedFile file(folder.file("lines"), "taken", "wait");
  file.append("two\n");
  std::string told;
  try {
    const FullDisk full(10);
    file.append("three\n");
  } catch (const Error& error) {
    told = error.what();
    EXPECT_EQ(error.fault(), Fault::environment);
  }
  EXPECT_NE(told.find(folder.file("lines")), std::string::npos) << told;
  EXPECT_EQ(folder.read("lines"), "one\ntwo\n");
  file.append("three\n");
  EXPECT_EQ(folder.read("lines"), "one\ntwo\nthree\n");
  file.cut(4);
  file.append("2\n");
  EXPECT_EQ(folder.read("lines"), "one\n2\n");
}

TEST(AppendedFile, IsHadByOne) {
  const test::Folder folder;
  {
    const AppendedFile first(folder.file("lines"), "taken", "wait");
    EXPECT_EQ(folder.read("lines"), "") << "it is made";
    try {
      const AppendedFile second(folder.file("lines"), "taken", "wait");
      ADD_FAILURE() << "two have it";
    } catch (const Error& error) {
      EXPECT_EQ(error.message(), "taken");
      EXPECT_EQ(error.hint(), "wait");
      EXPECT_EQ(error.place().file, folder.file("lines"));
    }
  }
  EXPECT_NO_THROW(AppendedFile(folder.file("lines"), "taken", "wait"));
  EXPECT_THROW(AppendedFile(folder.path(), "taken", "wait"), Error) << "a folder";
  EXPECT_THROW(AppendedFile(folder.file("none/lines"), "taken", "wait"), Error);
}

TEST(AppendedFile, ADeviceIsWrittenAsItIs) {
  AppendedFile one("/dev/null", "taken", "wait"), two("/dev/null", "taken", "wait");
  EXPECT_NO_THROW(one.append("1\n"));
  EXPECT_NO_THROW(two.append("2\n"));
  EXPECT_THROW(AppendedFile("/dev/full", "taken", "wait").append("3\n"), Error);
}

}  // namespace
}  // namespace hone
