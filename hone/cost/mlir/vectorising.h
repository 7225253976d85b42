#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "hone/cost/mlir/addresses.h"
#include "hone/cost/mlir/vectorise.h"

namespace hone::cost::mlir {

/// How vectorise() does it: what waits for what (mlir/carried.cpp, mlir/ways.cpp), then which width costs
/// least (mlir/vectorise.cpp).
class Vectorising {
 public:
  Vectorising(const Nest& nest, ValueUses& uses, Lowered& lowered)
      : nest_(nest), uses_(uses), lowered_(lowered), at_(lowered.bodies.size()), copied_(nest.loops.size()) {
    for (std::size_t i = 0; i < lowered.items.size(); ++i)
      at_[static_cast<std::size_t>(lowered.items[i].home + 1)].push_back(i);
    for (std::size_t i = 0; i < lowered.items.size(); ++i) {
      const Lowered::Item& item = lowered.items[i];
      for (const int by : item.copied_by) copied_[static_cast<std::size_t>(by)] = true;
      if (item.access >= 0 &&
          (item.masked || ends_outside(nest.accesses[static_cast<std::size_t>(item.access)])))
        by_mask_.insert(item.access);
      if (item.access < 0 || !item.promoted) continue;
      const int from = home_of(nest.accesses[static_cast<std::size_t>(item.access)].loop);
      for (int at = from; at >= 0 && at != item.home; at = home_of(loop(at).parent)) kept_[at].push_back(i);
    }
    for (const Lowered::Item& item : lowered.items) {
      if (item.step < 0) {
        if (const auto stored = uses.stored.find(item.access); stored != uses.stored.end())
          stores_of_[stored->second].push_back(item.access), users_[stored->second].push_back(around(item));
        continue;
      }
      const auto from = uses.from.find(nest.steps[static_cast<std::size_t>(item.step)].value);
      if (from == uses.from.end()) continue;
      for (std::size_t k = 0; k < from->second.size(); ++k)
        if (std::find(from->second.begin(), from->second.begin() + static_cast<std::ptrdiff_t>(k),
                      from->second[k]) == from->second.begin() + static_cast<std::ptrdiff_t>(k))
          users_[from->second[k]].push_back(around(item));
    }
    for (std::size_t i = 0; i < nest.loops.size(); ++i) {
      const Nest::Loop& one = nest.loops[i];
      for (std::size_t k = 0; k < std::min({one.carried.size(), one.yielded.size(), one.initial.size()}); ++k)
        rounds_[one.carried[k]] = {static_cast<int>(i), k};
    }
    for (const Nest::Flow& flow : nest.flows) {
      if (!flow.ended || flow.loop < 0) continue;
      const Nest::Loop& one = nest.loops[static_cast<std::size_t>(flow.loop)];
      for (std::size_t k = 0; k < std::min({flow.values.size(), one.yielded.size(), one.initial.size()}); ++k)
        rounds_[flow.values[k]] = {flow.loop, k};
    }
    for (std::size_t i = 0; i < nest.accesses.size(); ++i)
      accesses_[{home_of(nest.accesses[i].loop), nest.accesses[i].buffer}].push_back(static_cast<int>(i));
  }

  void run();

 private:
  /// The loop that an item was written in.
  int around(const Lowered::Item& item) const {
    return item.step >= 0 ? nest_.steps[static_cast<std::size_t>(item.step)].loop
                          : nest_.accesses[static_cast<std::size_t>(item.access)].loop;
  }
  /// Copies of a loop written out; of one that is gone, because nothing is left of it, there is one.
  double copies_of(int id) const {
    return copied_[static_cast<std::size_t>(id)] ? std::max(1.0, loop(id).trips) : 1.0;
  }
  /// Whether the last of an access's copies reaches beyond its row.
  bool ends_outside(const Nest::Access& access) const;
  int home_of(int loop) const { return loop < 0 ? -1 : lowered_.homes[static_cast<std::size_t>(loop)]; }
  const Nest::Loop& loop(int id) const { return nest_.loops[static_cast<std::size_t>(id)]; }

  /// The longest way from one value to another; -1: none.
  Way way(int from, int to);

