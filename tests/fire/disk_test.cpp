// Disks that are full, files that cannot grow, folders that cannot be written.
#include <pwd.h>
#include <sys/resource.h>

#include "../program.h"
#include "child.h"
#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/run/optimizer.h"
#include "random_journal.h"

namespace hone {
namespace {

using test::Folder;
using test::in_child;
using test::kCannot;
using test::Program;

std::string study_text(std::int64_t trials, const std::string& step) {
  return fmt::format(
      "[study]\nminimize = [\"value\"]\nseed = 3\n[task]\nkind = \"function\"\nfunction = \"branin\"\nstep_s "
      "= "
      "\"{}\"\n[space]\na = {{ real = [0, 1] }}\nb = {{ real = [0, 1] }}\n[search]\nsearcher = "
      "\"random\"\nscheduler "
      "= {{ kind = \"fixed\", steps = 1 }}\n[budget]\ntrials = {}\nworkers = 2\n",
      step, trials);
}

void fill(const std::string& path, std::uintmax_t leave, const std::string& folder) {
  std::ofstream stream(path, std::ios::binary);
  const std::string block(4096, 'x');
  while (std::filesystem::space(folder).available > leave && stream << block << std::flush) {
  }
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Disk, FullIsSaidAndNothingIsLost) {
  const Folder folder;
  const std::string disk = folder.file("disk");
  std::filesystem::create_directory(disk);
  folder.write("s.toml", study_text(300, "1 ms"));
  const std::string store = "sqlite:" + disk + "/s.sqlite";
  const int status = in_child([&] {
    if (!test::small_disk(disk, 4 << 20)) ::_exit(kCannot);
    ASSERT_EQ(Program(folder, {"search", "s.toml", "--store", store, "--trials", "40"}).status(), 0);
    const auto before = test::journal_lines(*study::open_store(store));
    fill(disk + "/filler", 200 << 10, disk);
    Program full(folder, {"search", "s.toml", "--store", store, "--trials", "20000"});
    EXPECT_EQ(full.status(), 1) << full.err();
    EXPECT_TRUE(contains(full.err(), "the disk is full")) << full.err();
    EXPECT_TRUE(contains(full.err(), disk)) << full.err();
    EXPECT_FALSE(contains(full.err(), "times without getting further")) << full.err();

    // Looking needs no room.
    EXPECT_EQ(Program(folder, {"front", "s.toml", "--store", store}).status(), 0);
    Program looks(folder, {"status", "s.toml", "--store", store});
    EXPECT_EQ(looks.status(), 0) << looks.err();

    std::filesystem::remove(disk + "/filler");
    const auto after = test::journal_lines(*study::open_store(store));
    ASSERT_GE(after.size(), before.size());
    EXPECT_TRUE(std::equal(before.begin(), before.end(), after.begin()));
    std::int64_t size = 0;
    {
      study::Study study(study::open_store(store));
      study.sync();
      size = study.size();
      for (const auto& trial : study.trials())
        EXPECT_EQ(trial.lost, 0) << "the disk is to blame, not the trial: " << trial.reason;
    }
    Program again(folder, {"search", "s.toml", "--store", store, "--trials", std::to_string(size + 20)});
    EXPECT_EQ(again.status(), 0) << again.err();
    study::Study study(study::open_store(store));
    study.sync();
    EXPECT_EQ(study.count(study::TrialState::completed), size + 20)
        << "all are done, none failed of the full disk";
    const auto end = test::journal_lines(study.store());
    EXPECT_TRUE(std::equal(after.begin(), after.end(), end.begin()));
  });
  if (status == kCannot) GTEST_SKIP() << "nothing can be mounted here";
  EXPECT_EQ(status, 0);
}

/// Through the library: what tell said is there.
TEST(Disk, FullLosesNothingAcknowledged) {
  const Folder folder;
  const std::string disk = folder.file("disk");
  std::filesystem::create_directory(disk);
  const int status = in_child([&] {
    if (!test::small_disk(disk, 4 << 20)) ::_exit(kCannot);
    run::Optimizer::Setup setup;
    setup.space = space::Space::Builder().real("x", 0, 1).build();
    setup.objectives = {{"loss", true}};
    setup.searcher = "random";
    std::vector<double> told;
    bool failed = false;
    try {
      run::Optimizer optimizer(setup, study::open_store("sqlite:" + disk + "/s.sqlite"));
      for (int i = 0; i < 100000; ++i) {
        const auto job = optimizer.ask();
        ASSERT_TRUE(job);
        const double loss = job->config.real("x");
        ASSERT_TRUE(optimizer.tell(*job, {{"loss", loss}}));
        told.push_back(loss);
      }
    } catch (const Error& error) {
      failed = true;
      EXPECT_EQ(error.fault(), Fault::environment);
      EXPECT_TRUE(contains(error.what(), "the disk is full")) << error.what();
      EXPECT_TRUE(contains(error.what(), disk)) << error.what();
    }
    EXPECT_TRUE(failed);
    ASSERT_GT(told.size(), 50u);
    // Read from a copy with room to spare.
    std::filesystem::copy(disk, folder.file("copy"), std::filesystem::copy_options::recursive);
    run::Optimizer optimizer(setup, study::open_store("sqlite:" + folder.file("copy/s.sqlite")));
    ASSERT_GE(optimizer.study().count(study::TrialState::completed), static_cast<std::int64_t>(told.size()));
    for (std::size_t i = 0; i < told.size(); ++i)
      EXPECT_EQ(optimizer.study().trial(static_cast<std::int64_t>(i)).last()->measures.find("loss"), told[i]);
  });
  if (status == kCannot) GTEST_SKIP() << "nothing can be mounted here";
  EXPECT_EQ(status, 0);
}

TEST(Disk, FilesThatMayNotGrow) {
  const Folder folder;
  folder.write("s.toml", study_text(300, "0"));
  const int status = in_child([&] {
    const rlimit limit{400 << 10, RLIM_INFINITY};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    Program search(folder, {"search", "s.toml", "--trials", "20000"});
    EXPECT_EQ(search.status(), 1) << search.err();
    EXPECT_TRUE(contains(search.err(), "study.sqlite")) << search.err();
    EXPECT_TRUE(contains(search.err(), "disk")) << search.err();
  });
  EXPECT_EQ(status, 0);
  std::int64_t size = 0;
  {
    study::Study study(study::open_store("sqlite:" + folder.file("s.hone/study.sqlite")));
    study.sync();
    size = study.size();
    EXPECT_GT(size, 0);
  }
  Program again(folder, {"search", "s.toml", "--trials", std::to_string(size + 10)});
  EXPECT_EQ(again.status(), 0) << again.err();
  study::Study study(study::open_store("sqlite:" + folder.file("s.hone/study.sqlite")));
  study.sync();
  EXPECT_EQ(study.count(study::TrialState::completed), size + 10);
}

/// A file that is written anew (a checkpoint, a report): the old one stays, nothing half written does.
TEST(Disk, AFileIsWrittenWholeOrNotAtAll) {
  const Folder folder;
  const std::string disk = folder.file("disk");
  std::filesystem::create_directory(disk);
  const int status = in_child([&] {
    if (!test::small_disk(disk, 1 << 20)) ::_exit(kCannot);
    write_file_atomic(disk + "/page.html", "old");
    EXPECT_THROW(write_file_atomic(disk + "/page.html", std::string(3 << 20, 'x')), Error);
    EXPECT_EQ(read_file(disk + "/page.html"), "old");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(disk), {}), 1)
        << "nothing else is left behind";
  });
  if (status == kCannot) GTEST_SKIP() << "nothing can be mounted here";
  EXPECT_EQ(status, 0);
}

