// Loops that are left are written out a few times at last, for fewer jumps: LLVM's LoopUnroll.
#include <algorithm>
#include <cmath>

#include "hone/cost/mlir/lowering.h"

namespace hone::cost::mlir {

namespace {

constexpr double kMemoryCall = 3.0;  // instructions of a call that copies or clears
constexpr double kAtRunTime = 8.0;   // copies where the number of iterations is not known
constexpr double kAround = 8.0;      // instructions around a loop in lanes: sums of lanes, checks, entry
constexpr double kMostCopies = 1e4;  // no loop is looked at longer

double size_of(double copies, double size) { return (size - kLoopControl) * copies + kLoopControl; }

/// computeUnrollCount: `trips` iterations of `size` instructions each.
double copies_of(double trips, double size, bool fixed, double most) {
  size = std::max(size, kLoopControl + 1.0);
  if (fixed && trips <= 1.0) return 1.0;
  if (fixed && size_of(trips, size) < kWrittenOut) return trips;
  if (most <= 0.0) return 1.0;
  double copies = kAtRunTime;
  if (fixed) {
    copies = std::min({std::floor((most - kLoopControl) / (size - kLoopControl)), trips, kMostCopies});
    while (copies > 1.0 && std::fmod(trips, copies) != 0.0) --copies;
    if (copies <= 1.0) copies = kAtRunTime;
  }
  while (copies > 1.0 && size_of(copies, size) > most) copies = std::floor(copies / 2.0);
  return std::max(1.0, copies);
}

}  // namespace

void Lowering::unroll_late() {
  const double most = result_.target.unrolled_ops;
  // By loop + 1: code of what is inside, and what of it goes beyond its size.
  std::vector<double> inside(nest_.loops.size() + 1, 0.0), grown = inside;
  for (std::size_t i = nest_.loops.size(); i-- > 0;) {
    Lowered::Body& body = result_.bodies[i + 1];
    const int parent = nest_.loops[i].parent;
    const auto outside = static_cast<std::size_t>(around(static_cast<int>(i)) + 1);
    if (!body.left) continue;
    double copies = 1.0;  // of it in what is around
    for (int at = parent; at >= 0 && !left(at); at = loop(at).parent) copies *= std::max(1.0, loop(at).trips);
    if (body.idiom) {
      body.code = kMemoryCall;
      inside[outside] += body.code * copies;
      continue;
    }
    const Nest::Loop& one = nest_.loops[i];
    const double size = std::max(body.size + grown[i + 1], inside[i + 1] + kLoopControl + 1.0);
    const double trips = body.fixed ? one.most : one.trips;
    if (body.lanes > 1.0) {
      const double block = body.lanes * body.interleave;
      const double blocks = body.masked ? std::ceil(trips / block) : std::floor(trips / block);
      // Where the number is not known at compile time the loop in lanes is left as it is.
      if (body.fixed) body.unrolled = copies_of(blocks, body.wide_size, true, most);
      const double rest = body.fixed ? std::max(0.0, trips - blocks * block) : body.lanes;
      body.code = size_of(body.unrolled, body.wide_size) + kAround;
      if (!body.masked && rest > 0.0) {
        if (body.fixed) body.rest_unrolled = copies_of(rest, size, true, most);
        body.code += size_of(body.rest_unrolled, size);
      }
      body.whole = body.fixed && body.unrolled >= blocks && body.rest_unrolled >= rest;
    } else {
      const double late = body.late_size > 0.0 ? body.late_size : size;
      body.unrolled = copies_of(trips, late, body.fixed, most);
      body.whole = body.fixed && body.unrolled >= trips;
      body.code = size_of(body.unrolled, late) + (!body.fixed && body.unrolled > 1.0 ? late + 2.0 : 0.0);
    }
    grown[outside] += (body.code - body.size) * copies;
    inside[outside] += body.code * copies;
  }
  for (std::size_t i = 0; i < nest_.loops.size(); ++i) {
    for (int at = around(static_cast<int>(i)); at >= 0; at = around(at))
      result_.bodies[i + 1].replicas *= result_.bodies[static_cast<std::size_t>(at) + 1].unrolled;
  }
}

/// The loop around a loop that is left; -1: none.
int Lowering::around(int id) const {
  int at = loop(id).parent;
  while (at >= 0 && !left(at)) at = loop(at).parent;
  return at;
}

}  // namespace hone::cost::mlir