  /// Whether the way goes through sums or products of reals, whose order a compiler keeps; least and greatest
  /// come out the same in any.
  bool ordered(int from, int to);

  /// Values handed on in registers.
  void carried(int id, Lowered::Body& body);

  /// Whether what a loop hands on is a reduction: one operation again and again, of which nothing else sees
  /// what has come so far, but `stores` that keep it in its place.
  bool reduces(int id, int from, int to, int stores);
  /// Steps and stores in a loop (-1: anywhere) that take a value.
  int users_in(int loop, int value) const;

  /// Whether a load gives what an earlier iteration loaded elsewhere, so that it is handed on in a register
  /// (GVN, load PRE), and what is stored of it before that other load stands in the way of vectors, which
  /// must put the two loads' elements together first (LLVM's fixed-order recurrences).
  bool stored_too_early(int id) const;
  struct CopiedLoad;
  class Windows;
  /// Each copy of the loads in a loop that move with it and that nothing there stores to; none where they are
  /// too many.
  std::vector<CopiedLoad> loads_of_copies(int id) const;
  /// Instructions of a loop's body, roughly, before it runs in lanes: an address each access.
  double length(int id) const;
  /// Whether what comes of a load is stored in front of another one.
  bool stored_before(int id, const CopiedLoad& load, const CopiedLoad& last) const;

  /// Sums and the like in elements that stay where they are, and elements that come back iterations later.
  void memory(int id, Lowered::Body& body);
  /// Chains through places that several copies of the text load and store one after the other.
  void through_places(Lowered::Body& body);

  /// Whether an access is elsewhere when a loop is entered again.
  bool entered_elsewhere(int id, const Nest::Access& access) const;
  /// Whether a loop stores where an access may be, as far as a compiler sees, beside where it is.
  bool stored_elsewhere(int id, int access);
  struct Apart;
  Apart apart(int id, const Nest::Access& load, const Nest::Access& store) const;
  /// What an iteration stores the next one loads, and stores again: `stored` is the value.
  void sum_in_memory(int id, const Nest::Access& load, const Nest::Access& store, int s, int stored,
                     Lowered::Body& body);
  void pair(int id, const Nest::Access& load, const Nest::Access& store, int s, Lowered::Body& body);

  /// The longest way through one iteration, copies that wait for each other one behind the other.
  void paths(int id, Lowered::Body& body);
  Way depth(int id, int value, std::unordered_map<int, Way>& depths, int length) const;

  /// Of an item that stands further out: by loops written out inside a loop.
  double copies_in(const Lowered::Item& item, int id) const;

  /// Values that come from outside, and how many are alive at once inside.
  void registers(int id, Lowered::Body& body);

  /// Of one strided access's copies: with others that fill the gaps between its elements whole vectors are
  /// loaded or stored and shuffled, else elements are gathered or scattered.
  double strided_cost(const Lowered::Item& item, double width, bool masked) const;

  /// Items of a loop that places of its accesses are computed from: where nothing gathers they stay scalar.
  void find_places(int id);

  /// What one iteration costs the vectoriser's own model, `width` elements at once.
  double cost(int id, double width, bool masked) const;

  /// Instructions of LLVM's that an iteration in lanes is.
  double wide_code(int id, const Lowered::Body& body) const;
  /// ... and one that is not, of what straight code has become.
  double late_code(int id, const Lowered::Body& body) const;
  const AddressCode& places() const;
  /// The values that a step or store takes, and the items that give them.
  std::span<const int> values_of(const Lowered::Item& item) const;
  std::vector<int> operands_of(const Lowered::Item& item) const;

  /// Instructions of an iteration of a loop that compute its addresses, copies inside with it.
  double instructions_of(const AddressCode& code, int id) const;

  /// Accesses whose elements lie in the gaps of each other's.
  void groups(int id, const Lowered::Body& body);

  /// Vectors at once: as registers allow, while the body is small or sums are parted.
  double interleave(int id, const Lowered::Body& body) const;
  /// Whole numbers that a loop's addresses need: given by instructions outside it, and at once inside.
  struct Addresses {
    double outside = 0.0, inside = 0.0;
  };
  Addresses addresses_of(int id) const;

