#pragma once

#include <cstdint>
#include <functional>

#include "hone/cost/mlir/text.h"
#include "hone/cost/simulator/core.h"
#include "hone/cost/simulator/program.h"
#include "hone/cost/simulator/simulator.h"

namespace hone::cost::simulator {

/// What a function executes on a core: compiled for its vectors and caches. `function`: one of
/// Module::functions(). Throws Error as Program does.
Program program_of(const mlir::Module& module, int function, const Core& core);

/// Whether a function holds anything that program_of takes.
bool executes(const mlir::Module& module, int function);

struct SimulateOptions {
  /// Part of the instructions that is simulated, in (0, 1]; 1: all.
  double portion = 1.0;
  /// A portion is at least so many instructions, or all there are.
  std::uint64_t least = 20000;
  /// And at most so many; 0: no end.
  std::uint64_t most = 0;
  /// What the function touches has been walked through before, as when it is called again; else caches are
  /// empty.
  bool warm = true;
  /// Asked with the instructions so far, soon and then every tenth of a second or more often; false stops.
  std::function<bool(std::uint64_t)> going = {};
};
/// How many instructions a portion is.
std::uint64_t portion_of(const Program& program, const SimulateOptions& options);

struct SimulatedRun {
  Simulated part;      ///< what was simulated
  bool whole = false;  ///< that was all
  bool stopped = false;
  double wall_s = 0.0;
};
/// Simulates a function from its beginning.
SimulatedRun simulate(const Program& program, const Core& core, const SimulateOptions& options = {});

/// The same of the whole, with what had been seen at the portion's end.
struct PortionAndWhole {
  Simulated portion, whole;
  bool finished = false;  ///< the whole trace was simulated (most, going did not end it)
  double portion_s = 0.0, whole_s = 0.0;
};
PortionAndWhole simulate_both(const Program& program, const Core& core, const SimulateOptions& options);

}  // namespace hone::cost::simulator
