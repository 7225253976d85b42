#include "hone/cost/mlir/loop_run.h"

#include <algorithm>
#include <cmath>

namespace hone::cost::mlir {
namespace {

/// Part of its longest run from which all runs of a loop but the last are taken for as long: those of tiles.
constexpr double kAllAsLong = 0.9;
/// Lanes from which what blocks leave over runs in half as many first (LLVM's
/// epilogue-vectorization-minimum-VF).
constexpr double kLanesHalved = 16.0;
constexpr double kLibraryCall = 8.0;  // instructions of an entry that is one call
/// Instructions, cycles too, to enter: a function, a loop, what chooses between lanes and one by one.
constexpr double kEnterFunction = 20.0, kEnterLoop = 4.0, kEnterLanes = 8.0;

LoopRun::Split split_of(const Nest::Loop& one, const Lowered::Body& left) {
  LoopRun::Split split;
  const double block = split.block = left.lanes * left.interleave;
  const double trips = split.trips = std::max(1e-3, one.trips);
  split.blocks = block <= 1.0  ? 0.0
                 : left.masked ? std::ceil(trips / block)
                 : left.fixed  ? std::floor(one.most / block) * trips / one.most
                 // All but the last are as long.
                 : trips > kAllAsLong * one.most ? std::floor(one.most / block) * trips / one.most
                                                 : std::max(0.0, trips / block - 0.5);
  split.rest = block <= 1.0 ? trips : std::max(0.0, trips - split.blocks * block);
  const double half = left.lanes / 2.0;
  split.halves = left.lanes >= kLanesHalved && split.blocks > 0.0 ? std::floor(split.rest / half) : 0.0;
  split.rest -= split.halves * half;
  split.laps = split.blocks / (block > 1.0 ? left.unrolled : 1.0) + split.halves +
               split.rest / (block > 1.0 ? left.rest_unrolled : left.unrolled);
  return split;
}

}  // namespace

const Nest::Loop& loop_of(const Nest& nest, int loop) {
  static const Nest::Loop outside{.trips = 1.0,
                                  .most = 1.0,
                                  .entries = 1.0,
                                  .iterations = 1.0,
                                  .variables = {},
                                  .carried = {},
                                  .yielded = {},
                                  .initial = {},
                                  .bounded_by = {},
                                  .first = {}};
  return loop < 0 ? outside : nest.loops[static_cast<std::size_t>(loop)];
}

double LoopRun::executed(double in_lanes, double in_half, double by_one, double a_lap) const {
  return split.blocks * in_lanes * left.interleave + split.halves * in_half + split.rest * by_one +
         split.laps * a_lap;
}

LoopRun loop_run(const Nest& nest, const Lowered& lowered, int loop, const LoopBody& body) {
  const Nest::Loop& one = loop_of(nest, loop);
  const Lowered::Body& left = lowered.body(loop);
  LoopRun run{.loop = loop,
              .one = one,
              .left = left,
              .body = body,
              .iterations = std::max(1e-9, one.iterations),
              .entries = std::max(1e-9, loop < 0 ? 1.0 : one.entries),
              .split = split_of(one, left),
              .wide = price(nest, lowered, body.items, left.lanes),
              .narrow = price(nest, lowered, body.items, left.lanes / 2.0),
              .single = price(nest, lowered, body.items, 1.0),
              .copy = left.idiom ? short_copy(nest, lowered, loop, body.items) : ShortCopy{}};
  const LoopRun::Split& split = run.split;
  // Those of a call are the library's.
  run.instructions = run.copy.stores > 0.0 ? run.copy.loads + run.copy.stores
                     : left.idiom          ? kLibraryCall
                                           : run.executed(run.wide.instructions, run.narrow.instructions,
                                                          run.single.instructions, kCountAndJump);
  // Of a short copy no loop is left.
  run.entry = loop < 0                ? kEnterFunction
              : run.copy.stores > 0.0 ? 0.0
                                      : kEnterLoop + (split.in_lanes() ? kEnterLanes : 0.0);
  run.passes = loop < 0 ? 1.0 : run.entries * (split.in_lanes() ? split.blocks : split.trips) / left.unrolled;
  run.moves = run.passes * (left.spills - left.spills_once) + run.entries * left.spills_once;
  return run;
}

}  // namespace hone::cost::mlir
