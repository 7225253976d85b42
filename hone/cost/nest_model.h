#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hone::cost {

/// How one load or store moves through memory: `strides[l]` elements for a step of loop l.
struct NestAccess {
  int buffer = 0;  ///< accesses of one buffer have the same number
  bool store = false;
  int element_bytes = 4;
  std::vector<std::int64_t> strides;
  /// By the buffer's dimensions: steps along it for a step of loop l. strides[l] is their sum weighted with
  /// the dimensions' own strides.
  std::vector<std::vector<std::int64_t>> steps;
  std::vector<std::int64_t> shape;  ///< of the buffer
  std::int64_t offset = 0;          ///< constant, in elements
  bool operator==(const NestAccess&) const = default;
};

/// The distance of a dependence in each loop, an interval; empty: unbounded.
struct NestDistance {
  std::optional<std::int64_t> low, high;
  bool operator==(const NestDistance&) const = default;
};

/// A perfect nest of loops, outermost first, whose innermost body has no loop: what a transformation of its
/// loops needs to know. Loops are numbered by their original place.
struct PerfectNest {
  struct Loop {
    double trip = 1.0;               ///< iterations, on average where bounds vary
    bool fixed = true;               ///< bounds are constants
    std::vector<int> bounds_depend;  ///< loops of this nest that its bounds mention
    bool operator==(const Loop&) const = default;
  };
  std::vector<Loop> loops;
  std::vector<NestAccess> accesses;
  std::vector<std::vector<NestDistance>> dependences;  ///< each with a distance a loop
  bool known = true;    ///< false: some dependence cannot be told; nothing may be reordered
  double around = 1.0;  ///< how often the whole nest runs
  enum class Kind { arithmetic, divide, call, integer };
  /// An operation of the body, and the loops that its value depends on, a bit each.
  struct Operation {
    Kind kind = Kind::arithmetic;
    std::uint32_t loops = 0;
    bool operator==(const Operation&) const = default;
  };
  std::vector<Operation> operations;
  int element_bytes = 4;
  bool operator==(const PerfectNest&) const = default;
};

/// What to do with a nest: all by original loop numbers.
struct NestChoice {
  std::vector<int> order;          ///< loops from outermost to innermost
  std::vector<std::int64_t> tile;  ///< by loop; 0: not tiled
  std::vector<std::int64_t> jam;   ///< by loop: unroll by so much and jam into the body; 1: not
  std::vector<int> transposed;     ///< buffers to read from a transposed copy
  bool operator==(const NestChoice&) const = default;

  static NestChoice none(const PerfectNest& nest);
  /// "order 0,2,1 tile 0,0,64 jam 4,1,1"; "" where it changes nothing.
  std::string text() const;
};

/// Whether the choice keeps every dependence's source before its target, and whether loops' bounds allow it.
bool legal(const PerfectNest& nest, const NestChoice& choice);

/// What the model must know of a machine.
struct NestMachine {
  int vector_bytes = 32;
  int vector_registers = 16;
  /// For an element that a vector loop reads or writes with a stride (a gather's share).
  double strided_cycles = 1.5;
  /// For an element of a sum whose loop was jammed over loads with a stride: a compiler may gather them into
  /// a vector. 0.5 is what independent sums take by themselves.
  double jammed_cycles = 0.5;
  std::vector<double> cache_bytes = {32768, 1 << 20, 32 << 20};
  std::vector<double> bytes_per_cycle = {64, 32, 14, 8};  ///< from each cache, and from memory
};

/// Cycles that the nest takes after the choice, by arithmetic, latency, loads and stores of its innermost
/// loop as a compiler vectorises it, and by the traffic between the levels of memory. An analytic model in
/// the spirit of the features of "LOOPer: A Learned Automatic Code Optimizer For Polyhedral Compilers"; for
/// ranking, not for absolute values.
double nest_cycles(const PerfectNest& nest, const NestChoice& choice, const NestMachine& machine);

/// The legal choices worth considering, at most `most`; the first changes nothing. Of nests of more than four
/// loops, those of the orders that nest_cycles likes come first.
std::vector<NestChoice> nest_choices(const PerfectNest& nest, const NestMachine& machine,
                                     std::size_t most = 4000);

}  // namespace hone::cost
