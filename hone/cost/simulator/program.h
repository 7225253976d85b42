#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "hone/cost/mlir/lowered.h"
#include "hone/cost/mlir/nest.h"
#include "hone/cost/simulator/trace.h"

namespace hone::cost::simulator {

/// The instructions that a function executes, one after the other, from its nest and from what a compiler
/// leaves of it: loops are walked in their order, each iteration gives its loads and stores at the places
/// that its indices say, its arithmetic with what it uses, the count and the jump. Loops that run in lanes
/// give vector instructions, those that are written out no jumps, elements held in registers no accesses.
///
/// What a nest does not hold is assumed: buffers lie one behind the other from whole pages on; a place that
/// was loaded is anywhere in its buffer, by a hash; a loop whose bounds loops around do not say exactly grows
/// or (where it begins at another loop's variable) shrinks evenly from entry to entry between what its mean
/// and its most say; conditions that nothing is known of hold at random, those that loops decide by more than
/// sums in the first iterations, and none is asked for in lanes, where both sides are computed.
/// Index arithmetic is part of addresses. A function of the mathematics library is a chain of multiply-adds
/// as long as it takes, and as much beside it as it takes a core.
class Program {
 public:
  /// Throws Error (input) where the function holds nothing that executes.
  Program(const mlir::Nest& nest, const mlir::Lowered& lowered);

  /// About how many instructions run() gives, without walking them: exact where all loops have one length.
  double instructions() const { return instructions_; }
  /// A buffer that is touched: its first byte's address, and how long it is.
  struct Memory {
    std::uint64_t address = 0, bytes = 0;
  };
  const std::vector<Memory>& buffers() const { return buffers_; }
  /// The trace from its beginning, until `sink` wants no more; it is never held as a whole. The same each
  /// time. Thread safe. Returns how many instructions were handed on.
  std::uint64_t run(const TraceSink& sink) const;

  // What program.cpp makes and trace.cpp walks.

  /// A side of a branch.
  struct Side {
    int fork = -1;  ///< -1: it always runs
    int side = 0;
  };
  /// An instruction of the code, or a few in a row.
  struct Op {
    Kind kind = Kind::integer;
    std::uint32_t place = 0;
    int item = -1;    ///< of Lowered::items
    int result = -1;  ///< the register that it gives; -1: none
    /// Registers that it uses; of those marked each interleaved copy has its own.
    std::vector<std::pair<int, bool>> sources;
    bool copied = false;    ///< it is in a loop in lanes, once for each interleaved copy
    double elements = 1.0;  ///< of the vectors of the text
    int bits = 32;
    double single = 1.0, wide = 1.0;  ///< instructions in a chain, by itself and in lanes
    double call_cycles = 0.0, call_latency = 0.0;
    Side in;                             ///< of a branch of its loop, the innermost
    double row = 1.0;                    ///< copies side by side that are one instruction
    int along = -1;                      ///< ... of this loop written out; -1: of the text
    std::vector<int> first_of, last_of;  ///< loops around it that it has left: it runs in the first or last
    // Accesses.
    std::uint64_t base = 0, buffer_bytes = 0;
    double constant = 0.0;                            ///< bytes
    std::vector<std::pair<int, double>> moves;        ///< loop, bytes an iteration
    std::vector<std::pair<double, double>> anywhere;  ///< of a dimension: positions, bytes between them
    double stride = 1.0;                              ///< elements from lane to lane
    double group = 1.0;
    bool in_group = false, in_row = false, apart = false;
  };
  /// What values of a loop become from one iteration to the next: register, from which registers it begins,
  /// which it becomes.
  struct Carry {
    int to = -1, initial = -1, next = -1;
    bool real = false;
  };
  struct Event {
    bool loop = false;
    int index = -1;  ///< of an op or a loop
  };
  /// A number that loops say.
  struct Sum {
    double constant = 0.0;
    std::vector<std::pair<int, double>> terms;  ///< loop, what an iteration of it adds
  };
  /// A branch in a loop, which is decided once each time that it is come to.
  struct Fork {
    Side in;                ///< of another one, where it stands
    int condition = -1;     ///< register
    bool known = true;      ///< which iterations it takes which side in; else it is drawn
    int drawn_in = -1;      ///< the loop in whose iterations its condition changes
    std::uint64_t key = 0;  ///< of its condition: branches of the same one go the same way
    struct Sign {
      Sum sum;
      bool below = false, at = false, above = false;  ///< whether it may be below 0, 0, above 0
    };
    std::vector<Sign> first;     ///< what has to hold for the first side; empty: it runs first of all
    std::vector<double> shares;  ///< of the times that it is come to, by side; what is missing takes none
    std::uint32_t place = 0;     ///< of its jump
  };
  struct Node {
    std::vector<Event> events;
    Side in;  ///< of a branch of the loop around, the innermost
    std::vector<Carry> carries;
    bool left = true;                             ///< as a loop; else written out
    double trips = 1.0, least = 1.0, most = 1.0;  ///< of an entry: mean, and between which they go
    bool fixed = true, shrinks = false;
    /// Of a length that loops around say: the greatest is its begin, the least its end; `step`: between its
    /// iterations. Else empty.
    std::vector<Sum> begins, ends;
    double step = 1.0;
    int bounded_by = -1;
    double lanes = 1.0, interleave = 1.0, unrolled = 1.0;
    bool masked = false, whole = false;
    int counter = -1;           ///< register
    std::uint32_t place = 0;    ///< of its first instruction of its own, of kPlaces
    double parent_trips = 1.0;  ///< of the loop by which its length goes
  };
  static constexpr std::uint32_t kPlaces = 64;
  static constexpr int kCopies = 8;  ///< interleaved at most

 private:
  std::vector<Op> ops_;
  std::vector<Node> nodes_;  ///< by loop + 1
  std::vector<Fork> forks_;  ///< one inside another behind that
  int registers_ = 0;
  double vector_bytes_ = 32.0;
  double instructions_ = 0.0;
  std::vector<Memory> buffers_;
  friend class ProgramBuilder;
  friend class Walker;
};

}  // namespace hone::cost::simulator
