#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "hone/base/json.h"
#include "hone/cost/simulator/branches.h"
#include "hone/cost/simulator/caches.h"
#include "hone/cost/simulator/core.h"
#include "hone/cost/simulator/trace.h"

namespace hone::cost::simulator {

/// Where a core's slots to retire instructions went (after Yasin, "A Top-Down Method for Performance Analysis
/// and Counters Architecture", 2014, but seen where instructions leave): shares of all, which sum to 1.
struct TopDown {
  double retiring = 0.0, front_end = 0.0, bad_speculation = 0.0, core_bound = 0.0, memory_bound = 0.0;
};

/// What a core did with (the beginning of) a trace.
struct Simulated {
  std::uint64_t instructions = 0, cycles = 0;
  std::array<std::uint64_t, kKinds> kinds = {};
  std::uint64_t mispredicted = 0, taken = 0, forwarded = 0;  ///< jumps; loads of what a store still held
  MemoryCounts memory;
  /// Instructions by how far back what they use is: their nearest source, less than 2, 4, 8, .. back; last:
  /// they use nothing, or what is further back than 256.
  std::array<std::uint64_t, 9> distances = {};
  double reorder_cycles = 0.0, scheduler_cycles = 0.0;  ///< spent there, summed over instructions
  TopDown top_down;

  double ipc() const {
    return cycles > 0 ? static_cast<double>(instructions) / static_cast<double>(cycles) : 0.0;
  }
  double seconds(const Core& core) const { return static_cast<double>(cycles) / core.hz(); }
  /// Misses of a level over what it was asked; 0 where it was asked nothing.
  double miss_rate(std::size_t level) const;
  double mispredicted_share() const;  ///< of the jumps
  double reorder_occupancy() const;   ///< mean entries taken
  double scheduler_occupancy() const;
};
Json simulated_json(const Simulated& simulated, const Core& core);

/// An out-of-order core, to the cycle: what comes in, in the program's order, waits for room in the reorder
/// buffer, the scheduler and the queues of loads and stores, begins when what it uses is there and a unit of
/// its kind and a slot are free, the oldest first, and leaves in order. Stores are written after they have
/// left, in their order. Loads get what older stores still hold to the byte's neighbourhood of eight, and
/// never wait for stores to other places (a perfect guess of dependences). Instructions are always there to
/// be fetched (loops are short), up to a taken jump a cycle; after a wrongly guessed jump nothing enters
/// until it has ended and `mispredict_cycles` more are over. What is behind it is not executed in vain.
///
/// Each instruction's cycles are reckoned once, when it comes (with time booked cycle by cycle), which for a
/// scheduler that takes the oldest first is what stepping through the cycles gives; the caches alone see
/// accesses in the program's order, not in that of their cycles. Deterministic. Some 48 bytes an entry of its
/// buffers; time for an instruction does not depend on their sizes.
class CoreSimulator {
 public:
  explicit CoreSimulator(const Core& core);

  /// The next instructions of the trace.
  void run(std::span<const Instruction> instructions) {
    for (const Instruction& one : instructions) step(one);
  }
  void step(const Instruction& one);
  /// Bytes that are in the caches before the trace begins (Caches::warm).
  void warm(std::uint64_t address, std::uint64_t bytes) { caches_.warm(address, bytes); }
  /// As if the trace ended here.
  Simulated result() const;

 private:
  enum class Cause : std::uint8_t { front_end, bad_speculation, core, memory };
  std::uint64_t enters(const Instruction& one, Cause& why);
  void retire(std::uint64_t entered, std::uint64_t complete, Cause late, Cause why);
  std::uint64_t load(const Instruction& one, std::uint64_t begin, int& level);
  void store(const Instruction& one, std::uint64_t data, std::uint64_t left);

  Core core_;
  Caches caches_;
  BranchPredictor branches_;
  std::array<Booking, kKinds> units_;
  std::array<std::uint64_t, kKinds> latency_, interval_;
  Booking issue_;

  std::uint64_t number_ = 0;  ///< instructions so far
  // By instruction, in rings as long as the reorder buffer at least.
  std::uint64_t mask_;
  std::vector<std::uint64_t> complete_, retired_;
  std::vector<bool> from_memory_;
  // The cycle at which each entry is free, in the order of the program.
  std::vector<std::uint64_t> loads_, stores_;
  std::uint64_t loads_so_far_ = 0, stores_so_far_ = 0;
  std::vector<std::uint64_t> waiting_;  ///< heap of cycles at which what is in the scheduler leaves it

  std::uint64_t fetch_cycle_ = 0, fetch_used_ = 0;  ///< how many entered in it
  std::uint64_t fetch_again_ = 0;                   ///< nothing enters before, for a wrong guess
  std::uint64_t retire_cycle_ = 0, retire_used_ = 0;
  std::uint64_t written_cycle_ = 0, written_used_ = 0;
  Cause full_for_ = Cause::core;     ///< what the oldest instructions have waited for
  std::array<double, 4> lost_ = {};  ///< slots, by cause

  /// Of eight bytes: the latest store to them.
  struct Held {
    std::uint64_t word = ~std::uint64_t{0}, data = 0, written = 0;
  };
  std::vector<Held> held_;
  Simulated counts_;
};

}  // namespace hone::cost::simulator
