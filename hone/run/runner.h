#pragma once

#include <functional>
#include <string>

#include "hone/base/json.h"
#include "hone/graph/graph.h"

namespace hone::run {

// The protocol between hone and a device that measures for it: one JSON object a line (docs/formats.md).

constexpr int kRunnerProtocol = 1;
/// A longer line is an error on either side.
constexpr std::size_t kMostRunnerLine = std::size_t{1} << 26;

/// What runs things on this device.
struct RunnerEngine {
  std::string name;     ///< "interpreter"
  std::string accepts;  ///< the member of a request that it measures: "graph", "mlir"
  /// Gets that member's value ready; what it returns runs it once. Throws Error on what it cannot run.
  std::function<std::function<void()>(const Json&)> prepare;
};

/// One that runs graphs. `prepare`: a graph to one forward pass.
RunnerEngine graph_engine(std::string name,
                          std::function<std::function<void()>(const graph::Graph&)> prepare);

/// The reference interpreter (graph/evaluate.h): the right numbers in double precision, at leisure.
RunnerEngine interpreter_engine();

/// What a runner says of the machine it runs on.
Json this_device();

/// Answers requests from descriptor `in` on `out` until the other side says bye or closes. A request that is
/// malformed or fails is answered by an error; only what cannot be read or written ends it: Error
/// (environment).
void serve_runner(int in, int out, const RunnerEngine& engine, const std::function<bool()>& interrupted = {});

}  // namespace hone::run
