#pragma once

#include <cstdint>
#include <string_view>

namespace hone::cost::mlir {

/// What one application of an operation to one element costs a machine, roughly.
enum class Work : std::uint8_t {
  none,  ///< casts of shapes, constants, structure
  add,   ///< floating point addition, subtraction, negation, absolute value
  multiply,
  fma,
  divide,          ///< and remainder
  root,            ///< square roots and their inverses
  transcendental,  ///< exp, log, tanh, erf, powers, trigonometry
  compare,         ///< minimum, maximum, comparison, selection, rounding
  convert,         ///< between number types
  integer,         ///< any cheap integer or address arithmetic
  integer_multiply,
  integer_divide,
  load,
  store,
  copy,         ///< moves elements: pad, concat, transpose, insert_slice
  contraction,  ///< sums of products: matmul, dot, convolution
  reduction,    ///< of whole arrays
  pooling,
  shuffle,  ///< rearranges elements of vectors
  control,  ///< branches, loops, returns
  call,
  unknown  ///< on shaped values: taken for element-wise
};
constexpr int kWorks = static_cast<int>(Work::unknown) + 1;
/// "add", "transcendental", ...
const char* work_name(Work work);

/// By name; of dialects that are not known by what their names usually mean (`tosa.conv2d`,
/// `torch.aten.mm`, `stablehlo.exponential`).
Work work_of(std::string_view operation);

/// Additions that one application stands for: 1, of an fma 2; 0 for what is no arithmetic.
double flops_of(Work work);

/// Instructions of x86-64 that one comparison, choice or rounding of reals becomes, by itself or of a whole
/// vector, as LLVM 19 lowers it for AVX2; where masks have registers one more is needed where these are more
/// than two. Extrema that hand NaN on and tell -0 from 0 are long, unless an operand is a constant: then
/// `constant` is set, and `zero` if it is 0.
struct Choice {
  double single = 1.0, vector = 1.0;
};
Choice choice_of(std::string_view operation, bool constant = false, bool zero = false);
/// That of extrema which hand NaN on, of any two values.
constexpr Choice kExtremum = {10.0, 5.0};

/// Cycles until a result is there, roughly, on a core of today (Fog, "Instruction tables", 2025: Intel from
/// Skylake on, AMD from Zen 2 on): of reals or integers, of so many bits. `choice`: where reals are compared.
double latency_of(Work work, bool real, int bits, const Choice& choice = {});

}  // namespace hone::cost::mlir
