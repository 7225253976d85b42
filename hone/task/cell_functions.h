#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "hone/task/cell.h"

namespace hone::task {

/// What the operations of a cell are in CellFunctions: see CellClasses.
enum class CellMaps { tanh_bias, tanh, relu_linear_pool };

/// Computes cells with random maps in place of operations; remembers what it computed. Not thread safe.
class CellFunctions {
 public:
  /// The maps are drawn by hone's own generator: W from N(0, 4 / n), b from N(0, 1), inputs from N(0, 9).
  explicit CellFunctions(CellMaps maps, std::size_t dimension = 256, std::uint64_t seed = 1);
  ~CellFunctions();
  CellFunctions(const CellFunctions&) = delete;
  CellFunctions& operator=(const CellFunctions&) = delete;

  /// The output, `dimension` numbers: a single output itself; several, whose order must not matter, as the
  /// sum of one further random map of each.
  std::vector<double> values(const Cell& cell);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hone::task
