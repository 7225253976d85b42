#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "hone/cost/simulator/core.h"

namespace hone::cost::simulator {

/// How much of something that there is so much of is taken, window of cycles by window. What is booked may be
/// in any order of time: what is asked for later in the program may happen earlier. Windows are kept until
/// forget() says that their time is over, in a ring that grows with how far ahead bookings lie (16 bytes a
/// window).
class Booking {
 public:
  /// `capacity`: how much a window holds; `window`: cycles, a power of two's logarithm.
  explicit Booking(double capacity = 1.0, int window_log2 = 0);

  /// Takes `amount` from a cycle on, in pieces where windows have no room for all of it; the first cycle of
  /// the window that has the last piece, or `at` where its own window has.
  std::uint64_t take(std::uint64_t at, double amount);
  /// The first cycle from `at` on of which the window has room for `amount`.
  std::uint64_t room(std::uint64_t at, double amount) const;
  /// Takes `amount` in all windows from one cycle up to another, room or not.
  void hold(std::uint64_t from, std::uint64_t to, double amount);
  /// The first cycle from `at` on from which on `cycles` in a row have room for 1, which is taken there. For
  /// windows of one cycle.
  std::uint64_t take_in_row(std::uint64_t at, std::uint64_t cycles);
  /// What stays, of a capacity of so many cycles that stay in a window of kGrain at least. The first cycle
  /// from `at` on from which on there is room for one that stays `cycles`.
  std::uint64_t entry(std::uint64_t at, std::uint64_t cycles) const;
  /// One stays from a cycle up to, not with, another; of its first window it takes what is left at most.
  void stay(std::uint64_t from, std::uint64_t to);
  static constexpr int kGrain = 3;  ///< cycles, a logarithm: within them one that comes later has come first
  /// Nothing will be asked for or taken before this cycle any more.
  void forget(std::uint64_t before) { first_ = before >> shift_; }

 private:
  struct Window {
    std::uint64_t number = ~std::uint64_t{0};
    double taken = 0.0;
  };
  double taken(std::uint64_t window) const {
    const Window& one = ring_[window & mask_];
    return one.number == window ? one.taken : 0.0;
  }
  void add(std::uint64_t window, double amount) {
    Window* one = &ring_[window & mask_];
    if (one->number == window) {
      one->taken += amount;
      return;
    }
    while (one->number != ~std::uint64_t{0} && one->number >= first_) {
      grow();
      one = &ring_[window & mask_];
    }
    *one = {window, amount};
  }
  void grow();
  double capacity_;
  int shift_;
  std::uint64_t mask_, first_ = 0;
  std::vector<Window> ring_;
};

/// What memory was asked, and what came of it.
struct MemoryCounts {
  std::array<std::uint64_t, 3> asked = {}, missed = {};  ///< by level, without prefetches
  std::uint64_t prefetched = 0, written_back = 0;        ///< lines
  double memory_bytes = 0.0;                             ///< moved between the last level and memory
};

/// The caches of a core and its memory: set-associative, least recently used, filled at every level on the
/// way (a level's lines need not be in the next), written back; at each level so many misses are on their way
/// at once and so many bytes a cycle come from it. Accesses may be in any order of time. A load or store of
/// bytes of two lines takes the later one. Addresses are physical: pages are not translated.
class Caches {
 public:
  explicit Caches(const Core& core);

  struct Answer {
    std::uint64_t ready = 0;  ///< the cycle at which the value is there
    int level = 0;            ///< that had it: 0 to 2, 3: memory
  };
  Answer access(std::uint64_t address, std::uint32_t bytes, bool store, std::uint32_t place,
                std::uint64_t at);
  /// Bytes that were touched before the trace begins: lines of them are in every level that has room, as if
  /// they had been walked through once. Counts and time stay as they are.
  void warm(std::uint64_t address, std::uint64_t bytes);
  /// No access will be at a cycle before this one any more: what was booked until then needs no memory.
  void forget(std::uint64_t before);
  const MemoryCounts& counts() const { return counts_; }

 private:
  struct Line {
    std::uint64_t number = ~std::uint64_t{0};
    std::uint64_t ready = 0, used = 0;
    std::uint64_t level = 0;  ///< that it comes from, while it is on its way
    bool dirty = false;
  };
  struct Level {
    std::vector<Line> lines;
    std::uint64_t sets = 1;
    std::size_t ways = 1;
    std::uint64_t latency = 1;
    Booking misses, bytes;
  };
  struct Stream {
    std::uint64_t last = 0;
    std::int64_t stride = 0;
    std::uint32_t place = ~0U;
    int sure = 0;
    std::uint64_t ahead = ~std::uint64_t{0};  ///< the line asked for last
  };

  /// `bytes`: of the access in this line.
  Answer line(std::uint64_t number, double bytes, bool store, std::uint64_t at);
  /// The line from `level` on, as it comes to the level before.
  Answer fetch(std::size_t level, std::uint64_t number, std::uint64_t at, bool counted);
  Answer from_memory(std::uint64_t at);
  /// Cycles that a miss of a level is on its way at least.
  std::uint64_t least_behind(std::size_t level) const {
    return level + 1 < levels_.size() ? levels_[level + 1].latency : memory_cycles_;
  }
  Line* find(Level& level, std::uint64_t number);
  void fill(std::size_t level, std::uint64_t number, const Answer& answer, bool dirty, std::uint64_t at);
  void prefetch(std::uint64_t address, std::uint64_t number, bool missed, std::uint32_t place,
                std::uint64_t at);

  std::vector<Level> levels_;
  Booking memory_;
  double line_bytes_, memory_bytes_per_cycle_;
  int line_shift_ = 6;
  std::uint64_t memory_cycles_;
  Prefetcher prefetcher_;
  std::uint64_t prefetch_lines_;
  std::vector<Stream> streams_;
  std::uint64_t clock_ = 0;  ///< counts accesses, for least recently used
  MemoryCounts counts_;
};

}  // namespace hone::cost::simulator
