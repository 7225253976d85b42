#pragma once

#include "hone/cost/mlir/loop_body.h"
#include "hone/cost/mlir/lowered.h"
#include "hone/cost/mlir/nest.h"
#include "hone/cost/mlir/price.h"
#include "hone/cost/mlir/short_copy.h"

namespace hone::cost::mlir {

/// A loop of the nest; of -1 what stands outside all, which runs once.
const Nest::Loop& loop_of(const Nest& nest, int loop);

constexpr double kCountAndJump = 2.0;  ///< instructions each time that a loop goes round

/// How a loop that is left runs, or what stands outside all. It refers to what it was made of.
struct LoopRun {
  /// The iterations of an entry to a loop: in lanes, then in half as many, then one by one.
  struct Split {
    double trips = 1.0;   ///< in all
    double block = 1.0;   ///< of a block in lanes; 1: no loop runs in lanes
    double blocks = 0.0;  ///< in lanes
    double halves = 0.0;  ///< steps in half as many
    double rest = 0.0;    ///< one by one
    double laps = 0.0;    ///< how often the loops that are left of it go round

    bool in_lanes() const { return block > 1.0; }
  };

  int loop;
  const Nest::Loop& one;
  const Lowered::Body& left;
  const LoopBody& body;
  double iterations, entries;  ///< in all
  Split split;
  Price wide, narrow, single;  ///< of an iteration in lanes, in half as many, one by one
  ShortCopy copy;              ///< all that there is, if it is one
  double instructions = 0.0;   ///< of an entry, but for ...
  double entry = 0.0;          ///< ... those that enter it
  double passes = 0.0;         ///< of its code, in all
  double moves = 0.0;          ///< to the stack and back, in all

  /// Of an entry, what is so much a step in lanes, in half as many, one by one, and each time that a loop
  /// goes round.
  double executed(double in_lanes, double in_half, double by_one, double a_lap) const;
};

/// `body` is that of the loop.
LoopRun loop_run(const Nest& nest, const Lowered& lowered, int loop, const LoopBody& body);

}  // namespace hone::cost::mlir
