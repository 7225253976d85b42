#pragma once

#include <algorithm>
#include <map>
#include <span>
#include <unordered_map>
#include <vector>

#include "hone/cost/by_number.h"
#include "hone/cost/mlir/lowered.h"
#include "hone/cost/mlir/vectorise.h"

namespace hone::cost::mlir {

inline constexpr double kWrittenOut =
    300.0;  ///< instructions up to which LLVM writes all of a loop out at -O3
inline constexpr double kLoopControl = 2.0;  ///< of which a loop's own

/// How lowered() does it: what can stand further out moves there (mlir/lowered.cpp), short loops are written
/// out (mlir/unroll.cpp), the rest runs in lanes (mlir/vectorise.h).
class Lowering {
 public:
  Lowering(const Nest& nest, const CodeTarget& target) : nest_(nest) {
    result_.target = target;
    result_.homes.resize(nest.loops.size());
    for (std::size_t i = 0; i < nest.loops.size(); ++i) result_.homes[i] = static_cast<int>(i);
    result_.bodies.resize(nest.loops.size() + 1);
  }

  Lowered run();
  /// What is left when short loops have been written out, nothing looked at beyond.
  std::vector<bool> run_early();

 private:
  using Loops = LoopsAround;
  struct Item {
    Lowered::Item item;
    int origin = -1;
    Loops fixed_by;      ///< loops that it cannot leave
    Loops copied_by;     ///< loops written out that it has copies for
    Loops masked_by;     ///< loops that it cannot leave while its mask is not a constant
    bool stays = false;  ///< it cannot leave any
    bool gone = false;
    bool counts = false;  ///< gone, but still there when it is decided which loops are written out
  };
  /// What a loop does to a buffer.
  struct Touch {
    std::uint64_t movement = 0;
    bool loads = false, stores = false, exact = true;
  };
  /// Who did something last, and when, and when the last other one did.
  struct Last {
    std::uint64_t who = 0;
    int when = -1, other = -1;

    void note(std::uint64_t by, int now) {
      if (by != who) other = when;
      who = by, when = now;
    }
    int of_others(std::uint64_t than) const { return than == who ? other : when; }
  };
  /// What a loop does to a memory (Nest::memory): which buffers, one of them or several.
  struct Meeting {
    Last touched, stored;
  };

  const Nest::Loop& loop(int id) const { return nest_.loops[static_cast<std::size_t>(id)]; }

  void index_memory();

  /// Whether a loop does something else to the buffer that may be to the same element.
  bool disturbed(std::size_t access, int at) const;
  bool stored_in(int buffer, int at) const;
  /// Whether a loop may store, through another buffer, what an access loads, or look at what it stores.
  bool met_in(const Nest::Access& access, int at) const;
  /// Whether something may have loaded what a store put there.
  bool looked_at(const Nest::Access& store, std::uint64_t movement, int since) const;
  /// A store that another one makes pointless.
  static void overwritten(Item& store, const Item& by);
  /// Of values that are remembered to be in memory those are forgotten that a store may change.
  void forget(const Nest::Access& store, std::uint64_t movement, bool known);

  /// A step, access or flow, in the order of the program.
  struct Place {
    int order, kind;
    std::size_t index;
  };
  /// Items in the order of the program, each as far out as it can stand.
  void walk();

  Loops varies_of(std::span<const int> values) const;
  Loops varies_of(const Nest::Step& step) const;
  static bool stays(const Nest::Step& step);
  /// Of the place of an access: loops that its indices move by, and that it cannot be seen through.
  Loops moves_by(const Nest::Access& access) const;
  /// What values that loops hand on to themselves vary with beside those loops: what they begin as and what
  /// they become.
  void vary_carried(const std::vector<Place>& places);
  int same(int value) const {
    const auto found = same_.find(value);
    return found == same_.end() ? value : found->second;
  }
  double share(int at, double count) const {
    return count / (at < 0 ? 1.0 : std::max(1e-9, loop(at).iterations));
  }

  void step(std::size_t index);
  /// Of whole numbers: the least of the least and the greatest of two values is the least, and the like; what
  /// a step gives that another one gave, or kNoValue.
  int absorbed(const Nest::Step& step) const;

  void access(std::size_t index);

  void flow(const Nest::Flow& flow);

  bool left(int id) const { return result_.homes[static_cast<std::size_t>(id)] == id; }

  /// Whether an access is by a mask: that a loop that is left computes, or of a vector longer than a row.
  bool masked(const Lowered::Item& item) const;
  bool mask_moves(const Nest::Access& access) const;
  /// Elements from the first position of an access on; infinity where it is not known.
  double left_in_row(const Nest::Access& access) const;

  /// Whether it cannot leave a loop around it.
  bool stays_in(const Item& item, int at) const;
  /// The innermost loop around, from where it is on, that it cannot leave.
  void place(Item& item, int from) const;

  double cost(const Item& item) const;

  /// Whether a loop only copies elements side by side from one buffer to another, or clears them.
  bool moves_memory(const std::vector<std::size_t>& items, int id) const;

  bool joins(int id, std::map<int, std::vector<std::size_t>>& at_home);

  /// Innermost loops first: a body that is short enough becomes part of what is around it. How long it is,
  /// is seen before anything of the copies is moved out or found to be the same.
  void unroll();
  class Unrolling;

  /// Different elements of an access, or computations of a step, in the loops written out.
  double copies(const Item& item) const;

  void finish(Item& item, std::size_t number);

  /// Loops that are left, innermost first, are written out as often as the machine holds it (mlir/late.cpp).
  void unroll_late();
  int around(int id) const;

  struct Memory {
    std::uint64_t movement = 0;
    int value = Nest::kNoValue;
    int store = -1;  ///< item that put it there
    int loop = -1;   ///< in whose body that was
  };

  const Nest& nest_;
  Lowered result_;
  std::vector<Item> items_;
  std::vector<std::uint64_t> movements_;
  std::map<std::pair<int, int>, std::vector<Touch>> touches_;  ///< by buffer and loop
  std::map<std::pair<int, int>, Meeting> meetings_;            ///< by memory and loop
  ByNumber<Loops> varies_;                                     ///< by value
  ByNumber<int> same_;                                         ///< by value: what it equals
  std::map<Few<std::int64_t>, int> known_;
  std::unordered_map<int, std::map<NumberKey, Memory>> memory_;  ///< by buffer and place
  std::unordered_map<int, std::vector<int>> remembered_;  ///< by memory: buffers in memory_, some twice
  std::unordered_map<int, Last> looks_of_buffers_;        ///< by memory: buffers that were loaded from
  std::unordered_map<int, Last> looks_;                   ///< by buffer: movements of loads
  ByNumber<int> places_;                                  ///< by item: among those that are left
  ValueUses uses_;
};

}  // namespace hone::cost::mlir
