#pragma once

#include <string>
#include <vector>

#include "hone/graph/array.h"
#include "hone/graph/graph.h"

namespace hone::graph {

/// A candidate as a straight-line program over registers: instructions run one after the other, each writes
/// the result of a registered operator into a register, which may be one that was written before; what no
/// output comes of is allowed. The representation that evolution of programs mutates ("AutoML-Zero: Evolving
/// Machine Learning Algorithms From Scratch"); its graph gives it a structural key. A plain value.
///
/// As text, a line an instruction, # starts a comment:
///
///     input r0 float32 4x16x8x8 # the name of the graph's input is the register's
///     r1 = conv2d r0 [kernel=3 out=16] @w
///     r1 = activation r1 [kind=relu]
///     r0 = add r0, r1
///     output r0
///
/// Attributes left out take the operator's defaults. Instructions of one @label share their parameters, which
/// must have the same shapes.
struct Program {
  static constexpr int kMostRegisters = 65536;

  struct Input {
    int reg = 0;
    Shape shape;
    DataType type = DataType::float32;
    bool operator==(const Input&) const = default;
  };
  struct Instruction {
    std::string op;
    Attributes attributes;
    std::vector<int> inputs;   ///< registers
    int output = 0;            ///< register
    std::string weights = {};  ///< label of shared parameters; "": its own
    bool operator==(const Instruction&) const = default;
  };

  std::vector<Input> inputs;  ///< registers that hold something before the first instruction
  std::vector<Instruction> code;
  std::vector<int> outputs;  ///< registers read after the last instruction
  bool operator==(const Program&) const = default;

  /// Reads a program and checks it whole; attributes are completed. `source` names the text in errors. Throws
  /// Error, which names the line, where something is malformed, unknown, read before it is written, or does
  /// not fit.
  static Program parse(const std::string& text, const std::string& source = "program");
  std::string text() const;  ///< what parse reads
  /// The same in static single assignment: a node an instruction, dead ones too, parameters in the order of
  /// the instructions. Throws Error, which names the instruction, where one does not fit.
  Graph graph() const;
};

/// Runs a program instruction by instruction over its registers. `inputs` in the program's order,
/// `parameters` as the program's graph() numbers them. Returns what the output registers hold at the end.
/// Operators see the statistics of the batch, as in training. Throws Error as evaluate(Graph) does.
std::vector<Array> evaluate(const Program& program, const std::vector<Array>& inputs,
                            const std::vector<Array>& parameters);

}  // namespace hone::graph
