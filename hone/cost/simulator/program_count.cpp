// How many instructions a program is.
#include <algorithm>
#include <cmath>
#include <set>

#include "hone/cost/simulator/made.h"
#include "hone/cost/simulator/program_builder.h"

namespace hone::cost::simulator {

/// Instructions of an op each time that its loop's body is walked, in so many lanes.
double ProgramBuilder::executed(const Program::Op& op, int at, double lanes, double copies) const {
  const bool both_sides = op.copied && lanes > 1.0;
  double times = both_sides ? 1.0 : share_of(op.in);
  for (const int id : op.first_of) times /= std::max(1.0, loop(id).trips);
  for (const int id : op.last_of) times /= std::max(1.0, loop(id).trips);
  if (op.row > 1.0) {
    const double trips = op.along >= 0 ? std::max(1.0, loop(op.along).trips) : op.row;
    times *= std::ceil(trips / op.row) / trips;
  }
  return times * (op.copied ? copies : 1.0) *
         made_of(op, op.copied ? lanes : 1.0, program_.vector_bytes_, lane_move_of(op, at)).all();
}

/// Instructions of an entry to a loop, or of what stands outside all.
double ProgramBuilder::entry(int id, double lanes, double copies, int lanes_loop) const {
  const Program::Node& node = program_.nodes_[static_cast<std::size_t>(id + 1)];
  const auto once = [&](double in_lanes, double in_copies, int in_loop) {
    double sum = 0.0;
    std::set<int> forks;
    for (const Program::Event& event : node.events) {
      Program::Side in;
      if (event.loop) {
        in = program_.nodes_[static_cast<std::size_t>(event.index + 1)].in;
        sum += share_of(in) * entry(event.index, in_lanes, in_copies, in_loop);
      } else {
        const Program::Op& op = program_.ops_[static_cast<std::size_t>(event.index)];
        if (!op.copied || in_lanes <= 1.0) in = op.in;
        sum += executed(op, in_loop, in_lanes, in_copies);
      }
      for (; in.fork >= 0; in = program_.forks_[static_cast<std::size_t>(in.fork)].in) forks.insert(in.fork);
    }
    for (const int fork : forks) sum += share_of(program_.forks_[static_cast<std::size_t>(fork)].in);
    return sum;
  };
  if (id < 0) return once(1.0, 1.0, -1);
  if (!node.left) return node.trips * once(lanes, copies, lanes_loop);
  const WalkedSplit split = walked(node, node.trips);
  const auto part = [&](double count, double in_lanes, double in_copies) {
    if (count <= 0.0) return 0.0;
    return count * once(in_lanes, in_copies, id) +
           (node.whole ? 0.0 : 2.0 * std::ceil(count / node.unrolled));
  };
  double sum = part(split.blocks, node.lanes, node.interleave) + part(split.halves, split.half, 1.0) +
               part(split.rest, 1.0, 1.0);
  if (split.blocks > 0.0)
    sum += static_cast<double>(node.carries.size()) *
           (node.interleave - 1.0 + 2.0 * std::log2(std::max(1.0, node.lanes)));
  return sum;
}

void ProgramBuilder::count() { program_.instructions_ = entry(-1, 1.0, 1.0, -1); }

}  // namespace hone::cost::simulator
