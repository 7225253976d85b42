#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "hone/cost/mlir/lowered.h"
#include "hone/cost/simple_machine.h"

namespace hone::cost::mlir {

/// A kind of machine instructions: those that read memory, those that write it (each is of another kind,
/// too), on single reals, in vector registers, on whole numbers without memory, jumps and calls.
enum class InstructionKind { load, store, scalar, vector, integer, branch };
constexpr std::size_t kInstructionKinds = 6;
using InstructionMix = std::array<double, kInstructionKinds>;  ///< how many of each

/// One iteration, `lanes` elements at once, all data in the first cache: what it asks of a core, and what
/// that takes one that was not measured.
struct Price {
  double cycles = 0.0, instructions = 0.0;
  InstructionMix mix = {};  ///< of the steps and accesses alone, without masks and places of gathers
  double gathers = 0.0;     ///< cycles besides, of gathers where what they take is known (CodeTarget)
  Ports ports;              ///< what `cycles` is made of, by parts of a core
};
Price price(const Nest& nest, const Lowered& lowered, const std::vector<std::size_t>& items, double lanes);

/// The code of a function that a library has for one element, called for so many: what is around the calls.
struct Calls {
  double instructions = 0.0;
  double moves = 0.0;  ///< of them, that use the stack, for no vector register outlives a call
};
Calls calls_of(double lanes, const Nest::Step& step, const CodeTarget& target);

/// Registers of the machine's that so many bytes are to LLVM: one, two, four, ...
double register_parts(double bytes, const CodeTarget& target);

/// Instructions that LLVM counts for a step on so many times its elements at once (TargetTransformInfo's code
/// size for x86).
double vector_code(const Nest::Step& step, double lanes, const CodeTarget& target);

/// Whether copies side by side are several rows that are no whole vectors. Sums of such rows that a loop
/// hands on stand side by side all the same, whatever row they are of (SLPVectorizer goes through values of
/// one type).
bool ragged(const Nest& nest, const Lowered::Item& item);

/// What LLVM takes a vector's access for, in its own unit, where lanes are switched off without mask
/// registers.
constexpr double switched_access(bool store) { return store ? 8.0 : 2.0; }

}  // namespace hone::cost::mlir
