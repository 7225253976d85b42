#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace hone::cost {

// Loops that do nothing but keep one part of a processor busy, compiled for several instruction sets and
// chosen by cpuid. For calibrate() only.

/// A type of arithmetic that this processor has a loop for.
struct PeakKernel {
  std::string type;                   ///< "f32"
  double (*run)(std::size_t rounds);  ///< returns a number that depends on all of it
  double operations = 0.0;            ///< a round; a multiply-add is two
};
/// f64, f32, i32 and, where there are instructions for it, i8.
std::vector<PeakKernel> peak_kernels();

/// Reads all of `bytes` (a multiple of 512) once, with nothing to wait for. Returns what depends on all.
long read_bytes(const char* data, std::size_t bytes);

/// What the loops are compiled for here: "x86-64-v4", "x86-64-v3", "x86-64".
std::string instruction_set();

}  // namespace hone::cost
