#pragma once

#include <algorithm>
#include <array>

namespace hone::cost::mlir {

/// What a compiler's choices depend on, of the machine that it compiles for.
struct CodeTarget {
  double vector_bytes = 64.0;      ///< of the vectors that it puts loops into
  double vector_registers = 32.0;  ///< 16: up to AVX2, 32: from AVX-512 on
  double unrolled_ops = 108.0;     ///< up to so many instructions loops that stay are written out; 0: never
  /// Of a store of a whole vector of which some lanes are switched off; only without masks() more than 1.
  double masked_store_cycles = 1.0;
  /// Of a gather, whatever its lanes, and of each of them: measured on the machine, for processors differ by
  /// ten times. 0: not known, as many loads then.
  double gather_cycles = 0.0, gathered_lane_cycles = 0.0;
  std::array<double, 3> cache_bytes = {32768.0, 1048576.0, 16777216.0};  ///< the nearest first
  std::array<double, 2> cache_ways = {8.0, 16.0};  ///< places of a set, of the first and the second
  double translated_pages = 1536.0;                ///< of 4 KiB whose places are in a table, or seem so

  /// Whether lanes can be switched off one by one, gathered and scattered by one instruction (AVX-512).
  bool masks() const { return vector_registers > 16.0; }
  /// Of vectors longer than those that LLVM chooses: where there are masks, registers are twice as wide.
  double widest_bytes() const { return masks() ? std::max(64.0, vector_bytes) : vector_bytes; }
  double gather(double lanes) const { return gather_cycles + gathered_lane_cycles * lanes; }
  bool operator==(const CodeTarget&) const = default;
};

}  // namespace hone::cost::mlir
