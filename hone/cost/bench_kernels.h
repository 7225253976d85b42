#pragma once

#include <string>
#include <vector>

namespace hone::cost {

struct BenchKernel {
  std::string name;
  std::string text;  ///< MLIR, one function of affine loops on f64
};

/// Kernels of linear algebra, statistics, stencils and dynamic programming as the PolyBench suite states them
/// (Pouchet, "PolyBench/C: the Polyhedral Benchmark suite"), written anew, in the loop orders that its plain
/// C has and at its medium sizes. For comparing compilers and tuners; generated data sets hold none of them.
std::vector<BenchKernel> bench_kernels();

}  // namespace hone::cost
