#include "hone/cost/memory.h"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <sys/mman.h>

namespace hone::cost {
namespace {

#ifdef __SANITIZE_THREAD__
constexpr bool kThreadSanitizer = true;
#else
constexpr bool kThreadSanitizer = false;
#endif

constexpr std::size_t kMega = 1 << 20;

/// Makes that many bytes resident and gives them back to the system.
void touch(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  std::memset(memory, 1, bytes);
  ::munmap(memory, bytes);
}

TEST(Memory, PeakIsAtLeastWhatIsResident) {
  const std::uint64_t resident = resident_bytes();
  EXPECT_GT(resident, kMega / 2);
  EXPECT_GE(peak_resident_bytes() + kMega, resident);  // counters lag
}

TEST(Memory, GrowthSeesWhatWasGivenBack) {
  if (kThreadSanitizer) GTEST_SKIP() << "its shadow memory grows with ours";
  const PeakMemory scope;
  touch(64 * kMega);
  EXPECT_TRUE(scope.exact());
  EXPECT_NEAR(static_cast<double>(scope.growth_bytes()), 64.0 * kMega, 4.0 * kMega);
  EXPECT_EQ(scope.peak_bytes(), scope.start_bytes() + scope.growth_bytes());
}

TEST(Memory, AnEarlierPeakDoesNotCount) {
  if (kThreadSanitizer) GTEST_SKIP() << "its shadow memory grows with ours";
  touch(96 * kMega);
  const PeakMemory scope;
  touch(16 * kMega);
  if (!scope.exact()) GTEST_SKIP() << "this system does not let a process reset its peak";
  EXPECT_NEAR(static_cast<double>(scope.growth_bytes()), 16.0 * kMega, 4.0 * kMega);
}

TEST(Memory, ANestedScopeDoesNotHideThePeakOfTheOuterOne) {
  if (kThreadSanitizer) GTEST_SKIP() << "its shadow memory grows with ours";
  const PeakMemory outer;
  touch(64 * kMega);
  const PeakMemory inner;
  touch(16 * kMega);
  EXPECT_NEAR(static_cast<double>(outer.growth_bytes()), 64.0 * kMega, 4.0 * kMega);
  if (inner.exact()) {
    EXPECT_NEAR(static_cast<double>(inner.growth_bytes()), 16.0 * kMega, 4.0 * kMega);
  }
}

TEST(Memory, NothingDoneIsNoGrowth) {
  const PeakMemory scope;
  EXPECT_LT(scope.growth_bytes(), kMega);
}

TEST(LargeBlocksReturned, WhatIsFreedIsGivenBack) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "its allocator keeps what is freed, to find uses of it";
#endif
  constexpr std::size_t kBytes = 8 << 20;
  {
    // A process that has run for a while: an earlier scope, and a heap with room for large blocks.
    const LargeBlocksReturned earlier;
  }
  {
    std::vector<std::vector<char>> small;
    for (int i = 0; i < 400; ++i) small.emplace_back(100 << 10, 'a');
  }
  const LargeBlocksReturned returned;
  const std::uint64_t before = resident_bytes();
  std::uint64_t held = 0;
  {
    std::vector<std::vector<char>> blocks;
    for (int i = 0; i < 4; ++i) blocks.emplace_back(kBytes, static_cast<char>(i + 1));
    held = resident_bytes();
  }
  EXPECT_GT(held, before + 3 * kBytes);
  EXPECT_LT(resident_bytes(), before + kBytes);
}

TEST(LargeBlocksReturned, RoomWithinTheHeapServesNoLargeBlocks) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "its allocator keeps what is freed, to find uses of it";
#endif
  constexpr std::size_t kBytes = 4 << 20;
  {
    // Afterwards blocks of this size lie in the heap.
    const LargeBlocksReturned earlier;
  }
  std::vector<std::vector<char>> between;
  {
    std::vector<std::vector<char>> blocks;
    for (int i = 0; i < 16; ++i) {
      blocks.emplace_back(kBytes, 'a');
      between.emplace_back(100 << 10, 'b');
    }
  }
  const LargeBlocksReturned returned;
  const std::uint64_t before = resident_bytes();
  {
    std::vector<std::vector<char>> blocks;
    for (int i = 0; i < 8; ++i) blocks.emplace_back(kBytes, 'c');
    EXPECT_GT(resident_bytes(), before + 7 * kBytes);
  }
  EXPECT_LT(resident_bytes(), before + kBytes);
}

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
TEST(LargeBlocksReturned, TheHeapDoesNotGrowWhereNoBlockLiesApart) {
  ::mallopt(M_MMAP_MAX, 0);
  const std::size_t before = ::mallinfo2().arena;
  {
    const LargeBlocksReturned returned;
    EXPECT_LT(::mallinfo2().arena, before + kMega);
  }
  ::mallopt(M_MMAP_MAX, 65536);
}
#endif

}  // namespace
}  // namespace hone::cost
