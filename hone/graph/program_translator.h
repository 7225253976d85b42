#pragma once

#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/graph/program.h"

// From registers to values, for program.cpp and program_text.cpp.
namespace hone::graph {

inline void check_register(int reg) {
  if (reg < 0 || reg >= Program::kMostRegisters)
    throw Error(fmt::format("there is no register {}", reg), {},
                fmt::format("registers are r0 to r{}", Program::kMostRegisters - 1));
}

/// Registers during a run or a translation: what each holds by now.
template <typename Held>
class Registers {
 public:
  void write(int reg, Held value) {
    check_register(reg);
    held_.insert_or_assign(reg, std::move(value));
  }
  const Held& read(int reg) const {
    check_register(reg);
    const auto found = held_.find(reg);
    if (found == held_.end()) throw Error(fmt::format("r{} is read before anything is written into it", reg));
    return found->second;
  }

 private:
  std::map<int, Held> held_;
};

/// Turns instructions into nodes, one at a time.
class Translator {
 public:
  void input(const Program::Input& input) {
    check_register(input.reg);
    nodes_.write(input.reg, graph_.input(fmt::format("r{}", input.reg), input.shape, input.type));
  }
  void instruction(const Program::Instruction& instruction) {
    std::vector<int> inputs, shared;
    for (int reg : instruction.inputs) inputs.push_back(nodes_.read(reg));
    check_register(instruction.output);
    const auto known = weights_.find(instruction.weights);
    if (!instruction.weights.empty() && known != weights_.end()) shared = known->second;
    const int node = graph_.add(instruction.op, instruction.attributes, std::move(inputs),
                                fmt::format("i{}", ++instructions_), shared);
    if (!instruction.weights.empty() && !graph_.node(node).parameters.empty())
      weights_[instruction.weights] = graph_.node(node).parameters;
    nodes_.write(instruction.output, node);
  }
  void output(int reg) { graph_.output(nodes_.read(reg)); }
  Graph take() { return std::move(graph_); }

 private:
  Graph graph_;
  Registers<int> nodes_;
  std::map<std::string, std::vector<int>> weights_;
  int instructions_ = 0;
};

}  // namespace hone::graph
