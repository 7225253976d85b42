#pragma once

#include "hone/cost/simulator/program.h"

namespace hone::cost::simulator {

/// How an entry's iterations go: in lanes, in half as many, one by one.
struct WalkedSplit {
  double block = 1.0, blocks = 0.0, half = 0.0, halves = 0.0, rest = 0.0;
};
WalkedSplit walked(const Program::Node& node, double trips);

/// Instructions that an op is, where so many iterations run in lanes.
struct Made {
  double accesses = 0.0;  ///< loads or stores, or steps in a row that do not wait for each other
  double chain = 1.0;     ///< ... each of so many that do
  double beside = 0.0;    ///< shuffles, and what a function does beside its chain
  double bytes = 0.0;     ///< of an access
  double apart = 0.0;     ///< bytes from one access to the next
  double all() const { return accesses * chain + beside; }
};
Made made_of(const Program::Op& op, double lanes, double vector_bytes, double lane_move);

/// Bytes that an op's place moves by from one iteration of a loop to the next.
double lane_move_of(const Program::Op& op, int loop);

}  // namespace hone::cost::simulator
