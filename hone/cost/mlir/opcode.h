#pragma once

#include <array>
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
/// Of an operation of the llvm dialect the name that arith or math has for the same: "arith.addi" of
/// "llvm.add", "math.exp" of "llvm.intr.exp". Others' names are what they are.
std::string_view plain_name(std::string_view operation);
/// Whether that is known of an operation by its whole name; of others it is a guess by the words in it.
bool known_by_name(std::string_view operation);

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

/// Cycles that a call of the mathematics library takes where calls do not wait for each other, and until its
/// result is there: glibc 2.36, arguments in which no case is rare.
struct Called {
  double cycles = 0.0, latency = 0.0;
};
/// A locked addition or exchange, cycles: nothing behind it begins before it is done. `kAtomicAgain`: an
/// exchange of the element that the one before it stored, which must be there to be loaded.
inline constexpr Called kAtomic = {18.0, 18.0}, kAtomicAgain = {37.0, 37.0};
/// Of an operation that is such a call, by its name (`math.tanh`, `tosa.sigmoid`).
Called called_for(std::string_view operation, int bits);

/// Whether a function of whole tensors is such a call of which a compiler knows nothing, one element at a
/// time: others are intrinsics of LLVM.
bool unknown_call(std::string_view operation);

/// Cycles that a division or a root keeps the port for: of a single number or of a vector, which is longer
/// than 16 bytes or not, an instruction.
double divider_cycles(Work work, int bits, double vector_bytes);

/// Cycles until a result is there, roughly, on a core of today (Fog, "Instruction tables", 2025: Intel from
/// Skylake on, AMD from Zen 2 on): of reals or integers, of so many bits. `choice`: where reals are compared;
/// `called`: where a function is.
double latency_of(Work work, bool real, int bits, const Choice& choice = {}, const Called& called = {});

/// What operations that wait for each other are, by how processors differ in what they take.
enum class Link : std::uint8_t {
  sum,
  product,
  extremum,
  choice,
  quotient,
  function,
  whole,
  whole_product,
  load,
  memory
};
constexpr std::size_t kLinkKinds = 10;
Link link_of(Work work, bool real, const Choice& choice = {});

/// The longest way from one value to another: cycles in all, and by what they are of.
struct Way {
  double cycles = -1.0;  ///< below 0: none leads there
  std::array<float, kLinkKinds> links = {};

  bool leads() const { return cycles >= 0.0; }
  void add(Link link, double more) {
    cycles += more;
    links[static_cast<std::size_t>(link)] += static_cast<float>(more);
  }
  Way times(double factor) const {
    Way all = *this;
    all.cycles *= factor;
    for (float& link : all.links) link *= static_cast<float>(factor);
    return all;
  }
  /// With another one behind it.
  void behind(const Way& other) {
    cycles += other.cycles;
    for (std::size_t k = 0; k < kLinkKinds; ++k) links[k] += other.links[k];
  }
  void longest(const Way& other) {
    if (other.cycles > cycles) *this = other;
  }
};

}  // namespace hone::cost::mlir
