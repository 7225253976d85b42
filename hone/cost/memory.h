#pragma once

#include <cstdint>
#include <vector>

namespace hone::cost {

/// Resident memory of this process in bytes, from /proc/self/status (the kernel's counters may lag by some
/// pages a thread). 0 where the system does not tell.
std::uint64_t resident_bytes();
/// Memory that programs can still get without swapping (MemAvailable); 0 where the system does not tell.
std::uint64_t available_bytes();
/// The largest resident memory since the process began, or since the last reset (VmHWM).
std::uint64_t peak_resident_bytes();
/// Starts the peak anew at the current resident memory (/proc/self/clear_refs, "5"). False where the system
/// does not permit it. Living PeakMemory scopes remember the peak so far. Thread safe.
bool reset_peak_resident();

/// How far this process's resident memory rose above where it stood when the scope began. Scopes may nest.
/// It sees the whole process: other threads' memory too, and pages that an allocator kept from before
/// and hands out again do not count as growth. Thread safe to make and drop.
class PeakMemory {
 public:
  PeakMemory();
  ~PeakMemory();
  PeakMemory(const PeakMemory&) = delete;
  PeakMemory& operator=(const PeakMemory&) = delete;

  std::uint64_t start_bytes() const { return start_; }
  std::uint64_t peak_bytes() const;    ///< largest resident memory since the scope began
  std::uint64_t growth_bytes() const;  ///< peak_bytes() - start_bytes(), at least 0
  /// Whether peak_bytes() is the scope's own peak. Where the peak could not be reset and an earlier, higher
  /// one hides it, false: peak_bytes() is then only the resident memory now, a lower bound.
  bool exact() const;

 private:
  friend bool reset_peak_resident();

  std::uint64_t start_ = 0;
  std::uint64_t peak_at_start_ = 0;  ///< VmHWM when the scope began
  std::uint64_t seen_ = 0;           ///< the scope's peak, from before a nested scope reset the counter
  bool was_reset_ = false;
};

/// While it lives, the C library asks the system for every large block by itself (from 256 KiB on) and gives
/// it back when it is freed, so that resident memory is what is held and not what an allocator keeps for
/// reuse: that is a third to a half more in training, and differs with what ran before. What is free in its
/// heap is given back and taken out of use meanwhile, since it would serve large blocks and stay resident.
/// Slower: every block's pages are made anew. Afterwards blocks of up to 32 MiB are kept again, as they are
/// by default once some were freed. One at a time a process, by the thread that asks for the blocks. Nothing
/// happens where the C library is another than glibc.
class LargeBlocksReturned {
 public:
  LargeBlocksReturned();
  ~LargeBlocksReturned();
  LargeBlocksReturned(const LargeBlocksReturned&) = delete;
  LargeBlocksReturned& operator=(const LargeBlocksReturned&) = delete;

 private:
  std::vector<void*> taken_;  ///< what was free in the heap; untouched but for its first page
};

}  // namespace hone::cost