  bool of_sum(const Lowered::Item& item) const { return stores_of_sums_.contains(item.access); }
  /// Whether what a loop does can be done in lanes, and whether the text has vectors in it already. Finds
  /// bits_, too.
  bool may_run_in_lanes(int id, const Lowered::Body& body, bool& vectors);
  /// As many lanes as cost least, at most `widest`.
  void choose_lanes(int id, Lowered::Body& body, double widest);
  /// What an iteration waits for is shorter where copies stand side by side.
  void wait_side_by_side(int id, Lowered::Body& body);
  /// Of a loop in lanes: sums in memory are loaded before it and stored behind it.
  void move_sums_out(int id);
  void lanes(int id, Lowered::Body& body);
  /// Whether the compiler gives a loop up for what it would have to check when it runs.
  bool too_many_checks(int id, const Lowered::Body& body) const;
  struct Touched;
  class Header;
  /// Strided places in a loop of which LLVM cannot prove that they do not wrap around, and would have to
  /// check it (PredicatedScalarEvolution), in those memories whose accesses may depend on each other.
  double wrapping(int id, const std::map<int, Touched>& memories) const;
  /// The sum that brings what moves with a loop to what does not, of the last that do; of nothing (`what` 0):
  /// no instruction does.
  AddressCode::Sum moved_by(int id, int access) const;
  /// Whether LLVM knows a loop's largest number of iterations where its bounds are no constants, too.
  bool bounded(int id) const;
  int memory_of(const Nest::Access& access) const {
    return access.buffer < 0 ? -1 : nest_.memory(access.buffer);
  }
  NumberKey place_of(const Lowered::Item& item) const;

  /// Groups of strided stores whose elements all come about in the same way from elements that lie in the
  /// same order: shuffles into lanes and out of them cancel (VectorCombine's foldShuffleToIdentity).
  void rows(int id);
  bool used_once(int value) const;
  bool in_step(int id, int along, const std::vector<int>& values, std::set<std::vector<int>>& seen,
               std::vector<std::size_t>& items) const;

  /// Copies in straight code that are one instruction, up to `widest` of them: of loops written out
  /// (mlir/side_by_side.cpp), or of the text (mlir/straight.cpp).
  /// Whether any sum or extremum is folded, so that less waits for it.
  bool side_by_side(int id, double widest);
  /// Whether it is one of as many loads or stores, a copy each, as lie between a copy's and the next one's:
  /// together they are neighbours. Of stores only where at most two operations make them, which take turns.
  bool in_turn(const Lowered::Item& item, int along) const;
  /// Whether a store is, and all else that has copies by that loop is or can be in vectors likewise.
  bool all_in_turn(const Lowered::Item& store, int along) const;
  /// Calls that a loop written out has copies of, and what they are given, from one item to the next: it
  /// stays one by one.
  std::set<std::size_t> under_calls(int id, int along) const;
  void copies_along(int id, int along, bool in_registers, double widest);
  void straight(int id, double widest);
  /// What goes round a loop side by side.
  void round_loop(int id, double widest);
  /// Where trees of bundles ended, others begin.
  void go_on(std::vector<std::vector<int>> ends, double copies);
  /// Of values that go round one loop, or that come out of it: what they are from iteration to iteration, and
  /// what they begin as.
  struct Round {
    std::vector<int> yielded, initial;
  };
  std::optional<Round> round_of(const std::vector<int>& values) const;
  /// Of sums of reals, which keep their order: what is added, two at a time.
  void sums_of_copies(int id, double widest);
  void sums_of_text(int id);
  /// Of the text: sums of whole numbers and extrema, whose order does not matter, many of whose terms are a
  /// vector's elements (SLPVectorizer's HorizontalReduction). Whether there are such.
  bool reductions(int id, double widest);
  /// Values of a loop that the compiler looks at for such sums: what goes round it, what the only store to a
  /// buffer stores, and what these come from, a few steps back.
  std::set<int> looked_at_for_sums(int id) const;
  struct Reduction;
  bool reduce(int id, double widest, Reduction& reduction);
  /// Of a sum `before` + `added`, the latter and what the former adds.
  bool pair_terms(std::size_t top, int before, int added);
  void stand_together(int value, int id, int along, double lanes, double part, double shuffles,
                      std::size_t top, bool sum);
  /// Makes copies of a load that lie apart a vector's elements, so many of each.
  void bring_together(Lowered::Item& item, double lanes, int along) const;
  /// What LLVM takes that for beyond loads one by one.
  double apart_cost(const Lowered::Item& item, double lanes, int along) const;
  /// Whether one gather does it: of copies by a loop, or (-1) of the text.
  bool gathers(const Lowered::Item& item, double lanes, int along) const;
  bool gathers(double lanes) const;
  bool summed(int value, int along) const;
  bool neighbours(const Lowered::Item& item, int along) const;
  bool hands_on(int value, int along) const;
  bool waits(int id, int along) const;
  void copies_under(int value, int along, std::vector<std::size_t>& items, std::set<int>& seen,
                    int& handed_on) const;
  void shorten(int id, double by);
  class Bundles;

