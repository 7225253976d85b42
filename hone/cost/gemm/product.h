#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hone/cost/machine_lock.h"

namespace hone::cost {

/// The sizes of C[m, n] = A[m, k] x B[k, n].
struct GemmShape {
  std::int64_t m = 0, n = 0, k = 0;
  auto operator<=>(const GemmShape&) const = default;
};

/// Numbers that say how a product is computed; 0: not known, or it does not apply. What stands in the table
/// of a GPU's library and what hone's own product on a CPU takes are named alike where they mean the same.
struct GemmConfig {
  std::int64_t tile_m = 0, tile_n = 0, tile_k = 0;  ///< of a thread block; on a CPU of a block in its cache
  std::int64_t stages = 0;                          ///< of a tile's copies that are in flight at once
  std::int64_t warps_m = 0, warps_n = 0, warps_k = 0;     ///< of a thread block
  std::int64_t inst_m = 0, inst_n = 0, inst_k = 0;        ///< of one instruction
  std::int64_t reg_m = 0, reg_n = 0;                      ///< sums that a CPU keeps in registers
  std::int64_t split_k = 0;                               ///< slices of k that different blocks take
  std::int64_t registers = 0;                             ///< a thread, where somebody counted
  std::int64_t column_a = 0, column_b = 0, column_c = 0;  ///< 1: stored by columns
  std::int64_t tensor = 0;                                ///< 1: by a GPU's units for matrices
  auto operator<=>(const GemmConfig&) const = default;

  struct Field {
    const char* name;  ///< of the column in hone's own tables
    std::int64_t GemmConfig::*value;
    std::int64_t most =
        1'000'000;  ///< that a table or a user may say; of warps 1,024, more than any GPU takes
  };
  static const std::vector<Field>& fields();
  /// "tile_m=64 tile_n=128 ..." of what is not 0, in the order of fields().
  std::string text() const;
  /// Reads text() back; commas may stand for spaces. parse_fields() has those that are named, also where they
  /// are 0. Throw Error on names or numbers that are none or above Field::most, named `what`.
  static std::vector<std::pair<Field, std::int64_t>> parse_fields(const std::string& text,
                                                                  const std::string& what);
  static GemmConfig parse(const std::string& text, const std::string& what);
};

// hone's own product on this machine's CPU: blocks of A and B are copied into panels, a block of C is summed
// over one block of k after the other, reg_m x reg_n sums at a time in registers. Compiled for several
// instruction sets and chosen by cpuid. (The nesting of Goto and van de Geijn, "Anatomy of High-Performance
// Matrix Multiplication", 2008, section 4.)

/// What a computation in `type` ("f32", "f64") may have in registers here: pairs of reg_m, reg_n. Throws
/// Error on another type.
std::vector<std::pair<std::int64_t, std::int64_t>> cpu_gemm_registers(const std::string& type);
/// What is usual: tiles of 64 x 256 x 256 and as many sums as the registers hold.
GemmConfig cpu_gemm_default(const std::string& type);

/// A product of one shape, its matrices filled at a seed with numbers in [-1, 1), rows after each other. Not
/// thread safe; one thread computes.
class CpuGemm {
 public:
  /// Throws Error on a type that is not f32 or f64, sizes below 1, or matrices beyond 4 GB together.
  CpuGemm(const GemmShape& shape, const std::string& type, std::uint64_t seed = 1);
  ~CpuGemm();
  CpuGemm(const CpuGemm&) = delete;
  CpuGemm& operator=(const CpuGemm&) = delete;

  /// C = A x B. False: `interrupted` said so, which is asked after some 1e8 operations each (tens of
  /// milliseconds at most), and C is not all there. Throws Error on tiles below 1 or registers that
  /// cpu_gemm_registers() does not have.
  bool run(const GemmConfig& config, const Interrupted& interrupted = {});
  /// The largest |C - A x B| by plain sums in f64 after run(), against sum |a b| there; few times the type's
  /// precision where all is well.
  double error() const;

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

/// Throws Error where CpuGemm would not take the shape, or its run() the configuration.
void need_cpu_gemm(const GemmShape& shape, const GemmConfig& config, const std::string& type);

/// How this machine's tables name it: "cpu NAME, x86-64-v4". The same processor with another instruction set
/// is another device.
std::string cpu_gemm_device();

}  // namespace hone::cost
