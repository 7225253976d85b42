#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "hone/cost/mlir/target.h"
#include "hone/label/frontend.h"

namespace hone::label {

/// What one call of a kernel executes, and what its code is made of. Counts of what runs are exact: an
/// instrumented copy of the optimised function counts its basic blocks in one call; machine blocks that the
/// code generator added take the count of the blocks around them. Calls to library functions (exp) count as
/// one instruction.
struct Facts {
  double instructions = 0;     ///< machine instructions executed
  double vector = 0;           ///< of these on vector registers, packed
  double scalar_float = 0;     ///< scalar floating point
  double integer = 0;          ///< other arithmetic: addresses, counters, comparisons
  double load = 0;             ///< that read memory (also counted above where they compute)
  double store = 0;            ///< that write memory
  double branch = 0;           ///< jumps, calls and returns among them
  double spills_executed = 0;  ///< stores to and loads from spill slots executed
  double mca_cycles = 0;       ///< LLVM's machine-code analyser, blocks weighted by their counts
  std::int64_t spills = 0;     ///< instructions in the code that store to or load from spill slots
  std::int64_t code_instructions = 0;
  std::int64_t vector_registers = 0;  ///< different ones that the code names
  std::int64_t general_registers = 0;
  double float_operations =
      0;  ///< additions, multiplications, divisions, comparisons; each vector lane counts
  double integer_operations = 0;  ///< likewise on i32 data
  double bytes_loaded = 0;        ///< by load instructions of the optimised representation
  double bytes_stored = 0;
};

/// A compiled function in this process. Not thread safe.
class Program {
 public:
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  const std::vector<Argument>& arguments() const;
  /// Calls it once. `memory` holds a pointer an argument, aligned to its element.
  void call(void* const* memory) const;
  /// Runs an instrumented copy once on that memory and tells what was executed.
  Facts analyse(void* const* memory) const;
  /// The optimised function in LLVM's representation.
  std::string llvm_text() const;
  /// Whether both are the same machine code, byte for byte.
  bool same_code(const Program& other) const;

 private:
  friend class Backend;
  struct Implementation;
  explicit Program(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

/// Optimises at the compiler's highest level (-O3) for a CPU, generates code, links it into this process.
class Backend {
 public:
  Backend();  ///< for this machine's CPU, with all that it can do
  ~Backend();
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  const std::string& cpu() const;  ///< LLVM's name of it: "znver4"
  std::unique_ptr<Program> compile(Lowered lowered) const;
  /// A function of LLVM text, named kEntry, that takes a pointer to pointers; for yardsticks.
  std::unique_ptr<Program> compile_llvm(const std::string& text) const;
  /// The width of a vector register in bytes (64 with AVX-512).
  int vector_bytes() const;
  /// What it compiles loops for: its vectors may be narrower than the registers.
  cost::mlir::CodeTarget code_target() const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace hone::label
