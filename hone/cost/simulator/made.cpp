#include "hone/cost/simulator/made.h"

#include <algorithm>
#include <cmath>

namespace hone::cost::simulator {
namespace {

constexpr double kCallStep = 4.0;     // cycles of one link of a function's chain
constexpr double kCallWidth = 2.0;    // instructions a cycle that a function executes
constexpr double kHalvedFrom = 16.0;  // iterations at once from which on the rest runs in half as many lanes

}  // namespace

WalkedSplit walked(const Program::Node& node, double trips) {
  WalkedSplit split;
  split.block = node.lanes * node.interleave;
  if (split.block <= 1.0) {
    split.rest = trips;
    return split;
  }
  split.blocks = std::floor(trips / split.block);
  split.rest = trips - split.blocks * split.block;
  if (node.masked && split.rest > 0.0) {
    ++split.blocks;
    split.rest = 0.0;
  }
  if (split.block >= kHalvedFrom && node.lanes >= 4.0) {
    split.half = node.lanes / 2.0;
    split.halves = std::floor(split.rest / split.half);
    split.rest -= split.halves * split.half;
  }
  return split;
}

Made made_of(const Program::Op& op, double lanes, double vector_bytes, double lane_move) {
  Made made;
  const double width = op.copied ? lanes : op.row;
  const double element = op.bits / 8.0, bytes = element * op.elements * width;
  const double registers = std::max(1.0, std::ceil(bytes / vector_bytes));
  if (op.kind == Kind::load || op.kind == Kind::store) {
    const double stride = op.copied && width > 1.0 ? std::abs(lane_move) / element : 1.0;
    made.bytes = std::min(bytes / registers, 64.0);
    made.accesses = registers;
    made.apart = made.bytes;
    if (op.apart) {
      made.accesses = op.elements * width, made.bytes = made.apart = element;
    } else if (!op.anywhere.empty() && width > 1.0) {
      made.accesses = width;  // gathered
      made.bytes = std::min(64.0, element * op.elements);
      made.apart = 0.0;
      made.beside = width - 1.0;
    } else if (stride == 0.0) {
      made.accesses = 1.0, made.bytes = std::min(64.0, element * op.elements);
    } else if (op.in_group && width > 1.0) {
      made.accesses = std::max(1.0, std::ceil(bytes * stride / op.group / vector_bytes));
      made.bytes = std::min(vector_bytes, 64.0);
      made.apart = made.bytes;
      made.beside = made.accesses;
    } else if (stride != op.elements && stride != 1.0) {
      made.accesses = width;  // one by one, put together or taken apart
      made.bytes = std::min(64.0, element * op.elements);
      made.apart = lane_move;
      made.beside = width - 1.0;
    }
    return made;
  }
  if (op.call_latency > 0.0) {
    made.accesses = op.elements * width;
    made.chain = std::max(1.0, std::round(op.call_latency / kCallStep));
    made.beside = made.accesses * std::max(0.0, std::round(op.call_cycles * kCallWidth) - made.chain);
    return made;
  }
  const bool wide = op.elements * width > 1.0;
  made.accesses = wide ? registers : 1.0;
  made.chain = wide ? op.wide : op.single;
  return made;
}

double lane_move_of(const Program::Op& op, int loop) {
  for (const auto& [id, bytes] : op.moves)
    if (id == loop) return bytes;
  return 0.0;
}

}  // namespace hone::cost::simulator
