#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hone/cost/gemm/product.h"

namespace hone::cost {

/// What a multiprocessor of a compute capability holds at once, by the table "Technical Specifications per
/// Compute Capability" of NVIDIA's CUDA programming guide.
struct GpuLimits {
  std::string capability;           ///< "8.9"
  int threads = 0;                  ///< resident threads
  int blocks = 0;                   ///< resident thread blocks
  std::int64_t shared_bytes = 0;    ///< shared memory
  std::int64_t block_bytes = 0;     ///< of it a block at most
  std::int64_t reserved_bytes = 0;  ///< of it the system's own, a block
  std::int64_t registers = 65536;   ///< of 32 bits
  int block_threads = 1024;         ///< threads of a block at most
  int thread_registers = 255;       ///< registers of a thread at most
};

/// A GPU: its limits and how many multiprocessors it has, by its maker's data sheet.
struct Gpu {
  std::string name;  ///< "rtx4070"; of what the user states "8.9 x 46"
  GpuLimits limits;
  int multiprocessors = 0;
};

/// All capabilities that hone knows, ascending, and all GPUs.
const std::vector<GpuLimits>& gpu_limits();
const std::vector<Gpu>& gpus();
/// A GPU by name ("rtx4070", "RTX 4070"), or as capability and multiprocessors: "8.9x46". Throws Error, at
/// `what`, with the names that there are.
Gpu gpu_named(const std::string& name, const std::string& what);

/// How a product of matrices occupies a GPU.
struct Occupancy {
  std::int64_t threads = 0;       ///< of a block
  std::int64_t shared_bytes = 0;  ///< of a block: stages x (tile_m + tile_n) x tile_k numbers
  std::int64_t registers = 0;     ///< of a thread
  std::int64_t blocks = 0;        ///< resident on a multiprocessor; 0: a block does not fit
  double occupancy = 0.0;         ///< resident threads against the most there can be, 0 to 1
  std::string bound;              ///< by what: "threads", "blocks", "shared memory", "registers"
};

/// What fits on a multiprocessor at once, of a configuration whose tiles and warps are known. Registers of a
/// thread are those of the configuration; where nobody counted them they are estimated: the sums of its share
/// of the tile, two steps of its share of A and B, and 32 for addresses and counters. They are given out to
/// warps by 256 and four warps at a time.
Occupancy gpu_occupancy(const GemmConfig& config, double bytes, double sum_bytes, const GpuLimits& limits);

}  // namespace hone::cost
