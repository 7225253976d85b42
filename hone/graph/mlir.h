#pragma once

#include <string>
#include <vector>

#include "hone/graph/graph.h"
#include "hone/graph/mlir_writer.h"

namespace hone::graph {

struct MlirOptions {
  MlirForm form = MlirForm::linalg;
  std::string function = "main";  ///< letters, digits and _
  /// Operators that keep moments (batch_norm): true: by the statistics of the batch; false: by the stored
  /// moments, which are arguments.
  bool training = false;
};

/// An argument of the function that a graph becomes.
struct MlirArgument {
  enum class Kind { input, parameter, moment, output };
  Kind kind = Kind::input;
  int node = -1;     ///< of an input, a moment, an output
  int number = 0;    ///< of the inputs; index in Graph::parameters(); of the node's moments; of the outputs
  std::string name;  ///< as the graph calls it
  Shape shape;
  DataType type = DataType::float32;
};

/// In order: inputs, all parameters, moments (of nodes that outputs need, in inference), and, in the affine
/// form, outputs, which the function writes.
std::vector<MlirArgument> mlir_arguments(const Graph& graph, const MlirOptions& options = {});

/// One func.func of MLIR 19: linalg on tensors, which returns the outputs, or affine loops on memrefs, which
/// writes them into its last arguments (all memrefs are marked llvm.noalias). What no output needs is not
/// written. Float32, token numbers i64. Numbers are those of graph/evaluate.h within float32's accuracy.
/// Throws Error where an operator of somebody's own has no MLIR.
std::string mlir_function(const Graph& graph, const MlirOptions& options = {});

/// A module of that one function.
std::string to_mlir(const Graph& graph, const MlirOptions& options = {});

}  // namespace hone::graph
