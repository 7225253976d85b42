#pragma once

#include <array>
#include <string>
#include <vector>

#include "hone/cost/mlir/lowered.h"
#include "hone/cost/mlir/nest.h"
#include "hone/cost/mlir/price.h"
#include "hone/cost/mlir/reuse.h"

namespace hone::cost::mlir {

/// Names in the order of the rows of loop_features().
const std::vector<std::string>& loop_feature_names();

/// What each loop does by itself, a row a loop whose body works directly, and first one for what stands
/// outside all loops. Costs that add up over loops are learned from these: the loops of a kernel that was
/// never seen are still loops. Logarithms and shares, ready for trees.
struct LoopRows {
  std::vector<double> values;        ///< rows, one after the other
  std::vector<double> estimates;     ///< by row: log of the cycles that a simple machine would take
  std::vector<double> core;          ///< by row: the same with all data in the first cache
  std::vector<double> instructions;  ///< by row: log of the instructions that it would execute
  /// By row: log of the operations on reals and on whole numbers, and of the bytes loaded and stored, in all.
  std::vector<double> reals, integers, loaded, stored;
  std::vector<double> arguments;  ///< log of the bytes that the function is given: in the first row
  std::vector<double> spills;     ///< by row: log of the values that find no register
  std::vector<double> moves;      ///< by row: log of how often one goes to the stack or back
  std::vector<LoopDemand>
      demands;                ///< by row: what it asks of a machine, of which estimates are one's answer
  std::vector<double> sizes;  ///< by row: log of how much code its body is
  /// By InstructionKind and row: log of the instructions that it would execute.
  std::array<std::vector<double>, kInstructionKinds> mix;
};
LoopRows loop_features(const Nest& nest, const Reuse& reuse, const Lowered& lowered);

}  // namespace hone::cost::mlir
