#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/cost/gemm/product.h"

namespace hone::cost {

/// A measured product of matrices.
struct GemmRun {
  GemmShape shape;
  GemmConfig config;
  std::string type = "f32";      ///< of A and B: f64, f32, tf32, f16, bf16, i8, u8, ...
  std::string sum_type = "f32";  ///< that sums are kept in
  std::string out_type;          ///< that C is stored in; "": as A and B
  double batch = 1.0;            ///< products of that shape, one launch
  double beta = 0.0;             ///< C = alpha A B + beta C: where it is not 0, C is read too
  double runtime_s = 0.0;        ///< of all of the batch
  double power_w = kNaN;         ///< drawn meanwhile; NaN: not measured
  double spread = kNaN;          ///< of the repeats, relative; NaN: not known
  std::string device;            ///< "": the table does not say
  int line = 0;                  ///< in its file
};

/// A table of them.
struct GemmTable {
  std::string file;
  std::vector<GemmRun> runs;
  std::size_t failed = 0;  ///< rows that say of themselves that the kernel did not run or was wrong
  bool power = false;      ///< there is a power column with at least one measured number
  bool cutlass = false;    ///< as cutlass_profiler writes them
};

/// Bytes of a number of that type; throws Error at `place` on types that it does not know.
double gemm_type_bytes(const std::string& type, const Place& place = {});

/// Reads a CSV file, of either kind (docs/formats.md, "Measured matrix products"):
/// - as `cutlass_profiler --operation=gemm --output=F` writes it: columns m, n, k, cta_m, ..., Runtime in
///   milliseconds; a power column that the user joined: Power, power_w or "Power [W]", in watts. Rows whose
///   Status is not success, whose Disposition is incorrect or failed, or that have no Runtime are counted as
///   failed and left out. Rows of other operations than gemm are errors.
/// - hone's own: columns m, n, k, runtime_s, and any of type, sum_type, out_type, batch, beta, power_w,
/// spread, device
///   and GemmConfig::fields(); unknown columns are errors, with the name that was meant.
/// A last line without its end, as a machine that lost power leaves it, is left out of hone's own where it is
/// not whole. Throws Error with file, line and column.
GemmTable read_gemm_table(const std::string& path);
GemmTable parse_gemm_table(const std::string& text, const std::string& name);

/// hone's own columns in order, for tables with or without power, as the first line and a run's line; both
/// end with a newline.
std::string gemm_table_header(bool power);
std::string gemm_table_line(const GemmRun& run, bool power);

}  // namespace hone::cost
