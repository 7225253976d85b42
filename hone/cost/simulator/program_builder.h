#pragma once

#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "hone/cost/simulator/program.h"

namespace hone::cost::simulator {

/// Makes a Program's code: which instruction stands in which loop, in which order, what it uses.
class ProgramBuilder {
 public:
  ProgramBuilder(Program& program, const mlir::Nest& nest, const mlir::Lowered& lowered)
      : program_(program), nest_(nest), lowered_(lowered) {}
  void build();

 private:
  using Nest = mlir::Nest;
  const Nest::Loop& loop(int id) const { return nest_.loops[static_cast<std::size_t>(id)]; }
  Program::Node& node(int id) { return program_.nodes_[static_cast<std::size_t>(id + 1)]; }

  void place_buffers();
  void make_nodes();
  void make_forks();
  void enter_forks();
  /// The innermost side of a branch of a loop (-1: of none) that something of an order stands in; where there
  /// is none, one for what runs in a `share` of its iterations.
  Program::Side side_of(int loop, int order, double share);
  double share_of(Program::Side side) const;
  static Program::Sum sum_of(const mlir::Nest::Index& index);
  void equal_values();
  void make_op(int item);
  void make_access(Program::Op& op, const mlir::Lowered::Item& item, const Nest::Access& access);
  void make_step(Program::Op& op, const mlir::Lowered::Item& item, const Nest::Step& step);
  void carry_values();
  void carry_memory();
  void order_events();
  void count();
  double executed(const Program::Op& op, int at, double lanes, double copies) const;
  double entry(int id, double lanes, double copies, int lanes_loop) const;

  /// Whether items of that step are instructions.
  static bool executes(const Nest::Step& step);
  int register_of(int value);
  /// The registers that hold a value, at most three; what is no instruction hands on what it uses.
  void sources_of(int value, int in_loop, std::vector<std::pair<int, bool>>& out, int depth = 0);
  int first_source(int value);
  /// The loop that has its copies interleaved in which a register's value is made; -1: none.
  int interleaved_in(int home) const;

  Program& program_;
  const Nest& nest_;
  const mlir::Lowered& lowered_;
  std::vector<std::uint64_t> bases_;                ///< by buffer
  std::vector<double> sizes_;                       ///< by buffer: bytes of its memory
  std::unordered_map<int, int> items_;              ///< by value: the item that gives it
  std::unordered_map<int, int> equal_;              ///< by value: one that is the same and has an item
  std::unordered_map<int, std::vector<int>> from_;  ///< by value: what it comes from, where no item gives it
  std::unordered_map<int, int> registers_;          ///< by value
  std::unordered_map<int, int> register_loop_;  ///< by register: the loop in lanes that makes or carries it
  std::vector<std::tuple<int, std::tuple<int, int, int>, Program::Event>> events_;  ///< loop, order
  std::vector<std::pair<int, int>> orders_;             ///< by loop: the first and last order inside
  std::unordered_map<int, std::vector<int>> forks_in_;  ///< by loop
  std::map<std::pair<int, double>, int> other_forks_;  ///< by loop and share: of which the nest tells nothing
  std::unordered_map<int, int> made_in_;               ///< by register: the loop that gives it
};

}  // namespace hone::cost::simulator
