#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace hone::cost::simulator {

/// What an instruction asks of a core: the kind of unit that it is executed by.
enum class Kind : std::uint8_t {
  integer,
  multiply,     ///< of whole numbers
  divide,       ///< of whole numbers
  fp_add,       ///< and comparisons, conversions and rounding of reals
  fp_multiply,  ///< and fused multiply-adds; products of vectors of whole numbers
  fp_divide,    ///< and square roots
  vector,       ///< of whole numbers in vectors, shuffles, choices
  load,
  store,
  branch
};
constexpr std::size_t kKinds = 10;
/// "integer", "fp_add", ...
const char* kind_name(Kind kind);

/// One executed instruction of a trace.
struct Instruction {
  std::uint64_t address = 0;  ///< loads and stores: of the first byte
  std::uint32_t place = 0;  ///< of its code: the same each time that this instruction of the code is executed
  /// Instructions back to those that give what it uses; 0: none. A store's first one is what it stores.
  std::array<std::uint32_t, 3> sources = {};
  std::uint16_t bytes = 0;  ///< loads and stores, at most 64
  Kind kind = Kind::integer;
  bool taken = false;  ///< branches
};

/// Takes the next instructions of a trace, in the program's order; false: no more are wanted. Where long
/// nothing comes it is asked with none.
using TraceSink = std::function<bool(std::span<const Instruction>)>;

}  // namespace hone::cost::simulator