/// What looking and searching do with a study that cannot be written.
void expect_only_reading(const Folder& folder, const std::string& out) {
  for (const char* command : {"status", "front"}) {
    Program looks(folder, {command, "read/s.toml", "--json"});
    EXPECT_EQ(looks.status(), 0) << command << ": " << looks.err();
    EXPECT_TRUE(contains(looks.out(), "\"trial")) << looks.out();
  }
  Program report(folder, {"report", "read/s.toml", "-o", out});
  EXPECT_EQ(report.status(), 0) << report.err();
  Program nowhere(folder, {"report", "read/s.toml"});
  EXPECT_NE(nowhere.status(), 0);
  EXPECT_TRUE(contains(nowhere.err(), "report.html")) << nowhere.err();
  Program search(folder, {"search", "read/s.toml", "--trials", "50"});
  EXPECT_EQ(search.status(), 1) << search.err();
  EXPECT_TRUE(contains(search.err(), "cannot be written")) << search.err();
  EXPECT_TRUE(contains(search.err(), "check the permissions")) << search.err();
}

TEST(ReadOnly, AFolderCanBeLookedAt) {
  const Folder folder;
  std::filesystem::create_directory(folder.file("read"));
  folder.write("read/s.toml", study_text(20, "0"));
  ASSERT_EQ(Program(folder, {"search", "read/s.toml"}).status(), 0);
  const int status = in_child([&] {
    if (!test::read_only(folder.file("read"))) ::_exit(kCannot);
    expect_only_reading(folder, folder.file("page.html"));
  });
  if (status == kCannot) GTEST_SKIP() << "nothing can be mounted here";
  EXPECT_EQ(status, 0);
  EXPECT_GT(std::filesystem::file_size(folder.file("page.html")), 1000u);
}

