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

/// Cycles until a result is there, roughly, on a core of today.
double latency_of(Work work);

}  // namespace hone::cost::mlir