  const Nest& nest_;
  ValueUses& uses_;  ///< as reductions leave them
  Lowered& lowered_;
  std::vector<std::vector<std::size_t>> at_;      ///< items by home + 1
  std::vector<bool> copied_;                      ///< by loop: something has copies for it
  ByNumber<std::pair<int, std::size_t>> rounds_;  ///< by value: the loop that it goes round, as which
  std::map<int, std::vector<std::size_t>>
      kept_;  ///< by loop: items of it that stay in registers all through it
  std::map<std::pair<int, int>, std::vector<int>> accesses_;  ///< by loop that is left and buffer
  ByNumber<Way> ways_;
  std::set<std::pair<int, int>>
      handed_on_;  ///< loads and stores of an iteration earlier, of the loop looked at
  int depth_ = 0;
  bool in_lanes_ = false;  ///< the loop whose paths are looked for runs in lanes
  std::size_t visited_ = 0, visited_by_paths_ = 0, visited_together_ = 0, paired_by_paths_ = 0;
  ByNumber<std::vector<int>> stores_of_;            ///< by value: accesses that store it
  ByNumber<std::vector<int>> users_;                ///< by value: loops of steps and stores that take it
  std::unordered_map<int, bool> stored_elsewhere_;  ///< by store
  std::set<int> by_mask_;                           ///< accesses of which some lanes are switched off
  struct Handed {
    Way way;
    int store = -1;
  };
  std::map<int, Handed> handed_;     ///< by load, of one loop: the way to the last store of its place
  std::set<int> stores_of_sums_;     ///< that stay in a loop which keeps the sum in a register
  std::set<std::size_t> of_places_;  ///< of the loop at hand: find_places()
  double bits_ = 32.0;               ///< of the widest element of a loop
  double wide_address_ = 0.0;        ///< instructions of a loop's addresses where it runs in lanes
  /// ... and what it is judged by: those as they stand, and those where accesses are loaded together;
  /// products among them.
  double address_ = 0.0, products_ = 0.0, grouped_address_ = 0.0, grouped_products_ = 0.0;
  mutable std::optional<AddressCode> places_;  ///< of all accesses, made when needed
  double given_outside_ = 0.0;                 ///< values that a loop takes from instructions outside it
};

/// Sums behind each other, from the last, whose terms are looked at for neighbours (RecursionMaxDepth).
constexpr double kDeepestSums = 12.0;

/// Stores of a body; of more, nothing is looked at.
constexpr std::size_t kMostStores = 1024;

/// Whether copies of a step can be one instruction.
bool has_vectors(const Nest::Step& step);

/// Whether accesses are to one buffer and all that is between their places is constants.
bool by_constants(const Nest::Access& a, const Nest::Access& b);
/// Accesses that move alike; how far the second lies behind the first, NaN where they do not lie in one row.
double distance(const Nest& nest, const Nest::Access& a, const Nest::Access& b);

/// What accesses have in common that lie in one row: all but the last position.
NumberKey row_of_access(const Nest::Access& access, double copies);

}  // namespace hone::cost::mlir