/// A search was killed, and left its log beside the store.
TEST(ReadOnly, AlsoWithALogBesideTheStore) {
  const Folder folder;
  std::filesystem::create_directory(folder.file("read"));
  folder.write("read/s.toml", study_text(2000, "2 ms"));
  {
    Program search(folder, {"search", "read/s.toml", "--quiet"});
    ASSERT_TRUE(test::wait_until([&] {
      try {
        return std::filesystem::exists(folder.file("read/s.hone/study.sqlite")) &&
               study::open_store("sqlite:" + folder.file("read/s.hone/study.sqlite"))->head() > 40;
      } catch (const Error&) {
        return false;
      }
    }));
    search.signal(SIGKILL);
    search.status();
  }
  ::usleep(300000);  // its workers die with it
  ASSERT_TRUE(std::filesystem::exists(folder.file("read/s.hone/study.sqlite-wal")));
  for (const bool shared_memory : {true, false}) {
    // Without it as in a copy: it is made anew where it can be.
    if (!shared_memory) std::filesystem::remove(folder.file("read/s.hone/study.sqlite-shm"));
    const int status = in_child([&] {
      if (!test::read_only(folder.file("read"))) ::_exit(kCannot);
      expect_only_reading(folder, folder.file("page.html"));
    });
    if (status == kCannot) GTEST_SKIP() << "nothing can be mounted here";
    EXPECT_EQ(status, 0) << "shared memory there: " << shared_memory;
  }
}

TEST(ReadOnly, SomebodyElsesStudy) {
  const passwd* nobody = ::getpwnam("nobody");
  if (::geteuid() != 0 || nobody == nullptr) GTEST_SKIP() << "only root can become somebody else";
  const Folder folder;
  std::filesystem::create_directory(folder.file("read"));
  folder.write("read/s.toml", study_text(20, "0"));
  ASSERT_EQ(Program(folder, {"search", "read/s.toml"}).status(), 0);
  std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
  const int status = in_child([&] {
    if (::setgid(nobody->pw_gid) != 0 || ::setuid(nobody->pw_uid) != 0) ::_exit(kCannot);
    if (::access((std::string(HONE_PROGRAMS) + "/hone").c_str(), X_OK) != 0) ::_exit(kCannot);
    expect_only_reading(folder, folder.file("page.html"));
  });
  if (status == kCannot) GTEST_SKIP() << "the programs are not for everybody here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace hone
