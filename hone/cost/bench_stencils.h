#pragma once

#include <span>

#include "hone/cost/kernels/text.h"

namespace hone::cost {

/// What writes one of bench_kernels().
struct BenchProgram {
  const char* name;
  void (*write)(KernelText&);
};

/// Those of bench_kernels() that go over grids: stencils, in steps of time, and recursive filters.
std::span<const BenchProgram> bench_stencils();

}  // namespace hone::cost
