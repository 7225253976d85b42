#include "hone/cost/machine_lock.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/files.h"

namespace hone::cost {
namespace {

class MachineLockTest : public ::testing::Test {
 protected:
  const ScratchFolder scratch_{"hone-lock"};
  const std::string folder_ = scratch_.path();
};

/// What happens on the machine, as all see it; lies in memory that processes share.
struct Machine {
  std::atomic<int> working{0};
  std::atomic<int> quiet{0};
  std::atomic<int> clashes{0};
  std::atomic<int> steps{0};
  std::atomic<int> steps_together{0};
  std::atomic<int> measured{0};
  std::atomic<bool> stop{false};

  void step() {
    if (working.fetch_add(1) > 0) steps_together.fetch_add(1);
    if (quiet.load() != 0) clashes.fetch_add(1);
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    if (quiet.load() != 0) clashes.fetch_add(1);
    working.fetch_sub(1);
    steps.fetch_add(1);
  }
  void measurement() {
    if (quiet.fetch_add(1) != 0 || working.load() != 0) clashes.fetch_add(1);
    std::this_thread::sleep_for(std::chrono::microseconds(300));
    if (working.load() != 0) clashes.fetch_add(1);
    quiet.fetch_sub(1);
    measured.fetch_add(1);
  }
};

/// Two workers step in a tight loop until two measurers have measured `each` times.
void work(const std::string& folder, Machine& machine, const Interrupted& interrupted) {
  MachineLock lock(folder);
  while (!machine.stop.load()) {
    const Working working(lock, interrupted);
    machine.step();
  }
}

void measure_often(const std::string& folder, Machine& machine, int each, const Interrupted& interrupted) {
  MachineLock lock(folder);
  for (int i = 0; i < each; ++i) {
    const Quiet quiet(lock, interrupted);
    machine.measurement();
  }
}

TEST_F(MachineLockTest, ThreadsWithTheirOwnInstancesNeverClashAndNobodyStarves) {
  for (const Interrupted& interrupted : {Interrupted{}, Interrupted{[] { return false; }}}) {
    Machine machine;
    std::vector<std::thread> workers, measurers;
    for (int i = 0; i < 2; ++i) workers.emplace_back([&] { work(folder_, machine, interrupted); });
    for (int i = 0; i < 2; ++i)
      measurers.emplace_back([&] { measure_often(folder_, machine, 25, interrupted); });
    for (auto& thread : measurers) thread.join();
    const int before = machine.steps.load();
    while (machine.steps.load() < before + 10) std::this_thread::yield();  // the workers go on afterwards
    machine.stop = true;
    for (auto& thread : workers) thread.join();
    EXPECT_EQ(machine.clashes.load(), 0);
    EXPECT_EQ(machine.measured.load(), 50);
  }
}

TEST_F(MachineLockTest, ProcessesNeverClash) {
  void* memory = ::mmap(nullptr, sizeof(Machine), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* machine = new (memory) Machine;
  MachineLock parents(folder_);  // a copy of which each child inherits
  std::vector<pid_t> workers, measurers;
  for (int child = 0; child < 4; ++child) {
    const pid_t process = ::fork();
    ASSERT_GE(process, 0);
    if (process == 0) {
      if (child < 2) {
        while (!machine->stop.load()) {
          const Working working(parents);
          machine->step();
        }
      } else {
        for (int i = 0; i < 25; ++i) {
          const Quiet quiet(parents);
          machine->measurement();
        }
      }
      ::_exit(0);
    }
    (child < 2 ? workers : measurers).push_back(process);
  }
  int status = 0;
  for (pid_t process : measurers) EXPECT_EQ(::waitpid(process, &status, 0), process);
  machine->stop = true;
  for (pid_t process : workers) EXPECT_EQ(::waitpid(process, &status, 0), process);
  EXPECT_EQ(machine->clashes.load(), 0);
  EXPECT_EQ(machine->measured.load(), 50);
  EXPECT_GT(machine->steps.load(), 0);
  ::munmap(memory, sizeof(Machine));
}

TEST_F(MachineLockTest, StepsRunTogetherAndAMeasurementWaitsForThem) {
  MachineLock first(folder_), second(folder_), third(folder_);
  const Interrupted at_once = [] { return true; };
  {
    const Working one(first, at_once), other(second, at_once);
    EXPECT_TRUE(one.held());
    EXPECT_TRUE(other.held());
    const Quiet quiet(third, at_once);
    EXPECT_FALSE(quiet.held());
  }
  const Quiet quiet(third, at_once);
  EXPECT_TRUE(quiet.held());
  const Working late(first, at_once);
  EXPECT_FALSE(late.held());
  const Quiet other(second, at_once);
  EXPECT_FALSE(other.held());
}

TEST_F(MachineLockTest, AWaitingMeasurementHoldsOffNewSteps) {
  MachineLock running(folder_), newcomer(folder_);
  std::atomic<int> asked{0};
  std::thread measurer;
  {
    const Working step(running);
    measurer = std::thread([&] {
      MachineLock lock(folder_);
      const Quiet quiet(lock, [&] { return ++asked, false; });
      EXPECT_TRUE(quiet.held());
    });
    while (asked.load() == 0) std::this_thread::yield();  // it stands at the second door
    const Working late(newcomer, [] { return true; });
    EXPECT_FALSE(late.held());
  }
  measurer.join();
  const Working again(newcomer, [] { return true; });
  EXPECT_TRUE(again.held());
}

TEST_F(MachineLockTest, GivingUpLeavesNothingLocked) {
  MachineLock running(folder_), measurer(folder_), newcomer(folder_);
  const Working step(running);
  int asked = 0;
  {
    const Quiet quiet(measurer, [&] { return ++asked == 5; });
    EXPECT_FALSE(quiet.held());
  }
  EXPECT_EQ(asked, 5);
  const Working other(newcomer, [] { return true; });
  EXPECT_TRUE(other.held());
}

TEST_F(MachineLockTest, TakingTwiceIsAFault) {
  MachineLock lock(folder_);
  const Working step(lock);
  EXPECT_THROW(Quiet quiet(lock), Error);
  EXPECT_THROW(Working working(lock), Error);
}

TEST_F(MachineLockTest, AChildOfAForkLeavesTheParentsLockAlone) {
  MachineLock lock(folder_), other(folder_);
  const Quiet quiet(lock);
  const pid_t process = ::fork();
  ASSERT_GE(process, 0);
  if (process == 0) {
    quiet.~Quiet();
    lock.~MachineLock();
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(process, &status, 0), process);
  const Working late(other, [] { return true; });
  EXPECT_FALSE(late.held());
}

TEST_F(MachineLockTest, FilesAreOpenToEveryUser) {
  const mode_t old = ::umask(077);
  const MachineLock lock(folder_);
  ::umask(old);
  ASSERT_TRUE(lock.enabled()) << lock.reason();
  for (const char* name : {"/hone-gate.lock", "/hone-busy.lock"}) {
    struct stat status {};
    ASSERT_EQ(::stat((folder_ + name).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0666u);
  }
}

TEST_F(MachineLockTest, WithoutAFolderItSaysSoAndLetsEverybodyIn) {
  MachineLock first(folder_ + "/missing"), second(folder_ + "/missing");
  EXPECT_FALSE(first.enabled());
  EXPECT_NE(first.reason().find("missing/hone-gate.lock: No such file"), std::string::npos) << first.reason();
  const Quiet quiet(first);
  const Working step(second);
  EXPECT_TRUE(quiet.held());
  EXPECT_TRUE(step.held());
}

TEST_F(MachineLockTest, ALinkInPlaceOfTheFileIsRefused) {
  std::ofstream(folder_ + "/target") << "x";
  std::filesystem::create_symlink(folder_ + "/target", folder_ + "/hone-gate.lock");
  EXPECT_FALSE(MachineLock(folder_).enabled());
}

TEST_F(MachineLockTest, TheEnvironmentChoosesTheFolder) {
  const char* before = std::getenv("HONE_LOCK_DIR");
  const std::string saved = before == nullptr ? "" : before;
  ::setenv("HONE_LOCK_DIR", folder_.c_str(), 1);
  const MachineLock lock;
  EXPECT_EQ(lock.folder(), folder_);
  EXPECT_TRUE(lock.enabled());
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/hone-gate.lock"));
  if (before == nullptr) {
    ::unsetenv("HONE_LOCK_DIR");
  } else {
    ::setenv("HONE_LOCK_DIR", saved.c_str(), 1);
  }
}

}  // namespace
}  // namespace hone::cost
