#pragma once

#include <optional>
#include <vector>

#include "hone/cost/few.h"
#include "hone/cost/mlir/nest.h"
#include "hone/cost/mlir/target.h"

namespace hone::cost::mlir {

using LoopsAround = Few<int, 6>;  ///< loops by number, sorted where a declaration does not say otherwise

/// Instructions that GVN looks back for what an element is (LLVM's memdep-block-scan-limit).
constexpr double kSeenBack = 100.0;

/// What an optimising compiler leaves of a nest, as LLVM 19 at -O3 does it in the passes that change costs
/// most: what an iteration does not move is computed outside (LICM, with elements promoted to registers),
/// equal computations once (EarlyCSE, GVN), short loops of a known length written out (LoopFullUnroll: up to
/// 300 instructions), innermost loops that are left run in lanes (LoopVectorize, its legality and rough
/// costs; interleaved) or their written-out copies do (SLPVectorizer), loops that stay are written out a few
/// times at last (LoopUnroll). An estimate from the text alone: no code is made.
struct Lowered {
  /// A step or an access where it ends up.
  struct Item {
    int step = -1, access = -1;  ///< of the nest, one of them
    int home = -1;               ///< the loop that it is left in; -1: outside all
    double copies = 1.0;         ///< an iteration of that loop
    double share = 1.0;          ///< how often a copy runs an iteration (branches)
    double stride = 0.0;         ///< accesses: elements from one iteration to the next; NaN: anywhere
    double lanes = 1.0;          ///< copies side by side that one instruction takes
    double paired = 1.0;         ///< ... the part of them that does so
    int along = -1;              ///< the loop written out whose copies these are, if no loop runs in lanes
    bool in_row = false;  ///< with its group one wide operation on elements as they lie, nothing is shuffled
    double row = 1.0;     ///< ... of the text: its elements, vectors of straight code where no lanes are left
    bool gathered = false;  ///< of these, loads that are put into a vector one by one
    bool gathers = false;   ///< of these, loads that are one gather for all lanes
    double shuffles = 0.0;  ///< instructions an iteration that do so, or take elements out again
    double group = 1.0;     ///< strided accesses that fill each other's gaps, this one included
    bool in_group = false;  ///< it is one of those, if alone: a row is loaded or stored, and shuffled
    LoopsAround copied_by;  ///< loops written out that it has copies for
    bool masked = false;    ///< an access whose lanes are switched by its position
    /// Bytes of its last vector register that are switched on, where the position is a constant: 0 if those
    /// of all registers are, or none is.
    std::optional<double> switched_bytes = {};
    bool promoted = false;  ///< moved out of a loop that loads or stores it
  };
  /// A loop that is left, or what stands outside all.
  struct Body {
    bool left = true, innermost = false;
    bool fixed = true;            ///< every entry to it, each copy by itself, has as many iterations
    double replicas = 1.0;        ///< how often its code is there: loops around it that are written out
    double size = 0.0;            ///< instructions an iteration, as one by one
    double address = 0.0;         ///< ... of which for addresses, but for products beside the accesses
    double products = 0.0;        ///< ... of which products
    double moved_address = 0.0;   ///< of those for addresses, what moves out of it when it is vectorised
    double copied_address = 0.0;  ///< of those for addresses, what is in copies of loops inside
    bool masked = false;          ///< its last lanes are switched off, no remainder is left
    bool idiom = false;           ///< it only copies or clears: a call of memcpy or memset
    double wide_size = 0.0;       ///< instructions of `lanes` times `interleave` iterations, where lanes > 1
    double late_size = 0.0;       ///< ... of one of an innermost loop, where they are 1: after vectorisation
    /// How often the loop that is left, in lanes or not, is written out at last (LoopUnroll); where that is
    /// all of it no loop is left. `rest`: the same of the iterations beside the lanes.
    double unrolled = 1.0, rest_unrolled = 1.0;
    bool whole = false;        ///< no loop is left of it
    double spills = 0.0;       ///< instructions of its code that move values to the stack or back
    double spills_once = 0.0;  ///< ... of them those in front of it and behind, once an entry
    double code = 0.0;         ///< instructions in all, with the loops inside
    double lanes = 1.0;        ///< iterations at once
    double interleave = 1.0;
    Way chain = {.cycles = 0.0};  ///< cycles an iteration waits for the one before it
    Way path = {.cycles = 0.0};   ///< cycles from what an iteration begins with to what it ends with
    double link = 0.0;            ///< cycles from one link of such a chain to the next
    double chains = 0.0;          ///< that run side by side
    bool alone = false;           ///< ... and an entry of the loop does not wait for the one before it
    bool real_chain = false;      ///< its order may not change: of reals, or no reduction
    bool recurrence = false;      ///< elements that earlier iterations stored are loaded
    double safe_lanes = 0.0;      ///< ... so many iterations later that this many run at once; 0: none are
    bool checks = false;          ///< whether they are is known when it runs
    double calls = 0.0;           ///< of the mathematics library an iteration; registers do not outlive them
    double held = 0.0;            ///< values that stay in registers over its iterations, a copy each
    double alive = 0.0;           ///< ... and those of one iteration at once
  };

  CodeTarget target;
  std::vector<int> homes;  ///< by loop of the nest: the loop that its body ends up in
  std::vector<Item> items;
  std::vector<Body> bodies;  ///< by loop of the nest + 1

  const Body& body(int loop) const { return bodies[static_cast<std::size_t>(loop + 1)]; }
};

Lowered lowered(const Nest& nest, const CodeTarget& target = {});
/// By loop: whether it is left when short loops have been written out (Lowered::Body::left), in less time.
std::vector<bool> left_early(const Nest& nest, const CodeTarget& target = {});

/// Whether an access is where its indices say.
bool exact(const Nest::Access& access);
/// Whether two accesses of the same indices are to the same element, at one time.
bool placed(const Nest::Access& access);
/// Whether it is elsewhere in another iteration of a loop, as far as its indices say.
bool moves(const Nest::Access& access, int loop);

/// Elements that an access moves on with one iteration of a loop; NaN: anywhere. A size that the text leaves
/// open counts as 64.
double stride_along(const Nest& nest, const Nest::Access& access, int loop);

}  // namespace hone::cost::mlir
